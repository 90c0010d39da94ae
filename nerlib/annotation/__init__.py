"""Before and after a tagger: raw text cut into words, entities at code points, annotation tools there and back.

`Document` is a text with entities at its code points; `cut` finds sentences and words, `sentences_of` makes tagged
sentences of a document and `document` the way back.
"""

from nerlib.annotation.texts import Document, Entity, Place, cut, document, entities_at, sentences_of

__all__ = ["Document", "Entity", "Place", "cut", "document", "entities_at", "sentences_of"]
