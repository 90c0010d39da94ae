"""What a study will cost, before it begins: runs, hours, memory, disk, and how long it takes on so many devices.

Hours come from finished records of the same backbone and method where there are some: of the study itself (`measured`)
or of another one, whose sentences may be shorter (`measured elsewhere`); else from what an optimizer step of XLM-R base
took on one H200 (`counted`). All are told as an interval.
Optimizer steps follow from the settings, but for corpora of unknown size.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nerlib import efficiency, folders, formats, params, records
from nerlib.batch import jobs
from nerlib.batch.grid import Grid, Training, adapter, grid, trainings
from nerlib.errors import NerlibError
from nerlib.vocabulary import ADAPTER, ADAPTERS, METHODS, canonical_backbone, find_stage

UNKNOWN_SIZE = 20_000  # sentences of a corpus that is taken whole
ENCODER = 277e6  # parameters of XLM-R base, whose shape the following counts are of
#: Weights of a backbone, where no record says; others count as XLM-R base.
WEIGHTS = {
    "FacebookAI/xlm-roberta-large": 560e6,
    "google-bert/bert-base-multilingual-cased": 178e6,
    "google/mt5-small": 300e6,
    "ai-forever/mGPT": 1.42e9,
    "demo": 0.7e6,
}
#: Milliseconds of one optimizer step of 32 sentences at XLM-R base's shape on one H200, the scoring of dev in it
#: (benchmarks/NOTES.md); of MAD-X a bottleneck's and a guess of what its language adapter adds.
STEP_MS = {"full": 21.0, "lora": 13.0, "dora": 26.0, "adalora": 48.0, "bottleneck": 47.0, "madx": 60.0, ADAPTER: 54.0}
#: Of all weights, the share that is trained and kept.
TRAINED = {"full": 1.0, "bottleneck": 0.0032, "madx": 0.0032, ADAPTER: 0.027}
LORA_SHARE = 0.0011
EACH_RUN, PER_GIGABYTE = 2.0, 4.0  # seconds: scoring and files; weights read and written
START = 30.0  # seconds from a job's begin to its first step
LEAST_MINUTES = 10  # that a job asks for
#: An interval's ends are so many times more, and less.
FACTOR = {"measured": 1.5, "measured elsewhere": 3.0, "counted": 3.0}
HOST_MB = 4000  # of the libraries
NOTEBOOK_MINUTES, NOTEBOOK_MB = 60, 8000  # asked for; a tenth of the time is usual
BYTES_BESIDE = 150e3  # of a run, beside its model: record, predictions, counts, curve, log


class Rate(NamedTuple):
    """What runs of a backbone and method take: seconds a step and beside, bytes a model and at the peak; from where."""

    step: float
    run: float
    model_bytes: float
    memory_bytes: float
    weights: float
    steps: Mapping[str, float]  # of a run by stage, for corpora that are taken whole
    known: str  # measured, measured elsewhere, counted


def steps(one: Training, usual: Mapping[str, float]) -> float:
    """Optimizer steps of a run; those that are `usual` of its stage where a corpus is taken whole, of unknown size."""
    s, stage = one.settings, one.stage
    if stage == ADAPTER:
        return s.language_adapter_steps
    recipe, found = s.recipe_of(stage, METHODS[s.method].learning_rate), find_stage(stage)
    size = s.source_size if found.trains_on == "sources" else found.train_size or s.train_size
    if not size and stage in usual:
        return usual[stage]
    batches = math.ceil((size or UNKNOWN_SIZE) * recipe.epoch_fraction / recipe.batch_size)
    return batches * max(recipe.num_epochs, math.ceil(recipe.min_steps / batches))


def tried(one: Training) -> int:
    """Runs that choose a learning rate beside those that are reported: of the stage, and of what it continues."""
    s = one.settings
    if one.stage == ADAPTER or not s.tunes(one.stage):
        return 0
    before = find_stage(one.stage).continues
    return len(s.tuning_factors) + bool(before and not s.tunes(before))


# --- what is known ----------------------------------------------------------------------------------------------------


def rates(table: pd.DataFrame) -> dict[tuple[str, str], Rate]:
    """By backbone and method (of adapters: their stage), what finished runs took.

    Parameters
    ----------
    table
        Of `records.read_records`, of one study or several.
    """
    done = table[(table["status"] == "finished") & (table["steps"] > 0)]
    by = [done["backbone"].map(canonical_backbone), done["method"].where(done["stage"] != ADAPTER, ADAPTER)]
    found = {}
    for (backbone, kind), runs in done.groupby(by):
        per_step, each = _line(runs["steps"].to_numpy(), runs["seconds"].to_numpy())
        found[str(backbone), str(kind)] = Rate(
            step=per_step,
            run=each,
            model_bytes=float(runs["model_bytes"].median()),
            memory_bytes=float(runs["peak_memory_bytes"].max()),
            weights=float(runs["total_parameters"].max()),
            steps={str(stage): steps for stage, steps in runs.groupby("stage")["steps"].median().items()},
            known="measured",
        )
    return found


def _line(steps: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    """Seconds a step, and of a run beside its steps: the line of least squares, neither below 0."""
    spread = steps - steps.mean()
    slope = float(spread @ seconds / (spread @ spread)) if spread.any() else math.inf
    slope = min(max(slope, 0.0), float(seconds.mean() / steps.mean()))
    return slope, float(seconds.mean() - slope * steps.mean())


def rate(one: Training, known: Mapping[tuple[str, str], Rate]) -> Rate:
    """What a training's runs take: as measured, else by count."""
    asked = one.settings.backbone  # a folder goes by its last name, as in records
    backbone = canonical_backbone(Path(asked).name if folders.from_root(asked).is_dir() else asked)
    kind = ADAPTER if one.stage == ADAPTER else one.settings.method
    if found := known.get((backbone, kind)):
        return found
    weights = next(
        (rate.weights for (name, _), rate in known.items() if name == backbone), WEIGHTS.get(backbone, ENCODER)
    )
    trained = weights * TRAINED.get(kind, LORA_SHARE)
    kept = 4 * trained
    return Rate(
        step=STEP_MS.get(kind, STEP_MS["full"]) / 1000 * max(weights / ENCODER, 0.1),
        run=EACH_RUN + PER_GIGABYTE * kept / 1e9,
        model_bytes=kept,
        memory_bytes=2.0 * efficiency.memory_needed(int(weights), int(trained)),
        weights=weights,
        steps={},
        known="counted",
    )


# --- what it comes to -------------------------------------------------------------------------------------------------


def estimate(
    study: Grid, known: Mapping[tuple[str, str], Rate], found: Mapping[str, set[int]] | None = None
) -> pd.DataFrame:
    """What the cells of a study take.

    Parameters
    ----------
    known
        See `rates`.
    found
        By key of a training, the seeds of its finished runs: these take nothing.

    Returns
    -------
    DataFrame
        A row a training: `cell`, `kind`, `backbone`, `method`, `stage`, `runs`, `found`, `tried` (runs that choose a
        learning rate), `shared` (runs that are scored only, with weights that another one trains), `loaded` (whether
        others than its cell load its models), `seconds`, `known` (see `Rate`), `bytes` (of models on disk; a full model
        that is shared is there once), `memory` (bytes at the peak, on the device).
    """
    rows, trained = [], set[str]()
    for cell in sorted(study.cells.values(), key=lambda cell: cell.kind != "sources"):
        for key, (one, seeds) in cell.trainings.items():
            each, there = rate(one, known), len(set(seeds) & (found or {}).get(key, set()))
            more = tried(one) if there < len(seeds) else 0
            shared = len(seeds) if one.weights in trained else 0
            trained |= {one.weights} - {""}
            s, runs = one.settings, len(seeds) - there + more
            spent = runs * each.run + (0 if shared else runs * each.step * steps(one, each.steps))
            kept = (0 if shared and s.method == "full" else len(seeds) + more) * each.model_bytes
            about = (cell.path, cell.kind, s.backbone, s.method, one.stage, len(seeds), there, more, shared)
            rows.append((*about, key in cell.loaded, spent, each.known, kept, each.memory_bytes))
    columns = "cell kind backbone method stage runs found tried shared loaded seconds known bytes memory"
    return pd.DataFrame(rows, columns=columns.split())


def resources(study: Grid) -> dict[str, tuple[int, int]]:
    """By cell, the minutes and megabytes of host memory that its job asks for, three times what is expected."""
    by_cell = estimate(study, rates(all_records())).groupby("cell").agg({"seconds": "sum", "memory": "max"})
    return {
        cell: (max(LEAST_MINUTES, math.ceil((START + 3 * seconds) / 60)), HOST_MB + math.ceil(memory / 1e6))
        for cell, seconds, memory in by_cell.itertuples(name=None)
    }


def all_records() -> pd.DataFrame:
    """The runs of all studies."""
    return pd.concat(map(records.read_records, records.studies() or [ADAPTERS]), ignore_index=True)


def finished(names: Iterable[str]) -> dict[str, set[int]]:
    """The seeds of finished runs by key, of these studies: a run's settings say which training it was asked for as."""
    found = defaultdict[str, set[int]](set)
    table = pd.concat(map(records.read_records, names))
    for folder in table.loc[table["status"] == "finished", "folder"]:
        with suppress(NerlibError):  # of another version; it is made again
            record = records.read_record(Path(folder))
            given = {  # not what a setting was once
                name: setting["value"]
                for name, setting in record.settings.items()
                if name in params.Settings.model_fields
            }
            settings, is_adapter = params.read_settings(given).with_method(record.method), record.stage == ADAPTER
            asked = [adapter(settings, record.language)] if is_adapter else trainings(settings, [record.stage])
            found[asked[-1].key].add(record.seed)
    return found


def makespan(study: Grid, spent: Mapping[str, float], devices: int) -> float:
    """Seconds until all cells are made on so many devices: whichever may begin does, the longest first."""
    left = TopologicalSorter({path: cell.needs for path, cell in study.cells.items()})
    left.prepare()
    ready, running, now = list[tuple[float, str]](), list[tuple[float, str]](), 0.0
    while left.is_active():
        for path in left.get_ready():
            heapq.heappush(ready, (-spent.get(path, 0.0), path))
        while ready and len(running) < devices:
            takes, path = heapq.heappop(ready)
            heapq.heappush(running, (now + (START - takes if takes else 0.0), path))
        now, path = heapq.heappop(running)
        left.done(path)
    return now


def total(table: pd.DataFrame, notebooks: int) -> dict[str, float]:
    """What a study of so many notebooks takes in all, from `estimate`'s table.

    Returns
    -------
    dict
        `hours` of a device, and the ends of their interval, `low` and `high`; `notebook_hours`; bytes in the end by
        `keep_models`: `bytes_all`, `bytes_adapters`, `bytes_none` (language adapters stay), and `bytes_until_then`, of
        models that go last, since others than their cell load them.
    """
    by_known = {str(known): seconds / 3600 for known, seconds in table.groupby("known")["seconds"].sum().items()}
    started = START * table.groupby("cell")["seconds"].sum().gt(0).sum() / 3600
    rest = BYTES_BESIDE * float((table["runs"] + table["tried"]).sum())
    of_languages = table["stage"].eq(ADAPTER)
    bytes_of = {
        "bytes_all": of_languages | True,
        "bytes_adapters": of_languages | table["method"].ne("full"),
        "bytes_none": of_languages,
        "bytes_until_then": table["loaded"] & ~of_languages,
    }
    return {
        "hours": float(sum(by_known.values()) + started),
        "low": float(sum(hours / FACTOR[known] for known, hours in by_known.items()) + started / 2),
        "high": float(sum(hours * FACTOR[known] for known, hours in by_known.items()) + started * 2),
        "notebook_hours": notebooks * NOTEBOOK_MINUTES / 60 / 10,
        **{name: float(table.loc[rows, "bytes"].sum()) + rest for name, rows in bytes_of.items()},
    }


def plan(study: Mapping[str, Any], price: float = 0.0) -> str:
    """What a study will cost, in lines to read; the last one names the page that says the same.

    Parameters
    ----------
    study
        As `jobs.jobs` takes it.
    price
        Of an hour of a device.
    """
    planned = jobs.jobs(study)
    cells = grid(planned)
    elsewhere = {key: rate._replace(known="measured elsewhere") for key, rate in rates(all_records()).items()}
    own = rates(pd.concat(records.read_records(name) for name in (study["study"], ADAPTERS)))
    table = estimate(cells, elsewhere | own, finished({study["study"], ADAPTERS}))
    told = total(table, len(planned))
    spent: dict[Any, float] = table.groupby("cell")["seconds"].sum().to_dict()
    sums = dict.fromkeys(("runs", "found", "tried", "shared", "seconds", "bytes"), "sum") | {"memory": "max"}
    by_kind = (
        table.assign(kind=table["kind"].str.replace("_", " ")).groupby(["kind", "method"], as_index=False).agg(sums)
    )
    runs, found = int((table["runs"] + table["tried"]).sum()), int(table["found"].sum())
    how = ", ".join(f"{share:.0%} {known}" for known, share in table["known"].value_counts(normalize=True).items())
    lines = [
        f"{runs:,} runs in {len(cells.cells):,} cells, {found:,} of them found; {len(planned):,} notebooks",
        f"hours of a device: {told['hours']:.1f} ({told['low']:.1f} to {told['high']:.1f}; {how}); "
        f"of processors for notebooks: about {told['notebook_hours']:.1f}",
        "on disk, keep_models: "
        + ", ".join(f"{keep} {formats.size_in_bytes(told[f'bytes_{keep}'])}" for keep in ("all", "adapters", "none"))
        + f"; with none, {formats.size_in_bytes(told['bytes_until_then'])} until the end, and what running jobs make",
        "devices, hours from start to end: "
        + ", ".join(f"{n}: {makespan(cells, spent, n) / 3600:.1f}" for n in (1, 8, 100)),
        *([f"at {price:g} an hour: {told['low'] * price:,.0f} to {told['high'] * price:,.0f}"] if price else []),
    ]
    from nerlib.batch.pages import template  # a job's Snakefile reads this module, and needs no pages
    from nerlib.report.output import table as table_of

    page = folders.writable(folders.reports_folder() / study["study"]) / "plan.html"
    shown = table_of(by_kind.rename(columns={"bytes": "model_bytes", "memory": "peak_memory_bytes"}), best=False)
    folders.write_atomically(
        page, template("plan.html.j2").render(title=f"Plan of {study['study']}", rows=shown.body, lines=lines)
    )
    return "\n".join([shown.text, *lines, str(page)])
