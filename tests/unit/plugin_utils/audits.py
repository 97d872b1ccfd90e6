# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Audits for the tests of what is made of them, by rules of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils import audit
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run, named_in_fleet

NOW = "2026-03-01T12:00:00Z"

OPEN = "config.port_exposed"
HEAP = "config.heap_over_limit"
SCREEN = "config.vnc_enabled"


def row(code: str = OPEN, result: str = "fail", **more: Any) -> dict[str, Any]:
    """What a rule says of a gateway."""
    said: dict[str, Any] = {
        "code": code,
        "endpoint": None,
        "result": result,
        "severity": "advice",
        "summary": f"seen by {code}",
        "evidence": [],
        "change": None,
        "fix": [],
        "accepted": None,
    }
    if result == "fail":
        said["evidence"] = [{"source": "health", "quote": "0.0.0.0:4001 -> 4003", "at": NOW, "line": None}]
        said["change"] = {"where": "inventory", "setting": "bind: 127.0.0.1"}
        said["fix"] = ["Publish it on loopback."]
    return {**said, **more}


def gateway(name: str, *rows: dict[str, Any], host: str = "alpha", **more: Any) -> dict[str, Any]:
    """A gateway and its rows."""
    severities = [each["severity"] for each in audit.failed(rows)]
    said: dict[str, Any] = {
        "name": name,
        "host": host,
        "id": named_in_fleet(host, name),
        "declared": True,
        "family": "gnzsnz-ibc",
        "trading_mode": "paper",
        "status": "healthy",
        "code": None,
        "next_command": None,
        "checked_at": NOW,
        "reported_at": NOW,
        "unseen": None,
        "failing": bool(severities),
        "worst": severities[0] if severities else None,
        "by_result": _counted(rows),
        "rows": list(rows),
    }
    return {**said, **more}


def _counted(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    counts = Counter("accepted" if each["accepted"] else each["result"] for each in rows)
    return {result: counts[result] for result in audit.COUNTED}


def unseen(name: str, host: str = "gamma", reason: str = "no route to host") -> dict[str, Any]:
    """A gateway that could not be looked at."""
    rows = [row(code, "not_known", summary=reason) for code in (OPEN, HEAP, SCREEN)]
    command = f"ansible-playbook ibgw.ops.diagnose -l {host}"
    status = {"status": "unknown", "code": "host.unreachable", "next_command": command}
    return gateway(name, *rows, host=host, unseen=reason, failing=True, **status)


def report_of(*gateways: dict[str, Any], **run: Any) -> dict[str, Any]:
    """The report on these gateways."""
    said = {"machines": len({each["host"] for each in gateways}), "generated_at": NOW, "controller": "here"}
    built = audit.build(gateways, Run(**{**said, "fail_on": "advice", **run}))
    codes = dict.fromkeys(each["code"] for one in gateways for each in one["rows"])
    rows = [each for one in gateways for each in one["rows"]]
    return {**built, "rules": [_rule(code, [each for each in rows if each["code"] == code]) for code in codes]}


def _rule(code: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    page = f"findings/{code}.md"
    return {
        "code": code,
        "layer": code.partition(".")[0],
        "severity": "advice",
        "demand": f"What {code} tells of is not so.",
        "by_result": _counted(rows),
        "docs": f"docs/{page}",
        "docs_url": f"https://docs.example/{page}",
    }
