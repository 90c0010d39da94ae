"""The first hour with a corpus of one's own: ``python -m nerlib.start FOLDER`` looks at it and writes a study's file.

What it finds (splits, types, script, language), what is wrong with it, which sources are alike, which backbones can
read it and in what time they are trained here; then `params/studies/<study>.yaml`, commented, which runs as it is.
"""

import argparse
import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from nerlib import efficiency, encoding, folders, languages, pretraining, similarity, tasks, training
from nerlib.batch import jobs
from nerlib.corpora import SPLITS, Corpus, checks, load_corpus
from nerlib.corpora.files import split_of, splits_in
from nerlib.errors import CorpusError, FolderError, NerlibError, SettingsError, as_command
from nerlib.models import Backbone, Full, Lora, build, count_weights, find_backbone
from nerlib.models.backbones import load_tokenizer
from nerlib.params import DEMO, Recipe, Source, read_settings
from nerlib.vocabulary import BACKBONES, MINIATURE, TASKS, form_of

STANDARD_TYPES = ("PER", "ORG", "LOC")
EXAMPLES, TIMED = 1000, 96  # of a corpus: for likeness and the backbone's vocabulary; for the time of a step
SOURCES = 2  # so many are named, the most alike ones
#: Steps on the target, and seeds: the first that the time allows is taken.
SIZES = ((500, 3), (250, 3), (100, 3), (100, 2), (50, 2))
_NAMES = {known.name.lower(): tag for tag, known in languages.LANGUAGES.items()}


class Found(NamedTuple):
    """A corpus that was looked at.

    Attributes
    ----------
    corpus
        As it was read, with its task, language, types, repairs and warnings.
    roles
        Which files play which split, where their names do not say so.
    own_types
        All entity types that it has; those of `corpus` may be fewer.
    script
        As Unicode's names of its letters begin, as ``BENGALI``.
    """

    corpus: Corpus
    roles: Mapping[str, Any]
    own_types: tuple[str, ...]
    script: str

    @property
    def sizes(self) -> str:
        """How many examples each split has: ``100 train, 40 dev, 200 test``."""
        return ", ".join(f"{len(rows):,} {split}" for split, rows in self.corpus.splits.items())


# --- the corpus -------------------------------------------------------------------------------------------------------


def look(path: str, language: str = "", task: str = "") -> Found:
    """Read a corpus of which nothing is known but where it is.

    Parameters
    ----------
    path
        A folder, a file, a Hub name or `demo`.
    language
        Its language's tag; "": the one that the folder is named by.
    task
        "": the first of the tasks that it can be read for.

    Raises
    ------
    CorpusError
        When it can be read for no task: with the reason for the first.
    SettingsError
        When the language is not known: with those that are written in the corpus's script.
    """
    place, reasons = folders.from_root(path), []
    roles, tag = _roles(place), language or _language_of(place)
    inside = [child.name for child in place.iterdir() if _language_of(child)] if place.is_dir() and not tag else []
    if inside and not splits_in(place):
        raise SettingsError(f"{path} holds a folder for each language: give one of {', '.join(sorted(inside))}")
    for one in [task] if task else TASKS:
        try:
            own = corpus = load_corpus(path, tag or "und", task=one, roles=roles or SPLITS, others=SPLITS)
            break
        except CorpusError as error:
            reasons.append(f"for {TASKS[one].label}: {error}")
    else:
        raise CorpusError(f"{reasons[0]}; nor can it be read for another task" if not task else reasons[0])
    letters = similarity.count_scripts(word for example in own.train[:EXAMPLES] for word in example.words)
    script = max(letters, key=letters.__getitem__, default="")
    if not tag:
        tags = [known.tag for known in languages.LANGUAGES.values() if known.letters == script]
        alike = f", as of {', '.join(tags)}" if len(tags) < 12 else ""
        raise SettingsError(
            f"{path}: which language is it? Give --language TAG. Its letters are {script.capitalize()}{alike}"
        )
    if own.task == "ner" and not set(STANDARD_TYPES) <= set(own.types):  # under other names, which a known map renames
        with contextlib.suppress(CorpusError):
            corpus = load_corpus(path, tag, entity_types=STANDARD_TYPES, roles=roles or SPLITS, others=SPLITS)
    return Found(corpus, roles, own.types, script)


def _roles(folder: Path) -> dict[str, Any]:
    """What plays a split where names do not tell.

    Of several files of one split alone, as numbered folds, the last one is the test and the others are trained on;
    without a train dev is trained on, or the test, of which others are held out.
    """
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    files = {file.name: split for file in inside if file.is_file() and (split := split_of(file))}
    splits = set(files.values())
    if len(splits) == 1 and len(files) > 1:
        return {"train": [*files][:-1], "test": [*files][-1]}
    return {} if not files or "train" in splits else {"train": "dev" if "dev" in splits else "test"}


def _language_of(place: Path) -> str:
    """The language that a folder or file is named by, with its tag or its English name; "" when by none."""
    parts = re.split(r"[^a-z]+", place.name.partition(".")[0].lower())
    tags = (_NAMES.get(part) or (languages.canonical(part) if 1 < len(part) < 4 else "") for part in parts)
    return next((tag for tag in tags if tag in languages.LANGUAGES), "")


def faults(found: Found) -> list[str]:
    """What is wrong with a corpus, or to be known of it, as sentences."""
    corpus, known = found.corpus, languages.language(found.corpus.language)
    examples, told = TASKS[corpus.task].examples, list(corpus.warnings)
    if known.letters not in ("", found.script):
        told.append(f"{known.name} has {known.letters.capitalize()} letters, the corpus {found.script.capitalize()}.")
    if left := set(found.own_types) - set(corpus.types) - set(corpus.label_map):
        told.append(f"Types that are left out: {', '.join(sorted(left))}; `entity_types` names those to find.")
    told += [
        f"{row['repeated']} {examples} of {row['split']} also stand in {row['also_in']}."
        for row in checks.repeated(corpus).to_dict("records")
        if row["repeated"] and row["split"] != row["also_in"]
    ]
    return told + [f"A test of {len(corpus.test)} {examples} tells large differences only."] * (len(corpus.test) < 100)


# --- what may help it -------------------------------------------------------------------------------------------------


def candidates(found: Found, given: Sequence[str] = ()) -> dict[str, Found]:
    """Corpora to transfer from, by language: those given as ``<tag>@<corpus>``, else folders beside the corpus."""
    here = folders.from_root(found.corpus.name)
    named = [Source.parse(text) for text in given]
    if found.corpus.name == DEMO and not given:
        named = [Source(tag, DEMO) for tag in ("x-near", "x-far")]
    elif not given and here.exists():
        named = [Source(_language_of(place), str(place)) for place in sorted(here.parent.iterdir()) if place != here]
    read: dict[str, Found] = {}
    for language, path in named:
        with contextlib.nullcontext() if given else contextlib.suppress(NerlibError, OSError):  # what is no corpus
            if language not in ("", found.corpus.language) and (given or not _roles(Path(path))):
                read.setdefault(language, look(path, language, found.corpus.task))
    return read


def strangers(found: Found, sources: Mapping[str, Found]) -> dict[str, str]:
    """The sources that have no type in common with the corpus, by language, each with what to write to use it."""
    of = found.corpus
    return {
        tag: f"{languages.language_name(tag)} is no source: it has {', '.join(one.corpus.types)}, none of "
        f"{', '.join(of.types)}. What is the same under another name is renamed in the study's file by "
        f"`label_map: {{{one.corpus.types[0]}: {of.types[0]}}}`."
        for tag, one in sources.items()
        if form_of(of.task) in ("entities", "texts") and set(one.corpus.types).isdisjoint(of.types)
    }


def alike(found: Found, sources: Mapping[str, Found], backbone: Backbone) -> pd.DataFrame:
    """The sources but strangers, the most alike first by runs of letters (see `similarity.similarity_table`)."""
    apart = strangers(found, sources)
    sources = {tag: one for tag, one in sources.items() if tag not in apart}
    if not sources:
        return pd.DataFrame(columns=["source", "train", "ngrams"])
    samples = {one.corpus.language: one.corpus.train[:EXAMPLES] for one in (found, *sources.values())}
    tokenize = load_tokenizer(backbone.folder, backbone.family).tokenize
    table = similarity.similarity_table(samples, entities=found.corpus.task == "ner", tokenize=tokenize)
    table = table[table["a"] == found.corpus.language].drop(columns="a").rename(columns={"b": "source"})
    table.insert(1, "train", [len(sources[tag].corpus.train) for tag in table["source"]])
    return table.sort_values("ngrams", ascending=False, ignore_index=True)


def backbones(found: Found, given: str = "") -> dict[str, Backbone]:
    """The backbones that are there without a download: the one given, else those in the Hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    if DEMO in (given, found.corpus.name):
        return {DEMO: find_backbone(pretraining.demo_backbone(on_start=print), called=DEMO)}
    names = [given] if given else [n for n in BACKBONES if isinstance(try_to_load_from_cache(n, "config.json"), str)]
    return {name: find_backbone(name) for name in names}


def fitting(found: Found, there: Mapping[str, Backbone]) -> pd.DataFrame:
    """What each backbone makes of the corpus and of this machine, the one that reads most words first.

    Returns
    -------
    DataFrame
        `backbone`, `unknown_rate` (share of words that it cannot read), `fertility`, `total` (weights), `lora` and
        `full` (whether this machine has the memory), `seconds_a_step` (an optimizer step of LoRA here, a batch of 32).
    """
    rows, device = [], training.best_device()
    free = efficiency.memory_available(device.index or 0 if device.type == "cuda" else None)
    train, task = found.corpus.train, tasks.find_task(found.corpus.task)
    labels = task.labels(found.corpus.types)
    for name, backbone in there.items():
        tokenizer = load_tokenizer(backbone.folder, backbone.family)
        (weights, _), step = count_weights(backbone, task, labels, Full()), float("nan")
        fits = [not efficiency.memory_shortfall(efficiency.memory_needed(weights, n), free) for n in (0, weights)]
        if fits[0]:
            model = build(backbone, task, Lora(), labels=labels)
            model.network.to(device)
            data = model.encode(train[:TIMED], min(128, backbone.max_length))
            done = training.train(model.network, data, Recipe(num_epochs=1), seed=0, loss=model.loss, count=task.count)
            step = done.seconds / done.steps
        read = encoding.fertility(encoding.subwords(train[:EXAMPLES], tokenizer)).iloc[0]
        rows.append((name, read["unknown_rate"], read["fertility"], weights, *fits, step))
    columns = ["backbone", "unknown_rate", "fertility", "total", "lora", "full", "seconds_a_step"]
    return pd.DataFrame(rows, columns=columns).sort_values(columns[1:3], ignore_index=True)


# --- the study --------------------------------------------------------------------------------------------------------

STUDY = """\
# {title}
# Written by python -m nerlib.start. Every line may be changed; nerlib.params.help() lists what may stand here.
study: {study}
parameters: # for every notebook
{parameters}languages:
  {tag}: {{corpus: {corpus}}}
notebooks: # a page each
{notebooks}summary: # once, when the others are done
  07_statistics: {{}}
  09_costs: {{}}
"""
COMMENTS = {
    "task": "what is to be learnt",
    "entity_types": "to find; entities of other types are left out and counted",
    "sources": "to transfer from, the most alike first",
    "roles": "which files play which split",
    "backbone": "the pretrained model: a name of the Hub, or a folder",
    "target_modules": "LoRA beside all linear layers: a miniature encoder needs more than query and value",
    "seeds": "one run each; five or more for a result that is to be published",
    "source_size": "source examples in all, split evenly",
    "num_epochs": "passes over the sources",
    "train_size": "target examples to train on, drawn by seed; 0: all",
    "target_steps": "optimizer steps on the target",
    "dev_size": "dev examples to choose the best epoch on; 0: all",
    "test_size": "test examples to score on; 0: all",
}


def plan(
    found: Found, sources: Mapping[str, Found], backbone: str, fits: pd.DataFrame, minutes: float = 30
) -> dict[str, Any]:
    """The parameters of a study that takes about so many minutes here, or the least that `SIZES` has."""
    everything = (found, *sources.values())
    types = [name for name in found.corpus.types if all(name in one.corpus.types for one in everything)]
    row = fits[fits["backbone"] == backbone].iloc[:1]
    stages = 4 if sources else 1  # that take `target_steps`; the training on sources takes as many
    step = stages * row["seconds_a_step"].sum()
    steps, seeds = next((s for s in SIZES if s[0] * s[1] * step <= 60 * minutes), SIZES[-1])
    given = {
        "task": found.corpus.task,
        "entity_types": types if found.corpus.task == "ner" else [],
        "sources": [f"{tag}@{one.corpus.name}" for tag, one in sources.items()],
        "roles": {one.corpus.language: dict(one.roles) for one in everything if one.roles},
        "backbone": backbone,
        "target_modules": ["all"] if len(row) and row["total"].max() < MINIATURE else [],
        "seeds": list(range(1, seeds + 1)),
        "source_size": 32 * steps if sources else 0,
        "num_epochs": 1 if sources else 0,
        "train_size": min(100, len(found.corpus.train)),
        "target_steps": steps,
    }
    if steps < SIZES[0][0]:  # predicting all of a large corpus would take longer than such a training
        given |= {"dev_size": min(200, len(found.corpus.dev)), "test_size": min(500, len(found.corpus.test))}
    return {name: value for name, value in given.items() if value or name == "sources"}  # unsaid: the demo's


def study_file(study: str, found: Found, parameters: Mapping[str, Any]) -> str:
    """The study's file, with a comment at each parameter; a `SettingsError` where a notebook would refuse it."""
    tag = found.corpus.language
    pages = ["01_data_preparation", "02_baseline", "03_lora_transfer"][: 3 if parameters["sources"] else 2]
    content = STUDY.format(
        title=f"{languages.language(tag).name}: {found.sizes} {TASKS[found.corpus.task].examples}",
        tag=_in_yaml(tag),
        corpus=_in_yaml(found.corpus.name),
        study=study,
        parameters="".join(f"  {name}: {_in_yaml(v)} # {COMMENTS[name]}\n" for name, v in parameters.items()),
        notebooks="".join(f"  {page}: {{}}\n" for page in pages),
    )
    for job in jobs.jobs(yaml.safe_load(content)):
        read_settings(job.parameters, where=job.notebook)
    return content


def _in_yaml(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return str(text).removesuffix("...\n").strip()


def write_study(study: str, content: str) -> Path:
    """Write `params/studies/<study>.yaml`; a `FolderError` when there is one that says something else."""
    path = folders.writable(folders.project_root() / "params" / "studies") / f"{folders.safe_name(study, 'study')}.yaml"
    if path.exists() and path.read_text(encoding="utf-8") != content:
        raise FolderError(f"{path} is there already, and says something else; remove it, or give --study NAME")
    folders.write_atomically(path, content)
    return path


# --- the command ------------------------------------------------------------------------------------------------------


def _from_here(text: str) -> str:
    """A folder or file that a command line names, from where it was typed; in the project, from its root."""
    tag, at, name = text.rpartition("@")
    path = Path(name).resolve()
    if not name or not path.exists():
        return text
    root = folders.project_root().resolve()
    return f"{tag}{at}{path.relative_to(root) if path.is_relative_to(root) else path}"


ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "corpus": {"type": _from_here, "help": "a folder, a file, or a name of the Hub"},
    "--language": {"help": "its tag (BCP 47), where the folder is not named by it"},
    "--task": {"choices": list(TASKS), "help": "where it can be read for several"},
    "--source": {
        "type": _from_here,
        "action": "append",
        "default": [],
        "metavar": "TAG@CORPUS",
        "help": "may be repeated",
    },
    "--backbone": {"type": _from_here, "help": "a folder or a name of the Hub"},
    "--study": {"help": "its name; default: <tag>-<task>"},
    "--minutes": {"type": float, "default": 30, "help": "that the study may take, about (default: 30)"},
}


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Say what was found, write the study's file and print the commands."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.start", description=__doc__.partition("\n\n")[0])
    for name, about in ARGUMENTS.items():
        parser.add_argument(name, **{"default": "", **about})
    given = parser.parse_args(arguments)
    found = look(given.corpus, given.language, given.task)
    corpus, tag = found.corpus, found.corpus.language
    print(f"{languages.language(tag).name} ({tag}), {TASKS[corpus.task].label}, {found.script.capitalize()} letters")
    print(checks.describe(corpus).to_string(), *faults(found), sep="\n")
    there = backbones(found, given.backbone)
    fits, sources = fitting(found, there), candidates(found, given.source)
    apart = strangers(found, sources)
    print(*apart.values(), sep="\n")
    sources = {name: one for name, one in sources.items() if name not in apart}
    backbone = given.backbone or str([*fits["backbone"], *BACKBONES][0])
    if backbone in there:
        ranked = alike(found, sources, there[backbone])
        print("\nBackbones on this machine:", fits.to_string(index=False), sep="\n")
        told = ranked.to_string(index=False) if len(ranked) else "none beside the corpus; --source TAG@CORPUS names one"
        print("\nSources, the most alike first:", told, sep="\n")
        sources = {name: sources[name] for name in ranked["source"][:SOURCES]}
    else:
        print(f"\nNo multilingual backbone is on this machine: the Hub will be asked for {backbone}.")
    study = given.study or f"{tag}-{corpus.task}"
    path = write_study(study, study_file(study, found, plan(found, sources, backbone, fits, given.minutes)))
    print(f"\nWritten: {path}\nTo run it: make study STUDY={study}\nIn JupyterLab: make lab STUDY={study}")
    print(f"Its pages: {folders.reports_folder() / study / 'index.html'}")


if __name__ == "__main__":
    sys.exit(main())
