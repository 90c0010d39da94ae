"""Where runs, reports and caches live; names that stay inside them; fingerprints, whole-file writes, locks.

`NERLIB_RUNS`, `NERLIB_REPORTS` and `NERLIB_CACHE` move the three output folders. Every file that another process may
read is written beside its place, flushed to the disk and renamed: a reader sees the old file or the new one, whole.
A folder that appears whole holds the digests of its files, so that whoever reads it sees whether they are as written.
"""

import contextlib
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout
from safetensors import SafetensorError

from nerlib.errors import FolderError, LockedError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_BESIDE = re.compile(r"\.[0-9a-f]{8}\..+|\..+\.[0-9a-f]{8}(\.old)?")  # what stands there while it is written
DIGESTS = "digests.json"  # in a folder that appeared whole: the digest of each of its files
REMAKE = "NERLIB_REMAKE"
REPAIR = f"to have the run made again, set {REMAKE}=1 in the environment, or give --remake to nerlib.batch execute"
HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
SECONDS_TO_NAME_AN_OWNER = 2.0


# --- places ---------------------------------------------------------------------------------------------------------


def project_root() -> Path:
    """The project's folder: where `notebooks/` and `params/` stand; the current folder when there is none above."""
    starts = (Path(__file__).resolve().parent.parent, Path.cwd())
    above = (folder for start in starts for folder in (start, *start.parents))
    return next((f for f in above if (f / "notebooks").is_dir() and (f / "params").is_dir()), Path.cwd())


def _place(variable: str, default: Path) -> Path:
    given = os.environ.get(variable)
    return _findable(given).absolute() if given else default


def _findable(name: str | Path) -> Path:
    """A path that the system can look for, `~` resolved; else a `FolderError`."""
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise FolderError(f"{str(name)[:100]!r}: expected a path that can be looked at, got: {error}") from None
    return path


def runs_folder() -> Path:
    """Where runs live: `NERLIB_RUNS`, or `runs/` in the project."""
    return _place("NERLIB_RUNS", project_root() / "runs")


def reports_folder() -> Path:
    """Where reports live: `NERLIB_REPORTS`, or `reports/` in the project."""
    return _place("NERLIB_REPORTS", project_root() / "reports")


def cache_folder() -> Path:
    """Where what can be made again lives: `NERLIB_CACHE`, or `nerlib` in the user's cache folder."""
    return _place("NERLIB_CACHE", Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nerlib")


def from_root(name: str | Path) -> Path:
    """A folder that a parameter names: absolute as it stands, relative from the project's root."""
    path = _findable(name)
    return path if path.is_absolute() else _findable(project_root() / path)


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
        tempfile.TemporaryFile(dir=folder).close()  # without a name, where the system can: a kill leaves nothing
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


def damaged(folder: Path) -> str:
    """What of a folder that `new_folder` made is not as it was written: names of files; "" when all of it is."""
    try:
        written = json.loads((folder / DIGESTS).read_text(encoding="utf-8")).items()
        return ", ".join(name for name, digest in written if not is_as_written(folder / name, digest))
    except (OSError, ValueError, AttributeError):
        return DIGESTS


def is_as_written(file: Path, digest: str) -> bool:
    """Whether a file is there, and its content has that digest (see `fingerprint_file`)."""
    return file.is_file() and fingerprint_file(file) == digest


# --- whole-file writes ----------------------------------------------------------------------------------------------


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file so that a reader sees the old one or the new one (write beside, fsync, rename)."""
    with new_file(path) as beside:
        beside.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


def new_file(path: Path) -> contextlib.AbstractContextManager[Path]:
    """A file that appears whole: the block writes one beside it, of the same ending, renamed at the block's end.

    Its folder is made where it is missing; a `FolderError` names the file that cannot be written.
    """
    return _renamed(path.with_name(f".{secrets.token_hex(4)}.{path.name}"), path)


@contextlib.contextmanager
def _renamed(beside: Path, path: Path) -> Iterator[Path]:
    """Let the block write `beside`, then give it its name; an older folder of that name is moved aside, and goes."""
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _flush(beside)
        if beside.is_dir() and path.exists():
            path.rename(old)
        beside.replace(path)
        remove(old)
        _flush(path.parent)
    except (OSError, SafetensorError) as error:  # the latter is what who writes weights calls a full disk
        raise FolderError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        remove(beside)


@contextlib.contextmanager
def new_folder(folder: Path, like: Iterable[Path] = ()) -> Iterator[Path]:
    """A folder that appears whole: the block fills a folder beside it, which is renamed at the block's end.

    An older folder of that name is replaced. When the block raises, nothing appears; a `FolderError` names the folder
    where the disk is full or cannot be written. A file that stands in one of the folders `like` it, too, which appeared
    so, is a second name (a hard link) of that one, where the file system has these: its bytes are on disk once.
    """
    with _renamed(folder.with_name(f".{folder.name}.{secrets.token_hex(4)}"), folder) as beside:
        beside.mkdir()
        yield beside
        files = sorted(file for file in beside.rglob("*") if file.is_file())
        digests = {file.relative_to(beside).as_posix(): fingerprint_file(file) for file in files}
        (beside / DIGESTS).write_text(json.dumps(digests, indent=1), encoding="utf-8")
        for file in (*files, beside / DIGESTS):
            file.chmod(beside.stat().st_mode & 0o666)  # as the umask has it; safetensors writes for the owner alone
            _flush(file)
        _share(beside, digests, like)


def _share(beside: Path, digests: Mapping[str, str], like: Iterable[Path]) -> None:
    known: dict[str, Path] = {}
    for folder in like:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # as `damaged` has it: nothing is shared with it
            written = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
            known |= {digest: folder / name for name, digest in written.items()}
    for name, digest in digests.items():
        if digest in known and is_as_written(known[digest], digest):
            with contextlib.suppress(OSError):  # another disk, or no such links: the file stays as it is
                link = (beside / name).with_name(f".{secrets.token_hex(4)}.{Path(name).name}")
                os.link(known[digest], link)
                link.replace(beside / name)


def leftovers(folder: Path) -> list[Path]:
    """What writers that died have left in a folder: what stood beside its place, not yet renamed."""
    return [path for path in folder.rglob(".*") if _BESIDE.fullmatch(path.name)]


def remove(path: Path) -> None:
    """Remove a file, or a folder and all in it, as far as that is possible."""
    with contextlib.suppress(OSError):
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- locks ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def lock(
    path: Path, wait_seconds: float = 24 * 3600, on_wait: Callable[[str], None] | None = None
) -> Iterator[Callable[[], str]]:
    """Hold the lock file `path` for the length of the block (a lease of `filelock`).

    The file names its owner and is touched every few seconds while that lives. It is taken over when its owner is a
    dead process of this host, or when it was seen not to be touched for a minute.

    Parameters
    ----------
    path
        The lock file; its folder is made when missing.
    wait_seconds
        How long to wait for another living owner.
    on_wait
        Called once with the owner's description when waiting begins.

    Yields
    ------
    callable
        Gives the token of this hold of the lock, and raises `LockedError` when it was lost: to be called before
        anything is written that others rely on.

    Raises
    ------
    LockedError
        When another owner holds the lock for longer than `wait_seconds`.
    FolderError
        When the lock file can be none: its folder cannot be written, or something else has its name.
    """
    writable(path.parent)
    lease = SoftFileLease(path, lease_duration=STALE_SECONDS, heartbeat_interval=HEARTBEAT_SECONDS)

    def check_held() -> str:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if lease.token and f"token={lease.token}\n" in path.read_text():
                return lease.token
        raise LockedError(f"{path} was lost to {_owner(lease)}: this process was not heard of for too long")

    try:
        _acquire(lease, path, wait_seconds, on_wait)
        yield check_held
    finally:
        with _uninterrupted():
            lease.release()


def _acquire(lease: SoftFileLease, path: Path, wait_seconds: float, on_wait: Callable[[str], None] | None) -> None:
    begun, nameless, pause = time.monotonic(), 0, min(0.2, max(wait_seconds, 0.01))
    for attempt in itertools.count():
        try:
            with _uninterrupted(), contextlib.suppress(Timeout):
                lease.acquire(blocking=False)
                return
            nameless = 0 if path.stat().st_size else nameless + 1
            if nameless * pause > SECONDS_TO_NAME_AN_OWNER:  # its maker died before it wrote; filelock waits for ever
                path.unlink()
        except FileNotFoundError:  # released meanwhile
            continue
        except LeaseSettingsMismatch as error:
            raise LockedError(f"{path} is held by a nerlib of another kind: {error}") from None
        except OSError as error:
            raise FolderError(
                f"cannot lock {path}: {error.strerror or error}; may it be written, is it a file?"
            ) from error
        if time.monotonic() - begun > wait_seconds:
            raise LockedError(f"{path} is held by {_owner(lease)} for over {wait_seconds:g} s")
        if on_wait and not attempt:
            on_wait(_owner(lease))
        time.sleep(pause)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off to the end of the block: it would leave a lock that was made and not yet noted, nobody's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    got: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *given: got.append(given)) or signal.SIG_DFL
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if got and callable(before):
            before(*got[-1])


def _owner(lease: SoftFileLease) -> str:
    owner = lease.owner
    return f"process {owner.pid} on {owner.hostname}" if owner else "another process"
