# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A container that ended is mended by what fits the way in which it ended."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    NotKnown,
    Passed,
    Proof,
    findings,
)

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


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({}, "recreate"),
        ({"renamed_to": "aside"}, None),  # a second one would log in as its user
        ({"renamed_to": "aside", "rebuild": REBUILD}, "recreate"),  # which leads, and knows what was set aside
    ],
)
def test_what_was_only_renamed_is_not_made_again(changes: dict[str, Any], remedy: str | None) -> None:
    gone = {"exists": False, "container": None, "deployment": {"image": "x"}, **changes}
    proof = findings()["container.missing"].prove(case(gateway=gone))
    assert isinstance(proof, Proof)
    assert proof.remedy == remedy
    assert ("docker rename aside ib-gateway" in proof.fix[0]) == (remedy is None)


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


@pytest.mark.parametrize(
    ("family", "code", "remedy"),
    [
        ("gnzsnz-ibcontroller", 69, "start"),
        ("gnzsnz-ibcontroller", 77, None),  # refused: another attempt can lock the account
        ("gnzsnz-ibcontroller", 75, None),
        ("gnzsnz-ibc", 69, None),
        ("gnzsnz-ibc", 76, "start"),
        ("gnzsnz-ibc", 77, None),
    ],
)
def test_a_start_is_worth_its_login_by_what_the_family_means_by_the_code(
    family: str, code: int, remedy: str | None
) -> None:
    controller = family.partition("-")[2]
    scene = case(
        container={**EXITED, "exit_code": code},
        gateway={"family": {"name": family, "controller": controller}},
        log={"controller": {"name": controller}},
        run={"state": "ended"},
    )
    proof = findings()["container.failed"].prove(scene)
    assert isinstance(proof, Proof)
    assert proof.remedy == remedy


def events(*told: dict[str, Any]) -> dict[str, Any]:
    return {"events": [{"at": at(600), "by": "command", **event} for event in told]}


STOP = {"action": "stop"}
DIE = {"action": "die", "exit_code": 137}


@pytest.mark.parametrize(
    ("told", "said", "summary"),
    [
        (
            [{**STOP, "who": "ibgw.ops, restart"}],
            "docker event: stop, by ibgw.ops, restart",
            "from outside by ibgw.ops, restart",
        ),
        ([STOP], "docker event: stop, by a command; who gave it is not known", "from outside, exit"),
        (
            [{**STOP, "candidates": ["systemd unit ib.service"]}],
            "not known; it can have been systemd unit ib.service, or a person",
            "from outside, exit",
        ),
        ([{**DIE, "exit_code": 143, "by": None}], "by a signal that did not come through Docker", "from outside, exit"),
        ([], None, "from outside, exit"),
    ],
)
def test_a_stop_names_who_did_it_only_where_something_proves_it(
    told: list[dict[str, Any]], said: str | None, summary: str
) -> None:
    proof = findings()["container.stopped"].prove(case(container=STOPPED, gateway=events(*told)))
    assert isinstance(proof, Proof)
    assert summary in proof.summary
    assert "systemd" not in proof.summary
    assert ("It was ibgw.ops, restart" in proof.fix[0]) == (said is not None and "ibgw.ops" in said)
    quotes = [each for each in proof.evidence if each.quote.startswith("docker event")]
    assert [said in each.quote and each.at == at(600) for each in quotes] == ([True] if said else [])


@pytest.mark.parametrize(
    ("host", "engine", "said"),
    [
        ({"boot_time": at(500)}, {}, "the machine came up 100 s after the end"),
        ({"boot_time": at(90_000)}, {"started_at": at(590)}, "Docker came up 10 s after the end"),
        ({"boot_time": at(700)}, {"started_at": at(690)}, None),
        ({}, {}, None),
    ],
)
def test_what_went_down_with_the_gateway_is_told_where_its_events_are_forgotten(
    host: dict[str, Any], engine: dict[str, Any], said: str | None
) -> None:
    for changed in (STOPPED, {**EXITED, "exit_code": 137}):
        code = "container.stopped" if changed is STOPPED else "container.killed"
        proof = findings()[code].prove(case(container=changed, host=host, health={"engine": engine}))
        assert isinstance(proof, Proof)
        risen = [each.quote for each in proof.evidence if "came up" in each.quote]
        assert [said is not None and said in each for each in risen] == ([True] if said else [])


def test_a_kill_names_who_did_it() -> None:
    killed = {**EXITED, "exit_code": 137}
    by_tool = events({**DIE, "who": "autoheal (container healer)"})
    proof = findings()["container.killed"].prove(case(container=killed, gateway=by_tool))
    assert isinstance(proof, Proof)
    assert "killed by autoheal (container healer)" in proof.summary
    unknown = findings()["container.killed"].prove(case(container=killed, gateway=events({**DIE, "by": None})))
    assert isinstance(unknown, Proof)
    assert [each.quote for each in unknown.evidence if "who sent it is not known" in each.quote]


@pytest.mark.parametrize(
    ("kind", "said"), [("podman", "Podman does not tell who ended it"), ("docker", "not come through")]
)
def test_podman_which_tells_of_no_stop_is_not_taken_at_its_silence(kind: str, said: str) -> None:
    died = events({**DIE, "exit_code": 143, "by": None})
    proof = findings()["container.stopped"].prove(
        case(container=STOPPED, gateway=died, health={"engine": {"kind": kind}})
    )
    assert isinstance(proof, Proof)
    assert [each.quote for each in proof.evidence if said in each.quote]


@pytest.mark.parametrize(
    ("flags", "by", "short"),
    [
        ({"oom_killed": True}, "kernel", True),
        ({"oom_killed": True}, "command", False),  # of what was killed before, the container lived on
        ({"oom_killed": False}, "kernel", True),  # the kernel's own log names it
        ({"oom_killed": False}, None, False),
        ({"host_oom_killed": True}, None, True),
    ],
)
def test_a_shortage_of_memory_and_a_kill_are_told_apart(flags: dict[str, Any], by: str | None, short: bool) -> None:
    scene = case(container={**EXITED, "exit_code": 137, **flags}, gateway=events({**DIE, "by": by}))
    proven = {code for code in ("container.out_of_memory", "container.killed") if findings()[code].prove(scene)}
    assert proven == {"container.out_of_memory" if short else "container.killed"}


def test_the_kernels_own_word_says_what_was_used_up() -> None:
    kill = {"at": at(600), "process": "java", "short_of": "machine"}
    short = killed_for_memory(oom_killed=True, kernel_kills=[kill])
    assert "the machine's memory was used up" in short.summary
    assert ("kernel: killed java, out of memory of the machine", at(600)) in [
        (one.quote, one.at) for one in short.evidence
    ]


@pytest.mark.parametrize(
    ("kills", "code", "run", "short"),
    [
        (1, 137, {}, True),
        (0, 137, {}, False),
        (1, 1, {}, False),
        (1, 137, {"state": "logged_in"}, False),  # it is back
    ],
)
def test_a_java_machine_that_was_killed_inside_a_container_that_lives_on_is_seen(
    kills: int, code: int, run: dict[str, Any], short: bool
) -> None:
    scene = case(
        container={"memory": {"limit": 512 << 20, "oom_kills": kills}},
        run={"state": "ended", "last_exit": {"code": code}, **run},
        api={"outcome": "closed_at_open", "accounts": []},
    )
    assert (findings()["container.out_of_memory"].prove(scene) is not None) == short


@pytest.mark.parametrize(
    ("restarts", "changes", "loops"),
    [
        (3, {}, True),
        (2, {}, False),
        (3, {"run": {"problem": "gateway.login_window_unknown"}}, False),  # what the log tells leads
        (3, {"run": {"state": "logged_in"}}, False),
        (3, {"api": {"outcome": "ready"}}, False),
        (3, {"container": {"status": "exited", "exit_code": 1}}, False),
        (3, {"gateway": {"processes": [{"role": "gateway", "started_at": at(3_000)}]}}, False),  # it has settled
        (3, {"gateway": {"processes": [{"role": "gateway", "started_at": at(30)}]}}, True),
    ],
)
def test_a_controller_that_starts_the_gateway_again_and_again_is_a_loop_that_no_restart_count_shows(
    restarts: int, changes: dict[str, Any], loops: bool
) -> None:
    starting = {
        "log": {"history": {"controller_restarts_last_hour": restarts}},
        "run": {"state": "gateway_starting", "since": at(9)},
        "api": {"outcome": "closed_at_open", "accounts": []},
    }
    proof = findings()["container.crash_loop"].prove(case(**merged(starting, changes)))
    assert (proof is not None) == loops
    if isinstance(proof, Proof):
        assert "inside the container" in proof.summary
        assert "restart count stays 0" in proof.evidence[-2].quote


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        ({"by": "command", "candidates": ["systemd unit ib.service"]}, True),
        ({"by": "command"}, False),
        ({"by": "policy", "who": "restart policy always"}, False),
    ],
)
def test_a_loop_that_a_unit_drives_is_not_ended_by_a_policy(start: dict[str, Any], unit: bool) -> None:
    loop = events(*[{"action": "die", "exit_code": 1}, {"action": "start", **start}] * 3)
    scene = {"container": {"status": "restarting", "exit_code": 1}, "gateway": loop}
    proof = findings()["container.crash_loop"].prove(case(**scene))
    assert isinstance(proof, Proof)
    assert ("systemd unit ib.service" in proof.fix[0]) == unit


@pytest.mark.parametrize(
    ("supervisor", "fails"),
    [
        ({"kind": "autoheal", "does": ["restart"]}, "autoheal (container x) restarts it"),
        ({"kind": "autoheal", "does": []}, None),
        ({"kind": "watchtower", "does": ["create", "kill", "start"]}, "watchtower (container x) replaces it"),
        ({"kind": "watchtower", "does": []}, None),
        ({"kind": "cron", "does": ["restart"]}, "cron starts, stops or restarts it x"),
        ({"kind": "systemd", "does": ["start", "stop"]}, None),  # that is who owns it
        ({"kind": "compose", "does": ["restart"]}, None),
    ],
)
def test_a_tool_that_knows_of_no_logins_must_leave_the_gateway_alone(
    supervisor: dict[str, Any], fails: str | None
) -> None:
    rule = findings()["container.restarted_by_tool"]
    beside = {"supervisors": [{"name": "x", "where": "an image", "terms": "its terms", **supervisor}]}
    answer = rule.prove(case(gateway=beside))
    assert fails in answer.summary if isinstance(answer, Proof) and fails else isinstance(answer, Passed)
    assert isinstance(rule.prove(case(gateway={"supervisors": None})), NotKnown)


def test_what_a_tool_did_is_counted() -> None:
    did = events(*[{"action": "start", "who": "autoheal (container healer)"}] * 2, {"action": "start", "who": None})
    beside = {"supervisors": [{"kind": "autoheal", "name": "healer", "does": ["restart"]}]}
    answer = findings()["container.restarted_by_tool"].prove(case(gateway={**beside, **did}))
    assert isinstance(answer, Proof)
    assert answer.summary.endswith("it did so lately: 2")
    assert answer.evidence[-1].quote == "docker event: start, by autoheal (container healer)"


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
