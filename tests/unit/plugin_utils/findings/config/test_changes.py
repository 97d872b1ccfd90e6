# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every change that the audit names mends what it is named for, applied by the letter, and breaks nothing that was well."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugin_utils.findings.defined import Definition, change, rows

_TOO_SHORT = {"IBC_MFA_TIMEOUT": "60", "IBC_MFA_EXIT_INTERVAL": "10", "IBC_RELOGIN_AFTER_MFA_TIMEOUT": "true"}

GNZSNZ = Definition(
    "gnzsnz-ibc",
    {"TRADING_MODE": "live", "TWS_USERID": "one", "TWS_PASSWORD_FILE": "/run/secrets/password"},
    {"ports": ["127.0.0.1:4001:4003", "127.0.0.1:4002:4004"], "restart": "always"},
    {"TWS_MAJOR_VRSN": "10.45.1j", "TWS_PATH": "/home/ibgateway/Jts", "GATEWAY_OR_TWS": "gateway"},
)
TWS = Definition(
    "gnzsnz-ibc",
    {**GNZSNZ.environment, "PUID": "1000", "PGID": "1000", "PASSWD": "abc"},
    {"ports": ["127.0.0.1:7496:7498", "127.0.0.1:3370:3389"]},
    {**GNZSNZ.baked, "GATEWAY_OR_TWS": "tws", "TWS_PATH": "/opt/ibkr"},
)
IBCONTROLLER = Definition(
    "gnzsnz-ibcontroller",
    {
        "IBC_TRADING_MODE": "live",
        "IBC_USERID": "one",
        "IBC_PASSWORD": "secret",
        "IBC_EXISTING_SESSION_ACTION": "manual",
    },
    {"ports": ["4001:4003", "127.0.0.1:4002:4004"], "restart": "no"},
    {"IBC_PROGRAM": "gateway"},
)
IBG_CONTROLLER = Definition(
    "ibg-controller",
    {**GNZSNZ.environment, "USE_IBG_CONTROLLER": "yes", "TWOFACTOR_CODE": "ABCDEFGH"},
    {"ports": ["127.0.0.1:4001:4003"], "restart": "on-failure"},
    GNZSNZ.baked,
)
IBGA = Definition(
    "ibga",
    {"IB_USERNAME": "one", "IB_PASSWORD": "secret", "IB_LOGINTYPE": "Live Trading", "IB_LOGOFF": "11:55 PM"},
    {"ports": ["4000:4000", "5800:5800"], "restart": "unless-stopped"},
)
EXTRANGE = Definition(
    "extrange",
    {"USERNAME": "one", "PASSWORD": "secret", "IBC_TradingMode": "live"},
    {"ports": ["127.0.0.1:6080:6080", "127.0.0.1:8888:8888"]},
)
MANHINHANG = Definition("manhinhang", {"IB_ACCOUNT": "one", "TRADING_MODE": "live"}, {"ports": ["4002:4002"]})
UNUSUALALPHA = Definition("unusualalpha", {"TWS_USERID": "one", "TRADING_MODE": "live"}, {"ports": ["4001:4001"]})

SAMPLES = {
    "gnzsnz": GNZSNZ,
    "its TWS": TWS,
    "ibcontroller": IBCONTROLLER,
    "ibg-controller": IBG_CONTROLLER,
    "ibga": IBGA,
    "extrange": EXTRANGE,
    "manhinhang": MANHINHANG,
    "UnusualAlpha": UNUSUALALPHA,
}

SHORT = {"mem_limit": "500m", "ulimits": {"nofile": 1024}, "image": "example.test/gateway:latest"}

DEFINED = {
    **SAMPLES,
    "too little, and a tag that moves": GNZSNZ.setting(**SHORT),
    "nothing published": IBGA.setting(ports=[]),
    "of the machine's network": EXTRANGE.setting(network_mode="host"),
    "past the relay": GNZSNZ.setting(ports=["4001:4001", "127.0.0.1:5900:5900"]),
    "the other mode": GNZSNZ.setting(ports=["127.0.0.1:4002:4004", "127.0.0.1:5900:5900"]),
    "one port open": GNZSNZ.setting(ports=["4001:4003", "127.0.0.1:4002:4004"]),
    "both modes": GNZSNZ.variables({"TRADING_MODE": "both"}),
    "a health check of the relay": GNZSNZ.setting(healthcheck={"test": ["CMD-SHELL", "nc -z localhost 4003"]}),
    "a health check of the other program": TWS.setting(healthcheck={"test": ["CMD-SHELL", "nc -z localhost 4001"]}),
    "a restart within trade": GNZSNZ.variables({"AUTO_RESTART_TIME": "02:30 PM", "TZ": "America/New_York"}),
    "a restart of 24 hours": GNZSNZ.variables({"AUTO_RESTART_TIME": "23:59"}),
    "two zones": GNZSNZ.variables({"AUTO_RESTART_TIME": "10:30 PM", "TZ": "Asia/Tokyo", "TIME_ZONE": "Etc/UTC"}),
    "an early cold restart": GNZSNZ.variables({"TWS_COLD_RESTART": "00:30", "TZ": "America/New_York"}),
    "a switch for an hour": IBG_CONTROLLER.variables({"TWS_COLD_RESTART": "21:00"}),
    "times too short": IBCONTROLLER.variables(_TOO_SHORT),
    "a code for a device": GNZSNZ.variables({"TWOFA_DEVICE": "SMS"}),
    "a secret in view": GNZSNZ.variables({"TWS_PASSWORD": "secret", "TWS_PASSWORD_FILE": None}),
    "a screen": GNZSNZ.variables({"VNC_SERVER_PASSWORD": "secret"}).setting(ports=["4001:4003", "5900:5900"]),
    "names of another": GNZSNZ.variables({"IBC_USERID": "two", "TOTP_KEY": "ABCDEFGH", "IB_LOGOFF": "11:55 PM"}),
    "a mode in other words": IBGA.variables({"IB_LOGINTYPE": None, "TRADING_MODE": "paper"}),
    "no sockets in memory": IBCONTROLLER.setting(volumes=["./config.ini:/home/ibgateway/ibc/config.ini"]),
}


def _failing(definition: Definition) -> dict[str, dict[str, Any]]:
    return {code: row for code, row in rows(definition).items() if row["result"] == "fail"}


@pytest.mark.parametrize("defined", DEFINED.values(), ids=DEFINED)
def test_what_the_audit_says_to_set_mends_it_and_breaks_nothing(defined: Definition) -> None:
    failing = _failing(defined)
    assert failing
    for code, row in failing.items():
        if row["change"]:
            after = _failing(change(defined, row["change"]["setting"]))
            assert code not in after, row["change"]["setting"]
            assert after.keys() <= failing.keys(), row["change"]["setting"]


def _set(definition: Definition, code: str) -> str:
    return rows(definition)[code]["change"]["setting"]


def test_a_secret_is_not_given_twice() -> None:
    """With both its start script ends (gnzsnz common.sh:49)."""
    after = change(DEFINED["a secret in view"], _set(DEFINED["a secret in view"], "config.secret_in_environment"))
    assert after.environment["TWS_PASSWORD_FILE"] == "/run/secrets/tws_password"
    assert "TWS_PASSWORD" not in after.environment


def test_no_mount_hides_the_program() -> None:
    settings = "/home/ibgateway/tws_settings"
    assert (
        _set(GNZSNZ, "config.settings_not_persistent")
        == f"TWS_SETTINGS_PATH={settings}, volumes: ./settings:{settings}"
    )
    assert _set(UNUSUALALPHA, "config.settings_not_persistent") == "volumes: jts:/root/Jts"


def test_the_health_check_asks_the_program_that_runs() -> None:
    assert "127.0.0.1/7496" in _set(TWS, "config.healthcheck_missing")
    assert "127.0.0.1/7496" in _set(EXTRANGE, "config.healthcheck_missing")
    gateway = EXTRANGE.variables({"GATEWAY_OR_TWS": "gateway"})
    assert "127.0.0.1/4001" in _set(gateway, "config.healthcheck_missing")


def test_what_else_is_published_stays() -> None:
    open_one = '"127.0.0.1:4001:4003", "127.0.0.1:4002:4004"'
    assert _set(DEFINED["one port open"], "config.port_exposed") == f"ports: [{open_one}]"
    past_it = '"127.0.0.1:4001:4003", "127.0.0.1:5900:5900"'
    assert _set(DEFINED["past the relay"], "config.port_bypasses_relay") == f"ports: [{past_it}]"


def test_a_leftover_does_not_replace_what_counts() -> None:
    """Renamed, it would make a live gateway of one that runs paper."""
    leftover = GNZSNZ.variables({"TRADING_MODE": "paper", "IBC_TRADING_MODE": "live"})
    assert _set(leftover, "config.foreign_variable") == "no IBC_TRADING_MODE"


@pytest.mark.parametrize(("declared", "severity"), [("paper", "advice"), (None, "down")])
def test_a_leftover_of_another_mode_is_grave_only_where_nobody_says_which_is_meant(
    declared: str | None, severity: str
) -> None:
    leftover = GNZSNZ.variables({"TRADING_MODE": "paper", "IBC_TRADING_MODE": "live"})
    said = Definition(
        leftover.family, leftover.environment, leftover.options, leftover.baked, {"trading_mode": declared}
    )
    assert rows(said)["config.foreign_variable"]["severity"] == severity


def test_a_switch_is_not_turned_to_what_nobody_asked_for() -> None:
    off = UNUSUALALPHA.variables({"READ_ONLY_API": "off"})
    assert _set(off, "config.value_invalid") == "READ_ONLY_API=<yes or no (or true, false)>"
    assert _set(DEFINED["a restart of 24 hours"], "config.value_invalid") == "AUTO_RESTART_TIME=11:59 PM"
