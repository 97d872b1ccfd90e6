# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log probe against labelled logs of real controllers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe

from tests.corpus import CORPUS, MISSING, cases

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

_STARTING = {
    "script_starting": "gateway.starting",
    "jvm_starting": "gateway.starting",
    "gateway_starting": "gateway.starting",
    "login_window": "login.in_progress",
    "submitted": "login.in_progress",
    "connecting": "login.in_progress",
    "authenticating": "login.in_progress",
    "loading": "login.in_progress",
    "relogin": "login.in_progress",
    "auto_restarting": "gateway.restarting_by_schedule",
    "logged_in": "healthy",
}


@cache
def judged(path: Path, as_of: str | None = None) -> set[str]:
    """What the probe finds in the log, one finding per instance."""
    result = probe(None, str(path), "auto", as_of, 1 << 22, 50, None, 10.0)
    found = set()
    for gateway in result["gateways"]:
        for instance in gateway["instances"] or [{"problem": None, "state": "unknown"}]:
            found.add(instance["problem"] or _STARTING.get(instance["state"], "unknown"))
    return found


def of_a_known_controller(case: Mapping[str, Any]) -> bool:
    """Whether it is a log of a controller that has a grammar."""
    return case["ibc_version"][:1].isdigit() or case["id"].startswith(("ibg-controller", "ibga"))


def evident() -> list[dict[str, Any]]:
    return [case for case in cases() if case["label_evident_in_log"] and of_a_known_controller(case)]


def missed(accepted: Any) -> list[str]:
    """The logs in which nothing that was found is `accepted`."""
    wrong = []
    for case in evident():
        found = judged(CORPUS / case["file"], case["captured"])
        if not found & accepted(case):
            wrong.append(f"{case['id']}: {sorted(found)} instead of {sorted(accepted(case))}")
    return wrong


def test_the_leading_finding_is_one_that_the_label_accepts() -> None:
    wrong = missed(lambda case: {pair["finding"] for pair in case["expect"]})
    assert len(wrong) <= 0.02 * len(evident()), "\n".join(wrong)


def test_the_leading_finding_is_mostly_the_best_one() -> None:
    wrong = missed(lambda case: {case["expect"][0]["finding"]})
    assert len(wrong) <= 0.1 * len(evident()), "\n".join(wrong)


def test_a_healthy_gateway_raises_no_alarm() -> None:
    healthy = [case for case in cases() if case["expect"][0]["finding"] == "healthy" and of_a_known_controller(case)]
    alarms = {case["id"]: judged(CORPUS / case["file"], case["captured"]) for case in healthy}
    assert {log: found for log, found in alarms.items() if found - {"healthy", "unknown"}} == {}


def untroubled() -> list[dict[str, Any]]:
    """Logs in which nothing ever went wrong."""
    good = ("healthy", "autorestart_ok")
    return [case for case in evident() if case["root_cause"]["label"] in good and not case.get("past_problem")]


def test_no_cut_of_a_good_log_invents_a_failure() -> None:
    invented = {}
    for case in untroubled()[::12]:
        rows = (CORPUS / case["file"]).read_bytes().splitlines(keepends=True)
        for end in range(1, len(rows), 7):
            found = judged_bytes(b"".join(rows[:end])) - {None, "twofa.pending"}
            if found:
                invented[f"{case['id']} cut after line {end}"] = found
    assert invented == {}


def judged_bytes(content: bytes) -> set[str | None]:
    scan = Scan(10)
    scan.read([content])
    gateways = scan.results("cut.log", None, False)
    return {instance["problem"] for gateway in gateways for instance in gateway["instances"]}
