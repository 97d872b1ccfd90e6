# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What operators give: machines with their gateways, and which of them to look at.

Whatever is wrong raises `Misuse` with one sentence (what was given, what is allowed) before anything is probed. The result is
a plan: for each machine that is to be asked, the names to ask for and whether to find others too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.ibgw.ops.plugins.module_utils.api.wire import DEPTHS
from ansible_collections.ibgw.ops.plugins.module_utils.engine import ADDRESS, ADDRESSES, CONTAINER_NAME, CONTAINER_NAMES
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable, quote, shown
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import WORDS
from ansible_collections.ibgw.ops.plugins.plugin_utils.report import FAILING
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import Unusable, Window, reset_windows

TRADING_MODES = ("paper", "live", "both")
STATES = ("present", "absent")

#: What diagnosis uses of an entry; the other words describe a gateway that is deployed.
GATEWAY_KEYS = ("name", "state", "trading_mode", "family", "ports", "expect_orders", "api_slow_after", "expose")
PORT_NAMES = ("paper", "live", "vnc")

#: Names that a sentence has of many.
NAMED = 5

#: Seconds that the API of a gateway may take, unless `diagnose_api_timeout` is given.
API_TIMEOUT = 5

#: Seconds from one forced login to the next.
WEEK = 604_800


@dataclass(frozen=True)
class Ask:
    """What one machine is asked about: these names, and with `find` every other gateway that is there."""

    names: tuple[str, ...]
    find: bool

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON types, fit for an Ansible variable."""
        return {**asdict(self), "names": list(self.names)}


def check_names(machines: Iterable[str]) -> None:
    """Check what the machines are called: each as it is shown, and none as a gateway of another."""
    known = {*machines}
    for machine in machines:
        if printable(machine) != machine or not machine:
            raise Misuse(
                f"the inventory has a machine named {quote(ascii(machine), limit=80)}; a name has no control characters, and no blanks at"
                " its ends or several in a row"
            )
        other, slash, _name = machine.rpartition("/")
        if slash and other in known:
            raise Misuse(
                f"the machine {quote(machine)} is named as a gateway of the machine {quote(other)} would be; name it otherwise"
            )


def check_machine(machine: str, variables: Mapping[str, Any]) -> list[str]:
    """Check what the inventory says of one machine; returns warnings."""
    _check_probing(variables, f" of the machine {machine}")
    check_docker_host(machine, variables.get("diagnose_docker_host"))
    try:
        _finds_undeclared(variables)
    except TypeError:
        given = shown(variables["diagnose_undeclared"])
        raise Misuse(f"diagnose_undeclared of the machine {machine} is {given}; allowed are true and false") from None
    _check_alerting(machine, variables.get("audit_alerting"))
    gateways = variables.get("gateways")
    if gateways is None:
        return []
    if not isinstance(gateways, Sequence) or isinstance(gateways, str):
        raise Misuse(
            f"gateways of the machine {machine} is {shown(gateways)}; it must be a list like [{{name: ib-gateway}}]"
        )
    api_timeout = float(variables.get("diagnose_api_timeout", API_TIMEOUT))
    warnings = [
        warning for at, entry in enumerate(gateways, 1) for warning in _check_gateway(machine, at, entry, api_timeout)
    ]
    names = [entry["name"] for entry in gateways]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise Misuse(f"the machine {machine} declares the gateway {quote(twice)} twice; names are unique on a machine")
    _check_ports_apart(machine, present(variables))
    return warnings


def _check_ports_apart(machine: str, gateways: Iterable[Mapping[str, Any]]) -> None:
    """Check that no two endpoints of a machine have one port; on another address of it the number may be the same."""
    taken: dict[tuple[int, Any], str] = {}
    for entry in gateways:
        for name, port in (entry.get("ports") or {}).items():
            address = None if name == "vnc" else entry.get("bind_address")
            here = f"{name} of the gateway {machine}/{entry['name']}"
            other = taken.setdefault((port, str(address)), here)
            if other is not here:
                raise Misuse(
                    f"the port {port} is given for {other} and for {here}; a port of a machine leads to one of them"
                )


def _check_alerting(machine: str, told: Any) -> None:
    if told is not None and not isinstance(told, str):
        raise Misuse(
            f"audit_alerting of the machine {machine} is {shown(told)}; it must be a text that names what tells a person, or 'none'"
        )


def _check_gateway(machine: str, at: int, entry: Any, api_timeout: float) -> list[str]:
    where = f"gateway {at} of the machine {machine}"
    if not isinstance(entry, Mapping):
        raise Misuse(f"{where} is {shown(entry)}; it must be a mapping like {{name: ib-gateway, trading_mode: paper}}")
    name = entry.get("name")
    if not name:
        raise Misuse(f"{where} has no name; name is the name of its container")
    if not isinstance(name, str) or not CONTAINER_NAME.fullmatch(name):
        raise Misuse(f"{where} is named {shown(name)}; allowed for a container are {CONTAINER_NAMES}")
    where = f"the gateway {machine}/{quote(name)}"
    if "state" in entry:
        _one_of(f"state of {where}", entry["state"], STATES)
    if "trading_mode" in entry:
        _one_of(f"trading_mode of {where}", entry["trading_mode"], TRADING_MODES)
    _check_ports(where, entry.get("ports"))
    expect_orders = entry.get("expect_orders")
    if expect_orders is not None and not isinstance(expect_orders, bool):
        raise Misuse(f"expect_orders of {where} is {shown(expect_orders)}; allowed are true and false")
    _check_slow_after(f"api_slow_after of {where}", entry.get("api_slow_after", 0), api_timeout)
    unknown = [str(key) for key in entry if key not in GATEWAY_KEYS and key not in WORDS]
    return [
        f"{where} has {shown(key)}, which diagnosis does not use; it uses {_listed(GATEWAY_KEYS)}" for key in unknown
    ]


def _check_ports(where: str, ports: Any) -> None:
    if ports is None:
        return
    if not isinstance(ports, Mapping):
        raise Misuse(f"ports of {where} is {shown(ports)}; it must be a mapping like {{paper: 4002}}")
    for endpoint, port in ports.items():
        _one_of(f"a name in ports of {where}", endpoint, PORT_NAMES)
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise Misuse(f"port {endpoint} of {where} is {shown(port)}; a port is a number from 1 to 65535")


def check_docker_host(machine: str, address: Any) -> None:
    """Check the form of an engine's address; one that does not answer is a result, not misuse."""
    if not address:
        return
    if not ADDRESS.fullmatch(str(address)):
        raise Misuse(f"diagnose_docker_host of the machine {machine} is {shown(address)}; allowed are {ADDRESSES}")


def check_settings(variables: Mapping[str, Any]) -> None:
    """Check the `diagnose_*` variables that hold for the whole run."""
    _one_of("diagnose_fail_on", variables.get("diagnose_fail_on", "down"), tuple(FAILING))
    _one_of("audit_fail_on", variables.get("audit_fail_on", "advice"), tuple(audit.FAILING))
    _check_probing(variables)
    _check_remind_before(variables.get("diagnose_remind_before", 0))
    _check_store(variables)
    _one_of("diagnose_ascii", str(variables.get("diagnose_ascii", False)).lower(), ("true", "false", "yes", "no"))
    if variables.get("diagnose_bundle") and variables.get("diagnose_log_path"):
        raise Misuse("diagnose_bundle and diagnose_log_path are both given; what is judged is one of them")
    as_of = variables.get("diagnose_log_as_of")
    if as_of:
        if not variables.get("diagnose_log_path"):
            raise Misuse("diagnose_log_as_of is given without diagnose_log_path, the saved log that it belongs to")
        _check_moment(as_of)


def _check_probing(variables: Mapping[str, Any], whose: str = "") -> None:
    """Check the settings in which machines may differ."""
    _one_of(f"diagnose_depth{whose}", variables.get("diagnose_depth", "api"), DEPTHS)
    _check_timeout(f"diagnose_timeout{whose}", variables.get("diagnose_timeout", 10))
    api_timeout = variables.get("diagnose_api_timeout", API_TIMEOUT)
    _check_timeout(f"diagnose_api_timeout{whose}", api_timeout)
    slow_after = variables.get("diagnose_api_slow_after", 0)
    _check_slow_after(f"diagnose_api_slow_after{whose}", slow_after, float(api_timeout))
    windows(variables, whose)


def _check_timeout(name: str, value: Any) -> None:
    if not _within(value, 1, 300):
        raise Misuse(f"{name} is {shown(value)}; allowed are 1 to 300 seconds")


def windows(variables: Mapping[str, Any], whose: str = "") -> tuple[Window, ...]:
    """When IBKR resets its servers, as operators give it; raises `Misuse`."""
    try:
        return reset_windows(variables, whose)
    except Unusable as error:
        raise Misuse(str(error)) from None


def _check_slow_after(name: str, value: Any, api_timeout: float) -> None:
    """Check a limit that the API may not exceed: what takes longer than it is asked was never seen to become ready."""
    if not _within(value, 0, api_timeout) or float(value) == api_timeout:
        raise Misuse(
            f"{name} is {shown(value)}; allowed are seconds below diagnose_api_timeout, which is {api_timeout:g}, and 0 for no limit"
        )


def _check_remind_before(value: Any) -> None:
    if not _within(value, 0, WEEK):
        raise Misuse(f"diagnose_remind_before is {shown(value)}; allowed are 0 to {WEEK} seconds, which is a week")


def _check_store(variables: Mapping[str, Any]) -> None:
    """Check what is said of the report store; whether it can be used is found out when it is."""
    directory, host = variables.get("diagnose_store_dir") or "", variables.get("diagnose_store_host", "localhost")
    if not isinstance(directory, str) or (directory and not directory.startswith("/")):
        raise Misuse(
            f"diagnose_store_dir is {shown(directory)}; it must be the absolute path of a directory on {quote(str(host))}"
        )
    if not isinstance(host, str) or not host:
        raise Misuse(
            f"diagnose_store_host is {shown(host)}; it must be localhost, which is the controller, or a host of the inventory"
        )
    stale_after = variables.get("diagnose_stale_after", 900)
    if not _within(stale_after, 60, 30 * 86400):
        raise Misuse(
            f"diagnose_stale_after is {shown(stale_after)}; allowed are 60 to {30 * 86400} seconds, which is a month"
        )
    audit_after = variables.get("audit_stale_after", 2 * 86400)
    if not _within(audit_after, 60, 366 * 86400):
        raise Misuse(
            f"audit_stale_after is {shown(audit_after)}; allowed are 60 to {366 * 86400} seconds, which is a year"
        )
    forget = variables.get("diagnose_forget") or []
    if not isinstance(forget, (str, list)) or not all(isinstance(item, str) for item in forget):
        raise Misuse(f"diagnose_forget is {shown(forget)}; it must be machines, and gateways as machine/name")
    if forget and not directory:
        raise Misuse("diagnose_forget is given without diagnose_store_dir, the report store that is to forget")


def _within(value: Any, least: float, most: float) -> bool:
    try:
        return not isinstance(value, bool) and least <= float(value) <= most
    except (TypeError, ValueError):
        return False


def _check_moment(value: Any) -> None:
    if epoch(str(value).strip()) is None:
        raise Misuse(
            f"diagnose_log_as_of is {shown(value)}; it must be a moment in ISO 8601 with its zone, like 2026-03-01T12:00:00Z"
        )


def present(variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of the gateways that are to be on a machine: those that are not declared absent."""
    return [entry for entry in variables.get("gateways") or [] if entry.get("state") != "absent"]


def absent(variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of the gateways that are not to be on a machine."""
    return [entry for entry in variables.get("gateways") or [] if entry.get("state") == "absent"]


def declared(variables: Mapping[str, Any]) -> list[str]:
    """Names of the gateways that the inventory declares on a machine."""
    return [entry["name"] for entry in present(variables)]


def selection(setting: str, only: Any) -> list[str]:
    """A setting that names gateways, as a list; one text may name several, separated by commas."""
    if only is None:
        return []
    if isinstance(only, str):
        only = only.split(",")
    if not isinstance(only, Sequence):
        raise Misuse(f"{setting} is {shown(only)}; it must be names of gateways, each as name or machine/name")
    items = [str(item).strip() for item in only]
    items = [item for item in items if item]
    for item in items:
        machine, slash, name = item.rpartition("/")
        if bool(machine) != bool(slash) or not CONTAINER_NAME.fullmatch(name):
            raise Misuse(f"{setting} has {shown(item)}; each gateway is given as name or machine/name")
    return items


def finds(variables: Mapping[str, Any]) -> bool:
    """Whether a machine is asked about gateways that it does not declare; one without a list of them always is."""
    return _finds_undeclared(variables) or not variables.get("gateways")


def _finds_undeclared(variables: Mapping[str, Any]) -> bool:
    """The setting, which is text when it comes from the command line."""
    return bool(boolean(variables.get("diagnose_undeclared", True)))


def plan(
    machines: Mapping[str, Sequence[str]],
    finding: Mapping[str, bool],
    only: Sequence[str],
    setting: str = "diagnose_only",
) -> dict[str, Ask]:
    """Which machine is asked what; `machines` are those of the run, with the names that each declares, `setting` has the selection.

    Without a selection every machine is asked for what it declares, and for whatever else is there where `finding` says so. A name
    that is declared is asked for only where it is declared; one that nobody declares is searched for on every machine, or on the
    one given before a slash.
    """
    if not only:
        return {machine: Ask(tuple(names), finding[machine]) for machine, names in machines.items()}
    wanted: dict[str, list[str]] = {}
    for item in only:
        machine, _slash, name = item.rpartition("/")
        if machine and machine not in machines:
            raise Misuse(f"{setting} has {quote(item)}, but the machines of this run are {few(machines, machine)}")
        for one in _places(machine, name, machines):
            wanted.setdefault(one, []).append(name)
    return {
        machine: Ask(tuple(dict.fromkeys(wanted[machine])), find=not set(wanted[machine]) <= set(names))
        for machine, names in machines.items()
        if machine in wanted
    }


def _places(machine: str, name: str, machines: Mapping[str, Sequence[str]]) -> list[str]:
    if machine:
        return [machine]
    return [one for one, names in machines.items() if name in names] or list(machines)


def check_found(
    machines: Mapping[str, Sequence[str]],
    only: Sequence[str],
    seen: Mapping[str, Sequence[str] | None],
    setting: str = "diagnose_only",
) -> None:
    """Check a selection against what the machines turned out to have; `seen` is None for one that could not be looked at."""
    for item in only:
        machine, _slash, name = item.rpartition("/")
        places = _places(machine, name, machines)
        if any(name in machines[place] or name in (seen.get(place) or ()) for place in places):
            continue
        there = [
            f"{place}/{one}"
            for place in machines
            for one in dict.fromkeys([*machines[place], *(seen.get(place) or ())])
        ]
        dark = [place for place in places if seen.get(place) is None]
        raise Misuse(
            f"{setting} has {quote(item)}, but no such gateway is declared or found; there is {few(there, item) or 'no gateway'}"
            + (f" (and {few(dark)} could not be looked at)" if dark else "")
        )


def _one_of(what: str, value: Any, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise Misuse(f"{what} is {shown(value)}; allowed are {_listed(allowed)}")


def few(names: Iterable[str], like: str = "") -> str:
    """Names for a sentence; of many those that come nearest to one, and the number of the others."""
    names = list(names)
    told = difflib.get_close_matches(like, names, NAMED, 0) if like and len(names) > NAMED else names[:NAMED]
    rest = len(names) - len(told)
    return _listed(told) + (f" and {rest} more" if rest else "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(quote(str(name)) for name in names)
