"""nerlib: how to tune a multilingual encoder for a language with a hundred labelled sentences.

A number travels through the modules in this order::

    params → corpora → encoding → models → training → scoring → records → results → figures → report → batch

A *study* is a name and a grid. A *stage* is one training (``baseline``, ``sources``, ``target``, ...); a *run* is one
stage with one seed and lives in one folder. `experiment.run_stage` finds or makes runs, `records.read_records` lists
them in one table, and the notebooks show what they say. ``import nerlib`` loads nothing heavy: import the module
you need.
"""

import os

# Read when torch loads. Idle OpenMP threads spin, by default for milliseconds: a training beside other work then runs
# at a fraction of its speed. A while of microseconds keeps them awake between operations (benchmarks/NOTES.md).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

__version__ = "0.1.0"
