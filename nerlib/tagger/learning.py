"""Annotation in rehearsal: labels that are held back are asked for in batches, against random ones of as many words."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nerlib import training
from nerlib.annotation import Document, cut
from nerlib.annotation.choosing import DIVERSE, RANDOM, STRATEGIES, choose, uncertainty
from nerlib.corpora import Sentence
from nerlib.experiment import Study, find_stage
from nerlib.models import TaskModel, build, load_model
from nerlib.tagger.tagging import Tagger

STAGE = "few_shot_1"  # how it is trained: without dev, the settings' steps on the target


def rehearse(study: Study, *, strategies: Sequence[str] = STRATEGIES, transfer: bool = True) -> pd.DataFrame:
    """Learn from labels that are asked for, at growing budgets of words, and score each model on test.

    Each model starts from the run on the sources (with `transfer`) or from the backbone, and sees all that was asked
    for so far. Without transfer the first batch is random for all.

    Parameters
    ----------
    study
        Its target's training sentences are the pool, at most `train_size` of them; budgets are `word_budgets`.

    Returns
    -------
    DataFrame
        A row a training: `strategy`, `seed`, `budget`, `words` (that were labelled), `sentences`, `test_score`.
    """
    data, budgets = study.data, study.settings.word_budgets
    rows = []
    for seed in study.settings.seeds:
        pool = data.run_data(find_stage("baseline_converged"), seed).train
        start = study.run_stage("sources", [seed])[0].folder if transfer else None
        known: dict[tuple[int, ...], tuple[TaskModel, float]] = {}
        for strategy in strategies:
            rng, labelled = np.random.default_rng(seed), list[int]()
            model = load_model(start, data.backbone) if start else None
            for budget in budgets:
                labelled += ask(strategy if model else RANDOM, model, pool, labelled, budget, rng)
                key = tuple(labelled)
                if key not in known:
                    known[key] = learn(study, [pool[i] for i in labelled], start, seed)
                model, score = known[key]
                words = sum(len(pool[i].words) for i in labelled)
                rows.append((strategy, seed, budget, words, len(labelled), score))
    return pd.DataFrame(rows, columns=["strategy", "seed", "budget", "words", "sentences", "test_score"])


def ask(
    strategy: str,
    model: TaskModel | None,
    pool: Sequence[Sentence],
    labelled: Sequence[int],
    budget: int,
    rng: np.random.Generator,
) -> list[int]:
    """Sentences of the pool to label next, beside those that are, up to a budget of words in all."""
    left = np.setdiff1d(np.arange(len(pool)), labelled)
    rows = [pool[i] for i in left]
    costs = np.array([len(row.words) for row in rows])
    missing = budget - sum(len(pool[i].words) for i in labelled)
    if missing <= 0 or not rows:
        return []
    found = vectors = None
    if model and strategy != RANDOM:
        found = uncertainty(Tagger((model,)).probabilities([row.words for row in rows]), costs.tolist())
        vectors = training.represent(model, rows)[-1] if strategy == DIVERSE else None
    return left[choose(strategy, missing, costs, rng, found, vectors)].tolist()


def learn(study: Study, sentences: Sequence[Sentence], start: Path | None, seed: int) -> tuple[TaskModel, float]:
    """A model that was trained on these sentences, and what it scores on test."""
    data = study.data
    model = (
        load_model(start, data.backbone, trainable=True)
        if start
        else build(data.backbone, data.task, data.method(), labels=data.labels, seed=seed)
    )
    model.network.to(training.best_device())
    training.train(
        model.network,
        model.encode(sentences, study.settings.max_length),
        data.recipe(find_stage(STAGE)),
        seed=seed,
        loss=model.loss,
        count=data.task.count,
        hooks=model.hooks,
        cuts_batches=not model.runs_by_block,
        replays=model.runs_by_block,
    )
    told = training.predict(model, data.test, max_length=study.settings.max_length)
    scores = data.task.score([one.gold for one in data.test], told)
    return model, float(scores.f1)


def next_batch(
    tagger: Tagger, lines: Sequence[str], strategy: str, budget: int, rng: np.random.Generator
) -> list[Document]:
    """Lines of unlabelled text to annotate next, in the order of choice, with what the tagger finds in them.

    Parameters
    ----------
    lines
        A text each; empty ones are passed over.
    strategy, budget
        As for `choose`.
    """
    cuts = {number: cut(line, tagger.language) for number, line in enumerate(lines)}
    kept = [number for number, own in cuts.items() if own]
    pool = [
        Sentence(tuple(lines[n][a:b] for own in cuts[n] for a, b in own), (), tagger.language, str(n)) for n in kept
    ]
    chosen = [kept[i] for i in ask(strategy, tagger.models[0], pool, [], budget, rng)]
    return tagger.tag([Document(lines[n], (), tagger.language, str(n + 1), cuts[n]) for n in chosen])
