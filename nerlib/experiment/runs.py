"""One run: its identity, its folder, and how it is made when it is not there."""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from nerlib import corpora, folders, models, params, records, training
from nerlib.corpora import Sentence, digest_of_sentences
from nerlib.efficiency import PeakMemory, Stopwatch
from nerlib.errors import NerlibError, RecordError
from nerlib.experiment.material import Material, Portion
from nerlib.experiment.progress import announce, teller
from nerlib.experiment.stages import Stage
from nerlib.models import TunedModel
from nerlib.records import Record
from nerlib.records.record import RECORD
from nerlib.records.table import SCORE_OF_METRIC
from nerlib.scoring import Scores

RECIPE_VERSION = 1  # raise it when the training code changes what a run with the same settings gives
MODEL, PREDICTIONS, CURVE, LOG, COUNTS, CHECKPOINT = (
    "model",
    "predictions",
    "curve.csv",
    "log.txt",
    "counts.npz",
    "checkpoint",
)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder
        Where it lives.
    record
        What is known of it.
    """

    folder: Path
    record: Record

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.record.seed

    @property
    def digest(self) -> str:
        """Its identity's digest."""
        return self.record.digest

    @cached_property
    def curve(self) -> pd.DataFrame:
        """One row a scored epoch: epoch, step, train_loss, dev_score, seconds, and the run's stage and seed."""
        curve = pd.read_csv(self.folder / CURVE)
        return curve.assign(stage=self.record.stage, seed=self.seed, method=self.record.method)

    def predictions(self, split: str = "test") -> records.Predictions:
        """Words, gold and predicted tags of `dev` or `test`."""
        return records.read_predictions(self.folder, split)

    def load_model(self) -> TunedModel:
        """What was trained."""
        return models.load_model(self.folder)


def identity_of(material: Material, stage: Stage, seed: int, portion: Portion, parent: Run | None) -> dict[str, Any]:
    """Everything that can change the run's result, and nothing else: not names, places, machine or time."""
    return {
        "recipe_version": RECIPE_VERSION,
        "stage": stage.name,
        "task": material.task.name,
        "labels": list(material.labels),
        "method": models.methods.described(material.method()),
        "recipe": material.recipe(stage).model_dump(),
        "backbone": material.backbone.fingerprint,
        "max_length": material.settings.max_length,
        "seed": seed,
        "sentences": portion.digests(),
        "parent": parent.digest if parent else "",
    }


def find_or_make(
    material: Material, stage: Stage, seed: int, parent: Run | None, *, checkpoint_seconds: float | None = None
) -> Run:
    """The run of a stage with a seed: found finished, gone on with from a checkpoint, or made.

    Two processes never train the same run at once: the second waits, and finds the record of the first.

    Raises
    ------
    NerlibError
        When the training fails (a record with status `failed` then names the reason), or its input cannot be read
        (then there is no record).
    """
    settings = material.settings
    material.check()
    portion = material.portion(stage, seed)
    identity = identity_of(material, stage, seed, portion, parent)
    digest = records.digest_of(identity)
    folder = records.run_folder(
        settings.study, settings.language, settings.task, settings.backbone, settings.method, stage.name, seed, digest
    )
    if found := _finished(folder):
        return found
    lock = folder.with_name(f".{folder.name}.lock")
    with folders.lock(
        lock, on_wait=lambda owner: announce(f"{stage.name}, seed {seed}: made by process {owner}, waiting")
    ):
        return _finished(folder) or _Making(material, stage, seed, portion, parent, identity, folder).make(
            checkpoint_seconds
        )


def _finished(folder: Path) -> Run | None:
    """The finished run in a folder; None when there is none, or its record is damaged (said, and done again)."""
    if not (folder / RECORD).exists():
        return None
    try:
        record = records.read_record(folder)
    except RecordError as error:
        announce(f"{error}; the run is done again")
        return None
    return Run(folder, record) if record.status == "finished" else None


class _Making:
    """Makes one run, and leaves its folder finished or failed."""

    def __init__(
        self,
        material: Material,
        stage: Stage,
        seed: int,
        portion: Portion,
        parent: Run | None,
        identity: dict[str, Any],
        folder: Path,
    ) -> None:
        self.material, self.stage, self.seed, self.portion = material, stage, seed, portion
        self.parent, self.identity, self.folder = parent, identity, folder
        self.watch = Stopwatch()
        self.started = datetime.now(UTC)

    def make(self, checkpoint_seconds: float | None) -> Run:
        folders.writable(self.folder)
        self.say(f"started {self.stage.name}, seed {self.seed}, digest {records.digest_of(self.identity)}")
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        try:
            with PeakMemory() as peak:
                fields = self.train_and_score(checkpoint_seconds)
        except (NerlibError, torch.OutOfMemoryError) as error:
            self.say(f"failed: {error}")
            self.record({"status": "failed", "reason": str(error)})
            if isinstance(error, NerlibError):  # going on from where it went wrong would go wrong again
                shutil.rmtree(self.folder / CHECKPOINT, ignore_errors=True)
            raise
        fields["costs"] |= memory_of(peak)
        run = Run(self.folder, self.record(fields | {"status": "finished"}))
        shutil.rmtree(self.folder / CHECKPOINT, ignore_errors=True)
        self.say("finished")
        return run

    def train_and_score(self, checkpoint_seconds: float | None) -> dict[str, Any]:
        material, portion, task = self.material, self.portion, self.material.task
        length = material.settings.max_length
        use_threads()
        with self.watch.part("set_up"):
            model = self.start_model()
            counts = {
                "trainable_parameters": model.trainable_parameters,
                "head_parameters": model.head_parameters,
                "total_parameters": model.total_parameters,
            }
            train = model.encode(portion.train, length, cache=True)
            dev = model.encode(portion.dev, length, cache=True)
            test = model.encode(portion.test, length, cache=True)
            model.network.to(training.best_device())
        gold_dev = [s.tags for s in portion.dev]

        def dev_score() -> float:
            scores = task.score(gold_dev, training.predict(model, dev))
            return float(getattr(scores, SCORE_OF_METRIC.get(task.metric, task.metric)))

        every = {} if checkpoint_seconds is None else {"checkpoint_seconds": checkpoint_seconds}
        recipe = material.recipe(self.stage)
        outcome = training.train(
            model.network,
            train,
            recipe,
            seed=self.seed,
            loss=task.loss,
            count=task.count,
            evaluate=dev_score,
            hooks=model.hooks,
            checkpoint=self.folder / CHECKPOINT,
            on_resume=lambda step: self.say(f"went on from step {step}"),
            progress=teller(f"{self.stage.name}, {material.settings.method}, seed {self.seed}", self.say),
            **every,
        )
        models.save_model(model, self.folder / MODEL)
        with self.watch.part("evaluation"):
            predicted = {"dev": training.predict(model, dev), "test": training.predict(model, test)}
            scores = {
                split: task.score([s.tags for s in getattr(portion, split)], predicted[split]) for split in predicted
            }
            told = {split: s.to_record() for split, s in scores.items()} | self.beside_scores(model, predicted["test"])
        self.write_results(predicted, scores["test"], pd.DataFrame(outcome.curve))
        seconds = self.watch.seconds
        evaluation = seconds["evaluation"] + outcome.scoring_seconds
        parts = {
            "set_up": seconds["set_up"],
            "training": outcome.seconds - outcome.scoring_seconds,
            "evaluation": evaluation,
        }
        return {
            "scores": {"metric": task.metric} | told,
            "costs": counts
            | {
                "seconds": parts | {"total": sum(parts.values())},
                "seconds_to_best": outcome.seconds_to_best,
                "model_bytes": sum(file.stat().st_size for file in (self.folder / MODEL).rglob("*") if file.is_file()),
                "steps": outcome.steps,
                "steps_at_best": outcome.steps_at_best,
                "epochs": outcome.epochs,
                "stopped_early": outcome.stopped_early,
                "lost_words": {"train": train.lost_words, "dev": dev.lost_words, "test": test.lost_words},
                "energy_joules": None,
                "utilisation": None,
            },
            "provenance": {"resumed_from": outcome.resumed_from},
        }

    def start_model(self) -> TunedModel:
        material = self.material
        if self.parent:
            model = models.load_model(self.parent.folder, material.backbone, trainable=True)
            if model.labels != material.labels:
                raise NerlibError(
                    f"{self.parent.folder} was trained with other labels: expected {', '.join(material.labels)}, "
                    f"met {', '.join(model.labels)}"
                )
            return model
        return models.build(material.backbone, material.task, material.method(), labels=material.labels, seed=self.seed)

    def beside_scores(self, model: TunedModel, predicted: list[tuple[str, ...]]) -> dict[str, Any]:
        """Forgetting of the sources, and the test score without sentences that were seen in training."""
        material, task, portion = self.material, self.material.task, self.portion
        deciding = SCORE_OF_METRIC.get(task.metric, task.metric)
        beside: dict[str, Any] = {}
        if self.parent:
            encoded = model.encode(portion.source_dev, material.settings.max_length, cache=True)
            after = task.score([s.tags for s in portion.source_dev], training.predict(model, encoded))
            beside["source_dev_score_before"] = self.parent.record.scores["dev"][deciding]
            beside["source_dev_score_after"] = float(getattr(after, deciding))
            beside["zero_shot_f1"] = self.parent.record.scores["test"][deciding]
        seen = self.seen()
        if seen.any() and not seen.all():
            kept = [i for i in range(len(portion.test)) if not seen[i]]
            unseen = task.score([portion.test[i].tags for i in kept], [predicted[i] for i in kept])
            beside["test_unseen"] = unseen.to_record() | {"sentences": len(kept)}
        return beside

    def seen(self) -> np.ndarray:
        """(test sentences,) bool: which stand, word for word, in what this run or its parent was trained on."""
        train: list[Sentence] = list(self.portion.train)
        if self.stage.continues == "sources":
            for corpus in self.material.sources.values():
                train += corpus.train
        return corpora.seen(self.portion.test, train)

    def write_results(self, predicted: dict[str, Any], test: Scores, curve: pd.DataFrame) -> None:
        for split, tags in predicted.items():
            sentences = getattr(self.portion, split)
            path = folders.writable(self.folder / PREDICTIONS) / f"{split}.conll"
            corpora.write_conll(path, [s.words for s in sentences], [s.tags for s in sentences], tags)
        test.counts.save(self.folder / COUNTS)
        folders.write_atomically(self.folder / CURVE, curve.to_csv(index=False))

    def record(self, fields: dict[str, Any]) -> Record:
        material, settings = self.material, self.material.settings
        used = material.corpora_of(self.stage)
        trained = set(self.portion.sizes()["train_by_language"]) | (set(material.sources) if self.parent else set())
        origin = params.sources_of_values(settings)
        place = settings.model_dump(mode="json")
        files = [self.folder / PREDICTIONS / f"{split}.conll" for split in ("dev", "test")]
        seen = int(self.seen().sum())
        warnings = [w for corpus in used.values() for w in corpus.warnings]
        if seen:
            warnings.append(
                f"{seen} of {len(self.portion.test)} test sentences stand in the training data, word for word"
            )
        content: dict[str, Any] = {
            "study": settings.study,
            "language": settings.language,
            "task": settings.task,
            "backbone": material.backbone.name,
            "method": settings.method,
            "stage": self.stage.name,
            "seed": self.seed,
            "digest": records.digest_of(self.identity),
            "parent": self.parent.digest if self.parent else "",
            "train_languages": sorted(trained),
            "settings": {name: {"value": place[name], "source": origin[name]} for name in place},
            "identity": self.identity,
            "sizes": self.portion.sizes() | {"test_seen": seen},
            "corpora": {
                tag: {
                    "name": corpus.name,
                    "digest": corpus.digest,
                    "revision": corpus.revision,
                    "repairs": dict(corpus.repairs),
                    "label_map": dict(corpus.label_map),
                }
                for tag, corpus in used.items()
            },
            "digests": {f"{PREDICTIONS}/{f.name}": folders.fingerprint_file(f) for f in files if f.is_file()}
            | {"gold_test": digest_of_sentences(self.portion.test)},
            "warnings": warnings,
            **fields,
        }
        device = training.best_device()
        content["provenance"] = records.provenance(
            threads=torch.get_num_threads(),
            device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            deterministic="bit-equal for this number of threads"
            if device.type == "cpu"
            else "up to kernels that have no deterministic form",
            started=self.started.isoformat(timespec="seconds"),
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
        ) | fields.get("provenance", {})
        return records.write_record(self.folder, content)

    def say(self, line: str) -> None:
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")


def use_threads() -> None:
    """As many threads as `NERLIB_THREADS` says (a grid runs notebooks side by side); else torch's own number."""
    if given := os.environ.get("NERLIB_THREADS"):
        torch.set_num_threads(int(given))


def memory_of(peak: PeakMemory) -> dict[str, Any]:
    """Peak memory of a stage, and how it was measured: by the device's allocator on a GPU."""
    if training.best_device().type == "cuda":
        return {
            "peak_memory_bytes": torch.cuda.max_memory_allocated(),
            "peak_memory_way": "torch's allocator on the GPU",
        }
    return {"peak_memory_bytes": peak.bytes, "peak_memory_way": peak.way}
