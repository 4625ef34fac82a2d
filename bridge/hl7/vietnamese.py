"""Vietnamese character sets from before Unicode, as sites still label them: VISCII, TCVN3, VNI.

Python has no codec for them. Each function takes bytes, never fails, and returns text that still
needs Unicode normalisation (NFC). Decoding only: the bridge answers in UTF-8.
"""

from __future__ import annotations

import re

# RFC 1456; the six letters that VISCII puts on control characters are left out, since 0x02 to 0x1E
# do not occur in text that travels in MLLP frames.
_VISCII_HIGH = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲ"
    "Õắằặấầẩậẽẹếềểễệốồổỗ\u1ee0ƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡư"
    "àáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)

# TCVN 5712:1993. The ABC fonts, which is what "TCVN3" means in practice, use the lower half of this
# table for capitals too; the upper rows (0x80 to 0x9F) come from the full standard.
_TCVN_HIGH = (
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ"
    "\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắ"
    "ẴẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíị"
    "òỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)

# VNI writes a letter and then its marks as one further byte of windows-1252.
_VNI_MARKS = str.maketrans(
    {
        "ù": "\u0301",
        "ø": "\u0300",
        "û": "\u0309",
        "õ": "\u0303",
        "ï": "\u0323",
        "â": "\u0302",
        "á": "\u0302\u0301",
        "à": "\u0302\u0300",
        "å": "\u0302\u0309",
        "ã": "\u0302\u0303",
        "ä": "\u0302\u0323",
        "ê": "\u0306",
        "é": "\u0306\u0301",
        "è": "\u0306\u0300",
        "ú": "\u0306\u0309",
        "ü": "\u0306\u0303",
        "ë": "\u0306\u0323",
    }
)
_VNI_LETTERS = str.maketrans("ñÑôÔöÖæÆóÓòÒîÎ", "đĐơƠưƯỉỈĩĨịỊỵỴ")
_VNI_VOWEL_AND_MARK = re.compile("([aeoyuôö])([ùøûõïâáàåãäêéèúüë])", re.IGNORECASE)


def _decode_single_byte(raw: bytes, high_half: str) -> str:
    return raw.decode("latin-1").translate(
        {0x80 + position: letter for position, letter in enumerate(high_half)}
    )


def decode_viscii(raw: bytes) -> str:
    """Read VISCII (RFC 1456)."""
    return _decode_single_byte(raw, _VISCII_HIGH)


def decode_tcvn3(raw: bytes) -> str:
    """Read TCVN 5712:1993, known as TCVN3 or ABC."""
    return _decode_single_byte(raw, _TCVN_HIGH)


def decode_vni(raw: bytes) -> str:
    """Read VNI for Windows: base letter, then a byte for the marks above and below it."""

    def compose(pair: re.Match[str]) -> str:
        letter, mark = pair.groups()
        return letter.translate(_VNI_LETTERS) + mark.lower().translate(_VNI_MARKS)

    # Pairs first: the second bytes are letters of their own elsewhere. What is left is single.
    text = raw.decode("cp1252", "replace")
    pieces = _VNI_VOWEL_AND_MARK.split(text)
    singles = [piece.translate(_VNI_LETTERS) for piece in pieces[::3]]
    pairs = [compose(pair) for pair in _VNI_VOWEL_AND_MARK.finditer(text)]
    return "".join(single + pair for single, pair in zip(singles, [*pairs, ""], strict=True))
