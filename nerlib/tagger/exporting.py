"""A tagger from a run's folder; and a folder for others: plain transformers or the adapter alone, with a card."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from nerlib import folders, formats, records, results, training, vocabulary
from nerlib.corpora import hub
from nerlib.demo import is_demo_language
from nerlib.errors import FolderError, ModelError, RecordError, SettingsError
from nerlib.models import (
    ABOUT,
    Full,
    TaskModel,
    described,
    find_backbone,
    load_model,
    origin_of,
    quiet,
    without_nerlib,
)
from nerlib.records import Record
from nerlib.statistics import Interval, mean_interval
from nerlib.tagger.confidence import FILE, Calibration
from nerlib.tagger.tagging import Tagger, calibrate

#: How others load a merged model.
PIPELINE = """
```python
from transformers import pipeline

pipeline("{pipeline}", "path/to/this/folder")
```
"""
PIPELINES = {
    "tagging": "token-classification",
    "classification": "text-classification",
    "answering": "question-answering",
}


# --- a tagger from a folder -------------------------------------------------------------------------------------------


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
        record = records.read_record(paths[0])
        own = record.language, int(record.settings.get("max_length", {}).get("value", 0))
    except RecordError:  # an exported folder says it beside its model
        about = json.loads((paths[0] / ABOUT).read_text(encoding="utf-8"))
        own = about.get("language", ""), about.get("max_length", 0)
    tagger = Tagger(
        models,
        language or own[0],
        max_length=max_length or own[1] or min(128, models[0].backbone.max_length),
        origin=tuple(str(path.absolute()) for path in paths),
    )
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


def read_or_fit(tagger: Tagger, paths: Sequence[Path]) -> Calibration | None:
    """The calibration beside a model, or one fitted on its run's dev (and kept there); None where that cannot be.

    Of an ensemble it is fitted on the first run's dev, which all seeds share, and not kept.
    """
    if vocabulary.form_of(tagger.task) not in ("entities", "tags"):
        return None
    if len(paths) == 1 and (paths[0] / FILE).is_file():
        return Calibration.load(paths[0])
    try:
        dev = records.read_predictions(paths[0], "dev")
        made = calibrate(tagger, dev.words, dev.gold)
        if len(paths) == 1:
            made.save(paths[0])
    except (RecordError, SettingsError):
        return None
    except FolderError:  # somebody else's run, that is only read
        pass
    return made


# --- a folder for others ----------------------------------------------------------------------------------------------


def export(run: Any, folder: str | Path, *, merged: bool = True, licences: Mapping[str, str] | None = None) -> Path:
    """Write a run for others; nothing is sent anywhere.

    Parameters
    ----------
    run
        A finished `Run`, or its folder.
    folder
        A new one. Beside the model it holds `README.md` (the card), `.eval_results` (for corpora of the Hub),
        `calibration.json`, and what `load_tagger` needs.
    merged
        A model that transformers reads by itself, a low-rank adapter added to the backbone's weights; else the
        adapter alone, in its library's own files.
    licences
        Of the corpora by language tag, as `{"sw": "cc-by-nc-4.0"}`; what is missing is named in the card.

    Raises
    ------
    FolderError
        When the folder exists.
    ModelError
        For a method that cannot be merged (adapters of the `adapters` library), a head that transformers lacks, or a
        run without model.
    """
    path, out = Path(getattr(run, "folder", run)), Path(folder)
    if out.exists():
        raise FolderError(f"{out} exists: an export never replaces what is there; name another folder")
    tagger = load_tagger(path)
    method = tagger.models[0].method
    merged = merged or method.trains_backbone
    library = "transformers" if merged else "adapters" if method.rewrites_blocks else "peft"
    with folders.new_folder(out) as beside:
        about = json.loads((path / "model" / ABOUT).read_text(encoding="utf-8")) | {
            "language": tagger.language,
            "max_length": tagger.max_length,
        }
        if merged:
            about |= _write_merged(tagger, beside)
        else:
            shutil.copytree(path / "model", beside, dirs_exist_ok=True, ignore=shutil.ignore_patterns(folders.DIGESTS))
        (beside / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
        if tagger.calibration:
            tagger.calibration.save(beside)
        record = records.read_record(path)
        (beside / "README.md").write_text(card(record, tagger, library, licences or {}), encoding="utf-8")
        _write_eval_results(record, beside / ".eval_results")
    return out


def _write_merged(tagger: Tagger, beside: Path) -> dict[str, Any]:
    """Write a plain model, and return what is told of it: it is its own backbone."""
    (model,) = tagger.models
    network: Any = model.network
    if model.head.pools or model.method.rewrites_blocks:
        raise ModelError(
            f"{tagger.origin[0]}: expected full fine-tuning or a low-rank adapter, and transformers' own head, "
            f"got {model.method.name}; export(..., merged=False) writes the adapter alone"
        )
    with quiet():
        network.save_pretrained(beside, safe_serialization=True)
        model.tokenizer.model_max_length = model.backbone.max_length
        model.tokenizer.save_pretrained(beside)
    origin = origin_of(find_backbone(beside, called=model.backbone.name))
    return {"method": described(Full()), "backbone": origin | {"folder": "."}}


# --- what it is worth -------------------------------------------------------------------------------------------------


def _score(record: Record) -> Interval:
    """The mean over the study's runs that differ in their seed alone; this one's where the study is elsewhere."""
    own = record.scores["test"][vocabulary.METRICS[record.scores["metric"]].key]
    runs = records.read_records(record.study).query("status == 'finished'")
    key = ["language", "task", "backbone", "method", "stage", "sources", "variant_digest"]
    mine = runs.loc[runs["digest"] == record.digest, key]
    return mean_interval(runs.merge(mine, on=key)["test_score"] if len(mine) else [own])


def card(record: Record, tagger: Tagger, library: str, licences: Mapping[str, str]) -> str:
    """The model card, in the Hub's form: what it was made of, what it scores, against what, at which cost."""
    from huggingface_hub import ModelCardData

    words, costs = vocabulary.TASKS[record.task], record.costs
    names = {tag: _hub_name(corpus["name"]) for tag, corpus in record.corpora.items()}
    missing = [tag for tag in record.corpora if not licences.get(tag)]
    pipeline = PIPELINES[tagger.models[0].task.form]
    data = ModelCardData(
        language=[
            tag for tag in {record.language: 0} | dict.fromkeys(record.train_languages) if not is_demo_language(tag)
        ],
        license=licences.get(record.language),
        base_model=record.backbone if "/" in record.backbone else None,
        datasets=sorted(filter(None, names.values())) or None,
        library_name=library,
        pipeline_tag=pipeline,
        tags=["nerlib", record.task, record.method],
    )
    same = records.read_records(record.study).query("language == @record.language and task == @record.task")
    against = [c for c in results.compare(same) if (c.pairs[["digest_a", "digest_b"]] == record.digest).any(axis=None)]
    template = resources.files("nerlib").joinpath("templates", "card.md").read_text(encoding="utf-8")
    return template.format(
        data=data.to_yaml(),
        task=words.label,
        language=record.language,
        method=vocabulary.label(record.method),
        backbone=record.backbone,
        stage=formats.capital(vocabulary.label(record.stage)),
        seed=record.seed,
        labels=", ".join(tagger.models[0].labels),
        corpora="\n".join(
            f"| {tag} | {names[tag] or Path(of['name']).name} | {of['digest']} | {licences.get(tag, 'NOT STATED')} |"
            for tag, of in record.corpora.items()
        ),
        train=record.sizes["train"],
        test=record.sizes["test"],
        examples=words.examples,
        missing=f"**The licence of the data is missing for {', '.join(missing)}: state it before sharing.**"
        if missing
        else "",
        score=results.score_text(
            f"{formats.capital(vocabulary.METRICS[record.scores['metric']].label)} on test:", _score(record)
        ),
        own=formats.points(record.scores["test"][vocabulary.METRICS[record.scores["metric"]].key]),
        verdicts="\n\n".join(f"{results.describe(c)} {results.describe_basis(c)}" for c in against)
        or "Nothing else was trained that it could be held against.",
        confidence=tagger.calibration or "Entities have no calibrated confidence: dev held too few of them.",
        total=costs["total_parameters"],
        trainable=costs["trainable_parameters"],
        seconds=formats.seconds(costs["seconds"]["total"]),
        device=record.provenance.get("device", "an unknown device"),
        warnings="\n\n".join(f"Warning: {warning}." for warning in record.warnings),
        load=PIPELINE.format(pipeline=pipeline)
        if library == "transformers"
        else without_nerlib(tagger.models[0], record.language if tagger.models[0].languages else ""),
    )


def _hub_name(corpus: str) -> str:
    """A corpus's name on the Hub; "" for a folder or an artificial one."""
    return hub.REPOSITORIES[corpus].name if corpus in hub.REPOSITORIES else corpus if hub.is_hub_name(corpus) else ""


def _write_eval_results(record: Record, folder: Path) -> None:
    """The Hub's evaluation file, where the target's corpus is one of the Hub's; the interval stands in `notes`."""
    corpus = record.corpora[record.language]
    if not (name := _hub_name(corpus["name"])):
        return
    score, metric = _score(record), record.scores["metric"]
    entry = {
        "dataset": {"id": name, "task_id": record.language}
        | ({"revision": corpus["revision"]} if corpus["revision"] else {}),
        "value": round(100 * score.value, 2),
        "date": str(record.provenance["ended"])[:10],
        "notes": f"{metric}, mean over {score.n} seeds, 95 % interval {100 * score.low:.1f} to {100 * score.high:.1f}",
    }
    folder.mkdir()
    (folder / f"{name.replace('/', '--')}.yaml").write_text(
        yaml.safe_dump([entry], sort_keys=False, allow_unicode=True), encoding="utf-8"
    )
