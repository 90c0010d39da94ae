"""Systems from elsewhere: what they are asked, their answers as predictions, and runs made of these.

``python -m nerlib.predictions export STUDY`` writes a study's test sets for any system, `import_predictions` makes runs
of what comes back: CoNLL files, places in a text (as GLiNER gives them), or an LLM's JSON.
"""

from nerlib.predictions.answers import export, read_answers, run_gliner
from nerlib.predictions.imported import (
    FOREIGN,
    LANGUAGES,
    SIMULATED,
    SYSTEMS,
    align,
    from_settings,
    import_predictions,
    simulate,
    summary,
)

__all__ = [
    "FOREIGN",
    "LANGUAGES",
    "SIMULATED",
    "SYSTEMS",
    "align",
    "export",
    "from_settings",
    "import_predictions",
    "read_answers",
    "run_gliner",
    "simulate",
    "summary",
]
