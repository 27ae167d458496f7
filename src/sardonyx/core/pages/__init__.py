"""One page per error code: what it means, an example, what to do. `sardonyx explain CODE` prints them."""

from __future__ import annotations

import difflib
from importlib.resources import files

from sardonyx.core.errors import InputError

__all__ = ["codes", "explain"]


def codes() -> list[str]:
    """Every code that has a page."""
    return sorted(p.name.removesuffix(".md") for p in files(__name__).iterdir() if p.name.endswith(".md"))


def explain(code: str) -> str:
    """The page of an error code, as Markdown.

    Raises:
        InputError: there is no such code.
    """
    wanted = code.strip().upper()
    wanted = wanted if wanted.startswith("SDX-") else f"SDX-{wanted}"
    known = codes()
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, 3)
        raise InputError(
            f"there is no error code {code!r}",
            fix=f"did you mean {', '.join(close)}?" if close else "codes look like SDX-S100",
        )
    return files(__name__).joinpath(f"{wanted}.md").read_text("utf-8")
