"""Given an answer, when written, then a receiver of the sender's version understands it."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.errors import RequiredFieldMissing, UnknownKey
from bridge.hl7.acknowledgement import (
    AckError,
    Acknowledgement,
    AcknowledgementCode,
    Severity,
    encode,
    parse,
    reject,
)
from bridge.hl7.er7 import Er7Error, Message, read

NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=7)))
MISSING = AckError(
    segment="OBR",
    sequence=1,
    field=18,
    repetition=1,
    component=1,
    code="101",
    user_text="no accession number",
)
AE = Acknowledgement(AcknowledgementCode.AE, (MISSING,))


def request(version: str = "2.5.1", delimiters: str = "|^~\\&") -> Message:
    text = f"MSH|^~\\&|RIS^1.2^ISO|HOSP|BRIDGE|IMG|20240101||OMI^O23^OMI_O23|M^1|T|{version}\r"
    table = str.maketrans("|^~\\&", delimiters)
    return read(text.translate(table).encode())


def written(ack: Acknowledgement, message: Message | None) -> list[str]:
    return encode(ack, message, now=NOW, control_id="X9").decode().split("\r")


def test_given_a_request_when_accepted_then_the_header_goes_back_to_its_sender() -> None:
    assert written(Acknowledgement(AcknowledgementCode.AA), request()) == [
        "MSH|^~\\&|BRIDGE|IMG|RIS^1.2^ISO|HOSP|20240102030405+0700||ACK^O23^ACK|X9|T|2.5.1"
        "||||||UNICODE UTF-8",
        "MSA|AA|M^1",
        "",
    ]


def test_given_a_modern_sender_when_refused_then_err_has_place_code_and_words() -> None:
    assert written(AE, request())[1:] == [
        "MSA|AE|M^1|no accession number",
        "ERR||OBR^1^18^1^1|101^Required field missing^HL70357|E||||no accession number",
        "",
    ]


@pytest.mark.parametrize("version", ["2.3.1", "2.2", "2.4", "2.3"])
def test_given_an_old_sender_when_refused_then_err_has_its_one_field(version: str) -> None:
    assert written(AE, request(version))[2] == ("ERR|OBR^1^18^101&Required field missing&HL70357")


@pytest.mark.parametrize("version", ["2.5", "2.5.0", "2.9.1", "2.10", "2.5^DEU&&HL70399", "", "x"])
def test_given_any_other_version_when_refused_then_err_is_in_its_new_form(version: str) -> None:
    assert written(AE, request(version))[2].startswith("ERR||OBR^1^18^1^1|101^")


def test_given_a_header_nobody_could_read_when_refused_then_msa_2_is_empty() -> None:
    lines = written(Acknowledgement(AcknowledgementCode.AR, text="no MSH"), None)

    assert lines[0] == "MSH|^~\\&|||||20240102030405+0700||ACK|X9|P|2.5.1||||||UNICODE UTF-8"
    assert lines[1] == "MSA|AR||no MSH"


def test_given_other_delimiters_when_answered_then_values_are_written_in_the_usual_ones() -> None:
    lines = written(Acknowledgement(AcknowledgementCode.AA), request(delimiters="*:;!@"))

    assert lines[0].startswith("MSH|^~\\&|BRIDGE|IMG|RIS^1.2^ISO|HOSP|")
    assert lines[1] == "MSA|AA|M^1"


def test_given_delimiters_in_a_text_when_written_then_they_are_escaped() -> None:
    ack = Acknowledgement(AcknowledgementCode.AE, text="a|b^c&d~e\\f\ng")

    assert written(ack, request())[1] == r"MSA|AE|M^1|a\F\b\S\c\T\d\R\e\E\f\.br\g"


def test_given_a_narrow_character_set_when_written_then_the_label_agrees() -> None:
    ack = Acknowledgement(AcknowledgementCode.AE, text="Ánh Ậ")

    raw = encode(ack, request(), now=NOW, control_id="X9", charset="8859/1")

    assert b"||||||8859/1\r" in raw
    assert b"\xc1nh ?" in raw


def test_given_warnings_when_accepted_then_they_ride_on_the_aa() -> None:
    warning = AckError("PID", 1, 7, code="102", severity=Severity.WARNING, diagnostic="x")

    assert written(Acknowledgement(AcknowledgementCode.AA, (warning,)), request())[2] == (
        "ERR||PID^1^7|102^Data type error^HL70357|W|||x"
    )


def test_given_an_error_of_the_domain_when_described_then_place_and_code_are_kept() -> None:
    error = RequiredFieldMissing("PID-3 is empty", location="PID^1^3^1^1")

    assert AckError.from_error(error) == AckError(
        "PID", 1, 3, 1, 1, code="101", user_text="PID-3 is empty"
    )
    assert AckError.from_error(UnknownKey("no such order")).segment == ""


@pytest.mark.parametrize("raw", [b"", b"MSH", b"\xff\xfeM\x00", b"garbage"])
def test_given_unreadable_bytes_when_rejected_then_an_ar_can_be_read(raw: bytes) -> None:
    answer = parse(reject(raw, Er7Error("unreadable"), now=datetime.now(UTC), control_id="1"))

    assert answer.acknowledgement.code == AcknowledgementCode.AR
    assert answer.control_id == ""


PLACES = st.integers(min_value=1, max_value=99)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40).filter(
    lambda text: text != '""'
)
ERRORS = st.builds(
    AckError,
    segment=st.just("PID"),
    sequence=PLACES,
    field=PLACES,
    repetition=PLACES,
    component=PLACES,
    code=st.sampled_from(["101", "102", "207"]),
    severity=st.sampled_from(Severity),
    user_text=TEXTS,
    diagnostic=TEXTS,
)


@given(st.sampled_from(AcknowledgementCode), st.lists(ERRORS, max_size=3), TEXTS)
def test_given_any_answer_when_written_and_read_then_it_is_the_same(
    code: AcknowledgementCode, errors: list[AckError], text: str
) -> None:
    ack = Acknowledgement(code, tuple(errors), "t" + text)

    answer = parse(encode(ack, request(), now=NOW, control_id="X9"))

    assert answer.control_id == "M^1"
    assert answer.acknowledgement.code == code
    assert answer.acknowledgement.text == unicodedata.normalize("NFC", "t" + text)
    assert len(answer.acknowledgement.errors) == len(errors)
    for before, after in zip(errors, answer.acknowledgement.errors, strict=True):
        assert (after.segment, after.field, after.code) == ("PID", before.field, before.code)
        assert after.severity == before.severity
        assert after.user_text == unicodedata.normalize("NFC", before.user_text)


@pytest.mark.parametrize("raw", [b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|A\rMSA|OK|1\r", b"x"])
def test_given_no_acknowledgement_when_parsed_then_it_is_an_error(raw: bytes) -> None:
    with pytest.raises(Er7Error):
        parse(raw)
