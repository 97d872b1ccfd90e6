# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The login: what came of the attempt. A refused attempt is judged by what it presented: a typed password or a saved session."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Setting
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import countdown
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.files import Trouble, secret_troubles
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import within_start
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CLOSED_PORT,
    CREATE_ANEW,
    LOOK_AGAIN,
    MUTE_API,
    PROCESS_ENDED,
    RELEASE_IT,
    RESTART_IT,
    START_BY_HAND,
    STOP_IT,
    Proof,
    finding,
)

#: What a login that failed drives or shows.
NO_LOGIN = (
    "gateway.starting",
    "gateway.not_running",
    "login.in_progress",
    "gateway.crashed",
    *PROCESS_ENDED,
    *CLOSED_PORT,
    *MUTE_API,
)

#: Words of the inventory for what is typed.
CREDENTIALS = ("user", "password", "paper_user", "paper_password")

#: Logins that IBKR refused for good.
REFUSALS = ("login.credentials_rejected", "login.account_locked", "login.api_not_permitted")

#: Restart policies with which Docker starts a container again after its process ended.
RESTARTING_POLICIES = ("always", "unless-stopped", "on-failure")

#: States between the window and the second factor or the start of the session.
UNDER_WAY = ("login_window", "submitted", "connecting", "authenticating", "loading", "relogin")

#: So many attempts within an hour, none of which led to a session, are a loop (IBC: the second turn is one already).
LOOP_ATTEMPTS = 3

#: What ends attempts that go on by themselves where a person has to say whether they should.
STOP_BY_HAND = "docker update --restart=no {name} && docker stop -t 90 {name}"

#: How to find out whether credentials work, without another attempt of the gateway.
TRY_BY_HAND = "Log in to the Client Portal once as this user with the same password. Check that trading mode and user belong together."
#: The window comes for a refused saved session, too (IBC issue 309).
UNRECOGNIZED = "Unrecognized Username or Password"
UNSEEN = (
    "IBKR refused the login; whether the password was typed or a saved session presented stands further up in the log"
)
LOOK_UP = (
    "Look further up: after Re-starting session or Re-login to session the password is fine, and one restart logs in."
)
NOT_AGAIN = "Do not restart it: each start is another failed login, and ten within a day lock the account."
CORRECT = (
    "Correct TWS_USERID and the password (a carriage return in a secret file counts; for IBC a backslash must be doubled), then create the"
    " container anew."
)

#: ibga types the password through its shell (_run_ibg.sh, _login_type).
CORRECT_TYPED = (
    "Correct TWS_USERID and IB_PASSWORD (blanks, * and ? in a password do not survive the image's script), then create the container"
    " anew."
)

NEW_PASSWORD = "Change the password in the Client Portal, then where the container is defined."
RIGHT_SERVER = "Correct TWS_SERVER (of a paper user TWS_SERVER_PAPER), or take it away: the Client Portal says which server the user belongs to."

CHANGE_ACCOUNT = (
    "Log in to the Client Portal as this user: finish pending tasks, and check that the account type may use the API"
    " (IBKR Lite may not)."
)
END_OF_LOCK = "Ask IBKR, or log in to the Client Portal as this user once, to see when and how the lock ends."

DO_NOT_ROTATE = "Do not change the password."
ONCE_A_WEEK = (
    "If it happens every week: plan the full login for a waking hour on Sunday (TWS_COLD_RESTART, with IBC from 3.21 on; or stop and"
    " start)."
)
REPEAT_THE_PUSH = "So that a push that is missed then is sent again, set RELOGIN_AFTER_TWOFA_TIMEOUT=yes."
FULL_LOGIN_EACH_DAY = (
    "If it happens after every other daily restart: set AUTO_LOGOFF_TIME, with a restart policy that starts it again, instead of"
    " AUTO_RESTART_TIME. Each day then begins with a full login."
)

#: What a log says when the same user is logged in somewhere else.
OTHER_SESSION = (
    "session_found",
    "session_asked",
    "session_continued",
    "session_kicked",
    "session_settled",
    "session_yielded",
    "session_taken",
)

#: A throttle is the echo of attempts that failed.
FIND_OUT_WHY = "Find out why the attempts before failed: docker logs --tail 300 {name}"

FREE_THE_SLOT = (
    "Log in once with IBKR Mobile as this user: that takes the slot and frees it (the web Client Portal does not)."
)

TIME_TO_LOG_OUT = (
    "So that no stop ends in a kill, which strands the session, give it time: stop_grace_period: 90s in compose."
)

WHO_TOOK_IT = "Find out who logged in: IBKR Mobile, TWS, the Client Portal, another gateway with the same user."
SLOT = "A session left behind by a kill frees itself after a while; logging in with IBKR Mobile as that user frees it at once."
KEEP_IT = (
    "Give the gateway a user of its own, and EXISTING_SESSION_DETECTED_ACTION=primary if it should keep its session."
)

IN_MAINTENANCE = "Is IBKR in maintenance? Look at its system status page."
#: ibga issue 34.
SINCE_SUNDAY = (
    "If it goes on since Sunday 01:00 in New York, the saved session has ended: restart it once, with the phone at hand, and use a newer"
    " image (r20260803), which notices that."
)

ANSWER_IT = "Look at the window (VNC: set VNC_SERVER_PASSWORD, publish 5900 on loopback), read it, and answer it."
#: What comes after a typed code, every day (IBC issue 314).
RESUME = "Resume login"
NOT_WITH_IB_KEY = (
    "It comes with users whose second factor is a typed code: with IB Key as the second factor it does not."
)

#: After another login was seen, one's own would throw that one out again (facts: IBC re-login, ExistingSessionDetectedAction).
OTHER_LOGIN_RECENT = timedelta(minutes=10)


def tries_again(case: Case) -> str | None:
    """Who would log in again without being asked; None where it stays as it is."""
    container = case.gateway.container
    if container.status == "restarting":
        return "Docker's restart policy starts it again"
    if not case.alive:
        return None
    before = case.run.previous
    if case.run.state in ("cold_restarting", "auto_restarting", "twofa_retrying") or (before and before.problem):
        return "the controller or a restart policy logs in again by itself"
    if case.run.state == "throttled" and case.run.asks_again:  # IBC waits the time that IBKR names, and 3 s more
        return "the controller logs in again when the wait is over"
    if _answered_by_restart(case):
        return "the controller answers a refused login with another one, without limit"
    if case.of_controller("ibg-controller") and case.run.state not in ("ended", "shutting_down"):
        return "the controller logs in again by itself"  # up to 8 times (ibg-controller, wait_for_api_port_with_retry)
    if case.of_controller("ibga") and case.run.problem and case.run.state != "ended" and not _given_up(case):
        return "the controller fills in the login form again and again"  # ibga _run_ibg.sh, _run_ibg
    policy = (container.restart_policy or "").partition(":")[0]
    if case.run.state in ("ended", "shutting_down") and policy in RESTARTING_POLICIES:
        return f"the restart policy {policy} starts it again"
    return None


def _given_up(case: Case) -> bool:
    """ibga sleeps for ever after wrong credentials (_run_ibg.sh:1084-1089)."""
    return case.log is not None and bool(case.log.events) and case.log.events[-1].event == "given_up"


def _answered_by_restart(case: Case) -> bool:
    """IBC answers a refused login with a cold restart since 3.20.0 (LoginFailedDialogHandler.java:42), but for windows that stay."""
    version = re.match(r"(\d+)\.(\d+)", (case.log.controller.version if case.log else None) or "")
    recent = version is not None and (int(version[1]), int(version[2])) >= (3, 20)
    # A lock that speaks of too many failed attempts has the handler of a throttle (TooManyFailedLoginAttemptsDialogHandler.java:62).
    # What else the gateway says in a dialog of its own is logged, and left open (GatewayDialogHandler.java:41).
    parked = not {UNRECOGNIZED, "Login Error", "IBKR Gateway"}.isdisjoint(case.run.open_windows)
    return recent and not parked and case.run.problem in REFUSALS


def protecting(case: Case, proof: Proof, *mend: str, unknown: str | None = None) -> Proof:
    """`proof` with the remedy that keeps the account from harm: stop what would try again; else leave it to a person.

    `mend` are the steps between the stop and the release; `unknown` is what may try again although nothing here shows it.
    """
    again = tries_again(case) or unknown
    if again is None:
        return proof
    fix = (STOP_IT, *mend, RELEASE_IT)
    return replace(proof, fix=fix, remedy="stop_to_protect_account", remedy_reason=again)


def _attempts(case: Case) -> str:
    """How often it was tried lately, where that is more than once."""
    attempts = (case.log.history.login_attempts_last_hour or 0) if case.log else 0
    return f", {case.counted(attempts)} attempts within the last hour" if attempts > 1 else ""


def _once_more(case: Case) -> str:
    """The command that lets it log in again."""
    return "docker start {name}" if case.ended else "docker restart -t 90 {name}"


def _proof(case: Case, summary: str) -> Proof:
    """What the log proves of the login; a process that is gone waits for nothing any more."""
    ended = case.container_quotes() if case.ended else ()
    return Proof(summary, case.login_quotes() + ended, severity=None if case.alive else "down", since=case.run.since)


@finding(
    "login.api_not_permitted",
    severity="down",
    remedy="ask_person",
    title="The account may not use the API",
    meaning="IBKR says that this account or user has no access to the API or to this platform. No restart changes that.",
    fix=(
        CHANGE_ACCOUNT,
        "Then restart the container once: docker restart -t 90 {name}",
    ),
    explains=("login.looping", *NO_LOGIN),
    remedy_reason="IBKR refuses it until the account is changed",
    next_command="docker logs --tail 300 {name}",
)
def api_not_permitted(case: Case) -> Proof | None:
    if not case.says("login.api_not_permitted"):
        return None
    return protecting(case, _proof(case, "IBKR says that the account may not use the API"), CHANGE_ACCOUNT)


@finding(
    "login.account_locked",
    severity="down",
    remedy="ask_person",
    title="The account is locked",
    meaning=(
        "IBKR has locked or restricted this user. Ten failed logins within 24 hours lock it until 24 hours after the last failure, so"
        " each further attempt makes it longer."
    ),
    fix=(
        f"Make sure that nothing tries again: {STOP_BY_HAND}",
        END_OF_LOCK,
        "Start the gateway only after a login by hand has worked.",
    ),
    explains=("login.credentials_rejected", "login.throttled", "login.looping", *NO_LOGIN),
    remedy_reason="every attempt prolongs the lock",
    next_command="docker logs --tail 300 {name}",
)
def account_locked(case: Case) -> Proof | None:
    if not case.says("login.account_locked"):
        return None
    proof = _proof(case, "IBKR has locked or restricted this user")
    boot = "a restart policy, which the log does not show, would log in again" if case.saved_log else None
    return protecting(case, proof, END_OF_LOCK, "Wait until a login by hand has worked.", unknown=boot)


@finding(
    "login.credentials_rejected",
    severity="down",
    remedy="ask_person",
    title="IBKR refused the user name or password that were typed",
    meaning=(
        "The controller typed user name and password, and IBKR refused them. Wrong credentials usually show as the window"
        " Unrecognized Username or Password, which stays open. Live credentials in paper mode, or a paper user in live mode, look the"
        " same. Failed attempts lock the account: nothing restarts this."
    ),
    fix=(
        NOT_AGAIN,
        TRY_BY_HAND,
        CORRECT,
    ),
    explains=("login.looping", *NO_LOGIN),
    remedy_reason="each attempt counts towards a lock of the account",
    next_command="docker logs --tail 300 {name}",
)
def credentials_rejected(case: Case) -> Proof | None:
    if not case.says("login.credentials_rejected"):
        return None
    proof = _proof(case, f"IBKR refused the user name or password that were typed{_attempts(case)}")
    if case.run.attempt_kind is None and UNRECOGNIZED in case.run.open_windows:
        return replace(proof, summary=UNSEEN, fix=(LOOK_UP, NOT_AGAIN, TRY_BY_HAND))
    # A window that only says "Login failed" can also be a server that dropped the login (facts: IBC, section 11).
    if any(
        "PASSWORD_EXPIRED" in quoted.quote for quoted in proof.evidence
    ):  # ibg-controller, handle_post_login_dialogs
        proof = replace(proof, summary="the password has expired", fix=(NEW_PASSWORD, CREATE_ANEW))
        return protecting(case, proof, NEW_PASSWORD)
    if spoilt := _spoilt_secrets(case):
        why = f"{proof.summary}; {' and '.join(f'{one.path} {one.why}' for one in spoilt)}"
        mend = tuple(one.fix for one in spoilt)
        evidence = (*proof.evidence, *(one.quote(case) for one in spoilt))
        return protecting(case, replace(proof, summary=why, evidence=evidence, fix=(NOT_AGAIN, *mend)), *mend)
    by_hand = "If the login by hand works, IBKR dropped the gateway's: wait an hour, and release it."
    correct = CORRECT
    if case.of_controller("ibga"):
        correct = CORRECT_TYPED
        proof = replace(proof, fix=(NOT_AGAIN, TRY_BY_HAND, correct))
    return protecting(case, proof, TRY_BY_HAND, by_hand, f"Else: {correct[0].lower()}{correct[1:]}")


def _spoilt_secrets(case: Case) -> list[Trouble]:
    """What is wrong with the files that user and password came from: it was typed, too."""
    settings = (case.family.words.get(word) for word in CREDENTIALS) if case.family else ()
    files = {setting.file for setting in settings if isinstance(setting, Setting)}
    return [one for one in secret_troubles(case, files) if not one.refused]


@finding(
    "login.saved_session_refused",
    severity="down",
    remedy="restart",
    title="IBKR refused the saved session; the password is fine",
    meaning=(
        "The daily restart, or a re-login inside a run, presented a saved session and IBKR refused it. The window Unrecognized Username"
        " or Password looks like a wrong password and is not: nothing was typed. Saved sessions end every Sunday at 01:00 New York"
        " time, and now and then between. The process stays, so no restart policy acts, and it stays like this for ever. One"
        " new start types the credentials; for a live account that asks for the second factor."
    ),
    fix=(
        DO_NOT_ROTATE,
        RESTART_IT,
        ONCE_A_WEEK,
        REPEAT_THE_PUSH,
        FULL_LOGIN_EACH_DAY,
    ),
    explains=("ibkr.disconnected", "gateway.restarting_by_schedule", *NO_LOGIN),
    remedy_reason="the credentials are fine; one new start types them",
    next_command="docker logs --tail 300 {name}",
)
def saved_session_refused(case: Case) -> Proof | None:
    if not case.says("login.saved_session_refused"):
        return None
    proof = _proof(case, "IBKR refused the saved session (nothing was typed: the password is fine)")
    proof = replace(proof, fix=(DO_NOT_ROTATE, RESTART_IT, *_so_that_it_does_not_come_back(case)))
    if case.of_controller("ibga") and within_start(case, case.run.since):
        return replace(
            proof,
            fix=(
                DO_NOT_ROTATE,
                "It types the credentials by itself; for a live account approve the login.",
            ),
            remedy="wait",
            remedy_reason="the controller types the credentials by itself",
        )
    if not _other_login_seen(case):
        return proof
    return Proof(
        f"{proof.summary}, minutes after another login of this user was seen",
        proof.evidence,
        (
            "Another login of this user was seen minutes before: a restart would throw that session out.",
            "Find out who it is (IBKR Mobile, TWS, another gateway); restart this one only when that session may end.",
        ),
        remedy="none",
        remedy_reason="a restart would throw out the other session of this user",
        since=proof.since,
    )


def _so_that_it_does_not_come_back(case: Case) -> tuple[str, ...]:
    weekly = () if case.endpoint == "paper" else (ONCE_A_WEEK, REPEAT_THE_PUSH)  # paper has no second factor
    # It comes with re-logins of paper users above all; the answer of IBC's maintainer (gnzsnz issue 252, IBC issue 309).
    nightly = case.of_controller("ibc") and (case.endpoint != "live" or case.run.attempt_kind == "relogin")
    return (*weekly, FULL_LOGIN_EACH_DAY) if nightly else weekly


def _other_login_seen(case: Case) -> bool:
    refused_at = moment(case.run.since) or case.now
    events = case.log.events if case.log else ()
    seen = [moment(event.at) for event in events if event.event in OTHER_SESSION]
    return any(at is not None and timedelta(0) <= refused_at - at < OTHER_LOGIN_RECENT for at in seen)


@finding(
    "login.not_typed",
    severity="down",
    remedy="restart",
    title="The controller types nothing: it believes that a session is resumed",
    meaning=(
        "A stale autorestart file lies in the settings directory. The controller takes the start for a daily restart and waits for a"
        " session that does not come; it types no credentials and has no time-out for this."
    ),
    fix=(
        "Find the file: docker exec {name} find / -name autorestart -type f 2>/dev/null",
        "With the phone at hand for a live account, {unstick_it}",
    ),
    explains=NO_LOGIN,
    remedy_reason="without the stale file a new start types the credentials",
    next_command="docker exec {name} find / -name autorestart -type f 2>/dev/null",
)
def not_typed(case: Case) -> Proof | None:
    if not case.shows("login.not_typed") and not case.ended_over("login.not_typed"):
        return None
    return _proof(case, "the controller waits for a saved session and types nothing")


@finding(
    "login.not_submitted",
    severity="down",
    remedy="restart",
    title="The login was clicked and nothing followed",
    meaning=(
        "User name and password were typed, the button was pressed, and the gateway did not react within its time. IBC has no time-out"
        " for this, so it stays like this; ibcontroller ends (exit code 69)."
    ),
    fix=(
        "Look at the window (VNC) if you can: a message may stand in front of it.",
        RESTART_IT,
    ),
    explains=NO_LOGIN,
    remedy_reason="nothing else presses the button again",
    next_command="docker logs --tail 300 {name}",
)
def not_submitted(case: Case) -> Proof | None:
    if not case.shows("login.not_submitted") and not case.ended_over("login.not_submitted"):
        return None
    return _proof(case, "the login was clicked and nothing followed")


@finding(
    "login.taken_over",
    severity="down",
    remedy="ask_person",
    title="Another login took the session",
    meaning=(
        "The gateway was logged in, and the same user logged in somewhere else. With the action primaryoverride a running gateway gives"
        " way and ends. Starting it again throws the other session out, which may be a person trading by hand."
    ),
    fix=(
        WHO_TOOK_IT,
        "When that session may end, start this one again; for a live account have the phone at hand.",
        KEEP_IT,
    ),
    explains=("login.existing_session", *NO_LOGIN),
    remedy_reason="a start would throw out whoever took the session",
    next_command="docker logs --tail 300 {name}",
)
def taken_over(case: Case) -> Proof | None:
    if not case.says("login.taken_over"):
        return None
    by_itself = case.gateway.container.status == "restarting" or (case.alive and case.continues_failure)
    again = (
        f"It logs in again by itself, which ends that session. If it must not end: {STOP_BY_HAND}"
        if by_itself
        else f"When that session may end (for a live account with the phone at hand): {_once_more(case)}"
    )
    return replace(_proof(case, "another login of the same user took the session"), fix=(WHO_TOOK_IT, again, KEEP_IT))


@finding(
    "login.existing_session",
    severity="waiting",
    remedy="ask_person",
    title="The same user is logged in somewhere else",
    meaning=(
        "IBKR allows one trading session per user, and there is one already. By the action setting the controller asks (manual), gives"
        " way (secondary), or goes on (primary). Who has the session is for a person to say."
    ),
    fix=(
        "Find out who it is: IBKR Mobile, TWS, another gateway with the same user. End that session if it may end.",
        SLOT,
        "Answer the window (VNC), or start the gateway once more; for a live account have the phone at hand.",
        KEEP_IT,
    ),
    explains=("login.looping", *NO_LOGIN),
    remedy_reason="going on would throw out whoever has the session",
    next_command="docker logs --tail 300 {name}",
)
def existing_session(case: Case) -> Proof | None:
    if not case.says("login.existing_session") and not (case.state == "existing_session" and not case.serving):
        return None
    thrown_out = case.of_controller("ibga")  # always (ibga _run_ibg.sh:595-612)
    gave_way = not case.alive or case.run.state in ("shutting_down", "ended") or case.continues_failure
    told = [event.event for event in (case.log.events if case.log else ()) if event.event in OTHER_SESSION]
    gave_way = gave_way or told[-1:] == ["session_yielded"]
    # The window stays when the other session is gone (IBC ExistingSessionDetectedDialogHandler.java:40).
    answer = "" if gave_way else "answer the window (VNC), or "
    return Proof(
        "the same user is logged in elsewhere; "
        + (
            "this gateway gave way"
            if gave_way
            else "it can not be thrown out"
            if thrown_out
            else "the gateway asks what to do"
        ),
        case.log_quotes() + (case.container_quotes() if case.ended else ()),
        (
            "Find out who it is: IBKR Mobile, TWS, another gateway with the same user. End that session if it may end.",
            SLOT,
            f"Then {answer}log in again (for a live account with the phone at hand): {_once_more(case)}",
            KEEP_IT,
        ),
        severity="down" if gave_way else None,
        since=case.run.since,
    )


@finding(
    "login.throttled",
    severity="waiting",
    remedy="wait",
    title="IBKR makes the login wait: too many failed attempts",
    meaning=(
        "After too many failed attempts IBKR asks to wait, from seconds to minutes. Every further attempt counts, restarts too. What made"
        " the attempts fail is still there. What ibg-controller calls a CCP lockout is a login that IBKR drops without a word: a throttle,"
        " or a session of this user that IBKR still holds. Before its release 0.5.12 it mostly was a deadlock of its own."
    ),
    fix=(
        "Leave it alone for 15 to 60 minutes; make sure that nothing else logs in as this user.",
        FIND_OUT_WHY,
        "Then start it once, with the phone at hand for a live account: docker restart -t 90 {name}",
    ),
    explains=("login.looping", *NO_LOGIN),
    remedy_reason="every attempt prolongs the wait",
    next_command="docker logs --tail 300 {name}",
)
def throttled(case: Case) -> Proof | None:
    if not case.says("login.throttled"):
        return None
    until = moment(case.run.deadline)
    left = (until - case.now).total_seconds() if until else 0.0
    dropped = case.of_controller("ibg-controller")
    summary = "IBKR drops the login without a word" if dropped else "too many failed login attempts"
    patience = "Leave it alone for 15 to 60 minutes"
    proof = _proof(case, summary)
    if until and left > 0:
        summary += f", wait until {until:%H:%M:%S} UTC ({countdown(left)} left)"
        patience = f"Leave it alone until {until:%H:%M:%S} UTC, better for an hour"
    elif until:
        summary += f"; the wait that IBKR asked for was over at {until:%H:%M:%S} UTC"
        patience = "The wait is over; an hour is safer"
        proof = replace(proof, remedy="ask_person", remedy_reason="the wait is over, and nothing logs in by itself")
    steps = (f"{patience}; make sure that nothing else logs in as this user.", *_what_drops_it(case, dropped))
    ready = "Then start it once, with the phone at hand for a live account"
    proof = replace(proof, summary=summary, fix=(*steps, f"{ready}: {_once_more(case)}"), deadline=case.run.deadline)
    return protecting(case, proof, *steps)


def _what_drops_it(case: Case, dropped: bool) -> tuple[str, ...]:
    """What to do about the attempts that failed; a login that was `dropped` has causes of its own."""
    if not dropped:
        return (FIND_OUT_WHY,)
    release = re.match(r"(?:before )?(\d+)\.(\d+)\.(\d+)", (case.log.controller.version if case.log else None) or "")
    deadlocks = release is not None and tuple(map(int, release.groups())) <= (0, 5, 12)
    update = "Use a newer image: before its release 0.5.12 ibg-controller mostly deadlocks by itself here."
    return (FREE_THE_SLOT, *((update,) if deadlocks else ()))


@finding(
    "login.server_unreachable",
    severity="waiting",
    remedy="wait",
    title="The gateway does not reach IBKR",
    meaning=(
        "The gateway can not connect to IBKR's login server, or IBKR says that it is not available. The gateway tries again by itself."
        " Nightly and on weekends IBKR resets its servers; otherwise look at DNS, routes and firewalls of the machine."
    ),
    fix=(
        IN_MAINTENANCE,
        "Does the container resolve names? docker exec {name} getent hosts www.interactivebrokers.com",
        "Leave the gateway running: it connects when it can.",
    ),
    explains=("login.auth_silent", "login.looping", *NO_LOGIN),
    remedy_reason="the gateway tries again by itself",
    next_command="docker logs --tail 300 {name}",
)
def server_unreachable(case: Case) -> Proof | None:
    if not case.says("login.server_unreachable"):
        return None
    proof = _proof(case, "the gateway does not reach IBKR's login server")
    if any(
        "SSL HANDSHAKE FAILED" in quoted.quote for quoted in proof.evidence
    ):  # ibg-controller, _diagnose_login_failure
        wrong = "IBKR's login server breaks the connection off: usually it is that of another region"
        return replace(
            proof, summary=wrong, fix=(RIGHT_SERVER,), remedy="ask_person", remedy_reason="it does not go by itself"
        )
    if case.of_controller("ibga"):
        proof = replace(proof, fix=(IN_MAINTENANCE, SINCE_SUNDAY))
    return proof if case.alive else replace(proof, remedy_reason="a start before IBKR can be reached ends the same way")


@finding(
    "login.auth_silent",
    severity="waiting",
    remedy="wait",
    title="IBKR does not answer the login",
    meaning=(
        "The login was sent and IBKR stays silent, far beyond the usual seconds. Often the session slot is still held by a session that"
        " was killed. A restart adds one more stranded session and makes it worse; the slot frees itself in up to some hours."
    ),
    fix=(
        "Wait up to an hour; the gateway keeps trying.",
        FREE_THE_SLOT,
        "Then restart once: docker restart -t 90 {name}",
        TIME_TO_LOG_OUT,
    ),
    explains=NO_LOGIN,
    remedy_reason="a restart would strand one more session",
    next_command="docker logs --tail 300 {name}",
)
def auth_silent(case: Case) -> Proof | None:
    if case.ended_over("login.auth_silent"):
        return replace(
            _proof(case, "the login was sent, IBKR did not answer, and the controller gave up"),
            fix=(
                "Wait up to an hour: an attempt before that strands one more session.",
                "Log in once with IBKR Mobile as this user: that takes the slot and frees it (the web Client Portal does not).",
                START_BY_HAND,
            ),
            severity="down",
            remedy="ask_person",
            remedy_reason="an attempt right away would strand one more session",
        )
    if not case.shows("login.auth_silent"):
        return None
    since = moment(case.run.since)
    long = since is not None and case.now - since > timedelta(hours=1)
    return Proof(
        "the login was sent, IBKR does not answer",
        case.login_quotes(),
        remedy="ask_person" if long else None,
        remedy_reason="an hour has passed" if long else None,
        since=case.run.since,
    )


@finding(
    "login.dialog_blocking",
    severity="waiting",
    remedy="ask_person",
    title="A window waits for somebody to click",
    meaning=(
        "A window is open that the controller does not handle: a message from IBKR, a write-access confirmation, an incoming connection"
        " to accept. Until somebody answers it, the login does not go on, or API clients are refused or ignored."
    ),
    fix=(
        ANSWER_IT,
        "IBKR's messages can also be read in the Client Portal (Message Center): do there what they ask for, then restart at the next"
        " planned login.",
    ),
    explains=("login.in_progress", "config.read_only_api", *PROCESS_ENDED, *CLOSED_PORT, *MUTE_API),
    remedy_reason="somebody has to read the window",
    next_command="docker logs --tail 300 {name}",
)
def dialog_blocking(case: Case) -> Proof | None:
    if case.serving:
        return None
    title = case.run.open_windows[-1] if case.run.open_windows else None
    words = case.quote("log", title).quote if title else "that the controller does not handle"
    if case.ended_over("login.dialog_blocking"):
        return replace(
            _proof(case, f"a window kept the login from completing: {words}"),
            fix=(
                "IBKR's messages can also be read in the Client Portal; answer them there.",
                f"{START_BY_HAND} If the window comes again, look at it (VNC: set VNC_SERVER_PASSWORD, publish 5900 on loopback).",
            ),
            severity="down",
        )
    if not case.shows("login.dialog_blocking"):
        return None
    proof = Proof(f"a window is open: {words}", case.log_quotes(), since=case.run.since)
    return replace(proof, fix=(ANSWER_IT, NOT_WITH_IB_KEY)) if title == RESUME else proof


@finding(
    "login.looping",
    severity="down",
    remedy="stop_to_protect_account",
    title="It logs in again and again without success",
    meaning=(
        "The controller, or a restart policy, answers each failed login with another one, without limit and often without delay. The"
        " container's restart count may stay 0: what counts is the attempts in the log. Attempts lock the account, and a live one"
        " sends a push each time."
    ),
    fix=(STOP_IT, "Read why the attempts fail, and mend that: docker logs --tail 300 {name}", RELEASE_IT),
    explains=NO_LOGIN,
    remedy_reason="each turn counts towards a lock of the account",
    next_command="docker logs --tail 300 {name}",
)
def looping(case: Case) -> Proof | None:
    history = case.log.history if case.log else None
    attempts = (history.login_attempts_last_hour or 0) - (history.logins_completed_last_hour or 0) if history else 0
    # What does not reach IBKR is no failed login there.
    unreached = case.says("login.server_unreachable")
    repeats = case.alive and case.continues_failure and attempts >= LOOP_ATTEMPTS and not case.serving and not unreached
    if not case.says("login.looping") and not repeats:
        return None
    return _proof(
        case, f"logs in again and again without success: {case.counted(attempts)} attempts within the last hour"
    )


@finding(
    "login.in_progress",
    severity="starting",
    remedy="wait",
    title="The login is under way",
    meaning=(
        "The controller is typing the credentials, or has sent them, within the time that this normally takes, and nothing has failed."
        " The API port opens after the login."
    ),
    fix=(LOOK_AGAIN,),
    explains=(*CLOSED_PORT, *MUTE_API),
    remedy_reason="it is on its way",
)
def in_progress(case: Case) -> Proof | None:
    if case.state not in UNDER_WAY or case.serving or case.run.problem not in (None, "login.in_progress"):
        return None
    if not within_start(case, case.run.since):
        return None
    return Proof(f"the login is under way: {case.state.replace('_', ' ')}", case.log_quotes(1), since=case.run.since)
