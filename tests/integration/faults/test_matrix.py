"""Every row of the matrix: caused on a real container, diagnosed, recovered, and counted by the broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.integration.faults.lab import Lab
from tests.integration.faults.matrix import FIRST_OF_REMEDY, MATRIX, Row

ROWS = [pytest.param(row, id=row.slug, marks=[] if row in FIRST_OF_REMEDY else [pytest.mark.long]) for row in MATRIX]


@pytest.mark.parametrize("row", ROWS)
def test_fault(row: Row, lab: Lab, name: str, record_property: Callable[[str, object], None]) -> None:
    lab.add_user(name, row)
    row.cause(lab, name)
    time.sleep(row.found_after)
    lab.verdict(name, row.verdict, row.shows_within)
    kept, before = lab.kept(), lab.spent(name)
    with lab.clients(name) as clients:
        over = row.meanwhile(lab, name) if row.meanwhile else None
        try:
            run = lab.recover(name, **row.settings)
        finally:
            if over is not None:
                over()
        cut = sum(client.cut() for client in clients)
    assert name in run.gateways, run.output
    told, spent = run.gateways[name], lab.spent(name).since(before)
    remedies = tuple(step["remedy"] for step in told["steps"])
    refused = [check["guard"] for check in told["guards"] if check["passed"] is False]
    outcome = {
        "fault": row.fault,
        "verdict": told["before"]["code"] or "",
        "remedies": remedies,
        "held_back_by": refused,
        "status": told["after"]["status"],
        "code": told["after"]["code"],
        "logins": told["logins_spent"] if row.by_itself else spent.logins,
        "pushes": 0 if row.by_itself else spent.pushes,
        "cut": cut,
        "clients": len(clients),
        "seconds": told["seconds"],
    }
    record_property("outcome", json.dumps(outcome))

    assert ((told["before"]["code"] or ""), remedies, told["after"]["status"]) == (
        row.verdict,
        row.remedies,
        row.status,
    ), run.output
    assert cut == 0
    assert told["logins_spent"] == row.logins
    if row.by_itself:
        assert stays_stopped(lab, name)
    else:
        assert (spent.logins, spent.pushes) == (row.logins, row.pushes), run.output
        assert told["pushes_spent"] in (row.pushes, None)
    assert not row.held_back_by or row.held_back_by in refused, run.output
    assert kept <= lab.kept()
    assert run.status == (2 if row.status == "down" or told["outcome"] == "given_up" else 0)


def stays_stopped(lab: Lab, name: str) -> bool:
    """It has ended, and neither the engine nor anything in it begins it again."""
    container = lab.simulation.engine.containers.get(name)
    return container.status == "exited" and container.attrs["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
