# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was seen, gateway by gateway: registered module results and inventory variables become the cases that rules judge."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import (
    LOGGED_IN,
    PROBES,
    SERVED,
    Case,
    Declared,
    Task,
    moment,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import (
    Endpoint,
    GatewayLog,
    Handshake,
    Health,
    Instance,
    LogScan,
    read,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import reset_windows

#: What the inventory says of all gateways of a machine, beside their list.
OF_MACHINE = ("gateway_expose", "audit_alerting", "diagnose_api_slow_after", "recover_reset_windows")


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
    asked_at: datetime | None = None,
) -> Machine:
    """The evidence of one machine: its inventory `variables`, and in `results` how each step of `PROBES` was answered.

    The machine told its own time between `asked_at` and `now` on the controller's clock; where it told none, `now` counts.

    `only` selects gateways (`name` or `machine/name`); None selects all. A machine that could not be judged has one gateway per
    declared one; where it declares none, one with its own name.
    """
    blank = replace(
        _blank(name, results, now, asked_at),
        alerting=_text(variables.get("audit_alerting")),
        reset_windows=reset_windows(variables),
    )
    declared = _declared(variables)
    seen = {gateway.name: gateway for gateway in blank.health.gateways if gateway.name}
    names = list(dict.fromkeys([*declared, *seen]))
    answers = (*blank.handshake.endpoints, *blank.asked_inside.endpoints)
    rows = [
        Gateway(
            gateway,
            gateway in declared,
            _cases(
                replace(
                    blank,
                    name=gateway,
                    declared=declared.get(gateway),
                    api_slow_after=_slow_after(declared.get(gateway), variables),
                    gateway=seen.get(gateway, blank.gateway),
                    log=next((log for log in blank.logscan.gateways if log.name == gateway), None),
                ),
                [answer for answer in answers if answer.gateway == gateway],
            ),
        )
        for gateway in names
        if _selected(only, name, gateway)
    ]
    if not names and only is None:
        rows = [Gateway(name, True, (blank,))]
    return Machine(name, blank.now, tuple(rows))


def across(machines: Sequence[Machine]) -> list[Machine]:
    """The same evidence, each case now with what only all machines together show: who else logs in as its user, and who else it is."""
    users: dict[tuple[str, str | None], dict[str, str | None]] = {}
    containers: dict[str | None, set[str]] = {None: set()}
    for machine in machines:
        for gateway in machine.gateways:
            for case in gateway.cases:
                if case.gateway.container.id:
                    containers.setdefault(case.gateway.container.id, set()).add(f"{machine.name}/{gateway.name}")
                # One that only stands by, stopped and undeclared, takes no session.
                if case.user and (gateway.declared or not case.ended):
                    named = users.setdefault((case.user, case.endpoint), {})
                    named[f"{machine.name}/{gateway.name}"] = case.gateway.container.id
    return [
        replace(
            machine, gateways=tuple(_among(machine.name, gateway, users, containers) for gateway in machine.gateways)
        )
        for machine in machines
    ]


def _among(
    machine: str,
    gateway: Gateway,
    users: Mapping[tuple[str, str | None], Mapping[str, str | None]],
    containers: Mapping[str | None, Collection[str]],
) -> Gateway:
    """The gateway with who shares its users; one container is one gateway, under whatever name its machine is asked."""
    cases = []
    for case in gateway.cases:
        named = users.get((case.user or "", case.endpoint), {})
        same = sorted(name for name, container in named.items() if container != case.gateway.container.id)
        names = sorted({*containers[case.gateway.container.id]} - {f"{machine}/{gateway.name}"})
        cases.append(replace(case, same_user=tuple(same), same_container=tuple(names)))
    return replace(gateway, cases=tuple(cases))


def _blank(name: str, results: Mapping[str, Any], now: datetime, asked_at: datetime | None) -> Case:
    """What the cases of a machine have in common; of a machine with no gateway its one case."""
    health = read(Health, _result(results, "health"))
    # Docker and the logs go by the machine's clock, and a run over many machines is judged long after it looked at the first.
    told = moment(health.host.now)
    return Case(
        machine=name,
        name=name,
        now=told or now,
        clock_offset=_clock_offset(told, asked_at, now) if told else 0.0,
        tasks={probe: _task(results.get(probe)) for probe in PROBES},
        health=health,
        logscan=read(LogScan, _result(results, "logscan")),
        handshake=read(Handshake, _result(results, "handshake")),
        asked_inside=read(Handshake, _result(results, "inside")),
    )


def _clock_offset(told: datetime, asked_at: datetime | None, now: datetime) -> float:
    """By how many seconds a clock is off at least, by the time that it told between two moments."""
    nearest = min(max(told, asked_at or told), now)
    return (told - nearest).total_seconds()


def saved_log(name: str, result: Mapping[str, Any], now: datetime) -> list[Gateway]:
    """The evidence of a saved log: what `ibgw_logscan` returned for a path; `now` counts only where the log tells no time.

    A log of several services, as compose writes it, has a row for each.
    """
    logscan = read(LogScan, result)
    blank = Case(machine=name, name=name, now=now, saved_log=True, logscan=logscan)
    services = [
        replace(blank, name=log.name or name, log=log, now=_judged_from(log) or now) for log in logscan.gateways
    ]
    if len(services) == 1:
        services = [replace(services[0], name=name)]
    return [Gateway(each.name, True, _cases(each, [])) for each in services or [blank]]


def _judged_from(log: GatewayLog) -> datetime | None:
    """The moment from which the log probe judged the silence of a saved log: its last line, or what the operator gave."""
    last = moment(log.window.last_at)  # in whole seconds
    return None if last is None else last + timedelta(seconds=math.ceil(log.window.silent_seconds or 0))


def _result(results: Mapping[str, Any], probe: str) -> object:
    registered = results.get(probe)
    return registered.get(PROBES[probe]) if isinstance(registered, Mapping) else None


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
    default = {"expose": variables.get("gateway_expose")}
    read_entries = (
        read(Declared, {**default, **entry} if isinstance(entry, Mapping) else None)
        for entry in (entries if isinstance(entries, (list, tuple)) else ())
    )
    return {entry.name: entry for entry in read_entries if entry.name}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _slow_after(declared: Declared | None, variables: Mapping[str, Any]) -> float:
    """After how many seconds the API of a gateway counts as slow: its own limit, else that of its machine; 0 for no limit."""
    own = declared.api_slow_after if declared else None
    given = variables.get("diagnose_api_slow_after") if own is None else own
    try:
        return float(str(given or 0))  # what comes from the command line is text
    except ValueError:
        return 0.0


def _selected(only: Collection[str] | None, machine_name: str, gateway: str) -> bool:
    return only is None or gateway in only or f"{machine_name}/{gateway}" in only


def _cases(whole: Case, answers: list[Endpoint]) -> tuple[Case, ...]:
    """`whole` split into one case per endpoint; each gets its own run of the log and its own answers of the API."""
    endpoints = _endpoints(whole, answers)
    runs = _runs(whole, endpoints, answers)
    return tuple(
        _answered(
            replace(
                whole,
                endpoint=endpoint,
                mode="both" if len(endpoints) > 1 else endpoint,
                run=runs.get(endpoint, whole.run),
            ),
            [answer for answer in answers if answer.endpoint == endpoint or len(endpoints) == 1],
        )
        for endpoint in endpoints
    )


def _endpoints(whole: Case, answers: Iterable[Endpoint]) -> tuple[str | None, ...]:
    """The endpoints that a gateway has: by declaration, by its settings, by what was seen."""
    modes = (
        whole.declared.trading_mode if whole.declared else None,
        whole.trading_mode_asked,
        whole.setting("TradingMode", ""),
    )
    instances = {run.endpoint for run in whole.log.instances} if whole.log else set()
    if "both" in modes or {"paper", "live"} <= instances:
        return ("paper", "live")
    for mode in modes:
        if mode in ("paper", "live"):
            return (mode,)
    seen = (instances | {answer.endpoint for answer in answers}) & {"paper", "live"}
    if len(seen) == 1:
        return tuple(seen)
    return (None if any(answer.account_mode for answer in answers) else _mode_of_image(whole),)


def _mode_of_image(whole: Case) -> str | None:
    """What the image runs where its container was told nothing; what it makes of a mode that it does not know is not known."""
    family = whole.family if whole.gateway.container.id else None
    name = family.variable("trading_mode") if family else None
    return family.mode_unless_set if family and name and not whole.variable(name) else None


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
    return _untangled(runs, answers)


def _untangled(runs: dict[str | None, Instance], answers: list[Endpoint]) -> dict[str | None, Instance]:
    """`runs`, exchanged where their log does not tell them apart and the API's answers fit the other way round."""
    if len(runs) != 2 or not all(run.ambiguous for run in runs.values()):
        return runs
    crossed = dict(zip(runs, reversed(list(runs.values())), strict=True))
    return max(
        (runs, crossed),
        key=lambda told: sum(_likeness(run, endpoint, answers) for endpoint, run in told.items()),
    )


def _likeness(run: Instance, endpoint: str | None, answers: list[Endpoint]) -> int:
    served = any(answer.endpoint == endpoint and answer.outcome in SERVED for answer in answers)
    agrees = served == (run.state in LOGGED_IN)
    # paper logins have no second factor (IBC AbstractLoginHandler.java:102)
    asks_factor = (run.state or "").startswith("twofa")
    return 2 * agrees + (asks_factor and endpoint == "live")


def _answered(case: Case, answers: list[Endpoint]) -> Case:
    """`case` with the answers at its endpoint, each in the place that it was asked from and at."""
    ports = case.family.ports.items() if case.family else ()
    relays = {number for number, port in ports if port.role == "relay"}
    outside = [answer for answer in answers if not answer.inside]
    relay = [answer for answer in answers if answer.inside and answer.port in relays]
    own = [answer for answer in answers if answer.inside and answer.port not in relays]
    return replace(
        case,
        api=_best(outside or relay or own, case.endpoint),
        relay_inside=_best(relay, case.endpoint),
        inside=_best(own, case.endpoint),
    )


def _best(answers: list[Endpoint], endpoint: str | None) -> Endpoint:
    """Of several ways in, one that serves is enough for clients."""
    exact = [answer for answer in answers if answer.endpoint == endpoint] or answers
    return max(exact, key=lambda answer: answer.outcome in SERVED, default=read(Endpoint, None))
