"""From a HIS in its own character set to a modality limited to one: what the modality shows.

The oracles are dcmtk (`findscu` asks, `dcmdump +U8` shows what a device would) and pydicom. What
the HIS sends is written by Python's own codecs, not by the bridge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.acceptance.orders import acknowledgement, header, new_order, new_patient, orm
from tests.peers.bridge_process import Bridge, configure
from tests.peers.dcmtk import BIN, USUAL_KEYS
from tests.peers.mllp import MllpSocket
from tests.peers.process import run

JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"
XPN_JAPANESE = "Yamada^Tarou^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P"
KOREAN = "Hong^Gildong=洪^吉洞=홍^길동"
XPN_KOREAN = "Hong^Gildong^^^^^L^A~洪^吉洞^^^^^L^I~홍^길동^^^^^L^P"
CHINESE = "Wang^XiaoDong=王^小东"
XPN_CHINESE = "Wang^XiaoDong^^^^^L^A~王^小东^^^^^L^I"
VIETNAMESE = "NGUYỄN^ÁNH^VĂN"

DEVICES = {
    "ASCII": "ISO_IR 6",
    "LATIN1": "ISO_IR 100",
    "LATIN2": "ISO_IR 101",
    "CYRILLIC": "ISO_IR 144",
    "ARABIC": "ISO_IR 127",
    "GREEK": "ISO_IR 126",
    "HEBREW": "ISO_IR 138",
    "TURKISH": "ISO_IR 148",
    "THAI": "ISO_IR 166",
    "JAPAN": "\\ISO 2022 IR 87",
    "JAPANKANA": "ISO 2022 IR 13\\ISO 2022 IR 87",
    "KOREA": "\\ISO 2022 IR 149",
    "CHINA": "\\ISO 2022 IR 58",
    "GB18030": "GB18030",
    "GBK": "GBK",
    "UTF8": "ISO_IR 192",
}

# MSH-18, Python's codec of what is sent, PID-5, the device, and the name that it shows.
CARRIED = [
    ("8859/1", "latin-1", "MÜLLER^RENÉ", "LATIN1", "MÜLLER^RENÉ"),
    ("8859/2", "iso8859-2", "DVOŘÁK^JIŘÍ", "LATIN2", "DVOŘÁK^JIŘÍ"),
    ("8859/5", "iso8859-5", "ИВАНОВ^ПЁТР", "CYRILLIC", "ИВАНОВ^ПЁТР"),
    ("8859/6", "iso8859-6", "محمد^علي", "ARABIC", "محمد^علي"),
    ("8859/7", "iso8859-7", "Διονυσίου^Άννα", "GREEK", "Διονυσίου^Άννα"),
    ("8859/8", "iso8859-8", "כהן^שרה", "HEBREW", "כהן^שרה"),
    ("8859/9", "iso8859-9", "ÇAVUŞOĞLU^İREM", "TURKISH", "ÇAVUŞOĞLU^İREM"),
    ("TIS-620", "tis_620", "ใจดี^สมชาย", "THAI", "ใจดี^สมชาย"),
    ("~ISO IR87", "iso2022_jp", XPN_JAPANESE, "JAPAN", JAPANESE),
    ("ISO IR87", "iso2022_jp", JAPANESE, "JAPAN", JAPANESE),
    ("~ISO IR87", "cp932", XPN_JAPANESE, "JAPAN", JAPANESE),
    (
        "ISO IR14~ISO IR87",
        "cp932",
        "ﾔﾏﾀﾞ^ﾀﾛｳ^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P",
        "JAPANKANA",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    ("KS X 1001", "euc_kr", XPN_KOREAN, "KOREA", KOREAN),
    ("~KS X 1001", "iso2022_kr", XPN_KOREAN, "KOREA", KOREAN),
    ("GB 18030-2000", "gb18030", XPN_CHINESE, "GB18030", CHINESE),
    ("GB 18030-2000", "gb18030", XPN_CHINESE, "GBK", CHINESE),
    ("GB 18030-2000", "gb18030", XPN_CHINESE, "CHINA", CHINESE),
    ("BIG-5", "big5", "Hsu^Kung^^^^^L^A~許^功蓋^^^^^L^I", "UTF8", "Hsu^Kung=許^功蓋"),
    ("UNICODE UTF-8", "utf-8", VIETNAMESE, "UTF8", VIETNAMESE),
    ("UNICODE UTF-8", "utf-8", VIETNAMESE, "GB18030", VIETNAMESE),
]
# The same, for devices that cannot show it.
FOLDED = [
    ("UNICODE UTF-8", "utf-8", VIETNAMESE, "LATIN1", "NGUYEN^ANH^VAN"),
    ("UNICODE UTF-8", "utf-8", VIETNAMESE, "ASCII", "NGUYEN^ANH^VAN"),
    ("UNICODE UTF-8", "utf-8", VIETNAMESE, "JAPAN", "NGUYEN^ANH^VAN"),
    ("8859/1", "latin-1", "MÜLLER^RENÉ", "ASCII", "MULLER^RENE"),
    ("8859/5", "iso8859-5", "ИВАНОВ^ПЁТР", "LATIN1", "IVANOV^PETR"),
    ("8859/7", "iso8859-7", "Διονυσίου^Άννα", "ASCII", "Dionysiou^Anna"),
    ("~ISO IR87", "iso2022_jp", XPN_JAPANESE, "LATIN1", "Yamada^Tarou"),
    (
        "~ISO IR87",
        "iso2022_jp",
        "山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P",
        "ASCII",
        "YAMADA^TAROU",
    ),
    ("KS X 1001", "euc_kr", XPN_KOREAN, "LATIN1", "Hong^Gildong"),
    ("GB 18030-2000", "gb18030", XPN_CHINESE, "JAPAN", "Wang^XiaoDong"),
]


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp("characters")
    peers = [
        {"ae_title": title, "specific_character_set": terms} for title, terms in DEVICES.items()
    ]
    configuration = configure(folder, f"sqlite:///{folder}/bridge.db", dicom={"peers": peers})
    with closing(Bridge(configuration, folder)) as running:
        running.start()
        yield running


def place(bridge: Bridge, label: str, codec: str, name: str) -> str:
    """Send an order for a patient of that name; give its accession number."""
    family, _, given = name.partition("^")
    order = new_order(new_patient(family=family, given=given, middle=""))
    message = orm(order, head=header("ORM^O01", "2.5.1", charset=label))
    written = message.replace(f"{name}^|", f"{name}|").encode(codec)
    with MllpSocket(bridge.hl7_port) as wire:
        answer = wire.exchange(written)
    assert acknowledgement(answer)["code"] == "AA", answer
    return order.accession


def entry(bridge: Bridge, device: str, accession: str, folder: Path) -> Path:
    """The one worklist entry of an order, as findscu wrote it."""
    keys = {**USUAL_KEYS, "SpecificCharacterSet": "", "AccessionNumber": accession}
    asked = [
        part
        for path, value in keys.items()
        for part in ("-k", f"{path}={value}" if value else path)
    ]
    link = ["-aet", device, "-aec", "BRIDGE", "127.0.0.1", str(bridge.dicom_port)]
    done = run([BIN / "findscu", "-W", "-X", "-od", folder, *asked, *link])
    (found,) = sorted(folder.glob("rsp*.dcm"))
    assert done.returncode == 0, done.stdout
    return found


def shown(file: Path, keyword: str = "PatientName") -> str:
    """What dcmtk makes of an attribute, in UTF-8; of Japanese, for which it needs another iconv
    than the C library's, what Python's ISO-2022-JP and pydicom make of it.
    """
    raw = dcmread(file, force=True)
    if {"ISO 2022 IR 87", "ISO 2022 IR 13"} & set(raw.get("SpecificCharacterSet", "")):
        raw.decode()
        return str(raw[keyword].value)
    done = run([BIN / "dcmdump", "-q", "+U8", "+L", "+P", keyword, file])
    assert done.returncode == 0, done.stdout
    found = re.search(r" [A-Z]{2} \[(.*?)\] +#", done.stdout, re.DOTALL)
    return found[1].rstrip("^ ") if found else ""


@pytest.mark.parametrize(("label", "codec", "name", "device", "expected"), CARRIED)
def test_given_a_device_whose_set_carries_the_name_then_it_shows_all_of_it(
    bridge: Bridge,
    tmp_path: Path,
    label: str,
    codec: str,
    name: str,
    device: str,
    expected: str,
) -> None:
    file = entry(bridge, device, place(bridge, label, codec, name), tmp_path)

    assert shown(file) == expected
    declared = dcmread(file, force=True).SpecificCharacterSet
    values = [declared] if isinstance(declared, str) else list(declared)
    assert "\\".join(values) == DEVICES[device]
    if device == "JAPAN":
        assert expected.encode("iso2022_jp") in file.read_bytes()
    if device != "CHINA":  # pydicom leaves the escape sequences of ISO 2022 IR 58 in names
        dataset = dcmread(file, force=True)
        dataset.decode()
        assert str(dataset.PatientName) == expected


@pytest.mark.parametrize(("label", "codec", "name", "device", "expected"), FOLDED)
def test_given_a_device_whose_set_does_not_then_it_shows_what_can_be_read(
    bridge: Bridge,
    tmp_path: Path,
    label: str,
    codec: str,
    name: str,
    device: str,
    expected: str,
) -> None:
    file = entry(bridge, device, place(bridge, label, codec, name), tmp_path)

    assert shown(file) == expected
    assert "?" not in run([BIN / "dcmdump", "-q", "+L", file]).stdout.replace("(0008,0005)", "")


def test_given_ideographs_alone_for_a_latin_device_then_the_patient_id_stands_for_the_name(
    bridge: Bridge, tmp_path: Path
) -> None:
    accession = place(bridge, "~ISO IR87", "iso2022_jp", "山田^太郎")
    file = entry(bridge, "LATIN1", accession, tmp_path)

    assert shown(file) == shown(file, "PatientID")


def test_given_ideographs_alone_for_a_japanese_device_then_they_are_the_ideographic_group(
    bridge: Bridge, tmp_path: Path
) -> None:
    accession = place(bridge, "~ISO IR87", "iso2022_jp", "山田^太郎")

    file = entry(bridge, "JAPAN", accession, tmp_path)
    assert shown(file) == "=山田^太郎"
    assert "=山田^太郎".encode("iso2022_jp") in file.read_bytes()


@pytest.mark.parametrize(("label", "codec"), [("UNICODE UTF-16", "utf-8"), ("", "utf-16-le")])
def test_given_utf_16_then_the_answer_says_that_it_cannot_be_read(
    bridge: Bridge, label: str, codec: str
) -> None:
    message = orm(new_order(), head=header("ORM^O01", "2.5.1", charset=label))
    with MllpSocket(bridge.hl7_port) as wire:
        answer = acknowledgement(wire.exchange(message.encode(codec)))

    assert answer["code"] == "AR"
    assert "MSH^1^18" in answer["errors"]
    assert "UTF-16" in answer["errors"]
