"""`python3 -m broker`: one port for gateways (JSON lines), one for whoever plays IBKR and its users (HTTP and JSON)."""

from __future__ import annotations

import contextlib
import json
import signal
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .book import Book, Message, Unknown
from .line import Line

GATEWAY_PORT = 4000
CONTROL_PORT = 8000

#: What the control port lets do: the path is the name, the body the arguments.
ACTIONS = (
    "add_user",
    "change_user",
    "users",
    "answer_push",
    "pending",
    "sessions",
    "spoil_tokens",
    "log_in_elsewhere",
    "require_relogin",
    "set_link",
    "hang",
    "flood",
    "place_order",
    "cancel_order",
    "orders",
    "ledger",
)

BOOK = Book()


class GatewayHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sending = threading.Lock()

        def send(message: Message) -> None:
            with sending, contextlib.suppress(OSError):
                self.wfile.write(json.dumps(message).encode() + b"\n")

        line = Line(BOOK, send)
        with contextlib.suppress(OSError):
            for text in self.rfile:
                question = json.loads(text)
                number = question.pop("number")
                send({"number": number, **line.ask(question.pop("do"), question)})
        line.closed()


class ControlHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        action = self.path.lstrip("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if action not in ACTIONS:
            self._reply(404, f"there is no action {action!r}; there are {', '.join(ACTIONS)}")
            return
        try:
            self._reply(200, getattr(BOOK, action)(**json.loads(body or b"{}")))
        except (Unknown, TypeError, ValueError) as error:
            self._reply(400, str(error))

    def _reply(self, status: int, result: Any) -> None:
        body = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


#: A whole fleet comes at once. Whom a full queue turns away tries again seconds later.
WAITING_CONNECTIONS = 128


class GatewayServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = WAITING_CONNECTIONS


class ControlServer(ThreadingHTTPServer):
    request_queue_size = WAITING_CONNECTIONS


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for server in (
        GatewayServer(("0.0.0.0", GATEWAY_PORT), GatewayHandler),
        ControlServer(("0.0.0.0", CONTROL_PORT), ControlHandler),
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"broker: gateways on {GATEWAY_PORT}, control on {CONTROL_PORT}", flush=True)
    while True:
        time.sleep(0.1)
        BOOK.expire_pushes(time.time())


if __name__ == "__main__":
    main()
