"""Posted forms (application/x-www-form-urlencoded), read once for all that look at them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.exceptions import HTTPException

LONGEST_BODY = 8 * 1024 * 1024
"""Bytes; a message that somebody edits goes through a form."""
_MOST_FIELDS = 2000


class FormFields:
    """The fields of a form; each may be there several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        return next((value for key, value in self._pairs if key == name), default)

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a field."""
        return tuple(value for key, value in self._pairs if key == name)


async def form_fields(request: Request) -> FormFields:
    """The form of a request; raises HTTPException 413 or 400 for what is none of ours."""
    held = getattr(request.state, "form", None)
    if isinstance(held, FormFields):
        return held
    form = FormFields(await _pairs(request))
    request.state.form = form
    return form


async def _pairs(request: Request) -> list[tuple[str, str]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return []
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise HTTPException(413, "the form is too long")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "the form cannot be read") from error


Form = Annotated[FormFields, Depends(form_fields)]
