"""Given peers of all manners, then each gets its due and none disturbs the others."""

from __future__ import annotations

import os
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from select import select
from typing import Any

import pytest
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import build_context, build_role

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.connection import PromptConnection
from bridge.dicom.scu import PeerUnavailable, associated, echo, store
from bridge.dicom.sop_classes import MODALITY_WORKLIST, PERFORMED_STEP, VERIFICATION
from tests.adapters.dicom.pdus import (
    COMMAND,
    LAST,
    REJECTED,
    associate_request,
    associated_by_hand,
    command,
    connected,
    p_data,
    read_pdu,
    response_in,
)
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


def test_given_a_peer_with_a_limit_of_its_own_then_it_counts_under_all_its_titles() -> None:
    limited = Peer(ae_title="CT01", aliases=("CT01B",), max_associations=1)
    with running(DicomConfiguration(peers=(limited,))) as bridge:
        with associated(bridge.remote, [build_context(VERIFICATION)]):
            for title in ("CT01", "CT01B"):
                with pytest.raises(PeerUnavailable, match="refuses the association"):
                    echo(bridge.called_by(title))
            echo(bridge.called_by("CT02"))
        echo(bridge.called_by("CT01B"))


@pytest.mark.parametrize(
    ("configuration", "request_of_it", "refusal"),
    [
        (DicomConfiguration(called_ae_titles=("OLD",)), {"called": "PACS"}, (1, 1, 7)),
        (DicomConfiguration(accepts_unknown_peers=False), {"calling": "CT09"}, (1, 1, 3)),
        (DicomConfiguration(), {"application_context": "1.2.3"}, (1, 1, 2)),
    ],
)
def test_given_a_request_that_is_refused_then_the_reason_is_told(
    configuration: DicomConfiguration, request_of_it: dict[str, Any], refusal: tuple[int, int, int]
) -> None:
    with (
        running(configuration) as bridge,
        connected(bridge.port, associate_request(**request_of_it)) as connection,
    ):
        kind, content = read_pdu(connection)
        assert (kind, tuple(content[1:])) == (REJECTED, refusal)


def test_given_other_titles_to_be_called_by_then_they_and_its_own_are_answered() -> None:
    with running(DicomConfiguration(called_ae_titles=("OLD",))) as bridge:
        for title in ("OLD", "BRIDGE"):
            echo(replace(bridge.remote, ae_title=title))


def test_given_silent_connections_then_they_take_nobodys_place_and_are_not_piled_up() -> None:
    with (
        running(DicomConfiguration(max_associations=20)) as bridge,
        ExitStack() as connections,
    ):
        silent = [connections.enter_context(connected(bridge.port)) for _ in range(50)]
        echo(bridge.remote)
        while len(select(silent, [], [], 0)[0]) < 50 - 21:  # they are at their ends
            time.sleep(0.01)
        while len(threads_of(bridge)) > 21:
            time.sleep(0.01)


def test_given_two_hundred_open_associations_then_each_is_served() -> None:
    contexts = [build_context(VERIFICATION)]
    files = ExitStack()  # more than select() knows
    with running(DicomConfiguration(max_associations=200)) as bridge, files:
        for _ in range(1024):
            files.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        opened = [
            files.enter_context(associated_by_hand(bridge.port, associate_request(VERIFICATION)))
            for _ in range(200)
        ]
        request = {"AffectedSOPClassUID": VERIFICATION, "MessageID": 1, "CommandDataSetType": 257}
        for each in opened:
            each.sendall(p_data(command(CommandField=0x0030, **request), COMMAND | LAST))
        answers = [response_in(read_pdu(each)[1]).Status for each in opened]
        assert answers == [0x0000] * 200
        with pytest.raises(PeerUnavailable, match="refuses"), associated(bridge.remote, contexts):
            pass


@pytest.mark.parametrize("length", range(1, 8))
def test_given_a_peer_that_announces_a_pdu_of_nothing_then_it_is_answered(
    bridge: RunningBridge, length: int
) -> None:
    request = associate_request(VERIFICATION, maximum_length=length)
    asked = {"AffectedSOPClassUID": VERIFICATION, "MessageID": 1, "CommandDataSetType": 257}
    with associated_by_hand(bridge.port, request) as connection:
        connection.sendall(p_data(command(CommandField=0x0030, **asked), COMMAND | LAST))
        assert response_in(read_pdu(connection)[1]).Status == 0x0000


CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": {"any", "standard"},
    "1.2.840.10008.5.1.4.1.1.6": {"any", "standard"},  # retired: ultrasound
    "1.2.840.10008.5.1.4.1.1.9999": {"any"},  # not registered when this was written
    "1.3.12.2.1107.5.9.1": {"any"},  # private
    "1.2.840.10008.1.9": set(),  # retired: study content notification
    "1.2.840.10008.1.20.2": set(),  # storage commitment, pull
    "1.2.840.10008.1.3.10": set(),  # a directory of media
    "1.2.840.10008.5.1.4.38.1": set(),  # hanging protocols belong to no patient
    "1.2.840.10008.1.2.1": set(),  # a transfer syntax
}


@pytest.mark.parametrize("setting", ["any", "standard"])
def test_given_a_class_then_it_is_stored_or_not_as_the_standard_and_the_setting_say(
    setting: str,
) -> None:
    contexts = [build_context(uid) for uid in CLASSES]
    with (
        running(DicomConfiguration(stores_any=setting == "any")) as bridge,
        associated(bridge.remote, contexts) as association,
    ):
        accepted = {str(each.abstract_syntax) for each in association.accepted_contexts}
    assert accepted == {uid for uid, settings in CLASSES.items() if setting in settings}


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


def test_given_a_peer_that_sends_byte_by_byte_then_it_is_given_up_in_time() -> None:
    with (
        running(DicomConfiguration(idle_timeout=0.3)) as bridge,
        connected(bridge.port, struct.pack(">BBL", 1, 0, 50_000)) as slow,
        pytest.raises(OSError, match=r"Broken pipe|reset"),
    ):
        while True:  # never silent for long
            slow.sendall(b"x")
            time.sleep(0.01)


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
            while not (waiting_ones := threads_of(bridge)):
                time.sleep(0.01)
        (waiting,) = waiting_ones
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
