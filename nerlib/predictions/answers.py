"""What systems from elsewhere are asked, and what they answer.

A study's test sets go out as JSON Lines; GLiNER answers them here. Answers in JSON become tags: places in a text, as
GLiNER gives them, or mentions in words, as an LLM does.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from nerlib import folders, records
from nerlib.corpora import LABEL_MAPS, Sentence, nfc_words
from nerlib.corpora.files import Notes, json_lines, read_text
from nerlib.errors import CorpusError, SettingsError, raises_only
from nerlib.labels import Span, parse, spans, to_tags

COSTS = "costs.json"
TYPE_KEYS, TEXT_KEYS = ("type", "label", "entity_type", "entity_group"), ("text", "entity", "mention", "name", "word")
BRACKETS = 50  # of an answer, at which JSON is looked for
#: What may be counted of a file of answers.
COUNTED: Mapping[str, str] = {
    "unanswered": "sentences have no answer: their words count as predicted O",
    "refusals": "answers hold no JSON: the sentences' words count as predicted O",
    "unreadable": "entities of answers have no text or no type, and are left out",
    "nowhere": "mentions stand nowhere in their sentence, and are left out, which favours the system",
    "ambiguous": "mentions stand more often in their sentence than they are named: the first places are taken",
    "widened": "entities begin or end inside a word, which they get whole",
    "overlapping": "entities overlap one that is surer or was named before, and are left out",
}


def export(study: str, folder: str | Path) -> list[Path]:
    """Write the test sets that a study's runs were scored on, without gold, for any other system.

    Returns
    -------
    list of Path
        ``<folder>/<language>.jsonl``, a sentence a line: `id` (from 1), `text` (its words with a space between),
        `words`, `offsets` (of each word in the text, first and last code point, exclusive), `types` (to be found).

    Raises
    ------
    SettingsError
        When the study has no finished run on named entities.
    """
    runs = records.read_records(study).query("status == 'finished' and task == 'ner' and gold != ''")
    if runs.empty:
        raise SettingsError(f"study {study!r}: expected finished runs of task ner, got none")
    written = []
    for language, of_language in runs.groupby("language"):
        chosen = Path(of_language.loc[of_language["gold"] == of_language["gold"].mode()[0], "folder"].iloc[0])
        told, known = records.read_predictions(chosen), records.read_record(chosen).identity.get("labels")
        types = {parse(label)[1] for label in known or ()} or {
            s.type for tags in told.gold for s in spans(tags, strict=False)
        }
        lines = []
        for number, words in enumerate(told.words, start=1):
            begins = accumulate((len(word) + 1 for word in words), initial=0)
            offsets = [[begin, begin + len(word)] for begin, word in zip(begins, words, strict=False)]
            asked = {
                "id": number,
                "text": " ".join(words),
                "words": words,
                "offsets": offsets,
                "types": sorted(types - {""}),
            }
            lines.append(json.dumps(asked, ensure_ascii=False) + "\n")
        path = Path(folder) / f"{language}.jsonl"
        folders.write_atomically(path, "".join(lines))
        written.append(path)
    return written


@raises_only(SettingsError, "test sets")
def run_gliner(
    model: str | Path, asked: Path, folder: Path, *, name: str = "", threshold: float = 0.5, batch_size: int = 8
) -> Path:
    """Let a GLiNER model answer exported test sets (Zaratiana et al. 2024): zero-shot, the types' names are its prompt.

    Parameters
    ----------
    model
        A folder or a Hub name, with weights in safetensors.
    asked
        What `export` wrote.
    folder
        Where ``<name>/<language>/1.jsonl`` and ``<name>/costs.json`` are written, as `import_predictions` reads them.
    name
        The system's; "": the model's.
    threshold
        Probability from which a place is an entity; 0.5 is the library's own, and not chosen on any test set.

    Returns
    -------
    Path
        The system's folder.

    Raises
    ------
    SettingsError
        When `gliner` is not installed, there is no such model, it has no safetensors, or nothing is asked.
    """
    files = sorted(Path(asked).glob("*.jsonl"))
    if not files:
        raise SettingsError(f"{asked}: expected <language>.jsonl as `python -m nerlib.predictions export` writes them")
    network, weights = _load_gliner(str(model))
    spelled = {short: long.lower() for long, short in reversed(LABEL_MAPS["spelled_out"].items())}
    system = Path(folder) / folders.safe_name(name or Path(model).name, "system")
    seconds = {}
    for file in files:
        rows = [row for _, row in json_lines(read_text(file, Notes()), file)]
        prompts = {
            spelled.get(kind, kind.lower()): kind for kind in sorted({kind for row in rows for kind in row["types"]})
        }
        began = time.perf_counter()
        found = network.inference(
            [row["text"] for row in rows], list(prompts), threshold=threshold, batch_size=batch_size
        )
        seconds[file.stem] = {"1": time.perf_counter() - began}
        path = system / file.stem / "1.jsonl"
        answers = (
            {"id": row["id"], "text": row["text"], "entities": [_told(one, prompts) for one in own]}
            for row, own in zip(rows, found, strict=True)
        )
        folders.write_atomically(path, "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers))
    total = sum(parameter.numel() for parameter in network.parameters())
    costs = {"total_parameters": total, "model_bytes": weights.stat().st_size, "seconds": seconds}
    folders.write_atomically(system / COSTS, json.dumps(costs, indent=1))
    return system


def _told(entity: Mapping[str, Any], prompts: Mapping[str, str]) -> dict[str, Any]:
    own = {"type": prompts[entity["label"]], "score": round(float(entity["score"]), 6)}
    return {"start": entity["start"], "end": entity["end"], **own}


def _load_gliner(model: str) -> tuple[Any, Path]:
    """The model and its file of weights; no pickled ones are read."""
    try:
        from gliner import GLiNER
    except ImportError:
        raise SettingsError("GLiNER is not installed: pip install -c constraints.txt 'nerlib[gliner]'") from None
    place = folders.from_root(model)
    if not place.is_dir():
        from huggingface_hub import snapshot_download

        try:
            place = Path(snapshot_download(model, allow_patterns=["*.json", "*.safetensors", "*.model"]))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{model!r}: no such folder, and the Hub did not give it ({str(error).splitlines()[0]})"
            ) from None
    if not (weights := place / "model.safetensors").is_file():
        raise SettingsError(f"{place}: expected model.safetensors (pickled weights are not read)")
    return GLiNER.from_pretrained(str(place), strict=True, local_files_only=True).eval(), weights


# --- answers ----------------------------------------------------------------------------------------------------------


class Item(NamedTuple):
    """An entity as it was answered: of a place (code points of the text) that is not told, `start` is −1."""

    text: str
    type: str
    start: int = -1
    end: int = -1
    score: float = 0.0


def read_answers(path: Path, gold: Sequence[Sentence]) -> tuple[list[tuple[str, ...]], Counter[str]]:
    """Read a system's answers about a test set.

    Parameters
    ----------
    path
        JSON Lines, one sentence a line: `id` (its number in the test set, from 1), perhaps `text` (as it was asked),
        and `entities` or `answer`. `entities` is a list of objects with `type` (or `label`), and `start` and `end` in
        code points of the text, or the mention as `text`; with a `score` the surest comes first. `answer` is what a
        language model wrote: the longest JSON in it is read, a list of such objects, of pairs of mention and type, or
        an object with the mentions of each type. Types are those of gold in any case, or spelled out ("person").
    gold
        The test set.

    Returns
    -------
    tags : list of tuple of str
        IOB2, one tuple a sentence of gold.
    counted : Counter
        How often what `COUNTED` tells had to be done.

    Raises
    ------
    CorpusError
        When a line is no object, or of no sentence of gold, or of one that another line has answered.
    """
    kinds = sorted({span.type for sentence in gold for span in spans(sentence.tags, strict=False)})
    spelled = {
        long.casefold(): short for name in ("spelled_out", "lower_case") for long, short in LABEL_MAPS[name].items()
    }
    names = {long: short for long, short in spelled.items() if short in kinds} | {
        kind.casefold(): kind for kind in kinds
    }
    found: dict[int, tuple[str, ...]] = {}
    counted = Counter[str]()
    for line, row in json_lines(read_text(path, Notes()), path):
        number = row.get("id")
        if type(number) is not int or not 1 <= number <= len(gold) or number in found:
            raise CorpusError(f"{path.name}:{line}: expected 'id', 1 to {len(gold)}, each once, got {number!r:.40}")
        words = gold[number - 1].words
        if "text" in row and nfc_words([str(row["text"])]) != nfc_words([" ".join(words)]):
            raise CorpusError(
                f"another test set: {path.name}:{line} is of {row['text']!r:.60}, gold has {' '.join(words)!r:.60}"
            )
        given = row["entities"] if "entities" in row else _longest_json(row.get("answer"))
        counted["refusals"] += given is None
        items = [one._replace(type=names.get(one.type.casefold(), one.type)) for one in _items(given, counted)]
        found[number] = to_tags(_on_words(items, words, counted), len(words))
    counted["unanswered"] = len(gold) - len(found)
    return [found.get(number, ("O",) * len(s.words)) for number, s in enumerate(gold, start=1)], counted


def _longest_json(answer: Any) -> Any:
    """The longest list or object in what a model wrote; None when there is none."""
    if not isinstance(answer, str):
        return answer if isinstance(answer, list | dict) else None
    best, at = (0, None), 0
    for _ in range(BRACKETS):
        if not (bracket := re.compile(r"[\[{]").search(answer, at)):
            break
        at = bracket.end()
        try:
            value, at = json.JSONDecoder().raw_decode(answer, bracket.start())
            best = max(best, (at - bracket.start(), value), key=lambda one: one[0])
        except (ValueError, RecursionError):
            continue
    return best[1]


def _items(given: Any, counted: Counter[str]) -> Iterator[Item]:
    """The entities of an answer in any of its forms."""
    if isinstance(given, dict):
        if isinstance(given.get("entities"), list | dict):
            return (yield from _items(given["entities"], counted))
        named = ((kind, text if isinstance(text, list) else [text]) for kind, text in given.items())
        given = [[text, kind] for kind, texts in named for text in texts]
    for one in given if isinstance(given, list) else ():
        match one:
            case [str(text), str(kind)]:
                item = Item(text, kind)
            case dict():
                text, kind = (next((str(one[k]) for k in keys if one.get(k)), "") for keys in (TEXT_KEYS, TYPE_KEYS))
                start, end = (value if type(value := one.get(name)) is int else -1 for name in ("start", "end"))
                score = one.get("score")
                item = Item(text, kind, start, end, score if isinstance(score, int | float) else 0.0)
            case _:
                item = Item("", "")
        item = item._replace(text=" ".join(nfc_words(item.text.split())), type="_".join(item.type.split()))
        if item.type and (item.text or 0 <= item.start < item.end):
            yield item
        else:
            counted["unreadable"] += 1


def _on_words(items: Sequence[Item], words: Sequence[str], counted: Counter[str]) -> list[Span]:
    """Entities as spans of words, those of the highest score first."""
    normal = nfc_words(words)
    text, times = " ".join(normal), Counter(item.text for item in items)
    taken: list[Span] = []
    for item in sorted(items, key=lambda item: -item.score):
        if 0 <= item.start < item.end:
            places = [_covered(words, item.start, item.end)]
        else:
            ends = (match.span() for match in re.finditer(re.escape(item.text), text))
            places = sorted((_covered(normal, *span) for span in ends), key=lambda place: place[2])
            exact = sum(not inside for *_, inside in places) or len(places)
            counted["ambiguous"] += exact > times[item.text]
        free = [place for place in places if not any(place[0] < s.end and s.start < place[1] for s in taken)]
        if not free or free[0][0] >= free[0][1]:
            counted["overlapping" if places and not free else "nowhere"] += 1
            continue
        start, end, inside = free[0]
        counted["widened"] += inside
        taken.append(Span(start, end, item.type))
    return taken


def _covered(words: Sequence[str], start: int, end: int) -> tuple[int, int, bool]:
    """The words that a slice of their text touches, first and behind the last, and whether it cuts one of them."""
    begins = list(accumulate((len(word) + 1 for word in words), initial=0))
    touched = [i for i, word in enumerate(words) if begins[i] < end and start < begins[i] + len(word)]
    if not touched:
        return 0, 0, False
    first, last = touched[0], touched[-1]
    return first, last + 1, start > begins[first] or end < begins[last] + len(words[last])
