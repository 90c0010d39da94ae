"""Finding a pretrained model: a folder or a Hub name, its files and its fingerprint."""

import json
import logging
import warnings
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nerlib import folders
from nerlib.errors import ModelError, raises_only
from nerlib.models.families import Family, find_family

#: Names in a configuration that begin with "_" and only describe; others may name code that is then imported.
HARMLESS = frozenset({"_name_or_path", "_num_labels", "__type"})
#: What DeBERTa's and ModernBERT's code reads although their configurations do not declare it.
READ_TOO = {
    "attention_head_size",
    "cls_dropout",
    "conv_act",
    "conv_groups",
    "conv_kernel_size",
    "embedding_size",
    "norm_rel_ebd",
    "position_buckets",
    "share_att_key",
    "reference_compile",
    "rope_scaling",
}
LOADS_CODE = frozenset({"auto_map", "attn_implementation", "auto_mapping", "megatron_config"})
#: Beside the weights.
FINGERPRINTED = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt")


@dataclass(frozen=True)
class Backbone:
    """A pretrained model on disk.

    Attributes
    ----------
    name
        As it was asked for: a Hub name, or the folder's last name.
    folder
        Where its files are.
    fingerprint
        Of configuration, weights and tokenizer: two backbones are the same when theirs are.
    config
        The content of `config.json`.
    """

    name: str
    folder: Path
    fingerprint: str
    config: dict[str, Any]

    @property
    def family(self) -> Family:
        """What its kind needs."""
        return find_family(self.config.get("model_type", ""))

    @property
    def address(self) -> str:
        """What it is found again by: its name on the Hub (with the revision after "@"), or its folder."""
        return self.name if "snapshots" in self.folder.parts else str(self.folder)

    @property
    def hidden_size(self) -> int:
        """Width of its representations."""
        return int(self.config.get("hidden_size") or self.config.get("d_model") or self.config.get("n_embd") or 0)

    @property
    def layers(self) -> int:
        """Its blocks, one above the other (those of the encoder, where there are two stacks)."""
        return int(
            self.config.get("num_hidden_layers") or self.config.get("num_layers") or self.config.get("n_layer") or 0
        )

    @property
    def max_length(self) -> int:
        """Subwords that its positions hold, special tokens included; a very large number when they have no end.

        The number comes from the configuration: a tokenizer may claim 1e30. RoBERTa's kind begins to count behind the
        padding token, so that XLM-R's 514 positions hold 512 subwords.
        """
        is_roberta = self.config.get("model_type") in ("roberta", "xlm-roberta")
        skipped = int(self.config.get("pad_token_id", 1)) + 1 if is_roberta else 0
        return int(self.config.get("max_position_embeddings") or self.config.get("n_positions") or 10**9) - skipped

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it reads of a batch; BERT also reads which segment a subword belongs to."""
        segments = ("token_type_ids",) if int(self.config.get("type_vocab_size") or 0) > 1 else ()
        return ("input_ids", "attention_mask", *segments)

    def check_length(self, max_length: int) -> None:
        """Refuse windows longer than its positions, with a `ModelError`."""
        if max_length > self.max_length:
            raise ModelError(f"max_length {max_length} is beyond the {self.max_length} positions of {self.name}")


@raises_only(ModelError, "backbone")
def find_backbone(name: str | Path, *, called: str = "") -> Backbone:
    """Find a backbone.

    Parameters
    ----------
    name
        A folder (relative: from the project's root) or a Hub name, of a revision where one follows "@". Of a model
        whose main revision holds pickled weights alone, the safetensors are taken that the Hub's own converter made of
        them and keeps in a pull request; the backbone's name says so: ``name@refs/pr/4``.
    called
        The name to go by, when it is not the folder's.

    Raises
    ------
    ModelError
        When there is no such folder or Hub name, or it lacks a configuration, a tokenizer or weights in safetensors.
    """
    folder = folders.from_root(name)
    if not folder.is_dir() and name == "demo":
        raise ModelError("backbone 'demo' is made by nerlib.pretraining.demo_backbone(): give the folder it returns")
    if not folder.is_dir():
        asked = str(name)
        folder = _from_hub(asked)
        if "@" not in asked and not any(folder.glob("*.safetensors")) and (revision := _converted(asked, folder)):
            asked = f"{asked}@{revision}"
            folder = _from_hub(asked)
        called = called or asked
    config = read_config(folder)
    if not any(folder.glob("*.safetensors")):
        got = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".h5", ".msgpack"))
        raise ModelError(
            f"{folder}: expected weights as .safetensors (other formats are not read), got {got or 'none'}; "
            "of a model on the Hub a converted revision may exist: name@refs/pr/<number>"
        )
    fingerprint = folders.fingerprint(
        [
            [path.name, _digest(path, path.stat().st_mtime_ns)]
            for path in sorted(folder.iterdir())
            if path.suffix in (".safetensors", ".model") or path.name in FINGERPRINTED
        ]
    )
    return Backbone(called or folder.name, folder, fingerprint, config)


def read_config(folder: Path) -> dict[str, Any]:
    """The content of a model's `config.json`.

    Raises
    ------
    ModelError
        When there is none, it is no JSON object, or it holds a name by which transformers would load code, at any depth
        (CVE-2026-4372: such code was imported in spite of ``trust_remote_code=False``).
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder} is no model: expected a config.json in it")
    return read_json(path)


def known_config(folder: Path) -> Any:
    """A model's configuration as transformers takes it, of the names that its kind has of itself: no other goes on.

    Raises
    ------
    ModelError
        As `read_config` and `find_family`.
    """
    import transformers

    given = read_config(folder)
    find_family(given.get("model_type", ""))  # refuses what is in no family
    kind = transformers.CONFIG_MAPPING[given["model_type"]]
    known = kind().to_dict().keys() | kind.attribute_map.keys() | READ_TOO
    return kind.from_dict({name: value for name, value in given.items() if name in known})


def read_json(path: Path, known: Collection[str] = ()) -> dict[str, Any]:
    """A JSON object that describes a model, likewise; with `known`, names that are not among them are refused, too."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: expected JSON, got what cannot be read as such: {error}") from None
    if not isinstance(config, dict):
        raise ModelError(f"{path}: expected a JSON object, got {type(config).__name__}")
    if refused := sorted(n for n in {*_names(config)} - HARMLESS if n in LOADS_CODE or n.startswith("_")):
        raise ModelError(
            f"{path}: {', '.join(refused)} can make transformers load code, which is never done here; "
            "remove it, when the model does not need code of its own"
        )
    if known and (odd := sorted(set(config) - set(known))):
        raise ModelError(f"{path}: expected nothing but {', '.join(sorted(known))}, got {', '.join(odd)}; remove it")
    return config


def _names(value: Any) -> Iterator[str]:
    """The names in a JSON value to which something is given, at every depth; labels are no names."""
    if isinstance(value, dict):
        yield from (name for name, given in value.items() if given is not None)
        value = [inner for name, inner in value.items() if name != "label2id"]
    for inner in value if isinstance(value, list) else ():
        yield from _names(inner)


def read_network(model_class: str, folder: Path, missing: Collection[str] = (), **options: Any) -> tuple[Any, set[str]]:
    """A model of transformers from a folder, float32, and the names of the modules that the folder has no weights of.

    Parameters
    ----------
    model_class
        The name of its class in transformers.
    missing
        Modules that the folder may lack, which stay random: a backbone's head. A saved model may lack none.
    **options
        Of `from_pretrained`.

    Raises
    ------
    ModelError
        When the weights cannot be read, do not fit the configuration, or lack others than those.
    """
    import transformers
    from safetensors import SafetensorError

    if (index := folder / "model.safetensors.index.json").is_file():  # of weights in several files
        files = {str(name) for name in dict(read_json(index).get("weight_map") or {}).values()}
        if wrong := sorted(name for name in files if Path(name).name != name or not name.endswith(".safetensors")):
            raise ModelError(f"{index}: expected files of the folder as .safetensors, got {wrong[0]!r}")
    try:
        network, info = getattr(transformers, model_class).from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            **options,
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder}: its weights cannot be read: {first[:200]}") from None
    lacking = [key.removeprefix(f"{network.base_model_prefix}.") for key in info["missing_keys"]]
    check_complete(folder, [name for name in lacking if name.split(".")[0] not in missing])
    return network, {name.split(".")[0] for name in lacking}


def check_complete(folder: Path, missing: Collection[str]) -> None:
    """Refuse, with a `ModelError`, a model that lacks weights, which would be random."""
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} weights ({', '.join(sorted(missing)[:3])}"
            f"{', ...' if len(missing) > 3 else ''}): they would be random; expected them under the names that "
            "transformers gives them"
        )


def check_finite(folder: Path, network: torch.nn.Module) -> None:
    """Refuse, with a `ModelError`, weights that are not numbers, or are infinite."""
    if wrong := [name for name, p in network.named_parameters() if not torch.isfinite(p).all()]:
        raise ModelError(
            f"{folder}: expected finite weights, got NaN or infinity in {len(wrong)} of them ({wrong[0]}); "
            "fetch or train the model again"
        )


def find_files(name: str) -> Path:
    """A folder (relative: from the project's root), or a Hub name's files; see `find_backbone`."""
    folder = folders.from_root(name)
    return folder if folder.is_dir() else _from_hub(name)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        repository, _, revision = name.partition("@")
        return Path(
            snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt"],  # never pickled weights, never code
            )
        )
    except HFValidationError:
        raise ModelError(f"backbone {name!r}: no such folder, and no name of the Hub") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"backbone {name!r}: no such folder, and the Hub did not give it ({first}). "
            "Without the Hub: give a folder with config.json, model.safetensors and tokenizer.json"
        ) from None


def _converted(repository: str, folder: Path) -> str:
    """The newest pull request with safetensors: in the Hub's cache, else by the Hub's own converter; "" for none."""
    from huggingface_hub import HfApi

    numbers = _cached_conversions(folder.parents[1])
    with suppress(OSError):  # the Hub cannot be reached
        if not numbers:  # anybody may open one: by others none is taken
            made = HfApi().get_repo_discussions(repository, author="SFconvertbot", discussion_type="pull_request")
            numbers = [of.num for of in made if "safetensors" in of.title and of.status in ("open", "draft")]
    return f"refs/pr/{max(numbers)}" if numbers else ""


def _cached_conversions(place: Path) -> list[int]:
    """The pull requests with safetensors that a repository's place in the Hub's cache holds."""
    requests = [ref for ref in (place / "refs").glob("refs/pr/*") if ref.name.isdecimal()]
    return [int(ref.name) for ref in requests if any((place / "snapshots" / ref.read_text()).glob("*.safetensors"))]


@cache
def _digest(path: Path, _changed: int) -> str:
    return folders.fingerprint_file(path)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the libraries say of new heads, reloaded AdaLoRA and sleeping adapters (it is checked here)."""
    with warnings.catch_warnings(), ExitStack() as afterwards:
        for library in map(logging.getLogger, ("transformers", "adapters")):
            afterwards.callback(library.setLevel, library.level)
            library.setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", message=".*(rank_pattern|ZeRO-3|did not initialize properly).*")
        yield


@contextmanager
def torch_seed(rng: np.random.Generator) -> Iterator[None]:
    """Draw torch's random numbers of the block from `rng`, and give the global state back as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(rng.integers(2**63)))
        yield


def load_tokenizer(folder: Path, family: Family) -> Any:
    """The fast tokenizer in a folder, with what its family needs.

    Raises
    ------
    ModelError
        When the folder has none, or the tokenizer has no padding token although several sentences make a batch.
    """
    import transformers

    described = folder / "tokenizer_config.json"
    named = str(read_json(described).get("tokenizer_class")) if described.is_file() else ""
    # The class that AutoTokenizer would find by that name; importing AutoTokenizer itself takes three seconds.
    kind = getattr(transformers, f"{named.removesuffix('Fast')}Fast", None) or transformers.AutoTokenizer
    try:
        with quiet():
            tokenizer = kind.from_pretrained(
                folder, trust_remote_code=False, **({"add_prefix_space": True} if family.prefix_space else {})
            )
    except (OSError, ValueError, ImportError, TypeError) as error:
        raise ModelError(f"{folder} has no tokenizer that can be read: {error}") from None
    if not tokenizer.is_fast:
        raise ModelError(f"{folder}: expected a fast tokenizer (tokenizer.json), got {type(tokenizer).__name__}")
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise ModelError(
                f"{folder}: expected a tokenizer with a padding token, or an end-of-text token in its place, got none: "
                "name one as pad_token in tokenizer_config.json"
            )
        # It occurs in no text: see `encoding.neutralise_special_tokens`.
        tokenizer.pad_token = tokenizer.eos_token
    if family.prefix_space:
        _put_spaces(tokenizer.backend_tokenizer)
    return tokenizer


def _put_spaces(backend: Any) -> None:
    """Let words that are given as words be cut as in running text, where a tokenizer has no setting for it.

    Gemma's, which is mmBERT's, writes spaces into the pieces behind them, and puts none before a text or a word.
    """
    from tokenizers import normalizers

    running = backend.encode("a a", add_special_tokens=False)
    words = backend.encode(["a", "a"], is_pretokenized=True, add_special_tokens=False)
    if backend.normalizer is not None and running.ids != words.ids:
        backend.normalizer = normalizers.Sequence([normalizers.Prepend(" "), backend.normalizer])
