"""`bridge study`: an unscheduled study gets the order that nobody placed, once."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, new_patient, orm
from tests.adapters.cli.conftest import Site
from tests.peers.process import wait_until


def test_given_a_study_without_order_when_one_is_made_then_it_is_matched_and_not_made_again(
    site: Site, tmp_path: Path
) -> None:
    site.start()
    study = scan(new_order(), tmp_path / "sent", series=(1,), AccessionNumber="")
    assert site.run("send", "dicom", *study.paths)[0] == 0
    wait_until(lambda: study.uid in site.run("study", "list", "--waiting")[1], "settled")
    asked = ("study", "order", study.uid, "--by", "dr.an", "--reason", "trauma")
    wait_until(lambda: "unscheduled" in site.run("study", "list", "--waiting")[1], "decided")

    code, told = site.run(*asked, "--dry-run")
    assert code == 0
    assert "decision\tunscheduled\t→\tmatched" in told
    assert "COMPLETED" in told
    assert "unscheduled" in site.run("study", "list", "--waiting")[1]

    code, told = site.run(*asked, "--procedure", "CTHEAD^CT of the head^99HOSP")

    assert (code, told) == (0, "decision\tmatched\toperator dr.an\ttrauma\n")
    assert "resolution" in site.run("study", "show", study.uid)[1]
    assert site.run(*asked) == (1, "bridge: the study is matched to an order already\n")


def test_given_images_of_another_patient_when_moved_then_they_are_matched_and_it_is_undone(
    site: Site, tmp_path: Path
) -> None:
    site.start()
    order, other = new_order(new_patient()), new_order(new_patient(family="LE"))
    for number, each in enumerate((order, other)):
        message = tmp_path / f"{number}.hl7"
        message.write_text(orm(each), "utf-8", newline="")
        assert site.run("send", "hl7", message)[0] == 0
    theirs = {"PatientID": other.patient.id, "PatientName": other.patient.person_name}
    study = scan(order, tmp_path / "sent", series=(1,), **theirs)
    assert site.run("send", "dicom", *study.paths)[0] == 0
    wait_until(lambda: "conflict" in site.run("study", "list", "--waiting")[1], "decided")

    suggested = site.run("study", "suggest", study.uid)[1]
    assert f"candidate\t{other.accession}\t" in suggested
    assert f"candidate\t{order.accession}\t" not in suggested  # its identifiers lead there
    beside = site.run("study", "compare", study.uid, order.accession)[1]
    assert f"PatientID\tdiffers\t{other.patient.id}\t{order.patient.id}" in beside
    to = ("--to", f"{order.patient.id}^HOSP", "--by", "dr.an", "--reason", "wristband")
    code, told = site.run("study", "move", study.uid, *to)

    assert (code, told.split("\t")[:2]) == (0, ["decision", "matched"])
    assert f"move to {order.patient.id}" in site.run("study", "show", study.uid)[1]
    assert "conflict" in site.run("study", "undo", study.uid)[1]
