# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report as metrics, read back with the library's own parser and checked with Prometheus' own tool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import STATUSES, EndpointVerdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.metrics import METRICS, exposition
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Phase
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.plugin_utils.verdicts import NOW, found, report_of, verdict

EXAMPLE = json.loads((Path(__file__).parents[3] / "docs" / "report.example.json").read_text(encoding="utf-8"))
LATER = "2026-03-01T12:10:00Z"

Series = dict[str, float]


def told(report: dict[str, Any]) -> dict[str, Series]:
    """The series of each metric, by their labels but for those that name the gateway."""
    families = text_string_to_metric_families(exposition(report))
    return {
        family.name: {
            " ".join(
                value for label, value in sample.labels.items() if label not in ("machine", "gateway")
            ): sample.value
            for sample in family.samples
        }
        for family in families
    }


PUSH = found("twofa.pending", "waiting", deadline=LATER, remedy="ask_person")


def test_a_gateway_that_waits_until_a_moment() -> None:
    series = told(report_of(verdict(leading=PUSH, since=NOW, facts={"login_attempts_last_hour": 2})))
    assert series["ibgw_report_timestamp_seconds"] == {"": epoch(NOW)}
    assert series["ibgw_gateway_status"] == {status: float(status == "waiting") for status in STATUSES}
    assert series["ibgw_gateway_verdict_info"] == {"twofa.pending ask_person waiting": 1}
    assert series["ibgw_gateway_deadline_timestamp_seconds"] == {"": epoch(LATER)}
    assert series["ibgw_gateway_status_since_timestamp_seconds"] == {"": epoch(NOW)}
    assert series["ibgw_gateway_last_diagnosis_timestamp_seconds"] == {"": epoch(NOW)}
    assert series["ibgw_gateway_login_attempts_last_hour"] == {"": 2}
    assert series["ibgw_gateway_suppressed"] == {"": 0}


def test_what_is_not_known_has_no_series() -> None:
    series = told(report_of(verdict()))
    assert series["ibgw_gateway_verdict_info"] == {" none healthy": 1}
    for metric in METRICS:
        if metric.name.removeprefix("ibgw_gateway_") in (
            "deadline_timestamp_seconds",
            "logged_in_timestamp_seconds",
            "next_forced_login_timestamp_seconds",
            "login_attempts_last_hour",
            "api_handshake_duration_seconds",
        ):
            assert series[metric.name] == {}, metric.name


def test_phases_of_each_endpoint_in_seconds() -> None:
    phases = (Phase("tcp", True, 2.5), Phase("hello", False, 5000.0))
    endpoints = {
        "paper": EndpointVerdict("healthy", None, ""),
        "live": EndpointVerdict("down", "api.silent", "", phases),
    }
    series = told(report_of(verdict(trading_mode="both", endpoints=endpoints, facts={"api_ms": 12.5})))
    assert series["ibgw_endpoint_phase_duration_seconds"] == {"live tcp": 0.0025, "live hello": 5}
    assert series["ibgw_endpoint_phase_success"] == {"live tcp": 1, "live hello": 0}
    assert series["ibgw_endpoint_status"]["live down"] == series["ibgw_endpoint_status"]["paper healthy"] == 1
    assert series["ibgw_gateway_api_handshake_duration_seconds"] == {"": 0.0125}


def test_what_is_suppressed_shows() -> None:
    told_not_to_care = found("container.stopped")
    object.__setattr__(told_not_to_care, "suppressed", Suppression("container.stopped", None, "moves", None))
    series = told(report_of(verdict(leading=told_not_to_care)))
    assert series["ibgw_gateway_suppressed"] == {"": 1}
    assert series["ibgw_gateway_status"]["down"] == 1, "the status stays the truth"


def test_a_gateway_that_nobody_has_looked_at_for_too_long_is_unknown_since_then() -> None:
    stale = verdict(leading=found("probe.stale", "unknown", remedy="none"))
    whole = report_of(stale)
    whole["gateways"][0]["reported_at"] = "2026-03-01T09:00:00Z"
    series = told(whole)
    assert series["ibgw_gateway_verdict_info"] == {"probe.stale none unknown": 1}
    assert series["ibgw_gateway_last_diagnosis_timestamp_seconds"] == {"": epoch("2026-03-01T09:00:00Z")}
    assert series["ibgw_report_timestamp_seconds"] == {"": epoch(NOW)}


def test_the_clock_of_a_machine_does_not_tell_when_somebody_looked() -> None:
    for wrong in ("2020-01-01T00:00:00Z", "2036-01-01T00:00:00Z"):
        series = told(report_of(verdict(checked_at=wrong)))
        assert series["ibgw_gateway_last_diagnosis_timestamp_seconds"] == {"": epoch(NOW)}


HOSTILE = ['a"b', "a\\", 'x"} 1\nup{y="', "a\nb", "{{ 7*7 }}", "<script>", "ä😀", "\u2028\x1b[31m", "\udcff", " ", "#"]


def checked(text: str, promtool: Path) -> None:
    """Prometheus reads it, and finds nothing to better in it."""
    said = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, timeout=60)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_no_name_breaks_the_text(promtool: Path) -> None:
    text = exposition(report_of(*(verdict(name, name, leading=PUSH) for name in HOSTILE)))
    status = next(each for each in text_string_to_metric_families(text) if each.name == "ibgw_gateway_status")
    assert len(status.samples) == len(HOSTILE) * len(STATUSES)
    assert {each.name for each in text_string_to_metric_families(text)} == {metric.name for metric in METRICS}
    read = {sample.labels["gateway"] for sample in status.samples}
    assert read >= {'a"b', "a\\", 'x"} 1\nup{y="', "{{ 7*7 }}", "<script>", "ä😀"}
    assert not any("\x1b" in name for name in read)
    checked(text, promtool)


def test_prometheus_has_nothing_to_say_against_the_names(promtool: Path) -> None:
    checked(exposition(EXAMPLE), promtool)


def test_no_series_is_told_twice(promtool: Path) -> None:
    text = exposition({**EXAMPLE, "gateways": EXAMPLE["gateways"] * 2})
    lines = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))
    assert text == exposition(EXAMPLE)


def test_a_fleet_has_no_more_series_for_each_gateway_than_one() -> None:
    def series(gateways: int) -> int:
        text = exposition(report_of(*(verdict(f"gw-{number}", leading=PUSH) for number in range(gateways))))
        return sum(not line.startswith("#") for line in text.splitlines())

    one, two, hundred = series(1), series(2), series(100)
    assert hundred - one == 99 * (two - one)
    assert two - one < 40


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric.name))
def test_a_name_says_its_unit_and_its_type(metric: Any) -> None:
    text = exposition(EXAMPLE)
    assert f"# TYPE {metric.name} gauge\n" in text
    if "seconds" in metric.help or metric.help.startswith(("When ", "How long ", "Until when ", "Since when ")):
        assert metric.name.endswith("_seconds")
    if metric.help.startswith(("When ", "Until when ", "Since when ")):
        assert metric.name.endswith("_timestamp_seconds")
