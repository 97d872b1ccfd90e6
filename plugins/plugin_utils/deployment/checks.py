# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What does not go together, in one gateway and among several."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.container import address, endpoints, host_ports
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.files import settings_dir
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.secrets import secret_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import Described

#: The way that Ansible connects, and how: through another host an address may be another machine's.
WAY = ("ansible_connection", "ansible_host", "ansible_port")
ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
PLACE = (*WAY, *ARGUMENTS)

_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh")


def check_gateway(gateway: Described) -> None:
    """Refuse words of one gateway that contradict each other."""
    words = gateway.words
    if words["daily_restart"] and words["daily_logoff"]:
        raise gateway.refuse(
            "daily_logoff",
            f"a daily restart, at {words['daily_restart']}, goes before it; set daily_restart to '' where it is to log off",
        )
    for name in words["ports"]:
        if name not in (*endpoints(gateway), "vnc"):
            raise gateway.refuse("ports", f"its trading_mode is {words['trading_mode']}, so that nothing serves {name}")


def check_together(gateways: Iterable[Described]) -> None:
    """Refuse gateways of one machine that would take a port or a directory from each other."""
    directories: dict[str, Described] = {}
    ports: list[tuple[int, str, str, Described]] = []
    for gateway in gateways:
        other = directories.setdefault(settings_dir(gateway), gateway)
        if other is not gateway:  # IBC deletes saved sessions when it finds two (ibcstart.sh:379-402)
            raise gateway.refuse("settings_dir", f"{other} has the same; each gateway needs its own")
        for name, port in host_ports(gateway).items():
            here = address(gateway, name)
            for taken, at, taken_for, by in ports:
                if port == taken and _meet(here, at):
                    free = next(one for one in range(port, 65536) if one not in {each[0] for each in ports})
                    raise Misuse(
                        f"{gateway} has the port {port} for {name}, which {by} has for {taken_for}; give it another in ports,"
                        f" like {{{name}: {free}}}"
                    )
            ports.append((port, here, name, gateway))


def _meet(one: str, other: str) -> bool:
    return one == other or any(ipaddress.ip_address(each).is_unspecified for each in (one, other))


def check_places(machines: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a container that two machines declare where Ansible connects to the same place: each would take it from the other."""
    seen: dict[tuple[str, ...], str] = {}
    for machine, variables in machines.items():
        place, how = _place(machine, variables), [str(variables.get(name) or "") for name in ARGUMENTS]
        for name in _named(variables.get("gateways")):
            other = seen.setdefault((place, name, *how), machine)
            if other != machine:
                raise Misuse(
                    f"{quote(other)}/{name} and {quote(machine)}/{name} are one container, for both machines are {quote(place)}; have each"
                    " machine once in the inventory, with all of its gateways"
                )


def _named(gateways: Any) -> list[str]:
    """The names of gateways, present or absent; a list of another form is refused by its machine."""
    entries = gateways if isinstance(gateways, list) else []
    return [entry["name"] for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)]


def _place(machine: str, variables: Mapping[str, Any]) -> str:
    """Where Ansible connects to for a machine."""
    way, host, port = (variables.get(name) for name in WAY)
    if way == "local":
        return "the controller itself"
    by = "" if way is None or way in _SSH else f" by {way}"
    return f"{str(host or machine).lower()}:{port or 22}{by}"


def check_users(fleet: Iterable[tuple[Described, Any]]) -> None:
    """Refuse two gateways, each with its secrets, that log in as the same user in the same mode: one session per user."""
    seen: dict[tuple[str, str], Described] = {}
    for gateway, given in fleet:
        for endpoint in endpoints(gateway):
            user = given.get(secret_of(gateway, endpoint, "user")) if isinstance(given, Mapping) else None
            other = seen.setdefault((str(user).lower(), endpoint), gateway) if user else gateway
            if other is not gateway:
                raise Misuse(
                    f"{other} and {gateway} log in as the same user in mode {endpoint}, so that each would end the other's"
                    " session; give each its own user"
                )
