"""Given text in several graphic sets, when written with escape sequences, then it reads back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.code_extension import (
    GRAPHIC_SETS,
    REPLACEMENT,
    Repertoire,
    decode,
    encode,
    knows,
    switches,
)

LETTERS = {
    "8859/1": "éüñß",
    "8859/2": "řščž",
    "8859/5": "абвг",
    "8859/7": "αβγδ",
    "8859/15": "œŸ€",
    "JIS X 0201": "ｱｲｳｴ",
    "JIS X 0208": "山田やヤ",
    "JIS X 0212": "丂丄丅",
    "KS X 1001": "김金희",
    "GB 2312": "王东医",
    "CNS 11643/1": "王許功",
}
DELIMITERS = "^="


def read_initial(initial: str | None) -> str:
    return {"8859/1": "latin-1", "8859/5": "iso8859-5", "JIS X 0201": "shift_jis"}.get(
        initial or "", "ascii"
    )


@pytest.mark.parametrize("initial", [None, "8859/1", "8859/5", "JIS X 0201"])
@given(data=st.data())
def test_given_any_mixture_when_written_then_it_reads_back(
    initial: str | None, data: st.DataObject
) -> None:
    others = data.draw(st.lists(st.sampled_from(sorted(LETTERS)), unique=True, max_size=3))
    alphabet = "".join(LETTERS[name] for name in [*others, *([initial] if initial else [])])
    text = data.draw(st.text(alphabet + "ab ^=\r\n", max_size=20))
    repertoire = Repertoire(
        GRAPHIC_SETS[initial] if initial else None, tuple(GRAPHIC_SETS[each] for each in others)
    )

    written = encode(text, repertoire, DELIMITERS)

    assert written is not None
    codec = read_initial(initial)
    delimiters = DELIMITERS.encode() if initial else b""
    assert decode(written, lambda raw: raw.decode(codec), delimiters=delimiters) == text
    # What stands behind a delimiter needs nothing of what stood before it.
    pieces = re.split(r"(?<=[\^=\r\n])", text)
    assert b"".join(encode(piece, repertoire, DELIMITERS) or b"" for piece in pieces) == written


def test_given_a_letter_of_no_set_when_written_then_nothing_is() -> None:
    assert encode("a山", Repertoire(GRAPHIC_SETS["8859/1"])) is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x1b$@;3ED\x1b(J", "山田"),
        (b"\x1b$B;3ED", "山田"),
        (b"\x1b(I1\x1b(B", "ｱ"),
        (b"\x1b$(C1h\x1b(B", "김"),
        (b"\x1b$)C\x0e1h\x0f x", "김 x"),
        (b"\x1b$A\x4d\x75\x1b(B", "王"),
        (b"\x1b%G\xe1\xba\xadx\x1b%@y", "ậxy"),
        (b"\x1b-B\xf8\r\xf8", "ř\rø"),
        (b"a\x1b$+Zb", f"a{REPLACEMENT}b"),
        (b"\x1b$B\x7c\x62\x1b(B", "髙"),
    ],
)
def test_given_sequences_as_others_write_them_when_read_then_the_text_comes(
    raw: bytes, text: str
) -> None:
    assert decode(raw, lambda part: part.decode("latin-1")) == text


def test_given_bytes_when_asked_then_only_sequences_that_designate_count() -> None:
    assert switches(b"a\x1b$B") and not switches(b"\x1b[0m")
    assert knows(b"$B") and knows(b"(B") and not knows(b"$+Z")


@given(st.binary(max_size=60))
def test_given_any_bytes_when_read_then_text_comes(raw: bytes) -> None:
    assert isinstance(decode(raw, lambda part: part.decode("latin-1"), delimiters=b"^="), str)
