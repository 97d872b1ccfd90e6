# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The evidence of one endpoint of one gateway, and the questions that rules ask of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK
from ansible_collections.ibgw.ops.plugins.module_utils.redact import EMPTY, quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import (
    ConfigurationFile,
    Endpoint,
    GatewayHealth,
    GatewayLog,
    Handshake,
    Health,
    Instance,
    Listener,
    LogScan,
    Port,
    SettingsDirectory,
    read,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import NO_ZONE, RESET_WINDOWS, Window, reset_ends

#: The steps that probe, in the order in which they run, with the key of their module's result.
PROBES = {"health": "health", "logscan": "logscan", "handshake": "handshake", "inside": "handshake"}

#: States of a login under way; the API port opens after the last of them (IBC userguide.md).
PROGRESS = tuple(state for state, rank in RANK.items() if 0 <= rank < RANK["logged_in"])

#: States in which the gateway was logged in during this run.
LOGGED_IN = ("logged_in", "logged_in_blocked", "connection_lost", "relogin")

#: States in which a second factor is asked for, or about to be.
ASKING = ("twofa_pending", "twofa_retrying")

#: What is on the screen though nobody can approve it.
VOID_PROMPT = ("twofa.device_not_chosen", "twofa.code_required", "twofa.not_sent")

# What a run shows while the failure of the one before still tells its cause: a throttle is the echo of attempts that failed.
_NO_FAILURE_OF_ITS_OWN = (None, "twofa.pending", "login.throttled")

#: So many unanswered prompts show that nobody is there; IBKR then stops sending them (IBC userguide.md:531).
UNANSWERED_LIMIT = 5

# Which word of the inventory a variable of gnzsnz with IBC stands for: rules and their texts go by its names.
_WORDS = {
    name: word
    for word, setting in GNZSNZ_IBC.words.items()
    if isinstance(setting, Setting)
    for name in (*setting.variables, setting.file)
    if name
}
_OTHERS = frozenset(
    name for family in BY_NAME.values() for name in (*family.other_names, *(family.configured_by or ())[:1])
)
_NAMES = re.compile(rf"\b(?:{'|'.join(sorted({*_WORDS, *_OTHERS}, key=len, reverse=True))})\b")

#: Outcomes of a handshake in which the API served us: an order id and the accounts arrived.
SERVED = ("ready", "ready_ibkr_away", "account_ok", "account_silent")


_Place = TypeVar("_Place", SettingsDirectory, ConfigurationFile)


@dataclass(frozen=True)
class Quote:
    """One piece of evidence: who saw it (`health`, `log`, `launcher`, `api`, `inventory`, `ansible`, `store`), when (ISO 8601, UTC), and the words.

    `line` is where it stands in a saved log.
    """

    source: str
    quote: str
    at: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class InEffect:
    """The value of a setting in effect, empty where it is not set, and what shows it."""

    value: str
    shown: Quote


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
    ports: dict[str, int]
    expect_orders: bool | None
    api_slow_after: object
    expose: bool | None


@dataclass(frozen=True)
class Case:
    """The evidence of one endpoint of one gateway: what a rule judges.

    Every part may be missing; of a saved log there is only the log. `mode` is `both` where the container has a second endpoint,
    else as `endpoint`. `run` is the log's newest run of this endpoint. `api` is what a client outside gets; where nobody could ask
    there, what one in the container's network gets. `relay_inside` and `inside` are what the relay's port and the gateway's own
    answered within the container. `alerting` is what tells a person, `api_slow_after` the limit of seconds for the API (0: none), and
    `reset_windows` when IBKR resets its servers, all three by the inventory. `clock_offset` is by how many seconds the
    machine's clock is off at least. `same_user` names the other gateways of the run that log in as the same user to the same endpoint,
    `same_container` the other names under which the run has this container.
    """

    machine: str
    name: str
    now: datetime
    clock_offset: float = 0.0
    endpoint: str | None = None
    mode: str | None = None
    saved_log: bool = False
    declared: Declared | None = None
    alerting: str = ""
    api_slow_after: float = 0.0
    reset_windows: tuple[Window, ...] = RESET_WINDOWS
    tasks: Mapping[str, Task] = field(default_factory=dict)
    health: Health = read(Health, None)
    logscan: LogScan = read(LogScan, None)
    handshake: Handshake = read(Handshake, None)
    asked_inside: Handshake = read(Handshake, None)
    gateway: GatewayHealth = read(GatewayHealth, None)
    log: GatewayLog | None = None
    run: Instance = read(Instance, None)
    api: Endpoint = read(Endpoint, None)
    relay_inside: Endpoint = read(Endpoint, None)
    inside: Endpoint = read(Endpoint, None)
    same_user: tuple[str, ...] = ()
    same_container: tuple[str, ...] = ()

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
    def serving(self) -> bool:
        """The gateway serves, whoever asked and from wherever: so it is logged in, or was."""
        return any(answer.outcome in SERVED for answer in (self.api, self.relay_inside, self.inside))

    @property
    def api_problem(self) -> str | None:
        """The finding that the API's answers support: what the gateway's own port says inside goes before how that looks outside."""
        if self.served or self.inside.outcome in SERVED or not self.inside.accepted:
            if self.api.problem != "relay.no_backend" or self.relay_accepts:
                return self.api.problem
            return "api.not_listening" if self.inside.outcome == "refused" else None
        # No relay is in between: who closes is the gateway.
        closes = self.inside.outcome in ("closed_at_open", "closed_at_hello")
        return "api.closes_on_hello" if closes else self.inside.problem

    @property
    def relay_accepts(self) -> bool:
        """A relay is known to accept connections; Docker's own forwarder of a published port does so too, where nothing listens."""
        if self.relay_inside.outcome not in (None, "error"):
            return self.relay_inside.accepted
        seen = self.listeners("relay") or any(each.role == "relay" for each in self.gateway.processes)
        return bool(seen) or self.gateway.container.network_mode == "host"

    @property
    def proven_healthy(self) -> bool:
        """The API proved ready; of a saved log: it proves logged in."""
        if self.saved_log:
            return self.run.state == "logged_in" and self.run.problem is None
        return self.api.outcome in ("ready", "account_ok")

    @property
    def reset_until(self) -> datetime | None:
        """When the reset of IBKR's servers that goes on is over; None where none does."""
        try:
            return reset_ends(self.reset_windows, self.now - timedelta(seconds=self.clock_offset))
        except NO_ZONE:  # a controller without time zone data
            return None

    # What does the log say?

    @property
    def state(self) -> str | None:
        """Where the login is now; None where that is not known or its process is gone."""
        return self.run.state if self.alive else None

    @property
    def unanswered(self) -> int:
        """How many prompts expired since the last login; one that is open may still be answered."""
        prompts = (self.log.history.unanswered_prompts or 0) if self.log else 0
        return max(prompts - (self.state == "twofa_pending"), 0)

    @property
    def prompt_open(self) -> bool:
        """A second factor is asked for, and somebody may still approve it: what ends the process kills the push."""
        return self.state in ASKING and self.run.problem not in VOID_PROMPT and self.unanswered < UNANSWERED_LIMIT

    @property
    def continues_failure(self) -> bool:
        """This run was begun because the last one failed, and has not got further than that one yet."""
        before = self.run.previous
        if before is None or before.problem is None or self.run.state in LOGGED_IN or self.serving:
            return False
        if before.problem == "login.saved_session_refused" and self.run.run_kind == "full_login":
            return False  # this run types the credentials: what failed is not tried again
        return RANK.get(self.run.state or "", -1) <= RANK.get(before.got_as_far_as or "", RANK["logged_in"])

    def says(self, code: str) -> bool:
        """The log alone supports `code`: of this run, or, until that fails by itself, of the one that it continues.

        The API port opens only after the login: an API that serves us has overtaken a log that shows nobody logged in.
        """
        if self.alive and self.serving and self.run.state not in LOGGED_IN:
            return False
        if self.run.problem == code:
            return True
        if self.run.problem not in _NO_FAILURE_OF_ITS_OWN:
            return False
        return self.continues_failure and self.run.previous is not None and self.run.previous.problem == code

    def shows(self, code: str) -> bool:
        """The log supports `code` and its process still lives: for conditions that end with the process."""
        return self.alive and self.says(code)

    def ended_over(self, code: str) -> bool:
        """The controller, or the gateway, ended itself over `code`."""
        return self.run.state == "ended" and self.run.problem == code and self.says(code)

    def told(self, event: str, since: str | None) -> Quote | None:
        """The newest line of that event that the process which lives has written, not before `since`."""
        begun = moment(since)
        for each in reversed(self.log.events if self.log and self.alive else ()):
            at = moment(each.at)
            if each.event == event and (begun is None or at is None or at >= begun):
                return self.quote("log", each.quote or "", each.at)
        return None

    def counted(self, number: int) -> str:
        """How often something stands in the log: at least so often where its beginning was not read."""
        return f"at least {number}" if self.log and self.log.window.truncated else str(number)

    def log_quotes(self, limit: int = 3) -> tuple[Quote, ...]:
        """The newest lines on which the log's state and problem rest."""
        shown = tuple(
            Quote("log", quote(line.quote or ""), line.at, line.line if self.saved_log else None)
            for line in self.run.evidence[-limit:]
        )
        doubt = "live and paper write into one log: which of them wrote this is not sure"
        return (*shown, self.quote("log", doubt)) if self.run.ambiguous else shown

    def login_quotes(self) -> tuple[Quote, ...]:
        """The log's newest lines, and what IBKR answered to the login, as the gateway's own launcher.log has it."""
        quotes, launcher = self.log_quotes(), self.run.launcher
        if launcher is None or not launcher.evidence:
            return quotes
        answer = launcher.evidence[-1]
        return (*quotes[-1:], Quote("launcher", quote(answer.quote or ""), answer.at), *quotes[:-1])

    def setting(self, controller_key: str, variable: str) -> str:
        """The value of `in_effect`; empty where that is not known."""
        effective = self.in_effect(controller_key, variable)
        return effective.value if effective else ""

    def in_effect(self, controller_key: str, variable: str) -> InEffect | None:
        """A setting in effect: what the controller's own dump says, else the container's variable; None where neither can tell.

        Both are named as gnzsnz with IBC has them.
        """
        own = self.own_name(variable) or ""
        told = self.log.settings if self.log is not None else {}
        dumped = self.family.dumped_as(own) if self.family and self.family.dumped_as else controller_key
        if dumped and dumped in told:
            value = _value(told[dumped])
            return InEffect(value, self.quote("log", f"{dumped}={value}"))
        container = self.gateway.container
        # Of an image that nobody knows, what is not set tells nothing.
        read = self.family.reads(own, container.environment) if self.family else bool(self.variable(own))
        if own and container.id and read:
            value = self.variable(own)
            return InEffect(value, self.quote("health", f"{own}={value}" if value else f"{own} is not set"))
        if told and self.of_controller("ibc"):
            return InEffect("", self.quote("log", f"{dumped or own} is not among its settings"))
        return None

    @property
    def asks_again(self) -> bool | None:
        """Whether an expired prompt for the second factor is followed by another; None where the setting is not known."""
        if self.run.asks_again is not None:
            return self.run.asks_again
        again = self.setting("ReloginAfterSecondFactorAuthenticationTimeout", "RELOGIN_AFTER_TWOFA_TIMEOUT").lower()
        if self.of_controller("ibg-controller") or self.of_controller("ibcontroller"):
            action = self.setting("", "TWOFA_TIMEOUT_ACTION").lower()
            return again in ("yes", "true") or action == "restart" if again or action else None
        return again in ("yes", "true") if again else None

    def of_controller(self, name: str) -> bool:
        """Whether that controller runs the gateway: by its log, else by the container, whose image may hold several."""
        told = (self.log.controller.name if self.log else None) or self.gateway.family.controller
        return (told or (self.family.controller if self.family else "")).lower() == name

    def own_name(self, variable: str) -> str | None:
        """What the gateway's image calls what is `variable` with gnzsnz and IBC; None where it has nothing like it."""
        family = self.family
        if family is None or variable not in _WORDS and (variable not in _OTHERS or variable in family.variables):
            return variable
        if variable in _OTHERS:
            return family.other_names.get(variable)
        setting = family.words.get(_WORDS[variable])
        if not isinstance(setting, Setting):
            return None
        if variable.endswith("_FILE"):
            return setting.file
        return variable if variable in setting.variables else family.variable(_WORDS[variable])

    def in_own_names(self, text: str) -> str | None:
        """`text` with the variables that it names as the gateway's image calls them; None where it has nothing like one of them."""
        names = {found[0]: self.own_name(found[0]) for found in _NAMES.finditer(text)}
        return None if None in names.values() else _NAMES.sub(lambda found: names[found[0]] or "", text)

    # What does the container say?

    def variable(self, name: str) -> str:
        """A variable of the container's environment; empty when it is empty or not set."""
        return _value(self.gateway.container.environment.get(name))

    @property
    def variables_given(self) -> tuple[str, ...]:
        """The variables that were set for the container, and not to nothing; all that it has where its image is gone."""
        container = self.gateway.container
        given = container.environment if container.environment_given is None else container.environment_given
        return tuple(name for name in given if self.variable(name))

    @property
    def family(self) -> Family | None:
        """What is known of its image family."""
        return BY_NAME.get(self.gateway.family.name or (self.log.family if self.log else None) or "")

    @property
    def runs_tws(self) -> bool:
        """The container runs TWS instead of IB Gateway (images of both set it themselves)."""
        return "tws" in (self.variable("GATEWAY_OR_TWS"), self.variable("IBC_PROGRAM"))

    @property
    def trading_mode_asked(self) -> str:
        """The trading mode that the container's environment asks for; empty where it asks for none."""
        if self.family is None:
            return self.variable("TRADING_MODE")
        return self.family.trading_mode(self.gateway.container.environment) or ""

    @property
    def user(self) -> str | None:
        """The hash of the user that logs in to this endpoint."""
        users = self.gateway.container.users
        return users.paper if self.endpoint == "paper" else users.live

    def of_endpoint(self, places: Sequence[_Place]) -> tuple[_Place, ...]:
        """Of files or directories those of this endpoint; where both modes run, each has its own, told by its end."""
        return tuple(one for one in places if len(places) == 1 or (one.path or "").endswith(f"_{self.endpoint}"))

    @property
    def program(self) -> str:
        """What runs in it: `gateway`, or `tws`, as images of TWS say and their ports show."""
        # gnzsnz Dockerfile.tws:21-36, extrange start.sh:24; ibcontroller Dockerfile.template
        told = (self.variable("GATEWAY_OR_TWS") or self._usual_program, self.variable("IBC_PROGRAM"))
        ports = self.family.ports if self.family else {}
        published = {each.container_port for each in self.gateway.ports}
        shown = {port.program for number, port in ports.items() if number in published}
        return "tws" if "tws" in (*told, *shown) else "gateway"

    @property
    def _usual_program(self) -> str:
        """What an image runs that can run either, where nobody says."""
        name = self.family.variable("program") if self.family and self.gateway.container.id else None
        return self.family.variables[name].default if self.family and name else ""

    def own_ports(self, role: str) -> tuple[int, ...]:
        """Where its family listens for this endpoint inside the container: the gateway itself, or its relay."""
        ports = self.family.ports.items() if self.family else ()
        return tuple(
            number
            for number, port in ports
            if port.role == role and (self.endpoint is None or port.endpoint in (self.endpoint, None))
        )

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
        quotes = (self.quote("health", words, at), *(self.quote("health", text) for text in extra if text))
        return quotes if self.running else quotes + self.lock_quotes()

    def lock_quotes(self) -> tuple[Quote, ...]:
        """The run that has the lock on the gateway: what it found, or left behind, may be that run's doing."""
        lock, ended = self.gateway.lock, moment(self.gateway.container.finished_at)
        until = moment(lock.until) or self.now
        over = until <= self.now
        if not lock.owner or (over and ended and ended > until):
            return ()
        words = (
            "was cut off before its end: run it again"
            if over
            else f"works on it, until {lock.until} at most, or was cut off"
        )
        return (self.quote("health", f"lock: {lock.owner} {words}", lock.since),)

    def api_quotes(self) -> tuple[Quote, ...]:
        """What the API probe met, one quote for each place that it asked from and at."""
        places = (
            (self.api, f"inside {self.name}" if self.api.inside else f"from {self.machine}"),
            (self.relay_inside, f"inside {self.name}, through the relay"),
            (self.inside, f"inside {self.name}, the gateway's own port"),
        )
        # Of two names for one answer, the one that says more.
        said = {id(answer): self._api_quote(answer, place) for answer, place in places if answer.outcome}
        return tuple(said.values())

    def _api_quote(self, answer: Endpoint, place: str) -> Quote:
        times = f" ({answer.attempts} times)" if (answer.attempts or 0) > 1 else ""
        words = f"{answer.host}:{answer.port} {place}: {(answer.outcome or '').replace('_', ' ')}{times}"
        words += f", reached {answer.reached}" + (f": {answer.detail}" if answer.detail else "")
        return self.quote("api", words)

    def quote(self, source: str, words: str, at: str | None = None) -> Quote:
        """One piece of evidence, fit to be shown."""
        return Quote(source, quote(words), at)


def _value(told: str | None) -> str:
    """A setting's value as the probes tell it."""
    return told if told and told != EMPTY else ""


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time of a module result, in UTC; None for anything else and for Docker's zero time."""
    try:
        parsed = datetime.fromisoformat(text or "")
        at = parsed.replace(tzinfo=timezone.utc) if parsed.tzinfo is None else parsed.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return None if parsed.year <= 1 else at


def stamp(at: datetime) -> str:
    """A time as reports give it: ISO 8601 in UTC, whole seconds."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
