"""The console's gettext catalogues: `python -m tools.catalogues` compiles them.

It says which texts have no Vietnamese yet, and which Vietnamese belongs to no text any more.
With `--add FILE` texts that no catalogue has are put at the end of that .po file, to be filled in.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tools.reasons import reasons

CONSOLE = Path(__file__).parents[1] / "bridge" / "console"
LOCALE = CONSOLE / "locale"
_METHODS = [("**.py", "python"), ("**.html", "jinja2")]
_OPTIONS = {"**.html": {"trimmed": "false", "newstyle_gettext": "true", "silent": "false"}}
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def texts() -> dict[str | tuple[str, ...], str]:
    """Every text that is to be translated, with where it stands: the console's, and reasons."""
    found: dict[str | tuple[str, ...], str] = dict(reasons().items())
    for file, line, text, _comments, _context in extract_from_dir(
        CONSOLE, _METHODS, _OPTIONS, keywords=_KEYWORDS
    ):
        found.setdefault(text, f"{file}:{line}")
    return found


def catalogues(language: str) -> Iterator[tuple[Path, Catalog]]:
    """The sources of a language's catalogues."""
    for file in sorted((LOCALE / language / "LC_MESSAGES").glob("*.po")):
        with file.open("rb") as opened:
            yield file, read_po(opened, locale=language)


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    catalogue.creation_date = catalogue.revision_date = _ANY_DAY  # the same bytes on every day
    written = io.BytesIO()
    write_mo(written, catalogue)
    return written.getvalue()


def missing(language: str) -> list[str | tuple[str, ...]]:
    """Texts that a language has no words for."""
    held = {
        message.id
        for _file, catalogue in catalogues(language)
        for message in catalogue
        if message.id and _is_filled(message)
    }
    return [text for text in texts() if text not in held]


def unused(language: str) -> list[str | tuple[str, ...]]:
    """Words of a language for texts that are not there any more."""
    there = texts()
    held = [
        tuple(message.id) if isinstance(message.id, list) else message.id
        for _file, catalogue in catalogues(language)
        for message in catalogue
        if message.id
    ]
    return [text for text in held if text not in there]


def stale(language: str) -> list[Path]:
    """Compiled catalogues that are not what their sources say."""
    return [
        file
        for file, catalogue in catalogues(language)
        if not (mo := file.with_suffix(".mo")).exists() or mo.read_bytes() != compiled(catalogue)
    ]


def _is_filled(message: Message) -> bool:
    words = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return all(words) and not message.fuzzy


def _add(file: Path, lacking: Sequence[str | tuple[str, ...]]) -> None:
    catalogue = Catalog(locale="vi", fuzzy=False)
    if file.exists():
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale="vi")
    for text in lacking:
        catalogue.add(text)
    with file.open("wb") as opened:
        write_po(opened, catalogue, width=110, omit_header=False)


def main() -> int:
    """Compile, and say what is missing: exit code 1 when something is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--add", type=Path, metavar="FILE", help="put missing texts in this .po")
    options = parser.parse_args()
    lacking = missing("vi")
    if options.add and lacking:
        _add(options.add, lacking)
    for file in stale("vi"):
        with file.open("rb") as opened:
            file.with_suffix(".mo").write_bytes(compiled(read_po(opened, locale="vi")))
    where = texts()
    for text in lacking:
        print(f"no Vietnamese: {text!r} ({where[text]})", file=sys.stderr)
    for text in unused("vi"):
        print(f"no such text any more: {text!r}", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
