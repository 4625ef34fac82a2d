"""Given any text that a set of table 0211 can carry, when it comes in a message, then it is read.

The alphabets come from Python's codecs and from the sets' own standards; what carries the text is
written by the bridge's encoder, and again by independent codecs in the table of examples.
"""

from __future__ import annotations

import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain import cns11643
from bridge.hl7.characters import character_set, encode
from bridge.hl7.detection import decode
from bridge.hl7.er7 import read
from bridge.hl7.errors import CharacterSetRefused

VIETNAMESE = (
    "aàảãáạăằẳẵắặâầẩẫấậbcdđeèẻẽéẹêềểễếệghiìỉĩíịklmnoòỏõóọôồổỗốộơờởỡớợpqrstuùủũúụưừửữứựvxyỳỷỹýỵ"
)
KANJI = "山田太郎髙橋鈴木一朗病院放射線科検査表示"
HANGUL = "김이박최정강조윤장임한길동희중영상의학과"
HANZI = "王李张刘陈杨赵黄周吴医院放射科检查"
TRADITIONAL = "王李張劉陳楊趙黃周吳醫院放射科檢查許功蓋"
THAI = "กขคงจฉชซสมชายหญิงเดกแพทย์"

# Label as it stands in MSH-18, and letters that the sets it names hold.
LABELS = {
    "8859/1": "àâäçèéêëîïñôöùûüÿßæøåÁÉÍÓÚÑÜ",
    "8859/2": "áčďéěíňóřšťúůýžĄąŁłÖöŐőŰű",
    "8859/3": "ĉĝĥĵŝŭħżġċÇçÑñ",
    "8859/4": "āčēģīķļņšūžĄąŲųØøÅå",
    "8859/5": "абвгдежзийклмнопрстуфхцчшщъыьэюяЁёЉљЊњ",
    "8859/6": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "8859/7": "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώΑΒΓ",
    "8859/8": "אבגדהוזחטיכלמנסעפצקרשתךםןףץ",
    "8859/9": "çğıöşüÇĞİÖŞÜ",
    "8859/15": "àâçéèêëîïôœùûüÿŒŸŠšŽž€",
    "ISO IR14": "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟｯｬｭｮｰ",
    "ISO IR87": KANJI.replace("髙", "高") + "やまだたろうヤマダタロウ",
    "ISO IR159": "丂丄丅丌丒丟丣两丨丫",
    "~ISO IR87": KANJI.replace("髙", "高") + "やまだ",
    "~ISO IR87~ISO IR159": "山田丂丄丅太郎",
    "ISO IR14~ISO IR87": "ｱｲｳｴｵﾔﾏﾀﾞ山田やまだ",
    "KS X 1001": HANGUL + "金姜",
    "~KS X 1001": HANGUL + "金姜",
    "~GB 2312": HANZI,
    "8859/1~8859/2": "àéüřščž",
    "8859/1~8859/5~8859/7": "éüабвгαβγ",
    "GB 18030-2000": HANZI + TRADITIONAL + "ễệ",
    "BIG-5": TRADITIONAL,
    "CNS 11643-1992": TRADITIONAL,
    "~CNS 11643-1992": TRADITIONAL,
    "UNICODE": VIETNAMESE + KANJI + HANGUL + "😀",
    "UNICODE UTF-8": VIETNAMESE + KANJI + HANGUL + THAI + "😀",
    "TIS-620": THAI,
    "windows-1250": "áčďéěíňóřšťúůýžŠŽ",
    "windows-1251": "абвгдежзийклмнопрстуфхцчшщ",
    "windows-1252": "àâäçèéêëîïñôöùûüŒœŽž€",
    "windows-1253": "αβγδεζηθικλμάέήίόύώ",
    "windows-1254": "çğıöşüİ",
    "windows-1258": VIETNAMESE,
    "VISCII": VIETNAMESE + VIETNAMESE.upper(),
    "TCVN3": VIETNAMESE,
    "VNI": VIETNAMESE + VIETNAMESE.upper(),
}

# Bytes that other programs write: iconv's codecs know these, Python's do not, or not all of them.
ICONV = {
    "VISCII": "VISCII",
    "TCVN3": "TCVN5712-1",
    "CNS 11643-1992": "EUC-TW",
    "windows-1258": "CP1258",
    "BIG-5": "BIG-5",
    "KS X 1001": "EUC-KR",
    "ISO IR87": "ISO-2022-JP",
    "~ISO IR87~ISO IR159": "ISO-2022-JP-2",
    "GB 18030-2000": "GB18030",
}


def message(label: str, name: bytes) -> bytes:
    header = f"MSH|^~\\&|A|B|C|D|20240101||ADT^A08|M1|P|2.5.1||||||{label}\r"
    return header.encode() + b"PID|||1||" + name + b"||1980\r"


def name_of(raw: bytes) -> tuple[str, tuple[str, ...]]:
    order = read(raw)
    assert order.get("PID-7") == "1980"
    return order.all("PID")[0].text(5), order.warnings


@pytest.mark.parametrize("label", LABELS)
@given(data=st.data())
def test_given_any_text_of_the_set_when_sent_in_it_then_it_is_read_as_it_was(
    label: str, data: st.DataObject
) -> None:
    words = st.text(LABELS[label] + "abcABC -", min_size=1, max_size=12)
    name = "^".join(data.draw(st.lists(words, min_size=1, max_size=4)))
    name = unicodedata.normalize("NFC", name)
    if label == "TCVN3":
        name = name.lower()

    found, warnings = name_of(message(label, encode(name, label)))

    assert found == name or "the bytes are UTF-8" in " ".join(warnings)


@pytest.mark.parametrize("label", LABELS)
def test_given_the_whole_alphabet_when_sent_in_its_set_then_nothing_is_lost_or_remarked(
    label: str,
) -> None:
    name = unicodedata.normalize("NFC", LABELS[label])

    assert name_of(message(label, encode(name, label))) == (name, ())


@pytest.mark.parametrize(("label", "codec"), ICONV.items())
def test_given_bytes_of_another_program_when_labelled_then_they_are_read(
    label: str, codec: str
) -> None:
    name = unicodedata.normalize("NFC", LABELS[label])
    if label == "windows-1258":
        name = "Trần Nguyễn Phượng"
    done = subprocess.run(
        ["iconv", "-f", "UTF-8", "-t", codec], input=name.encode(), capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"iconv here has no {codec}")

    assert name_of(message(label, done.stdout)) == (name, ())


def test_given_every_code_of_cns_11643_when_iconv_reads_it_too_then_they_agree() -> None:
    codes = [
        prefix + bytes([row, cell])
        for prefix in (b"", b"\x8e\xa2")
        for row in range(0xC4, 0xF3)
        for cell in range(0xA1, 0xFF)
    ]
    known = [code for code in codes if "\ufffd" not in cns11643.decode_euc_tw(code)]
    done = subprocess.run(
        ["iconv", "-f", "EUC-TW", "-t", "UTF-8"],
        input=b"\n".join(known),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("iconv here has no EUC-TW")

    theirs = done.stdout.decode().split("\n")
    assert [cns11643.decode_euc_tw(code) for code in known] == theirs
    assert len(known) > 8000


@pytest.mark.parametrize("label", ["UNICODE UTF-16", "UNICODE UTF-32", "UTF-16LE", "utf-32"])
def test_given_a_set_that_cannot_travel_in_mllp_when_named_then_the_message_is_refused(
    label: str,
) -> None:
    with pytest.raises(CharacterSetRefused) as refused:
        read(message(label, b"Doe"))

    assert refused.value.location == "MSH^1^18"
    assert "UTF-16 or UTF-32" in refused.value.message


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_given_a_message_in_such_a_set_then_it_is_refused(codec: str) -> None:
    with pytest.raises(CharacterSetRefused):
        read(message("", b"Doe").decode().encode(codec))


@pytest.mark.parametrize(
    ("terms", "label"),
    [
        (r"ISO 2022 IR 6~ISO 2022 IR 87", "~ISO IR87"),
        ("ISO_IR 100", "8859/1"),
        ("ISO_IR 144", "8859/5"),
        ("ISO_IR 192", "UNICODE UTF-8"),
    ],
)
def test_given_dicoms_names_of_the_sets_when_they_stand_in_msh_18_then_they_are_known(
    terms: str, label: str
) -> None:
    assert character_set(terms) == character_set(label)


# --- what a label does not tell -------------------------------------------------------------------


def sent(name: bytes, label: str = "", country: str = "") -> tuple[str, str]:
    header = f"MSH|^~\\&|A|B|C|D|20240101||ADT^A08|M1|P|2.5.1|||||{country}|{label}\r"
    found, warnings = name_of(header.encode() + b"PID|||1||" + name + b"||1980\r")
    return found, "; ".join(warnings)


@pytest.mark.parametrize("label", ["GB 18030-2000", "BIG-5", "KS X 1001", "ISO IR14", "~ISO IR87"])
@pytest.mark.parametrize("name", ["山田^太郎", "Nguyễn^Văn Ánh", "김^희중"])
def test_given_utf_8_under_an_asian_label_when_read_then_it_is_read_as_utf_8(
    label: str, name: str
) -> None:
    found, warnings = sent(name.encode(), label)

    assert found == name
    assert "the bytes are UTF-8" in warnings


@pytest.mark.parametrize(
    ("label", "codec", "name"),
    [
        ("CNS 11643-1992", "cp950", "許^功蓋"),
        ("8859/2", "cp1250", "Škoda „Žďár“"),
        ("8859/5", "cp1251", "Иванов – Пётр"),
        ("8859/7", "cp1253", "Διονυσίου ‘Α’"),
        ("8859/9", "cp1254", "Çavuşoğlu – İ"),
        ("8859/1", "cp1252", "Müller – €"),
        ("TIS-620", "cp874", "สมชาย “x”"),
    ],
)
def test_given_the_vendors_extension_under_the_standards_label_when_read_then_it_is_seen(
    label: str, codec: str, name: str
) -> None:
    found, warnings = sent(name.encode(codec), label)

    assert found == name
    assert warnings


@pytest.mark.parametrize(
    ("country", "codec", "name"),
    [
        ("JPN", "cp932", "山田^太郎"),
        ("KOR", "cp949", "김^희중"),
        ("CHN", "gb18030", "王^小东"),
        ("TWN", "cp950", "許^功蓋"),
        ("THA", "tis_620", "สมชาย"),
        ("RUS", "cp1251", "Иванов"),
        ("CZE", "cp1250", "Dvořák"),
    ],
)
def test_given_a_blank_label_and_a_country_when_read_then_its_usual_set_is_tried(
    country: str, codec: str, name: str
) -> None:
    found, warnings = sent(name.encode(codec), country=country)

    assert found == name
    assert "country of MSH-17" in warnings


@pytest.mark.parametrize("font", ["TCVN3", "VNI", "windows-1258", "VISCII"])
@pytest.mark.parametrize("name", ["Nguyễn^Ánh^Văn", "Trần^Phượng^Thị", "Đặng^Quỳnh^Hữu"])
def test_given_vietnamese_fonts_without_a_label_when_read_then_they_are_known_by_the_syllables(
    font: str, name: str
) -> None:
    found, warnings = sent(encode(name, font))

    assert found == name
    assert "Vietnamese" in warnings


def test_given_another_country_when_read_then_nobody_sees_vietnamese() -> None:
    name = encode("Nguyễn^Ánh^Văn", "TCVN3")

    assert sent(name, country="VNM")[0] == "Nguyễn^Ánh^Văn"
    assert sent(name, country="FRA")[0] == name.decode("cp1252")


def test_given_capitals_of_an_abc_font_when_read_then_they_are_capitals() -> None:
    assert sent(b"NGUY\xd4N^H\xb5^V\xa8N", "TCVN3")[0] == "NGUYỄN^HÀ^VĂN"
    assert sent(b"L\xaa^H\xb5", "TCVN3")[0] == "Lê^Hà"


@pytest.mark.parametrize(
    "name", ["Müller^René", "Zoë^Loïc", "Núñez^José María", "Åström^Sören", "Ó Briain^Áine"]
)
def test_given_western_names_without_a_label_when_read_then_nobody_sees_vietnamese(
    name: str,
) -> None:
    assert sent(name.encode("cp1252"))[0] == name


@pytest.mark.parametrize("name", ["Nguyễn^Văn^Ánh", "Müller^René", "山田^太郎", "Иванов"])
@pytest.mark.parametrize("misread_as", ["latin-1", "cp1252"])
def test_given_utf_8_twice_when_read_then_it_is_undone_aloud(name: str, misread_as: str) -> None:
    twice = "".join(
        bytes([byte]).decode(misread_as) if byte not in UNDEFINED else chr(byte)
        for byte in name.encode()
    )

    found, warnings = sent(twice.encode(), "UNICODE UTF-8")

    assert found == name
    assert "twice" in warnings


UNDEFINED = {0x81, 0x8D, 0x8F, 0x90, 0x9D}


@pytest.mark.parametrize("name", ["«CAFÉ»", "IRMÃ“", "Ä", "NÃO", "Ã", "×Â°C", "Straße"])
def test_given_what_may_be_meant_so_when_read_then_it_stays(name: str) -> None:
    raw = message("UNICODE UTF-8", name.encode() + b"||") + "NTE|||Größe «é»\r".encode()

    assert read(raw).all("PID")[0].text(5) == name


def test_given_one_field_of_several_encoded_twice_when_read_then_only_it_is_undone() -> None:
    twice = "Nguyễn Thị".encode().decode("latin-1")
    raw = message("", twice.encode()) + "NTE|1||Größe\r".encode()

    order = read(raw)

    assert order.all("PID")[0].text(5) == "Nguyễn Thị"
    assert order.get("NTE-3") == "Größe"


def test_given_values_of_two_systems_in_one_message_when_read_then_each_is_read() -> None:
    found, warnings = sent("Müller".encode("latin-1") + "^Nguyễn".encode())

    assert found == "Müller^Nguyễn"
    assert "some values are UTF-8" in warnings


@pytest.mark.parametrize("name", ["NGUY?N^V?N", "Nguy??n^An", "Nguy\ufffdn"])
def test_given_letters_that_were_lost_before_when_read_then_it_is_remarked(name: str) -> None:
    assert "lost" in sent(name.encode())[1]


def test_given_a_question_that_is_no_loss_when_read_then_nothing_is_remarked() -> None:
    assert sent(b"DOE^JANE^?") == ("DOE^JANE^?", "")


# --- ISO 2022 -------------------------------------------------------------------------------------


def test_given_a_set_that_is_not_left_on_its_line_when_read_then_the_next_field_is_right() -> None:
    raw = message("~ISO IR87", b"\x1b$B;3ED")

    assert read(raw).all("PID")[0].text(5) == "山田"
    assert read(raw).get("PID-7") == "1980"


def test_given_the_first_upper_half_when_a_delimiter_comes_then_it_is_back() -> None:
    name = b"\x1b-BDvo\xf8\xe1k^Ren\xe9"

    assert name_of(message("8859/1~8859/2", name)) == ("Dvořák^René", ())


def test_given_an_ascii_default_when_a_delimiter_comes_then_the_last_set_stays() -> None:
    name = b"\x1b$)C" + "홍^길동".encode("euc_kr")

    assert name_of(message("~KS X 1001", name)) == ("홍^길동", ())


def test_given_shifts_of_iso_2022_kr_when_read_then_they_are_followed() -> None:
    raw = message("~KS X 1001", "홍^길동".encode("iso2022_kr"))

    assert read(raw).all("PID")[0].text(5) == "홍^길동"


def test_given_a_switch_to_utf_8_when_read_then_it_is_followed() -> None:
    name = b"\x1b%G" + "Nguyễn".encode() + b"\x1b%@^x"

    assert name_of(message("8859/1~UNICODE UTF-8", name))[0] == "Nguyễn^x"


def test_given_a_sequence_that_nobody_knows_when_read_then_it_is_not_passed_over() -> None:
    order = read(message("~ISO IR87", b"A\x1b$+Zb"))

    assert any("replaced" in warning for warning in order.warnings)


@pytest.mark.parametrize("mark", ["\\", "$"])
def test_given_written_sequences_of_the_messages_own_escape_character_then_they_switch(
    mark: str,
) -> None:
    header = f"MSH|^~{mark}&|A|B|C|D|20240101||ADT^A08|M1|P|2.5.1||||||8859/1~8859/2\r"
    name = (
        f"{mark}C2D42{mark}".encode() + b"Dvo\xf8\xe1k" + f"{mark}C2D41{mark}".encode() + b" \xe9"
    )

    assert name_of(header.encode() + b"PID|||1||" + name + b"||1980\r")[0] == "Dvořák é"


def test_given_an_asian_sender_whose_bytes_look_like_delimiters_then_the_label_is_found() -> None:
    raw = message("BIG-5", "許^功蓋".encode("big5")).replace(
        b"|A|B|", "|功|許蓋|".encode("big5"), 1
    )

    order = read(raw)

    assert order.header.field(4) == "許蓋"
    assert order.all("PID")[0].text(5) == "許^功蓋"
    assert order.warnings == ()


@given(st.binary(max_size=300), st.sampled_from([*LABELS, "KLINGON", ""]))
def test_given_any_bytes_under_any_label_when_read_then_nothing_is_lost_in_silence(
    raw: bytes, label: str
) -> None:
    decoded = decode(message(label, b"x" + raw))

    assert unicodedata.is_normalized("NFC", decoded.text)
    if "\ufffd" in decoded.text and b"\xef\xbf\xbd" not in raw:
        assert any("replaced" in warning for warning in decoded.warnings)


def test_given_a_default_of_the_sender_when_nothing_is_labelled_then_it_comes_before_guesses() -> (
    None
):
    raw = message("", encode("Nguyễn^Ánh", "TCVN3"))

    assert read(raw, fallback="8859/5").all("PID")[0].text(5) != "Nguyễn^Ánh"
    assert read(raw, fallback="TCVN3").all("PID")[0].text(5) == "Nguyễn^Ánh"


def test_given_a_default_of_single_bytes_when_a_letter_is_cut_then_the_rest_stays_utf_8() -> None:
    raw = message("", "Nguyễn Văn Ánh".encode() + b"\xe1\xba")

    assert read(raw, fallback="windows-1258").all("PID")[0].text(5) == "Nguyễn Văn Ánh\ufffd"
