"""`load_corpus` and `load_text`: from a name and a language to a `Corpus` or a `RawText`, whatever it is kept as."""

import gc
import gzip
import lzma
import unicodedata
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nerlib import demo, labels
from nerlib.corpora import hub
from nerlib.corpora.conll import read_columns
from nerlib.corpora.files import Notes, choose_files, decoded, misnamed, refusing, split_of, splits_in
from nerlib.corpora.rows import read_questions, read_texts, read_token_lists
from nerlib.corpora.tabular import ColumnSpec, open_parquet
from nerlib.corpora.tags import choose_labels, label_map_for, map_types, ordered_labels, to_sentences
from nerlib.errors import CorpusError, raises_only
from nerlib.examples import SPLITS, Corpus, RawText, Sentence, hold_out
from nerlib.folders import from_root
from nerlib.languages import canonical, codes
from nerlib.vocabulary import TASKS, form_of, ordered

HELD_OUT_SHARE = 0.1
HELD_OUT_SEED = 2024  # fixed: the same sentences in every run, whatever its seed

# Of unlabelled text, a sentence or a paragraph a line, for language adapters and pretraining.
TEXT_FILES: Mapping[str, Callable[..., Any]] = {".txt": open, ".txt.xz": lzma.open, ".txt.gz": gzip.open}
RATIO, ALWAYS = 50, 2**26  # a file's text may be so many times as long as the file (language: 3 to 10), or 64 MiB
DEMO_LINES, DEMO_TARGET_LINES = 7000, 3000  # `x-target` has few resources
DEMO_SEED = 2  # other sentences than the demo's backbone has seen
BLOCK, HELD_OUT_EVERY = 10, 20  # lines; blocks

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
    refused = (
        (task not in TASKS, f"expected a task among {', '.join(TASKS)}, got {task!r}"),
        (
            not wanted or set(wanted) - set(SPLITS),
            f"expected roles among {', '.join(SPLITS)}, got {', '.join(map(str, wanted)) or 'none'}",
        ),
        (
            form_of(task) in ("tags", "questions") and label_map and not shared_map,
            f"the label map renames entity types, and the task is {task!r}: got {label_map!r}",
        ),
    )
    if message := next((message for is_wrong, message in refused if is_wrong), ""):
        raise CorpusError(message)
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
    beside = sorted(other.name for other in missing.parent.iterdir())
    raise misnamed(message, missing.name if corpus else "", (demo.NAME, *hub.REPOSITORIES, *beside))


def _of_language(folder: Path, language: str) -> Path:
    """The folder that holds the splits: itself, or the one that is named like the language (`sw`, `swa`)."""
    names = codes(language)
    own = [] if splits_in(folder) else [folder / name for name in names if (folder / name).is_dir()]
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if inside and not own and not splits_in(folder):
        raise CorpusError(
            f"{folder} has no language {language!r}: expected a folder {' or '.join(names)}, got {', '.join(inside)}"
        )
    return own[0] if own else folder


def _files(path: Path, wanted: Roles) -> tuple[dict[str, list[Path]], list[str]]:
    """The files of each role, those of train too where dev or test are held out of it; and what is held out."""
    files = {"train": [path]} if path.is_file() else choose_files(path, wanted)
    held_out = _held_out(wanted, files, files if path.is_file() else splits_in(path))
    if held_out and "train" not in wanted and path.is_dir():
        files |= choose_files(path, {"train": "train"})
    for role in wanted:
        if role not in files and not (role in held_out and "train" in files):
            raise CorpusError(
                f"{path}: expected a file for the split {role!r} (such as {role}.txt), got "
                f"{', '.join(sorted(file.name for file in path.iterdir())) or 'nothing'}; a file of another name is "
                f"given as roles = {{'{role}': '<file>'}}"
            )
    return files, held_out


def _with_others(wanted: Roles, others: Collection[str], present: Collection[str]) -> dict[str, str | Sequence[str]]:
    """The roles asked for, and of the others those whose split is there and free; dev and test also where train is."""
    played = {
        name if name in SPLITS else split_of(name)
        for given in wanted.values()
        for name in ([given] if isinstance(given, str) else given)
    }
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
    collects = gc.isenabled()
    gc.disable()  # what is read has no cycles, and to look through it time and again takes a fifth of the time
    try:
        readers = dict.fromkeys((".jsonl", ".json", ".parquet"), read_token_lists)
        sentences = {
            role: [row for file in paths for row in readers.get(file.suffix.lower(), read_columns)(file, task, notes)]
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
    return tuple(ordered(sorted(tag[2:] for tag in tags if tag.startswith("B-")), ("PER", "ORG", "LOC")))


# --- unlabelled text --------------------------------------------------------------------------------------------------


@raises_only(CorpusError, "text")
def load_text(text: str, language: str) -> RawText:
    """Read the unlabelled text of a language.

    Parameters
    ----------
    text
        `demo`; a short name of the Hugging Face Hub (`wikipedia`) or `organisation/name`, whose files have a column
        `text`; a folder that holds `<language>.txt`, `.txt.xz` or `.txt.gz` (the first of these that is there); or
        such a file itself. A relative path is taken from the project's root.
    language
        The language's tag.

    Raises
    ------
    CorpusError
        When there is no text of that language (with the files there are), or a file that cannot be read: the message
        names the line that is not UTF-8.
    """
    names = codes(language)  # refuses what is no language tag
    path, revision, notes = from_root(text), "", Notes()
    if text == demo.NAME:
        lines = demo.text(language, DEMO_TARGET_LINES if language == demo.TARGET else DEMO_LINES, seed=DEMO_SEED)
    elif text and path.exists():
        lines = _lines_of(_file_of(path, names, language) if path.is_dir() else path, notes)
    elif hub.is_hub_name(text, hub.TEXTS):
        folder, files, revision = hub.download(text, language, hub.TEXTS, at_most=1)
        if len(files) > 1:
            notes.warnings.append(f"Only the first of {len(files)} files of the Hub was read.")
        lines = _lines_of_documents(folder / files[0])
    else:
        raise CorpusError(
            f"unknown text {text!r}: expected demo, {', '.join(hub.TEXTS)}, a name 'organisation/text' of the Hugging "
            f"Face Hub, a folder with <language>.txt, or a file (there is neither at {path})"
        )
    kept = _each_once(lines, notes)
    if not kept:
        raise CorpusError(f"text {text!r} ({language}): expected lines of text, got none")
    changes = (f"{kind} ({count})" for kind, count in notes.repairs.items() if count)
    return RawText(text, language, kept, (*changes, *notes.warnings), revision)


def _file_of(folder: Path, names: Sequence[str], language: str) -> Path:
    for file in (folder / f"{name}{ending}" for name in names for ending in TEXT_FILES):
        if file.is_file():
            return file
    present = ", ".join(sorted(file.name for file in folder.iterdir() if file.is_file())) or "no file"
    raise CorpusError(
        f"{folder} has no text of {language!r}: expected {' or '.join(names)}.txt (or .txt.xz, .txt.gz), got {present}"
    )


def _lines_of(file: Path, notes: Notes) -> list[str]:
    ending = next((ending for ending in TEXT_FILES if file.name.lower().endswith(ending)), None)
    if ending is None:
        raise CorpusError(f"{file}: expected a file named {', '.join(f'*{known}' for known in TEXT_FILES)}")
    with (
        refusing(
            f"{file}: expected a compressed file that can be read, got", OSError, EOFError, lzma.LZMAError, zlib.error
        ),
        TEXT_FILES[ending](file, "rb") as opened,
    ):
        at_most = max(ALWAYS, RATIO * file.stat().st_size)
        data = opened.read(at_most + 1)
    if len(data) > at_most:
        raise CorpusError(
            f"{file}: expected text of {RATIO} times the file's size at most, got more than {at_most} bytes"
        )
    return decoded(data, file, notes).split("\n")


def _lines_of_documents(file: Path) -> list[str]:
    table = open_parquet(file)
    if "text" not in table.column_names or str(table.schema.field("text").type) not in ("string", "large_string"):
        raise CorpusError(
            f"{file}: expected a column named text that holds text, got the columns "
            f"{', '.join(table.column_names) or 'none'}"
        )
    return [line for document in table["text"].to_pylist() for line in (document or "").split("\n")]


def _each_once(lines: Iterable[str], notes: Notes) -> tuple[str, ...]:
    """The lines without blank ones and without repetitions, in order."""
    written = [line for line in lines if line.strip()]
    first: dict[str, str] = {}
    for line in written:
        first.setdefault(unicodedata.normalize("NFC", line.strip()), line.rstrip("\r"))
    if repeated := len(written) - len(first):
        notes.warnings.append(f"{repeated} of {len(written)} lines of text repeat another and were dropped.")
    return tuple(first.values())


def split_text(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold out every twentieth block of ten neighbouring lines, always the same.

    A line that stands in the text more than once goes where it stands first, so that nothing held out is also kept.
    Short texts have shorter blocks, so that there is something to hold out.

    Returns
    -------
    kept, held : tuple of str

    Raises
    ------
    CorpusError
        When there are not two different lines.
    """
    index = {line: number for number, line in enumerate(dict.fromkeys(lines))}
    if len(index) < 2:
        raise CorpusError(f"expected at least two different lines of text to hold some out, got {len(index)}")
    every = min(HELD_OUT_EVERY, len(index))
    block = min(BLOCK, len(index) // every)
    held = {line for line, number in index.items() if number // block % every == every - 1}
    return tuple(line for line in lines if line not in held), tuple(line for line in lines if line in held)
