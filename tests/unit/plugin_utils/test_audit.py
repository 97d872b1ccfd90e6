# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checklist: one row per rule and gateway, what is accepted, what fails a run, and what a scheduler is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, evidence
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import audit_on, run_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.evidence import Machine
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    LAYERS,
    STATUSES,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    findings,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils.audits import HEAP, NOW, OPEN, SCREEN, gateway, report_of, row, unseen
from tests.unit.plugin_utils.findings import scene
from tests.unit.plugin_utils.findings.rows import NEVER_PROVEN, ROWS, UNREACHABLE
from tests.unit.plugin_utils.findings.scene import case, machine

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "audit.schema.json").read_text(encoding="utf-8"))

#: Less memory than the heap of the scene's gateway may take.
TIGHT = {"container": {"memory": {"limit": 500_000_000}}}

#: A machine that does not answer.
DARK = {"tasks": {"health": UNREACHABLE, "logscan": {}, "handshake": {}, "inside": {}}}

ACCEPTED = Suppression(HEAP, "alpha", "it is moved soon", "2026-04-01T00:00:00Z")


def run(fail_on: str = "advice", *accepted: Suppression) -> Run:
    return Run(1, NOW, "controller", fail_on, suppressions=accepted)


def kept_to_schema(built: dict[str, Any]) -> dict[str, Any]:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(SCHEMA, format_checker=checker).validate(json.loads(json.dumps(built)))
    return built


def audited(changes: dict[str, Any], fail_on: str = "advice", *accepted: Suppression) -> dict[str, Any]:
    """The report of the audit of one gateway."""
    return audited_machine(machine(**changes), fail_on, *accepted)


def audited_machine(seen: Machine, fail_on: str = "advice", *accepted: Suppression) -> dict[str, Any]:
    asked = run(fail_on, *accepted)
    return kept_to_schema(audit.build(audit.audited(seen, asked), asked))


def rows_of(built: dict[str, Any], code: str = HEAP) -> list[dict[str, Any]]:
    return [row for row in built["gateways"][0]["rows"] if row["code"] == code]


def row_of(built: dict[str, Any], code: str = HEAP) -> dict[str, Any]:
    (row,) = rows_of(built, code)
    return row


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let one rule answer what the test wants."""

    def given(prove: Any) -> None:
        rules = {**findings(), HEAP: replace(findings()[HEAP], prove=prove)}
        monkeypatch.setattr(audit, "findings", lambda: rules)

    return given


# The rules


@pytest.mark.parametrize("code", [rule.code for rule in audit.checklist()])
def test_a_rule_of_the_audit_always_answers_and_can_fail(code: str) -> None:
    answers = [findings()[code].prove(case(**changes)) for pair in ROWS.values() for changes in pair]
    assert None not in answers
    assert any(isinstance(answer, Proof) for answer in answers) or code in NEVER_PROVEN


def test_every_gateway_is_asked_every_rule() -> None:
    built = audited({})
    assert [row["code"] for row in built["gateways"][0]["rows"]] == [rule["code"] for rule in built["rules"]]
    assert built["rules"][0].keys() == {"code", "layer", "severity", "demand", "by_result", "docs", "docs_url"}


def test_schema_is_a_schema_and_knows_every_word() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    words = SCHEMA["$defs"]
    assert set(words["result"]["enum"]) == set(audit.RESULTS)
    assert words["severity"]["enum"] == list(audit.SEVERITIES)
    assert set(words["status"]["enum"]) == set(STATUSES)
    assert words["layer"]["enum"] == list(LAYERS)
    assert list(words["counts"]["properties"]) == list(audit.COUNTED)
    assert SCHEMA["properties"]["fail_on"]["enum"] == list(audit.FAILING)


# Rows


def test_a_failed_row_names_the_setting_to_change() -> None:
    row = row_of(audited(TIGHT))
    assert (row["result"], row["severity"]) == ("fail", "advice")
    assert row["change"] == {"where": "container", "setting": "mem_limit: 1536m"}
    assert row["evidence"][0]["quote"] == "heap up to 768 MiB, memory limit 476 MiB"


def test_of_a_deployed_gateway_it_is_the_word_of_the_inventory() -> None:
    deployed = {**TIGHT, "gateway": {"deployment": {"container": {"id": "c0ffee"}}}}
    assert row_of(audited(deployed))["change"] == {"where": "inventory", "setting": "memory_mb: 1536"}


@pytest.mark.parametrize(("family", "setting"), [("gnzsnz-ibc", "TWOFA_TIMEOUT_ACTION=restart"), ("ibga", None)])
def test_no_setting_is_named_that_the_image_does_not_have(answer: Any, family: str, setting: str | None) -> None:
    answer(lambda _case: Proof("it is not so", change=Change("TWOFA_TIMEOUT_ACTION=restart")))
    change = row_of(audited({"gateway": {"family": {"name": family}}}))["change"]
    assert (change and change["setting"]) == setting


def test_what_is_kept_says_what_shows_it() -> None:
    row = row_of(audited({}))
    assert (row["result"], row["summary"]) == ("pass", "heap up to 768 MiB, memory limit 1907 MiB")


@pytest.mark.parametrize(
    ("said", "result", "summary"),
    [
        (Passed("it is so"), "pass", "it is so"),
        (NotApplicable("there is no\nscreen"), "not_applicable", "there is no screen"),
        (NotKnown("the log\x1b[2J is gone"), "not_known", "the log is gone"),
        (None, "not_known", "the rule gave no answer: a defect of the collection"),
    ],
)
def test_every_answer_is_a_row(answer: Any, said: Any, result: str, summary: str) -> None:
    answer(lambda _case: said)
    row = row_of(audited({}))
    assert (row["result"], row["summary"]) == (result, summary)


def test_a_rule_that_breaks_costs_no_other_row(answer: Any) -> None:
    answer(lambda _case: 1 / 0)
    built = audited({})
    assert row_of(built)["result"] == "not_known"
    assert "ZeroDivisionError: division by zero: a defect of the collection" in row_of(built)["summary"]
    assert built["gateways"][0]["by_result"]["pass"] >= 1


def test_endpoints_have_rows_of_their_own_only_where_they_differ(answer: Any) -> None:
    both = {"declared": {"trading_mode": "both"}}
    answer(lambda case: Passed("it is") if case.endpoint == "paper" else Proof("it is not"))
    assert [(row["endpoint"], row["result"]) for row in rows_of(audited(both))] == [("paper", "pass"), ("live", "fail")]
    answer(lambda _case: Proof("it is not"))
    assert [(row["endpoint"], row["result"]) for row in rows_of(audited(both))] == [(None, "fail")]


def test_commands_find_the_same_machines() -> None:
    asked = replace(run(), inventories=["my fleet"])
    (seen,) = audit.audited(machine(**DARK), asked)
    assert seen["next_command"] == "ansible-playbook ibgw.ops.diagnose -i 'my fleet' -l alpha"


# What is accepted


def test_what_is_accepted_stays_visible_and_fails_nothing() -> None:
    assert row_of(audited(TIGHT))["accepted"] is None
    built = audited(TIGHT, "advice", ACCEPTED)
    assert row_of(built)["accepted"] == {"host": ACCEPTED.host, "reason": ACCEPTED.reason, "until": ACCEPTED.until}
    assert row_of(built)["result"] == "fail"
    assert built["gateways"][0]["by_result"]["accepted"] == 1
    assert built["fleet"]["accepted"][0]["gateways"] == ["alpha/ib-gateway"]


def test_what_can_not_be_seen_may_be_vouched_for(answer: Any) -> None:
    answer(lambda _case: NotKnown("no probe sees it"))
    row = row_of(audited({}, "advice", ACCEPTED))
    assert (row["result"], row["accepted"]) == (
        "not_known",
        {"host": ACCEPTED.host, "reason": ACCEPTED.reason, "until": ACCEPTED.until},
    )


def test_nobody_vouches_for_what_was_not_looked_at() -> None:
    built = audited(DARK, "advice", ACCEPTED)
    assert row_of(built)["accepted"] is None
    assert built["fleet"]["failing"] == ["alpha/ib-gateway"]


@pytest.mark.parametrize(
    ("acceptance", "changes"),
    [
        (ACCEPTED, {}),
        (replace(ACCEPTED, host="beta"), TIGHT),
        (replace(ACCEPTED, until="2026-02-28T23:59:59Z"), TIGHT),
        (replace(ACCEPTED, code=OPEN), TIGHT),
    ],
    ids=["it passes", "elsewhere", "it is over", "another rule"],
)
def test_what_accepts_nothing_is_listed_without_effect(acceptance: Suppression, changes: dict[str, Any]) -> None:
    built = audited(changes, "advice", acceptance)
    assert row_of(built)["accepted"] is None
    assert [each["gateways"] for each in built["fleet"]["accepted"]] == [[]]
    assert built["fleet"]["by_result"]["accepted"] == 0


# What fails a run

GRAVE = row(OPEN, severity="down")
WAITS = row(OPEN, severity="waiting")
ADVISED = row(HEAP)
ASIDE = row(SCREEN, severity="audit")
EXCUSED = row(OPEN, severity="down", accepted={"host": None, "reason": "known", "until": NOW})


@pytest.mark.parametrize(
    ("level", "reach"),
    [
        ("never", []),
        ("down", ["down"]),
        ("degraded", ["down", "waiting", "degraded", "unknown"]),
        ("advice", ["down", "waiting", "degraded", "unknown", "advice"]),
        ("any", ["down", "waiting", "degraded", "unknown", "advice", "audit", "note"]),
    ],
)
@pytest.mark.parametrize("severity", ["down", "waiting", "degraded", "unknown", "advice", "audit", "note"])
def test_what_fails_a_run(answer: Any, level: str, reach: list[str], severity: str) -> None:
    answer(lambda _case: Proof("it is not so", severity=severity))
    (seen,) = audit.audited(machine(), replace(run(level), suppressions=others_of(HEAP)))
    assert seen["failing"] == (severity in reach)


def others_of(code: str) -> list[Suppression]:
    """All but that rule accepted."""
    codes = [rule.code for rule in audit.checklist() if rule.code != code]
    return [Suppression(each, None, "not here", "2999-01-01T00:00:00Z") for each in codes]


def test_a_machine_that_can_not_be_looked_at_is_not_known_and_fails_but_at_never() -> None:
    built = audited(DARK, "down", replace(ACCEPTED, host=None))
    assert {row["result"] for row in built["gateways"][0]["rows"]} == {"not_known"}
    assert built["gateways"][0]["unseen"] in {row["summary"] for row in built["gateways"][0]["rows"]}
    assert built["fleet"]["failing"] == ["alpha/ib-gateway"]
    assert audited(DARK, "never")["fleet"]["failing"] == []


def test_a_container_that_is_not_there_is_not_seen() -> None:
    gone = {"exists": False, "container": {"id": None}}
    (seen,) = audited({"gateway": gone}, "down")["gateways"]
    assert (seen["code"], seen["failing"]) == ("container.missing", True)
    assert seen["unseen"]


def test_a_machine_without_any_gateway_is_not_fine() -> None:
    empty = {"health": {**scene.AVAILABLE, "host": scene.HOST, "gateways": []}}
    (seen,) = audited_machine(evidence.machine("alpha", {}, {"health": empty}, None, scene.NOW))["gateways"]
    assert (seen["id"], seen["failing"]) == ("alpha", True)
    assert seen["unseen"].startswith("no gateway was found on this machine")


def test_what_is_wrong_now_stands_beside() -> None:
    built = audited({"container": {"status": "exited", "exit_code": 143, "finished_at": scene.at(600)}})
    (seen,) = built["gateways"]
    assert (seen["status"], seen["code"], seen["unseen"]) == ("down", "container.stopped", None)
    assert seen["next_command"] == "ansible-playbook ibgw.ops.diagnose -e diagnose_only=alpha/ib-gateway"


def test_odd_evidence_of_one_machine_costs_the_others_nothing() -> None:
    plan = {"accept": [], "only": [], "machines": {name: {"names": ["gw", "other"]} for name in ("alpha", "beta")}}
    run = run_of(plan, plan["accept"], scene.NOW, "down", [], {})
    built = audit_on({"hostvars": {"beta": {"gateways": [{"name": "gw"}]}}}, plan, scene.NOW, run)
    kept_to_schema(built)
    assert built["error"] == "alpha could not be judged: KeyError: 'alpha'"
    reasons = {seen["id"]: seen["unseen"] for seen in built["gateways"]}
    assert reasons.keys() == {"alpha/gw", "alpha/other", "beta/gw"}
    assert reasons["alpha/gw"].endswith("a defect of the collection (KeyError: 'alpha')")
    assert "defect" not in reasons["beta/gw"]


# The whole


def test_the_most_urgent_gateway_is_first() -> None:
    built = report_of(
        gateway("well", row(result="pass")),
        gateway("aside", ASIDE, failing=False),
        gateway("advised", ADVISED),
        gateway("twice", ADVISED, row(SCREEN)),
        gateway("grave", GRAVE),
    )
    assert [seen["name"] for seen in built["gateways"]] == ["grave", "twice", "advised", "aside", "well"]
    assert built["fleet"]["failing"] == ["alpha/grave", "alpha/twice", "alpha/advised"]


def test_each_row_is_counted_once() -> None:
    built = report_of(gateway("gw", GRAVE, ADVISED, row(SCREEN, "pass"), EXCUSED), unseen("dark"))
    assert built["fleet"]["by_result"] == {"fail": 2, "accepted": 1, "not_known": 3, "pass": 1, "not_applicable": 0}


def test_sentence_names_a_few_and_counts_the_rest() -> None:
    failing = [gateway(f"gw{at}", ADVISED) for at in range(6)]
    said = audit.sentence(report_of(*failing, unseen("a"), gateway("well")))
    assert said.startswith("7 of 8 gateways reach audit_fail_on=advice: alpha/gw0 (1 failed), ")
    assert said.endswith(" and 2 more")
    assert "gamma/a (not seen)" in audit.sentence(report_of(unseen("a")))
    assert audit.sentence(report_of(gateway("well"), fail_on="any")) == "no gateway reaches audit_fail_on=any"


def test_artifact_has_the_counts_and_what_fails_the_gravest_first() -> None:
    built = report_of(gateway("gw", ASIDE, ADVISED, EXCUSED, {**WAITS, "endpoint": "live"}))
    assert audit.artifact(built) == {
        "alpha/gw": {
            "audit": {
                "failing": True,
                "worst": "waiting",
                "by_result": {"fail": 3, "accepted": 1, "not_known": 0, "pass": 0, "not_applicable": 0},
                "fail": [OPEN, HEAP, SCREEN],
            }
        }
    }


def test_artifact_of_a_hundred_gateways_is_small() -> None:
    failed = [row(f"config.{at:02}_{'x' * 30}") for at in range(40)]
    gateways = [gateway(f"{at:03}".ljust(63, "g"), *failed, host="m" * 63) for at in range(100)]
    artifact = audit.artifact(report_of(*gateways))
    assert len(artifact) == 100
    assert len(json.dumps(artifact)) <= 64 * 1024
    assert all(said["audit"]["by_result"]["fail"] == 40 and said["audit"]["fail"] for said in artifact.values())
