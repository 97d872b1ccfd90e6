# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the rules of the configuration say of a container before it is made: they are asked about what the probes would see of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import configuration, container
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, traits
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence
from ansible_collections.ibgw.ops.plugins.plugin_utils.audit import answer_of, checklist
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.container import endpoints
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import Described
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import STATUSES, Finding, Proof

#: Advice that is refused where the inventory itself says otherwise: it is a mistake there, and has a word for who means it.
REFUSED = ("config.heap_over_limit", "config.port_exposed", "config.cold_restart_early")

#: What the image brings, or stands outside the container: that is seen only later.
SEEN_LATER = ("config.healthcheck_missing", "config.alerting_missing")


def check(gateway: Described, family: Family, plan: Mapping[str, Any]) -> list[str]:
    """Refuse what would not work, and return what is advised against, one sentence each."""
    advised: dict[str, None] = {}
    for rule, proof in _found(_cases(gateway, family, plan)):
        said = f"{gateway}: {proof.summary} ({rule.code})"
        if proof.change:
            said += f"; set {proof.change.inventory or proof.change.defined}"
        if (proof.severity or rule.severity) in STATUSES or rule.code in REFUSED:
            raise Misuse(said)
        advised[said] = None
    return list(advised)


def _found(cases: Sequence[Case]) -> Iterator[tuple[Finding, Proof]]:
    for rule in checklist():
        for case in cases if rule.layer == "config" and rule.code not in SEEN_LATER else ():
            said = answer_of(rule, case)
            if isinstance(said, Proof):
                yield rule, said


def _cases(gateway: Described, family: Family, plan: Mapping[str, Any]) -> tuple[Case, ...]:
    """The container as the engine would tell it, and the settings as its controller would."""
    inspected = _inspected(plan["container"])
    given = configuration.Surroundings(inspected["Mounts"], traits(inspected["Config"]).environment)
    settings: dict[str, str] = {}
    for file in plan["files"]:
        if file["form"] == "config.ini":
            settings |= {**file["settings"], **dict.fromkeys(file["secrets"], "***")}
    seen = {
        "name": gateway.name,
        "exists": True,
        "container": {**container.facts(inspected, family, None), "settings": configuration.settings(given, family)},
        "family": {"name": family.name, "controller": family.controller},
        "ports": container.ports(inspected, family),
        "processes": [
            {"role": "gateway", "max_heap": gateway.words["java_heap_mb"] << 20} for _each in endpoints(gateway)
        ],
        "deployment": plan["record"],
    }
    entry = {"name": gateway.name, "expect_orders": gateway.expect_orders, **gateway.words}
    log = {"name": gateway.name, **AVAILABLE, "family": family.name, "settings": settings}
    results = {
        "health": {"health": {**AVAILABLE, "gateways": [seen]}},
        "logscan": {"logscan": {**AVAILABLE, "gateways": [log]}},
    }
    now = datetime.now(timezone.utc)
    (row,) = evidence.machine(gateway.machine, {"gateways": [entry]}, results, None, now).gateways
    return row.cases


def _inspected(made: Mapping[str, Any]) -> dict[str, Any]:
    """The container, planned as `community.docker.docker_container` takes it, as the engine tells of one that runs."""
    limits = (one.split(":") for one in made["ulimits"])
    policy, _colon, retries = made["restart_policy"].partition(":")
    healthcheck = made["healthcheck"]
    return {
        "Id": made["name"],
        "Image": made["image"],
        "State": {"Status": "running"},
        "Config": {
            "Image": made["image"],
            "Env": [f"{name}={value}" for name, value in made["env"].items()],
            "Labels": made["labels"],
            "StopTimeout": made["stop_timeout"],
            "Healthcheck": {"Test": healthcheck["test"]} if healthcheck else None,
        },
        "HostConfig": {
            "PortBindings": _bindings(made["published_ports"]),
            "Memory": int(made["memory"].rstrip("M")) << 20,
            "Ulimits": [{"Name": name, "Soft": int(soft), "Hard": int(hard)} for name, soft, hard in limits],
            "RestartPolicy": {"Name": policy, "MaximumRetryCount": int(retries or 0)},
        },
        "Mounts": [
            {
                "Type": one["type"],
                "Source": one.get("source"),
                "Destination": one["target"],
                "RW": not one.get("read_only", False),
            }
            for one in made["mounts"]
        ],
    }


def _bindings(published: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """`127.0.0.1:4002:4004/tcp` as the engine has it."""
    bound: dict[str, list[dict[str, str]]] = {}
    for one in published:
        address, host_port, inside = one.rsplit(":", 2)
        bound.setdefault(inside, []).append({"HostIp": address.strip("[]"), "HostPort": host_port})
    return bound
