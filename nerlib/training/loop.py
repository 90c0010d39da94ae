"""The one training loop: batches in, optimizer steps out."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from nerlib.errors import NerlibError
from nerlib.params import Recipe, streams
from nerlib.training.parts import (
    autocast,
    deterministic,
    make_optimizer,
    micro_batches,
    plan,
    schedule,
    set_learning_rate,
)
from nerlib.training.protocols import Batch, Data, Hooks, Progress
from nerlib.training.state import Clock, Outcome, State

STEPS_BETWEEN_SCORES = 25  # dev is scored at the end of an epoch, but not more often than this
SECONDS_BETWEEN_CHECKPOINTS = 30.0


def train(
    network: nn.Module,
    data: Data,
    recipe: Recipe,
    *,
    seed: int,
    loss: Callable[[Batch], torch.Tensor],
    count: Callable[[Batch], int],
    evaluate: Callable[[], float | Mapping[str, float]] | None = None,
    hooks: Hooks | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
    on_resume: Callable[[int], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Train what requires a gradient in `network`, and leave the best state on dev (else the last one) in it.

    Parameters
    ----------
    network
        The model; it stays on its device.
    data
        The examples; an epoch draws `epoch_fraction` of them anew, without replacement.
    recipe
        How to train.
    seed
        Gives the order of the data and the dropout, by streams of their own.
    loss
        `network`'s loss *summed* over a batch's labelled positions; the step divides by their number in the batch.
    count
        The number of a batch's labelled positions.
    evaluate
        Dev score, higher is better, or `dev_score` with other columns of the curve beside it; called with the network
        in eval mode.
    hooks
        What the method adds.
    checkpoint
        Folder of checkpoints; when it holds one, training goes on from it. None: no checkpoints.
    checkpoint_seconds
        Seconds between two checkpoints; 0: after every step. It does not change the result.
    on_resume
        Called with the number of steps done, when a checkpoint was found.
    progress
        Called after every step.

    Raises
    ------
    NerlibError
        When there is nothing to train on, nothing to train, or the loss is not finite at the end of an epoch.
    """
    if not len(data):
        raise NerlibError("nothing to train on: expected at least one example")
    hooks = hooks or Hooks()
    order, dropout = streams(seed)["order"], streams(seed)["dropout"]
    steps_an_epoch, num_epochs = plan(len(data), recipe)
    total = steps_an_epoch * num_epochs
    optimizer = make_optimizer(network, recipe)
    hooks.begin(total)
    run = State(network, optimizer, order, hooks)
    done = run.outcome

    with deterministic(dropout):
        if run.resume(checkpoint) and on_resume:
            on_resume(done.steps)
        device = next(network.parameters()).device
        clock = Clock(done)
        saved = time.monotonic()
        while done.epochs < num_epochs and not done.stopped_early:
            batches = run.plan_epoch(data, recipe)
            for indices in batches[run.position :]:
                step = done.steps + 1
                set_learning_rate(optimizer, recipe.learning_rate * schedule(step, total, recipe.warm_up))
                network.train()
                parts = [data.batch(part, done.epochs) for part in micro_batches(indices, recipe.micro_batch_size)]
                labelled = max(sum(count(part) for part in parts), 1)
                for part in parts:
                    with autocast(device):
                        summed = loss({name: t.to(device, non_blocking=True) for name, t in part.items()})
                    (summed / labelled).backward()
                    run.add_loss(summed.detach(), count(part))
                if (penalty := hooks.penalty()) is not None:
                    penalty.backward()
                nn.utils.clip_grad_norm_(run.trained.values(), recipe.clip_norm)
                optimizer.step()
                hooks.after_step(step)
                optimizer.zero_grad()
                done.steps, run.position = step, run.position + 1
                if progress and run.position < len(batches):
                    progress(Progress(done.epochs, num_epochs, step, total, math.nan, None, clock.read(), False))
                if checkpoint and time.monotonic() - saved >= checkpoint_seconds:
                    clock.read()
                    run.save(checkpoint)
                    saved = time.monotonic()
            run.end_epoch()
            last = done.epochs == num_epochs
            if last or done.steps - run.last_scored >= STEPS_BETWEEN_SCORES:
                run.score(evaluate, clock)
                waited = done.epochs - done.best_epoch
                if recipe.patience and waited >= recipe.patience and done.steps >= recipe.min_steps:
                    done.stopped_early = not last and hooks.may_keep(done.steps)
            if progress:
                row = done.curve[-1] if done.curve else {}
                scored = row.get("epoch") == done.epochs
                shown = row["dev_score"] if scored else None
                rate = row["train_loss"] if scored else math.nan
                progress(Progress(done.epochs, num_epochs, done.steps, total, rate, shown, clock.read(), True))
        run.keep_best()
        hooks.finish()
        done.seconds = clock.read()
    network.eval()
    return done
