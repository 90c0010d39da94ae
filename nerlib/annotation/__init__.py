"""Before and after a tagger: raw text cut into words, entities at code points, annotation tools there and back.

`Document` is a text with entities at its code points; `cut` finds sentences and words, `sentences_of` makes tagged
sentences of a document and `document` the way back. `save_for` writes documents for an annotation tool, `load_from`
reads what comes back; `agreement`, `changes` and `conflicts` say what annotators did, `corpus_of` makes a corpus of it.
"""

from nerlib.annotation.choosing import (
    DIVERSE,
    RANDOM,
    STRATEGIES,
    best_strategy,
    choose,
    describe_left_out,
    gains,
    learning_curve,
    left_out,
    uncertainty,
)
from nerlib.annotation.texts import Document, Entity, Place, cut, document, entities_at, sentences_of
from nerlib.annotation.tools import (
    TOOLS,
    agreement,
    changes,
    conflicts,
    corpus_of,
    label_studio_config,
    load_from,
    save_for,
)

__all__ = [
    "DIVERSE",
    "RANDOM",
    "STRATEGIES",
    "TOOLS",
    "Document",
    "Entity",
    "Place",
    "agreement",
    "best_strategy",
    "changes",
    "choose",
    "conflicts",
    "corpus_of",
    "cut",
    "describe_left_out",
    "document",
    "entities_at",
    "gains",
    "label_studio_config",
    "learning_curve",
    "left_out",
    "load_from",
    "save_for",
    "sentences_of",
    "uncertainty",
]
