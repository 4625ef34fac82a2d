"""Given work done and work waiting, when monitors ask, then they are told, and of no patient."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from bridge.console.monitoring import Monitoring, monitoring_router
from bridge.domain.delivery import EventKind
from bridge.domain.identifiers import Identifier
from bridge.domain.link import Link, LinkKind
from bridge.domain.order import OrderNumbers, OrderReceived, ProcedureDetails, StepDetails
from bridge.domain.patient import PatientDetails
from bridge.domain.study import InstanceHeader
from bridge.domain.subscription import Subscription
from bridge.services.overview import ReadOverview
from bridge.services.receive_message import InboundMessage
from bridge.services.settling import SETTLE
from bridge.settings import load
from bridge.store import schema
from bridge.store.overview import schema_problem
from bridge.wiring.core import Core, build_core
from bridge.wiring.link_watch import watch_links

RAW = "MSH|^~\\&|KIS|HAUS\rPID|1||P-1||NGUYỄN^VĂN ÁNH\r".encode()
STUDY = "1.2.826.0.1.3680043.10.7"


@dataclass
class Hospital:
    """A bridge without its listeners, its console on a socket, and a clock one can turn."""

    core: Core
    url: str = ""
    checks: dict[str, Callable[[], str]] = field(default_factory=dict)
    sent: int = 0

    def order(self, accession: str, modality: str = "CT", uid: str | None = None) -> None:
        """An order comes in; without a modality it is held."""
        self.sent += 1
        message = InboundMessage(
            protocol="hl7",
            peer="his 127.0.0.1",
            source="KIS|HAUS",
            type="ORM^O01",
            control_id=f"C{self.sent}",
            raw=RAW + str(self.sent).encode(),
            received_at=time.time(),
        )
        attributes = {"PatientName": "NGUYỄN^VĂN ÁNH"}
        event = OrderReceived(
            control="NW",
            patient=PatientDetails(identifiers=(Identifier("P-1"),), attributes=attributes),
            numbers=OrderNumbers(accession=Identifier(accession)),
            procedures=(
                ProcedureDetails(
                    study_instance_uid=uid or f"{STUDY}.{self.sent}",
                    attributes={"RequestedProcedureDescription": "Head"},
                    steps=(StepDetails(modality=modality, start_date="20240501"),),
                ),
            ),
        )
        self.core.messages.receive(message, [event], lambda receipt: b"MSH|...\rMSA|AA\r")

    def study(self, uid: str, accession: str = "") -> None:
        """An image comes in, and its study settles."""
        header = InstanceHeader(
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid=f"{uid}.1.1",
            study_instance_uid=uid,
            series_instance_uid=f"{uid}.1",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            patient_id=Identifier("P-1"),
            patient_name="NGUYEN^VAN ANH",
            accession=Identifier(accession) if accession else None,
            modality="CT",
        )
        self.core.instances.receive(header, b"DICM", uid, "CT01")
        later = time.time() + 3600
        fired = self.core.store.transact(lambda tx: tx.timers.claim("test", later, 1.0, 10))
        for each in fired:
            assert each.kind == SETTLE
            self.core.complete.look(each, later)

    def get(self, path: str, **parameters: str) -> httpx2.Response:
        return httpx2.get(self.url + path, params=parameters)


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    file = tmp_path / "bridge.yaml"
    file.write_text(
        f"{{database: 'sqlite:///{tmp_path}/bridge.db', images: '{tmp_path}/images'}}",
        encoding="utf-8",
    )
    core = build_core(
        load(file, {}), {"ehr": Subscription(kinds=frozenset({EventKind.STUDY_AVAILABLE}))}
    )
    schema.upgrade(core.database)
    hospital = Hospital(core)
    hospital.checks["database"] = lambda: schema_problem(core.database)
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    overview = ReadOverview(store=core.store, clock=time.time, zone=zone)
    app = FastAPI()
    links = watch_links(core.settings, core.store, core.tally)
    app.include_router(
        monitoring_router(
            Monitoring(overview=overview, links=links, clock=time.time, checks=hospital.checks)
        )
    )
    listener = socket.create_server(("127.0.0.1", 0))
    hospital.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield hospital
    server.should_exit = True
    thread.join()
    core.database.close()


def test_given_work_at_every_stage_when_metrics_are_read_then_each_count_is_told(
    hospital: Hospital,
) -> None:
    for accession in ("A-1", "A-2", "A-3"):
        hospital.order(accession)
    hospital.order("A-4", modality="")
    hospital.study(f"{STUDY}.1", "A-1")
    hospital.study("1.2.3.4", "B-9")

    metrics = hospital.get("/metrics").text

    for count, stage in ((4, "received"), (3, "scheduled"), (0, "started")):
        assert f'bridge_orders_today{{stage="{stage}"}} {count}' in metrics
    for count, stage in ((2, "received"), (1, "matched"), (0, "delivered")):
        assert f'bridge_studies_today{{stage="{stage}"}} {count}' in metrics
    assert 'bridge_orders_held{reason="missing Modality"} 1' in metrics
    assert 'bridge_studies{outcome="matched"} 1' in metrics
    assert 'bridge_deliveries{destination="ehr",state="pending"} 1' in metrics
    assert 'bridge_messages_today{direction="in",protocol="hl7",disposition="applied"} 4' in metrics
    assert "bridge_worklist_steps 3" in metrics


def test_given_a_delivery_when_it_is_confirmed_then_the_study_counts_as_delivered(
    hospital: Hospital,
) -> None:
    hospital.order("A-1")
    hospital.study(f"{STUDY}.1", "A-1")
    store, now = hospital.core.store, time.time() + 7200
    (claimed,) = store.transact(lambda tx: tx.deliveries.claim("ehr", "test", now, 9.0, 1))
    store.transact(lambda tx: tx.deliveries.finish(claimed, "hash", None, now))

    assert 'bridge_studies_today{stage="delivered"} 1' in hospital.get("/metrics").text


def test_given_a_patient_when_metrics_are_read_then_the_name_is_nowhere(
    hospital: Hospital,
) -> None:
    hospital.order("A-1")
    hospital.study("1.2.3.4")

    assert "NGUY" not in hospital.get("/metrics").text


def test_given_all_is_there_when_asked_then_ready(hospital: Hospital) -> None:
    answer = hospital.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "checks": {"database": "ok"}, "warnings": {}}
    assert hospital.get("/health/live").json() == {"status": "live"}
    assert 'bridge_ready{check="database"} 1' in hospital.get("/metrics").text


def test_given_a_listener_is_down_when_asked_then_503_says_which(hospital: Hospital) -> None:
    hospital.checks["hl7"] = lambda: "the MLLP listener is not bound"

    answer = hospital.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "hl7": "the MLLP listener is not bound",
    }
    assert hospital.get("/health/live").status_code == 200


def test_given_an_older_schema_when_asked_then_it_is_not_ready_and_still_tells(
    hospital: Hospital,
) -> None:
    with hospital.core.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE message")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")

    ready, metrics = (hospital.get(path) for path in ("/health/ready", "/metrics"))

    assert "this version needs" in ready.json()["checks"]["database"]
    assert metrics.status_code == 200
    assert 'bridge_ready{check="database"} 0' in metrics.text
    assert "bridge_orders_today" not in metrics.text


def test_given_traffic_and_a_failure_then_metrics_and_readiness_tell_of_each_link(
    hospital: Hospital,
) -> None:
    core = hospital.core
    hospital.order("A1")
    core.tally.failed(Link(LinkKind.DICOM, "CT01"), "its last association was aborted")
    watch_links(core.settings, core.store, core.tally).note()
    told = hospital.get("/metrics").text
    assert 'bridge_link_hourly{kind="hl7",peer="his"} 1' in told
    assert 'bridge_link_well{kind="hl7",peer="his"} 1' in told
    assert 'bridge_link_well{kind="dicom",peer="CT01"} 0' in told
    assert 'bridge_link_last_success_seconds{kind="dicom"' not in told
    ready = hospital.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["warnings"] == {"link dicom CT01": "its last association was aborted"}
