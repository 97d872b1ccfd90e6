# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One schema per family: every variable that its image reads, what it is and what it may be."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import TEXT
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS, SETTINGS
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, FAMILIES, KINDS

GNZSNZ = """
TWS_USERID TWS_PASSWORD TWS_PASSWORD_FILE TWS_USERID_PAPER TWS_PASSWORD_PAPER TWS_PASSWORD_PAPER_FILE TRADING_MODE TWS_SETTINGS_PATH
TWS_ACCEPT_INCOMING TWS_MASTER_CLIENT_ID READ_ONLY_API VNC_SERVER_PASSWORD VNC_SERVER_PASSWORD_FILE TWOFA_TIMEOUT_ACTION
RELOGIN_AFTER_TWOFA_TIMEOUT TWOFA_EXIT_INTERVAL TWOFA_DEVICE BYPASS_WARNING AUTO_RESTART_TIME AUTO_LOGOFF_TIME TWS_COLD_RESTART
SAVE_TWS_SETTINGS EXISTING_SESSION_DETECTED_ACTION ALLOW_BLIND_TRADING TIME_ZONE TZ CUSTOM_CONFIG JAVA_HEAP_SIZE SSH_TUNNEL SSH_OPTIONS
SSH_ALIVE_INTERVAL SSH_ALIVE_COUNT SSH_REMOTE_PORT SSH_USER_TUNNEL SSH_RESTART SSH_VNC_PORT SSH_RDP_PORT SSH_PASSPHRASE
SSH_PASSPHRASE_FILE START_SCRIPTS X_SCRIPTS IBC_SCRIPTS DUAL_MODE PUID PGID PASSWD PASSWD_FILE
"""
IBCONTROLLER = """
IBC_USERID IBC_USERID_FILE IBC_PASSWORD IBC_PASSWORD_FILE IBC_USERID_PAPER IBC_PASSWORD_PAPER IBC_PASSWORD_PAPER_FILE IBC_TRADING_MODE
IBC_INSTANCE IBC_PROGRAM IBC_TWS_PATH IBC_TWS_VERSION IBC_TWS_CHANNEL IBC_TWS_SETTINGS_PATH IBC_APP_DIR IBC_SETTINGS_FILE IBC_READ_ONLY_API
IBC_READ_ONLY_LOGIN IBC_ACCEPT_INCOMING_CONNECTIONS IBC_EXISTING_SESSION_ACTION IBC_LOGIN_DIALOG_DISPLAY_TIMEOUT IBC_MFA_TIMEOUT
IBC_RELOGIN_AFTER_MFA_TIMEOUT IBC_MFA_EXIT_INTERVAL IBC_MFA_TIMEOUT_ACTION IBC_AUTO_RESTART_TIME IBC_AUTO_LOGOFF_TIME
IBC_COLD_RESTART_TIME IBC_CLOSEDOWN_AT IBC_TIME_ZONE IBC_JAVA_HEAP_SIZE IBC_LOG_LEVEL IBC_LOG_SINK IBC_LOG_DIR IBC_LOG_MAX_BYTES
IBC_LOG_BACKUP_COUNT IBC_TRACE_ENABLED IBC_DIAGNOSTIC_SCOPE IBC_DIAGNOSTIC_WHEN VNC_SERVER_PASSWORD VNC_SERVER_PASSWORD_FILE TZ TIME_ZONE
CUSTOM_CONFIG START_SCRIPTS X_SCRIPTS IBC_SCRIPTS RDP_PASSWORD RDP_PASSWORD_FILE SSH_TUNNEL SSH_PASSPHRASE DUAL_MODE
"""
IBG_CONTROLLER = """
TWS_USERID TWS_PASSWORD TWS_PASSWORD_FILE TWS_USERID_PAPER TWS_PASSWORD_PAPER TWS_PASSWORD_PAPER_FILE TRADING_MODE TWOFACTOR_CODE
TWOFACTOR_CODE_FILE TWOFA_DEVICE TWOFA_EXIT_INTERVAL TWOFA_TIMEOUT_ACTION RELOGIN_AFTER_TWOFA_TIMEOUT EXISTING_SESSION_DETECTED_ACTION
BYPASS_WARNING TWS_COLD_RESTART AUTO_RESTART_TIME AUTO_LOGOFF_TIME AUTO_RESTART_ADOPT AUTO_RESTART_ADOPT_TIMEOUT_SECONDS READ_ONLY_API
TWS_MASTER_CLIENT_ID TWS_SERVER TWS_SERVER_PAPER GATEWAY_OR_TWS PASSKEY_AUTHENTICATE CONTROLLER_HEALTH_SERVER_PORT
CONTROLLER_HEALTH_SERVER_HOST CONTROLLER_COMMAND_SERVER_PORT CONTROLLER_COMMAND_SERVER_HOST CONTROLLER_COMMAND_SERVER_AUTH_TOKEN
CCP_LOCKOUT_MAX_JVM_RESTARTS CLEAN_LOGOUT_TIMEOUT_SECONDS JVM_TEARDOWN_GRACE_SECONDS DUAL_MODE_STAGGER_SECONDS CONTROLLER_DEBUG
GATEWAY_WARM_STATE CONTROLLER_SCRIPTS USE_IBG_CONTROLLER USE_PYATSPI2_CONTROLLER
"""
IBGA = """
IB_USERNAME IB_PASSWORD IB_TIMEZONE IB_LOGINTAB IB_LOGINTYPE IB_LOGOFF IB_REGION IB_READONLY IB_APILOG IB_LOGLEVEL TOTP_KEY IB_PREFER_IBKEY
IBGA_VNC_PASSWORD IBGA_EXPORT_LOGS IBGA_LOG_EXPORT_DIR IBGA_RECONNECT_INTERVAL IBG_PORT IBG_PORT_INTERNAL IBG_DIR IBG_SETTINGS_DIR
IBG_DOWNLOAD_URL TERM
"""
READ = {
    "gnzsnz-ibc": GNZSNZ,
    "gnzsnz-ibcontroller": IBCONTROLLER,
    "ibg-controller": IBG_CONTROLLER,
    "ibga": IBGA,
    "huieric": f"{IBGA} AUTH_METHOD",
    "extrange": "USERNAME PASSWORD GATEWAY_OR_TWS TWOFA_TIMEOUT_ACTION TWS_SETTINGS_PATH TZ IBC_TradingMode IBC_CommandServerPort",
    "manhinhang": "IB_ACCOUNT IB_PASSWORD TRADING_MODE IBGW_PORT IBGW_INTERNAL_PORT JAVA_HEAP_SIZE HEALTHCHECK_API_ENABLE"
    " IBC_AUTO_RESTART_TIME IBC_COMMAND_SERVER_PORT IBC_BIND_ADDRESS TWOFA_TIMEOUT_ACTION HEALTHCHECK_CLIENT_ID SERVER_ADDRESS SERVER_PORT",
    "unusualalpha": "TWS_USERID TWS_PASSWORD TRADING_MODE READ_ONLY_API VNC_SERVER_PASSWORD TWOFA_TIMEOUT_ACTION",
}
NOT_READ = {
    "gnzsnz-ibc": "IBC_USERID TWOFACTOR_CODE TOTP_KEY USE_IBG_CONTROLLER RDP_PASSWORD IBC_TradingMode",
    "gnzsnz-ibcontroller": "TWS_USERID TRADING_MODE TWOFA_TIMEOUT_ACTION EXISTING_SESSION_DETECTED_ACTION PASSWD TWOFACTOR_CODE"
    " JAVA_HEAP_SIZE IBC_COMMAND_SERVER_PORT",
    "ibg-controller": "TOTP_KEY PASSWD CUSTOM_CONFIG ALLOW_BLIND_TRADING SAVE_TWS_SETTINGS",
    "ibga": "TWOFACTOR_CODE TRADING_MODE IB_PASSWORD_FILE TOTP_KEY_FILE IB_ACCOUNT",
    "huieric": "TWOFACTOR_CODE IB_PASSWORD_FILE",
    "extrange": "TRADING_MODE IBC_TRADING_MODE TWS_USERID READ_ONLY_API PASSWORD_FILE TOTP_KEY",
    "manhinhang": "IB_USERNAME IB_PASSWORD_FILE TWOFACTOR_CODE READ_ONLY_API",
    "unusualalpha": "TWS_PASSWORD_FILE VNC_SERVER_PASSWORD_FILE TWS_USERID_PAPER AUTO_RESTART_TIME",
}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_schema_has_what_the_image_reads_and_nothing_else(family: Family) -> None:
    assert [name for name in READ[family.name].split() if name not in family.variables] == []
    assert [name for name in NOT_READ[family.name].split() if name in family.variables] == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_record_makes_sense(family: Family) -> None:
    for name, known in family.variables.items():
        assert known.kind in ("plain", "user", "secret"), name
        assert known.kind == ("plain" if name.endswith("_FILE") else known.kind), name
        assert known.wrong is None or known.wrong.manner in ("refused", "ignored", "misread"), name
        assert known.wrong is None or not known.wrong.effect.endswith("."), name
        assert not known.form.allowed.endswith("."), name
        if (
            re.search(r"PASSWORD(?!Exp)|PASSPHRASE|TOTP_KEY|TWOFACTOR_CODE|TOKEN", name, re.IGNORECASE)
            and "_FILE" not in name
        ):
            assert known.kind == "secret", name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_a_word_becomes_has_the_form_of_its_variable(family: Family) -> None:
    for word, setting in family.words.items():
        if isinstance(setting, Setting) and setting.choices and setting.variables:
            form = family.variables[setting.variables[0]].form
            assert [told for told in setting.choices.values() if told and not form.takes(told)] == [], word


def test_every_key_of_ibc_is_described_and_what_the_role_writes_has_its_form() -> None:
    assert set(KEYS) == set(SETTINGS)
    assert [key for key, value in SETTINGS.items() if value and not KEYS[key].form.takes(value)] == []
    assert all(known.key == key for key, known in KEYS.items())


def test_a_name_that_is_secret_to_one_family_is_plain_to_nobody_who_does_not_know_it() -> None:
    secret = {name for family in FAMILIES for name, known in family.variables.items() if known.kind != "plain"}
    assert {name for name, kind in KINDS.items() if kind != "plain"} == secret


@pytest.mark.parametrize(
    ("family", "name", "environment", "reads"),
    [
        ("gnzsnz-ibc", "READ_ONLY_API", {}, True),
        ("gnzsnz-ibc", "READ_ONLY_API", {"CUSTOM_CONFIG": "yes"}, False),
        ("gnzsnz-ibc", "READ_ONLY_API", {"CUSTOM_CONFIG": "Yes"}, True),
        ("gnzsnz-ibc", "JAVA_HEAP_SIZE", {"CUSTOM_CONFIG": "yes"}, True),
        ("gnzsnz-ibc", "TWS_PASSWORD_FILE", {"CUSTOM_CONFIG": "yes"}, False),
        ("gnzsnz-ibcontroller", "IBC_READ_ONLY_API", {"CUSTOM_CONFIG": "yes"}, True),
        ("gnzsnz-ibc", "TWS_USERID_PAPER", {"TRADING_MODE": "paper"}, False),
        ("gnzsnz-ibc", "TWS_USERID_PAPER", {"TRADING_MODE": "both"}, True),
        ("gnzsnz-ibcontroller", "IBC_PASSWORD_PAPER_FILE", {"IBC_TRADING_MODE": "paper"}, False),
        ("gnzsnz-ibcontroller", "IBC_PASSWORD_PAPER_FILE", {"DUAL_MODE": "yes"}, True),
        ("ibg-controller", "TWS_USERID_PAPER", {"TRADING_MODE": "paper"}, True),
        ("gnzsnz-ibc", "IBC_USERID", {}, False),
    ],
)
def test_what_else_is_set_decides_whether_a_variable_is_read(
    family: str, name: str, environment: dict[str, str], reads: bool
) -> None:
    assert BY_NAME[family].reads(name, environment) is reads


def test_a_variable_without_a_form_of_its_own_takes_anything() -> None:
    assert [value for value in ("", "two\nlines") if not TEXT.takes(value)] == []
