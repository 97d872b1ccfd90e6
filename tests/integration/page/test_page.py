# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What somebody notices of the page of a report, be it by eye, by ear, by keyboard or on a phone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import EndpointVerdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Phase
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.integration.page.conftest import PHONE, Show
from tests.integration.playbooks import CHECKOUT
from tests.unit.plugin_utils import audits, verdicts
from tests.unit.plugin_utils.verdicts import found, verdict

DIAGNOSIS = json.loads((CHECKOUT / "docs" / "report.example.json").read_text(encoding="utf-8"))
AUDIT = json.loads((CHECKOUT / "docs" / "audit.example.json").read_text(encoding="utf-8"))

PUSH = found("twofa.pending", "waiting", deadline="2026-03-01T12:01:30Z", remedy="ask_person", fix=("Approve it.",))
STEPS = (
    "See who it is: docker ps --all --filter name='my gateway'",
    "Stop the loop first: docker update --restart=no gw && docker stop -t 90 gw",
    "Wait.",
)
FLEET = verdicts.report_of(
    verdict("gw-10", leading=found(fix=STEPS)),
    verdict("gw-9", "beta", leading=PUSH, trading_mode="live", since="2026-03-01T11:46:30Z"),
    verdict("gw-2", "beta", since="2026-02-28T12:00:00Z"),
)


def ids(page: Page) -> list[str]:
    """The gateways that are to be seen, from above."""
    return page.locator(".fleet tbody tr:visible th a").all_inner_texts()


def test_a_filter_leaves_what_fits_in_the_table_and_below(show: Show) -> None:
    page = show(FLEET)
    told = page.get_by_role("status")
    page.get_by_role("searchbox").fill("BETA pending")
    assert ids(page) == ["beta/gw-9"]
    expect(told).to_have_text("1 of 3, by status, ascending")
    assert page.locator(".card:visible").count() == 1
    page.get_by_role("searchbox").fill("nothing of the kind")
    expect(told).to_have_text("None of 3 fits")
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="1 healthy").click()
    page.get_by_role("button", name="1 down").click()
    assert ids(page) == ["alpha/gw-10", "beta/gw-2"]
    expect(page.get_by_role("button", name="1 down")).to_have_attribute("aria-pressed", "true")


def test_a_heading_sorts_and_says_so(show: Show) -> None:
    page = show(FLEET)
    assert ids(page) == ["alpha/gw-10", "beta/gw-9", "beta/gw-2"]  # the most urgent first
    page.get_by_role("columnheader", name="Gateway").get_by_role("button").click()
    assert ids(page) == ["alpha/gw-10", "beta/gw-2", "beta/gw-9"]  # numbers as numbers
    expect(page.get_by_role("status")).to_have_text("All 3, by gateway, ascending")
    page.get_by_role("columnheader", name="Gateway").get_by_role("button").click()
    assert ids(page) == ["beta/gw-9", "beta/gw-2", "alpha/gw-10"]
    expect(page.get_by_role("columnheader", name="Gateway")).to_have_attribute("aria-sort", "descending")
    since = page.get_by_role("columnheader", name="Since").get_by_role("button")
    for way in (["beta/gw-2", "beta/gw-9", "alpha/gw-10"], ["beta/gw-9", "beta/gw-2", "alpha/gw-10"]):
        since.click()
        assert ids(page) == way  # that of which nobody knows comes last both ways
    page.get_by_role("columnheader", name="Status").get_by_role("button").click()
    assert ids(page) == ["alpha/gw-10", "beta/gw-9", "beta/gw-2"]


def test_a_countdown_runs_and_passes_its_end(show: Show) -> None:
    page = show(FLEET, now=verdicts.NOW)
    left = page.get_by_role("row", name="beta/gw-9").get_by_role("cell").nth(4)
    expect(left).to_contain_text("in 1:30 min")
    page.clock.run_for(60_000)
    expect(left).to_contain_text("in 0:30 min")
    page.clock.run_for(31_000)
    expect(left).to_contain_text("over, 0:01 min ago")
    expect(page.locator("header")).to_contain_text("(1:31 min ago)")


def test_every_command_is_copied_as_it_stands(show: Show) -> None:
    page = show(FLEET, permissions=["clipboard-read", "clipboard-write"])
    copied = []
    for button in page.locator(".card").first.get_by_role("button", name="Copy").all():
        button.click()
        expect(button).to_have_text("Copied")
        copied.append(page.evaluate("navigator.clipboard.readText()"))
    assert copied == [
        "docker ps --all --filter name='my gateway'",
        "docker update --restart=no gw && docker stop -t 90 gw",
        "ansible-playbook ibgw.ops.recover -e recover_only=alpha/gw-10",
    ]


def test_by_keyboard_one_gets_from_the_top_to_what_a_gateway_needs(show: Show) -> None:
    page = show(FLEET)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the table")).to_be_focused()
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="beta/gw-2")
    for _ in range(40):
        page.keyboard.press("Tab")
        if link.evaluate("it => it === document.activeElement"):
            break
    page.keyboard.press("Enter")
    summary = page.locator("summary", has_text="beta/gw-2")
    expect(summary).to_be_focused()
    expect(page.locator(".card", has=summary)).to_have_attribute("open", "")
    page.keyboard.press("Space")
    expect(page.locator(".card", has=summary)).not_to_have_attribute("open", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("report", [DIAGNOSIS, AUDIT], ids=["diagnosis", "audit"])
def test_it_can_be_read_by_everybody(show: Show, report: dict[str, Any], scheme: str) -> None:
    page = show(report, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], node["html"], node["failureSummary"]) for each in violations for node in each["nodes"]] == []


@pytest.mark.parametrize("report", [DIAGNOSIS, AUDIT], ids=["diagnosis", "audit"])
def test_a_phone_scrolls_one_way(show: Show, report: dict[str, Any]) -> None:
    page = show(report, viewport=PHONE)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # Rows are cards there: each value stands beside what it is, and can still be sorted by.
    expect(page.locator("thead button:visible").first).to_be_visible()


HOSTILE = (
    "</script><script>alert(1)</script><img src=https://evil.example/a onerror=alert(2)>",
    "<style>@import 'https://evil.example/b'</style><iframe src=javascript:alert(3)></iframe>",
    '" onmouseover="alert(4)" x=\'',
    "right-to-left \u202eevil\u2066 \x1b[2J\x1b]0;title\x07 \x00",
    "{{ 7 * 7 }} {% raw %} &lt;b&gt; <!-- ]]> -->",
    "w" * 10_000,
)


def test_hostile_text_is_shown_and_nothing_else(show: Show) -> None:
    rows = [
        verdict(
            f"{text[:80]}-{at}", f"host {text[:40]}", leading=found(summary=text, fix=(f"Type: docker stop {text}",))
        )
        for at, text in enumerate(HOSTILE)
    ]
    page = show(
        verdicts.report_of(*rows, documentation="javascript:alert(5)//", error=HOSTILE[0], controller=HOSTILE[2]),
        viewport=PHONE,
    )
    for link in page.locator("tbody th a").all():
        link.click()
    page.mouse.move(100, 100)
    assert page.locator("script").count() == page.locator("style").count() == 1
    assert page.locator("img, iframe, [onerror], [onmouseover], a[href^='javascript']").count() == 0
    expect(page.locator(".card").filter(has_text="evil.example/a").locator(".verdict").first).to_contain_text(
        HOSTILE[0]
    )
    assert "{{ 7 * 7 }}" in page.content()
    assert not set("\u202e\u2066\x1b\x07") & set(page.content())
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_link_from_elsewhere_opens_its_gateway(show: Show) -> None:
    page = show(verdicts.report_of(verdict("a b"), verdict("gw%20", "ä")))
    for name in ("alpha/a b", "ä/gw%20"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator(".card[open] summary", has_text=name)).to_be_focused()


def test_without_a_script_it_tells_the_time_and_offers_nothing_that_does_not_work(show: Show) -> None:
    page = show(FLEET, java_script_enabled=False)
    expect(page.get_by_role("row", name="beta/gw-9")).to_contain_text("01 Mar 12:01 UTC")
    expect(page.get_by_role("searchbox")).to_be_hidden()
    assert page.locator(".copy:visible").count() == 0
    page.locator("summary", has_text="beta/gw-2").click()
    expect(page.locator(".card", has_text="beta/gw-2").locator("dl")).to_be_visible()


def test_on_paper_stands_what_is_to_be_done_and_no_button(show: Show) -> None:
    page = show(FLEET)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; })")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("button:visible").all_inner_texts() == [
        *("Gateway", "Status", "Since", "Verdict", "What to do", "Time left", "Next forced login")
    ]
    expect(page.locator(".card").first.get_by_text("Stop the loop first")).to_be_visible()
    expect(page.locator(".card", has_text="beta/gw-2").get_by_text("Facts")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_phases_of_a_connection_are_told_in_words_and_figures(show: Show) -> None:
    reached = (Phase("tcp", True, 0.2), Phase("hello", False, 5000.04))
    closed = EndpointVerdict("down", "api.silent", "silent", reached)
    page = show(verdicts.report_of(verdict(leading=found(), endpoints={"live": closed})))
    table = page.get_by_role("table", name="Connecting to the live API, in ms")
    assert [row.split() for row in table.get_by_role("row").all_inner_texts()] == [
        ["tcp", "0.2", "passed"],
        ["hello", "5000.0", "ended", "here"],
    ]


def test_an_audit_opens_with_what_fails_and_finds_rules_by_gateway(show: Show) -> None:
    page = show(
        audits.report_of(
            audits.gateway("one", audits.row(audits.OPEN, "pass"), audits.row(audits.SCREEN, severity="audit")),
            audits.gateway("two", audits.row(audits.HEAP, "pass"), audits.row(audits.SCREEN, "pass")),
        )
    )
    rules = page.get_by_role("table", name="Rules")
    shown = rules.locator("tbody tr:visible")
    assert shown.count() == 1
    expect(shown).to_contain_text("1 fail, 1 pass")
    page.get_by_role("button", name="1 fail", exact=True).click()
    assert shown.count() == 3
    page.get_by_role("searchbox").first.fill("alpha/one")
    expect(page.get_by_role("status").first).to_have_text("2 of 3, by gravest, ascending")


def test_a_thousand_gateways_are_one_page(show: Show) -> None:
    rows = [verdict(f"gw-{at}", f"host-{at // 10}", leading=PUSH if at % 10 == 7 else None) for at in range(1000)]
    page = show(verdicts.report_of(*rows))
    page.get_by_role("searchbox").fill("host-42/gw-427")
    assert ids(page) == ["host-42/gw-427"]
    page.get_by_role("link", name="host-42/gw-427").click()
    expect(page.locator("summary", has_text="host-42/gw-427")).to_be_focused()
