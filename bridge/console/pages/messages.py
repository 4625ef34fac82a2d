"""The journal: listed by filters; a message whole, tried on other profiles, applied again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, Protocol

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from bridge.console.access import Operator, Viewer
from bridge.console.forms import Form
from bridge.console.view import View
from bridge.console.words import N_
from bridge.domain.access import Role
from bridge.domain.errors import BridgeError
from bridge.domain.journal import Direction, Disposition
from bridge.domain.parsed import Node
from bridge.services.overview import WholeMessage
from bridge.services.read_journal import MessageFilter, OpenedMessage, ReadJournal
from bridge.services.replay_message import ReplayMessage, ReplayRefused
from bridge.services.review_mappings import DryRun, ReviewMappings

_LARGEST_PK = 2**63 - 1
_PROTOCOLS = ("hl7", "fhir", "dicom", "delivery")
_LONGEST = 250
MessageNumber = Annotated[int, Path(ge=1, le=_LARGEST_PK)]
_REASON = N_("Say why the message is applied again.")


class MessageReader(Protocol):
    """Takes messages apart."""

    def parsed(self, protocol: str, peer: str, content: bytes) -> tuple[Node, ...]:
        """A tree; empty when it cannot be read."""

    def text(self, protocol: str, peer: str, content: bytes) -> str:
        """The message in Unicode."""

    def profile_of(self, protocol: str, peer: str) -> str:
        """The mapping profile that reads such messages; empty when none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """What the pages of the journal ask; `zone` is the site's."""

    journal: ReadJournal
    reader: MessageReader
    replay: ReplayMessage
    mappings: ReviewMappings
    zone: tzinfo


def messages_router(view: View, messages: Messages) -> APIRouter:
    """The pages at `/messages`."""
    router = APIRouter()
    shown = _Shown(view, messages)
    router.add_api_route("/messages", shown.listed, methods=["GET"])
    router.add_api_route("/messages/{pk:int}", shown.one, methods=["GET"])
    router.add_api_route("/messages/{pk:int}/replay", shown.replay, methods=["POST"])
    return router


class _Shown:
    def __init__(self, view: View, messages: Messages) -> None:
        self._view = view
        self._messages = messages

    def listed(
        self,
        request: Request,
        user: Viewer,
        before: Annotated[int | None, Query(ge=1, le=_LARGEST_PK)] = None,
        live: bool = False,
    ) -> Response:
        """A page of the journal."""
        given = {name: request.query_params.get(name, "").strip()[:_LONGEST] for name in FIELDS}
        chosen = message_filter(given, self._messages.zone)
        page = self._messages.journal.page(chosen, before, user)
        return self._view.page(
            request,
            "messages.html",
            given=given,
            page=page,
            live=live and before is None,
            directions=[each.value for each in Direction],
            protocols=_PROTOCOLS,
            dispositions=[each.value for each in Disposition],
        )

    def one(
        self,
        request: Request,
        user: Viewer,
        pk: MessageNumber,
        profile: Annotated[str, Query(max_length=_LONGEST)] = "",
    ) -> Response:
        """A message as it was, taken apart, and what a profile makes of it."""
        opened = self._messages.journal.open(pk, user)
        return self._page(request, opened, profile)

    def replay(self, request: Request, user: Operator, pk: MessageNumber, fields: Form) -> Response:
        """Apply a message again, as it came or as it was edited."""
        text = fields.get("text") if fields.get("edited") else None
        try:
            done = self._messages.replay.replay(pk, user, fields.get("reason"), text)
        except ReplayRefused as error:
            opened = self._messages.journal.open(pk, user)
            problem = error.message if fields.get("reason").strip() else _REASON
            return self._page(request, opened, problem=problem, text=text, status=409)
        new = done.message.pk if done.message is not None else pk
        return RedirectResponse(f"/messages/{new}", status_code=303)

    def _page(
        self,
        request: Request,
        opened: OpenedMessage,
        profile: str = "",
        *,
        problem: str = "",
        text: str | None = None,
        status: int = 200,
    ) -> Response:
        reader, message = self._messages.reader, opened.message
        protocol, peer = message.listed.protocol, message.listed.peer
        usual = reader.profile_of(protocol, peer) if _came_in(message) else ""
        written = reader.text(protocol, peer, message.raw)
        return self._view.page(
            request,
            "message.html",
            status=status,
            message=message,
            mentions=opened.mentions,
            tree=reader.parsed(protocol, peer, message.raw),
            answer=reader.parsed(protocol, peer, message.reply),
            text=written if text is None else text,
            reason=problem,
            usual=usual,
            profile=profile or usual,
            profiles=self._profiles(protocol) if usual else (),
            trace=self._trace(protocol, profile or usual, written),
            may_replay=self._may_replay(request, message),
        )

    def _may_replay(self, request: Request, message: WholeMessage) -> bool:
        is_operator = request.state.user.role.covers(Role.OPERATOR)
        return is_operator and self._messages.replay.is_possible(message)

    def _profiles(self, protocol: str) -> Sequence[str]:
        every = self._messages.mappings.profiles()
        return [each.name for each in every if each.language == _LANGUAGES[protocol]]

    def _trace(self, protocol: str, profile: str, text: str) -> DryRun | None:
        """What a profile makes of the message; nothing when none reads it."""
        if not profile:
            return None
        body = text.replace("\r\n", "\n").partition("\n\n")[2] if protocol == "fhir" else text
        try:
            return self._messages.mappings.dry_run(profile, body or text)
        except BridgeError as error:
            return DryRun.refused(error)


FIELDS = ("direction", "protocol", "disposition", "type", "peer", "mentions", "since", "until")
_LANGUAGES = {"hl7": "hl7", "fhir": "fhir"}


def message_filter(given: dict[str, str], zone: tzinfo) -> MessageFilter:
    """The filter of a form; times are of the site's zone, and what is no time asks for nothing."""
    return MessageFilter(
        direction=given.get("direction", ""),
        protocol=given.get("protocol", ""),
        disposition=given.get("disposition", ""),
        type=given.get("type", ""),
        peer=given.get("peer", ""),
        mentions=given.get("mentions", ""),
        since=_moment(given.get("since", ""), zone),
        until=_moment(given.get("until", ""), zone),
    )


def _moment(text: str, zone: tzinfo) -> float | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()
    except ValueError:
        return None


def _came_in(message: WholeMessage) -> bool:
    return message.listed.direction == Direction.IN.value
