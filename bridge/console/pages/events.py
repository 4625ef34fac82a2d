"""What browsers are told while a page is open (SSE): the state of the bridge, and new messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from bridge.console.access import Viewer, access_of
from bridge.console.language import language_of
from bridge.console.live import KEEP_ALIVE, Feed, event_text
from bridge.console.pages.messages import FIELDS, message_filter
from bridge.console.view import View
from bridge.services.overview import ListedMessage
from bridge.services.read_journal import MessageFilter, ReadJournal
from bridge.services.watch_now import Now, WatchNow

_MOST = 100
"""New messages told at once; who wants all of them reads the journal."""

_LARGEST_PK = 2**63 - 1


@dataclass(frozen=True, slots=True)
class NewMessages:
    """What came beyond row `after`, up to the `newest` there is."""

    after: int
    newest: int
    rows: Sequence[ListedMessage] = ()


@dataclass(frozen=True, slots=True)
class Feeds:
    """One look at the database each, however many browsers listen."""

    now: Feed[Now]
    messages: Feed[NewMessages]

    def close(self) -> None:
        """Let every browser go."""
        self.now.close()
        self.messages.close()


def feeds(watch: WatchNow, journal: ReadJournal) -> Feeds:
    """The feeds of a process."""

    def new_messages(seen: NewMessages | None) -> NewMessages | None:
        if seen is None:
            newest = journal.newest_pk()
            return NewMessages(newest, newest)
        rows = journal.since(seen.newest, _MOST)
        return NewMessages(seen.newest, rows[0].pk, rows) if rows else None

    return Feeds(Feed(lambda _seen: watch.look()), Feed(new_messages, is_told_once=True))


@dataclass(slots=True)
class _Rendered:
    """The first page in each language, rendered once for all who read that language."""

    view: View
    seen: Now | None = None
    texts: dict[str, bytes] = field(default_factory=dict)

    def of(self, seen: Now, language: str) -> bytes:
        if seen is not self.seen:
            self.seen, self.texts = seen, {}
        if language not in self.texts:
            html = self.view.fragment(language, "now_body.html", now=seen)
            self.texts[language] = event_text(html)
        return self.texts[language]


def events_router(view: View, live: Feeds, journal: ReadJournal, zone: tzinfo) -> APIRouter:
    """The streams at `/events/…`."""
    router = APIRouter()
    streams = _Streams(view, live, journal, zone)
    router.add_api_route("/events/now", streams.now, methods=["GET"])
    router.add_api_route("/events/messages", streams.messages, methods=["GET"])
    return router


class _Streams:
    def __init__(self, view: View, live: Feeds, journal: ReadJournal, zone: tzinfo) -> None:
        self._view = view
        self._live = live
        self._journal = journal
        self._zone = zone
        self._rendered = _Rendered(view)

    async def now(self, request: Request, user: Viewer) -> Response:
        """The body of the first page, again and again."""
        self._live.now.demand_room()
        return _streamed(self._states(request))

    async def messages(
        self,
        request: Request,
        user: Viewer,
        after: Annotated[int, Query(ge=0, le=_LARGEST_PK)] = 0,
    ) -> Response:
        """Rows of the journal as they come, those beyond `after` first."""
        self._live.messages.demand_room()
        given = {name: request.query_params.get(name, "") for name in FIELDS}
        chosen, last = message_filter(given, self._zone), _last_seen(request, after)
        return _streamed(self._new(request, chosen, last))

    async def _states(self, request: Request) -> AsyncIterator[bytes]:
        language = language_of(request)
        async for seen in self._live.now.listen():
            if seen is not None:
                yield self._rendered.of(seen, language)
            elif await _holds(request):
                yield KEEP_ALIVE
            else:
                return

    async def _new(
        self, request: Request, chosen: MessageFilter, last: int
    ) -> AsyncIterator[bytes]:
        language = language_of(request)
        async for seen in self._live.messages.listen():
            if seen is None and not await _holds(request):
                return
            if seen is None:
                yield KEEP_ALIVE
            elif rows := await self._beyond(last, seen):
                last = rows[0].pk
                yield _rows(self._view, language, chosen, rows)

    async def _beyond(self, last: int, seen: NewMessages) -> Sequence[ListedMessage]:
        """What a browser that has seen row `last` lacks; asked for alone where it missed some."""
        if seen.after > last:
            return await run_in_threadpool(self._journal.since, last, _MOST)
        return [each for each in seen.rows if each.pk > last]


def _rows(view: View, language: str, chosen: MessageFilter, rows: Sequence[ListedMessage]) -> bytes:
    """The rows that fit the filter; the number tells a browser how far it has seen."""
    fitting = [each for each in rows if chosen.covers(each)]
    html = view.fragment(language, "journal_rows.html", rows=fitting) if fitting else ""
    return event_text(html, rows[0].pk)


def _last_seen(request: Request, after: int) -> int:
    said = request.headers.get("last-event-id", "")
    return max(after, int(said)) if said.isascii() and said.isdigit() else after


async def _holds(request: Request) -> bool:
    """Whether who listens is still signed in."""
    return await run_in_threadpool(access_of(request).holds, request)


def _streamed(content: AsyncIterator[bytes]) -> Response:
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    return StreamingResponse(content, media_type="text/event-stream", headers=headers)
