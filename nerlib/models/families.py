"""The families of backbones: what differs between them, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from nerlib.errors import ModelError


@dataclass(frozen=True)
class Head:
    """What turns a backbone's representations into a task's outputs.

    Attributes
    ----------
    model_class
        The class of transformers that has it.
    modules
        Its modules' names, all of which are trained: PEFT knows most of them, and leaves the others frozen and random
        without a word (mT5's `classification_head` is one).
    peft_type
        The task type in PEFT, by which it reads the outputs.
    pools
        Whether the outputs are of subwords, and their mean is the text's (a linear head on the mean of the encoder's
        representations is the same).
    """

    model_class: str
    modules: tuple[str, ...]
    peft_type: str
    pools: bool = False


def _heads(*classification: str, below: tuple[str, ...] = (), answering: str = "qa_outputs") -> Mapping[str, Head]:
    """The heads of transformers; `below`: modules of all three, `classification`: those of texts (or `classifier`)."""
    return MappingProxyType(
        {
            "tagging": Head("AutoModelForTokenClassification", (*below, "classifier"), "TOKEN_CLS"),
            "classification": Head(
                "AutoModelForSequenceClassification", (*below, *(classification or ("classifier",))), "SEQ_CLS"
            ),
            "answering": Head("AutoModelForQuestionAnswering", (*below, answering), "QUESTION_ANS"),
        }
    )


@dataclass(frozen=True)
class Family:
    """What must be known of a kind of backbone to put an adapter and a head on it.

    Of precision there is one rule for all, so it stands in `training.parts`: float32, or bfloat16 products; never
    float16, in which mT5's activations are clipped without a word.

    Attributes
    ----------
    kind
        Which way attention looks: both (`encoder`), an encoder with a decoder beside it, or back (`decoder`).
    query_value
        The linear layers that LoRA's paper adapts (Hu et al. 2022, section 4.2), by name.
    linear
        All linear layers of a block, by name.
    heads
        The head of each form of task. transformers' heads for classification and answering on an encoder-decoder read
        the decoder's representations.
    encoder_heads
        Others, on the encoder alone of a backbone that has a decoder, too; the tagging one always is.
    dropouts
        The configuration's fields that hold dropout rates of the backbone.
    labelled_subword
        Which subword carries a word's label: a decoder has seen the whole word only at its last one.
    summary
        Which subword has seen the whole text: it is pooled, and stands for "no answer".
    transposed
        Whether weights are stored (inputs, outputs), as GPT-2's `Conv1D` does.
    prefix_space
        Whether the tokenizer must be told that words begin with a space.
    settings
        Fields of the configuration, and their values, that are not left to what the machine has installed.
    bert_blocks
        Whether the blocks are BERT's, part by part and by name, so that they can be computed apart (`models.blocks`).
    """

    kind: Literal["encoder", "encoder-decoder", "decoder"]
    query_value: tuple[str, ...]
    linear: tuple[str, ...]
    heads: Mapping[str, Head]
    dropouts: tuple[str, ...]
    labelled_subword: Literal["first", "last"] = "first"
    summary: Literal["first", "last"] = "first"
    transposed: bool = False
    prefix_space: bool = False
    settings: tuple[tuple[str, object], ...] = ()
    encoder_heads: Mapping[str, Head] = field(default_factory=dict)
    bert_blocks: bool = False

    def head(self, form: str, *, encoder_only: bool = False) -> Head:
        """The head of a form of task; with `encoder_only`, of an encoder-decoder's encoder alone."""
        return {**self.heads, **(self.encoder_heads if encoder_only else {})}[form]


_BERT = Family(
    kind="encoder",
    query_value=("query", "value"),
    linear=("query", "key", "value", "dense"),
    heads=_heads(),
    dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob"),
    bert_blocks=True,
)

#: By the configuration's `model_type`.
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "bert": _BERT,
        "xlm-roberta": _BERT,
        "roberta": Family(**(vars(_BERT) | {"prefix_space": True})),
        # Attention hangs on distances, which grids of packed rows do not have: such blocks are never taken apart.
        "deberta-v2": Family(
            kind="encoder",
            query_value=("query_proj", "value_proj"),
            linear=("query_proj", "key_proj", "value_proj", "dense"),
            heads=_heads("pooler", "classifier"),  # no pretraining has trained a pooler
            dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob", "pooler_dropout"),
        ),
        # One product gives query, key and value. Pretraining has trained what is below the head's last layer (`head`);
        # PEFT would freeze it, `adapters` would train it.
        "modernbert": Family(
            kind="encoder",
            query_value=("Wqkv",),
            linear=("Wqkv", "Wo", "Wi"),
            heads=_heads(below=("head",), answering="classifier"),
            dropouts=("embedding_dropout", "mlp_dropout", "attention_dropout"),
            prefix_space=True,
            # Flash attention, where it is installed, would round float32 to bfloat16 without a word.
            settings=(("reference_compile", False), ("_attn_implementation", "sdpa")),
        ),
        "mt5": Family(
            kind="encoder-decoder",
            query_value=("q", "v"),
            linear=("q", "k", "v", "o", "wi_0", "wi_1", "wo"),
            heads=_heads("classification_head"),
            encoder_heads={
                "classification": Head("AutoModelForTokenClassification", ("classifier",), "TOKEN_CLS", pools=True),
                "answering": Head("AutoModelForTokenClassification", ("classifier",), "TOKEN_CLS"),
            },
            summary="last",
            dropouts=("dropout_rate",),
        ),
        "gpt2": Family(
            kind="decoder",
            query_value=("c_attn",),
            linear=("c_attn", "c_fc", "c_proj"),
            heads=_heads("score"),
            summary="last",
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
