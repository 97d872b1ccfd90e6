# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release of what runs by now, as after a run that was cut off before its end, clears the hold and spends nothing."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jinja2 import Environment

from tests.unit.test_house import CHECKOUT

ROLE = CHECKOUT / "roles" / "release"


def spent_and_started(found: dict[str, Any]) -> list[str]:
    """Which tasks that count a login, start or stop anything, or clear the hold are done after that look at the container."""
    (release,) = yaml.safe_load((ROLE / "tasks" / "gateway.yml").read_text(encoding="utf-8"))
    starts = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))["release_starts"]
    expression = Environment().compile_expression
    known = {"release_starts": expression(starts.strip("{} "))(release_start=True, release_found=found)}
    done = []
    for task in release["block"]:
        acts = {**task.get("ibgw.ops.ibgw_container", {}), **task.get("ibgw.ops.ibgw_record", {})}
        wanted = {"login", "start", "stop", "release"} & acts.keys()
        if wanted and not task.get("check_mode") and expression(str(task.get("when", True)))(**known):
            done += wanted
    return done


@pytest.mark.parametrize(
    ("changed", "done"), [(False, ["release"]), (True, ["login", "start", "release"])], ids=["runs", "is stopped"]
)
def test_what_runs_is_not_started_and_costs_no_login(changed: bool, done: list[str]) -> None:
    assert spent_and_started({"changed": changed}) == done
