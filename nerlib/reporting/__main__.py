"""Command line: ``python -m nerlib.reporting render|execute|index``; one line and exit code 1 when it cannot."""

import argparse
import json
import sys
from pathlib import Path

from nerlib import reporting
from nerlib.errors import NerlibError, SettingsError


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks, print the page's path; 1 when that was not possible."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.reporting", description="Pages of executed notebooks.")
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="an executed notebook as one HTML file")
    render.add_argument("notebook", type=Path)
    render.add_argument("out", type=Path, nargs="?", help="by default beside the notebook")
    execute = commands.add_parser("execute", help="run a notebook with papermill and render it")
    execute.add_argument("notebook", type=Path)
    execute.add_argument("out", type=Path, help="the executed notebook; its page stands beside it")
    execute.add_argument("--parameters", default="{}", help="a JSON object")
    index = commands.add_parser("index", help="the page of a study")
    index.add_argument("study")
    index.add_argument("--planned", type=Path, help="a file of LANGUAGE/NOTEBOOK lines; by default the study's file")
    given = parser.parse_args(arguments)
    try:
        if given.command == "render":
            page = reporting.render(given.notebook, given.out)
        elif given.command == "execute":
            page = reporting.execute(given.notebook, given.out.absolute(), _object(given.parameters))
        else:
            planned = given.planned and given.planned.read_text(encoding="utf-8").splitlines()
            page = reporting.index(given.study, planned)
    except NerlibError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 1
    print(page)
    return 0


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"--parameters: expected a JSON object, met {text[:80]!r}: {error}") from None
    if not isinstance(value, dict):
        raise SettingsError(f"--parameters: expected a JSON object, met {text[:80]!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())
