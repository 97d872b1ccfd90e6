# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""For every finding: evidence that proves it, and the nearest evidence that does not. Both are changes of the well gateway."""

from __future__ import annotations

from typing import Any

from tests.unit.plugin_utils.findings.scene import NO_BACKEND, at

Changes = dict[str, Any]

SETTINGS = {"path": "/home/ibgateway/tws_settings", "mount": "/home/ibgateway/tws_settings", "kind": "directory"}

OWN_ZONE = {"environment": {"TIME_ZONE": "America/New_York"}}

UNREACHABLE = {"unreachable": True, "msg": "Failed to connect to the host via ssh: No route to host"}
NO_SUDO = {"failed": True, "msg": "Task failed: Missing sudo password"}
WRONG_PYTHON = {"failed": True, "msg": "Module result deserialization failed: No start of json char found", "rc": 127}

EXITED = {"status": "exited", "finished_at": at(600)}
STOPPED = {**EXITED, "exit_code": 143}
FAILED = {**EXITED, "exit_code": 1}
FRESH = {"started_at": at(20)}


#: It runs beside the gateway, and is not for it.
AUTOHEAL = {
    "kind": "autoheal",
    "name": "healer",
    "does": [],
    "where": "willfarrell/autoheal",
    "terms": "leaves it alone",
}

#: The remote desktop of a TWS image, published.
SCREEN_OF_TWS = {"container_port": 3389, "host_ip": "127.0.0.1", "host_port": 3370, "role": "vnc"}

#: What a rebuild of the scene's container records when it begins.
REBUILD = {"began_at": "20260301T115000Z", "old": {"id": "c0ffee"}}


def unavailable(problem: str) -> Changes:
    """The result of a health probe that could not look."""
    return {
        "health": {
            "available": False,
            "problem": problem,
            "reason": f"seen: {problem}",
            "fix": "mend it",
            "gateways": [],
        }
    }


def said(problem: str, state: str = "login_window", **run: Any) -> Changes:
    """The log alone supports `problem`, and nobody is logged in."""
    return {"run": {"problem": problem, "state": state, "since": at(300), **run}, "api": NO_BACKEND}


def ended(problem: str, exit_code: int = 1) -> Changes:
    """The log supports `problem`, and the process has ended."""
    return {**said(problem, "ended"), "container": {**EXITED, "exit_code": exit_code}}


def met(problem: str, outcome: str, **answer: Any) -> Changes:
    """The API probe supports `problem`."""
    return {"api": {"problem": problem, "outcome": outcome, "accounts": [], "account_mode": None, **answer}}


def state(name: str, seconds_ago: float, **run: Any) -> Changes:
    """The login is in that state since then, and the API port is closed."""
    return {
        "run": {"state": name, "since": at(seconds_ago), "run_started_at": at(seconds_ago), **run},
        "api": NO_BACKEND,
    }


def live(**settings: str) -> Changes:
    """A live gateway whose controller tells those settings too."""
    return {
        "declared": {"trading_mode": "live"},
        "run": {"endpoint": "live"},
        "api": {"endpoint": "live", "account_mode": "live"},
        "log": {"settings": {"TradingMode": "live", **settings}, "time_zone": "America/New_York"},
    }


#: Nothing is published, so nobody was asked outside.
UNPUBLISHED = {"gateway": {"ports": []}, "handshake": {"endpoints": []}}

#: How a port answers inside.
SHUT = {**NO_BACKEND, "outcome": "refused", "reached": "resolve", "problem": "api.not_listening"}
CLOSES = {**NO_BACKEND}
SILENT = {**NO_BACKEND, "outcome": "silent_at_hello", "reached": "open", "problem": "api.silent", "attempts": 1}
NOT_ENTERED = {**NO_BACKEND, "outcome": "error", "reached": "none", "problem": "probe.incomplete", "attempts": 0}

#: A connection that took 1.2 seconds; the open phase is the probe's own waiting.
PHASES = [
    {"phase": name, "ok": True, "ms": ms}
    for name, ms in (
        ("resolve", 1.0),
        ("tcp", 9.0),
        ("open", 350.0),
        ("hello", 1100.0),
        ("start", 40.0),
        ("ready", 50.0),
    )
]

#: The hours in which the scene is.
RESET = {"days": ["sun"], "from": "06:00", "to": "07:45", "zone": "America/New_York"}

#: What nothing that a probe sees can prove: the audit says so.
NEVER_PROVEN = ("clients.retry_unknown", "probe.stale")

ROWS: dict[str, tuple[Changes, Changes]] = {
    # probe and host
    "probe.incomplete": ({"tasks": {"health": WRONG_PYTHON}}, {"tasks": {"health": UNREACHABLE}}),
    "host.unreachable": ({"tasks": {"health": UNREACHABLE}}, {"tasks": {"health": NO_SUDO}}),
    "host.access_denied": ({"tasks": {"health": NO_SUDO}}, {"tasks": {"health": WRONG_PYTHON}}),
    "host.disk_full": (
        {"host": {"disks": [{"path": "/", "free": 400_000_000, "total": 10**11, "free_inodes": 9}]}},
        {"host": {"disks": [{"path": "/", "free": 600_000_000, "total": 10**11, "free_inodes": 9}]}},
    ),
    "host.memory_short": (
        {"host": {"memory": {"available": 200_000_000}}},
        {"host": {"memory": {"available": 220_000_000}}},
    ),
    "host.clock_wrong": ({"host": {"now": at(-11)}}, {"host": {"now": at(-9)}}),
    # engine
    "engine.missing": (unavailable("engine.missing"), unavailable("engine.down")),
    "engine.down": (unavailable("engine.down"), unavailable("engine.denied")),
    "engine.hung": (unavailable("engine.hung"), unavailable("engine.down")),
    "engine.denied": (unavailable("engine.denied"), unavailable("probe.incomplete")),
    # container
    "container.missing": (
        {"gateway": {"exists": False, "container": None, "similar_names": ["ib-gateway-1"]}},
        {"container": STOPPED},
    ),
    "container.held": (
        {"gateway": {"hold": {"code": "login.credentials_rejected"}}, "container": STOPPED},
        {"container": STOPPED},
    ),
    "container.rebuild_unfinished": (
        {"gateway": {"rebuild": REBUILD}, "container": STOPPED},
        {"container": STOPPED},
    ),
    "container.never_started": ({"container": {"status": "created", "error": "port is taken"}}, {"container": STOPPED}),
    "container.stopped": ({"container": STOPPED}, {"container": FAILED}),
    "container.paused": ({"container": {"status": "paused"}}, {}),
    "container.out_of_memory": (
        {"container": {**EXITED, "exit_code": 137, "oom_killed": True}},
        {"container": {**EXITED, "exit_code": 137}},
    ),
    "container.killed": (
        {"container": {**EXITED, "exit_code": 137}},
        {"container": {**EXITED, "exit_code": 137, "host_oom_killed": True}},
    ),
    "container.failed": ({"container": FAILED}, {"container": STOPPED}),
    "container.crash_loop": ({"container": {"status": "restarting", "exit_code": 1}}, {"container": FAILED}),
    "container.restarted_by_tool": (
        {"gateway": {"supervisors": [{**AUTOHEAL, "does": ["restart"]}]}},
        {"gateway": {"supervisors": [AUTOHEAL]}},
    ),
    "container.named_twice": ({"same_container": ["beta/ib-gateway"]}, {"same_user": ["beta/ib-gateway"]}),
    "container.unhealthy": (
        {"container": {"health": {"status": "unhealthy", "failing_streak": 3}}},
        {"container": {"health": {"status": "starting"}}},
    ),
    # config
    "config.trading_mode_invalid": (
        {"container": {**FAILED, "environment": {"TRADING_MODE": "demo"}}},
        {"container": FAILED},
    ),
    "config.credentials_conflict": (
        {"container": {**FAILED, "environment": {"TWS_PASSWORD": "<set>"}}},
        {"container": {**FAILED, "environment": {"TWS_PASSWORD": "<empty>"}}},
    ),
    "config.secret_unreadable": (ended("config.secret_unreadable"), ended("config.credentials_conflict")),
    "config.credentials_missing": (
        {**state("login_window", 300), "log": {"settings": {"IbPassword": ""}}},
        {**state("login_window", 300), "log": {"settings": {"IbPassword": "***"}}},
    ),
    "config.heap_invalid": (
        {"container": {**FAILED, "environment": {"JAVA_HEAP_SIZE": "1024m"}}},
        {"container": {**FAILED, "environment": {"JAVA_HEAP_SIZE": "1024"}}},
    ),
    "config.value_invalid": ({"container": {**EXITED, "exit_code": 81}}, {"container": {**EXITED, "exit_code": 82}}),
    "config.file_missing": ({"container": {**EXITED, "exit_code": 6}}, {"container": {**EXITED, "exit_code": 4}}),
    "config.settings_unwritable": (
        {"container": {**EXITED, "exit_code": 82}},
        {"container": {**EXITED, "exit_code": 81}},
    ),
    "config.settings_not_persistent": (
        {"container": {"settings": [{**SETTINGS, "mount": None}]}},
        {"container": {"settings": [SETTINGS], "mounts": [{"target": SETTINGS["path"], "type": "bind"}]}},
    ),
    "config.duplicate_user": (
        {"same_user": ["beta/ib-gateway"], "container": {"users": {"paper": "5e1f"}}},
        {"container": {"users": {"paper": "5e1f"}}},
    ),
    "config.account_mode_mismatch": (
        {"api": {"account_mode": "live", "accounts": ["U12***89"]}},
        {"api": {"account_mode": None, "accounts": ["X1"]}},
    ),
    "config.port_bypasses_relay": (
        {
            "gateway": {
                "ports": [
                    {"container_port": 4002, "host_ip": "", "host_port": 4002, "role": "gateway", "endpoint": "paper"}
                ]
            },
            **met("relay.no_backend", "closed_at_open"),
        },
        met("relay.no_backend", "closed_at_open"),
    ),
    "config.mode_port_mismatch": (
        {
            "gateway": {"ports": [{"container_port": 4003, "host_port": 4001, "role": "relay", "endpoint": "live"}]},
            **met("relay.no_backend", "closed_at_open"),
        },
        met("relay.no_backend", "closed_at_open"),
    ),
    "config.port_not_published": (
        {**UNPUBLISHED, "relay_inside": {}, "inside": {}},
        {**UNPUBLISHED, "relay_inside": SHUT, "inside": SHUT},
    ),
    "config.port_not_as_declared": ({"declared": {"ports": {"paper": 4007}}}, {"declared": {"ports": {"live": 4007}}}),
    "config.read_only_api": (
        {"declared": {"expect_orders": True}, "log": {"settings": {"ReadOnlyApi": "yes"}}},
        {"log": {"settings": {"ReadOnlyApi": "yes"}}},
    ),
    "config.session_action_yields": (
        {"log": {"settings": {"ExistingSessionDetectedAction": "primaryoverride"}}},
        {"log": {"settings": {"ExistingSessionDetectedAction": "primary"}}},
    ),
    "config.relogin_off": (
        live(ReloginAfterSecondFactorAuthenticationTimeout="no"),
        live(ReloginAfterSecondFactorAuthenticationTimeout="yes"),
    ),
    "config.second_factor_device": (
        live(SecondFactorDevice="Mobile Authenticator App"),
        live(SecondFactorDevice="IB Key"),
    ),
    "config.second_factor_times": (
        live(SecondFactorAuthenticationTimeout="120"),
        live(SecondFactorAuthenticationTimeout="180"),
    ),
    "config.auto_restart_unset": (live(AutoRestartTime=""), live(AutoRestartTime="10:30 PM")),
    "config.cold_restart_early": (live(ColdRestartTime="00:59"), live(ColdRestartTime="01:00")),
    "config.timezone_mismatch": (live(AutoRestartTime="11:00 PM"), live(AutoRestartTime="10:59 PM")),
    "config.time_zone_kept": (
        {"container": {**OWN_ZONE, "settings": [{**SETTINGS, "time_zone": "Etc/UTC"}]}},
        {"container": {**OWN_ZONE, "settings": [{**SETTINGS, "time_zone": "US/Eastern"}]}},
    ),
    "config.nofile_unlimited": (ended("config.nofile_unlimited", 134), ended("gateway.crashed", 134)),
    "config.heap_over_limit": (
        {"container": {"memory": {"limit": 800_000_000}}},
        {"container": {"memory": {"limit": 1_600_000_000}}},
    ),
    "config.port_exposed": (
        {
            "gateway": {
                "ports": [
                    {
                        "container_port": 4004,
                        "host_ip": "0.0.0.0",
                        "host_port": 4002,
                        "role": "relay",
                        "endpoint": "paper",
                    }
                ]
            }
        },
        {},
    ),
    "config.vnc_unprotected": (
        {"gateway": {"ports": [SCREEN_OF_TWS]}},
        {"gateway": {"ports": [SCREEN_OF_TWS]}, "container": {"environment": {"PASSWD_FILE": "/run/secrets/screen"}}},
    ),
    "config.vnc_enabled": (
        {"container": {"environment": {"VNC_SERVER_PASSWORD": "<set>"}}},
        {"container": {"environment": {"VNC_SERVER_PASSWORD": "<empty>"}}},
    ),
    "config.nofile_low": (
        {"container": {"nofile": {"soft": 1024, "hard": 4095}}},
        {"container": {"nofile": {"soft": 1024, "hard": 4096}}},
    ),
    "config.restart_policy": (
        {"container": {"restart_policy": "no"}},
        {"container": {"restart_policy": "no"}, "gateway": {"hold": {"code": "login.account_locked"}}},
    ),
    "config.stop_timeout_short": ({"container": {"stop_timeout": 59}}, {"container": {"stop_timeout": 60}}),
    "config.image_unpinned": (
        {"container": {"image": "example.test/ib-gateway:10.45"}},
        {"container": {"image": "example.test:5000/ib-gateway:10.45.1j"}},
    ),
    "config.healthcheck_missing": (
        {"container": {"healthcheck": {"test": "CMD-SHELL nc -z localhost 4004"}}},
        {"container": {"healthcheck": {"test": "CMD-SHELL nc -z localhost 4002"}}},
    ),
    "config.alerting_missing": (
        {"variables": {"audit_alerting": "none"}},
        {"variables": {"audit_alerting": "a mail of the nightly diagnosis"}},
    ),
    "config.secret_in_environment": (
        {"container": {"environment": {"TWS_PASSWORD": "<set>"}}},
        {"container": {"environment": {"TWS_PASSWORD_FILE": "<set>"}}},
    ),
    "config.controller_off": (
        {"gateway": {"family": {"name": "ibg-controller", "controller": "ibg-controller"}}},
        {
            "gateway": {"family": {"name": "ibg-controller", "controller": "ibg-controller"}},
            "container": {"environment": {"USE_IBG_CONTROLLER": "yes"}},
        },
    ),
    "config.foreign_variable": (
        {"container": {"environment": {"IBC_TRADING_MODE": "paper"}}},
        {"container": {"environment": {"NO_PROXY": "<set>"}}},
    ),
    "config.foreign_mount": (
        {"container": {"mounts": [{"source": "/srv/ibc", "target": "/home/ibgateway/ibcontroller", "type": "bind"}]}},
        {"container": {"mounts": [{"source": "/srv/tws", "target": "/home/ibgateway/tws_settings", "type": "bind"}]}},
    ),
    # relay
    "relay.port_taken": (
        {"log": {"relay": {"bind_errors": 9, "last_at": at(3)}}, **met("api.not_listening", "refused")},
        {"log": {"relay": {"bind_errors": 9, "last_at": at(3000)}}, **met("api.not_listening", "refused")},
    ),
    "relay.down": (
        {"gateway": {"sockets": {"listening": [{"port": 4002}]}}, **met("api.not_listening", "refused")},
        {"gateway": {"sockets": {"listening": [{"port": 4004}]}}, **met("relay.no_backend", "closed_at_open")},
    ),
    "relay.no_backend": (met("relay.no_backend", "closed_at_open"), met("api.not_listening", "refused")),
    # gateway
    "gateway.install_broken": (ended("gateway.install_broken", 4), ended("gateway.crashed", 76)),
    "gateway.display_missing": (ended("gateway.display_missing"), ended("gateway.crashed", 76)),
    "gateway.build_retired": (said("gateway.build_retired"), said("login.credentials_rejected")),
    "gateway.heap_exhausted": ({"run": {"problem": "gateway.heap_exhausted"}}, {}),
    "gateway.login_window_unknown": (
        said("gateway.login_window_unknown", "gateway_starting"),
        state("gateway_starting", 20),
    ),
    "gateway.crashed": (ended("gateway.crashed", 76), ended("login.existing_session", 76)),
    "gateway.hung": (
        {"gateway": {"sockets": {"close_wait": {"4002": 12}}}, **met("api.silent", "silent_at_hello")},
        {"gateway": {"sockets": {"close_wait": {"4002": 2}}}, **met("api.silent", "silent_at_hello")},
    ),
    "gateway.stopped_by_schedule": (
        {"container": {**EXITED, "exit_code": 0, "environment": {"AUTO_LOGOFF_TIME": "11:45 PM"}}},
        {"container": {**EXITED, "exit_code": 0}},
    ),
    "gateway.not_running": (
        {"gateway": {"processes": [{"pid": 31, "role": "relay"}]}, **met("relay.no_backend", "closed_at_open")},
        {"gateway": {"processes": [{"pid": 30, "role": "controller"}]}, **met("relay.no_backend", "closed_at_open")},
    ),
    "gateway.restarting_by_schedule": (
        state("auto_restarting", 30),
        {**state("shutting_down", 30), "container": FRESH},
    ),
    "gateway.starting": (state("gateway_starting", 20), state("gateway_starting", 200)),
    # login
    "login.api_not_permitted": (said("login.api_not_permitted"), said("login.account_locked")),
    "login.account_locked": (said("login.account_locked"), said("login.throttled", "throttled")),
    "login.credentials_rejected": (said("login.credentials_rejected"), said("login.saved_session_refused")),
    "login.saved_session_refused": (
        said("login.saved_session_refused", run_kind="saved_session", attempt_kind="saved_session"),
        said("login.credentials_rejected"),
    ),
    "login.not_typed": (said("login.not_typed"), said("login.not_submitted", "submitted")),
    "login.not_submitted": (said("login.not_submitted", "submitted"), state("submitted", 5)),
    "login.taken_over": (ended("login.taken_over", 0), ended("login.existing_session", 76)),
    "login.existing_session": (said("login.existing_session", "existing_session"), ended("login.taken_over", 0)),
    "login.throttled": (said("login.throttled", "throttled"), said("login.account_locked")),
    "login.server_unreachable": (said("login.server_unreachable", "connecting"), state("connecting", 5)),
    "login.auth_silent": (said("login.auth_silent", "authenticating"), state("authenticating", 5)),
    "login.dialog_blocking": (said("login.dialog_blocking", "logged_in_blocked", open_windows=["Login Messages"]), {}),
    "login.looping": (
        {
            **state("submitted", 5, previous={"problem": "login.credentials_rejected", "got_as_far_as": "submitted"}),
            "log": {"history": {"login_attempts_last_hour": 3}},
        },
        {**state("submitted", 5), "log": {"history": {"login_attempts_last_hour": 3}}},
    ),
    "login.in_progress": (state("submitted", 5), state("submitted", 500)),
    # twofa
    "twofa.device_not_chosen": (said("twofa.device_not_chosen", "device_choice"), state("twofa_pending", 30)),
    "twofa.code_required": (said("twofa.code_required", "twofa_pending"), state("twofa_pending", 30)),
    "twofa.not_sent": (said("twofa.not_sent", "loading"), state("loading", 5)),
    "twofa.timed_out": (said("twofa.timed_out"), state("twofa_pending", 170)),
    "twofa.login_incomplete": (ended("twofa.login_incomplete", 87), state("loading", 30)),
    "twofa.pending": (state("twofa_pending", 30), {**state("twofa_pending", 30), "container": STOPPED}),
    "twofa.retrying": (state("twofa_retrying", 3), state("twofa_pending", 30)),
    # api
    "api.not_tws": (met("api.not_tws", "not_tws", first_bytes="HTTP/1.1"), met("api.silent", "silent_at_hello")),
    "api.not_listening": (met("api.not_listening", "refused"), met("api.unreachable", "connect_timeout")),
    "api.unreachable": (met("api.unreachable", "connect_timeout"), met("api.not_listening", "refused")),
    "api.silent": (met("api.silent", "silent_at_hello"), met("api.start_incomplete", "silent_at_start")),
    "api.closes_on_hello": (met("api.closes_on_hello", "closed_at_hello"), met("relay.no_backend", "closed_at_open")),
    "api.version_refused": (met("api.version_refused", "version_refused"), {}),
    "api.client_id_taken": (met("api.client_id_taken", "client_id_taken"), met("api.start_refused", "client_id_taken")),
    "api.disclaimer_pending": (
        met("api.disclaimer_pending", "disclaimer_pending"),
        met("api.start_refused", "closed_at_start"),
    ),
    "api.start_refused": (met("api.start_refused", "closed_at_start"), met("api.closes_on_hello", "closed_at_hello")),
    "api.start_incomplete": (
        met("api.start_incomplete", "start_incomplete"),
        met("api.start_refused", "closed_at_start"),
    ),
    "api.slow": (
        {"variables": {"diagnose_api_slow_after": 1}, "api": {"phases": PHASES}},
        {"variables": {"diagnose_api_slow_after": 1.2}, "api": {"phases": PHASES}},
    ),
    "api.first_attempt_failed": ({"api": {"attempts": 2}}, {"api": {"attempts": 1}}),
    # ibkr and clients
    "ibkr.disconnected": (
        {"api": {"outcome": "ready_ibkr_away", "notices": [{"code": 1100, "text": "Connectivity lost"}]}},
        {},
    ),
    "ibkr.data_farm_down": (
        {"api": {"notices": [{"code": 2103, "text": "Market data farm connection is broken:usfarm"}]}},
        {
            "api": {
                "notices": [
                    {"code": 2103, "text": "Market data farm connection is broken:usfarm"},
                    {"code": 2104, "text": "Market data farm connection is OK:usfarm"},
                ]
            }
        },
    ),
    "ibkr.account_silent": ({"api": {"outcome": "account_silent"}}, {"api": {"outcome": "account_ok"}}),
    "ibkr.reset_window": (
        {"variables": {"recover_reset_windows": [RESET]}, "api": NO_BACKEND},
        {"variables": {"recover_reset_windows": [RESET]}},
    ),
    "ibkr.weekly_login_due": (
        {
            "declared": {"trading_mode": "live"},
            "run": {"endpoint": "live"},
            "api": {"endpoint": "live", "account_mode": "live"},
            "log": {"settings": {"AutoRestartTime": "11:59 PM"}},
        },
        {"log": {"settings": {"AutoRestartTime": "11:59 PM"}}},
    ),
    "clients.half_closed": (
        {"gateway": {"sockets": {"close_wait": {"4002": 12}}}},
        {"gateway": {"sockets": {"close_wait": {"4004": 12}}}},
    ),
    "clients.connected": (
        {"gateway": {"sockets": {"established": [{"port": 4002, "peer": "127.0.0.1:50000"}]}}},
        {"gateway": {"sockets": {"established": [{"port": 5900, "peer": "127.0.0.1:50000"}]}}},
    ),
}

OUTSIDE_CLOSED = met("relay.no_backend", "closed_at_open", reached="tcp")
OUTSIDE_SILENT = met("api.silent", "silent_at_hello", reached="open")
OUTSIDE_REFUSED = met("api.not_listening", "refused", reached="resolve")
OUTSIDE_FILTERED = met("api.unreachable", "connect_timeout", reached="resolve")

#: What is proven only by asking inside too: the finding, the evidence that proves it, and the nearest that does not.
FROM_INSIDE: dict[str, tuple[str, Changes, Changes]] = {
    "silent twice inside: past the relay and through it": (
        "gateway.hung",
        {**OUTSIDE_SILENT, "relay_inside": SILENT, "inside": SILENT},
        {**OUTSIDE_SILENT, "relay_inside": SHUT, "inside": SILENT},
    ),
    "silent twice past the relay": (
        "gateway.hung",
        {**OUTSIDE_CLOSED, "inside": {**SILENT, "attempts": 2}},
        {**OUTSIDE_CLOSED, "inside": {**SILENT, "attempts": 2, "first_failure": {"outcome": "closed_at_hello"}}},
    ),
    "a relay that is silent hangs itself where the gateway is ready": (
        "gateway.hung",
        {**OUTSIDE_SILENT, "relay_inside": SILENT, "inside": SILENT},
        {**OUTSIDE_SILENT, "relay_inside": {**SILENT, "attempts": 2}, "inside": {}},
    ),
    "silence just after the login is no hang yet": (
        "gateway.hung",
        {"run": {"state": "loading", "since": at(900)}, **OUTSIDE_SILENT, "inside": {**SILENT, "attempts": 2}},
        {"run": {"state": "loading", "since": at(9)}, **OUTSIDE_SILENT, "inside": {**SILENT, "attempts": 2}},
    ),
    "the relay refuses, the gateway is ready, whatever health saw": (
        "relay.down",
        {**OUTSIDE_REFUSED, "relay_inside": SHUT, "inside": {}},
        {**OUTSIDE_REFUSED, "relay_inside": SHUT, "inside": SHUT},
    ),
    "the relay closes, the gateway is ready": (
        "relay.down",
        {**OUTSIDE_CLOSED, "relay_inside": CLOSES, "inside": {}},
        {**OUTSIDE_CLOSED, "relay_inside": CLOSES, "inside": SHUT},
    ),
    "the relay is silent, the gateway is ready": (
        "relay.down",
        {**OUTSIDE_SILENT, "relay_inside": SILENT, "inside": {}},
        {**OUTSIDE_SILENT, "relay_inside": {}, "inside": {}},
    ),
    "nothing listens behind the relay": (
        "relay.no_backend",
        {**OUTSIDE_CLOSED, "relay_inside": CLOSES, "inside": SHUT},
        {**OUTSIDE_CLOSED, "relay_inside": CLOSES, "inside": {}},
    ),
    "something behind the relay closes": (
        "api.closes_on_hello",
        {**OUTSIDE_CLOSED, "relay_inside": CLOSES, "inside": CLOSES},
        {**OUTSIDE_CLOSED, "relay_inside": CLOSES, "inside": SHUT},
    ),
    "ready inside, filtered outside": (
        "api.unreachable",
        {**OUTSIDE_FILTERED, "relay_inside": {}, "inside": {}},
        {"relay_inside": {}, "inside": {}},
    ),
    "ready inside, refused outside": (
        "api.unreachable",
        {**OUTSIDE_REFUSED, "relay_inside": {}, "inside": {}},
        {**OUTSIDE_REFUSED, "relay_inside": SHUT, "inside": {}},
    ),
    "what could not be entered proves nothing": (
        "relay.no_backend",
        {**OUTSIDE_CLOSED, "relay_inside": NOT_ENTERED, "inside": NOT_ENTERED},
        {**OUTSIDE_REFUSED, "relay_inside": NOT_ENTERED, "inside": NOT_ENTERED},
    ),
    "clients in the same network need no published port": (
        "config.port_not_published",
        {**UNPUBLISHED, "relay_inside": {}, "inside": {}},
        {
            "gateway": {"ports": [], "sockets": {"established": [{"port": 4004, "peer": "172.18.0.5:40000"}]}},
            "handshake": {"endpoints": []},
            "relay_inside": {},
            "inside": {},
        },
    ),
    "a live account behind a closed relay is found out": (
        "config.account_mode_mismatch",
        {**OUTSIDE_CLOSED, "inside": {"account_mode": "live", "accounts": ["U12***89"]}},
        {**OUTSIDE_CLOSED, "inside": {}},
    ),
}
