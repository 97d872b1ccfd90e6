# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""code-hustler-ft3d/ibg-controller: built on the gnzsnz image, with a controller of its own in the place of IBC.

Sources are cited as ``C:`` (code-hustler-ft3d/ibg-controller, image @533b698, controller 0.12.0 @13422e4).

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
    BASE32,
    BUTTONS,
    CLOCK_AFTERNOON,
    EXACT_YES,
    PORT,
    SECONDS,
    SPOKEN,
    choice,
    number,
)
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_scripts import LINES

# Settings of IBC that its controller does not have: it says "not honored" of some, and nothing of the others (C:gateway_controller.py).
_NOT_HONOURED = (
    "ALLOW_BLIND_TRADING",
    "CUSTOM_CONFIG",
    "PASSWD",
    "PASSWD_FILE",
    "SAVE_TWS_SETTINGS",
    "TWS_ACCEPT_INCOMING",
)
_USE = Variable(
    EXACT_YES, wrong=Wrong("ignored", "the image runs IBC in the place of its controller")
)  # C:docker/run.sh
_SECONDS = Variable(SECONDS, wrong=Wrong("ignored", "the controller goes by its own default"))
_SWITCH = Variable(SPOKEN, wrong=_SECONDS.wrong)
_DAILY = Variable(
    CLOCK_AFTERNOON, wrong=Wrong("ignored", "the gateway keeps the time that it had")
)  # C: ALERT_CONFIG_NOT_APPLIED

_HEALTH_CHECK = "/home/ibgateway/scripts/healthcheck.sh"
_DEVICES = {"push": "IB Key", "totp": "Mobile Authenticator app"}  # C: TWOFA_DEVICE and its default since 0.7


def _marks(traits: Traits) -> tuple[str, ...]:
    found = []
    description = traits.labels.get("org.opencontainers.image.description", "")
    if description.startswith("IB Gateway controller"):
        found.append(f"its image is described as {description.strip()!r}")
    if "CONTROLLER_HEALTH_SERVER_PORT" in traits.environment:  # C:Dockerfile
        found.append("environment has CONTROLLER_HEALTH_SERVER_PORT")
    if _HEALTH_CHECK in traits.healthcheck:  # C:Dockerfile:68
        found.append(f"its health check runs {_HEALTH_CHECK}")
    return tuple(found)


FAMILY = Family(
    name="ibg-controller",
    controller="ibg-controller",
    marks=_marks,
    lines=(
        *LINES,
        (r"\.> Starting Gateway controller in (?P<mode>live|paper) mode\.", "script_started"),  # C:docker/run.sh
        (r"\.> Controller ready \((?P<mode>live|paper)\) after \d+s\.", "configured"),
        (r"\.> WARNING: controller readiness timeout after \d+s in (?P<mode>live|paper) mode; .*", "readiness_overdue"),
        (r"\.> Stopping (?:IBC / controller|window manager|AT-SPI infrastructure)\b.*", "stopped_from_outside"),
        (r"\.> Controllers did not exit within \d+s; .*", "stop_overran"),
    ),
    versions=GNZSNZ_IBC.versions,
    dumped_as=str,  # it reads its environment only, and tells the same names
    ports={  # as the image that it is built on
        number: port for number, port in GNZSNZ_IBC.ports.items() if port.program == "gateway"
    },
    processes=(
        (re.compile(r"^(\S*/)?java\b.*\b(ibgateway|twslaunch|jts)", re.IGNORECASE), "gateway"),
        (re.compile(r"/gateway_controller\.py\b"), "controller"),  # C:docker/run.sh
        *GNZSNZ_IBC.processes,
    ),
    user=(1000, 1000),
    # The image's own health check grants 180 s (C:Dockerfile:68).
    start_seconds=180,
    variables={  # C:README.md, docker/run.sh, gateway_controller.py
        # What the image that it is built on reads, without what its controller does not honour.
        **{name: known for name, known in GNZSNZ_IBC.variables.items() if name not in _NOT_HONOURED},
        # The paper user goes before the other one in mode paper too.
        "TRADING_MODE": replace(GNZSNZ_IBC.variables["TRADING_MODE"], default="paper"),
        "TWS_USERID": USER,
        "TWS_PASSWORD": SECRET,
        "TWS_PASSWORD_FILE": FILE,
        "TWS_USERID_PAPER": USER,
        "TWS_PASSWORD_PAPER": SECRET,
        "TWS_PASSWORD_PAPER_FILE": FILE,
        "USE_IBG_CONTROLLER": _USE,
        "USE_PYATSPI2_CONTROLLER": _USE,  # its name in the first releases
        "TWOFACTOR_CODE": Variable(BASE32, "secret", Wrong("refused", "the controller ends with exit code 2")),
        "TWOFACTOR_CODE_FILE": FILE,
        "TWOFA_DEVICE": Variable(default="Mobile Authenticator app", since="0.7.0"),
        "TWOFA_EXIT_INTERVAL": replace(_SECONDS, default="120"),
        "TWOFA_TIMEOUT_ACTION": Variable(
            choice("exit", "restart", "none"), wrong=Wrong("ignored", "it counts as none"), default="none"
        ),
        "RELOGIN_AFTER_TWOFA_TIMEOUT": replace(_SWITCH, default="no"),
        "EXISTING_SESSION_DETECTED_ACTION": Variable(
            choice("primary", "primaryoverride", "secondary", "manual"), default="primary"
        ),
        "BYPASS_WARNING": Variable(BUTTONS, wrong=Wrong("misread", "the controller looks for a button of that name")),
        "TWS_COLD_RESTART": Variable(
            SPOKEN,
            wrong=Wrong("ignored", "there is no restart at that time: the name is that of a switch for saved state"),
        ),
        "AUTO_RESTART_TIME": _DAILY,
        "AUTO_LOGOFF_TIME": _DAILY,
        "AUTO_RESTART_ADOPT": replace(_SWITCH, default="yes", since="0.9.0"),
        "AUTO_RESTART_ADOPT_TIMEOUT_SECONDS": replace(_SECONDS, default="90", since="0.9.0"),
        "READ_ONLY_API": Variable(SPOKEN, wrong=Wrong("ignored", "the gateway keeps the setting that it had")),
        "TWS_MASTER_CLIENT_ID": Variable(number(0, 2_147_483_647)),
        "TWS_SERVER": PLAIN,
        "TWS_SERVER_PAPER": PLAIN,
        "PASSKEY_AUTHENTICATE": replace(_SWITCH, since="0.10.0"),
        "CONTROLLER_HEALTH_SERVER_PORT": Variable(PORT, default="8080"),
        "CONTROLLER_HEALTH_SERVER_HOST": Variable(default="0.0.0.0"),
        "CONTROLLER_COMMAND_SERVER_PORT": Variable(PORT),
        "CONTROLLER_COMMAND_SERVER_HOST": Variable(default="0.0.0.0"),
        "CONTROLLER_COMMAND_SERVER_AUTH_TOKEN": SECRET,
        "CONTROLLER_DEBUG": PLAIN,
        "CONTROLLER_SCRIPTS": PLAIN,
        "CONTROLLER_READY_FILE": PLAIN,
        "CONTROLLER_TEST_MODE": PLAIN,
        "CCP_COOLDOWN_SECONDS": _SECONDS,
        "CCP_LOCKOUT_MAX_JVM_RESTARTS": Variable(number(0, 1_000), default="0"),
        "CCP_MAINTENANCE_RECOVERY_DELAY_SECONDS": replace(_SECONDS, default="480"),
        "CLEAN_LOGOUT_TIMEOUT_SECONDS": replace(_SECONDS, default="15"),
        "JVM_TEARDOWN_GRACE_SECONDS": replace(_SECONDS, default="30"),
        "DUAL_MODE_STAGGER_SECONDS": replace(_SECONDS, default="15"),
        "GATEWAY_WARM_STATE": PLAIN,
        "GATEWAY_INPUT_AGENT_JAR": PLAIN,
        "GATEWAY_INPUT_AGENT_SOCKET": PLAIN,
    },
    ends_java_first=False,  # its controller logs out on the container's stop, which needs its grace (C:README, stop_grace_period)
    exit_codes={
        **GNZSNZ_IBC.exit_codes,  # without USE_IBG_CONTROLLER=yes it runs IBC (C:docker/run.sh)
        # C: exit codes
        0: "stopped on request",
        1: "the controller gave up: no login window, throttled, API port never opened, or second factor failed",
        2: "credentials are missing, or the TOTP key is not valid base32",
        3: "the second factor timed out, and the controller was told to exit",
        4: "the restart after a second factor that timed out failed",
    },
    # A code of its own controller's proves no one condition.
    exit_problems={code: problem for code, problem in GNZSNZ_IBC.exit_problems.items() if code > 4},
    words={
        "user": Setting(("TWS_USERID",)),
        "password": Setting(("TWS_PASSWORD",), file="TWS_PASSWORD_FILE"),
        "paper_user": Setting(("TWS_USERID_PAPER",)),
        "paper_password": Setting(("TWS_PASSWORD_PAPER",), file="TWS_PASSWORD_PAPER_FILE"),
        "totp_key": Setting(("TWOFACTOR_CODE",), file="TWOFACTOR_CODE_FILE"),
        "vnc_password": Setting(("VNC_SERVER_PASSWORD",), file="VNC_SERVER_PASSWORD_FILE"),
        "rdp_password": Lacking("there is no TWS image of it"),
        "program": Setting(choices={"gateway": ""}, lacking="there is no TWS image of it"),
        "trading_mode": Setting(("TRADING_MODE",), choices={"paper": "paper", "live": "live", "both": "both"}),
        "second_factor": Setting(("TWOFA_DEVICE",), choices={**_DEVICES, "none": ""}),
        "second_factor_device": Setting(("TWOFA_DEVICE",)),
        # Its exit would have Docker start it again, with a push each time and no end: none stays as it is.
        "second_factor_timeout_action": Setting(
            ("TWOFA_TIMEOUT_ACTION",), choices={"exit": "none", "restart": "restart"}
        ),
        "relogin_after_second_factor_timeout": Setting(("RELOGIN_AFTER_TWOFA_TIMEOUT",)),
        "existing_session": Setting(
            ("EXISTING_SESSION_DETECTED_ACTION",),
            choices={one: one for one in ("primary", "primaryoverride", "secondary", "manual")},
        ),
        "daily_restart": Setting(("AUTO_RESTART_TIME",)),  # C: ALERT_CONFIG_NOT_APPLIED
        "daily_logoff": Setting(("AUTO_LOGOFF_TIME",)),
        "weekly_cold_restart": Lacking("TWS_COLD_RESTART is a switch with another meaning there"),
        "read_only_api": Setting(("READ_ONLY_API",)),
        "time_zone": Setting(("TZ", "TIME_ZONE")),
        "accept_incoming": Lacking("it always takes clients of its own loopback and asks about no other"),
        "master_client_id": Setting(("TWS_MASTER_CLIENT_ID",)),
        "java_heap_mb": Setting(("JAVA_HEAP_SIZE",)),
        "controller_settings": Lacking("it reads no config.ini"),
    },
    build=Build(
        images={"gateway": "ghcr.io/code-hustler-ft3d/ibg-controller:0.12.1"},
        start="/home/ibgateway/scripts/run.sh",
        persistent={"gateway": ("/home/ibgateway/tws_settings{instance}",)},
        # Its own advice, on-failure, does not bring it back after an orderly reboot, where it ends with 0.
        restart_policy="unless-stopped",
        environment={
            # Without the switch this image runs IBC (C:docker/run.sh).
            "gateway": {"USE_IBG_CONTROLLER": "yes", "TWS_SETTINGS_PATH": "/home/ibgateway/tws_settings"}
        },
        tells_login=True,  # C: /health is 200 only when logged in and monitoring
        caveats=(
            "a session-keeping restart on demand does not exist with ibg-controller: its RESTART is a full login",
            "after a push that nobody approved it stays as it is, and a restart sends the next one",
            "a tool that restarts unhealthy containers defeats its protection against throttled logins",
        ),
    ),
    relay=GNZSNZ_IBC.relay,
    bare_screen={"gateway": "off"},  # as the image that it is built on
    samples=GNZSNZ_IBC.samples,
    settings_named_by=GNZSNZ_IBC.settings_named_by,
    switched_on_by=("USE_IBG_CONTROLLER", "USE_PYATSPI2_CONTROLLER"),  # C:docker/run.sh
)
