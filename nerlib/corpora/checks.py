"""What a corpus holds and what is wrong with it: sizes, repeated sentences, leaks, unseen entities.

What is said of sentences holds for labelled texts and for questions (each with its context) too. Sentences are compared
by their words after NFC, since corpora of one language mix composed and decomposed letters. Functions return small
tables (DataFrames); shares are 0 to 1.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from nerlib.corpora.files import AS_ASKED
from nerlib.examples import SPLITS, Corpus, Example, LabelledText, Question, nfc_words, seen
from nerlib.labels import gold_items
from nerlib.vocabulary import TASKS, form_of


def of_each(corpora: Mapping[str, Corpus], check: Callable[[Corpus], pd.DataFrame]) -> pd.DataFrame:
    """What a function of this module says of each of several corpora, with a column `language` in front."""
    tables = {tag: check(corpus).reset_index() for tag, corpus in corpora.items()}
    return pd.concat(tables, names=["language"]).droplevel(1).reset_index().drop(columns="index", errors="ignore")


def repairs(corpora: Mapping[str, Corpus]) -> pd.DataFrame:
    """What was repaired in reading, then what was left out as asked: `language`, `repair`, `count`."""
    rows = [(tag, kind, n) for tag, corpus in corpora.items() for kind, n in corpus.repairs.items()]
    return pd.DataFrame(rows, columns=["language", "repair", "count"]).sort_values(
        "repair", key=lambda kinds: kinds.str.startswith(AS_ASKED), kind="stable", ignore_index=True
    )


def warnings(corpora: Mapping[str, Corpus]) -> list[str]:
    """What the corpora's readers warned of, each with its language in front."""
    return [f"{tag}: {warning}" for tag, corpus in corpora.items() for warning in corpus.warnings]


def entities(corpus: Corpus) -> str:
    """How many entities a corpus has, and how many of other types were left out; "" of other tasks."""
    if form_of(corpus.task) != "entities":
        return ""
    kept = sum(len(gold_items(one.tags)) for split in corpus.splits.values() for one in split)
    left_out = sum(n for kind, n in corpus.repairs.items() if kind.startswith(AS_ASKED))
    besides = f" ({left_out:,} of other types are left out, as entity_types asks)" if left_out else ""
    return f" with {kept:,} entities{besides}"


def describe_leaks(corpora: Mapping[str, Corpus], language: str) -> str:
    """How many of a language's test examples also stand in some training split, in a sentence."""
    train = [example for corpus in corpora.values() for example in corpus.splits.get("train", ())]
    found = seen(corpora[language].test, train)
    examples = TASKS[corpora[language].task].examples
    return f"{found.sum()} of the {len(found)} test {examples} of {language} also stand in training."


def typical(corpora: Mapping[str, Corpus], number: int = 2) -> dict[str, list[tuple[Example, None]]]:
    """Some examples of each corpus that show its types, by language, as a page shows them."""
    return {tag: [(one, None) for one in with_most_types(corpus, number)] for tag, corpus in corpora.items()}


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
    rows = {split: _sizes(corpus, corpus.splits[split]) for split in SPLITS if split in corpus.splits}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def _sizes(corpus: Corpus, examples: Sequence[Any]) -> dict[str, int]:
    sizes = {TASKS[corpus.task].examples: len(examples)}
    if form_of(corpus.task) == "questions":
        contexts = {question.context for question in examples}
        return sizes | {
            "contexts": len(contexts),
            "answers": sum(len(question.answers) for question in examples),
            "unanswerable": sum(not question.answers for question in examples),
            "words": sum(len(text.split()) for text in (*(question.question for question in examples), *contexts)),
        }
    gold = Counter(item for example in examples for item in example.gold)
    by_type = {name: gold[f"B-{name}" if form_of(corpus.task) == "entities" else name] for name in corpus.types}
    sizes["words"] = sum(len(example.words) for example in examples)
    return sizes | ({"entities": sum(by_type.values())} if form_of(corpus.task) == "entities" else {}) | by_type


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
    frames = {
        split: pd.DataFrame({"words": words, "both": [(row, e.gold) for row, e in zip(words, examples, strict=True)]})
        for split, examples in corpus.splits.items()
        for words in [[nfc_words(example.words) for example in examples]]
    }
    for split, other in _pairs(corpus):
        own, known = frames[split], frames[other]
        again, same = (
            own.duplicated(key) if split == other else own[key].isin(set(known[key])) for key in ("words", "both")
        )
        rows.append((split, other, len(own), again.sum(), again.mean() if len(own) else 0.0, (again & ~same).sum()))
    return pd.DataFrame(rows, columns=["split", "also_in", "sentences", "repeated", "share", "tagged_otherwise"])


def _pairs(corpus: Corpus) -> list[tuple[str, str]]:
    """Each split with itself and with those before it."""
    present = [split for split in SPLITS if split in corpus.splits]
    return [(split, other) for i, split in enumerate(present) for other in (split, *present[:i])]


def shared_contexts(corpus: Corpus) -> pd.DataFrame:
    """Contexts of questions that stand in two splits: what was read in training is asked about again.

    Returns
    -------
    DataFrame
        A row for each pair of splits; columns `split`, `also_in`, `contexts` (different ones of the split), `shared`,
        `share`, `questions` (those of the split about a shared context). Empty where the examples are no questions.
    """
    rows = []
    for split, other in [pair for pair in _pairs(corpus) if pair[0] != pair[1] and form_of(corpus.task) == "questions"]:
        asked, known = (Counter(nfc_words(q.context.split()) for q in corpus.splits[name]) for name in (split, other))
        shared = asked.keys() & known.keys()
        share = len(shared) / len(asked) if asked else float("nan")
        rows.append((split, other, len(asked), len(shared), share, sum(asked[q] for q in shared)))
    return pd.DataFrame(rows, columns=["split", "also_in", "contexts", "shared", "share", "questions"])


def leaks(corpora: Mapping[str, Corpus]) -> pd.DataFrame:
    """Dev and test sentences that stand in some corpus's training split, across all given corpora.

    A source's train can hold the target's test: shared news, shared names.

    Returns
    -------
    DataFrame
        Columns `corpus`, `split`, `sentences`, `also_in` (the corpus whose train holds them), `repeated`,
        `share`.
    """
    words = {
        (name, split): [nfc_words(example.words) for example in corpus.splits.get(split, ())]
        for name, corpus in corpora.items()
        for split in SPLITS
    }
    train = {name: set(words[name, "train"]) for name in corpora}
    rows = [
        (name, split, len(own), other, count, count / len(own))
        for (name, split), own in words.items()
        for other in corpora
        if split != "train" and own and train[other]
        for count in [sum(row in train[other] for row in own)]
    ]
    return pd.DataFrame(rows, columns=["corpus", "split", "sentences", "also_in", "repeated", "share"])


def with_most_types(corpus: Corpus, number: int) -> tuple[Any, ...]:
    """Training (else test) sentences that show most types, the shorter and earlier ones first.

    Of labelled texts those of all labels in turn, of questions those with most answers; the shorter ones first too.
    """
    shown = corpus.splits.get("train") or corpus.splits.get("test") or ()
    by_length = sorted(shown, key=lambda example: len(example.words))
    if form_of(corpus.task) == "texts":
        turns = itertools.zip_longest(*([text for text in by_length if text.label == label] for label in corpus.types))
        return tuple(text for turn in turns for text in turn if text is not None)[:number]
    by_shown = sorted(
        by_length,
        key=lambda one: len(one.gold if isinstance(one, Question) else {item.type for item in gold_items(one.tags)}),
        reverse=True,
    )
    return tuple(by_shown[:number])


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
    mentions = [(kind, form) for sentence in sentences for kind, form in _forms(sentence)]
    by_type = {name: [form for kind, form in mentions if name in ("all", kind)] for name in (*types, "all")}
    counts = {
        name: [(len(forms), sum(form not in known for form in forms)) for forms in (own, set(own))]
        for name, own in by_type.items()
    }
    rows = {
        name: [value for n, unseen in sizes for value in (n, unseen, unseen / n if n else float("nan"))]
        for name, sizes in counts.items()
    }
    columns = ["entities", "unseen", "share", "forms", "unseen_forms", "forms_share"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("type")


def _forms(example: Example) -> list[tuple[str, str]]:
    """Pairs of a type and what is compared."""
    if isinstance(example, Question):
        return [("", "\t".join(nfc_words(answer.split()))) for answer in example.gold]
    if isinstance(example, LabelledText):
        return [(example.label, word) for word in nfc_words(example.words)]
    return [(kind, "\t".join(nfc_words(example.words[start:end]))) for start, end, kind in gold_items(example.tags)]
