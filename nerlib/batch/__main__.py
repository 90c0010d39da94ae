"""Command line: ``python -m nerlib.batch execute|render|fill|index|plan``; one line and exit code 1 when it cannot."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from nerlib import folders, params
from nerlib.batch import jobs, page
from nerlib.errors import FolderError, as_command


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks and print a page's path, or a plan."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.batch", description="Notebooks executed, and their pages.")
    commands = parser.add_subparsers(required=True)
    execute = commands.add_parser("execute", help="run a notebook with papermill and render it")
    execute.add_argument("notebook", type=Path)
    execute.add_argument("out", type=Path, help="the executed notebook; its page stands beside it")
    execute.add_argument("--parameters", default={}, type=json_object)
    execute.add_argument("--made", nargs="*", default=[], type=Path, help="files of cells, whose runs must be here")
    execute.add_argument("--remake", action="store_true", help="make runs again whose files are damaged")
    execute.set_defaults(func=_execute)
    render = commands.add_parser("render", help="an executed notebook as one HTML file beside it")
    render.add_argument("notebook", type=Path)
    render.set_defaults(func=lambda given: page.render(given.notebook))
    fill = commands.add_parser("fill", help="copies of a study's notebooks with its parameters, for JupyterLab")
    fill.add_argument("study")
    fill.add_argument("folder", type=Path)
    fill.set_defaults(func=lambda given: jobs.fill(given.study, given.folder))
    index = commands.add_parser("index", help="the page of a study")
    index.add_argument("study")
    index.add_argument(
        "--planned",
        type=argparse.FileType(encoding="utf-8"),
        help="a file of LANGUAGE/NOTEBOOK lines; by default what the study's file asks for",
    )
    index.set_defaults(func=_index)
    plan = commands.add_parser("plan", help="what a study will cost: runs, hours, memory, disk")
    plan.add_argument("study", help="its name, or a file")
    plan.add_argument("--price", type=float, default=0.0, help="of an hour of a device")
    plan.set_defaults(func=_plan)
    given = parser.parse_args(arguments)
    print(given.func(given))


def _execute(given: argparse.Namespace) -> Path:
    if given.remake:
        os.environ[folders.REMAKE] = "1"  # read in the notebook's kernel
    if given.made:
        _check_made(given.made, given.parameters.get("study", ""))
    return jobs.execute(given.notebook, given.out.absolute(), given.parameters)


def _check_made(cells: Sequence[Path], study: str) -> None:
    """Refuse to make again, on whatever machine this is, runs that cells have made where it cannot see them."""
    from nerlib import records  # with pandas, which not every command needs
    from nerlib.batch.plan import ADAPTERS

    made = {digest for file in cells for digests in json.loads(file.read_text()).values() for digest in digests}
    tables = [records.read_records(name) for name in (study, ADAPTERS)]
    if missing := made - {digest for table in tables for digest in table["digest"]}:
        raise FolderError(
            f"{folders.runs_folder()}: {len(missing)} of {len(made)} runs that were made for this page are not here: "
            "runs/ (NERLIB_RUNS) must be on a disk that all nodes see; where runs were removed, remove .made in the "
            "study's reports, too"
        )


def _index(given: argparse.Namespace) -> Path:
    from nerlib.batch.index import index  # with pandas and the records, which no other command needs

    return index(given.study, given.planned and given.planned.read().splitlines())


def _plan(given: argparse.Namespace) -> str:
    from nerlib.batch.plan import plan

    file = Path(given.study)
    return plan(params.read_yaml(file) if file.suffix == ".yaml" else jobs.described(given.study), given.price)


def json_object(text: str) -> dict[str, Any]:
    """A JSON object as names and values; argparse names this function where it is none."""
    return TypeAdapter(dict[str, Any]).validate_json(text)


if __name__ == "__main__":
    sys.exit(main())
