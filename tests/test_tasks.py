"""Every task in every family with every method: what is trained, and that what is saved is what is loaded."""

import itertools
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nerlib import models, training
from nerlib.corpora import Answer, LabelledText, Question, Sentence
from nerlib.encoding import Layout, encode_questions, encode_texts
from nerlib.errors import CorpusError, ModelError
from nerlib.models import AdaLora, Dora, Full, Lora
from nerlib.models.backbones import load_tokenizer
from nerlib.models.families import FAMILIES as TABLE
from nerlib.params import Recipe
from nerlib.tasks import TASKS, find_task
from tests import tiny

FAMILIES = ["bert", "deberta-v2", "modernbert", "mt5", "gpt2"]
METHODS = [Full(), Lora(), Dora(), AdaLora()]
LABELS = {"ner": ("O", "B-PER", "I-PER"), "sentiment": ("negative", "positive"), "qa": ("answer", "none")}
GRID = [
    *((family, method, task, False) for family, method, task in itertools.product(FAMILIES, METHODS, LABELS)),
    *(("mt5", method, task, True) for method, task in itertools.product(METHODS, ("sentiment", "qa"))),
    *(("xlm-roberta", method, task, False) for method, task in itertools.product(METHODS[:2], ("sentiment", "qa"))),
]


def examples(task, n=24):
    """Handwritten sentences with an annotation that can be learnt by heart."""
    rows = [row for row in tiny.handwritten_words() if len(row) > 4][:n]
    made = []
    for i, row in enumerate(rows):
        text = " ".join(row)
        if task == "ner":
            made.append(Sentence(tuple(row), tuple(LABELS["ner"][j % 3] for j in range(len(row))), "as"))
        elif task == "sentiment":
            made.append(LabelledText(f"{text} {('ঘৰ', 'বাহ')[i % 2] * 3}", LABELS["sentiment"][i % 2], "as"))
        else:
            answer = Answer(len(row[0]) + 1, row[1])
            made.append(Question(row[0], text, () if i % 4 == 3 else (answer,), "as"))
    return made


def logits(model):
    batch = model.encode(examples(model.task.name, 6), 32).batch(np.arange(6))
    with torch.no_grad():
        return model.logits(batch).numpy()


def trained(model, steps=63, rate=8e-3):
    data = model.encode(examples(model.task.name), 32)
    recipe = Recipe(min_steps=steps, num_epochs=1, batch_size=8, learning_rate=rate)
    return training.train(
        model.network, data, recipe, seed=1, loss=model.loss, count=model.task.count, hooks=model.hooks
    )


def name_of(family, method, task, encoder_only):
    return f"{family}{'-encoder' if encoder_only else ''}-{method.name}-{task}"


@pytest.fixture(scope="module")
def grid(tiny_backbone, tmp_path_factory):
    """Each cell trained and saved: its outcome, what it trained, and its outputs before saving."""
    folder, cells = tmp_path_factory.mktemp("grid"), {}
    # Random encoders say nothing of their words at the first subword unless their weights are large.
    backbones = {
        family: tiny.make_backbone(folder.with_name("backbones") / family, family, initializer_range=0.2)
        for family in ("bert", "deberta-v2", "modernbert", "xlm-roberta")
    }
    for family, method, task, only in GRID:
        model = models.build(
            backbones.get(family) or tiny_backbone(family), task, method, labels=LABELS[task], encoder_only=only, seed=1
        )
        modules = set(model.head.modules)
        heads = {
            n: p.detach().clone()
            for n, p in model.network.named_parameters()
            if p.requires_grad and set(n.split(".")) & modules
        }
        before = logits(model)
        curve = trained(model).curve
        moved = [not torch.equal(p, heads[n]) for n, p in model.network.named_parameters() if n in heads]
        name = name_of(family, method, task, only)
        models.save_model(model, folder / name)
        cells[name] = {"curve": curve, "moved": moved, "before": before, "after": logits(model), "head": modules}
    return folder, cells


@pytest.mark.slow
def test_every_cell_lowers_its_loss_and_moves_its_head(grid):
    _, cells = grid
    for name, cell in cells.items():
        assert cell["curve"][-1]["train_loss"] < 0.95 * cell["curve"][0]["train_loss"], name
        assert cell["moved"] and all(cell["moved"]), name
        assert not np.array_equal(cell["before"], cell["after"]), name


@pytest.mark.slow
def test_every_cell_is_the_same_in_a_new_process(grid):
    folder, cells = grid
    code = """
        import sys, numpy as np
        from pathlib import Path
        from nerlib import models
        from tests.test_tasks import logits
        folder = Path(sys.argv[1])
        found = {place.name: logits(models.load_model(place)) for place in folder.iterdir() if place.is_dir()}
        np.savez(folder / "found.npz", **found)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(folder)], check=True)
    with np.load(folder / "found.npz") as found:
        assert sorted(found) == sorted(cells)
        for name in found:
            np.testing.assert_array_equal(found[name], cells[name]["after"], err_msg=name)


@pytest.mark.slow
def test_every_head_is_in_its_file(grid):
    folder, cells = grid
    for name, cell in cells.items():
        (file,) = Path(folder / name).glob("*.safetensors")
        parts = {part for key in load_file(file) for part in key.split(".")}
        assert cell["head"] <= parts, name


def test_adapter_methods_train_mt5s_classification_head_which_peft_leaves_alone(tiny_backbone):
    model = models.build(tiny_backbone("mt5"), "sentiment", Lora(), labels=LABELS["sentiment"])
    trainable = {name for name, p in model.network.named_parameters() if p.requires_grad}
    assert any("classification_head" in name for name in trainable)
    width = model.backbone.hidden_size
    assert model.head_parameters == width * width + width + width * 2 + 2  # dense, out_proj


def test_a_pooler_that_was_never_pretrained_is_trained_with_the_head(tiny_backbone):
    model = models.build(tiny_backbone("bert"), "sentiment", Lora(), labels=LABELS["sentiment"])
    assert set(model.head.modules) == {"classifier", "pooler"}
    with pytest.raises(ModelError, match="pooler of task 'sentiment' would stay random"):
        models.build(tiny_backbone("bert"), "sentiment", "bottleneck", labels=LABELS["sentiment"])


@pytest.mark.parametrize("family", [*FAMILIES, "xlm-roberta"])
@pytest.mark.parametrize("task", ["sentiment", "qa"])
def test_padding_and_company_change_nothing(tiny_backbone, family, task):
    model = models.build(tiny_backbone(family), task, "full", labels=LABELS[task], seed=3)
    model.network.eval()
    data = model.encode(examples(task), 32)
    with torch.no_grad():
        together = model.logits(data.batch(np.arange(8)))
        for i in range(8):
            alone = model.logits(data.batch(np.array([i])))
            windows = slice(int(data.first_window[i]), int(data.first_window[i + 1]))
            expected = together[windows] if task == "sentiment" else together[windows, : alone.shape[1]]
            torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-4)


def test_an_encoder_only_head_reads_the_mean_of_the_encoder(tiny_backbone):
    model = models.build(tiny_backbone("mt5"), "sentiment", "full", labels=LABELS["sentiment"], encoder_only=True)
    model.network.eval()
    batch = model.encode(examples("sentiment", 5), 32).batch(np.arange(5))
    with torch.no_grad():
        hidden = model.network.transformer.encoder(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        torch.testing.assert_close(model.logits(batch), model.network.classifier(mean), atol=1e-5, rtol=1e-4)
    assert not any("decoder" in name for name, _ in model.network.named_parameters())


@pytest.mark.slow
def test_predictions_are_labels_and_answers_as_written(grid):
    folder, _ = grid
    for task in ("sentiment", "qa"):
        model = models.load_model(folder / f"bert-full-{task}")
        found = training.predict(model, examples(task), max_length=32)
        score = model.task.score([e.gold for e in examples(task)], found)
        assert score.to_record()["accuracy" if task == "sentiment" else "exact_match"] > 0.8  # learnt by heart
        for example, prediction in zip(examples(task), found, strict=True):
            assert all(text in LABELS[task] or text in example.context for text in prediction)


# --- texts ---


def test_a_text_that_names_control_tokens_is_a_text(tiny_backbone):
    model = models.build(tiny_backbone("mt5"), "sentiment", "full", labels=LABELS["sentiment"])
    texts = [LabelledText("a </s> b <pad> c", "positive", "sw"), LabelledText("plain", "negative", "sw")]
    batch = model.encode(texts, 32).batch(np.arange(2))
    eos, pad = model.tokenizer.eos_token_id, model.tokenizer.pad_token_id
    assert (batch["input_ids"] == eos).sum(dim=1).tolist() == [1, 1]  # mT5's head stops at any other number
    inside = batch["attention_mask"].bool()
    assert not (batch["input_ids"][inside] == pad).any()
    with torch.no_grad():
        assert torch.isfinite(model.logits(batch)).all()


def test_a_text_of_nothing_that_the_tokenizer_knows_is_one_unknown_piece(tiny_backbone):
    for family in TABLE:
        tokenizer = load_tokenizer(tiny_backbone(family), TABLE[family])
        data = encode_texts([LabelledText("\u200b", "a", "sw")], tokenizer, ("a", "b"), Layout(16))
        assert len(data.batch(np.array([0]))["input_ids"][0]) >= 1, family


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert"])  # the last one's knows no words of a text
def test_words_behind_the_cut_are_counted(tiny_backbone, family):
    tokenizer = load_tokenizer(tiny_backbone(family), TABLE[family])
    long = LabelledText(" ".join(["মই"] * 50), "a", "as")
    data = encode_texts([long], tokenizer, ("a", "b"), Layout(12))
    pieces = len(tokenizer.backend_tokenizer.encode("মই", add_special_tokens=False).ids)
    assert data.lost_words == 50 - -(-10 // pieces)
    assert len(data.ids) == 12


def test_a_label_unseen_in_training_is_named(tiny_backbone):
    tokenizer = load_tokenizer(tiny_backbone("bert"), TABLE["bert"])
    with pytest.raises(CorpusError, match=r"dev.csv, line 3: label 'mixed' is not among a, b"):
        encode_texts([LabelledText("x", "mixed", "fa", "dev.csv, line 3")], tokenizer, ("a", "b"), Layout(16))


@pytest.mark.parametrize("types", [(), ("positive",)])
def test_one_class_is_nothing_to_tell_apart(types):
    with pytest.raises(CorpusError, match="expected two labels or more"):
        find_task("sentiment").labels(types)


# --- questions ---


def question(words, place, length=1, asked="কি"):
    """A question about a context of numbered words, whose answer begins at word `place`."""
    context = " ".join(words)
    start = len(" ".join(words[:place])) + (place > 0)
    return Question(asked, context, (Answer(start, " ".join(words[place : place + length])),), "as")


def perfect(batch):
    """The outputs of a model that knows where every answer is."""
    size = (*batch["input_ids"].shape, 2)
    scores = torch.zeros(size)
    for row in range(size[0]):
        sure = 1.0 if batch["begin"][row] == batch["none"][row] else 5.0
        scores[row, batch["begin"][row], 0] = sure
        scores[row, batch["end"][row], 1] = sure
    return scores


def found_by(encoded, labels=("answer",)):
    """Each question's answer as `Answering` reads it off perfect outputs."""
    task = find_task("qa")
    parts = []
    for i in range(len(encoded)):
        batch = encoded.batch(np.array([i]))
        parts.append(task.read(perfect(batch), batch))
    return task.predictions(parts, encoded, labels)


@pytest.mark.parametrize("family", list(TABLE))
def test_an_answer_is_found_wherever_it_stands(tiny_backbone, family):
    """Beyond `max_length`, and across the edge of every window."""
    tokenizer = load_tokenizer(tiny_backbone(family), TABLE[family])
    words = [f"মই{i}" for i in range(40)]
    asked = [question(words, place, length=2) for place in range(39)]
    encoded = encode_questions(asked, tokenizer, Layout(60, summary=TABLE[family].summary))
    assert (np.diff(encoded.first_window) > 1).all()
    assert encoded.remarks == ()
    assert found_by(encoded) == [q.gold for q in asked]
    assert (np.diff(encoded.starts) <= 60).all()


def test_with_a_stride_shorter_than_the_answer_some_fit_no_window_and_are_counted(tiny_backbone):
    tokenizer = load_tokenizer(tiny_backbone("bert"), TABLE["bert"])
    words = [f"মই{i}" for i in range(60)]
    asked = [question(words, place, length=4) for place in range(56)]
    narrow = encode_questions(asked, tokenizer, Layout(40, stride=1))
    wide = encode_questions(asked, tokenizer, Layout(40))
    (remark,) = narrow.remarks
    number, _, words = remark.partition(" ")
    assert 0 < int(number) < len(asked)
    assert words == "questions whose answers fit no window are trained on as if they had none"
    assert wide.remarks == ()


@pytest.mark.parametrize("stride", [30, 31, 40])
def test_a_stride_as_long_as_a_window_is_refused(tiny_backbone, stride):
    tokenizer = load_tokenizer(tiny_backbone("bert"), TABLE["bert"])
    with pytest.raises(ModelError, match=rf"stride {stride}: expected fewer than the \d+ subwords of context"):
        encode_questions([question(["মই"] * 50, 3)], tokenizer, Layout(32, stride=stride))


@pytest.mark.parametrize("family", list(TABLE))
def test_no_answer_is_said_where_there_is_none_and_only_where_it_may_be(tiny_backbone, family):
    tokenizer = load_tokenizer(tiny_backbone(family), TABLE[family])
    asked = [Question("কি", "মই ঘৰত আছো", (), "as"), question(["মই", "ঘৰত"], 1)]
    encoded = encode_questions(asked, tokenizer, Layout(40, summary=TABLE[family].summary))
    assert found_by(encoded, ("answer", "none")) == [(), ("ঘৰত",)]
    assert found_by(encoded, ("answer",))[0] != ()


def test_a_long_question_leaves_half_of_the_room_to_its_context(tiny_backbone):
    tokenizer = load_tokenizer(tiny_backbone("bert"), TABLE["bert"])
    asked = question(["মই", "ঘৰত"], 1, asked=" ".join(f"কি{i}" for i in range(60)))
    encoded = encode_questions([asked], tokenizer, Layout(43))
    assert encoded.choosable.sum() > 1
    assert encoded.lost_words > 0
    assert found_by(encoded) == [("ঘৰত",)]


def test_bert_reads_which_segment_a_subword_belongs_to(tiny_backbone):
    model = models.build(tiny_backbone("bert"), "qa", "full", labels=("answer",))
    batch = model.encode([question(["মই", "ঘৰত"], 1)], 32).batch(np.array([0]))
    expected = model.tokenizer("কি", "মই ঘৰত", return_tensors="pt")
    for name in ("input_ids", "token_type_ids", "attention_mask"):
        assert torch.equal(batch[name], expected[name]), name


@pytest.mark.parametrize("name", list(TASKS))
def test_gold_is_not_looked_at_in_prediction(tiny_backbone, name):
    task = find_task(name)
    if name == "pos":
        labels, example = task.labels(()), Sentence(("a",), ("NOUN",), "sw")
    else:
        labels, example = LABELS[name], examples(name, 1)[0]
    bare = task.without_gold(example, labels)
    assert bare.words == example.words
    assert set(bare.gold) <= {labels[0]}


def test_a_decoder_without_a_token_to_pad_with_is_refused(tmp_path):
    tokenizer = tiny.byte_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token = None
    place = tiny.make_backbone(tmp_path / "gpt2", "gpt2")
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        (place / file).unlink(missing_ok=True)
    tokenizer.save_pretrained(place)
    with pytest.raises(ModelError, match="expected a tokenizer with a padding token"):
        load_tokenizer(place, TABLE["gpt2"])
