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
    ) -> None:
        self.http_port = choose_port()
        self.dicom_port = choose_port()
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
        }
        if witness_port is not None:
            configuration["DicomModalities"]["witness"] = ["WITNESS", "127.0.0.1", witness_port]
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
