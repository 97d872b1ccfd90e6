# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verdicts for the tests of what is made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils import report
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import facts_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    EndpointVerdict,
    Finding,
    Found,
    Proof,
    Verdict,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run

NOW = "2026-03-01T12:00:00Z"

NO_FACTS = facts_of(Case(machine="alpha", name="gw", now=datetime.fromisoformat(NOW)))


def found(code: str = "relay.down", severity: str = "down", **proof: Any) -> Found:
    """A finding that was proven."""
    finding = Finding(code, severity, "ask_person", f"title of {code}", "", (), (), lambda _case: None)
    said: dict[str, Any] = {
        "summary": f"proof of {code}",
        "evidence": (Quote("health", "4002 listens, 4004 does not", NOW),),
        "fix": ("Start the relay.",),
        "severity": severity,
        "remedy": "restart_relay",
        "remedy_reason": "the gateway itself listens",
    }
    return Found(finding, Proof(**{**said, **proof}))


def verdict(name: str = "gw", host: str = "alpha", leading: Found | None = None, **more: Any) -> Verdict:
    """A verdict with one leading finding, or a healthy one."""
    said: dict[str, Any] = {
        "declared": True,
        "status": leading.severity if leading else "healthy",
        "checked_at": NOW,
        "summary": leading.proof.summary if leading else "API handshake completed in 12 ms",
        "trading_mode": "paper",
        "leading": leading,
        "found": (leading,) if leading else (),
        "endpoints": {"paper": EndpointVerdict("healthy", None, "API handshake completed in 12 ms")}
        if not leading
        else {},
    }
    facts = {**NO_FACTS, "started_at": NOW, **more.pop("facts", {})}
    return Verdict(name, host, facts=facts, **{**said, **more})


def report_of(*verdicts: Verdict, **run: Any) -> dict[str, Any]:
    """The report of a run that brought these verdicts."""
    said = {"machines": len({each.host for each in verdicts}), "generated_at": NOW, "controller": "controller"}
    return report.build(verdicts, Run(**{**said, "fail_on": "down", "version": "0.1.0", **run}))
