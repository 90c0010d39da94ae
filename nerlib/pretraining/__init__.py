"""Masked-language-model training: of the demo's backbone, and of whatever else requires a gradient.

`train_masked` trains a model with a masked-language-model head on unlabelled text, with the project's one loop
(`nerlib.training`); frozen weights stay as they are, so that a language adapter is trained by the same call.
`train_tokenizer` makes a tokenizer of XLM-R's kind. `demo_backbone` finds or makes the miniature encoder that the
demo languages are studied with.
"""

from nerlib.pretraining.backbone import DemoRecipe, demo_backbone
from nerlib.pretraining.masking import MaskedText, Pretraining, masked_loss, pack, train_masked
from nerlib.pretraining.tokenizer import train_tokenizer

__all__ = [
    "DemoRecipe",
    "MaskedText",
    "Pretraining",
    "demo_backbone",
    "masked_loss",
    "pack",
    "train_masked",
    "train_tokenizer",
]
