"""When two texts are one answer, and what counts as a word: SQuAD's normalisation, made for all scripts.

*Folding* makes letters equal that readers take for the same. *Normalising* folds and drops what is not told apart when
answers are compared. Neither is ever written out: joiners are letters in Persian and Bengali.
"""

import re
import string
import unicodedata
from collections.abc import Callable

# Letters of keyboards and fonts for the Persian ones; heh with yeh above is heh with a mark.
PERSIAN_LETTERS = {"ي": "ی", "ى": "ی", "ك": "ک", "ۀ": "ه"}
TATWEEL = "\u0640"
JOINERS = "\u200c\u200d"
WORDSPACE = "\u1361"  # between words in older Ethiopic text; by its category punctuation
PRESENTATION_FORMS = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]+")  # Arabic letters by shape, as in text from PDF
# An "a" before or after a lone combining mark is a letter of another word.
ARTICLES = re.compile(r"(?<![\u0300-\u036f])\b(a|an|the)\b(?![\u0300-\u036f])")


class _Letterwise(dict[int, str]):
    """A table for `str.translate` that asks a function once for each letter."""

    def __init__(self, replacement: Callable[[str], str]) -> None:
        self.replacement = replacement

    def __missing__(self, code: int) -> str:
        self[code] = self.replacement(chr(code))
        return self[code]


def _folded_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    is_diacritic = category == "Mn" and unicodedata.name(letter, "").startswith("ARABIC")
    if is_diacritic or category == "Cf" or letter == TATWEEL:
        return ""
    return PERSIAN_LETTERS.get(letter, letter)


def _without_punctuation(letter: str) -> str:
    if letter == WORDSPACE:
        return " "
    is_punctuation = letter in string.punctuation or unicodedata.category(letter)[0] == "P"
    return "" if is_punctuation else letter


def _word_letter(letter: str) -> str:
    return letter if unicodedata.category(letter)[0] in "LMN" or letter in JOINERS else " "


_FOLDED, _KEPT, _IN_WORDS = map(_Letterwise, (_folded_letter, _without_punctuation, _word_letter))


def folded(text: str) -> str:
    """Lower case, with letters that are one to readers made equal.

    Composed (NFC); Arabic presentation forms, yeh, alef maksura and kaf as the Persian letters; without the diacritics
    of Arabic script, tatweel, and invisible characters, ZWNJ and ZWJ among them (a word written with ZWNJ is one word,
    as one written together is; written with a space it is two); decimal digits of every script as 0 to 9. The marks of
    other scripts are letters and stay.

    NFC, since NFKC would make other answers equal (x² and x2, ½ and 1⁄2); it is used for presentation forms alone.

    Examples
    --------
    >>> folded("كِتاب‌هاي ۱۲")
    'کتابهای 12'
    """
    text = PRESENTATION_FORMS.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return unicodedata.normalize("NFC", text).lower().translate(_FOLDED)


def normalised(text: str) -> str:
    """What is compared of an answer: folded, without punctuation and English articles, single spaces.

    For Latin text with ASCII punctuation this is the official normalisation of SQuAD; punctuation of other scripts
    (« » ، ؛ ؟ ।) and typographic quotes go as ASCII's do. Scripts that write no spaces (Thai, Khmer, Burmese, Chinese,
    Japanese) are not cut into words: there a phrase is one token, and token F1 little else than exact match.

    References
    ----------
    Rajpurkar, Jia and Liang (2018), Know what you don't know: unanswerable questions for SQuAD, and its official
    evaluation script (``normalize_answer``).

    Examples
    --------
    >>> normalised("The «well-known» answer.")
    'wellknown answer'
    """
    return " ".join(ARTICLES.sub(" ", folded(text).translate(_KEPT)).split())


def words(text: str) -> list[str]:
    """The words of a text: runs of letters, their marks and joiners, and numbers, in any script that writes spaces.

    Of lower-case ASCII text these are ROUGE's own tokens (runs of a-z and 0-9), which are empty for other scripts.

    Examples
    --------
    >>> words("«می‌روم»، well-known")
    ['می\u200cروم', 'well', 'known']
    """
    return text.translate(_IN_WORDS).split()
