"""Columns of code tables whose cells must have a form, since they are written to the worklist."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from bridge.mapping.errors import ProfileError, instead
from bridge.mapping.tables import CodeTable

_SEVERAL = "\\"
_LONGEST_AE, _LONGEST_SH, _LONGEST_LO = 16, 16, 64
_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}")
_WHOLE_DAY = 24 * 60

COLUMNS = {
    "scheme": "With a code's coding system (the component two after it), empty for any.",
    "modality": "A term of the table `modalities` (DICOM PS3.3 C.7.3.1.1.1).",
    "description": "At most 64 characters; taken where the message has none.",
    "station_ae_titles": "AE titles, `\\` between several; empty: any station of the modality.",
    "station_names": "At most 16 characters each, `\\` between several.",
    "location": "At most 16 characters.",
    "protocol": "`VALUE^MEANING^SCHEME`.",
    "minutes": "How long the step takes: the worklist shows when it ends.",
    "body_part": "Body Part Examined (PS3.16 annex L), in capitals.",
    "beside": "In a table of words: what else may be spoken of in the same text.",
    "decides": "In a table of words: `no` for words that are no sign of imaging by themselves.",
}
"""Columns of code tables that have a meaning wherever they stand, and what they hold."""

Check = Callable[[str], str]
"""What is wrong with one value, and what to write instead; empty when nothing is."""


def check_cells(table: CodeTable, modalities: Callable[[], Collection[str]]) -> None:
    """Check the cells of every column that has a meaning, whatever table it is in.

    `modalities` gives the terms that there are; empty allows any.

    Raises:
        ProfileError: a cell cannot be what its column says, with its line and the fix.
    """
    for column in table.columns[1:]:
        if column == "modality":
            _check_column(table, column, _modality(modalities()))
        elif column in _CHECKS:
            _check_column(table, column, _CHECKS[column])


def _check_column(table: CodeTable, column: str, check: Check) -> None:
    for key, row in table.rows.items():
        for value in row[column].split(_SEVERAL) if row[column] else ():
            problem = check(value.strip())
            if problem:
                what, _, fix = problem.partition("; ")
                raise ProfileError(table.name, table.lines[key][0], f"{column} {what}", fix)


def _modality(known: Collection[str]) -> Check:
    def check(value: str) -> str:
        if not known or value in known:
            return ""
        return f"{value!r} is no modality; {instead(value, known)}"

    return check


def _at_most(longest: int) -> Check:
    def check(value: str) -> str:
        too_long = len(value) > longest
        return f"{value!r} is too long; use at most {longest} characters" if too_long else ""

    return check


def _ae_title(value: str) -> str:
    if value and len(value) <= _LONGEST_AE and value.isascii() and value.isprintable():
        return ""
    return f"{value!r} is no AE title; use 1 to {_LONGEST_AE} ASCII characters"


def _minutes(value: str) -> str:
    if value.isdecimal() and value.isascii() and 0 < int(value) <= _WHOLE_DAY:
        return ""
    return f"{value!r} is no duration; write whole minutes, such as 15"


def _code_string(value: str) -> str:
    if _CODE_STRING.fullmatch(value):
        return ""
    return f"{value!r} is no code string; use at most 16 capitals, digits, blanks, underscores"


def _code(value: str) -> str:
    return "" if value.partition("^")[0] else f"{value!r} has no code; write CODE^MEANING^SCHEME"


_CHECKS: dict[str, Check] = {
    "station_ae_titles": _ae_title,
    "station_names": _at_most(_LONGEST_SH),
    "location": _at_most(_LONGEST_SH),
    "description": _at_most(_LONGEST_LO),
    "minutes": _minutes,
    "body_part": _code_string,
    "protocol": _code,
}
