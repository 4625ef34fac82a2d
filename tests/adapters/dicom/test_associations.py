"""Given peers of all manners, then each gets its due and none disturbs the others."""

from __future__ import annotations

import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import build_context, build_role

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.connection import PromptConnection
from bridge.dicom.scu import PeerUnavailable, associated, echo, store
from bridge.dicom.sop_classes import MODALITY_WORKLIST, PERFORMED_STEP, VERIFICATION
from tests.adapters.dicom.services import Commitments, NoImages, RunningBridge, running
from tests.adapters.dicom.test_storage_scp import an_instance
from tests.peers.dcmtk import Modality

RELEVANT_PATIENT_FIND = "1.2.840.10008.5.1.4.37.1"


def test_given_dcmtk_and_pynetdicom_then_both_are_verified(bridge: RunningBridge) -> None:
    echo(bridge.remote)
    assert Modality(bridge.port).echo()


def test_given_an_unknown_peer_when_they_are_rejected_then_only_known_ones_are_served() -> None:
    known = DicomConfiguration(accepts_unknown_peers=False, peers=(Peer(ae_title="CT01"),))
    with running(known) as bridge:
        echo(bridge.called_by("CT01"))
        with pytest.raises(PeerUnavailable, match="refuses the association"):
            echo(bridge.called_by("CT02"))


def test_given_too_many_associations_then_the_next_is_refused_until_one_ends() -> None:
    with running(DicomConfiguration(max_associations=1)) as bridge:
        with (
            associated(bridge.remote, [build_context(VERIFICATION)]),
            pytest.raises(PeerUnavailable, match="refuses the association"),
        ):
            echo(bridge.remote)
        echo(bridge.remote)


def test_given_a_service_that_is_not_offered_then_its_context_is_rejected(
    bridge: RunningBridge,
) -> None:
    contexts = [build_context(VERIFICATION), build_context(RELEVANT_PATIENT_FIND)]
    with associated(bridge.remote, contexts) as association:
        assert [c.abstract_syntax for c in association.accepted_contexts] == [VERIFICATION]


@pytest.mark.parametrize("sop_class", [PERFORMED_STEP, MODALITY_WORKLIST])
def test_given_a_role_is_negotiated_then_the_answer_names_it(
    bridge: RunningBridge, sop_class: str
) -> None:
    entity = AE(ae_title="CT01")
    association = entity.associate(
        "127.0.0.1",
        bridge.port,
        contexts=[build_context(sop_class)],
        ext_neg=[build_role(sop_class, scu_role=True)],
    )
    answered = association.acceptor.role_selection[UID(sop_class)]
    association.release()
    assert (answered.scu_role, answered.scp_role) == (True, False)


def test_given_a_peer_that_stops_inside_a_pdu_then_it_is_given_up_and_others_are_served() -> None:
    with (
        running(DicomConfiguration(idle_timeout=0.3)) as bridge,
        socket.create_connection(("127.0.0.1", bridge.port)) as silent,
    ):
        silent.sendall(struct.pack(">BBL", 1, 0, 500) + b"half")
        echo(bridge.remote)
        silent.settimeout(30)
        assert closed(silent)
        echo(bridge.remote)


@pytest.mark.parametrize(
    "opening",
    [
        struct.pack(">BBL", 1, 0, 0xFFFFFFFF),
        struct.pack(">BBL", 4, 0, 3_000_000_000),
        b"GET / HTTP/1.1\r\nHost: bridge\r\n\r\n",
    ],
)
def test_given_what_is_no_association_then_the_connection_ends_and_others_are_served(
    opening: bytes,
) -> None:
    with (
        running(DicomConfiguration(idle_timeout=0.5)) as bridge,
        socket.create_connection(("127.0.0.1", bridge.port), timeout=30) as stranger,
    ):
        stranger.sendall(opening)
        echo(bridge.remote)
        assert closed(stranger)


def threads_of(bridge: RunningBridge) -> list[Association]:
    return [each for each in bridge.server._entity.active_associations if each.is_alive()]


def test_given_a_port_check_that_says_nothing_then_it_holds_no_thread_once_it_is_gone() -> None:
    with running() as bridge:
        with socket.create_connection(("127.0.0.1", bridge.port)):
            while not threads_of(bridge):
                time.sleep(0.01)
        (waiting,) = threads_of(bridge)
        waiting.join(15)  # the library itself waits 30 s for the association request
        assert not waiting.is_alive()
        echo(bridge.remote)


def test_given_a_connection_that_says_nothing_when_the_bridge_stops_then_it_is_not_waited_for() -> (
    None
):
    with running() as bridge, socket.create_connection(("127.0.0.1", bridge.port)) as silent:
        while not threads_of(bridge):
            time.sleep(0.01)
        (waiting,) = threads_of(bridge)
        bridge.server.stop(grace=10)
        assert not waiting.is_alive()
        assert closed(silent)


def closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection; what it says before that is read."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def test_given_a_port_that_is_taken_then_starting_says_so(bridge: RunningBridge) -> None:
    taken = DicomConfiguration(port=bridge.port)
    second = type(bridge.server)(
        taken,
        worklist=bridge.worklist,
        instances=bridge.instances,
        performed_steps=bridge.performed_steps,
        images=NoImages(),
        commitment=Commitments(),
    )
    with pytest.raises(OSError, match="in use"):
        second.start()


def test_given_an_open_association_when_the_bridge_stops_then_the_peer_is_told() -> None:
    with running() as bridge, associated(bridge.remote, [build_context(VERIFICATION)]) as open_one:
        bridge.server.stop()
        open_one.join(30)
        assert open_one.is_aborted


def test_given_an_instance_being_kept_when_the_bridge_stops_then_it_is_still_answered() -> None:
    with running() as bridge, ThreadPoolExecutor() as threads:
        bridge.instances.gate.clear()
        sending = threads.submit(store, bridge.remote, [an_instance()])
        assert bridge.instances.entered.wait(30)
        stopping = threads.submit(bridge.server.stop, 30)
        bridge.instances.gate.set()
        assert [each.status for each in sending.result(30)] == [0x0000]
        stopping.result(30)


def test_given_an_accepted_connection_then_it_waits_for_events_instead_of_polling(
    bridge: RunningBridge,
) -> None:
    with associated(bridge.remote, [build_context(VERIFICATION)]):
        (accepted,) = bridge.server._entity.active_associations
        assert isinstance(accepted.dul.socket, PromptConnection)
        connection = accepted.dul.socket.socket
        assert connection is not None
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
