# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One vocabulary: each word becomes the name and the form of every family that has it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Lacking
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FAMILIES
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import DEPLOYED, WORDS

from tests.unit.plugin_utils.deployment.machine import KEY, configuration, environment, plan

K, C, A, E = "gnzsnz-ibcontroller", "ibg-controller", "ibga", "extrange"

#: What is said, and what it becomes: by family the variable and its value, None where it is not set.
VARIABLES: list[tuple[dict[str, Any], dict[str, dict[str, str | None]]]] = [
    (
        {"trading_mode": "paper"},
        {
            "gnzsnz-ibc": {"TRADING_MODE": "paper"},
            K: {"IBC_TRADING_MODE": "paper"},
            C: {"TRADING_MODE": "paper", "USE_IBG_CONTROLLER": "yes"},
            A: {"IB_LOGINTYPE": "Paper Trading", "IB_LOGINTAB": "IB API"},
            E: {"IBC_TradingMode": "paper", "GATEWAY_OR_TWS": "gateway"},
        },
    ),
    ({"trading_mode": "live"}, {A: {"IB_LOGINTYPE": "Live Trading"}, E: {"IBC_TradingMode": "live"}}),
    (
        {"daily_restart": "23:59"},
        {
            K: {"IBC_AUTO_RESTART_TIME": "11:59 PM"},
            C: {"AUTO_RESTART_TIME": "11:59 PM"},
            A: {"IB_LOGOFF": "11:59 PM"},
            E: {"IBC_AutoRestartTime": "11:59 PM"},
        },
    ),
    ({"daily_restart": "12:00"}, {C: {"AUTO_RESTART_TIME": "12:00 PM"}}),
    ({"daily_restart": "00:05"}, {A: {"IB_LOGOFF": "12:05 AM"}, E: {"IBC_AutoRestartTime": "12:05 AM"}}),
    ({"daily_restart": "05:30"}, {A: {"IB_LOGOFF": "05:30 AM"}}),
    (
        {"daily_restart": "", "daily_logoff": "22:00"},
        {K: {"IBC_AUTO_LOGOFF_TIME": "10:00 PM", "IBC_AUTO_RESTART_TIME": None}, C: {"AUTO_LOGOFF_TIME": "10:00 PM"}},
    ),
    ({"weekly_cold_restart": "13:05"}, {K: {"IBC_COLD_RESTART_TIME": "13:05"}, E: {"IBC_ColdRestartTime": "13:05"}}),
    (
        {"read_only_api": False},
        {
            K: {"IBC_READ_ONLY_API": "false"},
            C: {"READ_ONLY_API": "no"},
            A: {"IB_READONLY": "no"},
            E: {"IBC_ReadOnlyApi": "no"},
        },
    ),
    ({"read_only_api": True}, {K: {"IBC_READ_ONLY_API": "true"}, A: {"IB_READONLY": "yes"}}),
    (
        {"java_heap_mb": 1024},
        {
            "gnzsnz-ibc": {"JAVA_HEAP_SIZE": "1024"},
            K: {"IBC_JAVA_HEAP_SIZE": "1024m"},
            C: {"JAVA_HEAP_SIZE": "1024"},
        },
    ),
    (
        {"time_zone": "Asia/Tokyo"},
        {
            "gnzsnz-ibc": {"TZ": "Asia/Tokyo"},
            K: {"TZ": "Asia/Tokyo", "TIME_ZONE": "Asia/Tokyo", "IBC_TIME_ZONE": "Asia/Tokyo"},
            A: {"IB_TIMEZONE": "Asia/Tokyo"},
            E: {"TZ": "Asia/Tokyo"},
        },
    ),
    # Where Docker starts again what ended, ending would send a push each time, without end.
    (
        {"second_factor_timeout_action": "exit"},
        {K: {"IBC_MFA_TIMEOUT_ACTION": "exit"}, C: {"TWOFA_TIMEOUT_ACTION": "none"}},
    ),
    (
        {"second_factor_timeout_action": "restart"},
        {
            "gnzsnz-ibc": {"TWOFA_TIMEOUT_ACTION": "restart"},
            K: {"IBC_MFA_TIMEOUT_ACTION": "restart"},
            C: {"TWOFA_TIMEOUT_ACTION": "restart"},
            E: {"TWOFA_TIMEOUT_ACTION": "restart"},
        },
    ),
    (
        {"relogin_after_second_factor_timeout": True},
        {
            K: {"IBC_RELOGIN_AFTER_MFA_TIMEOUT": "true"},
            C: {"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes"},
            E: {"IBC_ReloginAfterSecondFactorAuthenticationTimeout": "yes"},
        },
    ),
    (
        {"existing_session": "primaryoverride"},
        {
            K: {"IBC_EXISTING_SESSION_ACTION": "primaryoverride"},
            C: {"EXISTING_SESSION_DETECTED_ACTION": "primaryoverride"},
            E: {"IBC_ExistingSessionDetectedAction": "primaryoverride"},
        },
    ),
    ({"second_factor": "push"}, {C: {"TWOFA_DEVICE": "IB Key"}, A: {"IB_PREFER_IBKEY": "true"}}),
    ({"second_factor": "none"}, {C: {"TWOFA_DEVICE": None}, A: {"IB_PREFER_IBKEY": None}}),
    (
        {"second_factor_device": "IB Key 2"},
        {C: {"TWOFA_DEVICE": "IB Key 2"}, E: {"IBC_SecondFactorDevice": "IB Key 2"}},
    ),
    ({"master_client_id": 0}, {C: {"TWS_MASTER_CLIENT_ID": "0"}, E: {"IBC_OverrideTwsMasterClientID": "0"}}),
    ({"accept_incoming": "accept"}, {K: {"IBC_ACCEPT_INCOMING_CONNECTIONS": "accept"}}),
    ({"program": "tws"}, {E: {"GATEWAY_OR_TWS": "tws"}, "gnzsnz-ibc": {"PUID": "1000"}}),
    ({"controller_settings": {"ClosedownAt": "Friday 22:00"}}, {E: {"IBC_ClosedownAt": "Friday 22:00"}}),
    ({"variables": {"SSH_TUNNEL": "both"}}, {"gnzsnz-ibc": {"SSH_TUNNEL": "both"}, K: {"SSH_TUNNEL": "both"}}),
]


@pytest.mark.parametrize(
    ("entry", "family", "expected"),
    [(entry, family, expected) for entry, families in VARIABLES for family, expected in families.items()],
    ids=lambda part: "-".join(map(str, part)) if isinstance(part, dict) else part,
)
def test_each_family_gets_its_own_name_and_form(entry: dict[str, Any], family: str, expected: dict[str, Any]) -> None:
    told = environment({"password": "x"}, family=family, **entry)
    assert {name: told.get(name) for name in expected} == expected


CONFIGURATION: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"trading_mode": "live"}, {"TradingMode": "live"}),
    ({"second_factor_device": "IB Key"}, {"SecondFactorDevice": "IB Key"}),
    ({"relogin_after_second_factor_timeout": True}, {"ReloginAfterSecondFactorAuthenticationTimeout": "yes"}),
    ({"relogin_after_second_factor_timeout": False}, {"ReloginAfterSecondFactorAuthenticationTimeout": "no"}),
    ({"existing_session": "secondary"}, {"ExistingSessionDetectedAction": "secondary"}),
    ({"daily_restart": "23:59"}, {"AutoRestartTime": "11:59 PM", "AutoLogoffTime": ""}),
    ({"daily_restart": "00:00"}, {"AutoRestartTime": "12:00 AM"}),
    ({"daily_restart": "12:30"}, {"AutoRestartTime": "12:30 PM"}),
    ({"daily_restart": "", "daily_logoff": "09:05"}, {"AutoLogoffTime": "09:05 AM", "AutoRestartTime": ""}),
    ({"weekly_cold_restart": "08:00"}, {"ColdRestartTime": "08:00"}),
    ({"read_only_api": False}, {"ReadOnlyApi": "no"}),
    ({"accept_incoming": "reject"}, {"AcceptIncomingConnectionAction": "reject"}),
    ({"master_client_id": 7}, {"OverrideTwsMasterClientID": "7"}),
    ({"controller_settings": {"BypassOrderPrecautions": "yes"}}, {"BypassOrderPrecautions": "yes"}),
    # what the role sees to whatever is said
    ({}, {"CommandServerPort": "7462", "BindAddress": "127.0.0.1", "ControlFrom": "", "IbDir": ""}),
    ({}, {"AcceptNonBrokerageAccountWarning": "yes", "AutoRestartTime": "10:30 PM"}),
]


@pytest.mark.parametrize(("entry", "expected"), CONFIGURATION)
def test_each_word_reaches_ibcs_configuration_in_its_form(entry: dict[str, Any], expected: dict[str, str]) -> None:
    told = configuration(**entry)
    assert {key: told.get(key) for key in expected} == expected


def test_what_is_in_the_configuration_is_not_in_the_environment_too() -> None:
    told = environment(second_factor_device="IB Key", daily_restart="23:59")
    assert sorted(told) == [
        "CUSTOM_CONFIG",
        "IBC_INI",
        "JAVA_HEAP_SIZE",
        "TIME_ZONE",
        "TRADING_MODE",
        "TWOFA_TIMEOUT_ACTION",
        "TWS_SETTINGS_PATH",
        "TZ",
    ]


def test_two_instances_have_a_configuration_and_a_command_server_each() -> None:
    paper_user = {"paper_user": "p", "paper_password": "q"}
    live, paper = (configuration(paper_user, one, trading_mode="both") for one in ("_live", "_paper"))
    assert (live["TradingMode"], live["CommandServerPort"]) == ("live", "7462")
    assert (paper["TradingMode"], paper["CommandServerPort"]) == ("paper", "7463")


def test_the_codes_are_made_where_they_can_be() -> None:
    told = {family: plan({"totp_key": KEY}, family=family, second_factor="totp") for family in (C,)}
    assert told[C]["container"]["env"]["TWOFA_DEVICE"] == "Mobile Authenticator app"
    assert told[C]["container"]["env"]["TWOFACTOR_CODE_FILE"] == "/run/ibgw/totp_key"


def test_a_variable_of_nobody_passes_with_a_word() -> None:
    planned = plan(variables={"JAVA_TOOL_OPTIONS": "-Dx=y"})
    assert planned["container"]["env"]["JAVA_TOOL_OPTIONS"] == "-Dx=y"
    assert any("JAVA_TOOL_OPTIONS" in warning for warning in planned["warnings"])


@pytest.mark.parametrize("family", DEPLOYED)
def test_what_nobody_asked_for_is_refused_by_no_family(family: str) -> None:
    assert plan({"password": "x"}, family=family)["family"] == family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_translated_word_is_one_of_the_vocabulary_or_a_secret(family: Any) -> None:
    secrets = {"user", "password", "paper_user", "paper_password", "totp_key", "vnc_password", "rdp_password"}
    assert set(family.words) <= set(WORDS) | secrets
    reasons = [setting.reason for setting in family.words.values() if isinstance(setting, Lacking)]
    assert all(reason and not reason.endswith(".") for reason in reasons)
