"""`bridge worklist query`: what a modality is shown, and why an entry is not in it."""

from __future__ import annotations

from dataclasses import replace

from bridge.dicom.scu import Remote, find_worklist
from bridge.hl7.mllp_client import send
from tests.acceptance.orders import Order, Step, new_order, omi
from tests.adapters.cli.conftest import Site


def place(site: Site, modality: str = "CT", station: str = "CT01") -> Order:
    order = new_order()
    step = Step(id=order.step.id, modality=modality, station=station)
    order = replace(order, steps=(step,))
    port = site.configuration["hl7"]["listeners"][0]["port"]
    assert b"MSA|AA" in send("127.0.0.1", port, omi(order).encode())
    return order


def rows(told: str) -> list[list[str]]:
    return [line.split("\t") for line in told.splitlines() if "\t" in line]


def test_given_an_ae_then_the_command_shows_what_it_is_sent_and_why_the_rest_is_missing(
    site: Site,
) -> None:
    site.configuration["dicom"]["peers"] = [
        {
            "ae_title": "CT01",
            "modalities": ["CT"],
            "worklist": {"filter_by_calling_ae": True},
            "quirks": {"profile": "ascii-only", "longest_text": 10},
        }
    ]
    bridge = site.start()
    mine, other = place(site), place(site, "MR", "MR01")

    code, told = site.run("worklist", "query", "--as", "CT01")
    sent = find_worklist(
        Remote(
            ae_title="BRIDGE",
            host="127.0.0.1",
            port=site.configuration["dicom"]["port"],
            calling_ae_title="CT01",
        ),
        {},
    )
    assert code == 0
    assert bridge is not None
    assert [row[2] for row in rows(told)] == [str(item.PatientName) for item in sent]
    assert [row[0] for row in rows(told)] == [mine.accession]
    assert rows(told)[0][2].isupper()

    code, told = site.run("worklist", "query", "--as", "CT01", f"AccessionNumber={other.accession}")
    assert code == 0
    (row,) = rows(told)
    assert row[0] == other.accession
    assert row[4] == "not matched"
    assert "not for this station: ScheduledStationAETitle must be CT01, the entry has MR01" in told

    told = site.run("worklist", "query", "--as", "MR01", "--why", other.accession)[1]
    assert "\tshown\t" in told
    told = site.run("worklist", "query", "--as", "MR01", "AccessionNumber=NOBODYS")[1]
    assert "no order and no patient is known by this number" in told
    assert "(0010,0010)" in site.run("worklist", "query", "--as", "CT01", "--dump")[1]


def test_given_an_ae_that_gets_no_association_then_the_command_says_so(site: Site) -> None:
    site.configuration["dicom"] |= {"unknown_peers": "reject", "peers": [{"ae_title": "CT01"}]}
    code, told = site.run("worklist", "query", "--as", "XX")
    assert code == 1
    assert "XX gets no association" in told


def test_given_a_quirk_that_is_none_then_the_configuration_is_refused(site: Site) -> None:
    site.configuration["dicom"]["peers"] = [{"ae_title": "CT01", "quirks": {"profile": "odd"}}]
    code, told = site.run("worklist", "query", "--as", "CT01")
    assert code == 2
    assert "there is no quirk profile 'odd'" in told
    site.configuration["dicom"]["peers"] = [
        {"ae_title": "CT01", "quirks": {"leave_out": ["PatientNam"]}}
    ]
    code, told = site.run("worklist", "query", "--as", "CT01")
    assert code == 2
    assert "'PatientNam' is not a keyword of DICOM" in told
