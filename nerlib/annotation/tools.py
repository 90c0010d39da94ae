"""Annotation tools, there and back, in their own formats: documents with what a model found out, what people say in.

Offsets count code points of the text as given, in every tool; of what comes back each is held against its slice. Then
how far annotators agree, what they changed, and the corpus that it makes.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd

from nerlib.annotation.texts import Document, Entity, cut, document, needed, sentences_of
from nerlib.corpora import Corpus, Sentence, hold_out, read_conll, seen, write_conll
from nerlib.corpora.files import Notes, json_lines, parse_json, read_text, refusing
from nerlib.errors import CorpusError, FolderError, SettingsError, did_you_mean
from nerlib.folders import writable, write_atomically
from nerlib.scoring import f1_from_counts
from nerlib.statistics import Interval, resampled_sums

DKPRO = "de.tudarmstadt.ukp.dkpro.core.api"
NAMED_ENTITY, METADATA = f"{DKPRO}.ner.type.NamedEntity", f"{DKPRO}.metadata.type.DocumentMetaData"
DOCUMENT = "uima.tcas.DocumentAnnotation"


def save_for(tool: str, documents: Sequence[Document], path: Path) -> Path:
    """Write documents for an annotation tool, with their entities as suggestions and scores where the tool has a place.

    Parameters
    ----------
    tool
        `label_studio` (a file of tasks with `predictions`), `doccano` (JSON Lines, no scores), `inception` (a folder of
        UIMA CAS JSON with a recommender's features) or `conll` (words and IOB2 tags alone).

    Raises
    ------
    CorpusError
        For an entity that does not fit its text.
    SettingsError
        For an unknown tool, or a library that it needs.
    """
    write, _ = _find(tool)
    write(Path(path), [one.checked() for one in documents])
    return Path(path)


def load_from(tool: str, path: Path, language: str = "") -> list[Document]:
    """Read what a tool exported: a document for each text and annotator; suggestions where nobody annotated.

    Raises
    ------
    CorpusError
        For what the tool does not write, and for an offset that does not fit its slice.
    """
    _, read = _find(tool)
    return [one.checked() for one in read(Path(path), language)]


# --- Label Studio -----------------------------------------------------------------------------------------------------


def label_studio_config(types: Iterable[str]) -> str:
    """The labelling interface of a project, to be pasted into Label Studio's settings."""
    labels = "".join(f"<Label value={quoteattr(name)}/>" for name in types)
    return f'<View><Labels name="label" toName="text">{labels}</Labels><Text name="text" value="$text"/></View>'


def _write_label_studio(path: Path, documents: Sequence[Document]) -> None:
    write_atomically(path, json.dumps([_label_studio_task(one) for one in documents], ensure_ascii=False, indent=1))


def _label_studio_task(one: Document) -> dict[str, Any]:
    result = [
        {"id": str(i), "from_name": "label", "to_name": "text", "type": "labels", **_score("score", e)}
        | {"value": {"start": e.start, "end": e.end, "text": e.text, "labels": [e.type]}}
        for i, e in enumerate(one.entities)
    ]
    score = min((e.score for e in one.entities if not math.isnan(e.score)), default=1.0)
    return {
        "data": {"text": one.text, "name": one.name, "language": one.language},
        "predictions": [{"model_version": "nerlib", "score": score, "result": result}],
    }


def _read_label_studio(path: Path, language: str) -> Iterator[Document]:
    content = read_text(path, Notes())
    with refusing(
        f"{path}: expected Label Studio's tasks as its JSON export has them",
        *(KeyError, TypeError, AttributeError, ValueError, RecursionError),
        said=repr,
    ):
        tasks = parse_json(content)
        for task in tasks if isinstance(tasks, list) else [tasks]:
            data, done = task["data"], [a for a in task.get("annotations", ()) if not a.get("was_cancelled")]
            text, name = data["text"], str(data.get("name") or task.get("id", ""))
            # an export may name predictions by number
            for said in done or [p for p in task.get("predictions", ()) if isinstance(p, Mapping)]:
                who = said.get("completed_by", "") if done else ""
                yield Document(
                    text,
                    tuple(_label_studio_entity(r) for r in said["result"] if r.get("type") == "labels"),
                    language or data.get("language", ""),
                    name,
                    annotator=str(who.get("email", who.get("id")) if isinstance(who, Mapping) else who),
                )


def _label_studio_entity(result: Mapping[str, Any]) -> Entity:
    value = result["value"]
    (kind,) = value["labels"]
    score = result.get("score")
    return Entity(value["start"], value["end"], kind, value["text"], math.nan if score is None else float(score))


def _score(name: str, entity: Entity) -> dict[str, float]:
    return {} if math.isnan(entity.score) else {name: entity.score}


# --- doccano ----------------------------------------------------------------------------------------------------------


def _write_doccano(path: Path, documents: Sequence[Document]) -> None:
    rows = (
        {"text": d.text, "label": [[e.start, e.end, e.type] for e in d.entities], "name": d.name} for d in documents
    )
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _read_doccano(path: Path, language: str) -> Iterator[Document]:
    """One file, or a folder with a file for each annotator."""
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        for number, row in json_lines(read_text(file, Notes()), file):
            with refusing(
                f"{file}:{number}: expected doccano's text and label", KeyError, TypeError, ValueError, said=repr
            ):
                spans = [(e["start_offset"], e["end_offset"], e["label"]) for e in row.get("entities", ())]
                text = row["text"]
                found = tuple(Entity(a, b, kind, text[a:b]) for a, b, kind in spans or row.get("label", ()))
            name = str(row.get("name") or row.get("id", number))
            yield Document(text, found, language, name, annotator=file.stem if path.is_dir() else "")


# --- INCEpTION --------------------------------------------------------------------------------------------------------


#: Types and features of DKPro Core that INCEpTION has of its own, and a recommender's beside them.
TYPES = {
    f"{DKPRO}.segmentation.type.Sentence": {},
    f"{DKPRO}.segmentation.type.Token": {},
    METADATA: {"documentTitle": "uima.cas.String"},
    NAMED_ENTITY: {
        "value": "uima.cas.String",
        "value_score": "uima.cas.Double",
        "inception_internal_predicted": "uima.cas.Boolean",
    },
}


def _cassis() -> Any:
    return needed("cassis", "INCEpTION's files are read by dkpro-cassis: pip install 'nerlib[annotate]'")


def _write_inception(path: Path, documents: Sequence[Document]) -> None:
    """A folder of documents, each with its sentences, words and entities."""
    cassis = _cassis()
    types = cassis.TypeSystem()
    made = [types.create_type(name, DOCUMENT if name == METADATA else "uima.tcas.Annotation") for name in TYPES]
    for kind, features in zip(made, TYPES.values(), strict=True):
        for feature, of in features.items():
            types.create_feature(kind, feature, of)
    sentence, token, about, entity = made
    if path.exists():
        raise FolderError(f"{path} exists: name a new folder for INCEpTION's documents")
    writable(path)
    for number, one in enumerate(documents):
        cas = cassis.Cas(typesystem=types, sofa_string=one.text, document_language=one.language or "x-unspecified")
        cas.add(about(begin=0, end=len(one.text), documentTitle=one.name))
        for words in one.sentences or cut(one.text, one.language):
            cas.add(sentence(begin=words[0][0], end=words[-1][1]))
            cas.add_all([token(begin=a, end=b) for a, b in words])
        for e in one.entities:
            own = {"value": e.type, "inception_internal_predicted": True, **_score("value_score", e)}
            cas.add(entity(begin=e.start, end=e.end, **own))
        write_atomically(path / f"{number:06d}.json", cas.to_json())


def _read_inception(path: Path, language: str) -> Iterator[Document]:
    """A file or a folder of them; below `annotation/<document>/` a file is its annotator's."""
    cassis = _cassis()
    for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
        # cassis raises whatever it stumbles over
        with (
            refusing(f"{file}: expected UIMA CAS JSON with named entities", Exception, said="{!r:.200}".format),
            file.open("rb") as stream,
        ):
            cas = cassis.load_cas_from_json(stream)
            text, found = cas.sofa_string, cas.select(NAMED_ENTITY)
            names = [one.documentTitle for one in cas.select(DOCUMENT) if hasattr(one, "documentTitle")]
        nested = path.is_dir() and file.parent != path
        entities = tuple(
            Entity(e.begin, e.end, e.value, text[e.begin : e.end], math.nan if score is None else score)
            for e in found
            for score in [getattr(e, "value_score", None)]
        )
        name = file.parent.name if nested else (names or [""])[0] or file.stem
        yield Document(text, entities, language, name, annotator=file.stem if nested else "")


# --- CoNLL ------------------------------------------------------------------------------------------------------------


def _write_conll(path: Path, documents: Sequence[Document]) -> None:
    sentences = [sentence for one in documents for sentence in sentences_of(one)]
    write_conll(path, [sentence.words for sentence in sentences], [sentence.tags for sentence in sentences])


def _read_conll(path: Path, language: str) -> Iterator[Document]:
    """A document a sentence, its words joined by spaces."""
    columns = read_conll(path)
    if len(columns) < 2:
        raise CorpusError(f"{path}: expected a word and its tag in each line, got {len(columns)} columns")
    for number, (row, own) in enumerate(zip(columns[0], columns[-1], strict=True), start=1):
        yield document([row], [own], language, str(number))


# --- all --------------------------------------------------------------------------------------------------------------


_Tool = tuple[Callable[[Path, Sequence[Document]], None], Callable[[Path, str], Iterator[Document]]]
#: How each tool's files are written, and read.
TOOLS: Mapping[str, _Tool] = {
    "label_studio": (_write_label_studio, _read_label_studio),
    "doccano": (_write_doccano, _read_doccano),
    "inception": (_write_inception, _read_inception),
    "conll": (_write_conll, _read_conll),
}


def _find(tool: str) -> _Tool:
    if tool not in TOOLS:
        raise SettingsError(f"unknown tool {tool!r}; {did_you_mean(tool, TOOLS) or 'there are ' + ', '.join(TOOLS)}")
    return TOOLS[tool]


# --- what comes back --------------------------------------------------------------------------------------------------


def marked(one: Document) -> set[tuple[int, int, str]]:
    """Places and types."""
    return {(e.start, e.end, e.type) for e in one.entities}


def by_text(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The documents of each text, one an annotator."""
    groups: dict[str, list[Document]] = {}
    for one in documents:
        groups.setdefault(one.text, []).append(one)
    return groups


def agreement(documents: Iterable[Document], rng: np.random.Generator) -> pd.DataFrame:
    """How far annotators agree: F1 of one against another, over all pairs (Hripcsak & Rothschild 2005).

    Returns
    -------
    DataFrame
        A row `all` and one a type: `type`, `agreement` (an `Interval`, 95 %, texts drawn again 2,000 times), `texts`,
        `entities` (that one of the two marked). Empty where no text has two annotators.
    """
    pairs = [pair for own in by_text(documents).values() for pair in itertools.combinations(map(marked, own), 2)]
    rows = []
    for kind in ("all", *sorted({e[2] for a, b in pairs for e in a | b})) if pairs else ():
        chosen = [tuple({e for e in side if kind in ("all", e[2])} for side in pair) for pair in pairs]
        counts = np.array([(len(a & b), len(a - b), len(b - a)) for a, b in chosen])
        low, high = np.quantile(f1_from_counts(*resampled_sums(counts, 2000, rng).T), [0.025, 0.975])
        value = Interval(float(f1_from_counts(*counts.sum(axis=0))), float(low), float(high), len(counts), 0.95)
        rows.append((kind, value, len(counts), int(counts.sum())))
    return pd.DataFrame(rows, columns=["type", "agreement", "texts", "entities"])


def changes(before: Iterable[Document], after: Iterable[Document]) -> pd.DataFrame:
    """What annotators made of suggestions, text by text.

    Returns
    -------
    DataFrame
        `type` (of what was marked last) and `change`: kept, other type, other boundary, added, removed; `entities`.
    """
    given = by_text(before)
    counts: Counter[tuple[str, str]] = Counter()
    for one in after:
        old, new = (marked(side) for side in (given.get(one.text, [Document(one.text)])[0], one))
        counts.update((e[2], "kept") for e in old & new)
        gone = old - new
        for a, b, kind in sorted(new - old):
            same = {e for e in gone if e[:2] == (a, b)}
            touched = same or {e for e in gone if e[0] < b and a < e[1]}
            counts[kind, "other type" if same else "other boundary" if touched else "added"] += 1
            gone -= touched
        counts.update((e[2], "removed") for e in gone)
    return pd.DataFrame([(*key, n) for key, n in sorted(counts.items())], columns=["type", "change", "entities"])


def conflicts(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """The texts that annotators do not agree on, with what each of them says."""
    return {text: own for text, own in by_text(documents).items() if any(marked(one) != marked(own[0]) for one in own)}


def corpus_of(
    documents: Sequence[Document],
    language: str,
    *,
    test: Sequence[Sentence],
    types: Sequence[str],
    dev_share: float = 0.1,
    seed: int = 0,
    name: str = "annotated",
) -> Corpus:
    """The corpus that annotated documents make, with a test set that stays what it was.

    Texts that annotators do not agree on are left out, and counted; a share of the sentences is held out as dev.

    Raises
    ------
    CorpusError
        For a sentence that also stands in the test set, a type that is none of `types`, and what does not fit.
    """
    left = conflicts(documents)
    kept = [own[0] for text, own in by_text(documents).items() if text not in left]
    if other := {e.type for one in kept for e in one.entities} - set(types):
        raise CorpusError(f"expected the types {', '.join(types)}, got {', '.join(sorted(other))}: rename or leave out")
    sentences: list[Any] = [sentence for one in kept for sentence in sentences_of(one)]
    if (leaked := seen(sentences, test)).any():
        first = sentences[int(leaked.argmax())]
        raise CorpusError(
            f"{first.where}: {leaked.sum()} of {len(sentences)} annotated sentences stand in the test set "
            f"({' '.join(first.words)!r:.60}): take them out, a model must not train on what it is scored on"
        )
    train, dev = hold_out(sentences, dev_share, seed)
    note = f"{len(left)} of {len(by_text(documents))} texts are left out: annotators disagree"
    splits = {"train": train, "dev": dev, "test": tuple(test)}
    return Corpus(name, language, "ner", splits, tuple(types), warnings=(note,) if left else ())
