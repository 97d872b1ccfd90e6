# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ibcontroller's words: what is a message, what is not, and what its logs tell of a login."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibcontroller import FAMILY
from ansible_collections.ibgw.ops.plugins.module_utils.grammars import exit_codes
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import rules
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibcontroller import IbController
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.surroundings import ANYBODYS, GATEWAYS
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import Verdict, judge, verdicts_of_log
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibcontroller_log import HASH, Log
from ansible_collections.ibgw.ops.tests.unit.plugin_utils.findings.scene import GATEWAY, NO_BACKEND, at, case, merged

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
    assert IbController.exit_meaning(code) == FAMILY.exit_codes[code] == exit_codes.IBCONTROLLER[code]


# What ibcontroller and its image are known to print, and what it means: nothing is a row like any other.

SAID = (
    ("IBController > launching instance gateway-paper (paper)", "jvm_started"),
    ("IBController > launch command for gateway-paper: ['/opt/jre/bin/java', '-Xmx768m']", None),
    ("IBController > auto-detected gateway version: 10.50.1d", "gateway_version"),
    (
        (
            "IBController > multiple gateway installations found under /home/ibgateway/Jts (10.45, 10.50) -- "
            "using 10.50 (the greatest)"
        ),
        "gateway_version",
    ),
    (
        (
            "renamed /home/ibgateway/Jts/ibgateway/10.50.1d/ibgateway -> "
            "/home/ibgateway/Jts/ibgateway/10.50.1d/ibgateway-1 to prevent ibgateway's own restart logic from "
            "relaunching itself outside ibcontroller's control"
        ),
        None,
    ),
    ("IBController > instance gateway-paper ready, pid=57", "session_full"),
    ("instance gateway-paper never became ready, terminating", None),
    ("IBController > startup state: LOGGING_IN -> APPLYING_SETTINGS", None),
    ("IBController > startup state: LAUNCHING -> LOGGING_IN", "gateway_called"),
    ("IBController > startup state: LOGGING_IN -> APPLYING_SETTINGS", None),
    ("IBController > startup state: APPLYING_SETTINGS -> READY", "configured"),
    ("IBController > startup state: READY -> SHUTTING_DOWN", "stopping"),
    ("IBController > credentials submitted, awaiting outcome", "login_attempt"),
    ("IBController > restart_expected flag -- skipping credential fill", "typing_skipped"),
    ("IBController > second factor authentication in progress", "twofa_initiated"),
    ("IBController > re-login after second factor authentication timeout not required", "twofa_expired"),
    ("IBController > re-login after second factor authentication timeout in 5.0s", "twofa_relogin"),
    ("IBController > login completed", "login_completed"),
    ("IBController > login completed, state=LoginState.LOGGED_IN", None),
    ("IBController > existing session detected -- manual, leaving for the user", "session_asked"),
    ("IBController > existing session detected -- secondary, ending this session", "session_yielded"),
    ("IBController > existing session detected -- first attempt, continuing this session", "session_continued"),
    ("IBController > existing session detected -- second attempt, ending this session", "session_yielded"),
    ("IBController > existing session detected -- primary, continuing this session", "session_continued"),
    ("IBController > existing session detected -- primaryoverride, ending this session", "session_taken"),
    ("IBController > incoming API connection -- manual, leaving for the user", "window"),
    ("IBController > login failed -- transient, relaunching", "login_failed"),
    ("IBController > login error: Login failed - Server disconnected, please try again | OK", "login_error"),
    ("IBController > unrecognized username or password -- login rejected", "refused"),
    (
        (
            "IBController > Connection to server failed: The security tokens associated with your login "
            "credentials have expired"
        ),
        "dialog_text",
    ),
    ("too many failed login attempts -- retrying in 290s", "throttled"),
    ("too many failed login attempts -- relogin disabled, stopping", "throttled"),
    ("dismissed non_brokerage_account (declarative rule)", None),
    ("unhandled unprompted window: javax.swing.JDialog 'Re-login is required'", "relogin_asked"),
    (
        (
            "IBController > settings: could not load /home/ibgateway/ibcontroller/config/ibkr_settings.toml -- "
            "continuing with built-in settings only: file not found"
        ),
        None,
    ),
    ("IBController > settings: skipping API/Settings (read_only_api) -- value resolved to None", None),
    ("IBController > settings: applying API/Settings (Read-Only API) toggle = False", None),
    (
        "IBController > settings: entry Lock and Exit (None) failed -- skipping: element not found",
        "setting_not_applied",
    ),
    ("IBController > declarative settings application failed -- continuing without them", "setting_not_applied"),
    ("IBController > declarative settings applied (built-in only)", None),
    ("IBController > scheduled COLD_RESTART at 2026-09-27 07:05:00 (in 30267s)", None),
    ("IBController > scheduled shutdown fired: TIDY_CLOSEDOWN", "stopping"),
    ("IBController > invalid cold_restart_time -- ignoring", "value_ignored"),
    (
        (
            "IBController > login frame never appeared -- relaunching (restart hash=None): login frame never "
            "appeared within 60.0s (expected one of ['IBKR Gateway', 'IB Gateway', 'Interactive Brokers "
            "Gateway'])"
        ),
        "restart_announced",
    ),
    (
        (
            "IBController > mfa_timeout_action=restart -- relaunching with a full fresh login: login did not "
            "complete within 180.0s of the 2FA dialog appearing (mfa_timeout)"
        ),
        "restart_announced",
    ),
    (
        (
            "IBController > transient login failure -- relaunching with a full fresh login: login failed; server "
            "disconnected"
        ),
        "restart_announced",
    ),
    (
        "IBController > cold_restart_time reached -- relaunching with a full fresh login (no restart hash)",
        "restart_announced",
    ),
    (
        (
            "Gateway restarted on its own schedule (autorestart marker present at /home/ibgateway/tws_settings, "
            "hash=nlabafcdedmocmpm) -- relaunching"
        ),
        "session_kept",
    ),
    ("agent process exited on its own (returncode=-9)", "gateway_lost"),
    (
        "dispatcher background task ended unexpectedly, process still alive: <Task finished name='Task-9'>",
        "gateway_lost",
    ),
    ("IBController > PROCESS_EXITED during LOGGING_IN -- aborting this cycle", "gateway_lost"),
    ("IBController > cycle aborted: unrecognized username or password", "gave_up"),
    ("IBController > control loop cycle aborted by an unhandled exception", "gateway_lost"),
    ("IBController > control loop cycle stopped: PROCESS_CLOSED", None),
    ("IBController > control loop stop requested (task cancelled)", "stopped_from_outside"),
    ("IBController > shut down cleanly via File/Close (returncode=0)", None),
    ("IBController > clean shutdown via File/Close did not exit within 15.0s -- terminating", None),
    ("IBController > shutting down (never logged in) -- terminating directly", None),
    ("IBController > process did not exit within 5.0s of SIGTERM -- killing", None),
)

WHOLE_LINES = (
    (
        (
            "2026-09-26 22:40:32,372 INFO ibcontroller.control_loop: IBController > startup state: LAUNCHING -> "
            "LOGGING_IN"
        ),
        "gateway_called",
    ),
    ("IBController > env IBC_TRADING_MODE=paper", None),
    ("IBController > config existing_session_action=primary", "settings"),
    ("IBController > loaded from dotenv (override=False)", "script_began"),
    ("stopped: PROCESS_EXITED", "controller_ended"),
    ("error: credentials not found -- set IBC_USERID and IBC_PASSWORD in the environment", "controller_ended"),
    (
        (
            "error: /home/ibgateway/ibcontroller/config/ibcontroller.toml: credentials must not be set in the "
            "config file (userid found) -- use environment variables instead (IBC_USERID/IBC_PASSWORD, each also "
            "accepting a _FILE-suffixed variant)"
        ),
        "controller_ended",
    ),
    (
        (
            "error: IBC_PASSWORD_FILE=/run/secrets/tws_password: [Errno 2] No such file or directory: "
            "'/run/secrets/tws_password'"
        ),
        "controller_ended",
    ),
    (
        (
            "error: no gateway installation found (channel='stable' under /home/ibgateway/Jts) -- set "
            "tws_version explicitly, or check tws_path/tws_channel"
        ),
        "controller_ended",
    ),
    (
        "error: no bundled java executable found (looked under /home/ibgateway/Jts/ibgateway/10.50.1d/.install4j)",
        "controller_ended",
    ),
    (
        (
            "error: agent at /home/ibgateway/ibcontroller/run/ibcontroller-agent-gateway-paper-cmd.sock did not "
            "respond to ping within 30.0s"
        ),
        "controller_ended",
    ),
    (
        (
            "error: agent process exited (returncode=1) before answering ping on "
            "/home/ibgateway/ibcontroller/run/ibcontroller-agent-gateway-paper-cmd.sock"
        ),
        "controller_ended",
    ),
    (
        (
            "java.lang.IllegalStateException: Refusing to start: "
            "/home/ibgateway/ibcontroller/run/ibcontroller-agent-gateway-live-cmd.sock already has a live "
            "listener -- another ibcontroller agent instance is using this --instance name."
        ),
        "value_refused",
    ),
    (
        "error: ibcontroller-agent.jar not found at /opt/python/lib/ibcontroller-agent.jar -- build it first",
        "controller_ended",
    ),
    ("error: unrecognized username or password", "controller_ended"),
    ("error: too many failed login attempts, relogin disabled", "controller_ended"),
    ("error: login did not complete within 180.0s of the 2FA dialog appearing (mfa_timeout)", "controller_ended"),
    (
        (
            "error: login did not complete within 60.0s of second factor authentication completing (IBC's own "
            "SecondFactorAuthenticationExitInterval watchdog)"
        ),
        "controller_ended",
    ),
    (
        "error: login did not complete within 180.0s of credentials being submitted, no 2FA dialog seen",
        "controller_ended",
    ),
    (
        (
            "Edit /home/ibgateway/ibcontroller/config/ibcontroller.toml (run `ibcontroller init` first if it "
            "doesn't exist yet) and set IBC_USERID/IBC_PASSWORD."
        ),
        None,
    ),
    (".> Starting ibcontroller/IB gateway", "container_started"),
    (".> Launching ibcontroller/TWS service", None),
    (".> Starting ibcontroller in paper mode, with params:", "script_started"),
    (".>\t\tmfa-timeout-action: exit", None),
    (".> Invalid IBC_TRADING_MODE: Live", "mode_invalid"),
    (".> Stopping ibcontroller.", "stopped_from_outside"),
    (".> 😘 Received SIGINT or SIGTERM. Shutting down TWS.", "stopped_from_outside"),
    ("Error: Timed out waiting for /var/run/xrdp/sockdir/sesman.socket!", "display_missing"),
)


@pytest.mark.parametrize(("text", "expected"), [*((STAMP + text, kind) for text, kind in SAID), *WHOLE_LINES])
def test_every_known_line_is_an_event_or_knowingly_nothing(text: str, expected: str | None) -> None:
    assert kind(text) == expected


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
    assert (one["second_factor"]["window"], one["second_factor"]["open"]) == ("Second Factor Authentication", True)
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


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_a_good_login_never_looks_like_a_failure_wherever_the_log_ends(mode: str) -> None:
    whole = Log(mode).logged_in(auto_restart_time="11:45 PM").wait(9000).restarts_daily().resumes().completes()
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


def relaunched(log: Log, reason: str) -> Log:
    why = "mfa_timeout_action=restart" if reason == EXPIRED else "transient login failure"
    return log.gives_up(reason).relaunches(f"{why} -- relaunching with a full fresh login: {reason}").launched()


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
                "Edit /home/ibgateway/ibcontroller/config/ibcontroller.toml (run `ibcontroller init` first) and"
                " set IBC_USERID/IBC_PASSWORD.",
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
    assert one["last_exit"] == {"code": code, "meaning": exit_codes.IBCONTROLLER[code]}
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


def test_settings_that_were_told_weeks_ago_are_in_effect() -> None:
    log = Log().logged_in(auto_restart_time="11:45 PM", relogin_after_mfa_timeout="True")
    for _day in range(6):
        log.wait(86000).restarts_daily().resumes().connecting().completes()
    gateway = scanned(log.wait(86000).restarts_daily())
    (one,) = gateway["instances"]
    assert (one["state"], one["problem"], one["asks_again"]) == ("auto_restarting", None, True)
    assert gateway["settings"]["auto_restart_time"] == "11:45 PM"
    assert (gateway["history"]["runs"], gateway["history"]["logins_completed"]) == (7, 7)


@pytest.mark.parametrize("stamped", [True, False])
def test_what_logins_cost_is_counted_over_any_length(stamped: bool) -> None:
    log = Log(stamped=stamped)
    for _start in range(5):
        log.logged_in(auto_restart_time="11:45 PM").wait(40000).restarts_daily().resumes().connecting().completes()
        log.stops().wait(60)
        refused(log.start().credentials()).wait(60)
    history = scanned(log.logged_in())["history"]
    assert history["login_attempts"] == 11
    assert (history["twofa_prompts"], history["unanswered_prompts"]) == (6, 0)
    assert history["logins_completed"] == 11
    assert (history["runs"], history["controller_restarts"]) == (16, 5)
    assert history["by_exit_code"] == {"0": 5, "77": 5}


def test_a_container_that_was_made_anew_has_its_own_settings() -> None:
    log = Log().logged_in(relogin_after_mfa_timeout="True").wait(60).stops().wait(600)
    log.container().script().launched().window("IBKR Gateway").credentials().prompt()
    assert instance(log)["asks_again"] is None


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


def test_a_log_that_is_written_elsewhere_tells_only_how_it_ended() -> None:
    log = Log().container().script().dump(log_sink="file").wait(900)
    gateway = scanned(log)
    assert (gateway["instances"][0]["state"], gateway["instances"][0]["problem"]) == ("unknown", None)
    assert gateway["settings"]["userid"] == "<set>"
    assert "file of its own" in judged(log).summary
    assert told(log.raw(f"error: {EXPIRED}")) == ("ended", "twofa.timed_out")


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
        (Log().submitted().prompt(), "twofa.pending", "ask_person", "approve the login"),
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


#: Variables of the images with IBC, which this one does not read, and its own.
OF_IBC = GATEWAY["container"]["environment"]
OF_IBCONTROLLER = {"IBC_TRADING_MODE": "live", "IBC_USERID": "<set>", "IBC_PASSWORD_FILE": "/run/secrets/password"}


def in_container(log: Log, **container: Any) -> Verdict:
    """The verdict on the container that wrote `log`, whose API answers nobody."""
    gateway = scanned(log)
    ends = log.now.timestamp()
    runs = [{**one, "since": at(ends - (epoch(one["since"]) or ends))} for one in gateway.pop("instances")]
    return judge(
        case(
            gateway={
                "family": {"name": "gnzsnz-ibcontroller", "controller": "ibcontroller"},
                "ports": [{"container_port": 4003, "host_ip": "127.0.0.1", "host_port": 4001, "role": "relay"}],
            },
            container=merged({"environment": {**dict.fromkeys(OF_IBC), **OF_IBCONTROLLER}}, container),
            log={**gateway, "name": "ib-gateway"},
            runs=runs,
            api={**NO_BACKEND, "port": 4001, "endpoint": "live"},
            declared={"trading_mode": "live"},
        )
    )


@pytest.mark.parametrize(
    ("log", "container", "code", "remedy"),
    [
        (
            refused(Log().submitted()),
            {"status": "restarting", "exit_code": 77},
            "login.credentials_rejected",
            "stop_to_protect_account",
        ),
        (
            refused(Log().submitted()),
            {"status": "exited", "exit_code": 77, "restart_policy": "no"},
            "login.credentials_rejected",
            "ask_person",
        ),
        (
            refused(Log().submitted()).container().script().dump().launched(),
            {"status": "running"},
            "login.credentials_rejected",
            "stop_to_protect_account",
        ),
        (
            relaunched(
                Log().submitted().says("login failed -- transient, relaunching"), "login failed; server disconnected"
            ),
            {"status": "running"},
            "login.credentials_rejected",
            "stop_to_protect_account",
        ),
        (
            ended(Log().submitted().prompt(), EXPIRED),
            {"status": "exited", "exit_code": 75},
            "twofa.timed_out",
            "ask_person",
        ),
        (
            relaunched(Log().submitted(mfa_timeout_action="restart").prompt(), EXPIRED),
            {"status": "running"},
            "twofa.retrying",
            "ask_person",
        ),
        (
            Log()
            .container()
            .script()
            .raw("error: credentials not found -- set IBC_USERID and IBC_PASSWORD in the environment"),
            {"status": "restarting", "exit_code": 78},
            "config.credentials_missing",
            "ask_person",
        ),
        (
            Log().logged_in().record("agent process exited on its own (returncode=-9)").raw("stopped: PROCESS_EXITED"),
            {"status": "exited", "exit_code": 69},
            "gateway.crashed",
            "restart",
        ),
        (Log().logged_in().stops(), {"status": "exited", "exit_code": 0}, "container.stopped", "ask_person"),
        (
            ended(Log().submitted().connecting(), SILENT),
            {"status": "exited", "exit_code": 69},
            "login.auth_silent",
            "ask_person",
        ),
        (ended(Log().submitted(), SILENT), {"status": "exited", "exit_code": 69}, "login.not_submitted", "restart"),
        (
            ended(Log().submitted().window("Some question"), SILENT),
            {"status": "exited", "exit_code": 69},
            "login.dialog_blocking",
            "ask_person",
        ),
    ],
)
def test_what_may_be_done_about_a_container(log: Log, container: dict[str, Any], code: str, remedy: str) -> None:
    leading = in_container(log, **container).leading
    assert leading is not None
    assert (leading.finding.code, leading.remedy) == (code, remedy)
