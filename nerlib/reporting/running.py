"""Running notebooks with parameters: what the Snakefile does for each of a study's notebooks.

A study is a mapping, as `params/studies/<study>.yaml` holds it::

    study: demo
    parameters: {backbone: demo, seeds: [1, 2, 3]}      # for every notebook that knows the name
    languages: {x-target: {train_size: 100}}            # or a list of tags
    notebooks:
      02_baseline: {}
      03_lora_transfer:                                 # two variants of one notebook
        near: {sources: [x-near@demo, x-far@demo]}
        isolate: {sources: [x-isolate@demo], languages: [x-target]}   # for these languages only
    summary: {07_statistics: {}}                        # once for all languages, after all others
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nerlib import folders, params
from nerlib.errors import NerlibError, SettingsError
from nerlib.reporting import notebooks

STUDY_KEYS = {"study", "parameters", "languages", "notebooks", "summary", "threads"}
ALL_LANGUAGES = "mul"  # ISO 639: multiple languages


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


# --- what a study consists of -----------------------------------------------------------------------------------------


def jobs(study: Mapping[str, Any]) -> list[Job]:
    """All notebooks of a study, with the parameters that each gets; those of `summary` last, with the language "mul".

    Values come from the language's file, the study's `parameters`, the language's in the study, the variant's, the
    later ones winning. Of the first three a notebook gets those that it knows; a variant's must all be known to it,
    but for `languages`: the only ones that the variant is for.

    Raises
    ------
    SettingsError
        For what the mapping must not hold: unknown keys, a language that YAML took for a truth value, a parameter that
        no notebook knows.
    """
    if unknown := set(study) - STUDY_KEYS:
        raise SettingsError(f"study: unknown {sorted(unknown)}; expected some of {sorted(STUDY_KEYS)}")
    name = folders.safe_name(study.get("study", ""), "study")
    common = _mapping(study.get("parameters"), "parameters")
    languages = _languages(study.get("languages"))
    planned, summary = (_mapping(study.get(name), name) for name in ("notebooks", "summary"))
    known = {notebook: _known(notebook) for notebook in (*planned, *summary)}
    _refuse_unknown(common, set().union(*known.values()), "parameters")
    made = []
    for language, own in languages.items():
        _refuse_unknown(own, set().union(*known.values()), f"languages: {language}")
        shared = {**params.language_file(language), **common, **own, "study": name, "language": language}
        for notebook, variants in planned.items():
            for variant, given in (_mapping(variants, notebook) or {"": {}}).items():
                given = _mapping(given, f"{notebook}: {variant}")
                if language not in _languages(given.pop("languages", [language]), f"{notebook}: {variant}: languages"):
                    continue
                _refuse_unknown(given, known[notebook], f"{notebook}: {variant}")
                passed = {key: value for key, value in shared.items() if key in known[notebook]} | given
                made.append(Job(language, notebook, variant and folders.safe_name(variant, "variant"), passed))
    for notebook, given in summary.items():
        given = _mapping(given, notebook)
        _refuse_unknown(given, known[notebook], notebook)
        passed = {key: value for key, value in (common | {"study": name}).items() if key in known[notebook]} | given
        made.append(Job(ALL_LANGUAGES, notebook, "", passed))
    return made


def source(notebook: str) -> Path:
    """The notebook's file in ``notebooks/``."""
    return folders.project_root() / "notebooks" / f"{folders.safe_name(notebook, 'notebook')}.ipynb"


def _known(notebook: str) -> set[str]:
    names = {parameter.name for parameter in notebooks.parameters(notebooks.read(source(notebook)))}
    if not names:
        raise SettingsError(f"{source(notebook)}: expected a cell tagged 'parameters', met none with assignments")
    return names


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise SettingsError(f"{where}: expected names and values, met {value!r}")
    return dict(value)


def _languages(value: Any, where: str = "languages") -> dict[str, dict[str, Any]]:
    """Languages with their own parameters; a list, or one text with commas (snakemake's --config), has none."""
    tags = value.split(",") if isinstance(value, str) else value
    if not tags or not isinstance(tags, Mapping | list):
        raise SettingsError(f"{where}: expected language tags, met {value!r}")
    for tag in tags:
        if not isinstance(tag, str):  # YAML 1.1 reads `no` as false
            raise SettingsError(f"{where}: {tag!r} is no language tag; in YAML, 'no' must stand in quotes")
    own = tags if isinstance(tags, Mapping) else dict.fromkeys(tags)
    return {folders.safe_name(tag.strip(), "language"): _mapping(own[tag], f"{where}: {tag}") for tag in own}


def _refuse_unknown(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"{where}: no notebook here has a parameter {name!r}{hint}")


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
        All must be known to the notebook.

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
    from nerlib.reporting.page import render

    before = notebooks.read(notebook)
    _refuse_unknown(parameters, {parameter.name for parameter in notebooks.parameters(before)}, str(notebook))
    folders.writable(out.parent)
    failed = out.with_name(f"{out.stem}.failed.ipynb")
    partial = out.with_name(f".{out.stem}.partial.ipynb")
    try:
        error = _run(notebook, partial, parameters)
        content = notebooks.read(partial)
        made_of = {"notebook": notebooks.digest(before), "code": code_digest(), "error": error}
        content.metadata[notebooks.MADE_OF] = made_of
        keep = failed if error else out
        folders.write_atomically(keep, notebooks.as_text(content))
    finally:
        partial.unlink(missing_ok=True)
    page = render(keep)
    if error:
        raise NerlibError(f"{notebook.name} failed: {error}; see {page}")
    for old in (failed, failed.with_suffix(".html")):
        old.unlink(missing_ok=True)
    return page


def _run(notebook: Path, partial: Path, parameters: Mapping[str, Any]) -> str:
    """Execute into `partial`; the error that ended it, or nothing."""
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

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
    except PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        return "the kernel died (out of memory, or killed)"
    except (NoSuchKernel, RuntimeError) as error:
        raise NerlibError(f"cannot start the kernel 'python3' for {notebook}: {error}") from error
    return ""


def code_digest() -> str:
    """Digest of the library's source files: notebooks executed with other code are stale."""
    package = Path(folders.__file__).parent
    files = sorted(package.rglob("*.py"))
    return folders.fingerprint([[str(f.relative_to(package)), folders.fingerprint_file(f)] for f in files])
