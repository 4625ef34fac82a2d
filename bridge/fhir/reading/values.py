"""What the rows of a profile make of resources: patients, the numbers of orders, and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.domain.errors import RequiredFieldMissing, UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.order import OrderNumbers
from bridge.domain.patient import PatientDetails
from bridge.fhir.identifiers import Json
from bridge.fhir.reading.reading import FhirSender
from bridge.fhir.reading.resolution import Document
from bridge.mapping.element_readers import Context, identifier_of
from bridge.mapping.element_rows import evaluate_element_rows
from bridge.mapping.elements import Element, ElementScope
from bridge.mapping.source import Run
from bridge.mapping.targets import Level

Roots = Mapping[str, Sequence[Element]]

_NUMBERS = {
    "accession": "AccessionNumber",
    "placer": "PlacerOrderNumberImagingServiceRequest",
    "filler": "FillerOrderNumberImagingServiceRequest",
}


class Values:
    """Reads values of one entry: its pass collects the warnings."""

    def __init__(self, sender: FhirSender, document: Document, header: Roots) -> None:
        """Take the document; `header` are resources that say something of all others (Bundle)."""
        self.sender = sender
        self.document = document
        self.run = Run(sender.site)
        self._header = header

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd, each as `EXPRESSION: text`."""
        return tuple(dict.fromkeys(self.run.warnings))

    def scope(self, roots: Roots) -> ElementScope:
        """What rows may read."""
        return ElementScope(
            roots={**self._header, **roots},
            follow=self.document.follow,
            designators=self.sender.profile.designators,
        )

    def read(
        self, level: Level, roots: Roots, sources: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Evaluate the rows of a level."""
        rows = self.sender.profile.levels[level]
        found = {} if sources is None else sources
        return evaluate_element_rows(rows, self.scope(roots), self.run, found)

    def patient(
        self, resource: Element, further: Roots | None = None, sources: dict[str, str] | None = None
    ) -> PatientDetails:
        """The patient that a Patient resource describes.

        Raises:
            RequiredFieldMissing: it has nothing to be identified by.
        """
        said = self.read(Level.PATIENT, {**(further or {}), "Patient": [resource]}, sources)
        identifiers = said.pop("PatientID", None) or ()
        if not identifiers:
            place = f"{resource.path}.identifier"
            raise RequiredFieldMissing("the patient has no identifier", location=place)
        return PatientDetails(identifiers=identifiers, attributes=said)

    def referred_patient(
        self, owner: Element, names: Sequence[str], *, required: bool = True
    ) -> Element | None:
        """The Patient that one of these elements of a resource refers to.

        Raises:
            RequiredFieldMissing: none of them is there.
            UnknownKey: it is not known, or no patient.
        """
        reference = next((found for name in names if (found := owner.child(name))), None)
        if reference is None:
            if required:
                place = f"{owner.path}.{names[0]}"
                raise RequiredFieldMissing("the patient is not named", location=place)
            return None
        patient = self.document.follow(reference)
        if patient is not None and patient.value.get("resourceType") == "Patient":
            return patient
        if not required:
            return None
        why = "the patient it refers to is not known" if patient is None else "not a patient"
        raise UnknownKey(why, location=f"{reference.path}.reference")

    def numbers(self, requests: Sequence[Element]) -> OrderNumbers:
        """The numbers that ServiceRequests are known by."""
        roots = {"ServiceRequest": requests, "OrderRequest": requests[:1]}
        return numbers_in(self.read(Level.ORDER, roots))

    def context(self) -> Context:
        """What readers of single elements need."""
        return Context(self.run, self.scope({}), self.sender.profile.systems)

    def identifiers(self, resource: Element) -> tuple[Identifier, ...]:
        """All identifiers of a resource, else its id."""
        context = self.context()
        found = [identifier_of(each, context, "placer") for each in resource.children("identifier")]
        if not any(found) and (own := resource.child("id")):
            found = [identifier_of(own, context, "resources")]
        return tuple(each for each in found if each is not None)

    def occurred_at(self, resource: Element) -> str:
        """When this version of a resource came about (UTC), where its sender can say so."""
        found = self.read(Level.ORDER, {"OrderRequest": [_only_meta(resource)]})
        return str(found.get("OccurredAt") or "")


def numbers_in(said: dict[str, Any]) -> OrderNumbers:
    """Take the numbers of an order out of what its rows said."""
    return OrderNumbers(
        **{name: said.pop(keyword, None) or None for name, keyword in _NUMBERS.items()}
    )


def _only_meta(resource: Element) -> Element:
    meta: Json = {"meta": resource.value["meta"]} if "meta" in resource.value else {}
    return Element(meta, resource.path)
