"""Objects in a bucket of a real S3 server: kept when `put` returns, or the sender hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.domain.errors import ResourceBusy
from bridge.services.content import Content
from bridge.store import bucket as bucket_module
from bridge.store.bucket import BucketObjects, BucketRefuses
from tests.peers.rclone import S3Server

KEY = "1.2/1.3/1.4-abc.dcm"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    started = S3Server(tmp_path_factory.mktemp("rclone"))
    yield started
    started.close()


@pytest.fixture
def store(server: S3Server) -> BucketObjects:
    return BucketObjects(f"s3://{server.bucket}/site", server.settings())


def test_what_was_put_is_what_is_read_and_lies_below_the_prefix(
    store: BucketObjects, server: S3Server
) -> None:
    content = bytes(range(256)) * 40
    store.put(KEY, content)
    assert store.get(KEY) == content
    assert (server.folder / "site" / KEY).read_bytes() == content


def test_an_object_of_many_megabytes_comes_back_whole(store: BucketObjects) -> None:
    content = bytes(range(251)) * 100_000
    store.put("1.2/large.dcm", content)
    assert store.get("1.2/large.dcm") == content


def test_given_a_service_that_ignores_ranges_then_pieces_are_given_all_the_same(
    store: BucketObjects,
) -> None:
    """`rclone serve s3` answers 200 with the whole object, whatever range is asked for."""
    content = bytes(range(251)) * 10_000
    store.put("1.2/pieces.dcm", content)
    source = store.open("1.2/pieces.dcm")
    assert source.read(0, 132) == content[:132]
    assert source.read(2_000_000, 5_000_000) == content[2_000_000:]
    assert source.read(source.size, 1) == b""
    assert b"".join(Content(source)) == content


def test_many_threads_at_once_are_all_kept(store: BucketObjects) -> None:
    keys = [f"1.2/many/{number}.dcm" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: store.put(key, key.encode()), keys))
    assert [store.get(key) for key in keys] == [key.encode() for key in keys]


def test_what_is_not_there_is_said_to_be_not_there(store: BucketObjects) -> None:
    with pytest.raises(FileNotFoundError):
        store.get("1.2/none.dcm")


def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: BucketObjects) -> None:
    store.put(KEY, b"x")
    store.delete(KEY)
    store.delete(KEY)
    with pytest.raises(FileNotFoundError):
        store.get(KEY)


@pytest.mark.parametrize("key", ["../out.dcm", "/etc/passwd", "1.2//1.dcm", "1.2/./1.dcm", ""])
def test_a_key_never_leaves_the_prefix(store: BucketObjects, key: str) -> None:
    with pytest.raises(ValueError, match="below the store's prefix"):
        store.put(key, b"x")


def test_given_a_bucket_that_is_not_there_then_it_is_named(server: S3Server) -> None:
    absent = BucketObjects("s3://nosuchbucket/site", server.settings())
    with pytest.raises(BucketRefuses, match="s3://nosuchbucket/site: there is no such bucket"):
        absent.put(KEY, b"x")
    with pytest.raises(BucketRefuses, match="no such bucket"):
        absent.check()


def test_given_a_wrong_key_then_it_says_so_without_telling_the_key(server: S3Server) -> None:
    options = {**server.settings(), "secret_access_key": "not-the-right-one"}
    wrong = BucketObjects(f"s3://{server.bucket}/site", options)
    with pytest.raises(BucketRefuses, match="403") as refusal:
        wrong.check()
    assert "not-the-right-one" not in str(refusal.value)


def test_given_an_option_that_there_is_not_then_it_cannot_be_opened() -> None:
    with pytest.raises(BucketRefuses, match="nonsense"):
        BucketObjects("s3://images", {"nonsense": "1"})


def test_given_an_outage_then_the_sender_is_to_try_again_and_afterwards_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_LONGEST_RETRY", timedelta(seconds=1))
    server = S3Server(tmp_path)
    try:
        store = BucketObjects(f"s3://{server.bucket}", server.settings())
        server.close()
        with pytest.raises(ResourceBusy, match="does not answer"):
            store.put(KEY, b"x")
        server.start_again()
        store.put(KEY, b"y")
        assert store.get(KEY) == b"y"
    finally:
        server.close()
