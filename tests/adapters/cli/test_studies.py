"""`bridge study`: an unscheduled study gets the order that nobody placed, once."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.images import scan
from tests.acceptance.orders import new_order
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

    code, told = site.run(*asked, "--procedure", "CTHEAD^CT of the head^99HOSP")

    assert (code, told) == (0, "decision\tmatched\toperator dr.an\ttrauma\n")
    assert "resolution" in site.run("study", "show", study.uid)[1]
    assert site.run(*asked) == (1, "bridge: the study is matched to an order already\n")
