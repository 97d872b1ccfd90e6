# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log probe as a whole: files of any form, bad input, size, and what must never leave it."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, Recognition, recognise
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.log.tail import Tail, unreadable
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import Asked, _container, probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log


def scanned(path: Path, **arguments: Any) -> dict[str, Any]:
    """The result for the log at `path`."""
    defaults = {"family": "auto", "as_of": None, "max_bytes": 1 << 22, "max_events": 50, "docker_host": None}
    result = probe(names=None, path=str(path), timeout=10.0, **{**defaults, **arguments})
    gateway: dict[str, Any]
    (gateway,) = result["gateways"]
    return gateway


def instance(gateway: dict[str, Any]) -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = gateway["instances"]
    return only


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    def save(content: bytes) -> Path:
        path = tmp_path / "some.log"
        path.write_bytes(content)
        return path

    return save


Saved = Callable[[bytes], Path]


# What it tells


def test_a_line_that_looks_like_endless_json_costs_no_log(saved: Saved) -> None:
    lines = Log().logged_in().lines
    path = saved("\n".join((*lines[:9], "[" * 100_000 + '"', *lines[9:])).encode())
    assert instance(scanned(path))["state"] == "logged_in"


def test_an_open_prompt_is_told_with_all_that_a_person_needs(saved: Saved) -> None:
    log = Log().submitted().connecting().prompt()
    gateway = scanned(saved(log.text.encode()), as_of=log.as_of(30))
    told = instance(gateway)
    assert told["state"] == "twofa_pending"
    assert told["problem"] == "twofa.pending"
    assert told["endpoint"] == "live"
    assert told["run_kind"] == "full_login"
    assert told["attempt_kind"] == "typed"
    assert told["asks_again"] is False
    assert told["deadline"] == "2026-03-04T12:03:06Z"
    assert told["open_windows"] == ["Second Factor Authentication"]
    assert told["second_factor"] == {
        "asked_at": "2026-03-04T12:00:09Z",
        "window": "Second Factor Authentication",
        "open": True,
        "expires_at": "2026-03-04T12:03:06Z",
        "asked": 1,
        "closed_at_once": 0,
    }
    assert told["evidence"][-1]["quote"].endswith("event=Opened")
    assert gateway["family"] == "gnzsnz-ibc"
    assert gateway["controller"] == {"name": "IBC", "version": "3.24.1"}
    assert gateway["time_zone"] == "Etc/UTC"
    assert gateway["window"]["run_start_seen"]
    assert 29 < gateway["window"]["silent_seconds"] < 32
    assert gateway["history"]["login_attempts"] == 1
    assert gateway["history"]["login_attempts_last_hour"] == 1
    assert gateway["history"]["twofa_prompts"] == 1
    assert gateway["events"][-1]["event"] == "twofa_initiated"


def test_whether_the_api_is_read_only_is_told_where_the_controller_says_so(saved: Saved) -> None:
    def told(log: Log) -> Any:
        return instance(scanned(saved(log.text.encode())))["read_only_api"]

    assert told(Log().logged_in(ReadOnlyApi="no")) is False
    assert told(Log().logged_in().ibc("Read-Only API checkbox is already set to: true")) is True
    assert told(Log().submitted(ReadOnlyApi="no").connecting()) is None, "it is only set after the login"
    assert told(Log().logged_in(ReadOnlyApi="no").shuts_down().resumes().connecting()) is None


def test_what_logins_cost_is_counted(saved: Saved) -> None:
    log = Log().logged_in(AutoRestartTime="11:45 PM").shuts_down().resumes().connecting().completes()
    history = scanned(saved(log.text.encode()))["history"]
    assert history["runs"] == 2
    assert history["login_attempts"] == 1
    assert history["logins_completed"] == 2
    assert history["controller_restarts"] == 1
    assert history["by_exit_code"] == {"0": 1}
    assert history["last_full_login_at"] < history["last_login_at"]


def test_what_logins_cost_is_counted_per_hour_and_per_day(saved: Saved) -> None:
    log = Log()
    for pause in (48 * 3600, 3 * 3600, 60):
        log.submitted().connecting().prompt().prompt_closes(20, 22).completes().wait(pause)
    history = scanned(saved(log.text.encode()), as_of=log.as_of())["history"]
    for counted in ("login_attempts", "twofa_prompts", "logins_completed"):
        assert [history[counted + since] for since in ("", "_last_day", "_last_hour")] == [3, 2, 1]


def test_the_run_before_is_told_where_this_one_continues_it(saved: Saved) -> None:
    log = Log().start().ibc("Exiting after error with exit code=1112")
    log.raw("IBC returned exit status 88", "IBC will restart shortly").jvm()
    told = instance(scanned(saved(log.text.encode())))
    assert told["previous"]["exit"] == {"code": 1112, "meaning": "no login window that IBC knows was shown in time"}
    assert told["previous"]["problem"] == "gateway.login_window_unknown"
    assert told["previous"]["got_as_far_as"] == "gateway_starting"
    assert told["last_exit"]["code"] == 1112


@pytest.mark.parametrize(
    ("code", "words"), [(0, "closed by itself"), (88, "login window"), (143, "SIGTERM"), (42, "not known")]
)
def test_an_exit_code_is_told_with_its_meaning(saved: Saved, code: int, words: str) -> None:
    assert words in instance(scanned(saved(Log().start().ends(code).text.encode())))["last_exit"]["meaning"]


@pytest.mark.parametrize(
    ("refusals", "silence", "problem"),
    [(6, 3, "api.not_listening"), (6, 120, None), (1, 3, None)],
    ids=["goes on", "clients are served again, which prints nothing", "once"],
)
def test_a_closed_api_port_shows_in_the_relay(saved: Saved, refusals: int, silence: int, problem: str | None) -> None:
    log = Log(mode="paper").logged_in().wait(60).refused(4002, refusals)
    gateway = scanned(saved(log.text.encode()), as_of=log.as_of(silence))
    assert instance(gateway)["problem"] == problem
    assert gateway["relay"]["refused"] == refusals


@pytest.mark.parametrize(
    ("timeouts", "silence", "problem"),
    [(4, 200, "gateway.hung"), (4, 4000, None), (2, 10, None)],
    ids=["goes on", "over, which prints nothing", "twice"],
)
def test_a_gateway_that_takes_no_client_any_more_shows_in_the_relay(
    saved: Saved, timeouts: int, silence: int, problem: str | None
) -> None:
    log = Log(mode="paper").logged_in().wait(60).refused(4002, timeouts, every=300.0, why="Connection timed out")
    gateway = scanned(saved(log.text.encode()), as_of=log.as_of(silence))
    assert instance(gateway)["problem"] == problem
    assert gateway["relay"]["refused"] == 0


def test_clients_that_come_before_the_login_are_no_fault(saved: Saved) -> None:
    log = Log(mode="paper").submitted().refused(4002, 9)
    assert instance(scanned(saved(log.text.encode())))["problem"] is None


def test_a_relay_that_never_gets_its_port_is_told(saved: Saved) -> None:
    log = Log(mode="paper").logged_in()
    for _ in range(3):
        log.wait(5).raw("2026/03/04 12:00:00 socat[9] E bind(5, {AF=2 0.0.0.0:4004}, 16): Address already in use")
    gateway = scanned(saved(log.text.encode()))
    assert instance(gateway)["problem"] == "relay.port_taken"
    assert gateway["relay"]["bind_errors"] == 3


def test_both_modes_are_told_apart(saved: Saved) -> None:
    live, paper = Log().submitted(), Log(mode="paper")
    paper.now = live.now
    paper.script().jvm()
    live.lines += paper.lines
    live.now = paper.now
    live.connecting().prompt()
    paper.lines, paper.now = [], live.now
    paper.login_window().attempt().connecting().completes()
    live.lines += paper.lines
    gateway = scanned(saved(live.text.encode()))
    told = {each["endpoint"]: (each["state"], each["problem"]) for each in gateway["instances"]}
    assert told == {"live": ("twofa_pending", "twofa.pending"), "paper": ("logged_in", None)}


@pytest.mark.parametrize("told", [True, False])  # 3.22.0 and 3.23.0 do not show errors
@pytest.mark.parametrize(("stuck", "well"), [("live", "paper"), ("paper", "live")])
def test_of_two_instances_the_one_without_a_login_window_ends_for_want_of_it(
    stuck: str, well: str, told: bool, saved: Saved
) -> None:
    log, other = Log(stuck), Log(well)
    log.container().script().jvm()
    other.now = log.now
    log.lines += other.script().jvm().login_window().attempt().connecting().completes().lines
    log.wait(60)
    if told:
        log.block("IBC closing after TWS/Gateway failed to display login dialog")
    log.ibc("Exiting with exit code=1112").raw("IBC returned exit status 88", "IBC will restart shortly").jvm()
    gateway = scanned(saved(log.text.encode()))
    told = {each["endpoint"]: (each["state"], each["problem"]) for each in gateway["instances"]}
    assert told == {stuck: ("gateway_starting", "gateway.login_window_unknown"), well: ("logged_in", None)}


def test_services_of_a_compose_log_are_told_apart(saved: Saved) -> None:
    tagged = [f"gw-live-1   | {line}" for line in Log(stamped=False).submitted().connecting().prompt().lines]
    tagged += [f"gw-paper-1  | {line}" for line in Log(mode="paper", stamped=False).logged_in().lines]
    tagged += ["strategy-1  | WARN: Login failed"]
    result = probe(None, str(saved("\n".join(tagged).encode())), "auto", None, 0, 50, None, 10.0)
    told = {gateway["name"]: instance(gateway)["problem"] for gateway in result["gateways"]}
    assert told == {"gw-live-1": "twofa.pending", "gw-paper-1": None}


# Bad input


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"names": ["a"], "path": "x.log"}, "both names and path"),
        ({"path": "x.log", "as_of": "yesterday"}, "'yesterday' is not a time"),
        ({"path": "x.log", "family": "none"}, "family 'none' is not known"),
        ({"path": "x.log", "max_bytes": -1}, "max_bytes"),
        ({"names": [], "docker_host": "nowhere"}, "docker_host 'nowhere'"),
        ({"names": ["../etc"]}, "'../etc' is no container's name"),
    ],
)
def test_arguments_that_make_no_sense_get_one_sentence(arguments: dict[str, Any], sentence: str) -> None:
    defaults = {"names": None, "path": None, "family": "auto", "as_of": None, "max_bytes": 0, "max_events": 50}
    with pytest.raises(Misuse, match=sentence):
        probe(**{**defaults, "docker_host": None, "timeout": 10.0, **arguments})


def test_a_path_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.log", "No such file"), (tmp_path, "is a directory")):
        gateway = scanned(path)
        assert not gateway["available"]
        assert gateway["problem"] == "probe.incomplete"
        assert words in gateway["reason"]
        assert gateway["instances"] == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n\n", b"LOG:  database system is ready\nDETAIL:  Login failed.\n", bytes(range(256)) * 9],
    ids=["empty", "blank", "another program's", "binary"],
)
def test_a_log_of_nothing_known_says_so(saved: Saved, content: bytes) -> None:
    gateway = scanned(saved(content))
    assert not gateway["available"]
    assert "tells nothing" in gateway["reason"]


def test_a_log_that_the_user_may_not_read_says_so(saved: Saved) -> None:
    path = saved(b"IBC: some log")
    path.chmod(0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root may read everything
    try:
        gateway = scanned(path)
    finally:
        os.seteuid(user)
    assert "Permission denied" in gateway["reason"]
    assert "may read" in gateway["fix"]


def test_a_damaged_packed_log_is_judged_up_to_its_damage(saved: Saved) -> None:
    packed = gzip.compress(
        Log().submitted().connecting().prompt().wait(60).prompt_closes(1, 60).completes().text.encode()
    )
    gateway = scanned(saved(packed[:-200]))
    assert gateway["window"]["damaged"]
    assert instance(gateway)["state"] != "logged_in"
    assert not scanned(saved(packed))["window"]["damaged"]


def test_a_secret_setting_is_told_only_as_set_or_empty(saved: Saved) -> None:
    log = Log().logged_in(IbLoginTotpSecret="JBSWY3DPEHPK3PXP", VaultToken="", ReadOnlyApi="no", OfAFork="4711", Pin="")
    told = scanned(saved(log.text.encode()))["settings"]
    assert (told["IbLoginTotpSecret"], told["VaultToken"], told["ReadOnlyApi"]) == ("<set>", "<empty>", "no")
    assert (told["OfAFork"], told["Pin"]) == ("<set>", "<empty>")  # of nobody's releases: it may hold anything


# Size


def test_a_result_stays_small_and_counts_what_it_left_out(saved: Saved) -> None:
    log = Log(mode="paper").logged_in(**{f"Custom{number}": "x" * 100 for number in range(600)})
    for _ in range(200):
        log.frame("Connecting to server...").frame("Starting application...", "Closed")
    gateway = scanned(saved(log.text.encode()), max_events=100)
    assert len(json.dumps(gateway)) <= 8192
    assert gateway["cut"]["events"] > 0
    assert gateway["cut"]["settings"] > 0


def test_a_long_log_is_read_from_its_end(saved: Saved) -> None:
    old = Log().submitted().window("Unrecognized Username or Password").text * 20
    new = Log(mode="paper").logged_in().text
    path = saved((old + new).encode())
    gateway = scanned(path, max_bytes=len(new) + 500)
    assert gateway["window"]["truncated"]
    assert gateway["window"]["bytes_read"] <= len(new) + 500
    assert instance(gateway)["state"] == "logged_in"
    assert not scanned(path, max_bytes=0)["window"]["truncated"]


def test_a_tail_keeps_the_end_from_the_start_of_a_line() -> None:
    tail = Tail([b"aaaa\nbbbb\n", b"cc", b"cc\ndd"], lines=100, limit=10)
    assert b"".join(tail) == b"dd"
    assert tail.overflown


# Forms of the same log


def as_json(log: Log) -> bytes:
    lines = (line.split(" ", 1) for line in log.lines)
    return "".join(
        json.dumps({"log": text + "\n", "stream": "stdout", "time": at}) + "\n" for at, text in lines
    ).encode()


def as_journal(log: Log) -> bytes:
    entries = ({"__REALTIME_TIMESTAMP": "1772625600500000", "MESSAGE": text} for text in bare(log))
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def as_fluentd(log: Log) -> bytes:
    entries = ({"container_name": "/gw", "source": "stdout", "log": text} for text in bare(log))
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def prefixed(prefix: str) -> Callable[[Log], bytes]:
    return lambda log: "".join(f"{prefix}{line}\n" for line in bare(log)).encode()


def counted(log: Log) -> bytes:
    return "".join(f"{number:6}\t{line}\n" for number, line in enumerate(bare(log), 1)).encode()


def across_months(log: Log) -> bytes:
    """Each line with a time as people write it, begun shortly before midnight."""
    begins = datetime(2026, 10, 31, 23, 58)
    moments = (begins + timedelta(seconds=2 * number) for number in range(len(log.lines)))
    return "".join(f"[{at:%b} {at.day:2} {at:%I:%M:%S %p}] {line}\n" for at, line in zip(moments, bare(log))).encode()


def as_ansible(log: Log) -> bytes:
    """What the variable of a task shows that ran `docker logs`."""
    return json.dumps({"logs.stdout_lines": bare(log)}, indent=4).encode()


def bare(log: Log) -> list[str]:
    return [line.split(" ", 1)[1] for line in log.lines]


def wrapped(log: Log) -> bytes:
    parts = (line[at : at + 80] for line in bare(log) for at in range(0, max(len(line), 1), 80))
    return "".join(part + "\n" for part in parts).encode()


@pytest.mark.parametrize(
    "form",
    [
        lambda log: log.text.encode(),
        lambda log: log.text.replace("\n", "\r\n").encode(),
        lambda log: gzip.compress(log.text.encode()),
        lambda log: log.text.encode("utf-16"),
        lambda log: b"\0" * 4096 + log.text.encode(),
        lambda log: log.text.replace(">", "&gt;").replace("'", "&#39;").encode(),
        lambda log: log.text.replace(" ", "\u00a0").encode(),
        lambda log: "".join(line + "\n" for line in reversed(log.lines)).encode(),
        lambda log: ("x" * (1 << 20) + "\n" + log.text).encode(),
        lambda log: b"".join(
            b"\1\0\0\0" + (len(line.encode()) + 1).to_bytes(4, "big") + line.encode() + b"\n" for line in bare(log)
        ),
        as_json,
        as_journal,
        as_fluentd,
        wrapped,
        prefixed(""),
        prefixed("> "),
        prefixed("ib-gateway-1  | "),
        prefixed("\x1b[36mib-gateway-1  | \x1b[0m"),
        prefixed("Mar  4 12:00:00 host ib-gateway[77]: "),
        prefixed("2026-03-04T12:00:00+0000 host 4f1c2d3e4a5b[912]: "),
        prefixed("2026-03-04T12:00:00.5Z stdout F "),
        prefixed('2026-03-04T12:00:00.5Z {container="gw",stream="stdout"} '),
        prefixed("2026-03-04 12:00:00,004 - INFO - "),
        prefixed("2026-03-04 12:00:00,004 - my.bot - INFO - 2026-03-04T12:00:00.5Z "),
        prefixed("[shipper 17] gw: "),
        counted,
        across_months,
        as_ansible,
    ],
    ids=[
        "docker logs -t",
        "CRLF",
        "gzip",
        "UTF-16",
        "a block of zeros",
        "HTML",
        "blanks of a web page",
        "newest first",
        "a line of a megabyte",
        "raw frames of the engine",
        "json-file",
        "journald's JSON",
        "fluentd's JSON",
        "80 columns",
        "nothing before the lines",
        "a mail",
        "compose",
        "compose in colour",
        "journald",
        "journald with ISO times",
        "Kubernetes",
        "a log shipper",
        "a Python program's log",
        "a named one's, with the engine's times",
        "something unknown",
        "numbered",
        "something unknown that goes on for more than a month",
        "a variable in Ansible",
    ],
)
def test_a_log_reads_the_same_in_any_form(form: Callable[[Log], bytes], saved: Saved) -> None:
    log = Log().submitted().connecting().prompt()
    gateway = scanned(saved(form(log)))
    told = instance(gateway)
    assert (told["state"], told["problem"], told["attempt_kind"]) == ("twofa_pending", "twofa.pending", "typed")
    assert gateway["settings"] == scanned(saved(log.text.encode()))["settings"]


@pytest.mark.parametrize(
    "line",
    [
        "# expected next: IBC: Login has completed",
        '# yesterday: "2026-03-03 05:01:02:100 IBC: Login has completed"',
        'addLogConsole Client "Login has completed"',
        "notify: 'Gateway finished' would be bad",
    ],
)
def test_a_line_that_quotes_a_message_is_not_the_message(line: str, saved: Saved) -> None:
    log = Log().submitted().connecting().prompt().raw(line)
    assert instance(scanned(saved(log.text.encode())))["problem"] == "twofa.pending"


@pytest.mark.parametrize(
    "log",
    [
        Log().submitted(SecondFactorAuthenticationTimeout="²", LoginDialogDisplayTimeout="²").prompt(),
        Log().start().ibc("version: 3.²").submitted().prompt(),
        Log().submitted().frame("Attempt ²: connecting to server...").prompt(),
    ],
    ids=["a setting", "a release", "a title"],
)
def test_a_digit_that_is_no_number_is_none(log: Log, saved: Saved) -> None:
    assert instance(scanned(saved(log.text.encode())))["problem"] == "twofa.pending"


# Containers


class Engine:
    """As much of a Docker client as reading a log takes; it counts the bytes that it was asked for."""

    def __init__(self, log: bytes, error: Exception | None = None) -> None:
        self.api = self
        self.base_url = "http+docker://localhost"  # the SDK's placeholder for a local socket
        self.asked: list[object] = []
        self._log = log
        self._error = error

    def get_adapter(self, _url: str) -> object:
        return SimpleNamespace(socket_path="/run/some.sock")

    def logs(self, _container: str, tail: int | str, follow: bool, **_: object) -> Iterator[bytes]:
        assert not follow
        self.asked.append(tail)
        if self._error:
            raise self._error
        kept = self._log.splitlines(keepends=True)
        return iter(kept if tail == "all" else kept[-int(tail) :])


def of_container(
    engine: Any,
    max_bytes: int = 1 << 22,
    ends: float = 1e12,
    running: bool = True,
    environment: list[str] | None = None,
    as_of: float = 1772625660.0,
) -> dict[str, Any]:
    state = {"Running": running, "FinishedAt": "2026-03-04T12:01:00Z"}
    inspected = {
        "Id": "1",
        "State": state,
        "HostConfig": {"LogConfig": {"Type": "syslog"}},
        "Config": {"Env": environment},
    }
    target = Target("gw", True, inspected=inspected, recognition=Recognition(BY_NAME["gnzsnz-ibc"], "low", ()))
    return _container(engine, Asked(None, as_of, max_bytes, 50), ends, target)


def test_a_log_is_read_back_no_further_than_needed() -> None:
    runs = Log()
    for _ in range(100):
        runs.logged_in().wait(300)
    engine = Engine(runs.text.encode())
    assert instance(of_container(engine))["state"] == "logged_in"
    assert engine.asked == [2000]


def test_a_session_that_is_resumed_daily_is_followed_to_the_login_that_it_began_with() -> None:
    log = Log().logged_in(AutoRestartTime="11:45 PM")
    for _ in range(5):
        log.wait(86000).shuts_down().resumes().connecting().completes()
        log.raw(*["2026/03/04 12:00:00 socat[70] N accepting connection from AF=2 172.17.0.1:41000 on AF=2"] * 900)
    engine = Engine(log.text.encode())
    assert of_container(engine)["history"]["last_full_login_at"] == "2026-03-04T12:00:18Z"
    assert engine.asked == [2000, 8000]


def test_where_no_login_was_completed_those_of_a_day_are_counted() -> None:
    runs = Log()
    for _ in range(300):
        runs.submitted().wait(600)
    engine = Engine(runs.text.encode())
    gateway = of_container(engine)
    assert engine.asked == [2000, 8000]
    assert gateway["history"]["login_attempts_last_day"] == 143
    assert gateway["window"]["truncated"]


def test_a_run_that_reaches_far_back_is_followed_there() -> None:
    log = Log().logged_in()
    for _ in range(3000):
        log.frame("Gateway Logs")
    engine = Engine(log.text.encode())
    gateway = of_container(engine)
    assert engine.asked == [2000, 8000]
    assert instance(gateway)["run_kind"] == "full_login"
    assert not gateway["window"]["truncated"]
    assert of_container(engine, max_bytes=20_000)["window"]["truncated"]


def test_no_more_is_asked_for_than_twice_what_may_be_read() -> None:
    log = Log().logged_in()
    for _ in range(20_000):
        log.frame("Gateway Logs")
    engine = Engine(log.text.encode())
    assert of_container(engine, max_bytes=300_000)["window"]["bytes_read"] <= 300_000
    first, *more = engine.asked
    assert first == 2000
    assert sum(map(int, more)) * len(log.lines[-1]) < 700_000


def test_without_a_limit_all_of_a_log_is_read_at_once() -> None:
    log = Log().logged_in()
    for _ in range(3000):
        log.frame("Gateway Logs")
    engine = Engine(log.text.encode())
    window = of_container(engine, max_bytes=0)["window"]
    assert engine.asked == ["all"]
    assert (window["bytes_read"], window["truncated"]) == (len(log.text.encode()), False)


def test_of_two_instances_the_quiet_one_is_not_forgotten() -> None:
    live, paper = Log().logged_in(), Log(mode="paper")
    paper.now = live.now
    paper.script().jvm().login_window().attempt().connecting().completes()
    for _ in range(90):
        paper.shuts_down().resumes().connecting().completes()
    engine = Engine((live.text + paper.text).encode())
    assert {told["endpoint"] for told in of_container(engine, environment=["TRADING_MODE=both"])["instances"]} == {
        "live",
        "paper",
    }
    assert engine.asked == [2000, 8000]


def test_silence_in_a_container_that_has_ended_ends_with_it() -> None:
    engine = Engine(Log().submitted().text.encode())
    silent = [
        of_container(engine, running=running, as_of=1772629260.0)["window"]["silent_seconds"]
        for running in (False, True)  # one that runs tells when it ended before
    ]
    assert silent[0] < 60.0
    assert silent[1] == silent[0] + 3600.0


@pytest.mark.parametrize(
    ("engine", "arguments", "words"),
    [
        (Engine(b"", ValueError("configured logging driver does not support reading")), {}, "logging driver syslog"),
        (Engine(Log().submitted().text.encode()), {"ends": 0.0}, "the time for this machine was over"),
        (Engine(b"2026-03-04T12:00:00Z something else\n"), {}, "tells nothing"),
        (Engine(b"", ConnectionRefusedError("refused")), {}, "unix:///run/some.sock"),
    ],
    ids=["a driver that keeps nothing", "out of time", "not a gateway", "an engine that went away"],
)
def test_a_container_whose_log_can_not_be_read_says_why(engine: Engine, arguments: dict[str, Any], words: str) -> None:
    gateway = of_container(engine, **arguments)
    assert not gateway["available"]
    assert words in gateway["reason"]


class EngineSays(Exception):
    """As the SDK raises it: the engine's own words apart from those of HTTP."""

    def __init__(self, explanation: str) -> None:
        super().__init__("500 Server Error for http+docker://localhost/v1.41/containers/1/logs")
        self.explanation = explanation


@pytest.mark.parametrize(
    ("driver", "options", "said", "reason", "fix"),
    [
        ("none", {}, "configured logging driver does not support reading", "driver none keeps nothing", "is lost"),
        ("syslog", {}, "configured logging driver does not support reading", "driver syslog keeps nothing", "(path)"),
        (
            "fluentd",
            {"cache-disabled": "true"},
            "configured logging driver does not support reading",
            "cache-disabled=true keeps no copy",
            "without the option cache-disabled",
        ),
        ("journald", {}, "journald is not enabled on this host", "journald is not enabled on this host", "journal"),
    ],
)
def test_a_logging_driver_that_keeps_nothing_is_named_with_what_to_do(
    driver: str, options: dict[str, str], said: str, reason: str, fix: str
) -> None:
    inspected = {"HostConfig": {"LogConfig": {"Type": driver, "Config": options}}}
    client: Any = Engine(b"")
    told = unreadable(client, Target("gw", True, inspected=inspected), EngineSays(said))
    assert reason in told.reason
    assert fix in told.fix
    assert "HTTP" not in told.reason


def test_an_empty_log_is_no_fault() -> None:
    gateway = of_container(Engine(b""))
    assert gateway["available"]
    assert gateway["instances"] == []


@pytest.mark.parametrize(
    ("environment", "labels", "family"),
    [
        (["IBC_APP_DIR=/x", "IBC_PROGRAM=gateway"], {}, "gnzsnz-ibcontroller"),
        ([], {"org.opencontainers.image.description": "IB Gateway controller"}, "ibg-controller"),  # without its switch
        (["IBC_VERSION=3.22.0", "INSTALL_FILENAME=x"], {}, "extrange"),
    ],
)
def test_the_log_tells_the_controller_and_the_container_the_image(
    environment: list[str], labels: dict[str, str], family: str
) -> None:
    config = {"Env": environment, "Labels": labels}
    inspected = {"Id": "1", "State": {"Running": True}, "HostConfig": {}, "Config": config}
    target = Target("gw", True, inspected=inspected, recognition=recognise(traits(config)))
    engine: Any = Engine(Log().logged_in().text.encode())
    gateway = _container(engine, Asked(None, 1772625660.0, 1 << 22, 50), 1e12, target)
    assert gateway["family"] == family
    assert gateway["controller"] == {"name": "IBC", "version": "3.24.1"}


def test_the_family_that_was_given_decides(saved: Saved) -> None:
    log = Log(mode="paper").logged_in().wait(60).refused(4001, 6)
    path, now = saved(log.text.encode()), log.as_of(3)
    of_gnzsnz, of_ibga = (instance(scanned(path, family=name, as_of=now)) for name in ("gnzsnz-ibc", "ibga"))
    assert of_gnzsnz["problem"] is None  # there 4001 is the port of live
    assert of_ibga["problem"] == "api.not_listening"


def test_what_its_container_knows_as_a_secret_is_quoted_from_no_log() -> None:
    log = Log().submitted()
    scan = Scan(50, frozenset({"Log In"}))
    scan.read([log.text.encode()])
    told = json.dumps(scan.results("gw", None, False))
    assert "Click button: ***" in told
    assert "Log In" not in told


# Logs of any length


def a_life(days: int) -> Log:
    """A gateway that restarts itself daily, and twice has to be logged in anew."""
    log = Log().logged_in(AutoRestartTime="11:45 PM")
    for day in range(days):
        log.wait(86400 - 120).shuts_down()
        if day % 5 == 3:
            log.container().script().jvm(AutoRestartTime="11:45 PM").login_window().attempt().connecting().prompt()
            log.prompt_closes(20, 22).completes()
        else:
            log.resumes().connecting().completes()
    return log


def line_by_line(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """The same without the quick pass."""
    scan = Scan(50)
    with monkeypatch.context() as patched:
        patched.setattr("ansible_collections.ibgw.ops.plugins.module_utils.log.lines.Log.line_by_line", False)
        scan.read([content])
    return scan


@pytest.mark.parametrize("kept", [1 << 22, 20_000, 1_000])
@pytest.mark.parametrize("noise", [0, 2_000])
@pytest.mark.parametrize("days", [1, 6, 11])
def test_the_quick_pass_tells_the_same_as_reading_every_line(
    days: int, noise: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.ibgw.ops.plugins.module_utils.log.scan.LIMIT", kept)
    monkeypatch.setattr("ansible_collections.ibgw.ops.plugins.module_utils.log.lines._BLOCK", 5_000)
    monkeypatch.setattr("ansible_collections.ibgw.ops.plugins.module_utils.log.lines._SAMPLE", 5_000)
    log = a_life(days)
    log.raw(*["2026/03/04 12:00:00 socat[70] N accepting connection from AF=2 172.17.0.1:41000 on AF=2"] * noise)
    content = log.text.encode()
    quick, slow = Scan(50), line_by_line(content, monkeypatch)
    quick.read(content[at : at + 10_000] for at in range(0, len(content), 10_000))
    ((told,), (expected,)) = (scan.results("x", None, False) for scan in (quick, slow))
    assert told["history"] == expected["history"]
    assert told["window"] == expected["window"]
    assert told["instances"] == expected["instances"]


# Secrets


SPOKEN = "qZ7wXp9KvB"


def of_a_fork(name: str) -> Log:
    return (
        Log().submitted(**{name: SPOKEN}).window("Login Error").ibc("Login error message:").raw(f"{SPOKEN} is locked")
    )


def printed(*lines: str) -> Log:
    log = Log().container().script().raw(*lines).jvm().login_window().attempt()
    return (
        log.window(f"{SPOKEN} Configuration")
        .window("Login Error")
        .ibc("Login error message:")
        .raw(f"{SPOKEN} is locked")
    )


@pytest.mark.parametrize("known", [True, False], ids=["of a container that knows it", "of a file"])
@pytest.mark.parametrize(
    "log",
    [
        of_a_fork("IbLoginTotpSecret"),
        of_a_fork("SecondFactorSecret"),
        printed(f"sun.java.command = ibcalpha.ibc.IbcGateway /c.ini {SPOKEN} {SPOKEN}"),  # IBC IbcTws.java:458
        printed("arg[0]=/c.ini", f"arg[1]={SPOKEN}"),  # IBC DefaultLoginManager.java:191
        printed(f"--user = {SPOKEN}", f"--pw = {SPOKEN}"),  # IBC ibcstart.sh
        printed("Set variables:", f"USERNAME={SPOKEN}", f"PASSWORD={SPOKEN}"),  # extrange replace.sh:19
        printed(f"TWS_PASSWORD={SPOKEN}", f"export TWS_USERID='{SPOKEN}'"),
    ],
    ids=["a fork's setting", "another", "Java's command", "arguments", "options", "variables that are set", "environment"],
)  # fmt: skip
@pytest.mark.parametrize(
    "form",
    [
        lambda log: log.text.encode(),
        lambda log: log.text.encode("utf-16"),
        as_json,
        wrapped,
    ],
    ids=["docker logs -t", "UTF-16", "json-file", "80 columns"],
)
def test_a_secret_that_a_log_gives_away_goes_no_further_wherever_it_ends(
    form: Callable[[Log], bytes], log: Log, known: bool
) -> None:
    content = form(log)
    spoken = SPOKEN.encode("utf-16-le" if content[:2] == b"\xff\xfe" else "utf-8")
    ends = [found.end() for found in re.finditer(re.escape(spoken), content)]
    for end in {end - cut for end in ends for cut in range(0, len(spoken), 3)} | {len(content)}:
        scan = Scan(50, frozenset({SPOKEN}) if known else frozenset())
        scan.read([content[:end]])
        told = json.dumps(scan.results("some.log", None, truncated=False))
        assert not any(SPOKEN[at : at + 4] in told for at in range(len(SPOKEN) - 3)), content[:end][-200:]


def test_what_the_first_start_of_a_long_log_gives_away_is_quoted_from_no_later_one(saved: Saved) -> None:
    log = (
        Log()
        .container()
        .script()
        .raw("sun.java.command = ibcalpha.ibc.IbcGateway /config.ini alice77 hunter2hunter2 live")
    )
    for _ in range(8):
        log.jvm().login_window().attempt().ends(1112).raw("IBC will restart shortly")
    log.jvm().login_window().attempt().window("Messages for alice77").wait(200)
    gateway = scanned(saved(log.text.encode()), as_of=log.as_of())
    assert instance(gateway)["open_windows"] == ["Messages for ***"]
    assert "alice77" not in json.dumps(gateway)


def test_of_two_gateways_in_a_long_log_both_are_read_from_their_start(saved: Saved) -> None:
    live, paper = Log(paired=True).logged_in(), Log(mode="paper", paired=True)
    paper.now = live.now
    paper.script().jvm().login_window().attempt().connecting().completes()
    for _ in range(9):
        paper.wait(60).shuts_down().resumes().connecting().completes()
    told = scanned(saved((live.text + paper.text).encode()))["instances"]
    assert {one["endpoint"]: one["state"] for one in told} == {"live": "logged_in", "paper": "logged_in"}
