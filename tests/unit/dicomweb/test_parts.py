"""Given a multipart body, however it is cut into chunks, then the same parts come out of it."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.dicom.spool import Spool
from bridge.dicomweb.parts import Holding, MalformedBody, Part, PartTooLarge, read_parts

HEAD = b"--cut\r\nContent-Type: application/dicom\r\n\r\n"


def read(chunks: Sequence[bytes], longest: int = 10_000) -> list[Part]:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def collect() -> list[Part]:
        return [part async for part in read_parts(body(), "cut", Holding(longest))]

    return asyncio.run(collect())


def write(contents: Sequence[bytes]) -> bytes:
    return b"".join(HEAD + each + b"\r\n" for each in contents) + b"--cut--\r\n"


CONTENT = st.binary(max_size=60) | st.sampled_from(
    [b"\r\n", b"\r\n--", b"\r\n--cu", b"-cut--", b"\r\n\r\n", b"\r\n--cur"]
)


@given(contents=st.lists(CONTENT, max_size=4), cuts=st.lists(st.integers(1, 9), min_size=1))
def test_what_was_written_is_read_whatever_the_chunks(
    contents: list[bytes], cuts: list[int]
) -> None:
    raw = b"preamble\r\n" + write(contents)
    chunks: list[bytes] = []
    at = 0
    while at < len(raw):
        size = cuts[len(chunks) % len(cuts)]
        chunks.append(raw[at : at + size])
        at += size
    assert [part.content.getvalue() for part in read(chunks)] == contents
    assert all(part.media_type == "application/dicom" for part in read(chunks))


def test_a_part_without_a_head_is_plain_text() -> None:
    (part,) = read([b"--cut\r\n\r\nwords\r\n--cut--"])
    assert (part.media_type, part.content.getvalue()) == ("text/plain", b"words")


def test_a_long_part_is_not_held_in_memory(tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield HEAD
        for number in range(300):
            yield bytes([number % 256]) * 10_000
        yield b"\r\n--cut--"

    async def lengths() -> list[int]:
        holding = Holding(1 << 30, lambda: Spool(tmp_path, in_memory=100_000))
        parts = [part async for part in read_parts(body(), "cut", holding)]
        assert all(isinstance(part.content.data, mmap.mmap) for part in parts)
        return [part.content.source.size for part in parts]

    assert asyncio.run(lengths()) == [3_000_000]


@pytest.mark.parametrize(
    "raw", [b"", b"nothing", write([b"x"])[:-9], b"--cut", b"--cut\r\nno head\r\n--cut--"]
)
def test_a_body_that_is_no_multipart_is_named_so(raw: bytes) -> None:
    with pytest.raises(MalformedBody):
        read([raw])


def test_a_part_that_is_too_long_is_not_held() -> None:
    with pytest.raises(PartTooLarge):
        read([HEAD, *[bytes(10_000)] * 10], longest=10_000)
