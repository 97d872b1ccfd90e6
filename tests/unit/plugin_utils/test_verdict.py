# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which finding leads, what the status becomes, and that no evidence is too odd or too thin for a verdict."""

from __future__ import annotations

import dataclasses
import json
from random import Random

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence, verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings import registry
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import STOP_IT, findings, named
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Phase
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugin_utils.findings.rows import (
    EXITED,
    FAILED,
    FROM_INSIDE,
    NO_SUDO,
    PHASES,
    RESET,
    ROWS,
    SILENT,
    STOPPED,
    UNREACHABLE,
    met,
    said,
    state,
)
from tests.unit.plugin_utils.findings.scene import LOG, NAME, NO_BACKEND, NOW, RUN, at, case, machine, merged


def judged(**changes):
    """The verdict on the one gateway of the machine."""
    (only,) = verdict.verdicts_of_machine(machine(**changes))
    return only


def outcome(row):
    """Status and leading code of a verdict."""
    return row.status, row.leading.finding.code if row.leading else None


# What leads


def test_a_gateway_whose_api_proved_ready_is_healthy():
    row = judged()
    assert outcome(row) == ("healthy", None)
    assert row.endpoints["paper"].status == "healthy"
    assert (row.since, row.summary) == (at(80_000), "API handshake completed in 4 ms")
    assert judged(api={"total_ms": None}).summary == "API handshake completed"


LEADING = {
    "a prompt explains the closed port": (state("twofa_pending", 30), ("waiting", "twofa.pending")),
    "a login under way explains the closed port": (state("submitted", 5), ("starting", "login.in_progress")),
    "a start explains the closed port": (
        {**state("gateway_starting", 5), "container": {"started_at": at(9)}},
        ("starting", "gateway.starting"),
    ),
    "no log line yet, started moments ago": (
        {**state("unknown", 5), "container": {"started_at": at(2)}},
        ("starting", "gateway.starting"),
    ),
    "a stop by hand leads before what the API shows": (
        {"container": STOPPED, **met("api.not_listening", "refused")},
        ("down", "container.stopped"),
    ),
    "what ended the process leads before how it ended": (
        {**said("login.existing_session", "ended"), "container": {**EXITED, "exit_code": 76}},
        ("down", "login.existing_session"),
    ),
    "the cause leads before the loop that it drives": (
        {
            **said("login.credentials_rejected", "submitted", previous={"problem": "login.credentials_rejected"}),
            "container": {"status": "restarting", "exit_code": 0},
            "log": {"history": {"login_attempts_last_hour": 9}},
        },
        ("down", "login.credentials_rejected"),
    ),
    "down leads before waiting": (
        {**state("twofa_pending", 30), "gateway": ROWS["config.port_bypasses_relay"][0]["gateway"]},
        ("down", "config.port_bypasses_relay"),
    ),
    "a lesser cause explains nothing graver": (
        {**said("login.credentials_rejected"), "host": {"now": at(-4000)}},
        ("down", "login.credentials_rejected"),
    ),
    "degraded leads when it is all there is": ({"host": {"now": at(-40)}}, ("degraded", "host.clock_wrong")),
    "advice changes no status": (ROWS["config.port_exposed"][0], ("healthy", None)),
    "a note changes no status": (ROWS["api.first_attempt_failed"][0], ("healthy", None)),
    "a failing health check never leads before its cause": (
        {**state("twofa_pending", 30), "container": {"health": {"status": "unhealthy"}}},
        ("waiting", "twofa.pending"),
    ),
    "a closed port that nothing explains leads": (
        {**met("relay.no_backend", "closed_at_open"), "run": {"state": "logged_in"}},
        ("down", "relay.no_backend"),
    ),
    "a pile-up explains the silence": (ROWS["gateway.hung"][0], ("down", "gateway.hung")),
    "silence alone is the API's": (met("api.silent", "silent_at_hello"), ("down", "api.silent")),
    "memory leads before the exit code": (ROWS["container.out_of_memory"][0], ("down", "container.out_of_memory")),
    "a hold leads before the stop": (ROWS["container.held"][0], ("down", "container.held")),
    "IBKR away is no fault of the API": (ROWS["ibkr.disconnected"][0], ("waiting", "ibkr.disconnected")),
    "values out of the gateway's memory do not bring IBKR back": (
        met("ibkr.disconnected", "account_ok", notices=[{"code": 2110, "text": "Connectivity is broken"}]),
        ("waiting", "ibkr.disconnected"),
    ),
    "account values do not come while IBKR is away": (
        met("ibkr.disconnected", "account_silent", notices=[{"code": 2110, "text": "Connectivity is broken"}]),
        ("waiting", "ibkr.disconnected"),
    ),
}


ASKED = [{"at": at(610), "action": "stop"}]
LIVE_PORT = {"container_port": 4003, "host_port": 4001, "role": "relay", "endpoint": "live"}
RELAY_ONLY_INSIDE = {"gateway": {"sockets": {"listening": [{"port": 4002}]}}}
LEADING |= {
    "an earlier kill for memory does not hide a stop": (
        {"container": {**STOPPED, "oom_killed": True}},
        ("down", "container.stopped"),
    ),
    "nor an end with an error": (
        {"container": {**FAILED, "oom_killed": True}, "run": {"state": "ended"}},
        ("down", "container.failed"),
    ),
    "a stop whose grace ran out is a kill, by the engine's word": (
        {"container": {**EXITED, "exit_code": 137}, "gateway": {"events": ASKED}},
        ("down", "container.killed"),
    ),
    "and by the log's": (
        {"container": {**EXITED, "exit_code": 137}, "run": {"state": "ended", "problem": "container.stopped"}},
        ("down", "container.killed"),
    ),
    "and where its controller saw the gateway's process go the same way": (
        {"container": {**EXITED, "exit_code": 137}, "run": {"state": "ended", "problem": "gateway.crashed"}},
        ("down", "container.killed"),
    ),
    "the image's stop line makes exit 1 a stop": (
        {"container": FAILED, "run": {"state": "ended", "problem": "container.stopped"}},
        ("down", "container.stopped"),
    ),
    "a hold leads also where the container is gone": (
        {"gateway": {"exists": False, "container": None, "hold": {"code": "x"}, "deployment": {"image": "x"}}},
        ("down", "container.held"),
    ),
    "three restarts by hand are no loop": (
        {
            **state("twofa_pending", 60),
            "gateway": {"events": [{"at": at(s), "action": a} for s in (700, 400, 90) for a in ("stop", "start")]},
        },
        ("waiting", "twofa.pending"),
    ),
    "nor are starts of what a signal had told to end, of which Docker reports no stop": (
        {
            **state("twofa_pending", 60),
            "gateway": {
                "events": [
                    {"at": at(s), **event}
                    for s in (700, 400, 90)
                    for event in ({"action": "die", "exit_code": 143}, {"action": "start"})
                ]
            },
        },
        ("waiting", "twofa.pending"),
    ),
    "of what ended by itself they are": (
        {
            **state("jvm_starting", 60),
            "gateway": {
                "events": [
                    {"at": at(s), **event}
                    for s in (700, 400, 90)
                    for event in ({"action": "die", "exit_code": 1}, {"action": "start"})
                ]
            },
        },
        ("down", "container.crash_loop"),
    ),
    "a throttle leads also where the process has ended": (
        {**said("login.throttled", "ended"), "container": {**EXITED, "exit_code": 0}},
        ("down", "login.throttled"),
    ),
    "and where Docker starts it again": (
        {**said("login.throttled", "ended"), "container": {"status": "restarting", "exit_code": 0}},
        ("down", "login.throttled"),
    ),
    "what the log says of an end in order goes before a schedule": (
        {
            **said("login.taken_over", "ended"),
            "container": {**EXITED, "exit_code": 0, "environment": {"AUTO_LOGOFF_TIME": "11:45 PM"}},
        },
        ("down", "login.taken_over"),
    ),
    "a tunnel in the relay's place is no relay that is down": (
        {
            **RELAY_ONLY_INSIDE,
            "container": {"environment": {"SSH_TUNNEL": "yes"}},
            **met("api.not_listening", "refused"),
        },
        ("down", "api.not_listening"),
    ),
    "who is served needs no relay": (RELAY_ONLY_INSIDE, ("healthy", None)),
    "a prompt explains silence, too": (
        {**state("twofa_pending", 30), **met("api.silent", "silent_at_hello")},
        ("waiting", "twofa.pending"),
    ),
    "a lost link in the log outweighs a ready API": (
        {"run": {"state": "connection_lost", "problem": "ibkr.disconnected"}},
        ("waiting", "ibkr.disconnected"),
    ),
    "but not what came from IBKR": (
        {
            "run": {"state": "connection_lost", "problem": "ibkr.disconnected"},
            "api": {"notices": [{"code": 2104, "text": "Market data farm connection is OK:usfarm"}]},
        },
        ("healthy", None),
    ),
    "a stop under way explains the closed port": (
        said("container.stopped", "shutting_down"),
        ("down", "container.stopped"),
    ),
    "a re-login within its time is a login under way": (state("relogin", 10), ("starting", "login.in_progress")),
    "a full disk in the log is enough": (said("host.disk_full", "ended"), ("down", "host.disk_full")),
    "a ready API has overtaken a log in which the process ended": (
        {"run": {"state": "ended", "problem": "gateway.crashed"}},
        ("healthy", None),
    ),
}


@pytest.mark.parametrize(("changes", "expected"), LEADING.values(), ids=LEADING)
def test_leads(changes, expected):
    assert outcome(judged(**changes)) == expected


def test_consequences_stay_and_name_their_cause():
    row = judged(**state("twofa_pending", 30))
    assert {each.finding.code: each.consequence_of for each in row.found} == {
        "twofa.pending": None,
        "relay.no_backend": "twofa.pending",
    }
    assert row.leading in row.found


def test_the_cause_of_the_last_run_leads_until_this_one_gets_further():
    failed = {"problem": "login.credentials_rejected", "got_as_far_as": "submitted"}
    assert outcome(judged(**state("gateway_starting", 3, previous=failed))) == ("down", "login.credentials_rejected")
    assert outcome(judged(**state("submitted", 3, previous=failed))) == ("down", "login.credentials_rejected")
    assert outcome(judged(**state("twofa_pending", 3, previous=failed))) == ("waiting", "twofa.pending")
    token = {"problem": "login.saved_session_refused", "got_as_far_as": "logged_in"}
    assert outcome(judged(**state("twofa_pending", 3, previous=token))) == ("waiting", "twofa.pending")
    assert outcome(judged(run={"previous": failed})) == ("healthy", None)
    throttled = judged(**state("throttled", 3, problem="login.throttled", previous=failed))
    assert outcome(throttled) == ("down", "login.credentials_rejected")


def test_a_run_that_failed_by_itself_tells_its_own_failure():
    crashed = {"problem": "gateway.crashed", "got_as_far_as": "logged_in"}
    row = judged(**state("ended", 3, problem="twofa.login_incomplete", previous=crashed))
    assert outcome(row) == ("down", "twofa.login_incomplete")
    assert "gateway.crashed" not in [found.finding.code for found in row.found]


def test_an_api_that_serves_has_overtaken_what_the_log_says_of_the_login():
    assert outcome(judged(run={"state": "twofa_pending", "since": at(30)})) == ("healthy", None)
    assert outcome(judged(run={"state": "submitted", "problem": "login.not_submitted"})) == ("healthy", None)


def test_a_refused_relogin_counts_though_the_api_still_serves():
    refused = {"state": "relogin", "attempt_kind": "relogin", "problem": "login.saved_session_refused"}
    assert outcome(judged(run=refused)) == ("down", "login.saved_session_refused")


# What may be done


def test_rejected_credentials_stop_what_would_try_again_and_nothing_else():
    parked = judged(**said("login.credentials_rejected", open_windows=["Unrecognized Username or Password"]))
    assert parked.leading.remedy == "ask_person"
    again = {"problem": "login.credentials_rejected", "got_as_far_as": "submitted"}
    answered = judged(**said("login.credentials_rejected", "connecting"))  # no window: IBC 3.24 cold-restarts
    assert answered.leading.remedy == "stop_to_protect_account"
    older = {"controller": {"version": "3.18.0"}}
    assert judged(**said("login.credentials_rejected", "connecting"), log=older).leading.remedy == "ask_person"
    looping = judged(**said("login.credentials_rejected", "cold_restarting", previous=again))
    assert looping.leading.remedy == "stop_to_protect_account"
    by_docker = judged(**said("login.credentials_rejected", "ended"), container={"status": "restarting"})
    assert by_docker.leading.remedy == "stop_to_protect_account"


def test_a_refused_saved_session_is_restarted_once_unless_somebody_else_logged_in():
    refused = said("login.saved_session_refused", run_kind="saved_session")
    assert judged(**refused).leading.remedy == "restart"
    other = {"events": [{"at": at(360), "event": "session_found", "quote": "Existing session detected"}]}
    assert judged(**refused, log=other).leading.remedy == "none"
    long_ago = {"events": [{"at": at(4000), "event": "session_found", "quote": "Existing session detected"}]}
    assert judged(**refused, log=long_ago).leading.remedy == "restart"


def test_a_missing_container_is_recreated_only_where_its_deployment_is_recorded():
    gone = ROWS["container.missing"][0]["gateway"]
    assert judged(gateway=gone).leading.remedy == "ask_person"
    assert judged(gateway={**gone, "deployment": {"image": "x"}}).leading.remedy == "recreate"


def test_a_killed_container_that_somebody_stopped_is_left_to_a_person():
    killed = {**EXITED, "exit_code": 137}
    assert judged(container=killed).leading.remedy == "start"
    assert (
        judged(container=killed, gateway={"events": [{"at": at(610), "action": "stop"}]}).leading.remedy == "ask_person"
    )


def test_a_kill_that_only_the_log_tells_to_be_a_stop_is_left_to_a_person_too():
    row = judged(container={**EXITED, "exit_code": 137}, run={"state": "ended", "problem": "container.stopped"})
    assert row.leading.remedy == "ask_person"
    assert "docker start" not in row.leading.proof.next_command


def test_an_end_in_order_is_started_again_only_where_the_log_tells_why():
    closed = {**EXITED, "exit_code": 0}
    assert judged(container=closed, run={"state": "ended"}).leading.remedy == "start"
    unread = {"gateways": [{"name": NAME, "available": False, "reason": "no log"}]}
    assert judged(container=closed, logscan=unread).leading.remedy == "ask_person"


PUSHED = {"problem": "twofa.login_incomplete", "got_as_far_as": "loading"}
CRASHED = {"problem": "gateway.crashed", "got_as_far_as": "logged_in"}
RELAY_ALONE = {"gateway": {"processes": [{"pid": 31, "role": "relay"}], "sockets": {"listening": []}}}
THRICE = {"gateway": {"events": [{"action": "start", "at": at(ago)} for ago in (600, 400, 200)]}}
SILENT_THROUGHOUT = {"api": SILENT, "relay_inside": SILENT, "inside": SILENT}
HELD_BACK = {
    "a new push is out": (state("twofa_pending", 30, previous=PUSHED), "twofa.login_incomplete", "ask_person"),
    "a push is out after a crash": (state("twofa_pending", 30, previous=CRASHED), "gateway.crashed", "ask_person"),
    "a new start is under way": (state("jvm_starting", 5, previous=CRASHED), "gateway.crashed", "wait"),
    "Docker restarts it in a loop": (
        {**said("gateway.crashed", "ended"), "container": {"status": "restarting", "exit_code": 76}},
        "gateway.crashed",
        "ask_person",
    ),
    "each turn of the loop is a login": (
        {**said("twofa.login_incomplete", "ended"), "container": {"status": "restarting", "exit_code": 87}},
        "twofa.login_incomplete",
        "stop_to_protect_account",
    ),
    "somebody stopped it and the grace ran out": (
        {
            **said("login.saved_session_refused", "ended"),
            "container": {**EXITED, "exit_code": 137},
            "gateway": {"events": ASKED},
        },
        "login.saved_session_refused",
        "ask_person",
    ),
    "the controller is about to start it again": (
        {**said("login.saved_session_refused", "cold_restarting", since=at(2))},
        "login.saved_session_refused",
        "wait",
    ),
    "it is about to end": (
        {**said("login.saved_session_refused", "shutting_down", since=at(2))},
        "login.saved_session_refused",
        "wait",
    ),
    "a push is out in a loop inside the container": (
        {**state("twofa_pending", 30, previous=PUSHED), "log": {"history": {"login_attempts_last_hour": 4}}},
        "twofa.login_incomplete",
        "ask_person",
    ),
    "a push is out after some starts": (
        {**state("twofa_pending", 30, problem="twofa.pending"), **THRICE},
        "container.crash_loop",
        "ask_person",
    ),
    "IBKR kept silent until it was killed": (
        {**said("login.auth_silent", "authenticating"), "container": {**EXITED, "exit_code": 137}},
        "container.killed",
        "ask_person",
    ),
    "it loops inside the container": (
        {**state("loading", 5, previous=PUSHED), "log": {"history": {"login_attempts_last_hour": 4}}},
        "twofa.login_incomplete",
        "stop_to_protect_account",
    ),
}


@pytest.mark.parametrize(("changes", "code", "remedy"), HELD_BACK.values(), ids=HELD_BACK)
def test_no_restart_where_it_would_harm(changes, code, remedy):
    row = judged(**changes)
    assert outcome(row) == ("down", code)
    assert row.leading.remedy == remedy
    assert "docker restart" not in " ".join((*row.leading.proof.fix, row.leading.proof.next_command or ""))
    assert row.leading in row.found


PASSED_BY = {
    "it should have started again long ago": said("login.saved_session_refused", "cold_restarting", since=at(3_000)),
    "the new attempt fails alike": said("login.saved_session_refused", "login_window", previous=CRASHED),
}


@pytest.mark.parametrize("changes", PASSED_BY.values(), ids=PASSED_BY)
def test_what_passed_by_holds_no_restart_back(changes):
    row = judged(**changes)
    assert (row.leading.finding.code, row.leading.remedy) == ("login.saved_session_refused", "restart")


LATER = {
    "its process is gone, and the credentials are wrong": (
        {**said("login.credentials_rejected", "ended"), **RELAY_ALONE, "container": {"restart_policy": "no"}},
        "login.credentials_rejected",
        "stop_to_protect_account",
    ),
    "its process is gone, and another login has the session": (
        {**said("login.taken_over", "ended", previous=None), **RELAY_ALONE, "container": {"status": "running"}},
        "login.taken_over",
        "ask_person",
    ),
    "its process is gone, and IBKR makes it wait": (
        {**said("login.throttled", "ended"), **RELAY_ALONE, "container": {"restart_policy": "no"}},
        "gateway.not_running",
        "wait",
    ),
    "its process is gone, and no push is sent": (
        {**said("twofa.not_sent", "ended"), **RELAY_ALONE, "container": {"restart_policy": "no"}},
        "twofa.not_sent",
        "wait",
    ),
    "it hangs while the link to IBKR is lost": (
        {**SILENT_THROUGHOUT, "run": {"state": "connection_lost", "problem": "ibkr.disconnected", "since": at(300)}},
        "gateway.hung",
        "ask_person",
    ),
}


@pytest.mark.parametrize(("changes", "code", "remedy"), LATER.values(), ids=LATER)
def test_no_restart_until_a_person_has_mended_the_cause_or_time_has_passed(changes, code, remedy):
    row = judged(**changes)
    assert outcome(row) == ("down", code)
    assert row.leading.remedy == remedy
    assert "docker restart" not in (row.leading.proof.next_command or "")


@pytest.mark.parametrize("run", [
    {"state": "logged_in_blocked", "problem": "login.dialog_blocking", "open_windows": ["Login Messages"]},
    {"state": "auto_restarting", "since": at(5)},
    {"state": "relogin", "since": at(5)},
    {"state": "relogin", "since": at(500), "problem": "login.auth_silent"},
    {"state": "existing_session", "since": at(500), "problem": "login.existing_session"},
], ids=lambda run: f"{run['state']}, {run.get('problem')}")  # fmt: skip
def test_a_gateway_that_is_silent_because_of_its_login_does_not_hang(run):
    row = judged(**SILENT_THROUGHOUT, run=run)
    assert row.status in ("waiting", "starting")
    assert row.leading.remedy in ("wait", "ask_person")
    assert "gateway.hung" not in [found.finding.code for found in row.found]
    assert outcome(judged(**SILENT_THROUGHOUT)) == ("down", "gateway.hung")


def test_somebody_is_asked_before_a_push_that_follows_a_missed_one_is_killed():
    missed = {"problem": "twofa.timed_out", "got_as_far_as": "loading"}
    row = judged(**state("twofa_pending", 30, problem="twofa.timed_out", previous=missed))
    assert outcome(row) == ("waiting", "twofa.retrying")
    assert "docker restart" not in " ".join(row.leading.proof.fix)
    assert outcome(judged(**said("twofa.timed_out"))) == ("down", "twofa.timed_out")


def test_nobody_is_told_to_restart_what_logs_in_again_by_itself_after_a_takeover():
    taken = {"problem": "login.taken_over", "got_as_far_as": "logged_in"}
    for now in ("twofa_pending", "submitted", "existing_session"):
        row = judged(**state(now, 30, problem="login.taken_over", previous=taken))
        assert outcome(row) == ("down", "login.taken_over")
        assert "docker restart" not in " ".join(row.leading.proof.fix)
        assert "docker stop -t 90" in " ".join(row.leading.proof.fix)


def test_an_account_in_danger_leads_and_no_login_is_made_that_would_be_refused():
    bypass = merged(ROWS["config.port_bypasses_relay"][0], {"api": NO_BACKEND})
    loops = {"state": "cold_restarting", "problem": "login.credentials_rejected"}
    row = judged(**merged(bypass, {"run": loops}))
    assert outcome(row) == ("down", "login.credentials_rejected")
    assert row.leading.remedy == "stop_to_protect_account"
    parked = {"state": "authenticating", "open_windows": ["Unrecognized Username or Password"]}
    row = judged(**merged(bypass, {"run": {**loops, **parked}}))
    assert outcome(row) == ("down", "config.port_bypasses_relay")
    assert "no new login before this is mended: IBKR refused the user name or password" in row.leading.proof.fix[0]
    assert "no new login" not in judged(**bypass).leading.proof.fix[0]


def test_a_loop_that_does_not_reach_ibkr_is_left_alone():
    unreached = {"problem": "login.server_unreachable", "got_as_far_as": "connecting"}
    loop = {"log": {"history": {"login_attempts_last_hour": 9}}}
    row = judged(**state("submitted", 3, problem="login.server_unreachable", previous=unreached), **loop)
    assert outcome(row) == ("waiting", "login.server_unreachable")
    assert row.leading.remedy == "wait"


def test_a_machine_is_judged_by_its_own_clock():
    """The report is written an hour later, or the machine's clock is an hour behind."""
    late = {"since": at(3605), "run_started_at": at(3605)}
    row = judged(run={**late, "state": "submitted"}, api=NO_BACKEND, host={"now": at(3600)})
    assert outcome(row) == ("starting", "login.in_progress")
    throttled = said("login.throttled", "throttled", deadline=at(3500), since=at(3605))
    assert judged(**throttled, host={"now": at(3600)}).leading.remedy == "wait"
    assert judged(**throttled).leading.remedy == "ask_person"


def test_a_throttle_that_the_controller_will_not_sit_out_is_stopped():
    waits = said("login.throttled", "throttled")
    assert judged(**waits).leading.remedy == "wait"
    assert judged(**merged(waits, {"run": {"asks_again": True}})).leading.remedy == "stop_to_protect_account"


def test_a_display_is_restarted_only_where_its_socket_can_be_made():
    missing = said("gateway.display_missing", "ended")
    assert judged(**missing).leading.remedy == "restart"
    unwritable = {"events": [{"at": at(600), "event": "display_unwritable", "quote": "failed to create listener"}]}
    assert judged(**missing, log=unwritable).leading.remedy == "ask_person"


def test_nobody_is_told_to_approve_a_live_login_on_a_gateway_that_is_declared_paper():
    live = {
        "container": {"environment": {"TRADING_MODE": "live"}},
        "log": {"settings": {"TradingMode": "live"}},
        "gateway": {"ports": [LIVE_PORT]},
    }
    row = judged(**live, **state("twofa_pending", 30))
    assert outcome(row) == ("down", "config.account_mode_mismatch")
    assert row.leading.proof.summary == "declared paper, but it is set to log in as live"
    assert outcome(judged(**live, **state("twofa_pending", 30), declared={"trading_mode": None}))[1] == "twofa.pending"


def test_prompts_that_were_answered_long_ago_stop_nothing():
    asks = state("twofa_retrying", 3)
    answered = judged(**asks, log={"history": {"twofa_prompts": 9, "unanswered_prompts": 1}})
    assert answered.leading.remedy == "ask_person"
    nobody = judged(**asks, log={"history": {"unanswered_prompts": 5}}).leading
    assert nobody.remedy == "stop_to_protect_account"
    assert nobody.proof.fix[0] == named(STOP_IT, "gw", "alpha")
    fifth = judged(**state("twofa_pending", 3, problem="twofa.retrying"), log={"history": {"unanswered_prompts": 5}})
    assert outcome(fifth) == ("waiting", "twofa.retrying")
    assert fifth.leading.remedy == "ask_person", "the fifth may still be approved"


@pytest.mark.parametrize(("asked", "told"), [(1, False), (4, True), (None, False)])
def test_who_is_asked_again_and_again_is_told_how_often(asked: int | None, told: bool):
    waits = judged(**state("twofa_pending", 30), log={"history": {"twofa_prompts_last_day": asked}})
    assert ("pushes in the last 24 hours: 4" in waits.leading.proof.summary) is told


def test_a_lesser_fault_does_not_hide_that_nobody_asked():
    for api in ({"outcome": "not_asked"}, {"outcome": None}):
        row = judged(host={"now": at(-40)}, api=api, logscan={"gateways": []})
        assert outcome(row) == ("degraded", "host.clock_wrong")
        assert "probe.incomplete" in [each.finding.code for each in row.found]
    asked = judged(host={"now": at(-40)}, api={"outcome": "account_silent"}, logscan={"gateways": []})
    assert "probe.incomplete" not in [each.finding.code for each in asked.found]


def test_a_stop_names_the_exit_code_and_asks_who_did_it():
    row = judged(container={**STOPPED, "exit_meaning": "SIGTERM"})
    assert row.leading.proof.summary == "stopped from outside, exit code 143: SIGTERM"
    assert row.leading.proof.next_command == f"docker events --since 24h --until 0s --filter container={NAME}"
    assert row.since == at(600)


def test_a_prompt_tells_when_it_was_sent_when_it_expires_and_what_then():
    row = judged(**state("twofa_pending", 65, deadline=at(-115), asks_again=False))
    assert row.leading.proof.summary == (
        "push sent at 11:58:55 UTC, expires about 12:01:55 (1:55 min left), then it stays logged out until somebody restarts it"
    )
    assert row.leading.proof.deadline == at(-115)
    asks = judged(**state("twofa_pending", 65, deadline=at(-115), asks_again=True))
    assert "then it asks again" in asks.leading.proof.summary


def test_steps_and_commands_name_the_container_and_the_machine():
    for code, (changes, _) in ROWS.items():
        for row in verdict.verdicts_of_machine(machine(**changes)):
            for each in row.found:
                told = " ".join((*each.proof.fix, each.proof.next_command or ""))
                assert "{name}" not in told, code
                assert "{machine}" not in told, code


# Machines and probes that fail


def unjudgeable(health_task, **scene):
    """The verdict on a gateway of a machine whose first probe failed: the later ones do not run."""
    return judged(tasks={"health": health_task, "logscan": None, "handshake": {"skipped": True}}, **scene)


def test_a_dead_machine_is_one_row_per_declared_gateway_or_one_of_its_own():
    assert outcome(unjudgeable(UNREACHABLE)) == ("unknown", "host.unreachable")
    no_place = {"unreachable": True, "msg": "Task failed: Failed to create temporary directory."}
    assert outcome(unjudgeable(no_place)) == ("unknown", "host.access_denied")
    none_declared = evidence.machine("beta", {}, {"health": UNREACHABLE}, None, NOW)
    (row,) = verdict.verdicts_of_machine(none_declared)
    assert (row.name, row.host, *outcome(row)) == ("beta", "beta", "unknown", "host.unreachable")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Task failed: Missing sudo password", "host.access_denied"),
        ("Task failed: Incorrect sudo password", "host.access_denied"),
        ("Task failed: Premature end of stream waiting for become success.", "host.access_denied"),
        ("The module interpreter '/usr/bin/python3.99' was not found.", "host.access_denied"),
        ("/bin/sh: 1: /usr/bin/python3: not found", "host.access_denied"),
        ("Module result deserialization failed: No start of json char found", "probe.incomplete"),
        ("Task failed: Timed out after 40 second(s).", "probe.incomplete"),
        ("MODULE FAILURE: No start of json char found", "probe.incomplete"),
        ("something that nobody has seen yet", "probe.incomplete"),
    ],
)
def test_a_failed_task_says_what_was_seen_and_mends_it(message, code):
    row = unjudgeable({"failed": True, "msg": message})
    assert outcome(row) == ("unknown", code)
    assert message in row.leading.proof.evidence[0].quote
    assert row.leading.proof.fix


@pytest.mark.parametrize(
    ("told", "what", "mends"),
    [
        ("No ED25519 host key is known for alpha.\r\nHost key verification failed.", "does not know", "with ssh by hand"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.", "another host key", "ssh-keygen -R"),
        ("ssh: Could not resolve hostname alpha: Name or service not known", "can not resolve", "ansible_host"),
        ("No user exists for uid 12345", "a user without a name", "/etc/passwd"),
        ("ops@10.0.0.5: Permission denied (publickey).", "key or password", "ansible_user"),
        ("ssh: connect to host alpha port 22: Connection timed out", "does not answer", "ansible_port"),
    ],
)  # fmt: skip
def test_a_machine_that_ssh_does_not_get_into_is_told_by_why(told, what, mends):
    row = unjudgeable({"unreachable": True, "msg": f"Task failed: Failed to connect to the host via ssh: {told}"})
    assert outcome(row) == ("unknown", "host.unreachable")
    assert what in row.summary
    assert mends in " ".join(row.leading.proof.fix)


_NO_JSON = "Module result deserialization failed: No start of json char found"


@pytest.mark.parametrize(
    ("told", "what", "mends"),
    [
        ({"msg": "Task failed: Premature end of stream waiting for become success.\n>>> Standard Error\nsudo: a password is required"},
         "sudo asks for a password", "--ask-become-pass"),
        ({"msg": _NO_JSON, "module_stderr": "sudo: sorry, you must have a tty to run sudo\n"}, "requiretty", "ansible_pipelining: false"),
        ({"msg": "Task failed: Timeout (12s) waiting for privilege escalation prompt:", "unreachable": True},
         "becoming another user fails", "ansible_become_method"),
        ({"msg": _NO_JSON, "module_stdout": "This account is currently not available.\n"}, "nologin", "ansible_user"),
        ({"msg": _NO_JSON, "module_stderr": "rbash: line 1: /bin/sh: restricted: cannot specify `/' in command names\n"},
         "restricted", "ansible_user"),
        ({"msg": _NO_JSON, "module_stderr": "Sorry, user ops is not allowed to execute '/bin/sh -c x' as root on alpha.\n"},
         "sudo does not let", "sudoers"),
        ({"msg": "Module result deserialization failed: Extra data: line 3 column 1 (char 16)", "module_stdout": "{ hello }\n{}"},
         "something else printed", "print nothing"),
        ({"msg": _NO_JSON, "module_stderr": "Segmentation fault\n"}, "no working Python", "ansible_python_interpreter"),
    ],
)  # fmt: skip
def test_a_user_who_is_kept_out_is_told_by_what(told, what, mends):
    row = unjudgeable({"failed": True, **told})
    assert row.status == "unknown"
    assert what in row.summary
    assert mends in " ".join(row.leading.proof.fix)


def test_one_broken_probe_among_good_ones_leaves_the_verdict_to_the_others():
    broken = {
        "available": False,
        "problem": "probe.incomplete",
        "reason": "the log driver is none",
        "fix": "use json-file",
    }
    row = judged(logscan={**broken, "gateways": []})
    assert outcome(row) == ("healthy", None)
    assert [each.finding.code for each in row.found] == ["probe.incomplete"]
    stopped = judged(logscan={**broken, "gateways": []}, container=STOPPED)
    assert outcome(stopped) == ("down", "container.stopped")


def test_later_probes_that_did_not_run_are_only_less_evidence():
    nothing = {"logscan": {"skipped": True}, "handshake": None}
    assert outcome(judged(tasks=nothing)) == ("unknown", "probe.incomplete")
    assert outcome(judged(tasks=nothing, container=STOPPED)) == ("down", "container.stopped")


def test_a_container_whose_image_nobody_knows_is_unknown_and_left_alone():
    nobody = {"family": None, "processes": [{"pid": 1, "role": "other"}]}
    row = judged(gateway=nobody, tasks={"logscan": {}}, api={"outcome": "not_asked"})
    assert outcome(row) == ("unknown", "probe.incomplete")
    assert "the container is of no image that is known" in row.leading.proof.summary
    assert row.leading.remedy == "none"


def test_what_is_known_of_such_a_container_is_told():
    it_is = {"name": None, "controller": None, "generation": None, "confidence": None, "because": ["it is ibeam"]}
    other = {"family": it_is, "processes": [{"pid": 1, "role": "other"}]}
    row = judged(gateway=other, tasks={"logscan": {}}, api={"outcome": "not_asked"})
    assert outcome(row) == ("unknown", "probe.incomplete")
    assert "the container is of no image that is known; it is ibeam" in row.leading.proof.summary


@pytest.mark.parametrize("exit_code", [0, 76, 137])
def test_nor_is_one_that_has_ended_started(exit_code):
    gone = {**EXITED, "exit_code": exit_code}
    known = judged(container=gone, run={"state": "ended"})
    assert known.leading.remedy == "start"
    nobody = judged(container=gone, run={"state": "ended"}, gateway={"family": None}, log={"family": None})
    assert (nobody.status, nobody.leading.remedy) == ("down", "ask_person")
    assert "no image that is known" in nobody.leading.proof.remedy_reason
    assert len(nobody.leading.proof.fix) == 2
    assert "recover" not in " ".join(nobody.leading.proof.fix)
    assert nobody.leading.proof.fix[-1].endswith(f"start it by hand: docker start {NAME}")


def test_an_end_whose_code_says_nothing_more_is_told_once():
    row = judged(container={**EXITED, "exit_code": 0, "exit_meaning": "ended by itself"}, run={"state": "ended"})
    assert row.summary == "ended by itself with exit code 0"
    row = judged(container={**EXITED, "exit_code": 76, "exit_meaning": "it failed"}, run={"state": "ended"})
    assert row.summary == "ended by itself with exit code 76: it failed"


def test_a_hold_on_a_gateway_that_runs_is_a_note_and_says_how_to_clear_it():
    row = judged(gateway={"hold": {"code": "login.looping"}})
    assert outcome(row) == ("healthy", None)
    (hold,) = [each for each in row.found if each.finding.code == "container.held"]
    assert (hold.severity, hold.remedy) == ("note", "none")
    assert hold.proof.fix[-1].endswith(f"ansible-playbook ibgw.ops.release -e release_only=alpha/{NAME}")
    assert "container.held" not in [each.finding.code for each in judged().found]


UNASKED = {"run": {"state": "unknown"}, "api": {"outcome": "not_asked"}}
NO_PORT = {"gateway": {"ports": []}, "handshake": {"endpoints": []}}
MISSING = {
    "nobody asked the API": (UNASKED, ["the log shows the login as unknown", "the API answer is: not asked"]),
    "no port is published": (
        NO_PORT,
        ["the log shows the login as logged in", "the API answer is: not asked, for no API port is published"],
    ),
    "one is published of its relay": (
        {"handshake": {"endpoints": []}},
        ["the log shows the login as logged in", "the API answer is: not asked"],
    ),
    "it needs none in the machine's network": (
        merged(NO_PORT, {"container": {"network_mode": "host"}}),
        ["the log shows the login as logged in", "the API answer is: not asked"],
    ),
    "the log is elsewhere": (
        {**UNASKED, "log": {"events": [{"event": "log_elsewhere"}]}},
        [
            "the log shows the login as unknown, for its controller writes into a file of its own",
            "the API answer is: not asked",
        ],
    ),
    "there is no log": (
        {**UNASKED, "tasks": {"logscan": {}}},
        ["there is no log to read", "the API answer is: not asked"],
    ),
    "nobody looked": (
        {**UNASKED, "tasks": {"health": {}}},
        [
            "the container was not looked at",
            "the log shows the login as unknown",
            "the API answer is: not asked",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "missing"), MISSING.values(), ids=MISSING)
def test_what_is_not_proven_healthy_is_unknown_and_says_what_is_missing(changes, missing):
    row = judged(**changes)
    assert outcome(row) == ("unknown", "probe.incomplete")
    assert row.summary == f"nothing wrong was proven, but neither was that it works: {', '.join(missing)}"


def test_a_machine_without_any_gateway_says_so():
    results = {"health": {"health": {"available": True, "gateways": []}}}
    (row,) = verdict.verdicts_of_machine(evidence.machine("beta", {}, results, None, NOW))
    assert row.status == "unknown"
    assert "no gateway" in row.summary


def test_a_selection_leaves_out_the_others():
    assert verdict.verdicts_of_machine(machine(only=["another"])) == []
    assert [row.name for row in verdict.verdicts_of_machine(machine(only=[f"alpha/{NAME}"]))] == [NAME]


def test_a_gateway_that_nobody_declared_is_judged_and_marked():
    found = evidence.machine(
        "alpha",
        {},
        {"health": {"health": {"available": True, "gateways": [{"name": "stray", "exists": True}]}}},
        None,
        NOW,
    )
    (row,) = verdict.verdicts_of_machine(found)
    assert (row.name, row.declared) == ("stray", False)


# Two endpoints in one container


BOTH = {
    "declared": {"trading_mode": "both"},
    "container": {"environment": {"TRADING_MODE": "both"}},
    "gateway": {
        "ports": [
            {"container_port": 4003, "host_ip": "127.0.0.1", "host_port": 4001, "role": "relay", "endpoint": "live"},
            {"container_port": 4004, "host_ip": "127.0.0.1", "host_port": 4002, "role": "relay", "endpoint": "paper"},
        ]
    },
}
LIVE_PROMPT = {"endpoint": "live", "state": "twofa_pending", "since": at(30)}
LIVE_CLOSED = {**NO_BACKEND, "endpoint": "live", "port": 4001}


def test_the_row_takes_the_worst_of_its_endpoints():
    row = judged(**BOTH, runs=[{}, LIVE_PROMPT], more_api=[LIVE_CLOSED])
    assert outcome(row) == ("waiting", "twofa.pending")
    assert {name: (each.status, each.code) for name, each in row.endpoints.items()} == {
        "paper": ("healthy", None),
        "live": ("waiting", "twofa.pending"),
    }
    assert row.trading_mode == "both"


def test_each_endpoint_has_the_phases_of_its_own_connection():
    reached = [{"phase": "tcp", "ok": True, "ms": 0.2, "detail": None}, {"phase": "open", "ok": False, "ms": 3.1}]
    row = judged(**BOTH, runs=[{}, LIVE_PROMPT], more_api=[{**LIVE_CLOSED, "phases": reached}])
    assert row.endpoints["live"].phases == (Phase("tcp", True, 0.2), Phase("open", False, 3.1))
    assert row.endpoints["paper"].phases == ()


def test_a_half_that_nobody_could_judge_counts_more_than_one_that_is_starting():
    starting = {"endpoint": "paper", "state": "gateway_starting", "since": at(5), "run_started_at": at(5)}
    unseen = {"endpoint": "live", "outcome": "not_asked", "account_mode": None, "port": 4001}
    row = judged(**BOTH, runs=[starting, {"endpoint": "live", "state": "unknown"}], api=NO_BACKEND, more_api=[unseen])
    assert {name: each.status for name, each in row.endpoints.items()} == {"paper": "starting", "live": "unknown"}
    assert row.status == "unknown"


def test_a_remedy_on_the_container_names_what_it_does_to_the_healthy_half():
    gone = {"endpoint": "live", "state": "ended", "problem": "gateway.stopped_by_schedule"}
    row = judged(**BOTH, runs=[{}, gone], more_api=[LIVE_CLOSED])
    assert outcome(row) == ("down", "gateway.stopped_by_schedule")
    assert row.leading.remedy == "restart"  # the container still runs: there is nothing to start
    assert row.leading.proof.remedy_reason.endswith("it also ends paper, which is healthy")


@pytest.mark.parametrize(("gateways", "code"), [(1, "gateway.not_running"), (2, "relay.no_backend")])
def test_a_half_that_has_ended_is_told_by_its_process_for_the_log_may_blame_the_other(gateways, code):
    processes = [
        {"pid": 20, "role": "controller"},
        {"pid": 21, "role": "relay"},
        *({"pid": 30 + each, "role": "gateway"} for each in range(gateways)),
    ]
    both = merged(BOTH, {"gateway": {"processes": processes}})
    row = judged(**both, runs=[{"state": "ended"}, {"endpoint": "live"}], more_api=[LIVE_CLOSED])
    assert outcome(row) == ("down", code)
    assert row.endpoints["paper"].status == "healthy"


def test_who_mends_one_half_is_told_of_the_healthy_one():
    row = judged(**BOTH, runs=[{}, LIVE_PROMPT], more_api=[LIVE_CLOSED])
    assert outcome(row) == ("waiting", "twofa.pending")
    assert row.leading.proof.fix[-1].startswith("paper runs in the same container and is healthy")
    alone = judged(**state("twofa_pending", 30))
    assert "the same container" not in " ".join(alone.leading.proof.fix)
    neither = judged(
        **BOTH,
        runs=[{**LIVE_PROMPT, "endpoint": "paper"}, LIVE_PROMPT],
        api=NO_BACKEND,
        more_api=[LIVE_CLOSED],
    )
    assert "the same container" not in " ".join(neither.leading.proof.fix)


def test_a_push_for_one_half_is_not_killed_to_mend_the_other():
    refused = {"state": "login_window", "problem": "login.saved_session_refused", "run_kind": "saved_session"}
    row = judged(**BOTH, runs=[refused, LIVE_PROMPT], api=NO_BACKEND, more_api=[LIVE_CLOSED])
    assert outcome(row) == ("down", "login.saved_session_refused")
    assert row.leading.remedy == "ask_person"
    assert row.leading in row.found
    assert "docker restart" not in " ".join((*row.leading.proof.fix, row.leading.proof.next_command or ""))


LIVE_RUNS = {
    "may not log in now": {"state": "throttled", "problem": "login.throttled"},
    "is logging in": {"state": "submitted", "since": at(5)},
}


@pytest.mark.parametrize("live", LIVE_RUNS.values(), ids=LIVE_RUNS)
def test_one_half_is_not_restarted_into_a_login_that_the_other_must_not_make(live):
    refused = {"state": "login_window", "problem": "login.saved_session_refused", "run_kind": "saved_session"}
    runs = [refused, {"endpoint": "live", **live}]
    row = judged(**BOTH, runs=runs, api=NO_BACKEND, more_api=[LIVE_CLOSED])
    assert outcome(row) == ("down", "login.saved_session_refused")
    assert row.leading.remedy == "ask_person"
    assert "live" in row.leading.proof.remedy_reason
    assert row.leading.proof.next_command is None


def test_the_half_that_endangers_its_account_leads():
    hangs = {"outcome": "not_asked", "accounts": [], "account_mode": None}
    piled = {"gateway": {**BOTH["gateway"], "sockets": {"close_wait": {"4002": 12}}}}
    loops = {"endpoint": "live", "state": "cold_restarting", "problem": "login.credentials_rejected"}
    row = judged(**merged(BOTH, piled), runs=[{}, loops], api=hangs, more_api=[LIVE_CLOSED])
    assert row.endpoints["paper"].code == "gateway.hung"
    assert outcome(row) == ("down", "login.credentials_rejected")
    assert row.leading.remedy == "stop_to_protect_account"


def test_where_the_log_names_no_instance_the_handshake_tells_which():
    unnamed = [{**LIVE_PROMPT, "endpoint": None}, {"endpoint": None}]
    row = judged(**BOTH, runs=unnamed, more_api=[LIVE_CLOSED])
    assert row.endpoints["paper"].status == "healthy"
    assert row.endpoints["live"].code == "twofa.pending"


@pytest.mark.parametrize(("ambiguous", "live"), [(True, "login.auth_silent"), (False, None)])
def test_where_the_log_may_have_taken_one_for_the_other_the_handshake_tells_which(ambiguous, live):
    stuck = {"endpoint": "paper", "state": "connecting", "problem": "login.auth_silent", "since": at(300)}
    tangled = [{**stuck, "ambiguous": ambiguous}, {"endpoint": "live", "ambiguous": ambiguous}]
    row = judged(**BOTH, runs=tangled, more_api=[LIVE_CLOSED])
    assert row.endpoints["paper"].status == "healthy"
    assert (row.endpoints["live"].code == "login.auth_silent") is (live is not None)


@pytest.mark.parametrize("paper", ["ready", "account_silent"])
def test_the_next_forced_login_is_told_whichever_half_leads(paper):
    both = merged(BOTH, {"log": {"settings": {"AutoRestartTime": "11:59 PM"}}})
    ready = {"endpoint": "live", "outcome": "ready", "account_mode": "live", "port": 4001}
    row = judged(**both, runs=[{}, {"endpoint": "live"}], api={"outcome": paper}, more_api=[ready])
    assert row.endpoints["paper"].code == ("ibkr.account_silent" if paper == "account_silent" else None)
    assert row.facts["next_forced_login"] == "2026-03-01T06:00:00Z"


def test_what_both_endpoints_show_is_said_once():
    row = judged(**merged(BOTH, {"container": STOPPED}), runs=[{}, LIVE_PROMPT])
    assert [each.finding.code for each in row.found].count("container.stopped") == 1
    assert row.leading.endpoint is None
    of_live = judged(**BOTH, runs=[{}, LIVE_PROMPT], more_api=[LIVE_CLOSED])
    assert {each.finding.code: each.endpoint for each in of_live.found if each.severity != "advice"} == {
        "twofa.pending": "live",
        "relay.no_backend": "live",
    }


# Suppressed findings


def suppressed(*codes, where=None, **changes):
    """The verdict on the one gateway of the machine where these codes are suppressed."""
    suppressions = [Suppression(code, where, "known", None) for code in codes]
    (only,) = verdict.verdicts_of_machine(machine(**changes), suppressions)
    return only


def marked(row):
    """Which findings are suppressed."""
    return {each.finding.code: each.suppressed is not None for each in row.found}


CLOCK = {"host": {"now": at(-40)}}


def test_a_gateway_that_is_proven_healthy_is_healthy_without_what_is_suppressed():
    row = suppressed("host.clock_wrong", **CLOCK)
    assert outcome(row) == ("healthy", None)
    assert marked(row) == {"host.clock_wrong": True}
    assert outcome(suppressed("host.disk_full", **CLOCK)) == ("degraded", "host.clock_wrong")


def test_what_is_suppressed_leads_where_nothing_else_explains_that_health_is_not_proven():
    row = suppressed("container.stopped", container=STOPPED, **met("api.not_listening", "refused"))
    assert outcome(row) == ("down", "container.stopped")
    assert row.leading.suppressed.reason == "known"
    assert (row.leading.remedy, row.leading.proof.remedy_reason) == ("none", "suppressed: known")
    assert row.leading in row.found


def test_a_consequence_of_what_is_suppressed_does_not_lead_in_its_place():
    row = suppressed("twofa.pending", **state("twofa_pending", 30))
    assert outcome(row) == ("waiting", "twofa.pending")
    assert {each.finding.code: each.consequence_of for each in row.found}["relay.no_backend"] == "twofa.pending"
    assert marked(row) == {"twofa.pending": True, "relay.no_backend": False}


def test_what_is_left_leads_before_what_is_suppressed():
    row = suppressed("container.stopped", container=STOPPED, **CLOCK)
    assert outcome(row) == ("degraded", "host.clock_wrong")
    assert row.leading.suppressed is None
    assert marked(row)["container.stopped"]


def test_a_lesser_fault_that_is_suppressed_does_not_hide_that_nothing_was_proven():
    unseen = {"run": {"state": "unknown"}, "api": {"outcome": "not_asked"}}
    row = suppressed("host.clock_wrong", **CLOCK, **unseen)
    assert outcome(row) == ("unknown", "probe.incomplete")
    assert row.leading.suppressed is None
    both = suppressed("host.clock_wrong", "probe.incomplete", **CLOCK, **unseen)
    assert both.leading.suppressed is not None


def test_that_nothing_was_proven_can_be_suppressed():
    row = suppressed("probe.incomplete", gateway={"ports": []}, handshake={"endpoints": []})
    assert outcome(row) == ("unknown", "probe.incomplete")
    assert row.leading.suppressed is not None


def test_advice_can_be_suppressed():
    exposed = ROWS["config.port_exposed"][0]
    assert marked(suppressed("config.port_exposed", **exposed))["config.port_exposed"]
    assert not marked(suppressed("config.vnc_unprotected", **exposed))["config.port_exposed"]


@pytest.mark.parametrize(
    ("where", "covered"),
    [
        (None, True),
        ("alpha", True),
        (NAME, True),
        (f"alpha/{NAME}", True),
        ("beta", False),
        (f"beta/{NAME}", False),
        ("alpha/other", False),
    ],
)
def test_a_suppression_is_for_its_host(where, covered):
    row = suppressed("host.clock_wrong", where=where, **CLOCK)
    assert row.status == ("healthy" if covered else "degraded")


def test_what_is_suppressed_at_one_endpoint_does_not_stand_before_the_other():
    away = {
        "endpoint": "live",
        "outcome": "refused",
        "problem": "api.not_listening",
        "account_mode": None,
        "port": 4001,
    }
    runs = [{"state": "twofa_pending", "since": at(30)}, {"endpoint": "live"}]
    row = suppressed("api.not_listening", "relay.down", **BOTH, runs=runs, api=NO_BACKEND, more_api=[away])
    assert {name: each.status for name, each in row.endpoints.items()} == {"paper": "waiting", "live": "down"}
    assert outcome(row) == ("waiting", "twofa.pending")
    assert row.leading.suppressed is None


def test_what_ibkr_answered_stands_beside_what_the_log_shows_of_the_login():
    """As evidence only: the container's own log decides."""
    answer = {"at": at(20), "line": 7, "quote": "ERROR [JTS] - AuthTimeoutMonitor-CCP: Timeout!"}
    launcher = {"problem": "login.auth_silent", "evidence": [answer]}
    silent = judged(
        runs=[{"state": "authenticating", "problem": "login.auth_silent", "launcher": launcher}], api=NO_BACKEND
    )
    assert silent.leading.finding.code == "login.auth_silent"
    assert ("launcher", answer["quote"]) in [(each.source, each.quote) for each in silent.leading.proof.evidence[:2]]
    fine = judged(runs=[{"launcher": launcher}])
    assert outcome(fine) == ("healthy", None)


# Saved logs


def log_verdict(**run):
    """The verdict on a saved log."""
    result = {"available": True, "gateways": [{**LOG, "instances": [merged(RUN, run)]}]}
    (row,) = verdict.verdicts_of_log("some.log", result, NOW)
    return row


def test_a_saved_log_that_proves_a_login_is_healthy():
    assert (log_verdict().summary, *outcome(log_verdict())) == ("the log proves a completed login", "healthy", None)
    assert outcome(log_verdict(state="unknown")) == ("unknown", "probe.incomplete")


def test_findings_of_a_saved_log_are_suppressed_where_the_suppression_is_for_all():
    result = {"available": True, "gateways": [{**LOG, "instances": [merged(RUN, {"problem": "twofa.timed_out"})]}]}
    for host, covered in ((None, True), ("alpha", False)):
        suppressions = [Suppression("twofa.timed_out", host, "known", None)]
        (row,) = verdict.verdicts_of_log("some.log", result, NOW, suppressions)
        assert outcome(row) == ("down", "twofa.timed_out")
        assert (row.leading.suppressed is not None) == covered


def test_a_saved_log_is_judged_from_its_own_moment():
    window = {"last_at": at(7200), "silent_seconds": 20}
    prompt = {**RUN, "state": "twofa_pending", "since": at(7210), "deadline": at(7080)}
    for run, expected in (
        ({**RUN, "state": "gateway_starting", "run_started_at": at(7230)}, ("starting", "gateway.starting")),
        (prompt, ("waiting", "twofa.pending")),
    ):
        result = {"available": True, "gateways": [{**LOG, "window": window, "instances": [run]}]}
        (row,) = verdict.verdicts_of_log("some.log", result, NOW)
        assert outcome(row) == expected
    assert "(1:40 min left then)" in row.summary


def test_a_saved_log_is_judged_from_the_moment_that_was_given():
    """Its last line has a fraction of a second, which the probe's times leave out."""
    window = {"last_at": "2026-03-01T10:00:00Z", "silent_seconds": 3599.2}
    result = {"available": True, "gateways": [{**LOG, "window": window, "instances": [RUN]}]}
    (row,) = verdict.verdicts_of_log("some.log", result, NOW)
    assert row.checked_at == "2026-03-01T11:00:00Z"


def test_a_saved_log_of_several_services_has_a_row_for_each():
    """They are containers of their own: what is done to one does nothing to the other."""
    live = {**RUN, "endpoint": "live", "problem": "login.saved_session_refused"}
    services = [
        {**LOG, "name": "gw-paper-1", "instances": [RUN]},
        {**LOG, "name": "gw-live-1", "settings": {"TradingMode": "live"}, "instances": [live]},
    ]
    paper, live = verdict.verdicts_of_log("some.log", {"available": True, "gateways": services}, NOW)
    assert (paper.host, paper.name, outcome(paper)) == ("some.log", "gw-paper-1", ("healthy", None))
    assert (live.host, live.name, outcome(live)) == ("some.log", "gw-live-1", ("down", "login.saved_session_refused"))
    assert not any("same container" in step for step in live.leading.proof.fix)


@pytest.mark.parametrize(
    "problem", ["twofa.timed_out", "login.saved_session_refused", "login.not_typed", "gateway.crashed", "login.looping"]
)
def test_what_a_saved_log_asks_for_is_typed_by_hand_on_a_container_that_it_does_not_name(problem):
    """No inventory of the reader has that machine."""
    proof = log_verdict(problem=problem).leading.proof
    assert not any("ibgw.ops" in step or "some.log" in step for step in proof.fix)
    assert any(step.endswith(" <container>") for step in proof.fix)


def test_the_evidence_of_a_saved_log_is_its_lines():
    evidence = [{"at": None, "line": 213, "quote": "IBC: Click button: Log In"}]
    for problem in ("twofa.timed_out", "config.heap_invalid", "config.trading_mode_invalid", "config.value_invalid"):
        leading = log_verdict(problem=problem, evidence=evidence).leading
        assert [(each.source, each.line) for each in leading.proof.evidence] == [("log", 213)]
        assert "(not set)" not in leading.proof.summary


@pytest.mark.parametrize("state", ["twofa_pending", "gateway_starting"])
def test_nothing_is_to_be_done_now_about_a_log_that_ended_some_time_ago(state):
    fix = " ".join(log_verdict(state=state, run_started_at=at(10)).leading.proof.fix)
    assert "now" not in fix.split()
    assert "two minutes" not in fix


def test_of_a_saved_log_that_shows_too_little_more_is_asked_for():
    proof = log_verdict(state="unknown").leading.proof
    assert proof.summary.endswith("neither was that it works: the log shows the login as unknown")
    assert proof.fix == (verdict.MORE_OF_IT,)
    assert judged(**UNASKED).leading.proof.fix != (verdict.MORE_OF_IT,)


def test_a_saved_log_whose_problem_no_rule_knows_is_not_healthy():
    assert outcome(log_verdict(problem="layer.unheard_of")) == ("unknown", "probe.incomplete")


def test_a_log_that_could_not_be_read_is_unknown():
    nothing = {
        "available": False,
        "problem": "probe.incomplete",
        "reason": "no such file",
        "fix": "name one",
        "gateways": [],
    }
    (row,) = verdict.verdicts_of_log("none.log", nothing, NOW)
    assert outcome(row) == ("unknown", "probe.incomplete")
    assert row.summary == "no such file"


# Within IBKR's reset hours, which last until 12:45 UTC in the scene

NIGHT = {"variables": {"recover_reset_windows": [RESET]}}
KILLED = {**ROWS["container.killed"][0], "handshake": {"endpoints": []}}


def test_within_a_reset_no_login_is_told_to_be_made():
    row = judged(**merged(NIGHT, KILLED))
    assert outcome(row) == ("down", "container.killed")
    assert row.leading.remedy == "start"  # whether it may be done is recovery's to say
    assert row.leading.proof.remedy_reason.startswith("not now, but once IBKR's reset window is over: nothing")
    assert "Make no login before about 07:45 EST (12:45 UTC)" in row.leading.proof.fix[0]
    assert len(row.leading.proof.fix) > 1
    assert not any("Make no login" in step for step in judged(**KILLED).leading.proof.fix)


@pytest.mark.parametrize("code", ["config.port_exposed", "api.first_attempt_failed", "api.slow"])
def test_a_gateway_that_serves_is_told_nothing_of_a_reset(code):
    row = judged(**merged(NIGHT, ROWS[code][0]))
    assert outcome(row) == outcome(judged(**ROWS[code][0]))
    assert "ibkr.reset_window" not in [each.finding.code for each in row.found]


@pytest.mark.parametrize("health", [UNREACHABLE, {"failed": True, "msg": "The module was killed"}, {}])
def test_of_a_machine_that_nobody_could_look_at_no_reset_is_told(health):
    assert "ibkr.reset_window" not in [each.finding.code for each in unjudgeable(health, **NIGHT).found]


def test_a_clock_that_is_wrong_moves_no_reset():
    fast = judged(**merged(NIGHT, {"api": NO_BACKEND, "host": {"now": at(-3600)}}))
    assert "ibkr.reset_window" in [each.finding.code for each in fast.found]


def test_whoever_said_not_to_care_about_resets_is_told_nothing_of_them():
    suppression = Suppression("ibkr.reset_window", None, "our logins go elsewhere", None)
    (row,) = verdict.verdicts_of_machine(machine(**merged(NIGHT, KILLED)), [suppression])
    assert row.leading.proof.fix == judged(**KILLED).leading.proof.fix


def test_of_a_saved_log_the_reset_is_told_and_nothing_to_be_waited_for():
    window = {"last_at": "2026-03-02T06:00:00Z", "silent_seconds": 0}
    refused = {**RUN, "problem": "login.server_unreachable", "state": "connecting"}
    result = {"available": True, "gateways": [{**LOG, "window": window, "instances": [refused]}]}
    (row,) = verdict.verdicts_of_log("some.log", result, NOW)
    reset = next(each for each in row.found if each.finding.code == "ibkr.reset_window")
    assert reset.proof.summary == "inside IBKR's reset window, until about 01:45 EST (06:45 UTC)"
    assert not any("Make no login" in step for step in row.leading.proof.fix)


# The operator's own limit


def test_a_gateway_s_own_limit_goes_before_that_of_its_machine():
    given = {"variables": {"diagnose_api_slow_after": "1"}, "api": {"phases": PHASES}}
    assert outcome(judged(**given)) == ("degraded", "api.slow")
    assert outcome(judged(**merged(given, {"declared": {"api_slow_after": 0}}))) == ("healthy", None)
    row = judged(**merged(given, {"declared": {"api_slow_after": 0.1}}))
    assert row.summary == "the API took 1.20 s to be ready, and may take 0.1 s"
    assert row.leading.remedy == "none"


# Facts


def test_the_next_forced_login_is_the_sunday_after_the_last_full_one():
    live = {**ROWS["ibkr.weekly_login_due"][0]}
    assert judged(**live).facts["next_forced_login"] == "2026-03-01T06:00:00Z"  # 80,000 s ago was Saturday
    today = merged(live, {"log": {"history": {"last_full_login_at": at(3600)}}})
    assert judged(**today).facts["next_forced_login"] == "2026-03-08T06:00:00Z"  # daylight saving begins an hour later
    no_restart = merged(live, {"log": {"settings": {"AutoRestartTime": ""}}})
    assert judged(**no_restart).facts["next_forced_login"] is None
    assert judged().facts["next_forced_login"] is None  # paper


@pytest.mark.parametrize(
    ("last_full_login", "ends"),
    [
        ("2026-02-28T15:00:00Z", "2026-03-01T06:00:00Z"),  # winter: 01:00 is 06:00 UTC
        ("2026-03-01T05:59:59Z", "2026-03-01T06:00:00Z"),
        ("2026-03-01T06:00:00Z", "2026-03-08T06:00:00Z"),  # at that very moment: the one after
        ("2026-03-08T05:00:00Z", "2026-03-08T06:00:00Z"),  # clocks go forward an hour after the sessions end
        ("2026-03-08T06:30:00Z", "2026-03-15T05:00:00Z"),  # summer: 05:00 UTC
        ("2026-10-31T20:00:00Z", "2026-11-01T05:00:00Z"),  # 01:00 comes twice that night: the first
        ("2026-11-01T05:30:00Z", "2026-11-08T06:00:00Z"),
        ("2026-11-01T06:30:00Z", "2026-11-08T06:00:00Z"),
        ("2026-12-27T02:00:00Z", "2026-12-27T06:00:00Z"),  # Sunday in UTC, Saturday in New York
        ("2026-12-27T07:00:00Z", "2027-01-03T06:00:00Z"),  # over the end of the year
    ],
)
def test_the_week_of_a_session_ends_at_new_york_s_clock(last_full_login, ends):
    live = merged(ROWS["ibkr.weekly_login_due"][0], {"log": {"history": {"last_full_login_at": last_full_login}}})
    assert judged(**live).facts["next_forced_login"] == ends


@pytest.mark.parametrize(
    ("changes", "at_and_by"),
    [
        ({"run": {"run_started_at": at(86_390)}}, (None, None)),
        ({"gateway": {"processes": [{"role": "gateway", "started_at": at(86_390)}]}}, (None, None)),
        (
            {
                "gateway": {"processes": [{"role": "gateway", "started_at": at(600)}]},
                "run": {"run_kind": "saved_session"},
            },
            ("2026-03-01T11:50:00Z", "its own daily restart"),
        ),
        (
            {"gateway": {"processes": []}, "run": {"run_started_at": at(600)}},
            ("2026-03-01T11:50:00Z", "its controller"),
        ),
        ({"gateway": {"processes": []}, "run": {"run_started_at": at(600)}, "container": STOPPED}, (None, None)),
    ],
)
def test_a_restart_inside_the_container_is_a_fact_with_who_did_it(changes, at_and_by):
    facts = judged(**changes).facts
    assert (facts["restarted_inside_at"], facts["restarted_inside_by"]) == at_and_by


def test_who_started_the_container_last_is_a_fact_where_it_is_proven():
    starts = [
        {"action": "start", "who": "its restart policy"},
        {"action": "die"},
        {"action": "start", "who": "ibgw.ops, restart"},
    ]
    assert judged(gateway={"events": starts}).facts["started_by"] == "ibgw.ops, restart"
    assert judged(gateway={"events": [*starts, {"action": "start", "who": None}]}).facts["started_by"] is None
    assert judged().facts["started_by"] is None


def test_facts_are_plain_data():
    assert json.dumps(judged().facts)


# No evidence is too odd


def test_what_only_the_audit_tells_of_is_no_finding_of_a_diagnosis():
    loose = {"container": {"image": "example.test/ib-gateway:latest"}}
    assert isinstance(findings()["config.image_unpinned"].prove(case(**loose)), registry.Proof)
    told = verdict.judge(case(**loose)).found
    assert [found.finding.code for found in told if found.severity == registry.AUDIT_ONLY] == []


def test_a_rule_that_breaks_is_noted_and_costs_no_verdict(monkeypatch):
    def broken(_case):
        raise KeyError("x")

    rules = {
        code: dataclasses.replace(rule, prove=broken) if code == "api.silent" else rule
        for code, rule in findings().items()
    }
    monkeypatch.setattr(verdict, "findings", lambda: rules)
    row = judged(**state("twofa_pending", 30))
    assert outcome(row) == ("waiting", "twofa.pending")
    (note,) = [each for each in row.found if each.finding.code == "probe.incomplete"]
    assert note.severity == "note"
    assert "api.silent" in note.proof.summary
    assert registry.findings()["api.silent"].prove is not broken


SCENES = [changes for pair in ROWS.values() for changes in pair]
SCENES += [changes for _code, *pair in FROM_INSIDE.values() for changes in pair]


def results_of(changes):
    """What the three tasks registered in a scene."""
    captured = {}
    original = evidence.machine

    def capture(_name, variables, results, only, now):
        captured.update(results)
        return original(_name, variables, results, only, now)

    evidence.machine = capture
    try:
        machine(**changes)
    finally:
        evidence.machine = original
    return captured


ODD = (None, [], {}, "text", 7, -1.5, True, "2026-13-45", [None], {"x": None})


def thinned(value, chance):
    """`value` with any part of it missing, null, or of another kind."""
    if chance.random() < 0.03:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {key: thinned(each, chance) for key, each in value.items() if chance.random() > 0.05}
    if isinstance(value, list):
        return [thinned(each, chance) for each in value]
    return value


@given(st.sampled_from(SCENES), st.integers(0, 2**32))
@settings(max_examples=200)
def test_any_part_of_the_evidence_may_be_missing_or_odd(changes, seed):
    chance = Random(seed)
    results = {probe: thinned(registered, chance) for probe, registered in results_of(changes).items()}
    variables = {"gateways": thinned([{"name": NAME, "trading_mode": "paper"}], chance)}
    seen = evidence.machine("alpha", variables, results, None, NOW)
    for gateway, row in zip(seen.gateways, verdict.verdicts_of_machine(seen), strict=True):
        notes = [
            each.proof.summary
            for each in row.found
            if each.severity == "note" and each.finding.code == "probe.incomplete"
        ]
        assert notes == [], "a rule broke"
        if row.status == "healthy":
            assert all(each.api.outcome in ("ready", "account_ok") for each in gateway.cases)
        if row.status == "unknown":
            assert row.leading.remedy in ("none", "wait", "ask_person")


def test_a_task_that_failed_is_never_a_reason_to_act():
    for broken in (UNREACHABLE, NO_SUDO, {"failed": True, "msg": "boom"}):
        assert unjudgeable(broken).leading.remedy == "none"


def test_the_case_alone_is_enough_for_a_rule():
    assert verdict.judge(case()).status == "healthy"
    assert verdict.judge(case(container=FAILED)).status == "down"


def test_an_open_port_alone_proves_no_health_and_says_how_to_ask_on():
    row = judged(api={"outcome": "connected", "reached": "open", "accounts": [], "account_mode": None})
    assert outcome(row) == ("unknown", "probe.incomplete")
    assert "diagnose_depth=tcp" in row.leading.proof.fix[0]
    assert row.leading.proof.next_command.endswith(f"-e diagnose_only=alpha/{NAME} -e diagnose_depth=api")


def test_a_container_of_this_collection_is_made_anew_by_its_own_playbook():
    wrong = ROWS["config.heap_invalid"][0]
    assert "docker compose up -d" in " ".join(judged(**wrong).leading.proof.fix)
    deployed = judged(**merged(wrong, {"gateway": {"deployment": {"schema": 1}}}))
    assert f"ansible-playbook ibgw.ops.rebuild -e rebuild_only=alpha/{NAME}" in " ".join(deployed.leading.proof.fix)
