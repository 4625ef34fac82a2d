"""Given an order message, when read, then every order, procedure and step of it is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.errors import BridgeError, DataTypeError, RequiredFieldMissing
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import Category
from bridge.hl7.order_groups import SegmentSequenceError
from tests.unit.hl7.messages import PID, msh, obr, orc, orders, raw, reading, segment

OMI = msh("OMI^O23^OMI_O23")


def ipc(accession: str, rp_id: str, uid: str, sps_id: str, modality: str = "CT") -> str:
    return segment("IPC", {1: accession, 2: rp_id, 3: uid, 4: sps_id, 5: modality})


def test_given_several_ipc_when_read_then_steps_are_grouped_by_procedure() -> None:
    (order,) = orders(
        OMI,
        PID,
        orc(),
        obr(),
        ipc("A1", "RP1", "1.2.1", "S1"),
        ipc("A1", "RP2", "1.2.2", "S3", "MR"),
        ipc("A1", "RP1", "1.2.1", "S2"),
    )
    assert order.numbers.accession == Identifier("A1", Authority("HOSP"))
    found = [
        (p.rp_id, p.study_instance_uid, [(s.sps_id, s.modality) for s in p.steps])
        for p in order.procedures
    ]
    assert found == [
        ("RP1", "1.2.1", [("S1", "CT"), ("S2", "CT")]),
        ("RP2", "1.2.2", [("S3", "MR")]),
    ]


def test_given_steps_of_two_accession_numbers_when_read_then_they_are_two_orders() -> None:
    found = orders(
        OMI,
        PID,
        orc(filler=""),
        obr(),
        ipc("A1", "RP1", "1.2.1", "S1"),
        ipc("A2", "RP1", "1.2.2", "S1"),
    )
    assert [order.numbers.accession.value for order in found if order.numbers.accession] == [
        "A1",
        "A2",
    ]


@given(st.integers(1, 8))
def test_given_n_pairs_of_other_numbers_when_read_then_n_orders(count: int) -> None:
    pairs = [
        line
        for n in range(count)
        for line in (
            orc(placer=f"P{n}", filler=f"F{n}"),
            obr(n + 1, f18=f"A{n}"),
            f"ZDS|1.2.{n + 1}^^Application^DICOM",
        )
    ]
    found = orders(msh(), PID, *pairs)
    assert len(found) == count
    uids = [order.procedures[0].study_instance_uid for order in found]
    assert uids == [f"1.2.{n + 1}" for n in range(count)]
    assert [order.location for order in found] == [f"ORC^{n + 1}" for n in range(count)]


@given(st.integers(1, 6), st.booleans())
def test_given_n_pairs_of_the_same_numbers_when_read_then_one_order(
    count: int, one_study: bool
) -> None:
    pairs = [
        line
        for n in range(count)
        for line in (
            orc(),
            obr(n + 1, f18="A1", f20=f"S{n}"),
            f"ZDS|1.2.{1 if one_study else n + 1}",
        )
    ]
    (order,) = orders(msh(), PID, *pairs)
    steps = [step.sps_id for procedure in order.procedures for step in procedure.steps]
    assert steps == [f"S{n}" for n in range(count)]
    assert len(order.procedures) == (1 if one_study else count)


def test_given_a_number_only_one_group_tells_when_read_then_the_order_has_it() -> None:
    (order,) = orders(msh(), PID, orc(filler=""), obr(1, f18="A1"), orc(), obr(2))
    assert order.numbers.filler == Identifier("F1")
    assert order.numbers.accession == Identifier("A1", Authority("HOSP"))
    assert len(order.procedures) == 2


def test_given_obrs_under_one_orc_when_read_then_each_is_a_procedure_of_the_order() -> None:
    (order,) = orders(
        OMI.replace("OMI^O23^OMI_O23", "OMG^O19^OMG_O19"),
        PID,
        orc(),
        "TQ1|1||||||202603130800",
        obr(1),
        obr(2, f4="CTTHX^CT thorax"),
    )
    assert [p.code.value for p in order.procedures if p.code] == ["CTHEAD", "CTTHX"]
    starts = {p.steps[0].start_date + p.steps[0].start_time for p in order.procedures}
    assert starts == {"20260313080000"}


@pytest.mark.parametrize("place", [1, 2, 3])
def test_given_tq1_anywhere_in_its_group_when_read_then_it_is_the_start(place: int) -> None:
    group = [orc(), obr(), "NTE|1||note"]
    group.insert(place, "TQ1|1||||||202603130800||S")
    (order,) = orders(msh("OMG^O19"), PID, *group)
    (step,) = order.procedures[0].steps
    assert (step.start_date, step.start_time) == ("20260313", "080000")
    assert order.procedures[0].attributes["RequestedProcedurePriority"] == "STAT"


def test_given_segments_of_two_groups_when_read_then_none_leaks_into_the_other() -> None:
    first, second = orders(
        msh(),
        PID,
        orc(placer="P1", filler=""),
        "TQ1|1||||||202603130800||S",
        obr(1, f24="CT"),
        "NTE|1||first",
        orc(placer="P2", filler=""),
        obr(2, f24="MR"),
        "NTE|1||second",
    )
    assert first.procedures[0].attributes["RequestedProcedureComments"] == "first"
    assert second.procedures[0].attributes["RequestedProcedureComments"] == "second"
    assert second.procedures[0].steps[0].start_date == ""
    assert "RequestedProcedurePriority" not in second.procedures[0].attributes


def test_given_notes_on_the_patient_when_read_then_they_are_not_of_the_order() -> None:
    (order,) = orders(msh(), PID, "NTE|1||a patient's note", orc(), obr())
    assert "RequestedProcedureComments" not in order.procedures[0].attributes


def test_given_a_body_weight_when_read_then_it_is_the_patients() -> None:
    (order,) = orders(msh(), PID, orc(), obr(), "OBX|1|NM|^Body Weight||65|kg")
    assert order.patient.attributes["PatientWeight"] == "65"


def test_given_one_zds_at_the_end_when_orders_differ_then_it_is_the_last_ones() -> None:
    first, second = orders(
        msh(), PID, orc(filler="F1"), obr(1, f18="A1"), orc(filler="F2"), obr(2, f18="A2"),
        "ZDS|1.2.3",
    )  # fmt: skip
    assert first.procedures[0].study_instance_uid == ""
    assert second.procedures[0].study_instance_uid == "1.2.3"


def test_given_zds_before_the_only_order_when_read_then_it_is_that_orders() -> None:
    (order,) = orders(msh(), PID, "ZDS|1.2.3", orc(), obr())
    assert order.procedures[0].study_instance_uid == "1.2.3"


def test_given_ipc_before_several_orders_when_read_then_it_is_refused() -> None:
    with pytest.raises(SegmentSequenceError) as caught:
        reading(OMI, PID, ipc("A1", "R", "1.2", "S"), orc(), obr(), orc(placer="P2"), obr(2))
    assert (caught.value.code, caught.value.location) == ("100", "IPC^1")


def test_given_prior_results_when_read_then_they_are_not_orders() -> None:
    found = reading(msh("OMG^O19"), PID, orc(), obr(), PID, orc(placer="OLD"), obr(f25="F"))
    assert len(found.events) == 1
    assert "prior results after the orders were left alone" in found.remarks


@pytest.mark.parametrize("kind", ["OMG^O19", "OMI^O23"])
def test_given_orders_of_several_patients_when_read_then_none_is_taken_for_a_prior_result(
    kind: str,
) -> None:
    other = PID.replace("PID1", "PID2")
    second = orc(placer="P2", filler="F2")
    prior = (PID, orc("RE", placer="OLD"), obr(f25="F"))

    found = orders(msh(kind), PID, orc(), obr(), other, second, obr(), *prior)

    assert [event.patient.identifiers[0].value for event in found] == ["PID1", "PID2"]


def test_given_two_patients_in_an_orm_when_read_then_each_order_is_its_own_patients() -> None:
    other = PID.replace("PID1", "PID2").replace("Doe", "Roe")
    first, second = orders(msh(), PID, orc(), obr(), other, orc(placer="P2", filler="F2"), obr(2))
    assert first.patient.identifiers[0].value == "PID1"
    assert second.patient.identifiers[0].value == "PID2"
    assert second.patient.name == "Roe^Jane"


def test_given_a_visit_after_the_order_when_read_then_it_still_counts() -> None:
    visit = segment("PV1", {2: "O", 19: "V1"})
    (order,) = orders(msh(), PID, orc(), obr(), visit)
    assert order.attributes["AdmissionID"] == "V1"


# --- what is missing or wrong ---


@pytest.mark.parametrize(
    ("segments", "code", "location"),
    [
        ([PID], "101", "ORC^1^1"),
        (["PID|||||Doe^Jane", orc(), obr()], "101", "PID^1^3"),
        ([orc(), obr()], "101", "PID^1^3"),
        ([PID, orc(placer="", filler=""), obr()], "101", "ORC^1^2"),
        ([PID, orc(), obr(), orc(placer="", filler=""), obr(2)], "101", "ORC^2^2"),
        ([PID, orc(control=""), obr()], "101", "ORC^1^1"),
        ([PID, obr(f2="P1")], "101", "ORC^1^1"),
        ([PID, orc(), obr(f18="A" * 17)], "102", "OBR^1^18"),
        ([PID, orc(), obr(f18="A1"), orc(placer="P2"), obr(2, f19="R" * 17)], "102", "OBR^2^19"),
        ([PID, orc(), obr(f20="S" * 17)], "102", "OBR^1^20"),
        ([PID.replace("PID1", "X" * 65), orc(), obr()], "102", "PID^1^3"),
        ([PID, orc(), obr(), "ZDS|urn:oid:x"], "102", "ZDS^1^1"),
        ([PID, orc(), obr(), "ZDS|not-a-uid"], "102", "ZDS^1^1"),
        ([PID, orc(), obr(), "IPC|A1|RP1|1.2.3|S1|ZZ"], "103", "IPC^1^5"),
        ([PID, orc(f7="^^^20261345"), obr()], "102", "ORC^1^7^1^4"),
    ],
)
def test_given_what_an_order_cannot_do_without_when_read_then_it_is_refused_with_its_place(
    segments: list[str], code: str, location: str
) -> None:
    with pytest.raises(BridgeError) as caught:
        reading(msh(), *segments)
    assert (caught.value.code, caught.value.location) == (code, location)
    assert caught.value.permanent


def test_given_16_characters_when_read_then_they_are_kept() -> None:
    (order,) = orders(msh(), PID, orc(), obr(f18="A" * 16, f19="R" * 16, f20="S" * 16))
    assert order.numbers.accession
    assert order.numbers.accession.value == "A" * 16
    assert order.procedures[0].rp_id == "R" * 16
    assert order.procedures[0].steps[0].sps_id == "S" * 16


def test_given_no_pid3_when_pid2_or_pid4_has_the_identifier_then_it_counts() -> None:
    (by_2,) = orders(msh(), "PID|1|EXT1^^^OLD||ALT1|Doe^Jane", orc(), obr())
    (by_4,) = orders(msh(), "PID|1|||ALT1|Doe^Jane", orc(), obr())
    assert by_2.patient.identifiers == (Identifier("EXT1", Authority("OLD")),)
    assert by_4.patient.identifiers == (Identifier("ALT1", Authority("HOSP")),)


def test_given_an_authority_in_any_form_when_read_then_it_is_whole() -> None:
    pid = "PID|||1^^^NS&1.2.3&ISO^MR~2^^^&1.2.4&ISO~3||Doe^Jane"
    (order,) = orders(msh(), pid, orc(placer="P1^NS2^1.9^ISO", filler="F1^^^NS3"), obr())
    assert order.patient.identifiers == (
        Identifier("1", Authority("NS", "1.2.3", "ISO"), "MR"),
        Identifier("2", Authority("", "1.2.4", "ISO")),
        Identifier("3", Authority("HOSP")),
    )
    assert order.numbers.placer == Identifier("P1", Authority("NS2", "1.9", "ISO"))
    assert order.numbers.filler == Identifier("F1", Authority("NS3"))


def test_given_nothing_said_when_read_then_no_key_is_there() -> None:
    (order,) = orders(msh(), "PID|||PID1||Doe^Jane", orc(), obr(f4="", f24="CT"))
    assert dict(order.patient.attributes) == {"PatientName": "Doe^Jane"}
    assert order.attributes == {}
    assert order.procedures[0].attributes == {}
    assert order.procedures[0].code is None
    assert order.procedures[0].rp_id == order.procedures[0].study_instance_uid == ""


def test_given_null_when_read_then_the_attribute_is_empty_text() -> None:
    (order,) = orders(msh(), PID.replace("19800101", '""'), orc(), obr(f30='""'))
    assert order.patient.attributes["PatientBirthDate"] == ""
    assert order.procedures[0].attributes["PatientTransportArrangements"] == ""


def test_given_null_first_and_a_value_later_when_read_then_the_value_counts() -> None:
    (order,) = orders(msh(), PID, orc(f12="1^Order^Er"), obr(f16='""'))
    assert order.attributes["RequestingPhysician"] == "Order^Er"


def test_given_both_times_when_read_then_the_messages_tells_which_is_newer() -> None:
    """Else a cancel whose ORC-9 is the order's, to the minute, is older than the order itself."""
    untimed = msh().replace("20260312081500", "1234")
    (both,) = orders(msh(), PID, orc(f9="202603120814"), obr())
    (by_orc,) = orders(untimed, PID, orc(f9="20260312080000+0900"), obr())
    (neither,) = orders(untimed, PID, orc(f9="yesterday"), obr())
    assert both.occurred_at == "20260312011500"
    assert by_orc.occurred_at == "20260311230000"
    assert neither.occurred_at == ""


def test_given_a_long_description_when_read_then_it_is_cut_with_a_warning() -> None:
    found = reading(msh(), PID, orc(), obr(f4="X^" + "y" * 70))
    assert found.warnings == ("OBR^1^4^1^2: longer than 64 characters and was cut",)


def test_given_a_laboratory_order_when_anything_is_wrong_with_it_then_it_is_still_noted() -> None:
    (order,) = orders(
        msh(), "PID|||||Doe^Jane", orc(control="", placer=""), obr(f18="X" * 50, f24="LAB")
    )
    assert order.category is Category.OTHER
    assert order.procedures == ()


def test_given_a_mixed_message_when_read_then_each_order_has_its_own_category() -> None:
    first, second = orders(
        msh(), PID, orc(), obr(f24="LAB"), orc(placer="P2", filler="F2"), obr(2, f24="CT")
    )
    assert (first.category, second.category) == (Category.OTHER, Category.IMAGING)


def test_given_an_order_when_read_then_each_value_says_where_it_came_from() -> None:
    (order,) = orders(msh(), PID, orc(), obr(f18="A1"))
    assert order.sources["AccessionNumber"].startswith("OBR-18 (ihe-swf row ")
    assert order.sources["PatientName"].startswith("PID-5 (ihe-swf row ")


def test_given_a_wrong_name_for_the_type_when_read_then_the_content_decides() -> None:
    (order,) = orders(OMI, PID, orc(), obr(f18="A1"), "ZDS|1.2.3")
    assert order.procedures[0].study_instance_uid == "1.2.3"


@given(
    st.lists(
        st.sampled_from(
            [
                PID,
                orc(),
                orc(placer="P2", filler=""),
                obr(),
                obr(2, f24="LAB"),
                "ZDS|1.2.3",
                ipc("A1", "R1", "1.2", "S1"),
                "NTE|1||x",
                "TQ1|1",
                "PV1||O",
                "OBX|1",
                "ORC",
                "OBR",
            ]
        ),
        max_size=12,
    )
)
def test_given_any_order_of_segments_when_read_then_it_is_read_or_refused(
    segments: list[str],
) -> None:
    try:
        found = reading(msh(), *segments)
    except (RequiredFieldMissing, DataTypeError, SegmentSequenceError) as error:
        assert error.location
        return
    starts = sum(line[:3] in ("ORC", "OBR") for line in segments)
    assert 1 <= len(found.events) <= starts


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["PID", "ORC", "OBR", "IPC", "TQ1", "OBX", "PV1", "ZDS", "NTE", "AL1"]),
            st.lists(st.text('AZ09^~\\&." -ệ', max_size=12), max_size=46),
        ),
        max_size=10,
    )
)
def test_given_any_fields_when_read_then_it_is_read_or_refused(
    parts: list[tuple[str, list[str]]],
) -> None:
    segments = ["|".join([name, *fields]) for name, fields in parts]
    try:
        reading(msh(), PID, orc(), obr(), *segments)
    except BridgeError as error:
        assert error.permanent
        assert error.location


def test_given_the_same_bytes_when_read_twice_then_the_events_are_equal() -> None:
    message = (msh(), PID, orc(), obr(f18="A1"))
    assert reading(*message) == reading(*message)
    assert raw(*message).endswith(b"\r")


def test_given_a_study_uid_as_fhir_writes_it_when_read_then_it_is_the_uid() -> None:
    (order,) = orders(msh(), PID, orc(), obr(), "ZDS|urn:oid:1.2.3^RIS^Application^DICOM")
    assert order.procedures[0].study_instance_uid == "1.2.3"


def test_given_a_replacement_when_read_then_the_new_order_names_the_old_ones() -> None:
    found = orders(
        msh(),
        PID,
        orc("RP", "P1", "F1"),
        obr(),
        orc("RP", "P2", "F2"),
        obr(),
        orc("RO", "P3", "F3"),
        obr(),
        orc("NW", "P4", "F4"),
        obr(),
    )
    replaced = [[n.placer.value for n in each.replaces if n.placer] for each in found]
    assert replaced == [[], [], ["P1", "P2"], []]


def test_given_a_change_without_a_sign_of_imaging_when_read_then_it_says_what_it_is_about() -> None:
    """The order that it names by number may be an imaging order."""
    (change,) = orders(msh(), PID, orc("XO"), obr(f4="NA^Sodium^L", f24="LAB"))
    assert change.category is Category.OTHER
    assert change.procedures[0].code is not None
    assert change.procedures[0].code.value == "NA"
    (new,) = orders(msh(), PID, orc("NW"), obr(f4="NA^Sodium^L", f24="LAB"))
    assert new.procedures == ()
