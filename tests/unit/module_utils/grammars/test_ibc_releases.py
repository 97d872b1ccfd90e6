# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every release of IBC from 3.8.1 to 3.24.1 tells the same story in its own words."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import TWOFA, Log, release
from ansible_collections.ibgw.ops.tests.unit.module_utils.judged import instance, result, verdict

#: The tags of IbcAlpha/IBC.
RELEASES = (
    *("3.8.1", "3.8.2", "3.8.3", "3.8.5", "3.8.6", "3.8.7", "3.9.0", "3.10.0", "3.11.0", "3.12.0", "3.13.0", "3.14.0"),
    *("3.15.0", "3.15.2", "3.16.0", "3.16.2", "3.17.0", "3.18.0", "3.19.0", "3.20.0", "3.21.0", "3.21.2", "3.22.0"),
    *("3.23.0", "3.24.0", "3.24.1"),
)

every_release = pytest.mark.parametrize("version", RELEASES)


def between(first: str, last: str) -> pytest.MarkDecorator:
    """The releases from `first` to `last`."""
    chosen = [one for one in RELEASES if release(first) <= release(one) <= release(last)]
    return pytest.mark.parametrize("version", chosen)


def since(first: str) -> pytest.MarkDecorator:
    return between(first, RELEASES[-1])


# One story, every release


@every_release
@pytest.mark.parametrize("mode", ["live", "paper"])
def test_a_gateway_that_logged_in_is_logged_in(version: str, mode: str) -> None:
    log = Log(mode, version).logged_in()
    read = result(log, 86400)
    (run,) = read["instances"]
    assert (run["state"], run["problem"], run["endpoint"]) == ("logged_in", None, mode)
    assert (run["run_kind"], run["attempt_kind"]) == ("full_login", "typed")
    assert run["open_windows"] == []
    assert read["controller"] == {"name": "IBC", "version": version}
    history = read["history"]
    assert (history["runs"], history["login_attempts"], history["logins_completed"]) == (1, 1, 1)
    assert (history["twofa_prompts"], history["unanswered_prompts"]) == (int(mode == "live"), 0)
    assert history["last_full_login_at"]


@every_release
@pytest.mark.parametrize("silence", [1, 60, 600])
def test_an_open_prompt_waits_for_its_person(version: str, silence: float) -> None:
    run = instance(Log(version=version).submitted().connecting().prompt(), silence)
    assert (run["state"], run["problem"]) == ("twofa_pending", "twofa.pending")
    assert run["open_windows"] == [TWOFA]
    assert run["deadline"]


@since("3.8.3")
def test_a_prompt_that_expired_is_not_sent_again_by_itself(version: str) -> None:
    assert verdict(Log(version=version).submitted().prompt().prompt_expires(), 600)[1] == "twofa.timed_out"


@since("3.14.0")
def test_a_prompt_that_is_sent_again_is_said_to_be(version: str) -> None:
    log = Log(version=version).submitted().prompt().prompt_expires(relogin=True)
    assert verdict(log) == ("twofa_retrying", "twofa.retrying")


@since("3.12.0")
def test_a_choice_of_devices_that_nobody_makes_is_seen_where_its_message_is_swallowed(version: str) -> None:
    log = Log(version=version).submitted().window(TWOFA).block("could not find second factor device 'x' in the list")
    assert verdict(log, 9)[1] == "twofa.device_not_chosen"


@since("3.8.3")
def test_a_login_that_stays_incomplete_is_said_to_be(version: str) -> None:
    log = Log(version=version).submitted().prompt().prompt_closes(20, 24).login_stays_incomplete().ends(87)
    assert verdict(log)[1] in ("twofa.login_incomplete", "twofa.timed_out")


@since("3.8.3")
def test_a_login_window_that_never_came_is_the_cause_of_each_turn(version: str) -> None:
    log = Log(version=version).start()
    log.frame("IBKR-Gateway").login_window_missing()
    assert verdict(log)[1] == "gateway.login_window_unknown"
    if log.since("3.8.6"):
        log.jvm().frame("IBKR-Gateway").login_window_missing().jvm()
        assert verdict(log) == ("gateway_starting", "gateway.login_window_unknown")
        assert result(log)["history"]["by_exit_code"] == {"1112": 2}
        assert result(log)["history"]["runs"] == 3


@every_release
@pytest.mark.parametrize(
    ("said", "scenario", "problem"),
    [
        ("User must choose whether to continue with this session", 1, "login.existing_session"),
        ("End this session and let the other session proceed", 2, "login.existing_session"),
    ],
)
def test_another_session_is_met_with_and_without_a_number(version: str, said: str, scenario: int, problem: str) -> None:
    assert verdict(Log(version=version).submitted().connecting().meets_session(said, scenario), 30)[1] == problem


@between("3.8.1", "3.8.6")
def test_the_other_session_ends_in_old_words(version: str) -> None:
    log = Log(version=version).submitted().connecting().window("Existing session detected")
    log.ibc("End the other session and continue this one").window("Existing session detected", "Closed")
    assert verdict(log)[1] is None
    log.window("Existing session detected").ibc("Other session must be a primary: let the other session proceed")
    assert verdict(log)[1] == "login.existing_session"


@since("3.8.6")
def test_a_throttle_tells_until_when_it_lasts(version: str) -> None:
    run = instance(Log(version=version).submitted().throttled())
    assert (run["state"], run["problem"]) == ("throttled", "login.throttled")
    assert run["deadline"]


@since("3.15.0")
def test_a_saved_session_resumes(version: str) -> None:
    log = Log(version=version).logged_in(AutoRestartTime="11:45 PM").shuts_down()
    assert verdict(log) == ("auto_restarting", None)
    log.resumes()
    assert verdict(log) == ("auto_restarting", None)
    run = instance(log.connecting().completes())
    assert (run["state"], run["run_kind"], run["attempt_kind"]) == ("logged_in", "saved_session", "saved_session")


@every_release
def test_the_end_of_a_gateway_that_closed_by_itself_is_no_crash(version: str) -> None:
    log = Log(version=version).logged_in().window("Shutdown progress").wait(2).ends(0)
    state, problem = verdict(log)
    assert state == "ended"
    assert problem == ("gateway.stopped_by_schedule" if log.since("3.8.6") else None)


@every_release
def test_a_container_that_starts_again_begins_anew(version: str) -> None:
    log = Log(version=version).logged_in().wait(9).container().script()
    assert verdict(log) == ("script_starting", None)
    assert result(log)["history"]["runs"] == 2
    assert verdict(log.jvm().login_window().attempt()) == ("submitted", None)


# What a release says otherwise


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (1101, "gateway.login_window_unknown"),
        (1103, "config.file_missing"),
        (1104, "config.trading_mode_invalid"),
        (1105, "config.value_invalid"),
        (1106, "config.settings_unwritable"),
        (1107, "gateway.install_broken"),
        (1108, "config.settings_unwritable"),
        (1109, "config.settings_unwritable"),
        (1110, "login.existing_session"),
        (1111, "twofa.login_incomplete"),
        (1112, "gateway.login_window_unknown"),
        (1100, "gateway.crashed"),
    ],
)
@between("3.22.0", "3.23.0")
def test_the_code_alone_tells_where_the_words_are_thrown_away(version: str, code: int, problem: str) -> None:
    log = Log(version=version).start().block("whatever it was").exits(code)
    assert "whatever" not in log.text
    assert verdict(log.ends(code % 256)) == ("ended", problem)


@between("3.8.3", "3.8.5")
def test_without_a_code_the_words_tell(version: str) -> None:
    log = Log(version=version).start()
    log.block('ini file "/ibc/config.ini" either does not exist, or is a directory.  quitting...').ends(79)
    assert "exit status" not in log.text
    assert verdict(log) == ("ended", "config.file_missing")


@between("3.16.0", "3.18.0")
def test_the_crash_right_after_the_login_is_one(version: str) -> None:
    """IBC issue 228."""
    log = Log(version=version).logged_in().shuts_down().resumes().connecting().completes()
    log.block("An exception has occurred:").raw("java.lang.NullPointerException").exits(1100).ends(76)
    assert verdict(log) == ("ended", "gateway.crashed")


@between("3.19.0", "3.20.0")
def test_a_sunday_without_the_cold_restart_that_was_due_is_a_stop_by_schedule(version: str) -> None:
    """IBC issue 273: the script does not find the flag that the program left for it."""
    log = Log(version=version).logged_in().ibc("Login has completed: exiting via [File, Close] menu")
    assert verdict(log.window("Shutdown progress").wait(3).ends(0)) == ("ended", "gateway.stopped_by_schedule")


@since("3.20.0")
def test_a_login_error_is_answered_with_a_cold_restart_that_loops(version: str) -> None:
    log = Log(version=version)
    log.submitted().window("Login failed").ibc("Login failed").cold_restarts()
    assert verdict(log) == ("cold_restarting", "login.credentials_rejected")
    log.jvm().login_window().attempt().window("Login failed").ibc("Login failed").cold_restarts()
    assert verdict(log) == ("cold_restarting", "login.credentials_rejected")
    history = result(log)["history"]
    assert (history["login_attempts"], history["controller_restarts"]) == (2, 2)


@between("3.8.3", "3.19.0")
def test_a_login_error_stays_where_nothing_answers_it(version: str) -> None:
    log = Log(version=version).submitted().window("Login failed").ibc("Login failed", "Ensure login frame visible")
    assert verdict(log, 3600)[1] == "login.credentials_rejected"


@between("3.20.0", "3.21.0")
def test_a_saved_session_that_is_given_up_becomes_a_typed_login(version: str) -> None:
    log = Log(version=version).logged_in().shuts_down().resumes()
    log.ibc("Autorestart file contains invalid credentials: performing full login", "Deleting Autorestart file")
    run = instance(log.login_window().attempt().window("Unrecognized Username or Password"))
    assert (run["attempt_kind"], run["problem"]) == ("typed", "login.credentials_rejected")


@since("3.24.0")
def test_a_pause_was_asked_for(version: str) -> None:
    log = Log(version=version).logged_in().ibc("CommandServer received command: PAUSE", "RestartTask: pauseOnly = true")
    log.ibc("RestartTask: verb = PAUSE", "Setting auto-restart time to 12:31 PM").wait(50).shuts_down()
    log.raw("autorestart file found at /home/ibgateway/Jts/abc/autorestart: authentication will not be required")
    log.raw("IBC is paused", "Gateway finished")
    assert verdict(log) == ("ended", "container.stopped")


@since("3.16.0")
def test_a_restart_by_command_is_one_that_keeps_the_session(version: str) -> None:
    log = Log(version=version).logged_in().ibc("CommandServer received command: RESTART")
    log.ibc("Setting auto-restart time to 12:31 PM").wait(40)
    assert verdict(log) == ("logged_in", None)
    assert verdict(log.window("Shutdown progress")) == ("auto_restarting", None)


@since("3.16.0")
def test_after_its_first_restart_any_other_comes_without_a_file_and_hangs(version: str) -> None:
    """The script keeps the option of a saved session that is long used up (IBC ibcstart.sh:365-413)."""
    log = Log(version=version).logged_in().shuts_down().resumes().login_window().attempt().prompt()
    log.prompt_closes(20, 24).login_stays_incomplete().status(87).no_saved_session().restarts()
    log.jvm(saved=True).frame("IBKR Gateway")
    assert verdict(log)[1] == "twofa.login_incomplete"
    assert verdict(log, 3600)[1] == "login.not_typed"


@pytest.mark.parametrize(
    "header",
    [
        "Starting IBC version 3.24.1 on Wed 09/23/2026 at  9:23:06.25",
        "Starting IBC version 3.21.0 on 2026-03-04 at 12:00:00",
    ],
)
def test_a_script_that_knows_its_release_says_it_before_the_program_does(header: str) -> None:
    assert result(Log().raw(header))["controller"]["version"] == header.split()[3]


#: What some releases say in no story above, and what it is.
WORDS = {
    "/home/ibgateway/Jts/jts.ini already exists but is a directory": "settings_unwritable",
    "Problem writing to /home/ibgateway/Jts/jts.ini: Permission denied": "settings_unwritable",
    "Problem writing to /home/ibgateway/Jts/jts.ini: No space left on device": "disk_full",
    "ExistingSessionDetectedAction has an invalid value: x: assuming 'secondary'": "value_ignored",
    "AcceptBidAskLastSizeDisplayUpdateNotification setting is invalid: x": "value_ignored",
    "ConfirmCryptoCurrencyOrders setting is invalid": "value_ignored",
    "Unexpected setting value: x": "value_refused",
    "could not find Read-Only API checkbox": "setting_not_applied",
    "could not find Send Market Data In Lots checkbox": "setting_not_applied",
    "Can't find API - Precautions settings": "setting_not_applied",
    "Checkbox 'Bypass Order Precautions for API Orders' not found": "setting_not_applied",
    "getConfigDialog could not find Configure > Settings menu": "setting_not_applied",
    "can't apply new API socket port: 'Yes' button not found": "dialog_unanswered",
    "could not dismiss Login Failed dialog because we could not find the OK button": "dialog_unanswered",
    "let user choose whether to re-login": "relogin_asked",
    "Entering TOTP code": "code_typed",
    "Handling mobile authenticator app code input dialog": "code_typed",
    "TOTP_SECRET unset: waiting for manual 2FA entry (no auto-fill)": "code_required",
    "TOTP code generation failed: x": "code_required",
    # Neither a fault nor a step
    "the LogStructureWhen setting is invalid: x": None,
    "Read-only login not supported by Gateway": None,
    "could not dismiss Tip of the Day because we could not find one of the controls.": None,
    "could not ignore shutdown confirmation dialog because we could not find one of the controls.": None,
    "CommandServer is shutdown": None,
    "STOP already in progress": None,
    "Tws settings will be saved at 08:00": None,
    "Gateway": None,
}


@pytest.mark.parametrize(("message", "kind"), WORDS.items())
@pytest.mark.parametrize("version", ["3.16.2", "3.24.1"])
def test_words_mean_the_same_in_capitals(version: str, message: str, kind: str | None) -> None:
    log = Log(version=version).logged_in().ibc(message)
    told = [event["event"] for event in result(log)["events"] if event["line"] == len(log.lines)]
    assert told == [kind] * (kind is not None)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("WARNING: More than one autorestart file was found. IBC can't determine which is", None),
        ("Error: TWS settings path: /x does not exist", "config.settings_unwritable"),
        ("Error: IBC configuration file: /x does not exist", "config.file_missing"),
        ("Error: Trading mode set to demo but must be either 'live' or 'paper' (case-insensitive)", "config.trading_mode_invalid"),
        ("Error: 2FA timeout action set to wait but must be either 'restart' or 'exit' (case-insensitive)", "config.value_invalid"),
        ("Error: Offline TWS/Gateway version 1019 is not installed: can't find jars folder", "gateway.install_broken"),
        ("Error: Could not create the Java Virtual Machine.", "gateway.install_broken"),
        ("Could not reserve enough space for 4194304KB object heap", "config.heap_invalid"),
        ("(EE) Server is already active for display 1", "gateway.display_missing"),
        ("somebody's script: Error: Could not create the Java Virtual Machine.", None),
    ],
)  # fmt: skip
def test_a_script_that_gives_up_says_why(line: str, problem: str | None) -> None:
    assert verdict(Log().container().script().raw(line))[1] == problem


def test_a_deadlock_is_a_hang_where_it_keeps_the_gateway_from_closing() -> None:
    log = Log().logged_in().raw("2026-03-04 12:00:00,000 JTS-DeadlockMonitor-23 WARN deadlock")
    assert verdict(log) == ("logged_in", None)
    log.window("Shutdown progress").raw("2026-03-04 12:00:00,000 JTS-DeadlockMonitor-23 WARN deadlock")
    assert verdict(log) == ("shutting_down", "gateway.hung")
    assert verdict(log.ends(0)) == ("ended", "gateway.stopped_by_schedule")


def test_a_passkey_needs_a_browser_that_older_releases_lack() -> None:
    """IBC issue 363."""
    log = Log(version="3.23.0").submitted().window(TWOFA).raw("Failed to create browser")
    assert verdict(log)[1] == "twofa.code_required"


@pytest.mark.parametrize("other", ["no", "yes"])
def test_of_two_dumps_in_one_another_only_what_both_say_is_sure(other: str) -> None:
    log = Log().container().script().raw("Starting Gateway with this command:", "IBC Settings:", "    TradingMode=live")
    log.raw(
        "    ReadOnlyApi=no", "IBC Settings:", "    TradingMode=paper", f"    ReadOnlyApi={other}", "End IBC Settings"
    )
    log.ibc("version: 3.24.1")
    told = result(log)["settings"]
    assert "TradingMode" not in told
    assert told.get("ReadOnlyApi") == ("no" if other == "no" else None)


@pytest.mark.parametrize(("version", "problem"), [("3.10.0", "gateway.build_retired"), ("3.24.1", None)])
def test_old_releases_dump_a_window_without_title_before_they_name_it(version: str, problem: str | None) -> None:
    log = Log(version=version).submitted().connecting()
    log.raw(
        "",
        "null(javax.swing.JPanel){Object.JPanel}",
        "|   null(javax.swing.JLabel){JLabel: This version is no longer supported}",
    )
    assert verdict(log.window("** no title **"))[1] == problem
