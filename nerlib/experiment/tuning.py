"""The run of a stage: a backbone tuned for a task and scored on the target."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nerlib import corpora, efficiency, folders, models, params, records, training
from nerlib.alignment import Alignment, Companions
from nerlib.corpora import Example, digest_of_examples
from nerlib.efficiency import Stopwatch
from nerlib.encoding import Encoded
from nerlib.errors import NerlibError, TooLarge
from nerlib.experiment.identity import identity_of, training_of
from nerlib.experiment.material import Material
from nerlib.experiment.progress import teller
from nerlib.experiment.runs import (
    COUNTS,
    CURVE,
    MODEL,
    Job,
    Name,
    Run,
    costs_of,
    finished,
    found_or_made,
    plus_evaluation,
)
from nerlib.experiment.stages import Stage
from nerlib.models import TunedModel
from nerlib.models.methods.bottleneck import adapters_that_run
from nerlib.records.table import SCORE_OF_METRIC
from nerlib.tasks import why_collapsed
from nerlib.training.loop import SECONDS_BETWEEN_CHECKPOINTS

#: Of a run's provenance, what belongs to its training and goes along when that is taken over.
OF_TRAINING = ("resumed_from", "precision", "micro_batch_size", "adapters_in_training")


def find_or_make(
    material: Material,
    stage: Stage,
    parents: Mapping[int, Run | None],
    languages: dict[str, Run],
    *,
    checkpoint_seconds: float | None = None,
) -> list[Run]:
    """The runs of a stage, one a seed (see `runs.found_or_made`).

    Parameters
    ----------
    parents
        By seed, the run that it continues.
    languages
        The runs of the language adapters, by tag, for a method that has some.

    Raises
    ------
    NerlibError
        When a training fails (a record with status `failed` then names the reason), or its input cannot be read
        (then there is no record).
    """
    material.check()
    runs = [_Tuning(material, stage, *of_seed, languages, checkpoint_seconds) for of_seed in parents.items()]
    return [found_or_made(one.name, one.identity, one.known(), one.make) for one in runs]


class Trained(NamedTuple):
    """What a training took.

    Attributes
    ----------
    curve
        One row a scored epoch.
    costs, provenance
        As in the record; `costs.seconds` without the evaluation on test.
    remarks
        What a reader must know of it.
    """

    curve: pd.DataFrame
    costs: dict[str, Any]
    provenance: dict[str, Any]
    remarks: tuple[str, ...] = ()


class _Tuning:
    """Trains one run, and tells what its record holds."""

    def __init__(
        self,
        material: Material,
        stage: Stage,
        seed: int,
        parent: Run | None,
        languages: dict[str, Run],
        checkpoint_seconds: float | None,
    ) -> None:
        self.material, self.stage, self.seed, self.parent = material, stage, seed, parent
        self.languages, self.checkpoint_seconds = languages, checkpoint_seconds
        self.portion = material.portion(stage, seed)
        self.identity = identity_of(material, stage, seed, self.portion, parent, languages)
        self.deciding = SCORE_OF_METRIC.get(material.task.metric, material.task.metric)
        self.training_digest = records.digest_of(training_of(material, stage, seed, self.portion, languages))

    @property
    def name(self) -> Name:
        """What the run goes by."""
        s = self.material.settings
        return Name(s.study, s.language, s.task, s.backbone, s.method, self.stage.name, self.seed)

    def make(self, job: Job) -> dict[str, Any]:
        """Train and score, write the run's files, and return scores, costs and digests."""
        self.check_memory()
        portion, task, watch = self.portion, self.material.task, Stopwatch()
        model, trained = self.taken_over(job) or self.trained(job)
        models.save_model(model, job.folder / MODEL)
        with watch.part("evaluation"):
            dev, test = self.encoded(model, portion.dev), self.encoded(model, portion.test)
            predicted = {"dev": training.predict(model, dev)} if portion.dev else {}
            with adapters_that_run(model.network) as ran:
                predicted["test"] = training.predict(model, test)
            scores = {
                split: task.score([e.gold for e in getattr(portion, split)], predicted[split]) for split in predicted
            }
            told = {split: s.to_record() for split, s in scores.items()} | self.beside_scores(model, predicted["test"])
        collapsed = why_collapsed(
            task,
            gold=[e.gold for e in portion.test],
            predicted=predicted["test"],
            dev_gold=[e.gold for e in portion.dev],
            dev_scores=trained.curve["dev_score"].dropna() if portion.dev else (),
        )
        files = self.write_results(job, predicted, scores["test"], trained.curve)
        evaluated = {
            "seconds": plus_evaluation(trained.costs["seconds"], watch.seconds["evaluation"]),
            "model_bytes": sum(file.stat().st_size for file in (job.folder / MODEL).rglob("*") if file.is_file()),
            "lost_words": trained.costs["lost_words"] | {"dev": dev.lost_words, "test": test.lost_words},
        }
        return {
            "warnings": [*self.known()["warnings"], *trained.remarks, *self.advice(collapsed, trained)],
            "scores": {"metric": task.metric, "collapsed": collapsed} | told,
            "costs": trained.costs | evaluated,
            "digests": {f"{f.parent.name}/{f.name}": folders.fingerprint_file(f) for f in files}
            | {"gold_test": digest_of_examples(portion.test), "training": self.training_digest},
            "provenance": trained.provenance | ({"adapters_in_prediction": sorted(ran)} if ran else {}),
        }

    def advice(self, collapsed: str, trained: "Trained") -> list[str]:
        """What to try after a collapse; nothing when there was none."""
        rate, steps = self.material.recipe(self.stage).learning_rate, trained.costs["steps"]
        told = f"{steps} optimizer steps at learning rate {rate:.2g}; try another learning rate or more steps"
        return [f"collapsed: {collapsed} after {told}"] if collapsed else []

    def check_memory(self) -> None:
        """Refuse, with `TooLarge`, a training whose weights, gradients and optimizer states alone do not fit."""
        material = self.material
        only = material.settings.encoder_only
        weights = models.count_weights(material.backbone, material.task, material.labels, encoder_only=only)
        needed = efficiency.memory_needed(weights, weights if material.method().trains_backbone else 0)
        device = training.best_device()
        if reason := efficiency.lacking(
            needed, efficiency.memory_available(device.index or 0 if device.type == "cuda" else None)
        ):
            raise TooLarge(f"{self.stage.name}, {material.settings.method}: {reason}")

    def trained(self, job: Job) -> tuple[TunedModel, "Trained"]:
        """Train, and tell what it took."""
        portion, watch = self.portion, Stopwatch()
        with watch.part("set_up"):
            model = self.start_model()
            counts = {
                "trainable_parameters": model.trainable_parameters,
                "head_parameters": model.head_parameters,
                "total_parameters": model.total_parameters,
            }
            train, dev = self.encoded(model, portion.train), self.encoded(model, portion.dev)
            model.network.to(training.best_device())
            alignment = self.alignment(model, train)
        with adapters_that_run(model.network) as ran:
            outcome = self.learn(job, model, train, dev, alignment)
        costs = counts | costs_of(outcome, watch.seconds["set_up"]) | {"lost_words": {"train": train.lost_words}}
        how: dict[str, Any] = {"precision": outcome.precision, "micro_batch_size": outcome.micro_batch_size}
        how |= {"adapters_in_training": sorted(ran)} if ran else {}
        told = {"resumed_from": outcome.resumed_from} | how
        return model, Trained(pd.DataFrame(outcome.curve), costs, told, train.remarks)

    def learn(
        self, job: Job, model: TunedModel, train: Encoded, dev: Encoded, alignment: Alignment | None
    ) -> training.Outcome:
        """Train the model."""
        trims = self.material.settings.trim_vocabulary
        with training.trimmed(model.network, (train, dev)) if trims else nullcontext():
            return training.train(
                model.network,
                alignment.companions if alignment else train,
                self.material.recipe(self.stage),
                seed=self.seed,
                loss=alignment.loss if alignment else model.loss,
                count=self.material.task.count,
                evaluate=partial(self.dev_score, model, dev, alignment) if self.portion.dev else None,
                hooks=model.hooks,
                cuts_batches=not alignment and not model.runs_by_block,
                checkpoint=job.checkpoint,
                on_resume=job.resumed,
                progress=self.teller(job),
                checkpoint_seconds=self.every,
            )

    def teller(self, job: Job) -> Callable[[training.Progress], None]:
        """Tells how far the training is."""
        return teller(f"{self.stage.name}, {self.material.settings.method}, seed {self.seed}", job.say)

    @property
    def every(self) -> float:
        """Seconds between two checkpoints."""
        return SECONDS_BETWEEN_CHECKPOINTS if self.checkpoint_seconds is None else self.checkpoint_seconds

    def taken_over(self, job: Job) -> tuple[TunedModel, "Trained"] | None:
        """The model of a finished run of this study that was trained on the same, to be scored on another target.

        Its training is told as this run's cost; `provenance` says whose it was.
        """
        other = self.twin()
        if other is None:
            return None
        job.say(f"takes over the training of {other.folder}")
        model = models.load_model(other.folder, self.material.backbone, languages=self.adapters)
        model.network.to(training.best_device())
        costs, origin = dict(other.record.costs), other.record.provenance
        costs["seconds"] = plus_evaluation(costs["seconds"] | {"evaluation": 0.0}, 0.0)
        told = {name: origin[name] for name in OF_TRAINING if name in origin}
        curve = pd.read_csv(other.folder / CURVE)
        return model, Trained(curve, costs, told | {"training_taken_over_from": other.digest})

    def twin(self) -> Run | None:
        """A finished run of this study whose training was the same; of stages on the sources alone."""
        if self.stage.trains_on != "sources":
            return None
        name = self.name
        places = (folders.runs_folder() / name.study).glob(f"*/{name.task}/*/{name.method}/{name.stage}/*")
        found = (finished(place) for place in sorted(places))
        return next((run for run in found if run and run.record.digests.get("training") == self.training_digest), None)

    @property
    def adapters(self) -> dict[str, Path]:
        """The folders of the language adapters."""
        return {tag: run.folder / MODEL for tag, run in self.languages.items()}

    def encoded(self, model: TunedModel, examples: tuple[Example, ...]) -> Encoded:
        """Examples for the model, from the cache where they are in it."""
        settings = self.material.settings
        return model.encode(examples, settings.max_length, stride=settings.stride, cache=True)

    def dev_score(self, model: TunedModel, dev: Encoded, alignment: Alignment | None) -> dict[str, float]:
        """The task's metric and loss on dev, and the alignment penalty where there is one."""
        predictions, loss = training.evaluate(model, dev)
        scores = self.material.task.score([e.gold for e in self.portion.dev], predictions)
        found = {"dev_score": float(getattr(scores, self.deciding)), "dev_loss": loss}
        return found | {"alignment": alignment.probe()} if alignment else found

    def alignment(self, model: TunedModel, train: Encoded) -> Alignment | None:
        """The alignment penalty that the settings ask for; None when they ask for none, or it has no meaning here."""
        settings = self.material.settings
        if not self.material.alignment(self.stage):
            return None
        others, pairs = self.material.companions(self.stage, self.seed)
        companions = Companions(
            train, self.encoded(model, others), self.seed, self.encoded(model, pairs) if pairs else None
        )
        return Alignment(model, companions, settings.alignment, settings.alignment_weight)

    def start_model(self) -> TunedModel:
        """What the training starts from: the parent's model, or the backbone with a fresh head."""
        material = self.material
        if self.parent:
            model = models.load_model(self.parent.folder, material.backbone, trainable=True)
            if model.labels != material.labels:
                raise NerlibError(
                    f"{self.parent.folder} was trained with other labels: expected {', '.join(material.labels)}, "
                    f"met {', '.join(model.labels)}"
                )
            return model
        return models.build(
            material.backbone,
            material.task,
            material.method(),
            labels=material.labels,
            encoder_only=material.settings.encoder_only,
            languages=self.adapters,
            seed=self.seed,
        )

    def beside_scores(self, model: TunedModel, predicted: list[tuple[str, ...]]) -> dict[str, Any]:
        """Forgetting of the sources, and the test score without sentences that were seen in training."""
        task, portion = self.material.task, self.portion
        beside: dict[str, Any] = {}
        if self.parent:
            predictions = training.predict(model, self.encoded(model, portion.source_dev))
            after = task.score([e.gold for e in portion.source_dev], predictions)
            beside["source_dev_score_before"] = self.parent.record.scores["dev"][self.deciding]
            beside["source_dev_score_after"] = float(getattr(after, self.deciding))
            beside["zero_shot_f1"] = self.parent.record.scores["test"][self.deciding]
        seen = self.seen()
        if seen.any() and not seen.all():
            kept = [i for i in range(len(portion.test)) if not seen[i]]
            unseen = task.score([portion.test[i].gold for i in kept], [predicted[i] for i in kept])
            beside["test_unseen"] = unseen.to_record() | {"sentences": len(kept)}
        return beside

    def seen(self) -> np.ndarray:
        """(test sentences,) bool: which stand, word for word, in what this run or its parent was trained on."""
        train: list[Example] = list(self.portion.train)
        if self.stage.continues == "sources":
            for corpus in self.material.sources.values():
                train += corpus.train
        return corpora.seen(self.portion.test, train)

    def write_results(self, job: Job, predicted: dict[str, Any], test: Any, curve: pd.DataFrame) -> list[Path]:
        """Write predictions (returned), counts by sentence, and the curve."""
        files = [
            records.write_predictions(job.folder, split, getattr(self.portion, split), found)
            for split, found in predicted.items()
        ]
        test.counts.save(job.folder / COUNTS)
        folders.write_atomically(job.folder / CURVE, curve.to_csv(index=False))
        return files

    def known(self) -> dict[str, Any]:
        """What the record says that is known before the training."""
        material, settings = self.material, self.material.settings
        used = material.corpora_of(self.stage)
        trained = set(self.portion.sizes()["train_by_language"]) | (set(material.sources) if self.parent else set())
        seen = int(self.seen().sum())
        warnings = [w for corpus in used.values() for w in corpus.warnings]
        if seen:
            warnings.append(
                f"{seen} of {len(self.portion.test)} test sentences stand in the training data, word for word"
            )
        return {
            "backbone": material.backbone.name,
            "parent": self.parent.digest if self.parent else "",
            "train_languages": sorted(trained),
            "settings": params.told_with_sources(settings),
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
            "warnings": warnings,
        }
