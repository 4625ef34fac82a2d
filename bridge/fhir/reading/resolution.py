"""References (FHIR R4 2.3) from one resource to another: in the Bundle, contained, or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bridge.domain.errors import BridgeError, DuplicateKey
from bridge.fhir.identifiers import Json, criteria, escape
from bridge.fhir.reading.reading import Resolver
from bridge.mapping.elements import Element

_PARTS = 2


class Document:
    """The resources of one document, found by what refers to them.

    Resources that others refer to and that are not in it come from the resolver, each once.
    """

    def __init__(self, resources: Sequence[tuple[Element, str]], resolver: Resolver) -> None:
        """Take the resources with their `fullUrl`s."""
        self.resources = tuple(element for element, _ in resources)
        self._resolver = resolver
        self._by_url = {url.lower(): element for element, url in resources if url}
        self._by_id: dict[str, list[Element]] = {}
        for element in self.resources:
            if name := name_of(element):
                self._by_id.setdefault(name, []).append(element)
        self._base_of = {element.path: _base(url, element) for element, url in resources}
        self._elsewhere: dict[str, Element | None] = {}
        self._indexes: dict[tuple[str, str], Mapping[str, Sequence[Element]]] = {}
        self._referring: dict[tuple[str, str, str], tuple[Element, ...]] = {}

    def of_type(self, kind: str) -> Iterator[Element]:
        """The resources of a type in the document."""
        return (each for each in self.resources if each.value.get("resourceType") == kind)

    def follow(self, reference: Element) -> Element | None:
        """The resource that a Reference (or a CodeableReference) leads to; None when it is unknown.

        A logical reference leads to what the document holds under that identifier, or else to a
        resource of which nothing but the identifier is known.

        Raises:
            DuplicateKey: a conditional reference finds several resources.
        """
        value = reference.value
        if isinstance(value, dict) and isinstance(value.get("reference"), dict):
            inner = reference.child("reference")
            return self.follow(inner) if inner else None
        text = value.get("reference") if isinstance(value, dict) else value
        if isinstance(text, str) and text:
            return self._literal(text, reference)
        if isinstance(value, dict) and isinstance(value.get("identifier"), dict):
            return self._logical(value, reference)
        return None

    def referring(self, kind: str, element: str, target: Element) -> tuple[Element, ...]:
        """The resources of a type whose `element` refers to the target, the document's own first.

        Those that the resolver knows, too, are the document's: it tells what is new of them.
        """
        key = (kind, element, target.path)
        if key not in self._referring:
            self._referring[key] = tuple(self._find_referring(kind, element, target))
        return self._referring[key]

    def _find_referring(self, kind: str, element: str, target: Element) -> Iterator[Element]:
        index = self._index(kind, element)
        name = name_of(target)
        own = {each.path: each for key in (target.path, name) for each in index.get(key, ())}
        yield from own.values()
        for found in self._resolver.referring(kind, element, name) if name else ():
            other = Element(found, f"{kind}/{found.get('id', '')}")
            # A server that does not know the search parameter gives whatever it has.
            named = any(_names(each.value, name) for each in other.children(element))
            if named and name_of(other) not in self._by_id:
                yield other

    def _index(self, kind: str, element: str) -> Mapping[str, Sequence[Element]]:
        """The document's resources of a type by what their `element` refers to: path and name."""
        if (kind, element) not in self._indexes:
            found: dict[str, list[Element]] = {}
            for each in self.of_type(kind):
                for reference in each.children(element):
                    target = self._follow_if_possible(reference)
                    for key in {target.path, name_of(target)} - {""} if target else ():
                        found.setdefault(key, []).append(each)
            self._indexes[kind, element] = found
        return self._indexes[kind, element]

    def _follow_if_possible(self, reference: Element) -> Element | None:
        """What is wrong with a reference is for the reading of its own resource to say."""
        try:
            return self.follow(reference)
        except BridgeError as error:
            if error.permanent:
                return None
            raise

    def _literal(self, text: str, reference: Element) -> Element | None:
        if text.startswith("#"):
            return _contained(text[1:], reference.root)
        kind, _, query = text.partition("?")
        if query and "/" not in kind:
            return self._conditional(kind, query, reference)
        url = text.partition("/_history/")[0]
        base = self._base_of.get(reference.root.path, "")
        found = self._by_url.get(url.lower()) or (
            self._by_url.get(f"{base}/{url}".lower()) if base else None
        )
        if found is None and not url.startswith("urn:"):
            found = self._of_same_server(url, base) if _is_own(url, base) else None
        return found or self._from_elsewhere(url)

    def _of_same_server(self, url: str, base: str) -> Element | None:
        """By type and id; an id means something only at its own server."""
        for each in self._by_id.get(_short(url), ()):
            if not base or self._base_of[each.path] in ("", base):
                return each
        return None

    def _from_elsewhere(self, url: str) -> Element | None:
        if url not in self._elsewhere:
            found = self._resolver.read(url)
            name = f"{found.get('resourceType')}/{found.get('id', '')}" if found else ""
            self._elsewhere[url] = Element(found, name) if found else None
        return self._elsewhere[url]

    def _conditional(self, kind: str, query: str, reference: Element) -> Element | None:
        own = [each for each in self.of_type(kind) if _matches(each.value, query)]
        found = own or [
            Element(each, f"{kind}/{each.get('id', '')}")
            for each in self._resolver.search(kind, query)
        ]
        if len(found) > 1:
            place = f"{reference.path}.reference"
            raise DuplicateKey("the conditional reference finds several resources", location=place)
        return found[0] if found else None

    def _logical(self, value: Json, reference: Element) -> Element:
        identifier = value["identifier"]
        kind = str(value.get("type") or "")
        for each in self.resources:
            if kind in ("", each.value.get("resourceType")) and _has(each.value, identifier):
                return each
        if kind == "ServiceRequest" and (found := self._identified(kind, identifier)):
            return found
        known = {"resourceType": kind or _KINDS.get(reference.path.rpartition(".")[2], "")}
        return Element({**known, "identifier": [identifier]}, reference.path)

    def _identified(self, kind: str, identifier: Json) -> Element | None:
        """What is known elsewhere under an identifier, when that is just one."""
        system, value = str(identifier.get("system") or ""), str(identifier.get("value") or "")
        if not value:
            return None
        token = f"{escape(system)}|{escape(value)}" if system else escape(value)
        found = self._resolver.search(kind, criteria("identifier", token))
        own = [each for each in found if _has(each, identifier)]
        return Element(own[0], f"{kind}/{own[0].get('id', '')}") if len(own) == 1 else None


# What an element refers to, where a logical reference does not say it.
_KINDS: Mapping[str, str] = {
    "subject": "Patient",
    "for": "Patient",
    "patient": "Patient",
    "other": "Patient",
    "encounter": "Encounter",
    "requester": "Practitioner",
}


def name_of(element: Element) -> str:
    """`Type/id` of a resource; empty when it has no id."""
    kind, name = element.value.get("resourceType"), element.value.get("id")
    return f"{kind}/{name}" if isinstance(kind, str) and isinstance(name, str) and name else ""


def is_same(one: Element | None, other: Element) -> bool:
    """Whether two elements are one resource."""
    if one is None:
        return False
    return one.path == other.path or (name_of(one) != "" and name_of(one) == name_of(other))


def _names(reference: Any, name: str) -> bool:
    text = reference.get("reference") if isinstance(reference, dict) else None
    return isinstance(text, str) and _short(text.partition("/_history/")[0]) == name


def _contained(name: str, root: Element) -> Element | None:
    if not name:
        return root
    return next((each for each in root.children("contained") if each.text("id") == name), None)


def _base(full_url: str, element: Element) -> str:
    """The base address of a RESTful `fullUrl` (R4 2.36.4.1)."""
    name = name_of(element)
    ends = bool(name) and full_url.endswith("/" + name)
    return full_url.removesuffix("/" + name) if ends else ""


def _short(url: str) -> str:
    """`Type/id` of a relative or absolute reference."""
    return "/".join(urlsplit(url).path.rstrip("/").split("/")[-_PARTS:])


def _is_own(url: str, base: str) -> bool:
    """Whether a reference may lead to a resource of the document by its type and id."""
    return "://" not in url or not base or url.lower().startswith(f"{base}/".lower())


def _matches(resource: Json, query: str) -> bool:
    """Whether a conditional reference's `identifier` parameter names this resource."""
    pairs = parse_qsl(query)
    return bool(pairs) and all(
        name == "identifier" and any(_is_token(value, each) for each in _identifiers(resource))
        for name, value in pairs
    )


def _is_token(token: str, identifier: Json) -> bool:
    system, bar, value = token.rpartition("|")
    return identifier.get("value") == value and (
        not bar or (identifier.get("system") or "") == system
    )


def _has(resource: Json, identifier: Json) -> bool:
    pair = (identifier.get("system"), identifier.get("value"))
    return bool(pair[1]) and any(
        (each.get("system"), each.get("value")) == pair for each in _identifiers(resource)
    )


def _identifiers(resource: Json) -> Iterator[Json]:
    content: Any = resource.get("identifier")
    for each in content if isinstance(content, list) else (content,):
        if isinstance(each, dict):
            yield each
