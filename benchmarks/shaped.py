"""A backbone of XLM-R base's shape: random weights do, for speed does not depend on them."""

import transformers

from nerlib import folders, pretraining

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}


def base_backbone(vocabulary=250_002, like=None):
    """A folder with the weights and the tokenizer of the backbone `like`, or the demo's; most rows are never met."""
    place = folders.cache_folder() / "benchmarks" / f"base-{vocabulary}{f'-{like.name}' if like else ''}"
    if not place.is_dir():
        demo = like or pretraining.demo_backbone()
        config = transformers.AutoConfig.from_pretrained(demo, trust_remote_code=False)
        config.update(BASE | {"vocab_size": vocabulary})
        with folders.new_folder(place) as beside:
            transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(beside, safe_serialization=True)
            transformers.AutoTokenizer.from_pretrained(demo, trust_remote_code=False).save_pretrained(beside)
    return place
