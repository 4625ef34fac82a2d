"""Given third-party messages of a dialect, when mapped by its profile, then they tell more."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority
from bridge.domain.order import Category, OrderReceived, StepDetails
from bridge.hl7.batch import split
from bridge.hl7.er7 import read
from bridge.hl7.explanation import explain
from bridge.hl7.messages import read_message
from bridge.hl7.reading import Sender
from bridge.mapping.profiles import LANGUAGE, load_profile
from bridge.mapping.shelf import Shelf
from bridge.mapping.source import Site

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7"

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus is not beside this checkout"
)


def order_of(name: str, profile: str) -> OrderReceived:
    sender = Sender.of(load_profile(profile), Site(authority=Authority("HOSP")))
    events = read_message(read((CORPUS / name).read_bytes()), sender).events
    (order,) = (event for event in events if isinstance(event, OrderReceived))
    return order


def step_of(order: OrderReceived) -> StepDetails:
    ((step,),) = (procedure.steps for procedure in order.procedures)
    return step


def test_epics_laboratory_order_never_reaches_a_worklist() -> None:
    order = order_of("ord_epic_orm_23.hl7", "epic")
    assert order.category is Category.OTHER
    assert order.patient.identifiers[0].type_code == "EPI"


def test_a_philips_feed_tells_modality_body_part_and_station_in_its_own_segment() -> None:
    order = order_of("ord_cosyte_philips_vue_orm.hl7", "philips")
    assert order.numbers.accession is not None
    assert order.numbers.accession.value == "AC-PH-001"
    step = step_of(order)
    assert step.modality == "CT"
    assert step.attributes["BodyPartExamined"] == "HEAD"
    assert step.attributes["ScheduledStationName"] == "SCANNER01"


def test_mesas_unfilled_variables_are_kept_whole() -> None:
    order = order_of("ord_mesa_100_112_sched_rad4.hl7", "mesa")
    assert order.numbers.accession is not None
    assert order.numbers.accession.value == "$ACCESSION_NUMBER$"
    assert step_of(order).modality == "MR"


def test_mesas_placer_order_tells_the_modality_by_its_code() -> None:
    order = order_of("ord_mesa_100_106_orm_nw_rad2.hl7", "mesa")
    assert order.category is Category.IMAGING
    assert step_of(order).modality == "MR"


def test_a_german_kis_without_accession_number_has_its_order_number_as_one() -> None:
    order = order_of("ord_de_kis_omg_ctthorax.hl7", "german-kis")
    assert order.numbers.accession == order.numbers.placer
    assert step_of(order).modality == "CT"
    assert step_of(order).start_time == "083000"


def test_a_sectra_ris_takes_the_order_number_where_it_gives_no_other() -> None:
    order = order_of("ord_nz_sectra_orm.hl7", "sectra")
    assert step_of(order).modality == "DX"
    assert order.numbers.placer is not None


@pytest.mark.parametrize("profile", Shelf.of().profiles(LANGUAGE))
def test_every_profile_reads_every_message_or_says_where_it_cannot(profile: str) -> None:
    """A sender's message may come on another sender's link: nothing but that message suffers."""
    compiled, site = load_profile(profile), Site(authority=Authority("HOSP"))
    for path in sorted(CORPUS.glob("*.hl7")):
        for raw in split(path.read_bytes().strip(b"\x0b\x1c\r\n")).messages:
            try:
                assert explain(compiled, raw, site)
            except BridgeError as error:
                assert error.location, (profile, path.name)
