"""Balancer: Debian's HAProxy, for TCP, with health checks over HTTP; and links that can be cut."""

from __future__ import annotations

import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.peers.process import PeerError, Process, accepts, choose_port

PROGRAM = Path("/usr/sbin/haproxy")
HEAD = """\
global
  stats socket {socket} mode 600 level admin
defaults
  mode tcp
  timeout connect 2s
  timeout check 1s
  timeout client 1h
  timeout server 1h
  retries 2
  option redispatch
"""


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a service. Where `health_port` is given, its readiness decides."""

    port: int
    health_port: int | None = None


class Haproxy:
    """One port for each service (`ports`), in front of its servers."""

    def __init__(self, directory: Path, services: Mapping[str, Sequence[Server]]) -> None:
        self.ports = {name: choose_port() for name in services}
        self._socket = directory / "haproxy.socket"
        configuration = directory / "haproxy.cfg"
        sections = [_section(name, self.ports[name], each) for name, each in services.items()]
        configuration.write_text("\n".join([HEAD.format(socket=self._socket), *sections]))
        self._process = Process([PROGRAM, "-db", "-f", configuration], directory / "haproxy.log")
        self._process.wait_for(lambda: all(map(accepts, self.ports.values())), "HAProxy listens")

    def cut(self, service: str) -> None:
        """End every connection of a service, and take no new one."""
        self._say(f"set server {service}/s1 state maint")
        self._say(f"shutdown sessions server {service}/s1")

    def mend(self, service: str) -> None:
        """Let connections through again."""
        self._say(f"set server {service}/s1 state ready")

    def freeze(self) -> None:
        """Pass nothing on, and close nothing: the silence of a broken wire."""
        self._process.child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on, with all that was sent meanwhile."""
        self._process.child.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self._process.kill()

    def _say(self, command: str) -> None:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self._socket))
            link.sendall(command.encode() + b"\n")
            answer = link.makefile().read().strip()
        if answer:
            raise PeerError(f"{command}: {answer}")


def _section(name: str, port: int, servers: Sequence[Server]) -> str:
    lines = [f"listen {name}", f"  bind 127.0.0.1:{port}", "  balance leastconn"]
    if any(each.health_port for each in servers):
        lines.append("  option httpchk GET /health/ready")
    for number, each in enumerate(servers, 1):
        check = (
            f" check port {each.health_port} inter 500ms fall 2 rise 1"
            " on-marked-down shutdown-sessions"
            if each.health_port
            else ""
        )
        lines.append(f"  server s{number} 127.0.0.1:{each.port}{check}")
    return "\n".join(lines) + "\n"
