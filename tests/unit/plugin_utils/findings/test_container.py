# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A container that ended is mended by what fits the way in which it ended."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, findings

from tests.unit.plugin_utils.findings.rows import EXITED, FAILED, REBUILD, STOPPED
from tests.unit.plugin_utils.findings.scene import at, case, merged


@pytest.mark.parametrize(
    ("changes", "severity"),
    {
        "its container is gone": ({"gateway": {"exists": False, "container": None}}, None),
        "the old one is stopped": ({"container": STOPPED}, None),
        "the old one is not stopped yet": ({}, "note"),
        "the new one runs": ({"container": {"id": "f00d"}}, "note"),
        "the new one has ended by itself": ({"container": {**FAILED, "id": "f00d"}}, "note"),
    }.values(),
)
def test_a_rebuild_that_has_not_ended_leads_only_while_the_gateway_is_stopped_for_it(
    changes: dict[str, Any], severity: str | None
) -> None:
    begun = case(**merged({"gateway": {"rebuild": REBUILD}}, changes))
    proof = findings()["container.rebuild_unfinished"].prove(begun)
    assert proof is not None
    assert proof.severity == severity


def test_a_hold_that_can_not_be_read_is_one_and_says_why() -> None:
    unreadable = {"hold": {"unreadable": "Input/output error"}}
    proof = findings()["container.held"].prove(case(gateway=unreadable, container=STOPPED))
    assert proof is not None
    assert "Input/output error" in proof.evidence[0].quote


def killed_for_memory(**container: Any) -> Proof:
    """What is said of a container that the kernel killed."""
    changes = {**EXITED, "exit_code": 137, "oom_killed": True, "memory": {"limit": 512 << 20}, **container}
    proof = findings()["container.out_of_memory"].prove(case(container=changes))
    assert proof is not None
    return proof


def test_a_limit_that_was_used_up_is_told_in_the_units_in_which_it_was_set() -> None:
    assert "memory limit 512 MiB; Java heap 768 MiB, the default" in [
        each.quote for each in killed_for_memory().evidence
    ]


def test_no_heap_is_told_of_an_image_that_takes_none() -> None:
    killed = {"exit_code": 137, "oom_killed": True, "memory": {"limit": 512 << 20}}
    other = case(container={**EXITED, **killed}, gateway={"family": {"name": "ibga", "controller": "ibga"}})
    proof = findings()["container.out_of_memory"].prove(other)
    assert proof is not None
    assert not [each.quote for each in proof.evidence if "heap" in each.quote]


def test_a_limit_is_raised_above_the_heap_without_a_new_container() -> None:
    assert killed_for_memory().fix[0].endswith(": docker update --memory=1536m --memory-swap=1536m {name}")
    assert killed_for_memory().next_command == "docker update --memory=1536m --memory-swap=1536m {name}"
    larger = killed_for_memory(environment={"JAVA_HEAP_SIZE": "2048"})
    assert "--memory=4096m" in larger.fix[0]
    ample = killed_for_memory(memory={"limit": 4096 << 20})
    assert "--memory=6144m" in ample.fix[0]
    odd = killed_for_memory(environment={"JAVA_HEAP_SIZE": "2g"})
    assert "--memory=1536m" in odd.fix[0]


def test_a_machine_without_memory_is_no_matter_of_limits() -> None:
    short = killed_for_memory(oom_killed=False, host_oom_killed=True, memory={"limit": None})
    assert not any("docker update" in step for step in short.fix)
    assert "free -m" in short.fix[0]


def policy_restarts(*ends: str, **changes: Any) -> Proof | None:
    """What is said of a container that Docker has started again after those ends, and that is starting."""
    turns = [({"action": end} if end == "oom" else {"action": "die", "exit_code": int(end)}) for end in ends]
    events = [{**each, "at": at(30)} for each in [*turns, {"action": "start"}]]
    starting = {"state": "gateway_starting", "since": at(9), **changes.pop("run", {})}
    container = {"restart_count": 3, "memory": {"limit": 512 << 20}, **changes.pop("container", {})}
    api = {"outcome": "closed_at_open", "accounts": [], **changes.pop("api", {})}
    scene = case(gateway={"events": events}, run=starting, container=container, api=api)
    return findings()["container.out_of_memory"].prove(scene)


def test_between_the_turns_of_a_loop_the_kernel_is_still_what_drives_it() -> None:
    loop = policy_restarts("oom", "137")
    assert loop is not None
    assert "docker update --memory=1536m" in (loop.next_command or "")


def test_a_start_that_goes_well_or_was_asked_for_continues_no_shortage() -> None:
    assert policy_restarts("oom", "1") is None, "something beside the gateway was killed"
    assert policy_restarts("137") is None
    assert policy_restarts("oom", "137", container={"restart_count": 0}) is None, "by hand"
    assert policy_restarts("oom", "137", api={"outcome": "ready"}) is None
    assert policy_restarts("oom", "137", run={"state": "twofa_pending"}) is None
    assert policy_restarts("oom", "137", run={"state": "logged_in"}) is None


def turns(*each: tuple[int | None, str], restart_count: int | None = 0) -> Proof | None:
    """What is said of a container that is starting: how its runs ended, and who started it then."""
    events: list[dict[str, Any]] = [{"action": "start", "by": "command", "at": at(300)}]
    for ended, starter in each:
        events += [{"action": "die", "exit_code": ended, "by": "container"}, {"action": "start", "by": starter}]
    events = [{"at": at(200), **event} for event in events]
    starting = {"state": "gateway_starting", "since": at(9)}
    api = {"outcome": "closed_at_open", "accounts": []}
    container = {"restart_count": restart_count}
    return findings()["container.crash_loop"].prove(
        case(gateway={"events": events}, run=starting, container=container, api=api)
    )


@pytest.mark.parametrize(
    ("each", "restart_count", "loops"),
    [
        ([(1, "policy"), (1, "policy")], 2, True),
        ([(0, "policy"), (0, "policy")], 2, True),  # Docker starts it again whatever its code
        ([(0, "policy"), (0, "policy")], None, True),
        ([(0, "command"), (0, "command")], 0, False),  # STOP, and a start by a person
        (
            [(0, "policy"), (0, "policy")],
            0,
            False,
        ),  # the same within a minute: the events can not tell it from a policy
        ([(0, "command"), (1, "policy")], 1, False),  # one turn after the first start
        ([(1, "command"), (1, "command")], 0, True),  # something else than Docker starts what fails
    ],
)
def test_a_start_after_an_orderly_end_that_was_asked_for_is_no_turn_of_a_loop(
    each: list[tuple[int | None, str]], restart_count: int | None, loops: bool
) -> None:
    assert (turns(*each, restart_count=restart_count) is not None) == loops


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("container.stopped", {"container": STOPPED}),
        ("container.missing", {"gateway": {"exists": False, "container": None}}),
    ],
)
@pytest.mark.parametrize(
    ("until", "said"),
    [
        (at(60), "lock: deploy from here was cut off before its end: run it again"),
        (at(-60), f"lock: deploy from here works on it, until {at(-60)} at most, or was cut off"),
        (None, None),
    ],
)
def test_whose_doing_it_may_be_is_told(code: str, changes: dict[str, Any], until: str | None, said: str | None) -> None:
    lock = {"owner": "deploy from here", "since": at(600), "until": until} if until else None
    proof = findings()[code].prove(case(**merged(changes, {"gateway": {"lock": lock}})))
    assert proof is not None
    assert [each.quote for each in proof.evidence if each.quote.startswith("lock")] == ([said] if said else [])


@pytest.mark.parametrize(("until", "told"), [(at(599), True), (at(601), False)])
def test_what_ended_after_a_lock_had_run_out_is_not_that_runs_doing(until: str, told: bool) -> None:
    lock = {"owner": "deploy from here", "since": at(900), "until": until}
    proof = findings()["container.stopped"].prove(case(container=STOPPED, gateway={"lock": lock}))
    assert proof is not None
    assert any(each.quote.startswith("lock") for each in proof.evidence) == told


def test_a_lock_that_has_run_out_is_nothing_to_tell_of_what_runs() -> None:
    lock = {"owner": "deploy from here", "since": at(900), "until": at(600)}
    assert not any("lock" in each.quote for each in case(gateway={"lock": lock}).container_quotes())
