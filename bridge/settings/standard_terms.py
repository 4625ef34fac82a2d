"""Terms whose rules are DICOM's (PS3.5 section 6.2, PS3.3 C.12.1.1.2) or HL7's (table 0211)."""

from __future__ import annotations

import re

from bridge.settings.problems import quoted
from bridge.settings.terms import Term, UnfitValueError, instead, parse_text

_LONGEST_AE_TITLE = 16  # bytes, PS3.5 table 6.2-1
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_KEYWORD = re.compile(r"[A-Z][A-Za-z0-9]{1,63}")
_LONGEST_LO = 64

# PS3.3 tables C.12-2 to C.12-5.
_PARTS = ("100", "101", "109", "110", "144", "127", "126", "138", "148", "203", "166", "13")
_WITHOUT_EXTENSIONS = tuple(f"ISO_IR {part}" for part in ("6", *_PARTS))
_WITH_EXTENSIONS = tuple(f"ISO 2022 IR {part}" for part in ("6", *_PARTS, "87", "159", "149", "58"))
_ALONE = ("ISO_IR 192", "GB18030", "GBK")
CHARACTER_SETS = (*_WITHOUT_EXTENSIONS, *_ALONE, *_WITH_EXTENSIONS)
"""Every single value of Specific Character Set."""
_NICKNAMES = {
    "utf8": "ISO_IR 192",
    "unicode": "ISO_IR 192",
    "unicodeutf8": "ISO_IR 192",
    "latin1": "ISO_IR 100",
    "iso88591": "ISO_IR 100",
    "88591": "ISO_IR 100",
    "iso88592": "ISO_IR 101",
    "iso88595": "ISO_IR 144",
    "ascii": "ISO_IR 6",
    "usascii": "ISO_IR 6",
    "iso885915": "ISO_IR 203",
    "gb2312": "GB18030",
    "tis620": "ISO_IR 166",
}

# HL7 table 0211, then the labels that Vietnamese and Thai sites need beside it. UTF-16 and UTF-32
# are left out: their bytes can look like MLLP's frame ends.
HL7_CHARACTER_SETS = (
    "ASCII",
    *(f"8859/{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)),
    "ISO IR6",
    "ISO IR14",
    "ISO IR87",
    "ISO IR159",
    "GB 18030-2000",
    "KS X 1001",
    "BIG-5",
    "CNS 11643-1992",
    "UNICODE",
    "UNICODE UTF-8",
    *(f"windows-{page}" for page in range(1250, 1259)),
    "TCVN3",
    "VNI",
    "VISCII",
    "TIS-620",
    "Shift-JIS",
    "EUC-JP",
    "EUC-TW",
    "KOI8-R",
)


def _parse_ae_title(text: str) -> str:
    title = text.strip(" ")
    if not title:
        raise UnfitValueError("is empty", "write the title the device is configured with")
    if len(title) > _LONGEST_AE_TITLE:
        raise UnfitValueError(
            f"{quoted(title)} is {len(title)} characters long",
            f"use at most {_LONGEST_AE_TITLE} characters, as DICOM PS3.5 section 6.2 demands",
        )
    if not (title.isascii() and title.isprintable()) or "\\" in title:
        raise UnfitValueError(
            f"{quoted(title)} holds a character that an AE title cannot",
            "use ASCII letters, digits and signs, but no backslash and no control characters",
        )
    return title


def _parse_specific_character_set(text: str) -> str:
    values = [value.strip(" ") for value in text.split("\\")]
    if len(values) > 1:
        return _parse_code_extensions(text, values)
    if values[0] in CHARACTER_SETS:
        return values[0]
    raise UnfitValueError(
        f"{quoted(text)} is not a value of Specific Character Set", _character_set_fix(values[0])
    )


def _parse_code_extensions(text: str, values: list[str]) -> str:
    allowed = ({"", *_WITH_EXTENSIONS}, set(_WITH_EXTENSIONS))
    wrong = [value for at, value in enumerate(values) if value not in allowed[min(at, 1)]]
    if wrong:
        raise UnfitValueError(
            f"{quoted(wrong[0])} cannot stand in the list {quoted(text)}",
            "with several values use only ISO 2022 terms (the first may be empty), such as"
            r" \ISO 2022 IR 87; ISO_IR 192, GB18030 and GBK stand alone",
        )
    return "\\".join(values)


def _character_set_fix(wrong: str) -> str:
    nickname = _NICKNAMES.get(_reduced(wrong))
    if nickname:
        return f"did you mean {nickname}?"
    return instead(
        wrong, CHARACTER_SETS, "use ISO_IR 192 (UTF-8), ISO_IR 100 (Latin-1) or ISO_IR 6 (ASCII)"
    )


def _parse_keyword(text: str) -> str:
    keyword = parse_text(text).strip()
    if _KEYWORD.fullmatch(keyword):
        return keyword
    raise UnfitValueError(
        f"{quoted(text)} is not a keyword of DICOM", "write it as PS3.6 does, such as PatientName"
    )


def _parse_label(text: str) -> str:
    label = parse_text(text).strip()
    if len(label) <= _LONGEST_LO and "\\" not in label:
        return label
    raise UnfitValueError(
        f"{quoted(text)} is not a value of LO", "use at most 64 characters and no backslash"
    )


def _parse_hl7_character_set(text: str) -> str:
    labels = {_reduced(label): label for label in HL7_CHARACTER_SETS} | {"utf8": "UNICODE UTF-8"}
    repetitions = [labels.get(_reduced(each)) for each in parse_text(text).split("~")]
    if all(repetitions):
        return "~".join(label for label in repetitions if label)
    fix = instead(text, HL7_CHARACTER_SETS, "use one of " + ", ".join(HL7_CHARACTER_SETS))
    raise UnfitValueError(f"{quoted(text)} is not a known HL7 character set", fix)


def _reduced(label: str) -> str:
    """Return a label without case and punctuation, which senders and people vary."""
    return re.sub(r"[^a-z0-9]", "", label.casefold())


KEYWORD = Term("keyword of an attribute (PS3.6)", _parse_keyword)
LABEL = Term("text of at most 64 characters, without backslashes", _parse_label)
AE_TITLE = Term("AE title (at most 16 characters)", _parse_ae_title)
SPECIFIC_CHARACTER_SET = Term(
    "DICOM Specific Character Set; several values are joined by backslashes",
    _parse_specific_character_set,
)
HL7_CHARACTER_SET = Term(
    "HL7 table 0211 character set, or a site's label; several are joined by ~",
    _parse_hl7_character_set,
)
