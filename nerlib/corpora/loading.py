"""`load_corpus`: from a name and a language to a `Corpus`, whatever it is kept as."""

import gc
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from nerlib import demo, labels
from nerlib.corpora import hub
from nerlib.corpora.classification import choose_labels, ordered_labels, read_texts
from nerlib.corpora.conll import read_columns
from nerlib.corpora.files import Notes, choose_files, split_of, splits_in, with_hint
from nerlib.corpora.questions import read_questions
from nerlib.corpora.tabular import ColumnSpec
from nerlib.corpora.tags import label_map_for, map_types, to_sentences
from nerlib.corpora.token_lists import read_token_lists
from nerlib.errors import CorpusError, raises_only
from nerlib.examples import SPLITS, Corpus, Sentence, hold_out
from nerlib.folders import from_root
from nerlib.languages import canonical, codes
from nerlib.vocabulary import TASKS, form_of

HELD_OUT_SHARE = 0.1
HELD_OUT_SEED = 2024  # fixed: the same sentences in every run, whatever its seed

Roles = Mapping[str, str | Sequence[str]]
Splits = dict[str, tuple[Any, ...]]


@raises_only(CorpusError, "corpus")
def load_corpus(
    corpus: str,
    language: str,
    *,
    task: str = "ner",
    entity_types: Sequence[str] = (),
    label_map: Mapping[str, str] | str | None = None,
    roles: Sequence[str] | Mapping[str, str | Sequence[str]] = SPLITS,
    shared_map: bool = False,
    columns: Mapping[str, str] | None = None,
    keep: Mapping[str, str | Sequence[str]] | None = None,
    others: Collection[str] = (),
) -> Corpus:
    """Read a corpus.

    Parameters
    ----------
    corpus
        `demo`; a short name of the Hugging Face Hub (`wikiann`, `masakhaner2`, ...) or `organisation/name`; or a folder
        (a relative one from the project's root) that holds the splits' files, or a folder for each language; or a file.
    language
        The language's tag.
    task
        `ner`, `pos`, `sentiment` or `qa`.
    entity_types
        The entity types to keep, in this order; others are read as O and counted. For `sentiment` the labels to keep,
        in this order; rows of others are left out and counted. Empty: all (labels that are numbers by size). For `pos`
        the types are the 17 universal parts of speech, whichever occur; for `qa` they say
        whether train and dev have questions without an answer.
    label_map
        New names of types (or labels), "" for those to drop; or the name of a map in `LABEL_MAPS`.
    roles
        The splits to read. A mapping says what plays a role: `{"train": "dev", "test": "test_fold1.txt"}`; with
        `{"dev": ""}` a tenth of train does.
    shared_map
        The label map, `columns` and `keep` are meant for several corpora: a type or a column that this one lacks is no
        error. What was used is `Corpus.label_map`.
    columns
        For `sentiment` and `qa`, the column (or key) that plays a role: of `text` and `label`, or of `question`,
        `context`, `answers`, `answer_start`, `is_impossible`. Those not named are found by names that are in use.
    keep
        For `sentiment` and `qa`, rows to keep: by column, the value or values that stay, as `{"aspect": "overall"}`.
    others
        Roles that are looked for besides `roles`: a split of that name plays one unless it plays another role; where
        there is none, dev and test are held out of train as usual, and a missing train is no error.

    Returns
    -------
    Corpus
        With every role's split, none of them empty. Where train is there and dev is not, a tenth of train is held out
        as dev, always the same; where test is not, another tenth as test. A single file is train. Questions about one
        context stay together.

    Raises
    ------
    CorpusError
        For an unknown corpus, language, type or column, a split that is missing or empty, a line that cannot be read;
        for `sentiment`, when there is one label only, or one that is unseen in training.
    """
    wanted: Roles = dict(roles) if isinstance(roles, Mapping) else {role: role for role in roles}
    if task not in TASKS:
        raise CorpusError(f"expected a task among {', '.join(TASKS)}, got {task!r}")
    if not wanted or set(wanted) - set(SPLITS):
        raise CorpusError(f"expected roles among {', '.join(SPLITS)}, got {', '.join(map(str, wanted)) or 'none'}")
    if form_of(task) in ("tags", "questions") and label_map and not shared_map:
        raise CorpusError(f"the label map renames entity types, and the task is {task!r}: got {label_map!r}")
    spec = ColumnSpec(columns or {}, keep or {}, shared_map)
    spec.check(task, is_table=corpus != demo.NAME)
    notes, revision = Notes(), ""
    if (tag := canonical(language)) != language:  # refuses what is no language tag
        notes.warnings.append(f"The language {language!r} is {tag!r} in BCP 47: write {tag!r} everywhere.")
    if corpus == demo.NAME:
        made: Mapping[str, Any] = demo.load(language, task=task)
        wanted = _with_others(wanted, others, made)
        splits: Splits = {role: made[str(split)] for role, split in wanted.items() if split in made}
        held_out = _held_out(wanted, splits, made)
    else:
        path, revision = _find(corpus, language)
        wanted = _with_others(wanted, others, splits_in(path) if path.is_dir() else {"train"})
        files, held_out = _files(path, wanted)
        splits = _read(files, language, task, spec, notes)
    types: tuple[str, ...] = labels.UPOS if form_of(task) == "tags" else ()
    used_map: dict[str, str] = {}
    if form_of(task) == "texts":
        present = ordered_labels({text.label for texts in splits.values() for text in texts})
        used_map = label_map_for(present, entity_types, label_map, shared_map, corpus, notes, what="labels")
        splits, types = choose_labels(splits, used_map, entity_types, corpus, notes)
    splits = _hold_out(splits, wanted, held_out, TASKS[task].examples, notes)
    if form_of(task) == "entities":
        used_map = label_map_for(_present_types(splits), entity_types, label_map, shared_map, corpus, notes)
        for new in filter(None, used_map.values()):
            labels.parse(f"B-{new}")  # refuses what can be no type
        splits = map_types(splits, used_map, entity_types, notes)
        types = tuple(entity_types) or _present_types(splits)
    if form_of(task) == "questions":
        known: list[Any] = [q for role, rows in splits.items() if role != "test" or len(splits) == 1 for q in rows]
        types = (labels.ANSWER,) if all(q.answers for q in known) else (labels.ANSWER, labels.NO_ANSWER)
    loaded = Corpus(
        name=corpus,
        language=language,
        task=task,
        splits={split: splits[split] for split in SPLITS if split in splits},
        types=types,
        label_map=used_map,
        repairs={kind: count for kind, count in sorted(notes.repairs.items()) if count},
        warnings=tuple(notes.warnings),
        revision=revision,
    )
    for role in wanted:
        loaded.split(role)  # raises when it is missing or empty
    return loaded


# --- where it is ----------------------------------------------------------------------------------------------------


def _find(corpus: str, language: str) -> tuple[Path, str]:
    """The folder that holds the splits, or the file that is the corpus, and the Hub's commit where it is from there."""
    path = from_root(corpus)
    if corpus and corpus not in hub.REPOSITORIES and path.exists():
        return (_of_language(path, language) if path.is_dir() else path), ""
    message = (
        f"unknown corpus {corpus!r}: expected demo, {', '.join(hub.REPOSITORIES)}, a name 'organisation/corpus' of the "
        f"Hugging Face Hub, a folder or a file (there is none at {path})"
    )
    if hub.is_hub_name(corpus):
        try:
            folder, _, revision = hub.download(corpus, language)
            return folder, revision
        except CorpusError as error:
            if corpus in hub.REPOSITORIES:
                raise
            message = f"{error} As a folder, {corpus!r} would be {path}: there is none"
    missing = next(part for part in (path, *path.parents) if part.parent.is_dir())  # the first part that is not there
    names = (demo.NAME, *hub.REPOSITORIES, *sorted(other.name for other in missing.parent.iterdir()))
    raise CorpusError(with_hint(message, missing.name if corpus else "", names))


def _of_language(folder: Path, language: str) -> Path:
    """The folder that holds the splits: itself, or the one that is named like the language (`sw`, `swa`)."""
    names = codes(language)
    own = next((folder / name for name in names if (folder / name).is_dir()), folder)
    if own == folder and not splits_in(folder):
        inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        if inside:
            expected = f"expected a folder {' or '.join(names)}, got {', '.join(inside)}"
            raise CorpusError(f"{folder} has no language {language!r}: {expected}")
    return folder if splits_in(folder) else own


def _files(path: Path, wanted: Roles) -> tuple[dict[str, list[Path]], list[str]]:
    """The files of each role, those of train too where dev or test are held out of it; and what is held out."""
    if path.is_file():
        files, present = {"train": [path]}, {"train"}
    else:
        files, present = choose_files(path, wanted), splits_in(path)
    held_out = _held_out(wanted, files, present)
    if held_out and "train" not in wanted and path.is_dir():
        files |= choose_files(path, {"train": "train"})
    for role in wanted:
        if role not in files and not (role in held_out and "train" in files):
            names = ", ".join(sorted(file.name for file in path.iterdir())) or "nothing"
            raise CorpusError(
                f"{path}: expected a file for the split {role!r} (such as {role}.txt), got {names}; a file of another "
                f"name is given as roles = {{'{role}': '<file>'}}"
            )
    return files, held_out


def _with_others(wanted: Roles, others: Collection[str], present: Collection[str]) -> dict[str, str | Sequence[str]]:
    """The roles asked for, and of the others those whose split is there and free; dev and test also where train is."""
    named = [name for given in wanted.values() for name in ([given] if isinstance(given, str) else given)]
    played = {name if name in SPLITS else split_of(name) for name in named}
    found = {role: role if role in present and role not in played else "" for role in others if role not in wanted}
    has_train = bool({**wanted, **found}.get("train"))
    return {**wanted, **{role: name for role, name in found.items() if name or (has_train and role != "train")}}


def _held_out(wanted: Roles, there: Collection[str], present: Collection[str]) -> list[str]:
    """The roles that train has to give: those asked for that are not there.

    Dev is drawn first, whether it is asked for or not, so that neither depends on the other.
    """
    held_out = [role for role in ("dev", "test") if role in wanted and role not in there]
    return ["dev", "test"] if held_out == ["test"] and "dev" not in {*wanted, *present} else held_out


# --- what it holds --------------------------------------------------------------------------------------------------


def _read(files: Mapping[str, Sequence[Path]], language: str, task: str, spec: ColumnSpec, notes: Notes) -> Splits:
    if read := {"texts": read_texts, "questions": read_questions}.get(form_of(task)):
        return {role: read(paths, language, spec, notes) for role, paths in files.items()}
    lists = (".jsonl", ".json", ".parquet")
    collects = gc.isenabled()
    gc.disable()  # what is read has no cycles, and to look through it time and again takes a fifth of the time
    try:
        sentences = {
            role: [
                sentence
                for file in paths
                for sentence in (read_token_lists if file.suffix.lower() in lists else read_columns)(file, task, notes)
            ]
            for role, paths in files.items()
        }
        return to_sentences(sentences, language, task, notes)
    finally:
        if collects:
            gc.enable()


def _hold_out(splits: Splits, wanted: Roles, held_out: Sequence[str], units: str, notes: Notes) -> Splits:
    """Give the roles that are held out a tenth of train each; train stays only where it was asked for."""
    train = rest = splits.get("train", ())
    taken: set[int] = set()
    for role in held_out if train else ():
        rest, drawn = hold_out(rest, HELD_OUT_SHARE * (len(train) / len(rest)), HELD_OUT_SEED)
        if role in wanted:
            notes.repairs[f"{units} of train held out as {role}"] += len(drawn)
            notes.warnings.append(
                f"There is no {role} split: {len(drawn)} of {len(train)} {units} of train are held out."
            )
            taken.update(map(id, drawn))
            splits = splits | {role: drawn}
    splits = splits | {"train": tuple(example for example in train if id(example) not in taken)}
    return {role: splits[role] for role in wanted if role in splits}


def _present_types(splits: Mapping[str, Sequence[Sentence]]) -> tuple[str, ...]:
    """The types of all splits: PER, ORG and LOC first, then by name."""
    tags = set().union(*(sentence.tags for sentences in splits.values() for sentence in sentences))
    types = {tag[2:] for tag in tags if tag.startswith("B-")}
    first = [name for name in ("PER", "ORG", "LOC") if name in types]
    return (*first, *sorted(types - set(first)))
