"""The console's pages, rendered on the server; they need no script and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.domain.matching import Outcome
from bridge.services.overview import ListedMessage, Overview, WholeMessage

REFRESH_SECONDS = 10
MOST_SHOWN = 200_000
"""Characters of a message that a page shows."""

_OUTCOMES = {
    "": "still arriving",
    Outcome.CANDIDATES.value: "needs a decision",
    Outcome.CONFLICT.value: "contradicts its order",
    Outcome.UNSCHEDULED.value: "no order",
    Outcome.MATCHED.value: "matched",
}


class Pages:
    """Renders pages for one site, in its time zone."""

    def __init__(self, *, site: str, zone: tzinfo) -> None:
        self._zone = zone
        self._templates = Environment(
            loader=PackageLoader("bridge.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "time": self._time,
            "wire": wire_text,
            "outcome": lambda outcome: _OUTCOMES.get(outcome, outcome),
        }
        self._templates.globals |= {"site": site, "sought": ""}

    def overview(self, overview: Overview, problems: Mapping[str, str], *, refresh: bool) -> str:
        """The first page: how far today's work got, what waits, the newest messages."""
        return self._render(
            "overview.html",
            now=overview,
            problems={name: problem for name, problem in problems.items() if problem},
            refresh=REFRESH_SECONDS if refresh else 0,
        )

    def search(self, sought: str, found: Sequence[ListedMessage]) -> str:
        """The messages that mention an identifier."""
        return self._render("search.html", sought=sought, found=found)

    def message(self, message: WholeMessage) -> str:
        """One message as it was on the wire."""
        return self._render("message.html", message=message)

    def notice(self, title: str, text: str) -> str:
        """A page that says only why there is nothing else to see."""
        return self._render("notice.html", title=title, text=text)

    def _render(self, template: str, **values: object) -> str:
        return self._templates.get_template(template).render(**values)

    def _time(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._zone).strftime("%Y-%m-%d %H:%M:%S")


def wire_text(content: bytes) -> str:
    r"""Bytes of the wire as text: segments on lines of their own, other controls made visible.

    Bytes that are not UTF-8 stand as `\xNN`: what a message means is for its edge to say.
    """
    text = content[:MOST_SHOWN].decode("utf-8", "backslashreplace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(c if c >= " " or c in "\n\t" else chr(0x2400 + ord(c)) for c in lines)
    return shown + ("\n…" if len(content) > MOST_SHOWN else "")
