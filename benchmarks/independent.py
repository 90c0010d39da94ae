"""The rival of `benchmarks.speed` once more, in a script that shares no line with it, and none with nerlib.

It reads CoNLL, aligns labels, trains with the Trainer (full fine-tuning) and scores with seqeval by itself: if
both rivals take the same time, neither was made slow by us. One line a run: kind, seed, seconds of `train()`, dev F1.

    python benchmarks/independent.py ../shared/models/mini-xlmr ../shared/data/masakhaner2/swa 1 2 3
"""

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "true"}

import seqeval.metrics
import torch
from seqeval.scheme import IOB2
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    logging,
    set_seed,
)

RECIPE = {
    "num_train_epochs": 1, "per_device_train_batch_size": 32, "per_device_eval_batch_size": 32, "learning_rate": 3.2e-4,
    "weight_decay": 0.01, "warmup_ratio": 0.1, "max_grad_norm": 1.0, "eval_strategy": "epoch",
    "save_strategy": "no", "report_to": [], "disable_tqdm": True, "use_cpu": True,
}  # fmt: skip


def read(path):
    """Sentences of (word, tag) pairs."""
    blocks = Path(path).read_text(encoding="utf-8").strip().split("\n\n")
    return [[line.split() for line in block.splitlines() if line.strip()] for block in blocks if block.strip()]


class Windows(torch.utils.data.Dataset):
    """Subwords of each sentence; a label stands at its word's first subword."""

    def __init__(self, sentences, tokenizer, number):
        self.rows = []
        for sentence in sentences:
            row = tokenizer([word for word, _ in sentence], is_split_into_words=True, truncation=True, max_length=128)
            words, labels = row.word_ids(), []
            for i, word in enumerate(words):
                first = word is not None and (i == 0 or words[i - 1] != word)
                labels.append(number[sentence[word][1]] if first else -100)
            self.rows.append({"input_ids": row["input_ids"], "attention_mask": row["attention_mask"], "labels": labels})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def run(backbone, train, dev, labels, grouped, seed):
    """Seconds of `train()` with one scoring of dev, and dev F1 in points."""
    set_seed(seed)
    number = {label: i for i, label in enumerate(labels)}
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    model = AutoModelForTokenClassification.from_pretrained(backbone, num_labels=len(labels))

    def f1(found):
        rows = [
            [(labels[g], labels[p]) for g, p in zip(gold, told, strict=True) if g != -100]
            for gold, told in zip(found.label_ids, found.predictions.argmax(-1), strict=True)
        ]
        gold, told = ([[pair[side] for pair in row] for row in rows] for side in (0, 1))
        return {"f1": 100 * seqeval.metrics.f1_score(gold, told, mode="strict", scheme=IOB2)}

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model,
            TrainingArguments(folder, seed=seed, group_by_length=grouped, **RECIPE),
            train_dataset=Windows(train, tokenizer, number),
            eval_dataset=Windows(dev, tokenizer, number),
            data_collator=DataCollatorForTokenClassification(tokenizer),
            compute_metrics=f1,
        )
        begun = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - begun
        return seconds, trainer.evaluate()["eval_f1"]


def main():
    logging.set_verbosity_error()
    torch.set_num_threads(2)
    backbone, corpus, *seeds = sys.argv[1:]
    train, dev = (read(Path(corpus) / f"{name}.txt") for name in ("train", "dev"))
    labels = sorted({tag for sentence in train for _, tag in sentence})
    for seed in map(int, seeds):
        for kind, grouped in (("Trainer", False), ("Trainer, group_by_length", True)):
            seconds, score = run(backbone, train, dev, labels, grouped, seed)
            print(f"{kind}: {seconds:.1f} s; seed {seed}, dev_f1 {score:.2f}", flush=True)


if __name__ == "__main__":
    main()
