# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ibcontroller's words: what is a message, what is not, and what its logs tell of a login."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibcontroller import FAMILY
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import rules
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibcontroller import EXIT_CODES, IbController
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.surroundings import ANYBODYS, GATEWAYS
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import Verdict, verdicts_of_log
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibcontroller_log import HASH, Log

STAMP = "2026-10-07 12:00:00,123 INFO ibcontroller.login: "

AROUND = rules((*FAMILY.lines, *GATEWAYS, *ANYBODYS))


def kind(text: str) -> str | None:
    event = IbController(AROUND).read(Line(1, text))
    return event.kind if event else None


def scanned(log: Log, after: float = 0.0) -> dict[str, Any]:
    """What the log probe tells of `log`, seen so many seconds after its last line."""
    scan = Scan(50)
    scan.read([log.text.encode()])
    gateway: dict[str, Any]
    (gateway,) = scan.results("some.log", epoch(log.as_of(after)), False)
    return gateway


def instance(log: Log, after: float = 0.0) -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = scanned(log, after)["instances"]
    return only


def told(log: Log, after: float = 0.0) -> tuple[str, str | None]:
    one = instance(log, after)
    return one["state"], one["problem"]


# Lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STAMP + "IBController > login completed", "login_completed"),
        (STAMP + "login completed", "login_completed"),
        (STAMP + "IBController > login completed, state=LoginState.LOGGED_IN", None),  # the same once more
        (STAMP + "IBController > nothing like login completed", None),
        ("IBController > login completed", None),
        ("x " + STAMP + "IBController > login completed", None),
        (STAMP.replace("12:00:00,", "12:00:00:") + "IBController > login completed", None),  # IBC's stamp
        (STAMP.replace("login:", "stdout.gateway-paper:") + "login completed", None),  # the gateway's own words
        (
            STAMP.replace("login:", "stdout.gateway-paper:") + "java.lang.OutOfMemoryError: Java heap space",
            "heap_exhausted",
        ),
        (
            STAMP + "unhandled unprompted window: javax.swing.JDialog 'credentials submitted, awaiting outcome'",
            "window_unhandled",
        ),
        (STAMP + "unhandled unprompted window: javax.swing.JDialog None", None),
        (STAMP + 'unhandled unprompted window: a.B "Today\'s news"', "window_unhandled"),
        (STAMP + "unhandled unprompted window: jclient.LoginFrame 'Login'", "gateway_shown"),
        (STAMP + "unhandled unprompted window: jclient.LoginFrame 'New Login'", None),
        (STAMP + "unhandled unprompted window: a.B 'Second Factor Authentication'", None),
        (STAMP + "unhandled unprompted window: a.B 'Security Code Card Authentication'", "code_required"),
        (STAMP + "IBController > incoming API connection -- accepted", None),
        ("stopped: REQUESTED", "controller_ended"),
        ("stopped: WHATEVER", None),
        ("the service was stopped: REQUESTED", None),
        ("error: unrecognized username or password", "controller_ended"),
        ("error: both IBC_PASSWORD and IBC_PASSWORD_FILE are set (but are exclusive)", "credentials_conflict"),
        ("error: something of another program", None),
        (".> Starting ibcontroller/TWS", "container_started"),
        (".> 😘 Received SIGINT or SIGTERM. Shutting down TWS.", "stopped_from_outside"),
    ],
)
def test_a_message_counts_where_it_stands_on_its_own(text: str, expected: str | None) -> None:
    assert kind(text) == expected


@pytest.mark.parametrize("code", sorted(FAMILY.exit_codes))
def test_the_container_ends_with_the_controllers_own_codes(code: int) -> None:
    assert IbController.exit_meaning(code) == FAMILY.exit_codes[code] == EXIT_CODES[code]


# A good login, and each of its stages


@pytest.mark.parametrize(
    ("log", "state"),
    [
        (Log().container(), "script_starting"),
        (Log().container().script().dump(), "script_starting"),
        (Log().container().script().dump().launching(), "jvm_starting"),
        (Log().start(), "gateway_starting"),
        (Log().submitted(), "submitted"),
        (Log().submitted().connecting(), "connecting"),
        (Log(mode="paper").logged_in(), "logged_in"),
        (Log().logged_in(), "logged_in"),
        (Log().logged_in().stops(), "ended"),
    ],
)
def test_a_stage_is_told_without_an_alarm(log: Log, state: str) -> None:
    found, problem = told(log)
    assert found == state
    assert problem == ("container.stopped" if state == "ended" else None)


def test_a_prompt_is_told_with_its_own_clock() -> None:
    log = Log().submitted(mfa_timeout="240.0").connecting().prompt()
    gateway = scanned(log, 30)
    (one,) = gateway["instances"]
    assert (one["state"], one["problem"]) == ("twofa_pending", "twofa.pending")
    assert one["endpoint"] == "live"
    assert (one["run_kind"], one["attempt_kind"]) == ("full_login", "typed")
    assert one["asks_again"] is False
    prompt = next(line for line in log.lines if "second factor" in line)
    asked = datetime.strptime(prompt[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    assert 239 < (epoch(one["deadline"]) or 0.0) - asked < 241
    assert gateway["controller"] == {"name": "ibcontroller", "version": None}
    assert gateway["family"] == "gnzsnz-ibcontroller"
    assert gateway["gateway_version"] == "10.50.1d"
    assert gateway["settings"]["mfa_timeout"] == "240.0"
    assert gateway["settings"]["password"] == "<set>"
    assert gateway["history"]["login_attempts"] == gateway["history"]["twofa_prompts"] == 1


@pytest.mark.parametrize(
    ("settings", "again"),
    [({}, False), ({"relogin_after_mfa_timeout": "True"}, True), ({"mfa_timeout_action": "restart"}, True)],
)
def test_whether_it_asks_again_is_for_its_settings_to_say(settings: dict[str, str], again: bool) -> None:
    assert instance(Log().submitted(**settings).prompt())["asks_again"] is again


def test_a_good_login_never_looks_like_a_failure_wherever_the_log_ends() -> None:
    whole = Log().logged_in(auto_restart_time="11:45 PM").wait(9000).restarts_daily().resumes().completes()
    for end in range(4, len(whole.lines) + 1):
        part = Log()
        part.lines, part.now = whole.lines[:end], whole.now
        moment = epoch(whole.lines[end - 1].partition(" ")[0])
        scan = Scan(50)
        scan.read([part.text.encode()])
        (one,) = scan.results("some.log", moment, False)[0]["instances"]
        assert one["problem"] in (None, "twofa.pending"), whole.lines[end - 1]
        assert (one["problem"] == "twofa.pending") == (one["state"] == "twofa_pending")


def test_without_stamps_of_docker_durations_are_known_and_times_are_not() -> None:
    log = Log(stamped=False).submitted().prompt().gives_up(EXPIRED).raw(f"error: {EXPIRED}")
    one = instance(log)
    assert (one["state"], one["problem"], one["since"]) == ("ended", "twofa.timed_out", None)


# What goes wrong

EXPIRED = "login did not complete within 180.0s of the 2FA dialog appearing (mfa_timeout)"
UNFINISHED = (
    "login did not complete within 60.0s of second factor authentication completing"
    " (IBC's own SecondFactorAuthenticationExitInterval watchdog)"
)
SILENT = "login did not complete within 180.0s of credentials being submitted, no 2FA dialog seen"
NO_FRAME = "login frame never appeared within 60.0s (expected one of ['IBKR Gateway', 'IB Gateway'])"
REJECTED = "unrecognized username or password"


def ended(log: Log, reason: str) -> Log:
    return log.gives_up(reason).raw(f"error: {reason}")


def refused(log: Log) -> Log:
    return ended(log.says(f"{REJECTED} -- login rejected", level="WARNING"), REJECTED)


@pytest.mark.parametrize(
    ("log", "problem", "code"),
    [
        (ended(Log().submitted().prompt().wait(180), EXPIRED), "twofa.timed_out", 75),
        (ended(Log().submitted().prompt().wait(90), UNFINISHED), "twofa.login_incomplete", 75),
        (refused(Log().submitted().connecting()), "login.credentials_rejected", 77),
        (
            refused(Log().logged_in(auto_restart_time="11:45 PM").restarts_daily().resumes()),
            "login.saved_session_refused",
            77,
        ),
        (
            ended(
                Log().submitted().record("too many failed login attempts -- relogin disabled, stopping"),
                "too many failed login attempts, relogin disabled",
            ),
            "login.throttled",
            77,
        ),
        (ended(Log().submitted().connecting().wait(180), SILENT), "login.auth_silent", 69),
        (ended(Log().submitted().wait(180), SILENT), "login.not_submitted", 69),
        (
            ended(Log().logged_in(auto_restart_time="11:45 PM").restarts_daily().resumes().wait(180), SILENT),
            "login.not_typed",
            69,
        ),
        (ended(Log().submitted().window("Some question").wait(180), SILENT), "login.dialog_blocking", 69),
        (
            Log()
            .container()
            .script()
            .raw("error: credentials not found -- set IBC_USERID and IBC_PASSWORD in the environment"),
            "config.credentials_missing",
            78,
        ),
        (
            Log()
            .container()
            .script()
            .raw("error: IBC_PASSWORD_FILE=/run/secrets/x: [Errno 2] No such file or directory"),
            "config.secret_unreadable",
            78,
        ),
        (
            Log()
            .container()
            .script()
            .raw("error: no gateway installation found (channel='x' under /y) -- set tws_version"),
            "gateway.install_broken",
            78,
        ),
        (
            Log()
            .container()
            .script()
            .raw(
                "error: 1 errors occured while converting the loaded option values",
                "",
                "Edit /home/ibgateway/ibcontroller/"
                "config/ibcontroller.toml (run `ibcontroller init` first if it doesn't exist yet) and set IBC_USERID/IBC_PASSWORD.",
            ),
            "config.value_invalid",
            78,
        ),
        (
            Log()
            .container()
            .script()
            .dump()
            .launching()
            .raw("error: agent process exited (returncode=1) before answering ping on x.sock"),
            "gateway.crashed",
            69,
        ),
    ],
)
def test_an_end_is_told_with_its_cause_and_its_code(log: Log, problem: str, code: int) -> None:
    one = instance(log)
    assert (one["state"], one["problem"]) == ("ended", problem)
    assert one["last_exit"] == {"code": code, "meaning": EXIT_CODES[code]}
    assert scanned(log)["history"]["by_exit_code"] == {str(code): 1}
    assert one["evidence"]


@pytest.mark.parametrize(
    ("log", "after", "state", "problem"),
    [
        (Log().start(), 80, "gateway_starting", None),
        (Log().start(), 100, "gateway_starting", "gateway.login_window_unknown"),
        (Log().start(login_dialog_display_timeout="300.0"), 100, "gateway_starting", None),
        (Log().submitted(), 50, "submitted", None),
        (Log().submitted(), 70, "submitted", "login.not_submitted"),
        (Log().submitted().window("Some question"), 50, "submitted", None),
        (Log().submitted().window("Some question"), 70, "submitted", "login.dialog_blocking"),
        (Log().submitted().window("Re-login is required"), 0, "submitted", "login.dialog_blocking"),
        (Log().submitted().window("Security Code Card Authentication"), 0, "twofa_pending", "twofa.code_required"),
        (Log().submitted().connecting(), 100, "connecting", None),
        (Log().submitted().connecting(), 130, "connecting", "login.auth_silent"),
        (Log().submitted().prompt(), 170, "twofa_pending", "twofa.pending"),
        (
            Log().submitted().says("existing session detected -- manual, leaving for the user"),
            0,
            "existing_session",
            "login.existing_session",
        ),
        (
            Log().submitted().says("existing session detected -- secondary, ending this session"),
            0,
            "submitted",
            "login.existing_session",
        ),
        (
            Log().submitted().says("existing session detected -- second attempt, ending this session"),
            0,
            "submitted",
            "login.existing_session",
        ),
        (
            Log().submitted().says("existing session detected -- first attempt, continuing this session"),
            0,
            "connecting",
            None,
        ),
        (
            Log().logged_in().says("existing session detected -- primary, continuing this session"),
            9999,
            "logged_in",
            None,
        ),
        (
            Log().logged_in().says("existing session detected -- primaryoverride, ending this session"),
            0,
            "logged_in",
            "login.taken_over",
        ),
        (
            Log().submitted().record("too many failed login attempts -- retrying in 290s"),
            9,
            "throttled",
            "login.throttled",
        ),
        (
            Log().submitted().says("login failed -- transient, relaunching"),
            0,
            "submitted",
            "login.credentials_rejected",
        ),
        (
            Log().submitted().says("login error: Login failed - Server disconnected, please try again | OK"),
            0,
            "submitted",
            "login.server_unreachable",
        ),
        (
            Log()
            .submitted()
            .says("Connection to server failed: it has multiple Paper Trading users associated with it"),
            0,
            "submitted",
            "login.credentials_rejected",
        ),
        (
            Log()
            .logged_in(auto_restart_time="11:45 PM")
            .restarts_daily()
            .resumes()
            .says(
                "Connection to server failed: The security tokens associated with your login credentials have expired"
            ),
            0,
            "gateway_starting",
            "login.saved_session_refused",
        ),
        (
            Log().logged_in().record("agent process exited on its own (returncode=-9)"),
            0,
            "logged_in",
            "gateway.crashed",
        ),
        (
            Log().logged_in().says("incoming API connection -- manual, leaving for the user"),
            9,
            "logged_in_blocked",
            "login.dialog_blocking",
        ),
        (Log().logged_in().says("incoming API connection -- accepted"), 9, "logged_in", None),
        (Log().logged_in().window("Login Messages"), 9, "logged_in_blocked", "login.dialog_blocking"),
        (Log().logged_in().window("Some news"), 9999, "logged_in", None),
        (
            Log().logged_in().window("Connecting to server...", "a.B"),
            9999,
            "logged_in",
            None,
        ),  # nothing says when it is back
        (Log().submitted().window("Some question").completes(), 9999, "logged_in", None),
        (Log().logged_in().says("invalid cold_restart_time -- ignoring"), 0, "logged_in", "config.value_invalid"),
        (Log().logged_in().restarts_daily(), 0, "shutting_down", None),  # no daily restart is set
        (Log().logged_in(auto_restart_time="11:45 PM").restarts_daily(), 0, "auto_restarting", None),
        (Log().logged_in(auto_restart_time="11:45 PM").cancelled(), 0, "ended", "container.stopped"),
        (Log().logged_in().restarts_daily().raw("stopped: PROCESS_CLOSED"), 0, "ended", "gateway.stopped_by_schedule"),
        (
            Log().logged_in(auto_restart_time="11:45 PM").restarts_daily().raw("stopped: PROCESS_CLOSED"),
            0,
            "ended",
            "gateway.stopped_by_schedule",
        ),
        (Log().logged_in().stops().container(), 0, "script_starting", None),
    ],
)
def test_a_state_is_judged_by_what_it_is_and_by_silence(
    log: Log, after: float, state: str, problem: str | None
) -> None:
    assert told(log, after) == (state, problem)


def test_a_wait_that_ibkr_imposed_is_over_at_its_time() -> None:
    log = Log().submitted(relogin_after_mfa_timeout="True").record("too many failed login attempts -- retrying in 290s")
    said = log.now.timestamp()
    one = instance(log, 5)
    assert epoch(one["deadline"]) == pytest.approx(said + 290, abs=1)
    assert told(log.wait(290).credentials().connecting().prompt()) == ("twofa_pending", "twofa.pending")


def test_a_window_that_nobody_handles_is_named() -> None:
    one = instance(Log().submitted().window("Some question"), 70)
    assert one["open_windows"] == ["Some question"]
    assert any("Some question" in line["quote"] for line in one["evidence"])
    assert instance(Log().submitted().window("Some question").completes())["open_windows"] == []


# From one run to the next


def test_the_daily_restart_keeps_its_session_and_its_settings() -> None:
    log = Log().logged_in(auto_restart_time="11:45 PM", relogin_after_mfa_timeout="True").wait(40000).restarts_daily()
    one = instance(log.resumes())
    assert (one["state"], one["problem"]) == ("auto_restarting", None)
    assert (one["run_kind"], one["attempt_kind"]) == ("saved_session", "saved_session")
    assert one["asks_again"] is True
    gateway = scanned(log.completes())
    assert gateway["settings"]["auto_restart_time"] == "11:45 PM"
    history = gateway["history"]
    assert (history["runs"], history["login_attempts"], history["logins_completed"]) == (2, 1, 2)
    assert history["controller_restarts"] == 1
    assert history["last_full_login_at"] < history["last_login_at"]


def test_a_cold_restart_is_a_full_login() -> None:
    log = Log().logged_in().says("scheduled shutdown fired: COLD_RESTART", module="control_loop")
    log.state("READY", "SHUTTING_DOWN").says("control loop cycle stopped: COLD_RESTART")
    log.relaunches("cold_restart_time reached -- relaunching with a full fresh login (no restart hash)")
    assert told(log) == ("cold_restarting", None)
    one = instance(log.launched().window("IBKR Gateway").credentials())
    assert (one["state"], one["problem"], one["run_kind"]) == ("submitted", None, "full_login")


@pytest.mark.parametrize(
    ("reason", "why", "problem"),
    [
        (
            NO_FRAME,
            f"login frame never appeared -- relaunching (restart hash=None): {NO_FRAME}",
            "gateway.login_window_unknown",
        ),
        (EXPIRED, f"mfa_timeout_action=restart -- relaunching with a full fresh login: {EXPIRED}", "twofa.timed_out"),
        (
            "login failed; server disconnected",
            "transient login failure -- relaunching with a full fresh login: login failed; server disconnected",
            "login.credentials_rejected",
        ),
    ],
)
def test_a_run_that_the_controller_began_because_the_last_one_failed_continues_it(
    reason: str, why: str, problem: str
) -> None:
    log = Log().submitted() if reason != NO_FRAME else Log().start()
    if reason == EXPIRED:
        log.prompt().wait(180)
    elif reason != NO_FRAME:
        log.says("login failed -- transient, relaunching")
    log.gives_up(reason).relaunches(why)
    before = told(log)
    log.launched()
    one = instance(log)
    assert before[0] == "cold_restarting"
    assert (one["state"], one["problem"]) == ("gateway_starting", problem)
    assert one["previous"]["problem"] is not None
    assert scanned(log)["history"]["controller_restarts"] == 1
    assert told(log.window("IBKR Gateway").credentials().connecting().prompt().completes()) == ("logged_in", None)


def test_both_modes_are_told_apart() -> None:
    live, paper = Log().container().script().dump(), Log(mode="paper")
    live.launched().window("IBKR Gateway").credentials()
    paper.now = live.wait(5).now
    paper.script().dump(mfa_timeout="99.0").launched()
    live.lines += paper.lines
    live.now = paper.now
    live.connecting().prompt()
    paper.lines, paper.now = [], live.now
    paper.window("IBKR Gateway").credentials().connecting().completes()
    live.lines += paper.lines
    live.now = paper.now
    seen = {one["endpoint"]: (one["state"], one["problem"]) for one in scanned(live)["instances"]}
    assert seen == {"live": ("twofa_pending", "twofa.pending"), "paper": ("logged_in", None)}
    paper.lines, paper.now = [], live.now
    paper.record("agent process exited on its own (returncode=0)")
    paper.relaunches(
        "Gateway restarted on its own schedule (autorestart marker present at /x, hash=abcdefabcdef) -- relaunching"
    )
    paper.launching("abcdefabcdef")
    live.lines += paper.lines
    live.now = paper.now
    seen = {one["endpoint"]: (one["state"], one["problem"]) for one in scanned(live)["instances"]}
    assert seen["live"] == ("twofa_pending", "twofa.pending")
    assert seen["paper"][0] == "jvm_starting"


def test_settings_that_came_only_when_the_controller_ended_begin_no_run() -> None:
    log = Log().container().script()
    log.launched().window("IBKR Gateway").credentials()
    refused(log).dump()
    gateway = scanned(log)
    (one,) = gateway["instances"]
    assert (one["state"], one["problem"]) == ("ended", "login.credentials_rejected")
    assert gateway["settings"]["trading_mode"] == "live"


def test_a_process_that_no_script_starts_begins_a_run_of_its_own() -> None:
    log = Log().dump().launched().window("IBKR Gateway").credentials().completes().wait(60).cancelled().wait(300)
    log.raw("IBController > loaded from dotenv (override=False)")
    log.raw("error: credentials not found -- set IBC_USERID and IBC_PASSWORD in the environment")
    assert told(log) == ("ended", "config.credentials_missing")


def test_a_log_that_begins_in_the_middle_is_understood_from_there() -> None:
    log = Log().logged_in()
    log.lines = log.lines[next(number for number, line in enumerate(log.lines) if "credentials submitted" in line) :]
    assert told(log) == ("logged_in", None)


def test_java_that_refuses_its_heap_is_told() -> None:
    log = (
        Log()
        .container()
        .script()
        .dump()
        .says(
            "launching instance gateway-live (live)",
            "launch command for gateway-live: ['/opt/jre/bin/java', '-Xmx1024', '-cp']",
        )
    )
    assert told(log.raw("error: agent process exited (returncode=1) before answering ping on x")) == (
        "ended",
        "config.heap_invalid",
    )


def test_what_older_versions_print_in_clear_never_leaves() -> None:
    env = {
        "IBC_PASSWORD_PAPER": "hunter2hunter2",
        "IBC_USERID_PAPER": "someuser77",
        "IBC_PASSWORD_FILE": "/run/secrets/pw",
    }
    log = Log().container().script().dump(env).launched().window("for someuser77").credentials()
    log.says("login error: hunter2hunter2 of someuser77 is wrong | OK").gives_up("someuser77").logged_in(
        auto_restart_time="1"
    )
    log.restarts_daily().resumes()
    told_all = json.dumps(scanned(log))
    for secret in ("hunter2", "someuser77", HASH):
        assert secret not in told_all


# What a person is told


def judged(log: Log, after: float = 0.0) -> Verdict:
    scan = Scan(50)
    scan.read([log.text.encode()])
    gateways = scan.results("some.log", epoch(log.as_of(after)), False)
    result = {"available": True, "gateways": gateways}
    (verdict,) = verdicts_of_log("some.log", result, log.now)
    return verdict


@pytest.mark.parametrize(
    ("log", "code", "remedy", "words"),
    [
        (Log().submitted().prompt(), "twofa.pending", "ask_person", "Approve the login"),
        (
            ended(Log().submitted().prompt().wait(180), EXPIRED),
            "twofa.timed_out",
            "ask_person",
            "IBC_RELOGIN_AFTER_MFA_TIMEOUT=yes",
        ),
        (
            ended(Log().submitted().prompt().wait(90), UNFINISHED),
            "twofa.login_incomplete",
            "restart",
            "IBC_MFA_EXIT_INTERVAL",
        ),
        (refused(Log().submitted()), "login.credentials_rejected", "ask_person", "IBC_USERID"),
        (
            refused(Log().logged_in(auto_restart_time="11:45 PM").restarts_daily().resumes()),
            "login.saved_session_refused",
            "restart",
            "IBC_COLD_RESTART_TIME",
        ),
        (
            Log().submitted().says("existing session detected -- manual, leaving for the user"),
            "login.existing_session",
            "ask_person",
            "IBC_EXISTING_SESSION_ACTION=primary",
        ),
        (
            Log()
            .container()
            .script()
            .raw("error: credentials not found -- set IBC_USERID and IBC_PASSWORD in the environment"),
            "config.credentials_missing",
            "ask_person",
            "IBC_PASSWORD_FILE",
        ),
        (
            Log().container().script().raw(".> Invalid IBC_TRADING_MODE: Live"),
            "config.trading_mode_invalid",
            "ask_person",
            "IBC_TRADING_MODE",
        ),
        (
            Log().logged_in().restarts_daily().raw("stopped: PROCESS_CLOSED"),
            "gateway.stopped_by_schedule",
            "start",
            "IBC_AUTO_RESTART_TIME",
        ),
    ],
)
def test_the_verdict_speaks_of_this_image(log: Log, code: str, remedy: str, words: str) -> None:
    leading = judged(log).leading
    assert leading is not None
    assert (leading.finding.code, leading.remedy) == (code, remedy)
    said = " ".join((*leading.proof.fix, leading.proof.summary))
    assert words in said
    for foreign in ("TWS_USERID", "TWS_PASSWORD", "TWOFA_", "TWS_COLD", "SESSION_DETECTED", "IbLoginId"):
        assert foreign not in said
    assert " TRADING_MODE" not in said
    assert " AUTO_RESTART_TIME" not in said
