"""A run in use: raw text in, entities with code points and calibrated confidence out; files; export.

::

    tagger = load_tagger(run)                       # a run, its folder, an exported folder, or several runs
    tagger("Rais Samia amewasili Nairobi.")         # [Entity(start=5, end=10, type="PER", ...), ...]
    print(promise(tagger.calibration, scores))      # of these 1,240 entities at most 5 % are wrong
"""

from nerlib.tagger.confidence import Calibration, Promise, calibration_error, promise, reliability
from nerlib.tagger.exporting import export, load_tagger
from nerlib.tagger.files import tag_file
from nerlib.tagger.tagging import Tagger, ask, calibrate, judged, measured, next_batch, rehearse

__all__ = [
    "Calibration",
    "Promise",
    "Tagger",
    "ask",
    "calibrate",
    "calibration_error",
    "export",
    "judged",
    "load_tagger",
    "measured",
    "next_batch",
    "promise",
    "rehearse",
    "reliability",
    "tag_file",
]
