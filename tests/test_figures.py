"""Figures: what is drawn is what the table says, in letters that show, in colours that can be told apart."""

import itertools
import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from scipy import stats

from nerlib import figures, statistics, vocabulary
from nerlib.figures import style
from nerlib.figures.drawings import short
from nerlib.languages import LANGUAGES, language

SEEDS = (1, 2, 3)
RNG = np.random.default_rng(7)
SCREEN = 800 / 96  # inches


def product(**values):
    return pd.DataFrame(itertools.product(*values.values()), columns=list(values))


def numbers(frame, *columns):
    return frame.assign(**{column: RNG.uniform(0.2, 0.8, len(frame)) for column in columns})


STAGES, METHODS = ("baseline_converged", "sources", "target"), ("full", "lora")
RUNS = numbers(product(stage=STAGES, method=METHODS, seed=SEEDS), "test_score", "seconds", "before", "after")
RUNS["metric"] = "strict_f1"
STEPS = [(seed, step) for seed in SEEDS for step in range(10, 10 * (seed + 3), 10)]
CURVES = numbers(pd.DataFrame(STEPS, columns=["seed", "step"]), "train_loss", "dev_score").assign(stage="target")
CURVES["is_best"] = CURVES["step"] == 20
ERRORS = product(stage=("sources", "target"), kind=("missed", "correct"), seed=SEEDS)
ERRORS["count"] = RNG.integers(1, 50, len(ERRORS))
SYSTEMS = numbers(product(task=("ner", "sentiment"), backbone=("mbert", "mt5"), method=METHODS), "score", "pes")
SYSTEMS = SYSTEMS.assign(seconds=range(10, 90, 10), rank=[1, 2, 3, 4] * 2, leads=[0.5, 0.5, 0, 0] * 2)
SYSTEMS = SYSTEMS.assign(undefined=[""] * 7 + ["log"])
SQUARE = pd.DataFrame([[0.5, np.nan], [0.25, 1]], index=["en", "x-far"], columns=["sw", "yo"])
LENGTHS = pd.DataFrame({"language": ["as"] * 4 + ["x-far"], "subwords": [10, 20, 129, 300, 5]})
TESTED = pd.DataFrame(
    [
        {"comparison": name, "difference": statistics.Interval(value, low, high, 6, 0.95), "tost_low": low + 0.001,
         "tost_high": high - 0.001, "verdict": statistics.Verdict(name, "on these languages")}
        for name, value, low, high in (("better", 0.03, 0.02, 0.04), ("undecided", 0.005, -0.01, 0.02))
    ]
)  # fmt: skip
RANKED = statistics.friedman_test(RNG.normal([0.70, 0.701, 0.9], 0.01, size=(12, 3)))
PARTS = {"embeddings": (1_000_000, 0), "adapter": (7_500, 7_500), "head": (500, 500)}


def languages(n):
    return [*LANGUAGES, *(f"x-arab-{i}-1" for i in range(n))][:n]


def study(n):
    cells = numbers(product(language=languages(n), stage=STAGES, method=METHODS), "score").assign(metric="accuracy")
    return cells.assign(low=cells["score"] - 0.1, high=cells["score"] + 0.1)


STUDY = study(8)
DIFFERENCES = pd.DataFrame({"language": ["yo", "as", "am"], "difference": [0.02, -0.01, 0.0], "verdict": "undecided",
                            "low": [0.01, -0.03, np.nan], "high": [0.03, 0.01, np.nan]})  # fmt: skip
FIGURES = {
    "scores by stage": lambda: figures.points(RUNS, "test_score", "stage", "method"),
    "one seed": lambda: figures.points(RUNS[RUNS["seed"] == 1], "test_score", "stage", "method"),
    "two by two": lambda: figures.points(RUNS, "stage", "test_score", "method", joined=True),
    "forgetting": lambda: figures.points(RUNS, "", ["before", "after"], "method", facet="method", lines="seed"),
    "spread": lambda: figures.points(RUNS.assign(deviation=RUNS["after"] - 0.5), "deviation", "stage", spread=True),
    "learning": lambda: figures.curves(CURVES, "step", ["train_loss", "dev_score"], facet="stage", best="is_best"),
    "width": lambda: figures.curves(CURVES, "step", "dev_score", units="", log=True, here=(20, "here: 20")),
    "errors": lambda: figures.bars(ERRORS, "count", "stage", "kind", stacked=True),
    "heat map": lambda: figures.heat_map(SQUARE, "cosine"),
    "cost": lambda: figures.scatter(RUNS, "seconds", "test_score", mark="stage", over="seed"),
    "costs by task": lambda: figures.scatter(SYSTEMS, "seconds", "score", mark="backbone", facet="task"),
    "lengths": lambda: figures.histogram(LENGTHS, "subwords", limit=128),
    "by language": lambda: figures.forest(DIFFERENCES),
    "comparisons": lambda: figures.forest(TESTED, "comparison", margin=0.015),
    "critical difference": lambda: figures.critical_difference(["full", "lora", "madx"], RANKED),
    "architecture": lambda: figures.architecture(PARTS, layers=2, hidden=64, rank=4),
    "pes": lambda: figures.pes_bars(SYSTEMS),
    "overview": lambda: figures.overview(STUDY),
}


def all_texts(figure):
    """Everything that is written in a figure: axes, labels, legends."""
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text() and text.get_visible()]


def of_gid(found, gid):
    return [one for one in found if one.get_gid() == gid]


def offsets_of(ax, gid):
    return np.concatenate([np.asarray(cloud.get_offsets()) for cloud in of_gid(ax.collections, gid)])


def names(ax, axis="y"):
    return [label.get_text() for label in getattr(ax, f"get_{axis}ticklabels")()]


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_the_same_file_each_time_and_leaves_nothing_behind(name):
    from matplotlib import pyplot

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each glyph that is missing
        drawn = {kind: style.as_bytes(FIGURES[name](), kind) for kind in ("svg", "pdf")}
        with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):  # a reader's own style
            again = FIGURES[name]()
            assert style.as_bytes(again, "svg") == drawn["svg"]
            assert style.as_bytes(again, "pdf") == drawn["pdf"], "also when it is the second file of a figure"
            assert matplotlib.rcParams["font.size"] == 30
    assert b"<text" not in drawn["svg"], "letters are outlines: no reader needs a font"
    assert not pyplot.get_fignums(), "a notebook shows none of them twice, and none is left open"


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_says_a_name_of_the_code(name):
    raw = {*vocabulary.STAGES, *vocabulary.METHODS} - {"sources", "target", "full", "bottleneck"}  # also English words
    words = {word.strip(",") for text in all_texts(FIGURES[name]()) for word in text.split()}
    assert not words & raw and not [word for word in words if "_" in word]


def test_a_new_method_and_a_new_task_are_a_row_of_the_vocabulary(monkeypatch):
    monkeypatch.setitem(vocabulary.METHODS, "toy", vocabulary.MethodWords("Toy Tuning", "#123456"))
    monkeypatch.setitem(vocabulary.METRICS, "toy_score", vocabulary.Metric("toyness", "toy"))
    task = vocabulary.TASKS["ner"]._replace(label="toy finding", metric="toy_score")
    monkeypatch.setitem(vocabulary.TASKS, "toys", task)
    runs = RUNS.assign(method=RUNS["method"].replace("lora", "toy"), metric="toy_score", task="toys")
    figure = figures.points(runs, "test_score", "stage", "method", facet="task")
    assert figure.axes[0].get_xlabel() == "toyness (points)"
    assert figure.axes[0].get_title("left") == "toy finding"
    colours = {patch.get_label(): to_hex(patch.get_facecolor()) for patch in figure.legends[0].get_patches()}
    assert colours == {"full fine-tuning": "#0072b2", "Toy Tuning": "#123456"}


def test_a_method_without_a_row_takes_no_method_s_colour():
    colours = style.colours(["full", "toy", "lora"])
    own = {method.colour for name, method in vocabulary.METHODS.items()}
    assert colours["full"] in own and colours["toy"] not in own


def test_figures_are_loaded_without_matplotlib():
    code = "import sys, nerlib.figures; sys.exit('matplotlib' in sys.modules or 'torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- means and curves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upright", [False, True])
def test_each_seed_is_a_point_and_each_mean_has_its_t_interval(upright):
    columns = ("stage", "test_score") if upright else ("test_score", "stage")
    ax = figures.points(RUNS, *columns, "method").axes[0]
    axis = int(upright)
    assert sorted(offsets_of(ax, "values")[:, axis]) == pytest.approx(sorted(100 * RUNS["test_score"]))
    drawn = sorted(tuple(np.nanquantile(line.get_xydata()[:, axis], [0, 1])) for line in ax.lines if is_bar(line))
    groups = [100 * group.to_numpy() for _, group in RUNS.groupby(["stage", "method"])["test_score"]]
    expected = [stats.t.interval(0.95, len(v) - 1, v.mean(), stats.sem(v)) for v in groups]
    np.testing.assert_allclose(drawn, sorted(expected))
    means = [y for line in ax.lines if not is_bar(line) for y in line.get_xydata()[:, axis] if not np.isnan(y)]
    assert sorted(means) == pytest.approx(sorted(v.mean() for v in groups))
    assert names(ax, "xy"[not upright]) == ["target only", "zero-shot", "transfer"]


def is_bar(line):
    """Whether a line is an interval with its caps, not a marker."""
    return line.get_marker() in ("", "None", None)


def test_one_seed_is_a_point_without_an_interval():
    ax = figures.points(RUNS[RUNS["seed"] == 1], "test_score", "stage", "method").axes[0]
    assert len(offsets_of(ax, "values")) == 6
    bars = [line.get_xydata() for line in ax.lines if is_bar(line)]
    assert all(np.isnan(bar[:, 0]).all() for bar in bars)


def test_columns_beside_each_other_are_joined_by_seed():
    target = RUNS[RUNS["stage"] == "target"]
    figure = figures.points(target, "", ["before", "after"], "method", facet="method", lines="seed")
    for ax, method in zip(figure.axes, METHODS, strict=True):
        assert (names(ax, "x"), ax.get_title("left")) == (["before", "after"], vocabulary.label(method))
        drawn = {tuple(line.get_ydata()) for line in ax.lines if line.get_alpha() == 0.35}
        own = target.loc[target["method"] == method, ["before", "after"]]
        assert drawn == set(map(tuple, 100 * own.to_numpy()))


def test_joined_means_are_dashed_where_another_training_is():
    few = numbers(product(method=METHODS, train_sentences=(0, 10, 100), training=("transfer", "target only")), "score")
    few = few[(few["train_sentences"] > 0) | (few["training"] == "transfer")]
    ax = figures.points(few, "train_sentences", "score", "method", dash="training", joined=True).axes[0]
    assert names(ax, "x") == ["0 (zero-shot)", "10", "100"]
    lines = {line.get_linestyle(): len(line.get_xydata()) for line in ax.lines if not is_bar(line)}
    assert set(lines) == {"-", "--"}


def test_the_curve_of_the_mean_ends_where_the_first_seed_ends():
    loss, dev = figures.curves(CURVES, "step", ["train_loss", "dev_score"], best="is_best").axes
    (mean,) = (line for line in loss.lines if line.get_linewidth() == 2)
    common = CURVES[CURVES["step"] <= 30].groupby("step")["train_loss"].mean()
    np.testing.assert_allclose(mean.get_xydata(), np.transpose([common.index, common]))
    assert len([line for line in dev.lines if line.get_linewidth() < 1]) == len(SEEDS)
    best = CURVES[CURVES["is_best"]]
    np.testing.assert_allclose(offsets_of(dev, "best"), best[["step", "dev_score"]].to_numpy(float) * [1, 100])
    assert (loss.get_ylabel(), dev.get_xlabel()) == ("training loss (nats per label)", "optimizer steps")


def test_the_band_is_the_t_interval_of_the_mean():
    ax = figures.curves(CURVES, "step", "train_loss").axes[0]
    (band,) = [c for c in ax.collections if c.get_alpha() == 0.15]
    ends = band.get_paths()[0].vertices[:, 1]
    for _, values in CURVES[CURVES["step"] <= 30].groupby("step")["train_loss"]:
        for end in stats.t.interval(0.95, 2, values.mean(), stats.sem(values)):
            assert np.isclose(ends, end).any()


@pytest.mark.parametrize(("metric", "label"), [("accuracy", "accuracy"), ("strict_f1", "strict F1"), ("", "score")])
def test_the_axis_says_which_score_it_is(metric, label):
    ax = figures.points(RUNS.assign(metric=metric), "test_score", "stage").axes[0]
    assert ax.get_xlabel() == f"{label} (points)" and ax.get_xlim()[0] == 0


# --- bars, numbers in colour, clouds, distributions -------------------------------------------------------------------


def test_parts_of_a_bar_stack_to_their_sum():
    ax = FIGURES["errors"]().axes[0]
    ends = [max(bar.get_x() + bar.get_width() for bar in row) for row in zip(*ax.containers, strict=True)]
    np.testing.assert_allclose(ends, ERRORS.groupby("stage")["count"].sum() / len(SEEDS))


def test_bars_are_drawn_as_given_with_their_texts_in_the_given_order():
    order = pd.Categorical(["as", "hi", "bn"], categories=["hi", "bn", "as"])
    frame = pd.DataFrame({"language": order, "fertility": [2.5, 1.25, np.nan], "said": ["2.5!", "1.25!", "none"]})
    ax = figures.bars(frame, "fertility", "language", texts="said", at=1).axes[0]
    assert names(ax) == ["Hindi", "Bengali", "Assamese"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([1.25, 0, 2.5])
    assert [text.get_text() for text in ax.texts] == ["1.25!", "none", "2.5!"]


def test_a_heat_map_writes_each_number_that_there_is():
    ax = FIGURES["heat map"]().axes[0]
    assert {text.get_position(): text.get_text() for text in ax.texts} == {
        (0.5, 0.5): "0.50", (0.5, 1.5): "0.25", (1.5, 1.5): "1.00",
    }  # fmt: skip
    assert (names(ax), names(ax, "x")) == (["English", "demo far"], ["Swahili", "Yorùbá"])


def test_points_of_a_cloud_stand_at_their_cost_and_score():
    ax = FIGURES["cost"]().axes[0]
    means = RUNS.groupby(["method", "stage"])[["seconds", "test_score"]].mean().to_numpy() * [1, 100]
    drawn = sorted(tuple(line.get_xydata()[0]) for line in of_gid(ax.lines, "mean"))
    np.testing.assert_allclose(drawn, sorted(map(tuple, means)))
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "time (seconds), logarithmic"


def test_lengths_beyond_the_limit_are_counted():
    ax = FIGURES["lengths"]().axes[0]
    assert ax.get_title("left") == "Assamese: 50.0 % longer than 128"
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(100)


# --- comparisons ------------------------------------------------------------------------------------------------------


def intervals_and_values(ax):
    """Ends of the intervals and the values, as drawn, by place."""
    bars = {c.get_segments()[0][0, 1]: c.get_segments()[0][:, 0] for c in of_gid(ax.collections, "interval")}
    return bars, {line.get_ydata()[0]: line.get_xdata()[0] for line in of_gid(ax.lines, "value")}


def test_the_forest_draws_every_language_from_the_smallest_difference():
    ax = FIGURES["by language"]().axes[0]
    assert names(ax) == ["Assamese", "Amharic", "Yorùbá"]
    bars, values = intervals_and_values(ax)
    assert [values[place] for place in ax.get_yticks()] == pytest.approx([-1, 0, 2])
    assert set(bars) == {0, 2}  # one seed has no interval
    assert bars[2] == pytest.approx([1, 3])


@pytest.mark.parametrize(
    ("verdict", "word"),
    [("better, by more than the margin (on these languages)", "better"), ("a side collapsed", "collapsed")],
)
def test_a_legend_has_a_verdict_in_one_word(verdict, word):
    assert short(verdict) == word


def test_no_two_verdicts_share_a_colour():
    words = ["better, by more than the margin", "undecided", "a side collapsed", "worse", "equivalent"]
    table = pd.DataFrame({"comparison": words, "difference": 0.0, "low": -0.1, "high": 0.1, "verdict": words})
    drawn = figures.forest(table, "comparison").axes[0].lines
    assert len({line.get_color() for line in drawn if line.get_gid() == "value"}) == len(words)


def test_comparisons_are_drawn_against_their_margin_in_the_colours_of_their_verdicts():
    figure = FIGURES["comparisons"]()
    ax = figure.axes[0]
    (band,) = of_gid(ax.patches, "margin")
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-1.5, 1.5))
    bars, values = intervals_and_values(ax)
    assert bars[0] == pytest.approx([2, 4]) and values[1] == pytest.approx(0.5)
    narrow = [c.get_segments()[0][:, 0] for c in of_gid(ax.collections, "narrow")]
    np.testing.assert_allclose(narrow, [[2.1, 3.9], [-0.9, 1.9]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["better", "undecided"]


def test_methods_that_cannot_be_told_apart_are_joined():
    ax = FIGURES["critical difference"]().axes[0]
    (joined,) = [line.get_xdata() for line in of_gid(ax.lines, "group")]
    assert joined == pytest.approx(sorted(RANKED.mean_ranks)[1:])


@pytest.mark.parametrize(("n", "screens"), [(1, 0.5), (8, 1), (60, 1.5), (176, 4)])
def test_a_study_of_any_size_is_one_picture(n, screens):
    cells = study(n)
    figure = figures.overview(cells)
    (ax,) = figure.axes
    assert figure.get_size_inches()[1] < screens * SCREEN
    order = cells.groupby("language")["score"].mean().sort_values(ascending=False).index
    rows = {tag: place for place, tag in enumerate(order)}
    assert names(ax) == [language(tag).name for tag in rows]
    drawn = sorted((round(float(y)), x) for x, y in offsets_of(ax, "score"))
    scores = sorted((rows[tag], 100 * score) for tag, score in zip(cells["language"], cells["score"], strict=True))
    np.testing.assert_allclose(drawn, scores)


def test_tasks_of_a_study_are_panels():
    both = pd.concat([study(2).assign(task="ner"), study(3).assign(task="pos")])
    figure = figures.overview(both, facet="task")
    assert [(ax.get_title("left"), len(names(ax))) for ax in figure.axes] == [("NER", 2), ("parts of speech", 3)]


# --- techniques -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "factors", "boxes"),
    [
        ({"method": "lora"}, 2, 0),
        ({"method": "dora", "target_modules": ("query",)}, 1, 0),
        ({"method": "adalora", "target_modules": ("c_attn",)}, 3, 0),
        ({"method": "lora", "target_modules": ("query", "key", "value", "dense")}, 5, 0),
        ({"method": "lora", "target_modules": ("all",)}, 5, 0),
        ({"method": "bottleneck"}, 0, 1),
        ({"method": "bottleneck", "placement": "houlsby"}, 0, 2),
        ({"method": "madx"}, 0, 1),
        ({"method": "full"}, 0, 0),
    ],
)
def test_adapters_are_drawn_where_they_are(given, factors, boxes):
    written = [text.get_text() for text in figures.architecture(PARTS, layers=2, hidden=64, **given).axes[0].texts]
    assert [written.count(name) for name in ("A", "B", "task adapter")] == [factors, factors, boxes]
    assert ("language adapter" in written) == (given["method"] == "madx")


def test_the_architecture_counts_what_is_trained_not_the_parts_in_which_something_is():
    (said,) = [
        t for t in all_texts(figures.architecture(PARTS | {"blocks": (1_000, 10)}, layers=2, hidden=64)) if "\n" in t
    ]
    assert "trained: 8,010" in said and "0.79 % of 1,009,000 weights" in said
    assert "blocks, 10 of them trained" in said and "embeddings, frozen" in said


def test_every_pes_is_a_bar_in_its_method_s_colour_and_says_where_it_is_not_defined():
    table = SYSTEMS.assign(pes=SYSTEMS["pes"].where(SYSTEMS.index > 0))
    ax = figures.pes_bars(table).axes[0]
    for method, bars in zip(METHODS, ax.containers, strict=True):
        own = table.loc[table["method"] == method, "pes"]
        assert [bar.get_width() for bar in bars] == pytest.approx(list(own.fillna(0)))
        assert {to_hex(bar.get_facecolor()).upper() for bar in bars} == {vocabulary.METHODS[method].colour}
    said = [text.get_text() for text in ax.texts]
    assert said.count("×") == 1 and sum("†" in text for text in said) == 1
    assert "×: not defined" in ax.get_xlabel() and "†: a logarithm" in ax.get_xlabel()
    assert names(ax) == ["NER, mBERT", "NER, mT5", "sentiment, mBERT", "sentiment, mT5"]


# --- letters and colours ----------------------------------------------------------------------------------------------


def test_no_label_becomes_a_box():
    words = ["অসমীয়া ব্যক্তি", "हिन्दी", "አማርኛ", "فارسی می‌کند", "Yorùbá ẹ̀kọ́", "ᱥᱟᱱᱛᱟᱲᱤ", "𐤊𐤋𐤌"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each missing glyph
        style.as_bytes(figures.points(product(type=words, seed=SEEDS).assign(f1=0.5), "f1", "type"), "svg")


def test_what_no_font_has_is_replaced_by_a_tag_or_spelt(monkeypatch):
    monkeypatch.setattr(style, "_fonts", lambda: ("DejaVu Sans",))
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
    def seen(colour):
        linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)])
        shown = np.clip(np.array(COLOUR_VISION[vision]) @ linear, 0, 1)
        xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ shown
        f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])  # CIE Lab

    pairs = itertools.combinations([method.colour for method in vocabulary.METHODS.values()], 2)
    assert min(np.linalg.norm(seen(a) - seen(b)) for a, b in pairs) > 10  # some 2 can be seen side by side


def test_a_reliability_diagram_draws_the_shares_that_were_right_with_their_intervals_in_per_cent():
    bins = pd.DataFrame(
        {"stated": [0.3, 0.9], "right": [0.2, 0.8], "low": [0.1, 0.7], "high": [0.4, 0.9], "when": "dev"}
    )
    (ax,) = figures.reliability(bins, "when").axes
    diagonal, line = ax.lines
    np.testing.assert_allclose(line.get_xydata(), [[30, 20], [90, 80]])
    np.testing.assert_allclose(diagonal.get_xydata(), [[0, 0], [100, 100]])
    segments = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]
    np.testing.assert_allclose(segments, [[10, 40], [70, 90]])


def test_a_few_long_intervals_leave_room_for_the_others():
    centre, half = np.linspace(-0.1, 0.1, 12), np.array([0.03] * 11 + [0.9])
    table = pd.DataFrame({"comparison": [f"c{i}" for i in range(12)], "difference": centre, "verdict": "undecided"})
    figure = figures.forest(table.assign(low=centre - half, high=centre + half), "comparison")
    low, high = figure.axes[0].get_xlim()
    assert -30 < low < -13 and 13 < high < 30  # points: the eleven whole, the twelfth cut
    assert "cut" in figure.axes[0].get_xlabel()
    figure = figures.forest(table[:11].assign(low=centre[:11] - 0.03, high=centre[:11] + 0.03), "comparison")
    assert "cut" not in figure.axes[0].get_xlabel()
