"""The settings tree: what can be configured, with its defaults and its documentation.

Adding a key is adding a field here (for destinations in `destinations.py`, for
DICOM in `dicom.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bridge.settings.addresses import (
    BASE_URL,
    DATABASE,
    HOST,
    HTTP_URL,
    IMAGES,
    LISTEN_PORT,
)
from bridge.settings.alerts import Alerts
from bridge.settings.console import Console
from bridge.settings.destination import LOOPBACK, Destination
from bridge.settings.destinations import DESTINATION_KINDS
from bridge.settings.dicom import Dicom
from bridge.settings.disk import Disk
from bridge.settings.fhir import Fhir
from bridge.settings.hl7 import MODE, Hl7
from bridge.settings.problems import Origin
from bridge.settings.retention import Retention
from bridge.settings.schema import Items, Section, Value, described
from bridge.settings.sources import SOURCE_KINDS, OrderSource
from bridge.settings.terms import (
    NAME,
    PATH,
    PROCESSES,
    SECRET,
    TEXT,
    TIMEZONE,
    choice,
    integer,
)
from bridge.settings.values import DatabaseUrl, Secret
from bridge.settings.viewer import ImageViewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who runs the bridge, and who gives out identifiers there."""

    name: str = field(
        default="BRIDGE",
        metadata=described(NAME, "Short name of the site; part of minted numbers."),
    )
    timezone: ZoneInfo = field(
        default_factory=lambda: ZoneInfo("UTC"),
        metadata=described(TIMEZONE, "Time zone of every time that comes without one."),
    )
    mode: str = field(
        default="his_only",
        metadata=described(
            MODE,
            "`ris`: accession numbers, procedure and step IDs and Study Instance UIDs are received"
            " and never minted. `his_only`: the bridge is the order filler and mints what is"
            " missing.",
        ),
    )
    assigning_authority: str = field(
        default="",
        metadata=described(
            TEXT,
            "Assigning authority of patient IDs and accession numbers that come without one.",
            derived="`site.name`",
        ),
    )
    missing_start: str = field(
        default="now",
        metadata=described(
            choice("now", "hold"),
            "An order without a start time is scheduled for the time of its arrival (`now`), or"
            " kept off the worklist until a time comes (`hold`).",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """The HTTP listener: health, metrics, FHIR, DICOMweb and the console."""

    host: str = field(
        default=LOOPBACK,
        metadata=described(HOST, "Address to listen on; `0.0.0.0` is every interface."),
    )
    port: int = field(default=8080, metadata=described(LISTEN_PORT, "Port to listen on."))
    public_url: str = field(
        default="",
        metadata=described(
            BASE_URL,
            "Address under which others reach this listener, written into FHIR Endpoints. Set it"
            " behind a proxy or when listening on every interface.",
            derived="`http://HOST:PORT`",
        ),
    )
    max_requests: int = field(
        default=256,
        metadata=described(
            integer(1, 100_000),
            "Requests that are worked on at once, in each process; others are answered with 503"
            " and `Retry-After`. Streams count only until they begin.",
        ),
    )
    viewer_url: str = field(
        default="",
        metadata=described(
            Value(HTTP_URL, optional=True),
            "Where a person sees a study: an address in which `{study_instance_uid}` stands for"
            " the study. Written wherever receivers are told of images.",
            example="https://viewer.example.org/?StudyInstanceUIDs={study_instance_uid}",
            derived="`PUBLIC_URL/open?study={study_instance_uid}` where the viewer is served",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How the service is reached that keeps images in a bucket (`images: s3://…`).

    What is left out comes from the environment, as the service's own tools read it.
    """

    endpoint: str = field(
        default="",
        metadata=described(BASE_URL, "Address of an S3-compatible service.", derived="AWS S3"),
    )
    region: str = field(default="", metadata=described(TEXT, "Region of the bucket."))
    access_key_id: str = field(default="", metadata=described(TEXT, "Name of the access key."))
    secret_access_key: Secret | None = field(
        default=None, metadata=described(Value(SECRET, optional=True), "The access key itself.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is written to the log."""

    level: str = field(
        default="info",
        metadata=described(choice("debug", "info", "warning", "error"), "Least severity written."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. ``provenance`` tells where each value came from."""

    site: Site = field(default_factory=Site, metadata=described(Section(Site), "The site."))
    var: Path = field(
        default=Path("var"), metadata=described(PATH, "Folder of everything the bridge writes.")
    )
    database: DatabaseUrl = field(
        default_factory=lambda: DatabaseUrl(""),
        metadata=described(
            DATABASE,
            "SQLite file or PostgreSQL database. Its password is masked wherever it is shown.",
            derived="`sqlite:///VAR/bridge.db`",
        ),
    )
    images: str = field(
        default="",
        metadata=described(IMAGES, "Where images are kept.", derived="`VAR/images`"),
    )
    mappings: Path | None = field(
        default=None,
        metadata=described(
            Value(PATH, optional=True),
            "Folder of the site's own mapping profiles and code tables, looked at before those"
            " that come with the bridge. Changes are taken up while the bridge runs.",
        ),
    )
    bucket: Bucket = field(
        default_factory=Bucket,
        metadata=described(Section(Bucket), "The service behind `images: s3://…`."),
    )
    http: Http = field(default_factory=Http, metadata=described(Section(Http), "HTTP."))
    console: Console = field(
        default_factory=Console, metadata=described(Section(Console), "The console.")
    )
    viewer: ImageViewer = field(
        default_factory=ImageViewer, metadata=described(Section(ImageViewer), "The image viewer.")
    )
    alerts: Alerts = field(
        default_factory=Alerts, metadata=described(Section(Alerts), "Who is alerted, and to what.")
    )
    hl7: Hl7 = field(default_factory=Hl7, metadata=described(Section(Hl7), "HL7 v2."))
    dicom: Dicom = field(default_factory=Dicom, metadata=described(Section(Dicom), "DICOM."))
    fhir: Fhir = field(default_factory=Fhir, metadata=described(Section(Fhir), "The FHIR server."))
    destinations: tuple[Destination, ...] = field(
        default=(),
        metadata=described(
            Items(DESTINATION_KINDS, named_by="name"), "Who is told of studies, and how."
        ),
    )
    sources: tuple[OrderSource, ...] = field(
        default=(),
        metadata=described(Items(SOURCE_KINDS, named_by="name"), "Servers asked for orders."),
    )
    processes: int = field(
        default=1,
        metadata=described(
            PROCESSES,
            "Processes that listen on the same ports: a number, or `auto` for as many as there are"
            " cores. Limits of connections and associations hold for each. Deliveries, timers and"
            " polling are the first one's; one that ends is started again.",
        ),
    )
    disk: Disk = field(
        default_factory=Disk, metadata=described(Section(Disk), "What is kept free on disks.")
    )
    retention: Retention = field(
        default_factory=Retention,
        metadata=described(Section(Retention), "How long records are kept."),
    )
    log: Log = field(default_factory=Log, metadata=described(Section(Log), "Logging."))
    provenance: Mapping[str, Origin] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )
