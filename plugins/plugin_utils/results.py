# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rules read of what the three modules return, as typed records; the names are those of the modules' RETURN documentation.

`read` makes a record from plain data and never fails: what is absent, null or of another type reads as None or empty, so that a
rule needs to ask only whether something was seen.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

Record = TypeVar("Record")


def read(record: type[Record], data: object) -> Record:
    """`data` as a `record`; everything that does not fit is left out."""
    given = data if isinstance(data, Mapping) else {}
    makers = _makers(typing.cast(typing.Hashable, record))
    return record(**{name: make(given.get(name)) for name, make in makers.items()})


class _Form(NamedTuple):
    """What a field takes: whether a value is that, and what is made of a value, empty where it is not."""

    fits: Callable[[Any], bool]
    made: Callable[[Any], Any]


@cache
def _makers(record: type) -> dict[str, Callable[[Any], Any]]:
    return {name: _form(hint).made for name, hint in typing.get_type_hints(record).items()}


def _form(hint: Any) -> _Form:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):  # always "something or None"
        fits, made = _form(next(option for option in arguments if option is not type(None)))
        return _Form(fits, lambda value: made(value) if value is not None and fits(value) else None)
    if origin is tuple:
        fits, made = _form(arguments[0])
        return _Form(_is_list, lambda value: tuple(made(one) for one in value if fits(one)) if _is_list(value) else ())
    if origin is dict:
        fits, made = _form(arguments[1])

        def pairs(value: Any) -> dict[str, Any]:
            return {str(key): made(one) for key, one in value.items() if fits(one)} if _is_mapping(value) else {}

        return _Form(_is_mapping, pairs)
    if is_record(hint):
        return _Form(_is_mapping, partial(read, hint))
    return _Form(_FITS.get(hint) or (lambda value: isinstance(value, hint)), lambda value: value)


def is_record(hint: Any) -> bool:
    """Whether it is one of the records below."""
    return is_dataclass(hint) or hasattr(hint, "_fields")


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


#: How a value is told that a type alone does not tell: of Python's numbers one is a bool, and one is no number.
_FITS: Mapping[Any, Callable[[Any], bool]] = {int: _is_whole_number, float: _is_number, object: lambda _value: True}


# ibgw_health


class Memory(NamedTuple):
    total: int | None
    available: int | None


class Disk(NamedTuple):
    path: str | None
    free: int | None
    total: int | None
    free_inodes: int | None


class Host(NamedTuple):
    now: str | None
    boot_time: str | None
    clock_synchronized: bool | None
    memory: Memory
    disks: tuple[Disk, ...]


@dataclass(frozen=True)
class Probed:
    """The four keys in which a probe says whether it could look."""

    available: bool | None
    problem: str | None
    reason: str | None
    fix: str | None

    @property
    def failed(self) -> bool:
        """The probe said that it could not look."""
        return self.available is False


class HealthCheck(NamedTuple):
    status: str | None
    failing_streak: int | None
    last_output: str | None


class ContainerMemory(NamedTuple):
    limit: int | None
    usage: int | None
    oom_kills: int | None


class KernelKill(NamedTuple):
    at: str | None
    process: str | None
    short_of: str | None


class OpenFiles(NamedTuple):
    hard: int | None


class HealthCheckDefined(NamedTuple):
    test: str | None
    start_period: float | None
    from_image: bool | None


class Owner(NamedTuple):
    uid: int | None
    gid: int | None
    mode: str | None


class Mount(NamedTuple):
    source: str | None
    target: str | None
    type: str | None
    read_only: bool | None
    kind: str | None
    owner: Owner | None
    writable_by_gateway: bool | None
    disk: str | None


class SettingsDirectory(NamedTuple):
    path: str | None
    mount: str | None
    kind: str | None
    owner: Owner | None
    writable_by_gateway: bool | None
    blocked_by: tuple[str, ...]
    time_zone: str | None


class ConfigurationFile(NamedTuple):
    path: str | None
    mount: str | None
    kind: str | None
    readable_by_gateway: bool | None


class SecretFile(NamedTuple):
    variable: str | None
    path: str | None
    source: str | None
    kind: str | None
    owner: Owner | None
    readable_by_gateway: bool | None
    empty: bool | None
    carriage_return: bool | None
    trailing_blank: bool | None


class User(NamedTuple):
    uid: int | None
    gid: int | None


class Users(NamedTuple):
    live: str | None
    paper: str | None


class Container(NamedTuple):
    id: str | None
    image: str | None
    image_digest: str | None
    image_named_by: str | None
    status: str | None
    started_at: str | None
    finished_at: str | None
    exit_code: int | None
    exit_meaning: str | None
    error: str | None
    oom_killed: bool | None
    host_oom_killed: bool | None
    kernel_kills: tuple[KernelKill, ...]
    restart_count: int | None
    restart_policy: str | None
    stop_timeout: int | None
    health: HealthCheck
    healthcheck: HealthCheckDefined | None
    memory: ContainerMemory
    nofile: OpenFiles | None
    network_mode: str | None
    mounts: tuple[Mount, ...]
    tmpfs: dict[str, str]
    settings: tuple[SettingsDirectory, ...]
    configuration: tuple[ConfigurationFile, ...]
    secrets: tuple[SecretFile, ...]
    user: User | None
    users: Users
    environment: dict[str, str]
    environment_given: tuple[str, ...] | None
    sample_secrets: tuple[str, ...]


class Family(NamedTuple):
    name: str | None
    controller: str | None
    generation: str | None
    because: tuple[str, ...]


class Port(NamedTuple):
    container_port: int | None
    host_ip: str | None
    host_port: int | None
    role: str | None
    endpoint: str | None


class Process(NamedTuple):
    role: str | None
    started_at: str | None
    rss: int | None
    max_heap: int | None
    gc_share: float | None


class Listener(NamedTuple):
    port: int | None
    address: str | None
    accept_queue: int | None
    accept_limit: int | None


class Connection(NamedTuple):
    port: int | None
    peer: str | None


class Sockets(NamedTuple):
    listening: tuple[Listener, ...]
    established: tuple[Connection, ...]
    close_wait: dict[str, int]
    taken: tuple[int, ...]


class Event(NamedTuple):
    at: str | None
    action: str | None
    exit_code: int | None
    by: str | None
    who: str | None
    candidates: tuple[str, ...]


class Supervisor(NamedTuple):
    kind: str | None
    name: str | None
    does: tuple[str, ...]
    where: str | None
    terms: str | None


class Lock(NamedTuple):
    owner: str | None
    since: str | None
    until: str | None


class OldContainer(NamedTuple):
    id: str | None


class Rebuild(NamedTuple):
    began_at: str | None
    old: OldContainer


@dataclass(frozen=True)
class GatewayHealth(Probed):
    name: str | None
    exists: bool | None
    similar_names: tuple[str, ...]
    renamed_to: str | None
    container: Container
    family: Family
    ports: tuple[Port, ...]
    processes: tuple[Process, ...]
    sockets: Sockets
    supervisors: tuple[Supervisor, ...] | None
    events: tuple[Event, ...]
    hold: object
    lock: Lock
    deployment: object
    rebuild: Rebuild | None
    cut: dict[str, int]


class Engine(NamedTuple):
    kind: str | None
    root_dir: str | None
    started_at: str | None


@dataclass(frozen=True)
class Health(Probed):
    engine: Engine
    host: Host
    gateways: tuple[GatewayHealth, ...]


# ibgw_logscan


class Controller(NamedTuple):
    name: str | None
    version: str | None


class Exit(NamedTuple):
    code: int | None
    meaning: str | None


class LogLine(NamedTuple):
    at: str | None
    line: int | None
    quote: str | None


class Previous(NamedTuple):
    problem: str | None
    got_as_far_as: str | None


class LauncherLog(NamedTuple):
    problem: str | None
    evidence: tuple[LogLine, ...]


class Instance(NamedTuple):
    endpoint: str | None
    ambiguous: bool | None
    state: str | None
    since: str | None
    run_started_at: str | None
    run_kind: str | None
    attempt_kind: str | None
    deadline: str | None
    asks_again: bool | None
    read_only_api: bool | None
    open_windows: tuple[str, ...]
    last_exit: Exit | None
    problem: str | None
    evidence: tuple[LogLine, ...]
    launcher: LauncherLog | None
    previous: Previous | None


class History(NamedTuple):
    login_attempts_last_hour: int | None
    logins_completed_last_hour: int | None
    twofa_prompts: int | None
    twofa_prompts_last_day: int | None
    unanswered_prompts: int | None
    controller_restarts_last_hour: int | None
    last_login_at: str | None
    last_full_login_at: str | None
    by_exit_code: dict[str, int]


class RelayLog(NamedTuple):
    bind_errors: int | None
    last_at: str | None


class LogEvent(NamedTuple):
    at: str | None
    event: str | None
    endpoint: str | None
    quote: str | None


class Window(NamedTuple):
    last_at: str | None
    lines: int | None
    truncated: bool | None
    damaged: bool | None
    silent_seconds: float | None


@dataclass(frozen=True)
class GatewayLog(Probed):
    name: str | None
    family: str | None
    controller: Controller
    gateway_version: str | None
    time_zone: str | None
    settings: dict[str, str]
    window: Window
    instances: tuple[Instance, ...]
    history: History
    relay: RelayLog
    events: tuple[LogEvent, ...]


@dataclass(frozen=True)
class LogScan(Probed):
    gateways: tuple[GatewayLog, ...]


# ibgw_handshake


class Notice(NamedTuple):
    code: int | None
    text: str | None
    at: str | None


class Phase(NamedTuple):
    phase: str | None
    ok: bool | None
    ms: float | None


class FirstFailure(NamedTuple):
    outcome: str | None


class Account(NamedTuple):
    positions: int | None
    open_orders: int | None


class Endpoint(NamedTuple):
    gateway: str | None
    endpoint: str | None
    host: str | None
    port: int | None
    inside: object
    reached: str | None
    outcome: str | None
    problem: str | None
    detail: str | None
    phases: tuple[Phase, ...]
    attempts: int | None
    first_failure: FirstFailure | None
    server_version: int | None
    accounts: tuple[str, ...]
    account_mode: str | None
    notices: tuple[Notice, ...]
    first_bytes: str | None
    total_ms: float | None
    account: Account

    @property
    def accepted(self) -> bool:
        """Somebody accepted the connection."""
        return self.reached not in (None, "none", "resolve")

    @property
    def greeted(self) -> bool:
        """A gateway answered the hello."""
        return self.accepted and self.reached not in ("tcp", "open")

    @property
    def silences(self) -> int:
        """How many connections in a row were accepted and stayed silent."""
        if not (self.outcome or "").startswith("silent"):
            return 0
        other = self.first_failure is not None and not (self.first_failure.outcome or "").startswith("silent")
        return (self.attempts or 0) - other


@dataclass(frozen=True)
class Handshake(Probed):
    endpoints: tuple[Endpoint, ...]
