# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the relay before the gateway writes into the same log: clients that it had to turn away, and ports that it did not get.

It writes nothing when all is well again. Clients and the relay's own loop try again in a rhythm; when that is broken, it is over.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Port
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import Run
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso

RELAY_EVENTS = frozenset({"relay_started", "relay_refused", "relay_timed_out", "relay_port_taken", "api_client"})

#: The API port opens about when the login completes; so long it may still refuse, in seconds.
_OPENING = 10.0


class RelayLog:
    """The relays of one container."""

    def __init__(self) -> None:
        self._refused = 0
        self._port_taken = 0
        self._last: Event | None = None
        self._refusals: deque[Event] = deque(maxlen=8)
        self._timeouts: deque[Event] = deque(maxlen=8)
        self._bindings: deque[Event] = deque(maxlen=8)

    def take(self, event: Event) -> None:
        """Note what a relay, or an API client, did."""
        if event.kind == "relay_refused":
            self._refused += 1
            self._refusals.append(event)
            self._last = event
        elif event.kind == "relay_timed_out":
            self._timeouts.append(event)
        elif event.kind == "relay_port_taken":
            self._port_taken += 1
            self._bindings.append(event)
            self._last = event
        elif event.kind == "api_client":
            self._refusals.clear()  # somebody was let in
            self._timeouts.clear()

    def problem(self, run: Run, now: float | None, ports: Mapping[int, Port]) -> tuple[str, Sequence[Event]] | None:
        """The finding about the relay of `run`'s endpoint that goes on at `now`, with its proof; `ports` are the container's."""
        bindings = [event for event in self._bindings if _serves(event, run, ports)]
        if len(bindings) > 1 and _goes_on(bindings, now):
            return "relay.port_taken", bindings[-2:]
        login = run.since if run.state == "logged_in" else None
        if login and login.clock is None or not login and run.state != "unknown":
            return None
        line, open_by = (login.line, (login.clock or 0.0) + _OPENING) if login else (0, 0.0)
        # Before the login nothing listens; where something does and takes nobody, it was logged in.
        turned_away = ((self._refusals, "api.not_listening"),) if login else ()
        for events, problem in (*turned_away, (self._timeouts, "gateway.hung")):
            since_login = [
                event
                for event in events
                if _serves(event, run, ports) and event.line > line and (event.clock or 0.0) > open_by
            ]
            if len(since_login) > 2 and _goes_on(since_login, now):
                return problem, since_login[-2:]
        return None

    def result(self) -> dict[str, Any]:
        """The counts."""
        at = self._last.at if self._last else None
        last_at = None if at is None else iso(at)
        return {"refused": self._refused, "bind_errors": self._port_taken, "last_at": last_at}


def _serves(event: Event, run: Run, ports: Mapping[int, Port]) -> bool:
    port = ports.get(int(event.value))
    return not (port and port.endpoint and run.mode) or port.endpoint == run.mode


def _goes_on(events: Sequence[Event], now: float | None) -> bool:
    clocks = [event.clock for event in events if event.clock is not None]
    if now is None or len(clocks) < 2:
        return False
    rhythm = max(later - earlier for earlier, later in zip(clocks, clocks[1:]))
    return now - clocks[-1] <= max(3 * rhythm, 10.0)
