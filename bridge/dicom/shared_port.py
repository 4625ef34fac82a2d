"""A DICOM port that several processes listen on (SO_REUSEPORT)."""

from __future__ import annotations

import socket
import threading
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer


class SharedPortServer(ThreadedAssociationServer):
    """A server whose port others may listen on; each connection comes to one of them."""

    def server_bind(self) -> None:
        """Say so before the port is taken."""
        if self.socket is None:
            raise RuntimeError("the server has no socket")
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def start_sharing(
    entity: AE, address: tuple[str, int], handlers: list[evt.EventHandlerType]
) -> ThreadedAssociationServer:
    """What `AE.start_server` does for a port of its own. Raises OSError."""
    server: Any = entity.make_server(address, evt_handlers=handlers, server_class=SharedPortServer)
    thread = threading.Thread(target=server.serve_forever, name="dicom", daemon=True)
    thread.start()
    entity._servers.append(server)
    started: ThreadedAssociationServer = server
    return started
