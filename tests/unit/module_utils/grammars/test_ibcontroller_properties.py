# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds of every log of ibcontroller: no cut invents a failure, an older run changes nothing, and no secret leaves."""

from __future__ import annotations

import json
from collections.abc import Callable

from ansible_collections.ibgw.ops.tests.unit.module_utils.ibcontroller_log import HASH, Log
from ansible_collections.ibgw.ops.tests.unit.module_utils.test_logscan_properties import (
    failures,
    judged,
    said,
    scanned,
    without_history,
)
from hypothesis import given, settings
from hypothesis import strategies as st

Step = Callable[[Log], Log]

EXPIRED = "login did not complete within 180.0s of the 2FA dialog appearing (mfa_timeout)"
REJECTED = "unrecognized username or password"
NIGHTLY = {"auto_restart_time": "11:45 PM"}


def good_day(log: Log) -> Log:
    """It logs in, restarts by its schedule on the saved session, and is logged in again."""
    return log.logged_in(**NIGHTLY).wait(30000).restarts_daily().resumes().connecting().completes()


def good_sunday(log: Log) -> Log:
    """It logs in anew at its hour."""
    log.logged_in().wait(30000).says("scheduled shutdown fired: COLD_RESTART").state("READY", "SHUTTING_DOWN")
    log.relaunches("cold_restart_time reached -- relaunching with a full fresh login (no restart hash)").launched()
    log.wait(4).window("IBKR Gateway", "ibgateway.ax").credentials().connecting()
    return (log.prompt() if log.mode == "live" else log).completes()


def expires(log: Log) -> Log:
    log.submitted().connecting().prompt().wait(180).gives_up(EXPIRED)
    return log.raw(f"error: {EXPIRED}")


def is_rejected(log: Log) -> Log:
    log.submitted().connecting().says(f"{REJECTED} -- login rejected", level="WARNING").gives_up(REJECTED)
    return log.raw(f"error: {REJECTED}")


def finds_no_credentials(log: Log) -> Log:
    log.container().script()
    return log.raw("error: credentials not found -- set IBC_USERID and IBC_PASSWORD in the environment")


def asks_again(log: Log) -> Log:
    log.submitted(mfa_timeout_action="restart").prompt().wait(180).gives_up(EXPIRED)
    log.relaunches(f"mfa_timeout_action=restart -- relaunching with a full fresh login: {EXPIRED}").launched()
    return log.wait(4).credentials().prompt()


def is_stopped(log: Log) -> Log:
    return log.logged_in().wait(60).stops()


def crashes(log: Log) -> Log:
    log.logged_in().wait(60).record("agent process exited on its own (returncode=134)", level="WARNING")
    return log.state("READY", "SHUTTING_DOWN").raw("stopped: PROCESS_EXITED")


@given(
    st.sampled_from([Log.logged_in, good_day, good_sunday]),
    st.sampled_from(["paper", "live"]),
    st.booleans(),
    st.floats(0, 1),
)
def test_neither_half_of_a_good_log_shows_a_failure(build: Step, mode: str, stamped: bool, share: float) -> None:
    content = build(Log(mode=mode, stamped=stamped)).text.encode()
    cut = round(share * len(content))
    assert failures(content[:cut]) == failures(content[cut:]) == set()


def loses_the_server(log: Log) -> Log:
    return log.submitted().says(
        "login error: Login failed - Server disconnected, please try again | OK", level="WARNING"
    )


BAD: tuple[tuple[Step, set[str]], ...] = (
    (loses_the_server, {"login.server_unreachable"}),
    (expires, {"twofa.timed_out"}),
    (is_rejected, {"login.credentials_rejected"}),
    (finds_no_credentials, {"config.credentials_missing"}),
    (asks_again, {"twofa.timed_out", "twofa.retrying"}),
    (is_stopped, {"container.stopped"}),
    (crashes, {"gateway.crashed"}),
)


@given(st.sampled_from(BAD), st.booleans(), st.floats(0, 1))
def test_no_cut_of_a_bad_log_shows_another_failure(bad: tuple[Step, set[str]], stamped: bool, share: float) -> None:
    step, codes = bad
    content = step(Log(stamped=stamped)).text.encode()
    assert failures(content) & codes
    assert failures(content[: round(share * len(content))]) <= codes


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([step for step, _codes in BAD] + [good_day, good_sunday, Log.start]), max_size=3),
    st.sampled_from([1, 600, 86400]),
    st.sampled_from([Log.logged_in, good_day, is_stopped]),
)
def test_older_runs_change_nothing_for_one_that_logged_in(before: list[Step], pause: float, build: Step) -> None:
    older = Log()
    for step in before:
        step(older)
    newer = Log()
    newer.now = older.now
    build(newer.wait(pause))
    alone, after = scanned(newer.text.encode()), scanned((older.text + newer.text).encode())
    assert without_history(after) == without_history(alone)
    assert said(judged(after)) == said(judged(alone))


SECRET = "hunter2Geheim"


@given(st.data())
def test_no_secret_leaves_a_log_wherever_it_ends(data: st.DataObject) -> None:
    env = dict.fromkeys(("IBC_PASSWORD_PAPER", "IBC_USERID_PAPER", "IBC_TOTP_KEY"), SECRET)
    log = Log().container().script().dump(env, **NIGHTLY).launched().window(f"User {SECRET} U1234567").credentials()
    log.says(f"login error: {SECRET} is locked | OK").completes().restarts_daily().resumes()
    content = log.text.encode()
    gateways = scanned(content[: data.draw(st.integers(0, len(content)))])
    leaves = json.dumps(gateways) + repr(judged(gateways))
    for secret in (SECRET[:6], HASH[:12], "U1234567"):
        assert secret not in leaves
