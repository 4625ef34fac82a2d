r"""Escape sequences as ER7 writes them: `\Cxxyy\` and `\Mxxyyzz\` (HL7 v2.5.1 2.7.2, 2.15.9.20)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from bridge.domain.code_extension import ESCAPE, knows

_ESCAPE_AT: Final = 6  # MSH|^~\: where a header has its escape character


@lru_cache(maxsize=16)
def _written(mark: bytes) -> re.Pattern[bytes]:
    written = re.escape(mark)
    return re.compile(
        written + rb"(?:C([0-9A-Fa-f]{4})|M([0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?))" + written
    )


def restore_sequences(raw: bytes) -> bytes:
    r"""Put real escape sequences where `\Cxxyy\` or `\Mxxyyzz\` stand for one that is known."""
    mark = raw[_ESCAPE_AT : _ESCAPE_AT + 1] if raw.startswith(b"MSH") else b"\\"
    if mark + b"C" not in raw and mark + b"M" not in raw:
        return raw

    def restore(found: re.Match[bytes]) -> bytes:
        sequence = bytes.fromhex((found[1] or found[2]).decode("ascii"))
        return ESCAPE + sequence if knows(sequence) else found[0]

    return _written(mark).sub(restore, raw)
