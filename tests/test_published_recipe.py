"""The Assamese study as published is what transformers' Trainer does under the author's arguments."""

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from nerlib import models, training
from nerlib.corpora import Sentence
from nerlib.models import find_method
from nerlib.models.backbones import find_backbone
from nerlib.params import read_settings
from nerlib.tasks import find_task
from nerlib.training.parts import plan
from tests.tiny import handwritten_words

# What the author's notebook gives to TrainingArguments, by stage; all else is the Trainer's default.
AUTHORS = {
    "baseline": ("full", {"learning_rate": 2e-5, "per_device_train_batch_size": 8, "num_train_epochs": 3}),
    "target": ("lora", {"learning_rate": 1e-4, "per_device_train_batch_size": 8, "num_train_epochs": 3}),
}
TYPES = ("PER", "ORG", "LOC")


def sentences(count):
    rng, words = np.random.default_rng(0), handwritten_words()
    rows = [words[i % len(words)][: 3 + i % 9] for i in range(count)]
    return [Sentence(tuple(row), tuple(rng.choice(["O", "B-PER", "B-LOC"], len(row))), "as") for row in rows]


class InOrder:
    """Encoded sentences that remember in which batches they were drawn."""

    def __init__(self, encoded):
        self.encoded, self.lengths, self.drawn = encoded, encoded.lengths, []

    def __len__(self):
        return len(self.encoded)

    def batch(self, indices, epoch):
        self.drawn.append(indices.tolist())
        return self.encoded.batch(indices, epoch)


class Usual(transformers.Trainer):
    """The Trainer, with batches in an order that is given; it keeps every step's loss."""

    def __init__(self, *given, batches, **named):
        super().__init__(*given, **named)
        self.batches, self.losses = batches, []

    def get_train_dataloader(self):
        an_epoch = len(self.batches) // int(self.args.num_train_epochs)
        return torch.utils.data.DataLoader(
            self.train_dataset,
            batch_sampler=Epochs([self.batches[i : i + an_epoch] for i in range(0, len(self.batches), an_epoch)]),
            collate_fn=self.data_collator,
        )

    def compute_loss(self, *given, **named):
        loss = super().compute_loss(*given, **named)
        self.losses.append(float(loss.detach()))
        return loss


class Epochs:
    """A batch sampler that gives each epoch's batches in turn."""

    def __init__(self, epochs):
        self.epochs, self.begun = epochs, 0

    def __len__(self):
        return len(self.epochs[0])

    def __iter__(self):
        self.begun += 1
        return iter(self.epochs[self.begun - 1])


def as_the_usual_tutorial_encodes(examples, tokenizer, labels):
    """The first subword of a word has its tag, all others -100."""
    features = []
    for example in examples:
        row = tokenizer(list(example.words), is_split_into_words=True)
        numbers, before = [], None
        for word in row.word_ids():
            numbers.append(-100 if word is None or word == before else labels.index(example.tags[word]))
            before = word
        features.append({"input_ids": row["input_ids"], "attention_mask": row["attention_mask"], "labels": numbers})
    return features


def without_dropout(network):
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout_prob"):  # of transformers' fused attention
            module.dropout_prob = 0.0
    network.double()


@pytest.mark.parametrize("stage", AUTHORS)
def test_every_step_has_the_loss_that_the_trainer_has(stage, tiny_backbone, tmp_path):
    method, arguments = AUTHORS[stage]
    settings = read_settings({"recipe": "assamese", "method": method, "dropout": 0.05, "precision": "float32"})
    task, examples = find_task("ner"), sentences(100)
    ours, theirs = (
        models.build(
            find_backbone(str(tiny_backbone())), task, find_method(settings), labels=task.labels(TYPES), seed=3
        )
        for _ in range(2)
    )
    without_dropout(ours.network), without_dropout(theirs.network)
    data, losses = InOrder(ours.encode(examples, 128)), []

    def loss(batch):
        summed = ours.loss(batch)
        losses.append(float(summed.detach()) / task.count(batch))
        return summed

    recipe = settings.recipe_of(stage, 1.0)
    training.train(ours.network, data, recipe, seed=1, loss=loss, count=task.count)
    collate = transformers.DataCollatorForTokenClassification(theirs.tokenizer)
    usual = Usual(
        theirs.network,
        transformers.TrainingArguments(
            str(tmp_path), use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True, **arguments
        ),
        train_dataset=as_the_usual_tutorial_encodes(examples, theirs.tokenizer, list(theirs.labels)),
        data_collator=collate,
        batches=data.drawn,
    )
    usual.train()
    assert len(losses) == 39 == np.prod(plan(100, recipe))
    np.testing.assert_allclose(losses, usual.losses, rtol=0, atol=1e-8)
    after = dict(theirs.network.named_parameters())
    for name, weight in ours.network.named_parameters():
        torch.testing.assert_close(weight, after[name], rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_backbone_drops_what_it_does_by_default(method, tiny_backbone):
    """Of the author's dropouts only LoRA's own, 0.05, is not the default of XLM-R's configuration."""
    settings = read_settings({"recipe": "assamese", "method": method, "dropout": {"full": 0.1, "lora": 0.05}[method]})
    model = models.build(find_backbone(str(tiny_backbone())), find_task("ner"), find_method(settings))
    plain = transformers.XLMRobertaForTokenClassification(transformers.XLMRobertaConfig(num_hidden_layers=2))
    ours, usual = (
        {name.rpartition("roberta.")[2]: m.p for name, m in network.named_modules() if isinstance(m, nn.Dropout)}
        for network in (model.network, plain)
    )
    adapters = {name: p for name, p in ours.items() if "lora" in name}
    assert set(adapters.values()) == ({0.05} if method == "lora" else set())
    assert sorted(p for name, p in ours.items() if name not in adapters) == sorted(usual.values())
