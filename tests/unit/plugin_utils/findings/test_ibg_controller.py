# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said of a gateway that ibg-controller runs, from the words of its log to the steps that mend it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Verdict, findings
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import verdicts_of_log
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibg_log import Log

from tests.unit.plugin_utils.findings.rows import said
from tests.unit.plugin_utils.findings.scene import case

Build = Callable[[], Log]

LOCKED = "CCP LOCKOUT DETECTED — IBKR's auth server silently dropped the auth request (no NS_AUTH_START before Timeout)"
BACKOFF = "CCP backoff: waiting 60s before next auth attempt (exponential backoff)"
HALT = 'ALERT_CCP_PERSISTENT_HALT mode=live reason="in-JVM relogin returned False"'
REJECTED = 'ALERT_LOGIN_FAILED mode=live reason="bad-credentials" suggested_action="verify TWS_USERID / TWS_PASSWORD"'
RELAUNCH = (
    "Recovery: the API port never opened after login. Relaunching Gateway in 60s (attempt 1/3) before handing this mode"
)
MISMATCH = "2FA dialog is requesting a different method than configured: prompt='Enter IB Key code', expected 'Mobile'."
NOT_APPLIED = (
    'ALERT_CONFIG_NOT_APPLIED mode=live setting="Set Auto Log Off Time" env_var=AUTO_LOGOFF_TIME requested="05:01 AM"'
)
MAINTENANCE = (
    'ALERT_IBKR_MAINTENANCE_RECOVERY delay_seconds=480 mode=live reason="cold start inside IBKR maintenance window"'
)


def judged(log: Log, after: float = 0.0) -> Verdict:
    """The verdict on `log`, `after` seconds of silence."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as saved:
        saved.write(log.text)
        saved.flush()
        told = probe(None, saved.name, "auto", log.as_of(after), 1 << 22, 50, None, 10.0)
    (verdict,) = verdicts_of_log("gateway.log", told, log.now + timedelta(seconds=after))
    return verdict


def deadlocking() -> Log:
    log = Log(tagged=False).container().script().state("LAUNCHING").say("Gateway PID: 88").state("LOGIN")
    return log.say("Waiting for login dialog (password text)").login_window().attempt().wait(20).say(LOCKED, BACKOFF)


@pytest.mark.parametrize(
    ("build", "status", "code", "remedy", "words"),
    [
        (lambda: Log().logged_in(), "healthy", None, None, ""),
        (lambda: Log().start(), "starting", "gateway.starting", "wait", "starting"),
        (lambda: Log().start().say(MAINTENANCE).wait(400), "starting", "gateway.starting", "wait", "until 12:08:02"),
        (lambda: Log().logged_in().exits(), "starting", "gateway.starting", "wait", "cold restarting"),
        (
            lambda: Log().logged_in().restarts_itself(),
            "starting",
            "gateway.restarting_by_schedule",
            "wait",
            "daily restart",
        ),
        (
            lambda: Log().submitted().prompt(60),
            "waiting",
            "twofa.pending",
            "ask_person",
            "depends on TWOFA_TIMEOUT_ACTION",
        ),
        (
            lambda: Log().submitted().prompt().expires(),
            "down",
            "twofa.timed_out",
            "ask_person",
            "TWOFA_TIMEOUT_ACTION=restart",
        ),
        (
            lambda: Log().submitted().prompt().expires().relaunches("TWOFA_TIMEOUT_ACTION=restart — invoking"),
            "waiting",
            "twofa.retrying",
            "ask_person",
            "asks again by itself",
        ),
        (
            lambda: Log().submitted().authenticating().asks(totp=True).halts("2FA method mismatch", MISMATCH),
            "down",
            "twofa.device_not_chosen",
            "ask_person",
            "waits for somebody to finish the login by hand",
        ),
        (
            lambda: Log().submitted().authenticating().asks(totp=True).halts("2FA method mismatch", MISMATCH).halted(),
            "down",
            "twofa.device_not_chosen",
            "ask_person",
            "tries nothing more by itself",
        ),
        (
            lambda: Log().submitted().authenticating().asks().say("Passkey/WebAuthn login flow detected (window 'x')"),
            "down",
            "twofa.code_required",
            "ask_person",
            "passkey",
        ),
        (
            lambda: Log().submitted().code_typed().api_awaited().wait(180).say("Final state dump:"),
            "down",
            "twofa.login_incomplete",
            "restart",
            "TWOFACTOR_CODE or a wrong clock",
        ),
        (
            lambda: Log().submitted().authenticating().say(REJECTED),
            "down",
            "login.credentials_rejected",
            "stop_to_protect_account",
            "TWS_USERID",
        ),
        (
            lambda: Log().submitted().wait(20).say(LOCKED, BACKOFF),
            "waiting",
            "login.throttled",
            "stop_to_protect_account",
            "IBKR Mobile",
        ),
        (
            lambda: Log().submitted().wait(20).say(LOCKED, BACKOFF, HALT),
            "waiting",
            "login.throttled",
            "wait",
            "IBKR Mobile",
        ),
        (deadlocking, "waiting", "login.throttled", "stop_to_protect_account", "Use a newer image"),
        (
            lambda: Log().submitted().prompt().expires().api_awaited().wait(180).say(RELAUNCH).wait(20),
            "waiting",
            "twofa.retrying",
            "ask_person",
            "asks again by itself",
        ),
        (
            lambda: Log().submitted().authenticating().say("ALERT_PASSWORD_EXPIRED status=expired mode=live"),
            "down",
            "login.credentials_rejected",
            "stop_to_protect_account",
            "Change the password in the Client Portal",
        ),
        (
            lambda: (
                Log().submitted().authenticating().asks().api_awaited().say("Diagnosis: SSL HANDSHAKE FAILED. This")
            ),
            "waiting",
            "login.server_unreachable",
            "ask_person",
            "TWS_SERVER",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .asks()
                .api_awaited()
                .say("Diagnosis: Gateway NEVER reached the Authenticating state.")
            ),
            "waiting",
            "login.server_unreachable",
            "wait",
            "IBKR",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .say("existing-session dialog: action=secondary")
                .say("Clicking existing-session button 'Cancel' in 'Existing session' window")
            ),
            "down",
            "login.existing_session",
            "ask_person",
            "gave way",
        ),
        (
            lambda: (
                Log().submitted().authenticating().say("existing-session dialog: action=manual", "action=manual — x")
            ),
            "waiting",
            "login.existing_session",
            "ask_person",
            "asks what to do",
        ),
        (lambda: Log().logged_in().say(NOT_APPLIED), "degraded", "config.value_invalid", "ask_person", "ignored"),
        (
            lambda: Log().logged_in().say("API port 4001 closed (heartbeat failure 3/3)"),
            "down",
            "api.not_listening",
            "none",
            "nothing listens",
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .say("API port 4001 closed (heartbeat failure 3/3)")
                .relaunches("Gateway appears wedged (sustained port closure). Escalating to do_restart_in_place()")
            ),
            "down",
            "api.not_listening",
            "none",
            "starts the gateway anew",
        ),
        (lambda: Log().logged_in().stopped(), "down", "container.stopped", "ask_person", "stopped from outside"),
        (lambda: Log().logged_in().stopped("failed_timeout"), "down", "container.stopped", "ask_person", "IBKR Mobile"),
    ],
)
def test_what_is_said(build: Build, status: str, code: str | None, remedy: str | None, words: str) -> None:
    verdict = judged(build())
    leading = verdict.leading
    assert (verdict.status, leading.finding.code if leading else None) == (status, code)
    if leading:
        assert leading.remedy == remedy
        assert words in " ".join((verdict.summary, *leading.proof.fix))


@pytest.mark.parametrize(("controller", "told"), [("ibg-controller", True), ("IBC", False)])
def test_the_own_words_of_a_gateway_that_crashed_are_not_in_its_log(controller: str, told: bool) -> None:
    changes = said("gateway.crashed", "ended", endpoint="paper")
    proof = findings()["gateway.crashed"].prove(case(**changes, log={"controller": {"name": controller}}))
    assert proof is not None
    assert ("/tmp/jvm_console_paper.log" in (proof.next_command or "")) is told


def test_a_clean_logout_leaves_no_session_behind() -> None:
    leading = judged(Log().logged_in().stopped()).leading
    assert leading is not None
    assert not any("IBKR Mobile" in step for step in leading.proof.fix)


def test_a_release_that_does_not_deadlock_is_not_to_be_replaced() -> None:
    leading = judged(Log().submitted().wait(20).say(LOCKED, BACKOFF)).leading
    assert leading is not None
    assert not any("newer image" in step for step in leading.proof.fix)
