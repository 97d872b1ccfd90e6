# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers as somebody defines them, in compose's words, and what a change that the audit names makes of such a definition."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from ansible_collections.ibgw.ops.plugins.module_utils import configuration, container
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, evidence
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run

from tests.unit.plugin_utils.findings.scene import GATEWAY, HOST, NAME, NOW, at, merged

DIGEST = f"sha256:{'0a' * 32}"

#: Settings of compose, with what each is where a change names it.
_OF_COMPOSE = (
    "ports",
    "volumes",
    "healthcheck",
    "ulimits",
    "mem_limit",
    "restart",
    "stop_grace_period",
    "image",
    "network_mode",
)

# Where a setting begins in the text of a change.
_BEGINS = re.compile(
    rf"(?:^|[ ,;] ?)(?=(?:{'|'.join(_OF_COMPOSE)}|tmpfs): |[A-Z]\w+(?:=|: )|no [A-Z]\w+|no mount on )|(?:^|, )(?=\w+ in the place of )"
)


@dataclass(frozen=True)
class Definition:
    """A container of a family: `options` are those of compose, `baked` the environment of its image, `log` what its controller tells."""

    family: str
    environment: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    baked: Mapping[str, str] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)
    log: Mapping[str, Any] = field(default_factory=dict)

    def setting(self, **options: Any) -> Definition:
        return replace(self, options={**self.options, **options})

    def variables(self, given: Mapping[str, str | None]) -> Definition:
        changed = {**self.environment, **given}
        return replace(self, environment={name: value for name, value in changed.items() if value is not None})


def change(definition: Definition, text: str) -> Definition:
    """The definition with a change applied that the audit names, by the letter."""
    starts = [found.end() for found in _BEGINS.finditer(text)]
    assert starts[:1] == [0], f"nobody can apply {text!r}"
    parts = [text[begin:end].rstrip(" ,;") for begin, end in zip(starts, [*starts[1:], None], strict=True)]
    for part in parts:
        definition = _changed(definition, part)
    return definition


def _changed(definition: Definition, part: str) -> Definition:
    if found := re.fullmatch(r"(\w+)(?:=(.*))? in the place of (\w+)", part):
        return definition.variables({found[1]: found[2] or definition.environment[found[3]], found[3]: None})
    if found := re.fullmatch(r"no mount on (.+)", part):
        kept = [one for one in definition.options.get("volumes", ()) if one.split(":")[1] != found[1]]
        return definition.setting(volumes=kept)
    if found := re.fullmatch(r"no (\w+)", part):
        return definition.variables({found[1]: None})
    if found := re.fullmatch(r"tmpfs: ([^:]+):(.*)", part):
        return definition.setting(tmpfs={**definition.options.get("tmpfs", {}), found[1]: found[2]})
    if found := re.fullmatch(r"volumes: (.*)", part):
        return definition.setting(volumes=[*definition.options.get("volumes", ()), *found[1].split()])
    if found := re.fullmatch(rf"({'|'.join(_OF_COMPOSE)}): (.*)", part):
        told = yaml.safe_load(found[2])
        old = definition.options.get(found[1])
        return definition.setting(**{found[1]: {**old, **told} if isinstance(old, dict) else told})
    if found := re.fullmatch(r"(\w+)(?:=|: )(.*)", part):
        return definition.variables({found[1]: found[2].strip('"')})
    raise AssertionError(f"nobody can apply {part!r}")


def rows(definition: Definition) -> dict[str, dict[str, Any]]:
    """The rows of the audit of such a container that runs and serves, by their codes."""
    run = Run(1, at(), "controller", "advice")
    (gateway,) = audit.audited(_machine(definition), run)
    return {row["code"]: row for row in gateway["rows"]}


def _machine(definition: Definition) -> Any:
    family = BY_NAME[definition.family]
    inspected, image = _inspected(definition)
    given = configuration.Surroundings(inspected["Mounts"], traits(inspected["Config"]).environment)
    facts = container.facts(inspected, family, image)
    facts["settings"] = configuration.settings(given, family)
    facts["mounts"] = configuration.mounts(given, family)
    seen = merged(
        {**GATEWAY, "container": {}},
        {
            "container": {**facts, "started_at": at(86_400)},
            "family": {"name": family.name, "controller": family.controller, "because": []},
            "ports": container.ports(inspected, family),
        },
    )
    health = {**AVAILABLE, "host": HOST, "gateways": [seen]}
    results: dict[str, Any] = {"health": {"health": health}}
    if definition.log:
        told = {"name": NAME, **AVAILABLE, "family": family.name, **definition.log}
        results["logscan"] = {"logscan": {**AVAILABLE, "gateways": [told]}}
    variables = {"gateways": [{"name": NAME, **definition.declared}]}
    return evidence.machine("alpha", variables, results, None, NOW)


def _inspected(definition: Definition) -> tuple[dict[str, Any], dict[str, Any]]:
    """The container and its image as the engine tells them."""
    options = definition.options
    check = options.get("healthcheck")
    files = (options.get("ulimits") or {}).get("nofile")
    environment = {**definition.baked, **definition.environment}
    image = {
        "Config": {"Env": [f"{name}={value}" for name, value in definition.baked.items()]},
        "RepoDigests": [f"example.test/gateway@{DIGEST}"],
    }
    inspected = {
        "Id": "c0ffee",
        "Image": "sha256:1",
        "State": {"Status": "running", "StartedAt": at(86_400)},
        "Config": {
            "Image": options.get("image", "example.test/gateway:10.45.1j"),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Labels": {},
            "StopTimeout": _seconds(options["stop_grace_period"]) if "stop_grace_period" in options else None,
            "Healthcheck": check
            and {"Test": check.get("test"), "StartPeriod": _seconds(check.get("start_period", "0s")) * 10**9},
        },
        "HostConfig": {
            "PortBindings": _bindings(options.get("ports", ())),
            "NetworkMode": options.get("network_mode", "bridge"),
            "Memory": int(str(options.get("mem_limit", "0m")).rstrip("m")) << 20,
            "Ulimits": [{"Name": "nofile", "Soft": files, "Hard": files}] if files is not None else [],
            "RestartPolicy": {"Name": options.get("restart", "no")},
            "Tmpfs": options.get("tmpfs"),
        },
        "Mounts": [
            {"Type": "bind", "Source": source, "Destination": target, "RW": True}
            for source, target in (one.split(":")[:2] for one in options.get("volumes", ()))
        ],
    }
    return inspected, image


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def _bindings(ports: Any) -> dict[str, list[dict[str, str]]]:
    bound: dict[str, list[dict[str, str]]] = {}
    for one in ports:
        address, _colon, mapped = one.rpartition(":")
        host, _colon, port = address.rpartition(":")
        bound.setdefault(f"{mapped}/tcp", []).append({"HostIp": host.strip("[]") or "0.0.0.0", "HostPort": port})
    return bound
