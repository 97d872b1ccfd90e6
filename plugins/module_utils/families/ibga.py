# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""heshiming/ibga: the gateway driven through its windows by shell scripts, with codes from a TOTP key.

Sources are cited as ``A:`` (heshiming/ibga @fcd2bf8).

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
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import (
    BASE32,
    CLOCK_12H,
    PORT,
    SECONDS,
    SWITCH,
    TZ,
    UNEXPANDED,
    ZONE_IN_WORDS,
    Form,
    choice,
)

#: What the image runs; also what is built upon it.
MANAGER = "/opt/ibga/manager.sh"


# The login form is gone through by the texts that it shows (A:docs/references/config-args.md).
_STAYS = Wrong("ignored", "the choice in the login form stays as it was")


def _of_the_form(*texts: str) -> Variable:
    return Variable(choice(*texts, any_case=False), wrong=_STAYS)


def _marks(traits: Traits) -> tuple[str, ...]:
    # A:dockerfile:47-49; the image has no labels and no environment of its own.
    found = []
    if {4000, 5800} <= traits.exposed:
        found.append("it exposes the ports 4000 and 5800")
    if traits.user == "ibg":
        found.append("its user is ibg")
    found += own_variables(traits)
    if MANAGER in traits.command:
        return (f"its command runs {MANAGER}", *found)
    return tuple(found) if len(found) > 1 else ()  # with a command of somebody's own


def own_variables(traits: Traits) -> list[str]:
    """The marks in the environment: variables that it has to be given."""
    return [f"environment has {name}" for name in ("IB_LOGINTAB", "IB_LOGINTYPE") if name in traits.environment]


FAMILY = Family(
    name="ibga",
    controller="ibga",
    marks=_marks,
    lines=(
        (r"• found IBG at \S+\.", "obstacle_passed"),  # A:_install_ibg.sh
        (r"• starting socat \(.*TCP-LISTEN:4000,.*", "relay_started"),  # A:_run_socat.sh
    ),
    ports={9000: Port("gateway"), 4000: Port("relay"), 5800: Port("vnc"), 5900: Port("vnc")},  # A:scripts/_env.sh:4-5
    processes=(
        (re.compile(r"^(\S*/)?java\b"), "gateway"),
        (re.compile(r"^(\S*/)?socat\b"), "relay"),
        (re.compile(r"/opt/ibga/"), "controller"),
        (re.compile(r"^(\S*/)?Xvfb\b"), "display"),
        (re.compile(r"^(\S*/)?x11vnc\b|\bwebsockify\b"), "vnc"),
    ),
    user=(2000, 2000),
    start_seconds=300,  # the first start downloads and installs the program (A:scripts/manager.sh:33-51)
    variables={  # A:docs/references/config-args.md, scripts/_env.sh
        "IB_USERNAME": Variable(UNEXPANDED, "user"),  # A:_run_ibg.sh:57-72
        "IB_PASSWORD": Variable(UNEXPANDED, "secret"),
        "TOTP_KEY": Variable(BASE32, "secret"),
        "IB_PREFER_IBKEY": Variable(choice("true", any_case=False), wrong=Wrong("ignored", "no device is chosen")),
        "IB_REGION": _of_the_form("America", "Europe", "Asia", "China"),
        "IB_TIMEZONE": Variable(ZONE_IN_WORDS, wrong=_STAYS),
        "IB_LOGINTAB": _of_the_form("IB API", "FIX CTCI"),
        "IB_LOGINTYPE": _of_the_form("Live Trading", "Paper Trading"),
        "IB_LOGOFF": Variable(  # A:_run_ibg.sh, capitals are made of it
            replace(CLOCK_12H, pattern=re.compile(r"(?i)(0?[1-9]|1[0-2]):[0-5]\d +[ap]m")),
            wrong=Wrong("ignored", "the gateway keeps the time that it had"),
        ),
        "IB_READONLY": Variable(
            Form("yes or no (or y, true, n, false)", re.compile(r"(?i)y|yes|true|n|no|false"), writer=SWITCH.writer),
            wrong=Wrong("misread", "it counts as no: the API takes orders"),
            default="no",
        ),
        "IB_APILOG": PLAIN,
        "IB_LOGLEVEL": _of_the_form("System", "Error", "Warning", "Info", "Detail"),
        "IBGA_VNC_PASSWORD": Variable(Form("a text of 1 to 8 characters", re.compile(r".{1,8}")), "secret"),
        "IBGA_EXPORT_LOGS": Variable(choice("true", "false"), wrong=Wrong("ignored", "no logs are exported")),
        "IBGA_LOG_EXPORT_DIR": FILE,
        "IBGA_RECONNECT_INTERVAL": Variable(SECONDS, default="0"),
        "IBG_PORT": Variable(PORT, default="4000"),
        "IBG_PORT_INTERNAL": Variable(PORT, default="9000"),
        "IBG_DIR": FILE,
        "IBG_SETTINGS_DIR": FILE,
        "IBG_DOWNLOAD_URL": PLAIN,
        "TERM": PLAIN,
        "TZ": Variable(TZ),
    },
    # Nothing in it hears a stop (A:dockerfile:49), and its loop starts Java again within seconds (A:_run_ibg.sh:959-1026).
    ends_java_first=True,
    restarts_java="controller",
    exit_codes={
        0: "the program could not be installed",  # A:scripts/manager.sh:33-51
        137: STOPS_DEAF,  # A:dockerfile:49
    },
    exit_problems={},
    words={
        "user": Setting(("IB_USERNAME",)),  # A:_run_ibg.sh:57-72
        "password": Setting(("IB_PASSWORD",)),
        "paper_user": Lacking("it runs one trading mode"),
        "paper_password": Lacking("it runs one trading mode"),
        "totp_key": Setting(("TOTP_KEY",)),
        "vnc_password": Setting(("IBGA_VNC_PASSWORD",)),
        "rdp_password": Lacking("it runs IB Gateway only"),
        "program": Setting(choices={"gateway": ""}, lacking="it runs IB Gateway only"),
        "trading_mode": Setting(
            ("IB_LOGINTYPE",),
            choices={"paper": "Paper Trading", "live": "Live Trading"},
            lacking="it runs one trading mode",
        ),
        "second_factor": Setting(("IB_PREFER_IBKEY",), choices={"push": "true", "totp": "", "none": ""}),
        "second_factor_device": Lacking("it knows IB Key and the authenticator app only"),
        "second_factor_timeout_action": Lacking("it always asks again when a second factor has expired"),
        "relogin_after_second_factor_timeout": Lacking("it always asks again when a second factor has expired"),
        # A:_run_ibg.sh:595-612
        "existing_session": Setting(choices={"primary": ""}, lacking="it always takes over an existing session"),
        "daily_restart": Setting(("IB_LOGOFF",), lacking="it always restarts the gateway", required=True),
        "daily_logoff": Lacking("it always restarts the gateway"),
        "weekly_cold_restart": Lacking("it has no such setting"),
        "read_only_api": Setting(("IB_READONLY",)),
        "time_zone": Setting(("IB_TIMEZONE", "TZ")),
        "accept_incoming": Lacking("it has no such setting"),
        "master_client_id": Lacking("it has no such setting"),
        "java_heap_mb": Lacking("it has no such setting"),
        "controller_settings": Lacking("it has no config.ini"),
    },
    build=Build(
        images={"gateway": "docker.io/heshiming/ibga:latest"},
        start=MANAGER,
        persistent={"gateway": ("/home/ibg", "/home/ibg_settings")},
        # A refused login leaves it up and idle (A:_run_ibg.sh:407-412); it ends only when it can not install.
        restart_policy="unless-stopped",
        environment={"gateway": {"IB_LOGINTAB": "IB API", "TERM": "xterm"}},  # tput wants a terminal
        caveats=(
            "a change of port, read-only API or restart time is not applied to a settings directory that has"
            " skip_option_check2: remove that file first",
            "a session-keeping restart on demand does not exist with ibga",
        ),
    ),
    relay=Relay(
        "exec sudo socat TCP-LISTEN:{relay},fork,reuseaddr TCP:localhost:{gateway},forever,shut-down"
    ),  # A:_run_socat.sh
    bare_screen={"gateway": "open"},  # A:_run_xv.sh:38-62
    hears_stop=False,  # A:dockerfile:49
    settings_named_by=("IBG_SETTINGS_DIR", "/home/ibg_settings"),  # A:docs/references/config-args.md
)
