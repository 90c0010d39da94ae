"""The one training loop: batches in, optimizer steps out.

`train` cannot tell full fine-tuning from LoRA, tagging from masked language modelling: it trains what requires a
gradient, with the loss it is given. Letters of shapes: S sentences (or packed sequences), T subwords (padded).

On a CPU a run is bit-equal to itself for the same number of threads, also when it was killed and went on from a
checkpoint: that holds the trained weights, the optimizer, every random stream, the position in the epoch, the best
state so far, and what the method itself remembers.
"""

from nerlib.training.loop import train
from nerlib.training.parts import best_device, trimmed
from nerlib.training.prediction import Evaluated, evaluate, predict, probabilities, represent
from nerlib.training.state import Batch, Data, Outcome, Progress

__all__ = [
    "Batch",
    "Data",
    "Evaluated",
    "Outcome",
    "Progress",
    "best_device",
    "evaluate",
    "predict",
    "probabilities",
    "represent",
    "train",
    "trimmed",
]
