"""Notebooks in numbers: `jobs` plans and executes a study's, `pages` makes one HTML file of each and one of all.

From the command line: ``python -m nerlib.batch execute|render|index``; the Snakefile does the whole of a study.
"""

import sys

# nbformat loads jsonschema, and that, where it finds it, a grammar of addresses that takes a second to compile in each
# process; no notebook's schema asks for it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
