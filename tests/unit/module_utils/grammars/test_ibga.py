# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ibga's words, and its logs as a whole: where the login stands at each stage, and what silence means there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.log.reader import Reader
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibga_log import PROMPT, Log

Build = Callable[[], Log]

EXPIRED = "The security tokens associated with your login credentials have expired (routinely)"
THROTTLED = "Too many failed login attempts. Please wait 5 minutes before attempting to re-login again."


def scanned(tmp_path: Path, log: Log, after: float | None = 0.0) -> dict[str, Any]:
    """What the probe says of `log`, `after` seconds of silence; None: at its last line."""
    path = tmp_path / "ibga.log"
    path.write_text(log.text, encoding="utf-8")
    as_of = log.as_of(after) if log.stamped and after is not None else None
    (gateway,) = probe(None, str(path), "auto", as_of, 0, 50, None, 10.0)["gateways"]
    return dict(gateway)


def instance(tmp_path: Path, log: Log, after: float = 0.0) -> dict[str, Any]:
    (one,) = scanned(tmp_path, log, after)["instances"]
    return dict(one)


def restarted(after: float) -> Log:
    """A login, the gateway gone after that time, and the login after it."""
    return Log().logged_in().wait(after).gone().jvm().window().form().attempt().splash("Authenticating...").completes()


STAGES: list[tuple[Build, float, str, str | None]] = [
    # the container's start and the installation
    (lambda: Log().container(), 0, "script_starting", None),
    (lambda: Log().container().installs(), 0, "script_starting", None),
    (lambda: Log().container().install_fails(), 0, "script_starting", "gateway.install_broken"),
    (lambda: Log().container().install_fails().installs(2).found(), 0, "script_starting", None),
    (
        lambda: Log().container().install_fails(10).say("• manager is shutting down due to installation failure."),
        0,
        "ended",
        "gateway.install_broken",
    ),
    (lambda: Log().container().say("    display timed out, will try again ..."), 0, "script_starting", None),
    (
        lambda: Log().container().say(*["    display timed out, will try again ..."] * 2),
        0,
        "script_starting",
        "gateway.display_missing",
    ),
    (
        lambda: Log().container().say(*["    display timed out, will try again ..."] * 2, "  display :0 is ready"),
        0,
        "script_starting",
        None,
    ),
    (
        lambda: Log().container().raw("curl: (23) Failed writing body: No space left on device").install_fails(),
        0,
        "script_starting",
        "host.disk_full",
    ),
    # the gateway's program
    (
        lambda: Log().start().raw("No suitable Java Virtual Machine could be found on your system."),
        0,
        "jvm_starting",
        "gateway.install_broken",
    ),
    (
        lambda: (
            Log()
            .start()
            .raw("/opt/ibga/_run_ibg.sh: line 1056: /home/ibg/Jts/ibgateway/ibgateway: No such file or directory")
        ),
        0,
        "jvm_starting",
        "gateway.install_broken",
    ),
    (
        lambda: (
            Log().submitted().raw("/opt/ibga/_run_ibg.sh: line 391: unexpected EOF while looking for matching `\"'")
        ),
        0,
        "submitted",
        "gateway.crashed",
    ),
    (
        lambda: Log().submitted().raw("/opt/ibga/_run_ibg.sh: line 14: [: ==: unary operator expected"),
        0,
        "submitted",
        None,
    ),
    (lambda: Log().start(), 0, "jvm_starting", None),
    (lambda: Log().start(), 200, "jvm_starting", None),
    (lambda: Log().start(), 400, "jvm_starting", "gateway.crashed"),
    (lambda: Log().start().wait(7).say("  jauto is ready"), 0, "gateway_starting", None),
    (
        lambda: Log().start().wait(7).say("  jauto is ready", "• waiting for main window ..."),
        120,
        "gateway_starting",
        "gateway.login_window_unknown",
    ),
    (lambda: Log().start().window(), 0, "login_window", None),
    (lambda: Log().start().window().form(), 30, "login_window", None),
    # the login
    (lambda: Log().submitted(), 0, "submitted", None),
    (lambda: Log().submitted(), 30, "submitted", None),
    (lambda: Log().submitted(), 90, "submitted", "login.not_submitted"),
    (lambda: Log().submitted().splash("", 0), 90, "connecting", None),
    (lambda: Log().connecting(), 60, "connecting", None),
    (lambda: Log().connecting(), 150, "connecting", "login.auth_silent"),
    (lambda: Log().connecting().splash("Attempt 1: server error"), 0, "connecting", None),
    (lambda: Log().connecting().splash("Attempt 10: server error"), 0, "connecting", "login.server_unreachable"),
    (
        lambda: Log().connecting().splash("Attempt 10: server error").splash("Attempt 11: Authenticating..."),
        0,
        "authenticating",
        None,
    ),
    (lambda: Log().connecting().splash("Authenticating..."), 0, "authenticating", None),
    # the second factor
    (lambda: Log().connecting().prompt(), 0, "twofa_pending", "twofa.pending"),
    (lambda: Log().connecting().prompt(20), 0, "twofa_pending", "twofa.pending"),
    (lambda: Log().connecting().prompt(3), 70, "twofa_pending", "twofa.pending"),
    (lambda: Log().connecting().prompt(3), 130, "loading", "twofa.login_incomplete"),
    (lambda: Log().connecting().prompt(3).splash("Requesting startup parameters.."), 0, "loading", None),
    (lambda: Log().connecting().prompt(60).login_again(), 0, "login_window", "twofa.retrying"),
    (lambda: Log().connecting().prompt(60).login_again().form().attempt(), 0, "submitted", "twofa.retrying"),
    (
        lambda: Log().connecting().prompt(60).login_again().form().attempt().prompt(),
        0,
        "twofa_pending",
        "twofa.retrying",
    ),
    (lambda: Log().connecting().types_code(), 0, "loading", None),
    (lambda: Log().connecting().types_code(3), 0, "loading", None),
    (lambda: Log().connecting().types_code(15), 0, "loading", "twofa.code_required"),
    (lambda: Log().connecting().types_code(15).splash("Requesting startup parameters.."), 0, "loading", None),
    (
        lambda: Log().connecting().say("  - passkey Authenticate button found; clicking ...", PROMPT),
        0,
        "loading",
        None,
    ),
    (
        lambda: Log().connecting().prompt().say(f"  - focused on two-factor choice listbox{PROMPT}", every=3),
        0,
        "twofa_pending",
        "twofa.pending",
    ),
    (
        lambda: Log().connecting().prompt().say(*[f"  - focused on two-factor choice listbox{PROMPT}"] * 2, every=3),
        0,
        "device_choice",
        "twofa.device_not_chosen",
    ),
    (
        lambda: (
            Log()
            .connecting()
            .prompt()
            .say(*[f"  - focused on two-factor choice listbox{PROMPT}"] * 2, every=3)
            .say(
                "  - focused on two-factor choice listbox  - selecting 0 1  IB Key  - two-factor auth, selected  IB Key ...",
                PROMPT,
            )
        ),
        0,
        "twofa_pending",
        "twofa.pending",
    ),
    # refused
    (lambda: Log().connecting().login_fails(), 0, "connecting", "login.credentials_rejected"),
    (lambda: Log().connecting().login_fails().gives_up(), 0, "login_window", "login.credentials_rejected"),
    (lambda: Log().connecting().login_fails().gives_up(), 9000, "login_window", "login.credentials_rejected"),
    (
        lambda: Log().connecting().login_fails().login_again().form().attempt(),
        0,
        "submitted",
        "login.credentials_rejected",
    ),
    (
        lambda: Log().connecting().login_fails().login_again().form().attempt().gives_up(),
        0,
        "login_window",
        "login.credentials_rejected",
    ),
    (lambda: Log().connecting().login_fails(THROTTLED), 0, "throttled", "login.throttled"),
    (lambda: Log().connecting().login_fails("Your account is locked"), 0, "connecting", "login.account_locked"),
    (
        lambda: Log().connecting().login_fails("This version is no longer supported"),
        0,
        "connecting",
        "gateway.build_retired",
    ),
    (
        lambda: (
            Log()
            .connecting()
            .splash("Attempt 9: server error")
            .login_again()
            .form()
            .attempt()
            .splash("Attempt 2: server error")
        ),
        0,
        "connecting",
        "login.server_unreachable",
    ),
    # windows in the way
    (
        lambda: Log().connecting().say("  - existing session detected, will kick it out", every=2).completes(),
        0,
        "logged_in",
        None,
    ),
    (
        lambda: Log().connecting().say("  - existing session detected, will kick it out", every=2),
        0,
        "connecting",
        None,
    ),
    (
        lambda: Log().connecting().say(*["  - existing session detected, will kick it out"] * 15, every=3),
        0,
        "connecting",
        "login.existing_session",
    ),
    (
        lambda: Log("paper").connecting().say("  - got warning: Something new [Cancel]", every=2),
        0,
        "connecting",
        "login.dialog_blocking",
    ),
    # logged in
    (lambda: Log().logged_in(), 0, "logged_in", None),
    (lambda: Log().logged_in(), 90000, "logged_in", None),
    (lambda: Log().logged_in(first=True), 0, "logged_in", None),
    (lambda: Log("paper").logged_in(), 0, "logged_in", None),
    (lambda: Log("paper").logged_in().splash("Starting application...", 100), 0, "logged_in", None),
    (lambda: Log().logged_in().wait(9000).splash("Attempt 2: server error"), 0, "connection_lost", "ibkr.disconnected"),
    (
        lambda: Log().logged_in().wait(9000).splash("Attempt 2: server error"),
        60,
        "connection_lost",
        "ibkr.disconnected",
    ),
    (lambda: Log().logged_in().wait(9000).splash("Attempt 2: server error"), 200, "logged_in", None),
    (lambda: Log().logged_in().wait(9000).say("  - handle relogin warning by allowing ..."), 0, "relogin", None),
    (lambda: Log().logged_in().wait(9000).say("  - handle relogin warning by allowing ..."), 200, "logged_in", None),
    (
        lambda: Log().logged_in().wait(9000).splash("Connecting to server...").prompt(3),
        0,
        "twofa_pending",
        "twofa.pending",
    ),
    (lambda: Log().logged_in().wait(9000).splash("Connecting to server...").prompt(3), 200, "logged_in", None),
    (
        lambda: Log().logged_in().wait(9000).say(f"  - token expired detected: {EXPIRED}"),
        0,
        "login_window",
        "login.saved_session_refused",
    ),
    (
        lambda: (
            Log().logged_in().wait(9000).say(f"  - token expired detected: {EXPIRED}").login_again().form().attempt()
        ),
        0,
        "submitted",
        None,
    ),
    (lambda: Log().logged_in().wait(9000).login_again(), 0, "login_window", None),
    (
        lambda: (
            Log().logged_in().wait(9000).splash("Attempt 2: server error").splash("Requesting startup parameters..")
        ),
        0,
        "logged_in",
        None,
    ),
    # the form comes back without a word: once can be anything, again and again is a loop
    (lambda: Log().connecting().login_again().form().attempt(), 0, "submitted", None),
    (
        lambda: Log().connecting().login_again().form().attempt().login_again().form().attempt(),
        0,
        "submitted",
        "login.looping",
    ),
    (
        lambda: Log().connecting().login_again().form().attempt().login_again().form().attempt().prompt().completes(),
        0,
        "logged_in",
        None,
    ),
    # gone: the daily restart and a crash look the same
    (lambda: Log().logged_in().gone(), 0, "cold_restarting", None),
    (lambda: Log().logged_in().gone().jvm(), 0, "jvm_starting", None),
    (lambda: restarted(86400).wait(86000).gone().jvm(), 0, "jvm_starting", None),
    (lambda: Log().connecting().gone(), 0, "cold_restarting", "gateway.crashed"),
    (lambda: Log().connecting().gone().jvm(), 0, "jvm_starting", "gateway.crashed"),
    (lambda: Log().connecting().gone().jvm().window().form().attempt().prompt(), 0, "twofa_pending", "twofa.pending"),
    (
        lambda: Log().logged_in().raw("java.lang.OutOfMemoryError: Java heap space").gone(),
        0,
        "cold_restarting",
        "gateway.heap_exhausted",
    ),
    (lambda: Log().connecting().login_fails().gives_up().start(), 0, "jvm_starting", None),
]

#: What only the time between the lines tells.
TIMED: list[tuple[Build, float, str, str | None]] = [
    (
        lambda: Log().start().wait(60).say(*["  jauto is not ready: !timeout!, will try again ..."] * 12, every=25),
        0,
        "jvm_starting",
        "gateway.crashed",
    ),
    (lambda: restarted(86400).wait(600).gone().jvm(), 0, "jvm_starting", "gateway.crashed"),  # the second within a day
]


@pytest.mark.parametrize(("build", "silence", "state", "problem"), [*STAGES, *TIMED])
def test_where_it_stands(tmp_path: Path, build: Build, silence: float, state: str, problem: str | None) -> None:
    one = instance(tmp_path, build(), silence)
    assert (one["state"], one["problem"]) == (state, problem)


@pytest.mark.parametrize(("build", "silence", "state", "problem"), [row for row in STAGES if row[1] == 0])
def test_colours_and_missing_stamps_change_nothing_where_no_time_decides(
    tmp_path: Path, build: Build, silence: float, state: str, problem: str | None
) -> None:
    log = build()
    stamps, coloured = len("2026-03-04T12:00:00.000000000Z "), Log(coloured=True)
    coloured.lines = [f"{line[:stamps]}\x1b[37m\x1b[36m{line[stamps:]}" for line in log.lines]
    coloured.now = log.now
    one = instance(tmp_path, coloured)
    assert (one["state"], one["problem"]) == (state, problem)
    bare = Log(stamped=False)
    bare.lines = [line[stamps:] for line in log.lines]
    one = instance(tmp_path, bare)
    assert (one["state"], one["problem"]) == (state, problem)


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_a_good_log_that_begins_anywhere_shows_no_failure(tmp_path: Path, mode: str) -> None:
    log = Log(mode).logged_in().wait(9000).splash("Connecting to server...").splash("Attempt 1: Authenticating...")
    gone = len(log.wait(9000).gone().lines)
    log.jvm().window().form().attempt().splash("Authenticating...").prompt(3).completes().wait(9000)
    whole, begun = log.lines, epoch("2026-03-04T12:00:00Z") or 0.0
    for silence in (0, 9000):
        for end in (gone, len(whole)):
            log.now = Log().wait((epoch(whole[end - 1][:30]) or begun) - begun).now
            for start in range(end):
                log.lines = whole[start:end]
                found = [one["problem"] for one in scanned(tmp_path, log, silence)["instances"]]
                assert found in ([None], []), (silence, end, whole[start])


@pytest.mark.parametrize("older", [row[0] for row in STAGES])
def test_a_login_that_is_done_forgets_what_was_before_it(tmp_path: Path, older: Build) -> None:
    one = instance(tmp_path, older().wait(600).logged_in())
    assert (one["state"], one["problem"], one["previous"]) == ("logged_in", None, None)


def test_what_the_log_tells_beside_the_login(tmp_path: Path) -> None:
    found = scanned(tmp_path, Log("paper").logged_in())
    assert (found["family"], found["controller"]) == ("ibga", {"name": "ibga", "version": None})
    assert found["gateway_version"] == "10.45.1j"
    (one,) = found["instances"]
    assert (one["endpoint"], one["run_kind"], one["attempt_kind"], one["asks_again"]) == (
        "paper",
        "full_login",
        "typed",
        True,
    )


@pytest.mark.parametrize(
    "kept",
    [
        lambda _stamp, text: f"my-ibga-1  | {text}",
        lambda stamp, text: f"my-ibga-1  | {stamp} {text}",
        lambda _stamp, text: f"Mar 04 12:00:00 host my-ibga[812]: {text}",
        lambda stamp, text: json.dumps({"log": text + "\n", "stream": "stdout", "time": stamp}, ensure_ascii=False),
        lambda stamp, text: f"> {stamp} {text}",
        lambda _stamp, text: text.strip(),  # a copy that lost the blanks
        lambda stamp, text: f"{stamp} {text}\r",
    ],
)
@pytest.mark.parametrize(
    ("build", "state", "problem"),
    [
        (lambda: Log().connecting().prompt(3), "twofa_pending", "twofa.pending"),
        (lambda: Log().connecting().login_fails().gives_up(), "login_window", "login.credentials_rejected"),
        (lambda: Log("paper").logged_in(first=True), "logged_in", None),
    ],
)
def test_whatever_the_log_was_kept_in(
    tmp_path: Path, build: Build, kept: Callable[[str, str], str], state: str, problem: str | None
) -> None:
    log = build()
    log.lines = [kept(*line.split(" ", 1)) for line in log.lines]
    one = instance(tmp_path, log)
    assert (one["state"], one["problem"]) == (state, problem)


def test_a_prompt_that_is_printed_at_every_look_is_one_prompt(tmp_path: Path) -> None:
    log = Log().connecting().prompt(50)
    history = scanned(tmp_path, log)["history"]
    assert (history["twofa_prompts"], history["unanswered_prompts"], history["logins_completed"]) == (1, 1, 0)
    log.login_again().form().attempt().prompt(50).completes()
    history = scanned(tmp_path, log)["history"]
    assert (history["login_attempts"], history["twofa_prompts"]) == (2, 2)
    assert (history["unanswered_prompts"], history["logins_completed"], history["runs"]) == (0, 1, 1)


def test_a_prompt_expires_about_three_minutes_after_the_login_was_sent_or_after_it_came_up_in_a_session(
    tmp_path: Path,
) -> None:
    assert instance(tmp_path, Log().connecting().prompt())["deadline"] == "2026-03-04T12:03:23Z"
    later = Log().logged_in().wait(9000).splash("Connecting to server...").prompt()
    assert instance(tmp_path, later)["deadline"] > later.as_of(120)


def test_each_interruption_of_a_session_begins_anew(tmp_path: Path) -> None:
    log = (
        Log().logged_in().wait(9000).splash("Attempt 2: server error").wait(9000).splash("Attempt 2: server error", 50)
    )
    one = instance(tmp_path, log)
    assert (one["state"], one["since"]) == ("connection_lost", log.as_of())


def test_restarts_by_the_manager_are_counted(tmp_path: Path) -> None:
    log = (
        Log()
        .logged_in()
        .gone()
        .jvm()
        .window()
        .form()
        .attempt()
        .splash("Authenticating...")
        .prompt(2)
        .completes()
        .gone()
        .jvm()
    )
    history = scanned(tmp_path, log)["history"]
    assert (history["runs"], history["controller_restarts"], history["logins_completed"]) == (3, 2, 2)
    assert history["by_exit_code"] == {}


def test_the_wait_that_ibkr_imposed_has_an_end(tmp_path: Path) -> None:
    log = Log().connecting().login_fails(THROTTLED)
    assert instance(tmp_path, log)["deadline"] == log.as_of(300 - 0.1)


def test_a_loop_of_refusals_stays_one_until_it_gets_further(tmp_path: Path) -> None:
    log = Log().connecting()
    for _ in range(3):
        log.login_fails("Your account is locked").login_again().form().attempt()
    found = scanned(tmp_path, log)
    (one,) = found["instances"]
    assert one["problem"] == one["previous"]["problem"] == "login.account_locked"
    assert found["history"]["login_attempts_last_hour"] == 4


def test_the_evidence_is_the_line_that_says_it(tmp_path: Path) -> None:
    one = instance(tmp_path, Log(coloured=True).connecting().login_fails().gives_up())
    assert "fatal error: Invalid username or password." in " ".join(line["quote"] for line in one["evidence"])


@pytest.mark.parametrize("mode", ["live", "paper"])
@pytest.mark.parametrize("stamped", [True, False])
def test_no_cut_of_a_good_login_invents_a_failure(tmp_path: Path, mode: str, stamped: bool) -> None:
    log = Log(mode, stamped).container().installs().found().banner("IB Gateway Startup / Wed Mar  4 12:00:00 EST 2026")
    log.jvm().window().form().attempt().splash("Connecting to server...").splash("Authenticating...").prompt(
        3
    ).completes(first=True)
    log.gone().jvm().window().form().attempt().splash("Authenticating...").types_code(2).completes()
    whole = log.lines
    for end in range(1, len(whole) + 1):
        log.lines = whole[:end]
        found = scanned(tmp_path, log, None)
        assert {one["problem"] for one in found["instances"]} <= {None, "twofa.pending"}, whole[end - 1]


@pytest.mark.parametrize(("port", "family"), [(4000, "ibga"), (8888, "huieric"), (9999, None)])
def test_what_was_derived_from_it_has_its_own_ports(tmp_path: Path, port: int, family: str | None) -> None:
    log = Log().submitted()
    log.lines = [line.replace("TCP-LISTEN:4000", f"TCP-LISTEN:{port}") for line in log.lines if "found IBG" not in line]
    found = scanned(tmp_path, log)
    assert (found["family"], found["controller"]["name"]) == (family, "ibga")


def test_a_long_history_is_counted_and_its_end_is_understood(tmp_path: Path) -> None:
    log = Log().container().found()
    for _ in range(8):
        log.jvm().window().form().attempt().splash("Connecting to server...").prompt(400).completes().wait(80000).gone()
    log.jvm().window().form().attempt().splash("Connecting to server...").prompt(5)
    log.lines[200:200] = ["2026-03-04T12:10:00.000000000Z " + "x" * 2000] * 4000
    found = scanned(tmp_path, log)
    (one,) = found["instances"]
    assert (one["state"], one["problem"], one["previous"]) == ("twofa_pending", "twofa.pending", None)
    history = found["history"]
    assert (history["login_attempts"], history["twofa_prompts"], history["logins_completed"]) == (9, 9, 8)
    assert (history["controller_restarts"], history["unanswered_prompts"], history["runs"]) == (8, 1, 9)


def test_a_log_without_stamps_has_the_times_that_it_names(tmp_path: Path) -> None:
    found = scanned(tmp_path, Log(stamped=False, zone="UTC").logged_in())
    assert (found["time_zone"], found["window"]["last_at"]) == ("UTC", "2026-03-04T12:00:02Z")
    unknown = scanned(tmp_path, Log(stamped=False).logged_in())
    assert (unknown["window"]["last_at"], unknown["instances"][0]["state"]) == (None, "logged_in")


def kind(text: str) -> str | None:
    events = [*(reader := Reader(BY_NAME["ibga"])).read(Line(1, text)), *reader.finish()]
    return events[0].kind if events else None


#: A line of each kind that it prints, and the event that it is.
LINES = [
    (" Manager Startup / Tue Aug  6 00:30:51 EDT 2024", "container_started"),
    (" IB Gateway Startup / Tue Aug  6 00:31:10 EDT 2024", "script_began"),
    (" IB Gateway Installation 1", "script_began"),
    ("• found IBG at /home/ibg/Jts/ibgateway/ibgateway.", "obstacle_passed"),
    ("• downloading from https://example.invalid/ibgateway-latest-standalone-linux-x64.sh ...", None),
    ("• installation has failed.", "install_broken"),
    ("• manager will retry installation in 60s (2 of 10) ...", None),  # said by the line before it
    ("• manager is shutting down due to installation failure.", "script_ended"),
    ("• starting xvfb (/usr/bin/Xvfb :0 -ac -screen 0 1024x768x16 +extension RANDR) ...", None),
    (
        "• starting socat (/usr/bin/socat TCP-LISTEN:4000,fork,reuseaddr TCP:localhost:9000,forever,shut-down) ...",
        "relay_started",
    ),
    ("    display timed out, will try again ...", "sign_of_life"),  # the first: usually the next one works
    ("  display :0 is ready", "obstacle_passed"),
    ("• starting IB Gateway ...", "jvm_started"),
    ("• time: Tue Aug  6 00:31:10 EDT 2024", None),
    ("• waiting for jauto availability ...", None),
    ("  jauto is ready", "session_full"),
    ("  jauto is not ready: !timeout!, will try again ...", "sign_of_life"),
    ("• waiting for main window ...", None),
    ("  found: IBKR Gateway at 112,84", "login_window"),
    ("• filling in login form ...", "login_window"),
    (
        "  - skipping combobox Region since persisted state (/home/ibg_settings/skip_login_combobox_Region) indicates it"
        " already matches America",
        None,
    ),
    ("• logging in ...", "login_attempt"),
    ("• entered maintenance cycle", None),  # printed at once: no sign of a login
    ("  - welcome: 82% Build 10.41.1e Connecting to server... Attempt 10: server error", "connecting"),
    ("  - welcome: 82% Build 10.41.1e Connecting to server...", "connecting"),
    ("Attempt 10: server error", "connecting"),
    ("  - welcome: 45% Authenticating...", "authenticating"),
    ("  - welcome: 76% Requesting startup parameters..", "loading"),
    ("  - welcome: 0%", "splash_shown"),
    (PROMPT, "twofa_initiated"),
    ("  - handling TOTP Mobile Authenticator", "twofa_initiated"),
    ("    TOTP form identified", None),
    ("    TOTP answer entered", None),
    ("    TOTP OK clicked", "twofa_answered"),
    ("  - clicking 'Change security device' for TOTP login", "sign_of_life"),
    ("  - focused on two-factor choice listbox  - selecting 0 1  Mobile Authenticator app", None),
    ("  - two-factor auth, selected  IB Key ...", "device_chosen"),
    ("  - passkey Authenticate button found; clicking ...", "twofa_answered"),
    ("  - security-key PIN dialog found; entering configured PIN ...", "sign_of_life"),
    ("  - existing session detected, will kick it out", "session_kicked"),
    ("  - clicking 'Continue Login' to dismiss existing session dialog", None),  # said by the line before it
    (
        "  - existing session detected (periodic check), clicking Reconnect This Session ...",
        "session_continued",
    ),
    ("  - handle relogin warning by allowing ...", "relogin"),
    (
        "  - token expired detected: The security tokens associated with your login credentials have expired",
        "session_expired",
    ),
    ("  - login failed: Invalid username or password.", "login_error"),
    ("• breaking out of maintenance cycle because login is needed again", "login_again"),
    ("• breaking out of maintenance cycle due to fatal error: Invalid username or password.", "login_error"),
    ("• cannot continue due to fatal error: Invalid username or password.", "login_error"),
    ("• entering infinit sleep ...", "given_up"),
    ('  - got warning: <html>This is a "paper" trading account</html> [I understand and accept]', None),
    ("  - got warning: Something new [Cancel]", "question_ignored"),
    ("  - handle general warning: Something new", None),
    ("    clicking [I understand and accept] at 500,400 ...", "disclaimer_accepted"),
    ("  - option check skipped, to perform again remove /home/ibg_settings/skip_option_check2", "login_completed"),
    ("  - option check, clicking menu Configure/Settings ...", "login_completed"),
    ("  - option check, clicking tree item Configuration/Lock and Exit ...", None),
    ("  - option check, changing port from 4001 to 9000 ...", "setting_changed"),
    ("  - option check, unchecking Read-Only API for IB_READONLY:  ...", "setting_changed"),
    ("  - option check, changing logoff time from 11:45 to 11:55 ...", "setting_changed"),
    ("  - option check, clicking logoff time PM ...", "setting_changed"),
    ("  - option check, confirming settings change ...", "configured"),
    ("  - option check, no settings change necessary.", "configured"),
    ("• IB Gateway is no longer running, will restart ...", "gateway_gone"),
    ("  - export logs, done.", None),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *LINES,
        ("â€¢ logging in ...", "login_attempt"),  # as some viewers save it
        ("it said • logging in ...", None),
        ("logging in ...", None),
        ("  - option check skipped, to perform again remove /home/ibg_settings/skip_option_check2", "login_completed"),
        ("      - option check skipped, to perform again remove /x", None),
        ("- option check skipped, to perform again remove /x", "login_completed"),  # as a copy may have it
        ("jauto is ready", "session_full"),
        ("jauto is ready for more", None),
        ("2026-03-04 12:00:00 [I] received command ping", None),
        ("tput: No value for $TERM and no -T specified", None),
        (f"  - focused on two-factor choice listbox{PROMPT}", "twofa_initiated"),
        (
            "  - focused on two-factor choice listbox• IB Gateway is no longer running, will restart ...",
            "gateway_gone",
        ),
        ("  - focused on two-factor choice listbox  - welcome: 50% Authenticating...", "authenticating"),
    ],
)
def test_a_message_counts_where_it_stands_on_its_own(text: str, expected: str | None) -> None:
    assert kind(text) == expected
