"""A backbone with a task's head and a method's trainable weights: building, saving, loading."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nerlib import folders, vocabulary
from nerlib.encoding import Encoded, Layout
from nerlib.errors import ModelError, raises_only
from nerlib.models.backbones import (
    Backbone,
    check_complete,
    check_finite,
    find_backbone,
    known_config,
    load_tokenizer,
    quiet,
    read_json,
    read_network,
    torch_seed,
)
from nerlib.models.blocks import logits_at
from nerlib.models.families import Head
from nerlib.models.methods import (
    METHODS,
    TASK,
    Hooks,
    Method,
    add_language,
    described,
    from_description,
    lines_of_adapters,
    stacked,
)
from nerlib.params import streams
from nerlib.tasks import Task, find_task

READ_ME = """# {title}

Labels, in the order of the outputs: {labels}. Trained with nerlib, which loads it by `nerlib.models.load_model`.
{lines}"""
WITHOUT_NERLIB = """
Without nerlib, in this folder:

```python
{lines}
```
"""
ABOUT = "nerlib.json"  # beside the library's own files: task, labels, method, backbone
LANGUAGES = "languages"  # the folder of language adapters in a model's


@dataclass
class TaskModel:
    """A network to be trained or used, with all that is needed to encode examples for it and read its outputs.

    Attributes
    ----------
    network
        A model of transformers, or a library's wrapper around one.
    tokenizer
        The backbone's.
    backbone, task, labels, method
        What it was built from; `labels` in the order of the head's outputs.
    head
        What turns representations into the task's outputs.
    languages
        Tags of the languages that have an adapter of their own (MAD-X).
    """

    network: nn.Module
    tokenizer: Any
    backbone: Backbone
    task: Task
    labels: tuple[str, ...]
    method: Method
    head: Head
    languages: tuple[str, ...] = ()

    @property
    def trainable_parameters(self) -> int:
        """Weights that require a gradient, head included (AdaLoRA: at the ranks of the moment)."""
        return sum(p.numel() for p in self.network.parameters() if p.requires_grad)

    @property
    def head_parameters(self) -> int:
        """Weights of the head that require a gradient."""
        return sum(
            p.numel()
            for name, p in self.network.named_parameters()
            if p.requires_grad and set(name.split(".")) & set(self.head.modules)
        )

    def sketch(self) -> dict[str, Any]:
        """What `figures.architecture` draws of it."""
        method, layers = self.method, getattr(self.method, "layers", None)
        return {
            "parts": self.parameters_by_part(),
            "layers": self.backbone.layers,
            "hidden": self.backbone.hidden_size,
            "method": method.name,
            "rank": getattr(method, "rank", 0),
            "target_modules": layers(self.backbone.family) if layers else (),
            "placement": getattr(method, "placement", ""),
            "backbone": self.backbone.name,
        }

    def parameters_by_part(self) -> dict[str, tuple[int, int]]:
        """Weights of embeddings, blocks, adapter and head, and how many of them are trained."""
        found: dict[str, tuple[int, int]] = {}
        for name, parameter in self.network.named_parameters():
            components = set(name.split("."))
            part = "attention and feed-forward" if any(map(str.isdigit, components)) else "embeddings"
            part = self.method.part_of(name) or ("head" if components & set(self.head.modules) else part)
            whole, trained = found.get(part, (0, 0))
            found[part] = whole + parameter.numel(), trained + parameter.numel() * parameter.requires_grad
        found.pop("copy", None)
        return found

    @property
    def total_parameters(self) -> int:
        """All weights that a forward pass may use: PEFT's frozen copy of the head is not counted."""
        return sum(p.numel() for name, p in self.network.named_parameters() if self.method.part_of(name) != "copy")

    @cached_property
    def hooks(self) -> Hooks:
        """What the method adds to the training loop."""
        return self.method.hooks(self.network)

    @property
    def runs_by_block(self) -> bool:
        """Whether it tags words with blocks of BERT's kind, that can be computed in part (`models.blocks`)."""
        return (
            self.task.form == "tagging"
            and self.backbone.family.bert_blocks
            and self.backbone.config.get("position_embedding_type", "absolute") == "absolute"
            and not self.method.rewrites_blocks
        )

    def encode(self, examples: Sequence[Any], max_length: int, *, stride: int = 0) -> Encoded:
        """Encode examples for this model (see `encoding.Layout`).

        Raises
        ------
        ModelError
            When `max_length` is beyond the backbone's positions.
        """
        self.backbone.check_length(max_length)
        family = self.backbone.family
        return self.task.encode(
            examples,
            self.tokenizer,
            self.labels,
            Layout(max_length, family.labelled_subword, family.summary, stride, self.languages),
        )

    def logits(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The head's outputs, (S, T, L) of subwords or (S, L) of texts.

        Where languages have adapters, each window runs through its own one's.
        """
        return self._forward(batch)[0]

    def logits_and_hidden(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, and the hidden states of the embeddings and of each block, (blocks + 1, S, T, H)."""
        logits, *hidden = self._forward(batch, output_hidden_states=True)
        return logits, torch.stack(hidden)

    def _forward(self, batch: Mapping[str, torch.Tensor], **options: bool) -> list[torch.Tensor]:
        """Outputs and hidden states, with windows in the batch's order."""
        inputs = {name: batch[name] for name in self.backbone.inputs if name in batch}
        if not self.languages:
            return self._tensors(self.network(**inputs, **options), batch["attention_mask"])
        parts, rows = [], []
        for number in torch.unique(batch["language"]).tolist():
            windows = (batch["language"] == number).nonzero().squeeze(1)
            with stacked(self.languages[number], TASK):
                output = self.network(**{k: t[windows] for k, t in inputs.items()}, **options)
                parts.append(self._tensors(output, batch["attention_mask"][windows]))
            rows.append(windows)
        order = torch.argsort(torch.cat(rows))
        return [torch.cat(tensors)[order] for tensors in zip(*parts, strict=True)]

    def _tensors(self, output: Any, mask: torch.Tensor) -> list[torch.Tensor]:
        """Logits, and the hidden states where they were asked for."""
        if "start_logits" in output:
            logits = torch.stack([output.start_logits, output.end_logits], dim=-1)  # (S, T, 2)
        else:
            logits = pooled(output.logits, mask) if self.head.pools else output.logits
        return [logits, *(output.get("hidden_states") or output.get("encoder_hidden_states") or ())]

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The task's loss, summed over the batch; of what `runs_by_block`, computed where there are labels alone."""
        if not self.runs_by_block:
            return self.task.loss(self.logits(batch), batch)
        labels = batch["labels"].flatten()[batch["loss_positions"]]
        return self.task.loss(logits_at(self.network, batch)[None], {"labels": labels[None]})


def pooled(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the subwords that are not padding: (S, T, H), or (blocks, S, T, H), and (S, T) give (..., S, H)."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=-2) / weights.sum(dim=-2)


@raises_only(ModelError, "backbone")
def build(
    backbone: str | Path | Backbone,
    task: str | Task = "ner",
    method: str | Method = "lora",
    *,
    labels: Sequence[str] | None = None,
    encoder_only: bool = False,
    languages: Mapping[str, Path] | None = None,
    seed: int = 0,
) -> TaskModel:
    """Put a task's head and a method's weights on a pretrained backbone.

    Parameters
    ----------
    backbone
        A folder, a Hub name, or a found `Backbone`.
    task, method
        By name, or with settings of their own, as in ``Lora(rank=16, target_modules=("all",))``.
    labels
        Label names in the order of the head's outputs; None: those of PER, ORG and LOC.
    encoder_only
        Of an encoder-decoder, use the encoder alone, also where transformers' head would read the decoder.
    languages
        For `madx`: the folder of each language's adapter, by tag.
    seed
        Gives the initial head and adapter (the same head for every method).

    Raises
    ------
    ModelError
        When the backbone cannot be read, its family has no head for the task, a language adapter was trained on
        another backbone, or there is none and the method needs one.
    """
    found = backbone if isinstance(backbone, Backbone) else find_backbone(backbone)
    task = task if isinstance(task, Task) else find_task(task)
    method = METHODS[method]() if isinstance(method, str) else method
    labels = tuple(labels or task.labels(("PER", "ORG", "LOC")))
    family = found.family
    head = family.head(task.form, encoder_only=encoder_only)
    tokenizer = load_tokenizer(found.folder, family)
    with torch_seed(streams(seed)["head"]), quiet():
        plain, fresh = _load_plain(found.folder, found, task, labels, method, head, tokenizer)
        head = replace(head, modules=(*head.modules, *sorted(fresh - set(head.modules))))
        network = method.prepare(plain, family, head)
    if len(tokenizer) > plain.get_input_embeddings().num_embeddings:
        raise ModelError(f"{found.name}: its tokenizer has {len(tokenizer)} pieces, its embedding fewer rows")
    if vocabulary.METHODS[method.name].per_language and not languages:
        raise ModelError(f"method {method.name!r}: expected the adapters of one language at least, got none")
    for tag, path in (languages or {}).items():
        _check_backbone(path, found)
        add_language(network, tag, path)
    check_finite(found.folder, network)
    trained = {part for name, p in network.named_parameters() if p.requires_grad for part in name.split(".")}
    if missing := set(head.modules) - trained:
        raise ModelError(f"{found.name}: {', '.join(missing)} of task {task.name!r} would stay random, not be trained")
    return TaskModel(network, tokenizer, found, task, labels, method, head, tuple(languages or ()))


def _load_plain(
    folder: Path, backbone: Backbone, task: Task, labels: Sequence[str], method: Method, head: Head, tokenizer: Any
) -> tuple[Any, set[str]]:
    """The transformers model with its head, and the names of the modules that the folder has no weights of.

    On a backbone's folder these are the head, and what the head's class adds below it (BERT's pooler, where it was not
    pretrained); a saved model's folder may lack none.
    """
    family, config = backbone.family, known_config(folder)
    names = labels if task.outputs(labels) == len(labels) else [str(i) for i in range(task.outputs(labels))]
    dropout = method.dropout if method.trains_backbone else method.frozen_dropout
    rates = {name: method.attention_dropout if name.startswith("att") else dropout for name in family.dropouts}
    of_head = method.dropout if method.head_dropout is None else method.head_dropout
    config.update(
        {
            "id2label": dict(enumerate(names)),
            "label2id": {name: i for i, name in enumerate(names)},
            "classifier_dropout": of_head,
            **rates,
            **dict(family.settings),
            **(
                {
                    "use_cache": False,
                    "pad_token_id": tokenizer.pad_token_id,  # which subword is pooled depends on the padding
                    "eos_token_id": tokenizer.eos_token_id,
                }
                if family.kind != "encoder"
                else {}
            ),
        }
    )
    network, fresh = read_network(
        head.model_class, folder, {*head.modules, "pooler"} if folder == backbone.folder else (), config=config
    )
    if isinstance(above := getattr(network, "dropout", None), nn.Dropout):  # DeBERTa's is the backbone's by default
        above.p = of_head
    return network, fresh


@raises_only(ModelError, "backbone")
def count_weights(
    backbone: Backbone, task: Task, labels: Sequence[str], method: Method, *, encoder_only: bool = False
) -> tuple[int, int]:
    """All weights of a backbone with a task's head and a method's adapter, and those that are trained.

    They are counted from the configuration: nothing is read or allocated. Adapters of languages are not among them.
    """
    import transformers

    head = backbone.family.head(task.form, encoder_only=encoder_only)
    config = known_config(backbone.folder)
    config.num_labels = task.outputs(labels)
    with torch.device("meta"), quiet():
        network = method.prepare(getattr(transformers, head.model_class).from_config(config), backbone.family, head)
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)


def save_model(model: TaskModel, folder: Path, like: Iterable[Path] = ()) -> None:
    """Write what was trained, in the format of the library that owns it, and beside it what nerlib needs to read it.

    Full fine-tuning leaves a folder that transformers reads by itself, other methods the adapter of PEFT or `adapters`,
    its head inside, and MAD-X those of the languages. The folder appears whole, and shares with the folders `like` it
    the files that are the same (`folders.new_folder`).
    """
    about = {
        "schema": 1,
        "task": model.task.name,
        "labels": list(model.labels),
        "method": described(model.method),
        "head": asdict(model.head),
        "languages": list(model.languages),
        "backbone": origin_of(model.backbone),
    }
    for config in getattr(model.network, "peft_config", {}).values():
        config.base_model_name_or_path, _, revision = model.backbone.address.partition("@")
        config.revision = revision or None
    with folders.new_folder(folder, like) as beside, quiet():
        model.method.save(model.network, beside)
        for language in model.languages:
            save_language(model.network, language, beside / LANGUAGES / language, model.backbone)
        if _own_tokenizer(model):
            model.tokenizer.save_pretrained(beside)
        (beside / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
        (beside / "README.md").write_text(
            READ_ME.format(
                title=f"{model.method.name}, {model.task.name} on {model.backbone.name}",
                labels=", ".join(model.labels),
                lines=without_nerlib(model, *model.languages[-1:]),
            ),
            encoding="utf-8",
        )


def without_nerlib(model: TaskModel, language: str = "") -> str:
    """The lines that load a saved model, in its folder, with the library that owns its format; "" where none do.

    `language`: that of the text, where languages have adapters of their own.
    """
    method, family, head = model.method, model.backbone.family, model.head
    if head.pools or not method.loads_with:
        return ""
    address, _, revision = model.backbone.address.partition("@")
    backbone = f"{address!r}, revision={revision!r}" if revision else repr(address)
    outputs = f"id2label={dict(sorted(model.network.config.id2label.items()))}"
    outputs += f", pad_token_id={model.tokenizer.pad_token_id}" if family.kind == "decoder" else ""
    of_head = head.model_class.replace("AutoModel", method.loads_with)
    lines = [
        f"import {'adapters' if method.rewrites_blocks else 'peft'}, transformers",
        f"model = {of_head}.from_pretrained({backbone if method.rewrites_blocks else repr('.')}, {outputs})",
        *(lines_of_adapters(model.network, language) if method.rewrites_blocks else []),
        f"tokenizer = transformers.AutoTokenizer.from_pretrained({repr('.') if _own_tokenizer(model) else backbone})",
    ]
    return WITHOUT_NERLIB.format(lines="\n".join(lines))


def _own_tokenizer(model: TaskModel) -> bool:
    """Whether a saved model has a tokenizer beside it: the backbone's would not do, or nobody asks for the backbone."""
    return model.method.trains_backbone or model.backbone.family.prefix_space


def save_language(network: Any, language: str, folder: Path, backbone: Backbone) -> None:
    """Write a language adapter in the format of `adapters`, and beside it which backbone it belongs to."""
    folder.mkdir(parents=True, exist_ok=True)
    network.save_adapter(str(folder), language, with_head=False, use_safetensors=True)
    write_origin(folder, language, backbone)


def write_origin(folder: Path, language: str, backbone: Backbone) -> None:
    """Write beside a language adapter which backbone it belongs to."""
    about = {"schema": 1, "language": language, "backbone": origin_of(backbone)}
    (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")


def origin_of(backbone: Backbone) -> dict[str, str]:
    """Name, folder and fingerprint."""
    return {"name": backbone.name, "folder": str(backbone.folder), "fingerprint": backbone.fingerprint}


@raises_only(ModelError, "model")
def load_model(
    folder: str | Path,
    backbone: str | Path | Backbone | None = None,
    *,
    languages: Mapping[str, Path] | None = None,
    trainable: bool = False,
) -> TaskModel:
    """Load what a run trained.

    Parameters
    ----------
    folder
        A run's folder, or the `model` folder in it.
    backbone
        The backbone that a PEFT adapter is attached to; None: the one it was trained on, where it was or by its name.
    languages
        For `madx`: the folder of each language's adapter, by tag; None: those that were saved with the model.
    trainable
        Whether training goes on: an adapter method then trains the task's adapter and the head, and nothing else.

    Raises
    ------
    ModelError
        When the folder holds no model, or the backbone is not the one that the adapter was trained on.
    """
    path = Path(folder) / "model" if (Path(folder) / "model").is_dir() else Path(folder)
    if not (path / ABOUT).is_file():
        raise ModelError(
            f"{folder} holds no model of nerlib: expected {ABOUT}; a run whose model was removed (`keep_models`) makes "
            "it again when it is asked for `with_models`"
        )
    about = read_json(path / ABOUT)
    task, labels, method = find_task(about["task"]), tuple(about["labels"]), from_description(about["method"])
    if backbone is None:
        name, there = about["backbone"]["name"], about["backbone"]["folder"]
        backbone = find_backbone(there if Path(there).is_dir() else name, called=name)
    found = backbone if isinstance(backbone, Backbone) else find_backbone(backbone)
    _check_backbone(path, found)
    # Models saved before there were others than taggers do not say.
    of_head = about.get("head") or asdict(found.family.head(task.form))
    head = Head(**(of_head | {"modules": tuple(of_head["modules"])}))
    tokenizer = load_tokenizer(found.folder, found.family)
    with quiet(), torch_seed(streams(0)["head"]):  # a fresh head is replaced by the saved one; no global state moves
        plain, _ = _load_plain(
            path if method.trains_backbone else found.folder, found, task, labels, method, head, tokenizer
        )
        check_complete(path, [name for name in method.files if not (path / name).is_file()])
        network = method.restore(plain, path, trainable=trainable)
        if languages is None:
            languages = {tag: path / LANGUAGES / tag for tag in about.get("languages", ())}
        for tag, adapter in languages.items():
            _check_backbone(adapter, found)
            add_language(network, tag, adapter)
    check_finite(path, network)
    network.eval()
    return TaskModel(network, tokenizer, found, task, labels, method, head, tuple(languages))


def _check_backbone(path: Path, found: Backbone) -> None:
    """Refuse what is not as it was written, or was trained on another backbone."""
    if (path / folders.DIGESTS).exists() and (wrong := folders.damaged(path)):
        raise ModelError(f"{path}: not as it was written: {wrong}; {folders.REPAIR}")
    if not (path / ABOUT).is_file():
        raise ModelError(f"{path}: expected {ABOUT}, which says on what backbone it was trained")
    origin = read_json(path / ABOUT)["backbone"]
    if found.fingerprint != origin["fingerprint"]:
        raise ModelError(
            f"{path} was trained on another backbone: expected {origin['name']} with fingerprint "
            f"{origin['fingerprint']}, got {found.name} with {found.fingerprint}"
        )
