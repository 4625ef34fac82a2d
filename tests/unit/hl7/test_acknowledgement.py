"""Given an answer, when written, then a receiver of the sender's version understands it."""

import importlib
import pkgutil
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge
from bridge.domain.errors import BridgeError, RequiredFieldMissing, UnknownKey
from bridge.hl7.acknowledgement import (
    ERROR_CONDITIONS,
    AckError,
    Acknowledgement,
    AcknowledgementCode,
    Severity,
    parse,
)
from bridge.hl7.answer_writer import Heading, encode, reject
from bridge.hl7.er7 import Er7Error, Message, read

HEADING = Heading(
    now=datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=7))), control_id="X9"
)
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
    return encode(ack, message, HEADING).decode().split("\r")


def test_given_a_request_when_accepted_then_the_header_goes_back_to_its_sender() -> None:
    assert written(Acknowledgement(AcknowledgementCode.AA), request()) == [
        "MSH|^~\\&|BRIDGE|IMG|RIS^1.2^ISO|HOSP|20240102030405+0700||ACK^O23^ACK|X9|T|2.5.1",
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


def test_given_other_delimiters_when_answered_then_the_answer_is_written_in_them() -> None:
    ack = Acknowledgement(AcknowledgementCode.AE, (MISSING,), text="a*b|c")

    assert written(ack, request(delimiters="*:;!@")) == [
        "MSH*:;!@*BRIDGE*IMG*RIS:1.2:ISO*HOSP*20240102030405+0700**ACK:O23:ACK*X9*T*2.5.1",
        "MSA*AE*M:1*a!F!b|c",
        "ERR**OBR:1:18:1:1*101:Required field missing:HL70357*E****no accession number",
        "",
    ]


def test_given_a_truncation_character_when_answered_then_it_comes_back_and_is_escaped() -> None:
    message = read(b"MSH|^~\\&#|A|B|C|D|2024||ADT^A08|M1|P|2.7\r")
    lines = written(Acknowledgement(AcknowledgementCode.AE, text="no #5"), message)

    assert lines[0].startswith("MSH|^~\\&#|C|D|A|B|")
    assert lines[1] == "MSA|AE|M1|no \\P\\5"


def test_given_delimiters_in_a_text_when_written_then_they_are_escaped() -> None:
    ack = Acknowledgement(AcknowledgementCode.AE, text="a|b^c&d~e\\f\ng")

    assert written(ack, request())[1] == r"MSA|AE|M^1|a\F\b\S\c\T\d\R\e\E\f\.br\g"


def test_given_a_narrow_character_set_when_written_then_the_label_agrees() -> None:
    ack = Acknowledgement(AcknowledgementCode.AE, text="Ánh Ậ")

    raw = encode(ack, request(), HEADING, charset="8859/1")

    assert b"||||||8859/1\r" in raw
    assert b"\xc1nh A" in raw


@pytest.mark.parametrize(
    ("label", "text", "echoed", "codec"),
    [
        ("8859/1", "Ánh", "8859/1", "latin-1"),
        ("8859/1", "Ậ", "UNICODE UTF-8", "utf-8"),
        ("UNICODE UTF-8", "Ậ", "UNICODE UTF-8", "utf-8"),
        ("GB 18030-2000", "王", "GB 18030-2000", "gb18030"),
        ("windows-1258", "é", "windows-1258", "cp1258"),
        ("~ISO IR87", "山田", "~ISO IR87", "iso2022_jp"),
        ("", "plain", "", "ascii"),
        ("", "Ậ", "UNICODE UTF-8", "utf-8"),
        ("NO SUCH SET", "plain", "NO SUCH SET", "ascii"),
        ("NO SUCH SET", "é", "UNICODE UTF-8", "utf-8"),
        ("VNI", "山", "UNICODE UTF-8", "utf-8"),
        ("KS X 1001", "병원", "KS X 1001", "euc_kr"),
        ("BIG-5", "功許", "BIG-5", "big5"),
    ],
)
def test_given_a_character_set_when_answered_then_in_it_if_it_can(
    label: str, text: str, echoed: str, codec: str
) -> None:
    message = read(f"MSH|^~\\&|A|B|C|D|2024||ADT^A08|M1|P|2.5.1||||||{label}\r".encode())
    raw = encode(Acknowledgement(AcknowledgementCode.AE, text=text), message, HEADING)

    header, msa, _ = raw.split(b"\r")
    assert header.split(b"|")[17:] == ([echoed.encode()] if echoed else [])
    assert msa == f"MSA|AE|M1|{text}".encode(codec)


def test_given_several_errors_when_refused_then_each_has_its_place() -> None:
    errors = (MISSING, AckError("PID", 1, 3, 2, 4, 1, code="204"))
    ack = Acknowledgement(AcknowledgementCode.AE, errors)

    assert [line[:20] for line in written(ack, request())[2:4]] == [
        "ERR||OBR^1^18^1^1|10",
        "ERR||PID^1^3^2^4^1|2",
    ]
    (line,) = written(ack, request("2.3.1"))[2:3]
    assert line == (
        "ERR|OBR^1^18^101&Required field missing&HL70357~PID^1^3^204&Unknown key identifier&HL70357"
    )
    read_back = parse(encode(ack, request("2.3.1"), HEADING)).acknowledgement.errors
    assert [error.code for error in read_back] == ["101", "204"]


def test_given_warnings_when_accepted_then_they_ride_on_the_aa() -> None:
    warning = AckError("PID", 1, 7, code="102", severity=Severity.WARNING, diagnostic="x")

    assert written(Acknowledgement(AcknowledgementCode.AA, (warning,)), request())[2] == (
        "ERR||PID^1^7|102^Data type error^HL70357|W|||x"
    )


def test_given_an_error_of_the_domain_when_described_then_place_and_code_are_kept() -> None:
    error = RequiredFieldMissing("PID-3 is empty", location="PID^1^3^1^1")

    assert AckError.from_error(error) == AckError(
        "PID", 1, 3, 1, 1, code="101", user_text="PID-3 is empty", diagnostic="RequiredFieldMissing"
    )
    assert (
        AckError.from_error(RequiredFieldMissing("x", location="PID^1^3^2^4^2")).subcomponent == 2
    )
    assert AckError.from_error(UnknownKey("no such order")).segment == ""


@pytest.mark.parametrize("raw", [b"", b"MSH", b"\xff\xfeM\x00", b"garbage"])
def test_given_unreadable_bytes_when_rejected_then_an_ar_can_be_read(raw: bytes) -> None:
    answer = parse(reject(raw, Er7Error("unreadable"), HEADING))

    assert answer.acknowledgement.code == AcknowledgementCode.AR
    assert answer.control_id == ""


PLACES = st.integers(min_value=1, max_value=99)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\t\n"), max_size=40
).filter(lambda text: text != '""')
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

    answer = parse(encode(ack, request(), HEADING))

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


def every_error(kind: type[BridgeError] = BridgeError) -> Iterator[type[BridgeError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from every_error(each)


def test_given_any_error_there_is_when_told_then_its_code_is_in_the_table() -> None:
    for module in pkgutil.walk_packages(bridge.__path__, "bridge."):
        if ".migrations." not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = set(every_error())

    assert len(found) > 20
    assert {kind.__name__ for kind in found if kind.code not in ERROR_CONDITIONS} == set()
