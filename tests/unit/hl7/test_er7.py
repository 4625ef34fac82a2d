"""Given a message as senders really write it, when it is read, then every value is where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.er7 import (
    CharacterSetRefused,
    Er7Error,
    HeaderMissing,
    HeaderUnreadable,
    Message,
    group,
    read,
)

ORDER = "\r".join(
    [
        r"MSH|^~\&|RIS|HOSP|BRIDGE|HOSP|20240102030405+0700||OMI^O23^OMI_O23|M1|P|2.5.1",
        'PID|1||P1^^^HOSP&1.2.3&ISO^PI~999^^^NHS^NH||Doe^Jane||19800101|F|""||||||||||||||||||||N',
        "NTE|1||first~second",
        "ORC|NW|A1^HIS|F1^RIS",
        "TQ1|1||||||20240103",
        r"OBR|1|A1^HIS|F1^RIS|CT1^Chest \T\ abdomen^L",
        "ZDS|1.2.3^RIS^Application^DICOM",
        "",
    ]
)


def message(text: str = ORDER) -> Message:
    return read(text.encode())


def header(encoding: str = "^~\\&", separator: str = "|") -> str:
    return (
        "MSH"
        + separator
        + separator.join([encoding, "A", "B", "C", "D", "20240101", "", "ADT", "M1", "P", "2.5.1"])
    )


def test_given_an_order_when_read_then_segments_keep_their_order_and_count() -> None:
    read_order = message()

    names = [segment.name for segment in read_order.segments]
    assert names == ["MSH", "PID", "NTE", "ORC", "TQ1", "OBR", "ZDS"]
    assert read_order.warnings == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("MSH-1", "|"),
        ("MSH-2", "^~\\&"),
        ("MSH-3", "RIS"),
        ("MSH-9", "OMI"),
        ("MSH-9.2", "O23"),
        ("MSH-10", "M1"),
        ("PID-3", "P1"),
        ("PID-3.4", "HOSP"),
        ("PID-3.4.2", "1.2.3"),
        ("PID-3[2]", "999"),
        ("PID-3[2].4.1", "NHS"),
        ("PID-3[3]", ""),
        ("PID-5.2", "Jane"),
        ("PID-5.9", ""),
        ("PID-99", ""),
        ("PID-9", ""),
        ("NTE-3[2]", "second"),
        ("OBR-4.2", "Chest & abdomen"),
        ("ZDS-1.4", "DICOM"),
        ("ZZZ-1", ""),
        ("PID[2]-3", ""),
    ],
)
def test_given_a_path_when_looked_up_then_the_value_is_found(path: str, value: str) -> None:
    assert message().get(path) == value


def test_given_header_properties_when_asked_then_they_come_from_msh() -> None:
    order = message()

    assert (order.message_code, order.trigger_event) == ("OMI", "O23")
    assert (order.control_id, order.version) == ("M1", "2.5.1")


def test_given_repetitions_when_asked_then_each_has_its_components() -> None:
    segment = message().all("PID")[0]

    assert [field.components for field in segment.repetitions(3)] == [
        ("P1", "", "", "HOSP", "PI"),
        ("999", "", "", "NHS", "NH"),
    ]
    assert segment.repetitions(2) == ()


def test_given_an_open_path_when_values_are_asked_then_all_repetitions_come() -> None:
    assert message().values("PID-3.1") == ("P1", "999")
    assert message().values("PID-3[2].1") == ("999",)
    assert message().values("NTE-3") == ("first", "second")


def test_given_a_null_when_read_then_it_is_no_value_but_a_wish_to_delete() -> None:
    order = message()

    assert order.is_null("PID-9")
    assert not order.is_null("PID-10")
    assert not order.is_null("PID-5")


def test_given_a_null_component_when_asked_then_only_that_component_is_null() -> None:
    order = message(header() + '\rPID|||||Doe^""^X\r')

    assert order.is_null("PID-5.2")
    assert not order.is_null("PID-5.1")
    assert order.get("PID-5.2") == ""


def test_given_a_null_field_when_a_component_is_asked_then_it_is_null_too() -> None:
    assert message(header() + '\rPID|||||""\r').is_null("PID-5.2")


def test_given_text_with_bare_delimiters_when_asked_whole_then_nothing_is_lost() -> None:
    order = message(header() + "\rNTE|1||a & b ^ c\r")

    assert order.all("NTE")[0].text(3) == "a & b ^ c"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("trailing", [True, False])
def test_given_any_line_end_when_read_then_the_values_are_the_same(
    end: str, *, trailing: bool
) -> None:
    text = ORDER if trailing else ORDER.rstrip("\r")

    order = message(text.replace("\r", end))

    assert [s.er7 for s in order.segments] == ORDER.rstrip("\r").split("\r")
    assert bool(order.warnings) == (end != "\r" or not trailing)


def test_given_blank_lines_and_framing_when_read_then_they_are_passed_over() -> None:
    order = message("\x0b\r\n" + ORDER.replace("\rPID", "\r\r \rPID") + "\x1c\r")

    assert len(order.segments) == 7


def test_given_a_byte_order_mark_when_read_then_it_is_a_warning() -> None:
    order = read(b"\xef\xbb\xbf" + ORDER.encode())

    assert order.get("MSH-3") == "RIS"
    assert "byte order mark" in order.warnings[0]


def test_given_a_line_end_inside_a_name_when_read_then_the_field_is_whole_again() -> None:
    order = message(header() + "\rPID|||||Home for\rthe aged^X||1980\rORC|NW\r")

    assert order.get("PID-5") == "Home for\nthe aged"
    assert order.get("PID-7") == "1980"
    assert [s.name for s in order.segments] == ["MSH", "PID", "ORC"]
    assert any("begin no segment" in warning for warning in order.warnings)


def test_given_a_bare_segment_name_when_read_then_it_is_a_segment_unless_text_goes_on() -> None:
    assert [s.name for s in message(header() + "\rORC\rOBR|1\r").segments][1:] == ["ORC", "OBR"]
    assert len(message(header() + "\rOBX|1|ED|QUJD\rREVG SEVM\rA0K\r").segments) == 2


def test_given_an_unknown_segment_when_read_then_it_is_kept() -> None:
    assert message(header() + "\rZQ9|x^y\r").get("ZQ9-1.2") == "y"


@pytest.mark.parametrize(
    ("encoding", "component", "warns"),
    [
        ("^~\\&", "&", False),
        ("^~\\&#", "&", False),
        ("^~&", "&", True),
        ("^~", "&", True),
        ("", "&", True),
        ("^^^^", "&", True),
    ],
)
def test_given_odd_encoding_characters_when_read_then_the_usual_ones_are_assumed(
    encoding: str, component: str, *, warns: bool
) -> None:
    order = message(header(encoding) + f"\rPID|||1^2{component}3~4\r")

    assert order.get("PID-3.2.2") == "3"
    assert order.get("PID-3[2]") == "4"
    assert any("MSH-2" in warning for warning in order.warnings) == warns


def test_given_other_delimiters_when_read_then_they_are_used() -> None:
    order = message(header(":!@%", "*") + "\rPID***a:b%c@S@d!e\r")

    assert order.get("PID-3.2.1") == "b"
    assert order.get("PID-3.2.2") == "c:d"
    assert order.get("PID-3[2]") == "e"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", HeaderMissing),
        (b"\r\n", HeaderMissing),
        (b"PID|1\r", HeaderMissing),
        (b"GET / HTTP/1.1\r\n", HeaderMissing),
        (b"MSH", HeaderUnreadable),
        (b"MSH|^~", HeaderUnreadable),
        (b"MSHA^~A", HeaderUnreadable),
        (b"MSH|RIS|HOSP|\r", HeaderUnreadable),
        (b"MSH|^ E|\r", HeaderUnreadable),
        (ORDER.encode("utf-16"), CharacterSetRefused),
        (ORDER.encode("utf-32-be"), CharacterSetRefused),
        ((header() + "||||||UNICODE UTF-16\r").encode(), CharacterSetRefused),
    ],
)
def test_given_an_unreadable_header_when_read_then_the_error_says_where(
    raw: bytes, error: type[Er7Error]
) -> None:
    with pytest.raises(error) as caught:
        read(raw)

    assert caught.value.location
    assert caught.value.location.startswith("MSH^1")


def test_given_missing_header_fields_when_read_then_they_are_named() -> None:
    order = message("MSH|^~\\&|A\r")

    assert order.warnings == ("MSH-9 is empty", "MSH-10 is empty", "MSH-12 is empty")


@given(st.binary(max_size=400))
def test_given_any_bytes_when_read_then_nothing_but_an_er7_error_comes(raw: bytes) -> None:
    try:
        read(raw)
    except Er7Error:
        return


@given(st.binary(max_size=400), st.text("^~\\&#|!x", max_size=5))
def test_given_any_bytes_after_a_header_when_read_then_every_lookup_answers(
    raw: bytes, encoding: str
) -> None:
    try:
        any_message = read(b"MSH|" + encoding.encode() + b"|A\r" + raw)
    except Er7Error:
        return

    group(any_message)
    for segment in any_message.segments:
        for number in range(len(segment.fields) + 1):
            assert isinstance(segment.field(number, 1, 2, 3), str)
            assert isinstance(segment.text(number), str)
            assert len(segment.repetitions(number)) == segment.count(number)


WORDS = st.text("abcĂẬ|^~\\&# \n", min_size=1, max_size=8)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=3))
def test_given_escaped_values_when_read_then_they_come_back(field: list[list[str]]) -> None:
    escape = message().encoding.escape
    written = "~".join("^".join(escape(value) for value in values) for values in field)

    order = message(header() + f"\rZZZ|{written}\r")

    for repetition, values in enumerate(field):
        for component, value in enumerate(values, start=1):
            assert order.all("ZZZ")[0].field(1, repetition, component) == value


def test_given_control_characters_when_read_then_they_are_no_text() -> None:
    order = message(header() + "\rPID|||||Do\0e^J\x01a\x1bne\rNTE|1||a\tb\n")

    assert order.get("PID-5") == "Doe"
    assert order.get("PID-5.2") == "Jane"
    assert order.get("NTE-3") == "a\tb"
    assert "control characters were taken out of the text" in order.warnings


@pytest.mark.parametrize(
    ("written", "code", "event"),
    [
        ("ORM^O01^ORM_O01", "ORM", "O01"),
        ("ORM^O01", "ORM", "O01"),
        ("ORM", "ORM", ""),
        (" orm ^ o01 ", "ORM", "O01"),
        ("ORM_O01", "ORM", "O01"),
        ("^^OMI_O23", "OMI", "O23"),
        ("ADT^A04^ADT_A01", "ADT", "A04"),
        ("ADT^^ADT_A01", "ADT", ""),
    ],
)
def test_given_any_way_to_write_msh_9_when_read_then_code_and_event_are_told(
    written: str, code: str, event: str
) -> None:
    order = message(f"MSH|^~\\&|A|B|C|D|2024||{written}|M1|P|2.5\r")

    assert (order.message_code, order.trigger_event) == (code, event)
