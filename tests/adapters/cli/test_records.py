"""What is kept, looked at and moved by hand: messages, deliveries, orders, studies, the schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bridge.store import schema
from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, new_patient, orm
from tests.adapters.cli.conftest import Site, agree, destination
from tests.adapters.fhir.scripted_server import Reply, ScriptedServer, outcome
from tests.peers.process import choose_port, wait_until

WriteMessage = Callable[[str], Path]


def rows(told: str) -> list[list[str]]:
    return [line.split("\t") for line in told.splitlines() if "\t" in line]


def states(site: Site) -> list[str]:
    return [row[5] for row in rows(site.run("delivery", "list")[1])]


def publish(site: Site, write_message: WriteMessage) -> None:
    """An order and its images, so that there is something to deliver."""
    order = new_order()
    assert site.run("send", "hl7", write_message(orm(order)))[0] == 0
    assert site.run("send", "dicom", *scan(order, site.directory / "scan", (1,)).paths)[0] == 0


def test_given_a_message_then_it_is_found_by_any_of_its_identifiers_and_shown_with_its_answer(
    site: Site, write_message: WriteMessage
) -> None:
    site.start()
    order = new_order(new_patient(family="NGUYỄN"))
    site.run("send", "hl7", write_message(orm(order)))
    for identifier in (order.accession, order.placer, order.patient.id, order.study_uid):
        code, told = site.run("message", "find", identifier)
        assert (code, len(rows(told))) == (0, 1), identifier
    number = rows(told)[0][0]
    code, told = site.run("message", "show", number)
    assert code == 0
    message, _, answer = told.partition("--- answer\n")
    assert "|NGUYỄN^BINH^THI|" in message.partition("--- message\n")[2]
    assert "MSA|AA|" in answer


def test_given_no_such_message_then_it_says_so(site: Site) -> None:
    site.start()
    assert site.run("message", "show", "12") == (1, "bridge: there is no message 12\n")
    assert site.run("message", "find", "NOBODY") == (0, "")


def test_given_a_dead_letter_when_retried_by_hand_then_it_reaches_the_ehr(
    site: Site, ehr: ScriptedServer, write_message: WriteMessage
) -> None:
    site.configuration["destinations"] = [destination(ehr)]
    site.configuration["dicom"]["settle_seconds"] = 0.1
    ehr.script = lambda asked: Reply(422, outcome("invalid", "no such code"))
    site.start()
    publish(site, write_message)
    wait_until(lambda: states(site) == ["dead"], "the delivery is given up")
    number, *_, reason = rows(site.run("delivery", "list", "--state", "dead")[1])[0]
    assert "422" in reason
    ehr.script, ehr.asked = agree, []
    assert site.run("delivery", "retry", number)[0] == 0
    wait_until(lambda: states(site) == ["delivered"], "the delivery is confirmed")
    (written,) = ehr.writes()
    assert b"ImagingStudy" in written.body
    code, told = site.run("delivery", "retry", number)
    assert (code, told) == (1, f"bridge: delivery {number} is not in a state that allows this\n")


def test_given_a_waiting_delivery_when_parked_then_it_waits_until_a_hand_releases_it(
    site: Site, ehr: ScriptedServer, write_message: WriteMessage
) -> None:
    site.configuration["destinations"] = [destination(ehr, enabled=False)]
    site.configuration["dicom"]["settle_seconds"] = 0.1
    site.start()
    publish(site, write_message)
    wait_until(lambda: states(site) == ["pending"], "the delivery waits")
    number = rows(site.run("delivery", "list")[1])[0][0]
    assert site.run("delivery", "park", number)[0] == 0
    assert states(site) == ["parked"]
    assert site.run("delivery", "park", number)[0] == 1
    site.stop()
    site.configuration["destinations"] = [destination(ehr)]
    site.start()
    assert site.run("delivery", "retry", number)[0] == 0
    wait_until(lambda: states(site) == ["delivered"], "the delivery is confirmed")


def test_given_images_without_an_order_then_the_study_waits_and_says_why(
    site: Site, write_message: WriteMessage
) -> None:
    site.configuration["dicom"]["settle_seconds"] = 0.1
    site.start()
    unknown, known = new_order(), new_order()
    site.run("send", "hl7", write_message(orm(known)))
    for order in (unknown, known):
        site.run("send", "dicom", *scan(order, site.directory / order.accession, (1,)).paths)
    wait_until(lambda: len(rows(site.run("study", "list")[1])) == 2, "both are there")
    wait_until(
        lambda: all(row[4] != "undecided" for row in rows(site.run("study", "list")[1])),
        "both are decided",
    )
    code, told = site.run("study", "list", "--waiting")
    (row,) = rows(told)
    assert code == 0
    assert row[1:3] == [unknown.study_uid, unknown.accession]
    assert row[5] != ""


def test_given_an_order_that_lacks_something_then_it_is_listed_as_held_with_the_reason(
    site: Site, write_message: WriteMessage
) -> None:
    site.start()
    whole = new_order()
    lacking = new_order()
    text = orm(lacking).replace(f"|{lacking.step.modality}|", "||").replace("CT head", "X")
    for message in (orm(whole), text):
        assert site.run("send", "hl7", write_message(message))[0] == 0
    code, told = site.run("order", "list", "--held")
    (row,) = rows(told)
    assert code == 0
    assert row[1:3] == [f"accession={lacking.accession}", f"placer={lacking.placer}"]
    assert "odality" in row[4]
    listed = rows(site.run("order", "list")[1])
    assert [each[1] for each in listed] == [
        f"accession={lacking.accession}",
        f"accession={whole.accession}",
    ]
    code, told = site.run("order", "list", "--limit", "1")
    assert len(rows(told)) == 1
    assert "the newest 1 are listed, there are more" in told


def test_given_no_database_yet_then_reading_commands_say_so_and_make_none(site: Site) -> None:
    code, told = site.run("delivery", "list")
    assert code == 1
    assert "there is no database" in told
    assert not (site.directory / "bridge.db").exists()


def test_given_no_database_yet_when_migrated_then_it_is_at_the_newest_revision(
    site: Site,
) -> None:
    for _ in range(2):
        code, told = site.run("db", "migrate")
        assert code == 0
        assert told.endswith(f"bridge.db is at revision {schema.head()}\n")
    assert site.run("delivery", "list") == (0, "")


def test_given_a_postgresql_that_is_not_there_then_its_password_is_not_told(site: Site) -> None:
    url = f"postgresql://user:geheim@127.0.0.1:{choose_port()}/bridge"
    site.configuration["database"] = url
    for command in (("db", "migrate"), ("delivery", "list"), ("doctor",)):
        code, told = site.run(*command)
        assert code == 1, command
        assert "cannot be reached" in told
        assert "geheim" not in told


def test_given_a_status_before_its_order_then_it_is_listed_until_the_order_comes(
    site: Site, write_message: WriteMessage
) -> None:
    site.start()
    order = new_order()
    assert site.run("send", "hl7", write_message(orm(order, control="SC", status="CM")))[0] == 0
    (waiting,) = rows(site.run("message", "list", "--parked")[1])
    assert waiting[2] == "OrderReceived"
    assert f"number {order.accession}" in waiting[3]
    assert waiting[5:] == ["waiting", "no such order yet"]
    assert rows(site.run("message", "list")[1])[0][4] == "parked"

    assert site.run("send", "hl7", write_message(orm(order)))[0] == 0
    assert site.run("message", "list", "--parked") == (0, "")
    assert [row[4] for row in rows(site.run("message", "list")[1])] == ["applied", "applied"]
