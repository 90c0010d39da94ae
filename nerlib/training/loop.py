"""The one training loop: batches in, optimizer steps out."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from nerlib.errors import NerlibError
from nerlib.models.methods import Hooks
from nerlib.params import Recipe, streams
from nerlib.training.gradients import Accumulated, prefetch
from nerlib.training.parts import deterministic, make_optimizer, plan, schedule, set_learning_rate, signals_to_leave
from nerlib.training.precision import precision_on
from nerlib.training.state import Batch, Clock, Data, OptimizerMemory, Outcome, Progress, State

SECONDS_BETWEEN_CHECKPOINTS = 30.0
SHARE_OF_CHECKPOINTS = 0.02  # of a training's time that writing them may take, at most
DISK = 3e8  # bytes a second, until one was written: a slow disk that many share


def pause(asked: float, takes: float) -> float:
    """Seconds from one checkpoint to the next, where writing one takes so many; 0, after every step, where asked."""
    return asked and max(asked, takes / SHARE_OF_CHECKPOINTS)


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
    cuts_batches: bool = False,
    replays: bool = False,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
    say: Callable[[str], None] = print,
    check_held: Callable[[], object] | None = None,
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
    cuts_batches
        Whether to compute a batch in parts of like length on a CPU: for a loss that takes time for padding, and whose
        sum over parts is that of the whole.
    replays
        Whether a GPU may replay forward and backward passes of batches of the same sizes: for a loss that does not wait
        for the device and depends on nothing but the batch and the weights.
    checkpoint
        Folder of checkpoints; when it holds one, training goes on from it. None: no checkpoints.
    checkpoint_seconds
        Seconds between two checkpoints, more where writing one takes longer than 2 % of it; 0: after every step. It
        does not change the result.
    say
        Told in a line what becomes of checkpoints: gone on from, left out, written because of a signal.
    check_held
        Called before a checkpoint is written; it raises when another process has taken the folder over.
    progress
        Called after every step.

    Raises
    ------
    NerlibError
        When there is nothing to train on, nothing to train, or the loss is not finite at the end of an epoch.
    SystemExit
        After a signal of `parts.LEAVE`, at the end of the step, when a checkpoint is written.
    """
    if not len(data):
        raise NerlibError("nothing to train on: expected at least one example")
    hooks = hooks or Hooks()
    order, dropout = streams(seed)["order"], streams(seed)["dropout"]
    steps_an_epoch, num_epochs = plan(len(data), recipe)
    total = steps_an_epoch * num_epochs
    optimizer = make_optimizer(network, recipe)
    hooks.begin(total)
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    run = State(trained, OptimizerMemory(optimizer), order, hooks)
    done = run.outcome
    done.micro_batch_size = recipe.micro_batch_size
    clock, saved = Clock(done), time.monotonic()
    takes = 3 * sum(p.nbytes for p in trained.values()) / DISK  # weights and AdamW's two moments

    def keep() -> None:
        """Write a checkpoint when it is time to, or the process is asked to leave; then leave."""
        nonlocal saved, takes
        begun = time.monotonic()
        if checkpoint and (asked or begun - saved >= pause(checkpoint_seconds, takes)):
            if check_held:
                check_held()
            clock.read()
            run.save(checkpoint)
            saved = time.monotonic()
            takes = saved - begun
        if asked:
            say(f"left at step {done.steps}, asked by signal {asked[0]}; the same call goes on from there")
            raise SystemExit(128 + asked[0])

    with deterministic(dropout), signals_to_leave() as asked:
        if checkpoint:
            run.resume(checkpoint, say)
        done.precision = precision_on(next(network.parameters()).device, recipe.precision)
        gradients = Accumulated(network, data, loss, count, done, cuts_batches, replays)
        clock.last = saved = time.monotonic()
        while done.epochs < num_epochs and not done.stopped_early:
            batches = run.plan_epoch(data, recipe)
            network.train()
            for indices, parts in prefetch(gradients.parts, batches[run.position :], gradients.device):
                step = done.steps + 1
                set_learning_rate(optimizer, recipe.learning_rate * schedule(step, total, recipe))
                run.add_loss(*gradients.of_batch(indices, parts))
                gradients.add(hooks.penalty())
                nn.utils.clip_grad_norm_(trained.values(), recipe.clip_norm)
                optimizer.step()
                hooks.after_step(step)
                gradients.zero(optimizer)
                done.steps, run.position = step, run.position + 1
                if progress and run.position < len(batches):
                    progress(run.progress(num_epochs, total, clock, ended=False))
                keep()
            network.eval()
            run.end_epoch(recipe, num_epochs, evaluate, clock)
            if progress:
                progress(run.progress(num_epochs, total, clock, ended=True))
            if asked:
                keep()
        run.keep_best()
        hooks.finish()
        done.seconds = clock.read()
    network.eval()
    return done
