"""An instance is kept before it is acknowledged, once, and never written over."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import select

from bridge.domain.errors import StorageFull
from bridge.domain.study import (
    DuplicateInstance,
    Duplicates,
    InstanceElsewhere,
    InstanceHeader,
    Receipt,
    RefusedInstance,
)
from bridge.services.receive_instance import object_key
from bridge.store.tables import instance_conflict, mention, message
from tests.unit.services.core import Core, header


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def conflicts(core: Core) -> list[str]:
    with core.database.read() as connection:
        return list(connection.execute(select(instance_conflict.c.sop_instance_uid)).scalars())


def instances(core: Core, uid: str = "1.2.1") -> frozenset[str]:
    held = core.store.read(lambda tx: tx.studies.lock(uid))
    return held.instance_uids if held else frozenset()


def test_given_an_instance_then_its_bytes_are_kept_and_indexed(core: Core) -> None:
    assert core.image(content=b"pixels") is Receipt.STORED
    assert list(core.objects.held.values()) == [b"pixels"]
    held = core.store.read(lambda tx: tx.studies.lock("1.2.1"))
    assert held is not None
    assert (held.patient_name, held.accession and held.accession.value) == ("TRAN^P1", "A1")
    (series,) = held.series
    assert series.modality == "CT"
    assert [each.path for each in series.instances] == list(core.objects.held)


def test_given_the_same_instance_again_then_nothing_is_written(core: Core) -> None:
    core.image()
    core.settle()
    core.objects.held.clear()
    assert core.image() is Receipt.ALREADY_HELD
    assert core.objects.held == {}
    assert core.store.read(lambda tx: tx.timers.next_due(core.now)) is None


def test_given_other_bytes_under_the_same_uid_then_both_are_kept_and_the_first_counts(
    core: Core,
) -> None:
    core.image(content=b"first")
    assert core.image(content=b"second") is Receipt.CONFLICT
    assert core.image(content=b"second") is Receipt.CONFLICT
    assert sorted(core.objects.held.values()) == [b"first", b"second"]
    assert conflicts(core) == ["1.2.1.1.1"]
    held = core.store.read(lambda tx: tx.studies.held("1.2.1.1.1"))
    assert held is not None
    assert held.digest == digest(b"first")


def journal(core: Core) -> list[tuple[str, str, list[str]]]:
    """Control ID, disposition and warnings (or the error) of what is said of instances."""
    with core.database.read() as connection:
        rows = connection.execute(select(message).where(message.c.type == "instance")).all()
    return [(row.control_id, row.disposition, row.warnings or [row.error]) for row in rows]


def test_given_good_instances_then_the_journal_says_nothing_of_them(core: Core) -> None:
    core.image()
    assert journal(core) == []


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"study_uid": "1.2.2"},
        {"series": "1.2.1.9"},
        {"patient_id": "P9"},
    ],
)
@pytest.mark.parametrize("duplicates", Duplicates)
def test_given_the_uid_is_that_of_another_study_series_or_patient_then_it_is_kept_and_refused(
    core: Core, elsewhere: dict[str, str], duplicates: Duplicates
) -> None:
    core.image("1.2.1.1.1", content=b"first")
    core.instances._duplicates = duplicates
    with pytest.raises(InstanceElsewhere):
        core.image("1.2.1.1.1", **elsewhere, content=b"second")
    assert conflicts(core) == ["1.2.1.1.1"]
    assert sorted(core.objects.held.values()) == [b"first", b"second"]
    assert instances(core, "1.2.2") == frozenset()


def test_given_no_patient_is_named_then_it_is_nobody_elses(core: Core) -> None:
    core.image(content=b"first")
    assert core.image(patient_id="", content=b"second") is Receipt.CONFLICT


def test_given_duplicates_are_rejected_then_the_same_is_welcome_and_another_is_not(
    core: Core,
) -> None:
    core.instances._duplicates = Duplicates.REJECT
    core.image(content=b"first")
    assert core.image(content=b"first") is Receipt.ALREADY_HELD
    with pytest.raises(DuplicateInstance):
        core.image(content=b"second")
    assert list(core.objects.held.values()) == [b"first"]
    assert conflicts(core) == []


def test_given_duplicates_replace_then_the_last_counts_and_the_others_are_kept(
    core: Core,
) -> None:
    core.instances._duplicates = Duplicates.REPLACE
    core.image(content=b"first")
    core.settle()
    for content in (b"second", b"first", b"second"):
        assert core.image(content=content) is Receipt.REPLACED
        held = core.store.read(lambda tx: tx.studies.held("1.2.1.1.1"))
        assert held is not None
        assert held.digest == digest(content)
        assert conflicts(core) == ["1.2.1.1.1"]
    assert sorted(core.objects.held.values()) == [b"first", b"second"]
    assert core.store.read(lambda tx: tx.timers.next_due(core.now)) is not None
    assert len(journal(core)) == 3


def test_given_flaws_then_the_study_has_them_and_the_journal_says_so_once(core: Core) -> None:
    for number in range(3):
        flawed = replace(header(f"1.2.1.1.{number}"), flaws=("has an odd length", "is no DA"))
        core.instances.receive(flawed, b"pixels", str(number), "CT01")
    assert core.store.read(lambda tx: tx.flaws.of("1.2.1")) == {
        "has an odd length": 3,
        "is no DA": 3,
    }
    assert journal(core) == [("1.2.1.1.0", "noted", ["has an odd length", "is no DA"])]


def test_given_an_instance_is_refused_then_the_journal_has_its_beginning_and_why(
    core: Core,
) -> None:
    core.instances.refuse(
        RefusedInstance(
            beginning=b"DICM",
            peer="CT01",
            reason="no study",
            sop_instance_uid="1.2.3",
            header=header(),
        )
    )
    assert journal(core) == [("1.2.3", "refused", ["no study"])]
    with core.database.read() as connection:
        assert set(connection.execute(select(mention.c.value)).scalars()) == {
            "1.2.3",
            "1.2.1",
            "P1",
            "A1",
        }


def test_given_a_crash_between_file_and_index_then_the_next_attempt_completes_it(
    core: Core,
) -> None:
    key = object_key(header(), digest(b"pixels"))
    core.objects.held[key] = b"pixels"  # and then the power went
    assert core.image() is Receipt.STORED
    assert list(core.objects.held) == [key]
    assert instances(core) == {"1.2.1.1.1"}


def test_given_no_room_then_nothing_is_indexed_and_the_modality_hears_it(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_key: str, _content: bytes) -> None:
        raise StorageFull("no space")

    monkeypatch.setattr(core.objects, "put", full)
    with pytest.raises(StorageFull):
        core.image()
    assert instances(core) == frozenset()


def test_given_what_the_first_instance_did_not_carry_then_a_later_one_tells(core: Core) -> None:
    core.image("1.1", patient_id="", name="", accession="", PatientBirthDate="", StudyDate="")
    core.image("1.2", StudyDate="20260105", performed=["1.9.1"])
    held = core.store.read(lambda tx: tx.studies.lock("1.2.1"))
    assert held is not None
    assert held.patient_id is not None
    assert (held.patient_id.value, held.patient_name) == ("P1", "TRAN^P1")
    assert held.performed_step_uids == ("1.9.1",)
    assert (held.attributes["PatientBirthDate"], held.attributes["StudyDate"]) == (
        "19700101",
        "20260105",
    )


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2/3", ".", "", "1.2\x00", "1" * 200, "/a"])
def test_given_what_is_no_uid_then_the_key_still_has_three_plain_parts(uid: str) -> None:
    hostile = InstanceHeader(
        sop_class_uid="1",
        sop_instance_uid=uid,
        study_instance_uid=uid,
        series_instance_uid=uid,
        transfer_syntax_uid="1",
    )
    parts = object_key(hostile, "d" * 64).split("/")
    assert len(parts) == 3
    assert all(part and part[0].isalnum() and len(part) <= 100 for part in parts)


def test_keys_of_other_bytes_and_other_places_differ() -> None:
    keys = {
        object_key(header(), digest(b"1")),
        object_key(header(), digest(b"2")),
        object_key(header("1.2.1.1.2"), digest(b"1")),
        object_key(header("1.2.1.1.1", "1.2.2"), digest(b"1")),
    }
    assert len(keys) == 4
