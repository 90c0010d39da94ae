"""Command line: ``python -m nerlib.experiment make OUT --cell JSON``, ``fetch STUDY``, ``tidy STUDY``.

They make runs, read what a study needs, and remove models; one line and exit code 1 when they cannot.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Json, TypeAdapter

from nerlib import folders, params
from nerlib.batch import grid, jobs
from nerlib.errors import TooLarge, as_command
from nerlib.experiment.runs import Run, remove_model, remove_models
from nerlib.experiment.stage_run import ADAPTER_STAGE, language_adapter
from nerlib.experiment.study import Study, StudyData
from nerlib.vocabulary import find_stage


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.experiment", description="Runs, found or made.")
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("make", help="the runs of a cell (nerlib.batch.grid); their digests go to a file")
    make.add_argument("out", type=Path, help="a JSON file: by stage and method, the digests of the runs")
    make.add_argument("--cell", required=True, type=TypeAdapter(Json[list[dict[str, Any]]]).validate_python)
    make.set_defaults(func=_make)
    of_study = {
        "fetch": (fetch, "read all that a study needs, so that it is in the Hub's cache"),
        "tidy": (remove_models, "remove the models that a study's settings do not keep (`keep_models`)"),
    }
    for name, (do, meaning) in of_study.items():
        command = commands.add_parser(name, help=meaning)
        command.add_argument("study")
        command.set_defaults(func=lambda given, do=do: do(given.study))
    given = parser.parse_args(arguments)
    given.func(given)


def _make(given: argparse.Namespace) -> None:
    folders.write_atomically(given.out, json.dumps(make_cell(given.cell), indent=1) + "\n")


def make_cell(cell: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Find or make the runs of a cell.

    Parameters
    ----------
    cell
        As `nerlib.batch.grid.Cell.parameters` gives it: mappings of `settings`, and `stages` to make under them. Where
        the settings do not keep models, those that nothing loads any more are removed; `loaded` ones others load.

    Returns
    -------
    dict
        By stage and method, the digests of the runs; those that need more memory than there is have none.

    Raises
    ------
    NerlibError
        When something cannot be read or meant, or a training fails: what was finished before stays.
    """
    made: dict[str, list[str]] = {}
    continued = {find_stage(stage).continues for part in cell for stage in part["stages"] if stage != ADAPTER_STAGE}
    over = list[Run]()
    for part in cell:
        study = Study(params.read_settings(part["settings"]))
        for stage in part["stages"]:
            try:
                runs = (
                    [language_adapter(study.data, study.settings.language)]
                    if stage == ADAPTER_STAGE
                    else study.run_stage(stage)
                )
            except TooLarge as reason:
                print(f"not run: {reason}")
                continue
            made.setdefault(f"{stage}, {study.settings.method}", []).extend(run.digest for run in runs)
            if stage in (ADAPTER_STAGE, *part.get("loaded", ())):
                continue
            if stage in continued:
                over += runs
            else:
                for run in runs:
                    remove_model(run)
    for run in over:
        remove_model(run)
    return made


def fetch(study: str) -> None:
    """Read the backbones, corpora and texts of a study: then they are in the Hub's cache, for nodes that are offline.

    Raises
    ------
    NerlibError
        For the first that cannot be read or meant.
    """
    seen = set[tuple[Any, ...]]()
    for cell in grid.grid(jobs.jobs(jobs.described(study))).cells.values():
        for one, _ in cell.trainings.values():
            s, is_text = one.settings, one.stage == grid.ADAPTER
            about = (
                s.language,
                "text" if is_text else s.task,
                s.backbone,
                "" if is_text else s.target_corpus,
                *s.sources,
            )
            if about not in seen:
                seen.add(about)
                print(*about, flush=True)
                data = StudyData(s)
                if is_text:
                    data.text(s.language)
                else:
                    data.check()


if __name__ == "__main__":
    sys.exit(main())
