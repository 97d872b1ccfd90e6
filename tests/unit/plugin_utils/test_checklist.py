# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator sees of an audit in the terminal, of one gateway and of a hundred."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import checklist
from ansible_collections.ibgw.ops.plugins.plugin_utils.audit import SEVERITIES
from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import COLOURS, QUIET, WIDEST
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils.audits import HEAP, OPEN, SCREEN, gateway, report_of, row, unseen

WELL = (row(OPEN, "pass"), row(HEAP, "pass"), row(SCREEN, "not_applicable", summary="it has no screen"))
KNOWN = Suppression(SCREEN, "alpha", "needed until the move", "2027-03-31T23:59:59Z")
EXCUSED = row(SCREEN, accepted={"host": KNOWN.host, "reason": KNOWN.reason, "until": KNOWN.until})


def text(*gateways: dict[str, Any], width: int = 80, ascii_only: bool = False, **run: Any) -> str:
    return "\n".join(line.text for line in checklist.lines(report_of(*gateways, **run), width, ascii_only))


def fleet(number: int, *rows: dict[str, Any], host: str = "alpha") -> list[dict[str, Any]]:
    return [gateway(f"gw{at}", *rows, host=host) for at in range(number)]


def test_a_failed_rule_has_all_that_is_needed_to_mend_it() -> None:
    assert text(gateway("gw", row(), *WELL[1:])).splitlines() == [
        "",
        "√ alpha/gw passes 1 rule: config.heap_over_limit",
        "- alpha/gw: not applicable: config.vnc_enabled",
        "",
        "alpha/gw fails config.port_exposed (advice)",
        "  Rule  What config.port_exposed tells of is not so.",
        "  × seen by config.port_exposed",
        "    | health: 0.0.0.0:4001 -> 4003",
        "  Set   bind: 127.0.0.1  (in the inventory)",
        "  Docs  https://docs.example/findings/config.port_exposed.md",
        "",
        "1 gateway on 1 machine by 3 rules: 1 fail, 1 pass, 1 not applicable; 1 gateway",
        "reaches audit_fail_on=advice.",
    ]


def test_where_no_single_setting_mends_it_the_steps_do() -> None:
    fix = ["Look: docker system df -v", "Make room."]
    said = text(gateway("gw", row(change=None, fix=fix)))
    assert "  Fix   Look: docker system df -v\n        Make room.\n" in said
    assert "  Set " not in said


def test_where_nothing_fails_little_is_said() -> None:
    assert text(gateway("gw", *WELL)).splitlines() == [
        "",
        "√ alpha/gw passes 2 rules: config.port_exposed, config.heap_over_limit",
        "- alpha/gw: not applicable: config.vnc_enabled",
        "",
        "1 gateway on 1 machine by 3 rules: 2 pass, 1 not applicable; no gateway reaches",
        "audit_fail_on=advice.",
    ]


def test_what_several_gateways_pass_is_named_once() -> None:
    said = text(gateway("one", *WELL), gateway("two", row(), *WELL[1:]), width=120).splitlines()
    assert said[1:4] == [
        "√ alpha/one, alpha/two pass 1 rule: config.heap_over_limit",
        "√ alpha/one passes 1 rule: config.port_exposed",
        "- alpha/one, alpha/two: not applicable: config.vnc_enabled",
    ]


def test_of_many_gateways_passes_are_counted_only() -> None:
    said = text(*fleet(4, *WELL))
    assert "√ all 4 gateways: nothing fails" in said
    assert "config." not in said
    assert "4 gateways on 1 machine by 3 rules: 8 pass, 4 not applicable" in said


# Alike


def test_what_fails_alike_on_several_gateways_is_told_once() -> None:
    said = text(*fleet(3, row()), gateway("other", *WELL, host="beta"))
    assert "alpha/gw0, alpha/gw1, alpha/gw2 fail config.port_exposed (advice)" in said
    assert said.count("  Set   bind: 127.0.0.1") == 1


@pytest.mark.parametrize(
    ("gateways", "where"),
    [
        (fleet(4, row()), "all 4 gateways"),
        ([*fleet(4, row()), *fleet(2, row(), host="beta"), gateway("well", host="beta")], "alpha/*, beta/gw0, beta/gw1"),
        ([*fleet(3, row()), gateway("well")], "alpha/gw0, alpha/gw1, alpha/gw2"),
    ],
)  # fmt: skip
def test_gateways_of_a_larger_fleet_are_named_by_their_machines(gateways: list[dict[str, Any]], where: str) -> None:
    assert f"{where} fail config.port_exposed (advice)" in text(*gateways, width=120).splitlines()


def test_many_gateways_stand_below_their_number() -> None:
    said = text(*fleet(4, row()), gateway("well"), width=120)
    assert "4 of 5 gateways fail config.port_exposed (advice)" in said
    assert "  On    alpha/gw0, alpha/gw1, alpha/gw2, alpha/gw3" in said.splitlines()


def test_what_fails_in_another_way_stands_below_the_same_rule() -> None:
    said = text(gateway("one", row()), gateway("two", row(summary="seen elsewhere")), gateway("three", row()))
    assert said.count(" fail config.port_exposed") == said.count("  Docs  ") == 1
    both, other = said.index("  On    alpha/one, alpha/three\n"), said.index("  On    alpha/two\n")
    assert both < said.index("× seen by config.port_exposed") < other < said.index("× seen elsewhere")


def test_times_alone_make_no_difference() -> None:
    quotes = [f"2026-03-01 12:00:0{at}:123 IBC: Setting: no" for at in range(2)]
    evidence = [[{"source": "log", "quote": quote, "at": quote[:19], "line": None}] for quote in quotes]
    said = text(*(gateway(f"gw{at}", row(evidence=each)) for at, each in enumerate(evidence)))
    assert said.count("    | log: IBC: Setting: no") == 1


def test_of_many_ways_to_fail_a_few_are_shown_and_every_gateway_is_named() -> None:
    said = text(*(gateway(f"gw{at}", row(summary=f"port {at}")) for at in range(9)), width=120)
    assert said.count("  × port ") == checklist.SHOWN
    assert all(f"alpha/gw{at}" in said for at in range(9))
    assert "in ways of their own, which stand in the report" in " ".join(said.split())


def test_what_weighs_more_elsewhere_has_a_block_of_its_own() -> None:
    said = text(gateway("one", row()), gateway("two", row(severity="down")))
    assert said.index("alpha/one fails config.port_exposed (advice)") < said.index("alpha/two fails config.port_exposed (down)")  # fmt: skip


def test_an_endpoint_of_a_gateway_is_named() -> None:
    said = text(gateway("gw", row(endpoint="live"), row(result="pass", endpoint="paper")))
    assert "alpha/gw (live) fails config.port_exposed" in said


def test_a_gateway_is_counted_once_whose_endpoints_both_fail() -> None:
    ways = [row(endpoint=endpoint, summary=f"seen at {endpoint}") for endpoint in ("paper", "live")]
    assert "4 of 5 gateways fail config.port_exposed" in text(*fleet(4, *ways), gateway("well"))


# What is not known, accepted, not seen, wrong now


def test_what_is_not_known_is_told_with_its_reason_once() -> None:
    dim = [row(code, "not_known", summary="the log shows no settings") for code in (OPEN, HEAP)]
    said = text(*fleet(2, *dim), gateway("other", row(OPEN, "not_known", summary="no log")), width=120)
    assert "? alpha/gw0, alpha/gw1: not known: config.port_exposed, config.heap_over_limit: the log shows no settings" in said  # fmt: skip
    assert "? alpha/other: not known: config.port_exposed: no log" in said


def test_beside_what_fails_no_long_list_of_gateways_is_given() -> None:
    said = text(*fleet(9, row(HEAP, "not_known", summary="no log")), gateway("well"))
    assert "? 9 of 10 gateways: not known: config.heap_over_limit: no log" in said


def test_what_is_not_known_of_as_many_others_is_told_apart() -> None:
    dim = [row(code, "not_known", summary="no log") for code in (OPEN, HEAP)]
    said = text(*fleet(7, dim[0]), *fleet(7, dim[1], host="beta"), gateway("well", host="gamma"), width=120)
    assert "? alpha/*: not known: config.port_exposed: no log" in said
    assert "? beta/*: not known: config.heap_over_limit: no log" in said


def test_what_is_accepted_is_told_with_reason_and_end() -> None:
    said = text(gateway("gw", EXCUSED), suppressions=[KNOWN], width=120).splitlines()
    assert "- config.vnc_enabled@alpha is accepted until 2027-03-31 23:59:59 UTC: needed until the move (on alpha/gw)" in said  # fmt: skip
    assert not any("fails" in line for line in said)


def test_what_is_accepted_though_it_can_not_be_seen_is_told_as_such() -> None:
    vouched = row(SCREEN, "not_known", accepted={"host": KNOWN.host, "reason": KNOWN.reason, "until": KNOWN.until})
    said = text(gateway("gw", vouched), suppressions=[KNOWN])
    assert "is accepted until" in said
    assert "not known" not in said


def test_what_accepts_nothing_is_told_too() -> None:
    over = Suppression(SCREEN, None, "needed", "2026-02-01T00:00:00Z")
    said = text(
        gateway("gw", row(SCREEN)), suppressions=[over, Suppression(OPEN, None, "closed", KNOWN.until)], width=120
    )
    assert "- config.vnc_enabled was accepted until 2026-02-01 00:00:00 UTC: needed (expired)" in said
    assert "- config.port_exposed is accepted until 2027-03-31 23:59:59 UTC: closed (without effect here)" in said


def test_gateways_that_could_not_be_looked_at_share_a_block() -> None:
    said = text(unseen("one"), unseen("two"), gateway("gw", row()))
    assert said.count("no route to host") == 1
    assert (
        "gamma/one, gamma/two could not be audited\n"
        "  × no route to host\n"
        "  Next  ansible-playbook ibgw.ops.diagnose -l gamma\n"
    ) in said
    assert "not known:" not in said


def test_a_gateway_that_nobody_has_declared_is_told() -> None:
    assert "- alpha/found: not declared in the inventory" in text(gateway("found", *WELL, declared=False))


def test_what_is_wrong_now_is_for_a_diagnosis_to_tell() -> None:
    now = {"status": "waiting", "code": "twofa.pending", "next_command": "ansible-playbook ibgw.ops.diagnose -l alpha"}
    said = text(gateway("gw", row(), **now))
    assert "alpha/gw is WAITING now: twofa.pending\n  Next  ansible-playbook ibgw.ops.diagnose -l alpha\n" in said
    known = text(gateway("gw", row(severity="down"), **{**now, "status": "down", "code": OPEN}))
    assert "now" not in known


# The whole


def test_the_gravest_stands_last_and_an_index_follows_many_blocks() -> None:
    rows = [row(OPEN, severity="down"), row(HEAP), row(SCREEN, severity="audit")]
    said = text(gateway("gw", *rows), unseen("dark"))
    heads = [
        said.index(head) for head in ("fails config.vnc", "fails config.heap", "gamma/dark could", "fails config.port")
    ]
    assert heads == sorted(heads)
    assert said.splitlines()[-8:-3] == [
        "",
        "AUDIT    alpha/gw    config.vnc_enabled      bind: 127.0.0.1",
        "ADVICE   alpha/gw    config.heap_over_limit  bind: 127.0.0.1",
        "UNKNOWN  gamma/dark  host.unreachable        not audited",
        "DOWN     alpha/gw    config.port_exposed     bind: 127.0.0.1",
    ]


LONG = gateway(
    "n" * 60,
    row(summary="words " * 60, evidence=[{"source": "log", "quote": "w" * 300, "at": None, "line": None}]),
    row(HEAP, change=None, fix=["step " * 30]),
    row(SCREEN, "not_known", summary="because " * 40),
    host="m" * 60,
)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_but_a_setting_or_a_command_is_wider_than_the_terminal(width: int) -> None:
    lines = text(LONG, unseen("dark"), *fleet(9, row(), EXCUSED), width=width, suppressions=[KNOWN]).splitlines()
    assert max(len(line) for line in lines if line[:8].strip() not in ("Set", "Next", "Docs")) <= width
    assert max(len(line) for line in text(LONG, width=300).splitlines()) <= WIDEST


def test_a_setting_stays_whole_for_copying() -> None:
    setting = "image: example.test/ib-gateway@sha256:" + "0" * 64
    said = text(gateway("gw", row(change={"where": "container", "setting": setting})), width=60)
    assert f"  Set   {setting}\n        (where the container is defined)\n" in said


def test_ascii_only() -> None:
    said = text(gateway("gw", row(summary="“größer” …"), row(HEAP, "pass")), ascii_only=True)
    assert said.isascii()
    assert "+ alpha/gw passes 1 rule" in said
    assert '  x "gr??er" ...' in said


def test_colour_goes_with_what_it_is_worth() -> None:
    drawn = checklist.lines(
        report_of(gateway("gw", row(severity="down"), row(HEAP, "pass"), EXCUSED), suppressions=[KNOWN])
    )
    assert {line.text[:10]: line.colour for line in drawn if line.colour} == {
        "√ alpha/gw": COLOURS["healthy"],
        "- config.v": QUIET,
        "    until ": QUIET,
        "alpha/gw f": COLOURS["down"],
        "1 gateway ": COLOURS["down"],
        "audit_fail": COLOURS["down"],
    }
    assert set(checklist.LOOKS) == {*SEVERITIES, "healthy"}
    assert set(checklist.ORDER) >= set(SEVERITIES)
    assert set(checklist.LOOKS.values()) <= {*COLOURS.values(), QUIET}  # all of which can be read on any ground


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "a\nb\rc", "\u202eevil", "bell\x07", "\x9b31m", "\u2028next"])
def test_hostile_text_can_not_break_the_terminal(hostile: str) -> None:
    evidence = [{"source": hostile, "quote": hostile, "at": None, "line": None}]
    bad = row(summary=hostile, evidence=evidence, change={"where": "container", "setting": hostile})
    steps = row(SCREEN, change=None, fix=[hostile])
    dim = row(HEAP, "not_known", summary=hostile)
    dark = {**unseen("dark", reason=hostile), "next_command": hostile}
    known = Suppression(OPEN, hostile, hostile, hostile)
    drawn = checklist.lines(report_of(gateway(hostile, bad, steps, dim), dark, suppressions=[known]))
    assert all(line.text.isprintable() for line in drawn)


def test_nothing_found() -> None:
    assert (
        text(machines=1).strip()
        == "0 gateways on 1 machine by 0 rules: nothing found; no gateway reaches\naudit_fail_on=advice."
    )
