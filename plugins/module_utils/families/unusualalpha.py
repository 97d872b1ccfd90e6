# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UnusualAlpha/ib-gateway-docker and the many copies of it: what the gnzsnz images grew out of, with paths and ports of its own.

Sources are cited as ``U:`` (UnusualAlpha/ib-gateway-docker @b9017e3, the last of it).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    FILE,
    PLAIN,
    SECRET,
    STOPS_DEAF,
    USER,
    Build,
    Family,
    Lacking,
    Port,
    Relay,
    Setting,
    Traits,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_scripts import SURROUNDINGS
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS

_RUN_SCRIPT = "/root/scripts/run.sh"
_BAKED_IN = "its config.ini is baked into the image"  # U:config/ibc/config.ini.tmpl


def _marks(traits: Traits) -> tuple[str, ...]:
    # U:Dockerfile. Values, not names: gnzsnz has the same names with paths of its own.
    found = []
    if traits.environment.get("IBC_PATH") == "/root/ibc" and traits.environment.get("TWS_PATH") == "/root/Jts":
        found.append("environment has IBC_PATH=/root/ibc and TWS_PATH=/root/Jts")
    if re.search(rf"(?<!\S){_RUN_SCRIPT}\b", traits.command):
        found.append(f"its command runs {_RUN_SCRIPT}")
    return tuple(found)


FAMILY = Family(
    name="unusualalpha",
    controller="ibc",
    marks=_marks,
    lines=(
        (r"Forking :::4000 onto 0\.0\.0\.0:400[12](?: for .*)?", "relay_started"),  # U:scripts/fork_ports_delayed.sh
        (r"--ibc-path = /root/ibc", ""),  # its IBC is told so, and says it at each start (U:scripts/run.sh)
    ),
    versions=("IB_GATEWAY_VERSION", "TWS_MAJOR_VRSN"),
    configuration="IBC_INI",
    ports={  # U:config/ibc/config.ini.tmpl (OverrideTwsApiPort), U:scripts/fork_ports_delayed.sh
        4000: Port("gateway"),
        4001: Port("relay", "live"),
        4002: Port("relay", "paper"),
        5900: Port("vnc"),
    },
    processes=(
        (re.compile(r"\bibcalpha\.ibc\.IbcGateway\b"), "gateway"),
        (re.compile(r"^(\S*/)?socat\b.*\bTCP-LISTEN\b|/fork_ports_delayed\.sh\b"), "relay"),
        (re.compile(r"/ibcstart\.sh\b|/run\.sh\b"), "controller"),
        (re.compile(r"^(\S*/)?Xvfb\b"), "display"),
        (re.compile(r"^(\S*/)?x11vnc\b|/run_x11_vnc\.sh\b"), "vnc"),
    ),
    user=(0, 0),
    start_seconds=120,
    variables={  # U:docker-compose.yml
        "TWS_USERID": USER,
        "TWS_PASSWORD": SECRET,
        "VNC_SERVER_PASSWORD": SECRET,
        "TRADING_MODE": KEYS["TradingMode"],
        "READ_ONLY_API": KEYS["ReadOnlyApi"],
        "TWOFA_TIMEOUT_ACTION": replace(GNZSNZ_IBC.variables["TWOFA_TIMEOUT_ACTION"], default="exit"),
        "IB_GATEWAY_VERSION": PLAIN,
        "TWS_MAJOR_VRSN": PLAIN,
        "TWS_PATH": FILE,
        "IBC_PATH": FILE,
        "IBC_INI": FILE,
        "DISPLAY": PLAIN,
        "TZ": SURROUNDINGS["TZ"],
    },
    ends_java_first=True,  # its script hears no stop (U:scripts/run.sh)
    exit_codes={  # IBC's own pass through (U:scripts/run.sh)
        **GNZSNZ_IBC.exit_codes,
        1: "Java did not start, or lost its X server in a stop",
        137: STOPS_DEAF,
    },
    exit_problems=GNZSNZ_IBC.exit_problems,
    words={
        "user": Setting(("TWS_USERID",)),
        "password": Setting(("TWS_PASSWORD",)),
        "paper_user": Lacking("it runs one trading mode"),
        "paper_password": Lacking("it runs one trading mode"),
        "totp_key": Lacking("IBC never types a code"),
        "vnc_password": Setting(("VNC_SERVER_PASSWORD",)),
        "rdp_password": Lacking("it runs IB Gateway only"),
        "program": Setting(choices={"gateway": ""}, lacking="it runs IB Gateway only"),
        "trading_mode": Setting(
            ("TRADING_MODE",), choices={"paper": "paper", "live": "live"}, lacking="it runs one trading mode"
        ),
        "second_factor": Setting(choices={"push": "", "none": ""}, lacking="IBC never types a code"),
        "second_factor_device": Lacking(_BAKED_IN),
        "second_factor_timeout_action": Setting(
            ("TWOFA_TIMEOUT_ACTION",), choices={"exit": "exit", "restart": "restart"}
        ),
        "relogin_after_second_factor_timeout": Lacking(_BAKED_IN),
        "existing_session": Setting(choices={"primary": ""}, lacking=_BAKED_IN),
        "daily_restart": Lacking(_BAKED_IN),
        "daily_logoff": Lacking(_BAKED_IN),
        "weekly_cold_restart": Lacking(_BAKED_IN),
        "read_only_api": Setting(("READ_ONLY_API",)),
        "time_zone": Setting(("TZ",)),
        "accept_incoming": Lacking(_BAKED_IN),
        "master_client_id": Lacking(_BAKED_IN),
        "java_heap_mb": Lacking("it has no such setting"),
        "controller_settings": Lacking(_BAKED_IN),
    },
    build=Build(
        images={"gateway": "ghcr.io/unusualalpha/ib-gateway:stable"},
        start=_RUN_SCRIPT,
        persistent={"gateway": ("/root/Jts",)},
        restart_policy="unless-stopped",
        environment={"gateway": {}},
        refused="it has had no release since May 2023; the images of gnzsnz grew out of it",
    ),
    relay=Relay(
        "exec socat TCP-LISTEN:{relay},fork,reuseaddr TCP:127.0.0.1:{gateway}"
    ),  # U:scripts/fork_ports_delayed.sh
    bare_screen={"gateway": "off"},  # U:scripts/run_x11_vnc.sh
    samples={"VNC_SERVER_PASSWORD": "myVncPassword"},  # U:README.md
    hears_stop=False,  # U:scripts/run.sh
    settings='"$TWS_PATH"',
    settings_named_by=("TWS_PATH", "/root/Jts"),
)
