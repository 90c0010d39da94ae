"""Telling how far long work is: a live bar in JupyterLab, one plain line an epoch elsewhere."""

import html
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

from nerlib.training import Progress

# Said by tqdm when the libraries below import it in a notebook without ipywidgets; the bar here needs none.
warnings.filterwarnings("ignore", message="IProgress not found")

Tell = Callable[[Progress], None]


def teller(title: str, write: Callable[[str], None] | None = None) -> Tell:
    """Something to call after every optimizer step.

    Parameters
    ----------
    title
        What is trained, as ``"target, seed 1"``.
    write
        Where lines go beside the screen (a run's log).
    """
    bar = _Bar(title) if in_jupyterlab() else None

    def tell(progress: Progress) -> None:
        if bar:
            bar(progress)
        if progress.epoch_ended and not math.isnan(progress.train_loss):
            line = f"{title}: {_line(progress)}"
            if write:
                write(line)
            if not bar:
                print(line, file=sys.stdout, flush=True)  # a line an epoch is what a batch run shows

    return tell


def announce(text: str) -> None:
    """One line outside of any training (waiting for another process, making the demo backbone)."""
    print(text, flush=True)


def in_jupyterlab() -> bool:
    """Whether a person looks on: JupyterLab and its kin name the cell they run, batch runners do not."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent() if kernel is not None else {}
    return "cellId" in parent.get("metadata", {})


def _line(progress: Progress) -> str:
    score = "" if progress.dev_score is None else f", dev {100 * progress.dev_score:.1f}"
    if progress.dev_score is not None and progress.dev_score < 0:  # of masked language modelling: minus the loss
        score = f", held-out loss {-progress.dev_score:.3f}"
    return (
        f"epoch {progress.epoch}/{progress.num_epochs}, step {progress.step}, "
        f"loss {progress.train_loss:.3f}{score}, {progress.seconds:.0f} s"
    )


class _Bar:
    """A bar with loss, dev score and time left, drawn anew once a second at most; it goes when the work has ended."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.last_line, self.drawn = "", -1.0
        self.handle: Any = None

    def __call__(self, progress: Progress) -> None:
        if progress.epoch_ended and not math.isnan(progress.train_loss):
            self.last_line = _line(progress)
        ended = progress.epoch_ended and progress.epoch == progress.num_epochs
        if not ended and progress.seconds - self.drawn < 1:
            return
        self.drawn = progress.seconds
        from IPython.display import HTML, display

        left = progress.seconds / max(progress.step, 1) * (progress.total_steps - progress.step)
        bar = f'<progress value="{progress.step}" max="{progress.total_steps}" style="width:16em"></progress>'
        told = html.escape(": ".join(filter(None, (self.title, self.last_line))))
        shown = HTML(told if ended else f"{bar} {told}, about {left:.0f} s left")
        if self.handle is None:
            self.handle = display(shown, display_id=True)
        else:
            self.handle.update(shown)
