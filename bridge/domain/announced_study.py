"""Studies that others tell us of: a Study Instance UID given in advance, or images held elsewhere.

FHIR ImagingStudy from a RIS or a PACS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.identifiers import Identifier
from bridge.domain.order import OrderNumbers
from bridge.domain.patient import PatientDetails


class AnnouncedStatus(StrEnum):
    """ImagingStudy.status, as far as it says something to us."""

    REGISTERED = "registered"
    AVAILABLE = "available"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedSeries:
    """A series as announced; `instances` pairs SOP Instance UID with SOP Class UID.

    `number_of_instances` is what its announcer counts, who need not list them.
    """

    series_instance_uid: str
    modality: str = ""
    number: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    instances: tuple[tuple[str, str], ...] = ()
    number_of_instances: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAnnounced:
    """A study somebody else knows of.

    `registered` gives the order its Study Instance UID in advance; `available` tells of images
    held elsewhere (`retrieve_url` is their WADO-RS base address), which reconcile like images that
    arrived. `accession` and `orders` name what it was done for.
    """

    study_instance_uid: str
    status: AnnouncedStatus
    patient: PatientDetails
    accession: Identifier | None = None
    orders: tuple[OrderNumbers, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    series: tuple[AnnouncedSeries, ...] = ()
    retrieve_url: str = ""
    occurred_at: str = ""
    location: str = "ImagingStudy"

    @property
    def images(self) -> AnnouncedImages:
        """What of it is kept with the study."""
        return AnnouncedImages(
            status=self.status,
            orders=self.orders,
            series=self.series,
            retrieve_url=self.retrieve_url,
            occurred_at=self.occurred_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedImages:
    """Images of a study that somebody else holds, as last announced."""

    status: AnnouncedStatus
    orders: tuple[OrderNumbers, ...] = ()
    series: tuple[AnnouncedSeries, ...] = ()
    retrieve_url: str = ""
    occurred_at: str = ""
