"""`load_corpus`: from a name and a language to a `Corpus`, whatever it is kept as."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from nerlib import labels
from nerlib.corpora import hub
from nerlib.corpora.files import choose_files, has_splits, read_files
from nerlib.corpora.languages import codes
from nerlib.corpora.repairs import map_types, to_sentences
from nerlib.corpora.sampling import hold_out
from nerlib.corpora.types import SPLITS, Corpus, Sentence
from nerlib.errors import CorpusError
from nerlib.folders import from_root

TASKS = ("ner", "pos")
HELD_OUT = "sentences of train held out as dev"
HELD_OUT_SHARE = 0.1
HELD_OUT_SEED = 2024  # fixed: the same sentences in every run, whatever its seed

# Label maps by name. One is taken by itself when types are asked for that a corpus has only under these other names.
LABEL_MAPS: dict[str, dict[str, str]] = {
    "il_ner": {"NEP": "PER", "NEL": "LOC", "NEO": "ORG"},
    "lower_case": {"per": "PER", "pers": "PER", "loc": "LOC", "org": "ORG", "misc": "MISC", "date": "DATE"},
    "spelled_out": {"PERSON": "PER", "LOCATION": "LOC", "ORGANIZATION": "ORG", "ORGANISATION": "ORG"},
}


def load_corpus(
    corpus: str,
    language: str,
    *,
    task: str = "ner",
    entity_types: Sequence[str] = (),
    label_map: Mapping[str, str] | str | None = None,
    roles: Sequence[str] | Mapping[str, str | Sequence[str]] = SPLITS,
    shared_map: bool = False,
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
        `ner` or `pos`.
    entity_types
        The entity types to keep, in this order; others are read as O and counted. Empty: all. (For `pos` the types are
        the 17 universal parts of speech, whichever occur.)
    label_map
        New names of types, "" for those to drop; or the name of a map in `LABEL_MAPS`.
    roles
        The splits to read. A mapping says what plays a role: `{"train": "dev", "test": "test_fold1.txt"}`; with
        `{"dev": ""}` a tenth of train does.
    shared_map
        The label map is meant for several corpora: a type that this one lacks is no error. What was used is
        `Corpus.label_map`.

    Returns
    -------
    Corpus
        With every role's split, none of them empty. Where train is there and dev is not, a tenth of train is held out
        as dev, always the same.

    Raises
    ------
    CorpusError
        For an unknown corpus, language or type, a split that is missing or empty, a line that cannot be read.
    """
    if task not in TASKS:
        raise CorpusError(f"expected a task among {', '.join(TASKS)}, met {task!r}")
    wanted = dict(roles) if isinstance(roles, Mapping) else {role: role for role in roles}
    if not wanted or set(wanted) - set(SPLITS):
        raise CorpusError(f"expected roles among {', '.join(SPLITS)}, met {', '.join(map(str, wanted)) or 'none'}")
    if task == "pos" and label_map and not shared_map:
        raise CorpusError(f"the label map renames entity types, and the task is 'pos': met {label_map!r}")
    codes(language)  # refuses what is no language tag
    read = {role: what for role, what in wanted.items() if what}
    repairs: Counter[str] = Counter()
    warnings: list[str] = []
    revision = ""
    if corpus == "demo":
        splits = _from_demo(language, task, read)
    elif (folder := _folder(corpus)) is not None:
        splits = _from_folder(_of_language(folder, language), language, task, read, repairs)
    elif hub.is_hub_name(corpus):
        downloaded, revision = _from_hub(corpus, language)
        splits = _from_folder(downloaded, language, task, read, repairs)
    else:
        raise _unknown(corpus)
    splits = _hold_out_dev(splits, wanted, repairs, warnings)
    types: tuple[str, ...] = labels.UPOS
    used_map: dict[str, str] = {}
    if task == "ner":
        types = _present_types(splits)
        used_map = _label_map(types, entity_types, label_map, shared_map, corpus, warnings)
        splits = map_types(splits, used_map, entity_types, repairs)
        types = tuple(entity_types) or _present_types(splits)
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


def _from_folder(
    folder: Path, language: str, task: str, roles: Mapping[str, str | Sequence[str]], repairs: Counter[str]
) -> dict[str, tuple[Sentence, ...]]:
    files = choose_files(folder, roles)
    if "dev" in roles and "dev" not in files and "train" not in roles:
        files |= choose_files(folder, {"train": "train"})
    for role in roles:
        if role not in files and not (role == "dev" and "train" in files):
            present = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
            raise CorpusError(f"{folder}: expected a file for the split {role!r} (such as {role}.txt), met {present}")
    rows = {role: read_files(paths, task, repairs) for role, paths in files.items()}
    return to_sentences(rows, language, task, repairs)


def _from_demo(language: str, task: str, roles: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[Sentence, ...]]:
    from nerlib.corpora import demo

    splits = demo.load(language, task="pos" if task == "pos" else "ner")
    return {role: tuple(splits[str(split)]) for role, split in roles.items() if split in splits}


def _hold_out_dev(
    splits: dict[str, tuple[Sentence, ...]],
    roles: Mapping[str, object],
    repairs: Counter[str],
    warnings: list[str],
) -> dict[str, tuple[Sentence, ...]]:
    """Where dev is asked for and not there, a tenth of train; train itself stays only where it was asked for."""
    if "dev" in roles and "dev" not in splits and splits.get("train"):
        kept, held = hold_out(splits["train"], HELD_OUT_SHARE, HELD_OUT_SEED)
        splits = splits | {"train": kept, "dev": held}
        repairs[HELD_OUT] += len(held)
        warnings.append(
            f"There is no dev split: {len(held)} of {len(kept) + len(held)} sentences of train are held out."
        )
    return {role: splits[role] for role in roles if role in splits}


def _present_types(splits: Mapping[str, Sequence[Sentence]]) -> tuple[str, ...]:
    """The types of all splits: PER, ORG and LOC first, then by name."""
    tags = {tag for sentences in splits.values() for sentence in sentences for tag in sentence.tags}
    types = {tag[2:] for tag in tags if tag.startswith("B-")}
    first = [name for name in ("PER", "ORG", "LOC") if name in types]
    return (*first, *sorted(types - set(first)))


def _label_map(
    types: Sequence[str],
    wanted: Sequence[str],
    given: Mapping[str, str] | str | None,
    shared: bool,
    corpus: str,
    warnings: list[str],
) -> dict[str, str]:
    """The part of the label map that this corpus needs; a named map by itself where it alone gives the types wanted."""
    if isinstance(given, str):
        given, shared = _named_map(given), True
    if len(set(wanted)) != len(wanted):
        raise CorpusError(f"expected different entity types, met {', '.join(wanted)}")
    for old, new in (given or {}).items():
        if new:
            labels.parse(f"B-{new}")  # refuses what can be no type
        if old not in types and not shared:
            nearest = get_close_matches(old, types, 1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise CorpusError(f"corpus {corpus!r}: the label map names the type {old!r}, met {_listed(types)}{hint}")
    used = {old: new for old, new in (given or {}).items() if old in types}
    missing = set(wanted) - {used.get(name, name) for name in types}
    if missing and not used:
        for name, named in LABEL_MAPS.items():
            fitting = {old: new for old, new in named.items() if old in types and new in wanted}
            if missing <= set(fitting.values()):
                warnings.append(
                    f"The label map {name!r} was applied: " + ", ".join(f"{o} → {n}" for o, n in fitting.items())
                )
                return fitting
    if missing:
        raise CorpusError(
            f"corpus {corpus!r}: expected the entity types {', '.join(wanted)}, met {_listed(types)}; "
            f"missing: {', '.join(sorted(missing))} (a label map can rename types)"
        )
    return used


def _named_map(name: str) -> dict[str, str]:
    if name not in LABEL_MAPS:
        nearest = get_close_matches(name, LABEL_MAPS, 1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise CorpusError(f"unknown label map {name!r}: expected one of {', '.join(LABEL_MAPS)}{hint}")
    return LABEL_MAPS[name]


def _listed(types: Sequence[str]) -> str:
    return ", ".join(types) or "no types"
