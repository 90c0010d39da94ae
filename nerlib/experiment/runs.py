"""One run: its folder, how it is found, or made and recorded when it is not there; and how far it is, for who waits."""

import html
import math
import os
import secrets
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

from nerlib import efficiency, folders, models, records, training
from nerlib.errors import FolderError, NerlibError, RecordError, SettingsError, TooLarge
from nerlib.records import RECORD, Record

# Said by tqdm when the libraries below import it in a notebook without ipywidgets; the bar here needs none.
warnings.filterwarnings("ignore", message="IProgress not found")

MODEL, CURVE, LOG, COUNTS, CHECKPOINT = "model", "curve.csv", "log.txt", "counts.npz", "checkpoint"
OF_MODEL = f"{MODEL}/{folders.DIGESTS}"  # the model's own list of digests, which stands for it
REMOVED = "model_removed"  # of a run's provenance: since when its model is gone, and the digest that it had
TUNING = "{study}-tuning"  # where tried rates stand: apart, so that no table of results holds them


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

    @property
    def has_model(self) -> bool:
        """Whether its model is there, and was not removed (`remove_model`)."""
        return REMOVED not in self.record.provenance


class Name(NamedTuple):
    """What a run goes by: the parts of its folder's path."""

    study: str
    language: str
    task: str
    backbone: str
    method: str
    stage: str
    seed: int

    def __str__(self) -> str:
        return f"{self.stage}, {self.method}, {self.language}, seed {self.seed}"


@dataclass(frozen=True)
class Job:
    """A run in the making.

    Attributes
    ----------
    folder
        The run's.
    name
        What it goes by.
    check_held
        Raises when another process makes the run now: called before anything is written.
    """

    folder: Path
    name: Name
    check_held: Callable[[], str]

    @property
    def checkpoint(self) -> Path:
        """Where the training's state is kept while it runs."""
        return self.folder / CHECKPOINT

    def say(self, line: str) -> None:
        """Add a line to the run's log."""
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")


def get_or_train(
    name: Name,
    identity: Mapping[str, Any],
    known: Mapping[str, Any],
    make: Callable[[Job], dict[str, Any]],
    *,
    with_model: bool = False,
) -> Run:
    """The run with this identity: found finished, gone on with from a checkpoint, or made.

    Two processes never train the same run at once: the second waits, and finds the record of the first. A run that is
    found keeps every variant that it was asked for in, so that nothing depends on who asked first.

    Parameters
    ----------
    name
        What it goes by.
    identity
        Everything that can change the result, and nothing else: not names, places, machine or time.
    known
        Fields of the record that are known before.
    make
        Trains, writes the run's files, and returns further fields of the record, `scores` and `costs` among them.
    with_model
        Whether a run whose model was removed is made again.

    Raises
    ------
    NerlibError
        When the training fails; a record with status `failed` then names the reason.
    FolderError
        When the disk is full or cannot be written: there is no record, and the same call goes on once there is room.
    LockedError
        When the lock was lost while the run was made: another process makes it now.
    RecordError
        When the run is finished and its files are not as they were written (see `folders.REMAKE`).
    """
    folder = records.run_folder(*name, records.digest_of(identity))
    asked_for, lock = set(known.get("asked_for", ())), _lock(folder)
    found = finished(folder, with_model)
    if found and asked_for <= set(found.record.variants) and not (lock.exists() or _left_behind(folder)):
        return found
    with folders.lock(lock, on_wait=lambda owner: announce(f"{name}: made by {owner}, waiting")) as check_held:
        job = Job(folder, name, check_held)
        if left := _left_behind(folder):
            for path in left:
                folders.remove(path)
            job.say(f"cleared what a process that died had left: {', '.join(path.name for path in left)}")
        if (found := finished(folder)) and not asked_for <= set(found.record.variants):
            each = tuple(sorted(asked_for.union(found.record.variants)))
            found = Run(folder, records.write_record(folder, found.record.model_copy(update={"asked_for": each})))
        if found and (found.has_model or not with_model):
            return found
        return _made(job, identity, known, make, found)


def _lock(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def finished(folder: Path, with_model: bool = False) -> Run | None:
    """The finished run in a folder; None when there is none, or its record is damaged (said, and done again).

    Also none is one whose model was removed, where it is asked for `with_model`.

    Raises
    ------
    RecordError
        When its files are not as they were written; with `folders.REMAKE` set, the run then counts as not done.
    """
    if not (folder / RECORD).exists():
        return None
    try:
        record = records.read_record(folder)
    except RecordError as error:
        announce(f"{error}; the run is done again")
        return None
    if record.status != "finished":
        return None
    remake = bool(os.environ.get(folders.REMAKE))
    if wrong := records.damaged(folder, record) or (
        remake and (folder / MODEL).exists() and folders.damaged(folder / MODEL)
    ):
        if not remake:
            raise RecordError(f"{folder}: not as it was written: {wrong}; {folders.REPAIR}")
        announce(f"{folder}: not as it was written: {wrong}; the run is done again")
        return None
    return None if with_model and REMOVED in record.provenance else Run(folder, record)


def remove_model(run: Run) -> None:
    """Remove the model of a run whose settings do not keep it (`keep_models`), and say so in its record.

    Whoever asks for the run with its model has it made again (`get_or_train`).
    """
    record = run.record
    keep = record.settings.get("keep_models", {}).get("value", "all")
    if keep == "all" or (keep == "adapters" and record.method != "full"):
        return
    with folders.lock(_lock(run.folder)):
        found = finished(run.folder)
        if found and found.has_model:
            digests = dict(found.record.digests)
            removed = {"since": datetime.now(UTC).isoformat(timespec="seconds"), "digest": digests.pop(OF_MODEL, "")}
            told = {"digests": digests, "provenance": found.record.provenance | {REMOVED: removed}}
            records.write_record(run.folder, found.record.model_copy(update=told))
        if found:  # the record says so first: who is killed here leaves a folder that goes with the next removal
            folders.remove(run.folder / MODEL)


def remove_models(study: str) -> None:
    """Remove all models of a study, and of the rates that it tried, that its settings do not keep."""
    for name in (study, TUNING.format(study=study)):
        table = records.read_records(name)
        for folder in table.loc[table["status"] == "finished", "folder"]:
            if run := finished(Path(folder)):
                remove_model(run)


def _left_behind(folder: Path) -> list[Path]:
    """What processes that died have left in a run's folder: a finished run needs no checkpoint."""
    over = [folder / CHECKPOINT] if (folder / RECORD).exists() and (folder / CHECKPOINT).exists() else []
    return [*folders.leftovers(folder), *over]


def _made(
    job: Job,
    identity: Mapping[str, Any],
    known: Mapping[str, Any],
    make: Callable[[Job], dict[str, Any]],
    gone: Run | None,
) -> Run:
    """Make a run, and leave its folder finished or failed; whoever lost the lock meanwhile writes no record.

    One whose model is `gone` is there but for that: when it cannot be made again, its record stays as it was.
    """
    started, digest = datetime.now(UTC), records.digest_of(identity)
    folders.writable(job.folder)
    if gone:
        job.say("made again: its model was removed")
        known = {**known, "asked_for": gone.record.asked_for}
    job.say(f"started {job.name}, digest {digest}")
    use_threads()

    def record(fields: dict[str, Any]) -> Record:
        provenance = provenance_since(started) | fields.get("provenance", {}) | {"lease": job.check_held()}
        content = {"digest": digest, "identity": identity, **known, **fields, "provenance": provenance}
        return records.write_record(job.folder, job.name._asdict() | content)

    try:
        fields = _measured(job, make)
    except OSError as error:  # once there is room it goes on from its checkpoint
        raise FolderError(f"{job.name}: {error.strerror or error}; in {job.folder}") from error
    except (NerlibError, torch.OutOfMemoryError) as error:
        status = "not_run" if isinstance(error, TooLarge) else "failed"
        job.say(f"{status.replace('_', ' ')}: {error}")
        if gone:
            job.check_held()  # as writing a record does: whoever lost the lock touches nothing
        else:
            record({"status": status, "reason": str(error)})
        if isinstance(error, NerlibError):  # going on from where it went wrong would go wrong again
            shutil.rmtree(job.checkpoint, ignore_errors=True)
        raise
    run = Run(job.folder, record(fields | {"status": "finished"}))
    shutil.rmtree(job.checkpoint, ignore_errors=True)
    job.say("finished")
    if gone:
        same = run.record.digests[OF_MODEL] == gone.record.provenance[REMOVED]["digest"]
        job.say(f"its model is {'the one that was removed' if same else 'another one than that which was removed'}")
    return run


def _measured(job: Job, make: Callable[[Job], dict[str, Any]]) -> dict[str, Any]:
    """What `make` says of a run, with what the device has spent on it, and sizes and digests of the files.

    Its model's own list of digests stands for the model.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    at, before = job.folder, torch.cuda.memory_allocated()
    with efficiency.DeviceUse() as use:
        fields = make(job)
    weighs = sum(file.stat().st_size for file in (at / MODEL).rglob("*") if file.is_file())
    files = (at / CURVE, at / COUNTS, *(at / records.PREDICTIONS).glob("*"), at / OF_MODEL)
    digests = {f.relative_to(at).as_posix(): folders.fingerprint_file(f) for f in files if f.is_file()}
    costs = costs_of_device(fields["costs"], use, before) | fields["costs"]  # of one that was taken over: its own
    return fields | {"costs": costs | {"model_bytes": weighs}, "digests": fields.get("digests", {}) | digests}


def provenance_since(started: datetime) -> dict[str, Any]:
    """Code, machine and device of a run that began at `started` and ends now."""
    device = training.best_device()
    return records.provenance(
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        deterministic="bit-equal for this number of threads"
        if device.type == "cpu"
        else "up to kernels that have no deterministic form",
        started=started.isoformat(timespec="seconds"),
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def use_threads() -> None:
    """As many threads as `NERLIB_THREADS` says (a grid runs notebooks side by side); else torch's own number."""
    if given := os.environ.get("NERLIB_THREADS"):
        if not given.isdecimal() or not 1 <= int(given) <= 1024:
            raise SettingsError(f"NERLIB_THREADS: expected a number of threads, 1 or more, got {given[:20]!r}")
        torch.set_num_threads(int(given))


def costs_of_device(costs: Mapping[str, Any], use: efficiency.DeviceUse, before: int = 0) -> dict[str, Any]:
    """Peak memory of a training alone, whatever else its process holds, how it was found, and energy.

    On a GPU memory is what the device's allocator gave beyond the bytes that were allocated `before`, and energy as the
    device reports it. On a CPU, whose allocator does not tell, memory is what the training cannot do without, counted;
    energy is not known.
    """
    if training.best_device().type == "cuda":
        return {
            "peak_memory_bytes": torch.cuda.max_memory_allocated() - before,
            "peak_memory_way": "torch's allocator on the GPU, above what it held before",
            "energy_joules": use.joules,
        }
    return {
        "peak_memory_bytes": efficiency.memory_needed(costs["total_parameters"], costs["trainable_parameters"])
        + costs.get("kept_bytes", 0),
        "peak_memory_way": efficiency.COUNTED,
        "energy_joules": None,
    }


def refuse_too_large(
    what: str, backbone: models.Backbone, weights: tuple[int, int], subwords: int, beside: int = 0
) -> None:
    """Refuse, with `TooLarge`, a training that cannot fit: its weights, what a batch keeps, and bytes `beside` them.

    A batch is counted on a CPU alone: on a GPU it is computed in parts as large as fit.

    Parameters
    ----------
    weights
        All of them, and those that are trained.
    subwords
        Of a usual batch.
    """
    device = training.best_device()
    kept = efficiency.kept_at_least(subwords, backbone.layers, backbone.hidden_size) if device.type == "cpu" else 0
    there = efficiency.memory_available(device.index or 0 if device.type == "cuda" else None)
    if reason := efficiency.memory_shortfall(efficiency.memory_needed(*weights) + kept + beside, there):
        raise TooLarge(f"{what}: {reason}")


def costs_of(outcome: training.Outcome, set_up: float) -> dict[str, Any]:
    """Costs of a training that the loop tells.

    Parameters
    ----------
    outcome
        What the loop did.
    set_up
        Seconds before the loop.
    """
    scoring = outcome.scoring_seconds
    return {
        "seconds": plus_evaluation(
            {"set_up": set_up, "training": outcome.seconds - scoring, "evaluation": 0.0}, scoring
        ),
        "seconds_to_best": outcome.seconds_to_best,
        "kept_bytes": outcome.kept_bytes,
        "steps": outcome.steps,
        "steps_at_best": outcome.steps_at_best,
        "epochs": outcome.epochs,
        "stopped_early": outcome.stopped_early,
    }


def plus_evaluation(seconds: Mapping[str, float], more: float) -> dict[str, float]:
    """Seconds by part and their total, with `more` of them spent in evaluation."""
    parts = {name: seconds[name] for name in ("set_up", "training")} | {"evaluation": seconds["evaluation"] + more}
    return parts | {"total": sum(parts.values())}


# --- how far it is ----------------------------------------------------------------------------------------------------


def announce(text: str) -> None:
    """One line outside of any training (waiting for another process, making the demo backbone)."""
    print(text, flush=True)


class Teller:
    """Tells after every step how far a training is: a live bar in JupyterLab, one plain line an epoch elsewhere.

    The bar has loss, dev score and time left. It is drawn anew once a second at most, and goes when the work has ended.

    Parameters
    ----------
    title
        What is trained, as ``"target, seed 1"``.
    write
        Where lines go beside the screen (a run's log).
    """

    def __init__(self, title: str, write: Callable[[str], None] = lambda line: None) -> None:
        self.title, self.told, self.write = title, title, write
        self.bar, self.drawn = secrets.token_hex(8) if in_jupyterlab() else "", -1.0

    def __call__(self, progress: training.Progress) -> None:
        """Tell of a step; at an epoch's end its loss and dev score, too."""
        if progress.epoch_ended and not math.isnan(progress.train_loss):
            self.told = f"{self.title}: {_line(progress)}"
            self.write(self.told)
            if not self.bar:
                announce(self.told)  # a line an epoch is what a batch run shows
        ended = progress.epoch_ended and progress.epoch == progress.num_epochs
        if self.bar and (ended or progress.seconds - self.drawn >= 1):
            self._draw(progress, ended)

    def _draw(self, progress: training.Progress, ended: bool) -> None:
        from IPython.display import HTML, display

        left = progress.seconds / max(progress.step, 1) * (progress.total_steps - progress.step)
        bar = f'<progress value="{progress.step}" max="{progress.total_steps}" style="width:16em"></progress>'
        told = html.escape(self.told)
        shown = HTML(told if ended else f"{bar} {told}, about {left:.0f} s left")
        display(shown, display_id=self.bar, update=self.drawn >= 0)
        self.drawn = progress.seconds


def in_jupyterlab() -> bool:
    """Whether a person looks on: JupyterLab and its kin name the cell they run, batch runners do not."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    return kernel is not None and "cellId" in kernel.get_parent().get("metadata", {})


def _line(progress: training.Progress) -> str:
    score = "" if progress.dev_score is None else f", dev {100 * progress.dev_score:.1f}"
    if progress.dev_score is not None and progress.dev_score < 0:  # of masked language modelling: minus the loss
        score = f", held-out loss {-progress.dev_score:.3f}"
    return (
        f"epoch {progress.epoch}/{progress.num_epochs}, step {progress.step}, "
        f"loss {progress.train_loss:.3f}{score}, {progress.seconds:.0f} s"
    )
