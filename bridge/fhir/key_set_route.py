"""The route by which authorization servers learn the bridge's public keys (RFC 7517, RFC 8615)."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from bridge.domain.errors import BridgeError
from bridge.fhir.signing_keys import SigningKeys, key_set

PATH = "/.well-known/jwks.json"
_LONGEST_KEPT = 300


def key_set_router(keys: SigningKeys) -> APIRouter:
    """The key set; anybody may read it, and it holds nothing secret."""
    router = APIRouter()

    def answer() -> Response:
        try:
            content = key_set(keys)
        except BridgeError as error:
            return JSONResponse({"detail": error.message}, status_code=500)
        kept = {"Cache-Control": f"public, max-age={_LONGEST_KEPT}"}
        return JSONResponse(content, headers=kept, media_type="application/jwk-set+json")

    router.add_api_route(PATH, answer, methods=["GET"])
    return router
