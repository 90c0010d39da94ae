"""What nerlib raises: every message says what was expected, what was got, where, and how to mend it."""

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

LONGEST = 300  # characters of a message, one line: what was got, and where, may be of any length
P = ParamSpec("P")
R = TypeVar("R")


class NerlibError(Exception):
    """The base of all errors that nerlib raises on purpose; a message that is too long loses its middle."""

    def __str__(self) -> str:
        text = " ".join(super().__str__().splitlines())
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 105]} ... {text[-100:]}"


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


class Interrupted(KeyboardInterrupt):
    """A person stopped a training; notebooks show the message, without a traceback through the library."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows (a protocol of its `showtraceback`)."""
        return [f"Interrupted: {self}"]


class TooLarge(NerlibError, RuntimeError):
    """A training needs more memory than there is."""


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """A hint at the nearest of `names`, as ``did you mean 'seeds'?``; "" where none is near."""
    near = difflib.get_close_matches(str(name), list(names), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def raises_only(kind: type[NerlibError], what: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a public function raise nerlib's own errors only: what a library raises on odd input becomes `kind`.

    It is the last resort. Where it is known what can be wrong, the message says how to mend it.

    Parameters
    ----------
    kind
        The class of the error.
    what
        What the function's first argument names.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def guarded(*args: P.args, **options: P.kwargs) -> R:
            try:
                return function(*args, **options)
            except NerlibError:
                raise
            except Exception as error:
                subject = f"{what} {str(args[0])[:100]!r}" if args else what
                raise kind(f"{subject}: expected what can be read, got {type(error).__name__}: {error}") from error

        return guarded

    return decorate


def as_command(main: Callable[P, object]) -> Callable[P, int]:
    """Let a program's main function give its exit code: 0, or 1 after one line of what was wrong."""

    @wraps(main)
    def guarded(*args: P.args, **options: P.kwargs) -> int:
        try:
            main(*args, **options)
        except (NerlibError, OSError) as error:
            print(str(error).partition("\n")[0], file=sys.stderr)
            return 1
        return 0

    return guarded


#: By name, what a command of a program calls, what is said of it, and its arguments as `argparse` takes them.
Commands = Mapping[str, tuple[Callable[..., Any], str, Mapping[str, Mapping[str, Any]]]]


def run_command(program: str, description: str, commands: Commands, arguments: Sequence[str] | None) -> Any:
    """What the command gives that a command line asks for, called with its arguments by name."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    named = parser.add_subparsers(required=True)
    for name, (function, what, its) in commands.items():
        command = named.add_parser(name, help=what)
        command.set_defaults(function=function)
        for argument, options in its.items():
            command.add_argument(argument, **options)
    given = vars(parser.parse_args(arguments))
    return given.pop("function")(**given)
