"""Command line: ``python -m nerlib.batch execute|render|fill|index|plan``; one line and exit code 1 when it cannot."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter

from nerlib import folders, params
from nerlib.batch import jobs, pages
from nerlib.errors import Commands, FolderError, as_command, run_command
from nerlib.vocabulary import ADAPTERS


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks and print a page's path, or a plan."""
    print(run_command("python -m nerlib.batch", "Notebooks executed, and their pages.", COMMANDS, arguments))


def _execute(notebook: Path, out: Path, parameters: dict[str, Any], made: Sequence[Path], remake: bool) -> Path:
    if remake:
        os.environ[folders.REMAKE] = "1"  # read in the notebook's kernel
    if made:
        _check_made(made, parameters.get("study", ""))
    return jobs.execute(notebook, out.absolute(), parameters)


def _check_made(cells: Sequence[Path], study: str) -> None:
    """Refuse to make again, on whatever machine this is, runs that cells have made where it cannot see them."""
    from nerlib import records  # with pandas, which not every command needs

    made = {digest for file in cells for digests in json.loads(file.read_text()).values() for digest in digests}
    there = {digest for name in (study, ADAPTERS) for digest in records.read_records(name)["digest"]}
    if missing := made - there:
        raise FolderError(
            f"{folders.runs_folder()}: {len(missing)} of {len(made)} runs that were made for this page are not here: "
            "runs/ (NERLIB_RUNS) must be on a disk that all nodes see; where runs were removed, remove .made in the "
            "study's reports, too"
        )


def _index(study: str, planned: IO[str] | None) -> Path:
    return pages.index(study, planned.read().splitlines() if planned else None)


def _plan(study: str, price: float) -> str:
    from nerlib.batch.plan import plan

    return plan(params.read_yaml(Path(study)) if study.endswith(".yaml") else jobs.described(study), price)


def json_object(text: str) -> dict[str, Any]:
    """A JSON object as names and values; argparse names this function where it is none."""
    return TypeAdapter(dict[str, Any]).validate_json(text)


COMMANDS: Commands = {
    "execute": (
        _execute,
        "run a notebook with papermill and render it",
        {
            "notebook": {"type": Path},
            "out": {"type": Path, "help": "the executed notebook; its page stands beside it"},
            "--parameters": {"default": {}, "type": json_object},
            "--made": {"nargs": "*", "default": [], "type": Path, "help": "files of cells, whose runs must be here"},
            "--remake": {"action": "store_true", "help": "make runs again whose files are damaged"},
        },
    ),
    "render": (pages.render, "an executed notebook as one HTML file beside it", {"notebook": {"type": Path}}),
    "fill": (
        jobs.fill,
        "copies of a study's notebooks with its parameters, for JupyterLab",
        {"study": {}, "folder": {"type": Path}},
    ),
    "index": (
        _index,
        "the page of a study",
        {
            "study": {},
            "--planned": {
                "type": argparse.FileType(encoding="utf-8"),
                "help": "a file of LANGUAGE/NOTEBOOK lines; by default what the study's file asks for",
            },
        },
    ),
    "plan": (
        _plan,
        "what a study will cost: runs, hours, memory, disk",
        {
            "study": {"help": "its name, or a file"},
            "--price": {"type": float, "default": 0.0, "help": "of an hour of a device"},
        },
    ),
}


if __name__ == "__main__":
    sys.exit(main())
