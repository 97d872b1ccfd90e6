# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The second factor: was a prompt sent, has somebody answered it, and what happens if nobody does?"""

from __future__ import annotations

from datetime import timedelta

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import (
    ASKING,
    UNANSWERED_LIMIT,
    VOID_PROMPT,
    Case,
    moment,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import countdown
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import COMING_UP
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.login import UNDER_WAY, protecting
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CLOSED_PORT,
    CREATE_ANEW,
    MUTE_API,
    PROCESS_ENDED,
    RELEASE_IT,
    RESTART_IT,
    START_BY_HAND,
    STOP_IT,
    Proof,
    finding,
)

ASK_BY_RELOGIN = "To have it ask again by itself set RELOGIN_AFTER_TWOFA_TIMEOUT=yes; the price is a push every few minutes until somebody answers."

#: Prompts were seen open for a quarter of an hour, and could be approved (IBC userguide.md:525, IBC issue 182).
LONG_EXPIRED = timedelta(minutes=15)
VOID = (
    "Look for the request in IBKR Mobile; after so long it is mostly void.",
    "If it is, get the person with the phone, then restart it once, and approve: docker restart -t 90 {name}",
    ASK_BY_RELOGIN,
)

GET_THE_PERSON = "Get the person with the phone. Then, and only then, {restart_when_ready}"
ASK_BY_RESTART = "To have it ask again by itself set TWOFA_TIMEOUT_ACTION=restart; the price is a push every few minutes until somebody answers."

RAISE_THE_INTERVAL = "If it happens again, raise TWOFA_EXIT_INTERVAL (seconds, 60 unless set) and look at the screen for a window in front."
CHECK_THE_KEY = "If it happens again, look at the screen (VNC): a code that is refused shows a wrong TWOFACTOR_CODE or a wrong clock."

#: Of several methods the first has its challenge under way when the list is shown (code-hustler-ft3d/ibg-controller#20, #37).
ONLY_METHOD = (
    "Make the authenticator app that TWOFACTOR_CODE is of the user's only second factor (Client Portal, Secure Login System); or take"
    " TWOFACTOR_CODE away, and approve pushes."
)

#: What ibga chooses in the list (ibga _run_ibg.sh:689-692).
MATCHING_DEVICE = (
    "Choose the device in the window (noVNC) now. To have it chosen: IB_PREFER_IBKEY=true takes IB Key, TOTP_KEY takes Mobile"
    " Authenticator app, and the user must have that one."
)
RIGHT_KEY = (
    "Compare TOTP_KEY with the key of the authenticator app, and the machine's clock with a time server; with a passkey look at the"
    " window (noVNC)."
)

#: By when ibga has typed a code, if it can.
TYPED_BY = timedelta(minutes=1)
FINDS_THE_FORM = (  # ibga commits b76f01b, cc51cd9, pull request 33
    "Use a newer image: newer gateways show the push first, and ibga asks for another device since 2026-06 only."
)

#: gnzsnz pull request 440, IBC issue 363, gnzsnz issue 437.
PASSKEY = (
    "Use an image with IBC 3.24.0 or newer and the libraries of its browser (gnzsnz from September 2026 on); on arm64 the browser's own"
    " library is missing in the gateway and has to be added.",
    "Or give the gateway's user IB Key as its second factor.",
)

MAKE_IT_SEND = "Wait an hour. Log in once with IBKR Mobile as this user, and approve it."

#: What a login that waits for its second factor shows.
NOT_APPROVED = (
    "gateway.starting",
    "gateway.not_running",
    "login.in_progress",
    "login.looping",
    *PROCESS_ENDED,
    *CLOSED_PORT,
    *MUTE_API,
)


def _begun_anew(case: Case) -> bool:
    """The prompt expired, and the controller asks again, or is about to."""
    again = case.state in ASKING or (case.state in (*COMING_UP, *UNDER_WAY) and case.asks_again is True)
    return again and case.shows("twofa.timed_out")


def _afterwards(case: Case) -> str:
    """What happens when the prompt expires (IBC LoginManager.java:105-156)."""
    again = case.asks_again
    if again is None:
        decides = "TWOFA_TIMEOUT_ACTION" if case.of_controller("ibg-controller") else "RELOGIN_AFTER_TWOFA_TIMEOUT"
        return f"then it depends on {case.own_name(decides) or 'its settings'}"
    if again:
        return "then it asks again, with a new push"
    if case.of_controller("ibg-controller"):
        return "then it gives up, and whatever starts it again sends the next push"
    return "then it stays logged out until somebody restarts it"


@finding(
    "twofa.device_not_chosen",
    severity="down",
    remedy="ask_person",
    title="It is not set which second factor to use",
    meaning=(
        "The user has several second factors, and the gateway waits for a choice. The controller chooses only what SecondFactorDevice"
        " names, letter by letter as the list shows it. No push is sent until then."
    ),
    fix=(
        "Set TWOFA_DEVICE to the entry exactly as it stands in the list, for example: IB Key",
        CREATE_ANEW,
    ),
    explains=("twofa.pending", *NOT_APPROVED),
    remedy_reason="a restart asks the same question",
    next_command="docker logs --tail 300 {name}",
)
def device_not_chosen(case: Case) -> Proof | None:
    if not case.shows("twofa.device_not_chosen"):
        return None
    return Proof(
        "several second factors, and none or a wrong one is configured",
        case.log_quotes(),
        _choosing(case),
        since=case.run.since,
    )


def _code_awaited(case: Case) -> bool:
    """ibga has the key, and waits as if for a push: it types the code within seconds where it knows the window (_run_ibg.sh:613-733)."""
    asked = moment(case.run.since)
    otherwise = (
        case.variable("IB_PREFER_IBKEY") or case.variable("AUTH_METHOD") == "passkey"
    )  # the latter of huieric/ibga-docker
    typing = case.of_controller("ibga") and case.variable("TOTP_KEY") and not otherwise
    return bool(typing) and case.state == "twofa_pending" and asked is not None and case.now - asked > TYPED_BY


def _choosing(case: Case) -> tuple[str, ...]:
    """How a device comes to be chosen where the controller has its own way."""
    if case.of_controller("ibg-controller"):
        return (ONLY_METHOD, *_by_hand(case))
    return (MATCHING_DEVICE, CREATE_ANEW) if case.of_controller("ibga") else ()


def _by_hand(case: Case) -> tuple[str, ...]:
    """Until when the controller waits for somebody to finish the login, and what comes after."""
    until = moment(case.run.deadline)
    if until and until > case.now:
        return (f"Until {until:%H:%M:%S} UTC it waits for somebody to finish the login by hand (VNC).",)
    return (f"It tries nothing more by itself. {RESTART_IT}",)


@finding(
    "twofa.code_required",
    severity="down",
    remedy="ask_person",
    title="IBKR wants a second factor that this controller can not give",
    meaning=(
        "The second factor of this user is a typed code (authenticator app, card) or a passkey. IBC types no codes,"
        " ibg-controller and ibga those of an authenticator app only. So this login never completes by itself. Where a code is typed and"
        " refused again and again, key or clock is wrong."
    ),
    fix=(
        "Type the code into the window (VNC) now; or use an image that types codes (ibga, ibg-controller); or give the gateway's user"
        " IB Key as its second factor.",
        "With several second factors, name IB Key in TWOFA_DEVICE.",
    ),
    explains=("twofa.pending", *NOT_APPROVED),
    remedy_reason="a restart asks for the same code",
    next_command="docker logs --tail 300 {name}",
)
def code_required(case: Case) -> Proof | None:
    if _code_awaited(case):
        return Proof(
            "TOTP_KEY is set, and the controller does not find where to type the code",
            case.log_quotes(),
            ("Type the code into the window (noVNC) now.", FINDS_THE_FORM, CREATE_ANEW),
            since=case.run.since,
        )
    if not case.shows("twofa.code_required"):
        return None
    if any("Failed to create browser" in quoted.quote for quoted in case.log_quotes()):
        return Proof(
            "a passkey is wanted, and the gateway can not open its window",
            case.log_quotes(),
            PASSKEY,
            since=case.run.since,
        )
    if case.of_controller("ibg-controller"):
        summary = (
            "a second factor is wanted that the controller can not give (a passkey, or a field that it does not find)"
        )
        return Proof(summary, case.log_quotes(), (ONLY_METHOD, *_by_hand(case)), since=case.run.since)
    if case.of_controller("ibga"):
        summary = "the second factor that the controller gives is not accepted, again and again"
        proof = Proof(summary, case.log_quotes(), (RIGHT_KEY, CREATE_ANEW), since=case.run.since)
        return protecting(case, proof, RIGHT_KEY, CREATE_ANEW)
    return Proof("a typed code is wanted, which this controller never types", case.log_quotes(), since=case.run.since)


@finding(
    "twofa.not_sent",
    severity="down",
    remedy="wait",
    title="The prompt closes at once: IBKR sends no push",
    meaning=(
        "The second factor's window closes within a second or two, again and again. IBKR does so after several unanswered pushes, or"
        " while the session slot is held. The controller takes it for an approval and tries once more."
    ),
    fix=("Stop it, so that nothing repeats it: docker stop -t 90 {name}", MAKE_IT_SEND, START_BY_HAND),
    explains=("twofa.pending", "twofa.login_incomplete", *NOT_APPROVED),
    remedy_reason="more attempts only keep IBKR from sending one",
    next_command="docker logs --tail 300 {name}",
)
def not_sent(case: Case) -> Proof | None:
    if not case.says("twofa.not_sent"):
        return None
    proof = Proof("the prompt closes within seconds: IBKR sends no push", case.log_quotes(), since=case.run.since)
    return protecting(case, proof, MAKE_IT_SEND)


@finding(
    "twofa.timed_out",
    severity="down",
    remedy="ask_person",
    title="Nobody approved in time, and it does not ask again",
    meaning=(
        "The prompt expired unanswered. Without RELOGIN_AFTER_TWOFA_TIMEOUT=yes IBC does nothing more: the process stays up, the API stays"
        " closed, for ever. TWOFA_TIMEOUT_ACTION=restart does not change that. ibg-controller gives up after a while and ends, unless"
        " TWOFA_TIMEOUT_ACTION=restart has it log in again."
    ),
    fix=(
        GET_THE_PERSON,
        ASK_BY_RELOGIN,
    ),
    explains=("twofa.pending", *NOT_APPROVED),
    remedy_reason="a new push helps only when somebody is ready to approve it",
    next_command="docker logs --tail 300 {name}",
)
def timed_out(case: Case) -> Proof | None:
    if not case.says("twofa.timed_out") or _begun_anew(case):
        return None
    gives_up = case.of_controller("ibg-controller")
    return Proof(
        f"nobody approved in time; the controller {'gives up' if gives_up else 'does not ask again'}",
        case.log_quotes(),
        (GET_THE_PERSON, ASK_BY_RESTART) if gives_up else (),
        since=case.run.since,
    )


@finding(
    "twofa.login_incomplete",
    severity="down",
    remedy="restart",
    title="The second factor was answered, and the login did not complete",
    meaning=(
        "After the answer the session did not start within its time, and the controller ended the gateway (IBC: exit code 1111, seen as"
        " 87). A slow machine, a window in front, an approval of an older push, or a refusal: the controller can not tell one from an"
        " approval."
    ),
    fix=(
        RESTART_IT,
        RAISE_THE_INTERVAL,
        "If neither helps, use a newer image: controller and gateway have to know each other's windows.",
    ),
    explains=NOT_APPROVED,
    remedy_reason="one new login with somebody ready to approve it",
    next_command="docker logs --tail 300 {name}",
)
def login_incomplete(case: Case) -> Proof | None:
    if not case.says("twofa.login_incomplete"):
        return None
    quotes = case.log_quotes() + (case.container_quotes() if case.ended else ())
    return Proof(
        "the second factor was answered (approved or refused), but the login did not complete in its time",
        quotes,
        (RESTART_IT, CHECK_THE_KEY) if case.of_controller("ibg-controller") else (),
        since=case.run.since,
    )


@finding(
    "twofa.pending",
    severity="waiting",
    remedy="ask_person",
    title="A second factor waits for approval",
    meaning=(
        "IBKR has sent a push to the phone and waits. When it expires is known only about: it is counted from the login, and IBKR's own"
        " clock can not be seen. Do not restart: that kills this push and sends another; unanswered pushes make IBKR stop sending them."
    ),
    fix=(
        "{approve_it}",
        "No push? Open IBKR Mobile by hand: the request is often shown there.",
        "Do not restart the container while the prompt is open.",
        "To be asked less often, have it restart itself daily (AUTO_RESTART_TIME): each start of the container is a full login.",
    ),
    explains=(*NOT_APPROVED, "login.auth_silent"),
    remedy_reason="only a person can approve; a restart would kill this push and send another",
)
def pending(case: Case) -> Proof | None:
    if case.state != "twofa_pending" or case.serving or case.run.problem in VOID_PROMPT:
        return None
    asked, expires = moment(case.run.since), moment(case.run.deadline)
    words = f"push sent at {asked:%H:%M:%S} UTC" if asked else "push sent"
    if expires and expires > case.now:
        left = countdown((expires - case.now).total_seconds()) + (" left then" if case.saved_log else " left")
        words += f", expires about {expires:%H:%M:%S} ({left}), {_afterwards(case)}"
    elif expires:
        words += f", should have expired about {expires:%H:%M:%S} and is still open"
    asked_today = case.log.history.twofa_prompts_last_day if case.log else None
    if asked_today and asked_today > 1:
        words += f"; pushes in the last 24 hours: {asked_today}"
    void = expires is not None and case.now - expires > LONG_EXPIRED
    return Proof(words, case.log_quotes(), VOID if void else (), since=case.run.since, deadline=case.run.deadline)


@finding(
    "twofa.retrying",
    severity="waiting",
    remedy="ask_person",
    title="Nobody approves, and it asks again and again",
    meaning=(
        "Each prompt expires unanswered and the controller logs in again: one push every few minutes, without limit. IBKR counts an"
        " unanswered push as a failed login, and after several stops sending them."
    ),
    fix=(
        "Approve the next push on the phone (IBKR Mobile).",
        "If nobody can, stop it until somebody can: docker stop -t 90 {name}",
    ),
    explains=("twofa.pending", *NOT_APPROVED),
    remedy_reason="only a person can approve",
    next_command="docker logs --tail 300 {name}",
)
def retrying(case: Case) -> Proof | None:
    if case.serving or not (case.state == "twofa_retrying" or case.shows("twofa.retrying") or _begun_anew(case)):
        return None
    prompts = case.unanswered
    nobody = prompts >= UNANSWERED_LIMIT
    return Proof(
        f"nobody approved; it asks again by itself, unanswered prompts so far: {prompts}",
        case.log_quotes(),
        (STOP_IT, RELEASE_IT) if nobody else (),
        remedy="stop_to_protect_account" if nobody else None,
        remedy_reason=f"{prompts} prompts went unanswered; IBKR counts them as failed logins" if nobody else None,
        since=case.run.since,
        deadline=case.run.deadline,
    )
