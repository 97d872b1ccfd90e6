# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An engine on a local socket that answers as another one did: what it was asked and told is in `engines/`."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_ENGINES = Path(__file__).with_name("engines")


class _Handler(BaseHTTPRequestHandler):
    told: dict[str, Any]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = re.sub(r"^/v\d\.\d+", "", urlsplit(self.path).path)
        answer = self.told["answers"].get(path, "OK" if path == "/_ping" else None)
        # Events are a line each, all else is one answer.
        body = "\n".join(map(json.dumps, answer)) if path == "/events" else json.dumps(answer)
        self.send_response(200 if answer is not None else 404)
        for name, value in {**self.told["headers"], "Content-Length": str(len(body.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def engine(name: str, directory: Path) -> Iterator[str]:
    """The address of an engine that tells what `name` did."""
    told = json.loads((_ENGINES / f"{name}.json").read_text(encoding="utf-8"))
    path = str(directory / "engine.sock")
    with socketserver.ThreadingUnixStreamServer(path, type("Handler", (_Handler,), {"told": told})) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
