"""Tables and a figure of what `benchmarks.speed` measured."""

import pandas as pd
from scipy import stats

from nerlib.figures.style import as_bytes, canvas, styled

AGAINST = {
    "training": "ours",
    "training LoRA": "ours",
    "vocabulary": "trimmed",
    "language adapter": "ours",
    "prediction": "ours",
    "encoding": "ours",
}


def report(found, figure):
    """Markdown: one table a part, with medians and the median of the pairs' ratios; the figure is written."""
    rows = pd.DataFrame(found["rows"])
    about = ", ".join(f"{name}: {value}" for name, value in found["machine"].items() if value != "")
    told = [f"Measured on {about}.", ""]
    for part, of_part in rows.groupby("part", sort=False):
        told += [f"### {part}", "", *table(part, of_part), ""]
    draw(rows, figure)
    return "\n".join(told)


def table(part, rows):
    wide = rows.pivot(index="pair", columns="what", values="seconds")[list(rows["what"].drop_duplicates())]
    ours = AGAINST.get(part)
    columns = {"seconds (median)": wide.median()}
    if ours:
        columns["times ours (median of pairs)"] = wide.div(wide[ours], axis=0).median()
    for name in ("dev_f1", "tokens_per_second", "share_of_matrix_rate", "peak_mib", "loss"):
        if name in rows and rows[name].notna().any():
            columns[name] = rows.groupby("what")[name].median()
    found = pd.DataFrame(columns).loc[list(wide.columns)]
    lines = ["| | " + " | ".join(found.columns) + " |", "|---" * (len(found.columns) + 1) + "|"]
    for what, row in zip(found.index, found.to_numpy(), strict=True):
        lines.append(f"| {what} | " + " | ".join(f"{v:,.3g}" if abs(v) < 1000 else f"{v:,.0f}" for v in row) + " |")
    if part.startswith("training") and rows["pair"].nunique() > 1:
        scores = rows.pivot(index="pair", columns="what", values="dev_f1")
        for other in scores.columns.drop("ours"):
            difference = (scores["ours"] - scores[other]).to_numpy()
            low, high = interval(difference)
            lines += ["", f"Dev F1, ours − {other}: {difference.mean():+.2f} points, 95 % over {len(difference)} seeds "
                          f"{low:+.2f} to {high:+.2f}."]  # fmt: skip
    return lines


def interval(differences):
    """Student's, over seeds."""
    spread = stats.sem(differences)
    return stats.t.interval(0.95, len(differences) - 1, loc=differences.mean(), scale=spread)


@styled
def drawn(rows, parts):
    figure, axes = canvas(width=9, height=1.2 + 0.45 * rows["what"].nunique(), columns=len(parts))
    for ax, part in zip(axes.flat, parts, strict=True):
        of_part = rows[rows["part"] == part]
        names = list(of_part["what"].drop_duplicates())
        ax.scatter(of_part["seconds"], of_part["what"].map(names.index), s=14, alpha=0.7)
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.set_xlim(left=0)
        ax.set_title(part)
        ax.set_xlabel("seconds, one point a repetition")
    return figure


def draw(rows, place):
    parts = [part for part in AGAINST if part in set(rows["part"])]
    if parts:
        place.write_bytes(as_bytes(drawn(rows, parts), "svg"))
