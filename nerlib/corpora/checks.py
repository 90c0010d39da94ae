"""What a corpus holds and what is wrong with it: sizes, repeated sentences, leaks, labels in conflict, unseen entities.

Sentences are compared by their words after NFC, since corpora of one language mix composed and decomposed letters.
Functions return small tables (DataFrames); shares are 0 to 1.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from nerlib.corpora.types import SPLITS, Corpus, Sentence, comparable
from nerlib.labels import units


def describe(corpus: Corpus) -> pd.DataFrame:
    """Sizes by split.

    Returns
    -------
    DataFrame
        A row a split; columns `sentences`, `words`, for entities `entities`, then the count of each type (entities, or
        words of each part of speech).
    """
    rows = {}
    for split in (split for split in SPLITS if split in corpus.splits):
        sentences = corpus.splits[split]
        tags = Counter(tag for sentence in sentences for tag in sentence.tags)
        by_type = {name: tags[f"B-{name}" if corpus.task == "ner" else name] for name in corpus.types}
        sizes = {"sentences": len(sentences), "words": sum(tags.values())}
        rows[split] = sizes | ({"entities": sum(by_type.values())} if corpus.task == "ner" else {}) | by_type
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def repeated(corpus: Corpus) -> pd.DataFrame:
    """Sentences that stand in a corpus more than once, within a split and across splits.

    Returns
    -------
    DataFrame
        A row for each split (`also_in` the same: counted from the second time on) and each pair of splits; columns
        `split`, `also_in`, `sentences` (of the split), `repeated`, `share`, `tagged_otherwise` (those of the repeated
        whose tags equal none of the copies' tags).
    """
    rows = []
    present = [split for split in SPLITS if split in corpus.splits]
    for place, split in enumerate(present):
        for other in (split, *present[:place]):
            known: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
            if other != split:
                for sentence in corpus.splits[other]:
                    known.setdefault(comparable(sentence.words), set()).add(sentence.tags)
            rows.append(_repeated_row(split, other, corpus.splits[split], known))
    return pd.DataFrame(rows)


def _repeated_row(
    split: str, other: str, sentences: Sequence[Sentence], known: dict[tuple[str, ...], set[tuple[str, ...]]]
) -> dict[str, object]:
    count = conflicts = 0
    for sentence in sentences:
        words = comparable(sentence.words)
        if words in known:
            count += 1
            conflicts += sentence.tags not in known[words]
        if split == other:
            known.setdefault(words, set()).add(sentence.tags)
    share = count / len(sentences) if sentences else 0.0
    names = {"split": split, "also_in": other, "sentences": len(sentences)}
    return names | {"repeated": count, "share": share, "tagged_otherwise": conflicts}


def conflicts(corpus: Corpus) -> pd.DataFrame:
    """Sentences of the same words with different tags.

    Returns
    -------
    DataFrame
        A row for each occurrence of such words: `words` (joined by spaces), `split`, `where`, `tags` (likewise).
    """
    groups: dict[tuple[str, ...], list[tuple[str, Sentence]]] = {}
    for split, sentences in corpus.splits.items():
        for sentence in sentences:
            groups.setdefault(comparable(sentence.words), []).append((split, sentence))
    rows = [
        (" ".join(words), split, sentence.where, " ".join(sentence.tags))
        for words, group in groups.items()
        if len({sentence.tags for _, sentence in group}) > 1
        for split, sentence in group
    ]
    return pd.DataFrame(rows, columns=["words", "split", "where", "tags"])


def leaks(corpora: Mapping[str, Corpus], seen_split: str = "train") -> pd.DataFrame:
    """Dev and test sentences that stand in some corpus's training split, across all given corpora.

    A source's train can hold the target's test: shared news, shared names.

    Returns
    -------
    DataFrame
        Columns `corpus`, `split`, `sentences`, `also_in` (the corpus whose `seen_split` holds them), `repeated`,
        `share`.
    """
    rows = []
    known = {name: {comparable(s.words) for s in corpus.splits.get(seen_split, ())} for name, corpus in corpora.items()}
    for name, corpus in corpora.items():
        for split in ("dev", "test"):
            words = [comparable(sentence.words) for sentence in corpus.splits.get(split, ())]
            for other in (other for other in corpora if words and known[other]):
                count = sum(row in known[other] for row in words)
                rows.append((name, split, len(words), other, count, count / len(words)))
    return pd.DataFrame(rows, columns=["corpus", "split", "sentences", "also_in", "repeated", "share"])


def with_most_types(corpus: Corpus, number: int) -> tuple[Sentence, ...]:
    """Training (else test) sentences that show most types, the shorter and earlier ones first."""
    sentences = corpus.splits.get("train") or corpus.splits.get("test") or ()

    def shown(sentence: Sentence) -> tuple[int, int]:
        return -len({span.type for span in units(sentence.tags)}), len(sentence.words)

    return tuple(sorted(sentences, key=shown)[:number])


def unseen_entities(sentences: Sequence[Sentence], train: Iterable[Sentence], types: Sequence[str]) -> pd.DataFrame:
    """How many entities (for parts of speech: words) have words that no training entity (of any type) has.

    Returns
    -------
    DataFrame
        A row a type and a last row `all`; columns `entities`, `unseen`, `share` of mentions, and `forms`,
        `unseen_forms`, `forms_share` of different word sequences. A share of nothing is empty.
    """
    known = {form for sentence in train for _, form in _forms(sentence)}
    mentions = pd.DataFrame(
        [(kind, form, form not in known) for sentence in sentences for kind, form in _forms(sentence)],
        columns=["type", "form", "unseen"],
    )
    rows = {}
    for name in (*types, "all"):
        of_type = mentions if name == "all" else mentions[mentions["type"] == name]
        forms = of_type.drop_duplicates("form")
        sizes = (len(of_type), int(of_type["unseen"].sum()), len(forms), int(forms["unseen"].sum()))
        rows[name] = (sizes[0], sizes[1], _share(sizes[1], sizes[0]), sizes[2], sizes[3], _share(sizes[3], sizes[2]))
    columns = ["entities", "unseen", "share", "forms", "unseen_forms", "forms_share"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("type")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _forms(sentence: Sentence) -> list[tuple[str, str]]:
    return [(span.type, "\t".join(comparable(sentence.words[span.start : span.end]))) for span in units(sentence.tags)]
