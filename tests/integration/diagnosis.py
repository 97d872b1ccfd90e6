"""What our probes see of one simulated gateway, and the verdict on it; the probes in the order of the runbook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.filter.endpoints import endpoints
from ansible_collections.ibgw.ops.plugins.module_utils import handshake, health, logscan
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import Verdict, verdicts_of_machine
from docker import DockerClient

_TIMEOUT = 20.0


@dataclass(frozen=True)
class Diagnosis:
    """Of one gateway: what each probe returned, and what was made of it."""

    health: dict[str, Any]
    log: dict[str, Any]
    api: dict[str, Any] | None
    verdict: Verdict

    @property
    def run(self) -> dict[str, Any]:
        """The newest run of the log."""
        run: dict[str, Any] = self.log["instances"][-1]
        return run

    @property
    def code(self) -> str | None:
        """The leading finding; None: healthy."""
        return self.verdict.leading.finding.code if self.verdict.leading else None

    @property
    def codes(self) -> set[str]:
        """Every finding."""
        return {found.finding.code for found in self.verdict.found}


def diagnose(engine: DockerClient, name: str, depth: str = "account") -> Diagnosis:
    """Look at the container `name`."""
    address = address_of(engine)
    container = health.probe([name], False, address, _TIMEOUT, "1h")
    log = logscan.probe([name], None, "auto", None, 1 << 20, 50, address, _TIMEOUT)
    asked = endpoints(container["gateways"], logs=log["gateways"])
    answers = handshake.probe(endpoints=asked, depth=depth, timeout=2.0) if asked else None
    results = {"health": {"health": container}, "logscan": {"logscan": log}, "handshake": {"handshake": answers or {}}}
    machine = evidence.machine("here", {"gateways": [{"name": name}]}, results, None, datetime.now(timezone.utc))
    (verdict,) = verdicts_of_machine(machine)
    return Diagnosis(
        container["gateways"][0], log["gateways"][0], answers["endpoints"][0] if answers else None, verdict
    )
