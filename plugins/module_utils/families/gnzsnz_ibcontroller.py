# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""gnzsnz/ib-gateway-docker with ibcontroller, the successor of IBC under the same image names and tags.

Sources are cited as ``K:`` (gnzsnz/ibcontroller, docs and config @16e0597) and ``KI:`` (gnzsnz/ib-gateway-docker @06c7d74).

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
    Setting,
    Traits,
    Variable,
    Wrong,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import (
    CLOCK_12H,
    CLOCK_24H,
    CLOSING,
    EXACT_YES,
    HEAP_WITH_UNIT,
    TIME_ZONE,
    TRUE_FALSE,
    Form,
    choice,
    number,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_scripts import LINES, SURROUNDINGS
from ansible_collections.ibgw.ops.plugins.module_utils.grammars import exit_codes

_REFUSED = Wrong("refused", "ibcontroller ends with exit code 78")  # K:config.py, load_config
_SWITCH = Variable(TRUE_FALSE, wrong=_REFUSED)
_SECONDS = Variable(Form("a number of seconds", re.compile(r"\d{1,6}(\.\d{1,6})?")), wrong=_REFUSED)
_DAILY = Variable(CLOCK_12H, wrong=Wrong("ignored", "the gateway keeps the time that it had, or has none"))
_ZONE = SURROUNDINGS["TIME_ZONE"]

_RUN_SCRIPT = "/home/ibgateway/scripts/run.sh"
_DECLARATIVE = "ibcontroller has it in its own ibkr_settings.toml only"  # K: declarative settings


def _choice(*words: str, default: str) -> Variable:
    return Variable(choice(*words), wrong=_REFUSED, default=default)


def _marks(traits: Traits) -> tuple[str, ...]:
    environment = traits.environment
    description = traits.labels.get("org.opencontainers.image.description", "").strip()
    found: list[str] = []
    if "IBC_APP_DIR" in environment and "IBC_PROGRAM" in environment:  # KI:Dockerfile.template
        found.append("environment has IBC_APP_DIR and IBC_PROGRAM")
    if "ibcontroller" in description:
        found.append(f"its image is described as {description!r}")
    if found and environment.get("PATH", "").startswith("/opt/python/current"):  # alone it is any Python's
        found.append("its PATH begins with /opt/python/current")
    return tuple(found)


FAMILY = Family(
    name="gnzsnz-ibcontroller",
    controller="ibcontroller",
    marks=_marks,
    lines=LINES,
    versions=("IBC_TWS_VERSION",),
    unread={  # K: config.py reads ibcontroller.toml in IBC_APP_DIR, and variables
        "/home/ibgateway/ibc": "ibcontroller never reads a config.ini; its settings are variables, or ibcontroller.toml",
        "/opt/ibc": "ibcontroller never reads a config.ini; its settings are variables, or ibcontroller.toml",
    },
    both_by=GNZSNZ_IBC.both_by,  # KI:run.sh, KI:run_tws.sh
    other_names={"TWOFA_EXIT_INTERVAL": "IBC_MFA_EXIT_INTERVAL", "TWS_SETTINGS_PATH": "IBC_TWS_SETTINGS_PATH"},
    dumped_as=lambda variable: variable.replace("IBC_", "", 1).lower(),  # K:config.py
    ports=GNZSNZ_IBC.ports,  # KI:common.sh, as in the images before it
    processes=(
        (re.compile(r"^(\S*/)?java\b.*\b(ibgateway|twslaunch|jts)", re.IGNORECASE), "gateway"),
        (re.compile(r"\bibcontroller\b"), "controller"),
        *GNZSNZ_IBC.processes,
    ),
    user=(1000, 1000),
    start_seconds=120,
    variables={  # K: docs/Configuration.md, config.py; KI:docker-compose.yml, common.sh, run.sh
        "IBC_USERID": USER,
        "IBC_USERID_FILE": FILE,
        "IBC_PASSWORD": SECRET,
        "IBC_PASSWORD_FILE": FILE,
        "IBC_USERID_PAPER": replace(USER, only_both=True),  # KI:run.sh
        "IBC_PASSWORD_PAPER": replace(SECRET, only_both=True),
        "IBC_PASSWORD_PAPER_FILE": replace(FILE, only_both=True),
        "IBC_TRADING_MODE": Variable(  # KI:common.sh
            choice("paper", "live", "both", any_case=False),
            wrong=Wrong("refused", "the start script ends with exit code 1"),
        ),
        "DUAL_MODE": GNZSNZ_IBC.variables["DUAL_MODE"],
        "IBC_INSTANCE": PLAIN,
        "IBC_PROGRAM": _choice("gateway", "tws", default="gateway"),
        "IBC_TWS_PATH": FILE,
        "IBC_TWS_VERSION": PLAIN,
        "IBC_TWS_CHANNEL": Variable(default="stable"),
        "IBC_TWS_SETTINGS_PATH": FILE,
        "IBC_APP_DIR": FILE,
        "IBC_SETTINGS_FILE": FILE,
        "IBC_READ_ONLY_API": _SWITCH,
        "IBC_READ_ONLY_LOGIN": replace(_SWITCH, default="false"),
        "IBC_ACCEPT_INCOMING_CONNECTIONS": _choice("accept", "reject", "manual", default="manual"),
        "IBC_EXISTING_SESSION_ACTION": _choice("primary", "primaryoverride", "secondary", "manual", default="manual"),
        "IBC_LOGIN_DIALOG_DISPLAY_TIMEOUT": replace(_SECONDS, default="60"),
        "IBC_MFA_TIMEOUT": replace(_SECONDS, default="180"),
        "IBC_MFA_TIMEOUT_ACTION": replace(_choice("exit", "restart", default="exit"), since="0.1.3"),
        "IBC_RELOGIN_AFTER_MFA_TIMEOUT": replace(_SWITCH, default="false"),
        "IBC_MFA_EXIT_INTERVAL": replace(_SECONDS, default="60"),
        "IBC_AUTO_RESTART_TIME": _DAILY,
        "IBC_AUTO_LOGOFF_TIME": _DAILY,
        "IBC_COLD_RESTART_TIME": Variable(CLOCK_24H, wrong=_REFUSED),
        "IBC_CLOSEDOWN_AT": Variable(CLOSING, wrong=_REFUSED),
        "IBC_TIME_ZONE": Variable(TIME_ZONE, wrong=_ZONE.wrong, since="0.1.3"),
        "IBC_JAVA_HEAP_SIZE": Variable(
            HEAP_WITH_UNIT,
            wrong=Wrong("misread", "without a unit Java takes it for bytes, and the gateway does not start"),
        ),
        "IBC_LOG_LEVEL": _choice("debug", "info", "warning", "error", default="info"),
        "IBC_LOG_SINK": _choice("std", "file", default="std"),
        "IBC_LOG_DIR": FILE,
        "IBC_LOG_MAX_BYTES": Variable(number(0, 10_000_000_000), wrong=_REFUSED, default="10485760"),
        "IBC_LOG_BACKUP_COUNT": Variable(number(0, 10_000), wrong=_REFUSED, default="5"),
        "IBC_TRACE_ENABLED": replace(_SWITCH, default="false"),
        "IBC_DIAGNOSTIC_SCOPE": _choice("known", "unknown", "all", default="known"),
        "IBC_DIAGNOSTIC_WHEN": _choice("open", "openclose", "never", default="never"),
        **SURROUNDINGS,
        "CUSTOM_CONFIG": Variable(
            EXACT_YES, wrong=Wrong("ignored", "the start script writes a jts.ini where there is none")
        ),
        "RDP_PASSWORD": SECRET,  # the TWS image's, KI:start_session.sh
        "RDP_PASSWORD_FILE": FILE,
    },
    ends_java_first=False,  # the start script passes the stop on to the controller, which closes it (KI:run.sh)
    exit_codes=exit_codes.IBCONTROLLER,
    exit_problems={},  # none proves one condition alone
    words={
        "user": Setting(("IBC_USERID",), file="IBC_USERID_FILE"),
        "password": Setting(("IBC_PASSWORD",), file="IBC_PASSWORD_FILE"),
        "paper_user": Setting(("IBC_USERID_PAPER",)),
        "paper_password": Setting(("IBC_PASSWORD_PAPER",), file="IBC_PASSWORD_PAPER_FILE"),
        "totp_key": Lacking("ibcontroller never types a code"),
        "vnc_password": Setting(("VNC_SERVER_PASSWORD",), file="VNC_SERVER_PASSWORD_FILE"),
        "rdp_password": Setting(("RDP_PASSWORD",), file="RDP_PASSWORD_FILE"),
        "program": Setting(choices={"gateway": "", "tws": ""}),  # two images, IBC_PROGRAM is baked
        "trading_mode": Setting(("IBC_TRADING_MODE",), choices={"paper": "paper", "live": "live", "both": "both"}),
        "second_factor": Setting(choices={"push": "", "none": ""}, lacking="ibcontroller never types a code"),
        "second_factor_device": Lacking("ibcontroller can not choose among several devices"),
        "second_factor_timeout_action": Setting(
            ("IBC_MFA_TIMEOUT_ACTION",), choices={"exit": "exit", "restart": "restart"}
        ),
        "relogin_after_second_factor_timeout": Setting(("IBC_RELOGIN_AFTER_MFA_TIMEOUT",)),
        "existing_session": Setting(
            ("IBC_EXISTING_SESSION_ACTION",),
            choices={one: one for one in ("primary", "primaryoverride", "secondary", "manual")},
        ),
        "daily_restart": Setting(("IBC_AUTO_RESTART_TIME",)),
        "daily_logoff": Setting(("IBC_AUTO_LOGOFF_TIME",)),
        "weekly_cold_restart": Setting(("IBC_COLD_RESTART_TIME",)),
        "read_only_api": Setting(("IBC_READ_ONLY_API",)),
        "time_zone": Setting(("TZ", "TIME_ZONE", "IBC_TIME_ZONE")),
        "accept_incoming": Setting(
            ("IBC_ACCEPT_INCOMING_CONNECTIONS",), choices={one: one for one in ("accept", "reject", "manual")}
        ),
        "master_client_id": Lacking(_DECLARATIVE),
        "java_heap_mb": Setting(("IBC_JAVA_HEAP_SIZE",)),
        "controller_settings": Lacking("ibcontroller has no config.ini; its settings are variables"),
    },
    build=Build(
        images={"gateway": "ghcr.io/gnzsnz/ib-gateway:stable", "tws": "ghcr.io/gnzsnz/tws-rdesktop:stable"},
        start=_RUN_SCRIPT,
        persistent={
            "gateway": ("/home/ibgateway/tws_settings{instance}", "/home/ibgateway/ibcontroller"),
            "tws": ("/config",),
        },
        # A refused login ends the container (77), and no policy of Docker's looks at the code: each would repeat it.
        restart_policy="no",
        environment={
            "gateway": {"IBC_TWS_SETTINGS_PATH": "/home/ibgateway/tws_settings"},
            "tws": {"IBC_TWS_SETTINGS_PATH": "/config/tws_settings", "PUID": "1000", "PGID": "1000"},
        },
        desktop=GNZSNZ_IBC.build.desktop,
        scratch=("/home/ibgateway/ibcontroller/run",),  # the agent's sockets, KI:docker-compose.yml
        caveats=(
            "it is not restarted by Docker, not at a boot either, because that would repeat a refused login; deploy starts it",
            "a session-keeping restart on demand does not exist with ibcontroller",
        ),
    ),
    relay=GNZSNZ_IBC.relay,
    bare_screen={"gateway": "off"},  # of TWS it keeps one in its settings, which nobody sees (KI:start_session.sh)
    samples={"VNC_SERVER_PASSWORD": "myVncPassword"},  # as in the documentation before it
    # Without the variable each instance has a directory of its own below (K: tws_settings_path).
    settings_named_by=("IBC_TWS_SETTINGS_PATH", "/home/ibgateway/Jts"),
)
