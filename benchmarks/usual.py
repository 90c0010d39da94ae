"""The usual way, as its documentation shows it: transformers' Trainer and pipeline, and `datasets.map`."""

import contextlib
import io
import tempfile
import time

import datasets
import torch
import transformers

from nerlib import scoring

datasets.disable_progress_bars()
transformers.logging.set_verbosity_error()


def align(examples, tokenizer, max_length):
    """The usual batched alignment function: the label stands at a word's first subword."""
    encoded = tokenizer(examples["tokens"], truncation=True, is_split_into_words=True, max_length=max_length)
    labels = []
    for i, tags in enumerate(examples["ner_tags"]):
        before, row = None, []
        for word in encoded.word_ids(i):
            row.append(-100 if word is None or word == before else tags[word])
            before = word
        labels.append(row)
    encoded["labels"] = labels
    return encoded


def dataset(sentences, labels):
    number = {label: i for i, label in enumerate(labels)}
    tags = [[number[tag] for tag in sentence.tags] for sentence in sentences]
    return datasets.Dataset.from_dict({"tokens": [list(s.words) for s in sentences], "ner_tags": tags})


def mapped(raw, tokenizer, max_length):
    """Cold: nothing is read from a cache."""
    keep = {"tokenizer": tokenizer, "max_length": max_length}
    return raw.map(align, batched=True, load_from_cache_file=False, fn_kwargs=keep)


def train(network, tokenizer, train, dev, labels, recipe, seed, grouped, bf16=False):
    """Seconds of `Trainer.train`, dev scored after each epoch."""

    def compute(predicted):
        voting = predicted.label_ids != -100
        tags = [[[labels[i] for i in row[v]] for row, v in zip(rows, voting, strict=True)]
                for rows in (predicted.label_ids, predicted.predictions.argmax(-1))]  # fmt: skip
        return {"f1": scoring.score(*tags).f1}

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        arguments = transformers.TrainingArguments(
            folder, per_device_train_batch_size=recipe.batch_size, per_device_eval_batch_size=recipe.batch_size,
            num_train_epochs=recipe.num_epochs, learning_rate=recipe.learning_rate, weight_decay=recipe.weight_decay,
            warmup_ratio=recipe.warm_up, max_grad_norm=recipe.clip_norm, lr_scheduler_type="linear", seed=seed,
            group_by_length=grouped, bf16=bf16, eval_strategy="epoch", save_strategy="no", report_to=[],
            disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
        )  # fmt: skip
        trainer = transformers.Trainer(
            network,
            arguments,
            train_dataset=train,
            eval_dataset=dev,
            processing_class=tokenizer,
            data_collator=transformers.DataCollatorForTokenClassification(tokenizer),
            compute_metrics=compute,
        )
        begun = time.perf_counter()
        trainer.train()
        return time.perf_counter() - begun


def train_masked(network, tokenizer, lines, length, recipe, seed):
    """Seconds of `Trainer.train` on blocks of running text, cut as in transformers' script for masked models."""
    pieces = [piece for line in lines for piece in tokenizer(line)["input_ids"]]
    blocks = [{"input_ids": pieces[i : i + length]} for i in range(0, len(pieces) - length + 1, length)]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        arguments = transformers.TrainingArguments(
            folder, per_device_train_batch_size=recipe.batch_size, num_train_epochs=recipe.num_epochs,
            learning_rate=recipe.learning_rate, weight_decay=recipe.weight_decay, warmup_ratio=recipe.warm_up,
            max_grad_norm=recipe.clip_norm, lr_scheduler_type="linear", seed=seed, save_strategy="no", report_to=[],
            disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
        )  # fmt: skip
        collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
        trainer = transformers.Trainer(network, arguments, train_dataset=blocks, data_collator=collator)
        begun = time.perf_counter()
        trainer.train()
        return time.perf_counter() - begun


def predictor(network, tokenizer, batch_size):
    """The usual pipeline; it is given text and finds tokens by itself."""
    device = 0 if torch.cuda.is_available() else -1
    kind = transformers.pipeline("token-classification", model=network, tokenizer=tokenizer, device=device)
    return lambda texts: kind(texts, batch_size=batch_size)
