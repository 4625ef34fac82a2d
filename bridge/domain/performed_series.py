"""Performed Series Sequence (0040,0340): what each series of a performed step was, and holds."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.attribute_tree import AttributeTree, items_of, text_of, texts_of
from bridge.domain.commitment import InstanceReference


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedSeries:
    """One item. `images` and `others` (what is no image) are the instances made, by class and UID.

    Names are PN values as they were written.
    """

    series_instance_uid: str
    protocol_name: str = ""
    description: str = ""
    performing_physicians: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    retrieve_ae_titles: tuple[str, ...] = ()
    images: tuple[InstanceReference, ...] = ()
    others: tuple[InstanceReference, ...] = ()

    @property
    def instances(self) -> tuple[InstanceReference, ...]:
        """Every instance made."""
        return (*self.images, *self.others)

    @property
    def said(self) -> AttributeTree:
        """The item itself, as far as the end of a step is judged by it."""
        return {
            "PerformingPhysicianName": "\\".join(self.performing_physicians),
            "ProtocolName": self.protocol_name,
            "OperatorsName": "\\".join(self.operators),
            "SeriesInstanceUID": self.series_instance_uid,
            "SeriesDescription": self.description,
            "RetrieveAETitle": "\\".join(self.retrieve_ae_titles),
            "ReferencedImageSequence": (),
            "ReferencedNonImageCompositeSOPInstanceSequence": (),
        }


def read_series(content: AttributeTree) -> tuple[PerformedSeries, ...] | None:
    """The series that an Attribute List or Modification List tells of; None when it tells none.

    The sequence is always told as a whole: an empty one says that there is no series.
    """
    if "PerformedSeriesSequence" not in content:
        return None
    return tuple(_series(item) for item in items_of(content, "PerformedSeriesSequence"))


def _series(item: AttributeTree) -> PerformedSeries:
    return PerformedSeries(
        series_instance_uid=text_of(item, "SeriesInstanceUID"),
        protocol_name=text_of(item, "ProtocolName"),
        description=text_of(item, "SeriesDescription"),
        performing_physicians=texts_of(item, "PerformingPhysicianName"),
        operators=texts_of(item, "OperatorsName"),
        retrieve_ae_titles=texts_of(item, "RetrieveAETitle"),
        images=_references(item, "ReferencedImageSequence"),
        others=_references(item, "ReferencedNonImageCompositeSOPInstanceSequence"),
    )


def _references(item: AttributeTree, keyword: str) -> tuple[InstanceReference, ...]:
    references = (
        InstanceReference(
            text_of(each, "ReferencedSOPClassUID"), text_of(each, "ReferencedSOPInstanceUID")
        )
        for each in items_of(item, keyword)
    )
    return tuple(each for each in references if each.sop_instance_uid)
