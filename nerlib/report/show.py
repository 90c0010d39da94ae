"""`Page`: everything that a notebook shows, displayed and saved by one object."""

import base64
import html
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from nerlib import folders, languages, records, results, vocabulary
from nerlib.corpora import Example, LabelledText, Question, Sentence
from nerlib.errors import RecordError, SettingsError
from nerlib.figures import as_bytes, bars, curves, forest, points
from nerlib.formats import counted, is_interval, listed, seconds
from nerlib.params import Settings
from nerlib.report.output import NONE, HtmlOutput, as_text, example, is_missing, short_path, table
from nerlib.results import Comparison, as_table, describe, leading

NOTHING = "No two kinds of runs can be compared."
IN_SHORT = ["comparison", "verdict", "difference", "adjusted_p", "p", "family", "languages", "pairs", "why", "left_out"]
MOST = 8  # names or warnings of a status; more are counted


class Page:
    """What a notebook shows of one study and language.

    Parameters
    ----------
    settings
        Say study and language.
    language
        Instead of the settings': ``mul`` for pages over all languages.

    Attributes
    ----------
    words, metric
        What the things of the task and its deciding score are called (`vocabulary.TASKS`).
    folder
        Where tables and figures are saved.

    Examples
    --------
    >>> show = Page(settings)  # doctest: +SKIP
    >>> show(scores, "02_scores", "Strict F1 on the target's test")  # doctest: +SKIP
    """

    def __init__(self, settings: Settings, language: str = "") -> None:
        self.words = vocabulary.TASKS[settings.task]
        self.metric = vocabulary.METRICS[self.words.metric].label
        self.study, tag = folders.safe_name(settings.study), folders.safe_name(language or settings.language)
        self.settings, self.trains = settings, tag != "mul"
        self.folder = folders.reports_folder() / self.study / tag / "figures"
        if variant := os.environ.get("NERLIB_VARIANT"):  # the Snakefile's, of one notebook with several settings
            self.folder /= folders.safe_name(variant, "variant")

    def __call__(self, thing: Any, name: str = "", caption: str = "", **options: Any) -> None:
        """Display a thing, and save it where it has a name.

        Parameters
        ----------
        thing
            A sentence; several, as a list; a DataFrame (see `report.table`); a matplotlib figure; comparisons, as
            `results.compare` gives them: their sentences, their forest and their table; an example of a corpus, or one
            with its prediction; or what this package made. An empty table is a sentence, no figure is nothing.
        name
            Names the files in `folder`: of a table ``.csv`` and ``.tex``, of a figure ``.svg`` and ``.pdf``.
        caption
            Of a table or figure; says what the interval is, and is the text for those who do not see the figure.
        **options
            Of `report.table`; of comparisons `sentences`, how many are said in words.

        Raises
        ------
        SettingsError
            For a thing of another kind.
        FolderError
            When the folder cannot be written or `name` cannot name a file.
        """
        from IPython.display import display

        file = folders.writable(self.folder) / folders.safe_name(name) if name else None
        match thing:
            case pd.DataFrame() if len(thing):
                shown = table(thing, caption, file=file, **options)
            case pd.DataFrame():
                return self(caption and f"{caption}: none.")
            case None | "":
                return
            case [] | [Comparison(), *_]:
                return self._compared(thing, name, **options)
            case HtmlOutput():
                shown = thing
            case _ if hasattr(thing, "savefig"):
                shown = _figure(thing, file, caption)
            case str():
                shown = HtmlOutput(f'<p class="nl">{html.escape(thing)}</p>', thing)
            case [*lines] if all(isinstance(line, str) for line in lines):
                items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
                shown = HtmlOutput(f'<ul class="nl">{items}</ul>', "\n".join(lines))
            case Sentence() | LabelledText() | Question():
                shown = example(thing)
            case (Sentence() | LabelledText() | Question(), _):
                shown = example(*thing)
            case _:
                kinds = "a sentence, a list of them, a DataFrame, a figure or an example of a corpus"
                raise SettingsError(f"expected {kinds} to show, got {type(thing).__name__}")
        display(shown)

    def _compared(self, comparisons: Sequence[Comparison], name: str, sentences: int = 6) -> None:
        """Comparisons: what each says, all of them in one picture, and as a table."""
        if not comparisons:
            return self(NOTHING)
        self([describe(one) for one in comparisons[:sentences]])
        shown = as_table(comparisons)
        self(
            forest(shown, "comparison", margin=comparisons[0].own_margin),
            name,
            f"Thin: {100 * comparisons[0].difference.level:g} % intervals, of a family at once; "
            "thick: inside the margin (band) if equivalent.",
        )
        self(
            shown[IN_SHORT],
            name,
            f"{counted(len(shown), 'comparisons')}: intervals and adjusted p hold for a family at once",
        )

    # What several notebooks show alike.

    def scores(
        self,
        runs: pd.DataFrame,
        *names: str,
        by: Sequence[str] = ("stage", "method"),
        what: str = "The target's test",
    ) -> None:
        """Mean scores of kinds of runs as a table, and as a figure with each seed; `names` are those of the two."""
        self(results.summary(runs, by=by), names[0], f"{what}: {self.metric}, mean over seeds with its 95 % interval")
        drawing = points(runs, "test_score", by[0], hue="".join(by[1:]))
        self(drawing, names[-1], f"{what}: {self.metric}.")

    def rates(self, *tables: pd.DataFrame, name: str = "") -> None:
        """Learning rates (`Study.rates`), those that were tried, and what is to be said of the choice."""
        rates = stack(*tables)
        self(rates, name, "Learning rates, and what was tried to find them")
        self(results.describe_rates(rates))

    def compare(self, runs: pd.DataFrame, name: str = "") -> list[Comparison]:
        """Compare runs by the settings' margin and level, display what came out, and give it."""
        comparisons = results.compare(runs, margin=self.settings.margin / 100, alpha=self.settings.significance)
        self(comparisons, name)
        return comparisons

    def curves(self, runs: pd.DataFrame, name: str, hue: str = "") -> None:
        """How the runs of each stage were trained."""
        self(
            curves(results.curves(runs), "step", ["train_loss", "dev_score"], hue=hue, facet="stage"),
            name,
            "Training loss and dev score by optimizer step.",
        )

    def errors(self, runs: pd.DataFrame, name: str, by: str = "stage") -> None:
        """What the runs of each stage, or method, got right and wrong on test."""
        self(
            bars(results.error_kinds(runs), "count", by, hue="kind", stacked=True),
            name,
            f"The {self.words.counted} of the test set by outcome, means over seeds.",
        )

    def forgetting(self, runs: pd.DataFrame, name: str) -> None:
        """What training on the target cost on the sources, a line a seed."""
        self(results.forgetting(runs), name, "Dev of the sources before and after, paired by seed")
        ends = ["source_dev_score_before", "source_dev_score_after"]
        self(
            points(runs[runs["stage"] == "target"], "", ends, hue="method", facet="method", lines="seed"),
            name,
            f"The sources' dev: {self.metric}. A line is a seed.",
        )

    def examples(self, by_kind: Mapping[str, Iterable[tuple[Example, Sequence[str]]]]) -> None:
        """Display examples with their predictions, below the kind of error that they show."""
        for kind, pairs in by_kind.items():
            shown = [example(*pair) for pair in pairs]
            title = vocabulary.label(kind).capitalize()
            body = [f'<div class="nl"><p class="kind">{html.escape(title)}</p></div>', *(one.body for one in shown)]
            self(HtmlOutput("".join(body), "\n".join([title, *(one.text for one in shown)])))

    def answer(
        self,
        found: str | Sequence[str] | Sequence[Comparison],
        runs: pd.DataFrame | None = None,
        *,
        more: Sequence[str] = (),
        facts: Mapping[str, Any] | pd.Series = MappingProxyType({}),
    ) -> None:
        """Display the notebook's answer, for people and for the study's index: what is said, numbers in a column.

        Parameters
        ----------
        found
            A sentence computed from what the notebook shows, or several, a line each; or comparisons, of which the
            leading one is the answer: its verdict in words, then the difference and both sides' scores.
        runs
            What it was computed from; their time is its cost.
        more
            Further sentences, a line each.
        facts
            Further numbers with their names.
        """
        told = [found] if isinstance(found, str) else [one for one in found if isinstance(one, str)]
        first = None if told else next(iter(leading(found)), None)  # type: ignore[arg-type]
        told = told or [describe(first, brief=True) if first else NOTHING]
        spent = 0.0 if runs is None else float(runs["seconds"].sum())
        lines = [line for line in (*told, *more, self._no_runs(runs)) if line]
        scores = dict(zip(first.question.labels, (first.a, first.b), strict=False)) if first else {}
        word = first.word if first else ""
        # of what collapsed nothing is compared
        difference = (first.question.name, first.difference) if first and word != "collapsed" else None
        looks = self._next_look() if word == "undecided" else {}
        lines += [f"Look {looks['look']} adds seed {looks['seeds'][-1]}."] if looks else []
        self(answer(lines, scores, {"seconds": spent} if spent > 0 else {}, word, difference, facts, looks))

    def status(self, runs: pd.DataFrame | None = None, *, notes: Sequence[str] = ()) -> None:
        """Display what the notebook's numbers stand on: what ran, on what, when, with which code, what to be wary of.

        Parameters
        ----------
        runs
            Rows of `nerlib.records.read_records`, as many as the notebook uses; may be empty.
        notes
            Warnings of the notebook itself.
        """
        notes = [*filter(None, [self._no_runs(runs)]), *notes]
        self(status(pd.DataFrame(columns=list(records.COLUMNS)) if runs is None else runs, notes))

    def _next_look(self) -> dict[str, Any]:
        """The parameters by which this notebook goes on, where seeds are added until it is decided."""
        now = self.settings
        if not self.trains or not now.until or len(now.seeds) >= now.most_seeds:
            return {}
        return {"seeds": [*now.seeds, max(now.seeds) + 1], "look": now.look + 1}

    def _no_runs(self, runs: pd.DataFrame | None) -> str:
        """Where a study has no runs, which ones have some; else nothing."""
        there = ", ".join(records.studies()) or "none" if runs is not None and runs.empty else ""
        return there and f"The study {self.study!r} has no runs here; studies that have some: {there}."


def stack(*tables: pd.DataFrame) -> pd.DataFrame:
    """Tables of runs one below the other, each run once."""
    rows = pd.concat(tables, ignore_index=True)
    return rows.drop_duplicates("digest", ignore_index=True) if "digest" in rows else rows


def _figure(figure: Any, file: Path | None, caption: str) -> HtmlOutput:
    """The figure as an image address: sharp, without ids that two could share, harmless whatever a label holds."""
    drawn, alt = as_bytes(figure, "svg"), html.escape(caption)
    if file:
        folders.write_atomically(file.with_name(f"{file.name}.svg"), drawn)
        folders.write_atomically(file.with_name(f"{file.name}.pdf"), as_bytes(figure, "pdf"))
    image = f'<img class="paper" alt="{alt}" src="data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}">'
    body = f'<div class="scroll" tabindex="0">{image}</div><figcaption>{alt}</figcaption>'
    return HtmlOutput(f'<figure class="nl">{body}</figure>', f"[figure] {caption}")


def _block(kind: str, lines: Sequence[str], rows: Sequence[tuple[str, str]], data: Mapping[str, Any]) -> HtmlOutput:
    """Lines, facts with their names, and what machines read of them."""
    told = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    facts = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>" for name, fact in rows)
    body = f'<div class="nl {kind}">{told}<dl>{facts}</dl></div>'
    return HtmlOutput(body, "\n".join([*lines, *map(": ".join, rows)]), data)


def answer(
    lines: Sequence[str],
    scores: Mapping[str, Any],
    cost: Mapping[str, float],
    verdict: str = "",
    difference: tuple[str, Any] | None = None,
    facts: Mapping[str, Any] | pd.Series = MappingProxyType({}),
    next_look: Mapping[str, Any] = MappingProxyType({}),
) -> HtmlOutput:
    """What `Page.answer` displays."""
    scores = {vocabulary.label(name): score for name, score in scores.items()}
    rows = [
        *([("difference", as_text(difference[1], "signed"))] if difference else []),
        *((name, as_text(score, "points")) for name, score in scores.items()),
        *((str(name), as_text(fact)) for name, fact in facts.items()),
        *([("time", seconds(cost["seconds"]))] if "seconds" in cost else []),
    ]
    first = [{"name": difference[0], "how": "signed"} | _plain(difference[1])] if difference else []
    data = {
        "headline": lines[0],
        "verdict": verdict,
        "scores": first + [{"name": name} | _plain(score) for name, score in scores.items()],
        "cost": {name: float(value) for name, value in cost.items()},
    } | ({"next_look": dict(next_look)} if next_look else {})
    return _block("answer", lines, rows, data)


def _plain(score: Any) -> dict[str, Any]:
    """A score as JSON has it."""
    names = ("value", "low", "high", "n") if is_interval(score) else ()
    parts = {name: getattr(score, name) for name in names} or {"value": score}
    return {name: None if is_missing(part) else (int if name == "n" else float)(part) for name, part in parts.items()}


# --- the status -------------------------------------------------------------------------------------------------------


def status(runs: pd.DataFrame, notes: Sequence[str] = ()) -> HtmlOutput:
    """What `Page.status` displays; for machines the runs' digests, so that the index sees when one is newer or gone."""
    found: list[records.Record] = []
    for folder in runs["folder"]:
        with suppress(RecordError):  # its row says so already
            found.append(records.read_record(Path(folder)))
    warnings = [*notes, *_counted(warning for record in found for warning in record.warnings)]
    rest = [f"and {len(warnings) - MOST} more"] * (len(warnings) > MOST)
    rows = [
        *((name, listed(facts, MOST, "; ")) for name, facts in (_ran(runs) | _stood_on(runs, found)).items() if facts),
        *(("warning", warning) for warning in [*warnings[:MOST], *rest]),
    ]
    return _block("status", [], rows, {"runs": list(runs["digest"]), "warnings": warnings})


def _counted(texts: Iterable[str]) -> list[str]:
    return [text if n == 1 else f"{text} ({n} runs)" for text, n in Counter(texts).items()]


def _ran(runs: pd.DataFrame) -> dict[str, list[str]]:
    if not len(runs):
        return {"ran": ["nothing was trained for this page"]}
    by_status = ", ".join(f"{n} {vocabulary.label(status)}" for status, n in runs["status"].value_counts().items())
    total = runs["seconds"].sum()
    ran = f"{len(runs)} runs ({by_status})" + (f"; {seconds(total)} in all" if total > 0 else "")
    kinds = {name: vocabulary.ordered(runs[name]) for name in ("stage", "method", "seed")}
    return {"ran": [ran]} | {
        f"{name}{'s' * (len(values) > 1)}": [as_text(value, column=name) for value in values]
        for name, values in kinds.items()
    }


def _stood_on(runs: pd.DataFrame, found: Sequence[records.Record]) -> dict[str, list[str]]:
    used = dict.fromkeys((tag, corpus.get("name", "")) for record in found for tag, corpus in record.corpora.items())
    weights = runs.groupby("backbone", sort=False)["total_parameters"].max().sort_values(ascending=False)
    times = [record.provenance.get(name) for record in found for name in ("started", "ended")]
    known = sorted(str(time)[:16].replace("T", " ") for time in times if time)
    versions = _counted(_version(record.provenance) for record in found)
    return {
        "data": [f"{languages.language_name(tag)} from {short_path(name)}" for tag, name in used if name != "demo"],
        "artificial data": sorted(languages.language_name(tag) for tag, name in used if name == "demo"),
        "backbone": [_backbone(str(name), parameters) for name, parameters in weights.items()],
        "when": [" to ".join(dict.fromkeys([known[0], known[-1]]))] if known else [],
        "code": ["; ".join(versions) + " (mixed versions)" * (len(versions) > 1)] if versions else [],
    }


def _backbone(name: str, parameters: float) -> str:
    size = f"{parameters / 1e6:.1f} million parameters" if parameters > 0 else "size unknown"
    small = "a miniature encoder, " if parameters < vocabulary.MINIATURE else ""
    return f"{vocabulary.backbone_label(name)} ({small}{size})"


def _version(of: Mapping[str, Any]) -> str:
    commit = f", commit {of['commit'][:9]}" if of.get("commit") else ""
    changed = " with changes" if of.get("dirty") else ""
    return f"nerlib {of.get('versions', {}).get('nerlib', NONE)}{commit}{changed}"
