# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway's own launcher.log: a login that IBKR answered, or not, in the gateway's words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan

BEGIN = ("12:00:00 --- IB GATEWAY RESTART ---", "12:00:00 Started on 20260304-11:00:00", "12:00:04 Logging in alice77")
RESUMED = (
    *BEGIN[:2],
    "12:00:01 Running in auto-restart mode: restoring session token [userDirname=lklafholljfpbenl]...",
)
TYPED = "12:00:05  NS_AUTH_START version=52 pwd=1 soft=0 token(s)=[token=5, suffix=a[IB Key]] initialTokenType=PWD x=1"
SAVED = "12:00:05  NS_AUTH_START version=52 pwd=1 soft=1 token(s)=[token=5] initialTokenType=SOFT x=1"
EXPIRED = (
    "12:00:06 Authorization failed: The security tokens associated with your login credentials have expired (routinely) in"
    " accordance with our security protocols. MessageType: null. FailReason: 99"
)
REFUSED = "12:00:06 Authorization failed: Invalid username or password. MessageType: null. FailReason: 2"
GONE = (
    "12:00:06 Disconnecting x:4001 (SSL) [disconnectDetails=DisconnectDetails[reason=DISCONNECT_AUTHORIZATION_FAILED]]"
)
UNANSWERED = "12:03:06 Authorization failed: SUPPRESS_MESSAGE_BOX. MessageType: null. FailReason: 2147483647"
THROTTLED = (
    "12:00:07 Too many failed login attempts. Please wait 4 minutes & 55 seconds before attempting to re-login again."
)


def launcher(*messages: str, tag: str = "") -> bytes:
    """A launcher.log of a container in a zone one hour ahead, its lines as `time message`."""
    split = (message.split(" ", 1) for message in messages)
    return "".join(f"2026-03-04 {at}.500{tag} INFO  [JTS-Main-7] - {said}\n" for at, said in split).encode()


def scanned(content: bytes) -> dict[str, Any]:
    scan = Scan(50)
    scan.read([content])
    (result,) = scan.results("launcher.log", None, truncated=False)
    return result


@pytest.mark.parametrize(
    ("messages", "state", "problem"),
    [
        ((*BEGIN, TYPED, "12:00:06 Received CHALLENGE"), "twofa_pending", "twofa.pending"),
        ((*BEGIN, TYPED, "12:00:25 AuthTimeoutMonitor-CCP: Timeout!"), "submitted", "login.auth_silent"),
        ((*BEGIN, TYPED, "12:00:25 AuthTimeoutMonitor-CCP: deactivate"), "submitted", None),
        ((*BEGIN, TYPED, REFUSED, GONE), "submitted", "login.credentials_rejected"),
        ((*RESUMED, SAVED, REFUSED, GONE), "authenticating", "login.saved_session_refused"),
        ((*RESUMED, SAVED, EXPIRED, GONE), "authenticating", "login.saved_session_refused"),
        ((*RESUMED, "12:00:05 Session expired [sessionId=2, softToken=0]"), "gateway_starting", "login.saved_session_refused"),
        ((*BEGIN, TYPED, THROTTLED), "throttled", "login.throttled"),
        ((*BEGIN, TYPED, "12:00:06 Received CHALLENGE", UNANSWERED), "login_window", "twofa.timed_out"),
        ((*BEGIN, TYPED, UNANSWERED.replace("12:03", "12:00")), "submitted", None),  # ended before anybody was asked
        ((*BEGIN, TYPED, "12:00:06 Received CHALLENGE", "12:00:20 Switching to a new encrypted log..."), "logged_in", None),
        ((*BEGIN, TYPED, "12:00:25 AuthTimeoutMonitor-CCP: Timeout!", *BEGIN, TYPED), "submitted", None),
    ],
)  # fmt: skip
def test_what_became_of_the_login(messages: tuple[str, ...], state: str, problem: str | None) -> None:
    (run,) = scanned(launcher(*messages))["instances"]
    assert (run["problem"], run["state"]) == (problem, state)


def test_its_times_have_the_zone_that_its_start_tells() -> None:
    told = scanned(launcher(*BEGIN, TYPED))
    assert told["time_zone"] == "UTC+01:00"
    assert told["window"]["last_at"] == "2026-03-04T11:00:05Z"
    assert scanned(launcher(BEGIN[0], TYPED))["window"]["last_at"] is None


def test_lines_of_older_builds_have_a_tag() -> None:
    (run,) = scanned(launcher(*BEGIN, TYPED, "12:00:06 Received CHALLENGE", tag=" [DX]"))["instances"]
    assert run["state"] == "twofa_pending"


def test_neither_user_nor_session_are_told() -> None:
    told = str(
        scanned(launcher(*RESUMED, *BEGIN[2:], SAVED, "12:00:06 Authorization failed: alice77 has no access U1234567"))
    )
    assert not any(secret in told for secret in ("alice77", "lklafholljfpbenl", "U1234567"))


def test_another_programs_log_is_not_taken_for_it() -> None:
    scan = Scan(50)
    scan.read([launcher(*BEGIN, TYPED).replace(b"JTS-", b"pool-")])
    assert scan.results("app.log", None, truncated=False) == []


def test_its_end_in_a_containers_output_is_not_the_containers_log() -> None:
    scan = Scan(50, family=BY_NAME["ibg-controller"])
    scan.read([launcher(*BEGIN, TYPED)])
    assert scan.results("gw", None, truncated=False) == []
