"""Where runs, reports and caches live; names that stay inside them; fingerprints, whole-file writes, locks.

`NERLIB_RUNS`, `NERLIB_REPORTS` and `NERLIB_CACHE` move the three output folders. Every file that another process may
read is written beside its place, flushed to the disk and renamed: a reader sees the old file or the new one, whole.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nerlib.errors import FolderError, LockedError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0


# --- places ---------------------------------------------------------------------------------------------------------


def project_root() -> Path:
    """The project's folder: where `notebooks/` and `params/` stand; the current folder when there is none above."""
    for start in (Path(__file__).resolve().parent.parent, Path.cwd()):
        for folder in (start, *start.parents):
            if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
                return folder
    return Path.cwd()


def _place(variable: str, default: Path) -> Path:
    given = os.environ.get(variable)
    return Path(given).expanduser().absolute() if given else default


def runs_folder() -> Path:
    """Where runs live: `NERLIB_RUNS`, or `runs/` in the project."""
    return _place("NERLIB_RUNS", project_root() / "runs")


def reports_folder() -> Path:
    """Where reports live: `NERLIB_REPORTS`, or `reports/` in the project."""
    return _place("NERLIB_REPORTS", project_root() / "reports")


def cache_folder() -> Path:
    """Where what can be made again lives: `NERLIB_CACHE`, or `nerlib` in the user's cache folder."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return _place("NERLIB_CACHE", base / "nerlib")


def from_root(name: str | Path) -> Path:
    """A folder that a parameter names: absolute as it stands, relative from the project's root."""
    path = Path(name).expanduser()
    return path if path.is_absolute() else project_root() / path


def safe_name(name: str, what: str = "name") -> str:
    """Return `name` when it can be one folder's name, else raise.

    Raises
    ------
    FolderError
        When the name is empty, holds a separator, begins with a dot, or is longer than 100 characters: a study or
        language tag must not leave `runs/` and `reports/`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name or len(name) > 100:
        raise FolderError(f"{what} {name!r} cannot name a folder: letters, digits, '.', '_', '+', '-', at most 100")
    return name


def writable(folder: Path) -> Path:
    """Make `folder` and return it; a `FolderError` names it when that or writing into it is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise FolderError(f"cannot write into {folder}: {error.strerror or error}") from error
    return folder


# --- fingerprints ---------------------------------------------------------------------------------------------------


def fingerprint(value: Any, length: int = 16) -> str:
    """Digest of a JSON-like value: equal for equal values, whatever the order of keys.

    Parameters
    ----------
    value
        Anything `json.dumps` takes; tuples count as lists.
    length
        Hexadecimal digits of the result; 4 bits each.

    Returns
    -------
    str
        The first `length` digits of the SHA-256 of the value's canonical JSON.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def fingerprint_file(path: Path, length: int = 16) -> str:
    """Digest of a file's bytes: the first `length` hexadecimal digits of their SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:length]


# --- whole-file writes ----------------------------------------------------------------------------------------------


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file so that a reader sees the old one or the new one (write beside, fsync, rename)."""
    with new_file(path) as beside:
        beside.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A file that appears whole: the block writes one beside it, of the same ending, renamed at the block's end."""
    beside = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        yield beside
        _flush(beside)
        beside.replace(path)
    except OSError as error:
        raise FolderError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that appears whole: the block fills a folder beside it, which is renamed at the block's end.

    An older folder of that name is replaced. When the block raises, nothing appears.
    """
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    beside.mkdir(parents=True)
    try:
        yield beside
        for file in beside.rglob("*"):
            if file.is_file():
                _flush(file)
        _flush(beside)
        if folder.exists():
            old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
            folder.rename(old)
            beside.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- locks ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def lock(path: Path, wait_seconds: float = 24 * 3600, on_wait: Any = None) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block.

    The file names its owner (host and process) and is touched every few seconds while the owner lives. A lock is stale,
    and is taken over, when its owner is a dead process of this host, or when it was not touched for a minute.

    Parameters
    ----------
    path
        The lock file; its folder is made when missing.
    wait_seconds
        How long to wait for another living owner before `LockedError`.
    on_wait
        Called once with the owner's description when waiting begins.
    """
    writable(path.parent)
    token = f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())} {secrets.token_hex(8)}"
    deadline = time.monotonic() + wait_seconds
    told = False
    while not _claim(path, token):
        owner = _owner(path)
        if owner and not told and on_wait:
            on_wait(owner)
            told = True
        if time.monotonic() > deadline:
            raise LockedError(f"{path} is held by {owner or 'another process'} for over {wait_seconds:g} s")
        time.sleep(min(0.2, max(wait_seconds, 0.01)))
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, token, ended), daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        if _owner(path) == token:
            path.unlink(missing_ok=True)


def _claim(path: Path, token: str) -> bool:
    """Take the lock when it is free or stale. Linking a finished file is atomic, so no lock is ever seen empty."""
    mine = path.with_name(f".{path.name}.{token.rsplit(' ', 1)[1]}")
    mine.write_text(token)
    try:
        try:
            os.link(mine, path)
            return True
        except FileExistsError:
            pass
        owner = _owner(path)
        if owner is None or not _stale(path, owner):
            return False
        # Move the stale file away under a name of its own: of several that try, the one whose rename finds the
        # stale owner's text wins; whoever moved a living lock by mistake puts it back.
        moved = path.with_name(f".{path.name}.{token.rsplit(' ', 1)[1]}.stale")
        try:
            path.rename(moved)
        except FileNotFoundError:
            return False
        if moved.read_text() != owner:
            with contextlib.suppress(FileExistsError):
                os.link(moved, path)
        moved.unlink(missing_ok=True)
        return False
    finally:
        mine.unlink(missing_ok=True)


def _owner(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _stale(path: Path, owner: str) -> bool:
    parts = owner.split(" ")
    if len(parts) == 4 and parts[0] == socket.gethostname() and parts[1].isdigit():
        return _started(int(parts[1])) != parts[2]
    try:
        return time.time() - path.stat().st_mtime > STALE_SECONDS
    except FileNotFoundError:
        return False


def _started(process: int) -> str:
    """When a process started, in the kernel's clock ticks; `-` when it does not run (or the kernel does not say)."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return "-"
        except PermissionError:
            return "?"
        return "?"
    fields = stat.rsplit(")", 1)[1].split()
    return "-" if fields[0] in "ZX" else fields[19]


def _beat(path: Path, token: str, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        if _owner(path) != token:
            return
        with contextlib.suppress(OSError):
            os.utime(path)
