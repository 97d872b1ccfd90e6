# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One test per rule of reading a log of IBC, and per trap that lies beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import TWOFA, Log
from ansible_collections.ibgw.ops.tests.unit.module_utils.judged import instance, result, result_of, verdict

RELOGIN = "Re-login is required"
UNRECOGNIZED = "Unrecognized Username or Password"

Build = Callable[[], Log]


# A login that is completed, and what reads like one


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("Login has completed", "logged_in"),
        ("Login has completed: exiting via [File, Close] menu", "shutting_down"),
        ("Login has not completed: exiting immediately", "shutting_down"),
        ("If login has not completed, IBC will exit in 60 seconds", "connecting"),
        ("Login has already completed - no need for IBC to exit", "connecting"),
        ("Found Gateway main window", "connecting"),
        ("Getting config dialog", "connecting"),
        ("Got main window from future", "connecting"),
        ("Invoking config dialog menu", "connecting"),
        ("Use/store settings on server selected: true", "connecting"),
    ],
)
def test_only_the_whole_message_is_a_completed_login(message: str, state: str) -> None:
    assert verdict(Log().submitted().connecting().ibc(message)) == (state, None)


@pytest.mark.parametrize(
    ("then", "state"),
    [
        (lambda log: log.wait(86400), "logged_in"),
        (lambda log: log.ibc("Saving Tws settings"), "logged_in"),
        (lambda log: log.frame("Connecting to server..."), "connection_lost"),
        (
            lambda log: log.frame("Attempt 2: connecting to server (trying for another 40 seconds)..."),
            "connection_lost",
        ),
        (lambda log: log.frame("Connecting to server...").frame("Starting application...", "Closed"), "logged_in"),
        (lambda log: log.window("Re-login is required"), "relogin"),
        (lambda log: log.window("Shutdown progress"), "shutting_down"),
        (lambda log: log.raw("IBC returned exit status 0"), "ended"),
    ],
)
def test_a_session_lasts_until_something_ends_it(then: Callable[[Log], Log], state: str) -> None:
    assert instance(then(Log().logged_in()))["state"] == state


def test_a_missing_file_of_a_saved_session_is_no_error() -> None:
    """IBC issues 221 and 244."""
    assert instance(Log().container().script())["problem"] is None


# Windows


@pytest.mark.parametrize("change", ["Opened", "Activated", "Focused"])
def test_a_dialog_counts_as_open_however_it_is_first_reported(change: str) -> None:
    """IBC issue 255."""
    log = Log().logged_in().window("Login Messages", change)
    assert verdict(log) == ("logged_in_blocked", "login.dialog_blocking")
    assert instance(log)["open_windows"] == ["Login Messages"]
    assert verdict(log.window("Login Messages", "Closed")) == ("logged_in", None)


def test_a_dialog_that_loses_its_focus_stays_open() -> None:
    log = Log().logged_in().window("Login Messages").window("Login Messages", "Lost focus")
    assert instance(log)["open_windows"] == ["Login Messages"]


@pytest.mark.parametrize(
    "title",
    ["Login Messages", "API client needs write access action confirmation", "Use SSL encryption", "Pending Tasks"],
)
def test_what_no_release_answers_waits_for_a_person(title: str) -> None:
    assert verdict(Log().logged_in().window(title)) == ("logged_in_blocked", "login.dialog_blocking")
    assert verdict(Log().submitted().connecting().window(title), 60)[1] == "login.dialog_blocking"


@pytest.mark.parametrize(
    "message",
    [
        "could not dismiss non-brokerage account warning dialog.",
        "could not dismiss Password Expiry Warning because we could not find one of the controls.",
        "could not accept incoming connection because we could not find one of the controls.",
        "could not dismiss blind trading warning dialog.",
    ],
)
def test_a_dialog_that_the_controller_can_not_answer_stays(message: str) -> None:
    log = Log().logged_in().window("Warning").block(message)
    assert verdict(log) == ("logged_in_blocked", "login.dialog_blocking")
    assert any(message in line["quote"] for line in instance(log)["evidence"])
    assert verdict(log.window("Warning", "Closed")) == ("logged_in", None)


def test_the_tip_of_the_day_keeps_nobody_out() -> None:
    log = Log().logged_in().window("Tip of the Day")
    assert (
        verdict(log.block("could not dismiss Tip of the Day because we could not find one of the controls."))[1] is None
    )


def test_a_notice_of_the_daily_restart_is_no_question() -> None:
    assert verdict(Log().logged_in().window("Exit Session Setting"), 60) == ("logged_in", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "Login failed - Soft token=0 received instead of expected permanent for host:4001 (SSL)",
            "login.saved_session_refused",
        ),
        ("This version is no longer supported", "gateway.build_retired"),
        ("API support is not available for accounts that support free trading.", "login.api_not_permitted"),
        ("Connection to server failed: Server disconnected, please try again", "login.server_unreachable"),
    ],
)
def test_a_dump_of_a_window_tells_what_it_says(text: str, problem: str) -> None:
    """What a dialog says is written down only with LogStructureWhen (IBC TwsListener.java:178)."""
    log = Log().submitted().connecting().window("Login failed")
    log.ibc("Window structure for dialog entitled: Login failed; event=Opened")
    log.raw("null(javax.swing.JPanel){Object.JPanel}", "|   null(javax.swing.JLabel){JLabel: " + text + "}", "")
    assert verdict(log)[1] == problem
    quoted = Log().submitted().connecting().raw(f"somebody's script: {text}")
    assert verdict(quoted)[1] is None


def test_titles_are_masked() -> None:
    title = "U1234567 Trader Workstation Configuration"
    run = instance(Log().logged_in().window(title))
    assert "1234567" not in str(run)


# Who ended it


@pytest.mark.parametrize(
    ("build", "state", "problem"),
    [
        (
            lambda: (
                Log()
                .logged_in()
                .ibc("CommandServer received command: STOP", "Login has completed: exiting via [File, Close] menu")
                .window("Shutdown progress")
                .ibc("CommandServer closing")
                .ends(0)
            ),
            "ended",
            "container.stopped",
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .ibc("Login has completed: exiting via [File, Close] menu")
                .window("Shutdown progress")
                .ibc("CommandServer closing", "CommandServer is shutdown")
                .ends(0)
            ),
            "ended",
            "gateway.stopped_by_schedule",
        ),
        (
            lambda: (
                Log()
                .logged_in(AutoRestartTime="11:45 PM")
                .window("Exit Session Setting")
                .window("Restart in progress")
                .shuts_down()
            ),
            "auto_restarting",
            None,
        ),
        (lambda: Log().logged_in().window("Shutdown progress").ends(0), "ended", "gateway.stopped_by_schedule"),
        (lambda: Log().logged_in().ibc("CommandServer closing"), "shutting_down", None),
        (
            lambda: (
                Log()
                .logged_in()
                .ibc("CommandServer failed to create socket", "CommandServer cannot process commands")
                .ibc("CommandServer is shutdown")
            ),
            "logged_in",
            None,
        ),
        (lambda: Log().logged_in().ends(143), "ended", "container.stopped"),
        (lambda: Log().submitted().prompt().ends(143), "ended", "container.stopped"),
        (lambda: Log().logged_in().ends(1), "ended", "gateway.crashed"),
        (lambda: Log().logged_in().ends(134), "ended", "gateway.crashed"),
        (lambda: Log().logged_in().ends(137), "ended", "gateway.crashed"),
        (lambda: Log().logged_in().ends(130), "ended", "container.stopped"),
        (lambda: Log().logged_in().exits(1100), "shutting_down", "gateway.crashed"),
    ],
    ids=[
        "a command",
        "a schedule of the controller's",
        "the daily restart",
        "the gateway itself",
        "a command server that closes is an orderly end",
        "a command server that never came is none",
        "from outside",
        "from outside while it waits",
        "its display went away",
        "it crashed",
        "it was killed",
        "it was interrupted",
        "it said that it would",
    ],
)
def test_who_ended_it(build: Build, state: str, problem: str | None) -> None:
    assert verdict(build()) == (state, problem)


# Silence


@pytest.mark.parametrize(
    ("build", "patient", "impatient", "problem"),
    [
        (
            lambda: Log().container().script().raw("Starting Gateway with this command:"),
            250,
            310,
            "gateway.crashed",
        ),
        (lambda: Log().start(), 80, 100, "gateway.login_window_unknown"),
        (lambda: Log().start(LoginDialogDisplayTimeout="300"), 320, 340, "gateway.login_window_unknown"),
        (lambda: Log().start().frame("IBKR-Gateway"), 10, 20, "gateway.login_window_unknown"),
        (lambda: Log().start().login_window(), 5, 60, "config.credentials_missing"),
        (lambda: Log().submitted(), 50, 70, "login.not_submitted"),
        (lambda: Log().submitted().connecting(), 100, 130, "login.auth_silent"),
        (lambda: Log().submitted().authenticating(), 100, 130, "login.auth_silent"),
        (
            lambda: Log(mode="paper").submitted().connecting().frame("Downloading settings from server"),
            100,
            130,
            "login.auth_silent",
        ),
        (lambda: Log().submitted().window(TWOFA), 2, 9, "twofa.device_not_chosen"),
        (lambda: Log().submitted().prompt().prompt_closes(9, 12), 100, 130, "twofa.login_incomplete"),
        (lambda: Log().submitted().window("Existing session detected"), 2, 9, "login.existing_session"),
        (lambda: Log().submitted().window("Trading Login Handoff"), 2, 9, "login.existing_session"),
        (
            lambda: Log().logged_in().window(RELOGIN).ibc("Re-login to session").window(RELOGIN, "Closed"),
            100,
            130,
            "login.auth_silent",
        ),
        (lambda: Log().logged_in().shuts_down().resumes(), 250, 310, "login.not_typed"),
        (
            lambda: (
                Log()
                .logged_in()
                .shuts_down()
                .resumes()
                .frame("IBKR Gateway")
                .ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
            ),
            10,
            20,
            "login.not_typed",
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .shuts_down()
                .resumes()
                .authenticating()
                .frame("IBKR Gateway")
                .ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
            ),
            10,
            20,
            "login.not_typed",
        ),
        (lambda: Log().logged_in().window("Shutdown progress"), 60, 200, "gateway.hung"),
        (lambda: Log().logged_in(AutoRestartTime="11:45 PM").window("Restart in progress"), 200, 310, "gateway.hung"),
    ],
)
def test_silence_is_a_fault_where_it_lasts(build: Build, patient: float, impatient: float, problem: str) -> None:
    expected = {None, "twofa.pending", "login.existing_session"} - ({problem} if problem.startswith("twofa") else set())
    assert instance(build(), patient)["problem"] in expected - ({problem} if patient > 9 else set())
    assert instance(build(), impatient)["problem"] == problem


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Log().submitted().prompt(), "twofa.pending"),
        (lambda: Log().logged_in(), None),
        (lambda: Log().logged_in().ibc("Invoking config dialog menu"), None),
        (lambda: Log().logged_in().frame("Connecting to server..."), "ibkr.disconnected"),
    ],
)
def test_silence_for_a_day_is_normal_where_nothing_is_due(build: Build, problem: str | None) -> None:
    assert instance(build(), 86400)["problem"] == problem


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_a_prompt_is_that_of_the_only_gateway_whatever_its_mode(mode: str) -> None:
    lines = Log(mode).submitted().connecting().prompt().lines
    for read in (lines, lines[5:]):  # the beginning may be rotated away
        (run,) = result_of(read)["instances"]
        assert (run["endpoint"], run["state"], run["ambiguous"]) == (mode, "twofa_pending", False)


def test_a_prompt_that_was_not_announced_where_it_opened_wants_a_choice() -> None:
    """gnzsnz issue 396: mostly the last lines of the log."""
    log = Log(version="3.23.0").submitted().authenticating().window(TWOFA)
    assert verdict(log)[1] == "twofa.pending"
    assert verdict(log.window(TWOFA, "Activated"))[1] == "twofa.device_not_chosen"
    assert verdict(Log(version="3.23.0").submitted().authenticating().prompt())[1] == "twofa.pending"


# Refusals


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Log().submitted().connecting().window(UNRECOGNIZED), "login.credentials_rejected"),
        (
            lambda: Log().logged_in().shuts_down().resumes().connecting().window(UNRECOGNIZED),
            "login.saved_session_refused",
        ),
        (
            lambda: Log().logged_in().window("Re-login is required").ibc("Re-login to session").window(UNRECOGNIZED),
            "login.saved_session_refused",
        ),
        (
            lambda: Log().logged_in().shuts_down().resumes().login_window().attempt().connecting().window(UNRECOGNIZED),
            "login.credentials_rejected",
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .frame("Connecting to server...")
                .window("Re-login is required")
                .ibc("Re-login to session")
                .window(UNRECOGNIZED)
            ),
            "login.saved_session_refused",
        ),
        (
            lambda: Log().logged_in().frame("Connecting to server...").window(UNRECOGNIZED),
            "login.saved_session_refused",
        ),
        (
            lambda: (
                Log().logged_in().shuts_down().resumes().connecting().window("Login failed - Soft token=0 received")
            ),
            "login.saved_session_refused",
        ),
        (
            lambda: Log().submitted().connecting().window("Login failed - Server disconnected, please try again"),
            "login.server_unreachable",
        ),
    ],
    ids=[
        "typed",
        "on a saved session",
        "a re-login",
        "typed after a saved session was given up",
        "a re-login after the link was lost",
        "a session, without a question before it",
        "a session, in the title",
        "nothing, for the server went away",
    ],
)
def test_a_refusal_is_judged_by_what_was_presented(build: Build, problem: str) -> None:
    assert verdict(build())[1] == problem


def test_a_window_in_another_language_is_not_known() -> None:
    """IBC issue 39."""
    log = Log().start().frame("IBKR Gateway")
    assert verdict(log, 30)[1] == "gateway.login_window_unknown"
    log.block("could not login: could not find control: Username").exits(1101).ends(77)
    assert verdict(log) == ("ended", "gateway.login_window_unknown")


# Clients and the relay


def test_a_refused_client_shows_a_closed_port_only_after_the_login() -> None:
    assert verdict(Log().submitted().connecting().refused(4001, 5))[1] is None
    log = Log().logged_in().wait(20).refused(4001, 5)
    assert verdict(log)[1] == "api.not_listening"
    assert verdict(log.raw("addLogConsole Client 7"))[1] is None


@pytest.mark.parametrize(
    ("why", "problem"),
    [("Connection refused", "api.not_listening"), ("Connection timed out", "gateway.hung")],
)
def test_the_relays_own_stamp_counts_where_the_keeper_wrote_none(why: str, problem: str) -> None:
    log = Log(stamped=False).submitted().connecting().refused(4001, 5, why=why)
    assert verdict(log)[1] is None
    log = Log(stamped=False).logged_in().wait(20).refused(4001, 5, every=60, why=why)
    told = result_of(log.lines)
    assert told["instances"][0]["problem"] == problem
    assert [line["at"] for line in told["instances"][0]["evidence"]] == [log.as_of(seconds) for seconds in (-60.0, 0.0)]
    assert told["window"]["last_at"] == log.as_of()


@pytest.mark.parametrize("seen", [Log(stamped=False), Log(stamped=False).ibc("Setting ReadOnlyApi")])
def test_connections_that_time_out_are_enough_for_a_gateway_that_hangs(seen: Log) -> None:
    """gnzsnz issue 77, UnusualAlpha issue 52."""
    (run,) = result_of(seen.refused(4001, 5, every=60, why="Connection timed out").lines)["instances"]
    assert (run["state"], run["problem"]) == ("unknown", "gateway.hung")
    refused = result_of(Log(stamped=False).refused(4001, 5, every=60).lines)["instances"]
    assert refused == []


def test_clients_that_are_turned_away_show_that_time_goes_on() -> None:
    log = Log(stamped=False).submitted().connecting().refused(4001, 5, every=60)
    assert result_of(log.lines)["instances"][0]["problem"] == "login.auth_silent"


def test_a_relay_with_another_clock_does_not_close_the_port() -> None:
    log = Log(stamped=False).submitted()
    log.wait(4 * 3600).refused(4001, 5).wait(-4 * 3600).connecting().prompt().prompt_closes(5, 19).completes()
    assert result_of(log.lines)["instances"][0]["problem"] is None


# The link to IBKR


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Log().submitted().connecting(), "login.server_unreachable"),
        (lambda: Log().logged_in(), "ibkr.disconnected"),
    ],
)
@pytest.mark.parametrize("change", ["Opened", "Activated"])
def test_a_frame_that_counts_its_attempts_is_news_whenever_it_is_named(build: Build, problem: str, change: str) -> None:
    title = "Attempt 2: connecting to server (trying for another 280 seconds)..."
    assert verdict(build().frame(title, change))[1] == problem
    assert verdict(build().frame("Loading...", change))[1] is None


def test_a_gateway_that_ends_by_itself_after_its_link_was_lost_is_to_be_started() -> None:
    """IBC issue 269: on Saturdays."""
    log = Log().logged_in().frame("Connecting to server...").wait(300).shuts_down().ends(0)
    assert verdict(log) == ("ended", "gateway.stopped_by_schedule")


# One log, many runs

RUNNING = (
    lambda log: log.raw("IBC returned exit status 0"),
    lambda log: log.raw("Starting Gateway with this command:"),
    lambda log: log.ibc("Starting session: will exit if login dialog is not displayed within 60 seconds"),
)


@pytest.mark.parametrize("boundary", RUNNING)
@pytest.mark.parametrize(
    "build",
    [
        lambda: Log().logged_in(),
        lambda: Log().logged_in().window("Login Messages"),
        lambda: Log().submitted().prompt(),
        lambda: Log().submitted().connecting().window("Existing session detected"),
    ],
)
def test_nothing_crosses_the_start_of_another_run(build: Build, boundary: Callable[[Log], Log]) -> None:
    run = instance(boundary(build()))
    assert run["open_windows"] == []
    assert run["state"] in ("ended", "jvm_starting", "gateway_starting")
    assert run["problem"] is None


def test_a_run_that_was_cut_off_is_closed_by_the_next() -> None:
    log = Log().submitted().prompt().wait(7).container().script().jvm()
    assert verdict(log) == ("gateway_starting", None)
    assert instance(log)["previous"] is None
    assert result(log)["history"]["runs"] == 2


def test_attempts_are_counted_over_all_runs() -> None:
    log = Log()
    for _ in range(3):
        log.submitted().window("Login failed").ibc("Login failed").wait(5)
    assert result(log)["history"]["login_attempts"] == 3
    assert result(log)["history"]["login_attempts_last_hour"] == 3


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (88, "1112", "gateway.login_window_unknown"),
        (87, "1111", "twofa.login_incomplete"),
        (76, "1100", "gateway.crashed"),
        (143, "143", None),
    ],
)
def test_a_loop_is_told_apart_by_how_its_turns_end(status: int, code: str, problem: str | None) -> None:
    log = Log().container().script()
    for _ in range(4):
        log.jvm().wait(30).status(status).restarts()
    history = result(log)["history"]
    assert (history["runs"], history["by_exit_code"], history["controller_restarts"]) == (4, {code: 4}, 4)
    assert instance(log.jvm())["problem"] == problem


@pytest.mark.parametrize(("cut", "state"), [(0, "shutting_down"), (3, "submitted")], ids=["whole", "cut off"])
def test_half_a_number_is_no_exit_code(cut: int, state: str) -> None:
    lines = Log().submitted().ibc("Exiting after error with exit code=1112").lines
    lines[-1] = lines[-1][: len(lines[-1]) - cut]
    assert result_of(lines)["instances"][0]["state"] == state


def test_an_excerpt_says_that_it_does_not_begin_with_a_run() -> None:
    log = Log().logged_in().window("Some Notice").window("Some Notice", "Closed")
    excerpt = result_of(log.lines[-2:])
    assert excerpt["window"]["run_start_seen"] is False
    (run,) = excerpt["instances"]
    assert (run["state"], run["problem"], run["run_kind"], run["asks_again"]) == ("unknown", None, None, None)


# Clocks


def unstamped(log: Log) -> list[str]:
    """The log without Docker's time stamps."""
    return [line.partition(" ")[2] for line in log.lines]


def test_a_prompt_that_is_answered_while_summer_time_ends_was_not_refused() -> None:
    log = Log().submitted().prompt()
    before = len(log.lines)
    log.wait(-3600 + 20).window(TWOFA, "Closed").ibc("Duration since login: 23 seconds")
    assert len(log.lines) > before
    (run,) = result_of(unstamped(log))["instances"]
    assert (run["state"], run["problem"]) == ("loading", None)


def test_the_order_of_a_log_is_that_of_its_lines() -> None:
    log = Log().logged_in().wait(-3600).window("Login Messages").wait(-60).window("Login Messages", "Closed")
    (run,) = result_of(unstamped(log))["instances"]
    assert (run["state"], run["problem"], run["open_windows"]) == ("logged_in", None, [])


def test_a_prompt_lasts_no_hour_because_summer_time_begins() -> None:
    log = Log().submitted().prompt().wait(3600 + 12).window(TWOFA, "Closed").ibc("Duration since login: 3615 seconds")
    assert instance(log)["state"] == "loading"


def test_dockers_stamps_count_where_the_controllers_own_differ() -> None:
    log = Log().submitted().prompt()
    shifted = [line.replace(" 2026-03-04 12:", " 2026-03-04 07:", 1) for line in log.lines]
    assert shifted != log.lines
    read = result_of(shifted, log.as_of(60))
    assert read["window"]["silent_seconds"] < 70
    assert read["instances"][0]["deadline"].startswith("2026-03-04T12:03")
