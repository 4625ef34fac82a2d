"""Links to peers and what passed over them; silence is judged against what is usual at that time.

A link that is usually busy at this hour of the week and says nothing has something wrong, whether
its port is open or not. One that is never busy at night says nothing by being silent at night.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

HOUR = 3600
DAY_HOURS, WEEK_HOURS = 24, 168
REMEMBERED_HOURS = 4 * WEEK_HOURS
"""How many hours are remembered: the usual rate follows a change of habits within four weeks."""


class LinkKind(StrEnum):
    """What passes over a link."""

    HL7 = "hl7"
    FHIR = "fhir"
    DICOM = "dicom"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """One of them: `peer` is a listener's name, an AE title, a client, or a destination's name."""

    kind: LinkKind
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What passed over a link. Times are unix times, 0 for never.

    `hours` counts successes by hour (unix time divided by 3600).
    """

    link: Link
    first_seen_at: float
    last_success_at: float = 0.0
    last_failure_at: float = 0.0
    last_failure: str = ""
    hours: Mapping[int, int] = field(default_factory=dict)

    @property
    def failing(self) -> bool:
        """Whether the last that is known of it is a failure."""
        return self.last_failure_at > self.last_success_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRule:
    """When silence is worth an alert.

    So many successes must have been usual in the time since the last one (`expected`; 10 are
    missed by chance once in 20,000 times), and it must have lasted for `seconds`.
    """

    expected: float = 10.0
    seconds: float = 300.0


def per_hour(activity: Activity, now: float) -> float:
    """Successes of the last hour: those of this one, and the rest of the one before."""
    hour, into = divmod(now, HOUR)
    before = activity.hours.get(int(hour) - 1, 0)
    return activity.hours.get(int(hour), 0) + before * (1 - into / HOUR)


def usual(activity: Activity, hour: int) -> float:
    """How many successes are usual in an hour (unix time divided by 3600).

    The mean of that hour of the week in the weeks before; of that hour of the day where less than
    a week is known. 0 where less than a day is: nobody knows yet what is usual.
    """
    first = max(math.ceil(activity.first_seen_at / HOUR), hour - REMEMBERED_HOURS)
    for period in (WEEK_HOURS, DAY_HOURS):
        earlier = range(hour - period, first - 1, -period)
        if earlier:
            return sum(activity.hours.get(each, 0) for each in earlier) / len(earlier)
    return 0.0


def expected_since(activity: Activity, now: float) -> float:
    """How many successes were usual in the time since the last one."""
    since = max(activity.last_success_at, now - WEEK_HOURS * HOUR)
    total, at = 0.0, since
    while at < now:
        hour = int(at // HOUR)
        until = min((hour + 1) * HOUR, now)
        total += usual(activity, hour) * (until - at) / HOUR
        at = until
    return total


def is_silent(activity: Activity, now: float, rule: SilenceRule) -> bool:
    """Whether a link is quiet although it should not be."""
    if not activity.last_success_at or now - activity.last_success_at < rule.seconds:
        return False
    return expected_since(activity, now) >= rule.expected
