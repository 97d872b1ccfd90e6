# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ibg-controller's words, and where a login stands by them: at each stage, in each trouble, at each end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibg_controller import IbgController
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.log.reader import Reader
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log as IbcLog
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibg_log import Log

Build = Callable[[], Log]


def told(log: Log, after: float = 0.0, as_of: str | None = None) -> dict[str, Any]:
    """What the probe tells of `log`, `after` seconds of silence."""
    scan = Scan(50)
    scan.read([log.text.encode()])
    moment = log.now.timestamp() + after if log.stamped else None
    (result,) = scan.results("gateway.log", moment, False)
    return result


def instance(log: Log, after: float = 0.0) -> dict[str, Any]:
    """The only instance of it."""
    (one,) = told(log, after)["instances"]
    return dict(one)


RELAUNCH = "Recovery: the API port never opened after login. Relaunching Gateway in 60s (attempt 1/3) before handing this mode back"
LOCKED = "CCP LOCKOUT DETECTED — IBKR's auth server silently dropped the auth request (no NS_AUTH_START before Timeout)"
BACKOFF = "CCP backoff: waiting 60s before next auth attempt (exponential backoff to let IBKR's rate limiter clear)"
REJECTED = 'ALERT_LOGIN_FAILED mode=live reason="bad-credentials" suggested_action="verify TWS_USERID / TWS_PASSWORD"'
NO_PROGRESS = 'ALERT_LOGIN_FAILED mode=live reason="post-auth-no-progress" suggested_action="retry"'
HALT = 'ALERT_CCP_PERSISTENT_HALT mode=live reason="in-JVM relogin returned False" remediation="log into IBKR Mobile"'
SELECTOR = (
    "No 2FA code-entry prompt appeared within 15s of device selection, and Gateway is showing 'Re-login is required'"
)
MISMATCH = "2FA dialog is requesting a different method than configured: prompt='Enter IB Key code', expected 'Mobile'. NOT entering"
PASSKEY = "Passkey/WebAuthn login flow detected (window matched 'jxbrowser'). This account is on passkey 2FA"
EXITS = "TWOFA_TIMEOUT_ACTION=exit — controller exiting"
FAILED_BY_TIME = 'ALERT_2FA_FAILED mode=live reason="2FA dialog timeout; TWOFA_TIMEOUT_ACTION=exit"'
MAINTENANCE = (
    'ALERT_IBKR_MAINTENANCE_RECOVERY delay_seconds=480 mode=live reason="cold start inside IBKR maintenance window"'
)
STILL_CLOSED = (
    "  API port still closed at t+{}s; windows=[('JFrame', 'Authenticating...', False), ('JDialog', '{}', True)]"
)


@pytest.mark.parametrize(
    ("build", "silence", "state", "problem"),
    [
        # starting
        (lambda: Log().container(), 0, "script_starting", None),
        (lambda: Log().container().script().launching(), 0, "script_starting", None),
        (lambda: Log().container().script().launching().jvm().state("AGENT_WAIT"), 0, "jvm_starting", None),
        (lambda: Log().start(), 0, "gateway_starting", None),
        (lambda: Log().start(), 130, "gateway_starting", None),
        (lambda: Log().start(), 200, "gateway_starting", "gateway.login_window_unknown"),
        (lambda: Log().start().login_window(), 0, "login_window", None),
        (lambda: Log().start().say(MAINTENANCE), 300, "gateway_starting", None),
        (lambda: Log().start().say(MAINTENANCE), 900, "gateway_starting", "gateway.login_window_unknown"),
        # the login
        (lambda: Log().submitted(), 20, "submitted", None),
        (lambda: Log().submitted(), 80, "submitted", "login.not_submitted"),
        (lambda: Log().submitted().authenticating(), 10, "authenticating", None),
        (lambda: Log().submitted().authenticating().asks(), 110, "authenticating", None),
        (lambda: Log().submitted().authenticating().asks(), 140, "authenticating", "login.auth_silent"),
        (
            lambda: Log().submitted().authenticating().asks().wait(120).say("No 2FA dialog appeared within 120s"),
            0,
            "authenticating",
            "login.auth_silent",
        ),
        (lambda: Log("paper").logged_in(), 0, "logged_in", None),
        (lambda: Log().logged_in(), 86400, "logged_in", None),
        # the second factor
        (lambda: Log().submitted().prompt(), 0, "twofa_pending", "twofa.pending"),
        (lambda: Log().submitted().prompt().approved(), 0, "loading", None),
        (lambda: Log().submitted().prompt().approved(1), 0, "loading", None),
        (lambda: Log().submitted().prompt().approved().api_awaited(), 200, "loading", "twofa.login_incomplete"),
        (lambda: Log().submitted().code_typed(), 0, "loading", None),
        (lambda: Log().submitted().code_typed().api_awaited(), 200, "loading", "twofa.login_incomplete"),
        (lambda: Log().submitted().prompt().expires(), 0, "login_window", "twofa.timed_out"),
        (
            lambda: (
                Log().submitted().prompt().expires().say("TWOFA_TIMEOUT_ACTION='none' — falling through").api_awaited()
            ),
            0,
            "loading",
            "twofa.timed_out",
        ),
        (lambda: Log().submitted().prompt().expires().api_awaited().api_opens().configured(), 0, "logged_in", None),
        (
            lambda: Log().submitted().prompt().expires().say(EXITS, FAILED_BY_TIME, level="ERROR"),
            0,
            "ended",
            "twofa.timed_out",
        ),
        (
            lambda: Log().submitted().prompt().expires().relaunches("TWOFA_TIMEOUT_ACTION=restart — invoking"),
            0,
            "gateway_starting",
            "twofa.timed_out",
        ),
        (
            lambda: Log().submitted().prompt().expires().say("RELOGIN_AFTER_TWOFA_TIMEOUT=yes — in-JVM relogin"),
            0,
            "twofa_retrying",
            "twofa.timed_out",
        ),
        (
            lambda: Log().submitted().authenticating().asks(totp=True).say(SELECTOR),
            0,
            "device_choice",
            "twofa.device_not_chosen",
        ),
        (
            lambda: Log().submitted().authenticating().asks(totp=True).say(MISMATCH),
            0,
            "device_choice",
            "twofa.device_not_chosen",
        ),
        (lambda: Log().submitted().authenticating().asks().say(PASSKEY), 0, "twofa_pending", "twofa.code_required"),
        (
            lambda: Log().submitted().authenticating().asks(totp=True).halts("2FA method mismatch", MISMATCH),
            0,
            "device_choice",
            "twofa.device_not_chosen",
        ),
        (
            lambda: Log().submitted().authenticating().asks(totp=True).halts("2FA method mismatch", MISMATCH).halted(),
            86400,
            "device_choice",
            "twofa.device_not_chosen",
        ),
        (
            lambda: Log().submitted().authenticating().asks().halts("2FA method mismatch", MISMATCH).api_opens(),
            0,
            "logged_in",
            None,
        ),
        # another session of the same user
        (
            lambda: Log().submitted().authenticating().say("existing-session dialog: action=primary"),
            0,
            "existing_session",
            None,
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .say("existing-session dialog: action=primary")
                .say("Clicking existing-session button 'Continue Login' in 'Existing session' window")
            ),
            0,
            "connecting",
            None,
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .say("existing-session dialog: action=secondary")
                .say("Clicking existing-session button 'Cancel' in 'Existing session' window")
            ),
            0,
            "existing_session",
            "login.existing_session",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .say("existing-session dialog: action=manual", "action=manual — leaving dialog for user")
            ),
            0,
            "existing_session",
            "login.existing_session",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .say("existing-session dialog: action=primary")
                .say("existing-session: handled this dialog 6 times in 300s — another container or app is probably")
            ),
            0,
            "existing_session",
            "login.existing_session",
        ),
        # refused, throttled, silent
        (lambda: Log().submitted().authenticating().say(REJECTED), 0, "authenticating", "login.credentials_rejected"),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .say("ALERT_PASSWORD_EXPIRED status=warning mode=live days_remaining=7")
            ),
            0,
            "authenticating",
            None,
        ),
        (
            lambda: Log().submitted().authenticating().say("ALERT_PASSWORD_EXPIRED status=expired mode=live"),
            0,
            "authenticating",
            "login.credentials_rejected",
        ),
        (lambda: Log().submitted().wait(20).say(LOCKED, BACKOFF), 0, "throttled", "login.throttled"),
        (lambda: Log().submitted().wait(20).say(LOCKED, BACKOFF).wait(60).attempt(), 0, "submitted", None),
        (lambda: Log().submitted().wait(20).say(LOCKED, BACKOFF, HALT), 0, "ended", "login.throttled"),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .asks()
                .wait(120)
                .say("Login dialog stuck in 'connecting to server' retry loop")
            ),
            0,
            "authenticating",
            "login.server_unreachable",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .asks()
                .api_awaited()
                .wait(180)
                .say("Diagnosis: SSL HANDSHAKE FAILED. This")
            ),
            0,
            "loading",
            "login.server_unreachable",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .asks()
                .say("No 2FA dialog appeared within 120s")
                .api_awaited()
                .say(REJECTED)
            ),
            0,
            "loading",
            "login.credentials_rejected",
        ),
        (
            lambda: Log().submitted().authenticating().asks().api_awaited().say(NO_PROGRESS),
            0,
            "loading",
            "login.auth_silent",
        ),
        (
            lambda: Log().submitted().prompt().approved().api_awaited().say(NO_PROGRESS),
            0,
            "loading",
            "twofa.login_incomplete",
        ),
        # a window that it does not know
        (
            lambda: Log().submitted().authenticating().asks().api_awaited().say(STILL_CLOSED.format(0, "Some News")),
            130,
            "loading",
            "login.dialog_blocking",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .asks()
                .api_awaited()
                .say(STILL_CLOSED.format(0, "Attempt 1: connecting"))
            ),
            130,
            "loading",
            "login.auth_silent",
        ),
        (
            lambda: (
                Log()
                .submitted()
                .authenticating()
                .asks()
                .api_awaited()
                .say(STILL_CLOSED.format(0, "Some News"))
                .api_opens()
            ),
            130,
            "logged_in",
            None,
        ),
        # while it serves
        (
            lambda: Log().logged_in().wait(60).say("API port 4001 closed (heartbeat failure 1/3)"),
            0,
            "logged_in",
            "api.not_listening",
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .say("API port 4001 closed (heartbeat failure 1/3)")
                .say("API port 4001 recovered after 1 failed heartbeat(s)")
            ),
            0,
            "logged_in",
            None,
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .say("API port 4001 closed (heartbeat failure 3/3)")
                .relaunches("Gateway appears wedged (sustained port closure, no login dialog appearing). Escalating")
            ),
            0,
            "gateway_starting",
            "api.not_listening",
        ),
        (
            lambda: Log().logged_in().say("Login dialog detected during monitor loop — re-driving login"),
            0,
            "relogin",
            None,
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .say("Login dialog detected during monitor loop — re-driving login")
                .login_window()
                .attempt()
            ),
            0,
            "submitted",
            None,
        ),
        # the daily restart
        (lambda: Log().logged_in().exits(), 0, "cold_restarting", None),
        (lambda: Log().logged_in().restarts_itself(), 0, "auto_restarting", None),
        (lambda: Log().logged_in().adopted(), 0, "logged_in", None),
        (
            lambda: (
                Log()
                .logged_in()
                .restarts_itself()
                .wait(90)
                .say('ALERT_AUTO_RESTART mode=live status=failed_no_agent reason="falling back to a relaunch"')
            ),
            0,
            "cold_restarting",
            None,
        ),
        (
            lambda: (
                Log()
                .logged_in()
                .exits()
                .relaunches("Recovery: JVM exited with code 0. Trying fast in-place restart first.")
            ),
            0,
            "gateway_starting",
            None,
        ),
        # crashes
        (lambda: Log().logged_in().exits(1), 0, "cold_restarting", "gateway.crashed"),
        (lambda: Log().logged_in().exits(-9).relaunches(), 0, "gateway_starting", "gateway.crashed"),
        (lambda: Log().logged_in().exits(1).relaunches().login_window().attempt(), 0, "submitted", "gateway.crashed"),
        (
            lambda: (
                Log()
                .container()
                .script()
                .launching()
                .jvm()
                .wait(60)
                .say("Input agent never came up — text input will fail")
            ),
            0,
            "jvm_starting",
            "gateway.crashed",
        ),
        # the end
        (
            lambda: Log().start().wait(120).say("Login dialog handling failed"),
            0,
            "ended",
            "gateway.login_window_unknown",
        ),
        (
            lambda: (
                Log()
                .container()
                .script()
                .launching()
                .say("No Gateway launcher found under /home/ibgateway/Jts/ibgateway")
            ),
            0,
            "ended",
            "gateway.install_broken",
        ),
        (
            lambda: Log().container().script().say("TWS_USERID and TWS_PASSWORD must be set"),
            0,
            "ended",
            "config.credentials_missing",
        ),
        (
            lambda: (
                Log()
                .container()
                .script()
                .say(
                    'ALERT_2FA_FAILED mode=live reason="TWOFACTOR_CODE is not a base32 secret" remediation="it looks like"'
                )
            ),
            0,
            "ended",
            "config.value_invalid",
        ),
        (
            lambda: (
                Log()
                .container()
                .script()
                .raw("ValueError: TWS_SERVER='a b' is not a valid hostname (expected DNS label")
            ),
            0,
            "ended",
            "config.value_invalid",
        ),
        (lambda: Log().logged_in().stopped(), 0, "ended", "container.stopped"),
        (lambda: Log().submitted().prompt().stopped(), 0, "ended", "container.stopped"),
    ],
)
def test_where_it_stands(build: Build, silence: float, state: str, problem: str | None) -> None:
    at = instance(build(), silence)
    assert (at["state"], at["problem"]) == (state, problem)


# Its words


#: Every message of the facts by the event that it is; under None, what is knowingly nothing.
WORDS: dict[str | None, tuple[str, ...]] = {
    "controller_version": ("ibg-controller v0.11.1 starting (mode=live, gateway=10.45.1j, product=gateway)",),
    "script_began": ("[STATE: LAUNCHING]",),
    None: (
        "[STATE: AGENT_WAIT]",
        "[STATE: READY]",
        "[STATE: COMMAND_SERVER]",
        "Login complete. Entering monitor loop.",
        "agent_jcheck for 'Paper Trading' did not succeed — relying on warm-state jts.ini for trading-mode",
        "Post-login config: these env vars are not present in Gateway's config dialog",
        "agent JLIST_SELECT 'Second Factor': ERR jlist_item_not_found want=Mobile Authenticator App",
        "  IB Key wait t+30s: still waiting for approval...",
        "2FA dialog detected: ('JDialog', 'Second Factor Authentication', True)",
        "CCP lockout has hit 2 times in a row. Most common cause is a concurrent IBKR session",
        "CCP backoff reset — auth succeeded",
        "Diagnosis: unexpected state in launcher.log. Check the full launcher.log for details:",
        "  API port still closed at t+40s; windows=[('JFrame', 'Authenticating...', False)]",
        "API port never opened and no lockout signature detected — treating as terminal failure (wrong",
        "RESTART: terminating Gateway PID 88",
        "In-JVM relogin: login frame is up, re-driving handle_login",
        "  Setting Read-Only API = False",
        "Post-login config: no supported env vars set, skipping",
        "Post-login config: could not open Configure → Settings",
        "Command server: listening on 0.0.0.0:7462",
        "Command server: CONTROLLER_COMMAND_SERVER_PORT not set, skipping",
        "Command server: NO AUTH TOKEN SET. Anyone who can reach the bind address can send STOP",
        "Health server: listening on 0.0.0.0:8080 (GET /health, /ready)",
        "Health server: invalid port '0x', skipping",
        "Readiness signal: /tmp/gateway_ready_live",
        ".> Starting matchbox window manager.",
        ".>\t\tagent-socket: /tmp/gateway-input-live.sock",
        ".> Waiting for Gateway controller to signal readiness (/tmp/gateway_ready_live).",
        ".> Dual-mode stagger: sleeping 15s before starting paper instance",
        ".> Starting AT-SPI infrastructure.",
        "AUTORESTART: no fresh install4j restarter.log; probing /tmp/a.sock for up to 15s in case Gateway",
        "API port timeout with lockout signature (ccp_timeout=True, stuck_connecting=False); in-JVM relogin",
        'ALERT_SOMETHING_NEW mode=live reason="x"',
        "the log said ALERT_HALTED mode=live state=HALTED",
        "a client said Log In clicked successfully",
        "Log In clicked successfully by hand",
    ),
    "gateway_called": (
        "[STATE: APP_DISCOVERY]",
        "[STATE: LOGIN]",
    ),
    "authenticating": (
        "[STATE: POST_LOGIN]",
        "[STATE: TWO_FA]",
    ),
    "loading": (
        "[STATE: DISCLAIMERS]",
        "[STATE: API_WAIT]",
        "API port 4002 already open — no 2FA dialog needed",
    ),
    "configured": (
        "[STATE: CONFIG]",
        "[STATE: MONITORING]",
        ".> Controller ready (live) after 41s.",
        "Recovery: this mode is back, without a container restart",
        "Recovery: adopted Gateway's self-restarted JVM; no relaunch needed",
        "Re-auth complete, resuming monitor",
        "RESTART: Gateway re-launched successfully",
    ),
    "twofa_failed": (
        "[STATE: HALTED]",
        'ALERT_HALTED mode=live state=HALTED reason="2FA needs a change only an operator can make; see the',
        "2FA handling failed",
        "RESTART: 2FA handling failed",
        "Re-auth: 2FA failed",
        "HALTED: 2FA needs a change only an operator can make (waiting for an operator)",
    ),
    "login_window": (
        "Login dialog detected",
        "AUTORESTART: login dialog on the self-restarted Gateway — the session was not preserved; re-driving",
    ),
    "login_window_timeout": (
        "Login dialog never appeared (no JPasswordField in any showing Window)",
        "Log In / Paper Log In button click failed via agent",
        "RESTART: login dialog handling failed",
        "Re-auth: login failed",
    ),
    "mode_set": (
        "Trading mode set to Paper Trading via agent",
        "Selecting trading mode: Paper Trading",
        "Trading mode already Live Trading",
    ),
    "login_attempt": ("Log In clicked successfully",),
    "jvm_ended": (
        "TWS_USERID and TWS_PASSWORD must be set",
        "No Gateway launcher found under /home/ibgateway/Jts/ibgateway",
        "Gateway PID unknown (agent never reported one) — cannot proceed without a JVM identity",
        'ALERT_CCP_PERSISTENT_HALT mode=live reason="in-JVM relogin returned False" remediation="log into',
        'ALERT_JVM_RESTART_EXHAUSTED mode=live attempts=5 reason="5 in-JVM relogins exhausted in main CCP',
        'ALERT_SHUTDOWN mode=live signal=SIGTERM graceful=true reason="controller received SIGTERM; Gateway',
        "Recovery: 3 relaunches did not bring this mode back; exiting so the container can act",
        "Login dialog handling failed",
        "Post-login dialog handling failed",
        'ALERT_2FA_FAILED mode=live reason="2FA dialog timeout; TWOFA_TIMEOUT_ACTION=exit"',
        "ValueError: TWS_SERVER='a b' is not a valid hostname (expected DNS label characters only).",
        "binascii.Error: Non-base32 digit found",
    ),
    "settings": (
        "  - CUSTOM_CONFIG: not honored; the controller reads env vars directly and does not render an IBC",
        "No TWOFACTOR_CODE set — will watch for IB Key push dialog if it appears",
        "TWOFA_TIMEOUT_ACTION=exit — controller exiting",
        "2FA dialog shows device selector — selecting 'Mobile Authenticator App' before TOTP entry",
    ),
    "jvm_started": (
        "Gateway PID: 88 (JVM console -> /tmp/jvm_console_live.log)",
        "Gateway PID: 88",
    ),
    "jvm_crashed": (
        "Input agent never came up — text input will fail",
        "RESTART: agent did not come up after re-launch",
    ),
    "twofa_awaited": ("Waiting for 2FA dialog (window title contains 'Second Factor') for up to 120s",),
    "twofa_initiated": ("Waiting for IB Key mobile approval — approve on your phone via the IB Key app",),
    "twofa_answered": (
        "2FA dialog dismissed — IB Key approval detected, proceeding",
        "2FA handled successfully",
        "API port opened — IB Key approval succeeded",
        "2FA handled successfully (post-relogin)",
        "Passkey Authenticate click accepted by agent; no further clicks in this attempt.",
    ),
    "twofa_expired": (
        "IB Key approval wait timed out",
        "2FA dialog didn't appear in relogin window either",
    ),
    "login_stalled": (
        "No 2FA dialog appeared within 120s",
        "RESTART: API port never opened after re-launch",
        "Re-auth: API port never came back up",
        "Final state dump:",
        'ALERT_LOGIN_FAILED mode=live reason="post-auth-no-progress" suggested_action="see',
    ),
    "device_not_chosen": (
        "No 2FA code-entry prompt appeared within 15s of device selection, and Gateway is showing 'Re-login",
        "2FA dialog is requesting a different method than configured: prompt='Enter IB Key code', expected",
        'ALERT_2FA_FAILED mode=live reason="JLIST_SELECT on 2FA device selector failed"',
        "JLIST_SELECT on 2FA device selector failed",
    ),
    "code_required": (
        "Passkey/WebAuthn login flow detected (window matched 'jxbrowser')",
        "SETTEXT_IN_WIN on 2FA dialog failed",
        "CLICK_IN_WIN OK on 2FA dialog failed",
        'ALERT_2FA_FAILED mode=live reason="passkey Authenticate lookup failed"',
    ),
    "wait_announced": (
        'ALERT_2FA_MANUAL_WINDOW mode=live timeout_seconds=300 remediation="finish the login over VNC (port',
        'ALERT_IBKR_MAINTENANCE_RECOVERY delay_seconds=480 mode=paper reason="cold start inside IBKR',
        "CCP backoff: waiting 60s before next auth attempt (exponential backoff to let IBKR's rate limiter",
        "CCP long cool-down (in-JVM relogin returned False; JVM restart 1/5): sleeping 1200s (attempt=1,",
    ),
    "dialog_text": (
        'ALERT_LOGIN_FAILED mode=live reason="bad-credentials" suggested_action="Gateway surfaced a',
        "Diagnosis: SSL HANDSHAKE FAILED. This usually means TWS_SERVER / TWS_SERVER_PAPER points at the",
        "Diagnosis: IBKR SILENTLY DROPPED THE AUTH REQUEST.",
        "Diagnosis: Gateway NEVER reached the Authenticating state.",
        'ALERT_PASSWORD_EXPIRED status=expired mode=live suggested_action="password has expired"',
    ),
    "password_expires": (
        'ALERT_PASSWORD_EXPIRED status=warning mode=live days_remaining=7 suggested_action="rotate IBKR',
    ),
    "throttled": (
        'ALERT_CCP_PERSISTENT consecutive_lockouts=3 mode=live suggested_action="log into IBKR Mobile as',
        "CCP LOCKOUT DETECTED — IBKR's auth server silently dropped the auth request (no NS_AUTH_START",
    ),
    "login_completed": (
        "ALERT_AUTO_RESTART mode=live status=adopted detected_via=restarter_log old_pid=27 new_pid=5020",
        "API port 4001 accepting connections after 12s",
    ),
    "value_ignored": (
        'ALERT_CONFIG_NOT_APPLIED mode=live setting="Set Auto Log Off Time (HH:MM)" env_var=AUTO_LOGOFF_TIME',
    ),
    "logged_out": ('ALERT_CLEAN_LOGOUT mode=live pid=12345 status=succeeded reason="JVM exited cleanly within 15s of',),
    "killed": ('ALERT_JVM_UNCLEAN_SHUTDOWN mode=live pid=12345 reason="Gateway JVM ignored SIGTERM within 30s',),
    "server_unavailable": (
        "Login dialog stuck in 'connecting to server' retry loop — IBKR auth server isn't accepting sessions",
        "API port timeout with lockout signature (ccp_timeout=False, stuck_connecting=True); in-JVM relogin",
    ),
    "api_closed": ("API port 4001 closed (heartbeat failure 1/3)",),
    "api_opened": ("API port 4001 recovered after 2 failed heartbeat(s)",),
    "restart_announced": (
        "Gateway appears wedged (sustained port closure, no login dialog appearing). Escalating to",
        "Recovery: JVM exited with code 1. Trying fast in-place restart first.",
        "Recovery: 2FA handling failed. Relaunching Gateway in 120s (attempt 2/3) before handing this mode",
        "JVM restart attempt 1/5: tearing down JVM before long cool-down (v0.4.6 silent cool-down)",
        "Command server: RESTART — tearing down and re-launching Gateway",
        "TWOFA_TIMEOUT_ACTION=restart — invoking do_restart_in_place",
    ),
    "relogin": ("Login dialog detected during monitor loop — re-driving login",),
    "jvm_lost": (
        "Gateway JVM exited with code 137",
        "Gateway JVM exited cleanly (code 0); a scheduled Lock and Exit is configured (11:45 PM), so this is",
        "Gateway JVM pid=5020 exited (exit status not observable: adopted after Gateway's self-restart, not",
    ),
    "autorestart_found": (
        "AUTORESTART: install4j restarter ran 2s ago",
        "AUTORESTART: Gateway is restarting itself — NOT launching a second instance (old pid=27); waiting",
        "AUTORESTART: install4j's restarter (pid=40) is holding the agent socket — Gateway is definitely",
        "AUTORESTART: a Gateway JVM we did not spawn is on /tmp/a.sock — treating this as Gateway's own restart and NOT launching",
    ),
    "session_found": ("existing-session dialog: action=primary",),
    "session_asked": (
        "action=manual — leaving dialog for user",
        "existing-session: handled this dialog 6 times in 300s — another container or app is probably",
        "existing-session: none of ['Continue Login', 'Primary'] worked as a button label in the dialog",
    ),
    "session_continued": ("Clicking existing-session button 'Continue Login' in 'Existing session' window",),
    "command": ("Command server: 127.0.0.1:40212 sent 'RESTART'",),
    "stopped_from_outside": (
        "Received signal 15 (SIGTERM), shutting down Gateway",
        ".> Stopping IBC / controller (clean logout phase).",
        ".> Stopping AT-SPI infrastructure.",
    ),
    "script_started": (".> Starting Gateway controller in paper mode.",),
    "readiness_overdue": (".> WARNING: controller readiness timeout after 300s in live mode; starting socat anyway",),
    "stop_overran": (".> Controllers did not exit within 60s; proceeding to teardown anyway.",),
    "session_full": (
        "RESTART: new Gateway JVM PID (from agent): 80",
        "Gateway JVM PID (from agent): 25",
    ),
    "session_saved": ("AUTORESTART: adopted Gateway pid=5020 (was 27) after 3s",),
    "twofa_opened": ("IB Key 2FA dialog detected: ('AuthDialog', 'Second Factor Authentication', False)",),
    "twofa_relogin": ("RELOGIN_AFTER_TWOFA_TIMEOUT=yes — in-JVM relogin",),
    "session_yielded": ("Clicking existing-session button 'Cancel' in 'Existing session' window",),
    "screen": ("Modal dialog(s) detected: [('JDialog', 'Some News')]",),
    "cold_restart_announced": (
        "ALERT_AUTO_RESTART mode=live status=failed_no_agent detected_via=restarter_log old_pid=27",
    ),
}


@pytest.mark.parametrize(
    ("kind", "message"), [(kind, message) for kind, messages in WORDS.items() for message in messages]
)
def test_each_message_is_its_event(kind: str | None, message: str) -> None:
    own = message.startswith((".>", "ValueError", "binascii"))
    reader = Reader(BY_NAME["ibg-controller"])
    events = [*reader.read(Line(1, message if own else f"12:00:00 [INFO] [live] {message}")), *reader.finish()]
    assert [event.kind for event in events] == ([kind] if kind else [])


@pytest.mark.parametrize(
    "message", [message for kind in WORDS for message in WORDS[kind] if message.startswith("ALERT_")]
)
def test_an_alert_that_is_cut_says_what_it_says_or_nothing(message: str) -> None:
    def said(text: str, cut: bool = True) -> tuple[str, str | None] | None:
        event = IbgController({"": ()}).read(Line(1, f"12:00:00 [ERROR] [live] {text}", cut=cut))
        return (event.kind, event.problem) if event else None

    assert {said(message[:end]) for end in range(len(message))} <= {None, said(message, cut=False)}


@pytest.mark.parametrize(
    "text",
    [
        "Log In clicked successfully",
        "x 12:00:00 [INFO] [live] Log In clicked successfully",
        "12:00:00 INFO [live] Log In clicked successfully",
        "12:00:00 [INFO] [demo] Log In clicked successfully",
        "2026-03-04 12:00:00 [INFO] [live] Log In clicked successfully",
    ],
)
def test_what_quotes_a_message_is_not_the_message(text: str) -> None:
    assert IbgController({"": ()}).read(Line(1, text)) is None


@pytest.mark.parametrize("kind", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
@pytest.mark.parametrize("tag", ["", "[live] ", "[paper] "])
def test_a_message_counts_at_every_level(kind: str, tag: str) -> None:
    event = IbgController({"": ()}).read(Line(1, f"12:00:00 [{kind}] {tag}Log In clicked successfully"))
    assert event is not None
    assert (event.kind, event.writer) == ("login_attempt", tag.strip(" []") or None)


# What else the log tells


def test_a_prompt_ends_when_the_controller_gives_up_on_it() -> None:
    log = Log().submitted().authenticating().asks(60)
    asked = log.now.timestamp()
    log.wait(5).say("IB Key 2FA dialog detected: ('AuthDialog', 'Second Factor Authentication', False)")
    log.say("Waiting for IB Key mobile approval — approve on your phone via the IB Key app")
    at = instance(log)
    assert at["deadline"] == iso(asked + 60)
    assert [line["quote"].split("] ")[-1][:12] for line in at["evidence"]] == [
        "Log In click",
        "IB Key 2FA d",
        "Waiting for ",
    ]


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (BACKOFF, 60),
        ("CCP long cool-down (in-JVM relogin returned False; JVM restart 1/5): sleeping 1200s (attempt=1)", 1200),
    ],
)
def test_a_wait_of_its_own_has_an_end(words: str, seconds: int) -> None:
    log = Log().submitted().wait(20).say(LOCKED, words)
    assert instance(log)["deadline"] == iso(log.now.timestamp() + seconds)


@pytest.mark.parametrize(
    ("build", "again"),
    [
        (lambda: Log().submitted().prompt(), None),
        (lambda: Log().submitted().prompt().expires().say("TWOFA_TIMEOUT_ACTION='none' — falling through"), False),
        (lambda: Log().submitted().prompt().expires().say("RELOGIN_AFTER_TWOFA_TIMEOUT=yes — in-JVM relogin"), True),
        (
            lambda: (
                Log().submitted().prompt().expires().say("TWOFA_TIMEOUT_ACTION=restart — invoking do_restart_in_place")
            ),
            True,
        ),
    ],
)
def test_whether_it_asks_again_is_known_when_it_is_said(build: Build, again: bool | None) -> None:
    assert instance(build())["asks_again"] is again


def test_a_relaunch_asks_again_and_a_login_ends_that() -> None:
    log = Log().submitted().prompt().expires().say("TWOFA_TIMEOUT_ACTION='none' — falling through").relaunches(RELAUNCH)
    assert instance(log.login_window().attempt().prompt())["asks_again"] is True
    assert instance(log.approved().api_awaited().api_opens().configured())["asks_again"] is False


@pytest.mark.parametrize(
    "words",
    [
        "API port 4001 recovered after 2 failed heartbeat(s)",
        "[STATE: MONITORING]",
        "Re-auth complete, resuming monitor",
    ],
)
def test_a_log_that_begins_after_the_login_shows_it_all_the_same(words: str) -> None:
    assert instance(Log().say(words))["state"] == "logged_in"


def test_every_push_of_a_login_that_is_tried_again_is_counted() -> None:
    log = Log().submitted().prompt().expires().relaunches("TWOFA_TIMEOUT_ACTION=restart — invoking do_restart_in_place")
    log.login_window().attempt().prompt()
    history = told(log)["history"]
    assert history["login_attempts"] == history["twofa_prompts"] == history["unanswered_prompts"] == 2
    assert (history["controller_restarts"], history["runs"], history["logins_completed"]) == (1, 2, 0)


def test_a_session_that_was_kept_is_a_login_but_no_full_one() -> None:
    log = Log().logged_in()
    full = told(log)["history"]["last_full_login_at"]
    history = told(log.adopted())["history"]
    assert (history["logins_completed"], history["login_attempts"], history["runs"]) == (2, 1, 2)
    assert history["last_full_login_at"] == full
    assert history["last_login_at"] > full
    assert history["by_exit_code"] == {"0": 1}


def test_a_session_that_was_not_kept_is_a_full_login() -> None:
    log = Log().logged_in().restarts_itself().say("AUTORESTART: adopted Gateway pid=90 (was 25) after 3s")
    log.say(
        "AUTORESTART: login dialog on the self-restarted Gateway — the session was not preserved (e.g. IBKR's weekly"
    )
    log.login_window().attempt().authenticating().asks().api_opens()
    log.say(
        'ALERT_AUTO_RESTART mode=live status=adopted reason="session not preserved; full login re-driven on the adopted JVM"'
    )
    result = told(log)
    assert result["history"]["logins_completed"] == 2
    assert result["history"]["last_full_login_at"] == result["history"]["last_login_at"]
    assert result["instances"][0]["attempt_kind"] == "typed"


def test_a_port_that_is_looked_at_twice_is_one_login() -> None:
    log = Log().submitted().authenticating().asks().halts("2FA method mismatch", MISMATCH).api_opens()
    log.say("Manual login detected — resuming the normal flow").api_awaited().api_opens().configured()
    assert told(log)["history"]["logins_completed"] == 1


@pytest.mark.parametrize(
    ("build", "code", "words"),
    [
        (lambda: Log().logged_in().stopped(), 0, "on request"),
        (lambda: Log().submitted().wait(20).say(LOCKED, BACKOFF, HALT), 1, "gave up"),
        (lambda: Log().container().script().say("TWS_USERID and TWS_PASSWORD must be set"), 2, "missing"),
        (lambda: Log().submitted().prompt().expires().say(EXITS, FAILED_BY_TIME), 3, "told to exit"),
        (
            lambda: (
                Log()
                .submitted()
                .prompt()
                .expires()
                .say('ALERT_2FA_FAILED mode=live reason="2FA dialog timeout and do_restart_in_place failed"')
            ),
            4,
            "restart after",
        ),
        (lambda: Log().logged_in().exits(-9), 137, "kill"),
    ],
)
def test_an_end_is_told_with_its_code(build: Build, code: int, words: str) -> None:
    ended = instance(build())["last_exit"]
    assert ended["code"] == code
    assert words in ended["meaning"].lower()


def test_settings_are_told_as_far_as_the_log_goes() -> None:
    log = (
        Log()
        .container()
        .script()
        .launching()
        .say("  - CUSTOM_CONFIG: not honored; the controller reads env vars directly")
    )
    log.jvm().state("LOGIN").login_window().attempt().prompt(60).approved().api_awaited().api_opens().configured()
    assert told(log)["settings"] == {
        "TRADING_MODE": "live",
        "CUSTOM_CONFIG": "not honored",
        "TWOFACTOR_CODE": "<empty>",
        "TWOFA_EXIT_INTERVAL": "60",
        "TWS_MASTER_CLIENT_ID": "",
        "READ_ONLY_API": "no",
        "AUTO_LOGOFF_TIME": "",
        "AUTO_RESTART_TIME": "11:45 PM",
    }


def test_settings_of_an_earlier_start_are_not_told_of_a_later_one() -> None:
    log = Log().logged_in().stopped().wait(60).container().script().launching().jvm()
    assert told(log)["settings"] == {"TRADING_MODE": "live"}


@pytest.mark.parametrize("tagged", [True, False])
def test_every_login_of_a_controller_is_counted_with_and_without_its_tag(tagged: bool) -> None:
    log = (
        Log(tagged=tagged)
        .logged_in()
        .exits(1)
        .relaunches()
        .login_window()
        .attempt()
        .authenticating()
        .asks()
        .api_opens()
    )
    assert told(log)["history"]["logins_completed"] == 2


def test_a_totp_key_is_told_as_set() -> None:
    assert told(Log().submitted().code_typed())["settings"]["TWOFACTOR_CODE"] == "<set>"


def test_what_was_typed_into_the_login_window_is_not_quoted() -> None:
    log = Log().start().login_window().say("Log In / Paper Log In button click failed via agent", level="ERROR")
    log.say(
        "=== agent_window('IBKR Gateway') dump ===",
        '      JTextField text="edith1971" accName="Username"',
        level="ERROR",
    )
    log.say(
        '      JPasswordField text="hunter-two" accName="Password"', '      a text="Open Sesame" accName="Password"'
    )
    log.say("Log In clicked successfully edith1971", "CCP LOCKOUT DETECTED hunter-two Open Sesame edith1971")
    assert not any(secret in json.dumps(told(log)) for secret in ("edith1971", "hunter-two", "Open Sesame"))


def test_it_says_what_it_is() -> None:
    result = told(Log().start())
    assert result["controller"] == {"name": "ibg-controller", "version": "0.12.0"}
    assert (result["family"], result["gateway_version"]) == ("ibg-controller", "10.45.1j")


def test_a_release_that_deadlocks_shows_itself() -> None:
    log = Log(tagged=False).container().script().state("LAUNCHING").say("Gateway PID: 88").state("LOGIN")
    assert told(log)["controller"]["version"] is None
    assert told(log.say("Waiting for login dialog (password text)"))["controller"]["version"] == "before 0.5.12"


def test_the_image_without_its_switch_is_read_as_what_writes_its_log(tmp_path: Path) -> None:
    saved = tmp_path / "gateway.log"
    saved.write_text(IbcLog().logged_in().text)
    (result,) = probe(None, str(saved), "ibg-controller", None, 0, 50, None, 10.0)["gateways"]
    assert result["controller"]["name"] == "IBC"
    assert result["instances"][0]["state"] == "logged_in"


# Two modes in one log


def both(tagged: bool = True) -> tuple[Log, Log]:
    """A container that runs both modes: what the one writes stands in the other's lines too."""
    live, paper = Log("live", tagged), Log("paper", tagged)
    paper.lines = live.lines
    return live, paper


def by_endpoint(log: Log) -> dict[str, tuple[str, str | None]]:
    return {one["endpoint"]: (one["state"], one["problem"]) for one in told(log)["instances"]}


def start_of_second(first: Log, second: Log) -> Log:
    second.now = first.now
    second.raw(".> Dual-mode stagger: sleeping 15s before starting paper instance").wait(15).script().launching().jvm()
    return second.say("Gateway JVM PID (from agent): 30").state("LOGIN")


def test_every_line_of_two_modes_goes_to_its_own() -> None:
    live, paper = both()
    live.submitted().prompt()
    start_of_second(live, paper).login_window().attempt()
    live.now = paper.now
    live.expires()
    paper.now = live.now
    paper.authenticating().asks()
    assert by_endpoint(paper) == {"live": ("login_window", "twofa.timed_out"), "paper": ("authenticating", None)}
    paper.api_opens().configured()
    live.now = paper.now
    live.say(EXITS, FAILED_BY_TIME)
    assert by_endpoint(live) == {"live": ("ended", "twofa.timed_out"), "paper": ("logged_in", None)}


def test_the_restart_of_one_mode_leaves_the_other_alone() -> None:
    live, paper = both()
    live.logged_in()
    start_of_second(live, paper).login_window().attempt().authenticating().asks().api_opens().configured()
    paper.exits(1).relaunches()
    assert by_endpoint(paper) == {"live": ("logged_in", None), "paper": ("gateway_starting", "gateway.crashed")}
    live.now = paper.now
    live.adopted()
    paper.now = live.now
    paper.say("Received signal 15 (SIGTERM), shutting down Gateway")
    assert by_endpoint(paper) == {"live": ("logged_in", None), "paper": ("shutting_down", "container.stopped")}


def test_a_stop_of_the_container_stops_both() -> None:
    live, paper = both()
    live.logged_in()
    start_of_second(live, paper).login_window().attempt().authenticating().asks().api_opens().configured()
    paper.raw(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.")
    assert {problem for _state, problem in by_endpoint(paper).values()} == {"container.stopped"}


def test_a_log_of_two_modes_that_begins_in_the_middle_is_still_of_two() -> None:
    live, paper = both()
    live.submitted().prompt()
    start_of_second(live, paper).login_window().attempt()
    paper.lines = [line for line in paper.lines if "Log In" in line or "IB Key" in line]
    assert by_endpoint(paper) == {"live": ("twofa_pending", "twofa.pending"), "paper": ("submitted", None)}


def test_two_modes_without_a_tag_are_told_apart_by_their_ports() -> None:
    live, paper = both(tagged=False)
    live.logged_in()
    start_of_second(live, paper).login_window().attempt().authenticating().asks().api_opens()
    assert by_endpoint(paper) == {"live": ("logged_in", None), "paper": ("logged_in", None)}


# The clock


@pytest.mark.parametrize("tagged", [True, False])
def test_without_the_keepers_stamps_durations_are_known_and_dates_are_not(tagged: bool) -> None:
    log = Log(tagged=tagged, stamped=False).submitted().prompt()
    result = told(log)
    (at,) = result["instances"]
    assert (at["state"], at["problem"], at["since"], at["deadline"]) == ("twofa_pending", "twofa.pending", None, None)
    assert result["window"]["last_at"] is None
    assert result["history"]["login_attempts_last_hour"] == 1


@pytest.mark.parametrize(
    ("times", "passed"),
    [
        (("12:00:00", "12:00:07"), 7),
        (("23:59:58", "00:00:03"), 5),
        (("12:00:00", "11:59:59", "12:00:02"), 2),  # two writers
        (("02:59:59", "02:00:00", "02:10:00"), 0),  # the end of summer time
        (("15:00:00", "11:00:00"), 20 * 3600),  # it stood still over night
        (("22:00:00", "23:00:00", "01:00:00", "22:30:00", "03:00:00"), 29 * 3600),
    ],
)
def test_a_clock_of_the_day_only_goes_forward(times: tuple[str, ...], passed: float) -> None:
    grammar = IbgController({"": ()})
    moments = []
    for number, time in enumerate(times):
        grammar.read(Line(number, f"{time} [INFO] [live] Log In clicked successfully"))
        moments.append(grammar.last_moment[1] or 0.0)
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] == passed


# A log that is cut


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize(
    "build",
    [lambda: Log().logged_in(), lambda: Log("paper").logged_in(), lambda: Log(tagged=False).logged_in()]
    + [
        lambda: Log().logged_in().adopted(),
        lambda: Log().submitted().code_typed().api_awaited().api_opens().configured(),
    ],
)
def test_no_cut_of_a_good_login_invents_a_failure(build: Build, stamped: bool) -> None:
    log = build()
    lines = log.lines if stamped else [line.partition("Z ")[2] for line in log.lines]
    found = set()
    for start in (0, 12, 30):
        for end in range(start + 1, len(lines) + 1):
            scan = Scan(0)
            scan.read(["\n".join(lines[start:end]).encode()])
            for service in scan.services.values():
                found.update(one["problem"] for one in service.result("cut.log", None, WINDOW, True)["instances"])
    assert found <= {None, "twofa.pending"}


WINDOW = {"bytes_read": 0, "lines": 0, "truncated": True}
