# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is told of a gateway's process fits the one at hand: what can be done about it, and how often it failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import RESTART_IT, Proof, findings
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import judge

from tests.unit.plugin_utils.findings.rows import ROWS, SHUT, STOPPED, said, state
from tests.unit.plugin_utils.findings.scene import at, case, merged


def proof(code: str, changes: dict[str, Any]) -> Proof:
    """What the rule of `code` says."""
    proven = findings()[code].prove(case(**changes))
    assert proven is not None
    return proven


HUNG = ROWS["gateway.hung"][0]
SOFT = {"log": {"settings": {"CommandServerPort": "7462", "AutoRestartTime": "11:45 PM"}}}


def test_a_gateway_that_hangs_offers_only_what_is_possible() -> None:
    plain = proof("gateway.hung", HUNG)
    assert RESTART_IT in plain.fix
    soft = proof("gateway.hung", merged(HUNG, SOFT))
    assert soft.remedy == "soft_restart"
    assert "softly" in soft.fix[1]
    assert RESTART_IT not in soft.fix


def test_a_process_that_was_killed_sends_a_person_to_look_for_memory() -> None:
    killed = proof("gateway.crashed", said("gateway.crashed", "ended", last_exit={"code": 137, "meaning": "killed"}))
    assert "137" in killed.summary
    assert "mostly because memory ran out" in killed.summary
    lives_on = {"container": {"memory": {"limit": None, "usage": None, "oom_kills": 0}}}
    by_hand = proof(
        "gateway.crashed",
        {**said("gateway.crashed", "ended", last_exit={"code": 137, "meaning": "killed"}), **lives_on},
    )
    assert "not for want of memory; who did it is not known" in by_hand.summary
    assert "memory" in killed.fix[0]
    crashed = proof("gateway.crashed", said("gateway.crashed", "ended", last_exit={"code": 134, "meaning": "aborted"}))
    assert "memory" not in " ".join((crashed.summary, *crashed.fix))


def test_a_gateway_that_ended_without_a_link_was_not_at_a_scheduled_time() -> None:
    scheduled = said("gateway.stopped_by_schedule", "ended")
    lost = [
        {"event": name, "at": at(300), "line": 7, "endpoint": None, "quote": name}
        for name in ("connecting", "shutdown_shown")
    ]
    assert "link" in proof("gateway.stopped_by_schedule", merged(scheduled, {"log": {"events": lost}})).summary
    assert "link" not in proof("gateway.stopped_by_schedule", merged(scheduled, {"log": {"events": lost[1:]}})).summary


def test_a_gateway_that_began_to_close_and_does_not_end_hangs() -> None:
    closing = said("gateway.hung", "shutting_down")
    assert proof("gateway.hung", closing).since == at(300)
    assert findings()["gateway.hung"].prove(case(**merged(closing, {"container": STOPPED}))) is None


def test_what_either_of_two_gateways_may_have_written_is_said_to_be_unsure() -> None:
    refused = said("login.credentials_rejected")
    doubted = proof("login.credentials_rejected", merged(refused, {"run": {"ambiguous": True}})).evidence[-1]
    assert "not sure" in doubted.quote
    assert all("not sure" not in quote.quote for quote in proof("login.credentials_rejected", refused).evidence)


def test_a_saved_log_tells_of_a_hang_by_its_relay_which_an_answer_of_the_api_refutes() -> None:
    told = {"run": {"problem": "gateway.hung", "state": "logged_in"}}
    assert "time out" in proof("gateway.hung", merged(told, {"api": {"outcome": None}})).summary
    assert findings()["gateway.hung"].prove(case(**told)) is None


LOOP = said("gateway.login_window_unknown", "gateway_starting", last_exit={"code": 88, "meaning": None})


def test_a_login_window_that_nobody_knows_is_counted() -> None:
    counted = merged(LOOP, {"log": {"history": {"by_exit_code": {"88": 1, "1112": 2, "0": 1}}}})
    assert ", 3 times" in proof("gateway.login_window_unknown", counted).summary
    once = merged(LOOP, {"log": {"history": {"by_exit_code": {"88": 1}}}})
    assert "times" not in proof("gateway.login_window_unknown", once).summary
    partly = merged(counted, {"log": {"window": {"truncated": True}}})
    assert "at least 3 times" in proof("gateway.login_window_unknown", partly).summary


def test_a_heap_that_is_full_is_told_with_its_size_and_since_when() -> None:
    lines = [{"at": at(900), "quote": "IBC: Login has completed"}, {"at": at(60), "quote": "OutOfMemoryError"}]
    full = {"run": {"problem": "gateway.heap_exhausted", "evidence": lines}}
    small = proof("gateway.heap_exhausted", merged(full, {"container": {"environment": {"JAVA_HEAP_SIZE": "512"}}}))
    assert "JAVA_HEAP_SIZE 512" in [quote.quote for quote in small.evidence]
    assert small.since == at(60)
    assert small.evidence[0].quote == "OutOfMemoryError"
    assert "JAVA_HEAP_SIZE 768, the default" in [
        quote.quote for quote in proof("gateway.heap_exhausted", full).evidence
    ]


def test_the_size_of_a_heap_is_told_only_where_somebody_saw_it() -> None:
    full = {"run": {"problem": "gateway.heap_exhausted"}}
    other_family = {"gateway": {"family": {"name": "extrange", "controller": "ibc"}}}  # takes no such setting
    for unseen in (other_family, {"health": {"gateways": []}}):
        assert not [
            each for each in proof("gateway.heap_exhausted", merged(full, unseen)).evidence if "HEAP" in each.quote
        ]


def test_a_heap_that_is_full_leaves_a_gateway_up_that_nobody_could_ask() -> None:
    full = {"run": {"problem": "gateway.heap_exhausted"}}
    silent = {"api": {"outcome": "silent_at_hello", "problem": "api.silent"}}
    piled = {"gateway": {"sockets": {"close_wait": {"4002": 40}}}}
    for outcome in ("not_asked", "connected", "error"):
        unasked = merged(full, {"api": {"outcome": outcome}})
        assert proof("gateway.heap_exhausted", unasked).severity is None
        assert proof("gateway.heap_exhausted", merged(unasked, piled)).severity == "down"
    assert proof("gateway.heap_exhausted", merged(full, silent)).severity == "down"


def test_a_lost_link_says_since_when() -> None:
    lost = {"run": {"state": "connection_lost", "since": "2026-03-01T11:48:00+00:00", "problem": "ibkr.disconnected"}}
    assert "since 11:48:00 UTC (12:00 min)" in proof("ibkr.disconnected", lost).summary
    assert "since" not in proof("ibkr.disconnected", ROWS["ibkr.disconnected"][0]).summary


def test_a_container_of_no_known_family_may_run_its_gateway_under_any_name() -> None:
    stranger = merged(ROWS["gateway.not_running"][0], {"gateway": {"family": None}})
    assert findings()["gateway.not_running"].prove(case(**stranger)) is None


TAKEN = {"gateway": {"sockets": {"listening": [{"port": 4002}], "taken": [4004]}}}
UNASKED = {"api": {"outcome": "not_asked"}}
IN_THE_MACHINES_NETWORK = {"container": {"network_mode": "host"}}
IN_ANOTHERS_NETWORK = {"container": {"network_mode": "container:c0ffee"}}
BINDS_IN_VAIN = {"run": {"problem": "relay.port_taken"}, "log": {"relay": {"bind_errors": 9, "last_at": at(3)}}}


def test_a_port_that_anothers_process_holds_is_taken_and_no_fault_once_clients_are_served() -> None:
    taken = proof("relay.port_taken", merged(TAKEN, UNASKED))
    assert taken.severity is None
    assert "another's process listens on 4004" in taken.evidence[0].quote
    rule = findings()["relay.port_taken"]
    lives = {"gateway": {"sockets": {"taken": [4003]}}}
    assert rule.prove(case(**merged(lives, UNASKED))) is None


@pytest.mark.parametrize("seen", [merged(TAKEN, IN_ANOTHERS_NETWORK), merged(TAKEN, BINDS_IN_VAIN), BINDS_IN_VAIN])
def test_a_gateway_that_serves_through_a_relay_in_another_container_is_advised_of_it_and_no_more(
    seen: dict[str, Any],
) -> None:
    judged = judge(case(**seen))
    assert (judged.status, judged.leading) == ("healthy", None)
    (found,) = [each for each in judged.found if each.finding.code == "relay.port_taken"]
    assert (found.severity, found.remedy) == ("advice", "none")
    assert "clients are served all the same" in found.proof.summary
    assert judge(case(**merged(seen, {"api": SHUT}))).status == "down"


@pytest.mark.parametrize(
    ("seen", "answer"),
    [(merged(IN_ANOTHERS_NETWORK, {"gateway": {"sockets": {"taken": [4004]}}}), UNASKED), (BINDS_IN_VAIN, {})],
)
def test_before_the_login_a_relay_in_another_container_is_not_what_is_wrong(
    seen: dict[str, Any], answer: dict[str, Any]
) -> None:
    waits = merged(state("twofa_pending", 20), {"gateway": {"sockets": {"listening": []}}})
    told = merged(merged(waits, seen), {"run": {"problem": "twofa.pending"}, **answer})
    judged = judge(case(**told))
    assert judged.leading is not None
    assert (judged.status, judged.leading.finding.code) == ("waiting", "twofa.pending")
    in_the_machines = merged(told, IN_THE_MACHINES_NETWORK)
    assert findings()["relay.port_taken"].prove(case(**in_the_machines)), (
        "there another gateway's port may be in its place"
    )


def test_a_port_that_a_gateway_may_not_want_tells_nothing_when_another_has_it() -> None:
    waiting = case(**merged(merged(TAKEN, UNASKED), IN_THE_MACHINES_NETWORK))
    prove = findings()["relay.port_taken"].prove
    assert prove(waiting)
    assert prove(replace(waiting, endpoint=None)) is None, "whether it is paper is not known"
    tunnel = {"container": {"environment": {"SSH_TUNNEL": "yes"}}}
    assert prove(case(**merged(merged(TAKEN, UNASKED), tunnel))) is None, "it has no relay"
    program = {"gateway": {"sockets": {"listening": [{"port": 4004}], "taken": [7499]}}}
    assert prove(case(**merged(UNASKED, program))) is None, "it is Gateway, and that is the port of TWS"
