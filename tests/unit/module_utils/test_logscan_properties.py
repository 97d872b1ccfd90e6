# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds of every log: any bytes give valid text and no secret, no cut invents a failure, and an older run changes nothing."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import verdicts_of_log
from ansible_collections.ibgw.ops.tests.unit.module_utils import ibcontroller_log, ibg_log, ibga_log
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibcontroller_log import Log as IbControllerLog
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibg_log import Log as IbgLog
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibga_log import Log as IbgaLog
from hypothesis import given
from hypothesis import strategies as st

Step = Callable[[Any], Any]

NOW = datetime(2026, 3, 5, tzinfo=timezone.utc)


def scanned(content: bytes) -> list[dict[str, Any]]:
    """What the probe returns for each gateway of a saved log."""
    with tempfile.NamedTemporaryFile() as saved:
        saved.write(content)
        saved.flush()
        result = probe(None, saved.name, "auto", None, 1 << 22, 50, None, 10.0)
    gateways: list[dict[str, Any]] = result["gateways"]
    return gateways


def judged(gateways: list[dict[str, Any]]) -> list[Verdict]:
    """What is made of that: mostly one verdict; one for each where a log holds several."""
    return verdicts_of_log("some.log", {"available": True, "gateways": gateways}, NOW)


def failures(content: bytes) -> set[str]:
    """What is wrong by the log alone, beside what waits for a person at the phone."""
    leading = {
        verdict.leading for verdict in judged(scanned(content)) if verdict.status in ("down", "waiting", "degraded")
    }
    return {found.finding.code for found in leading if found} - {"twofa.pending"}


def told(log: Any, steps: Iterable[Step]) -> Any:
    """`log` with all that happens in the steps."""
    for step in steps:
        step(log)
    return log


# Any bytes

SECRET = "hunter2Geheim"

LINES = [
    line.encode()
    for log in (
        Log().logged_in().window("Login Error").cold_restarts(),
        IbgLog().logged_in().adopted().exits(-9).relaunches().stopped(),
        IbControllerLog().logged_in(auto_restart_time="11:45 PM").restarts_daily().resumes().completes().stops(),
        IbgaLog().logged_in().login_fails().login_again().form().types_code().gone().gives_up(),
    )
    for line in log.lines
]

NOISE = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(LINES),
    st.sampled_from([line.split(b" ", 1)[1] for line in LINES]),
    st.sampled_from([line[: len(line) // 2] for line in LINES]),
    st.sampled_from([b"ib-gateway-1  | ", b'{"log":"', b"\x1b[31m", b"\x1f\x8b", b"\xff\xfe", b"\0" * 8, b"\r"]),
)


@given(st.binary(max_size=4000))
def test_any_bytes_give_valid_text_or_a_reason(content: bytes) -> None:
    checked(content)


@given(st.lists(NOISE, max_size=60), st.sampled_from([b"\n", b"\r\n", b""]), st.booleans())
def test_lines_and_rubbish_in_any_order_give_valid_text(parts: list[bytes], end: bytes, packed: bool) -> None:
    content = end.join(parts)
    checked(gzip.compress(content) if packed else content)


def checked(content: bytes) -> None:
    gateways = scanned(content)
    text = json.dumps(gateways, ensure_ascii=False)
    assert all(len(json.dumps(gateway).encode()) <= 8192 for gateway in gateways)
    assert text.isprintable()
    assert all(verdict.summary.isprintable() for verdict in judged(gateways))


@given(st.data())
def test_no_secret_leaves_a_log_wherever_it_is_cut(data: st.DataObject) -> None:
    log = Log().container().script().raw(f"--pw = {SECRET}", f"    IbPassword={SECRET} with, blanks")
    log.jvm(IbLoginTotpSecret=SECRET, TwoFactorCode=SECRET, OtherPassword=f"{SECRET},{SECRET}")
    log.raw(f"sun.java.command = ibcalpha.ibc.IbcGateway /c.ini {SECRET} {SECRET}", f"arg[1]={SECRET}")
    log.login_window().attempt().window(f"User {SECRET} U1234567 Trader Workstation Configuration")
    log.ibc("Login failed").window("Login Error").ibc("Login error message:").raw(f"{SECRET} is locked")
    content = log.text.encode()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    gateways = scanned(content[start:end])
    leaves = json.dumps(gateways) + repr(judged(gateways))
    if content.find(b"sun.java.command") >= start:
        assert SECRET[:6] not in leaves
    assert f"Secret={SECRET}" not in leaves
    assert "U1234567" not in leaves


# Cuts

OLD_TIME = {"AutoRestartTime": "11:45 PM"}


def good_day(log: Log) -> Log:
    """It logs in, restarts by its schedule on the saved session, and is logged in again."""
    log.logged_in(**OLD_TIME).wait(30000).shuts_down()
    return log.resumes().login_window().connecting().completes().ibc("Configuration tasks completed")


def anew(log: Log) -> Log:
    """It logs in, ends by its schedule, and its container is started again on another day."""
    log.logged_in().wait(3600).shuts_down().ends(0)
    return log.wait(86400).logged_in()


#: Logs in which nothing is wrong, of each controller.
GOOD: tuple[Callable[[str, bool], Any], ...] = (
    lambda mode, stamped: Log(mode, stamped=stamped).logged_in(),
    lambda mode, stamped: good_day(Log(mode, stamped=stamped)),
    lambda mode, stamped: anew(Log(mode, stamped=stamped)),
    lambda mode, stamped: ibcontroller_log.Log(mode, stamped).logged_in().restarts_daily().resumes().completes(),
    lambda mode, stamped: ibg_log.Log(mode, stamped=stamped).logged_in().adopted(),
    lambda mode, stamped: ibga_log.Log(mode, stamped).logged_in(first=True),
)


@given(st.sampled_from(GOOD), st.sampled_from(["paper", "live"]), st.booleans(), st.floats(0, 1))
def test_neither_half_of_a_good_log_shows_a_failure(
    build: Callable[[str, bool], Any], mode: str, stamped: bool, share: float
) -> None:
    content = build(mode, stamped).text.encode()
    cut = round(share * len(content))
    assert failures(content[:cut]) <= {"gateway.stopped_by_schedule"}
    assert failures(content[cut:]) == set()


#: Each leaves a run in which something is wrong, and what that is.
BAD: tuple[tuple[Step, str], ...] = (
    (lambda log: log.submitted().window("Unrecognized Username or Password"), "login.credentials_rejected"),
    (lambda log: log.submitted().ibc("Login failed").cold_restarts(), "login.credentials_rejected"),
    (
        lambda log: (
            log.submitted().connecting().prompt().prompt_closes(200, 204)
            .ibc("Re-login after second factor authentication timeout not required")
        ),
        "twofa.timed_out",
    ),
    (lambda log: log.logged_in().wait(9).window("Login Messages"), "login.dialog_blocking"),
    (lambda log: log.logged_in().wait(9).raw(".> Received SIGINT or SIGTERM. Shutting down IB Gateway."), "container.stopped"),
    (lambda log: log.submitted().ibc("Exiting after error with exit code=1112").ends(88), "gateway.login_window_unknown"),
)  # fmt: skip


@given(st.sampled_from(BAD), st.floats(0, 1))
def test_no_cut_of_a_bad_log_shows_another_failure(bad: tuple[Step, str], share: float) -> None:
    step, code = bad
    content = told(Log(), [step]).text.encode()
    assert failures(content) == {code}
    assert failures(content[: round(share * len(content))]) <= {code}


# Older runs

OLDER: tuple[Step, ...] = (
    *(step for step, _code in BAD),
    Log.start,
    Log.submitted,
    Log.logged_in,
    good_day,
    lambda log: log.submitted().connecting().prompt(),
    lambda log: log.logged_in().refused(4001, 20),
    lambda log: log.submitted().ibc("Too many failed login attempts. Please wait 5 minutes before attempting to re-login again."),
    lambda log: log.logged_in().window("Existing session detected"),
    lambda log: log.raw("java.lang.OutOfMemoryError: Java heap space"),
    lambda log: log.raw("IBC Settings:", "    IbPassword="),
    lambda log: log.ends(76),
)  # fmt: skip

#: How the newest run goes on once it has logged in.
SINCE: tuple[Step, ...] = (
    lambda log: log.wait(60),
    lambda log: log.wait(60).window("Login Messages").wait(60),
    lambda log: log.wait(60).frame("Connecting to server...").wait(60),
    lambda log: log.wait(60).window("Existing session detected").ibc(
        "other session may be primary, so end this session and let the other proceed (scenario 6)"
    ),
    lambda log: log.wait(60).raw(".> Received SIGINT or SIGTERM. Shutting down IB Gateway."),
    lambda log: log.wait(60).shuts_down(),
)  # fmt: skip


@given(st.lists(st.sampled_from(OLDER), min_size=1, max_size=8))
def test_what_is_only_counted_is_counted_as_if_every_line_were_read(steps: list[Step]) -> None:
    text = told(Log().start(), steps).text
    (quickly,), (line_by_line,) = scanned(text.encode()), scanned(text.encode("utf-16"))
    for gateway in (quickly, line_by_line):
        del gateway["history"]["runs"]  # half a start in the middle of a log is one more to who reads every line
    for key in ("instances", "history", "settings", "controller"):
        assert quickly[key] == line_by_line[key]


PAUSE = st.sampled_from([1, 600, 86400])
MODE = st.sampled_from(["paper", "live"])


@given(st.lists(st.sampled_from(OLDER), max_size=6), PAUSE, MODE, st.booleans(), st.sampled_from(SINCE))
def test_older_runs_change_nothing_for_one_that_logged_in(
    before: list[Step], pause: float, mode: str, in_one_container: bool, since: Step
) -> None:
    older, newer = told(Log(mode), before), Log(mode)
    newer.now = older.now
    newer.wait(pause)
    if in_one_container:
        since(newer.jvm().login_window().attempt().connecting().completes())
    else:
        since(newer.logged_in())
    unchanged(older.text, newer.text)


#: Of each other controller what a run before can have been.
OTHERS: tuple[tuple[type, tuple[Step, ...]], ...] = (
    (
        ibcontroller_log.Log,
        (
            lambda log: log.start(),
            lambda log: log.submitted().connecting().prompt(),
            lambda log: log.submitted().gives_up("login failed"),
            lambda log: log.logged_in().restarts_daily(),
            lambda log: log.logged_in().stops(),
        ),
    ),
    (
        ibg_log.Log,
        (
            lambda log: log.start(),
            lambda log: log.submitted().prompt(),
            lambda log: log.submitted().prompt().expires(),
            lambda log: log.submitted().halts("passkey", "a passkey is wanted").halted(),
            lambda log: log.logged_in().exits(1),
            lambda log: log.logged_in().stopped(),
        ),
    ),
    (
        ibga_log.Log,
        (
            lambda log: log.start(),
            lambda log: log.submitted().prompt(),
            lambda log: log.submitted().login_fails().gives_up(),
            lambda log: log.logged_in().login_again(),
            lambda log: log.logged_in().gone(),
        ),
    ),
)


@given(st.sampled_from(OTHERS), st.data(), PAUSE, MODE)
def test_older_runs_change_nothing_under_any_controller(
    other: tuple[type, tuple[Step, ...]], data: st.DataObject, pause: float, mode: str
) -> None:
    kind, steps = other
    older, newer = told(kind(mode), data.draw(st.lists(st.sampled_from(steps), max_size=6))), kind(mode)
    newer.now = older.now
    unchanged(older.text, newer.wait(pause).logged_in().text)


def unchanged(older: str, newer: str) -> None:
    alone, after = scanned(newer.encode()), scanned((older + newer).encode())
    assert without_history(after) == without_history(alone)
    assert said(judged(after)) == said(judged(alone))


def without_history(gateways: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """How the instances stand, without where in the log that is written."""
    for quoted in (line for gateway in gateways for one in gateway["instances"] for line in one["evidence"]):
        del quoted["line"]
    return [gateway["instances"] for gateway in gateways]


def said(verdicts: list[Verdict]) -> list[Any]:
    return [
        (one.status, one.summary, one.since, one.leading and (one.leading.finding.code, one.leading.proof))
        for one in verdicts
    ]
