"""A study's test sets for systems from elsewhere, and GLiNER's answers to them: ``python -m nerlib.predictions``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nerlib.errors import as_command
from nerlib.predictions import export, run_gliner


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks and print what was written."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.predictions", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser(
        "export", help="write the test sets of a study's runs as <language>.jsonl, without gold"
    )
    asked.add_argument("study")
    asked.add_argument("-o", "--output", type=Path, help="a folder (default: <study>-test-sets)")
    gliner = commands.add_parser("gliner", help="let a GLiNER model answer them (pip install 'nerlib[gliner]')")
    gliner.add_argument("model", help="a folder or a name on the Hub")
    gliner.add_argument("asked", type=Path, help="the folder that export wrote")
    gliner.add_argument("-o", "--output", type=Path, required=True, help="the folder of predictions")
    gliner.add_argument("--name", default="", help="the system's (default: the model's)")
    gliner.add_argument("--threshold", type=float, default=0.5, help="probability of an entity (default: 0.5)")
    given = parser.parse_args(arguments)
    if given.command == "export":
        print(*export(given.study, given.output or Path(f"{given.study}-test-sets")), sep="\n")
    else:
        print(run_gliner(given.model, given.asked, given.output, name=given.name, threshold=given.threshold))


if __name__ == "__main__":
    sys.exit(main())
