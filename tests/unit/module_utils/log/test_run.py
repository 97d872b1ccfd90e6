# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what a log says to where the login stands: one row per rule, and beside it its nearest neighbour."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.log.standing import Standing, standing
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log


def stands(log: Log, after: float = 0.0) -> Standing:
    """How the newest run of `log`'s only instance stands, `after` seconds of silence."""
    scan = Scan(50)
    scan.read([log.text.encode()])
    service = scan.services[None]
    (run,) = service.instances.runs
    last = service.reader.grammar.last_moment[1]
    return standing(run, None if last is None else last + after)


Build = Callable[[], Log]

UNRECOGNIZED = "Unrecognized Username or Password"
OLD_TIME = {"AutoRestartTime": "11:45 PM"}


@pytest.mark.parametrize(
    ("build", "silence", "state", "problem"),
    [
        # starting
        (lambda: Log().container(), 0, "script_starting", None),
        (lambda: Log().container().script(), 0, "script_starting", None),
        (lambda: Log().container().script().raw("Starting Gateway with this command:"), 0, "jvm_starting", None),
        (lambda: Log().start(), 0, "gateway_starting", None),
        (lambda: Log().start(), 50, "gateway_starting", None),
        (lambda: Log().start(), 100, "gateway_starting", "gateway.login_window_unknown"),
        (lambda: Log().start().frame("IBKR-Gateway"), 5, "gateway_starting", None),
        (lambda: Log().start().frame("IBKR-Gateway"), 20, "gateway_starting", "gateway.login_window_unknown"),
        # the login window
        (lambda: Log().start().login_window(), 0, "login_window", None),
        (lambda: Log().start().login_window(), 20, "login_window", "config.credentials_missing"),
        (lambda: Log().start(IbPassword="").login_window(), 0, "login_window", "config.credentials_missing"),
        (lambda: Log().submitted(), 10, "submitted", None),
        (lambda: Log().submitted(), 70, "submitted", "login.not_submitted"),
        (lambda: Log().submitted().connecting(), 60, "connecting", None),
        (lambda: Log().submitted().connecting(), 130, "connecting", "login.auth_silent"),
        (lambda: Log().submitted().authenticating(), 130, "authenticating", "login.auth_silent"),
        (
            lambda: (
                Log()
                .submitted()
                .connecting()
                .frame("Attempt 1: Connecting to server (trying for another 30 seconds)...")
            ),
            0,
            "connecting",
            None,
        ),
        (
            lambda: Log().submitted().connecting().frame("Attempt 4: connection error..."),
            0,
            "connecting",
            "login.server_unreachable",
        ),
        (
            lambda: Log().submitted().frame("Attempt 4: connection error...").frame("Attempt 5: Authenticating..."),
            0,
            "authenticating",
            None,
        ),
        # the second factor
        (lambda: Log().submitted().connecting().prompt(), 0, "twofa_pending", "twofa.pending"),
        (lambda: Log().submitted().connecting().prompt(), 600, "twofa_pending", "twofa.pending"),
        (lambda: Log().submitted().window("Second Factor Authentication"), 1, "twofa_pending", "twofa.pending"),
        (
            lambda: Log().submitted().window("Second Factor Authentication"),
            9,
            "twofa_pending",
            "twofa.device_not_chosen",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .window("Second Factor Authentication")
                .block("could not find second factor device 'IB Key' in the list")
            ),
            0,
            "device_choice",
            "twofa.device_not_chosen",
        ),
        (lambda: Log().submitted().prompt().prompt_closes(8, 12), 0, "loading", None),
        (lambda: Log().submitted().prompt().prompt_closes(8, 12), 200, "loading", "twofa.login_incomplete"),
        (
            lambda: (
                Log()
                .submitted()
                .prompt()
                .prompt_closes(181, 185)
                .ibc("Re-login after second factor authentication timeout not required")
            ),
            0,
            "login_window",
            "twofa.timed_out",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .prompt()
                .prompt_closes(181, 185)
                .ibc("Re-login after second factor authentication timeout in 5 second")
            ),
            0,
            "twofa_retrying",
            "twofa.retrying",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .prompt()
                .prompt_closes(181, 185)
                .ibc("Re-login after second factor authentication timeout in 5 second")
                .attempt(2)
                .prompt()
            ),
            0,
            "twofa_pending",
            "twofa.retrying",
        ),
        # logged in, and what looks like it
        (lambda: Log().logged_in(), 0, "logged_in", None),
        (lambda: Log(mode="paper").logged_in(), 86400 * 3, "logged_in", None),
        (
            lambda: Log().submitted().connecting().frame("Loading...").ibc("Found Gateway main window"),
            0,
            "connecting",
            None,
        ),
        (
            lambda: Log().logged_in().ibc("Login has completed: exiting via [File, Close] menu"),
            0,
            "shutting_down",
            None,
        ),
        (lambda: Log().logged_in().window("Login Messages"), 0, "logged_in_blocked", "login.dialog_blocking"),
        (lambda: Log().logged_in().window("Login Messages").window("Login Messages", "Closed"), 9, "logged_in", None),
        (lambda: Log().logged_in().window("IBKR Gateway"), 9, "logged_in_blocked", "login.dialog_blocking"),
        (lambda: Log().logged_in().window("IBKR Gateway"), 1, "logged_in", None),
        (lambda: Log().logged_in().frame("API Logs - client 7 (Login failed)"), 99, "logged_in", None),
        (lambda: Log().logged_in().frame("Connecting to server..."), 0, "connection_lost", "ibkr.disconnected"),
        (
            lambda: Log().logged_in().frame("Connecting to server...").frame("Starting application...", "Closed"),
            0,
            "logged_in",
            None,
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .block('Auto restart time setting must be hh:mm AM or hh:mm PM, for example "09:30 AM"')
            ),
            0,
            "logged_in",
            "config.value_invalid",
        ),
        # refused: the attempt decides
        (
            lambda: Log().submitted().authenticating().window(UNRECOGNIZED),
            0,
            "authenticating",
            "login.credentials_rejected",
        ),
        (
            lambda: Log().logged_in().shuts_down().resumes().connecting().window(UNRECOGNIZED),
            0,
            "connecting",
            "login.saved_session_refused",
        ),
        (
            lambda: Log().logged_in().window("Re-login is required").ibc("Re-login to session").window(UNRECOGNIZED),
            0,
            "relogin",
            "login.saved_session_refused",
        ),
        (lambda: Log().submitted().ibc("Login failed"), 0, "submitted", "login.credentials_rejected"),
        (
            lambda: (
                Log()
                .submitted()
                .window("Login Error")
                .ibc("Login error message:")
                .raw("Soft token=0 received instead of expected permanent for ndc1:4001")
            ),
            0,
            "submitted",
            "login.saved_session_refused",
        ),
        (
            lambda: (
                Log().submitted().window("Login Error").ibc("Login error message:").raw("Your account has been locked.")
            ),
            0,
            "submitted",
            "login.account_locked",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .window("IBKR Gateway")
                .ibc("Connection to server failed: Server disconnected, please try again")
            ),
            0,
            "submitted",
            "login.server_unreachable",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .ibc(
                    "Too many failed login attempts. Please wait 4 minutes & 47 seconds before attempting to re-login again."
                )
            ),
            0,
            "throttled",
            "login.throttled",
        ),
        # a stale autorestart file: nothing is typed
        (
            lambda: (
                Log()
                .container()
                .script()
                .jvm(saved=True)
                .frame("IBKR Gateway")
                .ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
            ),
            30,
            "login_window",
            "login.not_typed",
        ),
        # another session
        (
            lambda: (
                Log()
                .submitted()
                .window("Existing session detected")
                .ibc("End this session and let the other session proceed (scenario 2)")
            ),
            0,
            "existing_session",
            "login.existing_session",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .window("Existing session detected")
                .ibc("Don't know the type of the other session, so continue this one (scenario 3)")
                .window("Existing session detected", "Closed")
            ),
            0,
            "connecting",
            None,
        ),
        (  # a gateway that keeps its session has nothing to log in again
            lambda: (
                Log()
                .logged_in()
                .window("Existing session detected")
                .ibc("Continue this session and let the other session exit (scenario 5)")
                .window("Existing session detected", "Closed")
            ),
            600,
            "logged_in",
            None,
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .frame("Connecting to server...")
                .window("Existing session detected")
                .ibc("Continue this session and let the other session exit (scenario 5)")
                .window("Existing session detected", "Closed")
            ),
            600,
            "connection_lost",
            "ibkr.disconnected",
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .frame("Connecting to server...")
                .window("Existing session detected")
                .ibc("Continue this session and let the other session exit (scenario 5)")
                .window("Existing session detected", "Closed")
                .frame("Starting application...", "Closed")
            ),
            600,
            "logged_in",
            None,
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .window("Existing session detected")
                .ibc(
                    "Other session may be primary, so end this session and let the other one proceed (scenario 6)",
                )
            ),
            0,
            "existing_session",
            "login.taken_over",
        ),
        # restarts and ends
        (lambda: Log().logged_in(**OLD_TIME).window("Shutdown progress"), 0, "auto_restarting", None),
        (lambda: Log().logged_in(**OLD_TIME).shuts_down(), 0, "auto_restarting", None),
        (lambda: Log().logged_in(**OLD_TIME).shuts_down().resumes(), 0, "auto_restarting", None),
        (lambda: Log().logged_in(**OLD_TIME).shuts_down().resumes(), 400, "auto_restarting", "login.not_typed"),
        (lambda: Log().logged_in().shuts_down().resumes().connecting().completes(), 0, "logged_in", None),
        (lambda: Log().logged_in().window("Shutdown progress").ends(0), 0, "ended", "gateway.stopped_by_schedule"),
        (lambda: Log().logged_in().ends(143), 0, "ended", "container.stopped"),
        (
            lambda: Log().logged_in().raw(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.").ends(1),
            0,
            "ended",
            "container.stopped",
        ),
        (
            lambda: Log().submitted().ibc("Exiting after error with exit code=1100").ends(76),
            0,
            "ended",
            "gateway.crashed",
        ),
        (lambda: Log().start().ibc("Exiting with exit code=1112").ends(88), 0, "ended", "gateway.login_window_unknown"),
        (
            lambda: Log().container().script().raw("Starting Gateway with this command:").ends(1),
            0,
            "ended",
            "gateway.install_broken",
        ),
        (
            lambda: (
                Log()
                .container()
                .script()
                .raw("Java VM Options=-Xmx1024mm -XX:+UseG1GC", "Starting Gateway with this command:")
                .ends(1)
            ),
            0,
            "ended",
            "config.heap_invalid",
        ),
        (
            lambda: Log().logged_in().raw("java.lang.OutOfMemoryError: Java heap space"),
            0,
            "logged_in",
            "gateway.heap_exhausted",
        ),
        (lambda: Log().logged_in().raw("note: java.lang.OutOfMemoryError was last year"), 0, "logged_in", None),
        (lambda: Log().logged_in().raw(".> Stopping socat.").ends(1), 0, "ended", "container.stopped"),
        # the scripts
        (
            lambda: Log().container().raw(".> Invalid TRADING_MODE: demo"),
            0,
            "script_starting",
            "config.trading_mode_invalid",
        ),
        (
            lambda: Log().container().raw("Error: Timed out waiting for Xvfb socket!"),
            0,
            "script_starting",
            "gateway.display_missing",
        ),
        (
            lambda: Log().container().raw("/s/common.sh: line 11: /home/ibgateway/ibc/config.ini: Permission denied"),
            0,
            "script_starting",
            "config.settings_unwritable",
        ),
        (
            lambda: Log().container().raw("/s/common.sh: line 57: /run/secrets/pw: No such file or directory"),
            0,
            "script_starting",
            "config.secret_unreadable",
        ),
        (
            lambda: Log().container().raw("/s/common.sh: line 40: echo: write error: No space left on device"),
            0,
            "script_starting",
            "host.disk_full",
        ),
        (lambda: Log().container().raw("my check: Permission denied? no"), 0, "script_starting", None),
        (
            lambda: Log().container().raw("mkdir: cannot create directory '/x': File exists").script().jvm(),
            0,
            "gateway_starting",
            None,
        ),
    ],
)
def test_the_newest_run_tells_where_it_stands(build: Build, silence: float, state: str, problem: str | None) -> None:
    found = stands(build(), silence)
    assert (found.state, found.problem) == (state, problem)


@pytest.mark.parametrize("stamped", [True, False])
def test_a_prompt_expires_three_minutes_after_the_click(stamped: bool) -> None:
    found = stands(Log(stamped=stamped).submitted().connecting().prompt())
    assert found.deadline is not None
    asked = next(event for event in found.evidence if event.kind == "login_clicked")
    assert asked.clock is not None
    assert found.deadline - asked.clock == 180.0


def test_the_wait_that_ibkr_imposes_has_an_end() -> None:
    text = "Too many failed login attempts. Please wait 4 minutes & 47 seconds before attempting to re-login again."
    found = stands(Log().submitted().ibc(text))
    assert found.deadline is not None
    assert found.deadline - (found.evidence[-1].clock or 0.0) == 287.0


# Runs that continue a failed one


def looping(log: Log) -> Log:
    """The container starts again at once, as a restart policy does."""
    return log.wait(2).container().script()


def yields(log: Log) -> Log:
    log.window("Existing session detected")
    log.ibc(
        "End this session and let the other session proceed (scenario 2)", "Exiting after error with exit code=1100"
    )
    return log.ends(76)


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: looping(yields(Log().submitted().connecting())), "login.existing_session"),
        (
            lambda: looping(yields(Log().submitted().connecting())).jvm().login_window().attempt(),
            "login.existing_session",
        ),
        (
            lambda: (
                looping(yields(Log().submitted().connecting())).jvm().login_window().attempt().connecting().prompt()
            ),
            "twofa.pending",
        ),
        (lambda: yields(Log().submitted().connecting()).wait(3600).container().script(), None),
        (
            lambda: looping(
                Log().submitted().raw(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.").ends(143),
            ),
            None,
        ),
        (lambda: Log().submitted().ibc("Login failed").cold_restarts().jvm(), "login.credentials_rejected"),
        (lambda: Log().start(**OLD_TIME).jvm(saved=True).connecting().ibc("Login failed").cold_restarts().jvm(), None),
        (
            lambda: (
                Log(mode="paper")
                .submitted()
                .ibc("Login failed")
                .cold_restarts()
                .jvm()
                .login_window()
                .attempt()
                .connecting()
                .completes()
            ),
            None,
        ),
        (lambda: looping(Log().submitted().window(UNRECOGNIZED)), None),
    ],
    ids=[
        "the policy starts it again",
        "it has not come further",
        "it has come further",
        "somebody starts it later",
        "it was stopped by hand",
        "the controller starts it again",
        "it types what was not asked for before",
        "it logged in",
        "it was cut off, not ended",
    ],
)
def test_the_earlier_cause_leads_until_the_run_gets_further(build: Build, problem: str | None) -> None:
    assert stands(build()).problem == problem


def flickers(log: Log) -> Log:
    log.prompt().prompt_closes(0.3, 2).ibc("If login has not completed, IBC will exit in 15 seconds").wait(15)
    log.block("IBC closing because login has not completed after Second Factor Authentication")
    log.ibc("Exiting after error with exit code=1111").raw("IBC returned exit status 87", "IBC will restart shortly")
    return log


def test_prompts_that_close_at_once_again_and_again_were_not_sent() -> None:
    once = flickers(Log().submitted().connecting())
    assert stands(once).problem == "twofa.login_incomplete"
    twice = flickers(once.jvm().login_window().attempt().connecting())
    assert stands(twice).problem == "twofa.not_sent"


def test_an_approved_prompt_that_leads_nowhere_is_an_incomplete_login() -> None:
    log = Log().submitted().connecting().prompt().prompt_closes(40, 43).wait(20)
    log.block("IBC closing because login has not completed after Second Factor Authentication")
    log.ibc("Exiting after error with exit code=1111").ends(87)
    assert stands(log).problem == "twofa.login_incomplete"


# Releases


def test_a_release_before_3_15_shows_the_same() -> None:
    log = Log(version="3.12.0").container().script().raw("Starting Gateway with this command:", "IBC Settings:")
    log.raw("    TradingMode=live", "End IBC Settings").ibc(
        "Version: 3.12.0", "Starting session: will exit if login dialog is not displayed within 60 seconds"
    )
    log.frame("IB Gateway").ibc("Setting user name", "Setting password", "Click button: Log In")
    assert stands(log).state == "submitted"
    log.ibc("Second Factor Authentication dialog event: Opened", "Second Factor Authentication initiated")
    assert stands(log).problem == "twofa.pending"
    log.wait(200).ibc(
        "Second Factor Authentication dialog closed", "ExitAfterSecondFactorAuthenticationTimeout is set to 'no'"
    )
    assert stands(log).problem == "twofa.timed_out"


def test_capitals_of_releases_up_to_3_16_read_the_same() -> None:
    log = Log().start()
    log.ibc(
        "Detected frame entitled: IBKR Gateway; event=Opened", "Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT"
    )
    assert stands(log).state == "login_window"


# The trading mode


def test_a_gateway_whose_mode_was_changed_between_two_runs_is_what_it_is_now() -> None:
    log = Log("paper").ibcstart().jvm().login_window().attempt().completes().ends(0)
    log.mode = "live"
    log.wait(60).ibcstart().jvm().login_window().attempt().connecting().prompt().prompt_closes(5, 9).completes()
    found = stands(log.configures())
    assert (found.state, found.problem) == ("logged_in", None)


def test_a_gateway_that_logs_in_with_another_mode_than_its_script_said_is_told() -> None:
    log = Log("paper").container().script()
    log.mode = "live"
    log.jvm().login_window().attempt().connecting().prompt().prompt_closes(5, 9).completes().configures()
    assert stands(log).problem == "config.mode_port_mismatch"


# What a log can not tell


@pytest.mark.parametrize(
    ("keep", "state", "problem"),
    [
        (3, "twofa_pending", "twofa.pending"),
        (1, "twofa_pending", "twofa.pending"),
        (40, "twofa_pending", "twofa.pending"),
    ],
)
def test_the_end_of_a_log_is_enough_for_an_open_prompt(keep: int, state: str, problem: str) -> None:
    log = Log().submitted().connecting().prompt()
    log.lines = log.lines[-keep:]
    found = stands(log, 900)
    assert (found.state, found.problem) == (state, problem)


def test_after_the_login_evidence_begins_with_what_happened_to_the_session():
    lost = stands(
        Log().logged_in().frame("Connecting to server...").wait(6).frame("Attempt 2: Connecting to server...")
    )
    assert [event.text.rpartition("entitled: ")[2] for event in lost.evidence] == [
        "Connecting to server...; event=Opened",
        "Attempt 2: Connecting to server...; event=Opened",
    ]
    refused = stands(Log().submitted().authenticating().window(UNRECOGNIZED))
    assert refused.evidence[0].kind == "login_clicked"


def test_a_login_window_that_is_not_known_is_its_own_evidence():
    unknown = stands(Log().start().frame("IBKR-Gateway").wait(60).raw("IBC returned exit status 88"))
    assert unknown.problem == "gateway.login_window_unknown"
    assert "IBKR-Gateway" in unknown.evidence[0].text
