# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of one gateway when it is decided what to do: the verdict, its evidence, and what the machine keeps about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import USUAL_START
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Lock, read


@dataclass(frozen=True)
class Login:
    at: str | None
    remedy: str | None
    cause: str | None


@dataclass(frozen=True)
class Pause:
    until: str | None
    by: str | None


@dataclass(frozen=True)
class Healthy:
    rearmed: str | None


@dataclass(frozen=True)
class Record:
    """What the machine keeps about a gateway, as `ibgw_record` returns it; `corrupt` tells by part what can not be understood."""

    name: str | None
    lock: Lock | None
    logins: tuple[Login, ...]
    hold: object
    pause: Pause | None
    healthy: Healthy | None
    policy: object
    corrupt: dict[str, str]


@dataclass(frozen=True)
class Records:
    """The records of one machine; `reason` and `fix` where they could not be read.

    `now` is its clock when they were read, `ahead` by how many seconds that was ahead of the controller's.
    """

    available: bool | None
    reason: str | None
    fix: str | None
    now: str | None
    ahead: float | None
    gateways: tuple[Record, ...]


@dataclass(frozen=True)
class Situation:
    """One gateway: `row` of the report, one case per endpoint, and the health result and the API's answers that they rest on.

    `orders` are answers that were asked for open orders, None before that. `undeployable` says why the container could not be made
    anew from the inventory; empty where it could. `engine_given` is the address of an engine that the inventory gives.
    """

    row: Mapping[str, Any]
    now: datetime
    cases: tuple[Case, ...] = ()
    health: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Mapping[str, Any], ...] = ()
    orders: tuple[Mapping[str, Any], ...] | None = None
    records: Records = read(Records, None)
    undeployable: str = ""
    engine_given: str = ""

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.row["name"])

    @property
    def code(self) -> str | None:
        """What leads."""
        leading: str | None = self.row["code"]
        return leading

    @property
    def record(self) -> Record | None:
        """What the machine keeps about it; None where that could not be read."""
        if not self.records.available:
            return None
        return next(
            (each for each in self.records.gateways if each.name == self.name), read(Record, {"name": self.name})
        )

    @property
    def machine_now(self) -> datetime:
        """The machine's clock, by which its records go."""
        if self.records.ahead is not None:
            return self.now + timedelta(seconds=self.records.ahead)
        return moment(self.records.now) or self.now

    @property
    def serves(self) -> bool:
        """Some endpoint of it serves its clients in this diagnosis."""
        return any(case.serving for case in self.cases)

    @property
    def prompt_open(self) -> bool:
        """Somebody may still approve a second factor."""
        return any(case.prompt_open for case in self.cases)

    @property
    def unanswered(self) -> int:
        """How many pushes nobody answered since the last login."""
        return max((case.unanswered for case in self.cases), default=0)

    @property
    def start_takes(self) -> timedelta:
        """From a start of its container to an open API, when nobody has to approve anything."""
        families = [case.family for case in self.cases if case.family]
        return timedelta(seconds=families[0].start_seconds if families else USUAL_START)

    @property
    def started(self) -> datetime | None:
        """When what runs now was started: the container, or what the controller in it started since."""
        if not any(case.running for case in self.cases):
            return None
        told = [case.gateway.container.started_at for case in self.cases] + [
            case.run.run_started_at for case in self.cases
        ]
        return max(filter(None, map(moment, told)), default=None)

    @property
    def behind_dead_relays(self) -> Mapping[str, Any]:
        """The health result with those clients only that a new relay cuts off."""
        sockets = self.health.get("sockets")
        if not isinstance(sockets, Mapping):
            return self.health
        dead = [case for case in self.cases if case.mode != "both" or self._leads(case, "relay.down")]
        ports = {port for case in dead for port in case.own_ports("gateway")}
        established = [each for each in sockets.get("established") or () if each["port"] in ports]
        return {**self.health, "sockets": {**sockets, "established": established}}

    def _leads(self, case: Case, code: str) -> bool:
        return (self.row["endpoints"].get(case.endpoint) or {}).get("code") == code

    @property
    def left_stopped(self) -> bool:
        """A run of ours stopped it to start it again, and was cut off in between: it left the restart policy in the record."""
        ended = self.code in ("container.stopped", "container.killed")
        return ended and self.record is not None and self.record.policy is not None
