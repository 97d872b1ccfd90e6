# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every report that there can be has its page, which says what the reader has to know of it. What a browser makes of it:
tests/integration/page."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.page import render
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import SavedLog
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils import audits, verdicts
from tests.unit.plugin_utils.verdicts import found, verdict

DOCS = Path(__file__).parents[4] / "docs"
STALE = found("probe.stale", "unknown", summary="last seen 3 hours ago", evidence=())


def text_of(report: dict[str, Any]) -> str:
    """The words of its page, as a reader of its source without a browser has them."""
    return " ".join(html.unescape(re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", render(report), flags=re.S)).split())


def reported(at: str, *told: Verdict) -> dict[str, Any]:
    """A merged report whose rows are of an earlier run."""
    whole = verdicts.report_of(*told)
    return {**whole, "gateways": [{**row, "reported_at": at} for row in whole["gateways"]]}


@pytest.mark.parametrize("name", ["report.example.json", "audit.example.json"])
def test_an_example_has_its_page_with_every_gateway_and_code(name: str) -> None:
    report = json.loads((DOCS / name).read_text(encoding="utf-8"))
    said = text_of(report)
    for row in report["gateways"]:
        assert row["id"] in said
        for part in row.get("findings") or row["rows"]:
            assert part["code"] in said


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (verdicts.report_of(), "There is no gateway"),
        (audits.report_of(), "There is no gateway"),
        (verdicts.report_of(verdict(), error="out of <order>"), "This report is not whole. out of <order>"),
        (verdicts.report_of(verdict(), log=SavedLog("old.log", None, 9)), "Judged from a saved log, old.log"),
        (reported("2026-03-01T09:00:00Z", verdict(leading=STALE)), "seen 01 Mar 09:00 UTC"),
        (verdicts.report_of(verdict(declared=False)), "does not declare it"),
        (audits.report_of(audits.unseen("gw")), "1 of 1 gateways could not be looked at: gamma/gw."),
    ],
    ids=["none", "none-audited", "error", "saved-log", "stale", "undeclared", "unseen"],
)
def test_what_sets_a_report_apart_stands_on_its_page(report: dict[str, Any], said: str) -> None:
    assert said in text_of(report)


def test_the_time_that_was_left_is_not_told_beside_the_one_that_runs() -> None:
    report = json.loads((DOCS / "report.example.json").read_text(encoding="utf-8"))
    waits = next(row["summary"] for row in report["gateways"] if row["code"] == "twofa.pending")
    told, left, then = waits.partition(" (")[0], "min left)", waits.partition(" left)")[2]
    assert left in waits
    said = text_of(report)
    assert told + then in said
    assert left not in said


@pytest.mark.parametrize("report", [verdicts.report_of(verdict()), audits.report_of(audits.gateway("gw"))])
def test_a_merged_report_says_what_it_is_merged_from(report: dict[str, Any]) -> None:
    run = {"controller": "slice 1", "generated_at": "2026-03-01T11:58:00Z", "machines": 1, "gateways": 2}
    assert "Merged from" not in text_of(report)
    assert "Merged from slice 1: 2 gateways on 1 machine, 01 Mar 11:58 UTC" in text_of({**report, "runs": [run]})


def test_a_row_of_this_run_needs_no_time_of_its_own_whatever_the_clock_of_its_machine_says() -> None:
    for checked_at in (verdicts.NOW, "2020-01-01T00:00:00Z"):
        assert " seen " not in text_of(verdicts.report_of(verdict(checked_at=checked_at)))


def test_what_is_suppressed_says_by_which_reason_and_until_when() -> None:
    moves = Suppression("relay.down", "alpha", "moves to beta", "2026-12-31T23:59:59Z")
    leading = found()
    row = verdict(leading=leading.__class__(leading.finding, leading.proof, suppressed=moves))
    said = text_of(verdicts.report_of(row, suppressions=[moves]))
    assert "relay.down@alpha is suppressed until 2026-12-31 23:59 UTC : moves to beta" in said
    assert "Nothing: moves to beta" in said


@pytest.mark.parametrize("url", ["javascript:alert(1)//", "data:text/html,x", "//evil.example", "file:///etc"])
def test_only_an_address_on_the_web_is_a_link(url: str) -> None:
    page = render(verdicts.report_of(verdict(leading=found()), documentation=url))
    assert f'href="{url}' not in page
    assert 'href="https://docs' in render(verdicts.report_of(verdict(leading=found()), documentation="https://docs"))


def test_nothing_of_the_page_is_elsewhere_and_nothing_but_its_own_script_may_run() -> None:
    page = render(verdicts.report_of(verdict(leading=found()), verdict("fine")))
    assert re.findall(r"(?:src|srcset|action|data|poster)=|<link|@import|url\(", page) == []
    assert re.search(r"default-src 'none'; style-src 'sha256-[\w+/]+=*'; script-src 'sha256-[\w+/]+=*'", page)


def test_a_name_that_is_to_be_filled_in_is_not_offered_for_copying() -> None:
    steps = ("Keep it: docker logs -t <container> > new.log", "Start it: docker start gw")
    page = render(verdicts.report_of(verdict(leading=found(fix=steps, remedy="none", next_command="docker port gw"))))
    assert re.findall(r'aria-label="Copy ([^"]+)"', page) == ["docker start gw", "docker port gw"]


def test_of_what_many_gateways_fail_alike_is_told_once() -> None:
    def gateway(at: int) -> dict[str, Any]:
        name = f"gw-{at}"
        fix = [f"Set it: docker update --restart=no {name}"]
        return audits.gateway(name, audits.row(fix=fix, summary=f"{name} is open"), host=f"host-{at}")

    rules, _gateways = render(audits.report_of(*(gateway(at) for at in range(30)))).split(
        'aria-labelledby="gateways">', 1
    )
    assert rules.count("docker update --restart=no &lt;container&gt;") == 1
    assert rules.count("&lt;container&gt; is open") == 1
    assert "all 30 gateways" in rules


def test_one_gateway_is_told_by_its_name() -> None:
    fix = ["Set it: docker update --restart=no gw"]
    assert "Copy docker update --restart=no gw" in render(audits.report_of(audits.gateway("gw", audits.row(fix=fix))))


def test_what_is_accepted_says_by_which_reason_and_until_when() -> None:
    accepted = {"host": None, "reason": "a VPN is in front", "until": "2026-12-31T23:59:59Z"}
    said = text_of(audits.report_of(audits.gateway("gw", audits.row(accepted=accepted))))
    assert "Accepted until 2026-12-31 23:59 UTC : a VPN is in front" in said


def test_a_thousand_gateways_fit_into_a_few_megabytes() -> None:
    broken = found(evidence=found().proof.evidence * 5)
    rows = [verdict(f"gw-{at}", leading=broken if at % 4 == 0 else None) for at in range(1000)]
    assert len(render(verdicts.report_of(*rows)).encode()) < 5_000_000
