"""Masked-language-model training: of the demo's backbone, and of whatever else requires a gradient.

`train_masked` trains a model with a masked-language-model head on unlabelled text, with the project's one loop
(`nerlib.training`); frozen weights stay as they are. `train_language_adapter` makes the language adapters of MAD-X,
`continued_backbone` trains a whole encoder on more text.
`train_tokenizer` makes a tokenizer of XLM-R's kind. `demo_backbone` finds or makes the miniature encoder that the
demo languages are studied with.
"""

from nerlib.pretraining.miniature import DemoRecipe, demo_backbone, train_tokenizer
from nerlib.pretraining.mlm import (
    LanguageAdapter,
    MlmDataset,
    MlmResult,
    continued_backbone,
    masked_loss,
    mean_loss,
    mlm_dataset,
    pack,
    train_language_adapter,
    train_masked,
)

__all__ = [
    "DemoRecipe",
    "LanguageAdapter",
    "MlmDataset",
    "MlmResult",
    "continued_backbone",
    "demo_backbone",
    "masked_loss",
    "mean_loss",
    "mlm_dataset",
    "pack",
    "train_language_adapter",
    "train_masked",
    "train_tokenizer",
]
