"""nerlib: how to tune a multilingual encoder for a language with a hundred labelled sentences.

A number travels through the modules in this order::

    params → corpora → encoding → models → training → scoring → records → statistics → figures → reporting

A *study* is a name and a grid. A *stage* is one training (``baseline``, ``sources``, ``target``, ...); a *run* is one
stage with one seed and lives in one folder. `experiment.run_stage` finds or makes runs, `records.read_records` lists
them in one table, and the notebooks show what they say. ``import nerlib`` loads nothing heavy: import the module
you need.
"""

import os

# Idle OpenMP threads spin: beside other work a training then runs at a fraction of its speed. Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
