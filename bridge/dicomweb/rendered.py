"""Rendered resources, thumbnails (PS3.18 sections 10.4.1.1.3 and .4) and WADO-URI (chapter 9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from pydicom.dataset import Dataset

from bridge.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicom.native import as_native
from bridge.dicom.pixels.frames import Frames
from bridge.dicom.pixels.pool import PixelPool, Rendering
from bridge.dicom.stored_file import StoredFile
from bridge.dicomweb.accept import media_ranges
from bridge.dicomweb.media import MULTIPART
from bridge.dicomweb.multipart import DICOM, OutPart
from bridge.dicomweb.query import InvalidQuery, uid
from bridge.dicomweb.retrieve import Resources, begun, in_multipart
from bridge.dicomweb.wishes import THUMBNAIL, annotated, of_uri, rendering
from bridge.domain.errors import BridgeError
from bridge.services.read_images import FoundInstance

RENDERED_MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif")
"""What images are rendered as, the default first."""

PDF = "application/pdf"
_ENCAPSULATED_DOCUMENT = 0x00420011
# Of a study or series as many are tried until one shows something.
_MOST_TRIED = 8
_PICTURELESS = frozenset({"SR", "PR", "KO", "RTPLAN", "RTSTRUCT", "RTRECORD", "DOC", "AU", "ECG"})


class Rendered:
    """Images as browsers show them."""

    def __init__(self, resources: Resources, pool: PixelPool) -> None:
        self._resources = resources
        self._images = resources.images
        self._pool = pool

    def rendered(self, request: Request) -> Response:
        """Give images of a study or series, an image, or frames of it."""
        query = request.query_params
        found = self._resources.named(request.path_params)
        if "instance" in request.path_params and _asks_for_document(request):
            return self._document(found[0])
        media_type, in_parts = _media_type(request)
        wish = rendering(query, media_type)
        wanted = annotated(query)
        numbers = _frame_numbers(request)
        state = self._resources.state(request, found)
        if state.is_known:
            return state.unchanged()
        images = begun(self._each(found, numbers, wish, wanted))
        if in_parts:
            parts = (OutPart(media_type, len(image), [image]) for image in images)
            return state.over(in_multipart(parts, media_type))
        first = next(images)
        if len(found) > 1 or len(numbers) > 1:
            raise HTTPException(
                406, f'several images can be had as {MULTIPART}; type="{media_type}"'
            )
        return state.over(Response(first, media_type=media_type))

    def _each(
        self,
        found: Sequence[FoundInstance],
        numbers: Sequence[int],
        wish: Rendering,
        wanted: frozenset[str],
    ) -> Iterator[bytes]:
        """Every image that can be shown; why not, when none can."""
        refused: BridgeError | None = None
        shown = False
        for instance in found:
            try:
                frames = Frames(StoredFile(self._images.open(instance)))
                texts = _texts(frames.stored.header, wanted)
                for number in numbers or (1,):
                    yield self._pool.render(frames, number, replace(wish, texts=texts))
                    shown = True
            except BridgeError as error:
                if not error.permanent or len(found) == 1:
                    raise
                refused = error
        if not shown and refused is not None:
            raise refused

    def thumbnail(self, request: Request) -> Response:
        """Give one small image that stands for a study, a series, an instance or a frame."""
        media_type, _ = _media_type(request)
        query = {"viewport": f"{THUMBNAIL},{THUMBNAIL}", **request.query_params}
        wish = rendering(query, media_type)
        found = self._resources.named(request.path_params)
        numbers = _frame_numbers(request)
        state = self._resources.state(request, found)
        if state.is_known:
            return state.unchanged()
        refused: BridgeError | None = None
        for instance in _representative(found):
            try:
                frames = Frames(StoredFile(self._images.open(instance)))
                number = numbers[0] if numbers else (frames.count + 1) // 2
                small = self._pool.render(frames, number, wish)
                return state.over(Response(small, media_type=media_type))
            except BridgeError as error:
                if not error.permanent:
                    raise
                refused = error
        if refused is None:
            raise HTTPException(406, "there is nothing that can be shown")
        raise refused

    def _document(self, instance: FoundInstance) -> Response:
        """An encapsulated document as what it is (PS3.3 A.45)."""
        stored = StoredFile(self._images.open(instance))
        kind = str(stored.header.get("MIMETypeOfEncapsulatedDocument") or "")
        if kind.lower() != PDF:
            raise HTTPException(406, f"the instance is no {PDF}")
        extent = stored.bulk.get(_ENCAPSULATED_DOCUMENT)
        document = stored.read(extent) if extent else stored.header.get("EncapsulatedDocument")
        length = int(stored.header.get("EncapsulatedDocumentLength") or 0)
        content = bytes(document or b"")
        return Response(content[: length or len(content)], media_type=PDF)

    def by_uri(self, request: Request) -> Response:
        """Give an instance or an image of it by WADO-URI."""
        query = request.query_params
        if query.get("requestType") != "WADO":
            raise InvalidQuery("requestType is WADO")
        if query.get("anonymize", "") not in ("", "no"):
            raise InvalidQuery("instances are not anonymized")
        for name in ("presentationUID", "presentationSeriesUID", "annotation"):
            if query.get(name):
                raise InvalidQuery(f"{name} is not supported")
        names = {"study": "studyUID", "series": "seriesUID", "instance": "objectUID"}
        wanted = {level: uid(query.get(name, "")) for level, name in names.items()}
        media_type = _uri_media_type(query.get("contentType", ""), request)
        (instance,) = self._resources.named(wanted)
        if media_type == DICOM:
            return self._whole(instance, query.get("transferSyntax", ""))
        frames = Frames(StoredFile(self._images.open(instance)))
        number = query.get("frameNumber", "1")
        if not (number.isascii() and number.isdigit()):
            raise InvalidQuery("frameNumber is a number")
        wish = of_uri(query, media_type)
        return Response(self._pool.render(frames, int(number), wish), media_type=media_type)

    def _whole(self, instance: FoundInstance, syntax: str) -> Response:
        content = self._images.open(instance)
        size, pieces = content.size, iter(content)
        if syntax and uid(syntax) != instance.transfer_syntax_uid:
            if syntax not in (EXPLICIT_LITTLE, IMPLICIT_LITTLE):
                raise HTTPException(
                    406, f"the instance can be had in {instance.transfer_syntax_uid}"
                )
            made = as_native(StoredFile(content), self._pool, syntax)
            size, pieces = made.size, made.pieces
        headers = {"Content-Length": str(size), "Content-Type": DICOM}
        return StreamingResponse(pieces, headers=headers)


def _asks_for_document(request: Request) -> bool:
    return any(each.type == PDF for each in media_ranges(request.headers.get("accept", "")))


def _media_type(request: Request) -> tuple[str, bool]:
    """What to render as, and whether in parts; 406 when nothing is acceptable."""
    accept = request.query_params.get("accept") or request.headers.get("accept", "")
    for each in media_ranges(accept):
        if each.type == MULTIPART:
            wanted = each.parameters.get("type", "image/*").lower()
            fits = [m for m in RENDERED_MEDIA_TYPES if wanted in (m, "image/*", "*/*")]
            if fits:
                return fits[0], True
        for media_type in RENDERED_MEDIA_TYPES:
            if each.covers(media_type):
                return media_type, False
    raise HTTPException(406, f"images are rendered as {', '.join(RENDERED_MEDIA_TYPES)}")


def _uri_media_type(text: str, request: Request) -> str:
    header = request.headers.get("accept", "")
    for each in media_ranges(text or (header if "image/" in header else "image/jpeg")):
        for media_type in (*RENDERED_MEDIA_TYPES, DICOM):
            if each.covers(media_type):
                return media_type
    raise HTTPException(406, f"contentType is one of {', '.join((DICOM, *RENDERED_MEDIA_TYPES))}")


def _frame_numbers(request: Request) -> list[int]:
    said = request.path_params.get("frames", "")
    parts = said.split(",") if said else []
    if not all(each.isascii() and each.isdigit() and len(each) < 10 for each in parts):  # noqa: PLR2004
        raise InvalidQuery("frames are numbers from 1 on, with commas between them")
    return [int(each) for each in parts]


def _representative(found: Sequence[FoundInstance]) -> list[FoundInstance]:
    """Those most likely to show something: of pictures, from the middle of the first series."""
    pictures = [each for each in found if each.modality not in _PICTURELESS] or list(found)
    first = [e for e in pictures if e.series_instance_uid == pictures[0].series_instance_uid]
    middle = len(first) // 2
    others = [each for each in pictures if each not in first] if len(found) < 1000 else []  # noqa: PLR2004
    return [*first[middle:], *first[:middle], *others][:_MOST_TRIED]


def _texts(header: Dataset, wanted: frozenset[str]) -> tuple[str, ...]:
    keywords = {
        "patient": ("PatientName", "PatientID", "PatientBirthDate", "StudyDate"),
        "technique": ("Modality", "SeriesDescription", "ProtocolName", "KVP", "SliceThickness"),
    }
    values = (str(header.get(k) or "") for name in sorted(wanted) for k in keywords[name])
    return tuple(value for value in values if value)
