"""A study's notebooks: which there are, what each is given, what stands in their files, and how one is executed.

A study is a mapping, as `params/studies/<study>.yaml` holds it::

    study: demo
    parameters: {backbone: demo, seeds: [1, 2, 3]}      # for every notebook
    languages: {x-target: {train_size: 100}}            # or a list of tags
    notebooks:
      02_baseline: {}
      03_lora_transfer:                                 # two variants of one notebook
        near: {sources: [x-near@demo, x-far@demo]}
        isolate: {sources: [x-isolate@demo], languages: [x-target]}   # for these languages only
    summary: {07_statistics: {}}                        # once for all languages, after all others

``override`` is for the command line, and wins over all of these: `--config 'override={"train_size": 40}'` rehearses.
"""

import ast
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import nbformat
from pydantic import AliasPath, BaseModel, BeforeValidator, Field

from nerlib import folders, languages, params, vocabulary
from nerlib.errors import FolderError, NerlibError, SettingsError, did_you_mean

STUDY_KEYS = {"study", "parameters", "languages", "notebooks", "summary", "override", "threads", "granularity"}
ALL_LANGUAGES = "mul"  # ISO 639: multiple languages
#: Key of the notebook's metadata under which `execute` says which code made it, and what ended it.
MADE_OF = "nerlib"
SETTINGS_TAGS = ("parameters", "injected-parameters")


class Job(NamedTuple):
    """One notebook for one language with its parameters."""

    language: str
    notebook: str  # 03_lora_transfer
    variant: str  # "near", or empty
    parameters: dict[str, Any]

    @property
    def path(self) -> str:
        """Where its files stand below the study's reports, without suffix: ``as/03_lora_transfer--near``."""
        return f"{self.language}/{self.notebook}" + (f"--{self.variant}" if self.variant else "")

    @property
    def priority(self) -> int:
        """Which of those that may begin does: what is wrong with the corpora is known in seconds, so 01 before all.

        The others share runs, and the later ones have most to do: they begin first, and no core is left with a long one
        at the end. Of those that sum up the study, 07 has most to do.
        """
        number = self.notebook.partition("_")[0]
        of_number = int(number) if number.isdecimal() else 0
        return 1000 if number == "01" else 100 - of_number if self.language == ALL_LANGUAGES else of_number


# --- what a study consists of -----------------------------------------------------------------------------------------


def jobs(study: Mapping[str, Any]) -> list[Job]:
    """All notebooks of a study, with the parameters that each gets; those of `summary` last, with the language "mul".

    Values come from the language's file, the study's `parameters`, the language's in the study, the variant's, and
    `override`, the later ones winning. Each must be a setting, or stand in the notebook's own parameters cell; a
    variant may also name the `languages` that it is for.

    Raises
    ------
    SettingsError
        For what the mapping must not hold: unknown keys, a language that YAML took for a truth value, a parameter that
        is no setting and that no notebook has, variants of one notebook that ask for the same.
    """
    unknown, threads = sorted(set(study) - STUDY_KEYS), study.get("threads", 1)
    granularity = study.get("granularity", "notebook")
    faults = {
        f"study: unknown {unknown}; expected some of {sorted(STUDY_KEYS)}": unknown,
        f"threads: expected a number, 1 or more, got {threads!r}": not isinstance(threads, int) or threads < 1,
        f"granularity: expected notebook or cell, got {granularity!r}": granularity not in ("notebook", "cell"),
    }
    for fault in (message for message, holds in faults.items() if holds):
        raise SettingsError(fault)
    name = folders.safe_name(study.get("study", ""), "study")
    common, override, planned, summary = (
        _mapping(study.get(part), part) for part in ("parameters", "override", "notebooks", "summary")
    )
    known = {notebook: _known(source(notebook)) for notebook in (*planned, *summary)}
    given_to, made = _languages(study.get("languages"), name), list[Job]()
    own_of = {f"languages: {language}": own for language, own in given_to.items()}
    for where, given in ({"parameters": common, "override": override} | own_of).items():
        _refuse_unknown(given, set().union(*known.values()), where)
    for language, own in given_to.items():
        shared = {**params.language_file(language), **common, **own, "study": name, "language": language}
        for notebook, variants in planned.items():
            first = len(made)
            for variant, given in (_mapping(variants, notebook) or {"": {}}).items():
                where = f"{notebook}: {variant}"
                given = _mapping(given, where)
                if language in _languages(given.pop("languages", [language]), where=f"{where}: languages"):
                    passed = _passed(shared, given, override, known[notebook], where)
                    job = Job(language, notebook, variant and folders.safe_name(variant, "variant"), passed)
                    if twin := next((one for one in made[first:] if one.parameters == passed), None):
                        raise SettingsError(f"{twin.path} and {job.path} ask for the same: nothing tells them apart")
                    made.append(job)
    for notebook, given in summary.items():
        passed = _passed({**common, "study": name}, _mapping(given, notebook), override, known[notebook], notebook)
        made.append(Job(ALL_LANGUAGES, notebook, "", passed))
    return made


def register(study: Mapping[str, Any]) -> list[Job]:
    """The notebooks of a study, after margin, level, languages, seeds and all parameters were registered.

    Margin and level are those of ``07_statistics``; methods and stages are those that the notebooks ask for. See
    `nerlib.records.register`.
    """
    from nerlib import records  # with pandas, which a notebook's job can do without
    from nerlib.batch import grid

    made, named = jobs(study), ("margin", "significance", "seeds", "until", "most_seeds")
    given = [{name: value for name, value in job.parameters.items() if name in named} for job in made]
    rules = list(map(params.read_settings, given or [{}]))
    judging = next((i for i, job in enumerate(made) if job.notebook == "07_statistics"), -1)
    records.register(
        study["study"],
        {
            "margin": rules[judging].margin,
            "significance": rules[judging].significance,
            "languages": list(dict.fromkeys(job.language for job in made if job.language != ALL_LANGUAGES)),
            "seeds": list(dict.fromkeys(seed for rule in rules for seed in rule.all_seeds)),
            "runs": grid.runs_asked_for(made),
            "notebooks": {job.path: job.parameters for job in made},
        },
    )
    return made


def _passed(
    shared: Mapping[str, Any], own: Mapping[str, Any], override: Mapping[str, Any], known: set[str], where: str
) -> dict[str, Any]:
    """What a notebook is given: of what all share and of what overrides all what it knows, and all of its own."""
    _refuse_unknown(own, known, where)
    return {name: value for name, value in {**shared, **own, **override}.items() if name in known}


def source(notebook: str) -> Path:
    """The notebook's file in ``notebooks/``."""
    return folders.project_root() / "notebooks" / f"{folders.safe_name(notebook, 'notebook')}.ipynb"


def _known(notebook: Path) -> set[str]:
    """What a notebook may be given: any setting, and what its own parameters cell has besides."""
    return {*params.Settings.model_fields, *(parameter.name for parameter in parameters(read(notebook)))}


def _mapping(value: Any, where: str) -> dict[str, Any]:
    given = {} if value is None else value
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise SettingsError(f"{where}: expected names and values, got {value!r}")
    return dict(given)


def _languages(value: Any, study: str = "", where: str = "languages") -> dict[str, dict[str, Any]]:
    """Languages with their own parameters; a list has none.

    One text with commas (snakemake's --config) names some of the study's, with what its file gives them.
    """
    tags = value
    if isinstance(value, str):
        of_file = params.study_file(study).get("languages") if study else None
        own = of_file if isinstance(of_file, Mapping) else {}
        tags = {tag: own.get(tag) for tag in map(str.strip, value.split(","))}
    if not tags or not isinstance(tags, Mapping | list):
        raise SettingsError(f"{where}: expected language tags, got {value!r}")
    if odd := [tag for tag in tags if not isinstance(tag, str)]:  # YAML 1.1 reads `no` as false
        raise SettingsError(f"{where}: {odd[0]!r} is no language tag; in YAML, 'no' must stand in quotes")
    return {
        languages.canonical(folders.safe_name(tag, "language")): _mapping(own, f"{where}: {tag}")
        for tag, own in (tags if isinstance(tags, Mapping) else dict.fromkeys(tags)).items()
    }


def _refuse_unknown(given: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := [name for name in given if name not in known]:
        hint = did_you_mean(unknown[0], sorted(known)) or "params.Settings lists them all"
        raise SettingsError(f"{where}: no notebook here has a parameter {unknown[0]!r}; {hint}")


def described(study: str) -> dict[str, Any]:
    """What ``params/studies/<study>.yaml`` says; a `SettingsError` when there is no such study."""
    if found := params.study_file(study):
        return found
    there = sorted(file.stem for file in (folders.project_root() / "params" / "studies").glob("*.yaml"))
    hint = did_you_mean(study, there) or f"there are {', '.join(there)}"
    raise SettingsError(f"no params/studies/{study}.yaml; {hint}")


def fill(study: str, folder: Path) -> Path:
    """Put copies of a study's notebooks, its parameters filled in, into ``<folder>/<study>``; those there are kept."""
    for job in register(described(study)):
        copy = folder / study / f"{job.path}.ipynb"
        if not copy.exists():
            folders.write_atomically(copy, filled(read(source(job.notebook)), job.parameters))
    return folder / study


# --- what stands in a notebook's file --------------------------------------------------------------------------------


class Parameter(NamedTuple):
    """One line of a parameters cell."""

    name: str
    value: str  # as it stands in the source
    comment: str


class Origin(BaseModel):
    """How a notebook was executed: what papermill, and `jobs.execute` beside it, note in its metadata."""

    parameters: dict[str, Any] = Field({}, validation_alias=AliasPath("papermill", "parameters"))
    seconds: float | None = Field(None, validation_alias=AliasPath("papermill", "duration"))
    ended: str | None = Field(None, validation_alias=AliasPath("papermill", "end_time"))  # ISO 8601
    code: str | None = Field(None, validation_alias=AliasPath(MADE_OF, "code"))  # digest of nerlib's
    error: str | None = Field(None, validation_alias=AliasPath(MADE_OF, "error"))  # that ended it


#: A number, NaN where JSON has null.
Known = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Score(BaseModel):
    """A score or difference, 0..1, as `answer` left it; the ends of its interval, NaN where there is none."""

    name: str = ""
    how: str = "points"  # is written, as of `formats.number`
    value: Known = math.nan
    low: Known = math.nan
    high: Known = math.nan
    n: int = 0  # of how many values it is


class Answer(BaseModel):
    """What a notebook left for machines: its answer, and the runs and warnings of its status."""

    headline: str = ""
    verdict: str = ""  # better, worse, equivalent, undecided, collapsed; none or empty where nothing was compared
    scores: list[Score] = []
    cost: dict[str, float] = {}
    runs: list[str] = []  # digests
    warnings: list[str] = []
    next_look: dict[str, Any] = {}  # the parameters by which the same notebook goes on until it is decided


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook; what nbformat's schema does not allow is refused, fields that it does not know are let pass.

    Raises
    ------
    FolderError
        When there is no such file, or it cannot be read.
    SettingsError
        When it is not a notebook.
    """
    try:
        content = nbformat.convert(nbformat.reader.reads(path.read_text(encoding="utf-8")), 4)
        nbformat.validate(content, relax_add_props=True)
        origin(content), answer(content)
    except OSError as error:
        raise FolderError(f"cannot read the notebook {path}: {error.strerror or error}") from error
    except Exception as error:  # nbformat stumbles over odd content in many ways, even over its own variables
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SettingsError(f"{path}: expected a notebook, got {reason}") from error
    return content


def tags(cell: nbformat.NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def origin(notebook: nbformat.NotebookNode) -> Origin:
    """How the notebook was executed."""
    return Origin.model_validate(notebook.metadata)


def parameters(notebook: nbformat.NotebookNode) -> list[Parameter]:
    """The parameters of a notebook, in the order of its ``parameters`` cell; empty when it has none."""
    return [p for cell in notebook.cells if "parameters" in tags(cell) for p in assignments(cell.source)]


def assignments(source: str) -> list[Parameter]:
    """The plain assignments of a parameters cell, with the comment at the end of each one's last line."""
    try:
        statements = [s for s in ast.parse(source).body if isinstance(s, ast.Assign | ast.AnnAssign)]
    except (SyntaxError, ValueError):
        return []
    lines = source.encode().splitlines()  # the positions that `ast` gives are of UTF-8's bytes
    return [
        Parameter(
            target.id,
            ast.get_source_segment(source, statement.value) or "",
            lines[(statement.end_lineno or 1) - 1][statement.end_col_offset :].decode().strip(" #"),
        )
        for statement in statements
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name) and statement.value
    ]


def filled(notebook: nbformat.NotebookNode, given: Mapping[str, Any]) -> str:
    """A notebook's text with values in its parameters cell: where a parameter stands, else as a line more."""
    own, texts = parameters(notebook), {name: repr(value) for name, value in given.items()}
    lines = [
        *(f"{p.name} = {texts.get(p.name, p.value)}  # {p.comment}" for p in own),
        *(f"{name} = {text}" for name, text in texts.items() if name not in {p.name for p in own}),
    ]
    for cell in (cell for cell in notebook.cells if "parameters" in tags(cell)):
        cell.source = "\n".join(lines)
    return f"{nbformat.writes(notebook)}\n"


def digest(notebook: nbformat.NotebookNode) -> str:
    """Digest of what a notebook says and does: the same before it is executed and after."""
    return folders.fingerprint(
        [
            [cell.cell_type, cell.source]
            for cell in notebook.cells
            if not tags(cell) & {"injected-parameters", "papermill-error-cell-tag"}  # papermill's own
        ]
    )


def failure(notebook: nbformat.NotebookNode) -> tuple[int | None, str]:
    """The place of the cell that failed (None when no cell shows it), and the error that ended the notebook, or ""."""
    found = [
        (position, f"{output.ename}: {output.evalue}".strip(": "))
        for position, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    ]
    return found[0] if found else (None, origin(notebook).error or "")


def answer(notebook: nbformat.NotebookNode) -> Answer:
    """What `answer` and `status_line` left for machines, later ones over earlier ones."""
    left = [out.get("data", {}).get(vocabulary.DATA, {}) for cell in notebook.cells for out in cell.get("outputs", ())]
    return Answer.model_validate(dict(item for part in left for item in dict(part).items()))


# --- running one ------------------------------------------------------------------------------------------------------


def execute(notebook: Path, out: Path, parameters: Mapping[str, Any]) -> Path:
    """Run a notebook with papermill and render it; the executed notebook appears whole, and with its page.

    Parameters
    ----------
    notebook
        The notebook.
    out
        The executed notebook; its page stands beside it as ``.html``. When a cell fails, `out` is not written and not
        changed: the failed notebook and its page are kept as ``<name>.failed.ipynb`` and ``.failed.html``.
    parameters
        Settings, or names in the notebook's own parameters cell.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    SettingsError
        When the notebook has no parameter of a given name.
    FolderError
        When the notebook cannot be read or `out` cannot be written.
    NerlibError
        When a cell failed: with the error and the page that shows it.
    """
    from nerlib.batch.pages import render

    _refuse_unknown(parameters, _known(notebook), str(notebook))
    folders.writable(out.parent)
    failed = out.with_name(f"{out.stem}.failed.ipynb")
    partial = out.with_name(f".{out.stem}.partial.ipynb")
    try:
        error = _run(notebook, partial, parameters)
        content = read(partial)
        content.metadata[MADE_OF] = {"code": code_digest(), "error": error}
        keep = failed if error else out
        folders.write_atomically(keep, f"{nbformat.writes(content)}\n")
    finally:
        partial.unlink(missing_ok=True)
    page = render(keep)
    if error:
        raise NerlibError(f"{notebook.name} failed: {error}; see {page}")
    for old in (failed, failed.with_suffix(".html")):
        old.unlink(missing_ok=True)
    further = answer(content).next_look  # `until: decided`: with a seed more, as long as it asks for one
    return execute(notebook, out, {**parameters, **further}) if further else page


def _run(notebook: Path, partial: Path, parameters: Mapping[str, Any]) -> str:
    """Execute into `partial`; the error that ended it, or nothing."""
    import papermill.exceptions
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError

    logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of settings that a parameters cell does not list
    try:
        papermill.execute_notebook(
            notebook,
            partial,
            dict(parameters),
            kernel_name="python3",
            progress_bar=False,
            cwd=folders.project_root(),
            extra_arguments=["--log-level=CRITICAL"],  # of the kernel, which warns of its own transport
        )
    except papermill.exceptions.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        return "the kernel died (out of memory, or killed)"
    except (NoSuchKernel, RuntimeError) as error:
        raise NerlibError(f"cannot start the kernel 'python3' for {notebook}: {error}") from error
    return ""


def code_digest() -> str:
    """Digest of the library's source files: notebooks executed with other code are stale."""
    package = Path(folders.__file__).parent
    return folders.fingerprint(
        [[str(f.relative_to(package)), folders.fingerprint_file(f)] for f in sorted(package.rglob("*.py"))]
    )
