"""What is trained: a backbone for a task, scored on the target (the run of a stage); and the adapter of a language."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from safetensors.torch import load_file

from nerlib import corpora, efficiency, folders, models, params, pretraining, records, tasks, training
from nerlib.alignment import Alignment, Companions
from nerlib.corpora import Example, checks, digest_of_examples, documents_of
from nerlib.encoding import Encoded
from nerlib.errors import Interrupted, ModelError, NerlibError, RecordError
from nerlib.experiment.runs import (
    COUNTS,
    CURVE,
    MODEL,
    Job,
    Name,
    Run,
    Teller,
    announce,
    costs_of,
    finished,
    get_or_train,
    plus_evaluation,
    refuse_too_large,
)
from nerlib.experiment.study_data import RunData, StudyData
from nerlib.models import TaskModel
from nerlib.models.methods import WEIGHTS, adapters_that_run
from nerlib.vocabulary import ADAPTER, ADAPTERS, LANGUAGE_ADAPTER, METRICS, Stage

RECIPE_VERSION = 4  # raise it when the training code changes what a run with the same settings gives
#: Of a run's provenance, what belongs to its training and goes along when that is reused.
OF_OUTCOME = ("resumed_from", "damaged_checkpoints", "precision", "micro_batch_size")
Predicted = list[tuple[str, ...]]  # of every example, as `training.predict` gives them


def runs_of_stage(
    data: StudyData,
    stage: Stage,
    parents: Mapping[int, Run | None],
    adapters: Mapping[str, Run],
    *,
    with_models: bool = False,
    part: str = "",
    checkpoint_seconds: float = training.loop.SECONDS_BETWEEN_CHECKPOINTS,
) -> list[Run]:
    """The runs of a stage, one a seed (see `runs.get_or_train`).

    Parameters
    ----------
    parents
        By seed, the run that it continues.
    adapters
        The runs of the language adapters, by tag, for a method that has some.
    with_models
        Whether runs whose models were removed are made again.
    part
        Which part of a page's work this is, as "stage 1 of 3", for those who wait.
    checkpoint_seconds
        Seconds between two checkpoints.

    Raises
    ------
    Interrupted
        When a person stops it: what is finished stays, and the same call goes on from the last checkpoint.
    NerlibError
        When a training fails (a record with status `failed` then names the reason), or its input cannot be read
        (then there is no record).
    """
    data.check()
    made, found = list[Run](), list[str]()
    for number, (seed, parent) in enumerate(parents.items(), start=1):
        where = ", ".join(filter(None, (part, f"run {number} of {len(parents)}" if len(parents) > 1 else "")))
        run = StageRun(data, stage, seed, parent, adapters, where)
        found += [str(seed)] if run.found(with_models) else []
        try:
            known, make = record_fields(run), partial(_make, run, checkpoint_seconds)
            made.append(get_or_train(run.name, run.identity, known, make, with_model=with_models))
        except KeyboardInterrupt:
            kept = f"finished and kept: seed {', '.join(str(one.seed) for one in made)}; " if made else ""
            raise Interrupted(f"{run.title}; {kept}the same cell goes on from the last checkpoint") from None
    if found:
        announce(f"{stage.name}, {data.settings.method}: found finished, seed {', '.join(found)}")
    return made


# --- what a run is --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StageRun:
    """What a run is: nothing here is trained or written.

    Attributes
    ----------
    data
        Corpora, backbone, method.
    stage, seed
        Which training.
    parent
        The run that it continues.
    adapters
        The runs of the language adapters, by tag.
    where
        Which of the runs that are waited for this is.
    """

    data: StudyData
    stage: Stage
    seed: int
    parent: Run | None
    adapters: Mapping[str, Run]
    where: str = ""

    @property
    def title(self) -> str:
        """What progress calls it: ``target, lora, seed 1 (stage 2 of 2, run 1 of 3)``."""
        run = f"{self.stage.name}, {self.data.settings.method}, seed {self.seed}"
        return f"{run} ({self.where})" if self.where else run

    @property
    def name(self) -> Name:
        """What the run goes by."""
        s = self.data.settings
        return Name(s.study, s.language, s.task, s.backbone, s.method, self.stage.name, self.seed)

    @cached_property
    def examples(self) -> RunData:
        """What it is trained and scored on."""
        return self.data.run_data(self.stage, self.seed)

    @property
    def adapter_folders(self) -> dict[str, Path]:
        """The folders of the language adapters."""
        return {tag: run.folder / MODEL for tag, run in self.adapters.items()}

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that can change the run's result, and nothing else: not names, places, machine or time."""
        adapters = {tag: run.digest for tag, run in self.adapters.items()}
        told = {"sentences": self.examples.digests(), "parent": self.parent.digest if self.parent else ""}
        return self.training | told | ({"language_adapters": adapters} if adapters else {})

    @cached_property
    def training(self) -> dict[str, Any]:
        """What of the identity decides the trained weights of a stage without parent, whatever it is then scored on."""
        data, settings = self.data, self.data.settings
        training = {
            "recipe_version": RECIPE_VERSION,
            "stage": self.stage.name,
            "task": data.task.name,
            "labels": list(data.labels),
            "method": models.methods.described(data.method()),
            "recipe": data.recipe(self.stage).described(),
            "backbone": data.backbone.fingerprint,
            "max_length": settings.max_length,
            "seed": self.seed,
            "sentences": {k: v for k, v in self.examples.digests().items() if k in ("train", "dev")},
        }
        trained = {e.language for e in (*self.examples.train, *self.examples.dev)} if self.adapters else set()
        where_it_is_so = {
            "alignment": data.alignment(self.stage) or None,
            "stride": settings.stride if data.task.form == "answering" else None,
            "encoder_only": settings.encoder_only or None,
            "trim_vocabulary": settings.trim_vocabulary or None,
            "language_adapters": {tag: run.digest for tag, run in self.adapters.items() if tag in trained}
            if self.adapters
            else None,
        }
        return training | {name: value for name, value in where_it_is_so.items() if value is not None}

    def found(self, with_model: bool) -> Run | None:
        """The finished run, when it is there (see `runs.finished`)."""
        return finished(records.run_folder(*self.name, records.digest_of(self.identity)), with_model)

    @cached_property
    def seen(self) -> np.ndarray:
        """(test sentences,) bool: which stand, word for word, in what this run or its parent was trained on."""
        sources = self.data.sources.values() if self.stage.continues == "sources" else ()
        return corpora.seen(self.examples.test, [*self.examples.train, *(e for c in sources for e in c.train)])

    @cached_property
    def warnings(self) -> list[str]:
        """What a reader must know of its data, told before it is trained; a run that is found has it in its record."""
        seen, of = int(self.seen.sum()), len(self.examples.test)
        told = [f"{seen} of {of} test sentences stand in the training data, word for word"] if seen else []
        return [*self.data.unreadable, *checks.warnings(self.data.corpora_of(self.stage)), *told]

    def encode(self, model: TaskModel, examples: tuple[Example, ...]) -> Encoded:
        """Examples for the model."""
        return model.encode(examples, self.data.settings.max_length, stride=self.data.settings.stride)

    def score(self, examples: tuple[Example, ...], predictions: Predicted) -> Any:
        """The task's scores."""
        return self.data.task.score([example.gold for example in examples], predictions)

    def primary(self, examples: tuple[Example, ...], predictions: Predicted) -> float:
        """The score that decides: a field of what the task's `score` gives."""
        return float(getattr(self.score(examples, predictions), METRICS[self.data.task.metric].key))


def record_fields(run: StageRun) -> dict[str, Any]:
    """What the record says that is known before the training."""
    data, sizes = run.data, run.examples.sizes()
    return {
        "backbone": data.backbone.name,
        "parent": run.parent.digest if run.parent else "",
        "train_languages": sorted({*sizes["train_by_language"], *(data.sources if run.parent else ())}),
        "settings": params.settings_with_provenance(data.settings),
        "asked_for": (data.settings.variant,),
        "sizes": sizes | {"test_seen": int(run.seen.sum())},
        "corpora": {
            tag: {
                "name": corpus.name,
                "digest": corpus.digest,
                "revision": corpus.revision,
                "repairs": dict(corpus.repairs),
                "label_map": dict(corpus.label_map),
            }
            for tag, corpus in data.corpora_of(run.stage).items()
        },
    }


# --- making it ------------------------------------------------------------------------------------------------------


class Trained(NamedTuple):
    """A trained model, and what its training took.

    Attributes
    ----------
    model
        On its device.
    curve
        One row a scored epoch.
    costs, provenance
        As in the record; `costs.seconds` without the evaluation on test.
    remarks
        What a reader must know of it.
    predicted_dev
        What the model says of dev, where the training has told.
    """

    model: TaskModel
    curve: pd.DataFrame
    costs: dict[str, Any]
    provenance: dict[str, Any]
    remarks: tuple[str, ...] = ()
    predicted_dev: Predicted | None = None


def _make(run: StageRun, checkpoint_seconds: float, job: Job) -> dict[str, Any]:
    """Train and score, write the run's files, and return the other fields of its record."""
    check_memory(run)
    for warning in run.warnings:
        job.say(f"warning: {warning}")
    other = trained_alike(run)
    trained = taken_over(run, job, other) if other else train_stage(run, job, checkpoint_seconds)
    job.check_held()
    others = [one.folder / MODEL for one in (other, run.parent) if one]
    models.save_model(trained.model, job.folder / MODEL, [*run.adapter_folders.values(), *others])
    folders.write_atomically(job.folder / CURVE, trained.curve.to_csv(index=False))
    if run.stage.trains_on == "sources" and not other:
        folders.write_atomically(_note(run), str(job.folder.relative_to(_note(run).parents[1])))
    return score_stage(run, job, trained)


def check_memory(run: StageRun) -> None:
    """Refuse, with `TooLarge`, a training that cannot fit.

    Weights, gradients and optimizer states, language adapters, and what a usual batch keeps for its backward pass.
    """
    data, method = run.data, run.data.method()
    weights = models.count_weights(
        data.backbone, data.task, data.labels, method, encoder_only=data.settings.encoder_only
    )
    languages = sum(file.stat().st_size for own in run.adapter_folders.values() for file in own.glob("*.safetensors"))
    train = run.examples.train
    words = sum(len(getattr(one, "words", "1")) for one in train) / max(len(train), 1)  # a subword each, or more
    batch = int(words * min(len(train), data.recipe(run.stage).batch_size))
    refuse_too_large(f"{run.stage.name}, {data.settings.method}", data.backbone, weights, batch, languages)


def start_model(run: StageRun) -> TaskModel:
    """What the training starts from: the parent's model, or the backbone with a fresh head."""
    data = run.data
    if run.parent:
        model = models.load_model(run.parent.folder, data.backbone, trainable=True)
        if model.labels != data.labels:
            raise NerlibError(
                f"{run.parent.folder} was trained with other labels: expected {', '.join(data.labels)}, "
                f"got {', '.join(model.labels)}"
            )
        return model
    return models.build(
        data.backbone,
        data.task,
        data.method(),
        labels=data.labels,
        encoder_only=data.settings.encoder_only,
        languages=run.adapter_folders,
        seed=run.seed,
    )


def train_stage(run: StageRun, job: Job, checkpoint_seconds: float) -> Trained:
    """Train a run's model."""
    settings, watch, told = run.data.settings, efficiency.Stopwatch(), list[Predicted]()
    with watch.part("set_up"):
        model = start_model(run)
        counts = {
            "trainable_parameters": model.trainable_parameters,
            "head_parameters": model.head_parameters,
            "total_parameters": model.total_parameters,
        }
        train, dev = run.encode(model, run.examples.train), run.encode(model, run.examples.dev)
        model.network.to(training.best_device())
        alignment = _alignment(run, model, train)
    trims = training.trimmed(model.network, (train, dev)) if settings.trim_vocabulary else nullcontext()
    with adapters_that_run(model.network) as ran, trims:
        outcome = training.train(
            model.network,
            alignment.companions if alignment else train,
            run.data.recipe(run.stage),
            seed=run.seed,
            loss=alignment.loss if alignment else model.loss,
            count=run.data.task.count,
            evaluate=partial(_dev_scores, run, model, dev, alignment, told) if run.examples.dev else None,
            hooks=model.hooks,
            cuts_batches=not alignment and not model.runs_by_block,
            replays=not alignment and model.runs_by_block,
            checkpoint=job.checkpoint,
            say=job.say,
            check_held=job.check_held,
            progress=Teller(run.title, job.say),
            checkpoint_seconds=checkpoint_seconds,
        )
    costs = counts | costs_of(outcome, watch.seconds["set_up"]) | {"lost_words": {"train": train.lost_words}}
    pruned = model.trainable_parameters != counts["trainable_parameters"]  # AdaLoRA has taken rows out since
    later = sum(row["epoch"] > outcome.best_epoch for row in outcome.curve)  # than the epoch that was kept
    predicted = told[-1 - later] if later < len(told) and not pruned else None  # none: before it was gone on with
    provenance = {name: getattr(outcome, name) for name in OF_OUTCOME} | (
        {"adapters_in_training": sorted(ran)} if ran else {}
    )
    return Trained(model, pd.DataFrame(outcome.curve), costs, provenance, train.remarks, predicted)


def _alignment(run: StageRun, model: TaskModel, train: Encoded) -> Alignment | None:
    """The alignment penalty that the settings ask for; None when they ask for none, or it has no meaning here."""
    if not run.data.alignment(run.stage):
        return None
    companions = Companions(train, run.encode(model, run.data.companions(run.stage)), run.seed)
    return Alignment(model, companions, run.data.settings.alignment_weight)


def _dev_scores(
    run: StageRun, model: TaskModel, dev: Encoded, alignment: Alignment | None, told: list[Predicted]
) -> dict[str, float]:
    """The task's metric and loss on dev, and the alignment penalty where there is one; predictions go to `told`."""
    predictions, loss = training.evaluate(model, dev)
    told.append(predictions)
    found = {"dev_score": run.primary(run.examples.dev, predictions), "dev_loss": loss}
    return found | {"alignment": alignment.probe()} if alignment else found


def taken_over(run: StageRun, job: Job, other: Run) -> Trained:
    """The model of a run that was trained alike, to be scored on another target.

    Its training is told as this run's cost; `provenance` says whose it was.
    """
    job.say(f"takes over the training of {other.folder}")
    model = models.load_model(other.folder, run.data.backbone, languages=run.adapter_folders)
    model.network.to(training.best_device())
    costs, origin = other.record.costs, other.record.provenance
    provenance = {name: origin[name] for name in (*OF_OUTCOME, "adapters_in_training") if name in origin}
    return Trained(
        model,
        pd.read_csv(other.folder / CURVE),
        costs | {"seconds": plus_evaluation(costs["seconds"] | {"evaluation": 0.0}, 0.0)},
        provenance | {"training_taken_over_from": other.digest},
    )


def trained_alike(run: StageRun) -> Run | None:
    """A finished run of this study whose training was the same; of stages on the sources alone."""
    if run.stage.trains_on != "sources":
        return None
    for folder in _folders_alike(run):
        with suppress(RecordError):  # a damaged one is none of this run's business
            if (other := finished(folder)) and not folders.damaged(other.folder / MODEL):
                return other
    return None


def _folders_alike(run: StageRun) -> Iterator[Path]:
    """Folders of runs with the same training: the one that is noted, then all; the first takes no walk."""
    noted = _note(run)
    with suppress(OSError, UnicodeDecodeError):
        yield noted.parents[1] / noted.read_text(encoding="utf-8")
    table = records.read_records(run.name.study)
    same = (table["status"] == "finished") & (table["training"] == noted.name)
    yield from map(Path, table.loc[same, "folder"])


def _note(run: StageRun) -> Path:
    """Where it stands, by digest, which run has trained on these sources; it may be lost."""
    return folders.runs_folder() / run.name.study / ".trained" / records.digest_of(run.training)


def score_stage(run: StageRun, job: Job, trained: Trained) -> dict[str, Any]:
    """Predict and score dev and test, write predictions and counts, and return the fields of the record."""
    model, examples, watch = trained.model, run.examples, efficiency.Stopwatch()
    with watch.part("evaluation"):
        dev, test = run.encode(model, examples.dev), run.encode(model, examples.test)
        predicted = {"dev": trained.predicted_dev or training.predict(model, dev)} if examples.dev else {}
        with adapters_that_run(model.network) as ran:
            predicted["test"] = training.predict(model, test)
        scores = {"dev": run.score(examples.dev, predicted["dev"])} if examples.dev else {}
        scores["test"] = run.data.task.score_test(examples.test, predicted["test"])
        auxiliary = _auxiliary_scores(run, model, predicted["test"])
    replace(scores["test"].counts, documents=documents_of(examples.test)).save(job.folder / COUNTS)
    for split, found in predicted.items():
        records.write_predictions(job.folder, split, getattr(examples, split), found)
    costs = trained.costs | {
        "seconds": plus_evaluation(trained.costs["seconds"], watch.seconds["evaluation"]),
        "lost_words": trained.costs["lost_words"] | {"dev": dev.lost_words, "test": test.lost_words},
    }
    collapsed = tasks.why_collapsed(
        run.data.task,
        gold=[example.gold for example in examples.test],
        predicted=predicted["test"],
        dev_gold=[example.gold for example in examples.dev],
        dev_scores=trained.curve["dev_score"].dropna() if examples.dev else (),
    )
    advice = (
        f"collapsed: {collapsed} after {costs['steps']} optimizer steps at learning rate "
        f"{run.data.recipe(run.stage).learning_rate:.2g}; try another learning rate or more steps"
    )
    return {
        "warnings": [*run.warnings, *trained.remarks, *([advice] if collapsed else [])],
        "scores": {
            "metric": run.data.task.metric,
            "collapsed": collapsed,
            **{split: score.to_record() for split, score in scores.items()},
            **auxiliary,
        },
        "costs": costs,
        "digests": {"gold_test": digest_of_examples(examples.test), "training": records.digest_of(run.training)},
        "provenance": trained.provenance | ({"adapters_in_prediction": sorted(ran)} if ran else {}),
    }


def _by_language_adapter(run: StageRun, model: TaskModel) -> dict[str, float]:
    """The test score with each source's language adapter kept in place of the target's, and with none ("").

    Kunz & Holmström (2024) find that these are often no worse.
    """
    found = {}
    for kept in (*run.data.sources, ""):
        used = model if kept else replace(model, languages=())
        test = tuple(replace(example, language=kept or example.language) for example in run.examples.test)
        found[kept] = run.primary(run.examples.test, training.predict(used, run.encode(used, test)))
    return found


def _auxiliary_scores(run: StageRun, model: TaskModel, predicted: Predicted) -> dict[str, Any]:
    """Forgetting of the sources, other language adapters, and the test score without what was seen in training."""
    examples, found = run.examples, dict[str, Any]()
    if model.languages and run.stage.trains_on == "sources":
        found["test_by_language_adapter"] = _by_language_adapter(run, model)
    if run.parent:
        predicted_now = training.predict(model, run.encode(model, examples.source_dev))
        before, key = run.parent.record.scores, METRICS[run.data.task.metric].key
        found |= {
            "source_dev_score_before": before["dev"][key],
            "source_dev_score_after": run.primary(examples.source_dev, predicted_now),
            "zero_shot_f1": before["test"][key],
        }
    if run.seen.any() and not run.seen.all():
        kept = np.flatnonzero(~run.seen)
        unseen = run.score(tuple(examples.test[i] for i in kept), [predicted[i] for i in kept])
        found["test_unseen"] = unseen.to_record() | {"sentences": len(kept)}
    return found


# --- the adapter of a language: trained once for a backbone, a text and a seed ----------------------------------------

ADAPTER_VERSION = 2  # raise it when the training code changes what the same settings give
ADAPTER_BATCH = 32  # packed sequences


def language_adapter(data: StudyData, language: str, **how_it_runs: Any) -> Run:
    """The run of a language's adapter (see `runs.get_or_train`).

    Parameters
    ----------
    **how_it_runs
        `checkpoint_seconds` of `training.train`, which does not change the result.

    Raises
    ------
    CorpusError
        When there is no text of the language, or less than one batch.
    SettingsError
        When no text is named.
    ModelError
        When the backbone has no masked-language-model head.
    """
    settings, method, seed = data.settings, data.method(), data.settings.language_adapter_seed
    assert isinstance(method, models.MadX)
    name = Name(ADAPTERS, language, "mlm", settings.backbone, settings.method, ADAPTER, seed)
    if given := settings.language_adapters.get(language):
        return _ready(data, name, given)
    text = data.text(language)
    lines, held_out = corpora.split_text(text.lines)
    rate = settings.language_adapter_rate or models.default_learning_rate(method, data.backbone.hidden_size)
    described = models.methods.described(method)
    identity = {
        "version": ADAPTER_VERSION,
        "stage": ADAPTER,
        "backbone": data.backbone.fingerprint,
        "language": language,
        "text": text.digest,
        "adapter": {name: described[name] for name in LANGUAGE_ADAPTER},
        "steps": settings.language_adapter_steps,
        "learning_rate": rate,
        "batch_size": ADAPTER_BATCH,
        "max_length": settings.max_length,
        "seed": seed,
    }

    def make(job: Job) -> dict[str, Any]:
        watch, backbone = efficiency.Stopwatch(), data.backbone
        weights = models.count_weights(backbone, data.task, data.labels, models.Full())[0]
        own = round(2 * backbone.layers * backbone.hidden_size**2 / settings.language_reduction_factor)
        what, subwords = f"language adapter, {language}", ADAPTER_BATCH * settings.max_length
        refuse_too_large(what, backbone, (weights + own, own), subwords)
        with watch.part("all"):
            made = pretraining.train_language_adapter(
                data.backbone,
                language,
                lines,
                job.folder / MODEL,
                method=method,
                steps=settings.language_adapter_steps,
                learning_rate=rate,
                batch_size=ADAPTER_BATCH,
                length=settings.max_length,
                held_out=held_out,
                seed=seed,
                checkpoint=job.checkpoint,
                say=job.say,
                check_held=job.check_held,
                progress=Teller(what, job.say),
                **how_it_runs,
            )
        result, outcome = made.result, made.result.outcome
        folders.write_atomically(job.folder / CURVE, pd.DataFrame(outcome.curve).to_csv(index=False))
        return {
            "scores": {
                "metric": "minus_loss",
                "dev": {"minus_loss": -(result.loss_after or 0.0)},
                "loss_before": result.loss_before,
                "loss_after": result.loss_after,
            },
            "costs": {
                "trainable_parameters": made.trainable_parameters,
                "total_parameters": made.total_parameters,
                **costs_of(outcome, watch.seconds["all"] - outcome.seconds),
            },
            "sizes": {"train": len(lines), "dev": len(held_out), "subwords": result.subwords},
            "provenance": {name: getattr(outcome, name) for name in ("resumed_from", "damaged_checkpoints")},
        }

    known = {
        "backbone": data.backbone.name,
        "train_languages": [language],
        "settings": params.settings_with_provenance(settings),
        "corpora": {language: {"name": text.name, "digest": text.digest, "revision": text.revision}},
        "warnings": list(text.warnings),
    }
    return get_or_train(name, identity, known, make)


def _ready(data: StudyData, name: Name, given: str) -> Run:
    """An adapter that was trained elsewhere, as `adapters` (and AdapterHub) keep it; its files are taken over.

    Raises
    ------
    ModelError
        When it is not of safetensors, or has no configuration.
    """
    found = models.backbones.find_files(given)
    files = [found / name for name in ("adapter_config.json", WEIGHTS)]
    if missing := [file.name for file in files if not file.is_file()]:
        got = ", ".join(sorted(path.name for path in found.iterdir())[:8])
        raise ModelError(f"language adapter {given!r}: expected {', '.join(missing)}, got {got}; pickles are not read")
    identity = {
        "stage": name.stage,
        "backbone": data.backbone.fingerprint,
        "language": name.language,
        "files": {file.name: folders.fingerprint_file(file) for file in files},
    }

    def make(job: Job) -> dict[str, Any]:
        with folders.new_folder(job.folder / MODEL) as beside:
            for file in files:
                shutil.copyfile(file, beside / file.name)
            models.task_model.write_origin(beside, name.language, data.backbone)
        trained = sum(weights.numel() for weights in load_file(files[1]).values())
        total = trained + models.count_weights(data.backbone, data.task, data.labels, models.Full())[0]
        return {
            "scores": {"metric": "minus_loss", "loss_before": None, "loss_after": None},
            "costs": {"trainable_parameters": trained, "total_parameters": total, "seconds": {"total": 0.0}},
            "sizes": {"train": 0, "subwords": 0},
        }

    known = {
        "backbone": data.backbone.name,
        "train_languages": [name.language],
        "warnings": [f"trained elsewhere: {given}"],
    }
    return get_or_train(name, identity, known, make)
