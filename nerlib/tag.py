"""Tag a file with a run: ``python -m nerlib.tag RUN input -o output``; several such processes share the work."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nerlib.errors import as_command

ARGUMENTS: dict[str, dict[str, Any]] = {
    "run": {"nargs": "+", "type": Path, "help": "a run's folder, or an exported one; several: an ensemble"},
    "input": {"type": Path, "help": "txt, csv, tsv, jsonl, conll, conllu"},
    "-o --output": {"type": Path, "required": True, "help": "jsonl, csv (of entities), conll, html"},
    "--column": {"default": "text", "help": "of a table, or key of an object (default: text)"},
    "--language": {"default": "", "help": "tag of the texts' language (default: the run's)"},
    "--quiet": {"action": "store_true", "help": "no progress bar"},
}


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks and print the output's path."""
    parser = argparse.ArgumentParser(prog="python -m nerlib.tag", description=__doc__)
    for names, about in ARGUMENTS.items():
        parser.add_argument(*names.split(), **about)
    given = parser.parse_args(arguments)
    from nerlib.tagger import load_tagger, tag_file  # slow: not before the arguments are read

    tagger = load_tagger(given.run, language=given.language)
    print(tag_file(tagger, given.input, given.output, column=given.column, progress=not given.quiet))


if __name__ == "__main__":
    sys.exit(main())
