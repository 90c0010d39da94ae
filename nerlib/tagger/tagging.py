"""`Tagger`: raw text in, entities with code points and probabilities out."""

import itertools
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import regex

from nerlib import languages, training
from nerlib.annotation import Document, Entity, cut, entities_at, sentences_of
from nerlib.corpora import LabelledText, Question, Sentence
from nerlib.errors import ModelError, RecordError
from nerlib.labels import Span, spans
from nerlib.models import TaskModel, load_model
from nerlib.models.task_model import ABOUT
from nerlib.records import read_record
from nerlib.tagger.confidence import Calibration, read_or_fit
from nerlib.vocabulary import form_of

STRANGE_LETTERS, STRANGE_SUBWORDS = 0.5, 0.1  # shares of a call's text from which a warning is due


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
        alone = isinstance(texts, str) or (form_of(self.task) == "questions" and isinstance(texts, tuple))
        given = [texts] if alone else list(texts)
        if form_of(self.task) == "questions":
            found = self._answers(given)
        else:
            found = [list(one.entities) for one in self.tag([Document(text, (), self.language) for text in given])]
        return found[0] if alone else found

    def tag(self, documents: Sequence[Document]) -> list[Document]:
        """The documents with the entities that are found; their words are cut where that was not done."""
        if form_of(self.task) == "texts":
            return self._labelled(documents)
        cuts = [one.sentences or cut(one.text, self.language) for one in documents]
        places = [sentence for own in cuts for sentence in own]
        texts = [one.text for one, own in zip(documents, cuts, strict=True) for _ in own]
        words = [tuple([t[a:b] for a, b in own]) for t, own in zip(texts, places, strict=True)]
        found = self.probabilities(words)
        self._warn(words)
        entities = list(self._entities(texts, places, found))
        ends = itertools.accumulate(map(len, cuts), initial=0)
        return self._trusted(
            [
                replace(one, entities=tuple(itertools.chain(*entities[a:b])), sentences=own)
                for one, own, (a, b) in zip(documents, cuts, itertools.pairwise(ends), strict=True)
            ]
        )

    def _trusted(self, documents: list[Document]) -> list[Document]:
        """The same, each entity with its confidence where there is a calibration."""
        if self.calibration is None:
            return documents
        scores = np.array([e.score for one in documents for e in one.entities])
        trust = iter(self.calibration.confidence(scores).tolist())
        return [
            replace(one, entities=tuple([e._replace(confidence=next(trust)) for e in one.entities]))
            for one in documents
        ]

    def sentences(self, text: str) -> list[tuple[Sentence, tuple[str, ...]]]:
        """The sentences of a text with the tags that are found, to be shown as examples are."""
        found = sentences_of(self.tag([Document(text, (), self.language)])[0])
        return [(replace(one, tags=("O",) * len(one.tags)), one.tags) for one in found]

    def probabilities(self, words: Sequence[Sequence[str]]) -> np.ndarray:
        """(words, labels) of all sentences in order: the mean over the models."""
        sentences = [Sentence(tuple(own), (), self.language) for own in words]
        return self._mean(sentences)

    def _mean(self, examples: Sequence[Any]) -> np.ndarray:
        found = [training.probabilities(model, examples, max_length=self.max_length) for model in self.models]
        return np.mean(found, axis=0) if len(found) > 1 else found[0]

    def _entities(self, texts: Sequence[str], places: Sequence[Any], found: np.ndarray) -> Iterator[list[Entity]]:
        """The entities of each sentence."""
        names = self.models[0].labels
        best, ends = found.argmax(axis=1), np.cumsum([0, *map(len, places)])
        outside = names.index("O") if "O" in names else -1
        for text, own, (begin, end) in zip(texts, places, itertools.pairwise(ends), strict=True):
            if (best[begin:end] == outside).all():
                yield []
                continue
            tags = [names[i] for i in best[begin:end]]
            read = spans(tags, strict=False) if outside >= 0 else [Span(i, i + 1, t) for i, t in enumerate(tags)]
            scores = [span_score(found[begin:end], best[begin:end], one, names) for one in read]
            placed = zip(entities_at(text, own, read), scores, strict=True)
            yield [one._replace(score=score) for one, score in placed]

    def _labelled(self, documents: Sequence[Document]) -> list[Document]:
        """Texts with their label as one entity each."""
        names = self.models[0].labels
        found = self._mean([LabelledText(one.text, names[0], self.language) for one in documents])
        whole = [
            Entity(0, len(one.text), names[row.argmax()], one.text, float(row.max()))
            for one, row in zip(documents, found, strict=True)
        ]
        return [replace(one, entities=(entity,)) for one, entity in zip(documents, whole, strict=True)]

    def _answers(self, pairs: Sequence[tuple[str, str]]) -> list[list[Entity]]:
        """The answer of each (question, context), where it first stands in the context."""
        questions = [Question(question, context, (), self.language) for question, context in pairs]
        told = training.predict(self.models[0], questions, max_length=self.max_length)
        return [
            [Entity(start := one.context.index(text), start + len(text), "answer", text) for text in answers]
            for one, answers in zip(questions, told, strict=True)
        ]

    def _warn(self, words: Sequence[Sequence[str]]) -> None:
        """Say when a text is in another script than the language's, or full of what the tokenizer does not know."""
        sample = [word for own in words[:200] for word in own]
        script = languages.language(self.language).script if self.language else "Zyyy"
        letters = regex.findall(r"\p{L}", " ".join(sample))
        try:
            own = regex.compile(rf"[\p{{Script={script}}}\p{{Zyyy}}\p{{Zinh}}]" if script != "Zyyy" else "")
        except regex.error:  # several scripts under one name (Jpan), an invented one
            own = regex.compile("")
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


def span_score(found: np.ndarray, best: np.ndarray, span: Span, names: Sequence[str]) -> float:
    """The probability that just this span is read, words taken as independent.

    That of its words' tags, times that of the word behind it not going on.

    Parameters
    ----------
    found, best
        (words, labels) of the sentence, and the best label of each word.
    """
    own = range(span.start, span.end)
    score = float(np.prod([found[i, best[i]] for i in own], dtype=float))
    if span.end == len(best) or (goes_on := f"I-{span.type}") not in names:
        return score
    return score * (1 - float(found[span.end, names.index(goes_on)]))


def load_tagger(source: Any, *, language: str = "", max_length: int = 0) -> Tagger:
    """A tagger from a run, a run's folder, a folder that `export` wrote, or several runs (an ensemble).

    Parameters
    ----------
    source
        A path, anything with a `folder` (a `Run`), or a list of those: of one language, task and labels.
    language
        Of the texts; "": the run's target language.
    max_length
        Subwords of a window; 0: as the run was trained.

    Raises
    ------
    ModelError
        When a folder holds no model, or the models of an ensemble differ in task or labels.
    """
    sources = list(source) if isinstance(source, list | tuple) else [source]
    paths = [Path(getattr(one, "folder", one)) for one in sources]
    models = tuple(_load(path) for path in paths)
    for path, model in zip(paths, models, strict=True):
        if (model.task.name, model.labels) != (models[0].task.name, models[0].labels):
            raise ModelError(
                f"{path}: expected the task and labels of {paths[0]} ({models[0].task.name}: "
                f"{', '.join(models[0].labels)}), got {model.task.name}: {', '.join(model.labels)}"
            )
        model.network.to(training.best_device())
    try:
        record = read_record(paths[0])
        own = record.language, int(record.settings.get("max_length", {}).get("value", 0))
    except RecordError:  # an exported folder says it beside its model
        about = json.loads((paths[0] / ABOUT).read_text(encoding="utf-8"))
        own = about.get("language", ""), about.get("max_length", 0)
    length = max_length or own[1] or min(128, models[0].backbone.max_length)
    tagger = Tagger(models, language or own[0], None, length, tuple(str(path.absolute()) for path in paths))
    return replace(tagger, calibration=read_or_fit(tagger, paths))


def _load(path: Path) -> TaskModel:
    """A model, a low-rank adapter added to the backbone's weights; an exported folder is its own backbone."""
    about = path / ABOUT
    inside = about.is_file() and json.loads(about.read_text(encoding="utf-8"))["backbone"]["folder"] == "."
    model = load_model(path, path if inside else None)
    network: Any = model.network
    if hasattr(network, "merge_and_unload"):
        model.network = network.merge_and_unload()
    return model
