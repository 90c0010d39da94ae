"""Figures of tuning methods draw the numbers of their tables, each in its method's colour."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from nerlib import analysis, figures
from nerlib.errors import SettingsError
from nerlib.figures import style
from nerlib.params import METHOD_WORDS


@pytest.fixture
def table():
    return analysis.pes_table(analysis.published_techniques())


def of_gid(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def test_every_pes_is_a_bar_in_its_method_s_colour(table):
    for ax, (_, rows) in zip(figures.pes_bars(table).axes, table.groupby("task", sort=False), strict=True):
        drawn = sorted((bar.get_height(), to_hex(bar.get_facecolor()).upper()) for bar in ax.patches)
        known = rows.dropna(subset=["pes"])
        colours = [figures.METHOD_COLOURS[method] for method in known["method"]]
        assert drawn == sorted(zip(known["pes"], colours, strict=True))
        (cross,) = of_gid(ax, "undefined")  # mGPT was not fully fine-tuned
        assert cross.get_color() == figures.METHOD_COLOURS["full"]


def test_undefined_scores_are_crosses_and_printed_ones_are_hatched():
    trained = [
        analysis.pes_table(analysis.published_techniques(), parameters="trainable", variant=variant)
        for variant in ("defined", "as printed")
    ]
    crossed, hatched = (figures.pes_bars(table) for table in trained)
    assert sum(len(of_gid(ax, "undefined")) for ax in crossed.axes) == 16 + 3
    assert not any(bar.get_hatch() for ax in crossed.axes for bar in ax.patches)
    turned = [bar.get_height() for ax in hatched.axes for bar in ax.patches if bar.get_hatch()]
    assert len(turned) == 16 and max(turned) < 0
    assert "hatched" in hatched.axes[-1].get_xlabel() and "hatched" not in crossed.axes[-1].get_xlabel()


def test_fronts_join_what_nothing_beats(table):
    costs = {"vram_gb": "device memory (GB)", "trainable": "trained parameters"}
    axes = figures.fronts(table, costs).axes
    for ax, (task, cost) in zip(axes, itertools.product(table["task"].unique(), costs), strict=True):
        rows = table[table["task"] == task].dropna(subset=["score"])
        assert ax.get_xscale() == "log" and ax.get_xlabel().startswith(costs[cost])
        drawn = sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in of_gid(ax, "system"))
        np.testing.assert_allclose(drawn, sorted(zip(rows[cost], 100 * rows["score"], strict=True)))
        (front,) = of_gid(ax, "front")
        best = {c: 100 * rows.loc[rows[cost] <= c, "score"].max() for c in front.get_xdata()}
        np.testing.assert_allclose(front.get_ydata(), list(best.values()))


def test_shares_of_ranks_fill_each_bar():
    scores = pd.DataFrame(
        [(m, s, 0.5 + 0.1 * i + 0.2 * (s == i)) for i, m in enumerate(("full", "lora", "dora")) for s in range(4)],
        columns=["method", "seed", "score"],
    )
    shares = analysis.rank_stability(scores, "score", rng=np.random.default_rng(1), draws=300)
    ax = figures.rank_shares(shares).axes[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    mean_rank = (shares["rank"] * shares["share"]).groupby(shares["method"]).sum()
    assert names == [METHOD_WORDS[method] for method in mean_rank.sort_values().index]
    for rank, bars in enumerate(ax.containers, start=1):
        at_rank = shares[shares["rank"] == rank].set_index("method")["share"].loc[mean_rank.sort_values().index]
        np.testing.assert_allclose([bar.get_width() for bar in bars], 100 * at_rank)


def test_ranges_of_ranks_are_drawn_from_best_to_worst(table):
    told = analysis.weight_sensitivity(table, rng=np.random.default_rng(1), draws=300)
    for ax, (_, rows) in zip(figures.rank_ranges(told).axes, told.groupby("task", sort=False), strict=True):
        rows = rows.sort_values("rank", kind="stable")
        drawn = [c.get_segments()[0][:, 0] for c in ax.collections if c.get_gid() == "range"]
        np.testing.assert_allclose(drawn, rows[["best_rank", "worst_rank"]])
        np.testing.assert_allclose([line.get_xdata()[0] for line in of_gid(ax, "declared")], rows["rank"])
        assert [text.get_text() for text in ax.texts] == [f"leads in {100 * x:.0f} %" for x in rows["leads"] if x > 0]


def test_each_seed_s_best_epoch_is_marked_on_both_curves():
    rng = np.random.default_rng(1)
    cells = itertools.product(("full", "lora"), (1, 2, 3), range(1, 6))
    curves = pd.DataFrame(cells, columns=["method", "seed", "epoch"])
    curves = curves.assign(step=10 * curves["epoch"], dev_loss=rng.random(30), dev_score=rng.random(30))
    best = curves.loc[curves.groupby(["method", "seed"])["dev_score"].idxmax()]
    loss, score = figures.dev_curves(curves).axes
    for ax, column, scale in ((loss, "dev_loss", 1), (score, "dev_score", 100)):
        marks = {line.get_color(): line.get_xydata() for line in of_gid(ax, "best")}
        for method, rows in best.groupby("method"):
            expected = rows[["step", column]].to_numpy(float) * [1, scale]
            np.testing.assert_allclose(marks[figures.METHOD_COLOURS[method]], expected)
    assert score.get_ylabel().startswith("dev,") and "(points)" in score.get_ylabel()
    with pytest.raises(SettingsError, match="expected the columns dev_loss"):
        figures.dev_curves(curves.drop(columns="dev_loss"))


def test_nothing_warns_and_the_same_figure_is_the_same_file(table):
    told = analysis.weight_sensitivity(table, rng=np.random.default_rng(1), draws=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw, frame in ((figures.pes_bars, table), (figures.rank_ranges, told)):
            assert style.as_bytes(draw(frame), "svg") == style.as_bytes(draw(frame), "svg")
