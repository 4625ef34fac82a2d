"""One frozen settings tree from one YAML file, the environment and safe local defaults.

In goes a file name and an environment; out comes a Settings value, or every problem with its
line and its fix. Paths in it are relative to the working directory.
"""

from bridge.settings.destination import Destination, Retry
from bridge.settings.destinations import (
    DESTINATION_KINDS,
    FhirDestination,
    Hl7Destination,
    IanDestination,
    MppsDestination,
    NatsDestination,
    NewsDestination,
    WebhookDestination,
)
from bridge.settings.dicom import Dicom, Peer
from bridge.settings.hl7 import Hl7, Hl7Listener
from bridge.settings.image_destinations import (
    DicomStoreDestination,
    ImageDestination,
    StowDestination,
)
from bridge.settings.inheritance import public_url
from bridge.settings.listing import Row, rows
from bridge.settings.loading import FILE_VARIABLE, check, load
from bridge.settings.problems import ConfigurationError, Origin, Problem, Source, render
from bridge.settings.sources import (
    SOURCE_KINDS,
    ArchiveSource,
    DicomQuerySource,
    FhirSource,
    OrderSource,
    QidoSource,
)
from bridge.settings.tree import Http, Log, Settings, Site
from bridge.settings.values import DatabaseUrl, Secret

__all__ = [
    "DESTINATION_KINDS",
    "FILE_VARIABLE",
    "SOURCE_KINDS",
    "ArchiveSource",
    "ConfigurationError",
    "DatabaseUrl",
    "Destination",
    "Dicom",
    "DicomQuerySource",
    "DicomStoreDestination",
    "FhirDestination",
    "FhirSource",
    "Hl7",
    "Hl7Destination",
    "Hl7Listener",
    "Http",
    "IanDestination",
    "ImageDestination",
    "Log",
    "MppsDestination",
    "NatsDestination",
    "NewsDestination",
    "OrderSource",
    "Origin",
    "Peer",
    "Problem",
    "QidoSource",
    "Retry",
    "Row",
    "Secret",
    "Settings",
    "Site",
    "Source",
    "StowDestination",
    "WebhookDestination",
    "check",
    "load",
    "public_url",
    "render",
    "rows",
]
