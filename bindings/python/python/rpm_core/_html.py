"""HTML for notebooks. What comes from a user is escaped, and a page stands in a frame of its own without rights."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence


def page(whole: str) -> str:
    """A whole page in a frame that runs nothing and reaches nothing."""
    return (
        f'<iframe sandbox="" srcdoc="{html.escape(whole, quote=True)}" title="rpm_core" '
        'style="width: 100%; height: 36em; border: 1px solid #8884" loading="lazy"></iframe>'
    )


def plain(text: str) -> str:
    """Text as it is."""
    return f"<pre>{html.escape(text)}</pre>"


def table(caption: str, rows: Sequence[Mapping[str, object]], of: int) -> str:
    """A table of some rows of so many."""
    names = list(rows[0]) if rows else []
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{'' if row[name] is None else html.escape(str(row[name]))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    rest = f"<p>… and {of - len(rows)} more</p>" if of > len(rows) else ""
    return f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"
