# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handshake probe: connect to TWS API endpoints, name the phase that each one reached, and what stopped it.

Here are the arguments, the order of attempts, and what an outcome means; one attempt is an `attempt.Attempt`.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import random
import re
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Union

from ansible_collections.ibgw.ops.plugins.module_utils.api import wire
from ansible_collections.ibgw.ops.plugins.module_utils.api.attempt import Attempt, Observation, Route
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, RESULT_BYTES, Misuse, Unavailable, fit
from ansible_collections.ibgw.ops.plugins.module_utils.redact import mask_account, quote

#: The result's own keys when nothing could be looked at.
NOTHING: Mapping[str, Any] = {"endpoints": []}

MODES = ("paper", "live")

#: Client ids of the probe: easy to recognise in a gateway's log, and far from what people give their programs.
CLIENT_IDS = range(900_000, 1_000_000)

#: The finding that each outcome supports by itself.
_PROBLEMS = {
    "name_unknown": "api.unreachable",
    "refused": "api.not_listening",
    "connect_timeout": "api.unreachable",
    "closed_at_open": "relay.no_backend",
    "not_tws": "api.not_tws",
    "closed_at_hello": "api.closes_on_hello",
    "silent_at_hello": "api.silent",
    "version_refused": "api.version_refused",
    "client_id_taken": "api.client_id_taken",
    "disclaimer_pending": "api.disclaimer_pending",
    "port_changed": "api.not_listening",
    "closed_at_start": "api.start_refused",
    "silent_at_start": "api.start_incomplete",
    "start_incomplete": "api.start_incomplete",
    "protocol_error": "api.start_incomplete",
    "error": "api.unreachable",
}

#: Outcomes that a fresh connection can change. It follows at once where silence was the pause, or where the mute test is:
#: after a hello that failed. All other outcomes are definite.
_RETRY_AT_ONCE = ("closed_at_hello", "silent_at_hello", "client_id_taken", "silent_at_start", "start_incomplete")
_RETRY_LATER = ("closed_at_start", "protocol_error")
_MUTE_AFTER = ("closed_at_hello", "silent_at_hello")
# After one of these `after_silence` more connections at most: each that a hanging gateway accepts stays behind on it.
_SILENCES = ("silent_at_hello", "silent_at_start", "start_incomplete")

# Of the time, for each connection that may follow silence. Of 5 seconds that leaves a slow gateway the 4 that clients wait (ib_async ib.py:2027).
_SPARED = 0.2

_HEALTHY = ("connected", "ready", "ready_ibkr_away", "account_ok", "account_silent")

#: Oldest server that current Python clients talk to (ib_async client.py:88; older ones only the unmaintained ibapi 9).
_OLDEST_TALKED_TO = 157

# Share of the time that may go to the engine and into the container: a gateway that has too little left to answer seems to hang.
_WAY_INSIDE = 0.5

_MOST_ACCOUNTS = 20
_MOST_NOTICES = 12
_MOST_THREADS = 64

# What a peer can make long.
_CUTTABLE = (("notices",), ("accounts",))


@dataclass(frozen=True)
class _Endpoint:
    """One endpoint to probe."""

    host: str
    port: int
    gateway: str | None
    endpoint: str | None
    inside: str | None
    client_id: int | None
    expect_mode: str | None
    count_orders: bool
    after_silence: int
    skip: str | None


@dataclass(frozen=True)
class _Limits:
    """How far, how often and how long."""

    depth: str
    timeout: float
    attempts: int
    retry_delay: float
    mute_wait: float


#: For an endpoint inside a container: sockets made there, or what kept them from being made. None for one outside.
_Made = Union[list[socket.socket], Exception, None]


def probe(
    host: str | None = None,
    port: int | Sequence[int] | None = None,
    endpoints: Sequence[Mapping[str, Any]] | None = None,
    inside: str | None = None,
    client_id: int | None = None,
    depth: str = "api",
    timeout: float = 5.0,
    attempts: int = 2,
    after_silence: int = 1,
    retry_delay: float = 0.25,
    mute_wait: float = 0.35,
    expect_mode: str | None = None,
    count_orders: bool = False,
    docker_host: str | None = None,
) -> dict[str, Any]:
    """Probe all endpoints in parallel; the arguments are those of the module `ibgw_handshake`, which documents them."""
    if depth not in wire.DEPTHS:
        raise Misuse(f"depth is {depth!r}; allowed are {', '.join(wire.DEPTHS)}")
    limits = _Limits(
        depth=depth,
        timeout=_number("timeout", timeout, 0, 300, above=True),
        attempts=int(_number("attempts", attempts, 1, 10, whole=True)),
        retry_delay=_number("retry_delay", retry_delay, 0, 60),
        mute_wait=_number("mute_wait", mute_wait, 0, 60),
    )
    shared = {
        "inside": inside,
        "client_id": client_id,
        "expect_mode": expect_mode,
        "count_orders": count_orders,
        "after_silence": after_silence,
    }
    targets = [_endpoint({**shared, **given}) for given in _named(host, port, endpoints)]
    begun = time.monotonic()
    made = _made_inside(targets, limits, docker_host)
    spent = time.monotonic() - begun
    with ThreadPoolExecutor(max_workers=min(len(targets) or 1, _MOST_THREADS)) as threads:
        results = list(threads.map(lambda target, its: _probe_endpoint(target, limits, its, spent), targets, made))
    shares = Counter(target.gateway or index for index, target in enumerate(targets))
    fitting = (RESULT_BYTES // shares[target.gateway or index] for index, target in enumerate(targets))
    return {**AVAILABLE, "endpoints": [fit(result, _CUTTABLE, limit=most) for result, most in zip(results, fitting)]}


def _named(
    host: str | None, port: int | Sequence[int] | None, endpoints: Sequence[Mapping[str, Any]] | None
) -> list[dict[str, Any]]:
    """The endpoints as dictionaries of the arguments that were given."""
    if endpoints is not None and (host is not None or port is not None):
        raise Misuse("endpoints is given together with host or port; allowed is either endpoints, or port with host")
    if endpoints is not None:
        return [{key: value for key, value in endpoint.items() if value is not None} for endpoint in endpoints]
    ports = [] if port is None else [port] if isinstance(port, (int, str)) else list(port)
    if not ports:
        raise Misuse("no endpoint is given; allowed are a port, a list of ports, or a list of endpoints")
    return [{"host": host, "port": each} if host is not None else {"port": each} for each in ports]


def _endpoint(given: Mapping[str, Any]) -> _Endpoint:
    host = given.get("host", "127.0.0.1")
    if not isinstance(host, str) or not host.strip():
        raise Misuse(f"host is {host!r}; allowed is a host name or an address")
    expect_mode = given.get("expect_mode")
    if expect_mode is not None and expect_mode not in MODES:
        raise Misuse(f"expect_mode is {expect_mode!r}; allowed are {', '.join(MODES)}")
    client_id = given.get("client_id")
    if client_id is not None:
        client_id = int(_number("client_id", client_id, 1, 0x7FFFFFFF, whole=True))
    inside = given.get("inside")
    if inside is not None and not _family(host.strip()):
        raise Misuse(
            f"host is {host!r} together with inside; allowed is an address, for a container's names are its own"
        )
    return _Endpoint(
        host=host.strip(),
        port=int(_number("port", given.get("port"), 1, 65535, whole=True)),
        gateway=given.get("gateway"),
        endpoint=given.get("endpoint"),
        inside=inside,
        client_id=client_id,
        expect_mode=expect_mode,
        count_orders=bool(given.get("count_orders")),
        after_silence=int(_number("after_silence", given.get("after_silence", 1), 0, 9, whole=True)),
        skip=given.get("skip"),
    )


def _number(name: str, value: Any, least: float, most: float, whole: bool = False, above: bool = False) -> float:
    """`value` if it is a number within its bounds."""
    allowed = (
        f"{'a whole number' if whole else 'a number'} {'above' if above else 'from'} {least} {'up ' * above}to {most}"
    )
    sound = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not sound or not least <= value <= most or (above and value == least):
        raise Misuse(f"{name} is {value!r}; allowed is {allowed}")
    return float(value)


def _family(address: str) -> int:
    """The address family; 0 for a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, ValueError):
            socket.inet_pton(family, address)
            return family
    return 0


def _made_inside(targets: Sequence[_Endpoint], limits: _Limits, docker_host: str | None) -> list[_Made]:
    """What each endpoint has to connect with; made now, while there is no other thread that a fork could leave in the middle."""
    names = {target.inside for target in targets if target.inside and not target.skip}
    if not names:
        return [None] * len(targets)
    # Only here: who connects from outside needs no engine.
    from ansible_collections.ibgw.ops.plugins.module_utils.api import inside

    try:
        found = inside.find(names, docker_host, limits.timeout * _WAY_INSIDE)
    except Unavailable as unavailable:
        return [unavailable if target.inside else None for target in targets]
    made: list[_Made] = []
    for target in targets:
        if not target.inside or target.skip:
            made.append(None)
            continue
        try:
            made.append(inside.sockets(found[target.inside], _family(target.host), limits.attempts))
        except Exception as error:  # one that can not be entered hides no other
            made.append(error)
    return made


def _probe_endpoint(target: _Endpoint, limits: _Limits, made: _Made, spent: float) -> dict[str, Any]:
    """The result of one endpoint; a defect of ours ends in one too, and leaves the other endpoints alone.

    `spent` is how long it took to get inside the containers; it counts for those who asked for it.
    """
    begun = time.monotonic() - (spent if target.inside else 0)
    failures: list[dict[str, Any]] = []
    try:
        if target.skip:
            seen = Observation(outcome="not_asked", detail=quote(target.skip))
        elif isinstance(made, Exception):
            raise made
        elif made and spent > limits.timeout * _WAY_INSIDE:
            reason = f"the way there took {spent:.1f} of {limits.timeout:g} seconds, which leaves too little to ask"
            raise Unavailable(
                "probe.incomplete", reason, "look at the engine and the load of the machine, or give it more time"
            )
        else:
            seen = _last_attempt(target, limits, begun + limits.timeout, made, failures)
    except Unavailable as unavailable:
        reason = f"inside {target.inside}: {unavailable.reason}; {unavailable.fix}"
        seen = Observation(outcome="error", detail=quote(reason), incomplete=True)
    except Exception as error:
        reason = f"the probe failed on {type(error).__name__}: {error}"
        seen = Observation(outcome="error", detail=quote(reason), incomplete=True)
    finally:
        for left in made if isinstance(made, list) else ():
            left.close()
    return {**_result(seen, target, failures), "total_ms": round((time.monotonic() - begun) * 1000, 1)}


def _result(seen: Observation, target: _Endpoint, failures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is told of an endpoint: what the last attempt saw, after `failures` of earlier ones."""
    mode = _account_mode(seen.accounts)
    return {
        "gateway": _label(target.gateway),
        "endpoint": _label(target.endpoint),
        "host": quote(target.host),
        "port": target.port,
        "inside": _label(target.inside),
        "address": seen.address,
        "reached": seen.reached,
        "outcome": seen.outcome,
        "problem": _problem(seen, target, mode, failed_first=bool(failures)),
        "detail": seen.detail,
        "phases": seen.phases,
        "attempts": len(failures) + bool(seen.phases),
        "first_failure": failures[0] if failures else None,
        "client_id": seen.client_id,
        "server_version": seen.server_version,
        "server_time": None if seen.server_time is None else quote(seen.server_time, limit=60),
        "accounts": [_masked(each) for each in (seen.accounts or [])[:_MOST_ACCOUNTS]],
        "account_count": None if seen.accounts is None else len(seen.accounts),
        "account_mode": mode,
        "next_valid_id": seen.next_valid_id,
        "notices": [_notice(notice, at) for notice, at in seen.notices[-_MOST_NOTICES:]],
        "notice_count": len(seen.notices),
        "first_bytes": seen.first_bytes,
        "closed_by": seen.closed_by,
        "account": {
            key: getattr(seen.account, key, None) for key in ("net_liquidation_seen", "open_orders", "positions")
        },
    }


def _last_attempt(
    target: _Endpoint,
    limits: _Limits,
    deadline: float,
    sockets: list[socket.socket] | None,
    failures: list[dict[str, Any]],
) -> Observation:
    """Try until an attempt succeeds, its outcome is definite, or the attempts or the time are used up.

    Returns what the last attempt saw; how those before it ended is added to `failures`.
    """
    route = Route(target.host, target.port, limits.depth, target.count_orders, sockets)
    left, mute_wait = limits.attempts, 0.0
    while True:
        client_id = target.client_id or random.choice(CLIENT_IDS)
        connections = min(left, 1 + target.after_silence)
        share = max(1 / connections, 1 - _SPARED * (connections - 1))
        seen = Attempt(route, client_id, deadline, share=share, mute_wait=mute_wait).run()
        pause = 0.0 if seen.outcome in _RETRY_AT_ONCE else limits.retry_delay
        left = min(left - 1, target.after_silence) if seen.outcome in _SILENCES else left - 1
        if not left or _is_definite(seen.outcome, target) or time.monotonic() + pause >= deadline:
            return seen
        failures.append({"outcome": seen.outcome, "detail": seen.detail})
        if seen.outcome in _MUTE_AFTER and limits.mute_wait:
            mute_wait = _mute_wait(seen, limits, deadline)
        time.sleep(pause)


def _mute_wait(seen: Observation, limits: _Limits, deadline: float) -> float:
    """How long the next connection must last without a word: longer than this one took to be closed, for a relay can be slow, too.

    Half of what is left stays for the hello, or the gateway would seem silent.
    """
    took = seen.seconds("hello") if seen.outcome == "closed_at_hello" else 0.0
    return min(max(limits.mute_wait, 2 * took), (deadline - time.monotonic()) / 2)


def _is_definite(outcome: str, target: _Endpoint) -> bool:
    """Whether a fresh connection would end the same way."""
    if outcome == "client_id_taken":
        return target.client_id is not None
    return outcome not in _RETRY_AT_ONCE + _RETRY_LATER


def _problem(seen: Observation, target: _Endpoint, mode: str | None, failed_first: bool) -> str | None:
    """The finding code that this endpoint alone supports: the gravest first."""
    if seen.outcome == "not_asked":
        return None
    if seen.outcome not in _HEALTHY:
        return _problem_of_failure(seen, target)
    down = seen.links_down()
    if target.expect_mode and mode and mode != target.expect_mode:
        return "config.account_mode_mismatch"
    if "ibkr" in down:
        return "ibkr.disconnected"
    if seen.outcome == "account_silent":
        return "ibkr.account_silent"
    if down:
        return "ibkr.data_farm_down"
    if seen.server_version is not None and seen.server_version < _OLDEST_TALKED_TO:
        return "api.version_refused"
    if seen.incomplete:
        return "probe.incomplete"
    return "api.first_attempt_failed" if failed_first else None


def _problem_of_failure(seen: Observation, target: _Endpoint) -> str | None:
    if seen.incomplete:
        return "probe.incomplete"
    if seen.outcome == "client_id_taken" and target.client_id is None:
        return "api.start_refused"  # every id is refused, so it is not about the id
    if seen.outcome == "closed_at_hello" and seen.reached != "open":
        return None  # not seen to last without a hello, so it can as well be a relay without a gateway
    return _PROBLEMS[seen.outcome]


def _account_mode(accounts: Sequence[str] | None) -> str | None:
    """Paper or live from the kind of the account ids; None where they are unknown or disagree."""
    modes = {
        "paper" if account_id.startswith("D") else "live"
        for account_id in accounts or ()
        if re.fullmatch(r"D?[UFI][A-Z]?\d+", account_id)
    }
    return modes.pop() if len(modes) == 1 else None


def _masked(account_id: str) -> str:
    masked = mask_account(account_id)
    return quote(masked if masked != account_id else f"{account_id[:2]}***", limit=20)


def _label(text: Any) -> str | None:
    return None if text is None else quote(str(text))


def _notice(notice: wire.Notice, arrived: float) -> dict[str, Any]:
    """A notice with the server's own time where it told one that makes sense, else the time of arrival."""
    at = datetime.fromtimestamp(arrived, timezone.utc)
    with suppress(OverflowError, ValueError, OSError):
        at = datetime.fromtimestamp(notice.at_ms / 1000, timezone.utc) if notice.at_ms else at
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"code": notice.code, "text": quote(notice.text, limit=200), "at": stamp}
