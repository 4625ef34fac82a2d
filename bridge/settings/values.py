"""Values that must not show up in a log or on a page by accident."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MASK = "********"
_PASSWORD = re.compile(r"(//[^/@:]*:)[^/]*@")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A token or password. Printing, formatting or logging it shows a mask; ``reveal`` tells."""

    _text: str

    def reveal(self) -> str:
        """Return the secret itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        """Return a mask."""
        return MASK


class DatabaseUrl(str):
    """A database URL: a plain string to SQLAlchemy, without its password in any ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the URL quoted, its password masked."""
        return repr(self.masked())

    def masked(self) -> str:
        """Return the URL with its password replaced by a mask."""
        return mask_password(self)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        scheme, _, path = self.partition(":///")
        return Path(path) if scheme == "sqlite" else None


def mask_password(url: str) -> str:
    """Return a URL with the password of its authority part masked."""
    return _PASSWORD.sub(rf"\1{MASK}@", url)
