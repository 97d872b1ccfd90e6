# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The test engine behind a TCP port, with the manners of an engine that is far away or sick."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class EngineProxy(ThreadingHTTPServer):
    """Passes requests on. Requests for paths in `hung` get no answer; `edit` may change what the engine says of a container."""

    daemon_threads = True

    def __init__(self, engine_socket: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine_socket = engine_socket
        self.hung: set[str] = set()
        self.edit: Callable[[dict[str, Any]], None] = lambda _inspected: None
        self.asked: list[str] = []
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.server_address[1]}"

    def server_close(self) -> None:
        self.closing.set()
        self.shutdown()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: EngineProxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        if any(part in self.path for part in self.server.hung):
            self.server.closing.wait(60)
            return
        status, version, body = self._ask()
        if status == 200 and "/containers/" in self.path and self.path.endswith("/json"):
            inspected = json.loads(body)
            self.server.edit(inspected)
            body = json.dumps(inspected).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Api-Version", version)
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")

    def _ask(self) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.server.engine_socket)
        try:
            connection.request(self.command, self.path)
            response = connection.getresponse()
            return response.status, response.getheader("Api-Version", ""), response.read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
