# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report on everything that is in a report store: what is young enough as it was put in, all else unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import store as kept
from ansible_collections.ibgw.ops.plugins.plugin_utils import checklist, metrics, page, report, store, summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import EndpointVerdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils import audits
from tests.unit.plugin_utils.verdicts import NOW, found, report_of, verdict

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA, AUDIT_SCHEMA = (
    json.loads((DOCS / f"{name}.schema.json").read_text(encoding="utf-8")) for name in ("report", "audit")
)

#: The minute in which the report is made.
RUN = Run(
    machines=0, generated_at="2026-03-01T12:30:00Z", controller="merger", fail_on="down", inventories=["fleet.yml"]
)


def plan(*machines: str, only: dict[str, list[str]] | None = None) -> dict[str, Any]:
    asked = {machine: {"names": (only or {}).get(machine, []), "find": True} for machine in machines}
    return {"machines": asked, "only": [*(only or {})]}


def put(planned: dict[str, Any], built: dict[str, Any], unseen: str = "") -> dict[str, Any]:
    """What a run puts in that looked at all its machines but one."""
    return store.put(planned, built, {*planned["machines"]} - {unseen})


def machines_of(directory: Path, *puts: dict[str, Any]) -> dict[str, Any]:
    """What the store has after those runs."""
    for put in puts:
        result = kept.probe(str(directory), "report", False, put=put)
    return dict(result["machines"])


def slices(directory: Path, alpha: str = "2026-03-01T12:29:00Z", beta: str = "2026-03-01T12:28:00Z") -> dict[str, Any]:
    """What two runs put in, each of a machine: a gateway that is down, and a healthy one."""
    down = verdict("gw", "alpha", found(), endpoints={"paper": EndpointVerdict("down", "relay.down", "")})
    one = report_of(down, generated_at=alpha, controller="first")
    other = report_of(verdict("gw", "beta"), generated_at=beta, controller="second")
    return machines_of(directory, put(plan("alpha"), one), put(plan("beta"), other))


def merged(machines: dict[str, Any], run: Run = RUN, **missing: list[str]) -> dict[str, Any]:
    whole = store.merged(machines, missing, run, 900)
    jsonschema.Draft202012Validator(SCHEMA).validate(whole)
    assert summary.lines(whole)
    assert page.render(whole)
    return whole


def told(whole: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {row["id"]: (row["status"], row["code"]) for row in whole["gateways"]}


def test_slices_become_one_report(tmp_path: Path) -> None:
    machines = slices(tmp_path)
    whole = merged(machines)
    assert told(whole) == {"alpha/gw": ("down", "relay.down"), "beta/gw": ("healthy", None)}
    fleet = {key: whole["fleet"][key] for key in ("machines", "total", "worst", "failing")}
    assert fleet == {"machines": 2, "total": 2, "worst": "down", "failing": ["alpha/gw"]}
    assert whole["runs"] == [
        {"controller": "first", "generated_at": "2026-03-01T12:29:00Z", "machines": 1, "gateways": 1},
        {"controller": "second", "generated_at": "2026-03-01T12:28:00Z", "machines": 1, "gateways": 1},
    ]
    assert (whole["generated_at"], whole["controller"]) == (RUN.generated_at, "merger")
    said = "2 gateways on 2 machines: 1 down, 1 healthy, as 2 runs reported it, the oldest 2 minutes ago."
    assert summary.in_a_line(whole) == said
    assert store.stale(whole, 900) is None
    assert {row["host"]: row["reported_at"] for row in whole["gateways"]} == {
        "alpha": "2026-03-01T12:29:00Z",
        "beta": "2026-03-01T12:28:00Z",
    }


def test_what_a_run_was_limited_to_is_all_that_it_replaces() -> None:
    rows = report_of(verdict("gw", "alpha"))
    assert put(plan("alpha", "beta"), rows)["machines"] == {"alpha": None, "beta": None}
    assert put(plan("alpha", only={"alpha": ["gw"]}), rows)["machines"] == {"alpha": ["gw"]}


def test_what_nobody_could_look_for_stays_as_what_was_last_known_until_somebody_can(tmp_path: Path) -> None:
    found_there = replace(verdict("found", "alpha"), declared=False)
    both = put(plan("alpha"), report_of(verdict("gw", "alpha"), found_there, generated_at="2026-03-01T12:20:00Z"))
    dark = verdict("gw", "alpha", found("host.unreachable", "unknown"))
    away = put(plan("alpha"), report_of(dark, generated_at="2026-03-01T12:25:00Z"), unseen="alpha")
    known = {"alpha/gw": ("unknown", "host.unreachable"), "alpha/found": ("healthy", None)}
    machines = machines_of(tmp_path, both, away)
    assert told(merged(machines)) == known
    later = merged(machines, replace(RUN, generated_at="2026-03-01T12:36:00Z"))
    assert told(later) == {**known, "alpha/found": ("unknown", "probe.stale")}
    back = put(plan("alpha"), report_of(verdict("gw", "alpha"), generated_at="2026-03-01T12:28:00Z"))
    assert told(merged(machines_of(tmp_path, back))) == {"alpha/gw": ("healthy", None)}


def test_a_machine_that_declares_nothing_has_a_row_of_its_own_beside_what_was_last_known(tmp_path: Path) -> None:
    seen = put(plan("alpha"), report_of(verdict("gw", "alpha"), generated_at="2026-03-01T12:20:00Z"))
    dark = verdict("alpha", "alpha", found("host.unreachable", "unknown"))
    away = put(plan("alpha"), report_of(dark, generated_at="2026-03-01T12:25:00Z"), unseen="alpha")
    assert told(merged(machines_of(tmp_path, seen, away))) == {
        "alpha": ("unknown", "host.unreachable"),
        "alpha/gw": ("healthy", None),
    }
    assert told(merged(machines_of(tmp_path, {**seen, "at": "2026-03-01T12:28:00Z"}))) == {
        "alpha/gw": ("healthy", None)
    }


AGES = {
    "2026-03-01T12:15:00Z": None,
    "2026-03-01T12:14:59Z": "last diagnosed 15 minutes ago, from first",
    "2026-02-01T12:00:00Z": "last diagnosed 4 weeks ago, from first",
    "2026-03-01T12:35:00Z": None,
    "2026-03-01T12:35:01Z": "which is still to come: the clock of first or of merger is wrong",
}


@pytest.mark.parametrize(("at", "said"), AGES.items())
def test_a_diagnosis_that_is_too_old_tells_nothing_of_now(tmp_path: Path, at: str, said: str | None) -> None:
    whole = merged(slices(tmp_path, alpha=at))
    row = next(row for row in whole["gateways"] if row["host"] == "alpha")
    if said is None:
        assert row["code"] == "relay.down"
        return
    assert (row["status"], row["code"], row["remedy"]) == ("unknown", "probe.stale", "none")
    assert said in row["summary"]
    (finding,) = row["findings"]
    assert finding["evidence"] == [
        {"source": "store", "quote": "down, relay.down: proof of relay.down", "at": at, "line": None}
    ]
    assert (row["checked_at"], row["reported_at"]) == (NOW, at)
    since = datetime.fromisoformat(at) + timedelta(seconds=900)
    assert row["since"] == (None if "to come" in said else stamp(since))
    assert row["next_command"] == "ansible-playbook ibgw.ops.diagnose -i fleet.yml -l alpha"
    assert not any(row["facts"].values())
    assert whole["fleet"]["failing"] == ["alpha/gw"]
    assert "1 gateway has not been diagnosed for more than 900 seconds" in str(store.stale(whole, 900))


def test_a_machine_that_no_run_put_in_is_unknown(tmp_path: Path) -> None:
    whole = merged(slices(tmp_path), gamma=["a", "b"], delta=[])
    never = {row["id"]: row for row in whole["gateways"] if row["code"] == "probe.stale"}
    assert {*never} == {"gamma/a", "gamma/b", "delta"}
    assert {row["summary"] for row in never.values()} == {"never diagnosed: no run has put it into the report store"}
    assert {(row["checked_at"], row["reported_at"], row["declared"]) for row in never.values()} == {(None, None, True)}
    assert str(store.stale(whole, 900)).startswith("3 gateways have not been diagnosed for more than 900 seconds")
    assert whole["fleet"]["machines"] == 4
    assert "gamma/a" in whole["fleet"]["failing"]
    block = [line.text for line in summary.lines(whole, 120) if "UNKNOWN" in line.text]
    assert len(block) == 1  # however many they are: what reads alike shares one


def test_when_the_schedule_stops_a_healthy_fleet_takes_one_block(tmp_path: Path) -> None:
    rows = [verdict(f"gw{at}", f"m{at}", summary=f"API handshake completed in {at} ms") for at in range(50)]
    own = report_of(*rows, generated_at="2026-03-01T11:00:00Z")
    whole = merged(machines_of(tmp_path, put(plan(*(row.host for row in rows)), own)))
    assert len([line for line in summary.lines(whole, 120) if "last diagnosed 90 minutes ago" in line.text]) == 1


def test_a_machine_without_a_gateway_is_missed_only_when_nobody_looks_any_more(tmp_path: Path) -> None:
    for at, expected in (("2026-03-01T12:29:00Z", {}), ("2026-03-01T11:00:00Z", {"alpha": ("unknown", "probe.stale")})):
        machines = machines_of(tmp_path / at, put(plan("alpha"), report_of(generated_at=at)))
        whole = merged(machines)
        assert told(whole) == expected
        assert [(run["machines"], run["gateways"]) for run in whole["runs"]] == [(0, 0)]


def test_that_nobody_looks_can_be_suppressed(tmp_path: Path) -> None:
    quiet = Suppression("probe.stale", "alpha", "it is being moved", None)
    both = slices(tmp_path, alpha="2026-03-01T11:00:00Z", beta="2026-03-01T11:00:00Z")
    whole = merged(both, replace(RUN, suppressions=[quiet]))
    assert whole["fleet"]["failing"] == ["beta/gw"]
    assert whole["fleet"]["suppressed"][0]["gateways"] == ["alpha/gw"]
    assert "1 gateway has" in str(store.stale(whole, 900))
    assert store.stale(merged({"alpha": both["alpha"]}, replace(RUN, suppressions=[quiet])), 900) is None


@pytest.mark.parametrize(
    ("until", "failing"),
    [("2026-03-01T12:29:59Z", ["alpha/gw"]), ("2026-03-01T12:30:00Z", []), (None, [])],
)
def test_what_a_slice_suppressed_is_so_until_that_is_over(
    tmp_path: Path, until: str | None, failing: list[str]
) -> None:
    moved = replace(found(), suppressed=Suppression("relay.down", "alpha", "it is being moved", until))
    down = verdict("gw", "alpha", moved)
    given = put(plan("alpha"), report_of(down, generated_at="2026-03-01T12:29:00Z"))
    whole = merged(machines_of(tmp_path, given))
    assert whole["fleet"]["failing"] == failing
    (row,) = whole["gateways"]
    assert {row["suppressed"] is None, row["findings"][0]["suppressed"] is None} == {bool(failing)}


def test_the_suppressions_that_are_told_are_those_that_its_rows_have(tmp_path: Path) -> None:
    moved, known = (Suppression(code, "alpha", "it moves", None) for code in ("relay.down", "config.port_exposed"))
    advice = replace(found("config.port_exposed", "advice"), suppressed=known)
    down = verdict("gw", "alpha", found=(replace(found(), suppressed=moved), advice))
    both = [replace(down, name=name) for name in ("gw", "wg")]
    given = put(plan("alpha"), report_of(*both, generated_at="2026-03-01T12:29:00Z"))
    fresh = put(plan("beta"), report_of(verdict("gw", "beta"), generated_at="2026-03-01T12:29:00Z"))
    late = put(plan("gamma"), report_of(verdict("gw", "gamma"), generated_at="2026-03-01T11:00:00Z"))
    own = [
        Suppression("probe.stale", "gamma", "it is off", None),
        Suppression("relay.down", "beta", "nobody knows", None),
    ]
    whole = merged(machines_of(tmp_path, given, fresh, late), replace(RUN, suppressions=own))
    told = {(each["code"], each["host"], each["reason"], *each["gateways"]) for each in whole["fleet"]["suppressed"]}
    assert told == {
        ("relay.down", "alpha", "it moves", "alpha/gw", "alpha/wg"),
        ("config.port_exposed", "alpha", "it moves", "alpha/gw", "alpha/wg"),
        ("probe.stale", "gamma", "it is off", "gamma/gw"),
    }


ACCEPTED = {"host": None, "reason": "behind a firewall", "until": "2026-03-01T12:30:00Z"}


@pytest.mark.parametrize(("at", "told"), [("2026-03-01T12:30:00Z", True), ("2026-03-01T12:30:01Z", False)])
def test_what_an_audit_accepted_is_told_until_that_is_over(tmp_path: Path, at: str, told: bool) -> None:
    kept = audits.report_of(audits.gateway("a", audits.row(accepted=ACCEPTED)), generated_at="2026-03-01T12:29:00Z")
    machines = machines_of(tmp_path, put(plan("alpha"), kept))
    whole = store.merged_audit(machines, {}, replace(RUN, generated_at=at, fail_on="advice"), TWO_DAYS)
    jsonschema.Draft202012Validator(AUDIT_SCHEMA).validate(whole)
    said = [{"code": audits.OPEN, **ACCEPTED, "expired": False, "gateways": ["alpha/a"]}]
    assert whole["fleet"]["accepted"] == (said if told else [])
    assert whole["fleet"]["failing"] == ([] if told else ["alpha/a"])
    assert whole["gateways"][0]["worst"] == (None if told else "advice")


TWO_DAYS = 172800


def without(*path: str) -> Callable[[Any], None]:
    """Takes out what an older version did not tell yet."""

    def change(row: Any) -> None:
        for key in path[:-1]:
            row = row[int(key) if key.isdecimal() else key]
        del row[path[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("suppressed"),
        without("remedy_reason"),
        without("facts", "next_forced_login"),
        without("endpoints", "paper", "phases"),
        without("findings", "0", "evidence"),
        without("findings", "0", "evidence", "0", "source"),
        lambda row: row.update(status="sleeping"),
        lambda row: row.update(remedy="kick"),
        lambda row: row.update(id=None),
        lambda row: row.update(facts=None),
        lambda row: row["endpoints"]["paper"].update(phases=None),
    ],
)
def test_a_row_of_another_version_costs_the_others_nothing(tmp_path: Path, change: Callable[[Any], None]) -> None:
    machines = slices(tmp_path)
    change(machines["alpha"]["rows"][0]["row"])
    whole = merged(machines)
    assert told(whole) == {"alpha/gw": ("unknown", "probe.incomplete"), "beta/gw": ("healthy", None)}
    assert metrics.exposition(whole)
    row = next(row for row in whole["gateways"] if row["host"] == "alpha")
    assert "what first last reported of it is of another version of the collection" in row["summary"]
    assert row["fix"] == [store.SAME_VERSION]
    assert whole["fleet"]["failing"] == ["alpha/gw"]


def test_what_a_newer_version_tells_beside_is_kept(tmp_path: Path) -> None:
    machines = slices(tmp_path)
    row = machines["alpha"]["rows"][0]["row"]
    row["colour"] = row["facts"]["moon"] = row["endpoints"]["paper"]["shade"] = "red"
    whole = store.merged(machines, {}, RUN, 900)
    assert told(whole)["alpha/gw"] == ("down", "relay.down")
    assert page.render(whole)
    assert metrics.exposition(whole)


def test_names_are_data(tmp_path: Path) -> None:
    name = "{{ 7*7 }}<script>\x1b[31m"
    given = put(plan(name), report_of(verdict("gw", name, found()), generated_at="2026-03-01T11:00:00Z"))
    whole = merged(machines_of(tmp_path, given))
    assert [row["host"] for row in whole["gateways"]] == [name]
    assert "<script>\x1b" not in page.render(whole)
    assert "\x1b" not in "".join(line.text for line in summary.lines(whole))
    assert "\x1b" not in str(store.stale(whole, 900))


def test_the_rows_of_a_run_are_those_of_its_report(tmp_path: Path) -> None:
    own = report_of(verdict("gw", "alpha", found()), verdict("wg", "alpha"), generated_at="2026-03-01T12:29:00Z")
    whole = merged(machines_of(tmp_path, put(plan("alpha"), own)))
    assert whole["gateways"] == own["gateways"]
    assert own["runs"] is None
    assert report.artifact(whole) == report.artifact(own)


@pytest.mark.parametrize(("at", "over"), [("2026-02-27T12:30:00Z", False), ("2026-02-27T12:29:59Z", True)])
def test_an_audit_that_is_too_old_tells_nothing_of_now(tmp_path: Path, at: str, over: bool) -> None:
    old = audits.report_of(audits.gateway("a", audits.row(), audits.row(audits.HEAP, "pass")), generated_at=at)
    machines = machines_of(tmp_path, put(plan("alpha"), old))
    whole = store.merged_audit(machines, {"gamma": []} if over else {}, replace(RUN, fail_on="down"), TWO_DAYS)
    jsonschema.Draft202012Validator(AUDIT_SCHEMA).validate(whole)
    assert page.render(whole)
    assert checklist.lines(whole)
    row = next(row for row in whole["gateways"] if row["host"] == "alpha")
    said = store.stale_audits(whole, TWO_DAYS)
    if not over:
        assert (row["unseen"], row["by_result"]["fail"], whole["fleet"]["failing"], said) == (None, 1, [], None)
        return
    assert row["unseen"] == "last audited 2 days ago, from here; then 1 of 2 rules failed"
    assert (row["status"], row["code"], row["reported_at"]) == ("unknown", "probe.stale", at)
    assert row["next_command"] == "ansible-playbook ibgw.ops.audit -i fleet.yml -l alpha"
    assert {each["result"] for each in row["rows"]} == {"not_known"}
    never = next(row for row in whole["gateways"] if row["id"] == "gamma")
    assert never["unseen"] == "never audited: no run has put its audit into the report store"
    assert sorted(whole["fleet"]["failing"]) == ["alpha/a", "gamma"]
    assert "1 gateway has not been audited for more than 172800 seconds (audit_stale_after): alpha/a;" in str(said)


@pytest.mark.parametrize(
    ("fail_on", "failing"), [("advice", ["beta/b", "alpha/a"]), ("down", ["beta/b"]), ("never", [])]
)
def test_audits_of_slices_become_one(tmp_path: Path, fail_on: str, failing: list[str]) -> None:
    """By the level of the run that merges, whatever those of the slices were."""
    one = audits.report_of(audits.gateway("a", audits.row()), generated_at="2026-03-01T12:29:00Z")
    other = audits.report_of(audits.unseen("b", "beta"), generated_at="2026-03-01T08:00:00Z")
    machines = machines_of(tmp_path, put(plan("alpha"), one), put(plan("beta"), other))
    whole = store.merged_audit(machines, {}, replace(RUN, fail_on=fail_on), TWO_DAYS)
    jsonschema.Draft202012Validator(AUDIT_SCHEMA).validate(whole)
    assert sorted(whole["fleet"]["failing"]) == sorted(failing)
    assert whole["fleet"]["machines"] == 2
    assert [each["gateways"] for each in whole["runs"]] == [1, 1]
    assert page.render(whole)


@pytest.mark.parametrize(
    "change",
    [
        without("unseen"),
        without("rows", "0", "accepted"),
        lambda row: row.update(status="sleeping"),
        lambda row: row["rows"][0].update(severity="panic"),
        lambda row: row["rows"][0].update(result="perhaps"),
    ],
)
def test_an_audit_of_another_version_costs_the_others_nothing(tmp_path: Path, change: Callable[[Any], None]) -> None:
    gateways = [audits.gateway(name, audits.row(), audits.row()) for name in ("aa", "bb")]
    both = audits.report_of(*gateways, generated_at=NOW)
    machines = machines_of(tmp_path, put(plan("alpha"), both))
    change(machines["alpha"]["rows"][0]["row"])
    whole = store.merged_audit(machines, {}, replace(RUN, fail_on="advice"), TWO_DAYS)
    jsonschema.Draft202012Validator(AUDIT_SCHEMA).validate(whole)
    assert page.render(whole)
    unseen = {row["name"]: row["unseen"] for row in whole["gateways"]}
    assert unseen["bb"] is None
    assert "of another version of the collection" in str(unseen["aa"])
