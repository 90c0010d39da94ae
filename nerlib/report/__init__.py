"""One way to show: `Page` displays tables, figures, sentences, examples, the answer and the status, and saves them.

``show = Page(settings)`` and then ``show(thing, "name", "caption")``. Headings, units and words come from
`nerlib.vocabulary`; whatever came from data is escaped. `nerlib.batch` makes pages and an index of what was shown.
"""

from nerlib.report.output import DATA, HtmlOutput, as_text, example, stylesheet, table
from nerlib.report.show import Page, stack

__all__ = ["DATA", "HtmlOutput", "Page", "as_text", "example", "stack", "stylesheet", "table"]
