"""Tagging raw text: sentences a second of a tagger and of `pipeline("token-classification")` at its best batch size.

    python -m benchmarks.tagging RUN text.txt [--sentences 2000] [--rounds 5] [--processor]

Both get the same sentences, in alternating rounds; the ratio is of each round's pair, so that a machine that slows down
slows both; on a busy one `--processor` counts the processor's seconds. The pipeline gets the run's
exported model. Its batch size is the fastest of those tried in a first round.
"""

import argparse
import lzma
import tempfile
import time
from pathlib import Path

import torch
from transformers import pipeline

from nerlib.annotation import cut
from nerlib.statistics import mean_interval
from nerlib.tagger import export, load_tagger

SIZES = (1, 8, 16, 32, 64, 128)


def sentences_of_file(path, number, language):
    """The first sentences of a text, as they stand."""
    content = path.read_bytes()
    text = (lzma.decompress(content) if path.suffix == ".xz" else content).decode()[: 1000 * number]
    return [text[own[0][0] : own[-1][1]] for own in cut(text, language)][:number]


def seconds(call, *given, clock=time.perf_counter, **options):
    started = clock()
    call(*given, **options)
    return clock() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processor", action="store_true", help="count seconds of the processor (one thread)")
    given = parser.parse_args()
    clock = time.process_time if given.processor else time.perf_counter
    tagger = load_tagger(given.run)
    rows = sentences_of_file(given.text, given.sentences, tagger.language)
    with tempfile.TemporaryDirectory() as folder:
        device = 0 if torch.cuda.is_available() else -1
        usual = pipeline("token-classification", str(export(given.run, Path(folder) / "model")),
                         aggregation_strategy="simple", device=device)  # fmt: skip
    tried = {size: seconds(usual, rows, batch_size=size, clock=clock) for size in SIZES}
    best = min(tried, key=tried.__getitem__)
    tagger(rows)
    pairs = [
        (seconds(usual, rows, batch_size=best, clock=clock), seconds(tagger, rows, clock=clock))
        for _ in range(given.rounds)
    ]
    ratio = mean_interval([theirs / ours for theirs, ours in pairs])
    print(f"{len(rows)} sentences, {torch.get_num_threads()} threads, {given.rounds} paired rounds")
    print(f"pipeline, batch size {best} (the fastest of {', '.join(map(str, SIZES))}): "
          f"{len(rows) / min(theirs for theirs, _ in pairs):,.0f} sentences/s")  # fmt: skip
    print(f"tagger: {len(rows) / min(ours for _, ours in pairs):,.0f} sentences/s")
    print(f"ratio {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})")


if __name__ == "__main__":
    main()
