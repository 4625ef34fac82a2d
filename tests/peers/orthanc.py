"""Modality and PACS: Orthanc, which sends studies, and asks for the worklist."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.peers.process import Process, answers, choose_port

PLUGINS = Path("/usr/share/orthanc/plugins")


class Orthanc:
    """A running Orthanc that knows the bridge under the name `bridge`, and maybe a `witness`."""

    def __init__(
        self,
        directory: Path,
        bridge_port: int,
        *,
        witness_port: int | None = None,
        worklists: Path | None = None,
        dicom_port: int | None = None,
        http_port: int | None = None,
        dicom_web: str = "",
        synchronous: bool = True,
    ) -> None:
        self.http_port = http_port or choose_port()
        self.dicom_port = dicom_port or choose_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        plugins = [str(PLUGINS / "libOrthancDicomWeb.so")]
        configuration: dict[str, Any] = {
            "Name": "ORTHANC",
            "StorageDirectory": str(directory / "storage"),
            "IndexDirectory": str(directory / "storage"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomCheckCalledAet": False,
            # Latin-1, the default, destroys every other script.
            "DefaultEncoding": "Utf8",
            "DicomModalities": {"bridge": ["BRIDGE", "127.0.0.1", bridge_port]},
            "Plugins": plugins,
            # Its default: each file is on the disk before it is answered (its index is not).
            "SyncStorageArea": synchronous,
        }
        if witness_port is not None:
            configuration["DicomModalities"]["witness"] = ["WITNESS", "127.0.0.1", witness_port]
        if dicom_web:
            configuration["DicomWeb"] = {"Servers": {"bridge": [f"{dicom_web}/", "", ""]}}
        if worklists is not None:
            plugins.append(str(PLUGINS / "libModalityWorklists.so"))
            configuration["Worklists"] = {
                "Enable": True,
                "Database": str(worklists),
                "FilterIssuerAet": False,
                "LimitAnswers": 0,
            }
        file = directory / "orthanc.json"
        file.write_text(json.dumps(configuration))
        self._process = Process(["/usr/sbin/Orthanc", file], directory / "orthanc.log")
        self._process.wait_for(lambda: answers(f"{self.url}/system"), "Orthanc answers")

    def exchange(self, method: str, path: str, body: bytes | Mapping[str, Any] | list[str]) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", content, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)

    def upload(self, content: bytes) -> dict[str, str]:
        """Put an instance in; give Orthanc's own identifiers (ID, ParentStudy, …)."""
        stored: dict[str, str] = self.exchange("POST", "instances", content)
        return stored

    def send(self, *resources: str, to: str = "bridge") -> dict[str, Any]:
        """C-STORE instances, series or studies (by Orthanc's identifiers)."""
        report: dict[str, Any] = self.exchange("POST", f"modalities/{to}/store", list(resources))
        return report

    def commit(self, *resources: str) -> str:
        """Ask the bridge to commit to instances it was sent; gives where the result is seen."""
        asked = {"Resources": list(resources)}
        accepted = self.exchange("POST", "modalities/bridge/storage-commitment", asked)
        return str(accepted["ID"])

    def commitment(self, identifier: str) -> dict[str, Any]:
        """What is known of a commitment: its `Status` is Pending until the report came."""
        with urllib.request.urlopen(
            f"{self.url}/storage-commitment/{identifier}", timeout=30
        ) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def query(self, level: str, **keys: str) -> tuple[str, list[dict[str, str]]]:
        """C-FIND the bridge; gives the query's path and its answers by keyword."""
        asked = {"Level": level, "Query": keys}
        path = str(self.exchange("POST", "modalities/bridge/query", asked)["Path"]).lstrip("/")
        with urllib.request.urlopen(
            f"{self.url}/{path}/answers?expand&simplify", timeout=30
        ) as found:
            return path, json.load(found)

    def retrieve(self, query: str) -> None:
        """C-MOVE every answer of a query from the bridge to this Orthanc."""
        self.exchange("POST", f"{query}/retrieve", b"ORTHANC")

    def instances_of(self, study_uid: str) -> list[dict[str, Any]]:
        """What this Orthanc holds of a study."""
        asked = {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}, "Expand": True}
        found: list[dict[str, Any]] = self.exchange("POST", "tools/find", asked)
        return found

    def forget(self, study_uid: str) -> None:
        """Delete what this Orthanc holds of a study."""
        for each in self.instances_of(study_uid):
            request = urllib.request.Request(f"{self.url}/instances/{each['ID']}", method="DELETE")
            with urllib.request.urlopen(request, timeout=30):
                pass

    def ask_web(self, uri: str, **arguments: str) -> Any:
        """Ask the bridge by DICOMweb, as Orthanc's plugin does (QIDO-RS)."""
        asked = {"Uri": uri, "Arguments": arguments}
        return self.exchange("POST", "dicom-web/servers/bridge/qido", asked)

    def fetch_web(self, study_uid: str) -> Any:
        """Retrieve a study from the bridge by DICOMweb (WADO-RS)."""
        asked = {"Resources": [{"Study": study_uid}], "Synchronous": True}
        return self.exchange("POST", "dicom-web/servers/bridge/retrieve", asked)

    def send_web(self, *resources: str) -> Any:
        """Store instances in the bridge by DICOMweb (STOW-RS)."""
        asked = {"Resources": list(resources), "Synchronous": True}
        return self.exchange("POST", "dicom-web/servers/bridge/stow", asked)

    def find_worklist(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """C-FIND the bridge's worklist."""
        found: list[dict[str, Any]] = self.exchange(
            "POST", "modalities/bridge/find-worklist", query
        )
        return found

    def echo(self) -> bool:
        """C-ECHO the bridge."""
        return bool(self.exchange("POST", "modalities/bridge/echo", {}) == {})

    def close(self) -> None:
        self._process.stop()
