# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One attempt at the TWS API over one connection, phase by phase: resolve, tcp, open, hello, start, ready, account.

An attempt never raises for what a peer does: it ends with an outcome, the last phase passed, and what was seen on the way.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils.api import wire
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import mask, quote

if TYPE_CHECKING:
    from ansible_collections.ibgw.ops.plugins.module_utils.api.account import Account

#: What one connection may send before readiness; the start of the largest advisor account is far below.
MAX_BYTES = 1 << 20

#: How many messages; a start has some dozens.
MAX_FRAMES = 4096

#: Codes after which no session follows, whatever else the gateway does with the connection.
_DEFINITE = {
    326: "client_id_taken",
    357: "version_refused",
    1300: "port_changed",
    2139: "disclaimer_pending",
    10141: "disclaimer_pending",
}

#: After readiness: how long silence must last at least once a notice has come, and how long to listen at most, for those about the
#: links to IBKR. A gateway tells of links that are well, too, in one go with the order id and the accounts (ibkr-go
#: grounded_bootstrap.txt); one that is slow to answer is slow with them, too.
_LINK_QUIET = 0.02
_LINK_WAIT = 0.25

#: What of the peer's first bytes is kept as evidence.
_FIRST_BYTES = 64

#: Outcome of a close, of silence and of nonsense in each phase where the peer is listened to.
_ENDINGS = {
    "open": ("closed_at_open", "error", "not_tws"),
    "hello": ("closed_at_hello", "silent_at_hello", "not_tws"),
    "start": ("closed_at_start", "silent_at_start", "protocol_error"),
    "ready": ("closed_at_start", "start_incomplete", "protocol_error"),
}

# Failures to connect, the more telling last: what is reported when the addresses of a name fail differently.
_CONNECT_FAILURES = ("error", "refused", "connect_timeout", "closed_at_open")


@dataclass(frozen=True)
class Route:
    """Where an attempt goes and how far. `sockets` to connect with are given where they must not be of this network."""

    host: str
    port: int
    depth: str
    count_orders: bool
    sockets: list[socket.socket] | None = None

    def new_socket(self, family: int) -> socket.socket:
        """A socket to connect with."""
        return socket.socket(family, socket.SOCK_STREAM) if self.sockets is None else self.sockets.pop()


@dataclass
class Observation:
    """What one attempt saw. Accounts, notices and the server's time are still as the peer sent them."""

    reached: str = "none"
    outcome: str = "error"
    detail: str | None = None
    phases: list[dict[str, Any]] = field(default_factory=list)
    address: str | None = None
    client_id: int | None = None
    server_version: int | None = None
    server_time: str | None = None
    accounts: list[str] | None = None
    next_valid_id: int | None = None
    notices: list[tuple[wire.Notice, float]] = field(default_factory=list)
    first_bytes: str | None = None
    closed_by: str | None = None
    account: Account | None = None
    incomplete: bool = False

    def note(self, notice: wire.Notice) -> None:
        """Keep a notice with the time of its arrival."""
        self.notices.append((notice, time.time()))

    def seconds(self, name: str) -> float:
        """How long a phase took; 0 for one that was not begun."""
        return sum(float(phase["ms"]) for phase in self.phases if phase["phase"] == name) / 1000

    def links_down(self) -> set[str]:
        """Links that the notices report broken and not restored since: ``ibkr`` and data farms by name."""
        down: set[str] = set()
        for notice, _at in self.notices:
            farm = notice.text.partition(":")[2].strip()
            if notice.code in wire.IBKR_LOST:
                down.add("ibkr")
            elif notice.code in wire.IBKR_BACK:
                down.discard("ibkr")
            elif notice.code in wire.FARM_DOWN:
                down.add(f"farm {farm}")
            elif notice.code in wire.FARM_DOWN.values():
                down.discard(f"farm {farm}")
        return down


class _Ended(Exception):
    """The attempt ends here, with an outcome and one sentence."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class _Closed(Exception):
    """The peer closed the connection."""


class _Silent(Exception):
    """Nothing more came in time."""


class Attempt:
    """One attempt over one connection.

    `deadline` bounds all of it; the peer's answers to hello and startApi each get only `share` of what is left by then,
    so that silence leaves time for another attempt. With `mute_wait` it first listens that long
    without a word: a relay that has no gateway behind it closes then, a gateway waits.
    """

    def __init__(self, route: Route, client_id: int, deadline: float, share: float, mute_wait: float) -> None:
        self.seen = Observation(client_id=client_id)
        self._route = route
        self._client_id = client_id
        self._deadline = deadline
        self._share = share
        self._patience = deadline
        self._mute_wait = mute_wait
        self._socket: socket.socket | None = None
        self._frames = wire.Frames()
        self._frames_read = 0
        self._received = bytearray()

    def run(self) -> Observation:
        """Go to the depth of the route or as far as the peer lets us, and close."""
        try:
            self._pass_phases()
        except _Ended as ended:
            self.seen.outcome = ended.outcome
            self.seen.detail = quote(ended.detail)
        finally:
            self._close()
        self.seen.first_bytes = _escaped(bytes(self._received[: 4 * _FIRST_BYTES]), self.seen.accounts or ())
        return self.seen

    def _pass_phases(self) -> None:
        with self._phase("resolve"):
            addresses = _resolve(self._route.host, self._route.port, self._deadline)
        with self._phase("tcp"):
            self._connect(addresses)
        if self._route.depth == "tcp":
            self.seen.outcome = "connected"
            return
        if self._mute_wait:
            with self._phase("open") as phase:
                self._stay_mute(phase)
        self._be_patient()
        with self._phase("hello") as phase:
            self._say_hello(phase)
        self._be_patient()
        with self._phase("start"):
            self._start()
        with self._phase("ready") as phase:
            self._get_ready(phase)
        self.seen.outcome = "ready_ibkr_away" if "ibkr" in self.seen.links_down() else "ready"
        if self._route.depth == "account":
            self._ask_account()

    def _be_patient(self) -> None:
        now = time.monotonic()
        self._patience = now + (self._deadline - now) * self._share

    @contextmanager
    def _phase(self, name: str) -> Iterator[dict[str, Any]]:
        """Time one phase, and turn how it failed into the outcome that means."""
        phase: dict[str, Any] = {"phase": name, "ok": False, "ms": 0.0, "detail": None}
        self.seen.phases.append(phase)
        begun = time.monotonic()
        try:
            yield phase
            phase["ok"] = True
            self.seen.reached = name
        except (_Ended, _Closed, _Silent, wire.Malformed) as stop:
            ended = self._ending(name, stop)
            phase["detail"] = ended.detail
            if ended.outcome in ("silent_at_hello", "not_tws"):
                self.seen.reached = "open"  # it outlasted the mute wait, or it spoke
            elif ended.outcome == "closed_at_open":
                self.seen.reached = "tcp"  # a reset may come so soon that connecting itself reports it
            raise ended from None
        finally:
            phase["detail"] = phase["detail"] and quote(phase["detail"])
            phase["ms"] = round((time.monotonic() - begun) * 1000, 1)

    def _ending(self, name: str, stop: Exception) -> _Ended:
        """What it means that a phase failed like this."""
        if isinstance(stop, _Ended):
            return stop
        closed, silent, nonsense = _ENDINGS[name]
        if isinstance(stop, _Closed):
            return _Ended(closed, f"the peer closed the connection {self._after(name)}")
        if isinstance(stop, _Silent):
            return _Ended(silent, f"the peer stayed silent {self._after(name)}")
        return _Ended(nonsense, self._describe(stop))

    def _after(self, name: str) -> str:
        """What had happened before a phase failed."""
        if name == "open":
            return "before a word was said, as a relay does that has nothing behind it"
        if name == "hello":
            came = f" ({len(self._received)} bytes came, no version reply)" if self._received else ""
            return f"after the hello{came}"
        codes = ", ".join(f"{notice.code} {notice.text}" for notice, _at in self.seen.notices[-3:])
        said = f"; it said: {codes}" if codes else ", without a code"
        if name == "start":
            return f"after startApi{said}"
        missing = []
        if self.seen.next_valid_id is None:
            missing.append("the order id")
        if not self.seen.accounts:
            missing.append("the account list" if self.seen.accounts is None else "any account in the list")
        return f"before {' and '.join(missing)} came{said}" if missing else f"just after it was ready{said}"

    def _describe(self, malformed: Exception) -> str:
        if self.seen.server_version is not None:
            return f"the gateway's answer makes no sense: {malformed}"
        name = wire.service(bytes(self._received[:_FIRST_BYTES]))
        return f"{name} answers on this port" if name else f"what answers is not the TWS API: {malformed}"

    def _connect(self, addresses: list[tuple[int, Any]]) -> None:
        failures = []
        for index, (family, address) in enumerate(addresses):
            share = max((self._deadline - time.monotonic()) / (len(addresses) - index), 0.001)
            try:
                connection = self._route.new_socket(family)
            except OSError as error:
                failures.append(("error", f"{address[0]}: {error.strerror}"))
                continue
            try:
                connection.settimeout(share)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connection.close()
                outcome, reason = _connect_failure(error)
                failures.append((outcome, f"{address[0]} {reason}"))
            else:
                self._socket = connection
                self.seen.address = str(address[0])
                return
        worst = max((outcome for outcome, _reason in failures), key=_CONNECT_FAILURES.index)
        self.seen.address = str(addresses[0][1][0])
        raise _Ended(worst, f"port {self._route.port}: " + "; ".join(reason for _outcome, reason in failures))

    def _stay_mute(self, phase: dict[str, Any]) -> None:
        with suppress(_Silent):
            self._receive(min(time.monotonic() + self._mute_wait, self._deadline))
            phase["detail"] = "the peer spoke first"

    def _say_hello(self, phase: dict[str, Any]) -> None:
        self._send(wire.hello())
        while True:
            frame = self._next_frame(self._patience)
            reply = wire.version_reply(frame)
            if reply is not None:
                break
            self._take(frame)  # notices may come before the version
        self.seen.server_version, self.seen.server_time = reply
        phase["detail"] = f"server version {reply.version}"

    def _start(self) -> None:
        version = self.seen.server_version
        if version is None or not wire.OFFERED[0] <= version <= wire.NEWEST:
            # A version below zero names another host in place of the time; no current client follows it.
            detail = f"clients can not talk to server version {version}, {self.seen.server_time}"
            raise _Ended("version_refused", detail)
        self._send(wire.start_api(version, self._client_id))
        while self.seen.next_valid_id is None and self.seen.accounts is None:
            self._take(self._next_frame(self._patience))

    def _get_ready(self, phase: dict[str, Any]) -> None:
        while self.seen.next_valid_id is None or not self.seen.accounts:
            self._take(self._next_frame(self._patience))
        end = min(time.monotonic() + _LINK_WAIT, self._deadline)
        quiet = max(_LINK_QUIET, *(self.seen.seconds(name) for name in ("hello", "start")))
        with suppress(_Silent, wire.Malformed):  # what clients read or drop takes readiness from nobody
            while True:
                self._take(self._next_frame(min(time.monotonic() + quiet, end) if self.seen.notices else end))
        down = sorted(self.seen.links_down())
        phase["detail"] = f"down: {', '.join(down)}" if down else None

    def _take(self, frame: bytes) -> None:
        """Keep what a message says about the start; some codes end the attempt."""
        message = wire.decode(frame)
        if isinstance(message, wire.NextValidId):
            self.seen.next_valid_id = message.order_id
        elif isinstance(message, wire.ManagedAccounts):
            self.seen.accounts = message.accounts
        elif isinstance(message, wire.Notice):
            self.seen.note(message)
            if message.code in _DEFINITE:
                raise _Ended(_DEFINITE[message.code], f"the gateway says {message.code}: {message.text}")

    def _ask_account(self) -> None:
        # Only here: asyncio alone would double the time of the import.
        from ansible_collections.ibgw.ops.plugins.module_utils.api import account

        connection, self._socket = self._connection, None
        self.seen.closed_by = "us"
        with self._phase("account") as phase:
            try:
                found = account.ask(connection, bytes(self._received), self._deadline, self._route.count_orders)
            except Unavailable as unavailable:
                self.seen.incomplete = True
                raise _Ended(self.seen.outcome, f"{unavailable.reason}; {unavailable.fix}") from None
            finally:
                connection.close()
            self.seen.account = found
            for notice in found.notices:
                self.seen.note(notice)
            if found.closed:
                self.seen.closed_by = "peer"
            if found.net_liquidation_seen is None:
                self.seen.incomplete = True
                raise _Ended(self.seen.outcome, found.detail or "account values could not be asked for")
            if not found.net_liquidation_seen:
                raise _Ended("account_silent", found.detail or "the gateway is ready, but account values never came")
            phase["detail"] = found.detail
        self.seen.outcome = "account_ok"

    @property
    def _connection(self) -> socket.socket:
        if self._socket is None:
            raise _Closed
        return self._socket

    def _send(self, data: bytes) -> None:
        """Send; a peer that is gone shows when its answer is read, after whatever it had said before."""
        with suppress(OSError):
            self._connection.settimeout(max(self._patience - time.monotonic(), 0.001))
            self._connection.sendall(data)

    def _next_frame(self, until: float) -> bytes:
        while True:
            frame = self._frames.pop()
            if frame is not None:
                self._frames_read += 1
                if self._frames_read > MAX_FRAMES:
                    raise wire.Malformed(f"more than {MAX_FRAMES} messages came before the session was ready")
                return frame
            self._receive(until)

    def _receive(self, until: float) -> None:
        """Take what arrives next; raises `_Silent`, `_Closed`, or `wire.Malformed` for a flood."""
        left = until - time.monotonic()
        if left <= 0:
            raise _Silent
        try:
            self._connection.settimeout(left)
            _acknowledge_at_once(self._connection)
            data = self._connection.recv(65536)
        except socket.timeout:  # an alias of TimeoutError only from Python 3.10
            raise _Silent from None
        except OSError as error:
            self.seen.closed_by = "reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else "peer"
            raise _Closed from None
        if not data:
            self.seen.closed_by = "peer"
            raise _Closed
        self._received += data
        if len(self._received) > MAX_BYTES:
            raise wire.Malformed(f"more than {MAX_BYTES} bytes came before the session was ready")
        self._frames.feed(data)

    def _close(self) -> None:
        """Close in order: what is unread would turn our close into a reset."""
        if self._socket is None:
            return
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.setblocking(False)
            for _chunk in range(16):
                if not self._socket.recv(65536):
                    break
        self._socket.close()
        self.seen.closed_by = self.seen.closed_by or "us"


def _resolve(host: str, port: int, deadline: float) -> list[tuple[int, Any]]:
    """The addresses of a name. A name service can hang for longer than we have, hence the thread."""
    found: list[tuple[int, Any]] = []
    failure: list[str] = [f"the name service did not answer for {host} in time"]

    def look_up() -> None:
        try:
            for family, *_kind, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, address))
        except socket.gaierror as error:
            failure[0] = f"{host}: {error.strerror}"
        except (OSError, ValueError) as error:  # a label that is too long or empty is a UnicodeError
            failure[0] = f"{host} is not a host name: {error}"

    if ":" in host or host.replace(".", "").isdigit():  # an address, not a name
        look_up()
    else:
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(max(deadline - time.monotonic(), 0))
    if not found:
        raise _Ended("name_unknown", failure[0])
    return list(found)


def _connect_failure(error: OSError) -> tuple[str, str]:
    """Outcome of a failed connect, and how to say it."""
    if isinstance(error, socket.timeout) or error.errno == errno.ETIMEDOUT:
        return "connect_timeout", "does not answer"
    if error.errno == errno.ECONNREFUSED:
        return "refused", "refuses: nothing listens there"
    if error.errno == errno.ECONNRESET:
        return "closed_at_open", "accepts, and closes before a word was said"
    return "error", error.strerror or type(error).__name__


def _escaped(data: bytes, accounts: Sequence[str]) -> str | None:
    """The start of what came, as ASCII with escapes; masked while account ids still stand between their own neighbours."""
    text = data.decode("latin-1")
    text = mask(text, known=[each for each in accounts if each in text and mask(each) == each])[:_FIRST_BYTES]
    return text.encode("unicode_escape").decode("ascii") or None


def _acknowledge_at_once(connection: socket.socket) -> None:
    """A peer that writes in small pieces without TCP_NODELAY would wait 40 ms for our delayed acknowledgement."""
    if hasattr(socket, "TCP_QUICKACK"):
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
