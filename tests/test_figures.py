"""Figures: what is drawn is what the table says, in letters that show, in colours that can be told apart."""

import itertools
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from scipy import stats

from nerlib import figures, statistics
from nerlib.errors import FolderError
from nerlib.figures import style

SEEDS = (1, 2, 3)
RNG = np.random.default_rng(7)


@pytest.fixture
def runs() -> pd.DataFrame:
    cells = itertools.product(("baseline", "sources", "target"), ("full", "lora"), SEEDS)
    frame = pd.DataFrame(cells, columns=["stage", "method", "seed"])
    return frame.assign(
        test_score=RNG.uniform(0.2, 0.8, len(frame)),
        seconds=RNG.uniform(5, 50, len(frame)),
        source_dev_score_before=RNG.uniform(0.7, 0.8, len(frame)),
        source_dev_score_after=RNG.uniform(0.4, 0.6, len(frame)),
    )


def seeds_of(ax):
    """All small points of the axes, as (x, y)."""
    drawn = [c.get_offsets() for c in ax.collections if c.get_gid() == "seeds"]
    return np.concatenate([np.asarray(points) for points in drawn])


def intervals_of(ax, axis):
    """Mean, low and high of all error bars along an axis (0: x, 1: y)."""
    found = []
    for container in ax.containers:
        line, _, bars = container
        ends = bars[0].get_segments()[0][:, axis]
        found.append((line.get_data()[axis][0], ends.min(), ends.max()))
    return np.array(sorted(found))


def expected_intervals(groups):
    """Mean and 95 % t interval of each group, by scipy."""
    return np.array(sorted((v.mean(), *stats.t.interval(0.95, len(v) - 1, v.mean(), stats.sem(v))) for v in groups))


def test_stages_show_each_seed_and_the_t_interval_of_each_mean(runs):
    ax = figures.scores_by_stage(runs).axes[0]
    points = runs.assign(points=100 * runs["test_score"])
    assert sorted(seeds_of(ax)[:, 0]) == pytest.approx(sorted(points["points"]))
    groups = [group.to_numpy() for _, group in points.groupby(["stage", "method"])["points"]]
    np.testing.assert_allclose(intervals_of(ax, axis=0), expected_intervals(groups))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["baseline", "sources (zero-shot)", "target"]


def test_types_are_drawn_at_their_own_means():
    scores = pd.DataFrame(
        itertools.product(("PER", "LOC"), ("sources", "target"), SEEDS), columns=["type", "stage", "seed"]
    )
    scores["f1"] = RNG.uniform(0.2, 0.9, len(scores))
    ax = figures.scores_by_type(scores).axes[0]
    groups = [100 * group.to_numpy() for _, group in scores.groupby(["type", "stage"])["f1"]]
    np.testing.assert_allclose(intervals_of(ax, axis=0), expected_intervals(groups))


def test_the_two_by_two_lines_join_the_means(runs):
    cells = runs.assign(data=runs["stage"].map({"baseline": "target only", "target": "transfer"})).dropna()
    ax = figures.two_by_two(cells).axes[0]
    lines = {tuple(np.round(line.get_ydata(), 9)) for line in ax.lines if line.get_gid() == "means"}
    means = 100 * cells.groupby(["method", "data"])["test_score"].mean().unstack()[["target only", "transfer"]]
    assert lines == {tuple(np.round(row, 9)) for row in means.to_numpy()}


def test_forgetting_draws_a_line_a_seed(runs):
    target = runs[runs["stage"] == "target"]
    for ax, method in zip(figures.forgetting(target).axes, ("full", "lora"), strict=True):
        own = target[target["method"] == method]
        drawn = sorted(tuple(line.get_ydata()) for line in ax.lines if line.get_gid() == "seeds")
        both = 100 * own[["source_dev_score_before", "source_dev_score_after"]].to_numpy()
        np.testing.assert_allclose(drawn, sorted(map(tuple, both)))


def test_cost_is_drawn_against_score(runs):
    ax = figures.cost_against_score(runs).axes[0]
    means = runs.groupby(["method", "stage"])[["seconds", "test_score"]].mean()
    drawn = sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines if line.get_gid() == "means")
    np.testing.assert_allclose(drawn, sorted(zip(means["seconds"], 100 * means["test_score"], strict=True)))


def test_error_kinds_stack_to_their_sum():
    errors = pd.DataFrame(
        itertools.product(("sources", "target"), ("missed", "correct"), SEEDS), columns=["stage", "kind", "seed"]
    )
    errors["count"] = RNG.integers(1, 50, len(errors))
    ax = figures.error_kinds(errors).axes[0]
    ends = [max(bar.get_x() + bar.get_width() for bar in row) for row in zip(*ax.containers, strict=True)]
    np.testing.assert_allclose(ends, errors.groupby("stage")["count"].sum() / len(SEEDS))


def test_the_curve_of_the_mean_ends_where_the_first_seed_ends():
    steps = [(seed, step) for seed in SEEDS for step in range(10, 10 * (seed + 3), 10)]
    rows = [
        {"seed": seed, "stage": "target", "step": step, "train_loss": 1 / step + seed, "dev_score": step / 100}
        for seed, step in steps
    ]
    curves = pd.DataFrame(rows)
    loss, dev = figures.loss_curves(curves).axes
    mean = next(line for line in loss.lines if line.get_gid() == "mean")
    common = curves[curves["step"] <= 30].groupby("step")["train_loss"].mean()
    np.testing.assert_allclose(mean.get_xdata(), common.index)
    np.testing.assert_allclose(mean.get_ydata(), common)
    assert len([line for line in dev.lines if line.get_gid() == "seed"]) == len(SEEDS)


def test_lengths_beyond_the_window_are_counted():
    lengths = pd.DataFrame({"language": "as", "subwords": [10, 20, 129, 300]})
    ax = figures.sentence_lengths(lengths, max_length=128).axes[0]
    assert "50.0 % longer than 128" in ax.get_title(loc="left")
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(100)


def test_fertility_and_width_are_drawn_as_given():
    frame = pd.DataFrame({"language": ["as", "hi"], "fertility": [2.5, 1.25], "unknown_rate": [0.1, 0.0]})
    assert [bar.get_width() for bar in figures.fertility(frame).axes[0].patches] == [2.5, 1.25]
    widths = pd.DataFrame({"sentences": [100, 50], "width": [0.1, 0.2], "f1": 0.5})
    line = figures.expected_width(widths, here=70).axes[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[50, 20], [100, 10]])


@pytest.mark.parametrize("draw", [figures.scores_by_stage, figures.cost_against_score, figures.forgetting])
def test_the_axis_says_which_score_it_is(runs, draw):
    def told(frame):
        ax = draw(frame).axes[0]
        return ax.get_xlabel() if draw is figures.scores_by_stage else ax.get_ylabel()

    assert told(runs).endswith("strict F1 (points)")
    assert told(runs.assign(metric="accuracy")).endswith("accuracy (points)")


# --- transfer ---------------------------------------------------------------------------------------------------------


def test_a_heat_map_writes_each_number_that_there_is():
    square = pd.DataFrame([[0.5, np.nan], [0.25, 1]], index=["en", "fr"], columns=["sw", "yo"])
    ax = figures.heat_map(square, "strict F1 (points)", scale=100, decimals=1).axes[0]
    assert {text.get_position(): text.get_text() for text in ax.texts} == {
        (0, 0): "50.0", (0, 1): "25.0", (1, 1): "100.0",
    }  # fmt: skip
    assert [label.get_text() for label in ax.get_yticklabels()] == ["en", "fr"]


def test_pairs_stand_at_their_similarity_and_score():
    cells = itertools.product(("ngrams", "syntax"), ("en", "hi"), ("sw", "yo"))
    pairs = pd.DataFrame(cells, columns=["measure", "source", "target"])
    pairs = pairs.assign(similarity=RNG.random(8), score=RNG.random(8))
    pairs.loc[0, "similarity"] = np.nan
    drawn = figures.similarity_against_score(pairs).axes
    for ax, (measure, own) in zip(drawn, pairs.dropna().groupby("measure"), strict=True):
        assert ax.get_title(loc="left") == measure
        (points,) = [c.get_offsets() for c in ax.collections if c.get_gid() == "pairs"]
        np.testing.assert_allclose(points, np.transpose([own["similarity"], 100 * own["score"]]))
        assert {text.get_text() for text in ax.texts} == set(own["source"] + "→" + own["target"])


def test_drift_is_a_line_a_method_with_its_t_interval():
    rows = pd.DataFrame(itertools.product(("full", "madx"), SEEDS, (0, 1, 2)), columns=["method", "seed", "layer"])
    rows["drift"] = RNG.random(len(rows))
    ax = figures.drift_by_layer(rows).axes[0]
    means = [line.get_ydata() for line in ax.lines if line.get_gid() == "mean"]
    np.testing.assert_allclose(means, rows.groupby(["method", "layer"])["drift"].mean().unstack())
    groups = [group.to_numpy() for _, group in rows[rows["method"] == "madx"].groupby("layer")["drift"]]
    ends = ax.collections[1].get_paths()[0].vertices[:, 1]
    for low, high in [stats.t.interval(0.95, 2, v.mean(), stats.sem(v)) for v in groups]:
        assert np.isclose(ends, low).any() and np.isclose(ends, high).any()


def test_few_shot_points_are_means_with_intervals_at_their_sizes():
    cells = itertools.product(("full", "madx"), (0, 10, 100), ("transfer", "target only"), SEEDS)
    rows = pd.DataFrame(cells, columns=["method", "train_sentences", "training", "seed"])
    rows = rows[(rows["train_sentences"] > 0) | (rows["training"] == "transfer")]
    rows["test_score"] = RNG.random(len(rows))
    ax = figures.few_shot_curve(rows).axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0 (zero-shot)", "10", "100"]
    groups = rows.groupby(["method", "train_sentences", "training"])["test_score"]
    expected = expected_intervals([100 * group.to_numpy() for _, group in groups])
    np.testing.assert_allclose(intervals_of(ax, axis=1), expected)
    lines = {len(line.get_ydata()) for line in ax.lines if line.get_gid() == "means"}
    assert lines == {2, 3}  # no target-only training on no sentences
    assert len(seeds_of(ax)) == len(rows)


def test_misalignment_draws_each_kind_by_group():
    cells = itertools.product(("full", "madx"), SEEDS, ("1 word", "2 words"), ("boundary", "type", "missed"))
    table = pd.DataFrame(cells, columns=["method", "seed", "group", "kind"]).assign(by="length")
    table["share"] = RNG.random(len(table))
    for ax, kind in zip(figures.misalignment(table).axes, ("boundary", "type"), strict=True):
        assert ax.get_title(loc="left") == f"wrong {kind}"
        own = table[table["kind"] == kind].groupby(["method", "group"])["share"].mean()
        assert sorted(bar.get_height() for bar in ax.patches) == pytest.approx(sorted(100 * own))


# --- models -----------------------------------------------------------------------------------------------------------


def test_the_architecture_tells_what_is_trained():
    parts = {"backbone": (1_000_000, False), "adapter": (7_500, True), "head": (500, True)}
    told = [text.get_text() for text in figures.architecture(parts, layers=2, hidden=64, rank=4).axes[0].texts]
    assert "trained: 8,000" in told
    assert "0.79 % of 1,008,000 parameters" in told
    assert "A" in told and "A" not in [
        t.get_text() for t in figures.architecture(parts, layers=2, hidden=64, method="full").axes[0].texts
    ]


def test_one_seed_is_a_point_without_an_interval(runs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = figures.scores_by_stage(runs[runs["seed"] == 1]).axes[0]
    assert len(seeds_of(ax)) == 6
    assert all(container[2] == () for container in ax.containers)


# --- letters and colours ----------------------------------------------------------------------------------------------


def test_no_label_becomes_a_box():
    words = ["অসমীয়া ব্যক্তি", "हिन्दी", "አማርኛ", "فارسی می‌کند", "Yorùbá ẹ̀kọ́", "ᱥᱟᱱᱛᱟᱲᱤ", "𐤊𐤋𐤌"]
    scores = pd.DataFrame([{"type": word, "seed": seed, "f1": 0.5} for word in words for seed in SEEDS])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each missing glyph
        drawn = style.as_bytes(figures.scores_by_type(scores), "svg")
    assert b"<text" not in drawn, "letters are outlines: no reader needs a font"


def test_what_no_font_has_is_replaced_by_a_tag_or_spelt(monkeypatch):
    monkeypatch.setattr(style, "_fonts", lambda: ("DejaVu Sans",))
    assert figures.readable("অসমীয়া", instead="as") == "as"
    assert figures.readable("কি PER") == "kai PER"  # BENGALI LETTER KA, BENGALI VOWEL SIGN I
    assert figures.readable("Yorùbá") == "Yorùbá"


# Machado, Oliveira and Fernandes (2009), severity 1.0: what people without one kind of cone see, on linear RGB.
COLOUR_VISION = {
    "all cones": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_methods_can_be_told_apart(vision):
    from matplotlib.colors import to_rgb

    def seen(colour):
        linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)])
        shown = np.clip(np.array(COLOUR_VISION[vision]) @ linear, 0, 1)
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ shown
        f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])  # CIE Lab

    pairs = itertools.combinations(figures.METHOD_COLOURS.values(), 2)
    assert min(np.linalg.norm(seen(a) - seen(b)) for a, b in pairs) > 10  # some 2 can be seen side by side


# --- showing and saving -----------------------------------------------------------------------------------------------


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


def test_a_figure_is_shown_with_its_caption_and_saved(runs, displayed, tmp_path):
    figures.show(figures.scores_by_stage(runs), "stages", "F1 & <script>alert(1)</script>", tmp_path / "figures")
    page = BeautifulSoup(displayed[0].body, "html.parser")
    caption = "F1 & <script>alert(1)</script>"
    assert page.find("figcaption").text == page.find("img").get("alt") == caption
    assert page.find("img").get("src").startswith("data:image/svg+xml;base64,")
    assert {file.name for file in (tmp_path / "figures").iterdir()} == {"stages.svg", "stages.pdf"}


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_the_same_figure_is_the_same_file(runs, kind):
    first, second = (style.as_bytes(figures.scores_by_stage(runs), kind) for _ in range(2))
    assert first == second


def test_a_reader_s_own_style_changes_nothing(runs):
    import matplotlib

    plain = style.as_bytes(figures.two_by_two(runs.assign(data="transfer")), "svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert style.as_bytes(figures.two_by_two(runs.assign(data="transfer")), "svg") == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_a_name_does_not_leave_the_folder(runs, displayed, tmp_path):
    with pytest.raises(FolderError, match="figure"):
        figures.show(figures.scores_by_stage(runs), "../stages", "", tmp_path)
    with pytest.raises(FolderError):
        figures.folder("demo", "../x")
    assert not displayed and not list(tmp_path.iterdir())


def test_pyplot_is_not_needed():
    """Figures are no pyplot figures: a notebook shows none of them twice, and none stays open."""
    before = "matplotlib.pyplot" in sys.modules
    figures.architecture({"head": (1, True)}, layers=1, hidden=1)
    assert ("matplotlib.pyplot" in sys.modules) == before


# --- over the languages of a study ------------------------------------------------------------------------------------


def intervals_and_values(ax):
    """Ends of the intervals and the values, as drawn, by place."""
    bars = {c.get_segments()[0][0, 1]: c.get_segments()[0][:, 0] for c in ax.collections if c.get_gid() == "interval"}
    values = {line.get_ydata()[0]: line.get_xdata()[0] for line in ax.lines if line.get_gid() == "value"}
    return bars, values


def test_the_forest_draws_every_language_and_their_mean():
    table = pd.DataFrame({"language": ["yo", "as", "am"], "difference": [0.02, -0.01, 0.0],
                          "low": [0.01, -0.03, np.nan], "high": [0.03, 0.01, np.nan]})  # fmt: skip
    ax = figures.forest(table, statistics.Interval(0.003, -0.02, 0.03, 3, 0.95)).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["as", "am", "yo", "mean of languages"]
    bars, values = intervals_and_values(ax)
    assert [values[place] for place in ax.get_yticks()] == pytest.approx([-1, 0, 2, 0.3])
    assert set(bars) == {0, 2, 3.5}  # one seed has no interval
    assert bars[2] == pytest.approx([1, 3])


def test_equivalence_is_drawn_against_its_margin():
    rows = [("better", 0.03, 0.02, 0.04), ("undecided", 0.005, -0.01, 0.02)]
    table = pd.DataFrame(
        [
            {
                "comparison": name,
                "difference": statistics.Interval(value, low, high, 6, 0.95),
                "tost_low": low + 0.001,
                "tost_high": high - 0.001,
                "verdict": statistics.Verdict(name, "on these languages", False),
            }
            for name, value, low, high in rows
        ]
    )
    figure = figures.equivalence(table, 0.015)
    ax = figure.axes[0]
    (band,) = (patch for patch in ax.patches if patch.get_gid() == "margin")
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-1.5, 1.5))
    bars, values = intervals_and_values(ax)
    assert bars[0] == pytest.approx([2, 4]) and values[1] == pytest.approx(0.5)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"better", "undecided"}


def test_methods_that_cannot_be_told_apart_are_joined():
    scores = RNG.normal([0.70, 0.701, 0.9], 0.01, size=(12, 3))
    test = statistics.friedman_test(scores)
    ax = figures.critical_difference(["full", "lora", "madx"], test).axes[0]
    (joined,) = (c.get_segments()[0][:, 0] for c in ax.collections if c.get_gid() == "group")
    assert joined == pytest.approx([sorted(test.mean_ranks)[1] - 0.02, test.mean_ranks.max() + 0.02])
    assert {"full", "lora", "madx"} <= {text.get_text().split()[0] for text in ax.texts}


def test_the_front_is_what_nothing_beats():
    table = pd.DataFrame({"method": ["full", "lora", "dora", "madx"], "stage": "target",
                          "seconds": [10.0, 20.0, 30.0, 40.0], "score": [0.5, 0.7, 0.6, 0.8]})  # fmt: skip
    ax = figures.pareto(table).axes[0]
    (front,) = (line for line in ax.lines if line.get_gid() == "front")
    assert front.get_xdata().tolist() == [10, 20, 40]


def test_maps_curves_and_spreads_show_their_tables():
    growing = pd.DataFrame(
        itertools.product(["lora"], ["am", "yo"], [10.0, 100.0]), columns=["method", "language", "n"]
    )
    growing = growing.rename(columns={"n": "train_sentences"}).assign(score=[0.2, 0.6, 0.4, 0.8])
    (line,) = figures.few_shot_curves(growing).axes[0].lines
    assert line.get_xydata() == pytest.approx(np.array([[10, 30], [100, 70]]))

    spread = pd.DataFrame({"kind": ["full target"] * 3, "deviation": [-0.01, 0.0, 0.01]})
    assert sorted(seeds_of(figures.seed_spread(spread).axes[0])[:, 0]) == pytest.approx([-1, 0, 1])

    averages = growing.assign(stage="target")
    heights = [bar.get_height() for bar in figures.macro_averages(averages).axes[0].patches]
    assert heights == pytest.approx([50])

    relative = pd.DataFrame({"comparison": "a − b", "language": ["am", "yo"], "relative": [0.1, -0.2]})
    bars = figures.relative_improvement(relative).axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([10, -20])
