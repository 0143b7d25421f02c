"""HTML pages that need no file beside them: one style, and templates that escape by themselves.

A page's template begins with `{% extends "page.html" %}` and fills its blocks `style` (CSS after
the common one), `body` and `script`; a page without any script leaves `scripts` empty.
"""

from __future__ import annotations

import jinja2

from vega_core.style import CSS, SCRIPT


def environment(package: str) -> jinja2.Environment:
    """The templates of `PACKAGE/templates`, and the frame that they extend.

    A name that the template's caller does not give is an error, not an empty place.
    """
    found = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package), jinja2.PackageLoader("vega_core")]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    found.globals.update(common_style=CSS, common_script=SCRIPT)
    return found
