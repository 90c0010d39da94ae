"""What a corpus holds and what is wrong with it: sizes, repeated sentences, leaks, labels in conflict, unseen entities.

What is said of sentences holds for labelled texts and for questions (each with its context) too. Sentences are compared
by their words after NFC, since corpora of one language mix composed and decomposed letters. Functions return small
tables (DataFrames); shares are 0 to 1.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from nerlib.corpora.types import SPLITS, Corpus, Example, LabelledText, Question, Sentence, comparable
from nerlib.labels import units

# What stands against what is predicted, by task: a column of `conflicts`, and what joins it there.
GOLD = {"ner": ("tags", " "), "pos": ("tags", " "), "sentiment": ("label", " "), "qa": ("answers", " | ")}


def describe(corpus: Corpus) -> pd.DataFrame:
    """Sizes by split.

    Returns
    -------
    DataFrame
        A row a split. Columns for `ner` and `pos`: `sentences`, `words`, for entities `entities`, then the count of
        each type (entities, or words of each part of speech). For `sentiment`: `texts`, `words`, then the texts of each
        label. For `qa`: `questions`, `contexts` (different ones), `answers`, `unanswerable` questions, `words` (of
        questions and contexts, each context once).
    """
    by_task: dict[str, Callable[[Corpus, Any], dict[str, int]]] = {
        "sentiment": _sizes_of_texts,
        "qa": _sizes_of_questions,
    }
    sizes = by_task.get(corpus.task, _sizes_of_sentences)
    rows = {split: sizes(corpus, corpus.splits[split]) for split in SPLITS if split in corpus.splits}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def _sizes_of_sentences(corpus: Corpus, sentences: Sequence[Sentence]) -> dict[str, int]:
    tags = Counter(tag for sentence in sentences for tag in sentence.tags)
    by_type = {name: tags[f"B-{name}" if corpus.task == "ner" else name] for name in corpus.types}
    sizes = {"sentences": len(sentences), "words": sum(tags.values())}
    return sizes | ({"entities": sum(by_type.values())} if corpus.task == "ner" else {}) | by_type


def _sizes_of_texts(corpus: Corpus, texts: Sequence[LabelledText]) -> dict[str, int]:
    labels = Counter(text.label for text in texts)
    sizes = {"texts": len(texts), "words": sum(len(text.words) for text in texts)}
    return sizes | {label: labels[label] for label in corpus.types}


def _sizes_of_questions(corpus: Corpus, questions: Sequence[Question]) -> dict[str, int]:
    contexts = {question.context for question in questions}
    words = [*(question.question for question in questions), *contexts]
    return {
        "questions": len(questions),
        "contexts": len(contexts),
        "answers": sum(len(question.answers) for question in questions),
        "unanswerable": sum(not question.answers for question in questions),
        "words": sum(len(text.split()) for text in words),
    }


def repeated(corpus: Corpus) -> pd.DataFrame:
    """Sentences that stand in a corpus more than once, within a split and across splits.

    Returns
    -------
    DataFrame
        A row for each split (`also_in` the same: counted from the second time on) and each pair of splits; columns
        `split`, `also_in`, `sentences` (of the split), `repeated`, `share`, `tagged_otherwise` (those of the repeated
        whose tags, label or answers equal none of the copies').
    """
    rows = []
    present = [split for split in SPLITS if split in corpus.splits]
    for place, split in enumerate(present):
        for other in (split, *present[:place]):
            known: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
            if other != split:
                for sentence in corpus.splits[other]:
                    known.setdefault(comparable(sentence.words), set()).add(sentence.gold)
            rows.append(_repeated_row(split, other, corpus.splits[split], known))
    return pd.DataFrame(rows)


def _repeated_row(
    split: str, other: str, sentences: Sequence[Example], known: dict[tuple[str, ...], set[tuple[str, ...]]]
) -> dict[str, object]:
    count = conflicts = 0
    for sentence in sentences:
        words = comparable(sentence.words)
        if words in known:
            count += 1
            conflicts += sentence.gold not in known[words]
        if split == other:
            known.setdefault(words, set()).add(sentence.gold)
    share = count / len(sentences) if sentences else 0.0
    names = {"split": split, "also_in": other, "sentences": len(sentences)}
    return names | {"repeated": count, "share": share, "tagged_otherwise": conflicts}


def shared_contexts(corpus: Corpus) -> pd.DataFrame:
    """Contexts of questions that stand in two splits: what was read in training is asked about again.

    Returns
    -------
    DataFrame
        A row for each pair of splits; columns `split`, `also_in`, `contexts` (different ones of the split), `shared`,
        `share`, `questions` (those of the split about a shared context). Empty where the examples are no questions.
    """
    asked = {
        split: Counter(comparable(question.context.split()) for question in corpus.splits[split])
        for split in SPLITS
        if split in corpus.splits and corpus.task == "qa"
    }
    rows = []
    for place, split in enumerate(asked):
        for other in list(asked)[:place]:
            shared = asked[split].keys() & asked[other].keys()
            questions = sum(asked[split][context] for context in shared)
            rows.append(
                (split, other, len(asked[split]), len(shared), _share(len(shared), len(asked[split])), questions)
            )
    return pd.DataFrame(rows, columns=["split", "also_in", "contexts", "shared", "share", "questions"])


def conflicts(corpus: Corpus) -> pd.DataFrame:
    """Sentences of the same words with different tags (or labels, or answers).

    Returns
    -------
    DataFrame
        A row for each occurrence of such words: `words` (joined by spaces), `split`, `where`, and `tags`, `label` or
        `answers` (joined likewise; answers by `|`).
    """
    column, between = GOLD[corpus.task]
    groups: dict[tuple[str, ...], list[tuple[str, Example]]] = {}
    for split, sentences in corpus.splits.items():
        for sentence in sentences:
            groups.setdefault(comparable(sentence.words), []).append((split, sentence))
    rows = [
        (" ".join(words), split, sentence.where, between.join(sentence.gold))
        for words, group in groups.items()
        if len({sentence.gold for _, sentence in group}) > 1
        for split, sentence in group
    ]
    return pd.DataFrame(rows, columns=["words", "split", "where", column])


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


def with_most_types(corpus: Corpus, number: int) -> tuple[Any, ...]:
    """Training (else test) sentences that show most types, the shorter and earlier ones first.

    Of labelled texts those of all labels in turn, of questions those with most answers; the shorter ones first too.
    """
    sentences = corpus.splits.get("train") or corpus.splits.get("test") or ()
    by_length = sorted(sentences, key=lambda sentence: len(sentence.words))
    if corpus.task == "sentiment":
        of_labels = [[text for text in by_length if text.label == label] for label in corpus.types]
        turns = itertools.zip_longest(*of_labels)
        return tuple(text for turn in turns for text in turn if text is not None)[:number]

    def shown(example: Sentence | Question) -> int:
        if isinstance(example, Question):
            return len(example.answers)
        return len({span.type for span in units(example.tags)})

    return tuple(sorted(by_length, key=shown, reverse=True)[:number])


def unseen_entities(sentences: Sequence[Example], train: Iterable[Example], types: Sequence[str]) -> pd.DataFrame:
    """How many entities (for parts of speech: words) have words that no training entity (of any type) has.

    Of labelled texts each word counts, by the text's label; of questions each answer, in the row `all` alone.

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


def _forms(example: Example) -> list[tuple[str, str]]:
    """Pairs of a type and what is compared."""
    match example:
        case Sentence():
            return [
                (span.type, "\t".join(comparable(example.words[span.start : span.end]))) for span in units(example.tags)
            ]
        case LabelledText():
            return [(example.label, word) for word in comparable(example.words)]
        case Question():
            return [("", "\t".join(comparable(answer.split()))) for answer in example.gold]
