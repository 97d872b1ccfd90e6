# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""extrange/ibkr-docker: IBC with each key of its config.ini as a variable.

Sources are cited as ``E:`` (extrange/ibkr-docker @c0bc93b) and ``B:`` (IbcAlpha/IBC @2fee90c).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    FILE,
    PLAIN,
    SECRET,
    USER,
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
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import NO_BACKSLASH, TEXT, choice
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_scripts import SURROUNDINGS
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS

_PREFIX = "IBC_"  # E:README.md:98-115


def _from_the_shell(known: Variable) -> Variable:
    """A key whose value goes through a shell, which takes a backslash away (E:README.md:98-115)."""
    return replace(known, form=NO_BACKSLASH) if known.form is TEXT else known


#: The image's start script, as many others call theirs (manhinhang's is /root/start.sh).
STARTS = re.compile(r"(^|\s)/start\.sh\b")


def _marks(traits: Traits) -> tuple[str, ...]:
    baked = [f"environment has {name}" for name in ("IBC_VERSION", "INSTALL_FILENAME") if name in traits.environment]
    started = bool(STARTS.search(traits.command))
    if "IBC_VERSION" not in traits.environment or len(baked) + started < 2:
        return ()
    return (*baked, *(["its command runs /start.sh"] if started else []))


FAMILY = Family(
    name="extrange",
    controller="ibc",
    marks=_marks,
    lines=(
        (r"Listening for incoming API connections on (?:4001|4002|7496|7497)", "container_started"),  # E:start.sh:51
        (r"GATEWAY_OR_TWS must be either 'gateway' or 'tws': got '.*'", "value_refused"),
        (r"(?:Set variables|Changes made to \S*config\.ini):", ""),  # E:replace.sh:19-31
        (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d socat\[\d+\] N listening on AF=2 0\.0\.0\.0:8888", "relay_started"),
    ),
    ports={  # E:start.sh:24-52
        4001: Port("gateway", "live", "gateway"),
        4002: Port("gateway", "paper", "gateway"),
        7496: Port("gateway", "live", "tws"),
        7497: Port("gateway", "paper", "tws"),
        8888: Port("relay"),
        6080: Port("vnc"),
    },
    processes=(
        (re.compile(r"\bibcalpha\.ibc\.Ibc(Gateway|Tws)\b"), "gateway"),
        (re.compile(r"^(\S*/)?socat\b.*\bTCP-LISTEN\b"), "relay"),
        (re.compile(r"/ibcstart\.sh\b|/start\.sh\b"), "controller"),
        (re.compile(r"^(\S*/)?(Xvnc|openbox)\b"), "display"),
        (re.compile(r"\bnovnc_proxy\b|\bwebsockify\b"), "vnc"),
    ),
    user=(0, 0),
    start_seconds=120,
    variables={  # E:README.md:98-115, E:start.sh
        "USERNAME": replace(USER, default="edemo"),
        "PASSWORD": replace(SECRET, default="demouser"),
        "GATEWAY_OR_TWS": Variable(
            choice("gateway", "tws"), wrong=Wrong("refused", "the start script ends with exit code 1"), default="tws"
        ),
        "TWOFA_TIMEOUT_ACTION": replace(GNZSNZ_IBC.variables["TWOFA_TIMEOUT_ACTION"], default="restart"),
        "TWS_SETTINGS_PATH": FILE,
        "TZ": SURROUNDINGS["TZ"],
        "IBC_VERSION": PLAIN,
        "INSTALL_FILENAME": PLAIN,
        # Its relay leads to the paper port unless the mode is live in small letters (E:start.sh:24-52).
        **{f"{_PREFIX}{key}": _from_the_shell(known) for key, known in KEYS.items()},
        f"{_PREFIX}TradingMode": replace(
            KEYS["TradingMode"], form=choice("paper", "live", any_case=False), default="live"
        ),
    },
    ends_java_first=True,  # so that it does not matter whether the start of the container is through
    # The start script hands over to IBC's, so that their codes pass through (E:start.sh:64).
    exit_codes={  # E:start.sh is IBC's script from its end on, so that IBC's own pass through
        **GNZSNZ_IBC.exit_codes,
        1: "Java was not found, did not start, or lost its X server",
    },
    exit_problems=GNZSNZ_IBC.exit_problems,
    words={
        "user": Setting(("USERNAME",)),
        "password": Setting(("PASSWORD",)),
        "paper_user": Lacking("it runs one trading mode"),
        "paper_password": Lacking("it runs one trading mode"),
        "totp_key": Lacking("IBC never types a code"),
        "vnc_password": Lacking("its screen takes no password"),  # E:start.sh:9, SecurityTypes None
        "rdp_password": Lacking("its screen takes no password"),
        "program": Setting(("GATEWAY_OR_TWS",), choices={"gateway": "gateway", "tws": "tws"}),
        "trading_mode": Setting(
            ("IBC_TradingMode",), choices={"paper": "paper", "live": "live"}, lacking="it runs one trading mode"
        ),
        "second_factor": Setting(choices={"push": "", "none": ""}, lacking="IBC never types a code"),
        "second_factor_device": Setting(("IBC_SecondFactorDevice",)),
        "second_factor_timeout_action": Setting(
            ("TWOFA_TIMEOUT_ACTION",), choices={"exit": "exit", "restart": "restart"}
        ),
        "relogin_after_second_factor_timeout": Setting(("IBC_ReloginAfterSecondFactorAuthenticationTimeout",)),
        "existing_session": Setting(
            ("IBC_ExistingSessionDetectedAction",),
            choices={one: one for one in ("primary", "primaryoverride", "secondary", "manual")},
        ),
        "daily_restart": Setting(("IBC_AutoRestartTime",)),
        "daily_logoff": Setting(("IBC_AutoLogoffTime",)),
        "weekly_cold_restart": Setting(("IBC_ColdRestartTime",)),
        "read_only_api": Setting(("IBC_ReadOnlyApi",)),
        "time_zone": Setting(("TZ",)),
        "accept_incoming": Setting(
            ("IBC_AcceptIncomingConnectionAction",), choices={one: one for one in ("accept", "reject", "manual")}
        ),
        "master_client_id": Setting(("IBC_OverrideTwsMasterClientID",)),
        "java_heap_mb": Lacking("it has no such setting"),
        "controller_settings": Setting(),
    },
    build=Build(
        images={"gateway": "ghcr.io/extrange/ibkr:stable", "tws": "ghcr.io/extrange/ibkr:stable"},
        start="/start.sh",
        persistent={"gateway": ("/root/tws_settings",), "tws": ("/root/tws_settings",)},
        restart_policy="unless-stopped",
        environment={
            # The command server makes a session-keeping restart possible; other addresses are refused (B:CommandServer.java:179).
            program: {
                "TWS_SETTINGS_PATH": "/root/tws_settings",
                "IBC_CommandServerPort": "7462",
                "IBC_BindAddress": "127.0.0.1",
                "IBC_AcceptNonBrokerageAccountWarning": "yes",
            }
            for program in ("gateway", "tws")
        },
        prefix=_PREFIX,
        caveats=(
            "it prints the password in its log at every start and holds it in the arguments of a process; gnzsnz-ibc does not",
            "its screen has no password: every container of its network reaches it",
        ),
    ),
    relay=Relay("exec socat -d -d TCP-LISTEN:{relay},fork,reuseaddr TCP:127.0.0.1:{gateway}"),  # E:start.sh:52
    bare_screen={"gateway": "open", "tws": "open"},  # E:start.sh:9
    settings='"${TWS_SETTINGS_PATH:-$HOME/Jts}"',
    settings_named_by=("TWS_SETTINGS_PATH", "/root/Jts"),
)
