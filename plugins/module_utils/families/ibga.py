# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""heshiming/ibga: the gateway driven through its windows by shell scripts, with codes from a TOTP key.

Sources are cited as ``A:`` (heshiming/ibga @fcd2bf8).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    Build,
    Family,
    Lacking,
    Port,
    Relay,
    Setting,
    Traits,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import clock_12h, unexpanded, yes_no

#: What the image runs; also what is built upon it.
MANAGER = "/opt/ibga/manager.sh"


def _marks(traits: Traits) -> tuple[str, ...]:
    # A:dockerfile:47-49; the image has no labels and no environment of its own.
    if MANAGER not in traits.command:
        return ()
    found = [f"its command runs {MANAGER}"]
    if {4000, 5800} <= traits.exposed:
        found.append("it exposes the ports 4000 and 5800")
    found += [f"environment has {name}" for name in ("IB_LOGINTAB", "IB_LOGINTYPE") if name in traits.environment]
    return tuple(found)


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
    variables={  # A:docs/references/config-args.md
        "IB_USERNAME": "user",
        **dict.fromkeys(("IB_PASSWORD", "TOTP_KEY", "IBGA_VNC_PASSWORD"), "secret"),
        **dict.fromkeys(
            (
                "IB_REGION",
                "IB_TIMEZONE",
                "IB_LOGINTAB",
                "IB_LOGINTYPE",
                "IB_LOGOFF",
                "IB_READONLY",
                "IB_APILOG",
                "IB_LOGLEVEL",
                "IB_PREFER_IBKEY",
                "IBGA_EXPORT_LOGS",
                "IBGA_LOG_EXPORT_DIR",
                "IBGA_RECONNECT_INTERVAL",
                "IBG_PORT",
                "IBG_PORT_INTERNAL",
                "IBG_DIR",
                "IBG_SETTINGS_DIR",
                "IBG_DOWNLOAD_URL",
                "TERM",
                "TZ",
            ),
            "plain",
        ),
    },
    # Nothing in it hears a stop (A:dockerfile:49), and its loop starts Java again within seconds (A:_run_ibg.sh:959-1026).
    ends_java_first=True,
    restarts_java="controller",
    exit_codes={0: "the program could not be installed"},  # A:scripts/manager.sh:33-51
    exit_problems={},
    words={
        "user": Setting(("IB_USERNAME",), form=unexpanded),  # A:_run_ibg.sh:57-72
        "password": Setting(("IB_PASSWORD",), form=unexpanded),
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
        "daily_restart": Setting(
            ("IB_LOGOFF",), form=clock_12h, lacking="it always restarts the gateway", required=True
        ),
        "daily_logoff": Lacking("it always restarts the gateway"),
        "weekly_cold_restart": Lacking("it has no such setting"),
        "read_only_api": Setting(("IB_READONLY",), form=yes_no),
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
    settings_named_by=("IBG_SETTINGS_DIR", "/home/ibg_settings"),  # A:docs/references/config-args.md
)
