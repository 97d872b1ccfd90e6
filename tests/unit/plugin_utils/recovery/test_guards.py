# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each guard refuses where it should, and is silent at its nearest neighbour."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import GUARDS, Alike, Check, Diagnosis, Question
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Records, Situation
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import NEW_YORK, Window

from tests.unit.plugin_utils.findings.rows import UNREACHABLE, ended, said, state
from tests.unit.plugin_utils.findings.scene import NAME, NOW, at, merged
from tests.unit.plugin_utils.recovery.situations import (
    HUNG,
    KILLED,
    OURS,
    OWNER,
    RELAY_DOWN,
    USED,
    Changes,
    records,
    situation,
)

GUARD = {guard.__name__: guard for guard in GUARDS}


def ask(guard: str, remedy: str, one: Situation, **question: Any) -> Check | None:
    """What that guard says."""
    return GUARD[guard](Question(remedy, one, **{"settings": Settings(), **question}))


def spent(*seconds_ago: float, cause: str = "container.killed") -> list[dict[str, Any]]:
    return [{"at": at(seconds), "remedy": "start", "cause": cause} for seconds in seconds_ago]


def alike(seconds_ago: float | None, code: str = "gateway.crashed") -> list[Alike]:
    return [Alike("beta/other", "down", code, None if seconds_ago is None else at(seconds_ago))]


def records_of_two(**record: Any) -> Records:
    """What the machine keeps about the gateway, which is nothing, and about another one."""
    kept = [{"name": NAME, "corrupt": {}}, {"name": "other", "corrupt": {}, **record}]
    return read(Records, {"available": True, "now": at(), "gateways": kept})


def relay_down(endpoint: str) -> dict[str, Any]:
    """A row that says so of one endpoint."""
    return {"endpoints": {endpoint: {"code": "relay.down"}}}


def diagnosed(*codes: str, apart: float = 60) -> list[Diagnosis]:
    """Diagnoses so far apart, the last one now."""
    return [
        Diagnosis(at(apart * back), "down", code, "start")
        for back, code in zip(range(len(codes))[::-1], codes, strict=True)
    ]


CRASHED = ended("gateway.crashed")
PENDING = {"run": {"state": "twofa_pending", "since": at(30), "endpoint": "live"}}
PUSH_MISSED = said("twofa.timed_out", "ended")
HELD = {"code": "login.looping", "reason": "the password was wrong", "by": "anna"}
CORRUPT = "it can not be used"
WINDOW = (Window(("sun",), time(6, 30), time(7, 30), NEW_YORK),)
OVER = (Window(("sun",), time(5), time(7), NEW_YORK),)
LATER = (Window(("sun",), time(6, 30), time(8), NEW_YORK),)
UNREAD = read(Records, {"available": False, "reason": "permission denied", "fix": "become root"})
DEPLOYED = {"gateway": {"deployment": {"read_only_api": False}}}

#: Both endpoints in one container, of which one has a dead relay; a client of paper on the gateway's own port.
ONE_RELAY_DOWN = {"container": {"environment": {"TRADING_MODE": "both"}}, "declared": {"trading_mode": "both"}}
USED_BY_PAPER = {"gateway": USED}

#: guard: remedy, what it refuses, and the nearest that it lets pass: evidence, record and settings.
ROWS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "unknown": ("start", {"changes": {"tasks": dict.fromkeys(("health", "logscan", "handshake"), UNREACHABLE)}}, {}),
    "held": ("start", {"kept": records(hold=HELD)}, {}),
    "held: seen by health only": ("start", {"changes": merged(KILLED, {"gateway": {"hold": HELD}})}, {}),
    "held: not readable by health": (
        "start",
        {"changes": merged(KILLED, {"gateway": {"hold": {"unreadable": "Input/output error"}}})},
        {},
    ),
    "held: not readable, before it was stopped": (
        "stop_to_protect_account",
        {"changes": merged(KILLED, {"gateway": {"hold": {"unreadable": "Input/output error"}}})},
        {"kept": records(hold=HELD)},
    ),
    "held: corrupt": (
        "start",
        {"kept": records(corrupt={"hold": CORRUPT})},
        {"kept": records(corrupt={"lock": CORRUPT})},
    ),
    "held: before it was stopped": (
        "stop_to_protect_account",
        {"kept": records(hold={"reason": "mine", "by": "anna"})},
        {"kept": records(hold=HELD)},
    ),
    "paused": ("start", {"kept": records(pause={"until": at(-1)})}, {"kept": records(pause={"until": at(1)})}),
    "paused: until a time that makes no sense": ("start", {"kept": records(pause={"until": "noon"})}, {}),
    "paused: corrupt": (
        "start",
        {"kept": records(corrupt={"pause": CORRUPT})},
        {"kept": records(corrupt={"hold": CORRUPT})},
    ),
    "locked": (
        "restart_relay",
        {"kept": records(lock={**OURS, "owner": "another"})},
        {"kept": records(lock={**OURS, "owner": "another", "until": at(1)})},
    ),
    "locked: lost": ("start", {"kept": records(), "owner": OWNER}, {"kept": records(lock=OURS), "owner": OWNER}),
    "locked: unreadable": ("start", {"kept": UNREAD}, {}),
    "locked: corrupt": (
        "start",
        {"kept": records(corrupt={"lock": CORRUPT})},
        {"kept": records(corrupt={"logins": CORRUPT})},
    ),
    "aside": ("start", {"row": {"name": f"{NAME}.before"}}, {"row": {"name": "another.before"}}),
    "aside: by deploy": ("start", {"row": {"name": f"{NAME}.replaced"}}, {"row": {"name": "another.replaced"}}),
    "max_remedy": ("restart", {"settings": Settings(max_remedy="start")}, {"settings": Settings(max_remedy="restart")}),
    "max_remedy: engine": (
        "start_engine",
        {"settings": Settings(max_remedy="soft_restart")},
        {"settings": Settings(max_remedy="start")},
    ),
    "max_remedy: protect": (
        "stop_to_protect_account",
        {"settings": Settings(max_remedy="none")},
        {"settings": Settings(max_remedy="wait")},
    ),
    "account": ("restart", {"changes": said("login.credentials_rejected")}, {"changes": said("login.not_submitted")}),
    "account: locked": ("start", {"changes": ended("login.account_locked")}, {"changes": ended("gateway.crashed")}),
    "account: behind what leads": (
        "start",
        {"row": {"findings": [{"code": "container.killed"}, {"code": "login.throttled"}]}},
        {"row": {"findings": [{"code": "container.killed"}]}},
    ),
    "account: throttled": ("soft_restart", {"changes": said("login.throttled", "throttled")}, {}),
    "person: a prompt is open": ("restart", {"changes": PENDING}, {"changes": state("loading", 20)}),
    "person: missed a push": (
        "restart",
        {"changes": PUSH_MISSED},
        {"changes": PUSH_MISSED, "settings": Settings(person_ready=True)},
    ),
    "person: missed two": (
        "start",
        {"changes": {**CRASHED, "log": {"history": {"unanswered_prompts": 2}}}},
        {"changes": {**CRASHED, "log": {"history": {"unanswered_prompts": 0}}}},
    ),
    "person: the last was answered": (
        "start",
        {"changes": {**ended("twofa.login_incomplete"), "log": {"history": {"unanswered_prompts": 2}}}},
        {"changes": {**ended("twofa.login_incomplete"), "log": {"history": {"unanswered_prompts": 1}}}},
    ),
    "clients": ("restart", {"changes": {"gateway": USED}}, {"changes": merged(HUNG, {"gateway": USED})}),
    "clients: of a relay": (
        "restart_relay",
        {"changes": merged(RELAY_DOWN, {"gateway": USED})},
        {"changes": RELAY_DOWN},
    ),
    "clients: of the other endpoint's relay": (
        "restart_relay",
        {"changes": merged(ONE_RELAY_DOWN, USED_BY_PAPER), "row": relay_down("paper")},
        {"changes": merged(ONE_RELAY_DOWN, USED_BY_PAPER), "row": relay_down("live")},
    ),
    "clients: of what does not run": (
        "stop_to_protect_account",
        {"changes": {"gateway": USED}},
        {"changes": merged(KILLED, {"gateway": USED})},
    ),
    "clients: ignored": (
        "restart",
        {"changes": {"gateway": USED}},
        {"changes": {"gateway": USED}, "settings": Settings(ignore_clients=True)},
    ),
    "clients: orders": (
        "restart",
        {"changes": DEPLOYED, "orders": ({"outcome": "account_ok", "account": {"open_orders": 1}},)},
        {"changes": DEPLOYED, "orders": ({"outcome": "account_ok", "account": {"open_orders": 0}},)},
    ),
    "budget": ("start", {"kept": records(logins=spent(7200, 3600))}, {"kept": records(logins=spent(3600))}),
    "budget: a day": (
        "start",
        {"kept": records(logins=spent(3600, 86_000))},
        {"kept": records(logins=spent(3600, 86_500))},
    ),
    "budget: in all": (
        "start",
        {"kept": records(logins=spent(4, 3, 2, 1, cause="gateway.hung"))},
        {"kept": records(logins=spent(4, 3, 2, cause="gateway.hung"))},
    ),
    "budget: re-armed": (
        "start",
        {"kept": records(logins=spent(7200, 3600), healthy={"rearmed": at(7201)})},
        {"kept": records(logins=spent(7200, 3600), healthy={"rearmed": at(7199)})},
    ),
    "budget: corrupt": (
        "start",
        {"kept": records(corrupt={"logins": CORRUPT})},
        {"kept": records(corrupt={"pause": CORRUPT})},
    ),
    "budget: unreadable": ("start_engine", {"kept": UNREAD}, {}),
    "budget: of another gateway": (
        "start_engine",
        {"kept": records_of_two(logins=spent(2, 1))},
        {"kept": records_of_two(logins=spent(1))},
    ),
    "budget: of its own alone": (
        "restart",
        {"kept": records(logins=spent(2, 1))},
        {"kept": records_of_two(logins=spent(2, 1))},
    ),
    "reset_window": ("start", {"settings": Settings(reset_windows=WINDOW)}, {"settings": Settings(reset_windows=OVER)}),
    "fleet": ("start", {"changes": CRASHED, "fleet": alike(300)}, {"changes": CRASHED, "fleet": alike(300 + 901)}),
    "fleet: unknown time": (
        "start",
        {"changes": CRASHED, "fleet": alike(None)},
        {"changes": CRASHED, "fleet": alike(None, "gateway.hung")},
    ),
    "fleet: its own time is unknown": (
        "start",
        {"changes": CRASHED, "fleet": alike(300), "row": {"since": None}},
        {"changes": CRASHED, "fleet": alike(300, "gateway.hung"), "row": {"since": None}},
    ),
    "fleet: itself": (
        "start",
        {"changes": CRASHED, "fleet": [replace(alike(300)[0], id="alpha/other")]},
        {"changes": CRASHED, "fleet": [replace(alike(300)[0], id="alpha/ib-gateway")]},
    ),
    "fleet: code": (
        "start",
        {"changes": CRASHED, "fleet": alike(300)},
        {"changes": CRASHED, "fleet": alike(300, "gateway.hung")},
    ),
    "fleet: itself, under another name of its machine": (
        "start",
        {"changes": CRASHED, "fleet": [replace(alike(300)[0], container="another")]},
        {"changes": CRASHED, "fleet": [replace(alike(300)[0], container="c0ffee")]},
    ),
    "starting": (
        "restart",
        {"changes": {"container": {"started_at": at(119)}}},
        {"changes": {"container": {"started_at": at(121)}}},
    ),
    "clock": ("start", {"now": NOW + timedelta(seconds=121)}, {"now": NOW + timedelta(seconds=119)}),
    "clock: its record was read a while ago": (
        "start",
        {"kept": replace(records(), now=at(500), ahead=121.0)},
        {"kept": replace(records(), now=at(500), ahead=-119.0)},
    ),
    "deployed": ("recreate", {}, {"changes": DEPLOYED}),
    "deployed: not in the inventory": (
        "recreate",
        {"changes": DEPLOYED, "undeployable": "the inventory has no secrets for it"},
        {"changes": DEPLOYED},
    ),
    "engine": ("start_engine", {"engine_given": "tcp://10.0.0.9:2375"}, {}),
    "agreement": (
        "start",
        {"diagnoses": diagnosed("gateway.crashed", "container.killed"), "owner": OWNER},
        {"diagnoses": diagnosed("container.killed", "container.killed"), "owner": OWNER},
    ),
    "agreement: too soon": (
        "start",
        {"diagnoses": diagnosed("container.killed", "container.killed", apart=4), "owner": OWNER},
        {"diagnoses": diagnosed("container.killed", "container.killed", apart=5), "owner": OWNER},
    ),
}

OF_THE_SITUATION = ("kept", "now", "orders", "undeployable", "engine_given")


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("passes", [False, True], ids=["refuses", "passes"])
def test_guard(row: str, passes: bool) -> None:
    guard, (remedy, *rows) = row.partition(":")[0], ROWS[row]
    given = dict(rows[passes])
    one = situation(given.pop("changes", KILLED), **{key: given.pop(key) for key in OF_THE_SITUATION if key in given})
    one = replace(one, row={**one.row, **given.pop("row", {})})
    check = ask(guard, remedy, one, **given)
    assert check is not None
    assert (check.guard, check.passed) == (guard, passes), check.reason
    assert check.reason


def test_every_guard_has_a_row() -> None:
    assert {row.partition(":")[0] for row in ROWS} == set(GUARD)


LOGIN_GUARDS = ("account", "fleet", "starting", "reset_window", "clock", "budget", "deployed", "engine", "agreement")
#: What a remedy is none of the business of: those guards have no say, whatever else is wrong.
SILENT: dict[str, tuple[str, Changes, tuple[str, ...]]] = {
    "a relay is no login": ("restart_relay", merged(RELAY_DOWN, PENDING), (*LOGIN_GUARDS, "person")),
    "what is stopped does not log in": (
        "stop_to_protect_account",
        said("login.credentials_rejected"),
        (*LOGIN_GUARDS, "aside"),
    ),
    "nor does it ask for a push, where one was missed": ("stop_to_protect_account", PUSH_MISSED, ("person",)),
    "a start cuts nobody off": ("start", merged(KILLED, {"gateway": USED}), ("clients", "deployed", "engine")),
    "a soft restart keeps its session": ("soft_restart", HUNG, ("fleet", "reset_window", "clock", "budget")),
    "a container is killed on its own machine alone": ("start", KILLED, ("fleet",)),
}


@pytest.mark.parametrize("row", SILENT)
def test_a_guard_is_silent_about_what_is_none_of_its_business(row: str) -> None:
    remedy, changes, guards = SILENT[row]
    others = [*alike(300), *alike(300, "container.killed"), *alike(300, "gateway.hung")]
    assert [guard for guard in guards if ask(guard, remedy, situation(changes), fleet=others)] == []


def test_what_only_a_second_look_can_say_says_when_to_look_again() -> None:
    once = ask("agreement", "start", situation(KILLED), diagnoses=diagnosed("container.killed"), owner=OWNER)
    soon = diagnosed("container.killed", "container.killed", apart=2)
    twice = ask("agreement", "start", situation(KILLED), diagnoses=soon, owner=OWNER)
    assert once == Check("agreement", False, "only one diagnosis says container.killed", 5)
    assert twice == Check("agreement", False, "the diagnosis before was a moment ago", 3)


KILLED_ALIKE = [replace(alike(300)[0], id=f"beta/{nth}") for nth in range(7)]
#: What an operator reads: guard, remedy, what stands, and its words.
WORDS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "judged": ("unknown", "start", {}, "the verdict is down"),
    "hold": (
        "held",
        "start",
        {"kept": records(hold=HELD)},
        "a hold is on ib-gateway: login.looping, the password was wrong, anna; ibgw.ops.release clears it after a person has acted",
    ),
    "hold of another form": (
        "held",
        "start",
        {"kept": records(hold="by hand")},
        "a hold is on ib-gateway: by hand; ibgw.ops.release clears it after a person has acted",
    ),
    "pause": (
        "paused",
        "start",
        {"kept": records(pause={"until": "2026-03-02", "by": "anna"})},
        "ib-gateway is paused by anna until 2026-03-02",
    ),
    "pause by nobody": (
        "paused",
        "start",
        {"kept": records(pause={"until": "2026-03-02"})},
        "ib-gateway is paused until 2026-03-02",
    ),
    "records not asked": (
        "locked",
        "start",
        {"kept": read(Records, None)},
        "what the machine keeps about it could not be read: the machine could not be asked",
    ),
    "records not readable": (
        "locked",
        "start",
        {"kept": UNREAD},
        "what the machine keeps about it could not be read: permission denied; become root",
    ),
    "one push": (
        "person",
        "restart",
        {"changes": PUSH_MISSED},
        "1 push went unanswered: set recover_person_ready=true when somebody is ready to approve the next",
    ),
    "two pushes, and somebody is ready": (
        "person",
        "restart",
        {
            "changes": {**PUSH_MISSED, "log": {"history": {"unanswered_prompts": 2}}},
            "settings": Settings(person_ready=True),
        },
        "2 pushes went unanswered, and recover_person_ready says that somebody is ready now",
    ),
    "clients, ignored": (
        "clients",
        "restart",
        {"changes": {"gateway": USED}, "settings": Settings(ignore_clients=True)},
        "recover_ignore_clients is set, though 1 client is connected",
    ),
    "no clients, ignored": (
        "clients",
        "restart",
        {"settings": Settings(ignore_clients=True), "changes": {}},
        "recover_ignore_clients is set",
    ),
    "orders": (
        "clients",
        "restart",
        {"changes": DEPLOYED, "orders": ({"outcome": "account_ok", "account": {"open_orders": 0}},)},
        "no client is connected, no order open",
    ),
    "clients of a dead relay": (
        "clients",
        "restart_relay",
        {"changes": RELAY_DOWN},
        "nobody is connected whom it serves",
    ),
    "budget": ("budget", "start", {}, "it has logins left: recover_login_budget=2"),
    "budget of a machine": (
        "budget",
        "start_engine",
        {"kept": records_of_two()},
        "each gateway of the machine has logins left: recover_login_budget=2",
    ),
    "spent budget": (
        "budget",
        "start",
        {"kept": records(logins=spent(2, 1))},
        "the logins within 24 hours are spent: 2 of 2 for container.killed, 2 of 4 in all",
    ),
    "spent budget of another": (
        "budget",
        "start_engine",
        {"kept": records_of_two(logins=spent(2, 1))},
        "the logins of other within 24 hours are spent: 2 of 2 for container.killed, 2 of 4 in all",
    ),
    "two windows": (
        "reset_window",
        "start",
        {"settings": Settings(reset_windows=(*WINDOW, *LATER))},
        "IBKR resets its servers until about 08:00 EST: a login would fail",
    ),
    "one that failed alike": (
        "fleet",
        "start",
        {"changes": CRASHED, "fleet": KILLED_ALIKE[:1]},
        "beta/0 failed alike at about the same time: that is IBKR or the network",
    ),
    "two that failed alike": (
        "fleet",
        "start",
        {"changes": CRASHED, "fleet": KILLED_ALIKE[:2]},
        "beta/0, beta/1 failed alike at about the same time: that is IBKR or the network",
    ),
    "many that failed alike": (
        "fleet",
        "start",
        {"changes": CRASHED, "fleet": KILLED_ALIKE},
        "beta/0, beta/1, beta/2, beta/3, beta/4 and 2 more failed alike at about the same time: that is IBKR or the network",
    ),
    "clocks": (
        "clock",
        "start",
        {"kept": replace(records(), ahead=300.0)},
        "the clocks of controller and machine differ by 300 s: correct them first",
    ),
    "agreement": (
        "agreement",
        "start",
        {"diagnoses": diagnosed("container.killed", "container.killed"), "owner": OWNER},
        "2 diagnoses say container.killed, the first 60 s ago",
    ),
}


@pytest.mark.parametrize("row", WORDS)
def test_what_an_operator_reads(row: str) -> None:
    guard, remedy, given, words = WORDS[row]
    given = dict(given)
    one = situation(given.pop("changes", KILLED), **{key: given.pop(key) for key in OF_THE_SITUATION if key in given})
    check = ask(guard, remedy, one, **given)
    assert check is not None
    assert check.reason == words


def test_what_ends_by_itself_says_when() -> None:
    check = ask("starting", "restart", situation({"container": {"started_at": at(100)}}))
    assert check is not None
    assert check.again == 20


def test_orders_are_counted_before_a_plan_is_carried_out() -> None:
    check = ask("clients", "restart", situation(DEPLOYED))
    assert check is not None
    assert check.passed is None


def test_orders_that_can_not_be_read_are_said_so() -> None:
    silent = ({"outcome": "account_silent", "account": {"open_orders": None}},)
    unread = ask("clients", "restart", situation(DEPLOYED, orders=silent))
    read_only = ask("clients", "restart", situation({"gateway": {"deployment": {"read_only_api": True}}}))
    assert unread is not None
    assert read_only is not None
    assert "could not be read" in unread.reason
    assert "read-only" in read_only.reason


def test_who_can_not_be_seen_without_root_is_looked_at_once_more() -> None:
    unseen = situation({"gateway": {"sockets": None}})
    planned = ask("clients", "restart", unseen)
    working = ask("clients", "restart", unseen, owner=OWNER)
    assert planned is not None
    assert working is not None
    assert (planned.passed, working.passed) == (None, False)


@pytest.mark.parametrize(
    ("guard", "record"),
    [
        ("budget", {"logins": spent(3, 2, cause="engine.down")}),
        ("budget", {"corrupt": {"logins": CORRUPT}}),
        ("held", {"hold": HELD}),
        ("paused", {"pause": {"until": at(-60)}}),
    ],
)
def test_starting_the_engine_starts_every_gateway_there(guard: str, record: dict[str, Any]) -> None:
    engine_down = {
        "health": {"available": False, "problem": "engine.down", "reason": "refused", "fix": "", "gateways": []}
    }
    check = ask(guard, "start_engine", situation(engine_down, kept=records_of_two(**record)))
    assert check is not None
    assert check.passed is False
    assert "other" in check.reason or check.reason == CORRUPT


def test_what_others_wrote_is_shown_without_control_characters_or_secrets() -> None:
    hold = {"code": "x\x1b[31m", "reason": "password=hunter2\r\n", "by": "anna"}
    check = ask("held", "start", situation(KILLED, kept=records(hold=hold)))
    assert check is not None
    assert "\x1b" not in check.reason
    assert "hunter2" not in check.reason
