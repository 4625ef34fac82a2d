"""Rules between values: names and ports that must differ, limits that must be in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from bridge.settings.addresses import is_everywhere
from bridge.settings.hl7 import RETURN_CONNECTION
from bridge.settings.problems import Origin, Problem, Source, quoted
from bridge.settings.reader import Found

_LISTENER = re.compile(r"(http|dicom|hl7\.listeners\[\d+\])\.(host|port)")
_ACKNOWLEDGEMENTS = re.compile(r"hl7\.listeners\[\d+\]\.acknowledgements")
_LOCAL_NAMES = {"localhost": "127.0.0.1"}


def check_rules(found: Sequence[Found]) -> Iterator[Problem]:
    """Yield every problem that lies between values rather than in one."""
    for rule in _RULES:
        yield from rule(found)


def _distinct(pattern: str, noun: str) -> Callable[[Sequence[Found]], Iterator[Problem]]:
    """Return a rule: the values at the places that match the pattern all differ."""
    place = re.compile(pattern)

    def rule(found: Sequence[Found]) -> Iterator[Problem]:
        seen: dict[object, Found] = {}
        for each in found:
            if not place.fullmatch(each.path):
                continue
            first = seen.setdefault(each.value, each)
            if first is not each:
                what = f"{quoted(str(each.value))} is already the {noun} at {_where(first)}"
                yield Problem(each.origin, each.path, what, f"give each its own {noun}")

    return rule


def _distinct_ports(found: Sequence[Found]) -> Iterator[Problem]:
    """Find listeners that cannot open because another one holds their port."""
    sockets: list[tuple[str, Found]] = []
    hosts = {each.path.rpartition(".")[0]: str(each.value) for each in _listening(found, "host")}
    for each in _listening(found, "port"):
        host = hosts.get(each.path.rpartition(".")[0], "")
        for other_host, other in sockets:
            if each.value and each.value == other.value and _overlap(host, other_host):
                yield _port_taken(each, other)
                break
        sockets.append((host, each))


def _listening(found: Sequence[Found], key: str) -> Iterator[Found]:
    for each in found:
        match = _LISTENER.fullmatch(each.path)
        if match and match[2] == key:
            yield each


def _overlap(one: str, other: str) -> bool:
    one, other = _LOCAL_NAMES.get(one, one), _LOCAL_NAMES.get(other, other)
    return one == other or is_everywhere(one) or is_everywhere(other)


def _port_taken(port: Found, other: Found) -> Problem:
    # A default is nothing that a person wrote: point at the one of the two that was written.
    if port.origin.source is Source.DEFAULT:
        port, other = other, port
    what = f"port {port.value} is already taken by {_where(other)}"
    return Problem(port.origin, port.path, what, "give each listener its own port")


def _ordered_limits(found: Sequence[Found]) -> Iterator[Problem]:
    """Find retries whose longest wait is shorter than their first."""
    values = {each.path: each for each in found}
    for path, base in values.items():
        ceiling = values.get(path.removesuffix("base_seconds") + "ceiling_seconds")
        if not path.endswith(".retry.base_seconds") or ceiling is None:
            continue
        low, high = base.value, ceiling.value
        if isinstance(low, float) and isinstance(high, float) and high < low:
            written = base if ceiling.origin.source is Source.DEFAULT else ceiling
            what = f"the ceiling of {high:g} seconds is below the base of {low:g} seconds"
            fix = "make ceiling_seconds at least base_seconds"
            yield Problem(written.origin, written.path, what, fix)


def _return_addresses(found: Sequence[Found]) -> Iterator[Problem]:
    """Find acknowledgements that are to be returned to nowhere."""
    values = {each.path: each for each in found}
    for path, each in values.items():
        if not _ACKNOWLEDGEMENTS.fullmatch(path) or each.value != RETURN_CONNECTION:
            continue
        for key in ("host", "port"):
            place = path.replace(".acknowledgements", f".return_connection.{key}")
            if place not in values or values[place].value is None:
                what = f"has no address: return_connection.{key} is missing"
                yield Problem(each.origin, path, what, f"add {key} to return_connection")


def _where(found: Found) -> str:
    origin: Origin = found.origin
    return f"{found.path} ({origin})"


_RULES: tuple[Callable[[Sequence[Found]], Iterator[Problem]], ...] = (
    _distinct(r"hl7\.listeners\[\d+\]\.name", "name"),
    _distinct(r"destinations\[\d+\]\.name", "name"),
    _distinct(r"fhir\.tokens\[\d+\]\.name", "name"),
    _distinct(r"sources\[\d+\]\.name", "name"),
    _distinct(r"dicom\.peers\[\d+\]\.(ae_title|aliases\[\d+\])", "AE title"),
    _distinct_ports,
    _ordered_limits,
    _return_addresses,
)
