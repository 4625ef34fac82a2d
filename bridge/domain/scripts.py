"""In which component group of a PN a name belongs by its script (PS3.5 6.2.1.1, Annexes H to K)."""

from __future__ import annotations

import re
from typing import Final

ALPHABETIC, IDEOGRAPHIC, PHONETIC = range(3)

_IDEOGRAPHS: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff々]")
_PHONETIC: Final = re.compile("[\u3041-\u30ff\uff66-\uff9f\u1100-\u11ff\uac00-\ud7a3]")


def group_of(text: str) -> int:
    """The group of a name: ideographic before phonetic, kana and Hangul before alphabetic."""
    if text.isascii():
        return ALPHABETIC
    if _IDEOGRAPHS.search(text):
        return IDEOGRAPHIC
    return PHONETIC if _PHONETIC.search(text) else ALPHABETIC
