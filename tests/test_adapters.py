"""Bottleneck adapters and MAD-X: the papers' equations, files that `adapters` itself reads, swapped languages."""

import itertools
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy, gelu, layer_norm, linear, relu, silu

from nerlib import folders, models, training
from nerlib.corpora import Answer, LabelledText, Question, Sentence
from nerlib.errors import CorpusError, ModelError
from nerlib.models import Bottleneck, MadX
from nerlib.models.backbones import find_backbone
from nerlib.models.families import find_family
from nerlib.models.methods import adapters_that_run, add_language, make_room, stacked
from nerlib.params import Recipe
from nerlib.pretraining import masked_loss, mlm_dataset, train_language_adapter
from nerlib.pretraining.mlm import network_for
from tests import tiny

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")
LINES = [" ".join(words) for words in tiny.handwritten_words()] * 6


def sentences(language="as", n=12):
    rows = [row for row in tiny.handwritten_words() if row][:n]
    return [Sentence(tuple(r), tuple(LABELS[(i + j) % 7] for j in range(len(r))), language) for i, r in enumerate(rows)]


@pytest.fixture(scope="module")
def languages(tiny_backbone, tmp_path_factory):
    """Adapters of two languages, trained for a few steps."""
    folder = tmp_path_factory.mktemp("languages")
    backbone = find_backbone(tiny_backbone())
    for seed, tag in enumerate(("as", "bn")):
        train_language_adapter(
            backbone, tag, LINES, folder / tag, method=MadX(), steps=10, learning_rate=0.05, batch_size=8, length=32,
            seed=seed,
        )  # fmt: skip
    return {tag: folder / tag for tag in ("as", "bn")}


@pytest.fixture(scope="module")
def trained(tiny_backbone, languages):
    model = models.build(tiny_backbone(), "ner", MadX(reduction_factor=4), labels=LABELS, languages=languages, seed=1)
    both = sentences("as") + sentences("bn")
    recipe = Recipe(min_steps=15, num_epochs=1, batch_size=8, learning_rate=0.02)
    data = model.encode(both, 32)
    training.train(model.network, data, recipe, seed=1, loss=model.loss, count=model.task.count)
    model.network.eval()
    return model


def logits(model, language="as"):
    batch = model.encode(sentences(language, 6), 32).batch(np.arange(6))
    with torch.no_grad():
        return model.logits(batch)


# --- the equations --------------------------------------------------------------------------------------------------


class Reference:
    """XLM-R's forward pass, written out, with adapters where the papers put them."""

    def __init__(self, network):
        self.weights = dict(network.named_parameters())
        self.heads = network.config.num_attention_heads

    def __getitem__(self, name):
        return self.weights[name]

    def dense(self, x, name):
        return linear(x, self[f"{name}.weight"], self[f"{name}.bias"])

    def norm(self, x, name):
        return layer_norm(x, x.shape[-1:], self[f"{name}.weight"], self[f"{name}.bias"], eps=1e-12)

    def attention(self, x, name):
        def split(kind):
            values = self.dense(x, f"{name}.self.{kind}")
            return values.reshape(*values.shape[:2], self.heads, -1).transpose(1, 2)

        q, k, v = split("query"), split("key"), split("value")
        weights = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)
        return self.dense((weights @ v).transpose(1, 2).reshape(x.shape), f"{name}.output.dense")

    def bottleneck(self, x, place, name, f):
        """U f(D x)."""
        return self.dense(
            f(self.dense(x, f"{place}.adapters.{name}.adapter_down.0")), f"{place}.adapters.{name}.adapter_up"
        )

    def subnet(self, x, name):
        return self.dense(relu(self.dense(x, f"{name}.0")), f"{name}.2")

    def coupling(self, x, name, inverse=False):
        """NICE (Dinh et al. 2015): y1 = x1 + F(x2), y2 = x2 + G(y1), and its inverse (MAD-X, section 3.2)."""
        first, second = x.chunk(2, dim=-1)
        if inverse:
            second = second - self.subnet(first, f"{name}.G")
            first = first - self.subnet(second, f"{name}.F")
        else:
            first = first + self.subnet(second, f"{name}.F")
            second = second + self.subnet(first, f"{name}.G")
        return torch.cat([first, second], dim=-1)

    def encode(self, ids, placement=None, stack=(), invertible="", layers=2, prefix="roberta."):
        place = f"{prefix}embeddings"
        positions = torch.arange(ids.shape[1]) + 2  # behind the padding token, which is 1
        x = self[f"{place}.word_embeddings.weight"][ids] + self[f"{place}.position_embeddings.weight"][positions]
        x = self.norm(x + self[f"{place}.token_type_embeddings.weight"][0], f"{place}.LayerNorm")
        if invertible:
            x = self.coupling(x, f"{prefix}invertible_adapters.{invertible}")
        for layer in range(layers):
            block = f"{prefix}encoder.layer.{layer}"
            attended = self.attention(x, f"{block}.attention")
            if placement == "houlsby":  # Houlsby et al. 2019, figure 2: before the residual and the norm
                attended = attended + self.bottleneck(attended, f"{block}.attention.output", stack[0], silu)
            a = self.norm(attended + x, f"{block}.attention.output.LayerNorm")
            r = self.dense(gelu(self.dense(a, f"{block}.intermediate.dense")), f"{block}.output.dense")
            if placement == "houlsby":
                r = r + self.bottleneck(r, f"{block}.output", stack[0], silu)
            if placement == "pfeiffer":  # MAD-X, equations 1 and 3: A(h, r) = U ReLU(D h) + r with h = LN(r + a)
                for name in stack:  # the lower adapter's output takes r's place
                    h = self.norm(r + a, f"{block}.output.LayerNorm")
                    r = r + self.bottleneck(h, f"{block}.output", name, relu)
            x = self.norm(r + a, f"{block}.output.LayerNorm")
        return x


@pytest.fixture
def ids(trained):
    return torch.arange(5, 5 + 2 * 11).reshape(2, 11)


@pytest.mark.parametrize("placement", ["pfeiffer", "houlsby"])
def test_a_bottleneck_adapter_is_the_papers(tiny_backbone, ids, placement):
    model = models.build(tiny_backbone(), "ner", Bottleneck(placement=placement, reduction_factor=4), labels=LABELS)
    grow(model.network)
    reference = Reference(model.network)
    with torch.no_grad():
        found = model.network.eval()(input_ids=ids).logits
        plain = reference.dense(reference.encode(ids), "classifier")
        expected = reference.dense(reference.encode(ids, placement, ("task",)), "classifier")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - plain).abs().max() > 0.01


def test_mad_x_stacks_the_task_on_the_language_and_its_invertible_part(trained, ids):
    reference = Reference(trained.network)
    with torch.no_grad(), stacked("bn", "task"):
        found = trained.network(input_ids=ids).logits
        expected = reference.dense(reference.encode(ids, "pfeiffer", ("bn", "task"), "bn"), "classifier")
        without = reference.dense(reference.encode(ids, "pfeiffer", ("bn", "task")), "classifier")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - without).abs().max() > 1e-3


def test_the_inverse_undoes_the_invertible_adapter(trained):
    adapter = trained.network.base_model.invertible_adapters["as"]
    x = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(0)) * 3
    with torch.no_grad():
        there = adapter(x)
        assert (there - x).abs().max() > 1e-3
        torch.testing.assert_close(adapter(there, rev=True), x, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(there, Reference(trained.network).coupling(x, "roberta.invertible_adapters.as"))


def test_the_inverse_runs_before_the_output_embeddings(tiny_backbone, ids):
    network = network_for(find_backbone(tiny_backbone()), "as", MadX(), seed=0).eval()
    grow(network)
    reference = Reference(network)
    with torch.no_grad():
        found = network(input_ids=ids).logits
        hidden = reference.encode(ids, "pfeiffer", ("as",), "as")
        last = reference.norm(gelu(reference.dense(hidden, "lm_head.dense")), "lm_head.layer_norm")
        table, bias = reference["roberta.embeddings.word_embeddings.weight"], reference["lm_head.bias"]
        expected = linear(reference.coupling(last, "roberta.invertible_adapters.as", inverse=True), table, bias)
        without = linear(last, table, bias)
        batch = {
            "input_ids": ids,
            "labels": torch.where(ids % 3 == 0, ids, -100),
            "loss_positions": torch.arange(ids.numel()),
        }
        loss = cross_entropy(found[ids % 3 == 0], ids[ids % 3 == 0], reduction="sum")
        torch.testing.assert_close(masked_loss(network, batch), loss)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - without).abs().max() > 0.01


def grow(network):
    """Make what adapters add large enough to be seen."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "adapters." in name:
                parameter.mul_(40)


def test_the_last_layer_is_left_free_of_language_adapters_alone(tiny_backbone, tmp_path, ids):
    method, backbone = MadX(drop_last_layer=True, reduction_factor=4), find_backbone(tiny_backbone())
    train_language_adapter(
        backbone, "as", LINES, tmp_path / "as", method=method, steps=2, learning_rate=0.05, batch_size=8, length=32
    )
    model = models.build(backbone, "ner", method, labels=LABELS, languages={"as": tmp_path / "as"})
    with adapters_that_run(model.network) as ran, torch.no_grad(), stacked("as", "task"):
        model.network(input_ids=ids)
    assert ran == {"as": 1, "as (invertible)": 1, "task": 2}


# --- counts ---------------------------------------------------------------------------------------------------------


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.fixture(scope="module")
def xlmr_base():
    """XLM-R base's dimensions; its numbers do not matter here."""
    config = transformers.XLMRobertaConfig(
        vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1, num_labels=7, layer_norm_eps=1e-5
    )
    with torch.device("meta"):
        return transformers.XLMRobertaForTokenClassification(config)


@pytest.mark.parametrize(
    "method, places", [(Bottleneck(), 12), (Bottleneck(placement="houlsby"), 24), (MadX(), 12)], ids=repr
)
def test_the_task_stage_trains_the_adapter_and_the_head(xlmr_base, method, places):
    import copy

    width, narrow = 768, 48
    network = method.prepare(
        copy.deepcopy(xlmr_base), find_family("xlm-roberta"), find_family("xlm-roberta").head("tagging")
    )
    head = 7 * (width + 1)
    assert trainable(network) == places * (2 * width * narrow + width + narrow) + head
    assert trainable(network) / sum(p.numel() for p in network.parameters()) == pytest.approx(0.003, abs=0.004)


def test_the_language_stage_is_eight_times_the_task_stage(xlmr_base):
    import copy

    import adapters

    network = copy.deepcopy(xlmr_base)
    adapters.init(network)
    network.add_adapter("as", config=MadX().language_config(12))
    own = sum(p.numel() for name, p in network.named_parameters() if MadX().part_of(name) == "language adapters")
    width, narrow, half, inner = 768, 384, 384, 192
    invertible = 2 * (2 * half * inner + half + inner)
    assert own == 12 * (2 * width * narrow + width + narrow) + invertible == 7_387_776
    assert own / sum(p.numel() for p in network.parameters()) == pytest.approx(0.026, abs=0.001)  # not below 1 %


# --- training -------------------------------------------------------------------------------------------------------


def test_only_the_language_adapter_learns_and_the_loss_on_other_text_of_its_language_falls(tiny_backbone, tmp_path):
    backbone = find_backbone(tiny_backbone())
    fresh = {n: p.detach().clone() for n, p in network_for(backbone, "sw", MadX(), seed=0).named_parameters()}
    made = train_language_adapter(
        backbone, "sw", LINES[:150], tmp_path / "sw", method=MadX(), steps=60, learning_rate=0.02, batch_size=8,
        length=32, held_out=LINES[150:],
    )  # fmt: skip
    assert made.result.loss_after < made.result.loss_before
    network = network_for(backbone, "sw", MadX(), seed=0)
    network.load_adapter(str(tmp_path / "sw"), load_as="sw", use_safetensors=True)
    changed = {name for name, p in network.named_parameters() if not torch.equal(p, fresh[name])}
    assert changed
    assert all(MadX().part_of(name) for name in changed)
    assert made.trainable_parameters == sum(p.numel() for n, p in fresh.items() if MadX().part_of(n))


def test_the_task_stage_leaves_backbone_and_languages_alone(tiny_backbone, languages):
    model = models.build(tiny_backbone(), "ner", MadX(reduction_factor=4), labels=LABELS, languages=languages, seed=1)
    names = {name for name, p in model.network.named_parameters() if p.requires_grad}
    assert all("task" in name or "classifier" in name for name in names)
    assert {"classifier.weight", "classifier.bias"} <= names
    before = {name: p.detach().clone() for name, p in model.network.named_parameters()}
    recipe = Recipe(min_steps=6, num_epochs=1, batch_size=8, learning_rate=0.02)
    data = model.encode(sentences("as") + sentences("bn"), 32)
    with adapters_that_run(model.network) as ran:
        training.train(model.network, data, recipe, seed=1, loss=model.loss, count=model.task.count)
    assert {name for name, p in model.network.named_parameters() if not torch.equal(p, before[name])} == names
    assert set(ran) == {"as", "as (invertible)", "bn", "bn (invertible)", "task"}


def test_a_batch_of_two_languages_is_each_language_by_itself(trained):
    rows = [pair[i % 2] for i, pair in enumerate(zip(sentences("as"), sentences("bn"), strict=True))]
    together = trained.encode(rows, 128)
    with torch.no_grad():
        mixed = trained.logits(together.batch(np.arange(12)))
        for i in range(12):
            batch = together.batch(np.array([i]))
            alone = trained.logits(batch)
            length = int(batch["attention_mask"].sum())
            torch.testing.assert_close(mixed[i, :length], alone[0, :length], atol=1e-5, rtol=1e-5)


def test_swapping_the_language_changes_the_outputs_and_swapping_back_restores_them(trained):
    head = trained.network.classifier.weight.clone()
    first, other, again = logits(trained, "as"), logits(trained, "bn"), logits(trained, "as")
    assert (first - other).abs().max() > 1e-3
    assert torch.equal(first, again)
    assert torch.equal(head, trained.network.classifier.weight)  # the head is the task's


def test_a_language_without_an_adapter_is_refused(trained):
    with pytest.raises(CorpusError, match=r"'hi'.*adapters for as, bn only"):
        trained.encode(sentences("hi"), 32)


# --- files ----------------------------------------------------------------------------------------------------------


def test_what_is_loaded_and_saved_again_is_the_same_to_the_last_byte(trained, tmp_path):
    for name, model in (("first", trained), ("again", None)):
        models.save_model(model or models.load_model(tmp_path / "first"), tmp_path / name)
    first, again = ((tmp_path / name / folders.DIGESTS).read_text() for name in ("first", "again"))
    assert first == again


def run_python(code, *arguments):
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], check=True)


@pytest.mark.slow
def test_the_lines_of_its_readme_read_what_is_saved_here_without_nerlib(trained, tmp_path):
    models.save_model(trained, tmp_path / "model")
    assert not list((tmp_path / "model").rglob("*.bin"))
    batch = trained.encode(sentences("bn", 6), 32).batch(np.arange(6))
    np.savez(tmp_path / "batch.npz", ids=batch["input_ids"], mask=batch["attention_mask"])
    code = """
        import os, re, sys, numpy as np, torch
        sys.modules["nerlib"] = None
        folder = sys.argv[1]
        os.chdir(folder + "/model")
        exec(re.search("```python\\n(.*?)```", open("README.md").read(), re.S)[1])
        batch = np.load(folder + "/batch.npz")
        with torch.no_grad():
            out = model.eval()(input_ids=torch.tensor(batch["ids"]), attention_mask=torch.tensor(batch["mask"])).logits
        np.save(folder + "/found.npy", out.numpy())
    """
    run_python(code, tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), logits(trained, "bn").numpy())
    again = models.load_model(tmp_path / "model")
    assert again.languages == ("as", "bn")
    for language in again.languages:
        assert torch.equal(logits(again, language), logits(trained, language))


@pytest.mark.slow
def test_what_plain_adapters_code_saves_is_read_here(tiny_backbone, tmp_path, ids):
    code = """
        import sys, numpy as np, torch, adapters, transformers
        backbone, folder = sys.argv[1:]
        torch.manual_seed(3)
        network = adapters.AutoAdapterModel.from_pretrained(backbone)
        network.add_adapter("yo", config=adapters.SeqBnInvConfig(reduction_factor=2))
        network.set_active_adapters("yo")
        with torch.no_grad():
            for name, p in network.named_parameters():
                if "adapters" in name:
                    p.normal_(std=0.2)
            out = network.eval().roberta(torch.arange(5, 27).reshape(2, 11)).last_hidden_state
        network.save_adapter(folder + "/yo", "yo", use_safetensors=True)
        np.save(folder + "/hidden.npy", out.numpy())
    """
    run_python(code, tiny_backbone(), tmp_path)
    with pytest.raises(ModelError, match="which says on what backbone"):
        models.build(tiny_backbone(), "ner", MadX(), labels=LABELS, languages={"yo": tmp_path / "yo"})
    model = models.build(tiny_backbone(), "ner", Bottleneck(), labels=LABELS)
    add_language(model.network, "yo", tmp_path / "yo")
    with torch.no_grad(), stacked("yo"):
        found = model.network.eval().base_model(ids).last_hidden_state
    np.testing.assert_array_equal(found.numpy(), np.load(tmp_path / "hidden.npy"))


# --- DeBERTa and ModernBERT -------------------------------------------------------------------------------------------

OF_TODAY = tuple(tiny.OF_TODAY)
TASK_LABELS = {"ner": LABELS, "sentiment": ("bad", "good"), "qa": ("answer", "none")}


def of_task(task, n=8):
    rows = [row for row in tiny.handwritten_words() if len(row) > 2][:n]
    if task == "ner":
        return sentences(n=n)
    if task == "sentiment":
        return [LabelledText(" ".join(row), TASK_LABELS[task][i % 2], "as") for i, row in enumerate(rows)]
    return [Question(row[0], " ".join(row), (Answer(len(row[0]) + 1, row[1]),), "as") for row in rows]


@pytest.mark.parametrize("family", [*OF_TODAY, "xlm-roberta"])
def test_room_for_adapters_leaves_outputs_and_weights_alone(tiny_backbone, family, ids):
    network = transformers.AutoModelForTokenClassification.from_pretrained(tiny_backbone(family)).eval()
    with torch.no_grad():
        before, names = network(ids).logits, {name for name, _ in network.named_parameters()}
        make_room(network)
        torch.testing.assert_close(network(ids).logits, before, rtol=0, atol=0)
    assert {name for name, _ in network.named_parameters()} == names


@pytest.mark.parametrize("family", OF_TODAY)
def test_the_inverse_runs_once_before_the_output_embeddings(tiny_backbone, family, ids):
    network = network_for(find_backbone(tiny_backbone(family)), "as", MadX(), seed=0).eval()
    grow(network)
    weights, adapter = dict(network.named_parameters()), network.base_model.invertible_adapters["as"]
    with torch.no_grad():
        hidden = network.base_model(ids).last_hidden_state
        if family == "modernbert":
            last, bias = network.head(hidden), weights["decoder.bias"]
        else:
            own = "lm_predictions.lm_head"
            rows = gelu(linear(hidden, weights[f"{own}.dense.weight"], weights[f"{own}.dense.bias"]))
            last = layer_norm(rows, (32,), weights[f"{own}.LayerNorm.weight"], weights[f"{own}.LayerNorm.bias"], 1e-7)
            bias = weights[f"{own}.bias"]
        table = network.get_input_embeddings().weight
        expected = linear(adapter(last, rev=True), table, bias)
        torch.testing.assert_close(network(ids).logits, expected, atol=1e-5, rtol=1e-5)
        assert (expected - linear(last, table, bias)).abs().max() > 0.01


@pytest.fixture(scope="module")
def cells_of_today(tiny_backbone, tmp_path_factory):
    """Every task with bottleneck adapters and MAD-X, trained for a few steps and saved; outputs before saving."""
    folder, expected = tmp_path_factory.mktemp("today"), {}
    for family in OF_TODAY:
        backbone = find_backbone(tiny_backbone(family))
        made = train_language_adapter(
            backbone, "as", LINES, folder / f"{family}-as", method=MadX(), steps=60, learning_rate=0.01, batch_size=8,
            length=32, held_out=LINES,
        )  # fmt: skip
        assert made.result.loss_after < made.result.loss_before
        for task, method in itertools.product(TASK_LABELS, (Bottleneck(), MadX())):
            own = {"as": folder / f"{family}-as"} if method.name == "madx" else None
            model = models.build(backbone, task, method, labels=TASK_LABELS[task], languages=own, seed=1)
            before = {n: p.detach().clone() for n, p in model.network.named_parameters()}
            data = model.encode(of_task(task), 32)
            recipe = Recipe(min_steps=4, num_epochs=1, batch_size=4, learning_rate=0.02)
            training.train(model.network, data, recipe, seed=1, loss=model.loss, count=model.task.count)
            moved = {name for name, p in model.network.named_parameters() if not torch.equal(p, before[name])}
            models.save_model(model, folder / f"{family} {task} {method.name}")
            batch = data.batch(np.arange(4))
            with torch.no_grad():
                outputs = model.logits(batch).numpy()
            expected[f"{family} {task} {method.name}"] = (model, moved, batch, outputs)
    return folder, expected


def test_the_adapter_and_every_weight_of_the_head_are_trained_and_nothing_else(cells_of_today):
    _, cells = cells_of_today
    for name, (model, moved, *_) in cells.items():
        heads = set(model.head.modules)
        assert all(model.method.part_of(n) == "adapter" or heads & set(n.split(".")) for n in moved), name
        assert heads <= {part for n in moved for part in n.split(".")}, name
        width, layers, narrow = 32, model.backbone.layers, 2
        adapter = layers * (2 * width * narrow + width + narrow)
        labels = model.task.outputs(model.labels)
        inner = {"modernbert": width * width + width, "deberta-v2": (width * width + width) * (" sentiment" in name)}
        head = inner[model.backbone.config["model_type"]] + labels * (width + 1)
        assert model.trainable_parameters == adapter + head, name


@pytest.mark.slow
def test_cells_of_today_are_the_same_in_a_new_process_and_in_plain_adapters_code(cells_of_today, tiny_backbone):
    folder, cells = cells_of_today
    for name, (_, _, batch, _) in cells.items():
        np.savez(folder / f"{name}.npz", **{k: batch[k] for k in ("input_ids", "attention_mask", "language")})
    code = """
        import sys, numpy as np, torch, adapters, transformers
        from pathlib import Path
        from adapters.composition import Stack
        from nerlib import models
        folder, backbones, found = Path(sys.argv[1]), dict(zip(sys.argv[2::2], sys.argv[3::2])), {}
        kinds = {"ner": "TokenClassification", "sentiment": "SequenceClassification", "qa": "QuestionAnswering"}
        for place in folder.glob("* * *.npz"):
            family, task, method = place.stem.split()
            batch = {k: torch.from_numpy(v) for k, v in np.load(place).items()}
            labels = 7 if task == "ner" else 2
            kind = getattr(transformers, "AutoModelFor" + kinds[task])
            network = kind.from_pretrained(backbones[family], num_labels=labels)
            saved = folder / place.stem
            own = saved / "task" / "adapter_interface.json"
            interface = adapters.AdapterModelInterface._load(str(own.parent)) if own.exists() else None
            adapters.init(network, interface=interface)
            network.load_adapter(str(saved / "task"), load_as="task", use_safetensors=True)
            network.active_adapters = "task"
            if method == "madx":
                network.load_adapter(str(saved / "languages/as"), load_as="as", use_safetensors=True)
                network.active_adapters = Stack("as", "task")
            with torch.no_grad():
                inputs = {k: batch[k] for k in ("input_ids", "attention_mask")}
                out = network.eval()(**inputs)
                plain = torch.stack([out.start_logits, out.end_logits], -1) if task == "qa" else out.logits
                found[place.stem + "/adapters"] = plain.numpy()
                found[place.stem] = models.load_model(saved).logits(batch).numpy()
        np.savez(folder / "found.npz", **found)
    """
    run_python(code, folder, *(part for family in OF_TODAY for part in (family, tiny_backbone(family))))
    with np.load(folder / "found.npz") as found:
        assert {name.removesuffix("/adapters") for name in found} == set(cells)
        for name in found:
            np.testing.assert_array_equal(found[name], cells[name.removesuffix("/adapters")][3], err_msg=name)


# --- bad input ------------------------------------------------------------------------------------------------------


def test_an_adapter_of_another_backbone_is_refused(languages, tmp_path):
    other = tiny.make_backbone(tmp_path / "other", "xlm-roberta", hidden_size=48)
    with pytest.raises(ModelError, match="trained on another backbone: expected tiny-xlm-roberta"):
        models.build(other, "ner", MadX(), labels=LABELS, languages=languages)


def test_mad_x_needs_a_language_and_an_encoder(tiny_backbone, tmp_path):
    with pytest.raises(ModelError, match="expected the adapters of one language at least, got none"):
        models.build(tiny_backbone(), "ner", MadX(), labels=LABELS)
    with pytest.raises(ModelError, match="needs an encoder"):
        models.build(tiny_backbone("gpt2"), "ner", MadX(), labels=LABELS)
    with pytest.raises(ModelError, match="masked language modelling needs an encoder"):
        network_for(find_backbone(tiny_backbone("mt5")), "as", MadX(), seed=0)


def test_text_of_less_than_a_batch_is_refused(tiny_backbone, tmp_path):
    with pytest.raises(CorpusError, match=r"'as': expected 32 x 32 subwords for one batch at least, got about"):
        train_language_adapter(
            find_backbone(tiny_backbone()), "as", LINES[:3], tmp_path / "as", method=MadX(), steps=2,
            learning_rate=0.01, length=32,
        )  # fmt: skip
    assert not (tmp_path / "as").exists()


def test_mlm_dataset_keeps_languages_apart(tiny_backbone):
    tokenizer = models.backbones.load_tokenizer(tiny_backbone(), find_family("xlm-roberta"))
    one, two = (mlm_dataset(tokenizer, [part], 32, 0) for part in (LINES[:20], LINES[20:40]))
    both = mlm_dataset(tokenizer, [LINES[:20], LINES[20:40]], 32, 0)
    np.testing.assert_array_equal(both.sequences, np.concatenate([one.sequences, two.sequences]))


@pytest.mark.parametrize("file", ["model_head.safetensors", "adapter.safetensors"])
def test_a_saved_adapter_without_its_weights_is_refused(tiny_backbone, tmp_path, file):
    models.save_model(models.build(tiny_backbone(), "ner", Bottleneck(), labels=LABELS), tmp_path / "model")
    path = tmp_path / "model" / "task" / file
    (tmp_path / "model" / folders.DIGESTS).unlink()  # as of a model from elsewhere
    tensors = load_file(path)
    save_file(dict(list(tensors.items())[1:]), path)
    with pytest.raises(ModelError, match="lacks 1 weights"):
        models.load_model(tmp_path / "model")
    path.unlink()
    with pytest.raises(ModelError, match=f"lacks .*{file}"):
        models.load_model(tmp_path / "model")
