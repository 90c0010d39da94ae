"""A sample of `make torture`: killed, damaged and starved runs come to the end of those that nobody disturbed."""

import os
import subprocess
import sys


def test_killed_damaged_and_starved_runs_end_as_the_undisturbed_one_or_are_named():
    parts = ["killed", "interrupted", "damaged", "checkpoints", "cache"]
    if os.name == "posix" and os.getuid() == 0:
        parts.append("starved")  # mounts small disks
    numbers = ["--times", "12", "--events", "0.3", "0.75", "0.99", "--sizes", "32", "128"]
    command = [sys.executable, "-m", "tests.reliability.torture", "--methods", "lora", "--parts", *parts, *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count("nothing wrong") == len(parts)
    assert "'named'" in done.stdout
    assert "'left out and said'" in done.stdout
    assert "'made again'" in done.stdout
