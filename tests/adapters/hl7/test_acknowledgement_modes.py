"""Given MSH-15 and MSH-16, when a message is taken, then each stage is answered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.hl7.acknowledgement import parse
from bridge.hl7.er7 import read
from bridge.wiring.bridge import Bridge
from bridge.wiring.neighbours import examine_neighbours
from tests.acceptance.orders import Order, control_id, header, new_order, orm
from tests.adapters.hl7.running import Receiver, Wire, journal, port_of, running
from tests.peers.process import choose_port, wait_until


def asking(modes: str, order: Order | None = None, control: str = "") -> bytes:
    """An order in v2.5.1 whose MSH-15 and MSH-16 are these."""
    head = header("ORM^O01^ORM_O01", "2.5.1", control=control, charset="") + f"|||{modes}"
    return orm(order or new_order(), head=head).encode()


def saying(code: str) -> Callable[[bytes], list[bytes]]:
    """A receiver that answers each message with an accept acknowledgement of that code."""

    def answer(payload: bytes) -> list[bytes]:
        return [f"MSH|^~\\&|HIS||||2026||ACK|X|P|2.5.1\rMSA|{code}|{id_of(payload)}\r".encode()]

    return answer


def id_of(payload: bytes) -> str:
    return read(payload).control_id


def states(bridge: Bridge) -> list[str]:
    return [row.state for row in bridge.core.store.read(lambda tx: tx.deliveries.listed([]))]


def code_of(payload: bytes | None) -> str:
    assert payload is not None
    return parse(payload).acknowledgement.code.value


def returning(port: int, **more: Any) -> dict[str, Any]:
    address = {"host": "127.0.0.1", "port": port, "timeout_seconds": 0.5, **more}
    return {"acknowledgements": "return_connection", "return_connection": address}


def test_given_both_stages_on_one_connection_then_the_accept_stage_comes_first(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as bridge, Wire(port_of(bridge)) as wire:
        message = asking("AL|AL")
        for _ in range(2):  # the second is the same message again: answered with the same bytes
            accept, application = wire.exchange(message), wire.read()
            assert (code_of(accept), code_of(application)) == ("CA", "AA")
        assert code_of(wire.exchange(asking("|"))) == "AA"
        first, second = (row.reply for row in journal(bridge, id_of(message)))
        assert first == second


def test_given_never_then_nothing_comes_and_everything_is_done(tmp_path: Path) -> None:
    with running(tmp_path) as bridge, Wire(port_of(bridge)) as wire:
        silent = asking("NE|NE")
        wire.write(b"\x0b" + silent + b"\x1c\r")
        answer = wire.exchange(asking("NE|AL", control="NEXT"))
        assert answer is not None
        assert parse(answer).control_id == "NEXT"
        (row,) = journal(bridge, id_of(silent))
        assert (row.disposition, row.reply) == ("applied", b"")


def test_given_a_return_connection_then_the_application_stage_takes_it(tmp_path: Path) -> None:
    with (
        Receiver(saying("CA")) as his,
        running(tmp_path, **returning(his.port)) as bridge,
        Wire(port_of(bridge)) as wire,
    ):
        good, bad, original = (
            asking("AL|AL"),
            asking("AL|AL").replace(b"|NW|", b"|QQ|"),
            asking("|"),
        )
        assert code_of(wire.exchange(good)) == "CA"
        assert code_of(wire.exchange(bad)) == "CA"
        assert code_of(wire.exchange(original)) == "AA"

        told = his.wait(2)
        assert [(code_of(each), parse(each).control_id) for each in told] == [
            ("AA", id_of(good)),
            ("AE", id_of(bad)),
        ]
        assert [read(each).header.fields[15:17] for each in told] == [["AL", "NE"]] * 2
        assert len({id_of(each) for each in told} | {id_of(good)}) == 3
        wait_until(lambda: states(bridge) == ["delivered"] * 2, "both are accepted")
        assert his.connections == 1


def test_given_nobody_at_the_return_address_then_it_is_told_after_a_restart(
    tmp_path: Path,
) -> None:
    port = choose_port()
    message = asking("NE|AL")
    with running(tmp_path, **returning(port)) as bridge, Wire(port_of(bridge)) as wire:
        wire.write(b"\x0b" + message + b"\x1c\r")
        wait_until(lambda: journal(bridge), "the message is taken")
        assert states(bridge) == ["pending"] or states(bridge) == ["sending"]
    with Receiver(saying("CA"), port) as his, running(tmp_path, **returning(port)) as bridge:
        (told,) = his.wait(1)
        assert (code_of(told), parse(told).control_id) == ("AA", id_of(message))
        wait_until(lambda: states(bridge) == ["delivered"], "it is accepted")


def test_given_a_receiver_that_is_not_ready_then_it_is_sent_again_with_the_same_control_id(
    tmp_path: Path,
) -> None:
    answers = iter([saying("CE"), lambda _payload: [], saying("CA")])

    def answer(payload: bytes) -> list[bytes]:
        return next(answers)(payload)

    with (
        Receiver(answer) as his,
        running(tmp_path, **returning(his.port)) as bridge,
        Wire(port_of(bridge)) as wire,
    ):
        assert code_of(wire.exchange(asking("AL|AL"))) == "CA"
        told = his.wait(3)
        assert len({*told}) == 1
        wait_until(lambda: states(bridge) == ["delivered"], "it is accepted")


def test_given_a_receiver_that_refuses_then_it_is_not_asked_again(tmp_path: Path) -> None:
    with (
        Receiver(saying("CR")) as his,
        running(tmp_path, **returning(his.port)) as bridge,
        Wire(port_of(bridge)) as wire,
    ):
        assert code_of(wire.exchange(asking("AL|AL"))) == "CA"
        wait_until(lambda: states(bridge) == ["dead"], "it is given up")
        assert len(his.taken) == 1


def test_given_an_answer_to_something_else_then_it_is_waited_past(tmp_path: Path) -> None:
    late = b"MSH|^~\\&|HIS||||2026||ACK|X|P|2.5.1\rMSA|CR|LATE\r"
    with (
        Receiver(lambda payload: [late, *saying("CA")(payload)]) as his,
        running(tmp_path, **returning(his.port)) as bridge,
        Wire(port_of(bridge)) as wire,
    ):
        assert code_of(wire.exchange(asking("AL|AL"))) == "CA"
        wait_until(lambda: states(bridge) == ["delivered"], "it is accepted")


def test_given_a_connection_that_died_between_then_the_next_is_told_on_a_new_one(
    tmp_path: Path,
) -> None:
    with (
        Receiver(saying("CA")) as his,
        running(tmp_path, **returning(his.port)) as bridge,
        Wire(port_of(bridge)) as wire,
    ):
        wire.exchange(asking("AL|AL"))
        wait_until(lambda: states(bridge) == ["delivered"], "the first is accepted")
        his.hang_up()
        wire.exchange(asking("AL|AL"))
        wait_until(lambda: states(bridge) == ["delivered"] * 2, "the second is accepted")
        assert his.connections == 2


def test_given_a_receiver_that_never_answers_then_what_is_written_is_delivered(
    tmp_path: Path,
) -> None:
    with (
        Receiver(lambda _payload: []) as his,
        running(tmp_path, **returning(his.port, accept_acknowledgement=False)) as bridge,
        Wire(port_of(bridge)) as wire,
    ):
        wire.exchange(asking("AL|AL"))
        (told,) = his.wait(1)
        assert read(told).header.fields[15:17] == ["NE", "NE"]
        wait_until(lambda: states(bridge) == ["delivered"], "it is written")


def test_given_the_same_message_again_then_its_acknowledgement_is_returned_again(
    tmp_path: Path,
) -> None:
    with (
        Receiver(saying("CA")) as his,
        running(tmp_path, **returning(his.port)) as bridge,
        Wire(port_of(bridge)) as wire,
    ):
        message = asking("AL|AL", control=control_id())
        first = wire.exchange(message)
        wait_until(lambda: states(bridge) == ["delivered"], "the first is accepted")
        assert wire.exchange(message) == first
        told = his.wait(2)
        assert told[0] == told[1]
        assert [row.disposition for row in journal(bridge)] == ["applied", "duplicate"]


def test_given_a_return_connection_when_the_neighbours_are_examined_then_it_is_one(
    tmp_path: Path,
) -> None:
    port = choose_port()
    with running(tmp_path, **returning(port)) as bridge:
        for there in (True, False):
            with Receiver(saying("CA"), port if there else 0):
                (found,) = examine_neighbours(bridge.settings)
            assert found.what == "acknowledgements/his"
            assert found.is_well is there
