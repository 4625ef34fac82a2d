"""Golden tests of a profile, in `<profile>.tests.yaml` beside it: message in, attributes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority
from bridge.mapping.documents import Node, read_document
from bridge.mapping.profiles import load_profile
from bridge.mapping.source import Site

Translation: TypeAlias = Sequence[Mapping[str, object]]
Translate: TypeAlias = Callable[[Any, Site, bytes], Translation]
Load: TypeAlias = Callable[[str, Path], Any]

SUFFIX = ".tests.yaml"


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """One test: its name, where it stands, and each difference in words; none when it passed."""

    name: str
    place: str
    differences: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all that was expected came out."""
        return not self.differences


def run_golden_tests(
    path: Path, directory: Path, translate: Translate, load: Load = load_profile
) -> tuple[GoldenResult, ...]:
    """Run the tests of a file; `load` and `translate` are those of its profile's language.

    What a test does not mention may be anything; a list must be as long as expected, and an empty
    text says that there must be no value.

    Raises:
        ProfileError: the file, its profile or a message it names cannot be used.
    """
    entries = read_document(path).entries(("profile", "site", "tests"))
    profile = load(entries["profile"].text, directory)
    site = _parse_site(entries["site"]) if "site" in entries else Site()
    return tuple(
        _run(node, path.parent, lambda raw: translate(profile, site, raw))
        for node in entries["tests"].items
    )


def find_golden_tests(directory: Path) -> list[Path]:
    """The test files beside the profiles of a directory."""
    return sorted(directory.glob(f"*{SUFFIX}"))


def _run(node: Node, folder: Path, translate: Callable[[bytes], Translation]) -> GoldenResult:
    entries = node.entries(("name", "message", "expect", "refused"))
    raw = _read_message(entries["message"], folder)
    name, place = entries["name"].text, f"{node.file}:{node.line}"
    try:
        events = translate(raw)
    except BridgeError as error:
        return GoldenResult(name, place, tuple(_compare_refusal(entries.get("refused"), error)))
    if "refused" in entries:
        return GoldenResult(name, place, ("the message was not refused",))
    return GoldenResult(name, place, tuple(_compare(entries["expect"], events, "event")))


def _read_message(node: Node, folder: Path) -> bytes:
    """A message is written in the test itself, or named by its path from there."""
    if node.text.lstrip().startswith("{"):
        return node.text.encode()
    if node.text.startswith("MSH"):
        return node.text.strip().replace("\n", "\r").encode() + b"\r"
    path = folder / node.text
    if not path.is_file():
        raise node.error(f"no message {node.text!r}", "write a path from the folder of this file")
    return path.read_bytes()


def _parse_site(node: Node) -> Site:
    entries = node.entries(("timezone", "authority", "local_scheme"))
    zone = entries.get("timezone")
    try:
        zone_info = ZoneInfo(zone.text) if zone else ZoneInfo("UTC")
    except ZoneInfoNotFoundError:
        raise node.error("no such time zone", "write a name such as Asia/Ho_Chi_Minh") from None
    return Site(
        zone=zone_info,
        authority=Authority(entries["authority"].text if "authority" in entries else ""),
        local_scheme=entries["local_scheme"].text if "local_scheme" in entries else "99LOCAL",
    )


def _compare_refusal(expected: Node | None, error: BridgeError) -> Iterator[str]:
    said = f"{error.code} at {error.location}"
    if expected is None:
        yield f"the message was refused: {said}, {error.message}"
    elif expected.text != said:
        yield f"expected to be refused with {expected.text}, was with {said}: {error.message}"


def _compare(expected: Node, found: object, path: str) -> Iterator[str]:
    content = expected.content
    if isinstance(content, dict):
        known = found if isinstance(found, Mapping) else {}
        for key, node in content.items():
            yield from _compare(node, known.get(key, ""), f"{path}.{key}")
    elif isinstance(content, list):
        items = list(found) if isinstance(found, list | tuple) else []
        if len(items) != len(content):
            yield f"line {expected.line}: {path}: expected {len(content)}, found {len(items)}"
        for number, (node, item) in enumerate(zip(content, items, strict=False), start=1):
            yield from _compare(node, item, f"{path}[{number}]")
    elif content != ("" if found in ([], ()) else str(found)):
        yield f"line {expected.line}: {path}: expected {content!r}, found {found!r}"
