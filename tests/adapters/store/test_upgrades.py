"""What an older version kept is there, and found, after the upgrade."""

from __future__ import annotations

import json

from sqlalchemy import select, text

from bridge.store import schema
from bridge.store.database import Database
from bridge.store.migration import run_migrations
from bridge.store.tables import study_key


def test_studies_received_before_are_found_by_name_and_date(empty: Database) -> None:
    identity = [["P1", "HOSP", "", "", ""], "NGUYỄN^ÁNH", ["A1", "", "", "", ""], []]
    attributes = {"StudyDate": "20261124", "StudyTime": "0815", "PatientSex": "F"}
    empty.transact(lambda connection: run_migrations(connection, "0007"))
    with empty.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO study (study_instance_uid, identity, attributes, request_attributes,"
                " performed_step_uids, created_at, updated_at)"
                " VALUES ('1.2.3', :identity, :attributes, '[]', '[]', 1, 1)"
            ),
            {"identity": json.dumps(identity), "attributes": json.dumps(attributes)},
        )
    schema.upgrade(empty)
    with empty.read() as connection:
        row = connection.execute(select(study_key)).mappings().one()
    assert dict(row) | {"study_pk": 0} == {
        "study_pk": 0,
        "patient_name": "NGUYEN^ANH",
        "patient_id": "P1",
        "issuer_of_patient_id": "HOSP",
        "patient_birth_date": "",
        "patient_sex": "F",
        "accession_number": "A1",
        "study_date": "20261124",
        "study_time": "081500",
        "study_id": "",
        "study_description": "",
        "referring_physician": "",
        "presented": None,
    }
