"""What a client can take (PS3.18 sections 8.7.3 to 8.7.5): the Accept header, weighed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from email.message import Message

ANY_SYNTAX = "*"
_SPLIT_AT, _QUOTE = ",", '"'


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One media range: its type, its parameters in lower case, and its weight."""

    type: str
    parameters: Mapping[str, str]
    weight: float

    def covers(self, media_type: str) -> bool:
        """Whether `media_type` lies in this range (RFC 9110 section 12.5.1)."""
        kind, _, _ = media_type.partition("/")
        return self.type in (media_type, f"{kind}/*", "*/*")


def media_ranges(header: str) -> tuple[MediaRange, ...]:
    """Read an Accept header, the dearest first; without one everything is acceptable."""
    ranges = [_media_range(text) for text in _split(header or "*/*") if text.strip()]
    return tuple(sorted((r for r in ranges if r.weight > 0), key=lambda r: -r.weight))


def accepts(header: str, media_types: Iterable[str]) -> bool:
    """Whether one of these media types is acceptable."""
    ranges = media_ranges(header)
    return any(each.covers(media_type) for media_type in media_types for each in ranges)


def takes(ranges: Iterable[MediaRange], transfer_syntax_uids: Set[str]) -> bool:
    """Whether data in all of these transfer syntaxes are acceptable together.

    A range that names none takes any: the standard's default would be Explicit VR Little Endian,
    but what is stored loses nothing and is what clients that say nothing can read.
    """
    wanted = {each.parameters.get("transfer-syntax", ANY_SYNTAX) for each in ranges}
    return ANY_SYNTAX in wanted or bool(wanted and transfer_syntax_uids <= wanted)


def _media_range(text: str) -> MediaRange:
    message = Message()
    message["Content-Type"] = text.strip()
    pairs = message.get_params(failobj=[])
    parameters = {name.lower(): value for name, value in pairs[1:]}
    return MediaRange(pairs[0][0].lower(), parameters, _weight(parameters.get("q", "1")))


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _split(header: str) -> list[str]:
    """Split at commas outside quotes."""
    parts, quoted = [""], False
    for character in header:
        quoted ^= character == _QUOTE
        if character == _SPLIT_AT and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts
