"""How often a promise is broken: a run's test sentences split 200 times into a dev and a text, both with gold.

python -m benchmarks.promises RUN
"""

import sys

import numpy as np
import pandas as pd
from scipy import stats

from nerlib.records import read_predictions
from nerlib.tagger import Calibration, judged, load_tagger, promise

SPLITS, RISK = 200, 0.1


def main():
    test = read_predictions(sys.argv[1], "test")
    found = judged(load_tagger(sys.argv[1]), test.words, test.gold)
    score, right, sentence = (found[name].to_numpy() for name in ("score", "right", "sentence"))
    rng, rows = np.random.default_rng(0), []
    for wrong in (0.02, 0.05, 0.1, 0.2):
        for share in (0.2, 0.5):
            broken, sizes = 0, []
            for _ in range(SPLITS):
                dev = (rng.random(sentence.max() + 1) < share)[sentence]
                made = promise(Calibration(score[dev], right[dev], sentence[dev]), score[~dev], wrong=wrong, risk=RISK)
                sizes.append(made.entities if made else 0)
                chosen = ~dev & (score >= made.threshold) if made else np.zeros(0, dtype=bool)
                broken += bool(chosen.any() and (~right[chosen]).mean() > wrong)
            p = stats.binomtest(broken, SPLITS, RISK, alternative="greater").pvalue
            rows.append((wrong, share, broken / SPLITS, RISK, p, np.mean(sizes), (1 - share) * len(score)))
    columns = ["wrong", "dev share", "broken", "risk", "p (more than risk)", "promised entities", "of"]
    print(pd.DataFrame(rows, columns=columns).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
