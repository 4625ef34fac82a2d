"""What a search parameter is: its name, its type, where its values stand, which field it asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum


class ParameterType(StrEnum):
    """Types of search parameters (FHIR R4 3.1.1.4), as CapabilityStatement names them."""

    TOKEN = "token"  # noqa: S105
    STRING = "string"
    DATE = "date"
    REFERENCE = "reference"
    URI = "uri"


class Meaning(StrEnum):
    """How the values of a field of the domain are to be compared with those of a search."""

    PLAIN = "plain"
    IDENTIFIER = "identifier"
    CODE = "code with its system"
    DAY = "day"
    SITE_TIME = "site time"
    UNIX_TIME = "unix time"
    FAMILY_NAME = "first word"
    GIVEN_NAME = "later word"
    RECORD = "record"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A search parameter.

    `paths` are elements of a received resource, dots between them, that hold its values. `field`
    is the field of the domain's record that it asks, by `meaning`; empty when only received
    resources have it. `codes` are the field's values for each code of FHIR. `targets` are the
    types that a reference may be to. `always` are codes that every row of the domain has.
    """

    name: str
    type: ParameterType
    paths: tuple[str, ...]
    doc: str
    field: str = ""
    meaning: Meaning = Meaning.PLAIN
    codes: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    targets: tuple[str, ...] = ()
    always: tuple[str, ...] = ()


def token(
    name: str,
    *paths: str,
    doc: str,
    field: str = "",
    codes: Mapping[str, tuple[str, ...]] | None = None,
    meaning: Meaning = Meaning.PLAIN,
    always: tuple[str, ...] = (),
) -> Parameter:
    """A token: a code, a Coding, a CodeableConcept or an Identifier."""
    return Parameter(
        name=name,
        type=ParameterType.TOKEN,
        paths=paths,
        doc=doc,
        field=field,
        meaning=meaning,
        codes=codes or {},
        always=always,
    )


def identifier(doc: str = "Business identifier", name: str = "identifier") -> Parameter:
    """`system|value`, `value` or `|value` of an identifier."""
    return token(name, "identifier", doc=doc, meaning=Meaning.IDENTIFIER)


def text(
    name: str, *paths: str, doc: str, field: str = "", meaning: Meaning = Meaning.PLAIN
) -> Parameter:
    """A string: a word of it begins with what is asked for, or with :contains has it anywhere."""
    return Parameter(
        name=name,
        type=ParameterType.STRING,
        paths=paths,
        doc=doc,
        field=field,
        meaning=meaning,
    )


def date(
    name: str, *paths: str, doc: str, field: str = "", meaning: Meaning = Meaning.SITE_TIME
) -> Parameter:
    """A date or time, with prefixes."""
    return Parameter(
        name=name,
        type=ParameterType.DATE,
        paths=paths,
        doc=doc,
        field=field,
        meaning=meaning,
    )


def reference(
    name: str,
    *paths: str,
    targets: tuple[str, ...],
    doc: str,
    field: str = "",
) -> Parameter:
    """A reference: `Type/id`, `id`, a URL of ours; or `name.parameter` of its target."""
    return Parameter(
        name=name,
        type=ParameterType.REFERENCE,
        paths=paths,
        doc=doc,
        field=field,
        meaning=Meaning.RECORD,
        targets=targets,
    )


def whose(*paths: str, field: str = "patient") -> tuple[Parameter, Parameter]:
    """`patient` and `subject`: whom the resource is about."""
    doc = "The patient"
    return (
        reference("patient", *paths, targets=("Patient",), doc=doc, field=field),
        reference("subject", *paths, targets=("Patient",), doc=doc, field=field),
    )
