"""The process that decodes and renders: one frame after the other, within limits of its own.

Started by `pool` as `python -m bridge.dicom.pixels.worker`; it ends when nobody asks for a while,
and with the bridge. A decoder that crashes or takes all memory takes this process and no other.
"""

from __future__ import annotations

import io
import resource
import select
import sys
import warnings
from typing import Any

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from bridge.dicom.pixels import decoding, rendering
from bridge.dicom.pixels.messages import receive, send

IDLE_SECONDS = 60.0
_MOST_MEMORY = 3 << 30
_LONGEST_REASON = 300


def main() -> None:
    """Answer requests from standard input until it ends or falls silent."""
    channel_in, channel_out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what libraries print must not look like an answer
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    config.settings.reading_validation_mode = config.IGNORE
    decoding.add_decoders()
    send(channel_out, {"ready": True})
    while select.select([channel_in], [], [], IDLE_SECONDS)[0]:
        request = receive(channel_in)
        if request is None:
            return
        words, header, frame = request
        try:
            said, content = _answer(words, header, frame)
        except MemoryError:
            said, content = {"error": "decoding takes more memory than there is for it"}, b""
        except Exception as error:  # decoders raise all sorts of things
            text = " ".join(f"{type(error).__name__}: {error}".split())
            said, content = {"error": text[:_LONGEST_REASON]}, b""
        send(channel_out, said, content)


def _answer(words: dict[str, Any], head: bytes, frame: bytes) -> tuple[dict[str, Any], bytes]:
    header: Dataset = read_dataset(io.BytesIO(head), is_implicit_VR=False, is_little_endian=True)
    exact = words["wish"] == "decode"
    samples, photometric = decoding.decode(
        header, frame, words["syntax"], words["keyword"], exact=exact
    )
    if exact:
        said = {"photometric": photometric, "shape": list(samples.shape)}
        return said, decoding.native(samples, header)
    return {}, rendering.render(samples, header, words)


if __name__ == "__main__":
    main()
