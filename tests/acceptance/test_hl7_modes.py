"""Acknowledgement modes and order responses: the whole bridge, over kill -9, other clients."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bridge.hl7.acknowledgement import parse
from tests.acceptance.conftest import NewHospital
from tests.acceptance.orders import acknowledgement, header, new_order, orm
from tests.adapters.hl7.running import Receiver
from tests.adapters.hl7.test_acknowledgement_modes import saying
from tests.peers.bridge_process import Bridge, configure
from tests.peers.mllp import MllpSocket
from tests.peers.process import choose_port, wait_until


def enhanced(control: str) -> bytes:
    head = header("ORM^O01^ORM_O01", "2.5.1", control=control, charset="") + "|||AL|AL"
    return orm(new_order(), head=head).encode()


def test_given_a_bridge_that_is_killed_then_the_application_acknowledgement_still_comes(
    database: Callable[[], str], tmp_path: Path
) -> None:
    configuration = configure(tmp_path, database())
    port = choose_port()
    configuration["hl7"]["listeners"][0] |= {
        "acknowledgements": "return_connection",
        "return_connection": {"host": "127.0.0.1", "port": port, "timeout_seconds": 2},
    }
    sent = [f"KILLED{number}" for number in range(5)]
    with closing(Bridge(configuration, tmp_path)) as bridge:
        bridge.start()
        with MllpSocket(bridge.hl7_port) as wire:
            for control in sent:
                assert acknowledgement(wire.exchange(enhanced(control)))["code"] == "CA"
        bridge.kill()
        with Receiver(saying("CA"), port) as his:
            bridge.start()
            told = [parse(each) for each in his.wait(len(sent))]
            listing = ("delivery", "list", "--state", "delivered")
            wait_until(lambda: "acknowledgements/his" in bridge.command(*listing), "it is noted")
    assert {(each.acknowledgement.code, each.control_id) for each in told} == {
        ("AA", control) for control in sent
    }


def test_given_a_client_of_another_maker_then_it_takes_the_order_response(
    new_hospital: NewHospital,
) -> None:
    listener = {"name": "his", "host": "127.0.0.1", "port": choose_port()}
    hospital = new_hospital(hl7={"listeners": [listener | {"responses": "order_response"}]})
    order = new_order(filler="", accession="")
    answer = hospital.his.send(hospital.bridge.hl7_port, orm(order).replace("|^RIS|", "||"))

    assert acknowledgement(answer)["code"] == "AA"
    assert "|ORR^O02^ORR_O02|" in answer
    (orc,) = [line.split("|") for line in answer.split("\r") if line.startswith("ORC|")]
    assert orc[1:3] == ["OK", f"{order.placer}^HIS"]
    assert hospital.worklist(AccessionNumber=orc[3].split("^")[0])
