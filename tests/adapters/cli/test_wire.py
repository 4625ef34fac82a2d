"""Commands that do by hand what a HIS or a modality does; and mappings explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli import main
from tests.acceptance.images import scan
from tests.acceptance.orders import join, new_order, orm
from tests.adapters.cli.conftest import Site
from tests.peers.process import choose_port

WriteMessage = Callable[[str], Path]


def test_given_an_order_when_sent_then_its_answer_is_printed_and_it_is_on_the_worklist(
    site: Site, write_message: WriteMessage
) -> None:
    site.start()
    order = new_order()
    code, told = site.run("send", "hl7", write_message(orm(order)))
    assert code == 0
    assert "\nMSA|AA|" in told
    code, told = site.run("worklist", "query", f"AccessionNumber={order.accession}")
    assert code == 0
    (row,) = [line.split("\t") for line in told.splitlines() if "\t" in line]
    assert row[:4] == [
        order.accession,
        order.patient.id,
        order.patient.person_name,
        order.study_uid,
    ]
    assert "1 scheduled procedure steps" in told
    assert "0 scheduled procedure steps" in site.run("worklist", "query", "Modality=MR")[1]


def test_given_a_message_that_is_refused_then_the_exit_code_says_so(
    site: Site, write_message: WriteMessage
) -> None:
    site.start()
    code, told = site.run("send", "hl7", write_message(join("MSH|^~\\&|HIS|HOSP|B|H|1||ORM^O01")))
    assert code == 1
    assert "MSA|A" in told
    assert "MSA|AA" not in told


# The library forgets the socket that was refused, and leaves closing it to the collector.
@pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_given_nobody_listens_then_each_way_of_sending_says_so(
    site: Site, write_message: WriteMessage
) -> None:
    site.configuration["dicom"]["port"] = port = choose_port()
    for command in (
        ("send", "hl7", write_message(orm(new_order()))),
        ("send", "dicom"),
    ):
        code, told = site.run(*command)
        assert code == 1, command
        assert told.startswith("bridge: "), command
    assert f"BRIDGE at 127.0.0.1:{port} cannot be reached" in told


def test_given_images_when_sent_then_each_is_answered(site: Site) -> None:
    site.start()
    assert site.run("send", "dicom") == (0, "C-ECHO succeeded\n")
    files = scan(new_order(), site.directory / "scan", (2,)).paths
    code, told = site.run("send", "dicom", *files)
    assert code == 0
    assert told.splitlines() == [f"0000\t{file.stem}" for file in files]


def test_given_no_hl7_listener_then_send_says_what_to_name(
    site: Site, write_message: WriteMessage
) -> None:
    site.configuration["hl7"]["listeners"] = []
    code, told = site.run("send", "hl7", write_message(orm(new_order())))
    assert code == 1
    assert "--host and --port" in told


def test_given_a_key_without_a_value_then_the_query_is_refused(site: Site) -> None:
    code, told = site.run("worklist", "query", "Modality")
    assert code == 1
    assert "Modality: write KEYWORD=VALUE" in told


def test_given_the_profiles_then_their_golden_tests_pass(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mapping", "test"]) == 0
    assert "golden tests passed" in capsys.readouterr().out


def test_given_a_golden_test_that_fails_then_its_place_and_its_difference_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "none.tests.yaml").write_text("profile: none\n")
    assert main(["mapping", "test", str(tmp_path / "none.tests.yaml")]) == 2
    assert "none" in capsys.readouterr().err


def test_given_a_message_when_explained_then_each_value_names_its_field(
    capsys: pytest.CaptureFixture[str], write_message: WriteMessage
) -> None:
    order = new_order()
    assert main(["mapping", "explain", str(write_message(orm(order)))]) == 0
    told = capsys.readouterr().out
    assert order.accession in told
    assert "OBR-18" in told
    assert main(["mapping", "explain", str(write_message(orm(order))), "--profile", "nope"]) == 2
