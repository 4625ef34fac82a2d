"""The keys that a study is searched by: what its images say, or what its order does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, null, select, update

from bridge.domain.coercion import Coercion
from bridge.domain.identifiers import Identifier
from bridge.domain.names import fold_name
from bridge.store import documents
from bridge.store.study_identity import StudyIdentity
from bridge.store.tables import study_key

_TIME_LENGTH = 6
_NO_NUMBER = Identifier("")


def study_keys(
    *,
    patient_id: Identifier | None,
    patient_name: str,
    accession: Identifier | None,
    attributes: Mapping[str, str],
) -> dict[str, Any]:
    """The columns of `study_key` but its primary key; what is not known is empty."""
    return {
        "patient_name": fold_name(patient_name),
        "patient_id": patient_id.value if patient_id else "",
        "issuer_of_patient_id": patient_id.authority.key if patient_id else "",
        "patient_birth_date": attributes.get("PatientBirthDate", ""),
        "patient_sex": attributes.get("PatientSex", ""),
        "accession_number": accession.value if accession else "",
        "study_date": attributes.get("StudyDate", "").replace(".", ""),
        "study_time": _time(attributes.get("StudyTime", "")),
        "study_id": attributes.get("StudyID", ""),
        "study_description": attributes.get("StudyDescription", ""),
        "referring_physician": fold_name(attributes.get("ReferringPhysicianName", "")),
    }


def add_keys(
    connection: Connection, study_pk: int, identity: StudyIdentity, attributes: Mapping[str, str]
) -> None:
    """Let a new study be found under what its images say."""
    keys = _keys(identity, attributes, None)
    connection.execute(study_key.insert(), {"study_pk": study_pk, **keys})


def change_keys(
    connection: Connection, study_pk: int, identity: StudyIdentity, attributes: Mapping[str, str]
) -> None:
    """Follow what further images say; what an order says stands until it is decided again."""
    if _presented(connection, study_pk) is None:
        present_keys(connection, study_pk, identity, attributes, None)


def present_keys(
    connection: Connection,
    study_pk: int,
    identity: StudyIdentity,
    attributes: Mapping[str, str],
    coercion: Coercion | None,
) -> bool:
    """Let a study be found under what its order says, or (None) under what its images say.

    True when that is something else than before.
    """
    before, presented = _presented(connection, study_pk), None
    if coercion is not None:
        presented = [
            documents.dump_identifier(coercion.patient_id),
            # None leaves what the images say; one that is of none of the orders is not shown.
            documents.dump_identifier(coercion.accession_for(identity.accession) or _NO_NUMBER),
            coercion.said_over(identity.patient_id, attributes),
        ]
    connection.execute(
        update(study_key)
        .where(study_key.c.study_pk == study_pk)
        .values(
            **_keys(identity, attributes, coercion),
            presented=null() if presented is None else presented,
        )
    )
    return bool(json.loads(json.dumps(presented)) != before)


def _presented(connection: Connection, study_pk: int) -> Any:
    query = select(study_key.c.presented).where(study_key.c.study_pk == study_pk)
    return connection.execute(query).scalar()


def _keys(
    identity: StudyIdentity, attributes: Mapping[str, str], coercion: Coercion | None
) -> dict[str, Any]:
    said = coercion.said_over(identity.patient_id, attributes) if coercion else {}
    accession = coercion.accession_for(identity.accession) if coercion else identity.accession
    return study_keys(
        patient_id=coercion.patient_id if coercion else identity.patient_id,
        patient_name=said.pop("PatientName", identity.patient_name),
        accession=accession,
        attributes={**attributes, **said},
    )


def _time(text: str) -> str:
    """HHMMSS, as ranges are compared; without seconds it is the first of its minute."""
    digits = text.replace(":", "").partition(".")[0]
    return (digits + "000000")[:_TIME_LENGTH] if digits.isdigit() else ""
