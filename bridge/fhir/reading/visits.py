"""Encounter (FHIR R4 8.11, R5 8.11) → visits."""

from __future__ import annotations

from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.events import Event
from bridge.domain.identifiers import Identifier
from bridge.domain.visit import VisitAction, VisitChanged, VisitDetails
from bridge.fhir.reading.values import Values
from bridge.mapping.elements import Element
from bridge.mapping.targets import Level

_EVENT = "Encounter"
_OF_VISITS = ("CurrentPatientLocation", "ReferringPhysicianName", "ReasonForVisit")
_ACCOUNT_TYPES = frozenset({"AN", "ANON", "ANC"})


def read_visit(values: Values, resource: Element) -> tuple[Event, ...]:
    """An Encounter: what happened to the visit, by its status.

    Raises:
        BridgeError: it has no patient, or nothing to be identified by.
    """
    row = values.sender.profile.status("Encounter", resource.text("status"))
    return (_changed(values, resource, VisitAction(row["action"] or VisitAction.UPDATE)),)


def read_removed_visit(values: Values, resource: Element) -> tuple[Event, ...]:
    """An Encounter that is deleted."""
    return (_changed(values, resource, VisitAction.CANCEL),)


def _changed(values: Values, resource: Element, action: VisitAction) -> VisitChanged:
    patient = values.referred_patient(resource, ("subject",))
    assert patient is not None  # noqa: S101 - it is required
    said = values.read(Level.ORDER, {"Encounter": [resource]})
    return VisitChanged(
        event=_EVENT,
        action=action,
        patient=values.patient(patient),
        visit=_details(values, resource, {k: v for k, v in said.items() if k in _OF_VISITS}),
        occurred_at=values.occurred_at(resource),
        location=resource.path,
    )


def _details(values: Values, resource: Element, attributes: dict[str, str]) -> VisitDetails:
    identifiers = values.identifiers(resource)
    account = next((each for each in identifiers if each.type_code in _ACCOUNT_TYPES), None)
    others = [each for each in identifiers if each is not account]
    if not identifiers:
        place = f"{resource.path}.identifier"
        raise RequiredFieldMissing("the visit has no identifier", location=place)
    return VisitDetails(
        number=_number(others),
        account=account or _account(values, resource),
        patient_class=_class(values, resource),
        attributes=attributes,
    )


def _number(identifiers: list[Identifier]) -> Identifier | None:
    typed = (each for each in identifiers if each.type_code == "VN")
    return next(typed, identifiers[0] if identifiers else None)


def _account(values: Values, resource: Element) -> Identifier | None:
    for reference in resource.children("account"):
        target = values.document.follow(reference)
        if target is not None and (found := values.identifiers(target)):
            return found[0]
    return None


def _class(values: Values, resource: Element) -> str:
    """A Coding in R4, a list of CodeableConcepts in R5."""
    for each in resource.children("class"):
        for coding in [each] if "code" in each.value else each.children("coding"):
            found = values.sender.profile.encounter_class(coding.text("code"))
            if found:
                return found
    return ""
