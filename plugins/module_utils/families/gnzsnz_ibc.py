# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""gnzsnz/ib-gateway-docker with IBC: the gateway image and the TWS image built from it.

Sources are cited as ``G:`` (gnzsnz/ib-gateway-docker @b2c0259) and ``B:`` (IbcAlpha/IBC @2fee90c, 3.24.1).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    FILE,
    PLAIN,
    PRIVATE,
    SECRET,
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
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import EXACT_YES, HEAP_MB, choice
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_scripts import LINES, SURROUNDINGS
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS
from ansible_collections.ibgw.ops.plugins.module_utils.grammars import exit_codes

_GIVES_UP = Wrong("refused", "the start script ends with exit code 1")

_RUN_SCRIPT = "/home/ibgateway/scripts/run.sh"

# With a configuration of one's own the start script generates neither config.ini nor jts.ini (G:common.sh:6-38); the file is
# looked for where IBC_INI says, in mode both with _live and _paper at its end (G:run.sh:144-181).
_CONFIGURED = {"CUSTOM_CONFIG": "yes", "IBC_INI": f"{PRIVATE}/config.ini"}

# Values, not names: other images use the same names with paths of their own.
_PATHS = (
    ("IBC_INI", "/home/ibgateway/ibc/config.ini"),
    ("IBC_PATH", "/home/ibgateway/ibc"),
    ("SCRIPT_PATH", "/home/ibgateway/scripts"),
)
_TWS_PATHS = (("IBC_PATH", "/opt/ibc"), ("SCRIPT_PATH", "/defaults"))  # G:stable/Dockerfile.tws:21-36


def _marks(traits: Traits) -> tuple[str, ...]:
    # The families that grew out of this one carry its marks too; they are asked before.
    found: list[str] = []
    if traits.environment.get("TWS_MAJOR_VRSN"):
        paths = _TWS_PATHS if traits.environment.get("GATEWAY_OR_TWS") == "tws" else _PATHS
        found += [f"environment has {name}={path}" for name, path in paths if traits.environment.get(name) == path]
    if _RUN_SCRIPT in traits.command:
        found.append(f"its command runs {_RUN_SCRIPT}")
    description = traits.labels.get("org.opencontainers.image.description", "").strip()
    if description.endswith(("IB Gateway and IBC", "TWS & IBC")):
        found.append(f"its image is described as {description!r}")
    return tuple(found)


FAMILY = Family(
    name="gnzsnz-ibc",
    controller="ibc",
    marks=_marks,
    lines=(
        *LINES,
        # A fork's helper types codes with xdotool: that it did says nothing of whether they were taken (code-hustler-ft3d
        # ib-gateway-docker @b4ecfb1:totp_handler.sh).
        (r"\[TOTP\] (?:TOTP code|Code) entered and submitted\b.*", "twofa_answered"),
    ),
    versions=("IB_GATEWAY_VERSION", "TWS_MAJOR_VRSN"),  # its label image.version is broken, G:stable/Dockerfile:111
    unread={"/home/ibgateway/ibcontroller": "it is where ibcontroller keeps its own, and this image runs IBC"},
    both_by=("DUAL_MODE", "yes"),  # G:run.sh:135
    configured_by=("CUSTOM_CONFIG", "yes"),  # G:common.sh:6-38
    configuration="IBC_INI",  # G:run.sh:144-181
    ports={  # G:common.sh:94-120
        4001: Port("gateway", "live", "gateway"),
        4002: Port("gateway", "paper", "gateway"),
        4003: Port("relay", "live", "gateway"),
        4004: Port("relay", "paper", "gateway"),
        7496: Port("gateway", "live", "tws"),
        7497: Port("gateway", "paper", "tws"),
        7498: Port("relay", "live", "tws"),
        7499: Port("relay", "paper", "tws"),
        5900: Port("vnc", program="gateway"),
        3389: Port("vnc", program="tws"),
    },
    processes=(
        (re.compile(r"\bibcalpha\.ibc\.Ibc(Gateway|Tws)\b"), "gateway"),  # B:ibcstart.sh:518
        (re.compile(r"^(\S*/)?socat\b.*\bTCP-LISTEN\b|/run_socat\.sh\b"), "relay"),  # G:run_socat.sh:9-14
        (re.compile(r"/ibcstart\.sh\b|/run(_tws)?\.sh\b|/start_session\.sh\b"), "controller"),
        (re.compile(r"^(\S*/)?(Xvfb|Xorg)\b"), "display"),
        (re.compile(r"^(\S*/)?(x11vnc|xrdp)\b"), "vnc"),
    ),
    user=(1000, 1000),
    # Login dialog within 60 s (B:SessionManager.java:63), mode both waits 15 s more (G:run.sh:148), then the login itself.
    start_seconds=120,
    variables={  # G:stable/Dockerfile:65-79, G:docker-compose.yml, G:common.sh, G:run.sh
        "TWS_USERID": KEYS["IbLoginId"],
        "TWS_PASSWORD": KEYS["IbPassword"],
        "TWS_PASSWORD_FILE": replace(
            FILE, key="IbPassword"
        ),  # with a configuration of one's own not read, G:common.sh:6-38
        "TWS_USERID_PAPER": replace(KEYS["IbLoginId"], only_both=True),  # G:run.sh:159-172
        "TWS_PASSWORD_PAPER": replace(KEYS["IbPassword"], only_both=True),
        "TWS_PASSWORD_PAPER_FILE": replace(FILE, key="IbPassword", only_both=True),
        "TRADING_MODE": Variable(
            choice("paper", "live", "both", any_case=False), wrong=_GIVES_UP
        ),  # G:common.sh:93-125
        "DUAL_MODE": Variable(EXACT_YES, wrong=Wrong("ignored", "only the one trading mode runs")),  # G:run.sh:135
        "READ_ONLY_API": KEYS["ReadOnlyApi"],
        "TWS_ACCEPT_INCOMING": KEYS["AcceptIncomingConnectionAction"],
        "TWS_MASTER_CLIENT_ID": replace(KEYS["OverrideTwsMasterClientID"], since="September 2025"),
        # B:ibcstart.sh:187-190
        "TWOFA_TIMEOUT_ACTION": Variable(
            choice("exit", "restart"), wrong=Wrong("refused", "IBC's script ends with exit code 3")
        ),
        "TWOFA_EXIT_INTERVAL": KEYS["SecondFactorAuthenticationExitInterval"],
        "TWOFA_DEVICE": KEYS["SecondFactorDevice"],
        "RELOGIN_AFTER_TWOFA_TIMEOUT": KEYS["ReloginAfterSecondFactorAuthenticationTimeout"],
        "BYPASS_WARNING": KEYS["BypassOrderPrecautions"],  # sets all nine precautions, G:config.ini.tmpl:417-433
        "AUTO_RESTART_TIME": KEYS["AutoRestartTime"],
        "AUTO_LOGOFF_TIME": KEYS["AutoLogoffTime"],
        "TWS_COLD_RESTART": KEYS["ColdRestartTime"],
        "SAVE_TWS_SETTINGS": KEYS["SaveTwsSettingsAt"],
        "EXISTING_SESSION_DETECTED_ACTION": KEYS["ExistingSessionDetectedAction"],
        "ALLOW_BLIND_TRADING": KEYS["AllowBlindTrading"],
        **SURROUNDINGS,
        "CUSTOM_CONFIG": Variable(  # G:common.sh:6-38
            EXACT_YES, wrong=Wrong("ignored", "the start script writes a config.ini over the one of your own")
        ),
        "JAVA_HEAP_SIZE": Variable(  # G:common.sh:131-141
            HEAP_MB,
            wrong=Wrong("misread", "the image builds an option that Java refuses, and the gateway does not start"),
        ),
        "PASSWD": replace(SECRET, default="abc"),  # the TWS image's, G:tws-scripts/start_session.sh:13-17
        "PASSWD_FILE": FILE,
        "IB_GATEWAY_VERSION": PLAIN,
        "IB_GATEWAY_RELEASE_CHANNEL": PLAIN,
        "IBC_VERSION": PLAIN,
        "TWS_MAJOR_VRSN": PLAIN,
        "TWS_PATH": FILE,
        "TWS_SETTINGS_PATH": FILE,
        "IBC_PATH": FILE,
        "IBC_INI": FILE,
        "IBC_INI_TMPL": PLAIN,
        "GATEWAY_OR_TWS": Variable(choice("gateway", "tws", any_case=False)),
    },
    # The image's own stop takes the display away first, and Java dies of that; while it starts it hears none (G:run.sh:15-46, 192).
    ends_java_first=True,
    exit_codes={
        **{code % 256: meaning for code, (_name, meaning) in exit_codes.IBC.items()},
        # G:common.sh:49-281, G:run.sh:15-46, B:ibcstart.sh:96-103
        0: "the gateway closed by itself: logoff or close was due or asked for",
        1: "the start script gave up (trading mode, secret, X server), or Java did not start or lost its X server in a stop",
        2: "the start script of IBC was given no gateway version",
        3: "the start script of IBC refused an argument (second factor action or trading mode)",
        4: "the gateway's program files are missing: a volume may hide them",
        5: "IBC's own directory or the settings directory is missing",
        6: "IBC's config.ini is missing",
        7: "the vmoptions file is missing",
        8: "the start script of IBC does not know this operating system",
    },
    exit_problems={
        **{code % 256: exit_codes.IBC_PROBLEMS[code] for code in exit_codes.IBC},
        3: "config.value_invalid",  # B:ibcstart.sh:187-190
        6: "config.file_missing",  # B:ibcstart.sh:96-103
        7: "config.file_missing",
    },
    words={
        # G:stable/config/ibc/config.ini.tmpl; with CUSTOM_CONFIG=yes the start script reads only what has no key here
        # (G:common.sh:6-38), and a `_FILE` of the password not at all.
        "user": Setting(("TWS_USERID",)),
        "password": Setting(("TWS_PASSWORD",), file="TWS_PASSWORD_FILE"),
        "paper_user": Setting(("TWS_USERID_PAPER",)),  # with mode both only, G:run.sh:159-172
        "paper_password": Setting(("TWS_PASSWORD_PAPER",), file="TWS_PASSWORD_PAPER_FILE"),
        "totp_key": Lacking("IBC never types a code"),  # IBC issue 342
        "vnc_password": Setting(("VNC_SERVER_PASSWORD",), file="VNC_SERVER_PASSWORD_FILE"),
        "rdp_password": Setting(("PASSWD",), file="PASSWD_FILE"),
        "program": Setting(choices={"gateway": "", "tws": ""}),  # two images
        "trading_mode": Setting(("TRADING_MODE",), choices={"paper": "paper", "live": "live", "both": "both"}),
        "second_factor": Setting(choices={"push": "", "none": ""}, lacking="IBC never types a code"),
        "second_factor_device": Setting(("TWOFA_DEVICE",)),
        "second_factor_timeout_action": Setting(
            ("TWOFA_TIMEOUT_ACTION",), choices={"exit": "exit", "restart": "restart"}
        ),
        "relogin_after_second_factor_timeout": Setting(("RELOGIN_AFTER_TWOFA_TIMEOUT",)),
        "existing_session": Setting(
            ("EXISTING_SESSION_DETECTED_ACTION",),
            choices={one: one for one in ("primary", "primaryoverride", "secondary", "manual")},
        ),
        "daily_restart": Setting(("AUTO_RESTART_TIME",)),
        "daily_logoff": Setting(("AUTO_LOGOFF_TIME",)),
        "weekly_cold_restart": Setting(("TWS_COLD_RESTART",)),
        "read_only_api": Setting(("READ_ONLY_API",)),
        "time_zone": Setting(("TZ", "TIME_ZONE")),  # TIME_ZONE is for jts.ini only
        "accept_incoming": Setting(
            ("TWS_ACCEPT_INCOMING",),
            choices={one: one for one in ("accept", "reject", "manual")},
        ),
        "master_client_id": Setting(("TWS_MASTER_CLIENT_ID",)),
        "java_heap_mb": Setting(("JAVA_HEAP_SIZE",)),  # a bare number, G:common.sh:131-141
        "controller_settings": Setting(),
    },
    build=Build(
        # The last release of the version lines with IBC that was read; later images of the same names carry ibcontroller.
        images={"gateway": "ghcr.io/gnzsnz/ib-gateway:10.45.1j", "tws": "ghcr.io/gnzsnz/tws-rdesktop:10.45.1j"},
        start=_RUN_SCRIPT,
        persistent={"gateway": ("/home/ibgateway/tws_settings{instance}",), "tws": ("/config",)},
        # Refused logins are repeated inside the container whatever the policy (G:run.sh, B:ibcstart.sh:516-571).
        restart_policy="unless-stopped",
        environment={
            "gateway": {"TWS_SETTINGS_PATH": "/home/ibgateway/tws_settings", **_CONFIGURED},
            # Without PUID and PGID the TWS image does not start its program (gnzsnz issue 110).
            "tws": {"TWS_SETTINGS_PATH": "/config/tws_settings", "PUID": "1000", "PGID": "1000", **_CONFIGURED},
        },
        desktop={"tws": {"shm_size": "1G", "security_opts": ["seccomp=unconfined"]}},  # G:tws-docker-compose.yml
    ),
    relay=Relay(
        'API_PORT={gateway} SOCAT_PORT={relay} TRADING_MODE={endpoint} exec "$SCRIPT_PATH/run_socat.sh"',
        loop=re.compile(r"/run_socat\.sh\b"),  # G:run_socat.sh:9-14
    ),
    bare_screen={"gateway": "off", "tws": "known"},  # G:run.sh:57-70, G:tws-scripts/start_session.sh:13-17
    samples={"VNC_SERVER_PASSWORD": "myVncPassword", "PASSWD": "abc"},  # G:.env-dist
    settings='"${TWS_SETTINGS_PATH:-$TWS_PATH}"',  # G:run.sh:72-91
    settings_named_by=("TWS_SETTINGS_PATH", "TWS_PATH"),
)
