"""Where a run's numbers come from: code, versions, machine. Kept in the record, never part of a run's identity."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from nerlib.folders import project_root

PACKAGES = ("nerlib", "torch", "transformers", "peft", "adapters", "tokenizers", "datasets", "numpy", "scipy", "pandas")


def provenance(**given: Any) -> dict[str, Any]:
    """Code, versions and machine as they are now, and what the caller knows besides.

    Parameters
    ----------
    **given
        Facts of the run itself (`threads`, `device`, `deterministic`, `started`, `ended`, ...), taken over as they are.

    Returns
    -------
    dict
        `commit` (of the project when it is a git checkout, else ""), `dirty` (whether the package's files differ from
        that commit; None when there is none), `python`, `versions` (of the installed main packages), `machine`.
    """
    commit, dirty = _commit(project_root())
    return {
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
        **given,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _commit(root: Path) -> tuple[str, bool | None]:
    if not (root / ".git").exists():  # a file in a worktree; a checkout around the project is somebody else's
        return "", None
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", "nerlib")
    return commit or "", None if commit is None or changes is None else bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers; None when it does not (not installed, no commit yet, a checkout of another owner)."""
    try:
        answer = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
