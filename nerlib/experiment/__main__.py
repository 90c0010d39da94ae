"""Command line: ``python -m nerlib.experiment make OUT --cell JSON``, ``fetch STUDY``, ``tidy STUDY``.

They make runs, read what a study needs, and remove models; one line and exit code 1 when they cannot.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Json, TypeAdapter

from nerlib import folders, params
from nerlib.batch import grid, jobs
from nerlib.errors import Commands, TooLarge, as_command, run_command
from nerlib.experiment.runs import Run, remove_model, remove_models
from nerlib.experiment.stage_run import language_adapter
from nerlib.experiment.study import Study
from nerlib.experiment.study_data import StudyData
from nerlib.vocabulary import ADAPTER, find_stage


@as_command
def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks."""
    run_command("python -m nerlib.experiment", "Runs, found or made.", COMMANDS, arguments)


def make(out: Path, cell: Sequence[Mapping[str, Any]]) -> None:
    """Find or make the runs of a cell.

    Parameters
    ----------
    out
        A JSON file: by stage and method, the digests of the runs; those that need more memory than there is have none.
    cell
        As `nerlib.batch.grid.Cell.parameters` gives it: mappings of `settings`, and `stages` to make under them. Where
        the settings do not keep models, those that nothing loads any more are removed; `loaded` ones others load.

    Raises
    ------
    NerlibError
        When something cannot be read or meant, or a training fails: what was finished before stays.
    """
    made: dict[str, list[str]] = {}
    continued = {find_stage(stage).continues for part in cell for stage in part["stages"] if stage != ADAPTER}
    over = list[Run]()
    for part in cell:
        study = Study(params.read_settings(part["settings"]))
        for stage in part["stages"]:
            try:
                runs = (
                    [language_adapter(study.data, study.settings.language)]
                    if stage == ADAPTER
                    else study.run_stage(stage)
                )
            except TooLarge as reason:
                print(f"not run: {reason}")
                continue
            made.setdefault(f"{stage}, {study.settings.method}", []).extend(run.digest for run in runs)
            removable = [] if stage in (ADAPTER, *part.get("loaded", ())) else runs
            if stage in continued:
                over += removable
            else:
                for run in removable:
                    remove_model(run)
    for run in over:
        remove_model(run)
    folders.write_atomically(out, json.dumps(made, indent=1) + "\n")


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
            s, is_text = one.settings, one.stage == ADAPTER
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


COMMANDS: Commands = {
    "make": (
        make,
        "the runs of a cell (nerlib.batch.grid); their digests go to a file",
        {
            "out": {"type": Path, "help": "a JSON file: by stage and method, the digests of the runs"},
            "--cell": {"required": True, "type": TypeAdapter(Json[list[dict[str, Any]]]).validate_python},
        },
    ),
    "fetch": (fetch, "read all that a study needs, so that it is in the Hub's cache", {"study": {}}),
    "tidy": (remove_models, "remove the models that a study's settings do not keep (`keep_models`)", {"study": {}}),
}


if __name__ == "__main__":
    sys.exit(main())
