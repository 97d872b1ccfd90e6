# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of the probes: each uses what the one before proved, and none sees what another did."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.runbook import Answer, Asked, follow

from tests.unit.filter.test_endpoints_inside import PAPER, paper

GATEWAY = paper(PAPER)
STOPPED = paper(PAPER, status="exited")
SERVED = {"handshake": {"endpoints": [{"gateway": "gw", "endpoint": "paper", "outcome": "ready"}]}}
NOT_SERVED = {"handshake": {"endpoints": [{"gateway": "gw", "endpoint": "paper", "outcome": "closed_at_open"}]}}
FAILED: dict[str, Any] = {"failed": True, "msg": "MODULE FAILURE"}
GONE: dict[str, Any] = {"unreachable": True, "msg": "Failed to connect to the host via ssh"}
READ = {"logscan": {"gateways": [{"name": "gw", "instances": []}]}}

PUBLISHED = [("gw", 4002, None)]
INSIDE = [("gw", 4004, "gw"), ("gw", 4002, "gw")]


def health(*gateways: dict[str, Any]) -> dict[str, Any]:
    return {"health": {"available": True, "gateways": list(gateways)}}


def followed(*answers: Answer, selected: bool = False) -> tuple[list[str], list[Any], list[str]]:
    """Modules and what each was asked about, and which steps have an answer, on a machine that answers these in turn."""
    asked = Asked(("gw",), True, selected, [], None, "salt", "api", 5)
    modules, about, left = [], [], iter(answers)

    def ask(module: str, given: dict[str, Any]) -> Answer:
        modules.append(module.removeprefix("ibgw_"))
        endpoints = given.get("endpoints")
        about.append(
            given["names"] if endpoints is None else [(one["gateway"], one["port"], one["inside"]) for one in endpoints]
        )
        return next(left)

    seen = follow(asked, ask)
    assert next(left, None) is None, "it was asked less"
    return modules, about, list(seen)


def test_sockets_are_looked_at_before_any_connection_of_ours() -> None:
    modules, about, steps = followed(health(GATEWAY), READ, SERVED)
    assert modules == ["health", "logscan", "handshake"]
    assert about == [("gw",), ["gw"], PUBLISHED]
    assert steps == ["health", "logscan", "handshake"]


def test_where_the_published_port_did_not_serve_it_is_asked_from_inside() -> None:
    modules, about, steps = followed(health(GATEWAY), READ, NOT_SERVED, SERVED)
    assert modules == ["health", "logscan", "handshake", "handshake"]
    assert about[2:] == [PUBLISHED, INSIDE]
    assert steps == ["health", "logscan", "handshake", "inside"]


@pytest.mark.parametrize(
    "nothing",
    [health(), health({**GATEWAY, "exists": False}), {"health": {"available": False, "gateways": []}}, FAILED, GONE],
    ids=["no gateway", "it does not exist", "health could not look", "health failed", "no machine"],
)
def test_nothing_further_is_asked_where_nothing_was_found(nothing: Answer) -> None:
    assert followed(nothing)[0] == ["health"]


def test_a_stopped_container_has_a_log_and_no_endpoint() -> None:
    assert followed(health(STOPPED), READ, {"handshake": {"endpoints": []}})[1] == [("gw",), ["gw"], []]


@pytest.mark.parametrize("selected", [True, False])
def test_of_a_selection_nothing_else_is_asked(selected: bool) -> None:
    other = {**GATEWAY, "name": "other", "ports": []}
    _modules, about, _steps = followed(
        health(GATEWAY, other), READ, SERVED, *[SERVED] * (not selected), selected=selected
    )
    assert about[1] == (["gw"] if selected else ["gw", "other"])


def test_a_step_that_fails_keeps_no_other_from_looking() -> None:
    assert followed(health(GATEWAY), FAILED, SERVED)[1][2] == PUBLISHED


@pytest.mark.parametrize("answers", [(GONE,), (READ, GONE)], ids=["at the log", "at the API"])
def test_a_machine_that_is_gone_is_asked_nothing_more(answers: tuple[Answer, ...]) -> None:
    modules, _about, steps = followed(health(GATEWAY), *answers)
    assert modules == steps == ["health", "logscan", "handshake"][: 1 + len(answers)]
