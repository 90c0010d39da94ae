"""Finding a pretrained model: a folder or a Hub name, its files and its fingerprint."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nerlib import folders
from nerlib.errors import ModelError
from nerlib.models.families import Family, find_family

READ = ("*.json", "*.safetensors", "*.model", "*.txt")  # of a Hub repository; never pickled weights, never code


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
        positions = int(self.config.get("max_position_embeddings") or self.config.get("n_positions") or 10**9)
        if self.config.get("model_type") in ("roberta", "xlm-roberta"):
            positions -= int(self.config.get("pad_token_id", 1)) + 1
        return positions

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it reads of a batch; BERT also reads which segment a subword belongs to."""
        segments = ("token_type_ids",) if int(self.config.get("type_vocab_size") or 0) > 1 else ()
        return ("input_ids", "attention_mask", *segments)

    def check_length(self, max_length: int) -> None:
        """Refuse windows longer than its positions, with a `ModelError`."""
        if max_length > self.max_length:
            raise ModelError(f"max_length {max_length} is beyond the {self.max_length} positions of {self.name}")


def find_backbone(name: str | Path, *, called: str = "") -> Backbone:
    """Find a backbone.

    Parameters
    ----------
    name
        A folder (relative: from the project's root) or a Hub name, of a revision where one follows "@": the Hub keeps
        the safetensors that it made of older models' weights in pull requests, as ``name@refs/pr/4``.
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
        folder = _from_hub(str(name))
        called = called or str(name)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} is no backbone: expected a config.json in it")
    if not any(folder.glob("*.safetensors")):
        met = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".h5", ".msgpack"))
        raise ModelError(
            f"{folder}: expected weights as .safetensors (other formats are not read), met {met or 'none'}; "
            "of a model on the Hub a converted revision may exist: name@refs/pr/<number>"
        )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Backbone(called or folder.name, folder, _fingerprint(folder), config)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        repository, _, revision = name.partition("@")
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(READ)))
    except HFValidationError:
        raise ModelError(f"backbone {name!r}: no such folder, and no name of the Hub") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"backbone {name!r}: no such folder, and the Hub did not give it ({first}). "
            "Without the Hub: give a folder with config.json, model.safetensors and tokenizer.json"
        ) from None


def _fingerprint(folder: Path) -> str:
    files = sorted(
        path for path in folder.iterdir() if path.suffix in (".safetensors", ".model") or path.name in _SMALL
    )
    return folders.fingerprint([[path.name, _digest(path, path.stat().st_mtime_ns)] for path in files])


_SMALL = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt")


@cache
def _digest(path: Path, _changed: int) -> str:
    return folders.fingerprint_file(path)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the libraries say of new heads, reloaded AdaLoRA and sleeping adapters (it is checked here)."""
    import logging
    import warnings

    from transformers.utils import logging as transformers_logging

    level, adapters = transformers_logging.get_verbosity(), logging.getLogger("adapters")
    adapters_level = adapters.level
    transformers_logging.set_verbosity_error()
    adapters.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*rank_pattern.*")
            warnings.filterwarnings("ignore", message=".*ZeRO-3.*")
            warnings.filterwarnings("ignore", message=".*did not initialize properly.*")
            yield
    finally:
        transformers_logging.set_verbosity(level)
        adapters.setLevel(adapters_level)


def load_tokenizer(folder: Path, family: Family) -> Any:
    """The fast tokenizer in a folder, with what its family needs.

    Raises
    ------
    ModelError
        When the folder has none, or the tokenizer has no padding token although several sentences make a batch.
    """
    from transformers import AutoTokenizer

    extra = {"add_prefix_space": True} if family.prefix_space else {}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False, **extra)
    except (OSError, ValueError, ImportError, TypeError) as error:
        raise ModelError(f"{folder} has no tokenizer that can be read: {error}") from None
    if not tokenizer.is_fast:
        raise ModelError(f"{folder}: expected a fast tokenizer (tokenizer.json), met {type(tokenizer).__name__}")
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise ModelError(
                f"{folder}: expected a tokenizer with a padding token, or an end-of-text token in its place, met none: "
                "name one as pad_token in tokenizer_config.json"
            )
        tokenizer.pad_token = tokenizer.eos_token  # it occurs in no text: see `encoding.windows.without_control`
    return tokenizer
