"""Given browsers that listen, when something is seen, then one look serves all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.console.live import MOST_LISTENERS, Feed, TooManyListeners, event_text
from bridge.domain.errors import ResourceBusy

QUICK = 0.001


async def first(feed: Feed[int], count: int) -> list[int]:
    found: list[int] = []
    async for seen in feed.listen():
        if seen is not None:
            found.append(seen)
        if len(found) == count:
            break
    return found


def test_given_many_listeners_when_there_is_news_then_it_was_looked_for_once() -> None:
    looks: list[int | None] = []

    def look(seen: int | None) -> int:
        looks.append(seen)
        return len(looks)

    async def run() -> list[list[int]]:
        feed = Feed(look, QUICK)
        return await asyncio.gather(*(first(feed, 3) for _ in range(20)))

    found = asyncio.run(run())

    assert all(each == found[0] for each in found)
    assert looks[:3] == [None, 1, 2]
    assert len(looks) < 10


@pytest.mark.parametrize("is_told_once", [True, False])
def test_given_news_told_once_when_somebody_comes_late_then_the_last_is_told(
    is_told_once: bool,
) -> None:
    news = [7]

    async def run() -> list[int]:
        feed = Feed(lambda _seen: news.pop() if news else None, QUICK, is_told_once=is_told_once)
        early = feed.listen()
        await anext(early)
        late = asyncio.create_task(first(feed, 1))
        done, _ = await asyncio.wait([late], timeout=QUICK * 50)
        late.cancel()
        feed.close()
        return late.result() if done else []

    assert asyncio.run(run()) == ([7] if is_told_once else [])


def test_given_nobody_when_time_passes_then_nothing_is_looked_for() -> None:
    looks = 0

    def look(_seen: int | None) -> int:
        nonlocal looks
        looks += 1
        return looks

    async def run() -> int:
        feed = Feed(look, QUICK)
        await first(feed, 2)
        await asyncio.sleep(QUICK * 20)
        before = looks
        await asyncio.sleep(QUICK * 20)
        return looks - before

    assert asyncio.run(run()) == 0


def test_given_no_news_or_a_database_that_is_away_then_listeners_wait_for_the_next_look() -> None:
    answers: list[int | Exception | None] = [1, None, ResourceBusy("away"), 2]

    def look(_seen: int | None) -> int | None:
        answer = answers.pop(0) if answers else 3
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> list[int]:
        return await first(Feed(look, QUICK), 2)

    assert asyncio.run(run()) == [1, 2]


def test_given_a_feed_that_is_closed_then_listeners_end_and_none_is_taken() -> None:
    async def run() -> None:
        feed = Feed(lambda _seen: 1, QUICK)
        listening = asyncio.create_task(first(feed, 10**9))
        await asyncio.sleep(QUICK * 5)
        feed.close()
        await asyncio.wait_for(listening, 5)
        with pytest.raises(TooManyListeners):
            feed.demand_room()

    asyncio.run(run())


def test_given_as_many_listeners_as_there_may_be_then_the_next_is_told() -> None:
    async def run() -> None:
        feed = Feed(lambda _seen: 1, QUICK)
        streams: list[AsyncIterator[int | None]] = [feed.listen() for _ in range(MOST_LISTENERS)]
        for each in streams:
            feed.demand_room()
            await anext(each)
        with pytest.raises(TooManyListeners):
            feed.demand_room()
        feed.close()

    asyncio.run(run())


def test_given_html_when_sent_then_each_line_is_data_and_the_number_goes_first() -> None:
    assert event_text("<p>\n\n</p>", 7) == b"id: 7\ndata: <p>\ndata: </p>\n\n"
    assert event_text("") == b"data:\n\n"
