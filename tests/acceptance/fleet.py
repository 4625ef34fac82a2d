"""Equal bridges behind a balancer: one database, one object store, and links that can fail."""

from __future__ import annotations

import signal
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.acceptance.hospital import Hospital
from tests.peers.bridge_process import Bridge, configure, fhir_destination
from tests.peers.dcmjs import DcmjsModality
from tests.peers.haproxy import Haproxy, Server
from tests.peers.hl7_node import His
from tests.peers.medplum import MedplumServer
from tests.peers.postgres import Postgres
from tests.peers.rclone import S3Server

HL7, DICOM, HTTP, DATABASE = "hl7", "dicom", "http", "database"


class _Peer(Protocol):
    def close(self) -> None: ...


P = TypeVar("P", bound=_Peer)
RETRY = {"base_seconds": 0.2, "ceiling_seconds": 2.0}


class Fleet:
    """So many bridges; `hospital` speaks to their balancer.

    The first reaches its database through a link of its own (`link`), which can be cut.
    """

    def __init__(
        self, directory: Path, his: His, mpps: DcmjsModality, ehr: MedplumServer, size: int = 3
    ) -> None:
        self.ehr = ehr
        self._stack = ExitStack()
        with ExitStack() as starting:
            starting.callback(self.close)
            self.postgres = self._open(Postgres())
            self.s3 = self._open(S3Server(_folder(directory / "s3")))
            self._url = url = self.postgres.create_database()
            services = {DATABASE: [Server(self.postgres.port)]}
            self.link = self._open(Haproxy(_folder(directory / "link"), services))
            through = _with_port(url, self.link.ports[DATABASE])
            urls = [through, *[url] * (size - 1)]
            self.nodes = [
                self._node(_folder(directory / f"node{n}"), each) for n, each in enumerate(urls, 1)
            ]
            for node in self.nodes:
                self._stack.callback(node.close)
                node.start()
            self.front = self._open(Haproxy(_folder(directory / "front"), _front(self.nodes)))
            addressed = self._node(_folder(directory / "addressed"), url)
            self.hospital = Hospital(_behind(addressed, self.front), his, mpps, ehr)
            starting.pop_all()

    def _open(self, peer: P) -> P:
        return self._stack.enter_context(closing(peer))

    def _node(self, home: Path, url: str) -> Bridge:
        configuration = configure(
            home,
            url,
            images=f"s3://{self.s3.bucket}/hosp",
            bucket=self.s3.settings(),
            dicom={"settle_seconds": 1},
            destinations=[fhir_destination(self.ehr.url) | {"retry": RETRY}],
        )
        return Bridge(configuration, home)

    @property
    def images(self) -> Path:
        """Where the object store keeps the images."""
        return self.s3.folder / "hosp"

    def migrate(self) -> None:
        """As the first node of the next version does: something is added to the schema."""
        with psycopg.connect(self._url.replace("+psycopg", "")) as connection:
            connection.execute("ALTER TABLE study ADD COLUMN later TEXT NOT NULL DEFAULT ''")
            connection.execute("UPDATE alembic_version SET version_num = '9999'")

    def kill(self, number: int) -> None:
        """kill -9 of one bridge."""
        self.nodes[number].kill()

    def stop(self, number: int) -> None:
        """SIGSTOP of one bridge: it holds all it has, and does nothing."""
        self.nodes[number].signal(signal.SIGSTOP)

    def go_on(self, number: int) -> None:
        """SIGCONT."""
        self.nodes[number].signal(signal.SIGCONT)

    def close(self) -> None:
        self._stack.close()


def _front(nodes: list[Bridge]) -> dict[str, list[Server]]:
    return {
        HL7: [Server(node.hl7_port, node.http_port) for node in nodes],
        DICOM: [Server(node.dicom_port, node.http_port) for node in nodes],
        HTTP: [Server(node.http_port, node.http_port) for node in nodes],
    }


def _behind(bridge: Bridge, front: Haproxy) -> Bridge:
    """A bridge that is never started: what peers address, at the balancer's ports."""
    bridge.hl7_port, bridge.dicom_port = front.ports[HL7], front.ports[DICOM]
    bridge.http_port = front.ports[HTTP]
    bridge.url = f"http://127.0.0.1:{bridge.http_port}"
    return bridge


def _with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
