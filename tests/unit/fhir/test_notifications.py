"""What notifications of Subscriptions say, in each form that servers send."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.fhir.notifications import Kind, apply_notification, read_notification

EVENT = {"eventNumber": "2", "focus": {"reference": "ServiceRequest/1"}}
STATUS: dict[str, Any] = {
    "resourceType": "SubscriptionStatus",
    "type": "event-notification",
    "notificationEvent": [EVENT],
}


def bundle(*entries: dict[str, Any], kind: str = "history") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


@pytest.mark.parametrize(
    ("body", "references"),
    [
        (None, ()),
        ({"resourceType": "ServiceRequest", "id": "1"}, ("ServiceRequest/1",)),
        ({"resourceType": "ServiceRequest"}, ()),
        (bundle({"resource": STATUS}), ("ServiceRequest/1",)),
        (
            bundle({"resource": STATUS}, {"request": {"method": "PUT", "url": "ServiceRequest/1"}}),
            ("ServiceRequest/1",),
        ),
        (
            bundle(
                {"resource": STATUS | {"notificationEvent": []}},
                {"resource": {"resourceType": "Task", "id": "7"}},
                {"fullUrl": "http://ehr.example/fhir/Task/8"},
                {"request": {"method": "DELETE", "url": "Task/9"}},
            ),
            ("Task/7", "http://ehr.example/fhir/Task/8", "Task/9"),
        ),
        (bundle({"resource": {"resourceType": "Task", "id": "7"}}), ("Task/7",)),
        (bundle({"request": {"method": "GET", "url": "Task?status=ready"}}), ()),
        (bundle("nonsense", {"resource": STATUS | {"notificationEvent": "x"}}), ()),  # type: ignore[arg-type]
    ],
)
def test_given_a_notification_then_it_names_these(body: Any, references: tuple[str, ...]) -> None:
    notification = read_notification(body)
    assert (notification.kind, notification.references) == (Kind.EVENT, references)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("handshake", Kind.HANDSHAKE),
        ("heartbeat", Kind.HEARTBEAT),
        ("event-notification", Kind.EVENT),
        ("something else", Kind.EVENT),
        (None, Kind.EVENT),
    ],
)
def test_given_its_type_then_it_may_only_want_an_answer(said: Any, kind: Kind) -> None:
    assert read_notification(bundle({"resource": STATUS | {"type": said}})).kind is kind


class Source:
    """Notes what it is asked for, and knows only its own."""

    def __init__(self, known: int) -> None:
        self.known = known
        self.asked: list[str] = []

    def poll(self) -> None:
        self.asked.append("everything")

    def fetch(self, references: Any) -> int:
        self.asked += list(references)
        return self.known


@pytest.mark.parametrize(
    ("body", "known", "asked"),
    [
        (None, 1, ["everything"]),
        ({"resourceType": "Task", "id": "7"}, 1, ["Task/7"]),
        ({"resourceType": "Task", "id": "7"}, 0, ["Task/7", "everything"]),
        (bundle({"resource": STATUS | {"type": "heartbeat"}}), 1, []),
    ],
)
def test_given_a_notification_then_what_it_names_is_read_or_else_what_is_new(
    body: Any, known: int, asked: list[str]
) -> None:
    source = Source(known)
    apply_notification(source, read_notification(body))
    assert source.asked == asked
