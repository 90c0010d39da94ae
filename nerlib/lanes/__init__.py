"""Seeds in lanes: LoRA of several seeds on one frozen backbone, trained as one batch in one process.

::

    models = [build(backbone, "ner", Lora(), seed=seed) for seed in seeds]
    lanes = [Lane(seed, data, weights_of(model)) for seed, model in zip(seeds, models)]
    train_lanes(models[0], lanes, recipe)
    put_weights(models[0], lanes[2].weights)       # then as any tuned model: predict, save_model, ...

The backbone's layers see the sentences of all lanes; each lane has its own LoRA weights and head, order of the data,
dropout, optimizer state, clipping and early stopping, and ends as it would alone. Letters of shapes: K lanes,
N subwords of all lanes (hardly any padding), W of them with a label, H hidden size, L labels.
"""

from nerlib.lanes.loop import Lane, train_lanes
from nerlib.lanes.weights import fits, put_weights, weights_of

__all__ = ["Lane", "fits", "put_weights", "train_lanes", "weights_of"]
