# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role does what was decided, in the order that safety wants."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import ACTS
from jinja2 import Environment

from tests.unit.test_house import CHECKOUT

TASKS = CHECKOUT / "roles" / "recover" / "tasks"


def of_file(name: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = yaml.safe_load((TASKS / name).read_text(encoding="utf-8"))
    return tasks


def test_every_remedy_that_acts_is_one_file() -> None:
    assert {path.stem for path in (TASKS / "remedies").iterdir()} == set(ACTS)


def test_rule_6_and_7_what_is_known_and_spent_is_written_down_before_anything_is_done() -> None:
    _begin, written_down, act = of_file("act.yml")
    modules = [next(key for key in task if "." in key) for task in written_down["block"]]
    assert "lock" in written_down["block"][0]["ibgw.ops.ibgw_record"]  # of two runs only one comes to count
    assert modules.index("ansible.builtin.copy") < modules.index("ibgw.ops.ibgw_record", 1)
    assert "begun: false" in (TASKS / "act.yml").read_text(encoding="utf-8")
    assert act["when"] == "recover_outcome.begun | default(true)"


def test_what_was_stopped_and_does_not_start_keeps_its_restart_policy_in_the_record() -> None:
    work = next(task["block"] for task in of_file("remedies/restart.yml") if "block" in task)
    (put_back,) = [task for task in work if task.get("ansible.builtin.import_tasks") == "restore_policy.yml"]
    templar = Environment()
    templar.tests["skipped"] = lambda result: result.get("skipped", False)

    def happens(status: str, started: dict[str, Any]) -> object:
        stopped = {"acted": {"done": status != "running", "after": {"status": status}}}
        return templar.compile_expression(put_back["when"])(recover_stopped=stopped, recover_started=started)

    assert happens("running", {"skipped": True})
    assert not happens("exited", {"skipped": True})
    assert happens("exited", {"acted": {"done": True}})
    assert not happens("exited", {"acted": {"done": False}})


def test_what_an_earlier_run_left_is_not_ended_under_a_hold_nor_under_one_that_can_not_be_read() -> None:
    (_work, finish) = of_file("machine.yml")
    half_done = Environment().compile_expression(finish["vars"]["recover_half_done"].strip("{} "))
    chosen = finish["loop"].strip("{} ").partition(" | intersect")[0]
    policy = {"restart_policy": "always"}
    gateways = [
        {"name": "left", "policy": policy, "hold": None, "corrupt": {}},
        {"name": "held", "policy": policy, "hold": {"reason": "so"}, "corrupt": {}},
        {"name": "unread", "policy": policy, "hold": None, "corrupt": {"hold": "can not be used"}},
        {"name": "well", "policy": None, "hold": None, "corrupt": {}},
    ]
    found = half_done(recover_records={"record": {"gateways": gateways}})
    assert list(Environment().compile_expression(chosen)(recover_half_done=list(found))) == ["left"]


def test_the_lock_is_given_back_whatever_happens() -> None:
    (work,) = of_file("gateway.yml")
    assert any("unlock" in task.get("ibgw.ops.ibgw_record", {}) for task in work["always"])


def test_machines_are_worked_on_one_after_another() -> None:
    plays = yaml.safe_load((CHECKOUT / "playbooks" / "recover.yml").read_text(encoding="utf-8"))
    serial = {
        play["tasks"][-1]["ansible.builtin.import_role"].get("tasks_from"): play.get("serial") for play in plays[1:]
    }
    assert serial == {None: None, "machine": 1, "report": None}
