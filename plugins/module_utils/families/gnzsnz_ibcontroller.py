# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""gnzsnz/ib-gateway-docker with ibcontroller, the successor of IBC under the same image names and tags.

Sources are cited as ``K:`` (gnzsnz/ibcontroller, docs and config @16e0597) and ``KI:`` (gnzsnz/ib-gateway-docker @06c7d74).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    Build,
    Family,
    Lacking,
    Setting,
    Traits,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import clock_12h, heap_with_unit, true_false
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_scripts import LINES
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibcontroller import EXIT_CODES

_RUN_SCRIPT = "/home/ibgateway/scripts/run.sh"
_DECLARATIVE = "ibcontroller has it in its own ibkr_settings.toml only"  # K: declarative settings


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
    variables={  # K: configuration reference, KI:docker-compose.yml
        **dict.fromkeys(("IBC_USERID", "IBC_USERID_PAPER", "SSH_USER_TUNNEL", "SSH_OPTIONS"), "user"),
        **dict.fromkeys(
            ("IBC_PASSWORD", "IBC_PASSWORD_PAPER", "VNC_SERVER_PASSWORD", "SSH_PASSPHRASE", "RDP_PASSWORD"), "secret"
        ),
        **dict.fromkeys(
            (
                "IBC_USERID_FILE",
                "IBC_PASSWORD_FILE",
                "IBC_PASSWORD_PAPER_FILE",
                "VNC_SERVER_PASSWORD_FILE",
                "SSH_PASSPHRASE_FILE",
                "RDP_PASSWORD_FILE",
                "IBC_TRADING_MODE",
                "DUAL_MODE",
                "IBC_INSTANCE",
                "IBC_PROGRAM",
                "IBC_TWS_PATH",
                "IBC_TWS_VERSION",
                "IBC_TWS_CHANNEL",
                "IBC_TWS_SETTINGS_PATH",
                "IBC_APP_DIR",
                "IBC_SETTINGS_FILE",
                "IBC_READ_ONLY_API",
                "IBC_READ_ONLY_LOGIN",
                "IBC_ACCEPT_INCOMING_CONNECTIONS",
                "IBC_EXISTING_SESSION_ACTION",
                "IBC_LOGIN_DIALOG_DISPLAY_TIMEOUT",
                "IBC_MFA_TIMEOUT",
                "IBC_RELOGIN_AFTER_MFA_TIMEOUT",
                "IBC_MFA_EXIT_INTERVAL",
                "IBC_MFA_TIMEOUT_ACTION",
                "IBC_AUTO_RESTART_TIME",
                "IBC_AUTO_LOGOFF_TIME",
                "IBC_COLD_RESTART_TIME",
                "IBC_CLOSEDOWN_AT",
                "IBC_TIME_ZONE",
                "IBC_JAVA_HEAP_SIZE",
                "IBC_LOG_LEVEL",
                "IBC_LOG_SINK",
                "IBC_LOG_DIR",
                "IBC_LOG_MAX_BYTES",
                "IBC_LOG_BACKUP_COUNT",
                "IBC_TRACE_ENABLED",
                "IBC_DIAGNOSTIC_SCOPE",
                "IBC_DIAGNOSTIC_WHEN",
                "TZ",
                "TIME_ZONE",
                "CUSTOM_CONFIG",
                "SSH_TUNNEL",
                "SSH_ALIVE_INTERVAL",
                "SSH_ALIVE_COUNT",
                "SSH_REMOTE_PORT",
                "SSH_RESTART",
                "SSH_VNC_PORT",
                "SSH_RDP_PORT",
                "START_SCRIPTS",
                "X_SCRIPTS",
                "IBC_SCRIPTS",
                "PUID",
                "PGID",
                "HOME",
                "PATH",
                "DISPLAY",
                "SCRIPT_PATH",
                "TWS_INI",
                "TWS_INI_TMPL",
            ),
            "plain",
        ),
    },
    ends_java_first=False,  # the start script passes the stop on to the controller, which closes it (KI:run.sh)
    exit_codes=EXIT_CODES,
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
        "relogin_after_second_factor_timeout": Setting(("IBC_RELOGIN_AFTER_MFA_TIMEOUT",), form=true_false),
        "existing_session": Setting(
            ("IBC_EXISTING_SESSION_ACTION",),
            choices={one: one for one in ("primary", "primaryoverride", "secondary", "manual")},
        ),
        "daily_restart": Setting(("IBC_AUTO_RESTART_TIME",), form=clock_12h),
        "daily_logoff": Setting(("IBC_AUTO_LOGOFF_TIME",), form=clock_12h),
        "weekly_cold_restart": Setting(("IBC_COLD_RESTART_TIME",)),
        "read_only_api": Setting(("IBC_READ_ONLY_API",), form=true_false),
        "time_zone": Setting(("TZ", "TIME_ZONE", "IBC_TIME_ZONE")),
        "accept_incoming": Setting(
            ("IBC_ACCEPT_INCOMING_CONNECTIONS",), choices={one: one for one in ("accept", "reject", "manual")}
        ),
        "master_client_id": Lacking(_DECLARATIVE),
        "java_heap_mb": Setting(("IBC_JAVA_HEAP_SIZE",), form=heap_with_unit),
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
    # Without the variable each instance has a directory of its own below (K: tws_settings_path).
    settings_named_by=("IBC_TWS_SETTINGS_PATH", "/home/ibgateway/Jts"),
)
