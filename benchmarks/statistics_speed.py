"""How long the statistics take: a verdict over a whole study, and notebook 07 over thousands of records.

python -m benchmarks.statistics_speed              # a verdict over 20 languages × 5 seeds × 2 × 2,000 sentences
python -m benchmarks.statistics_speed notebook     # 5,000 generated records through notebook 07
python -m benchmarks.statistics_speed notebook 176 20   # so many languages and seeds: here 88,000 records, and an index
"""

import os
import resource
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.calibration import test_set
from nerlib import records, statistics
from nerlib.batch import jobs
from nerlib.batch.pages import index
from nerlib.scoring import Counts, EntityCounts

METHODS = {"full": 0.70, "lora": 0.71, "dora": 0.712, "bottleneck": 0.69, "madx": 0.73}
STAGES = ("baseline_converged", "sources", "few_shot_10", "few_shot_100", "target")
SENTENCES = 300


def verdict(languages=20, seeds=5, sentences=2000):
    rng = np.random.default_rng(1)
    pairs = [test_set(rng, sentences, seeds=seeds, seed_sd=0.01) for _ in range(languages)]
    started = time.perf_counter()
    doubts = [statistics.doubt_of(*(statistics.f1_side(*one) for one in pair)) for pair in pairs]
    wide = statistics.estimate_of([doubt.value for doubt in doubts], drawn=True)
    ladder = [("on these languages", statistics.fixed_languages(doubts)), (statistics.LIKE_THESE, wide)]
    said, _ = statistics.judge(ladder)
    took = time.perf_counter() - started
    print(f"{said}: {took:.2f} s on one core, peak memory {peak():.0f} MiB")


def peak(whose=resource.RUSAGE_SELF):
    return resource.getrusage(whose).ru_maxrss / 1024


def write_records(languages=20, seeds=10):
    """5,000 records: 20 languages × 5 methods × 5 stages × 10 seeds, with counts of 300 sentences each."""
    rng = np.random.default_rng(2)
    tags = [f"x-latn-{5 + 5 * (i % 20)}-{1 + i // 20}" for i in range(languages)]
    gold = {language: rng.poisson(1.5, size=(SENTENCES, 1)) for language in tags}
    cells = list(product(tags, METHODS, STAGES, range(1, seeds + 1)))
    for language, method, stage, seed in cells:
        f1 = METHODS[method] + 0.05 * (stage == "target") + rng.normal(0, 0.01)
        tp = rng.binomial(gold[language], f1)
        counts = EntityCounts(tp, rng.poisson(0.4, size=tp.shape), gold[language] - tp)
        scored = float(2 * counts.tp.sum() / (2 * counts.tp + counts.fp + counts.fn).sum())
        identity = {"of": [language, method, stage, seed]}
        digest = records.digest_of(identity)
        folder = records.run_folder("generated", language, "ner", "generated", method, stage, seed, digest)
        split = {"f1": scored, "lenient_f1": scored, "macro_f1": scored, "support": int(gold[language].sum())}
        record = {
            "study": "generated", "language": language, "task": "ner", "backbone": "generated", "method": method,
            "stage": stage, "seed": seed, "digest": digest, "identity": identity, "status": "finished",
            "train_languages": [language], "sizes": {"train": 100, "test": SENTENCES},
            "scores": {"metric": "strict_f1", "test": split}, "costs": {"seconds": {"total": 60.0 + seed}},
            "digests": {"gold_test": language, "predictions/test.conll": digest},
        }  # fmt: skip
        folder.mkdir(parents=True)
        Counts(("PER",), np.full(SENTENCES, 9), counts, counts).save(folder / "counts.npz")
        records.write_record(folder, record)
    return len(cells)


def notebook(*sizes):
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"NERLIB_RUNS": f"{folder}/runs", "NERLIB_REPORTS": f"{folder}/reports"}
        written = write_records(*sizes)
        for what in ("cold", "warm"):
            took, table = timed(lambda: records.read_records("generated"))
            print(f"{len(table):,} records read ({what}): {took:.1f} s", flush=True)
        source = Path(__file__).parent.parent / "notebooks" / "07_statistics.ipynb"
        out = Path(folder) / "reports" / "generated" / "mul" / "07_statistics.ipynb"
        took, page = timed(lambda: jobs.execute(source, out, {"study": "generated"}))
        print(f"notebook 07 over {written:,} records: {took:.0f} s; a page of {page.stat().st_size / 1e6:.1f} MB")
        took, page = timed(lambda: index("generated", ["mul/07_statistics"]))
        print(f"the index: {took:.1f} s; {page.stat().st_size / 1e6:.1f} MB")
        print(f"peak memory: {peak():.0f} MiB here, {peak(resource.RUSAGE_CHILDREN):.0f} MiB in the notebook's kernel")


def timed(call):
    started = time.perf_counter()
    found = call()
    return time.perf_counter() - started, found


if __name__ == "__main__":
    notebook(*map(int, sys.argv[2:])) if sys.argv[1:2] == ["notebook"] else verdict()
