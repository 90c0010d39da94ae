"""What a page says in sentences, and how many numbers each holds: more than `MOST` are for the columns of a table."""

import re

from bs4 import BeautifulSoup

MOST = 6
PARTS = ["p", "li", "dt", "dd", "figcaption", "summary", "h1", "h2", "h3"]
NO_TEXT = ["style", "script", "code", "pre", "img", "table", "nav"]
#: 12,345 or 14:09 or 2026-11-26 are one; digits within a name, as F1 or x-latn-10 or a2d15861, are none.
NUMBER = re.compile(r"(?<![\w.,#-])\d+(?:[-.,:]\d+)*(?![\w]*[A-Za-z])")


def sentences(page):
    """The sentences of a page, or of a piece of one, outside tables, code and figures; parts of a list apart."""
    soup = BeautifulSoup(page + "\n", "html.parser")
    for element in soup(NO_TEXT):
        element.decompose()
    for example in soup.select(".sentence, .question, .labelled"):  # of a corpus
        example.decompose()
    ends = {"dd": r"(?<=[.!?;])\s+"}  # a list of facts
    parts = [(part.name, " ".join(part.get_text().split())) for part in soup(PARTS) if not part.find(PARTS)]
    return [one for name, text in parts for one in re.split(ends.get(name, r"(?<=[.!?])\s+"), text) if one]


def too_many_numbers(page):
    """The sentences of a page that hold more numbers than a reader keeps in mind."""
    return [sentence for sentence in sentences(page) if len(NUMBER.findall(sentence)) > MOST]
