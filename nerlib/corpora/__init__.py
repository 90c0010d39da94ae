"""Corpora: annotated examples in splits, from the Hugging Face Hub, from folders, or generated (`demo`); and text.

`load_corpus` reads a `Corpus` of `Sentence`s (tasks `ner` and `pos`), `LabelledText`s (`sentiment`) or `Question`s
(`qa`), whatever file format and tag scheme it is kept in; what was repaired on the way is counted in `Corpus.repairs`.
The readers are `conll` and `rows` (on `tabular`). The nouns and what chooses among examples (`subset`, `merge`,
`hold_out`, `seen`) are those of `nerlib.examples`. `write_conll` and `write_examples` keep predictions. `load_text`
reads `RawText`, and `split_text` holds out some of it.
`nerlib.corpora.checks` makes tables of sizes, repeated sentences and leaks; `nerlib.languages` knows names,
scripts and directions.
"""

from nerlib.corpora.conll import read_conll, write_conll
from nerlib.corpora.files import AS_ASKED
from nerlib.corpora.loading import load_corpus, load_text, split_text
from nerlib.corpora.rows import read_examples, write_examples
from nerlib.corpora.tags import LABEL_MAPS
from nerlib.examples import (
    SPLITS,
    Answer,
    Corpus,
    Example,
    LabelledText,
    Question,
    RawText,
    Sentence,
    digest_of_examples,
    documents_of,
    hold_out,
    merge,
    nfc_words,
    seen,
    subset,
)

__all__ = [
    "AS_ASKED",
    "LABEL_MAPS",
    "SPLITS",
    "Answer",
    "Corpus",
    "Example",
    "LabelledText",
    "Question",
    "RawText",
    "Sentence",
    "digest_of_examples",
    "documents_of",
    "hold_out",
    "load_corpus",
    "load_text",
    "merge",
    "nfc_words",
    "read_conll",
    "read_examples",
    "seen",
    "split_text",
    "subset",
    "write_conll",
    "write_examples",
]
