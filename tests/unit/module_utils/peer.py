# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A peer on a loopback port that behaves, connection by connection, as one of many gateways, sick gateways and strangers.

Each mode is a small function over one accepted connection. `Relay` puts socat's manners in between.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

VERSION_TIME = "20261122 06:41:12 EST"
PATIENCE = 10.0  # no thread outlives its test by more
LATE = 0.2  # a peer that takes its time

ID_TAKEN = "Unable to connect as the client id is already in use. Retry with a unique client id."
DISCLAIMER = "Paper trading disclaimer must first be accepted for API connection."


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


def message(*fields: object) -> bytes:
    return frame("".join(f"{field}\0" for field in fields).encode())


def notice(code: int, text: str) -> bytes:
    return message(4, 2, -1, code, text, "")


REPLY = message(178, VERSION_TIME)
ACCOUNTS = message(15, 1, "DU1234567")
ORDER_ID = message(9, 1, 1)

FARM_OK = notice(2104, "Market data farm connection is OK:usfarm")
FARM_BROKEN = notice(2103, "Market data farm connection is broken:usfarm")
LINK_LOST = notice(1100, "Connectivity between IBKR and Trader Workstation has been lost.")
LINK_BROKEN = notice(2110, "Connectivity between Trader Workstation and server is broken.")
LINK_RESTORED = notice(1102, "Connectivity between IBKR and Trader Workstation has been restored - data maintained.")


class Link:
    """One accepted connection: what a mode does with it, and what the client did."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.requests: list[list[str]] = []
        self.client_id: int | None = None
        self.ended: str | None = None
        self.offered = ""
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                piece = self.connection.recv(size - len(data))
            except ConnectionResetError:
                self.ended = "reset"
                raise
            if not piece:
                self.ended = "eof"
                raise EOFError
            data += piece
        return data

    def read_frame(self) -> bytes:
        return self.read(int.from_bytes(self.read(4), "big"))

    def read_hello(self) -> None:
        assert self.read(4) == b"API\0"
        self.offered = self.read_frame().decode()

    def read_request(self) -> list[str]:
        fields = self.read_frame().decode("latin-1").split("\0")[:-1]
        self.requests.append(fields)
        return fields

    def read_start(self) -> None:
        self.client_id = int(self.read_request()[2])

    def send(self, *messages: bytes) -> None:
        """Send in one segment, so that no busy machine can tear apart what belongs together."""
        self.connection.sendall(b"".join(messages))

    def version(self, version: int = 178) -> None:
        self.read_hello()
        self.send(message(version, VERSION_TIME))

    def begin(self) -> None:
        self.version()
        self.read_start()

    def ready(self, *notices: bytes, accounts: bytes = ACCOUNTS) -> None:
        self.begin()
        self.send(accounts, ORDER_ID, *notices)

    def fin(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def rst(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hold(self) -> None:
        """Stay, and say nothing more, until the client goes."""
        while True:
            self.read(1)

    def serve(self) -> None:
        """Answer requests until the client goes."""
        answers: dict[str, Callable[[list[str]], None]] = {
            "61": lambda _: self.positions(),
            "62": lambda request: self.account_summary(request[2]),
            "16": lambda _: self.open_orders(),
            "5": lambda _: self.open_orders(),
            "6": lambda request: self.send(message(54, 1, request[3])),
            "7": lambda request: self.send(message(55, 1, request[2])),
            "76": lambda request: self.send(message(74, 1, request[2])),
            "99": lambda _: self.send(message(102)),
            "49": lambda _: self.send(message(49, 1, 1_790_000_000)),
        }
        while True:
            request = self.read_request()
            if request[0] in answers:
                answers[request[0]](request)

    def positions(self) -> None:
        for contract_id, symbol, size in ((265598, "AAPL", 100), (272093, "MSFT", -5), (8314, "IBM", 0)):
            contract = (contract_id, symbol, "STK", "", 0, "", "", "SMART", "USD", symbol, "NMS")
            self.send(message(61, 3, "DU1234567", *contract, size, 10.5))
        self.send(message(62, 1))

    def account_summary(self, request_id: str) -> None:
        value = message(63, 1, request_id, "DU1234567", "NetLiquidation", "1000000.00", "USD")
        self.send(value, message(64, 1, request_id))

    def open_orders(self) -> None:
        self.send(message(3, 7, "Submitted", 0, 1, 0, 99001, 0, 0, 1, "", 0), message(53, 1))


def healthy(link: Link) -> None:
    link.ready(FARM_OK, notice(2158, "Sec-def data farm connection is OK:secdefnj"))
    link.serve()


def order_id_first(link: Link) -> None:
    link.begin()
    link.send(ORDER_ID)
    link.send(message(15, 1, "U7654321"))
    link.serve()


def drip(link: Link) -> None:
    """Healthy, but each byte is a segment of its own."""
    link.read_hello()
    for byte in REPLY:
        link.send(bytes([byte]))
    link.read_start()
    for byte in ACCOUNTS + ORDER_ID:
        link.send(bytes([byte]))
    link.serve()


def endless_drip(link: Link) -> None:
    """A frame that comes byte by byte and never ends."""
    link.read_hello()
    link.send(b"\0\0\xff\xff")
    while True:
        link.send(b"1")
        threading.Event().wait(0.01)


def slow_version(link: Link) -> None:
    link.read_hello()
    threading.Event().wait(LATE)
    link.send(REPLY)
    link.read_start()
    link.send(ACCOUNTS, ORDER_ID)
    link.serve()


def slow_order_id(link: Link) -> None:
    link.begin()
    link.send(ACCOUNTS)
    threading.Event().wait(LATE)
    link.send(ORDER_ID)
    link.serve()


def one_segment(link: Link) -> None:
    """All that a session starts with, before a word was said and without a pause."""
    link.send(REPLY, FARM_OK, ORDER_ID, ACCOUNTS, FARM_OK)
    link.read_hello()
    link.read_start()
    link.serve()


def late_notice(link: Link) -> None:
    """Ready, and later with the news that its link is lost."""
    link.ready()
    threading.Event().wait(0.04)
    link.send(LINK_LOST)
    link.serve()


def ready_fin(link: Link) -> None:
    """Gone soon after it was ready."""
    link.ready()
    threading.Event().wait(0.04)
    link.fin()


def strange_zone(link: Link) -> None:
    """A zone name with blanks, and in an encoding that is not UTF-8."""
    link.read_hello()
    link.send(frame(b"178\x0020261122 06:41:12 \xd6\xd0\xb9\xfa Standard Time\0"))
    link.read_start()
    link.send(ACCOUNTS, ORDER_ID)
    link.serve()


def notice_before_version(link: Link) -> None:
    link.read_hello()
    link.send(FARM_OK)
    link.send(REPLY)
    link.read_start()
    link.send(ACCOUNTS, ORDER_ID)
    link.serve()


def error_time(link: Link) -> None:
    """Server version 200: errors without version field and with a time stamp at the end."""
    link.version(200)
    link.read_start()
    stamped = message(4, -1, 2103, "Market data farm connection is broken:usfarm", "", 1775425766350)
    link.send(ACCOUNTS, ORDER_ID, stamped)
    link.serve()


def raw_id(link: Link) -> None:
    link.version(201)
    assert link.read_frame()[:4] == b"\0\0\0\x47"
    link.send(
        frame(b"\0\0\0\x0f" + b"1\0DU1234567\0"),
        frame(b"\0\0\0\x09" + b"1\x001\0"),
        frame(b"\0\0\0\x04" + b"-1\x002104\x00Market data farm connection is OK:usfarm\0\x001775425766350\0"),
    )
    link.hold()


def protobuf(link: Link) -> None:
    link.version(213)
    assert link.read_frame()[:5] == b"\0\0\x01\x0f\x08"
    link.send(
        frame(b"\0\0\0\xd7" + b"\x0a\x09DU1234567"),
        frame(b"\0\0\0\xd1" + b"\x08\x01"),
        frame(b"\0\0\0\xcc" + b"\x08" + b"\xff" * 9 + b"\x01" + b"\x18\xcc\x08" + b"\x22\x04lost"),
    )
    link.hold()


def old_server(link: Link) -> None:
    """Older than what ib_async talks to, newer than what the hello offers at least."""
    link.version(142)
    link.read_start()
    link.send(ACCOUNTS, ORDER_ID)
    link.hold()


def ready_with(*notices: bytes, accounts: bytes = ACCOUNTS) -> Callable[[Link], None]:
    """Healthy as far as the session goes, with these notices behind it."""

    def mode(link: Link) -> None:
        link.ready(*notices, accounts=accounts)
        link.serve()

    return mode


def refused_with(code: int, text: str, close: bool = True) -> Callable[[Link], None]:
    def mode(link: Link) -> None:
        link.begin()
        link.send(notice(code, text))
        link.fin() if close else link.hold()

    return mode


def after_hello(answer: bytes, close: bool = False) -> Callable[[Link], None]:
    """Answer the hello with these bytes, then close or say nothing more."""

    def mode(link: Link) -> None:
        link.read_hello()
        link.send(answer)
        link.fin() if close else link.hold()

    return mode


def after_start(*answer: bytes, close: bool = False) -> Callable[[Link], None]:
    """Answer startApi with these bytes, then close or say nothing more."""

    def mode(link: Link) -> None:
        link.begin()
        link.send(*answer)
        link.fin() if close else link.hold()

    return mode


def speaks_first(banner: bytes) -> Callable[[Link], None]:
    def mode(link: Link) -> None:
        link.send(banner)
        link.hold()

    return mode


def late_fin(link: Link) -> None:
    """As a relay whose gateway is far away: it takes a while to find that nobody is there, whatever it was told meanwhile."""
    threading.Event().wait(LATE)
    link.fin()


def late_hello_fin(link: Link) -> None:
    link.read_hello()
    threading.Event().wait(LATE)
    link.fin()


def hello_fin(link: Link) -> None:
    link.read_hello()
    link.fin()


def hello_rst(link: Link) -> None:
    link.read_hello()
    link.rst()


def start_rst(link: Link) -> None:
    link.begin()
    link.rst()


def version_fin(link: Link) -> None:
    link.version()
    link.fin()


def flood(link: Link) -> None:
    """As many frames as the client takes: notices with no end, instead of a version."""
    while True:
        link.send(FARM_OK * 1000)


def ready_flood(link: Link) -> None:
    """A session, and then more notices than anybody waits for."""
    link.ready()
    flood(link)


def zeros(link: Link) -> None:
    """Empty frames without end."""
    while True:
        link.send(bytes(65536))


def long_frame(link: Link) -> None:
    """A frame of a length that is still believed, and no end behind it."""
    link.send(b"\0\x0f\xff\xff")
    while True:
        link.send(b"x" * 65536)


def account_silent(link: Link) -> None:
    """Logged out: the session opens, requests are never answered."""
    link.ready()
    link.hold()


def account_refused(link: Link) -> None:
    link.ready()
    while True:
        request = link.read_request()
        if request[0] == "62":
            link.send(message(4, 2, request[2], 322, "Maximum number of account summary requests exceeded", ""))
        if request[0] == "61":
            link.positions()


def read_only(link: Link) -> None:
    link.ready()
    while True:
        request = link.read_request()
        if request[0] == "16":
            link.send(notice(321, "Error validating request. The API interface is currently in Read-Only mode."))
        if request[0] == "61":
            link.positions()
        if request[0] == "62":
            link.account_summary(request[2])


MODES: dict[str, Callable[[Link], None]] = {
    "healthy": healthy,
    "order_id_first": order_id_first,
    "drip": drip,
    "slow_version": slow_version,
    "slow_order_id": slow_order_id,
    "one_segment": one_segment,
    "late_notice": late_notice,
    "strange_zone": strange_zone,
    "notice_before_version": notice_before_version,
    "error_time": error_time,
    "raw_id": raw_id,
    "protobuf": protobuf,
    "old_server": old_server,
    "sec_def_down": ready_with(notice(2157, "Sec-def data farm connection is broken:secdefnj")),
    "inactive": ready_with(
        notice(2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds")
    ),
    "lost": ready_with(LINK_LOST),
    "broken": ready_with(LINK_BROKEN),
    "farm_down": ready_with(FARM_BROKEN),
    "restored": ready_with(LINK_LOST, FARM_BROKEN, LINK_RESTORED, FARM_OK),
    "ready_flood": ready_flood,
    "ready_long_frame": ready_with(frame(b"14\0" + b"x" * (1 << 20))),
    "ready_garbage": ready_with(frame(b"\xfe\xfd\xfc")),
    "accept_fin": lambda link: link.fin(),
    "accept_rst": lambda link: link.rst(),
    "late_fin": late_fin,
    "late_hello_fin": late_hello_fin,
    "silent": lambda link: link.hold(),
    "hello_fin": hello_fin,
    "hello_rst": hello_rst,
    "hello_silent": after_hello(b""),
    "half_version": after_hello(REPLY[:12]),
    "half_version_fin": after_hello(REPLY[:12], close=True),
    "one_field_version": after_hello(frame(b"178\0")),
    "empty_frame": after_hello(frame(b"")),
    "text_version": after_hello(frame(b"soon\x00" + VERSION_TIME.encode() + b"\0")),
    "garbage": after_hello(bytes(range(97, 123)) * 8),
    "garbage_frame": after_hello(frame(b"\xfe\xfd\xfc" * 7)),
    "oversize": after_hello(b"\x7f\xff\xff\xff"),
    "oversize_max": after_hello(b"\xff\xff\xff\xff"),
    "liar": after_hello(frame(b"178\0")[:3] + b"\xff1"),
    "flood": flood,
    "zeros": zeros,
    "long_frame": long_frame,
    "endless_drip": endless_drip,
    "ssh": speaks_first(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "http": after_hello(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", close=True),
    "http_open": after_hello(b"HTTP/1.1 400 Bad Request\r\nConnection: keep-alive\r\n\r\n"),
    "tls": after_hello(b"\x15\x03\x01\x00\x02\x02\x46", close=True),
    "vnc": speaks_first(b"RFB 003.008\n"),
    "redirect": after_hello(frame(b"-1\x00gw.example.com\0")),
    "ancient_version": after_hello(frame(b"76\x00" + VERSION_TIME.encode() + b"\0")),
    "future_version": after_hello(frame(b"9999\x00" + VERSION_TIME.encode() + b"\0")),
    "version_fin": version_fin,
    "version_silent": after_start(),
    "start_fin": after_start(close=True),
    "start_rst": start_rst,
    "accounts_fin": after_start(ACCOUNTS, close=True),
    "ready_fin": ready_fin,
    "id_taken": refused_with(326, ID_TAKEN),
    "id_taken_open": refused_with(326, ID_TAKEN, close=False),
    "disclaimer": refused_with(10141, DISCLAIMER),
    "disclaimer_2139": refused_with(2139, "Real paper-trading has not been acknowledged yet", close=False),
    "client_outdated": refused_with(357, "The version of the client is out of date."),
    "port_changed": refused_with(1300, "TWS socket port has been reset. Please reconnect on the new port - 7497"),
    "error_1100": refused_with(1100, "Connectivity between IBKR and Trader Workstation has been lost."),
    "error_502": refused_with(502, "Couldn't connect to TWS."),
    "error_503": refused_with(503, "The TWS is out of date and must be upgraded."),
    "error_504": refused_with(504, "Not connected"),
    "error_507": refused_with(507, "Bad message length"),
    "error_504_open": refused_with(504, "Not connected", close=False),
    "no_order_id": after_start(ACCOUNTS),
    "no_accounts": after_start(ORDER_ID),
    "empty_accounts": after_start(ORDER_ID, message(15, 1, "")),
    "bad_order_id": after_start(message(9, 1, "soon")),
    "short_order_id": after_start(message(9, 1)),
    "garbage_after_version": after_start(frame(b"\xfe\xfd\xfc")),
    "account_silent": account_silent,
    "account_refused": account_refused,
    "read_only": read_only,
}


class Listener:
    """A listening loopback port with a thread for each connection; closing it ends them all."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        for each in [self._listener, *self._sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                thread = threading.Thread(target=self._guarded, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _guarded(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError), connection:
            self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class Peer(Listener):
    """Connection n runs mode n of `modes`, the last mode all that follow."""

    def __init__(self, *modes: str | Callable[[Link], None], host: str = "127.0.0.1", port: int = 0) -> None:
        self._ended: queue.Queue[Link] = queue.Queue()
        self.play(*modes)
        super().__init__(host, port)

    def __enter__(self) -> Peer:
        return self

    def play(self, *modes: str | Callable[[Link], None]) -> None:
        """Begin again, with other modes."""
        self._modes = [MODES[mode] if isinstance(mode, str) else mode for mode in modes]
        self.links: list[Link] = []

    def serve(self, connection: socket.socket) -> None:
        link = Link(connection)
        self.links.append(link)
        try:
            self._modes[min(len(self.links), len(self._modes)) - 1](link)
        finally:
            self._ended.put(link)

    def ended(self) -> Link:
        """The next connection that has come to its end."""
        return self._ended.get(timeout=PATIENCE)


class Relay(Listener):
    """As socat relays: accepts first, connects to the backend then, and hands on a close but never a reset."""

    def __init__(self, backend: int) -> None:
        self._backend = backend
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._backend), timeout=PATIENCE) as backend:
            self._sockets.append(backend)
            connection.settimeout(PATIENCE)
            upstream = threading.Thread(target=self._pump, args=(connection, backend))
            self._threads.append(upstream)
            upstream.start()
            self._pump(backend, connection)
            upstream.join(PATIENCE)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@contextmanager
def unaccepted_port() -> Iterator[int]:
    """A port whose program never accepts what the kernel has connected for it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


@contextmanager
def unanswered_port() -> Iterator[int]:
    """A port whose accept queue is full, so that the kernel leaves further connections unanswered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        try:
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()
