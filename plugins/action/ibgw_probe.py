# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Probe one machine by the runbook: one task, for a task of its own for each step costs the controller more than all that is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils import runbook
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import ControllerAction, TooLong, display, limited
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import PROBES
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import HOW_A_TASK_FAILED

#: Read as they stand: as arguments of the task each would be an expression, which Ansible compiles anew for every machine.
SETTINGS = (
    "gateways",
    "diagnose_docker_host",
    "diagnose_user_salt",
    "diagnose_depth",
    "diagnose_timeout",
    "diagnose_api_timeout",
    "diagnose_task_timeout",
    "diagnose_probe_python",
)


class ActionModule(ControllerAction):
    """The action behind `ibgw_probe`; its options are documented in the module of the same name."""

    _requires_connection = True
    ARGUMENTS = {
        "ask": {"type": "dict", "required": True},
        "only": {"type": "list", "elements": "str", "required": True},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What each step was answered; where already the first one failed, that is how the task fails."""
        machine, settings = variables["inventory_hostname"], self.settings(variables, SETTINGS)
        asked = runbook.Asked(
            **arguments["ask"],
            selected=bool(arguments["only"]),
            gateways=settings.get("gateways") or [],
            docker_host=settings["diagnose_docker_host"] or None,
            user_salt=settings["diagnose_user_salt"],
            depth=settings["diagnose_depth"],
            api_timeout=settings["diagnose_api_timeout"],
        )
        shared = {
            "docker_host": asked.docker_host,
            "timeout": settings["diagnose_timeout"],
            "probe_python": settings["diagnose_probe_python"],
        }
        facts: dict[str, Any] = {}

        def ask(module: str, given: dict[str, Any]) -> runbook.Answer:
            answer = self._answer(module, {**shared, **given}, variables, int(settings["diagnose_task_timeout"]))
            facts.update(answer.pop("ansible_facts", {}))  # the interpreter, where Ansible had to look for it
            return answer

        seen = runbook.follow(asked, ask)
        found = {"ansible_facts": facts} if facts else {}
        if "health" not in seen["health"]:
            return {**seen["health"], **found}
        for step, answer in seen.items():
            if PROBES[step] not in answer:
                display.warning(f"{machine} was not probed to the end: {step}: {quote(str(answer.get('msg')))}")
        return {**{step: _kept(answer, step) for step, answer in seen.items()}, **found}

    def _answer(self, module: str, given: dict[str, Any], variables: Mapping[str, Any], seconds: int) -> dict[str, Any]:
        """What a module of ours returned from the machine, or how it failed."""
        told = {name: value for name, value in given.items() if name != "user_salt"}
        display.vv(f"{module} {json.dumps(told)}", host=variables["inventory_hostname"])
        try:
            with limited(seconds):
                answer: dict[str, Any] = self._execute_module(f"ibgw.ops.{module}", given, task_vars=variables)
                return answer
        except AnsibleConnectionFailure as error:
            return {"unreachable": True, "msg": str(error)}
        except (Exception, TooLong) as error:
            return {"failed": True, "msg": str(error)}


def _kept(answer: runbook.Answer, step: str) -> dict[str, Any]:
    """What is judged of an answer; what comes from Ansible beside it goes through a pipe, and to every later task, too."""
    return {key: answer[key] for key in (PROBES[step], *HOW_A_TASK_FAILED) if key in answer}
