# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what health found on a machine to the endpoints that the handshake is to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import piled_up
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import GatewayHealth, read

DOCUMENTATION = r"""
name: endpoints
short_description: The API endpoints of a machine's gateways, from what health found
version_added: 0.1.0
description:
  - Turns the published API ports in a result of M(ibgw.ops.ibgw_health) into the O(ibgw.ops.ibgw_handshake#module:endpoints)
    of M(ibgw.ops.ibgw_handshake).
  - A gateway that does not run, or that publishes no API port, has no endpoint.
  - A gateway that is proven to hang gets an endpoint with C(skip), so that asking adds nothing to its pile of connections.
positional: _input
options:
  _input:
    description: The C(gateways) of a health result.
    type: list
    elements: dict
    required: true
  gateways:
    description: The machine's C(gateways) as the inventory declares them.
    type: list
    elements: dict
    default: []
  docker_host:
    description: Address of the engine when it is not the machine's own; its published ports are then looked for there.
    type: str
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Look at the gateways of the machine
  ibgw.ops.ibgw_health:
  register: seen

- name: Ask the API of every one that runs
  ibgw.ops.ibgw_handshake:
    endpoints: "{{ running }}"
  vars:
    running: "{{ seen.health.gateways | ibgw.ops.endpoints(gateways | default([])) }}"
  when: running | length > 0
"""

RETURN = r"""
_value:
  description:
    - One mapping for each published API port, as O(ibgw.ops.ibgw_handshake#module:endpoints) takes it.
    - C(gateway) is the container's name, C(endpoint) V(paper), V(live) or null, C(host) and C(port) where it is reached from the machine.
      C(expect_mode) is the declared trading mode, else the endpoint. C(inside) is always null for now.
    - C(skip) is null, or says why the gateway must not be asked.
  type: list
  elements: dict
"""

_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def endpoints(
    found: Sequence[Mapping[str, Any]], gateways: Sequence[Mapping[str, Any]] = (), docker_host: str | None = None
) -> list[dict[str, Any]]:
    """The endpoints of all gateways that run."""
    declared = {entry["name"]: entry for entry in gateways or ()}
    engine = _remote_host(docker_host)
    return [
        endpoint
        for gateway in found
        if ((gateway.get("container") or {}).get("status")) == "running"
        for endpoint in _of_gateway(gateway, declared.get(gateway["name"], {}), engine)
    ]


def _of_gateway(gateway: Mapping[str, Any], entry: Mapping[str, Any], engine: str | None) -> Iterator[dict[str, Any]]:
    declared, effective = entry.get("trading_mode"), _mode(gateway, entry)
    pile = "; ".join(piled_up(read(GatewayHealth, gateway), _own_ports(gateway)))
    seen = set()
    for port in gateway.get("ports") or ():
        published = _published(gateway, port)
        if port.get("role") not in ("relay", "gateway") or published is None or published in seen:
            continue  # the engine lists a port twice when it is published on both address families
        endpoint = port.get("endpoint") or _declared_endpoint(entry, published)
        if effective and endpoint and endpoint != effective:
            continue  # images publish the ports of both modes; nobody is meant to listen behind the other one
        seen.add(published)
        address = _address(port.get("host_ip") or "", engine)
        yield {
            "gateway": gateway["name"],
            "endpoint": endpoint,
            "host": address or port["host_ip"],
            "port": published,
            "inside": None,
            "expect_mode": declared if declared in ("paper", "live") else endpoint,
            "skip": pile or (None if address else f"published on the loopback of {engine} only"),
        }


def _mode(gateway: Mapping[str, Any], entry: Mapping[str, Any]) -> str | None:
    """The one trading mode in effect; None for both, or where it is not known. What runs goes before what was declared."""
    environment = (gateway.get("container") or {}).get("environment") or {}
    family = _family(gateway)
    asked = family.trading_mode(environment) if family else environment.get("TRADING_MODE")
    mode = asked or entry.get("trading_mode")
    return mode if mode in ("paper", "live") else None


def _published(gateway: Mapping[str, Any], port: Mapping[str, Any]) -> int | None:
    """The port on the machine; a container in the host's network needs none published."""
    if (gateway.get("container") or {}).get("network_mode") == "host":
        return port.get("host_port") or port.get("container_port")
    return port.get("host_port")


def _declared_endpoint(entry: Mapping[str, Any], published: int) -> str | None:
    for name, port in (entry.get("ports") or {}).items():
        if port == published and name in ("paper", "live"):
            return str(name)
    mode = entry.get("trading_mode")
    return mode if mode in ("paper", "live") else None


def _address(host_ip: str, engine: str | None) -> str | None:
    """Where a published port is reached from the machine; None when it is not."""
    local = _WILDCARDS.get(host_ip)
    if engine is None:
        return local or host_ip
    if local:
        return engine
    return None if host_ip.startswith("127.") or host_ip == "::1" else host_ip


def _remote_host(docker_host: str | None) -> str | None:
    """Host of an engine on another machine; None for the machine's own."""
    host = urlsplit(docker_host or "").hostname
    return None if host in (None, "localhost", "127.0.0.1", "::1") else host


def _own_ports(gateway: Mapping[str, Any]) -> set[int]:
    """Ports on which the gateway itself listens inside its container."""
    family = _family(gateway)
    by_family = {number for number, port in family.ports.items() if port.role == "gateway"} if family else set()
    published = {port["container_port"] for port in gateway.get("ports") or () if port.get("role") == "gateway"}
    return by_family | published


def _family(gateway: Mapping[str, Any]) -> Family | None:
    return BY_NAME.get((gateway.get("family") or {}).get("name") or "")


class FilterModule:
    """The collection's filter on health results."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"endpoints": endpoints}
