"""What is written is checked when it is read: what does not fit is named, made again where it can be, else refused."""

import errno
import json
import os
import random
import shutil
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from nerlib import folders, models, records, training
from nerlib.corpora import Sentence
from nerlib.errors import FolderError, LockedError, ModelError, RecordError
from nerlib.experiment import runs
from nerlib.params import Recipe
from nerlib.pretraining.mlm import cached_backbone
from nerlib.scoring import score


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGES = {
    "flip": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "emptied": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
}
each_damage = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


# --- folders ----------------------------------------------------------------------------------------------------------


@each_damage
@pytest.mark.parametrize("name", ["weights", "deeper/weights", folders.DIGESTS])
def test_a_folder_names_what_is_not_as_it_was_written(tmp_path, damage, name):
    with folders.new_folder(tmp_path / "model") as beside:
        (beside / "deeper").mkdir()
        for file in ("weights", "deeper/weights"):
            (beside / file).write_bytes(os.urandom(100))
    assert folders.damaged(tmp_path / "model") == ""
    damage(tmp_path / "model" / name)
    assert folders.damaged(tmp_path / "model") in (
        [name] if name != folders.DIGESTS else [name, "weights", "deeper/weights"]
    )


# --- finished runs ----------------------------------------------------------------------------------------------------

NAME = runs.Name("study", "sw", "ner", "backbone", "lora", "baseline", 1)
SENTENCE = Sentence(("Ama", "ran"), ("B-PER", "O"), "sw", "test.txt:1")


def make_run(job, calls):
    calls.append(job)
    with folders.new_folder(job.folder / "model") as beside:
        (beside / "weights").write_bytes(b"0123456789")
    folders.write_atomically(job.folder / "curve.csv", "epoch,seconds\n1,0.5\n")
    scores = score([SENTENCE.tags], [("B-PER", "O")])
    scores.counts.save(job.folder / "counts.npz")
    records.write_predictions(job.folder, "test", [SENTENCE], [("B-PER", "O")])
    costs = {"total_parameters": 2, "trainable_parameters": 1}
    return {"scores": {"metric": "strict_f1", "test": scores.to_record()}, "costs": costs}


@pytest.fixture
def calls():
    return []


@pytest.fixture
def run(calls):
    return lambda make=None: runs.get_or_train(NAME, {"a": 1}, {}, make or partial(make_run, calls=calls))


READERS = {
    "curve.csv": lambda run: records.check_file(run.folder, "curve.csv"),
    "counts.npz": lambda run: records.read_counts(run.folder),
    "predictions/test.conll": lambda run: records.read_predictions(run.folder),
}


@each_damage
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_of_a_finished_run_is_named_with_what_makes_it_again(run, calls, monkeypatch, damage, name):
    made = run()
    damage(made.folder / name)
    if damage is not DAMAGES["gone"] or "predictions" not in name:
        with pytest.raises(RecordError, match=rf"{name}: not as it was written; .*NERLIB_REMAKE=1"):
            READERS[name](made)
    with pytest.raises(RecordError, match=rf"not as it was written: {name}; .*NERLIB_REMAKE=1"):
        run()
    monkeypatch.setenv("NERLIB_REMAKE", "1")
    assert run().record.digests == made.record.digests
    assert len(calls) == 2
    READERS[name](run())
    assert len(calls) == 2


@each_damage
@pytest.mark.parametrize("name", ["weights", folders.DIGESTS])
def test_a_damaged_model_is_made_again_when_that_is_asked_for(run, calls, monkeypatch, damage, name):
    made = run()
    damage(made.folder / "model" / name)
    monkeypatch.setenv("NERLIB_REMAKE", "1")
    assert folders.damaged(run().folder / "model") == ""
    assert len(calls) == 2


def test_no_flipped_bit_of_a_record_goes_unnoticed(run):
    path = run().folder / "record.json"
    content, chance = path.read_bytes(), random.Random(0)
    read = records.read_record(path)
    for _ in range(150):
        spoilt = bytearray(content)
        spoilt[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(spoilt)
        try:
            assert records.read_record(path) == read  # white space between two values
        except RecordError as error:
            assert "record" in str(error)


def test_a_record_of_before_is_read_without_a_digest_of_its_own(run):
    path = run().folder / "record.json"
    content = json.loads(path.read_text())
    del content["digests"]["record"]
    content["schema"] = 1
    path.write_text(json.dumps(content))
    assert run().record.digest == content["digest"]


@pytest.fixture(scope="module", params=["full", "lora"])
def saved(request, tiny_backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "model"
    models.save_model(models.build(tiny_backbone("bert"), method=request.param), folder)
    return folder


@each_damage
def test_a_damaged_model_is_refused_with_what_makes_it_again(saved, tmp_path, damage):
    file = next(shutil.copytree(saved, tmp_path / "model").glob("*.safetensors"))
    damage(file)
    with pytest.raises(ModelError, match=rf"not as it was written: {file.name}; .*NERLIB_REMAKE=1"):
        models.load_model(tmp_path / "model")


def test_a_damaged_backbone_of_the_cache_is_made_again_and_said(tmp_path, monkeypatch):
    monkeypatch.setenv("NERLIB_CACHE", str(tmp_path))
    told = []

    def find():
        return cached_backbone(
            "tiny", [1], lambda f, _: (f / "weights").write_text("w"), on_start=told.append, line="L"
        )

    folder = find()
    assert find() == folder
    left = folder.with_name(f".{folder.name}.0123abcd")
    left.mkdir()
    flip(folder / "weights")
    assert find() == folder
    assert told == ["L", f"{folder} is damaged and made again. L"]
    assert (folder / "weights").read_text() == "w"
    assert not left.exists()


# --- checkpoints ------------------------------------------------------------------------------------------------------


class Points:
    """Data for a small regression: example i is the number i."""

    lengths = np.arange(1, 41)

    def __len__(self):
        return 40

    def batch(self, indices, epoch):
        return {"x": torch.tensor(indices, dtype=torch.float32)[:, None] / 40}


class Killed(BaseException):
    pass


def train(checkpoint=None, at=0, how=None, **options):
    """Train a small network to step 40; at step `at` something happens. Gives its weights, and what the loop did."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.2), nn.Linear(8, 1))

    def happens(progress):
        if progress.step == at and not progress.epoch_ended:
            how()

    done = training.train(
        net,
        Points(),
        Recipe(num_epochs=4, batch_size=4, learning_rate=1e-2),
        seed=1,
        loss=lambda batch: ((net(batch["x"]) - 2 * batch["x"]) ** 2).sum(),
        count=lambda batch: len(batch["x"]),
        evaluate=lambda: float((1000 * net[0].weight.sum()) % 1),
        checkpoint=checkpoint,
        checkpoint_seconds=0,
        progress=happens,
        **options,
    )
    return torch.cat([p.detach().flatten() for p in net.parameters()]), done


def die():
    raise Killed


@pytest.fixture(scope="module")
def undisturbed():
    return train()


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interrupted") / "checkpoint"
    with pytest.raises(Killed):
        train(folder, at=38, how=die)
    return folder


FILES = ("state.json", "weights.safetensors", "memory.safetensors", "best.safetensors", folders.DIGESTS)


@each_damage
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_said_and_left_out_and_the_end_is_the_same(
    undisturbed, interrupted, tmp_path, damage, name
):
    checkpoint = shutil.copytree(interrupted, tmp_path / "checkpoint")
    before, newest = sorted(checkpoint.iterdir())
    damage(newest / name)
    told = []
    weights, done = train(checkpoint, say=told.append)
    assert torch.equal(weights, undisturbed[0])
    assert told[0].startswith(f"left out the checkpoint {newest.name}, which is damaged: ")
    assert name in told[0] or name == folders.DIGESTS  # a digest flipped is of the file that it no longer fits
    assert told[1:] == [f"went on from step {int(before.name[5:])}"]
    assert done.damaged_checkpoints == [newest.name]


@pytest.mark.parametrize("content", ["nothing", "a file", "no files"])
def test_without_a_whole_checkpoint_a_training_begins_anew(undisturbed, interrupted, tmp_path, content):
    checkpoint = shutil.copytree(interrupted, tmp_path / "checkpoint")
    for folder in checkpoint.iterdir():
        shutil.rmtree(folder)
        if content == "a file":
            folder.write_text("")
        elif content == "no files":
            folder.mkdir()
    told = []
    weights, done = train(checkpoint, say=told.append)
    assert torch.equal(weights, undisturbed[0])
    assert len(told) == len(done.damaged_checkpoints) == (0 if content == "nothing" else 2)


def test_there_are_two_checkpoints_until_the_next_one_is_whole(tmp_path):
    seen = []
    train(tmp_path, at=34, how=lambda: seen.extend(sorted(tmp_path.glob("step-*"))))
    assert [folder.name for folder in seen] == ["step-000000032", "step-000000033"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_to_leave_writes_a_checkpoint_and_ends_the_process_in_order(undisturbed, tmp_path, number):
    told, before = [], signal.signal(number, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with pytest.raises(SystemExit) as left:
            train(tmp_path, at=17, how=lambda: os.kill(os.getpid(), number), say=told.append)
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert left.value.code == 128 + number
    weights, _ = train(tmp_path, say=told.append)
    assert torch.equal(weights, undisturbed[0])
    assert [line.split(",")[0] for line in told] == ["left at step 17", "went on from step 17"]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path, undisturbed):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        weights, _ = train(tmp_path, at=17, how=lambda: os.kill(os.getpid(), signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert torch.equal(weights, undisturbed[0])


def test_who_lost_the_lock_writes_no_checkpoint_more(tmp_path):
    held = iter([True] * 5)

    def check_held():
        if not next(held, False):
            raise LockedError("lost")

    with pytest.raises(LockedError):
        train(tmp_path, check_held=check_held)
    assert max(folder.name for folder in tmp_path.glob("step-*")) == "step-000000005"


# --- what the dead leave, and full disks ------------------------------------------------------------------------------


def test_what_dead_writers_left_is_cleared_at_the_next_look_and_said(run, calls):
    folder = run().folder
    for left in (".model.0123abcd", ".model.0123abcd.old", "checkpoint"):
        (folder / left).mkdir()
        (folder / left / "weights").write_text("w")
    for left in (".0123abcd.record.json", "predictions/.0123abcd.test.conll"):
        (folder / left).write_text("half")
    lock = folder.with_name(f".{folder.name}.lock")
    lock.write_text("filelock/2\npid=999999999\nhost=nowhere\n")  # no owner could be read from it
    lock.write_text(f"999999999\n{os.uname().nodename}\n")  # a dead process of this host
    assert run().folder == folder
    assert len(calls) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["counts.npz", "curve.csv", "log.txt", "model", "predictions", "record.json"]
    )
    assert not lock.exists()
    told = (folder / "log.txt").read_text().splitlines()[-1]
    assert "cleared what a process that died had left: " in told
    assert told.count(", ") == 4


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_disk_that_cannot_be_written_is_named_and_nothing_is_lost(run, number):
    def full(job):
        (job.checkpoint / "step-1").mkdir(parents=True)
        raise OSError(number, os.strerror(number))

    with pytest.raises(FolderError, match=rf"baseline, lora, sw, seed 1: {os.strerror(number)}; in /") as caught:
        run(full)
    folder = Path(str(caught.value).rpartition(" in ")[2])
    assert (folder / "checkpoint" / "step-1").is_dir()
    assert not (folder / "record.json").exists()
    assert pd.read_csv(run().folder / "curve.csv").seconds.tolist() == [0.5]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB; none where that is not allowed."""
    (tmp_path / "disk").mkdir()
    if os.system(f"mount -t tmpfs -o size=64k tmpfs {tmp_path / 'disk'} 2>/dev/null"):
        pytest.skip("needs the right to mount a file system")
    yield tmp_path / "disk"
    os.system(f"umount {tmp_path / 'disk'}")


def test_a_full_disk_is_said_by_whoever_writes_weights(small_disk, tiny_backbone):
    model = models.build(tiny_backbone("bert"), method="full")
    with pytest.raises(FolderError, match=r"cannot write .*/disk/model: .*No space left"):
        models.save_model(model, small_disk / "model")
    assert not list(small_disk.iterdir())


def test_the_lease_that_a_record_was_written_under_stands_in_it(run):
    assert len(run().record.provenance["lease"]) == 32
