"""`Tagger`: raw text in, entities with code points and probabilities out; what it is worth, and what it asks for.

Against gold it is `judged` and `measured`. What should be labelled next is asked for in batches (`next_batch`), and
that is tried on labels that are held back, against random batches of as many words (`rehearse`).
"""

import contextlib
import itertools
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import regex

from nerlib import languages, scoring, training
from nerlib.annotation import (
    DIVERSE,
    RANDOM,
    STRATEGIES,
    Document,
    Entity,
    choose,
    cut,
    document,
    entities_at,
    sentences_of,
    uncertainty,
)
from nerlib.corpora import LabelledText, Question, Sentence
from nerlib.experiment import Study, find_stage
from nerlib.labels import Span, gold_items
from nerlib.models import TaskModel, build, load_model
from nerlib.statistics import Interval
from nerlib.tagger.confidence import Calibration
from nerlib.vocabulary import form_of

STRANGE_LETTERS, STRANGE_SUBWORDS = 0.5, 0.1  # shares of a call's text from which a warning is due
RESAMPLES = 2000


@dataclass(frozen=True)
class Tagger:
    """What a run learnt, for use.

    Attributes
    ----------
    models
        One, or several of the same task and labels: then their probabilities are averaged (an ensemble of seeds).
    language
        Of the texts; which adapter runs (MAD-X), and how words are cut.
    calibration
        What dev says of scores; None where there is none, and then no entity has a confidence.
    max_length
        Subwords of a window.
    origin
        The folders that it was loaded from.
    """

    models: tuple[TaskModel, ...]
    language: str = ""
    calibration: Calibration | None = None
    max_length: int = 128
    origin: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """What it does, as in the parameter `task`."""
        return self.models[0].task.name

    def __call__(self, texts: Any) -> Any:
        """Entities of a text, or a list of them for each of several.

        Parameters
        ----------
        texts
            One text or a list of texts; for `qa` (question, context) or a list of those.

        Returns
        -------
        list of Entity
            In the order of the text; for `pos` every word, for `sentiment` the whole text, for `qa` the answer in the
            context, or nothing. ``text[entity.start:entity.end] == entity.text`` always. The label of a text has the
            model's own probability and an answer none, and neither a confidence: what is calibrated are entities,
            found or not, while a text always has a label, and an answer is wrong by degrees.
        """
        asks = form_of(self.task) == "questions"
        alone = isinstance(texts, str) or (asks and isinstance(texts, tuple))
        given = [texts] if alone else list(texts)
        found = self._answers(given) if asks else self.tag([Document(text, (), self.language) for text in given])
        entities = [list(one.entities) for one in found]
        return entities[0] if alone else entities

    def tag(self, documents: Sequence[Document]) -> list[Document]:
        """The documents with the entities that are found; their words are cut where that was not done."""
        if form_of(self.task) == "texts":
            return self._labelled(documents)
        cuts = [one.sentences or cut(one.text, self.language) for one in documents]
        places = [sentence for own in cuts for sentence in own]
        texts = [one.text for one, own in zip(documents, cuts, strict=True) for _ in own]
        words = [tuple([t[a:b] for a, b in own]) for t, own in zip(texts, places, strict=True)]
        entities = self._entities(texts, places, self.probabilities(words))  # of each sentence
        self._warn(words)
        return [
            replace(one, entities=tuple(itertools.chain(*itertools.islice(entities, len(own)))), sentences=own)
            for one, own in zip(documents, cuts, strict=True)
        ]

    def sentences(self, text: str) -> list[tuple[Sentence, tuple[str, ...]]]:
        """The sentences of a text with the tags that are found, to be shown as examples are."""
        found = sentences_of(self.tag([Document(text, (), self.language)])[0])
        return [(replace(one, tags=("O",) * len(one.tags)), one.tags) for one in found]

    def probabilities(self, words: Sequence[Sequence[str]]) -> np.ndarray:
        """(words, labels) of all sentences in order: the mean over the models."""
        return self._mean([Sentence(tuple(own), (), self.language) for own in words])

    def _mean(self, examples: Sequence[Any]) -> np.ndarray:
        return np.mean(
            [training.probabilities(one, examples, max_length=self.max_length) for one in self.models], axis=0
        )

    def _entities(self, texts: Sequence[str], places: Sequence[Any], found: np.ndarray) -> Iterator[list[Entity]]:
        """The entities of each sentence, with their scores, and their confidence where there is a calibration."""
        names = self.models[0].labels
        best, ends = found.argmax(axis=1), np.cumsum([0, *map(len, places)])
        outside = names.index("O") if "O" in names else -1
        read, scores = [], list[float]()
        for a, b in itertools.pairwise(ends):
            inside = (best[a:b] != outside).any()
            read.append(gold_items([names[i] for i in best[a:b]], strict=False) if inside else [])
            scores += [span_score(found[a:b], one, names) for one in read[-1]]
        unknown = [Entity._field_defaults["confidence"]] * len(scores)
        trust = self.calibration.confidence(np.array(scores)).tolist() if self.calibration else unknown
        numbers = zip(scores, trust, strict=True)
        for text, own, spans in zip(texts, places, read, strict=True):
            entities = zip(entities_at(text, own, spans), itertools.islice(numbers, len(spans)), strict=True)
            yield [one._replace(score=score, confidence=sure) for one, (score, sure) in entities]

    def _labelled(self, documents: Sequence[Document]) -> list[Document]:
        """Texts with their label as one entity each."""
        names = self.models[0].labels
        found = self._mean([LabelledText(one.text, names[0], self.language) for one in documents])
        return [
            replace(one, entities=(Entity(0, len(one.text), names[row.argmax()], one.text, float(row.max())),))
            for one, row in zip(documents, found, strict=True)
        ]

    def _answers(self, pairs: Sequence[tuple[str, str]]) -> list[Document]:
        """The context of each (question, context) with the answer, where it first stands."""
        questions = [Question(question, context, (), self.language) for question, context in pairs]
        told = training.predict(self.models[0], questions, max_length=self.max_length)
        return [
            Document(text, tuple(Entity(at := text.index(a), at + len(a), "answer", a) for a in answers), self.language)
            for (_, text), answers in zip(pairs, told, strict=True)
        ]

    def _warn(self, words: Sequence[Sequence[str]]) -> None:
        """Say when a text is in another script than the language's, or full of what the tokenizer does not know."""
        sample = [word for own in words[:200] for word in own]
        script = languages.language(self.language).script if self.language else "Zyyy"
        letters = regex.findall(r"\p{L}", " ".join(sample))
        strange = 0.0
        with contextlib.suppress(regex.error):  # of several scripts under one name (Jpan), an invented one
            own = regex.compile(rf"[\p{{Script={script}}}\p{{Zyyy}}\p{{Zinh}}]" if script != "Zyyy" else "")
            strange = sum(not own.match(letter) for letter in letters) / max(len(letters), 1)
        tokenizer = self.models[0].tokenizer
        ids = [i for e in tokenizer.backend_tokenizer.encode_batch(sample, add_special_tokens=False) for i in e.ids]
        unknown = ids.count(tokenizer.unk_token_id) / max(len(ids), 1)
        if strange > STRANGE_LETTERS or unknown > STRANGE_SUBWORDS:
            warnings.warn(
                f"{strange:.0%} of the letters are not of the script {script} of {self.language or 'the texts'}, and "
                f"{unknown:.1%} of the subwords are unknown to the tokenizer: what is found may mean little",
                stacklevel=3,
            )


def span_score(found: np.ndarray, span: Span, names: Sequence[str]) -> float:
    """The probability that just this span is read, words taken as independent.

    That of its words' best tags, times that of the word behind it not going on.

    Parameters
    ----------
    found
        (words, labels) of the sentence.
    """
    score = float(np.prod(found[span.start : span.end].max(axis=1), dtype=float))
    if span.end == len(found) or (goes_on := f"I-{span.type}") not in names:
        return score
    return score * (1 - float(found[span.end, names.index(goes_on)]))


# --- against gold -----------------------------------------------------------------------------------------------------


def judged(tagger: Tagger, words: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> pd.DataFrame:
    """What a tagger finds in sentences whose gold is known: a row an entity.

    Returns
    -------
    DataFrame
        `sentence` (its number), `type`, `text`, `score`, `confidence`, `right`.
    """
    asked = [document([own], [["O"] * len(own)], tagger.language) for own in words]
    rows = list[tuple[Any, ...]]()
    for number, (found, tags) in enumerate(zip(tagger.tag(asked), gold, strict=True)):
        true = {one[:3] for one in entities_at(found.text, found.sentences[0], gold_items(tags))}
        rows += [(number, e.type, e.text, e.score, e.confidence, e[:3] in true) for e in found.entities]
    return pd.DataFrame(rows, columns=["sentence", "type", "text", "score", "confidence", "right"]).astype(
        {"right": bool, "score": float, "confidence": float}
    )


def measured(taggers: Mapping[str, Tagger], examples: Sequence[Any], rng: np.random.Generator | int) -> pd.DataFrame:
    """What taggers of entities score, against the first of them, on the same sentences drawn again, and what they take.

    Returns
    -------
    DataFrame
        A row a tagger: `tagger`, `score` (strict F1, an `Interval` over sentences, 95 %), `difference` (to the first,
        likewise, paired), `seconds`.
    """
    gold, rows, first = [one.gold for one in examples], list[Any](), np.zeros(0)
    ends = list(itertools.accumulate((len(one.words) for one in examples), initial=0))
    n = len(gold)
    weights = np.random.default_rng(rng).multinomial(
        n, np.full(n, 1 / n), RESAMPLES
    )  # (resamples, sentences), the same for all
    for name, tagger in taggers.items():
        started, labels = time.perf_counter(), tagger.models[0].labels
        best = tagger.probabilities([one.words for one in examples]).argmax(axis=1)
        seconds = time.perf_counter() - started
        tags = [tuple(labels[i] for i in best[a:b]) for a, b in itertools.pairwise(ends)]
        counts = np.stack(scoring.score(gold, tags).counts.strict.over_types(), axis=1)  # (sentences, 3)
        f1 = scoring.f1_from_counts(*np.vstack([counts.sum(axis=0), weights @ counts]).T)
        first = first if rows else f1
        rows.append((name, *(_interval(values, n) for values in (f1, f1 - first)), seconds))
    return pd.DataFrame(rows, columns=["tagger", "score", "difference", "seconds"])


def _interval(values: np.ndarray, n: int) -> Interval:
    """An estimate, the first value, with the quantiles of its resamples, the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Interval(float(values[0]), float(low), float(high), n, 0.95)


def calibrate(tagger: Tagger, words: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> Calibration:
    """Fit confidence on sentences that were not trained on.

    Raises
    ------
    SettingsError
        When fewer than `FEWEST` entities are found, or all of them are right, or none.
    """
    found = judged(tagger, words, gold)
    return Calibration(*(found[name].to_numpy() for name in ("score", "right", "sentence")))


# --- what it asks to be labelled next ---------------------------------------------------------------------------------


def rehearse(study: Study, *, strategies: Sequence[str] = STRATEGIES, transfer: bool = True) -> pd.DataFrame:
    """Learn from labels that are asked for, at growing budgets of words, and score each model on test.

    Each model starts from the run on the sources (with `transfer`) or from the backbone, and sees all that was asked
    for so far. Without transfer the first batch is random for all.

    Parameters
    ----------
    study
        Its target's training sentences are the pool, at most `train_size` of them; budgets are `word_budgets`.

    Returns
    -------
    DataFrame
        A row a training: `strategy`, `seed`, `budget`, `words` (that were labelled), `sentences`, `test_score`.
    """
    data, budgets = study.data, study.settings.word_budgets
    rows = []
    for seed in study.settings.seeds:
        pool = data.run_data(find_stage("baseline_converged"), seed).train
        start = study.run_stage("sources", [seed])[0].folder if transfer else None
        known: dict[tuple[int, ...], tuple[TaskModel, float]] = {}
        for strategy in strategies:
            rng, labelled = np.random.default_rng(seed), list[int]()
            model = load_model(start, data.backbone) if start else None
            for budget in budgets:
                labelled += ask(strategy if model else RANDOM, model, pool, labelled, budget, rng)
                key = tuple(labelled)
                if key not in known:
                    known[key] = learn(study, [pool[i] for i in labelled], start, seed)
                model, score = known[key]
                rows.append((strategy, seed, budget, sum(len(pool[i].words) for i in labelled), len(labelled), score))
    return pd.DataFrame(rows, columns=["strategy", "seed", "budget", "words", "sentences", "test_score"])


def ask(
    strategy: str,
    model: TaskModel | None,
    pool: Sequence[Sentence],
    labelled: Sequence[int],
    budget: int,
    rng: np.random.Generator,
) -> list[int]:
    """Sentences of the pool to label next, beside those that are, up to a budget of words in all."""
    left = np.setdiff1d(np.arange(len(pool)), labelled)
    rows = [pool[i] for i in left]
    costs = np.array([len(row.words) for row in rows])
    missing = budget - sum(len(pool[i].words) for i in labelled)
    if missing <= 0 or not rows:
        return []
    found = vectors = None
    if model and strategy != RANDOM:
        found = uncertainty(Tagger((model,)).probabilities([row.words for row in rows]), costs.tolist())
        vectors = training.represent(model, rows)[-1] if strategy == DIVERSE else None
    return left[choose(strategy, missing, costs, rng, found, vectors)].tolist()


def learn(study: Study, sentences: Sequence[Sentence], start: Path | None, seed: int) -> tuple[TaskModel, float]:
    """A model that was trained on these sentences, and what it scores on test."""
    data = study.data
    model = (
        load_model(start, data.backbone, trainable=True)
        if start
        else build(data.backbone, data.task, data.method(), labels=data.labels, seed=seed)
    )
    model.network.to(training.best_device())
    training.train(
        model.network,
        model.encode(sentences, study.settings.max_length),
        data.recipe(find_stage("few_shot_1")),  # without dev, the settings' steps on the target
        seed=seed,
        loss=model.loss,
        count=data.task.count,
        hooks=model.hooks,
        cuts_batches=not model.runs_by_block,
        replays=model.runs_by_block,
    )
    told = training.predict(model, data.test, max_length=study.settings.max_length)
    return model, float(data.task.score([one.gold for one in data.test], told).f1)


def next_batch(
    tagger: Tagger, lines: Sequence[str], strategy: str, budget: int, rng: np.random.Generator | int
) -> list[Document]:
    """Lines of unlabelled text to annotate next, in the order of choice, with what the tagger finds in them.

    Parameters
    ----------
    lines
        A text each; empty ones are passed over.
    strategy, budget
        As for `choose`.
    """
    documents = (
        Document(line, (), tagger.language, str(number), cut(line, tagger.language))
        for number, line in enumerate(lines, start=1)
    )
    kept = [one for one in documents if one.sentences]
    pool = [
        Sentence(tuple(one.text[a:b] for own in one.sentences for a, b in own), (), one.language, one.name)
        for one in kept
    ]
    asked = ask(strategy, tagger.models[0], pool, [], budget, np.random.default_rng(rng))
    return tagger.tag([kept[i] for i in asked])
