"""What nerlib raises: every message says what was expected, what was got, where, and how to mend it."""

import difflib
from collections.abc import Iterable


class NerlibError(Exception):
    """The base of all errors that nerlib raises on purpose."""


class SettingsError(NerlibError, ValueError):
    """A parameter is unknown, of the wrong type, or cannot be meant."""


class CorpusError(NerlibError, ValueError):
    """A corpus is unknown, lacks a split that its role needs, or has a line that cannot be read."""


class ModelError(NerlibError, ValueError):
    """A backbone, an adapter or a saved model does not fit what is asked of it."""


class RecordError(NerlibError, ValueError):
    """A run's record is damaged, of an unknown version, or contradicts its files."""


class FolderError(NerlibError, OSError):
    """A folder cannot be written, or a name would leave the folder it belongs to."""


class LockedError(NerlibError, RuntimeError):
    """Another living process holds the lock for longer than the caller wanted to wait."""


class TooLarge(NerlibError, RuntimeError):
    """A training needs more memory than there is."""


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """A hint at the nearest of `names`, as ``did you mean 'seeds'?``; "" where none is near."""
    near = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
