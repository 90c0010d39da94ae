"""`load_corpus`: from a name and a language to a `Corpus`, whatever it is kept as."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nerlib import labels
from nerlib.corpora import hub
from nerlib.corpora.cells import Choice
from nerlib.corpora.files import choose_files, has_splits, read_files, split_files
from nerlib.corpora.label_maps import label_map_for
from nerlib.corpora.languages import codes
from nerlib.corpora.questions import read_questions
from nerlib.corpora.repairs import map_types, to_sentences
from nerlib.corpora.sampling import hold_out
from nerlib.corpora.texts import choose_labels, ordered_labels, read_texts
from nerlib.corpora.types import SPLITS, Corpus, Sentence
from nerlib.errors import CorpusError
from nerlib.folders import from_root

TASKS = ("ner", "pos", "sentiment", "qa")
UNITS = {"ner": "sentences", "pos": "sentences", "sentiment": "texts", "qa": "questions"}
HELD_OUT_SHARE = 0.1
HELD_OUT_SEED = 2024  # fixed: the same sentences in every run, whatever its seed

Roles = Mapping[str, str | Sequence[str]]
Splits = dict[str, tuple[Any, ...]]


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
) -> Corpus:
    """Read a corpus.

    Parameters
    ----------
    corpus
        `demo`; a short name of the Hugging Face Hub (`wikiann`, `masakhaner2`, ...) or `organisation/name`; or a folder
        (a relative one from the project's root) that holds the splits' files, or a folder for each language.
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

    Returns
    -------
    Corpus
        With every role's split, none of them empty. Where train is there and dev is not, a tenth of train is held out
        as dev, always the same; where train is all there is, another tenth as test. Questions about one context stay
        together.

    Raises
    ------
    CorpusError
        For an unknown corpus, language, type or column, a split that is missing or empty, a line that cannot be read;
        for `sentiment`, when there is one label only, or one that is unseen in training.
    """
    if task not in TASKS:
        raise CorpusError(f"expected a task among {', '.join(TASKS)}, met {task!r}")
    wanted = dict(roles) if isinstance(roles, Mapping) else {role: role for role in roles}
    if not wanted or set(wanted) - set(SPLITS):
        raise CorpusError(f"expected roles among {', '.join(SPLITS)}, met {', '.join(map(str, wanted)) or 'none'}")
    if task in ("pos", "qa") and label_map and not shared_map:
        raise CorpusError(f"the label map renames entity types, and the task is {task!r}: met {label_map!r}")
    choice = Choice(columns or {}, keep or {}, shared_map)
    choice.check(task)
    codes(language)  # refuses what is no language tag
    read = {role: what for role, what in wanted.items() if what}
    repairs: Counter[str] = Counter()
    warnings: list[str] = []
    revision = ""
    if corpus == "demo":
        splits = _from_demo(language, task, read, choice)
    else:
        folder, revision = _find(corpus, language)
        splits = _read(_files(folder, read), language, task, choice, repairs, warnings)
    types: tuple[str, ...] = labels.UPOS if task == "pos" else ()
    used_map: dict[str, str] = {}
    if task == "sentiment":
        met = ordered_labels({text.label for texts in splits.values() for text in texts})
        used_map = label_map_for(met, entity_types, label_map, shared_map, corpus, warnings, what="labels")
        splits, types = choose_labels(splits, used_map, entity_types, repairs, corpus)
    splits = _hold_out(splits, wanted, UNITS[task], repairs, warnings)
    if task == "ner":
        used_map = label_map_for(_present_types(splits), entity_types, label_map, shared_map, corpus, warnings)
        for new in filter(None, used_map.values()):
            labels.parse(f"B-{new}")  # refuses what can be no type
        splits = map_types(splits, used_map, entity_types, repairs)
        types = tuple(entity_types) or _present_types(splits)
    if task == "qa":
        types = _answer_types({role: splits[role] for role in splits if role != "test"} or splits)
    found = Corpus(
        name=corpus,
        language=language,
        task=task,
        splits={split: splits[split] for split in SPLITS if split in splits},
        types=types,
        label_map=used_map,
        repairs={kind: count for kind, count in sorted(repairs.items()) if count},
        warnings=tuple(warnings),
        revision=revision,
    )
    for role in wanted:
        getattr(found, role)  # raises when the split is missing or empty
    return found


# --- where it is ----------------------------------------------------------------------------------------------------


def _find(corpus: str, language: str) -> tuple[Path, str]:
    """The folder that holds the splits, and the Hub's commit where it is from there."""
    if (folder := _folder(corpus)) is not None:
        return _of_language(folder, language), ""
    if hub.is_hub_name(corpus):
        return _from_hub(corpus, language)
    raise _unknown(corpus)


def _folder(corpus: str) -> Path | None:
    if corpus in hub.REPOSITORIES or not corpus:
        return None
    folder = from_root(corpus)
    return folder if folder.is_dir() else None


def _from_hub(corpus: str, language: str) -> tuple[Path, str]:
    try:
        return hub.download(corpus, language)
    except CorpusError as error:
        if corpus in hub.REPOSITORIES:
            raise
        raise CorpusError(f"{error} As a folder, {corpus!r} would be {from_root(corpus)}: there is none.") from error


def _unknown(corpus: str) -> CorpusError:
    names = ("demo", *hub.REPOSITORIES)
    nearest = get_close_matches(corpus, names, 1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return CorpusError(
        f"unknown corpus {corpus!r}: expected {', '.join(names)}, a name 'organisation/corpus' of the Hugging Face "
        f"Hub, or a folder (there is none at {from_root(corpus)}){hint}"
    )


def _of_language(folder: Path, language: str) -> Path:
    """The folder that holds the splits: itself, or the one that is named like the language (`sw`, `swa`)."""
    if has_splits(folder):
        return folder
    names = codes(language)
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if inside:
        raise CorpusError(
            f"{folder} has no language {language!r}: expected a folder {' or '.join(names)}, met {', '.join(inside)}"
        )
    return folder


def _files(folder: Path, roles: Roles) -> dict[str, list[Path]]:
    """The files of each role; those of train too where dev or test are to be held out of it."""
    files = choose_files(folder, roles)
    missing = set(roles) - set(files)
    can_be_held_out = {"dev", "test"} if "test" in missing and set(split_files(folder)) == {"train"} else {"dev"}
    if missing & can_be_held_out and "train" not in roles:
        files |= choose_files(folder, {"train": "train"})
    for role in roles:
        if role not in files and not (role in can_be_held_out and "train" in files):
            present = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
            raise CorpusError(f"{folder}: expected a file for the split {role!r} (such as {role}.txt), met {present}")
    return files


# --- what it holds --------------------------------------------------------------------------------------------------


def _read(
    files: Mapping[str, Sequence[Path]],
    language: str,
    task: str,
    choice: Choice,
    repairs: Counter[str],
    warnings: list[str],
) -> Splits:
    match task:
        case "sentiment":
            return read_texts(files, language, choice, repairs, warnings)
        case "qa":
            return read_questions(files, language, choice, repairs, warnings)
        case _:
            rows = {role: read_files(paths, task, repairs) for role, paths in files.items()}
            return to_sentences(rows, language, task, repairs)


def _from_demo(language: str, task: Any, roles: Roles, choice: Choice) -> Splits:
    from nerlib.corpora import demo

    if (choice.columns or choice.keep) and not choice.shared:
        raise CorpusError("columns and keep are for tables, and the corpus is the demo, which has none")
    splits = demo.load(language, task=task)
    return {role: tuple(splits[str(split)]) for role, split in roles.items() if split in splits}


def _hold_out(
    splits: Splits, roles: Mapping[str, object], units: str, repairs: Counter[str], warnings: list[str]
) -> Splits:
    """Where dev, or test, is asked for and not there, a tenth of train; train stays only where it was asked for.

    Dev is drawn first, whether it is asked for or not, so that neither depends on the other.
    """
    train = rest = splits.get("train", ())
    held: Splits = {}
    for role in ("dev", "test"):
        needed = role in roles or ("test" in roles and "test" not in splits)
        if train and needed and role not in splits:
            rest, held[role] = hold_out(rest, HELD_OUT_SHARE * (len(train) / len(rest)), HELD_OUT_SEED)
    held = {role: examples for role, examples in held.items() if role in roles}
    for role, examples in held.items():
        repairs[f"{units} of train held out as {role}"] += len(examples)
        warnings.append(f"There is no {role} split: {len(examples)} of {len(train)} {units} of train are held out.")
    if held:
        taken = {id(example) for examples in held.values() for example in examples}
        splits = splits | held | {"train": tuple(example for example in train if id(example) not in taken)}
    return {role: splits[role] for role in roles if role in splits}


def _answer_types(splits: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """What may be said of questions: that there is no answer only where some have none."""
    unanswered = any(not question.answers for questions in splits.values() for question in questions)
    return (labels.ANSWER, labels.NO_ANSWER) if unanswered else (labels.ANSWER,)


def _present_types(splits: Mapping[str, Sequence[Sentence]]) -> tuple[str, ...]:
    """The types of all splits: PER, ORG and LOC first, then by name."""
    tags = {tag for sentences in splits.values() for sentence in sentences for tag in sentence.tags}
    types = {tag[2:] for tag in tags if tag.startswith("B-")}
    first = [name for name in ("PER", "ORG", "LOC") if name in types]
    return (*first, *sorted(types - set(first)))
