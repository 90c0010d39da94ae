"""Masked language modelling masks what it says, learns, and leaves frozen weights alone; the backbone is made once."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from nerlib import demo
from nerlib.errors import CorpusError, ModelError
from nerlib.params import Recipe
from nerlib.pretraining import (
    DemoRecipe,
    MlmDataset,
    demo_backbone,
    masked_loss,
    mlm_dataset,
    pack,
    train_masked,
    train_tokenizer,
)
from nerlib.pretraining.miniature import warm_start

TINY = DemoRecipe(
    hidden_size=48,
    layers=1,
    vocabulary_size=1200,
    positions=64,
    lines=300,
    target_lines=300,
    held_out_lines=40,
    length=32,
    training=Recipe(num_epochs=2, batch_size=16, learning_rate=3e-3),
)
LANGUAGES = ("x-target", "x-far")


@pytest.fixture(scope="module")
def text():
    return [line for tag in LANGUAGES for line in demo.text(tag, 400)]


@pytest.fixture(scope="module")
def tokenizer(text):
    return train_tokenizer(text, 1000)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NERLIB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A tiny backbone of the demo's kind, and what was told while it was made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        steps = []
        return demo_backbone(LANGUAGES, recipe=TINY, progress=steps.append), steps


# --- tokenizer ---


def test_special_subwords_have_the_ids_of_xlm_r(tokenizer):
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>"]) == [0, 1, 2, 3]
    assert tokenizer.mask_token_id == len(tokenizer) - 1
    assert len(tokenizer) == 1000
    assert tokenizer("kanda", "tule")["input_ids"].count(2) == 3  # <s> a </s> </s> b </s>


def test_every_word_has_a_subword_and_comes_back(tokenizer, text):
    for line in text[::7]:
        encoded = tokenizer(line.split(), is_split_into_words=True)
        assert {word for word in encoded.word_ids() if word is not None} == set(range(len(line.split())))
        assert tokenizer.unk_token_id not in encoded["input_ids"]
        assert tokenizer.decode(encoded["input_ids"], skip_special_tokens=True) == line


def test_the_same_text_gives_the_same_tokenizer(tokenizer, text):
    again = train_tokenizer(iter(text), 1000)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_frequent_words_are_one_subword(tokenizer, text):
    words = [word for line in text for word in line.split()]
    assert len(tokenizer.tokenize(max(set(words), key=words.count))) == 1
    assert sum(len(tokenizer.tokenize(word)) for word in words) < 3 * len(words)


def test_a_vocabulary_too_small_for_the_letters_is_refused(text):
    with pytest.raises(ModelError, match=r"vocabulary_size 40.*letters"):
        train_tokenizer(text, 40)


# --- masking ---


def test_packing_keeps_every_line_in_order(tokenizer, text):
    packed = pack(tokenizer, text, 32)
    assert packed.shape[1] == 32
    assert (packed[:, 0] == tokenizer.cls_token_id).all()
    stream = packed[:, 1:].ravel()
    expected = [subword for line in text for subword in tokenizer(line)["input_ids"][1:]]
    assert stream[: len(expected)].tolist() == expected
    assert stream[len(expected) :].tolist() == expected[: len(stream) - len(expected)]  # filled up from the first line


@pytest.mark.parametrize("lines", [[], ["", ""]])
def test_text_without_a_subword_is_refused(tokenizer, lines):
    with pytest.raises(CorpusError, match=f"{len(lines)} lines without a subword"):
        pack(tokenizer, lines, 32)


def test_masks_have_the_proportions_of_bert(tokenizer, text):
    packed = pack(tokenizer, text * 3, 64)
    data = MlmDataset(packed, tokenizer, seed=1)
    batches = [data.batch(np.arange(len(data)), epoch) for epoch in range(5)]
    shown = np.concatenate([batch["input_ids"].numpy().ravel() for batch in batches])
    labels = np.concatenate([batch["labels"].numpy().ravel() for batch in batches])
    ids = np.tile(packed.ravel(), 5)
    special = np.isin(ids, [0, 1, 2, 3, len(tokenizer) - 1])
    masked = labels != -100

    assert not (masked & special).any()
    assert (labels[masked] == ids[masked]).all()
    assert (shown[~masked] == ids[~masked]).all()
    among = masked.sum()
    assert among > 10_000  # so that the tolerances below are over three standard errors
    assert masked[~special].mean() == pytest.approx(0.15, abs=0.005)
    assert (shown[masked] == tokenizer.mask_token_id).mean() == pytest.approx(0.8, abs=0.015)
    # A random subword is the old one now and then: once in about a thousand.
    assert (shown[masked] == ids[masked]).mean() == pytest.approx(0.1, abs=0.012)
    replaced = shown[masked & (shown != ids) & (shown != tokenizer.mask_token_id)]
    assert len(replaced) / among == pytest.approx(0.1, abs=0.012)
    assert not np.isin(replaced, [0, 1, 2, 3]).any()


def test_masks_are_the_same_for_the_same_epoch_and_change_with_it(tokenizer, text):
    data = MlmDataset(pack(tokenizer, text, 64), tokenizer, seed=1)
    some = np.array([3, 1])
    assert torch.equal(data.batch(some, 0)["labels"], data.batch(some, 0)["labels"])
    assert not torch.equal(data.batch(some, 0)["labels"], data.batch(some, 1)["labels"])


def test_a_tokenizer_without_a_mask_is_refused(tokenizer):
    class NoMask:
        mask_token_id = None

    with pytest.raises(ModelError, match="mask token"):
        MlmDataset(np.zeros((1, 4), dtype=np.int64), NoMask(), seed=0)


@pytest.mark.parametrize("kind", ["xlm-roberta", "bert"])
def test_the_loss_is_that_of_transformers(kind, tokenizer, text, backbone):
    if kind == "bert":
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        network = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **sizes)).eval()
    else:
        network = AutoModelForMaskedLM.from_pretrained(backbone[0]).eval()
        tokenizer = AutoTokenizer.from_pretrained(backbone[0])
    batch = MlmDataset(pack(tokenizer, text[:50], 32), tokenizer, seed=0).batch(np.arange(4), 0)
    mean = network(
        input_ids=batch["input_ids"], labels=batch["labels"]
    ).loss  # theirs is the mean over the masked subwords
    assert torch.allclose(masked_loss(network, batch) / (batch["labels"] != -100).sum(), mean, atol=1e-5)


def test_a_model_without_the_head_is_refused(backbone, tokenizer):
    network = AutoModelForTokenClassification.from_pretrained(backbone[0])
    batch = {"input_ids": torch.full((1, 4), 5), "labels": torch.full((1, 4), 5), "loss_positions": torch.arange(4)}
    with pytest.raises(ModelError, match=r"masked-language-model head.*TokenClassification"):
        masked_loss(network, batch)


# --- training ---


def test_training_lowers_the_loss_on_held_out_text_and_leaves_frozen_weights_alone(backbone):
    network = AutoModelForMaskedLM.from_pretrained(backbone[0])
    tokenizer = AutoTokenizer.from_pretrained(backbone[0])
    network.requires_grad_(False)
    network.base_model.encoder.requires_grad_(True)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    texts, held_out = [demo.text("x-far", 400, seed=7)], [demo.text("x-far", 60, seed=8)]
    recipe = Recipe(num_epochs=2, batch_size=16, learning_rate=2e-3)
    data, unseen = (mlm_dataset(tokenizer, part, 32, 1) for part in (texts, held_out))
    done = train_masked(network, data, recipe, seed=1, held_out=unseen)
    assert done.loss_after < done.loss_before
    assert done.loss_after == pytest.approx(-max(row["dev_score"] for row in done.outcome.curve))
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, before[name]) == ("encoder" not in name), name


def test_without_held_out_text_no_loss_is_reported(backbone):
    network = AutoModelForMaskedLM.from_pretrained(backbone[0])
    tokenizer = AutoTokenizer.from_pretrained(backbone[0])
    recipe = Recipe(num_epochs=1, batch_size=16, learning_rate=1e-3)
    done = train_masked(network, mlm_dataset(tokenizer, [demo.text("x-far", 50)], 32, 1), recipe, seed=1)
    assert (done.loss_before, done.loss_after) == (None, None)
    assert done.outcome.steps > 0


def two_shifted_languages():
    """Sequences of a random chain over 90 subwords, and other ones of the same chain with every id moved by 100."""
    rng = np.random.default_rng(0)
    followers = rng.integers(4, 94, size=(94, 3))
    steps = [rng.integers(4, 94, size=800)]
    for _ in range(31):
        steps.append(followers[steps[-1], rng.integers(0, 3, size=800)])
    sequences = np.stack(steps, axis=1)
    return np.concatenate([sequences[:400], sequences[400:] + 100])


def small_network():
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    config = XLMRobertaConfig(
        vocab_size=200, max_position_embeddings=66, type_vocab_size=1, attn_implementation="eager", **sizes
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return XLMRobertaForMaskedLM(config).eval()


def test_the_warm_start_looks_at_the_neighbours():
    network, sequences = small_network(), two_shifted_languages()
    warm_start(network, sequences)
    with torch.inference_mode():
        output = network(torch.from_numpy(sequences[:8]), output_attentions=True)
    attention = output.attentions[0].mean(dim=0)  # (heads, T, T)
    places = torch.arange(8, 24)
    looked_at = attention[:, 8:24].argmax(dim=-1) - places
    assert [int(row.mode().values) for row in looked_at] == [-1, 1, -2, 2]


def test_alike_subwords_of_two_languages_start_side_by_side_and_only_when_told():
    sequences, first = two_shifted_languages(), np.arange(4, 94)
    similarity = {}
    for told, alike in (("alike", np.arange(200) % 100), ("apart", None)):
        network = small_network()
        warm_start(network, sequences, alike)
        vectors = network.base_model.embeddings.word_embeddings.weight.detach()[:, 32:]
        similarity[told] = torch.cosine_similarity(vectors[first], vectors[first + 100]).mean()
    assert similarity["alike"] > 0.9  # the same neighbours
    assert abs(similarity["apart"]) < 0.2


def test_the_warm_start_knows_how_frequent_subwords_are():
    network, sequences = small_network(), two_shifted_languages()
    warm_start(network, sequences)
    counts = np.bincount(sequences.ravel(), minlength=200) + 1
    assert network.lm_head.bias.detach().exp().numpy() == pytest.approx(counts / counts.sum(), rel=1e-4)


# --- the demo's backbone ---


def test_the_backbone_is_what_transformers_reads_and_says_what_it_is(backbone):
    folder, steps = backbone
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    assert {path.name for path in folder.iterdir()} == names | {"README.md", "digests.json"}
    assert "artificial" in (folder / "README.md").read_text()
    assert json.loads((folder / "config.json").read_text())["artificial_languages"] == list(LANGUAGES)
    assert steps[-1].step == steps[-1].total_steps
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=7)
    encoded = tokenizer(demo.load("x-far")["dev"][0].words, is_split_into_words=True, return_tensors="pt")
    assert model(**encoded).logits.shape[-1] == 7


def test_the_backbone_is_found_again_without_training(backbone, monkeypatch):
    folder, _ = backbone
    monkeypatch.setenv("NERLIB_CACHE", str(folder.parent.parent))
    told = []
    assert demo_backbone(LANGUAGES, recipe=TINY, on_start=told.append, progress=told.append) == folder
    assert told == []
    other = TINY.model_copy(update={"seed": 1, "lines": 60, "target_lines": 60})
    assert demo_backbone(LANGUAGES, recipe=other) != folder


@pytest.mark.slow
def test_two_processes_make_it_once_and_the_same(backbone, cache):
    code = (
        "import sys; from nerlib.pretraining import demo_backbone, DemoRecipe\n"
        "recipe = DemoRecipe.model_validate_json(sys.argv[1])\n"
        "steps = []\n"
        "print(demo_backbone(sys.argv[2:], recipe=recipe, progress=steps.append), len(steps) > 0)"
    )
    command = [sys.executable, "-c", code, TINY.model_dump_json(), *LANGUAGES]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    (first, trained), (second, also) = (process.communicate()[0].split() for process in both)
    assert first == second
    assert {trained, also} == {"True", "False"}
    assert [path.name for path in (cache / "backbones").iterdir()] == [backbone[0].name]  # no lock, no half folder


def test_an_unknown_language_is_refused(cache):
    with pytest.raises(CorpusError, match="no demo language 'yo'"):
        demo_backbone(["yo"], recipe=TINY)
    assert not list(cache.iterdir())
