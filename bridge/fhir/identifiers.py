"""Identifiers as FHIR carries them: which `system` stands for an assigning authority."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bridge.domain.identifiers import Authority, Identifier
from bridge.fhir.terms import IDENTIFIER_TYPE

Json = dict[str, Any]

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

# HL7 table 0203.
ACCESSION, PLACER, FILLER, MEDICAL_RECORD = "ACSN", "PLAC", "FILL", "MR"


@dataclass(frozen=True, slots=True)
class IdentifierSystems:
    """How authorities become URIs.

    `known` names the receiver's own system for a namespace or universal ID and wins over all. A
    universal ID becomes its URN (OID, UUID) or stays as it is (URI). A bare namespace is put
    behind `prefix`; an identifier of no authority at all belongs to the namespace `default`.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "urn:id:"
    default: str = ""

    def system(self, authority: Authority) -> str:
        """The system of an authority; empty only when there is neither authority nor default."""
        for name in (authority.namespace, authority.universal_id):
            if name in self.known:
                return self.known[name]
        universal = _universal(authority)
        return universal or self._namespace(authority.namespace or authority.universal_id)

    def _namespace(self, namespace: str) -> str:
        name = namespace or self.default
        if name in self.known:
            return self.known[name]
        if _URI.fullmatch(name):
            return name
        return self.prefix + quote(name, safe="-._~") if name else ""

    def token(self, identifier: Identifier) -> str:
        """The identifier as a search token `system|value`, not yet URL-encoded (R4 3.1.1.4.10)."""
        return f"{escape(self.system(identifier.authority))}|{escape(identifier.value)}"

    def resource(self, identifier: Identifier, type_code: str = "", use: str = "") -> Json:
        """The identifier as FHIR's data type; `type_code` of table 0203 unless it says its own."""
        code, system = identifier.type_code or type_code, self.system(identifier.authority)
        return {
            **({"use": use} if use else {}),
            **({"type": {"coding": [{"system": IDENTIFIER_TYPE, "code": code}]}} if code else {}),
            **({"system": system} if system else {}),
            "value": identifier.value,
        }


def _universal(authority: Authority) -> str:
    text = authority.universal_id
    if _OID.fullmatch(text):
        return f"urn:oid:{text}"
    if _UUID.fullmatch(text):
        return f"urn:uuid:{text.lower()}"
    return text if _URI.fullmatch(text) else ""


def escape(text: str) -> str:
    r"""Escape `\ $ , |` in a search value (R4 3.1.1.4.0)."""
    return re.sub(r"([\\$,|])", r"\\\1", text)


def criteria(parameter: str, token: str) -> str:
    """One search parameter, its value URL-encoded, as `ifNoneExist` and request URLs want it."""
    return f"{parameter}={quote(token, safe='')}"
