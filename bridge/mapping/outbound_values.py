"""The values that rows of outbound profiles may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.mapping.documents import Node
from bridge.mapping.errors import instead
from bridge.mapping.targets import TARGETS, Level

VALUES: Final[Mapping[str, str]] = {
    "OrderStatus": "ORC-5 by table 0038, of all steps together: SC, IP, CM, DC, CA, HD, A.",
    "StepStatus": "DICOM's word for the status of a step.",
    "EventDateTime": "When it happened.",
    "StartedAt": "When the first step was started, as far as known.",
    "EndedAt": "When the last step was completed or discontinued, as far as known.",
    "HeldReason": "Why an order is held.",
    "VisitNumber": "The visit as an identifier.",
    "AccountNumber": "The patient account as an identifier.",
    "StudyDateTime": "When the study was made, by its images.",
    "StudyDescription": "What the study is called by its images.",
    "ModalitiesInStudy": "The modalities of its series.",
    "NumberOfStudyRelatedSeries": "How many series there are.",
    "NumberOfStudyRelatedInstances": "How many images there are.",
    "ViewerUrl": "The link to the viewer (`http.viewer_url`).",
    "Withdrawn": "`yes` for a study that is not this procedure's any more, or was rejected.",
    "SetID": "The number of the segment among those of its name, from 1.",
}
"""The values that are no targets of inbound profiles, and what each is."""

_LEVELS: Final = (Level.PATIENT, Level.ORDER, Level.PROCEDURE, Level.STEP)
_KNOWN: Final = frozenset(VALUES).union(*(TARGETS[level] for level in _LEVELS))


def check_value(node: Node, name: str = "") -> str:
    """The name of a value.

    Raises:
        ProfileError: nobody knows such a value.
    """
    name = name or node.text
    if name not in _KNOWN:
        raise node.error(f"unknown value {name!r}", instead(name, _KNOWN))
    return name
