# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verdicts become a report that keeps to its schema, an artifact, and the decision whether the run fails."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import report
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import judged
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    LAYERS,
    REMEDIES,
    SEVERITIES,
    STATUSES,
    EndpointVerdict,
    Verdict,
    findings,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Phase
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import SavedLog
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils.verdicts import NOW, found, report_of, verdict

WHEN = datetime.fromisoformat(NOW)
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text(encoding="utf-8"))


FLEET = (
    verdict("fine"),
    verdict("late", leading=found("gateway.starting", "starting")),
    verdict("tired", leading=found("api.slow", "degraded")),
    verdict("host-down", "host-down", leading=found("host.unreachable", "unknown")),
    verdict("asks", leading=found("twofa.pending", "waiting", deadline=NOW)),
    verdict("broken", "beta", leading=found("relay.down", "down")),
)


def test_schema_is_a_schema_and_knows_every_word_of_the_registry() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    words = SCHEMA["$defs"]
    assert set(words["status"]["enum"]) == set(STATUSES)
    assert set(words["severity"]["enum"]) == set(SEVERITIES)
    assert words["layer"]["enum"] == list(LAYERS)
    assert words["remedy"]["enum"] == list(REMEDIES)


@pytest.mark.parametrize("verdicts", [(), FLEET[:1], FLEET], ids=["nothing", "healthy", "fleet"])
def test_report_keeps_to_its_schema(verdicts: tuple[Verdict, ...]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(report_of(*verdicts))))


@pytest.mark.parametrize("part", ["fleet", "gateways", "findings", "evidence", "facts"])
def test_schema_misses_every_key_that_is_not_there(part: str) -> None:
    whole = report_of(verdict(leading=found()))
    (row,) = whole["gateways"]
    (finding,) = row["findings"]
    sample = {
        "fleet": whole["fleet"],
        "gateways": row,
        "findings": finding,
        "evidence": finding["evidence"][0],
        "facts": row["facts"],
    }[part]
    for key in list(sample):
        kept = sample.pop(key)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(whole)
        sample[key] = kept


def test_the_most_urgent_row_is_first() -> None:
    rows = report_of(*FLEET)["gateways"]
    assert [row["status"] for row in rows] == ["down", "waiting", "unknown", "degraded", "starting", "healthy"]


def test_fleet_counts_every_status() -> None:
    fleet = report_of(*FLEET)["fleet"]
    assert fleet == {
        "machines": 3,
        "total": 6,
        "by_status": dict.fromkeys(STATUSES, 1),
        "worst": "down",
        "failing": ["beta/broken", "host-down"],
        "logins_due": [],
        "suppressed": [],
    }


def test_a_gateway_is_named_in_the_fleet_and_a_machine_stands_for_itself() -> None:
    assert [row["id"] for row in report_of(*FLEET)["gateways"]][:3] == ["beta/broken", "alpha/asks", "host-down"]


def test_row_says_what_leads() -> None:
    (row,) = report_of(verdict(leading=found()))["gateways"]
    assert (row["code"], row["layer"], row["remedy"]) == ("relay.down", "relay", "restart_relay")
    assert row["fix"] == ["Start the relay."]
    assert row["docs"] == "docs/findings/relay.down.md"
    assert row["next_command"] == "ansible-playbook ibgw.ops.recover -e recover_only=alpha/gw"


@pytest.mark.parametrize("remedy", REMEDIES)
def test_what_recover_carries_out_is_offered_as_its_command(remedy: str) -> None:
    """Whatever the finding itself has to look at: a command by hand would pass by every guard."""
    leading = found(remedy=remedy, next_command="docker logs gw")
    (row,) = report_of(verdict(leading=leading))["gateways"]
    by_recover = remedy not in ("none", "wait", "ask_person")
    assert row["next_command"] == (
        "ansible-playbook ibgw.ops.recover -e recover_only=alpha/gw" if by_recover else "docker logs gw"
    )


def test_row_carries_what_a_ticket_opens_with() -> None:
    (row,) = report_of(verdict(leading=found()), documentation="https://docs.example")["gateways"]
    assert row["title"] == row["findings"][0]["title"] == "title of relay.down"
    assert row["docs_url"] == "https://docs.example/findings/relay.down.md"


@pytest.mark.parametrize(
    ("status", "next_command", "shown"),
    [
        ("down", None, None),
        ("down", "docker logs --tail 50 <container>", None),  # it is at hand
        ("down", "docker port <container>", "docker port <container>"),
        ("down", "ansible-playbook ibgw.ops.diagnose -e diagnose_only=<machine>/<container>", None),
        ("unknown", None, "docker logs -t <container> > new.log 2>&1"),
        ("waiting", "docker logs --tail 50 <container>", "docker logs -t <container> > new.log 2>&1"),
    ],
)
def test_nothing_is_to_be_typed_about_a_saved_log_that_takes_an_inventory(
    status: str, next_command: str | None, shown: str | None
) -> None:
    leading = found(next_command=next_command)
    (row,) = report_of(verdict("some.log", status=status, leading=leading, saved_log=True))["gateways"]
    assert row["next_command"] == shown


def test_healthy_row_asks_for_nothing() -> None:
    (row,) = report_of(verdict(), documentation="https://docs.example")["gateways"]
    assert (row["code"], row["remedy"], row["fix"]) == (None, "none", [])
    assert {row[key] for key in ("layer", "title", "next_command", "docs", "docs_url")} == {None}


def test_row_tells_the_phases_of_its_connections() -> None:
    served = EndpointVerdict("healthy", None, "served", (Phase("tcp", True, 0.2), Phase("hello", True, 58.6)))
    report = report_of(verdict(endpoints={"paper": served}))
    (row,) = report["gateways"]
    assert row["endpoints"]["paper"]["phases"] == [
        {"phase": "tcp", "ok": True, "ms": 0.2},
        {"phase": "hello", "ok": True, "ms": 58.6},
    ]
    jsonschema.Draft202012Validator(SCHEMA).validate(report)


def test_consequences_are_kept_and_say_of_what() -> None:
    leading = found()
    consequence = replace(found("relay.no_backend"), consequence_of="relay.down")
    (row,) = report_of(verdict(leading=leading, found=(leading, consequence)))["gateways"]
    assert [(each["code"], each["consequence_of"]) for each in row["findings"]] == [
        ("relay.down", None),
        ("relay.no_backend", "relay.down"),
    ]


@pytest.mark.parametrize(
    ("level", "statuses"),
    [
        ("never", set()),
        ("down", {"down", "unknown"}),
        ("waiting", {"down", "unknown", "waiting"}),
        ("degraded", {"down", "unknown", "waiting", "degraded"}),
    ],
)
def test_what_fails_a_run(level: str, statuses: set[str]) -> None:
    whole = report_of(*FLEET, fail_on=level)
    rows = {row["id"]: row["status"] for row in whole["gateways"]}
    assert whole["fail_on"] == level
    assert {rows[each] for each in whole["fleet"]["failing"]} == statuses


def test_sentence_names_a_few_and_counts_the_rest() -> None:
    broken = [verdict(f"gw{at}", leading=found()) for at in range(8)]
    said = report.sentence(report_of(*broken))
    assert said.startswith("8 of 8 gateways reach diagnose_fail_on=down: alpha/gw0 (relay.down)")
    assert said.endswith("and 3 more")
    assert report.sentence(report_of(*broken, fail_on="never")) == "no gateway reaches diagnose_fail_on=never"


WEEKLY = found("ibkr.weekly_login_due", "note")
ENDS = {name: {"facts": {"next_forced_login": at}, "found": (WEEKLY,)} for name, at in [
    ("past", "2026-03-01T06:00:00Z"),
    ("first", "2026-03-01T13:00:00Z"),
    ("last", "2026-03-01T16:00:00Z"),
    ("later", "2026-03-01T16:00:01Z"),
]}  # fmt: skip


def ending(*names: str) -> list[Verdict]:
    """Healthy gateways whose sessions end in 1 h, in 4 h, a second later than that, or ended long ago."""
    return [verdict(name, **ENDS[name]) for name in names]


def test_forced_logins_that_are_near_are_listed_the_soonest_first() -> None:
    whole = report_of(*ending("last", "later", "first", "past"), *FLEET, remind_before=4 * 3600, fail_on="never")
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(whole)))
    assert whole["fleet"]["logins_due"] == [
        {"id": f"alpha/{name}", "at": f"2026-03-01T{at}:00:00Z"}
        for name, at in [("past", "06"), ("first", "13"), ("last", "16")]
    ]
    assert whole["fleet"]["failing"] == []
    assert report.reminder(whole) == (
        "3 gateways need a full login soon (diagnose_remind_before): alpha/past (2026-03-01T06:00:00Z), "
        "alpha/first (2026-03-01T13:00:00Z), alpha/last (2026-03-01T16:00:00Z)"
    )


@pytest.mark.parametrize(
    ("ends", "run"),
    [
        ("first", {"remind_before": 0}),
        ("later", {"remind_before": 4 * 3600}),
        ("first", {"remind_before": 4 * 3600, "log": SavedLog("old.log", NOW, 10)}),
    ],
    ids=["off", "not yet", "a saved log"],
)
def test_nobody_is_reminded_of_what_is_not_near(ends: str, run: dict[str, Any]) -> None:
    whole = report_of(*ending(ends), **run)
    assert whole["fleet"]["logins_due"] == []
    assert report.reminder(whole) == ""


def test_a_gateway_whose_weekly_login_is_suppressed_reminds_nobody() -> None:
    known = Suppression("ibkr.weekly_login_due", "alpha/first", "has a TOTP key", None)
    (first,) = ending("first")
    suppressed = replace(first, found=(replace(WEEKLY, suppressed=known),))
    aside = replace(first, found=(WEEKLY, replace(found(), suppressed=MENDED)))
    due = [report_of(each, remind_before=4 * 3600)["fleet"]["logins_due"] for each in (suppressed, aside)]
    assert [len(each) for each in due] == [0, 1]


MENDED = Suppression("relay.down", None, "being mended", "2026-03-31T23:59:59Z")


def with_suppressions(*verdicts: Verdict, **run: Any) -> dict[str, Any]:
    whole = report_of(*verdicts, **run)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(whole)))
    return whole


def test_a_suppressed_verdict_keeps_its_status_and_fails_no_run() -> None:
    whole = with_suppressions(
        verdict("mended", leading=replace(found(), suppressed=MENDED)),
        verdict("asks", leading=found("twofa.pending", "waiting")),
        verdict("fine"),
        suppressions=(MENDED,),
        fail_on="degraded",
    )
    marked = {"host": None, "reason": "being mended", "until": "2026-03-31T23:59:59Z"}
    assert [(row["id"], row["suppressed"]) for row in whole["gateways"]] == [
        ("alpha/asks", None),
        ("alpha/mended", marked),
        ("alpha/fine", None),
    ]
    assert whole["gateways"][1]["findings"][0]["suppressed"] == marked
    assert (whole["fleet"]["by_status"]["down"], whole["fleet"]["worst"]) == (1, "down")
    assert whole["fleet"]["failing"] == ["alpha/asks"]
    assert report.sentence(whole).startswith(
        "1 of 3 gateways reach diagnose_fail_on=degraded (1 suppressed): alpha/asks"
    )
    assert {name: said["suppressed"] for name, said in report.artifact(whole).items()} == {
        "alpha/asks": False,
        "alpha/mended": True,
        "alpha/fine": False,
    }


def test_every_suppression_is_listed_with_where_it_had_effect() -> None:
    twice, elsewhere = replace(MENDED, host="alpha"), replace(MENDED, host="beta")
    over = replace(MENDED, until="2026-02-28T23:59:59Z")
    advice = replace(found("config.port_exposed", "advice"), suppressed=MENDED)
    whole = with_suppressions(
        verdict("mended", leading=replace(found(), suppressed=MENDED)),
        verdict("advised", found=(advice,)),
        suppressions=(MENDED, twice, elsewhere, over, replace(MENDED, code="config.port_exposed")),
    )
    assert [(each["host"], each["expired"], each["gateways"]) for each in whole["fleet"]["suppressed"]] == [
        (None, False, ["alpha/mended"]),
        ("alpha", False, ["alpha/mended"]),
        ("beta", False, []),
        (None, True, []),
        (None, False, ["alpha/advised"]),
    ]


def test_of_equal_status_the_account_in_danger_is_first_then_the_next_deadline_then_real_money() -> None:
    whole = report_of(
        verdict("paper", leading=found()),
        verdict("live", leading=found(), trading_mode="live"),
        verdict("soon", leading=found(deadline="2026-03-01T12:01:00Z")),
        verdict("later", leading=found(deadline="2026-03-01T12:02:00Z")),
        verdict("danger", leading=found(remedy="stop_to_protect_account")),
    )
    assert [row["name"] for row in whole["gateways"]] == ["danger", "soon", "later", "live", "paper"]


def test_what_concerns_the_machine_is_looked_at_again_on_the_machine() -> None:
    rows = report_of(
        verdict(leading=found("engine.down", remedy="ask_person")),
        verdict("other", leading=found("container.failed", remedy="ask_person")),
    )["gateways"]
    assert {row["next_command"] for row in rows} == {
        "ansible-playbook ibgw.ops.diagnose -l alpha",
        "ansible-playbook ibgw.ops.diagnose -e diagnose_only=alpha/other",
    }


@pytest.mark.parametrize("letter", ["x", "ü", "漢", "\N{GRINNING FACE}", '"'])
def test_artifact_of_a_hundred_gateways_is_small(letter: str) -> None:
    longest = found(max(findings(), key=len), summary=letter * 300, remedy=max(REMEDIES, key=len))
    names = [f"{at:03}".ljust(63, "g") for at in range(100)]
    whole = report_of(*(verdict(name, "m" * 63, leading=longest) for name in names))
    artifact = report.artifact(whole)
    assert len(artifact) == 100
    assert len(json.dumps(artifact)) <= 64 * 1024
    assert all(said["summary"].startswith(letter) for said in artifact.values())


def test_artifact_says_the_whole_summary_where_it_can() -> None:
    whole = report_of(verdict(leading=found(summary="x" * 300)), verdict("fine"))
    assert {len(said["summary"]) for said in report.artifact(whole).values()} == {300, 32}
    assert report.artifact(whole)["alpha/gw"].keys() == {"status", "code", "remedy", "suppressed", "summary"}


DEFECTIVE = {"alpha": ["gw", "other"], "beta": []}


def test_a_machine_that_our_code_failed_on_is_unknown() -> None:
    plan = {"log": None, "only": [], "machines": {name: {"names": names} for name, names in DEFECTIVE.items()}}
    verdicts, defects = judged({"hostvars": {}}, plan, (), WHEN)
    assert defects == [f"{name} could not be judged: KeyError: '{name}'" for name in DEFECTIVE]
    rows = report_of(*verdicts)
    jsonschema.Draft202012Validator(SCHEMA).validate(rows)
    assert [(row["id"], row["status"], row["code"]) for row in rows["gateways"]] == [
        ("alpha/gw", "unknown", "probe.incomplete"),
        ("alpha/other", "unknown", "probe.incomplete"),
        ("beta", "unknown", "probe.incomplete"),
    ]


def test_commands_to_type_next_find_the_same_machines() -> None:
    steps = (
        "Look there: ansible alpha -m ansible.builtin.ping",
        "Set ansible_become, and Ansible gets in. Then: docker top gw",
    )
    leading = found("twofa.pending", "waiting", fix=steps)
    (row,) = report_of(verdict(leading=leading), inventories=["my fleet", "a"])["gateways"]
    assert row["next_command"] == "ansible-playbook ibgw.ops.recover -i 'my fleet' -i a -e recover_only=alpha/gw"
    assert row["fix"] == row["findings"][0]["fix"]
    assert row["fix"] == ["Look there: ansible alpha -i 'my fleet' -i a -m ansible.builtin.ping", steps[1]]
