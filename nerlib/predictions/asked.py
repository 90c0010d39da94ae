"""What systems from elsewhere are asked: a study's test sets as JSON Lines; and GLiNER, which answers them here."""

import json
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from nerlib import folders, records
from nerlib.corpora import LABEL_MAPS
from nerlib.corpora.files import Notes, json_lines, read_text
from nerlib.errors import SettingsError, raises_only
from nerlib.labels import parse, spans

COSTS = "costs.json"


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
        path.parent.mkdir(parents=True, exist_ok=True)
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
        path.parent.mkdir(parents=True, exist_ok=True)
        answers = (
            {"id": row["id"], "text": row["text"], "entities": list(_told(own, prompts))}
            for row, own in zip(rows, found, strict=True)
        )
        folders.write_atomically(path, "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers))
    total = sum(parameter.numel() for parameter in network.parameters())
    costs = {"total_parameters": total, "model_bytes": weights.stat().st_size, "seconds": seconds}
    folders.write_atomically(system / COSTS, json.dumps(costs, indent=1))
    return system


def _told(entities: list[dict[str, Any]], prompts: dict[str, str]) -> Iterator[dict[str, Any]]:
    for one in entities:
        yield {
            "start": one["start"],
            "end": one["end"],
            "type": prompts[one["label"]],
            "score": round(float(one["score"]), 6),
        }


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
