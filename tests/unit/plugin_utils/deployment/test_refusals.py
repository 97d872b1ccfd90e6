# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever makes no sense is refused before anything is changed: one sentence with the gateway, the key and what is allowed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.plan import check_fleet, plan_machine

from tests.unit.plugin_utils.deployment.machine import BOTH, KEY, NAME, PAPER_USER, PASSWORD, USER, plan, variables

DIGEST = f"@sha256:{'0' * 64}"
TOTP = {"second_factor": "totp", "family": "ibga"}

#: What is given of one gateway (entry, secrets), what the sentence says, and the nearest that is fine.
ROWS: dict[str, tuple[dict[str, Any], Any, str, dict[str, Any], Any]] = {
    # words
    "unknown key": ({"trading_mod": "live"}, None, "the nearest is trading_mode", {"trading_mode": "live"}, None),
    "unknown family": ({"family": "gnzsnz"}, None, "allowed are ibg-controller, gnzsnz-ibcontroller", {}, None),
    "family that is only diagnosed": (
        {"family": "manhinhang"},
        None,
        "no container of it is made: its API always takes orders, and its settings lie among the files of its program;"
        " allowed are ibg-controller, gnzsnz-ibcontroller, gnzsnz-ibc, ibga, extrange",
        {"family": "ibga"},
        None,
    ),
    "mode in capitals": ({"trading_mode": "Live"}, None, "allowed are paper, live, both", {}, None),
    "flag as text": ({"vnc": "perhaps"}, None, "allowed are true and false", {"vnc": "yes"}, None),
    "flag as number": ({"vnc": 1}, None, "allowed are true and false", {"vnc": True}, None),
    "heap with unit": ({"java_heap_mb": "1024m"}, None, "whole numbers from 256", {"java_heap_mb": "1024"}, None),
    "heap true": ({"java_heap_mb": True}, None, "whole numbers", {}, None),
    "time in 12 hours": ({"daily_restart": "11:59 PM"}, None, "a time of 24 hours", {"daily_restart": "23:59"}, None),
    "time without zero": ({"daily_restart": "7:30"}, None, "a time of 24 hours", {"daily_restart": "07:30"}, None),
    "time without quotes": ({"daily_restart": 1350}, None, "write it in quotes", {"daily_restart": "22:30"}, None),
    "24:00": ({"daily_restart": "24:00"}, None, "a time of 24 hours", {"daily_restart": "00:00"}, None),
    "zone": ({"time_zone": "America/New_Yorck"}, None, "like America/New_York", {"time_zone": "Asia/Tokyo"}, None),
    "zone with blank": ({"time_zone": "UTC "}, None, "time zone database", {"time_zone": "UTC"}, None),
    "address": ({"bind_address": "localhost"}, None, "allowed is an IP address", {"bind_address": "::1"}, None),
    "network": ({"network": "a b"}, None, "the name of a Docker network", {"network": "trading"}, None),
    "relative directory": ({"settings_dir": "data"}, None, "an absolute path", {"settings_dir": "/srv/data"}, None),
    "log size": ({"log_max_size": "20 MB"}, None, "a size like 20m", {"log_max_size": "100k"}, None),
    "port below 1": ({"ports": {"paper": 0}}, None, "a number from 1 to 65535", {"ports": {"paper": 1}}, None),
    "port as text": ({"ports": {"paper": "4002"}}, None, "a number from 1 to 65535", {"ports": {"paper": 4002}}, None),
    "few files": ({"open_files": 1024}, None, "from 4096", {"open_files": 4096}, None),
    # image
    "image alone": ({"image": "gnzsnz/ib-gateway"}, None, "neither tag nor digest", {"image": "x/y:10.45.1j"}, None),
    "tag and digest": ({"image": f"x/y:1{DIGEST}"}, None, "a tag and a digest", {"image": f"x/y{DIGEST}"}, None),
    "port of a registry is no tag": (
        {"image": "reg:5000/x"},
        None,
        "neither tag nor digest",
        {"image": "reg:5000/x:1"},
        None,
    ),
    "short digest": ({"image": "x/y@sha256:12"}, None, "allowed is name:tag or name@sha256", {}, None),
    # what goes together
    "restart and logoff": (
        {"daily_logoff": "23:00"},
        None,
        "set daily_restart to ''",
        {"daily_logoff": "23:00", "daily_restart": ""},
        None,
    ),
    "cold restart too early": (
        {"weekly_cold_restart": "00:30"},
        None,
        "before 01:00 in New York",
        {"weekly_cold_restart": "01:30"},
        None,
    ),
    "cold restart too early elsewhere": (
        {"weekly_cold_restart": "05:30", "time_zone": "Europe/London"},
        None,
        "before 01:00 in New York",
        {"weekly_cold_restart": "06:30", "time_zone": "Europe/London"},
        None,
    ),
    "everywhere": (
        {"bind_address": "0.0.0.0"},
        None,
        "or expose: true where it is meant",
        {"bind_address": "0.0.0.0", "expose": True},
        None,
    ),
    "a private address": (
        {"bind_address": "10.0.0.5"},
        None,
        "or expose: true where it is meant",
        {"bind_address": "127.0.0.2"},
        None,
    ),
    "heap over memory": (
        {"memory_mb": 1024, "java_heap_mb": 768},
        None,
        "memory limit 1024 MiB (config.heap_over_limit); set memory_mb: 1536",
        {"memory_mb": 1152, "java_heap_mb": 768},
        None,
    ),
    "two heaps over memory": (
        {**BOTH, "memory_mb": 1500},
        PAPER_USER,
        "heap up to 1536 MiB",
        {"memory_mb": 1500},
        None,
    ),
    "port of the other mode": ({"ports": {"live": 4001}}, None, "nothing serves live", {"ports": {"vnc": 5901}}, None),
    "orders on a read-only API": (
        {"expect_orders": True},
        None,
        "orders are expected of this gateway (config.read_only_api); set read_only_api: false",
        {"expect_orders": True, "read_only_api": False},
        None,
    ),
    # what a family can not do
    "TOTP with IBC": (
        {"second_factor": "totp"},
        {"totp_key": KEY},
        "gnzsnz-ibc can not do that: IBC never types a code; ibg-controller and ibga can",
        TOTP,
        {"totp_key": KEY},
    ),
    "TOTP key with IBC": (
        {},
        {"totp_key": KEY},
        "nobody would use it: IBC never types a code; ibg-controller",
        {},
        None,
    ),
    "both on ibga": ({**BOTH, "family": "ibga"}, PAPER_USER, "it runs one trading mode", BOTH, PAPER_USER),
    "secondary on ibga": (
        {"family": "ibga", "existing_session": "secondary"},
        None,
        "always takes over",
        {"family": "ibga", "existing_session": "primary"},
        None,
    ),
    "no restart on ibga": (
        {"family": "ibga", "daily_restart": ""},
        None,
        "it always restarts",
        {"daily_restart": ""},
        None,
    ),
    "heap on ibga": (
        {"family": "ibga", "java_heap_mb": 1024},
        None,
        "it has no such setting",
        {"family": "ibga"},
        None,
    ),
    "morning on ibg-controller": (
        {"family": "ibg-controller", "daily_restart": "05:30"},
        None,
        "allowed is a time from noon on, like 11:59 PM; gnzsnz-ibcontroller and gnzsnz-ibc and ibga and extrange can",
        {"family": "ibg-controller", "daily_restart": "12:30"},
        None,
    ),
    "cold restart on ibg-controller": (
        {"family": "ibg-controller", "weekly_cold_restart": "13:00"},
        None,
        "another meaning",
        {"family": "gnzsnz-ibcontroller", "weekly_cold_restart": "13:00"},
        None,
    ),
    "TWS on ibga": (
        {"family": "ibga", "program": "tws"},
        None,
        "gnzsnz-ibcontroller and gnzsnz-ibc and extrange can",
        {"program": "tws"},
        None,
    ),
    "screen of extrange": ({"family": "extrange", "vnc": True}, None, "takes no password", {"vnc": True}, None),
    "device on ibcontroller": (
        {"family": "gnzsnz-ibcontroller", "second_factor_device": "IB Key"},
        None,
        "can not choose",
        {"second_factor_device": "IB Key"},
        None,
    ),
    # variables
    "another family's variable": (
        {"variables": {"IBC_AUTO_RESTART_TIME": "11:45 PM"}},
        None,
        "a variable of gnzsnz-ibcontroller, which gnzsnz-ibc ignores; use the word daily_restart",
        {"variables": {"SSH_TUNNEL": "no"}},
        None,
    ),
    "a word's own variable": ({"variables": {"TRADING_MODE": "live"}}, None, "use the word trading_mode", {}, None),
    "a secret as variable": (
        {"variables": {"TWS_PASSWORD": "x"}},
        None,
        "secrets are given in gateway_secrets",
        {},
        None,
    ),
    "a file of one's own": ({"variables": {"TWS_PASSWORD_FILE": "/x"}}, None, "given in gateway_secrets", {}, None),
    "misspelt variable": ({"variables": {"START_SCRIPT": "x"}}, None, "the nearest is START_SCRIPTS", {}, None),
    "made ineffective": (
        {"variables": {"BYPASS_WARNING": "yes"}},
        None,
        "use controller_settings: BypassOrderPrecautions",
        {"controller_settings": {"BypassOrderPrecautions": "yes"}},
        None,
    ),
    "the role's own variable": ({"variables": {"CUSTOM_CONFIG": "no"}}, None, "the role sets it itself", {}, None),
    "yes without quotes": ({"variables": {"SSH_TUNNEL": True}}, None, "write its value in quotes", {}, None),
    "lines in a variable": ({"variables": {"SSH_TUNNEL": "a\nb"}}, None, "one line of text", {}, None),
    "unknown setting": (
        {"controller_settings": {"BypassOrderPrecaution": "yes"}},
        None,
        "the nearest is BypassOrderPrecautions",
        {"controller_settings": {"ClosedownAt": "Friday 22:00"}},
        None,
    ),
    "a word's own setting": (
        {"controller_settings": {"ReadOnlyApi": "no"}},
        None,
        "the word read_only_api sets it",
        {},
        None,
    ),
    "the command server": ({"controller_settings": {"ControlFrom": "10.0.0.1"}}, None, "on loopback", {}, None),
    "a secret as setting": ({"controller_settings": {"FIXPassword": "x"}}, None, "given in gateway_secrets", {}, None),
    "settings of nobody": (
        {"family": "ibga", "controller_settings": {"ClosedownAt": "22:00"}},
        None,
        "it has no config.ini; gnzsnz-ibc and extrange can",
        {"family": "extrange", "controller_settings": {"ClosedownAt": "22:00"}},
        None,
    ),
    # secrets
    "no password": ({}, {"password": None}, "password of the gateway alpha/ib-gateway is empty", {}, None),
    "empty password": ({}, {"password": ""}, "password of the gateway alpha/ib-gateway is empty", {}, None),
    "empty user": ({}, {"user": ""}, "user of the gateway alpha/ib-gateway is empty", {}, None),
    "number": ({}, {"password": 12345}, "write it in quotes", {}, {"password": "12345"}),
    "CR": ({}, {"password": "secret\r"}, "a line end", {}, {"password": "secret"}),
    "newline": ({}, {"password": "secret\n"}, "a line end", {}, None),
    "blank at the end": ({}, {"password": "secret "}, "begins or ends with a blank", {}, {"password": "sec ret"}),
    "control character": ({}, {"password": "sec\x07ret"}, "can not be printed", {}, None),
    "misspelt secret": ({}, {"pasword": "x"}, "the nearest is password", {}, None),
    "paper user without the mode": ({}, PAPER_USER, "it counts with both only", BOTH, PAPER_USER),
    "both without paper user": (BOTH, None, "paper_user of the gateway alpha/ib-gateway is empty", BOTH, PAPER_USER),
    "variable of ibga": (
        {"variables": {"IB_LOGINTYPE": "Live Trading"}},
        None,
        "it is a variable of ibga, which gnzsnz-ibc ignores",
        {"variables": {"IB_LOGINTYPES": "x"}},
        None,
    ),
    "variable of a family that is only diagnosed": (
        {"variables": {"IBGW_PORT": "4002"}},
        None,
        "it is a variable of manhinhang, which gnzsnz-ibc ignores",
        {"variables": {"IBGW": "4002"}},
        None,
    ),
    "TOTP without key": (TOTP, None, "totp_key of the gateway alpha/ib-gateway is empty", TOTP, {"totp_key": KEY}),
    "key without TOTP": ({"family": "ibga"}, {"totp_key": KEY}, "set it to totp", TOTP, {"totp_key": KEY}),
    "key in small letters": (TOTP, {"totp_key": KEY.lower()}, "is no base32", TOTP, {"totp_key": KEY}),
    "key with a 1": (TOTP, {"totp_key": KEY[:-1] + "1"}, "is no base32", TOTP, {"totp_key": KEY}),
    "a code as key": (TOTP, {"totp_key": "234567"}, "is no base32", TOTP, {"totp_key": f"{KEY}===="}),
    "short key": (TOTP, {"totp_key": "JBSWY3DP"}, "too short", TOTP, {"totp_key": KEY}),
    "long VNC password": (
        {"vnc": True},
        {"vnc_password": "123456789"},
        "longer than 8",
        {},
        {"vnc_password": "12345678"},
    ),
    "blank on ibga": (
        {"family": "ibga"},
        {"password": "a b"},
        "can not be given to ibga: allowed is text without blanks",
        {"family": "ibga"},
        {"password": "a-b"},
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_is_refused_in_one_sentence(row: str) -> None:
    entry, secrets, words, _fine, _secrets = ROWS[row]
    with pytest.raises(Misuse) as refused:
        plan({**({} if entry.get("family") != "ibga" else {"password": "x"}), **(secrets or {})}, **entry)
    message = str(refused.value)
    assert words in message
    assert f"alpha/{NAME}" in message
    assert "\n" not in message


@pytest.mark.parametrize("row", ROWS)
def test_its_nearest_neighbour_is_fine(row: str) -> None:
    _entry, _given, _words, entry, secrets = ROWS[row]
    plain = {"password": "x"} if entry.get("family") == "ibga" else {}
    assert plan({**plain, **(secrets or {})}, **entry)["name"] == NAME


@pytest.mark.parametrize("row", ROWS)
def test_no_sentence_shows_a_secret(row: str) -> None:
    entry, secrets, *_rest = ROWS[row]
    with pytest.raises(Misuse) as refused:
        plan(secrets, **entry)
    given = [value for value in (secrets or {}).values() if isinstance(value, str) and len(value) > 3]
    for value in (*given, PASSWORD, USER):
        assert value not in str(refused.value)


def machine(*entries: dict[str, Any], users: tuple[str, ...] = ("a", "b")) -> dict[str, Any]:
    secrets = {entry["name"]: {"user": user, "password": "x"} for entry, user in zip(entries, users, strict=True)}
    return {"gateways": list(entries), "gateway_secrets": secrets}


ONE, TWO = {"name": "one"}, {"name": "two", "ports": {"paper": 4012}}

TOGETHER = {
    "one port": (
        machine(ONE, {"name": "two"}),
        "the gateway alpha/two has the port 4002 for paper, which the gateway alpha/one has for paper; give it another in"
        " ports, like {paper: 4003}",
    ),
    "one port, everywhere and here": (
        machine(ONE, {"name": "two", "bind_address": "0.0.0.0", "expose": True}),
        "has the port 4002",
    ),
    "a screen on an API's port": (machine(ONE, {**TWO, "vnc": True, "ports": {"vnc": 4002, "paper": 1}}), "for vnc"),
    "one name": (machine(ONE, ONE), "declares the gateway one twice"),
    "one directory": (
        machine({**ONE, "settings_dir": "/srv/x"}, {**TWO, "settings_dir": "/srv/x"}),
        "each gateway needs its own",
    ),
    "one user": (
        machine(ONE, TWO, users=("Same", "same")),
        "the gateway alpha/one and the gateway alpha/two log in as the same user in mode paper",
    ),
}


@pytest.mark.parametrize("row", TOGETHER)
def test_what_two_gateways_would_take_from_each_other_is_refused(row: str) -> None:
    given, words = TOGETHER[row]
    with pytest.raises(Misuse, match=re.escape(words)):
        plan_machine("alpha", given)


@pytest.mark.parametrize(
    "given",
    [
        machine(ONE, TWO),
        machine(ONE, {"name": "two", "bind_address": "127.0.0.2"}),
        machine(ONE, {"name": "two", "trading_mode": "live"}, users=("same", "same")),
    ],
    ids=["other ports", "other address", "same user, other mode"],
)
def test_neighbours_that_do_not_meet_are_fine(given: dict[str, Any]) -> None:
    assert len(plan_machine("alpha", given)) == 2


def test_one_user_on_two_machines_is_refused() -> None:
    with pytest.raises(Misuse, match="alpha/one and the gateway beta/one log in as the same user"):
        check_fleet({"alpha": machine(ONE, users=("x",)), "beta": machine(ONE, users=("x",))})
    check_fleet({"alpha": machine(ONE, users=("x",)), "beta": machine(ONE, users=("y",))})


def test_a_machine_that_makes_no_sense_is_no_trouble_of_another() -> None:
    check_fleet({"alpha": machine(ONE, users=("x",)), "beta": {"gateways": [{**ONE, "daily_restart": 1350}]}})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gateways": [{"name": NAME}]}, f"gateway_secrets has no {NAME}"),
        ({"gateways": [{"name": NAME}], "gateway_secrets": "x"}, "gateway_secrets of the machine alpha"),
        (variables({}, gateway_daily_restart="late"), "gateway_daily_restart of the machine alpha is 'late'"),
        ({"gateways": [{}]}, "has no name"),
    ],
)
def test_what_is_wrong_with_a_machine_is_said_of_it(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Misuse, match=re.escape(words)):
        plan_machine("alpha", given)


HOST = {"ansible_host": "10.0.0.5"}


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        (HOST, HOST, "10.0.0.5:22"),
        ({**HOST, "ansible_connection": "ssh"}, {**HOST, "ansible_port": "22"}, "10.0.0.5:22"),
        ({"ansible_host": "Beta"}, {}, "beta:22"),
        ({"ansible_connection": "local"}, {"ansible_connection": "local", **HOST}, "the controller itself"),
        (HOST, {**HOST, "gateways": [{**ONE, "state": "absent"}]}, "10.0.0.5:22"),
    ],
)
def test_one_container_of_two_machines_that_are_one_is_refused(
    one: dict[str, Any], other: dict[str, Any], place: str
) -> None:
    with pytest.raises(Misuse, match=f"alpha/{ONE['name']} and beta/{ONE['name']} are one container, .* are {place};"):
        check_fleet({"alpha": {**machine(ONE, users=("x",)), **one}, "beta": {**machine(ONE, users=("x",)), **other}})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HOST, {"ansible_host": "10.0.0.6"}),
        (HOST, {**HOST, "ansible_port": 2222}),
        (HOST, {**HOST, "ansible_ssh_common_args": "-J gate.example.org"}),
        (HOST, {**HOST, "gateways": [{**ONE, "name": "another"}], "gateway_secrets": {}}),
        ({}, {}),
        (HOST, {**HOST, "gateways": "none"}),
        ({**HOST, "ansible_connection": "local"}, HOST),
    ],
)
def test_the_same_name_on_two_machines_is_nobodys_trouble(one: dict[str, Any], other: dict[str, Any]) -> None:
    check_fleet({"alpha": {**machine(ONE, users=("x",)), **one}, "beta": {**machine(ONE, users=("y",)), **other}})
