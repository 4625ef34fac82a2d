"""What a profile reads from in FHIR: elements, named by simple paths.

A path is a subset of FHIRPath with JSON's names: `ServiceRequest.identifier[type=ACSN].value`,
`ServiceRequest.requester.resolve().name`. `[name=a|b]` keeps what says one of these words there,
`[name!=a]` what does not, `[name]` and `[!name]` what has it or has not, `[0]` one by its place. A
CodeableConcept says its codes and its text, a Coding its code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"(?:\.|^)(?P<name>resolve\(\)|[A-Za-z]\w*)|\[(?P<filter>[^\]]+)\]")
_CHOICES = (
    "value|occurrence|deceased|multipleBirth|asNeeded|quantity|effective|onset|scheduled|timing"
)
_VARIANT = re.compile(
    rf"({_CHOICES})(Boolean|Code|CodeableConcept|Coding|Date|DateTime|Decimal|Identifier|Instant|"
    r"Integer|Period|Quantity|Range|Ratio|Reference|String|Time|Timing|Uri)"
)


@dataclass(frozen=True, slots=True)
class Element:
    """A value of a resource and the FHIRPath of its place."""

    value: Any
    path: str
    parent: Element | None = None

    @property
    def root(self) -> Element:
        """The resource it stands in; of contained ones the resource that contains them."""
        found = self
        while found.parent is not None:
            found = found.parent
        return found

    def children(self, name: str) -> Iterator[Element]:
        """The values of an element of this one, each item of a list."""
        content = self.value.get(name) if isinstance(self.value, dict) else None
        if content is None or content in ("", [], {}):
            return
        path = f"{self.path}.{_without_type(name)}"
        if isinstance(content, list):
            for index, item in enumerate(content):
                if item not in (None, "", [], {}):
                    yield Element(item, f"{path}[{index}]", self)
        else:
            yield Element(content, path, self)

    def child(self, name: str) -> Element | None:
        """The first of them."""
        return next(self.children(name), None)

    def text(self, name: str) -> str:
        """The first of them when it is a text, else an empty one."""
        found = self.child(name)
        return found.value if found and isinstance(found.value, str) else ""


def _without_type(name: str) -> str:
    """FHIRPath names a choice (`occurrence[x]`) without its type."""
    found = _VARIANT.fullmatch(name)
    return found[1] if found else name


Follow = Callable[[Element], "Element | None"]
"""The resource that a Reference leads to."""


def _lead_nowhere(_: Element) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementScope:
    """The resources that rows may read, by the names paths begin with."""

    roots: Mapping[str, Sequence[Element]]
    follow: Follow = _lead_nowhere
    designators: Mapping[str, str] = field(default_factory=dict)


Step = Callable[[Iterator[Element], ElementScope], Iterator[Element]]


@dataclass(frozen=True, slots=True)
class ElementPath:
    """A compiled path."""

    text: str
    root: str
    steps: tuple[Step, ...]

    @staticmethod
    def parse(text: str) -> ElementPath:
        """Compile a path.

        Raises:
            ValueError: the text is no such path.
        """
        tokens, end = [], 0
        for found in _TOKEN.finditer(text):
            if found.start() != end:
                break
            tokens.append(found)
            end = found.end()
        if end != len(text) or not tokens or not tokens[0]["name"] or text[0] == ".":
            raise ValueError(f"{text!r} is not a path such as ServiceRequest.code.text")
        return ElementPath(text, tokens[0]["name"], tuple(map(_step, tokens[1:])))

    def find(self, scope: ElementScope) -> Iterator[Element]:
        """The elements there, in the order of the document."""
        found: Iterator[Element] = iter(scope.roots.get(self.root, ()))
        for step in self.steps:
            found = step(found, scope)
        return found


def _step(token: re.Match[str]) -> Step:
    if token["filter"]:
        return _filter(token["filter"])
    name = token["name"]
    if name == "resolve()":
        return _resolve
    return lambda elements, _: (child for each in elements for child in each.children(name))


def _resolve(elements: Iterator[Element], scope: ElementScope) -> Iterator[Element]:
    found = (scope.follow(each) for each in elements)
    return (each for each in found if each is not None)


def _filter(text: str) -> Step:
    if text.isdecimal():
        number = int(text)
        return lambda elements, _: (e for place, e in enumerate(elements) if place == number)
    name, equals, words = text.partition("=")
    wanted = not (name.startswith("!") or name.endswith("!"))
    names = name.strip("!").split(".")
    known = frozenset(word.strip().casefold() for word in words.split("|")) if equals else None

    def keep(elements: Iterator[Element], _: ElementScope) -> Iterator[Element]:
        return (each for each in elements if _says(each.value, names, known) is wanted)

    return keep


def _says(value: Any, names: Sequence[str], words: frozenset[str] | None) -> bool:
    if isinstance(value, list):
        return any(_says(item, names, words) for item in value)
    if names:
        inner = value.get(names[0]) if isinstance(value, dict) else None
        return inner is not None and _says(inner, names[1:], words)
    said = set(words_of(value))
    return bool(said) if words is None else bool(said & words)


def words_of(value: Any) -> Iterator[str]:
    """What a value says, in small letters: itself, or its codes and texts."""
    if isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, str | int | float):
        yield str(value).strip().casefold()
    elif isinstance(value, dict):
        for key in ("concept", "coding", "code", "text", "value"):
            inner = value.get(key)
            for item in inner if isinstance(inner, list) else (inner,):
                if item is not None:
                    yield from words_of(item)
