"""Foreign predictions: runs made of the CoNLL files of systems that were trained elsewhere, or never (`simulate`)."""

from nerlib.predictions.alignment import Aligned, align
from nerlib.predictions.importing import FOREIGN, from_settings, import_predictions, summary
from nerlib.predictions.simulated import SIMULATED, simulate

__all__ = ["FOREIGN", "SIMULATED", "Aligned", "align", "from_settings", "import_predictions", "simulate", "summary"]
