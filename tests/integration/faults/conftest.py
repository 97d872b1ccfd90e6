"""A gateway for each row, and the table of what came out."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.broker.client import Broker
from simulator.containers import Simulation
from tests.integration.faults.lab import Lab
from tests.integration.faults.matrix import MATRIX
from tests.integration.faults.table import Outcome, markdown

_outcomes: dict[str, Outcome] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-table", type=Path, help="write how each row of the matrix came out to this file")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Told to the process that all workers report to."""
    for name, told in report.user_properties:
        if name == "outcome" and report.when == "call":
            outcome = Outcome(**json.loads(str(told)), passed=report.passed)
            _outcomes[outcome.fault] = outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--faults-table", default=None)
    if path and not hasattr(session.config, "workerinput"):
        path.write_text(markdown(_outcomes[row.fault] for row in MATRIX if row.fault in _outcomes), encoding="utf-8")


@pytest.fixture
def lab(simulation: Simulation, broker: Broker, tmp_path: Path) -> Lab:
    if os.geteuid() != 0:
        pytest.skip("what recover keeps on the machine is root's")
    return Lab(simulation, broker, tmp_path)


@pytest.fixture
def name(simulation: Simulation, lab: Lab) -> Iterator[str]:
    """A name for a gateway, taken away with all that is kept about it."""
    name = f"{simulation.name}-{uuid.uuid4().hex[:6]}"
    yield name
    lab.forget(name)
