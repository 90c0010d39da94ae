"""The families of backbones: what differs between them, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from nerlib.errors import ModelError


@dataclass(frozen=True)
class Family:
    """What must be known of a kind of backbone to put an adapter and a head on it.

    Attributes
    ----------
    kind
        Which way attention looks: both (`encoder`), an encoder with a decoder beside it, or back (`decoder`).
    query_value
        The linear layers that LoRA's paper adapts (Hu et al. 2022, section 4.2), by name.
    linear
        All linear layers of a block, by name.
    head
        The head's modules by task, as transformers names them.
    dropouts
        The configuration's fields that hold dropout rates of the backbone.
    labelled_subword
        Which subword carries a word's label: a decoder has seen the whole word only at its last one.
    transposed
        Whether weights are stored (inputs, outputs), as GPT-2's `Conv1D` does.
    """

    kind: Literal["encoder", "encoder-decoder", "decoder"]
    query_value: tuple[str, ...]
    linear: tuple[str, ...]
    head: Mapping[str, tuple[str, ...]]
    dropouts: tuple[str, ...]
    labelled_subword: Literal["first", "last"] = "first"
    transposed: bool = False
    prefix_space: bool = False


_TAGGING = MappingProxyType({"ner": ("classifier",), "pos": ("classifier",)})
_BERT = Family(
    kind="encoder",
    query_value=("query", "value"),
    linear=("query", "key", "value", "dense"),
    head=_TAGGING,
    dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob"),
)

#: By the configuration's `model_type`.
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "bert": _BERT,
        "xlm-roberta": _BERT,
        "roberta": Family(**(vars(_BERT) | {"prefix_space": True})),
        "mt5": Family(
            kind="encoder-decoder",
            query_value=("q", "v"),
            linear=("q", "k", "v", "o", "wi_0", "wi_1", "wo"),
            head=_TAGGING,
            dropouts=("dropout_rate",),
        ),
        "gpt2": Family(
            kind="decoder",
            query_value=("c_attn",),
            linear=("c_attn", "c_fc", "c_proj"),
            head=_TAGGING,
            dropouts=("resid_pdrop", "embd_pdrop", "attn_pdrop"),
            labelled_subword="last",
            transposed=True,
            prefix_space=True,
        ),
    }
)


def find_family(model_type: str) -> Family:
    """The family of a configuration's `model_type`.

    Raises
    ------
    ModelError
        For one that is not in the table, with what to add.
    """
    if model_type not in FAMILIES:
        raise ModelError(
            f"no family for model type {model_type!r}; there are {', '.join(FAMILIES)}. "
            "To add one: its linear layers, head and dropout fields in nerlib/models/families.py"
        )
    return FAMILIES[model_type]
