# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator sees in the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import EndpointVerdict, Verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import SavedLog
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils.verdicts import NOW, found, report_of, verdict


def drawn(*verdicts: Verdict, **how: Any) -> list[summary.Line]:
    return summary.lines(report_of(*verdicts), **how)


def text(*verdicts: Verdict, **how: Any) -> str:
    return "\n".join(line.text for line in drawn(*verdicts, **how))


BROKEN = verdict("broken", leading=found())
LONG = verdict(
    "long",
    leading=found(
        summary="words " * 60,
        evidence=(Quote("log", "w" * 300, NOW),),
        fix=("step one " * 30, "step two"),
        remedy_reason="because " * 30,
    ),
)


def test_a_healthy_gateway_takes_one_line() -> None:
    facts = {"logged_in_since": "2026-02-28T08:12:00Z"}
    assert [line.text for line in drawn(verdict("fine", facts=facts), width=120) if "fine" in line.text] == [
        "√ alpha/fine is healthy: API handshake completed in 12 ms, logged in since 2026-02-28 08:12:00 UTC"
    ]


def test_a_healthy_gateway_says_that_its_rebuild_has_not_ended() -> None:
    note = found("container.rebuild_unfinished", "note", summary="a rebuild has not ended")
    assert "in 12 ms, a rebuild has not ended" in text(verdict("fine", found=(note,)), width=120)


def test_a_broken_gateway_has_all_that_is_needed_to_act() -> None:
    assert text(BROKEN).splitlines() == [
        "",
        "alpha/broken is DOWN: relay.down",
        "  √ the container runs, started 2026-03-01 12:00:00 UTC",
        "  × proof of relay.down",
        "    | health 2026-03-01 12:00:00 UTC: 4002 listens, 4004 does not",
        "  Fix   Start the relay.",
        "  Safe  restart the relay: the gateway itself listens",
        "  Next  ansible-playbook ibgw.ops.recover -e recover_only=alpha/broken",
        "  Docs  docs/findings/relay.down.md",
        "",
        "1 gateway on 1 machine: 1 down.",
    ]


def test_forced_logins_that_are_near_are_told_at_the_end_with_day_and_hour() -> None:
    ends = {"soon": "2026-03-01T15:20:00Z", "later": "2026-03-02T05:00:00Z", "over": "2026-03-01T06:00:00Z"}
    fleet = [verdict(name, facts={"next_forced_login": at}) for name, at in ends.items()]
    said = [line.text for line in summary.lines(report_of(BROKEN, *fleet, remind_before=86_400), width=120)]
    assert said[-5:] == [
        "! alpha/over: its session ended 2026-03-01 06:00:00 UTC; the restart after that needs a full login",
        "! alpha/soon: its session ends Sunday 2026-03-01 15:20 UTC, in 3 h 20 min; the restart after that needs a full login",
        "! alpha/later: its session ends Monday 2026-03-02 05:00 UTC, in 17 h 0 min; the restart after that needs a full login",
        "",
        "4 gateways on 1 machine: 1 down, 3 healthy.",
    ]
    assert "!" not in "".join(line.text for line in summary.lines(report_of(BROKEN, *fleet)))


def test_the_page_is_named_where_everybody_finds_it() -> None:
    built = report_of(BROKEN, documentation="https://docs.example")
    assert "  Docs  https://docs.example/findings/relay.down.md" in [line.text for line in summary.lines(built)]


def test_what_is_safe_is_said_also_without_a_reason() -> None:
    assert "  Safe  a person is needed" in text(
        verdict(leading=found("host.memory_short", "degraded", remedy="ask_person", remedy_reason=None))
    )


def test_the_most_urgent_gateway_stands_last_before_the_fleet() -> None:
    said = text(BROKEN, verdict("fine"), verdict("asks", leading=found("twofa.pending", "waiting")))
    assert (
        said.index("alpha/fine") < said.index("alpha/asks") < said.index("alpha/broken") < said.index("3 gateways on 1")
    )
    assert said.endswith("3 gateways on 1 machine: 1 down, 1 waiting, 1 healthy.")


def test_consequences_are_left_to_the_report_and_other_faults_are_named() -> None:
    leading = found()
    other = found("host.clock_wrong", "degraded")
    advice = found("config.image_unpinned", "advice")
    consequence = replace(found("relay.no_backend"), consequence_of="relay.down")
    said = text(verdict(leading=leading, found=(leading, other, consequence, advice)))
    assert "× proof of host.clock_wrong (host.clock_wrong, degraded)" in said
    assert "relay.no_backend" not in said
    assert "config.image_unpinned" not in said


def test_the_healthy_half_of_a_gateway_is_said_to_be_healthy() -> None:
    halves = {
        "paper": EndpointVerdict("healthy", None, "API handshake completed in 12 ms"),
        "live": EndpointVerdict("waiting", "twofa.pending", "asked"),
    }
    said = text(verdict(leading=found("twofa.pending", "waiting"), endpoints=halves))
    assert "√ paper: API handshake completed in 12 ms" in said


def test_the_time_of_a_log_line_is_said_once() -> None:
    line = Quote("log", "2026-03-01 12:00:00:123 IBC: Login attempt: 1", "2026-03-01T12:00:00Z")
    leading = found()
    said = text(verdict(leading=replace(leading, proof=replace(leading.proof, evidence=(line,)))))
    assert "log 2026-03-01 12:00:00 UTC: IBC: Login attempt: 1" in said


@pytest.mark.parametrize("prefix", ["", "health: "])
def test_evidence_that_says_the_same_as_the_finding_is_not_said_again(prefix: str) -> None:
    reason = "the user nobody may not use the socket /var/run/docker.sock"
    evidence = (Quote("health", reason), Quote("health", "socket of root:docker"))
    said = text(
        verdict(leading=found("engine.denied", "unknown", summary=prefix + reason, evidence=evidence)), width=120
    )
    assert said.count(reason) == 1
    assert "health: socket of root:docker" in said
    assert (
        text(verdict(leading=found(summary="it is", evidence=(Quote("health", reason),))), width=120).count(reason) == 1
    )


def test_a_hold_on_a_healthy_gateway_is_told_with_the_command_that_clears_it() -> None:
    command = "ansible-playbook ibgw.ops.release -e release_only=alpha/gw"
    hold = found("container.held", "note", summary="a hold is still recorded", fix=(f"Clear it: {command}",))
    said = text(verdict(found=(hold,)), width=60)
    assert "a hold is still recorded" in said
    assert command in said  # whole, to be copied
    assert "hold" not in text(verdict())


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_but_a_command_is_wider_than_the_terminal(width: int) -> None:
    lines = [line.text for line in drawn(LONG, BROKEN, verdict("fine"), width=width)]
    assert max(len(line) for line in lines if not line.startswith("  Next")) <= width


def test_a_very_wide_terminal_is_not_filled_to_its_end() -> None:
    assert max(len(line.text) for line in drawn(LONG, width=200)) <= summary.WIDEST


def test_a_command_stays_whole_for_copying() -> None:
    command = "ansible-playbook ibgw.ops.diagnose " + "-e x=y " * 30 + "end"
    asked = found(remedy="ask_person", next_command=command)
    assert f"  Next  {command}" in text(verdict(leading=asked)).splitlines()


def test_a_command_at_the_end_of_a_step_stays_whole_too() -> None:
    command = "docker exec -d -e API_PORT=4002 -e SOCAT_PORT=4004 ib-gateway /home/ibgateway/scripts/run_socat.sh"
    steps = (
        "Start its loop again: " + command,
        "See what runs: docker top gw",
        "Wait: docker does it " + "by itself, " * 9,
    )
    assert text(verdict(leading=found(fix=steps)), width=80).splitlines()[5:11] == [
        "  Fix   Start its loop again:",
        f"          {command}",
        "        See what runs: docker top gw",
        "        Wait: docker does it by itself, by itself, by itself, by itself, by",
        "          itself, by itself, by itself, by itself, by itself,",
        "  Safe  restart the relay: the gateway itself listens",
    ]


def test_ascii_only() -> None:
    said = text(LONG, verdict(leading=found(summary="geht nicht: “größer” …")), verdict("fine"), ascii_only=True)
    assert said.isascii()
    assert "+ alpha/fine is healthy" in said
    assert 'x geht nicht: "gr??er" ...' in said


def test_colour_goes_with_the_status() -> None:
    (head,) = [line for line in drawn(BROKEN) if line.text.startswith("alpha/")]
    assert head.colour == summary.COLOURS["down"]
    assert not any("\x1b" in line.text for line in drawn(BROKEN))


@pytest.mark.parametrize("name", [*summary.COLOURS.values(), summary.QUIET])
@pytest.mark.parametrize("background", [0.0, 1.0], ids=["black", "white"])
def test_colours_can_be_read_on_a_dark_and_on_a_light_ground(name: str, background: float) -> None:
    number = int(name.removeprefix("color"))
    if number >= 232:
        channels = (8 + 10 * (number - 232),) * 3
    else:
        levels, cube = (0, 95, 135, 175, 215, 255), number - 16
        channels = (levels[cube // 36], levels[cube // 6 % 6], levels[cube % 6])
    linear = [level / 255 / 12.92 if level <= 10 else ((level / 255 + 0.055) / 1.055) ** 2.4 for level in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]  # WCAG 2
    contrast = (max(luminance, background) + 0.05) / (min(luminance, background) + 0.05)
    assert contrast > 3.7


KNOWN = Suppression("relay.down", None, "being mended", "2026-03-31T23:59:59Z")


def test_a_suppressed_gateway_takes_one_line_with_reason_and_end() -> None:
    _blank, line, *_fleet = drawn(verdict("gw", leading=replace(found(), suppressed=KNOWN)), width=120)
    assert line.text == "- alpha/gw is DOWN: relay.down, suppressed until 2026-03-31 23:59:59 UTC: being mended"
    assert line.colour not in summary.COLOURS.values()


def test_the_fleet_says_how_many_are_suppressed() -> None:
    suppressed = verdict("gw", leading=replace(found(), suppressed=KNOWN))
    assert text(suppressed, BROKEN, verdict("fine")).endswith(
        "3 gateways on 1 machine: 2 down (1 suppressed), 1 healthy."
    )


def test_a_lesser_finding_that_is_suppressed_is_left_to_the_report_and_a_graver_one_is_not() -> None:
    leading = found("twofa.pending", "waiting")
    lesser = replace(found("host.clock_wrong", "degraded"), suppressed=KNOWN)
    graver = replace(found(), suppressed=KNOWN)
    said = text(verdict(leading=leading, found=(leading, lesser)))
    assert "host.clock_wrong" not in said
    said = text(verdict(leading=leading, found=(leading, graver)), width=120)
    assert "  - proof of relay.down (relay.down, down, suppressed until 2026-03-31 23:59:59 UTC: being mended)" in said


def test_suppressions_without_effect_are_told() -> None:
    over = replace(KNOWN, until="2026-02-28T23:59:59Z")
    suppressions = [KNOWN, replace(KNOWN, host="beta"), over]
    whole = report_of(verdict("gw", leading=replace(found(), suppressed=KNOWN)), suppressions=suppressions)
    said = [line.text for line in summary.lines(whole, 120) if line.text.startswith("- relay")]
    assert said == [
        "- relay.down@beta is suppressed until 2026-03-31 23:59:59 UTC: being mended (without effect here)",
        "- relay.down was suppressed until 2026-02-28 23:59:59 UTC: being mended (expired)",
    ]


def dark(name: str, host: str = "alpha") -> Verdict:
    return verdict(
        name,
        host,
        leading=found("host.unreachable", "unknown", remedy="none", fix=("Mend the network.",)),
        facts={"started_at": None},
    )


def test_gateways_of_which_the_same_is_to_be_said_share_a_block() -> None:
    said = text(dark("one"), dark("two"), dark("three", "beta"), BROKEN, width=120)
    assert "alpha/one, alpha/two, beta/three are UNKNOWN: host.unreachable" in said
    assert said.count("Mend the network.") == 1
    assert (
        said.count(
            "  Next  ansible-playbook ibgw.ops.diagnose -l alpha\n        ansible-playbook ibgw.ops.diagnose -l beta"
        )
        == 1
    )


def test_what_differs_in_anything_but_its_name_has_a_block_of_its_own() -> None:
    other = verdict("other", leading=found(summary="proof of another"))
    assert [line for line in text(BROKEN, other).splitlines() if " is DOWN" in line] == [
        "alpha/other is DOWN: relay.down",
        "alpha/broken is DOWN: relay.down",
    ]


FEW = [verdict("asks", leading=found("twofa.pending", "waiting")), BROKEN]
MANY = [*FEW, *(dark(f"gw{at}") for at in range(9))]


def test_many_blocks_are_followed_by_an_index_the_gravest_last() -> None:
    assert text(*MANY).splitlines()[-5:-1] == [
        "UNKNOWN  alpha/gw0 and 8 more  host.unreachable  nothing",
        "WAITING  alpha/asks            twofa.pending     restart the relay",
        "DOWN     alpha/broken          relay.down        restart the relay",
        "",
    ]
    assert "DOWN     alpha/broken          relay.down" in text(*MANY, width=60).splitlines()
    assert "WAITING  " not in text(*FEW)


def test_an_index_of_long_names_is_wrapped() -> None:
    lines = [line.text for line in drawn(*MANY, verdict("n" * 63, "m" * 63, leading=found()), width=80)]
    assert max(len(line) for line in lines if "ansible-playbook" not in line) <= 80


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "a\nb\rc", "\u202eevil", "bell\x07", "\x9b31m", "\u2028next"])
def test_hostile_text_can_not_break_the_terminal(hostile: str) -> None:
    leading = found(
        summary=hostile,
        evidence=(Quote(hostile, hostile, hostile),),
        fix=(hostile,),
        remedy_reason=hostile,
        next_command=hostile,
    )
    lines = drawn(verdict(leading=leading), verdict("fine", summary=hostile))
    assert all(line.text.isprintable() for line in lines)


@pytest.mark.parametrize("odd", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "soon"])
def test_a_time_that_is_none_is_shown_as_it_is(odd: str) -> None:
    assert f"logged in since {odd}" in text(verdict(facts={"logged_in_since": odd}), width=120)


def test_nothing_found() -> None:
    assert text().strip() == "0 gateways on 0 machines: nothing found."


# Saved logs


def text_of(said: dict[str, Any]) -> str:
    return " ".join(line.text for line in summary.lines(said, 400))


def of_a_log(last_at: str | None, checked_at: str = NOW, generated_at: str = NOW) -> str:
    """What is said at the end of a summary of a saved log."""
    judged = verdict("some.log", "some.log", leading=found(), checked_at=checked_at, saved_log=True)
    said = report_of(judged, log=SavedLog("some.log", last_at, 250), generated_at=generated_at)
    return text_of(said).rpartition("  ")[2]


@pytest.mark.parametrize(
    ("last_at", "checked_at", "generated_at", "told"),
    [
        ("2026-03-01T12:00:00Z", NOW, "2026-03-22T13:00:00Z", "as of its last line, 2026-03-01 12:00:00 UTC (3 weeks ago)."),
        ("2026-03-01T12:00:00Z", NOW, "2026-03-01T12:01:30Z", "as of its last line, 2026-03-01 12:00:00 UTC (90 seconds ago)."),
        ("2026-03-01T12:00:00Z", NOW, "2026-02-01T12:00:00Z", "as of its last line, 2026-03-01 12:00:00 UTC."),
        (
            "2026-03-01T10:00:00Z",
            NOW,
            "2026-03-03T12:00:00Z",
            "as of 2026-03-01 12:00:00 UTC, 2 hours after its last line, 2026-03-01 10:00:00 UTC (2 days ago).",
        ),
        (None, NOW, NOW, "as of its last line; the zone of its times is not known, and so its age is not."),
    ],
)  # fmt: skip
def test_a_saved_log_is_said_to_be_as_old_as_it_is(
    last_at: str | None, checked_at: str, generated_at: str, told: str
) -> None:
    assert of_a_log(last_at, checked_at, generated_at) == f"1 gateway in some.log: 1 down, {told}"


def test_a_saved_log_that_is_damaged_is_said_to_end_there() -> None:
    judged = verdict("some.log", "some.log", leading=found(), saved_log=True)
    said = report_of(judged, log=SavedLog("some.log", NOW, 250, damaged=True))
    assert "as of the last line before its damage, 2026-03-01 12:00:00 UTC" in text_of(said)


def test_a_saved_log_that_could_not_be_read_has_no_age() -> None:
    judged = verdict("some.log", "some.log", leading=found("probe.incomplete", "unknown"), saved_log=True)
    said = report_of(judged, log=SavedLog("some.log", None, 0))
    assert summary.lines(said)[-1].text == "1 gateway in some.log: 1 unknown."


def test_a_line_of_a_saved_log_is_named_by_its_number() -> None:
    quotes = (Quote("log", "IBC: Click button: Log In", NOW, 213), Quote("log", "IBC: no time", None, 214))
    said = text(verdict("some.log", leading=found(evidence=quotes), saved_log=True))
    assert "    | line 213, 2026-03-01 12:00:00 UTC: IBC: Click button: Log In" in said
    assert "    | line 214: IBC: no time" in said
