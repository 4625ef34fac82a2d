"""`bridge delivery`: looked at and steered while the bridge runs, and across its restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.adapters.cli.conftest import Site, agree, destination
from tests.adapters.cli.test_records import WriteMessage, publish, rows, states
from tests.adapters.fhir.scripted_server import Reply, ScriptedServer, outcome
from tests.peers.process import wait_until

Say = Callable[[str], Path]


def test_given_a_paused_destination_when_restarted_then_it_waits_until_it_is_resumed(
    site: Site, ehr: ScriptedServer, write_message: WriteMessage
) -> None:
    site.configuration["destinations"] = [destination(ehr)]
    site.configuration["dicom"]["settle_seconds"] = 0.1
    site.start()
    paused = site.run("delivery", "pause", "ehr", "--by", "anna", "--reason", "upgrade")
    assert paused == (0, "ehr is paused\n")
    publish(site, write_message)
    wait_until(lambda: states(site) == ["pending"], "the delivery waits")
    site.stop()
    site.start()
    number = rows(site.run("delivery", "list")[1])[0][0]
    code, told = site.run("delivery", "show", number)
    assert code == 0
    assert "because ehr is paused since" in told
    assert "by anna upgrade" in told
    assert "1 pending" in site.run("delivery", "status")[1]
    assert ehr.writes() == []
    assert site.run("delivery", "resume", "ehr") == (0, "ehr goes on\n")
    wait_until(lambda: states(site) == ["delivered"], "the delivery is confirmed")
    assert site.run("delivery", "resume", "ehr") == (1, "bridge: ehr is not held back\n")
    code, told = site.run("delivery", "drain", "ehr", "--wait", "5s")
    assert (code, told.splitlines()[-1]) == (0, "ehr is empty")


def test_given_dead_letters_when_asked_why_then_it_tells_and_all_are_sent_again_at_once(
    site: Site, ehr: ScriptedServer, write_message: WriteMessage
) -> None:
    site.configuration["destinations"] = [destination(ehr)]
    site.configuration["dicom"]["settle_seconds"] = 0.1
    ehr.script = lambda asked: Reply(422, outcome("invalid", "no such code"))
    site.start()
    publish(site, write_message)
    wait_until(lambda: states(site) == ["dead"], "the delivery is given up")
    number = rows(site.run("delivery", "list", "--error", "422")[1])[0][0]
    code, told = site.run("delivery", "show", number)
    assert code == 0
    assert "attempt" in told
    assert "OperationOutcome" in told
    assert "no such code" in told
    ehr.script = agree
    code, told = site.run("delivery", "retry")
    assert code == 1
    assert "say which" in told
    assert site.run("delivery", "retry", "--older-than", "1d") == (0, "0 deliveries moved\n")
    assert site.run("delivery", "retry", "--destination", "ehr", "--reason", "mended") == (
        0,
        "1 deliveries moved\n",
    )
    wait_until(lambda: states(site) == ["delivered"], "the delivery is confirmed")


def test_given_what_is_not_there_then_it_says_so(site: Site, ehr: ScriptedServer) -> None:
    site.configuration["destinations"] = [destination(ehr)]
    site.start()
    assert site.run("delivery", "show", "12") == (1, "bridge: there is no delivery 12\n")
    code, told = site.run("delivery", "pause", "ehx")
    assert (code, told) == (1, "bridge: there is no destination ehx: ehr\n")
