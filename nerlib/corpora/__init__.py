"""Corpora: annotated examples in splits, from the Hugging Face Hub, from folders, or generated (`demo`); and text.

`load_corpus` reads a `Corpus` of `Sentence`s (tasks `ner` and `pos`), `LabelledText`s (`sentiment`) or `Question`s
(`qa`), whatever file format and tag scheme it is kept in; what was repaired on the way is counted in `Corpus.repairs`.
`subset`, `merge` and `hold_out` choose examples by seed, `seen` finds those that stand elsewhere. `write_conll` and
`write_examples` keep predictions. `load_text` reads unlabelled `Text`, and `split_text` holds out some of it.
`nerlib.corpora.checks` makes tables of sizes, repeated sentences and leaks; `nerlib.corpora.languages` knows names,
scripts and directions.
"""

from nerlib.corpora.columns import read_conll, write_conll
from nerlib.corpora.jsonl import read_examples, write_examples
from nerlib.corpora.label_maps import LABEL_MAPS
from nerlib.corpora.loading import load_corpus
from nerlib.corpora.sampling import hold_out, merge, seen, subset
from nerlib.corpora.text import Text, load_text, split_text
from nerlib.corpora.types import (
    SPLITS,
    Answer,
    Corpus,
    Example,
    LabelledText,
    Question,
    Sentence,
    comparable,
    digest_of_examples,
)

__all__ = [
    "LABEL_MAPS",
    "SPLITS",
    "Answer",
    "Corpus",
    "Example",
    "LabelledText",
    "Question",
    "Sentence",
    "Text",
    "comparable",
    "digest_of_examples",
    "hold_out",
    "load_corpus",
    "load_text",
    "merge",
    "read_conll",
    "read_examples",
    "seen",
    "split_text",
    "subset",
    "write_conll",
    "write_examples",
]
