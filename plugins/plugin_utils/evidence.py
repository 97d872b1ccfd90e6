# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was seen, gateway by gateway: registered module results and inventory variables become the cases that rules judge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import (
    Endpoint,
    GatewayHealth,
    GatewayLog,
    Handshake,
    Health,
    Instance,
    Listener,
    LogLine,
    LogScan,
    Port,
    read,
)

#: The probes, in the order in which they run.
PROBES = ("health", "logscan", "handshake")

#: How far a login has come, in the states of `ibgw_logscan`; the API port opens after the last of them (IBC userguide.md).
PROGRESS = (
    "script_starting",
    "jvm_starting",
    "gateway_starting",
    "login_window",
    "submitted",
    "connecting",
    "authenticating",
    "device_choice",
    "twofa_pending",
    "twofa_retrying",
    "loading",
)

#: States in which the gateway was logged in during this run.
LOGGED_IN = ("logged_in", "logged_in_blocked", "connection_lost", "relogin")

#: Outcomes of a handshake in which the API served us: an order id and the accounts arrived.
SERVED = ("ready", "ready_ibkr_away", "account_ok", "account_silent")

#: Restart policies with which Docker starts a container again after its process ended.
RESTARTING_POLICIES = ("always", "unless-stopped", "on-failure")


@dataclass(frozen=True)
class Task:
    """How Ansible's task for one probe ended where it brought no result; `message` is what Ansible said of it."""

    unreachable: bool = False
    failed: bool = False
    message: str = ""


@dataclass(frozen=True)
class Declared:
    """What the inventory says of one gateway."""

    name: str | None
    trading_mode: str | None
    family: str | None
    expect_orders: bool | None


@dataclass(frozen=True)
class Case:
    """The evidence of one endpoint of one gateway: what a rule judges.

    Every part may be missing; of a saved log there is only the log. `mode` is `both` where the container has a second endpoint,
    else as `endpoint`. `run` is the log's newest run of this endpoint, `api` what a client outside gets (else the answer from
    inside), `inside` what the gateway's own port answers within the container.
    """

    machine: str
    name: str
    now: datetime
    endpoint: str | None = None
    mode: str | None = None
    saved_log: bool = False
    declared: Declared | None = None
    tasks: Mapping[str, Task] = field(default_factory=dict)
    health: Health = read(Health, None)
    logscan: LogScan = read(LogScan, None)
    handshake: Handshake = read(Handshake, None)
    gateway: GatewayHealth = read(GatewayHealth, None)
    log: GatewayLog | None = None
    run: Instance = read(Instance, None)
    api: Endpoint = read(Endpoint, None)
    inside: Endpoint = read(Endpoint, None)

    # Is it alive?

    @property
    def running(self) -> bool:
        """The container runs."""
        return self.gateway.container.status == "running"

    @property
    def ended(self) -> bool:
        """The container has ended."""
        return self.gateway.container.status in ("exited", "dead")

    @property
    def alive(self) -> bool:
        """Nothing says that the process whose log this is has ended: the container runs, or there is only the log."""
        return self.gateway.container.status in ("running", None) and self.gateway.exists is not False

    @property
    def served(self) -> bool:
        """The API answered us up to the order id and the accounts."""
        return self.api.outcome in SERVED

    @property
    def proven_healthy(self) -> bool:
        """The API proved ready; of a saved log: it proves logged in."""
        if self.saved_log:
            return self.run.state == "logged_in" and self.run.problem is None
        return self.api.outcome in ("ready", "account_ok")

    # What does the log say?

    @property
    def state(self) -> str | None:
        """Where the login is now; None where that is not known or its process is gone."""
        return self.run.state if self.alive else None

    @property
    def continues_failure(self) -> bool:
        """This run was begun because the last one failed, and has not got further than that one yet."""
        before = self.run.previous
        if before is None or before.problem is None or self.run.state in LOGGED_IN:
            return False
        if before.problem == "login.saved_session_refused" and self.run.run_kind == "full_login":
            return False  # this run types the credentials: what failed is not tried again
        failed_at = PROGRESS.index(before.got_as_far_as) if before.got_as_far_as in PROGRESS else len(PROGRESS)
        return self.run.state not in PROGRESS or PROGRESS.index(self.run.state) <= failed_at

    def says(self, code: str) -> bool:
        """The log alone supports `code`: of this run, or of the one that this run continues.

        The API port opens only after the login: an API that serves us has overtaken what the log says of a login under way.
        """
        if self.served and self.run.state in (*PROGRESS, "existing_session", "throttled"):
            return False
        if self.run.problem == code:
            return True
        return self.continues_failure and self.run.previous is not None and self.run.previous.problem == code

    def shows(self, code: str) -> bool:
        """The log supports `code` and its process still lives: for conditions that end with the process."""
        return self.alive and self.says(code)

    def log_quotes(self, limit: int = 3) -> tuple[Quote, ...]:
        """The newest lines on which the log's state and problem rest."""
        return tuple(_log_quote(line) for line in self.run.evidence[-limit:])

    def setting(self, controller_key: str, variable: str) -> str:
        """A setting in effect: what the controller's own dump says, else the container's variable; empty when neither is set."""
        if self.log is not None and controller_key in self.log.settings:
            return _value(self.log.settings[controller_key])
        return self.variable(variable)

    # What does the container say?

    def variable(self, name: str) -> str:
        """A variable of the container's environment; empty when it is empty or not set."""
        return _value(self.gateway.container.environment.get(name))

    @property
    def family(self) -> Family | None:
        """What is known of its image family."""
        return BY_NAME.get(self.gateway.family.name or (self.log.family if self.log else None) or "")

    def own_ports(self, role: str) -> tuple[int, ...]:
        """Where its family listens for this endpoint inside the container: the gateway itself, or its relay."""
        ports = self.family.ports.items() if self.family else ()
        return tuple(number for number, port in ports if port.role == role and self.endpoint in (port.endpoint, None))

    def listeners(self, role: str) -> tuple[Listener, ...]:
        """What listens now on the ports of that role."""
        return tuple(each for each in self.gateway.sockets.listening if each.port in self.own_ports(role))

    def close_wait(self) -> int:
        """Connections that a client has closed and the gateway has not, on the gateway's own port."""
        return sum(self.gateway.sockets.close_wait.get(str(port), 0) for port in self.own_ports("gateway"))

    def published(self, role: str) -> tuple[Port, ...]:
        """The ports of that role that this endpoint publishes on its machine."""
        return tuple(
            port
            for port in self.gateway.ports
            if port.host_port
            and port.role == role
            and (self.endpoint is None or port.endpoint in (self.endpoint, None))
        )

    def container_quotes(self, *extra: str) -> tuple[Quote, ...]:
        """The container's state as one quote, and whatever else belongs to it."""
        container = self.gateway.container
        words = f"container {self.name}: {container.status}"
        if container.status in ("exited", "dead", "restarting"):
            words += f", exit code {container.exit_code}"
            words += f" ({container.exit_meaning})" if container.exit_meaning else ""
        at = container.finished_at if self.ended else container.started_at
        return (self.quote("health", words, at), *(self.quote("health", text) for text in extra if text))

    def api_quotes(self) -> tuple[Quote, ...]:
        """What the API probe met, as one quote."""
        answer = self.api
        if answer.outcome is None:
            return ()
        where = f"{answer.host}:{answer.port}" + (f" inside {self.name}" if answer.inside else "")
        words = f"{where}: {answer.outcome.replace('_', ' ')}, reached {answer.reached}"
        return (self.quote("api", f"{words}: {answer.detail}" if answer.detail else words),)

    def quote(self, source: str, words: str, at: str | None = None) -> Quote:
        """One piece of evidence, fit to be shown."""
        return Quote(source, quote(words), at)


def _value(told: str | None) -> str:
    """A setting's value as the probes tell it: they write an empty one as `<empty>`."""
    return told if told and told != "<empty>" else ""


def _log_quote(line: LogLine) -> Quote:
    return Quote("log", quote(line.quote or ""), line.at)


@dataclass(frozen=True)
class Gateway:
    """One row of the report: a gateway with a case for each of its endpoints, or a machine that could not be judged."""

    name: str
    declared: bool
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Machine:
    """One inventory host and what the probes saw of its gateways."""

    name: str
    now: datetime
    gateways: tuple[Gateway, ...]


def machine(
    name: str,
    variables: Mapping[str, Any],
    results: Mapping[str, Any],
    only: Collection[str] | None,
    now: datetime,
) -> Machine:
    """The evidence of one machine: its inventory `variables`, and under `health`, `logscan`, `handshake` what the tasks registered.

    `only` selects gateways (`name` or `machine/name`); None selects all. A machine that could not be judged has one gateway per
    declared one; where it declares none, one with its own name.
    """
    health = read(Health, _result(results, "health"))
    logscan = read(LogScan, _result(results, "logscan"))
    handshake = read(Handshake, _result(results, "handshake"))
    blank = Case(
        machine=name,
        name=name,
        now=now,
        tasks={probe: _task(results.get(probe)) for probe in PROBES},
        health=health,
        logscan=logscan,
        handshake=handshake,
    )
    declared = _declared(variables)
    seen = {gateway.name: gateway for gateway in health.gateways if gateway.name}
    names = list(dict.fromkeys([*declared, *seen]))
    rows = [
        Gateway(
            gateway,
            gateway in declared,
            _cases(
                replace(
                    blank,
                    name=gateway,
                    declared=declared.get(gateway),
                    gateway=seen.get(gateway, blank.gateway),
                    log=next((log for log in logscan.gateways if log.name == gateway), None),
                ),
                [answer for answer in handshake.endpoints if answer.gateway == gateway],
            ),
        )
        for gateway in names
        if _selected(only, name, gateway)
    ]
    if not names and only is None:
        rows = [Gateway(name, True, (blank,))]
    return Machine(name, now, tuple(rows))


def saved_log(name: str, result: Mapping[str, Any], now: datetime) -> Gateway:
    """The evidence of a saved log, what `ibgw_logscan` returned for a path: as of the moment that it was judged from.

    A log of several services is one row, with the cases of them all.
    """
    logscan = read(LogScan, result)
    blank = Case(machine=name, name=name, now=now, saved_log=True, logscan=logscan)
    services = [replace(blank, log=log, now=_judged_from(log) or now) for log in logscan.gateways]
    return Gateway(name, True, tuple(case for each in services or [blank] for case in _cases(each, [])))


def _judged_from(log: GatewayLog) -> datetime | None:
    last = moment(log.window.last_at)
    return last + timedelta(seconds=log.window.silent_seconds or 0) if last else None


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time of a module result, in UTC; None for anything else and for Docker's zero time."""
    try:
        parsed = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if parsed.year <= 1:
        return None
    return parsed.replace(tzinfo=timezone.utc) if parsed.tzinfo is None else parsed.astimezone(timezone.utc)


def stamp(at: datetime) -> str:
    """A time as reports give it: ISO 8601 in UTC, whole seconds."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _result(results: Mapping[str, Any], probe: str) -> object:
    registered = results.get(probe)
    return registered.get(probe) if isinstance(registered, Mapping) else None


def _task(registered: object) -> Task:
    if not isinstance(registered, Mapping):
        return Task()
    said = (registered.get(key) for key in ("msg", "module_stderr", "module_stdout"))
    message = " ".join(str(words) for words in said if words)
    rc = registered.get("rc")
    if isinstance(rc, int) and rc > 0:
        message += f" (exit status {rc})"
    return Task(registered.get("unreachable") is True, registered.get("failed") is True, message)


def _declared(variables: Mapping[str, Any]) -> dict[str, Declared]:
    entries = variables.get("gateways")
    read_entries = (read(Declared, entry) for entry in (entries if isinstance(entries, (list, tuple)) else ()))
    return {entry.name: entry for entry in read_entries if entry.name}


def _selected(only: Collection[str] | None, machine_name: str, gateway: str) -> bool:
    return only is None or gateway in only or f"{machine_name}/{gateway}" in only


def _cases(whole: Case, answers: list[Endpoint]) -> tuple[Case, ...]:
    """`whole` split into one case per endpoint; each gets its own run of the log and its own answers of the API."""
    endpoints = _endpoints(whole, answers)
    runs = _runs(whole, endpoints, answers)
    return tuple(
        replace(
            whole,
            endpoint=endpoint,
            mode="both" if len(endpoints) > 1 else endpoint,
            run=runs.get(endpoint, whole.run),
            api=_answer(answers, endpoint, len(endpoints), outside=True),
            inside=_answer(answers, endpoint, len(endpoints), outside=False),
        )
        for endpoint in endpoints
    )


def _endpoints(whole: Case, answers: Iterable[Endpoint]) -> tuple[str | None, ...]:
    """The endpoints that a gateway has: by declaration, by its settings, by what was seen."""
    modes = (
        whole.declared.trading_mode if whole.declared else None,
        whole.variable("TRADING_MODE"),
        whole.setting("TradingMode", "TRADING_MODE"),
    )
    instances = {run.endpoint for run in whole.log.instances} if whole.log else set()
    if "both" in modes or {"paper", "live"} <= instances:
        return ("paper", "live")
    for mode in modes:
        if mode in ("paper", "live"):
            return (mode,)
    seen = (instances | {answer.endpoint for answer in answers}) & {"paper", "live"}
    return tuple(seen) if len(seen) == 1 else (None,)


def _runs(whole: Case, endpoints: tuple[str | None, ...], answers: list[Endpoint]) -> dict[str | None, Instance]:
    """Which run of the log belongs to which endpoint; a log that names no mode leaves the telling to the API."""
    instances = list(whole.log.instances) if whole.log else []
    if len(endpoints) == 1:
        named = [run for run in instances if run.endpoint == endpoints[0]]
        return {endpoints[0]: (named or instances)[-1]} if instances else {}
    runs: dict[str | None, Instance] = {run.endpoint: run for run in instances if run.endpoint in endpoints}
    for run in (run for run in instances if run.endpoint not in endpoints):
        free = [endpoint for endpoint in endpoints if endpoint not in runs]
        if free:
            runs[max(free, key=lambda endpoint: _likeness(run, endpoint, answers))] = run
    return runs


def _likeness(run: Instance, endpoint: str | None, answers: list[Endpoint]) -> int:
    served = any(answer.endpoint == endpoint and answer.outcome in SERVED for answer in answers)
    agrees = served == (run.state in LOGGED_IN)
    asks_factor = (run.state or "").startswith(
        "twofa"
    )  # paper logins have no second factor (IBC AbstractLoginHandler.java:102)
    return 2 * agrees + (asks_factor and endpoint == "live")


def _answer(answers: list[Endpoint], endpoint: str | None, endpoints: int, outside: bool) -> Endpoint:
    """The API's answer at `endpoint`: from outside (from inside where nobody asked outside), or from inside only."""
    own = [answer for answer in answers if answer.endpoint == endpoint or endpoints == 1]
    inside = [answer for answer in own if answer.inside]
    wanted = [answer for answer in own if not answer.inside] or inside if outside else inside
    exact = [answer for answer in wanted if answer.endpoint == endpoint]
    return next(iter(exact or wanted), read(Endpoint, None))
