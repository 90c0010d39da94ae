"""How long the statistics take: a verdict over a whole study, and notebook 07 over thousands of records.

python -m benchmarks.statistics_speed              # a verdict over 20 languages × 5 seeds × 2 × 2,000 sentences
python -m benchmarks.statistics_speed notebook     # 5,000 generated records through notebook 07
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
from nerlib.scoring import Counts, EntityCounts

METHODS = {"full": 0.70, "lora": 0.71, "dora": 0.712, "bottleneck": 0.69, "madx": 0.73}
LANGUAGES = [f"x-latn-{distance}-1" for distance in range(5, 105, 5)]
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


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_records(seeds=10):
    """5,000 records: 20 languages × 5 methods × 5 stages × 10 seeds, with counts of 300 sentences each."""
    rng = np.random.default_rng(2)
    gold = {language: rng.poisson(1.5, size=(SENTENCES, 1)) for language in LANGUAGES}
    cells = list(product(LANGUAGES, METHODS, STAGES, range(1, seeds + 1)))
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


def notebook():
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"NERLIB_RUNS": f"{folder}/runs", "NERLIB_REPORTS": f"{folder}/reports"}
        written = write_records()
        source = Path(__file__).parent.parent / "notebooks" / "07_statistics.ipynb"
        for what in ("first", "again, with the index of records"):
            started = time.perf_counter()
            page = jobs.execute(source, Path(folder) / "07_statistics.ipynb", {"study": "generated"})
            took, size = time.perf_counter() - started, page.stat().st_size / 1e6
            print(f"notebook 07 over {written:,} records ({what}): {took:.0f} s; a page of {size:.1f} MB")


if __name__ == "__main__":
    notebook() if sys.argv[1:] == ["notebook"] else verdict()
