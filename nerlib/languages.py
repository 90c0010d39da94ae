"""Languages by tag: name, script, direction, ISO 639-3 code. For reports (`lang`, `dir`) and for corpora's own names.

The languages of the corpora that have short names, as far as a writing direction or a three-letter code is needed.
Names and codes: ISO 639; scripts: ISO 15924.
"""

import re
from typing import Literal, NamedTuple

from nerlib import demo
from nerlib.errors import CorpusError

_TAG = re.compile(r"(?:[A-Za-z]{2,3}|[xX])(?:-[A-Za-z0-9]{1,16})*")
_LETTERS = dict(
    pair.split(":")
    for pair in [
        "Latn:LATIN",
        "Arab:ARABIC",
        "Deva:DEVANAGARI",
        "Beng:BENGALI",
        "Ethi:ETHIOPIC",
        "Cyrl:CYRILLIC",
        "Tibt:TIBETAN",
        "Thaa:THAANA",
        "Grek:GREEK",
        "Gujr:GUJARATI",
        "Hebr:HEBREW",
        "Armn:ARMENIAN",
        "Jpan:CJK",
        "Geor:GEORGIAN",
        "Khmr:KHMER",
        "Knda:KANNADA",
        "Kore:HANGUL",
        "Laoo:LAO",
        "Mlym:MALAYALAM",
        "Mymr:MYANMAR",
        "Orya:ORIYA",
        "Guru:GURMUKHI",
        "Olck:OL",
        "Sinh:SINHALA",
        "Taml:TAMIL",
        "Telu:TELUGU",
        "Thai:THAI",
        "Hans:CJK",
    ]
)


class Language(NamedTuple):
    """What is known of a language."""

    tag: str  # BCP 47
    name: str  # in English
    script: str  # ISO 15924; "Zyyy" when unknown
    iso3: str  # ISO 639-3, as corpora use it (of a macrolanguage where they do: swa, not swh)

    @property
    def letters(self) -> str:
        """How Unicode's names of its letters begin, as ``LATIN``; "" where the script is not known."""
        return _LETTERS.get(self.script, "")

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Writing direction, as HTML's `dir`."""
        return "rtl" if self.script in ("Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Samr", "Mand") else "ltr"


_TABLE = """
am Amharic Ethi amh; ar Arabic Arab ara; as Assamese Beng asm; az Azerbaijani Latn aze; bam Bambara Latn bam
bbj Ghomala Latn bbj; be Belarusian Cyrl bel; bg Bulgarian Cyrl bul; bho Bhojpuri Deva bho; bn Bengali Beng ben
bo Tibetan Tibt bod; brx Bodo Deva brx; ca Catalan Latn cat; ceb Cebuano Latn ceb; ckb Central_Kurdish Arab ckb
cs Czech Latn ces; cy Welsh Latn cym; da Danish Latn dan; de German Latn deu; dv Divehi Thaa div; ee Ewe Latn ewe
el Greek Grek ell; en English Latn eng; es Spanish Latn spa; et Estonian Latn est; eu Basque Latn eus
fa Persian Arab fas; fi Finnish Latn fin; fon Fon Latn fon; fr French Latn fra; gd Scottish_Gaelic Latn gla
gl Galician Latn glg
gu Gujarati Gujr guj; ha Hausa Latn hau; he Hebrew Hebr heb; hi Hindi Deva hin; hr Croatian Latn hrv
hu Hungarian Latn hun; hy Armenian Armn hye; id Indonesian Latn ind; ig Igbo Latn ibo; is Icelandic Latn isl
it Italian Latn ita; ja Japanese Jpan jpn; jv Javanese Latn jav; ka Georgian Geor kat; kk Kazakh Cyrl kaz
km Khmer Khmr khm; kn Kannada Knda kan; ko Korean Kore kor; ku Kurdish Latn kur; ky Kyrgyz Cyrl kir
lg Luganda Latn lug; ln Lingala Latn lin; lo Lao Laoo lao; lt Lithuanian Latn lit; luo Luo Latn luo
lv Latvian Latn lav; mai Maithili Deva mai; mg Malagasy Latn mlg; mk Macedonian Cyrl mkd; ml Malayalam Mlym mal
mn Mongolian Cyrl mon; mni Manipuri Beng mni; mos Mossi Latn mos; mr Marathi Deva mar; ms Malay Latn msa
mt Maltese Latn mlt; my Burmese Mymr mya; mzn Mazanderani Arab mzn; ne Nepali Deva nep; nl Dutch Latn nld
nn Norwegian_Nynorsk Latn nno; no Norwegian Latn nor; ny Chichewa Latn nya; or Odia Orya ori; pa Punjabi Guru pan
pcm Nigerian_Pidgin Latn pcm; pl Polish Latn pol; pnb Western_Punjabi Arab pnb; ps Pashto Arab pus
pt Portuguese Latn por; qu Quechua Latn que; ro Romanian Latn ron; ru Russian Cyrl rus; rw Kinyarwanda Latn kin
sa Sanskrit Deva san; sat Santali Olck sat; sd Sindhi Arab snd; si Sinhala Sinh sin; sk Slovak Latn slk
sl Slovenian Latn slv; sn Shona Latn sna; so Somali Latn som; sq Albanian Latn sqi; sr Serbian Cyrl srp
su Sundanese Latn sun; sv Swedish Latn swe; sw Swahili Latn swa; ta Tamil Taml tam; te Telugu Telu tel
tg Tajik Cyrl tgk; th Thai Thai tha; ti Tigrinya Ethi tir; tk Turkmen Latn tuk; tl Tagalog Latn tgl
tn Tswana Latn tsn; tr Turkish Latn tur; tt Tatar Cyrl tat; tw Twi Latn twi; ug Uyghur Arab uig
uk Ukrainian Cyrl ukr; ur Urdu Arab urd; uz Uzbek Latn uzb; vi Vietnamese Latn vie; wo Wolof Latn wol
xh Xhosa Latn xho; yi Yiddish Hebr yid; yo Yorùbá Latn yor; zh Chinese Hans zho; zu Zulu Latn zul
mul All_languages Zyyy mul
"""  # `mul`: of a study's summary
# Codes of the table's languages by another of their names; ISO 639-3 has codes for the main variety of some.
_OTHER_NAMES = {"bm": "bam", "swh": "sw", "pes": "fa", "prs": "fa", "nb": "no", "arb": "ar", "npi": "ne", "ory": "or"}
_OWN_NAME = {"bm": "bm", "bam": "bm", "nb": "nb", "prs": "prs"}  # what the table joins, and BCP 47 does not


LANGUAGES = {
    tag: Language(tag, name.replace("_", " "), *codes)
    for tag, name, *codes in map(str.split, filter(None, _TABLE.replace("\n", ";").split(";")))
}
_BY_CODE = {language.iso3: language for language in LANGUAGES.values()} | {
    other: LANGUAGES[tag] for other, tag in _OTHER_NAMES.items()
}


def language(tag: str) -> Language:
    """What is known of a language, by its tag or its three-letter code.

    An unknown tag gets itself as name and code, and the script `Zyyy`, unless a subtag names the script (`sr-Latn`).

    Raises
    ------
    CorpusError
        When `tag` is no language tag: letters and digits in parts joined by hyphens.
    """
    if not isinstance(tag, str) or not _TAG.fullmatch(tag):
        raise CorpusError(f"expected a language tag such as 'as', 'yo' or 'x-target', got {tag!r}")
    main, *parts = tag.split("-")
    known = LANGUAGES.get(main.lower()) or _BY_CODE.get(main.lower()) or Language(tag, tag, "Zyyy", tag)
    if demo.is_demo_language(tag):
        return known._replace(name=demo.name_of(tag), script=demo.profile(tag).script.title())
    scripts = [part.title() for part in parts if len(part) == 4 and part.isalpha()]
    return known._replace(tag=tag, script=scripts[0] if scripts else known.script)


def language_name(tag: str) -> str:
    """What a reader calls a language: name and tag; an artificial one its name alone, an unknown one its tag.

    Examples
    --------
    >>> language_name("as"), language_name("x-target"), language_name("a folder")
    ('Assamese (as)', 'demo target', 'a folder')
    """
    if tag in LANGUAGES:
        return f"{LANGUAGES[tag].name} ({tag})"
    return demo.name_of(tag) if demo.is_demo_language(tag) else tag


def language_names(tags: list[str]) -> str:
    """What a reader calls several languages; what all names of artificial ones begin with is said once.

    Examples
    --------
    >>> language_names(["hi", "bn"]), language_names(["x-far", "x-near"])
    ('Hindi (hi) + Bengali (bn)', 'demo far + near')
    """
    names = " + ".join(map(language_name, tags))
    return names.replace(" + demo ", " + ") if all(map(demo.is_demo_language, tags)) else names


def codes(tag: str) -> tuple[str, ...]:
    """The names under which a corpus may keep a language, best first: as given, two letters, three letters."""
    known = language(tag)
    short = next((code for code, row in LANGUAGES.items() if row.iso3 == known.iso3), tag)
    others = (code for code, other in _OTHER_NAMES.items() if other == short)
    return tuple(dict.fromkeys((tag, short, known.iso3, *others)))


def canonical(tag: str) -> str:
    """The tag that BCP 47 wants: `zu` for `zul`, `sw` for `swh`; a language with a two-letter code is called by it.

    Examples
    --------
    >>> canonical("zul"), canonical("swh"), canonical("bbj"), canonical("sr-Latn")
    ('zu', 'sw', 'bbj', 'sr-Latn')
    """
    main, *parts = language(tag).tag.split("-")
    known = _BY_CODE.get(main.lower())
    return "-".join((_OWN_NAME.get(main.lower(), known.tag if known else main), *parts))
