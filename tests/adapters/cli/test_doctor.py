"""`bridge doctor`: what is wrong is found and named, and nothing is changed by looking."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.domain.link import Link, LinkKind, SilenceRule
from bridge.services.watch_links import LinkTally, WatchLinks
from bridge.store import schema
from bridge.store.database import Database
from bridge.store.repositories import SqlStore
from tests.adapters.cli.conftest import Site, destination
from tests.adapters.fhir.scripted_server import Reply, ScriptedServer
from tests.adapters.hl7.receiver import receiver
from tests.peers.dcmtk import StoreScp
from tests.peers.process import choose_port


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[StoreScp]:
    scp = StoreScp(tmp_path)
    yield scp
    scp.close()


def line(told: str, what: str) -> str:
    return next(each for each in told.splitlines() if each[7:].startswith(what))


def conformant(fhir_version: str = "4.0.1") -> Reply:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": fhir_version}
    return Reply(body=statement | {"software": {"name": "An EHR"}})


def test_given_nothing_runs_yet_then_all_is_well_and_nothing_was_made(site: Site) -> None:
    code, told = site.run("doctor")
    assert code == 0, told
    assert line(told, "database").startswith("ok")
    assert "`bridge serve` makes it" in line(told, "database")
    assert "GiB free" in line(told, "images")
    assert line(told, "DICOM port").endswith(": free")
    assert told.endswith("All is well.\n")
    assert [each.name for each in site.directory.iterdir()] == ["bridge.yaml"]


def test_given_the_bridge_runs_then_its_ports_are_known_as_its_own(
    site: Site, ehr: ScriptedServer
) -> None:
    ehr.script = lambda asked: conformant()
    site.configuration["destinations"] = [destination(ehr)]
    site.start()
    code, told = site.run("doctor")
    assert code == 0, told
    assert line(told, "HTTP port").endswith("served by the bridge, which is ready")
    assert line(told, "HL7 his port").endswith("served by the bridge")
    assert line(told, "DICOM port").endswith("served by the bridge")
    assert line(told, "database").endswith(f"at revision {schema.head()}")
    assert line(told, "destination ehr").endswith("FHIR 4.0.1, An EHR")


def test_given_what_passed_over_links_then_each_is_told_and_a_failing_one_is_wrong(
    site: Site,
) -> None:
    site.start()
    site.stop()
    database = Database(f"sqlite:///{site.directory}/bridge.db")
    tally = LinkTally(lambda: 1_767_603_600.0)
    links = WatchLinks(
        store=SqlStore(database), tally=tally, clock=lambda: 1_767_603_600.0, rule=SilenceRule()
    )
    tally.succeeded(Link(LinkKind.HL7, "his"))
    tally.failed(Link(LinkKind.DICOM, "CT01"), "its last association was aborted")
    links.note()
    database.close()
    code, told = site.run("doctor")
    assert code == 1
    assert line(told, "link hl7 his: last success 2026-01-05").startswith("ok")
    broken = line(told, "link dicom CT01")
    assert broken.startswith("WRONG")
    assert "its last association was aborted; last success never" in broken


def test_given_other_programs_on_the_ports_then_each_is_wrong(site: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", site.configuration["dicom"]["port"]))
        other.listen()
        code, told = site.run("doctor")
    assert code == 1
    assert line(told, "DICOM port").startswith("WRONG")
    assert line(told, "DICOM port").endswith("Address already in use")
    assert told.endswith("1 found wrong.\n")


def test_given_destinations_that_are_away_or_of_another_release_then_each_is_wrong(
    site: Site, ehr: ScriptedServer
) -> None:
    ehr.script = lambda asked: conformant("5.0.0")
    away = {"name": "away", "kind": "fhir", "url": f"http://127.0.0.1:{choose_port()}/fhir"}
    notified = {"name": "ris", "kind": "hl7", "host": "127.0.0.1", "port": 1}
    site.configuration["destinations"] = [
        destination(ehr),
        away,
        away | {"name": "off", "enabled": False},
        notified,
    ]
    code, told = site.run("doctor")
    assert code == 1
    assert line(told, "destination ehr") == (
        "WRONG  destination ehr: the server has FHIR version 5.0.0, not 4."
    )
    assert "cannot be reached" in line(told, "destination away")
    assert line(told, "destination off").startswith("ok")
    assert line(told, "destination ris").startswith("WRONG  destination ris: cannot connect to")
    assert told.endswith("3 found wrong.\n")


def test_given_a_receiver_of_hl7_then_a_connection_is_asked_for_and_no_message_is_sent(
    site: Site,
) -> None:
    with receiver() as ris:
        his = {"name": "his", "kind": "hl7", "host": "127.0.0.1", "port": ris.port}
        site.configuration["destinations"] = [his]
        _, told = site.run("doctor")
        assert line(told, "destination his").startswith("ok     destination his: a connection is")
        assert ris.raw == []


def test_given_peers_then_those_with_an_address_are_asked_for_an_echo(
    site: Site, archive: StoreScp
) -> None:
    site.configuration["dicom"]["peers"] = [
        {"ae_title": "STORESCP", "host": "127.0.0.1", "port": archive.port},
        {"ae_title": "AWAY", "host": "127.0.0.1", "port": choose_port()},
        {"ae_title": "CALLER"},
    ]
    code, told = site.run("doctor")
    assert code == 1
    assert "C-ECHO succeeded" in line(told, "peer STORESCP")
    assert "nobody answers" in line(told, "peer AWAY")
    assert "peer CALLER" not in told


def test_given_a_folder_that_cannot_be_written_and_a_bad_profile_then_both_are_wrong(
    site: Site,
) -> None:
    (site.directory / "images").write_text("a file where the folder should be")
    site.configuration["hl7"]["listeners"][0]["profile"] = "nope"
    code, told = site.run("doctor")
    assert code == 1
    assert line(told, "images").startswith("WRONG")
    assert "no profile 'nope'" in line(told, "configuration")
