# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Alerts and dashboard: they do what they say, by Prometheus' and Grafana's own tools, and use what is in the list of metrics only."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import REMEDIES, STATUSES, URGENCY, findings
from ansible_collections.ibgw.ops.plugins.plugin_utils.metrics import METRICS
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

CHECKOUT = Path(__file__).resolve().parents[2]
MONITORING = CHECKOUT / "monitoring"
ALERTS = MONITORING / "alerts.yml"
TESTS = MONITORING / "alerts.test.yml"
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))

(GROUP,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
RECORDED = {rule["record"]: rule["expr"] for rule in GROUP["rules"] if "record" in rule}
RAISED = {rule["alert"]: rule for rule in GROUP["rules"] if "alert" in rule}
TESTED = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]

#: The labels of each metric, and of what a rule records: those of all that it is made of.
LABELS = {metric.name: {*metric.labels, "job", "instance"} for metric in METRICS}
GIVEN = set(LABELS)

#: What is neither a name nor a label in the expressions here.
WORDS = {
    *("and", "or", "unless", "on", "by", "without", "group_left"),
    *(
        "absent_over_time",
        "avg",
        "avg_over_time",
        "count",
        "last_over_time",
        "max",
        "max_over_time",
        "quantile_over_time",
    ),
    *("sort", "sum", "time"),
}

#: The values that a label may have.
VALUES = {
    "status": set(STATUSES),
    "code": set(findings()),
    "remedy": set(REMEDIES),
    "trading_mode": {"paper", "live", "both"},
}


def names(expression: str) -> set[str]:
    """The metrics in an expression."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(?:on|by|without|group_left) \([^)]*\)', " ", expression)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - WORDS


def labels(expression: str) -> set[str]:
    """The labels in an expression."""
    told = re.findall(r"\b(?:on|by|without|group_left) \(([^)]*)\)", expression)
    matched = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression)
    return {label for group in told for label in re.findall(r"\w+", group)} | set(matched)


for recorded, expr in RECORDED.items():
    LABELS[recorded] = set().union(*(LABELS[name] for name in names(expr)))


def values(expression: str) -> Iterator[tuple[str, str]]:
    """The values of labels that an expression looks for, and each alternative of a pattern."""
    for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"$]*)"', expression):
        yield from ((label, each) for each in (alternatives(value) if "~" in operator else [value]))


def alternatives(pattern: str) -> list[str]:
    """The values that a pattern such as `a[.](b|c)` stands for."""
    head, group, tail = re.fullmatch(r"([^(]*)(?:\(([^)]*)\))?(.*)", pattern.replace("[.]", ".")).groups()  # type: ignore[union-attr]  # always matches
    return [head + each + tail for each in group.split("|")] if group else head.split("|")


PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
EXPRESSIONS = {
    **{rule.get("alert", rule.get("record")): rule["expr"] for rule in GROUP["rules"]},
    **{f"{title} {t['refId']}": t["expr"] for title, panel in PANELS.items() for t in panel["targets"]},
}


@pytest.mark.parametrize("of", EXPRESSIONS)
def test_an_expression_has_nothing_that_is_not_listed(of: str) -> None:
    expression = EXPRESSIONS[of]
    used = names(expression)
    assert used
    assert used <= LABELS.keys(), "not in METRICS"
    assert labels(expression) <= set().union(*(LABELS[name] for name in used))
    assert [(label, value) for label, value in values(expression) if value not in VALUES.get(label, {value})] == []


def test_the_dashboard_does_without_the_rules() -> None:
    used = set().union(*(names(target["expr"]) for panel in PANELS.values() for target in panel["targets"]))
    assert used <= GIVEN
    assert GIVEN - used == set(), "a metric that nobody looks at"


# Alerts


def run(promtool: Path, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *arguments], input=given, text=True, capture_output=True, timeout=120)


def test_each_alert_fires_and_its_nearest_neighbour_is_silent(promtool: Path) -> None:
    ended = run(promtool, "test", "rules", TESTS)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_rules_are_valid(promtool: Path) -> None:
    ended = run(promtool, "check", "rules", "--lint-fatal", ALERTS)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_alert_is_without_a_test() -> None:
    firing = {each["alertname"] for test in TESTED for each in test.get("alert_rule_test", ()) if each["exp_alerts"]}
    assert firing == set(RAISED)


@pytest.mark.parametrize("test", TESTED, ids=lambda test: str(test["name"]))
def test_what_is_tested_is_what_a_diagnosis_tells(test: dict[str, Any]) -> None:
    for series in test["input_series"]:
        (name,) = names(series["series"])
        assert name in GIVEN
        assert labels(series["series"]) <= LABELS[name]
        assert [
            (label, value)
            for label, value in values(series["series"])
            if value not in {"", *VALUES.get(label, {value})}
        ] == []


@pytest.mark.parametrize("alert", RAISED)
def test_an_alert_says_how_grave_it_is_and_what_to_do(alert: str) -> None:
    rule = RAISED[alert]
    severity = rule["labels"]["severity"]
    assert set(re.findall("critical|warning|info", severity))
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page = rule["annotations"]["runbook_url"].removeprefix("https://github.com/ibgw/ops/tree/main/")
    assert page.startswith("docs/")
    if "{{" not in page:
        assert (CHECKOUT / page).exists()


@pytest.mark.parametrize(
    "alert", [alert for alert in RAISED if "$labels.machine" in RAISED[alert]["annotations"]["summary"]]
)
def test_an_alert_on_a_gateway_leaves_alone_what_is_suppressed(alert: str) -> None:
    assert "gateway:ibgw_watched:info" in RAISED[alert]["expr"]
    assert "ibgw_gateway_suppressed" in RECORDED["gateway:ibgw_watched:info"]


# Dashboard


def without_nothing(part: Any) -> Any:
    """What is null need not be there."""
    if isinstance(part, dict):
        return {key: without_nothing(value) for key, value in part.items() if value is not None}
    return [without_nothing(each) for each in part] if isinstance(part, list) else part


def test_grafana_knows_every_field() -> None:
    told = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))

    def given(part: Any, back: Any) -> Any:
        """Of what came back, that which was given: the rest are defaults."""
        if isinstance(part, dict):
            return {key: given(value, back[key]) for key, value in part.items() if key in back}
        return [given(*each) for each in zip(part, back, strict=True)] if isinstance(part, list) else back

    assert given(without_nothing(DASHBOARD), told) == without_nothing(DASHBOARD)


def test_every_expression_of_the_dashboard_can_be_asked(promtool: Path, tmp_path: Path) -> None:
    asked = [
        {
            "record": "asked",
            "expr": target["expr"].replace("$machine", ".*").replace("$gateway", ".*"),
            "labels": {"of": f"{title} {target['refId']}"},
        }
        for title, panel in PANELS.items()
        for target in panel["targets"]
    ]
    (tmp_path / "asked.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]}), encoding="utf-8"
    )
    ended = run(promtool, "check", "rules", tmp_path / "asked.yml")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_dashboard_is_for_any_prometheus() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    sources = [
        variables["machine"],
        variables["gateway"],
        *PANELS.values(),
        *(t for p in PANELS.values() for t in p["targets"]),
    ]
    assert {each["datasource"]["uid"] for each in sources} == {"${datasource}"}
    for name in ("machine", "gateway"):
        metric, label = re.fullmatch(r"label_values\((\w+).*, (\w+)\)", variables[name]["query"]["query"]).groups()  # type: ignore[union-attr]  # fails then
        assert label == name
        assert label in LABELS[metric]


def test_no_panel_covers_another() -> None:
    places = {title: panel["gridPos"] for title, panel in PANELS.items()}
    assert len(places) == len(DASHBOARD["panels"]) == len({panel["id"] for panel in PANELS.values()})
    for place in places.values():
        assert place["x"] + place["w"] <= 24
    for (one, a), (other, b) in combinations(places.items(), 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{one} covers {other}"


def test_every_series_of_a_panel_has_a_name() -> None:
    for title, panel in PANELS.items():
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
            assert named <= set().union(*(LABELS[name] for name in names(target["expr"]))), title


def test_the_table_has_the_most_urgent_first_and_a_colour_for_each_status() -> None:
    table = PANELS["Gateways"]
    ranks = re.findall(r'status="(\w+)"\} \* (\d)', table["targets"][0]["expr"])
    assert [status for status, _ in sorted(ranks, key=lambda rank: rank[1])] == list(URGENCY)
    (status,) = (each for each in table["fieldConfig"]["overrides"] if each["matcher"]["options"] == "status")
    (mappings,) = (each["value"] for each in status["properties"] if each["id"] == "mappings")
    assert set(mappings[0]["options"]) == set(STATUSES)


def test_columns_that_are_named_are_there() -> None:
    for panel in (panel for panel in PANELS.values() if panel["type"] == "table"):
        columns = {f"Value #{target['refId']}" for target in panel["targets"]} | {"Time", "__name__"}
        columns |= set().union(*(LABELS[name] for target in panel["targets"] for name in names(target["expr"])))
        organized = panel["transformations"][-1]["options"]
        assert {*organized["excludeByName"], *organized["indexByName"], *organized["renameByName"]} <= columns
        shown = set(organized["indexByName"]) | set(organized["renameByName"].values())
        assert {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]} <= shown
