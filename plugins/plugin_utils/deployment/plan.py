# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what the inventory says of a machine to everything that is made there, gateway by gateway.

A plan names secrets and holds none: the values are put into the files that it lists, on the machine. Whatever is wrong raises
`Misuse` with one sentence before anything is changed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import inventory
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment import checks, files, foreseen, secrets
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.container import (
    address,
    bracketed,
    container,
    host_ports,
    image,
    inside,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.translation import Translation, translate
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import Described, described


def plan_machine(machine: str, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The plan of each gateway that a machine declares; `variables` are those of the machine, as plain values."""
    gateways = _describe(machine, variables)
    given = _secrets(machine, variables)
    plans = []
    for gateway in gateways:
        checks.check_gateway(gateway)
        translation = translate(gateway)
        secrets.check(gateway, given.get(gateway.name))
        plan = _plan(gateway, translation, given[gateway.name])
        plan["warnings"] += foreseen.check(gateway, BY_NAME[plan["family"]], plan)
        plans.append(plan)
    checks.check_together(gateways)
    checks.check_users((gateway, given.get(gateway.name)) for gateway in gateways)
    return plans


def plan_removals(machine: str, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is to go of each gateway that a machine declares absent."""
    return [
        {"name": gateway.name, "paths": files.removed(gateway), "settings_dir": files.settings_dir(gateway)}
        for gateway in (described(machine, entry, variables) for entry in inventory.absent(variables))
    ]


def check_fleet(machines: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse what only several machines together get wrong; what is wrong with one of them is said by its own plan."""
    checks.check_places(machines)
    fleet: list[tuple[Described, Any]] = []
    for machine, variables in machines.items():
        with suppress(Misuse):
            given = _secrets(machine, variables)
            fleet += [(gateway, given.get(gateway.name)) for gateway in _describe(machine, variables)]
    checks.check_users(fleet)


def _describe(machine: str, variables: Mapping[str, Any]) -> list[Described]:
    inventory.check_machine(machine, variables)
    return [described(machine, entry, variables) for entry in inventory.present(variables)]


def _secrets(machine: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    given = variables.get("gateway_secrets") or {}
    if not isinstance(given, Mapping):
        form = "it must be a mapping of gateways to their secrets, like {ib-gateway: {user: …, password: …}}"
        raise Misuse(f"gateway_secrets of the machine {machine} is none: {form}")
    return given


def _plan(gateway: Described, translation: Translation, given: Mapping[str, Any]) -> dict[str, Any]:
    family = BY_NAME[gateway.words["family"]]
    lasting = files.lasting(gateway, family)
    private = files.files(gateway, family, translation.configuration)
    seeds = files.seeds(gateway, family, lasting)
    command_ports = _command_ports(private, translation.environment, family)
    return {
        "name": gateway.name,
        "family": family.name,
        "container": container(
            gateway,
            family,
            {**translation.environment, **files.variables(private)},
            [*lasting, files.private(gateway), *files.scratch(gateway, family)],
            sourced=any(one["form"] == "environment" for one in private),
        ),
        "directories": files.directories(gateway, family, lasting, seeds),
        "private": f"{files.PRIVATE_DIR}/{gateway.name}",
        "files": private,
        "seeds": seeds,
        "credentials": files.credentials(private),
        "generate": _generated(gateway, files.screen(gateway, family), given),
        "ports": [
            {"name": name, "address": address(gateway, name), "port": port}
            for name, port in host_ports(gateway).items()
        ],
        "screen": _screen(gateway, family, given),
        "soft_restart": bool(command_ports and gateway.words["daily_restart"]),  # IBC userguide.md:892-914
        "login": _login(gateway),
        "record_path": files.record(gateway),
        "record": {**_record(gateway, family), "command_ports": command_ports},
        "warnings": [*translation.warnings, *_warnings(gateway, family)],
    }


def _generated(gateway: Described, screen: str | None, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Secrets that are made on the machine, once, because nobody gives them."""
    if screen is None or given.get("vnc_password"):
        return []
    path = files.generated(gateway, "vnc_password")
    return [{"secret": "vnc_password", "path": path, "length": secrets.screen_length(screen)}]


#: With what a screen is looked at, by its port in the container.
VIEWERS = {5900: "a VNC client", 5800: "a browser", 3389: "a remote desktop client"}


def _screen(gateway: Described, family: Family, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where its screen is to be seen; None where it is not."""
    if not gateway.words["vnc"]:
        return None
    own = given.get("vnc_password")
    return {
        "port": host_ports(gateway)["vnc"],
        "address": bracketed(address(gateway, "vnc")),
        "viewer": VIEWERS[inside(gateway, family, "vnc", "vnc")],
        "password": None if own else files.generated(gateway, "vnc_password"),
    }


def _command_ports(private: Sequence[Mapping[str, Any]], environment: Mapping[str, str], family: Family) -> list[int]:
    """Where IBC's command server listens on the container's loopback, for each instance."""
    told = [one["settings"].get("CommandServerPort") for one in private]
    return [int(port) for port in (*told, environment.get(f"{family.build.prefix}CommandServerPort")) if port]


def _login(gateway: Described) -> str:
    """What a start of its container costs; only a live login asks for a second factor."""
    if gateway.words["trading_mode"] == "paper":
        return "a login"
    told = {
        "push": "a login, with a push to approve on the phone",
        "totp": "a login, with a code computed from totp_key",
    }
    return told.get(gateway.words["second_factor"], "a login")


def _record(gateway: Described, family: Family) -> dict[str, Any]:
    """What the machine keeps of the deployment: the probes and `recover` know the gateway by it."""
    return {
        "schema": "ibgw.ops/deployment/1",
        "name": gateway.name,
        "family": family.name,
        "program": gateway.words["program"],
        "trading_mode": gateway.words["trading_mode"],
        "read_only_api": gateway.words["read_only_api"],
        "image": image(gateway, family),
        "ports": host_ports(gateway),
        "bind_address": gateway.words["bind_address"],
        "settings_dir": files.settings_dir(gateway),
    }


def _warnings(gateway: Described, family: Family) -> Iterator[str]:
    words = gateway.words
    for caveat in family.build.caveats:
        yield f"{gateway}: {caveat}"
    if not ipaddress.ip_address(words["bind_address"]).is_loopback:
        yield f"{gateway} is published on {words['bind_address']}: the API has no password, guard that address"
    if words["program"] == "tws":  # extrange README.md:138-140
        yield (
            f"{gateway} runs TWS, which takes API clients only once 'Enable ActiveX and Socket Clients' is set on its screen; that lasts"
            " in settings_dir"
        )
