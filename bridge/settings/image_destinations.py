"""Archives and workstations that images are forwarded to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bridge.settings.addresses import BASE_URL, HOST, PORT
from bridge.settings.destination import DURATION, LOOPBACK, Destination
from bridge.settings.schema import Value, Values, described
from bridge.settings.standard_terms import AE_TITLE
from bridge.settings.terms import BOOLEAN, NAME, PATH, SECRET, TEXT, choice
from bridge.settings.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDestination(Destination):
    """One that gets images, by rule."""

    modalities: tuple[str, ...] = field(
        default=(),
        metadata=described(Values(NAME), "Only images of these modalities; none given: all."),
    )
    sources: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(AE_TITLE), "Only images that came from these AE titles; none given: all."
        ),
    )
    stations: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(TEXT), "Only images that name these stations (0008,1010); none given: all."
        ),
    )
    body_parts: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(TEXT), "Only images of these body parts (0018,0015); none given: all."
        ),
    )
    sop_classes: tuple[str, ...] = field(
        default=(),
        metadata=described(Values(TEXT), "Only images of these SOP Class UIDs; none given: all."),
    )
    unmatched: str = field(
        default="forward",
        metadata=described(
            choice("forward", "hold"),
            "Images that belong to no known order are forwarded as they came, or held until they"
            " are matched.",
        ),
    )
    corrections: str = field(
        default="leave",
        metadata=described(
            choice("leave", "send"),
            "Images that it has already and that are shown as another patient's or order's since"
            " then (a merge, a correction, a person's decision) are sent again as they are now, or"
            " left as they are. For archives that take the newest of one SOP Instance UID.",
        ),
    )
    commit_after: bool = field(
        default=False,
        metadata=described(
            BOOLEAN,
            "A device that asks the bridge to commit to images is told so only after this archive"
            " has those that go there: taken by STOW-RS, or committed to (C-STORE; asks for"
            " `commitment`, too).",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomStoreDestination(ImageDestination):
    """An archive that gets the images by C-STORE."""

    kind: ClassVar[str] = "dicom_store"

    ae_title: str = field(
        metadata=described(AE_TITLE, "AE title of the archive.", example="ORTHANC")
    )
    host: str = field(metadata=described(HOST, "Address of the archive.", example=LOOPBACK))
    port: int = field(metadata=described(PORT, "Port of the archive.", example="4242"))
    commitment: bool = field(
        default=False,
        metadata=described(
            BOOLEAN,
            "Ask the archive to commit to what it takes (Storage Commitment). Images count as"
            " forwarded once it has, and are sent again when it does not.",
        ),
    )
    commitment_seconds: float = field(
        default=60.0,
        metadata=described(DURATION, "Longest wait for the archive to commit, before a new try."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StowDestination(ImageDestination):
    """An archive that gets the images by STOW-RS."""

    kind: ClassVar[str] = "stow"

    url: str = field(
        metadata=described(
            BASE_URL,
            "Base address of its DICOMweb service; `/studies` follows.",
            example="https://pacs.example/dicom-web",
        )
    )
    token: Secret | None = field(
        default=None,
        metadata=described(Value(SECRET, optional=True), "Bearer token sent with each request."),
    )
    username: str = field(default="", metadata=described(TEXT, "User to sign in as (HTTP Basic)."))
    password: Secret | None = field(
        default=None, metadata=described(Value(SECRET, optional=True), "Password of the user.")
    )
    authorities: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "PEM file of the authorities that may have signed the server's certificate; empty: the"
            " system's.",
        ),
    )
