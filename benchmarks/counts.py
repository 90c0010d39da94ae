"""Operators and multiplications of one training step at XLM-R base's dimensions, counted on a CPU.

python -m benchmarks.counts

On a GPU each operator that is no view is a launch or a few; what a step takes is at least the launches' time (some
5 microseconds each) and at least the multiplications'.
"""

from dataclasses import replace

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.shaped import base_backbone
from nerlib import models, training
from nerlib.corpora import Sentence
from nerlib.params import Recipe

SENTENCES, WORDS = 32, 25


class Operators(TorchDispatchMode):
    """Counts the operators that compute something: no views, no empty memory."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, _types, args=(), options=None):
        returned = [r.alias_info for r in function._schema.returns]
        view = any(alias is not None and not alias.is_write for alias in returned)
        self.count += not view and "empty" not in function._schema.name
        return function(*args, **(options or {}))


def counted(call):
    """Operators and floating-point operations of a call."""
    with FlopCounterMode(display=False) as flops, Operators() as operators:
        call()
    return operators.count, flops.get_total_flops()


def main():
    backbone = models.find_backbone(base_backbone(vocabulary=8_000))
    sentence = Sentence(("a", "word", "of", "some", "length") * (WORDS // 5), ("O",) * WORDS, "x", "")
    examples = [replace(sentence, where=str(i)) for i in range(SENTENCES)]

    def steps(method, number):
        model = models.build(backbone, "ner", method(dropout=0.0))
        data = model.encode(examples, 128)
        recipe = Recipe(num_epochs=number, batch_size=SENTENCES, learning_rate=1e-4, precision="float32")
        arguments = {"seed": 0, "loss": model.loss, "count": model.task.count, "hooks": model.hooks}
        return *counted(lambda: training.train(model.network, data, recipe, **arguments)), len(data.ids)

    def step(method):
        """The third step alone: what a training does once, at its start and end, cancels."""
        (operators, flops, subwords), (before, less, _) = (steps(method, number) for number in (3, 2))
        return operators - before, flops - less, subwords

    print("| 32 sentences a seed | subwords | operators | GFLOP | ms at 400 TFLOP/s | ms at 5 µs an operator |")
    print("|---|---|---|---|---|---|")
    rows = {"full": lambda: step(models.Full), "LoRA": lambda: step(models.Lora)}
    rows |= {"bottleneck": lambda: step(models.Bottleneck)}
    for name, count in rows.items():
        operators, flops, subwords = count()
        times = f"{flops / 400e12 * 1e3:.1f} | {operators * 5e-3:.1f}"
        print(f"| {name} | {subwords:,} | {operators:,} | {flops / 1e9:,.0f} | {times} |")


if __name__ == "__main__":
    main()
