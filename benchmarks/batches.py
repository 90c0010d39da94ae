"""What the choice of batches does to F1: random ones, packed and padded, and batches of like length; paired by seed.

python -m benchmarks.batches                         # all cells: hours on one thread; rows that are there are kept
python -m benchmarks.batches --sizes 100 --seeds 3   # some
python -m benchmarks.batches --report                # the table of the rows that are there
"""

import argparse
import itertools
import json
import math
import os
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

PLACE = Path(__file__).parent
RESULT, TABLE = PLACE / "batches.json", PLACE / "batches.md"
CELLS = ((100, 48), (1319, 42), (400, 104), (100, 200))  # sentences and steps
KINDS = ("random, packed", "grouped", "random, padded")
SIZE = 32


def grouped(indices, lengths, rng):
    """The rule until recipe version 3: sorted by length within fifty batches, the batches in random order."""
    batches = []
    for start in range(0, len(indices), 50 * SIZE):
        chunk = indices[start : start + 50 * SIZE]
        chunk = chunk[np.argsort(-lengths[chunk], kind="stable")]
        batches += [chunk[i : i + SIZE] for i in range(0, len(chunk), SIZE)]
    return [batches[i] for i in rng.permutation(len(batches))]


@contextmanager
def batches_of(kind):
    from nerlib.models import blocks
    from nerlib.training.state import State

    def plan_epoch(self, data, recipe):
        self.order.bit_generator.state = self.epoch_order
        return grouped(self.order.permutation(len(data)), data.lengths, self.order)

    patches = {
        "random, packed": (),
        "grouped": (mock.patch.object(State, "plan_epoch", plan_epoch),),
        "random, padded": (mock.patch.object(blocks, "pack", partial(blocks.pack, overhead=math.inf)),),
    }[kind]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


class Bench:
    def __init__(self, options):
        from nerlib import corpora, labels, models

        self.corpus = corpora.load_corpus(str(Path(options.corpus).resolve()), options.language)
        self.backbone = models.find_backbone(Path(options.backbone).resolve())
        types = sorted({tag[2:] for sentence in self.corpus.train for tag in sentence.tags if tag != "O"})
        self.labels = labels.tag_names(types)

    def run(self, kind, method, sentences, steps, seed):
        """Dev F1 in points, and the training's milliseconds a step (whatever else the machine did)."""
        from nerlib import corpora, models, scoring, training
        from nerlib.params import Recipe

        methods = {"full": models.Full(), "lora": models.Lora(target_modules=("all",))}
        rate = {"full": models.default_learning_rate(models.Full(), self.backbone.hidden_size), "lora": 3e-3}[method]
        model = models.build(self.backbone, "ner", methods[method], labels=self.labels, seed=seed)
        data = model.encode(corpora.subset(self.corpus.train, sentences, seed), 128)
        epochs = round(steps / math.ceil(sentences / SIZE))
        recipe = Recipe(num_epochs=epochs, batch_size=SIZE, learning_rate=rate)
        with batches_of(kind):
            begun = time.perf_counter()
            done = training.train(model.network, data, recipe, seed=seed, loss=model.loss, count=model.task.count)
            seconds = time.perf_counter() - begun
        found = training.predict(model, self.corpus.dev)
        f1 = scoring.score([s.tags for s in self.corpus.dev], found).f1
        return {"f1": 100 * f1, "ms": 1000 * seconds / done.steps}


def report(rows):
    import pandas as pd
    from scipy import stats

    table = pd.DataFrame(rows).pivot(index=["sentences", "steps", "method", "seed"], columns="kind", values="f1")
    lines = [
        "| sentences, steps | method | other batches | F1, packed | F1, other | packed − other (95 %) | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for (sentences, steps, method), cell in table.groupby(level=[0, 1, 2], sort=False):
        for other in KINDS[1:]:
            if other not in cell or len(pairs := cell[[KINDS[0], other]].dropna()) < 2:
                continue
            difference = pairs[KINDS[0]] - pairs[other]
            low, high = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
            lines.append(
                f"| {sentences:,}, {steps} | {method} | {other} "
                f"| {pairs[KINDS[0]].mean():.1f} | {pairs[other].mean():.1f} "
                f"| {difference.mean():+.2f} ({low:+.2f} to {high:+.2f}) | {len(pairs)} |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="../shared/models/mini-xlmr")
    parser.add_argument("--corpus", default="../shared/data/masakhaner2/swa")
    parser.add_argument("--language", default="sw")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--sizes", type=int, nargs="+", default=sorted({n for n, _ in CELLS}))
    parser.add_argument("--steps", type=int, nargs="+", default=sorted({n for _, n in CELLS}))
    parser.add_argument("--methods", nargs="+", default=["full", "lora"])
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    rows = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    if not options.report:
        os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        bench = Bench(options)
        cells = [cell for cell in CELLS if cell[0] in options.sizes and cell[1] in options.steps]
        seeds = range(1, options.seeds + 1)
        for cell, seed, method, kind in itertools.product(cells, seeds, options.methods, options.kinds):
            key = {"sentences": cell[0], "steps": cell[1], "method": method, "kind": kind, "seed": seed}
            if not any(key.items() <= row.items() for row in rows):
                found = bench.run(kind, method, *cell, seed)
                rows.append(key | found)
                RESULT.write_text(json.dumps(rows, indent=1) + "\n")
                print(rows[-1], flush=True)
    TABLE.write_text(report(rows) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
