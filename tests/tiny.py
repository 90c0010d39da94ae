"""Backbones of the right shape, small enough for tests: random weights, tokenizers of the handwritten sentences."""

import json
from pathlib import Path

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from nerlib.corpora import write_conll

HANDWRITTEN = Path(__file__).parent / "data" / "handwritten"


def handwritten_words() -> list[list[str]]:
    """The words of all handwritten sentences, all languages."""
    sentences = []
    for path in sorted(HANDWRITTEN.glob("*.conll")):
        for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
            sentences.append([line.split("\t")[0] for line in block.split("\n")])
    return sentences


def unigram_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Like XLM-R's: `<s> ... </s>`, words marked by a low line."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.Unigram())
    blanks = normalizers.Replace(Regex("[\\s\u200b\ufeff]+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), blanks, normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator((" ".join(words) for words in handwritten_words()), trainer)
    learned = json.loads(tokenizer.to_str())["model"]["vocab"][len(special) :]  # their order and later digits are drawn
    pieces = sorted(((piece, round(score, 1)) for piece, score in learned), key=lambda pair: (-pair[1], pair[0]))
    tokenizer.model = models.Unigram([*((name, 0.0) for name in special), *pieces], unk_id=special.index("<unk>"))
    around = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=around
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", mask_token="<mask>", **names
    )


def wordpiece_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Like mBERT's: `[CLS] ... [SEP]`, the rest of a word marked by `##`."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer(lowercase=False)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner = sorted({f"##{letter}" for words in handwritten_words() for letter in "".join(words)})  # else in drawn order
    trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=special + inner, show_progress=False)
    learner.train_from_iterator((" ".join(words) for words in handwritten_words()), trainer)
    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = learner.normalizer, learner.pre_tokenizer
    around = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=around
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names)


def sentence_end_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Like mT5's: every text ends with `</s>`, and nothing else is added."""
    tokenizer = unigram_tokenizer()
    end = ("</s>", tokenizer.eos_token_id)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[end]
    )
    return tokenizer


def byte_tokenizer() -> transformers.GPT2TokenizerFast:
    """Like GPT-2's: bytes, no special tokens around a sentence."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|pad|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator((" ".join(words) for words in handwritten_words()), trainer)
    return transformers.GPT2TokenizerFast(
        tokenizer_object=tokenizer, add_prefix_space=True, pad_token="<|pad|>", eos_token="<|endoftext|>"
    )


def gemma_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """Like Gemma's, which is mmBERT's: a space is part of the piece behind it, and there is none before a text."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")  # for training alone
    pieces = special + [f"<0x{i:02X}>" for i in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=850, special_tokens=pieces, show_progress=False)
    tokenizer.train_from_iterator((" ".join(words) for words in handwritten_words()), trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    around = [(token, tokenizer.token_to_id(token)) for token in ("<bos>", "<eos>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", pair="<bos> $A <eos> $B <eos>", special_tokens=around
    )
    names = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="<mask>", **names)


TOKENIZERS = {
    "deberta-v2": wordpiece_tokenizer,
    "modernbert": gemma_tokenizer,
    "xlm-roberta": unigram_tokenizer,
    "roberta": byte_tokenizer,
    "bert": wordpiece_tokenizer,
    "mt5": sentence_end_tokenizer,
    "gpt2": byte_tokenizer,
}
#: What else makes a configuration the one of mDeBERTa-v3 and of mmBERT; windows are longer than local attention.
OF_TODAY = {
    "deberta-v2": {
        "relative_attention": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "pos_att_type": "p2c|c2p", "position_biased_input": False, "type_vocab_size": 0, "pooler_hidden_act": "gelu",
        "legacy": False, "tie_word_embeddings": False,  # so that the head goes by the names of the published ones
    },
    "modernbert": {
        "local_attention": 8, "num_hidden_layers": 4, "bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 1,
        "sep_token_id": 1,
    },
}  # fmt: skip
_BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def make_backbone(folder: Path, model_type: str = "xlm-roberta", **changes) -> Path:
    """Write a backbone of random weights with its tokenizer."""
    tokenizer = TOKENIZERS[model_type]()
    sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if model_type == "mt5":
        sizes |= {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
        sizes |= {"decoder_start_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
        config = transformers.MT5Config(**(sizes | changes))
        kind = transformers.MT5ForConditionalGeneration
    elif model_type == "gpt2":
        sizes |= {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 130}
        config = transformers.GPT2Config(**(sizes | changes))
        kind = transformers.GPT2LMHeadModel
    else:
        positions = 130 + tokenizer.pad_token_id + 1 if "roberta" in model_type else 130
        sizes |= _BERT | {"max_position_embeddings": positions} | OF_TODAY.get(model_type, {})
        config = transformers.AutoConfig.for_model(model_type, **(sizes | changes))
        kind = transformers.AutoModelForMaskedLM
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kind.from_config(config) if kind is transformers.AutoModelForMaskedLM else kind(config)
    network.save_pretrained(folder)
    if model_type == "deberta-v2":  # as the published ones, which say nothing of their head
        path = folder / "config.json"
        said = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("legacy", "tie_word_embeddings")}
        path.write_text(json.dumps(said))
    tokenizer.save_pretrained(folder)
    return folder


SENTENCES = [
    ("mira went to lomo", "B-PER O O B-LOC"),
    ("the kanu bank of lomo said", "O B-ORG I-ORG I-ORG I-ORG O"),
    ("rain fell", "O O"),
    ("dara tel met mira", "B-PER I-PER O B-PER"),
    ("lomo is far from suta", "B-LOC O O O B-LOC"),
]


def write_corpus(folder: Path, language: str, n: int = 40) -> Path:
    """A corpus of the sentences above, its words marked by the language, `n` of them to train on."""
    folder.mkdir(parents=True)
    for split, offset in (("train", 0), ("dev", 1), ("test", 2)):
        rows = [SENTENCES[(i * 7 + offset) % 5] for i in range(n if split == "train" else 10)]
        words = [[f"{w}{language}{(i + j) % 9}" for j, w in enumerate(row[0].split())] for i, row in enumerate(rows)]
        write_conll(folder / f"{split}.conll", words, [row[1].split() for row in rows])
    return folder


def write_text(folder: Path, languages: str, lines: int = 240) -> Path:
    """A folder of unlabelled text: the handwritten sentences in another order for each language."""
    folder.mkdir(parents=True)
    rows = handwritten_words()
    for offset, language in enumerate(languages.split()):
        told = [" ".join(rows[(i * 7 + offset) % len(rows)][: 3 + i % 9]) + f" {i}" for i in range(lines)]
        (folder / f"{language}.txt").write_text("\n".join(told), encoding="utf-8")
    return folder


def small_study(folder: Path, backbone: Path, **changes) -> dict:
    """Settings of a study that takes seconds: a target and two sources in `folder`."""
    settings = {
        "study": "small",
        "language": "sw",
        "corpus": str(write_corpus(folder / "sw", "a")),
        "sources": [f"yo@{write_corpus(folder / 'yo', 'b')}", f"am@{write_corpus(folder / 'am', 'c')}"],
        "backbone": str(backbone),
        "text": str(write_text(folder / "text", "sw yo am")),
        "language_adapter_steps": 20,
        "train_size": 20,
        "source_size": 48,
        "batch_size": 8,
        "num_epochs": 2,
        "target_steps": 30,
        "max_length": 32,
        "learning_rate": dict.fromkeys(("full", "lora", "dora", "adalora", "bottleneck", "madx"), 1e-3),
        "seeds": [1, 2],
    }
    return settings | changes
