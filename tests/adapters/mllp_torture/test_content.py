"""Given one frame whose content would upset another engine, when it comes, then it is answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from bridge.hl7.acknowledgement import parse
from bridge.hl7.framing import frame
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import Order, header, new_order, orm
from tests.adapters.hl7.running import Wire, journal, port_of
from tests.adapters.mllp_torture.conftest import held

Write = Callable[[Order], bytes]
AA, AE, AR = ("AA",), ("AE",), ("AR",)


@dataclass(frozen=True)
class Case:
    """A payload, what answers it (MSA-1), and whether its order is held then."""

    name: str
    source: str
    write: Write
    codes: Sequence[str] = AA
    orders: int = 1
    condition: str = ""


def plain(order: Order, *, version: str = "2.5.1", charset: str = "", **changes: str) -> str:
    """A good order; `changes` replace fields of MSH by number (`f10`)."""
    text = orm(order, head=header("ORM^O01^ORM_O01", version, charset=charset))
    if not changes:
        return text
    head, _, rest = text.partition("\r")
    fields = head.split("|")
    for name, value in changes.items():
        fields[int(name[1:]) - 1] = value
    return "|".join(fields) + "\r" + rest


def msh(**changes: str) -> Write:
    return lambda order: plain(order, **changes).encode()


def with_note(note: str) -> Write:
    return lambda order: (plain(order) + f"NTE|1||{note}\r").encode()


def altered(alter: Callable[[str], str]) -> Write:
    return lambda order: alter(plain(order)).encode()


def named(name: str, codec: str, label: str) -> Write:
    """An order for a patient of this name, in these bytes, under this label."""

    def write(order: Order) -> bytes:
        text = plain(order, charset=label)
        return text.replace("TRAN^BINH^THI", name).encode(codec)

    return write


def after_each_segment(text: str, extra: str) -> str:
    first, *others = text.strip("\r").split("\r")
    return "".join(f"{segment}\r{extra}\r" for segment in (first, *others))


def json_text() -> str:
    return json.dumps({"a": ["b^c", {"d&e": "f~g"}], "html": "<b>x</b>", "n": None})


FORM = [
    Case("LF", "nHapi #263: LF ends lose groups", altered(lambda t: t.replace("\r", "\n"))),
    Case(
        "CR LF", "hl7apy #101: CR LF, Segment not found", altered(lambda t: t.replace("\r", "\r\n"))
    ),
    Case(
        "mixed ends",
        "ruby-hl7 #3: obscure errors of LF",
        altered(lambda t: t.replace("\r", "\n", 1).replace("\r", "\r\n", 1)),
    ),
    Case("no last CR", "Mirth #504: ACK without its last CR", altered(lambda t: t.rstrip("\r"))),
    Case(
        "blank lines",
        "simple-hl7 #7: extra lines read as segments",
        altered(lambda t: t + "\r\r\r"),
    ),
    Case(
        "blank lines within",
        "hl7parser #11: Segment must have a name",
        altered(lambda t: t.replace("\r", "\r\r")),
    ),
    Case("blanks before MSH", "Mirth #423: text before MSH", altered(lambda t: "  \t\r\n" + t)),
    Case(
        "byte order mark",
        "dcm4che #779, #465: BOM breaks hl7rcv",
        lambda o: b"\xef\xbb\xbf" + plain(o).encode(),
    ),
    Case(
        "frame in a frame",
        "Mirth #830: 0B 0B .. 1C 0D 1C 0D",
        lambda o: b"\x0b" + plain(o).encode(),
    ),
    Case(
        "Z segments",
        "nHapi #101: PID empty beside odd segments",
        altered(lambda t: after_each_segment(t, "ZZ1|1|x^y&z~w")),
    ),
    Case(
        "EVN in an order",
        "nHapi #101: EVN in ORM^O01",
        altered(lambda t: t.replace("\rPID", "\rEVN||2026\rPID")),
    ),
    Case(
        "CON of another version",
        "hl7apy #134: CON segment in v2.3",
        altered(lambda t: t + "CON|1|CONSENT\r"),
    ),
    Case(
        "segment before MSH",
        "v2.5.1 2.10.3: no batch, no header",
        lambda o: b"ZZZ|1\r" + plain(o).encode(),
    ),
    Case(
        "small letters",
        "HL7 v2.5.1 2.5.2: segment IDs",
        altered(lambda t: t.replace("\rPV1|", "\rpv1|")),
    ),
    Case(
        "a segment of its name only",
        "v2.5.1 2.5.2: segment without fields",
        altered(lambda t: t + "NTE\rZZZ\r"),
    ),
    Case(
        "text that looks like a header",
        "simple-hl7 #28: messages split at MSH",
        with_note("see MSH|^~\\T\\ MSH|1|"),
    ),
    Case(
        "two messages in a frame",
        "amida mllp #2: several messages in one frame",
        lambda o: (plain(o) + plain(new_order())).encode(),
        ("AA", "AA"),
    ),
]

HEADERS = [
    Case("MSH-2 without escape", "Mirth #1542: ^~& becomes ^~&&", msh(f2="^~&")),
    Case("MSH-2 of two", "Mirth #1542: ^~ becomes ^~\\&", msh(f2="^~")),
    Case("MSH-2 of v2.7", "hl7apy #32: five characters refused", msh(f2="^~\\&#")),
    Case("MSH-2 repeats", "HL7-V2 #51: delimiters out of step", msh(f2="^^\\&")),
    Case(
        "delimiters of its own",
        "medplum #1110: other MSH-1 and MSH-2",
        lambda o: plain(o).translate(str.maketrans("|^~\\&", "*:;!@")).encode(),
    ),
    Case("MSH-2 of letters", "HL7 v2.5.1 2.14.9.2", msh(f2="abcd"), AR, 0, "102"),
    Case(
        "MSH and nothing",
        "Mirth #2405: only MSH and encoding characters",
        lambda _: b"MSH|^~\\&|",
        AR,
        0,
        "200",
    ),
    Case("MSH alone", "dcm4che #779: substring of an empty header", lambda _: b"MSH", AR, 0, "102"),
    Case("nothing", "dcm4che #779: ACK of an empty message", lambda _: b"", AR, 0, "100"),
    Case(
        "no message",
        "Mirth #3687: what failed before the channel is not told",
        lambda _: b"this is not HL7",
        AR,
        0,
        "100",
    ),
    Case("no MSH-9", "dcm4che #1001: connection closed without an ACK", msh(f9=""), AR, 0, "200"),
    Case("no MSH-10", "v2.5.1 2.14.9.10: required", msh(f10="")),
    Case("MSH-10 of 300", "v2.5.1 2.14.9.10: at most 20 characters", msh(f10="C" * 300)),
    Case("MSH-10 of parts", "Mirth #262: components escaped in the ACK", msh(f10="A^B&C")),
    Case("no MSH-12", "Mirth #129: no MSH for the version", msh(version="")),
    Case("version 2.3.0", "nHapi #53: 2.3.0 not recognised", msh(version="2.3.0")),
    Case("version 2.5.0", "nHapi #53, likewise", msh(version="2.5.0")),
    Case("version 2.1", "hl7apy #41: no 2.1", msh(version="2.1")),
    Case("version 2.9", "HL7 v2.9.1", msh(version="2.9.1")),
    Case("version 7", "v2.5.1 2.14.9.12: table 0104", msh(version="7")),
    Case("version with components", "v2.5.1 2.14.9.12: VID", msh(version="2.5^DEU&&HL70399")),
    Case(
        "no delimiter behind MSH-12",
        "hl7apy #109: version runs into PID",
        lambda o: plain(o).encode(),
    ),
    Case("processing ID of no table", "v2.5.1 2.14.9.11: table 0103", msh(f11="X^Y")),
    Case("unknown type", "v2.5.1 2.9.2: AR", msh(f9="ZZZ^Z01"), AR, 0, "200"),
    Case("unknown event", "v2.5.1 table 0357: 201", msh(f9="ORM^O99"), AR, 0, "201"),
    Case("a query", "Mirth #686: an ACK is no answer to QRY", msh(f9="QRY^Q01"), AR, 0, "200"),
    Case("type in small parts", "simple-hl7 #47: MSH-9 of one component", msh(f9="ORM")),
]

VALUES = [
    Case("JSON in a note", "HL7-dotnetcore #99: text breaks the parser", with_note(json_text())),
    Case(
        "XML in a note",
        "python-hl7 #59: HTML is never read to its end",
        with_note("<p a='b'>\\E\\x &amp; y</p>"),
    ),
    Case(
        "XML in lines", "Mirth #650: LF taken for a segment end", with_note("<p>\n<b>x</b>\n</p>")
    ),
    Case(
        "base64 of 1 MB",
        "nHapi #594, node-hl7-server #60: large OBX-5",
        lambda o: (
            plain(o).encode()
            + b"OBX|1|ED|PDF||^^PDF^Base64^"
            + base64.b64encode(bytes(768 * 1024))
            + b"\r"
        ),
    ),
    Case(
        "base64 in lines",
        "hl7apy #45: long base64 in OBX-5",
        lambda o: plain(o).encode() + b"OBX|1|ED|X||" + base64.encodebytes(bytes(9000)) + b"\r",
    ),
    Case("a note of 1 MB", "Mirth #1447: messages over 8 KB", with_note("x" * 1024 * 1024)),
    Case(
        "10,000 repetitions",
        "Mirth #1000: repetitions not told apart",
        altered(
            lambda t: t.replace(
                "||TRAN", "~" + "~".join(f"X{n}^^^OLD{n}^PI" for n in range(10_000)) + "||TRAN"
            )
        ),
    ),
    Case("100,000 components", "nHapi #3: segments parsed twice", with_note("^" * 100_000)),
    Case(
        "100,000 segments",
        "Mirth #1665: 15 minutes for 1.6 MB",
        lambda o: plain(o).encode() + b"NTE|1||x\r" * 100_000,
    ),
    Case("a field that never ends", "HL7 v2.5.1 2.6: trailing fields", with_note("|" * 200_000)),
    Case("\\X..\\", "ruby-hl7 #80: \\X0D\\\\X0A\\ collapses", with_note("a\\X0D\\\\X0A\\b")),
    Case("\\X0D0A\\", "HL7-V2 #46: several bytes in one escape", with_note("a\\X0D0A\\b")),
    Case("\\X000d\\", "HL7-dotnetcore #53: one and a half bytes", with_note("a\\X000d\\b\\X0\\")),
    Case(
        "escape bomb of bytes",
        "ReDoS of escape parsers",
        with_note("\\X" + "41" * 100_000 + "\\" + "\\X" * 50_000),
    ),
    Case(
        "escape bomb of blanks",
        "v2.5.1 2.7.6: \\.sp<n>\\ without bound",
        with_note("\\.sp99999999\\\\.sp9999\\" * 1000),
    ),
    Case("lone escapes", "HL7-dotnetcore #77: 4\\5 is no sequence", with_note("BSV 4\\5 re. \\")),
    Case(
        "a patient named backslash",
        "HL7-dotnetcore #62: name is \\",
        altered(lambda t: t.replace("TRAN^BINH^THI", "^\\")),
    ),
    Case(
        "\\E\\ at the end", "HL7-dotnetcore #113: index out of bounds", with_note("123456789^\\E\\")
    ),
    Case("escaped twice", "HL7-V2 #40: \\E\\X09\\E\\", with_note("a\\E\\X09\\E\\b\\E\\E\\E\\")),
    Case(
        "unknown escapes",
        "HL7-dotnetcore #17: Invalid escape sequence",
        with_note("\\Q\\ \\Zabc\\ \\C2842\\ \\M12\\"),
    ),
    Case(
        "NUL bytes",
        "Mirth #249: NULs between",
        altered(lambda t: t.replace("CT head", "CT\0head") + "\0\0"),
    ),
    Case(
        "control characters",
        "v2.5.1 2.5.4: not displayable",
        altered(lambda t: t.replace("CT head", "CT\x07\x1b\x7f head")),
    ),
    Case(
        "a start block in text",
        "MLLP release 1: 0B in data",
        altered(lambda t: t.replace("CT head", "CT\x0bhead")),
    ),
    Case("everything null", 'v2.5.1 2.5.3: ""', altered(lambda t: t + 'NTE|""|""|""\r')),
    Case(
        "no patient",
        "v2.5.1 2.14.5: required field",
        altered(lambda t: t.replace(t.split("|")[t.split("|").index("1") + 2], "", 1)),
        AE,
        0,
        "101",
    ),
    Case(
        "a date that is none",
        "v2.5.1 table 0357: 102",
        altered(lambda t: t.replace("|99HOSP", "|").replace("||^^^20", "||^^^9x")),
        AE,
        0,
        "102",
    ),
]

CHARACTER_SETS = [
    ("8859/1", "latin-1", "MÜLLER^ÅSA"),
    ("8859/2", "iso8859-2", "DVOŘÁK^JIŘÍ"),
    ("8859/5", "iso8859-5", "ИВАНОВ^ИВАН"),
    ("8859/6", "iso8859-6", "قباني^لنزار"),
    ("8859/7", "iso8859-7", "ΔΙΟΝΥΣΙΟΣ^Α"),
    ("8859/8", "iso8859-8", "שרון^דבורה"),
    ("8859/9", "iso8859-9", "ÇAĞLAYAN^Ş"),
    ("8859/15", "iso8859-15", "CŒUR^€"),
    ("UNICODE UTF-8", "utf-8", "NGUYỄN^ÁNH^VĂN"),
    ("", "utf-8", "NGUYỄN^ÁNH^VĂN"),
    ("8859/1", "utf-8", "NGUYỄN^ÁNH^VĂN"),
    ("UNICODE UTF-8", "cp1252", "MÜLLER^ÅSA"),
    ("UNICODE UTF-8", "utf-8", "NGUY\u0302\u0303EN"),
    ("~ISO IR87", "iso2022_jp", "YAMADA^TARO^^^^^L^I~山田^太郎^^^^^L^A"),
    ("ISO IR87", "cp932", "表^ソ"),
    ("KS X 1001", "euc_kr", "김^희중"),
    ("GB 18030-2000", "gb18030", "王^小东"),
    ("BIG-5", "big5", "許^功蓋"),
    ("TIS-620", "tis_620", "สมชาย^ใจดี"),
    ("windows-1258", "cp1258", "Đ^Ê"),
    ("NO SUCH SET", "utf-8", "NGUYỄN^ÁNH"),
]
CHARSETS = [
    Case(
        f"{label or 'blank'} in {codec}: {name[0]}",
        "ruby-hl7 #31: MSH-18 ignored; dcm4chee-arc #2859: sets not compatible",
        named(name, codec, label),
    )
    for label, codec, name in CHARACTER_SETS
]
CHARSETS += [
    Case(
        "UTF-16",
        "v2.5.1 2.14.9.18: UTF-16 has no place in MLLP",
        lambda o: plain(o).encode("utf-16"),
        AR,
        0,
        "102",
    ),
    Case("UTF-16 announced", "likewise, by its label", msh(charset="UNICODE UTF-16"), AR, 0, "102"),
    Case(
        "bytes of nothing",
        "Mirth #129: '|' is incorrect",
        lambda o: plain(o).encode() + bytes(range(128, 256)) * 4 + b"\r",
    ),
]

CASES = [*FORM, *HEADERS, *VALUES, *CHARSETS]


@pytest.mark.parametrize(
    "case",
    [pytest.param(each, id=each.name, marks=pytest.mark.provenance(each.source)) for each in CASES],
)
def test_given_a_frame_then_it_is_answered_and_its_order_held_or_not(
    bridge: Bridge, case: Case
) -> None:
    order = new_order()
    payload = case.write(order)
    before = len(journal(bridge))
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(payload))
        answers = [parse(each) for each in wire.read_all(len(case.codes))]

    assert [each.acknowledgement.code for each in answers] == list(case.codes)
    if case.condition:
        assert answers[0].acknowledgement.errors[0].code == case.condition
    assert held(bridge, order.placer) == case.orders
    rows = journal(bridge)[before:]
    assert len(rows) == len(case.codes)
    disposition = "applied" if case.codes[0] == "AA" else "refused"
    assert {row.disposition for row in rows} == {disposition}
    assert all(row.reply for row in rows)
    assert sum(len(row.raw) for row in rows) >= len(payload) - len(payload.split(b"MSH")[0]) - 4
