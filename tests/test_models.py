"""Methods on backbones: what is trained, how many weights that is, and that what is saved is what is loaded."""

import hashlib
import json
import logging
import shutil
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from nerlib import folders, models, training
from nerlib.corpora import Sentence
from nerlib.errors import ModelError, SettingsError
from nerlib.models import AdaLora, Bottleneck, Dora, Full, Lora
from nerlib.models.families import find_family
from nerlib.models.methods import default_learning_rate, find_method
from nerlib.params import Recipe, read_settings
from tests import tiny

FAMILIES = ["xlm-roberta", "roberta", "bert", "deberta-v2", "modernbert", "mt5", "gpt2"]
METHODS = [Full(), Lora(), Dora(), AdaLora()]
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")


def some_sentences(n=24):
    words = [row for row in tiny.handwritten_words() if row][:n]
    return [
        Sentence(tuple(row), tuple(LABELS[(i + j) % 7] for j in range(len(row))), "as") for i, row in enumerate(words)
    ]


def trained(model, steps=12, rate=1e-2, **recipe):
    data = model.encode(some_sentences(), 32)
    recipe = Recipe(min_steps=steps, num_epochs=1, batch_size=8, learning_rate=rate, **recipe)
    outcome = training.train(
        model.network, data, recipe, seed=1, loss=model.loss, count=model.task.count, hooks=model.hooks
    )
    return outcome


def logits(model):
    batch = model.encode(some_sentences(6), 32).batch(np.arange(6))
    with torch.no_grad():
        return model.network(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


def backbone_weights(network):
    """Digest of the weights that no method but full may change, by name."""
    digests = {}
    for name, parameter in network.named_parameters():
        if not any(part in name for part in ("lora_", "modules_to_save", "classifier", "original_module")):
            digests[name.replace("base_model.model.", "").replace("base_layer.", "")] = hashlib.sha256(
                parameter.detach().numpy().tobytes()
            ).hexdigest()
    return digests


@pytest.fixture(scope="module")
def saved(tiny_backbone, tmp_path_factory):
    """One trained and saved model of each family and method, with its logits before saving."""
    folder = tmp_path_factory.mktemp("saved")
    expected = {}
    for family in FAMILIES:
        for method in METHODS:
            model = models.build(tiny_backbone(family), "ner", method, labels=LABELS, seed=1)
            trained(model)
            name = f"{family}-{method.name}"
            models.save_model(model, folder / name)
            expected[name] = logits(model).numpy()
    return folder, expected


@pytest.mark.slow
def test_a_saved_model_gives_equal_logits_in_a_new_process(saved):
    folder, expected = saved
    code = """
        import sys, numpy as np
        from pathlib import Path
        from nerlib import models
        from tests.test_models import logits
        folder = Path(sys.argv[1])
        found = {place.name: logits(models.load_model(place)).numpy() for place in folder.iterdir() if place.is_dir()}
        np.savez(folder / "found.npz", **found)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(folder)], check=True)
    with np.load(folder / "found.npz") as found:
        assert sorted(found) == sorted(expected)
        for name in found:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


WITHOUT_NERLIB = """
import os, re, sys, numpy as np, torch
sys.modules["nerlib"] = None
from pathlib import Path
folder = Path(sys.argv[1])
words, found = dict(np.load(folder / "batches.npz")), {}
for name in sys.argv[2:]:
    os.chdir(folder / name)
    exec(re.search("```python\\n(.*?)```", Path("README.md").read_text(), re.S)[1])
    ids, mask = (torch.from_numpy(words[f"{name}/{kind}"]) for kind in ("input_ids", "attention_mask"))
    with torch.no_grad():
        found[name] = model(input_ids=ids, attention_mask=mask)[0].numpy()  # of an answer, where it begins
    assert model.config.id2label[1] == words[f"{name}/label"] and tokenizer("mira").input_ids
np.savez(folder / "found.npz", **found)
"""


@pytest.mark.slow
def test_the_three_lines_of_its_own_readme_load_a_saved_model_without_nerlib(saved, tiny_backbone):
    folder, expected = saved
    names = [
        f"{family}-{name}"
        for family in ("deberta-v2", "modernbert", "roberta")
        for name in ("full", "lora", "dora", "adalora")
    ]
    batches = {}
    for name in names:
        model = models.load_model(folder / name)
        batch = model.encode(some_sentences(6), 32).batch(np.arange(6))
        batches |= {f"{name}/{kind}": batch[kind].numpy() for kind in ("input_ids", "attention_mask")}
        batches[f"{name}/label"] = "B-PER"
    np.savez(folder / "batches.npz", **batches)
    subprocess.run([sys.executable, "-c", WITHOUT_NERLIB, str(folder), *names], check=True, cwd=folder)
    with np.load(folder / "found.npz") as found:
        for name in names:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.slow
def test_the_lines_of_a_readme_load_heads_of_texts_and_of_answers_too(tiny_backbone, tmp_path):
    batches, expected = {}, {}
    ids = np.random.default_rng(1).integers(5, 60, size=(3, 9))
    for task, labels in (("sentiment", ("bad", "good", "mixed")), ("qa", ("answer",))):
        for method in ("full", "lora"):
            name = f"{task}-{method}"
            model = models.build(tiny_backbone("bert"), task, method, labels=labels, seed=1)
            models.save_model(model, tmp_path / name)
            model.network.eval()
            batches |= {f"{name}/input_ids": ids, f"{name}/attention_mask": np.ones_like(ids)}
            batches[f"{name}/label"] = model.network.config.id2label[1]
            with torch.no_grad():
                given = torch.from_numpy(ids)
                expected[name] = model.network(input_ids=given, attention_mask=torch.ones_like(given))[0].numpy()
    np.savez(tmp_path / "batches.npz", **batches)
    subprocess.run([sys.executable, "-c", WITHOUT_NERLIB, str(tmp_path), *expected], check=True, cwd=tmp_path)
    with np.load(tmp_path / "found.npz") as found:
        for name, logits_here in expected.items():
            np.testing.assert_array_equal(found[name], logits_here, err_msg=name)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS[1:], ids=lambda m: m.name)
def test_an_adapter_leaves_the_backbone_alone_and_trains_its_head(tiny_backbone, family, method):
    model = models.build(tiny_backbone(family), "ner", method, labels=LABELS, seed=1)
    before = backbone_weights(model.network)
    heads = {n: p.detach().clone() for n, p in model.network.named_parameters() if "modules_to_save" in n}
    assert heads
    assert all(p.requires_grad for n, p in model.network.named_parameters() if n in heads)
    trained(model)
    assert backbone_weights(model.network) == before
    for name, parameter in model.network.named_parameters():
        if name in heads:
            assert not torch.equal(parameter, heads[name]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_is_in_the_saved_file(saved, family):
    folder, _ = saved
    for method in METHODS:
        place = folder / f"{family}-{method.name}"
        (file,) = place.glob("*.safetensors")
        assert any("classifier" in name for name in load_file(file)), place.name
        assert not list(place.glob("*.bin"))


def test_full_fine_tuning_changes_the_backbone_and_transformers_reads_it_alone(saved, tiny_backbone):
    folder, expected = saved
    plain = transformers.AutoModelForTokenClassification.from_pretrained(folder / "bert-full")
    assert plain.config.id2label == dict(enumerate(LABELS))
    model = models.load_model(folder / "bert-full")
    batch = model.encode(some_sentences(6), 32).batch(np.arange(6))
    with torch.no_grad():
        found = plain(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    np.testing.assert_array_equal(found.numpy(), expected["bert-full"])
    fresh = models.build(tiny_backbone("bert"), "ner", "full", labels=LABELS)
    assert backbone_weights(fresh.network) != backbone_weights(model.network)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_every_method_lowers_its_training_loss(tiny_backbone, method):
    model = models.build(tiny_backbone(), "ner", method, labels=LABELS, seed=1)
    curve = trained(model, steps=120).curve
    assert curve[-1]["train_loss"] < 0.9 * curve[0]["train_loss"]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_training_goes_on_with_adapter_and_head_alone(saved, method):
    folder, expected = saved
    model = models.load_model(folder / f"xlm-roberta-{method.name}", trainable=True)
    np.testing.assert_array_equal(logits(model).numpy(), expected[f"xlm-roberta-{method.name}"])
    names = [name for name, p in model.network.named_parameters() if p.requires_grad]
    if method.name != "full":
        assert all("lora_" in name or "modules_to_save" in name for name in names)
    assert any("classifier" in name for name in names)
    before = backbone_weights(model.network)
    trained(model)
    assert (backbone_weights(model.network) == before) == (method.name != "full")
    assert not np.array_equal(logits(model).numpy(), expected[f"xlm-roberta-{method.name}"])


@pytest.mark.parametrize(
    "method, expected",
    [(Lora(), 296_450), (Dora(), 314_882), (AdaLora(initial_rank=12), 444_194), (AdaLora(), 444_194)],
)
def test_trainable_counts_at_mberts_dimensions_equal_the_formulas(method, expected):
    """LoRA: sum of r (d_in + d_out); DoRA adds d_out; AdaLoRA: sum of r_0 (d_in + d_out + 1); and the head."""
    width, adapted, head = 768, 12 * 2, 2 * 768 + 2
    formulas = {
        "lora": adapted * 8 * 2 * width,
        "dora": adapted * (8 * 2 * width + width),
        "adalora": adapted * 12 * (2 * width + 1),
    }
    assert formulas[method.name] + head == expected
    config = transformers.BertConfig(vocab_size=119_547, num_labels=2)
    with torch.device("meta"):
        network = transformers.BertForTokenClassification(config)
    network = network.to_empty(device="cpu")  # numbers do not matter here, and drawing them takes seconds
    prepared = method.prepare(network, find_family("bert"), find_family("bert").head("tagging"))
    assert sum(p.numel() for p in prepared.parameters() if p.requires_grad) == expected


@pytest.mark.parametrize(
    "method, form, published", [("adalora", "classification", 1_918_656), ("lora", "classification", 344_064),
                                ("adalora", "tagging", 808_137 - 41 * 513), ("lora", "tagging", 135_721 - 41 * 513)],
)  # fmt: skip
def test_layers_may_be_given_by_method_and_are_those_of_the_persian_study_on_mt5(method, form, published):
    """AdaLoRA on all linear layers, LoRA on query and value: the printed counts, without the head."""
    chosen = find_method(read_settings({"method": method, "target_modules": {"adalora": ["all"]}}))
    small = {"d_model": 512, "d_kv": 64, "d_ff": 1024, "num_layers": 8, "num_heads": 6, "vocab_size": 64}
    family = find_family("mt5")
    head = family.head(form)
    with torch.device("meta"):
        network = getattr(transformers, head.model_class).from_config(transformers.MT5Config(**small))
    prepared = chosen.prepare(network, family, head)
    assert sum(p.numel() for n, p in prepared.named_parameters() if "lora_" in n and p.requires_grad) == published


@pytest.mark.parametrize(
    "config, published, blocks, adapted, head",
    [
        # mmBERT: 22 blocks, each with one product for query, key and value; below the last layer a dense one, a norm
        (
            transformers.ModernBertConfig(vocab_size=256_000, pad_token_id=0),
            307e6, 22, [(768, 3 * 768)], 768 * 768 + 768,
        ),
        # mDeBERTa-v3: 86 million weights of blocks below 250,000 pieces
        (
            transformers.DebertaV2Config(
                vocab_size=251_000, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                num_attention_heads=12, type_vocab_size=0, relative_attention=True, position_buckets=256,
                position_biased_input=False, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type="p2c|c2p",
            ),
            278e6, 12, [(768, 768), (768, 768)], 0,
        ),
    ],
    ids=["mmbert", "mdeberta"],
)  # fmt: skip
@pytest.mark.parametrize("method", [Lora(), Dora(), AdaLora(), Bottleneck()], ids=lambda m: m.name)
def test_counts_of_encoders_of_today_are_the_published_ones_and_the_formulas(
    config, published, blocks, adapted, head, method
):
    config.num_labels = 7
    head += 7 * (768 + 1)
    family = find_family(config.model_type)
    with torch.device("meta"):
        network = transformers.AutoModelForTokenClassification.from_config(config)
        total = sum(p.numel() for p in network.parameters())
        prepared = method.prepare(network, family, family.head("tagging"))
    assert total - head == pytest.approx(published, rel=0.005)
    by_layer = {
        "lora": sum(8 * (a + b) for a, b in adapted),
        "dora": sum(8 * (a + b) + b for a, b in adapted),
        "adalora": sum(12 * (a + b + 1) for a, b in adapted),
        "bottleneck": 2 * 768 * 48 + 768 + 48,
    }
    assert sum(p.numel() for p in prepared.parameters() if p.requires_grad) == blocks * by_layer[method.name] + head


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", [Full(head_dropout=0.4), Lora(head_dropout=0.4)], ids=lambda m: m.name)
def test_the_head_has_its_own_dropout_and_the_backbone_its_own(tiny_backbone, family, method):
    network = models.build(tiny_backbone(family), "ner", method, labels=LABELS).network
    named = {name: m.p for name, m in network.named_modules() if isinstance(m, torch.nn.Dropout) and "lora" not in name}
    rates = {name: p for name, p in named.items() if name.endswith(("dropout", "drop"))}
    above = {
        name: p
        for name, p in rates.items()
        if not {"embeddings", "encoder", "transformer", "layers"} & set(name.split("."))
    }
    assert set(above.values()) == {0.4}
    assert all(p in (0.0, method.dropout) for name, p in rates.items() if name not in above)


def test_the_published_lora_trains_biases_too(tiny_backbone):
    method = find_method(read_settings({"recipe": "assamese"}))
    model = models.build(tiny_backbone("bert"), "ner", method)
    width, layers, rank, labels = 32, 2, 8, 7
    lora, biases, head = layers * 2 * rank * 2 * width, layers * 2 * width, labels * (width + 1)
    assert model.trainable_parameters == lora + biases + head
    assert model.head_parameters == head


def test_the_same_seed_gives_every_method_the_same_head_and_moves_no_global_state(tiny_backbone):
    before = torch.get_rng_state()
    heads = []
    for method in METHODS:
        model = models.build(tiny_backbone(), "ner", method, seed=5)
        named = dict(model.network.named_parameters())
        heads += [p for n, p in named.items() if "classifier" in n and "original" not in n and n.endswith("weight")]
    assert len(heads) == len(METHODS)
    assert all(torch.equal(heads[0], head) for head in heads[1:])
    other = dict(models.build(tiny_backbone(), "ner", Full(), seed=6).network.named_parameters())["classifier.weight"]
    assert not torch.equal(heads[0], other)
    assert torch.equal(before, torch.get_rng_state())


def test_adaloras_ranks_change_and_their_mean_ends_at_the_target(tiny_backbone):
    model = models.build(tiny_backbone(), "ner", AdaLora(rank=4, initial_rank=6), labels=LABELS, seed=1)
    trained(model, steps=60)
    pattern = model.network.peft_config["default"].rank_pattern
    ranks = [sum(kept) for kept in pattern.values()]
    assert np.mean(ranks) == 4
    shapes = [p.shape[0] for name, p in model.network.named_parameters() if "lora_E" in name]
    assert sorted(shapes) == sorted(ranks)  # the model in memory is the pruned one


def test_adalora_keeps_its_ranks_when_training_goes_on(saved):
    folder, _ = saved
    model = models.load_model(folder / "xlm-roberta-adalora", trainable=True)
    ranks = {name: p.shape for name, p in model.network.named_parameters() if "lora_" in name}
    trained(model)
    assert {name: p.shape for name, p in model.network.named_parameters() if "lora_" in name} == ranks


def test_adaloras_penalty_is_pefts(tiny_backbone):
    model = models.build(tiny_backbone(), "ner", AdaLora(), labels=LABELS, seed=1)
    batch = model.encode(some_sentences(6), 32).batch(np.arange(6))
    model.network.eval()
    out = model.network(**{k: batch[k] for k in ("input_ids", "attention_mask", "labels")})
    plain = model.loss(batch) / model.task.count(batch)
    torch.testing.assert_close(out.loss, plain + model.hooks.penalty())


def test_layers_are_named_or_all(tiny_backbone):
    every = models.build(tiny_backbone(), "ner", Lora(target_modules=("all",)))
    assert {n.rsplit(".", 1)[-1] for n in every.network.base_model.targeted_module_names} == {
        "query",
        "key",
        "value",
        "dense",
    }
    with pytest.raises(ModelError, match=r"no layer named \['valeu'\].*'query', 'key'"):
        models.build(tiny_backbone(), "ner", Lora(target_modules=("query", "valeu")))


def test_an_adapter_of_another_backbone_is_refused(saved, tmp_path):
    folder, _ = saved
    other = tiny.make_backbone(tmp_path / "other", "xlm-roberta", hidden_size=48)
    with pytest.raises(ModelError, match="trained on another backbone: expected tiny-xlm-roberta"):
        models.load_model(folder / "xlm-roberta-lora", other)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda f: (f / "config.json").unlink(), "expected a config.json"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "expected weights as .safetensors"),
        (lambda f: [p.unlink() for p in f.glob("*tokenizer*")], "tokenizer"),
        (lambda f: _change(f / "config.json", model_type="wav2vec2"), "no family for model type 'wav2vec2'"),
    ],
)
def test_a_folder_that_is_no_backbone_is_refused(tiny_backbone, tmp_path, spoil, message):
    folder = shutil.copytree(tiny_backbone("bert"), tmp_path / "spoilt")
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        models.build(folder)


def _change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("name", ["no/such-backbone", "../nowhere/at all", "nosuchname"])
def test_a_backbone_that_cannot_be_had_is_refused_at_once(name):
    with pytest.raises(ModelError, match="no such folder"):
        models.find_backbone(name)


def test_the_demo_backbone_is_said_to_be_made_elsewhere():
    with pytest.raises(ModelError, match="demo_backbone"):
        models.build("demo")


def test_a_length_beyond_the_positions_is_refused(tiny_backbone):
    for family in ("xlm-roberta", "bert", "gpt2"):
        model = models.build(tiny_backbone(family))
        rows = [Sentence(("অসম",) * 400, ("O",) * 400, "as")]
        longest = model.backbone.max_length
        assert len(training.predict(model, rows, max_length=longest)[0]) == 400
        with pytest.raises(ModelError, match=f"max_length {longest + 1} is beyond"):
            training.predict(model, rows, max_length=longest + 1)


def test_the_fingerprint_is_of_the_content(tiny_backbone, tmp_path):
    copy = shutil.copytree(tiny_backbone("bert"), tmp_path / "copy")
    before = models.find_backbone(copy).fingerprint
    assert before == models.find_backbone(tiny_backbone("bert")).fingerprint
    weights = load_file(copy / "model.safetensors")
    name = sorted(weights)[0]
    save_file(weights | {name: weights[name] + 1}, copy / "model.safetensors", {"format": "pt"})
    assert models.find_backbone(copy).fingerprint != before


def test_words_that_the_tokenizer_cannot_see_are_outside(tiny_backbone):
    model = models.build(tiny_backbone(), seed=3)
    with torch.no_grad():  # a head that says B-PER to everything
        model.network.get_submodule("base_model.model.classifier.modules_to_save.default").bias[1] = 100
    words = ("অসম", "\u200b", "ভাল")
    assert training.predict(model, [Sentence(words, ("O",) * 3, "as")]) == [("B-PER", "O", "B-PER")]


@pytest.mark.parametrize("text", ["mira went", ["mira went", "rain fell"]])
def test_raw_text_is_sent_to_the_tagger(tiny_backbone, text):
    model = models.build(tiny_backbone("bert"), "ner", "full", labels=LABELS)
    with pytest.raises(SettingsError, match=r"got raw text: nerlib.tagger.load_tagger\(run\)\(text\)"):
        training.predict(model, text)


def test_predictions_do_not_depend_on_the_batch(tiny_backbone):
    model = models.build(tiny_backbone(), seed=3)
    rows = some_sentences(20)
    together = training.predict(model, rows, max_length=24)
    alone = [training.predict(model, [row], max_length=24)[0] for row in rows]
    assert together == alone


def test_default_rates_are_ten_times_higher_for_adapters_and_rise_for_narrow_models():
    assert default_learning_rate(Full(), 768) == 2e-5
    assert default_learning_rate(Lora(), 768) == default_learning_rate(Lora(), 1024) == 2e-4
    assert default_learning_rate(Full(), 192) > default_learning_rate(Full(), 384) > default_learning_rate(Full(), 768)
    assert default_learning_rate(Lora(), 8) == 50 * 2e-4


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_adalora_prunes_within_three_steps_and_says_when_it_cannot(tiny_backbone, steps):
    model = models.build(tiny_backbone(), "ner", AdaLora(), labels=LABELS, seed=1)
    data = model.encode(some_sentences(8), 32)
    recipe = Recipe(num_epochs=steps, batch_size=8, learning_rate=1e-3)

    def train():
        return training.train(
            model.network, data, recipe, seed=1, loss=model.loss, count=model.task.count, hooks=model.hooks
        )

    if steps < 3:
        with pytest.raises(
            ModelError, match=f"AdaLoRA cannot prune within {steps} optimizer steps; expected 3 or more"
        ):
            train()
        return
    assert train().steps == steps
    pattern = model.network.peft_config["default"].rank_pattern
    assert sum(map(sum, pattern.values())) == 8 * len(pattern)


@pytest.mark.parametrize("family", ["xlm-roberta", "mt5"])
@pytest.mark.parametrize("method", [*METHODS, Bottleneck()], ids=lambda m: m.name)
def test_every_method_learns_with_products_in_bfloat16(tmp_path, family, method):
    """Layers wide enough that they are rounded: what adapters add to them in place must not be lost."""
    widths = {"hidden_size": 128} if family == "xlm-roberta" else {"d_model": 128, "d_kv": 32, "d_ff": 256}
    model = models.build(tiny.make_backbone(tmp_path / family, family, **widths), "ner", method, labels=LABELS, seed=1)
    before = [p.detach().clone() for p in model.network.parameters() if p.requires_grad]
    outcome = trained(model, steps=6, precision="bfloat16")
    assert outcome.precision == "bfloat16"
    after = [p for p in model.network.parameters() if p.requires_grad]
    moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert all(moved) or method.name == "adalora"  # pruned rows are taken out


# --- damaged and hostile folders ------------------------------------------------------------------------------------


def spoilt(source, target, change, file="model.safetensors"):
    """A copy of a folder, its tensors changed by a function of their dictionary."""
    shutil.copytree(source, target)
    (target / folders.DIGESTS).unlink(missing_ok=True)
    save_file(change(load_file(target / file)), target / file, {"format": "pt"})
    return target


def without(part):
    return lambda tensors: {name: t for name, t in tensors.items() if part not in name}


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
@pytest.mark.parametrize(
    "change",
    [
        without("encoder.layer.1."),
        without("word_embeddings"),
        lambda tensors: {f"module.{name}": t for name, t in tensors.items()},  # as DataParallel names them
    ],
    ids=["layer", "embeddings", "module."],
)
def test_a_backbone_without_some_of_its_weights_is_refused(tiny_backbone, tmp_path, method, change):
    folder = spoilt(tiny_backbone("bert"), tmp_path / "spoilt", change)
    with pytest.raises(ModelError, match=r"lacks \d+ weights .*embeddings|lacks \d+ weights .*encoder.layer.1"):
        models.build(folder, "ner", method)


@pytest.mark.parametrize("task", ["ner", "sentiment", "qa"])
def test_a_backbone_may_lack_a_head_and_its_pooler(tiny_backbone, task):
    model = models.build(tiny_backbone("bert"), task, "full", labels=("B-PER", "O") if task == "ner" else ("a", "b"))
    assert all(p.requires_grad for p in model.network.parameters())


@pytest.mark.parametrize("part", ["encoder.layer.1.", "classifier"])
def test_a_saved_model_may_lack_nothing(saved, tmp_path, part):
    folder = spoilt(saved[0] / "bert-full", tmp_path / "spoilt", without(part))
    with pytest.raises(ModelError, match=rf"lacks \d+ weights .*{part}"):
        models.load_model(folder)


@pytest.mark.parametrize("part", ["layer.1.", "classifier"])
def test_a_saved_adapter_may_lack_nothing(saved, tmp_path, part):
    folder = spoilt(saved[0] / "bert-lora", tmp_path / "spoilt", without(part), "adapter_model.safetensors")
    with pytest.raises(ModelError, match="lacks weights"):
        models.load_model(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(saved, tiny_backbone, tmp_path, value):
    def spoil(tensors):
        name = sorted(n for n in tensors if "layer.0" in n)[0]
        return tensors | {name: torch.full_like(tensors[name], value)}

    with pytest.raises(ModelError, match="expected finite weights, got NaN or infinity"):
        models.build(spoilt(tiny_backbone("bert"), tmp_path / "backbone", spoil))
    for method, file in (("full", "model.safetensors"), ("lora", "adapter_model.safetensors")):
        folder = spoilt(saved[0] / f"bert-{method}", tmp_path / method, spoil, file)
        with pytest.raises(ModelError, match="expected finite weights, got NaN or infinity"):
            models.load_model(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"auto_map": {"AutoConfig": "evil.Config"}},
        {"_attn_implementation_internal": "someone/kernel"},  # CVE-2026-4372
        {"_attn_implementation": "someone/kernel"},
        {"_experts_implementation": "someone/kernel"},
        {"text_config": {"deeper": [{"_attn_implementation_internal": "someone/kernel"}]}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_configuration_that_can_load_code_is_refused(saved, tiny_backbone, tmp_path, values):
    backbone = shutil.copytree(tiny_backbone("bert"), tmp_path / "backbone")
    model = shutil.copytree(saved[0] / "bert-full", tmp_path / "model")
    (model / folders.DIGESTS).unlink()  # as of a model from elsewhere
    for folder in (backbone, model):
        _change(folder / "config.json", **values)
    with pytest.raises(ModelError, match=r"config.json: .* can make transformers load code"):
        models.find_backbone(backbone)
    with pytest.raises(ModelError, match=r"config.json: .* can make transformers load code"):
        models.load_model(model)


def test_names_that_only_describe_are_read_and_those_that_nobody_knows_go_no_further(tiny_backbone, tmp_path):
    folder = shutil.copytree(tiny_backbone("bert"), tmp_path / "backbone")
    _change(folder / "config.json", _name_or_path="bert-base-multilingual-cased", _num_labels=2)
    _change(folder / "config.json", hidden_act="relu", quantization_config={"quant_method": "awq"}, kernel_hook="a.b")
    config = models.build(folder, method="full").network.config
    assert config.hidden_act == "relu"
    assert not {"quantization_config", "kernel_hook", "_num_labels"} & vars(config).keys()


def test_a_label_may_begin_with_anything(tiny_backbone, tmp_path):
    model = models.build(tiny_backbone("bert"), "pos", "full", labels=("_", "_attn", "NOUN"))
    models.save_model(model, tmp_path / "model")
    assert models.load_model(tmp_path / "model").labels == model.labels


def test_a_tokenizer_s_configuration_is_looked_at_too(tiny_backbone, tmp_path):
    folder = shutil.copytree(tiny_backbone("bert"), tmp_path / "backbone")
    _change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Tokenizer", None]})
    with pytest.raises(ModelError, match=r"tokenizer_config.json: auto_map can make transformers load code"):
        models.build(folder)


def test_quiet_silences_transformers_and_adapters_alone():
    loggers = [logging.getLogger(name) for name in ("transformers.utils", "adapters.loading", "nerlib")]
    before = [logger.isEnabledFor(logging.WARNING) for logger in loggers]
    with models.backbones.quiet():
        assert [logger.isEnabledFor(logging.WARNING) for logger in loggers] == [False, False, True]
        assert all(logger.isEnabledFor(logging.ERROR) for logger in loggers)
    assert [logger.isEnabledFor(logging.WARNING) for logger in loggers] == before


def test_the_names_of_adapted_layers_are_saved_in_order(tiny_backbone, tmp_path):
    model = models.build(tiny_backbone("bert"), "ner", Lora(target_modules=("all",)), labels=LABELS)
    models.save_model(model, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "adapter_config.json").read_text())
    assert config["target_modules"] == ["dense", "key", "query", "value"]
    assert len(set(config["modules_to_save"])) == len(config["modules_to_save"])


def test_weights_are_readable_by_all_like_the_other_files(saved):
    for method in METHODS:
        modes = {file.stat().st_mode & 0o777 for file in (saved[0] / f"bert-{method.name}").iterdir()}
        assert len(modes) == 1 and modes.pop() & 0o044 == 0o044


@pytest.fixture
def converted(tiny_backbone, tmp_path, monkeypatch):
    """A Hub that holds a model's weights as a pickle, and as safetensors in pull requests of two people."""
    place = tmp_path / "hub" / "models--google--mt5-small"

    def revision(name, commit, ending):
        shutil.copytree(
            tiny_backbone("mt5"), place / "snapshots" / commit, ignore=shutil.ignore_patterns("*.safetensors")
        )
        (place / "snapshots" / commit / f"model{ending}").write_bytes(
            (tiny_backbone("mt5") / "model.safetensors").read_bytes()
        )
        (place / "refs" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "refs" / name).write_text(commit)

    def discussions(_, repository, *, author, discussion_type):
        asked.append(repository)
        by = {"SFconvertbot": (3, 4), "somebody": (9,)}
        titled = {3: "Adding `safetensors` variant of this model", 4: "Adding a card", 9: "safetensors"}
        return [SimpleNamespace(num=n, title=titled[n], status="open") for n in by[author]]

    asked = []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.HfApi.get_repo_discussions", discussions)
    revision("main", "a" * 40, ".bin")
    return SimpleNamespace(revision=revision, asked=asked, place=place)


def test_weights_that_the_hub_converted_are_found_where_main_has_pickles_alone(converted, tiny_backbone, monkeypatch):
    """In the cache without asking; else as its own converter offers them, and never as somebody else does."""
    converted.revision("refs/pr/3", "c" * 40, ".safetensors")
    found = models.find_backbone("google/mt5-small")
    assert found.name == found.address == "google/mt5-small@refs/pr/3" and not converted.asked
    assert found.fingerprint == models.find_backbone(tiny_backbone("mt5")).fingerprint
    assert models.find_backbone(found.address).fingerprint == found.fingerprint
    monkeypatch.setattr("nerlib.models.backbones._cached_conversions", lambda place: [])
    assert models.find_backbone("google/mt5-small").name == "google/mt5-small@refs/pr/3" and converted.asked
    with pytest.raises(ModelError, match=r"expected weights as \.safetensors .*'model\.bin'"):
        models.find_backbone("google/mt5-small@main")


def test_a_model_that_nobody_converted_is_refused(converted, monkeypatch):
    monkeypatch.setattr("huggingface_hub.HfApi.get_repo_discussions", lambda *_, **__: iter(()))
    with pytest.raises(ModelError, match=r"expected weights as \.safetensors .*'model\.bin'"):
        models.find_backbone("google/mt5-small")
