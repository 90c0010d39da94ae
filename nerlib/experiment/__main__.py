"""Command line: ``python -m nerlib.experiment make OUT --cell JSON``; one line and exit code 1 when it cannot."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Json, TypeAdapter

from nerlib import folders, params
from nerlib.errors import TooLarge, as_command
from nerlib.experiment import Study
from nerlib.experiment.languages import STAGE, language_adapter


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.experiment", description="Runs, found or made.")
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("make", help="the runs of a cell (nerlib.batch.grid); their digests go to a file")
    make.add_argument("out", type=Path, help="a JSON file: by stage and method, the digests of the runs")
    make.add_argument("--cell", required=True, type=TypeAdapter(Json[list[dict[str, Any]]]).validate_python)
    given = parser.parse_args(arguments)
    made = make_cell(given.cell)
    folders.writable(given.out.parent)
    folders.write_atomically(given.out, json.dumps(made, indent=1) + "\n")


def make_cell(cell: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Find or make the runs of a cell.

    Parameters
    ----------
    cell
        As `nerlib.batch.grid.Cell.parameters` gives it: mappings of `settings`, and `stages` to make under them.

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
    for part in cell:
        study = Study(params.read_settings(part["settings"]))
        for stage in part["stages"]:
            try:
                adapted = stage == STAGE
                runs = [language_adapter(study.data, study.settings.language)] if adapted else study.run_stage(stage)
            except TooLarge as reason:
                print(f"not run: {reason}")
                continue
            made.setdefault(f"{stage}, {study.settings.method}", []).extend(run.digest for run in runs)
    return made


if __name__ == "__main__":
    sys.exit(main())
