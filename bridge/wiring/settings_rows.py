"""The settings in force as rows for the console; secrets stay where they are."""

from __future__ import annotations

import re

from bridge.services.list_settings import SettingRow, Written
from bridge.settings import Settings, rows
from bridge.settings.values import MASK, mask_password

_QUERY_VALUE = re.compile(r"([?&][^=&]*=)[^&]+")
_URL = "url"


def setting_rows(settings: Settings) -> tuple[SettingRow, ...]:
    """Every value, in the order of the documentation."""
    return tuple(
        SettingRow(
            path=row.path,
            text=_shown(row.path, row.text),
            written=Written(row.origin.source.value),
            place=row.origin.name,
            line=row.origin.line,
            meaning=row.doc,
        )
        for row in rows(settings)
    )


def without_secrets(url: str) -> str:
    """A URL to show: receivers of events hand out addresses that hold a token in their query."""
    return _QUERY_VALUE.sub(rf"\g<1>{MASK}", mask_password(url))


def _shown(path: str, text: str) -> str:
    return without_secrets(text) if path.endswith(_URL) else text
