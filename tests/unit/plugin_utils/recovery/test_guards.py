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
from tests.unit.plugin_utils.recovery.situations import HUNG, KILLED, OURS, OWNER, RELAY_DOWN, USED, records, situation

GUARD = {guard.__name__: guard for guard in GUARDS}


def ask(guard: str, remedy: str, one: Situation, **question: Any) -> Check | None:
    """What that guard says."""
    return GUARD[guard](Question(remedy, one, **{"settings": Settings(), **question}))


def spent(*seconds_ago: float, cause: str = "container.killed") -> list[dict[str, Any]]:
    return [{"at": at(seconds), "remedy": "start", "cause": cause} for seconds in seconds_ago]


def alike(seconds_ago: float | None, code: str = "gateway.crashed") -> list[Alike]:
    return [Alike("beta/other", "down", code, None if seconds_ago is None else at(seconds_ago))]


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
UNREAD = read(Records, {"available": False, "reason": "permission denied"})
DEPLOYED = {"gateway": {"deployment": {"read_only_api": False}}}

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
    "locked": (
        "restart_relay",
        {"kept": records(lock={**OURS, "owner": "another"})},
        {"kept": records(lock={**OURS, "owner": "another", "until": at(1)})},
    ),
    "locked: lost": ("start", {"kept": records(), "owner": OWNER}, {"kept": records(lock=OURS), "owner": OWNER}),
    "locked: unreadable": ("start", {"kept": UNREAD}, {}),
    "aside": ("start", {"name": f"{NAME}.before"}, {"name": "another.before"}),
    "aside: by deploy": ("start", {"name": f"{NAME}.replaced"}, {"name": "another.replaced"}),
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
    "reset_window": ("start", {"settings": Settings(reset_windows=WINDOW)}, {"settings": Settings(reset_windows=OVER)}),
    "fleet": ("start", {"changes": CRASHED, "fleet": alike(300)}, {"changes": CRASHED, "fleet": alike(300 + 901)}),
    "fleet: unknown time": (
        "start",
        {"changes": CRASHED, "fleet": alike(None)},
        {"changes": CRASHED, "fleet": alike(None, "gateway.hung")},
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
    one = replace(one, row={**one.row, "name": given.pop("name", NAME)})
    check = ask(guard, remedy, one, **given)
    assert check is not None
    assert (check.guard, check.passed) == (guard, passes), check.reason
    assert check.reason


def test_every_guard_has_a_row() -> None:
    assert {row.partition(":")[0] for row in ROWS} == set(GUARD)


@pytest.mark.parametrize(
    "guard", ["account", "fleet", "starting", "reset_window", "clock", "budget", "deployed", "agreement"]
)
def test_a_relay_is_restarted_without_asking_about_logins(guard: str) -> None:
    assert ask(guard, "restart_relay", situation(RELAY_DOWN)) is None


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
    both = [{"name": NAME, "corrupt": {}}, {"name": "other", "corrupt": {}, **record}]
    engine_down = {
        "health": {"available": False, "problem": "engine.down", "reason": "refused", "fix": "", "gateways": []}
    }
    kept = read(Records, {"available": True, "now": at(), "gateways": both})
    check = ask(guard, "start_engine", situation(engine_down, kept=kept))
    assert check is not None
    assert check.passed is False
    assert "other" in check.reason or check.reason == CORRUPT


def test_what_others_wrote_is_shown_without_control_characters_or_secrets() -> None:
    hold = {"code": "x\x1b[31m", "reason": "password=hunter2\r\n", "by": "anna"}
    check = ask("held", "start", situation(KILLED, kept=records(hold=hold)))
    assert check is not None
    assert "\x1b" not in check.reason
    assert "hunter2" not in check.reason
