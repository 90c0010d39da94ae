"""Runs that are killed, damaged and starved, as `make torture` does it; `test_torture.py` takes a sample of each.

Every attack is made on short trainings in processes of their own, forked from this one, and what it must come to is the
same each time: the end of the run that nobody disturbed, file by file, and nothing besides; or nerlib's own error.
"""

import argparse
import contextlib
import errno
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import peft  # noqa: F401  imported once: every process below is a fork
import torch

from nerlib import folders, models, params, records
from nerlib.errors import NerlibError
from nerlib.experiment import Study
from nerlib.pretraining.mlm import cached_backbone
from tests import tiny
from tests.reliability.test_locks import interrupts_around_a_lock

METHODS = ("full", "lora", "madx")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "os.symlink"}


def settings(folder, method):
    """A study of a few optimizer steps."""
    given = tiny.small_study(folder / "material", tiny.make_backbone(folder / "backbone"), method=method)
    given |= {"train_size": 12, "batch_size": 4, "num_epochs": 2, "language_adapter_steps": 2, "max_length": 16}
    return given | {"text": str(tiny.write_text(folder / "more", "sw yo am", lines=600))}


def train(given, runs, before=None):
    """Run a stage in a process of its own; what the process ended with, and what it said on stderr."""
    said = runs.with_name(f"{runs.name}.said")
    child = os.fork()
    if child == 0:
        os.environ["NERLIB_RUNS"] = str(runs)
        torch.set_num_threads(1)
        code = 1
        try:
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
                if before:
                    before()
                Study(params.read_settings(given)).run_stage("baseline", [1], checkpoint_seconds=0)
            code = 0
        except NerlibError as error:
            said.write_text(f"{type(error).__name__}: {error}")
            code = 3
        except BaseException as error:
            said.write_text(f"raw {type(error).__name__}: {error}")
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    text = said.read_text() if said.exists() else ""
    said.unlink(missing_ok=True)
    return os.waitstatus_to_exitcode(status), text


def at_event(runs, number, act, onward=False):
    """Do something at the file event of that number below a folder (and at all later ones); with 0 at every one."""
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        is_write = event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES)
        if is_write and str(arguments[0]).startswith(f"{runs}/"):
            seen += 1
            if seen == number or not number or (onward and seen > number):
                act(seen)

    return lambda: sys.addaudithook(hook)


def die(_number):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_number):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def end(runs):
    """Everything that a run leaves, without times: content by file."""
    found = {}
    for path in sorted(path for path in runs.rglob("*") if path.is_file()):
        name = path.relative_to(runs).as_posix()
        if path.name == "record.json":
            content = json.loads(path.read_text())
            content["digests"] = {k: v for k, v in content["digests"].items() if k not in ("record", "curve.csv")}
            costs = {k: v for k, v in content["costs"].items() if not k.startswith(("seconds", "peak"))}
            found[name] = {k: v for k, v in content.items() if k != "provenance"} | {"costs": costs}
        elif path.name == "curve.csv":
            found[name] = [line.split(",")[:4] for line in path.read_text().splitlines()]
        else:
            found[name] = "" if path.name == "log.txt" else folders.fingerprint_file(path)
    return found


def differences(undisturbed, runs):
    """What a run left otherwise than the undisturbed one, or besides."""
    found = end(runs)
    return sorted(name for name in undisturbed.keys() | found if undisturbed.get(name) != found.get(name))


def killed(folder, method, numbers=None):
    """Kill a training at file events (all of them), run it again: counts, and each event whose end was another."""
    given, undisturbed, counted = settings(folder, method), folder / "undisturbed", folder / "events"
    counted.write_text("0")
    assert train(given, undisturbed, at_event(undisturbed, 0, lambda n: counted.write_text(str(n)))) == (0, "")
    expected, events = end(undisturbed), int(counted.read_text())
    wrong = {}
    numbers = range(1, events + 1) if numbers is None else [max(1, round(share * events)) for share in numbers]
    for number in numbers:
        runs = folder / f"killed-{number}"
        code, said = train(given, runs, at_event(runs, number, die))
        if code != -signal.SIGKILL:
            wrong[number] = f"was not killed: {code} {said}"
        elif (again := train(given, runs)) != (0, "") or (found := differences(expected, runs)):
            wrong[number] = again if again != (0, "") else found
        shutil.rmtree(runs)
    return {"events": events, "killed": len(numbers)}, wrong


# --- damage -----------------------------------------------------------------------------------------------------------


def damage(files, chance):
    """Flip a bit of one of the files, cut it, or swap it with another; says what."""
    path, other = chance.choice(files), chance.choice(files)
    content, how = bytearray(path.read_bytes()), chance.choice(("flip", "cut", "swap"))
    if how == "flip" and content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif how == "cut":
        del content[chance.randrange(len(content) + 1) :]
    else:
        content, swapped = other.read_bytes(), bytes(content)
        other.write_bytes(swapped)
    path.write_bytes(content)
    return f"{how} {path.name}" + (f" with {other.name}" if how == "swap" else "")


def look(given, study):
    """All that is read of a finished study: the table, records, curves, predictions, counts and models."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        (run,) = Study(params.read_settings(given)).run_stage("baseline", [1])
    model = models.load_model(run.folder)
    weights = [p.detach().sum().item() for p in model.network.parameters()]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        table = records.read_records(study)
    records.check_file(run.folder, "curve.csv")
    curve = (run.folder / "curve.csv").read_text()
    return (
        weights,
        table.to_csv(),
        curve,
        records.read_predictions(run.folder),
        records.read_predictions(run.folder, "dev"),
        str(records.read_counts(run.folder)),
    )


def damaged(folder, method, times, seed=0):
    """Damage files of a finished study, and look at it: how often that was named, or changed nothing."""
    given, runs, chance, kept = settings(folder, method), folder / "runs", random.Random(seed), folder / "kept"
    assert train(given, runs) == (0, "")
    os.environ["NERLIB_RUNS"] = str(runs)
    expected, outcomes, wrong = look(given, "small"), Counter(), {}
    shutil.copytree(runs, kept)
    for number in range(times):
        what = damage([path for path in sorted(runs.rglob("*")) if path.is_file() and path.name[0] != "."], chance)
        before = {path: path.read_bytes() for path in runs.rglob("record.json")}
        try:
            # A record that cannot be read is named, and its run done again: here, not in the look.
            for path in before:
                records.read_record(path)
            outcome = "harmless" if str(look(given, "small")) == str(expected) else "silent"
        except (NerlibError, UserWarning):
            outcome = "named"
        except Exception as error:
            outcome = f"raw {type(error).__name__}"
        outcomes[outcome] += 1
        if outcome not in ("named", "harmless"):
            wrong[number] = (what, outcome)
        shutil.rmtree(runs)
        shutil.copytree(kept, runs)
    return dict(outcomes), wrong


def damaged_checkpoints(folder, times, seed=0):
    """Damage checkpoints of a small training, and go on: how often the end was that of the undisturbed one."""
    from tests.reliability.test_what_is_written import Killed, die, train

    expected, chance, outcomes, wrong = train()[0], random.Random(seed), Counter(), {}
    with contextlib.suppress(Killed):
        train(folder / "kept", at=38, how=die)
    for number in range(times):
        shutil.copytree(folder / "kept", folder / "checkpoint")
        what = damage([path for path in sorted((folder / "checkpoint").rglob("*")) if path.is_file()], chance)
        said = []
        try:
            weights, done = train(folder / "checkpoint", say=said.append)
            healed = "left out and said" if done.damaged_checkpoints and len(said) > 1 else "without effect"
            outcome = healed if torch.equal(weights, expected) else "silent"
        except Exception as error:
            outcome = f"raw {type(error).__name__}: {error}"
        outcomes[outcome] += 1
        if outcome not in ("left out and said", "without effect"):
            wrong[number] = (what, outcome)
        shutil.rmtree(folder / "checkpoint")
    return dict(outcomes), wrong


def damaged_cache(folder, times, seed=0):
    """Damage a backbone in the cache, and ask for it: how often it was made again, or had not changed."""
    source, chance, outcomes, wrong = tiny.make_backbone(folder / "source"), random.Random(seed), Counter(), {}
    os.environ["NERLIB_CACHE"] = str(folder / "cache")
    for number in range(times):
        said = []
        copy = lambda beside, _: shutil.copytree(source, beside, dirs_exist_ok=True)  # noqa: E731
        find = lambda: cached_backbone("tiny", [1], copy, on_start=said.append, line="")  # noqa: B023, E731
        found = find()
        said.clear()
        what = damage([path for path in sorted(found.rglob("*")) if path.is_file()], chance)
        try:
            whole = end(find()).items() >= end(source).items() and [path.name for path in found.parent.iterdir()] == [
                found.name
            ]
            outcome = ("made again" if said else "without effect") if whole else "silent"
        except Exception as error:
            outcome = f"raw {type(error).__name__}: {error}"
        outcomes[outcome] += 1
        if outcome not in ("made again", "without effect"):
            wrong[number] = (what, outcome)
    return dict(outcomes), wrong


# --- disks ------------------------------------------------------------------------------------------------------------


def starved(folder, method, sizes=(16, 32, 48, 64, 96, 128, 160, 192, 256, 320), others=True):
    """Train on a disk that is too small, has no inodes left or can be written no more; make room; go on."""
    given, undisturbed, disk = settings(folder, method), folder / "undisturbed", folder / "disk"
    assert train(given, undisturbed) == (0, "")
    expected, wrong, outcomes = end(undisturbed), {}, Counter()
    disk.mkdir()
    limits = [(f"size={size}k", 0) for size in sizes]
    limits += [("nr_inodes=14", 0), ("nr_inodes=30", 0), *(("size=64m", event) for event in (10, 40, 80, 110))] * others
    for options, event in limits:
        if os.system(f"mount -t tmpfs -o {options} tmpfs {disk}"):
            raise SystemExit("needs the right to mount a file system")
        try:
            runs = disk / "runs"
            code, said = train(given, runs, at_event(runs, event, refuse, onward=True) if event else None)
            os.system(f"mount -o remount,size=64m,nr_inodes=10000 {disk}")
            told = code == 3 and said.startswith("FolderError") and str(disk) in said
            outcomes["fitted" if code == 0 else "told" if told else "not told"] += 1
            again = train(given, runs)
            found = differences(expected, runs) if again == (0, "") else again
            if not (told or code == 0) or found:
                wrong[options, event] = (code, said, found)
        finally:
            os.system(f"umount {disk}")
    return dict(outcomes), wrong


def attack(part, folder, method, given):
    """One part of the torture: its counts, and what went wrong."""
    match part:
        case "killed":
            return killed(folder, method, given.events)
        case "interrupted":
            left = interrupts_around_a_lock(folder, 300)
            return {"interrupts": 300}, {"locks left": left} if left else {}
        case "damaged":
            return damaged(folder, method, given.times)
        case "checkpoints":
            return damaged_checkpoints(folder, given.times)
        case "cache":
            return damaged_cache(folder, given.times)
        case "starved":
            return starved(folder, method, *([given.sizes, False] if given.sizes else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument(
        "--parts", nargs="+", default=("killed", "interrupted", "damaged", "checkpoints", "cache", "starved")
    )
    parser.add_argument("--times", type=int, default=200, help="damages of each kind")
    parser.add_argument("--events", nargs="+", type=float, help="kill at these shares of a training's events; all")
    parser.add_argument("--sizes", nargs="+", type=int, help="of disks that are full, in KiB")
    given, failed = parser.parse_args(), False
    for part in given.parts:
        for method in given.methods if part in ("killed", "damaged") else given.methods[:1]:
            with tempfile.TemporaryDirectory() as folder:
                counts, wrong = attack(part, Path(folder), method, given)
            print(part, method, counts, wrong or "nothing wrong", flush=True)
            failed |= bool(wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
