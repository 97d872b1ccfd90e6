# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""manhinhang/ib-gateway-docker: IBC without a screen, one port for either trading mode, and a command server from the start.

Sources are cited as ``M:`` (manhinhang/ib-gateway-docker @a6d9ac1) and ``B:`` (IbcAlpha/IBC @2fee90c).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    FILE,
    PLAIN,
    STOPS_DEAF,
    Build,
    Family,
    Lacking,
    Port,
    Relay,
    Setting,
    Traits,
    Variable,
    Wrong,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import PORT, choice, number
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_scripts import SURROUNDINGS
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS

_GIVES_UP = Wrong("refused", "the start script ends with exit code 1")  # M:start.sh
_BAKED_IN = "its config.ini is baked into the image"  # M:ibc/config.ini
_OWN = (("TWS_INSTALL_LOG", "/root/Jts/tws_install.log"), ("HEALTHCHECK_API_ENABLE", ""), ("IBGW_PORT", ""))


def _marks(traits: Traits) -> tuple[str, ...]:
    # M:Dockerfile. IBC_INI and the start script have paths that images of many hands have: they only confirm.
    environment = traits.environment
    found = [
        f"environment has {name}{f'={path}' if path else ''}"
        for name, path in _OWN
        if name in environment and path in ("", environment[name])
    ]
    if not found:
        return ()
    if environment.get("IBC_INI") == "/root/ibc/config.ini" and environment.get("IBC_PATH") == "/opt/ibc":
        found.append("environment has IBC_INI=/root/ibc/config.ini and IBC_PATH=/opt/ibc")
    script = re.search(r"(?<!\S)/root/(?:start|cmd)\.sh\b", traits.command)  # cmd.sh up to 2023
    if script:
        found.append(f"its command runs {script[0]}")
    if traits.user == "ibgw":
        found.append("its user is ibgw")
    return tuple(found)


FAMILY = Family(
    name="manhinhang",
    controller="ibc",
    marks=_marks,
    lines=(  # M:start.sh
        (r"IB gateway starting\.\.\.", "container_started"),
        (r"detect IB gateway version: ?(?P<v>\S*)", "gateway_version"),
        (
            r"(?:IBGW(?:_INTERNAL)?|IBC_COMMAND_SERVER)_PORT must be a (?:positive|non-negative) integer, got: .*",
            "value_refused",
        ),
        (r"IBC_BIND_ADDRESS is empty .*", "value_refused"),
        (r"Setup port forwarding(?:: \d+ -> \d+|\.\.\.)", "relay_started"),
        (r"(?:starting healthcheck api\.\.\.|Skip starting healthcheck api)", ""),
    ),
    configuration="IBC_INI",
    # M:start.sh:62-71; for a time (10.37) there was no relay, and the gateway had 4002 itself.
    ports={4001: Port("gateway"), 4002: Port("relay"), 8080: Port("health")},
    processes=(
        (re.compile(r"\bibcalpha\.ibc\.IbcGateway\b"), "gateway"),
        (re.compile(r"^(\S*/)?socat\b.*\bTCP-LISTEN\b"), "relay"),
        (re.compile(r"/ibcstart\.sh\b|/(start|cmd)\.sh\b"), "controller"),
        (re.compile(r"^(\S*/)?Xvfb\b"), "display"),
    ),
    user=(1000, 1000),
    start_seconds=120,
    variables={  # M:Dockerfile:78-119, M:start.sh, M:IBGatewayClient.kt
        "IB_ACCOUNT": KEYS["IbLoginId"],  # the user's name, in spite of its own
        "IB_PASSWORD": KEYS["IbPassword"],
        "TRADING_MODE": KEYS["TradingMode"],
        "IBGW_PORT": Variable(PORT, wrong=_GIVES_UP, default="4002"),
        "IBGW_INTERNAL_PORT": Variable(PORT, wrong=_GIVES_UP, default="4001"),
        "JAVA_HEAP_SIZE": GNZSNZ_IBC.variables["JAVA_HEAP_SIZE"],
        "TWOFA_TIMEOUT_ACTION": replace(GNZSNZ_IBC.variables["TWOFA_TIMEOUT_ACTION"], default="restart"),
        "IBC_AUTO_RESTART_TIME": replace(KEYS["AutoRestartTime"], default="11:00 AM"),
        "IBC_COMMAND_SERVER_PORT": replace(KEYS["CommandServerPort"], wrong=_GIVES_UP, default="7462"),
        "IBC_BIND_ADDRESS": replace(KEYS["BindAddress"], default="127.0.0.1"),
        "HEALTHCHECK_API_ENABLE": Variable(
            choice("true", "false", any_case=False),
            wrong=Wrong("ignored", "there is no health service"),
            default="false",
        ),
        "HEALTHCHECK_CLIENT_ID": Variable(number(0, 2_147_483_647), default="999"),
        "SERVER_ADDRESS": Variable(default="127.0.0.1"),
        "SERVER_PORT": Variable(PORT, default="8080"),
        "TWS_INSTALL_LOG": FILE,
        "TWS_PATH": FILE,
        "IBC_PATH": FILE,
        "IBC_INI": FILE,
        "HOME": PLAIN,
        "DISPLAY": PLAIN,
        "TZ": SURROUNDINGS["TZ"],
    },
    ends_java_first=True,  # its trap waits behind the controller in the foreground, until the stop's grace is over (M:start.sh)
    exit_codes={  # IBC's own pass through (M:start.sh)
        **GNZSNZ_IBC.exit_codes,
        1: "the start script gave up (X server or a port), or Java did not start or lost its X server in a stop",
        137: STOPS_DEAF,
    },
    exit_problems=GNZSNZ_IBC.exit_problems,
    words={
        "user": Setting(("IB_ACCOUNT",)),
        "password": Setting(("IB_PASSWORD",)),
        "paper_user": Lacking("it runs one trading mode"),
        "paper_password": Lacking("it runs one trading mode"),
        "totp_key": Lacking("IBC never types a code"),
        "vnc_password": Lacking("it has no screen"),
        "rdp_password": Lacking("it has no screen"),
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
        "daily_restart": Setting(("IBC_AUTO_RESTART_TIME",)),
        "daily_logoff": Lacking(_BAKED_IN),
        "weekly_cold_restart": Lacking(_BAKED_IN),
        "read_only_api": Lacking(_BAKED_IN),
        "time_zone": Setting(("TZ",)),
        "accept_incoming": Lacking(_BAKED_IN),
        "master_client_id": Lacking(_BAKED_IN),
        "java_heap_mb": Setting(("JAVA_HEAP_SIZE",)),
        "controller_settings": Lacking(_BAKED_IN),
    },
    build=Build(
        images={"gateway": "docker.io/manhinhang/ib-gateway-docker:stable"},
        start="/root/start.sh",
        persistent={"gateway": ("/root/Jts",)},
        restart_policy="unless-stopped",
        environment={"gateway": {}},
        # M:ibc/config.ini, ReadOnlyApi=no; M:docker-compose.yaml, a volume that has to be wiped with each version.
        refused="its API always takes orders, and its settings lie among the files of its program",
    ),
    relay=Relay("exec socat TCP-LISTEN:{relay},fork,reuseaddr TCP:localhost:{gateway},forever,keepalive"),  # M:start.sh
    hears_stop=False,  # its trap waits behind the controller in the foreground (M:start.sh)
    settings='"$TWS_PATH"',
    settings_named_by=("TWS_PATH", "/root/Jts"),
)
