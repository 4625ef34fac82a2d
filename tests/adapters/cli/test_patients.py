"""Who is who, what was merged, and a merge that is taken back while the bridge runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.acceptance.orders import adt, adt_merge, new_order, new_patient, orm, pid
from tests.adapters.cli.conftest import Site

WriteMessage = Callable[[str], Path]


def rows(told: str) -> list[list[str]]:
    return [line.split("\t") for line in told.splitlines()]


def named(told: str, kind: str) -> list[list[str]]:
    return [row[1:] for row in rows(told) if row[0] == kind]


def test_given_a_merge_then_it_is_shown_listed_and_taken_back(
    site: Site, write_message: WriteMessage
) -> None:
    site.start()
    survivor, retired = new_patient(family="NGO"), new_patient(family="DO")
    order = new_order(retired)
    for message in (orm(order), adt_merge(survivor, [retired])):
        assert site.run("send", "hl7", write_message(message))[0] == 0
    _, told = site.run("patient", "show", retired.id)
    assert named(told, "patient")[0][1] == survivor.person_name
    assert named(told, "identifier") == [[f"{survivor.id}^^^HOSP", "MR"]]
    assert named(told, "alias") == [[f"{retired.id}^^^HOSP", "MR"]]
    assert [row[0] for row in named(told, "order")] == [f"{order.accession}^^^HOSP"]
    ((number, *_),) = named(told, "merge")
    assert [row[0] for row in rows(site.run("patient", "merges", survivor.id)[1])] == [number]

    code, told = site.run("patient", "unmerge", number, "--by", "Dr Le")

    assert (code, rows(told)) == (0, [["taken back", number, f"{retired.id}^^^HOSP"]])
    _, told = site.run("patient", "show", retired.id)
    assert named(told, "patient")[0][1] == retired.person_name
    assert len(named(told, "order")) == 1
    ((*_, undone),) = rows(site.run("patient", "merges")[1])
    assert undone.endswith("by Dr Le")
    assert site.run("patient", "unmerge", number) == (
        1,
        "bridge: this merge was taken back before\n",
    )


def test_given_visits_links_and_a_flag_then_they_are_shown(
    site: Site, write_message: WriteMessage
) -> None:
    site.start()
    patient, twin = new_patient(), new_patient()
    messages = (
        adt("A01", pid(patient), "PV1||I|WARD^2||||||||||||||||V1"),
        orm(new_order(patient)).replace("PV1|1|O|CDHA", ""),
        adt("A24", pid(patient), pid(twin)),
        adt("A11", pid(patient), "PV1||I|||||||||||||||||V1"),
    )
    for message in messages:
        assert site.run("send", "hl7", write_message(message))[0] == 0
    _, told = site.run("patient", "show", patient.id)
    assert named(told, "linked to") == [[f"{twin.id}^^^HOSP"]]
    assert named(told, "visit") == [["V1", "-", "I", "cancelled", "WARD 2"]]
    assert named(told, "order")[0][1:] == ["V1", "SCHEDULED", "its visit was cancelled (A11)"]
    assert "flag: its visit was cancelled (A11)" in site.run("order", "list")[1]


def test_given_nobody_of_that_name_then_it_says_so(site: Site) -> None:
    site.start()
    assert site.run("patient", "show", "NOBODY") == (1, "bridge: there is no patient NOBODY\n")
    assert site.run("patient", "merges") == (0, "")
    assert site.run("patient", "unmerge", "7") == (1, "bridge: there is no merge 7\n")
