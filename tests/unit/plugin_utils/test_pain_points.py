# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What operators of gateways in containers complain of most: what the probes see of it, the finding, and the steps that mend it.

Each complaint has its number; threads are named as G (gnzsnz/ib-gateway-docker), B (IbcAlpha/IBC), A (heshiming/ibga), E
(extrange/ibkr-docker), U (UnusualAlpha/ib-gateway-docker). The log is written line by line as the image writes it and read by the
log probe; what the other two probes see of that moment stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Verdict
from ansible_collections.ibgw.ops.tests.unit.module_utils import ibga_log
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import TWOFA, Log
from ansible_collections.ibgw.ops.tests.unit.module_utils.judged import result

from tests.unit.plugin_utils.findings.scene import NAME, NO_BACKEND, NOW, SECRET, at, machine, merged

Changes = dict[str, Any]

PAPER, LIVE = partial(Log, "paper"), partial(Log, "live")

#: Where a gateway and its relay listen in its container, and where that is published.
PORTS = {"paper": (4002, 4004, 4002), "live": (4001, 4003, 4001)}

GONE = {"status": "exited", "finished_at": at(5)}
RESTARTING = {"status": "restarting", "finished_at": at(5), "restart_count": 9}
REFUSED = {**NO_BACKEND, "outcome": "refused", "reached": "resolve", "problem": "api.not_listening"}


@dataclass(frozen=True)
class Pain:
    """One form of a complaint: what is seen, `after` so many seconds of silence, and what has to be said.

    `status` None: the finding is only listed. `says` are words of its steps, `never` words that would do harm there.
    """

    number: int
    symptom: str
    status: str | None
    code: str
    says: tuple[str, ...]
    written: Callable[[Any], Any]
    log: Callable[[], Any] = LIVE
    after: float = 0.0
    serves: bool = False
    seen: Changes = field(default_factory=dict)
    never: tuple[str, ...] = ()


def judged(
    written: Callable[[Any], Any],
    log: Callable[[], Any] = LIVE,
    after: float = 0.0,
    serves: bool = False,
    seen: Changes | None = None,
) -> Verdict:
    """The verdict on a gateway whose log was `written` up to `after` seconds ago."""
    took = written(log()).now - log().now
    begun = log()
    begun.now = NOW - took - timedelta(seconds=after)
    told = written(begun)
    own, relay, published = PORTS[told.mode]
    changes = merged({"container": {"started_at": at(took.total_seconds() + after)}}, seen or {})
    gone = changes["container"].get("status") in ("exited", "restarting")
    around = {
        "container": {"environment": {"TRADING_MODE": told.mode}},
        "declared": {"trading_mode": told.mode},
        "logscan": {"gateways": [{**result(told, after), "name": NAME}]},
        "gateway": {
            "ports": [_published(published, relay, "relay", told.mode)],
            "processes": [] if gone else _processes(),
            "sockets": {"listening": [] if gone else [_listens(relay, 5), *([_listens(own, 50)] if serves else [])]},
        },
        "api": {
            "endpoint": told.mode,
            "port": published,
            **({} if serves else REFUSED if gone else NO_BACKEND),
            **({"account_mode": told.mode} if serves else {}),
        },
    }
    (row,) = verdict.verdicts_of_machine(machine(**merged(around, changes)))
    return row


def _published(host: int, container: int, role: str, endpoint: str | None) -> Changes:
    return {"container_port": container, "host_ip": "127.0.0.1", "host_port": host, "role": role, "endpoint": endpoint}


def _listens(port: int, limit: int, queue: int = 0) -> Changes:
    return {"port": port, "accept_queue": queue, "accept_limit": limit}


def _processes(*roles: str) -> list[Changes]:
    return [{"pid": 30 + place, "role": role} for place, role in enumerate(roles or ("controller", "relay", "gateway"))]


def _java(rss: int, gc_share: float | None) -> Changes:
    """A gateway with the image's usual heap."""
    return {"pid": 40, "role": "gateway", "rss": rss, "max_heap": 768 << 20, "gc_share": gc_share}


UNRECOGNIZED = "Unrecognized Username or Password"
WRITE_ACCESS = "API client needs write access action confirmation"
RESTARTS = {"AutoRestartTime": "11:45 PM"}

#: The image's sample of the setting.
ASKS_ONCE = {"container": {"environment": {"RELOGIN_AFTER_TWOFA_TIMEOUT": "no"}}}

OF_IBGA = {
    "container": {"environment": {"IB_LOGINTYPE": "Live Trading", "IB_LOGOFF": "11:55 PM", "TRADING_MODE": None}},
    "gateway": {
        "family": {"name": "ibga", "controller": "ibga"},
        "ports": [_published(4000, 4000, "relay", None)],
        "sockets": {"listening": [_listens(4000, 5)]},
    },
    "api": {"port": 4000},
}
IBGA = partial(ibga_log.Log, "live")


def restarted(log: Log) -> Log:
    """The daily restart, with the session that the gateway saved for it."""
    return log.logged_in(**RESTARTS).wait(40_000).shuts_down().resumes()


def command(log: Log, java: str) -> Log:
    """Java is called, as the start script shows it, and ends at once."""
    log.container().script().raw("Starting Gateway with this command:")
    return log.raw(f'"{java}" --add-opens=java.base/java.util=ALL-UNNAMED ibcalpha.ibc.IbcGateway "x/config.ini"  ')


PAINS = (
    Pain(
        1,
        "dead after the weekend: IBKR no longer takes the saved session",
        "down",
        "login.saved_session_refused",
        (
            "Do not change the password",
            "restart",
            "Sunday",
            "TWS_COLD_RESTART",
            "3.21",
            "RELOGIN_AFTER_TWOFA_TIMEOUT=yes",
        ),
        lambda log: (
            restarted(log).connecting().window("Login failed - Soft token=0 received instead of expected permanent")
        ),
        after=600,
    ),
    Pain(
        1,
        "dead after the weekend: the full login asked for a second factor, and nobody was there",
        "down",
        "twofa.timed_out",
        ("Get the person with the phone", "RELOGIN_AFTER_TWOFA_TIMEOUT=yes"),
        lambda log: log.submitted().connecting().prompt().prompt_expires(),
        after=30_000,
    ),
    Pain(
        1,
        "a push that is missed on Sunday would leave it dead, seen before Sunday",
        None,
        "config.relogin_off",
        ("RELOGIN_AFTER_TWOFA_TIMEOUT=yes", "the price"),
        lambda log: log.logged_in(),
        after=900,
        serves=True,
        seen=ASKS_ONCE,
    ),
    Pain(
        2,
        "each day begins with a full login, for it does not restart itself",
        None,
        "config.auto_restart_unset",
        ("AUTO_RESTART_TIME", "AUTO_LOGOFF_TIME with a restart policy"),
        lambda log: log.logged_in(),
        after=900,
        serves=True,
    ),
    Pain(
        2,
        "the second factor is asked for after a daily restart",
        "waiting",
        "twofa.pending",
        ("Approve the login", "Do not restart the container", "AUTO_RESTART_TIME"),
        lambda log: (
            restarted(log)
            .frame("IBKR Gateway")
            .window("Login failed")
            .ibc("Login failed")
            .cold_restarts()
            .no_saved_session()
            .jvm(**RESTARTS)
            .login_window()
            .attempt()
            .connecting()
            .prompt()
        ),
        after=20,
    ),
    Pain(
        3,
        "an empty login form: a stale autorestart file is taken for a session to resume",
        "down",
        "login.not_typed",
        ("find / -name autorestart", "remove that one file", "restart"),
        lambda log: (
            log.container()
            .script()
            .raw(
                "autorestart file found at /home/ibgateway/Jts/abcdefghijkl/autorestart: authentication will not be required"
            )
            .jvm(saved=True)
            .frame("IBKR Gateway")
            .ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
        ),
        after=400,
    ),
    Pain(
        4,
        "every second daily restart ends at Unrecognized Username or Password",
        "down",
        "login.saved_session_refused",
        ("Do not change the password", "restart", "AUTO_LOGOFF_TIME", "restart policy", "AUTO_RESTART_TIME"),
        lambda log: (
            restarted(log)
            .connecting()
            .window("Re-login is required")
            .ibc("Re-login to session")
            .wait(2)
            .window(UNRECOGNIZED)
        ),
        log=PAPER,
        after=3600,
    ),
    Pain(
        5,
        "wrong credentials are typed again and again, until the account is locked",
        "down",
        "login.credentials_rejected",
        ("stop it now", "Log in to the Client Portal once", "release"),
        lambda log: (
            log.submitted()
            .connecting()
            .window("Login failed")
            .ibc("Login failed")
            .cold_restarts()
            .no_saved_session()
            .jvm()
            .login_window()
            .attempt()
            .connecting()
            .window("Login failed")
            .ibc("Login failed")
            .cold_restarts()
            .no_saved_session()
            .jvm()
            .login_window()
            .attempt()
        ),
        after=2,
        never=("docker restart",),
    ),
    Pain(
        6,
        "up for hours and refused: the push was not approved",
        "down",
        "twofa.timed_out",
        ("RELOGIN_AFTER_TWOFA_TIMEOUT=yes", "approve"),
        lambda log: log.submitted().connecting().prompt().prompt_expires(),
        after=20_000,
    ),
    Pain(
        6,
        "up for hours and refused: the last line is that of the prompt",
        "waiting",
        "twofa.pending",
        ("RELOGIN_AFTER_TWOFA_TIMEOUT=yes", "approve", "docker restart"),
        lambda log: log.submitted().connecting().prompt(),
        after=20_000,
    ),
    Pain(
        7,
        "approved on the phone, and IBC ends the gateway a minute later",
        "down",
        "twofa.login_incomplete",
        ("restart", "TWOFA_EXIT_INTERVAL", "screen", "newer image"),
        lambda log: log.submitted().connecting().prompt().prompt_closes(20, 25).login_stays_incomplete().ends(87),
        seen={"container": {**GONE, "exit_code": 87}},
        after=5,
    ),
    Pain(
        8,
        "no push arrives: the user has several second factors",
        "down",
        "twofa.device_not_chosen",
        ("TWOFA_DEVICE", "exactly as it stands in the list", "IB Key"),
        lambda log: (
            log.submitted()
            .connecting()
            .window(TWOFA)
            .ibc(
                "You should specify the required second factor device using the SecondFactorDevice setting in config.ini"
            )
        ),
        after=60,
    ),
    Pain(
        8,
        "no push arrives: the configured second factor is not in the list",
        "down",
        "twofa.device_not_chosen",
        ("TWOFA_DEVICE", "exactly as it stands in the list"),
        lambda log: (
            log.submitted().connecting().window(TWOFA).ibc("could not find second factor device 'IBKey' in the list")
        ),
        after=60,
    ),
    Pain(
        8,
        "no push arrives: the window only comes to the front, for it wants a typed code or a choice",
        "down",
        "twofa.device_not_chosen",
        ("TWOFA_DEVICE", "IB Key"),
        lambda log: log.submitted().connecting().window(TWOFA).window(TWOFA, "Activated").window(TWOFA, "Focused"),
        after=60,
    ),
    Pain(
        8,
        "an authenticator app is chosen, and IBC never types its codes",
        None,
        "config.second_factor_device",
        ("IB Key",),
        lambda log: log.logged_in(SecondFactorDevice="Mobile Authenticator app"),
        after=900,
        serves=True,
    ),
    Pain(
        8,
        "a code of a card or an app is wanted",
        "down",
        "twofa.code_required",
        ("IB Key", "ibga", "ibg-controller"),
        lambda log: log.submitted().connecting().window("Security Code Card Authentication"),
        after=60,
    ),
    Pain(
        9,
        "an image that types codes waits for the second factor for ever",
        "down",
        "twofa.code_required",
        ("newer image", "2026-06"),
        lambda log: log.connecting().prompt(60),
        log=IBGA,
        after=3,
        seen=merged(OF_IBGA, {"container": {"environment": {"TOTP_KEY": "<set>"}}}),
    ),
    Pain(
        10,
        "from Sunday night on a server error without end: the image does not notice that the session has ended",
        "waiting",
        "login.server_unreachable",
        ("Sunday", "newer image", "r20260803"),
        lambda log: (
            log.logged_in()
            .wait(9000)
            .say("• IB Gateway is no longer running, will restart ...")
            .window()
            .splash("Connecting to server... Attempt 9: server error", 82)
            .splash("Connecting to server... Attempt 10: server error", 82)
        ),
        log=IBGA,
        after=90,
        seen=OF_IBGA,
    ),
    Pain(
        11,
        "refused from outside: the gateway's own port is published",
        "down",
        "config.port_bypasses_relay",
        ("127.0.0.1:4002:4004 instead of 4002:4002", "Containers in the same Docker network use", f"{NAME}:4004"),
        lambda log: log.logged_in(),
        log=PAPER,
        after=3600,
        seen={
            "gateway": {
                "ports": [_published(4002, 4002, "gateway", "paper")],
                "sockets": {"listening": [_listens(4002, 50), _listens(4004, 5)]},
            },
            "api": {**NO_BACKEND},
        },
    ),
    Pain(
        12,
        "the relay's connections are refused: the login waits for its second factor",
        "waiting",
        "twofa.pending",
        ("Approve the login",),
        lambda log: log.submitted().connecting().prompt().refused(4001, 3),
        after=2,
        never=("relay",),
    ),
    Pain(
        12,
        "the relay's connections are refused: logged in, and the relay leads to the port of the other mode",
        "down",
        "config.mode_port_mismatch",
        ("127.0.0.1:4002:4004", "TRADING_MODE"),
        lambda log: log.logged_in().wait(60).refused(4002, 9),
        log=PAPER,
        after=2,
        seen={"gateway": {"ports": [_published(4001, 4003, "relay", "live")]}},
    ),
    Pain(
        13,
        "connects and gets no order id, for all clients, until a restart",
        "down",
        "gateway.hung",
        ("Stop the clients", "restart", "disconnect", "one fixed client id", "every minute"),
        lambda log: log.logged_in(),
        after=90_000,
        serves=True,
        seen={
            "gateway": {"sockets": {"close_wait": {"4001": 14}}},
            "api": {"outcome": "silent_at_hello", "problem": "api.silent", "reached": "open"},
        },
    ),
    Pain(
        13,
        "the relay's connections time out: nobody takes them, and the session can be kept",
        "down",
        "gateway.hung",
        ("softly",),
        lambda log: (
            log.logged_in(CommandServerPort="7462", **RESTARTS)
            .wait(80_000)
            .refused(4001, 4, 60, "Connection timed out")
        ),
        after=10,
        serves=True,
        seen={
            "gateway": {"sockets": {"listening": [_listens(4001, 50, 51), _listens(4003, 5)]}},
            "api": {"outcome": "not_asked", "reached": "none"},
        },
    ),
    Pain(
        13,
        "it still serves, but connections that clients have left pile up",
        "degraded",
        "clients.half_closed",
        ("disconnect", "one fixed client id", "once a minute"),
        lambda log: log.logged_in(),
        after=9000,
        serves=True,
        seen={"gateway": {"sockets": {"close_wait": {"4001": 14}}}},
    ),
    Pain(
        14,
        "Address already in use, every five seconds",
        "down",
        "relay.port_taken",
        ("pkill -x socat", "newer image"),
        lambda log: taken(log.logged_in(), 9),
        after=3,
        serves=True,
        seen={"api": REFUSED},
    ),
    Pain(
        15,
        "reads work, orders fail with 321: the API is read-only",
        "degraded",
        "config.read_only_api",
        ("READ_ONLY_API=no", "'no'"),
        lambda log: log.logged_in(ReadOnlyApi="yes"),
        after=900,
        serves=True,
        seen={"declared": {"expect_orders": True}},
    ),
    Pain(
        15,
        "the same, and nothing says so: new settings are read-only until somebody tells them otherwise",
        "degraded",
        "config.read_only_api",
        ("READ_ONLY_API=no", "'no'"),
        lambda log: log.submitted(ReadOnlyApi="").connecting().prompt().prompt_closes(5, 9).completes(),
        after=900,
        serves=True,
        seen={
            "declared": {"expect_orders": True},
            "container": {"settings": [{"path": "/home/ibgateway/Jts", "mount": None}]},
        },
    ),
    Pain(
        16,
        "321 although the log says that the checkbox is off: a window waits for a click",
        "degraded",
        "config.read_only_api",
        ("Configuration tasks completed", "TWS_SETTINGS_PATH", "10.44.1g", "VNC"),
        lambda log: log.logged_in(ReadOnlyApi="no").wait(5).window(WRITE_ACCESS),
        after=900,
        serves=True,
        seen={"declared": {"expect_orders": True}},
    ),
    Pain(
        16,
        "the same, and nobody has got in yet",
        "waiting",
        "login.dialog_blocking",
        ("VNC",),
        lambda log: log.logged_in(ReadOnlyApi="no").window(WRITE_ACCESS),
        after=900,
        seen={"api": {"outcome": "silent_at_hello", "problem": "api.silent", "reached": "open"}},
    ),
    Pain(
        17,
        "ends at once and is started over and over: the image came without Java",
        "down",
        "gateway.install_broken",
        ("pinned by digest", "pull"),
        lambda log: (
            log.container()
            .script()
            .raw(
                "Could not find /usr/local/i4j_jres/Oda-jK0QgTEmVssfllLP/17.0.10.0.101/bin/java",
                "An error has occurred:",
                "Error: Can't find suitable Java installation",
            )
        ),
        seen={"container": {**RESTARTING, "exit_code": 1}},
        after=5,
    ),
    Pain(
        18,
        "status 88 again and again: the login window is there and not recognised",
        "down",
        "gateway.login_window_unknown",
        ("belong together", "LogStructureWhen=open", "VNC"),
        lambda log: (
            log.start().frame("IBKR-Gateway").login_window_missing().jvm().frame("IBKR-Gateway").login_window_missing()
        ),
        after=3,
    ),
    Pain(
        18,
        "status 88 again and again: no window at all",
        "down",
        "gateway.login_window_unknown",
        ("slow", "CPU"),
        lambda log: log.start().login_window_missing().jvm().login_window_missing(),
        after=3,
    ),
    Pain(
        19,
        "Java ends at once: IBC 3.21.0 gives Java 8 options of Java 17",
        "down",
        "gateway.install_broken",
        ("Java 8", "3.21.1"),
        lambda log: command(log, "/home/ibgateway/Jts/ibgateway/1030/jre/1.8.0_202/bin/java").ends(1),
        log=partial(Log, "live", "3.21.0"),
        seen={"container": {**GONE, "exit_code": 1}},
        after=5,
    ),
    Pain(
        20,
        "out of memory with plenty of it: Java 8 makes a table for a thousand million files",
        "down",
        "config.nofile_unlimited",
        ("nofile", "65536", "not higher", "Java 17"),
        lambda log: (
            log.start()
            .raw("library initialization failed - unable to allocate file descriptor table - out of memory")
            .ends(134)
        ),
        log=partial(Log, "live", "3.20.0"),
        seen={"container": {**GONE, "exit_code": 134}},
        after=5,
    ),
    Pain(
        20,
        "the same, seen before its next start",
        None,
        "config.nofile_unlimited",
        ("Lower it", "not higher", "default-ulimits", "Java 17"),
        lambda log: log.logged_in(),
        log=partial(Log, "live", "3.20.0"),
        after=900,
        serves=True,
        seen={
            "container": {"nofile": {"soft": 1_073_741_816, "hard": 1_073_741_816}},
            "gateway": {"family": {"name": "gnzsnz-ibc", "controller": "ibc", "generation": "10.30.1u"}},
        },
    ),
    Pain(
        21,
        "slow, freezes, drops: the heap is too small",
        "degraded",
        "gateway.heap_exhausted",
        ("JAVA_HEAP_SIZE", "1024 to 4096", "bare number", "memory limit"),
        lambda log: (
            log.logged_in()
            .wait(9000)
            .raw('Exception in thread "JTS-EServerSocket" java.lang.OutOfMemoryError: Java heap space')
        ),
        log=partial(Log, "live", "3.20.0"),
        after=600,
        serves=True,
    ),
    Pain(
        21,
        "the same with a newer IBC, which throws away what Java says of it",
        "degraded",
        "gateway.heap_exhausted",
        ("JAVA_HEAP_SIZE", "1024 to 4096", "memory limit"),
        lambda log: log.logged_in(),
        after=9000,
        serves=True,
        seen={"gateway": {"processes": [*_processes("controller", "relay"), _java(790 << 20, 0.93)]}},
    ),
    Pain(
        21,
        "the same, and it answers nobody any more",
        "down",
        "gateway.heap_exhausted",
        ("JAVA_HEAP_SIZE", "memory limit"),
        lambda log: log.logged_in(),
        after=9000,
        serves=True,
        seen={
            "gateway": {"processes": [*_processes("controller", "relay"), _java(790 << 20, 0.93)]},
            "api": {"outcome": "silent_at_hello", "problem": "api.silent", "reached": "open"},
        },
    ),
    Pain(
        21,
        "a heap as large as the container's memory",
        None,
        "config.heap_over_limit",
        ("memory limit", "twice the heap", "JAVA_HEAP_SIZE"),
        lambda log: log.logged_in(),
        after=900,
        serves=True,
        seen={
            "container": {"memory": {"limit": 1 << 30, "usage": 700 << 20}},
            "gateway": {"processes": [{"pid": 40, "role": "gateway", "rss": 600 << 20, "max_heap": 1 << 30}]},
        },
    ),
    Pain(
        22,
        "VNC is refused: its server came before the display",
        None,
        "gateway.display_missing",
        ("10.43.1a", "10.37.1p"),
        lambda log: (
            log.container()
            .raw('XOpenDisplay(":1") failed.', '*** x11vnc was unable to open the X DISPLAY: ":1"')
            .script()
            .jvm()
            .login_window()
            .attempt()
            .connecting()
            .prompt()
            .prompt_closes(5, 9)
            .completes()
        ),
        after=600,
        serves=True,
    ),
    Pain(
        23,
        "an X server is there already: a stale lock, or two containers on one display",
        "down",
        "gateway.display_missing",
        ("display", "/tmp", "/tmp/.X11-unix"),
        lambda log: log.container().raw(
            "_XSERVTransSocketUNIXCreateListener: ...SocketCreateListener() failed",
            "(EE) ",
            "Fatal server error:",
            "(EE) Cannot establish any listening sockets - Make sure an X server isn't already running(EE) ",
        ),
        seen={"container": {**GONE, "exit_code": 1}},
        after=5,
    ),
    Pain(
        24,
        "thrown out by another login of the same user",
        "down",
        "login.taken_over",
        ("Find out who", "user of its own", "EXISTING_SESSION_DETECTED_ACTION=primary"),
        lambda log: (
            log.logged_in()
            .wait(900)
            .meets_session("Other session may be primary, so end this session and let the other session proceed", 6)
            .ibc("Login has completed: exiting via [File, Close] menu")
            .shuts_down()
            .raw("Gateway finished")
        ),
        seen={"container": {**GONE, "exit_code": 0}},
        after=5,
    ),
    Pain(
        24,
        "somebody is logged in already",
        "waiting",
        "login.existing_session",
        ("Find out who", "user of its own", "EXISTING_SESSION_DETECTED_ACTION=primary"),
        lambda log: (
            log.submitted().connecting().meets_session("User must choose whether to continue with this session", 1)
        ),
        after=60,
    ),
    Pain(
        24,
        "the next login of the same user would throw it out",
        None,
        "config.session_action_yields",
        ("EXISTING_SESSION_DETECTED_ACTION=primary", "a user of its own"),
        lambda log: log.logged_in(ExistingSessionDetectedAction="primaryoverride"),
        after=900,
        serves=True,
    ),
    Pain(
        25,
        "status 86 after the second factor: the action setting does not fit the hand-over",
        "down",
        "login.existing_session",
        ("EXISTING_SESSION_DETECTED_ACTION=primary",),
        lambda log: (
            log.submitted()
            .connecting()
            .prompt()
            .prompt_closes(5, 9)
            .window("Trading Login Handoff")
            .block("Trading Login Handoff dialog; error: {}")
            .exits(1110)
            .ends(86)
        ),
        seen={"container": {**GONE, "exit_code": 86}},
        after=5,
    ),
    Pain(
        26,
        "IBKR does not answer the login for hours after a kill",
        "waiting",
        "login.auth_silent",
        ("IBKR Mobile", "Wait", "stop_grace_period"),
        lambda log: log.submitted().connecting(),
        after=1200,
        never=("{restart_it}",),
    ),
    Pain(
        26,
        "killed when the grace of its stop ran out",
        "down",
        "container.killed",
        ("IBKR Mobile", "stop_grace_period: 90s"),
        lambda log: log.logged_in(),
        seen={"container": {**GONE, "exit_code": 137}},
        after=5,
    ),
    Pain(
        27,
        "mode both: one port is refused, and the container stays up",
        "down",
        "gateway.crashed",
        ("restart", "live runs in the same container", "a container of its own", "market data"),
        lambda log: both(log, paper=lambda own: own.connecting().exits(1100).ends(76), live=Log.completes),
        log=partial(Log, "live", paired=True),
        after=600,
        serves=True,
        seen={
            "declared": {"trading_mode": "both"},
            "container": {"environment": {"TRADING_MODE": "both"}},
            "gateway": {
                "ports": [_published(4001, 4003, "relay", "live"), _published(4002, 4004, "relay", "paper")],
                "sockets": {"listening": [_listens(4001, 50), _listens(4003, 5), _listens(4004, 5)]},
            },
            "more_api": [{**NO_BACKEND, "endpoint": "paper", "port": 4002}],
        },
    ),
    Pain(
        26,
        "Docker's ten seconds are too short for a logout",
        None,
        "config.stop_timeout_short",
        ("stop_grace_period: 90s",),
        lambda log: log.logged_in(),
        after=900,
        serves=True,
        seen={"container": {"stop_timeout": 10}},
    ),
    Pain(
        28,
        "mode paper does not read the user and password of both",
        "down",
        "config.foreign_variable",
        ("Rename TWS_USERID_PAPER to TWS_USERID:", "Rename TWS_PASSWORD_PAPER_FILE to TWS_PASSWORD_FILE"),
        lambda log: log.start(IbLoginId="", IbPassword="").login_window(),
        log=PAPER,
        after=60,
        seen={
            "container": {
                "environment": {
                    "TWS_USERID": "<empty>",
                    "TWS_USERID_PAPER": "<set>",
                    "TWS_PASSWORD_PAPER_FILE": "/run/secrets/p",
                }
            }
        },
    ),
    Pain(
        29,
        "a password by value and by file",
        "down",
        "config.credentials_conflict",
        ("_FILE", "remove the plain variable"),
        lambda log: log.container().raw("error: both TWS_PASSWORD and TWS_PASSWORD_FILE are set (but are exclusive)"),
        seen={"container": {**RESTARTING, "exit_code": 1, "environment": {"TWS_PASSWORD": "<set>"}}},
        after=5,
    ),
    Pain(
        29,
        "the secret's file is not there",
        "down",
        "config.secret_unreadable",
        ("carriage return", "uid 1000", "a file"),
        lambda log: log.container().raw(
            "/home/ibgateway/scripts/common.sh: line 56: /run/secrets/password: No such file or directory"
        ),
        seen={"container": {**RESTARTING, "exit_code": 1}},
        after=5,
    ),
    Pain(
        29,
        "the secret is a directory, and the password so is empty",
        "down",
        "config.secret_unreadable",
        ("sudo rmdir /srv/password", "write the secret there"),
        lambda log: log.start(IbPassword="").login_window(),
        after=60,
        seen={"container": {"secrets": [{**SECRET, "kind": "directory"}]}},
    ),
    Pain(
        29,
        "the password is refused: its file has a carriage return",
        "down",
        "login.credentials_rejected",
        ("Do not restart it", "take the carriage returns out of it", "sed -i"),
        lambda log: log.submitted().connecting().window(UNRECOGNIZED),
        after=60,
        seen={"container": {"secrets": [{**SECRET, "carriage_return": True}]}},
    ),
    Pain(
        30,
        "the same, seen from outside: root owns what is mounted",
        "down",
        "config.settings_unwritable",
        ("sudo chown -R 101000:101000 /srv/settings",),
        lambda log: log.container(),
        seen={
            "container": {
                **RESTARTING,
                "exit_code": 82,
                "user": {"uid": 101000, "gid": 101000},
                "mounts": [{"source": "/srv/settings", "target": "/home/ibgateway/tws_settings", "type": "bind"}],
                "settings": [
                    {
                        "path": "/home/ibgateway/tws_settings",
                        "mount": "/home/ibgateway/tws_settings",
                        "kind": "directory",
                        "owner": {"uid": 0, "gid": 0, "mode": "0755"},
                        "writable_by_gateway": False,
                        "blocked_by": [],
                    }
                ],
            }
        },
        after=5,
    ),
    Pain(
        30,
        "Permission denied on the settings",
        "down",
        "config.settings_unwritable",
        ("sudo chown -R", "1000:1000", "its parent must exist"),
        lambda log: log.container().raw(
            "mkdir: cannot create directory '/home/ibgateway/tws_settings/x': Permission denied"
        ),
        seen={"container": {**RESTARTING, "exit_code": 1}},
        after=5,
    ),
    Pain(
        31,
        "the desktop of TWS comes up, and TWS does not",
        "down",
        "gateway.not_running",
        ("PUID", "PGID", "/config"),
        lambda log: log.raw(".> Launching IBC/TWS service", ".> Starting IBC/TWS"),
        after=900,
        seen={
            "container": {"environment": {"GATEWAY_OR_TWS": "tws"}},
            "gateway": {"processes": _processes("controller", "vnc", "other")},
        },
    ),
    Pain(
        32,
        "TWS is logged in, and nothing listens",
        "down",
        "relay.no_backend",
        ("ActiveX and Socket Clients", "settings"),
        lambda log: log.logged_in().wait(60).refused(7496, 9),
        after=3,
        seen={
            "container": {"environment": {"GATEWAY_OR_TWS": "tws"}},
            "gateway": {
                "ports": [_published(7496, 7498, "relay", "live")],
                "sockets": {"listening": [_listens(7498, 5)]},
            },
            "api": {"port": 7496},
            "relay_inside": {**NO_BACKEND, "port": 7498, "endpoint": "live"},
            "inside": {**REFUSED, "port": 7496, "endpoint": "live"},
        },
    ),
    Pain(
        33,
        "an arm64 machine: code 1107 right after the start",
        "down",
        "gateway.install_broken",
        ("arm64", "10.48.1b", "10.45.1h", "10.37"),
        lambda log: log.start().exits(1107).ends(83),
        seen={"container": {**GONE, "exit_code": 83}},
        after=5,
    ),
    Pain(
        34,
        "a passkey is asked for, and no browser comes up",
        "down",
        "twofa.code_required",
        ("3.24.0", "IB Key", "arm64"),
        lambda log: log.submitted().connecting().raw("Failed to create browser"),
        after=60,
    ),
    Pain(
        35,
        "no cold restart on Sunday: IBC refuses the time",
        "down",
        "config.value_invalid",
        ("Correct ColdRestartTime", "like 21:05, of 24 hours"),
        lambda log: (
            log.start(ColdRestartTime="7:00 AM").block("Invalid ColdRestartTime setting: 7:00 AM").exits(1105).ends(81)
        ),
        seen={"container": {**GONE, "exit_code": 81}},
        after=5,
    ),
    Pain(
        35,
        "no cold restart on Sunday: the start script of IBC 3.20 does not start it again",
        None,
        "config.value_invalid",
        ("3.21", "AUTO_RESTART_TIME"),
        lambda log: log.logged_in(ColdRestartTime="07:00"),
        log=partial(Log, "live", "3.20.0"),
        after=900,
        serves=True,
    ),
    Pain(
        36,
        "IBKR's maintenance",
        "waiting",
        "login.server_unreachable",
        ("maintenance", "Leave the gateway running"),
        lambda log: (
            log.submitted().connecting().frame("Attempt 3: connecting to server (trying for another 300 seconds)...")
        ),
        after=60,
    ),
    Pain(
        37,
        "the first connection after a start fails, the second works",
        None,
        "api.first_attempt_failed",
        ("retry with a pause", "Configuration tasks completed"),
        lambda log: log.logged_in(),
        after=20,
        serves=True,
        seen={"api": {"attempts": 2}},
    ),
    Pain(
        38,
        "a message of IBKR's keeps clients out",
        "waiting",
        "login.dialog_blocking",
        ("VNC", "Client Portal"),
        lambda log: log.logged_in().window("Login Messages"),
        after=600,
        seen={"api": {"outcome": "silent_at_hello", "problem": "api.silent", "reached": "open"}},
    ),
    Pain(
        39,
        "after the code a window wants a click, every day",
        "waiting",
        "login.dialog_blocking",
        ("IB Key",),
        lambda log: log.submitted().authenticating().prompt().prompt_closes(20, 25).window("Resume login"),
        after=600,
    ),
    Pain(
        41,
        "clients of other addresses are refused",
        "down",
        "api.closes_on_hello",
        ("relay", "TrustedTwsApiClientIPs"),
        lambda log: log.logged_in(),
        after=600,
        serves=True,
        seen={"api": {"outcome": "closed_at_hello", "problem": "api.closes_on_hello", "reached": "open"}},
    ),
    Pain(
        42,
        "IBKR does not take this release any more",
        "down",
        "gateway.build_retired",
        ("current image", "pinned by digest", "schedule"),
        lambda log: (
            log.submitted()
            .connecting()
            .window("IBKR Gateway")
            .ibc(
                "Connection to server failed: The current version of the application is no longer supported, please upgrade"
            )
        ),
        after=60,
    ),
    Pain(
        43,
        "a time zone that was changed is not taken over",
        None,
        "config.time_zone_kept",
        ("TimeZone in the section Logon of jts.ini", "docker stop"),
        lambda log: log.container().raw(".> File jts.ini already exists, not setting timezone").logged_in(),
        serves=True,
        seen={
            "container": {
                "environment": {"TIME_ZONE": "America/New_York"},
                "settings": [{"path": "/home/ibgateway/tws_settings", "kind": "directory", "time_zone": "Etc/UTC"}],
            }
        },
    ),
    Pain(
        44,
        "the password stands in the log: it is an argument, and the last one is not masked",
        None,
        "config.secret_in_environment",
        ("prints the password in its log", "takes a file", "change the password"),
        lambda log: log.ibcstart().jvm().login_window().attempt().connecting().prompt().prompt_closes(5, 9).completes(),
        after=600,
        serves=True,
        seen={
            "container": {"environment": {"PASSWORD": "<set>", "TRADING_MODE": None, "IBC_TradingMode": "live"}},
            "gateway": {"family": {"name": "extrange", "controller": "ibc"}},
        },
    ),
    Pain(
        45,
        "SSH_TUNNEL=yes, and nothing listens",
        "down",
        "relay.down",
        ("SSH_PASSPHRASE", "SSH_TUNNEL=both"),
        lambda log: (
            log.container()
            .raw(".> ssh-agent is NOT running. Not starting a tunnel")
            .script()
            .jvm()
            .login_window()
            .attempt()
            .connecting()
            .prompt()
            .prompt_closes(5, 9)
            .completes()
        ),
        after=600,
        seen={
            "container": {"environment": {"SSH_TUNNEL": "yes"}},
            "gateway": {
                "sockets": {"listening": [_listens(4001, 50)]},
                "processes": _processes("controller", "gateway"),
            },
            "api": REFUSED,
        },
    ),
)


#: Complaints of which nothing can be seen from where the probes look, with the reason.
NOT_TO_BE_HAD = {
    40: "which market data a user gets is told only to a client that asks for some, and the probes ask for none",
}


def both(log: Log, live: Callable[[Log], Log], paper: Callable[[Log], Log]) -> Log:
    """Two gateways that write into one log, line by line as it comes."""
    other = Log("paper", log.version, paired=True)
    other.now = log.container().now + timedelta(seconds=15)
    for own, goes_on in ((log, live), (other, paper)):
        goes_on(own.script().jvm().login_window().attempt())
    log.lines = sorted([*log.lines, *other.lines], key=lambda line: line.partition(" ")[0])
    log.now = max(log.now, other.now)
    return log


def taken(log: Log, times: int) -> Log:
    """The relay can not bind, and tries again."""
    for _ in range(times):
        own = log.wait(5).now.strftime("%Y/%m/%d %H:%M:%S")
        log.raw("Forking :::4001 onto 0.0.0.0:4003 > trading mode live ")
        log.raw(f"{own} socat[90] E bind(5, {{AF=2 0.0.0.0:4003}}, 16): Address already in use")
    return log


@pytest.mark.parametrize("pain", PAINS, ids=lambda pain: f"{pain.number}: {pain.symptom}")
def test_a_complaint_leads_to_its_finding_and_to_steps_that_mend_it(pain: Pain) -> None:
    row = judged(pain.written, pain.log, pain.after, pain.serves, pain.seen)
    leading = row.leading.finding.code if row.leading else None
    seen = [(each.finding.code, each.severity, each.consequence_of) for each in row.found]
    if pain.status is not None:
        assert (row.status, leading) == (pain.status, pain.code), seen
    found = next((each for each in row.found if each.finding.code == pain.code), None)
    assert found is not None, seen
    steps = "\n".join(found.proof.fix)
    missing = [words for words in pain.says if words not in steps]
    assert not missing, (missing, steps)
    assert not [words for words in pain.never if words in steps]


def test_every_complaint_is_here_or_says_why_not() -> None:
    told = {pain.number for pain in PAINS}
    assert told | NOT_TO_BE_HAD.keys() == set(range(1, 46))
    assert not told & NOT_TO_BE_HAD.keys()


#: What looks much the same, and is said or mended otherwise.
NEIGHBOURS = (
    Pain(
        6,
        "a prompt that is open for ten minutes may still be approved",
        "waiting",
        "twofa.pending",
        ("Approve the login", "Do not restart"),
        lambda log: log.submitted().connecting().prompt(),
        after=600,
        never=("docker restart",),
    ),
    Pain(
        29,
        "the carriage return is in the file of another password",
        "down",
        "login.credentials_rejected",
        ("Correct TWS_USERID",),
        lambda log: log.submitted().connecting().window(UNRECOGNIZED),
        after=60,
        seen={
            "container": {
                "environment": {"VNC_SERVER_PASSWORD_FILE": "/run/secrets/password"},
                "secrets": [{**SECRET, "variable": "VNC_SERVER_PASSWORD_FILE", "carriage_return": True}],
            }
        },
        never=("take the carriage returns",),
    ),
    Pain(
        35,
        "the time of the daily restart was not found in a newer gateway's window",
        None,
        "config.value_invalid",
        ("VNC", "belong together"),
        lambda log: log.logged_in(**RESTARTS).block("could not find auto logoff/restart time settings"),
        after=900,
        serves=True,
    ),
    Pain(
        35,
        "a time of the daily restart in another form",
        "degraded",
        "config.value_invalid",
        ("11:59 PM",),
        lambda log: log.logged_in().block("Auto restart time setting must be hh:mm AM or hh:mm PM: 23:45"),
        after=900,
        serves=True,
        never=("belong together",),
    ),
    Pain(
        1,
        "paper has no second factor that somebody could miss",
        "down",
        "login.saved_session_refused",
        ("Do not change the password",),
        lambda log: restarted(log).connecting().window("Login failed - Soft token=0 received"),
        log=PAPER,
        after=600,
        never=("TWS_COLD_RESTART", "RELOGIN_AFTER_TWOFA_TIMEOUT"),
    ),
    Pain(
        4,
        "the password was typed, and refused with the same window",
        "down",
        "login.credentials_rejected",
        ("Do not restart it",),
        lambda log: log.submitted().connecting().window(UNRECOGNIZED),
        log=PAPER,
        after=600,
        never=("Do not change the password",),
    ),
    Pain(
        9,
        "the push is what its operator chose",
        "waiting",
        "twofa.pending",
        ("Approve the login",),
        lambda log: log.connecting().prompt(60),
        log=IBGA,
        after=3,
        seen=merged(OF_IBGA, {"container": {"environment": {"TOTP_KEY": "<set>", "IB_PREFER_IBKEY": "true"}}}),
    ),
    Pain(
        17,
        "Java is there, and its program is not",
        "down",
        "gateway.install_broken",
        ("pinned by digest",),
        lambda log: (
            log.container()
            .script()
            .raw("Error: Offline TWS/Gateway version 1045 is not installed: can't find jars")
            .ends(4)
        ),
        seen={"container": {**GONE, "exit_code": 4}},
        after=5,
        never=("arm64", "Java 8"),
    ),
    Pain(
        19,
        "Java 17 takes these options, and ends for another reason",
        "down",
        "gateway.install_broken",
        ("pinned by digest",),
        lambda log: command(log, "/usr/local/i4j_jres/x/17.0.10.0.101/bin/java").ends(1),
        seen={"container": {**GONE, "exit_code": 1}},
        after=5,
        never=("Java 8",),
    ),
    Pain(
        32,
        "the gateway has no switch for its API",
        "down",
        "relay.no_backend",
        ("Find out where the login is",),
        lambda log: log.logged_in(),
        after=60,
        never=("ActiveX",),
    ),
    Pain(
        31,
        "the user of TWS is set, and it is still on its way",
        "starting",
        "gateway.starting",
        ("diagnose again",),
        lambda log: log.raw(".> Launching IBC/TWS service", ".> Starting IBC/TWS"),
        after=30,
        seen={
            "container": {"environment": {"GATEWAY_OR_TWS": "tws", "PUID": "1000", "PGID": "1000"}},
            "gateway": {"processes": _processes("controller", "vnc", "other")},
        },
    ),
    Pain(
        39,
        "a message of IBKR's has nothing to do with the second factor",
        "waiting",
        "login.dialog_blocking",
        ("Client Portal",),
        lambda log: log.logged_in().window("Login Messages"),
        after=600,
        seen={"api": {"outcome": "silent_at_hello", "problem": "api.silent", "reached": "open"}},
        never=("IB Key",),
    ),
    Pain(
        45,
        "relay and tunnel were asked for, and the relay has gone",
        "down",
        "relay.down",
        ("start the relay again",),
        lambda log: (
            log.container()
            .raw(".> ssh-agent is NOT running. Not starting a tunnel")
            .script()
            .jvm()
            .login_window()
            .attempt()
            .connecting()
            .completes()
        ),
        after=600,
        seen={
            "container": {"environment": {"SSH_TUNNEL": "both"}},
            "gateway": {
                "sockets": {"listening": [_listens(4001, 50)]},
                "processes": _processes("controller", "gateway"),
            },
            "api": REFUSED,
        },
        never=("SSH_PASSPHRASE",),
    ),
)


@pytest.mark.parametrize("pain", NEIGHBOURS, ids=lambda pain: f"{pain.number}: {pain.symptom}")
def test_what_looks_alike_is_told_apart(pain: Pain) -> None:
    test_a_complaint_leads_to_its_finding_and_to_steps_that_mend_it(pain)


@pytest.mark.parametrize(
    "java",
    [
        pytest.param(_java(790 << 20, 0.12), id="memory in use is no heap that is full"),
        pytest.param(_java(300 << 20, 0.7), id="a young process has collected little else yet"),
        pytest.param(_java(790 << 20, None), id="Java 8 names no threads"),
    ],
)
def test_a_heap_with_room_is_not_called_full(java: Changes) -> None:
    processes = [*_processes("controller", "relay"), java]
    row = judged(lambda log: log.logged_in(), after=9000, serves=True, seen={"gateway": {"processes": processes}})
    assert row.status == "healthy"
    assert not any(found.finding.layer == "gateway" for found in row.found)


def test_a_display_that_was_missing_at_an_earlier_start_is_no_matter_now() -> None:
    row = judged(
        lambda log: (
            log.container().raw('*** x11vnc was unable to open the X DISPLAY: ":1"').ends(1).wait(60).logged_in()
        ),
        after=600,
        serves=True,
        seen={"container": {"started_at": at(620)}},
    )
    assert row.status == "healthy"
    assert not any(found.finding.layer == "gateway" for found in row.found)


#: What operators take for a fault and is none: what is written, how the gateway stands, and what is said of it.
HARMLESS = {
    "no command server": (
        lambda log: (
            log.start()
            .ibc("CommandServer is not started because the port is not configured")
            .login_window()
            .attempt()
            .connecting()
            .completes()
            .configures()
        ),
        True,
        {},
        ("healthy", None),
    ),
    "no version of IBC in the first line": (
        lambda log: (
            log.container()
            .script()
            .raw("Starting IBC version  on 2026-03-01 at 11:00:00")
            .jvm()
            .login_window()
            .attempt()
            .connecting()
            .completes()
        ),
        True,
        {},
        ("healthy", None),
    ),
    "a warning of the gateway's": (
        lambda log: (
            log.logged_in().wait(900).raw("java.lang.InterruptedException", "\tat java.lang.Object.wait(Native Method)")
        ),
        True,
        {},
        ("healthy", None),
    ),
    "logging at its end": (
        lambda log: log.logged_in().raw(
            "2026-03-01 11:00:00,000 JTS-Async-33 ERROR Attempted to append to non-started appender d"
        ),
        True,
        {},
        ("healthy", None),
    ),
    "the relay is refused during the first minute": (
        lambda log: log.submitted().refused(4002, 6),
        False,
        {},
        ("starting", "login.in_progress"),
    ),
    "status 143 after a stop": (
        lambda log: (
            log.logged_in().wait(900).raw(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.").ends(143)
        ),
        False,
        {"container": {**GONE, "exit_code": 143}},
        ("down", "container.stopped"),
    ),
    "status 1 after a stop: the display is ended first": (
        lambda log: (
            log.logged_in().wait(900).raw(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.").ends(1)
        ),
        False,
        {"container": {**GONE, "exit_code": 1}},
        ("down", "container.stopped"),
    ),
}


@pytest.mark.parametrize(("written", "serves", "seen", "outcome"), HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_fault_is_not_told_as_one(
    written: Callable[[Any], Any], serves: bool, seen: Changes, outcome: tuple[str, str | None]
) -> None:
    row = judged(written, PAPER, 3, serves, seen)
    assert (row.status, row.leading.finding.code if row.leading else None) == outcome
    assert not [each.finding.code for each in row.found if each.consequence_of is None and each is not row.leading]
