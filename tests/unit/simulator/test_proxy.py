"""Behind a proxy: what is on this machine is asked directly."""

from __future__ import annotations

import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from simulator.broker.client import Broker


class NoUsers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_broker_is_not_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "_opener", None)  # made at the first use, by the environment of then
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("no_proxy", raising=False)
    with HTTPServer(("127.0.0.1", 0), NoUsers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert Broker(f"http://127.0.0.1:{server.server_port}").users() == []
        finally:
            server.shutdown()
