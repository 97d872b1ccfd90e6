# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report as Prometheus metrics. `METRICS` is the one list of their names: exposition, `docs/metrics.md`, and the tests of the alerts
and of the dashboard go by it.

What changes between two runs by the mere passing of time is told as a moment, never as seconds: a file of metrics is read for minutes
after it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ansible_collections.ibgw.ops.plugins.module_utils.redact import without_control
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import STATUSES

if TYPE_CHECKING:
    from prometheus_client import Metric as Family

Part: TypeAlias = Mapping[str, Any]
#: A series of a metric: the values of its labels, and its own.
Series: TypeAlias = tuple[tuple[str, ...], float]

#: The library, on the controller, that makes the text; who wants no metrics needs none.
LIBRARY = "prometheus_client"

OF_GATEWAY = ("machine", "gateway")
OF_ENDPOINT = (*OF_GATEWAY, "endpoint")
OF_PHASE = (*OF_ENDPOINT, "phase")


@dataclass(frozen=True)
class Metric:
    """A metric by its name, what it means, its labels, and how its series are read from a report. All are gauges."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Part], Iterable[Series]]


def exposition(report: Part) -> str:
    """The report in Prometheus' text format."""
    from prometheus_client import generate_latest

    return generate_latest(_Collected(report)).decode("utf-8")


class _Collected:
    """What the library asks for its metrics."""

    def __init__(self, report: Part) -> None:
        self._report = report

    def collect(self) -> Iterator[Family]:
        """Each metric that has a series. Two of the same labels would cost node_exporter all that it has to tell: the last one stays."""
        from prometheus_client.core import GaugeMetricFamily

        for metric in METRICS:
            series = {tuple(map(without_control, labels)): value for labels, value in metric.read(self._report)}
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in series.items():
                family.add_metric(labels, value)
            yield family


def _of_each_gateway(read: Callable[[Part], Iterable[Series]]) -> Callable[[Part], Iterator[Series]]:
    """The series that are read from each row, with the labels that name it."""

    def series(report: Part) -> Iterator[Series]:
        for row in report["gateways"]:
            for labels, value in read(row):
                yield (row["host"], row["name"], *labels), value

    return series


def _of_each_endpoint(read: Callable[[Part], Iterable[Series]]) -> Callable[[Part], Iterator[Series]]:
    return _of_each_gateway(
        lambda row: (
            ((name, *labels), value) for name, endpoint in row["endpoints"].items() for labels, value in read(endpoint)
        )
    )


def _of_each_phase(read: Callable[[Part], Iterable[Series]]) -> Callable[[Part], Iterator[Series]]:
    return _of_each_endpoint(
        lambda endpoint: (
            ((phase["phase"], *labels), value) for phase in endpoint["phases"] for labels, value in read(phase)
        )
    )


def _one(value: float | None) -> Iterator[Series]:
    """The only series of something; none where its value is not known."""
    if value is not None:
        yield (), value


def _state(part: Part) -> Iterator[Series]:
    """One series for each status, of which one is 1."""
    return (((status,), float(part["status"] == status)) for status in reversed(STATUSES))


def _words(*values: str | None) -> Iterator[Series]:
    """What is told in labels."""
    yield tuple(value or "" for value in values), 1


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


METRICS = (
    Metric(
        "ibgw_report_timestamp_seconds",
        "When the report was made; older than the interval of the diagnoses: nobody looks any more.",
        (),
        lambda report: _one(epoch(report["generated_at"])),
    ),
    Metric(
        "ibgw_report_error",
        "Whether the collection itself failed on a machine (1), which is then unknown.",
        (),
        lambda report: _one(float(report["error"] is not None)),
    ),
    Metric(
        "ibgw_build_info",
        "The collection that made the report.",
        ("version",),
        lambda report: _words(report["collection_version"]),
    ),
    Metric(
        "ibgw_gateway_info",
        "What does not change from one diagnosis to the next: 1 for each gateway.",
        (*OF_GATEWAY, "trading_mode", "family", "controller", "version"),
        _of_each_gateway(
            lambda row: _words(
                row["trading_mode"], row["family"], row["facts"]["controller"], row["facts"]["gateway_version"]
            )
        ),
    ),
    Metric(
        "ibgw_gateway_status",
        "1 for the status that a gateway has, 0 for all others.",
        (*OF_GATEWAY, "status"),
        _of_each_gateway(_state),
    ),
    Metric(
        "ibgw_gateway_verdict_info",
        "The leading finding, empty where healthy, and what recovery may do about it: 1 for each gateway.",
        (*OF_GATEWAY, "status", "code", "remedy"),
        _of_each_gateway(lambda row: _words(row["status"], row["code"], row["remedy"])),
    ),
    Metric(
        "ibgw_gateway_suppressed",
        "Whether an operator said not to care about the leading finding (1).",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(float(row["suppressed"] is not None))),
    ),
    Metric(
        "ibgw_gateway_status_since_timestamp_seconds",
        "Since when the status is what it is; none where that is not known.",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(epoch(row["since"]))),
    ),
    Metric(
        "ibgw_gateway_last_diagnosis_timestamp_seconds",
        "When the gateway was last looked at, by the clock of the controller.",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(epoch(row["reported_at"]))),
    ),
    Metric(
        "ibgw_gateway_deadline_timestamp_seconds",
        "Until when something has to happen, such as a second factor be approved; none where nothing has.",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(epoch(row["deadline"]))),
    ),
    Metric(
        "ibgw_gateway_logged_in_timestamp_seconds",
        "When the login that lasts was completed; none where there is none.",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(epoch(row["facts"]["logged_in_since"]))),
    ),
    Metric(
        "ibgw_gateway_next_forced_login_timestamp_seconds",
        "When IBKR ends the session, so that a full login is needed; none where that is not known.",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(epoch(row["facts"]["next_forced_login"]))),
    ),
    Metric(
        "ibgw_gateway_login_attempts_last_hour",
        "Attempts to log in during the hour before the diagnosis; none without a log.",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(row["facts"]["login_attempts_last_hour"])),
    ),
    Metric(
        "ibgw_gateway_api_handshake_duration_seconds",
        "How long the API handshake took; none where it was not tried.",
        OF_GATEWAY,
        _of_each_gateway(lambda row: _one(_seconds(row["facts"]["api_ms"]))),
    ),
    Metric(
        "ibgw_endpoint_status",
        "1 for the status that an API endpoint (paper, live) has, 0 for all others.",
        (*OF_ENDPOINT, "status"),
        _of_each_endpoint(_state),
    ),
    Metric(
        "ibgw_endpoint_phase_duration_seconds",
        "How long each phase of connecting to an endpoint took, the one that failed among them.",
        OF_PHASE,
        _of_each_phase(lambda phase: _one(_seconds(phase["ms"]))),
    ),
    Metric(
        "ibgw_endpoint_phase_success",
        "Whether each phase that was tried was passed (1).",
        OF_PHASE,
        _of_each_phase(lambda phase: _one(float(phase["ok"]))),
    ),
)
