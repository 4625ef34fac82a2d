"""Given real sockets, when peers speak MLLP well or badly, then each gets its own answers."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.domain.errors import ResourceBusy
from bridge.hl7.acknowledgement import parse
from bridge.hl7.errors import LinkError
from bridge.hl7.framing import FrameReader, Junk, Oversize, Resync, Truncated, frame
from bridge.hl7.links import Closed, HandlerFailed, Limits, LinkEvent, Opened
from bridge.hl7.mllp import Handler, MllpListener, Peer
from bridge.hl7.mllp_client import MllpClient, send

HOST = "127.0.0.1"


def message(number: int | str, text: str = "") -> bytes:
    return f"MSH|^~\\&|A|B|C|D|2024||ADT^A08|{number}|P|2.5.1\rNTE|1||{text}\r".encode()


def echo(payload: bytes, peer: Peer) -> list[bytes]:
    return [b"answer to " + payload]


class Served:
    """A listener in an event loop of its own thread, and what it reported."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.events: list[tuple[Peer, LinkEvent]] = []
        self.told = threading.Condition()
        self.loop = asyncio.new_event_loop()
        self.executor = ThreadPoolExecutor(8)
        self.listener = MllpListener(
            handler, self.executor, name="his", limits=limits, observer=self.note
        )
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.run(lambda: self.listener.start(HOST, 0))
        self.port = self.listener.port

    def run(self, begin: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(begin(), self.loop).result(60)  # type: ignore[arg-type]

    def note(self, peer: Peer, event: LinkEvent) -> None:
        with self.told:
            self.events.append((peer, event))
            self.told.notify_all()

    def wait_for(self, kind: type[LinkEvent], count: int = 1) -> list[LinkEvent]:
        def found() -> list[LinkEvent]:
            return [event for _, event in self.events if isinstance(event, kind)]

        with self.told:
            assert self.told.wait_for(lambda: len(found()) >= count, 30), self.events
            return found()

    def close(self, timeout: float = 30.0) -> None:
        self.run(lambda: self.listener.close(timeout))

    def stop(self) -> None:
        self.close(0.5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.executor.shutdown()


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def begin(handler: Handler = echo, limits: Limits | None = None) -> Served:
            served = Served(handler, limits or Limits())
            stack.callback(served.stop)
            return served

        yield begin


@contextlib.contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, served.port), 30) as connection:
        yield connection


def receive(connection: socket.socket, count: int) -> list[bytes]:
    """Read so many frames; fewer when the peer closes."""
    reader = FrameReader()
    payloads: list[bytes] = []
    while len(payloads) < count and (data := connection.recv(65536)):
        payloads += [event.payload for event in reader.feed(data)]  # type: ignore[union-attr]
    return payloads


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


def test_given_a_message_when_sent_then_the_answer_comes_back(serve: Serve) -> None:
    served = serve()

    assert send(HOST, served.port, message(1)) == b"answer to " + message(1)
    assert served.events[0][1] == Opened()
    assert served.events[0][0].listener == "his"
    assert served.events[0][0].host == HOST


def test_given_one_connection_when_used_again_then_each_message_is_answered(serve: Serve) -> None:
    served = serve()

    with MllpClient(HOST, served.port) as client:
        for number in range(20):
            assert client.exchange(message(number)).endswith(message(number))


def test_given_pipelined_messages_when_sent_at_once_then_answers_keep_their_order(
    serve: Serve,
) -> None:
    served = serve()
    messages = [message(number) for number in range(300)]

    with connected(served) as connection:
        threading.Thread(target=connection.sendall, args=(b"".join(map(frame, messages)),)).start()

        assert receive(connection, 300) == [b"answer to " + each for each in messages]


def test_given_a_message_in_single_bytes_when_sent_then_it_is_answered(serve: Serve) -> None:
    served = serve()

    with connected(served) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(message(1)):
            connection.sendall(bytes([byte]))

        assert receive(connection, 1) == [b"answer to " + message(1)]


def test_given_noise_around_frames_when_sent_then_it_is_reported_and_passed_over(
    serve: Serve,
) -> None:
    served = serve()

    with connected(served) as connection:
        connection.sendall(b"noise" + frame(message(1))[:-1] + b"\x0bMSH|half" + frame(message(2)))

        assert len(receive(connection, 2)) == 2

    assert served.wait_for(Junk) == [Junk(5)]
    assert served.wait_for(Resync) == [Resync(8)]


def test_given_a_message_over_the_limit_when_sent_then_it_gets_ar_and_the_next_is_read(
    serve: Serve,
) -> None:
    served = serve(limits=Limits(frame_size=5000))

    with connected(served) as connection:
        connection.sendall(frame(message("BIG", "x" * 9000)) + frame(message(2)))

        refusal, answer = receive(connection, 2)

    assert parse(refusal).acknowledgement.code == "AR"
    assert parse(refusal).control_id == "BIG"
    assert answer.endswith(message(2))
    assert served.wait_for(Oversize)


def test_given_a_handler_that_fails_when_a_message_comes_then_ar_and_the_link_lives(
    serve: Serve,
) -> None:
    def fail(payload: bytes, peer: Peer) -> list[bytes]:
        if b"|BUSY|" in payload:
            raise ResourceBusy("the order is locked")
        raise ZeroDivisionError("secret of a patient")

    served = serve(fail)

    with MllpClient(HOST, served.port) as client:
        first = parse(client.exchange(message("BUSY")))
        raw = client.exchange(message("M2"))

    assert first.acknowledgement.code == "AR"
    assert first.acknowledgement.errors[0].code == "206"
    assert parse(raw).control_id == "M2"
    assert parse(raw).acknowledgement.errors[0].code == "207"
    assert b"secret" not in raw
    assert len(served.wait_for(HandlerFailed, 2)) == 2


def test_given_a_handler_without_an_answer_when_a_message_comes_then_none_is_sent(
    serve: Serve,
) -> None:
    served = serve(lambda payload, peer: [] if b"|NONE|" in payload else [payload])

    with connected(served) as connection:
        connection.sendall(frame(message("NONE")) + frame(message(2)))

        assert receive(connection, 1) == [message(2)]


def test_given_several_answers_when_handled_then_each_has_its_frame(serve: Serve) -> None:
    served = serve(lambda payload, peer: [b"accept", b"application"])

    with connected(served) as connection:
        connection.sendall(frame(message(1)) + frame(message(2)))

        assert receive(connection, 4) == [b"accept", b"application"] * 2


def test_given_a_slow_handler_when_others_send_then_they_are_not_held_up(serve: Serve) -> None:
    release = threading.Event()

    def wait(payload: bytes, peer: Peer) -> list[bytes]:
        if b"|SLOW|" in payload:
            assert release.wait(30)
        return [payload]

    served = serve(wait)

    with connected(served) as slow:
        slow.sendall(frame(message("SLOW")) + frame(message("AFTER")))
        assert send(HOST, served.port, message("FAST")) == message("FAST")
        release.set()
        assert receive(slow, 2) == [message("SLOW"), message("AFTER")]


def test_given_many_connections_when_all_send_then_each_gets_its_own_answers(serve: Serve) -> None:
    served = serve()

    def talk(who: int) -> bool:
        with MllpClient(HOST, served.port) as client:
            return all(
                client.exchange(message(f"{who}.{number}")).endswith(message(f"{who}.{number}"))
                for number in range(20)
            )

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(talk, range(32)))


def test_given_a_peer_that_ends_its_half_when_answers_are_due_then_they_still_come(
    serve: Serve,
) -> None:
    served = serve()

    with connected(served) as connection:
        connection.sendall(frame(message(1)) + frame(message(2)))
        connection.shutdown(socket.SHUT_WR)

        assert len(receive(connection, 2)) == 2
        assert is_closed(connection)


def test_given_a_peer_that_hangs_up_within_a_frame_when_it_is_gone_then_that_is_reported(
    serve: Serve,
) -> None:
    served = serve()

    with connected(served) as connection:
        connection.sendall(b"\x0bMSH|")

    assert served.wait_for(Truncated) == [Truncated(4)]
    assert send(HOST, served.port, message(1))


def test_given_a_frame_that_never_ends_when_time_is_up_then_the_link_is_closed(
    serve: Serve,
) -> None:
    served = serve(limits=Limits(frame_timeout=0.2))

    with connected(served) as connection:
        connection.sendall(b"\x0bMSH|")
        assert is_closed(connection)

    assert served.wait_for(Closed) == [Closed("frame timeout")]


def test_given_a_silent_peer_when_time_is_up_then_the_link_is_closed(serve: Serve) -> None:
    served = serve(limits=Limits(idle_timeout=0.2))

    with connected(served) as connection:
        assert is_closed(connection)

    assert served.wait_for(Closed) == [Closed("idle timeout")]


def test_given_a_handler_at_work_when_the_idle_time_passes_then_its_answer_still_comes(
    serve: Serve,
) -> None:
    served = serve(
        lambda payload, peer: [payload] if not threading.Event().wait(0.6) else [],
        Limits(idle_timeout=0.1, frame_timeout=0.1),
    )

    assert send(HOST, served.port, message(1)) == message(1)


def test_given_a_peer_that_takes_no_answers_when_time_is_up_then_it_is_cut_off(
    serve: Serve,
) -> None:
    served = serve(lambda payload, peer: [b"x" * 1_000_000], Limits(frame_timeout=0.3))

    with connected(served) as connection:
        connection.sendall(frame(message(1)) * 50)
        assert served.wait_for(Closed) == [Closed("peer takes no answers")]


def test_given_the_most_connections_when_one_more_comes_then_only_that_is_turned_away(
    serve: Serve,
) -> None:
    served = serve(limits=Limits(connections=2))

    with MllpClient(HOST, served.port) as first, MllpClient(HOST, served.port) as second:
        assert first.exchange(message(1))
        assert second.exchange(message(1))
        with connected(served) as third:
            assert is_closed(third)
        assert first.exchange(message(2))

    assert Closed("too many connections") in served.wait_for(Closed)


def test_given_peers_that_fill_all_room_when_one_sends_more_then_it_is_parted_with(
    serve: Serve,
) -> None:
    served = serve(limits=Limits(frame_size=10_000, held_size=12_000))

    with connected(served) as first, connected(served) as second:
        first.sendall(b"\x0bMSH|" + b"x" * 9000)
        second.sendall(b"\x0bMSH|" + b"x" * 9000)
        assert served.wait_for(Closed) == [Closed("no room for more messages")]

    served.wait_for(Closed, 2)
    assert served.listener.held == 0
    assert send(HOST, served.port, message(1))


def test_given_a_message_in_hand_when_closing_then_it_is_answered_and_the_next_is_not_begun(
    serve: Serve,
) -> None:
    begun, release = threading.Event(), threading.Event()
    handled: list[bytes] = []

    def wait(payload: bytes, peer: Peer) -> list[bytes]:
        begun.set()
        assert release.wait(30)
        handled.append(payload)
        return [payload]

    served = serve(wait)

    with connected(served) as connection:
        connection.sendall(frame(message(1)) + frame(message(2)))
        assert begun.wait(30)
        closing = threading.Thread(target=served.close)
        closing.start()
        while served.listener.connections and not _is_finishing(served):
            pass
        release.set()

        assert receive(connection, 2) == [message(1)]
        closing.join()

    assert handled == [message(1)]
    with pytest.raises(LinkError):
        send(HOST, served.port, message(3))


def _is_finishing(served: Served) -> bool:
    return all(connection._finishing for connection in served.listener.connections)


def test_given_nobody_listening_when_sending_then_the_error_may_pass(serve: Serve) -> None:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]

    with pytest.raises(LinkError, match="cannot connect") as caught:
        send(HOST, port, message(1))

    assert not caught.value.permanent


def test_given_a_listener_that_never_answers_when_sending_then_time_runs_out(serve: Serve) -> None:
    served = serve(lambda payload, peer: [])

    with pytest.raises(LinkError, match="no answer"):
        send(HOST, served.port, message(1), timeout=0.2)
