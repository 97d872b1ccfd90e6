# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an image's own scripts print: it tells the image of a bare log, and what they complain of; and it gives secrets away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, FAMILIES
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import match, rules
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan

from tests.unit.module_utils.ibc_log import Log
from tests.unit.module_utils.ibcontroller_log import Log as IbControllerLog
from tests.unit.module_utils.ibg_log import Log as IbgControllerLog
from tests.unit.module_utils.ibga_log import Log as IbgaLog

USER, PASSWORD = "trader-seven", "Hunter2, twice"

SOCAT = "2026/03/04 12:00:00 socat[17] N listening on AF=2 0.0.0.0:8888"
EXTRANGE = (
    "Listening for incoming API connections on 4002",
    SOCAT,
    "Set variables:",
    "TradingMode=paper",
    "VERSION=3.22.0",
    "Changes made to /root/ibc/config.ini:",
    "< TradingMode=",
    "> TradingMode=paper",
)
MANHINHANG = (
    "Starting Xvfb...",
    "Waiting for Xvfb to be ready...",
    "WAITING TIME: 1",
    "Xvfb is ready",
    "IB gateway starting...",
    "Java heap size set to 768m",
    "Skip starting healthcheck api",
    "detect IB gateway version: ",
    "Setup port forwarding: 4002 -> 4001",
)
UNUSUALALPHA = ("--tws-path = /root/Jts", "--ibc-path = /root/ibc", "--ibc-ini = /root/ibc/config.ini")
GNZSNZ = (".> Starting IBC/IB gateway", ".> Starting Xvfb server", ".> API_PORT set to: 4002")
TWS = (".> Launching IBC/TWS service", ".> Setting user password", ".> Starting IBC/TWS")


CONFLICT = "error: both TWS_PASSWORD and TWS_PASSWORD_FILE are set (but are exclusive)"
CLEANUP = "Container stopped, performing cleanup..."


def log(*head: str, tail: tuple[str, ...] = ()) -> Log:
    """An image's own lines around those of IBC."""
    written = Log(mode="paper").raw(*head).raw("Starting IBC version  on 2026-03-04 at 12:00:00")
    return written.jvm().login_window().attempt().raw(*tail)


def results(written: Log | str) -> list[dict[str, Any]]:
    scan = Scan(50)
    scan.read([(written if isinstance(written, str) else written.text).encode()])
    return scan.results("some.log", None, truncated=False)


def scanned(written: Log | str) -> dict[str, Any]:
    (result,) = results(written)
    return result


@pytest.mark.parametrize(
    ("written", "family"),
    [
        pytest.param(log(*GNZSNZ), "gnzsnz-ibc", id="gnzsnz"),
        pytest.param(log(*TWS), "gnzsnz-ibc", id="gnzsnz, TWS"),
        pytest.param(log("--ibc-path = /home/ibgateway/ibc"), "gnzsnz-ibc", id="gnzsnz, begun later"),
        pytest.param(
            log("--tws-path = /opt/ibkr", "--ibc-path = /opt/ibc"), "gnzsnz-ibc", id="gnzsnz, TWS, begun later"
        ),
        pytest.param(
            log(*GNZSNZ, "[TOTP] TOTP automation enabled, monitoring for 2FA dialog..."),
            "gnzsnz-ibc",
            id="gnzsnz with somebody's helper",
        ),
        pytest.param(log(*EXTRANGE), "extrange", id="extrange"),
        pytest.param(log(tail=(SOCAT,)), "extrange", id="extrange, begun later"),
        pytest.param(log(*MANHINHANG), "manhinhang", id="manhinhang"),
        pytest.param(log(*UNUSUALALPHA), "unusualalpha", id="UnusualAlpha"),
        pytest.param(log(tail=("Forking :::4000 onto 0.0.0.0:4002",)), "unusualalpha", id="UnusualAlpha, begun later"),
        pytest.param(
            log("Starting VNC server", tail=("Forking :::4000 onto 0.0.0.0:4001 for Live TWS",)),
            "unusualalpha",
            id="a copy of UnusualAlpha",
        ),
        pytest.param(log(), None, id="IBC alone"),
        pytest.param(log("Starting Xvfb...", "Starting VNC server"), None, id="words of many"),
        pytest.param(log("VERSION=3.22.0", "TradingMode=paper"), None, id="somebody's variables"),
        pytest.param(log(CONFLICT), None, id="a complaint of many"),
        pytest.param(log("--ibc-path = /opt/ibc", "--ibc-ini = /root/ibc/config.ini"), None, id="paths of many"),
        pytest.param(
            log("--ibc-path = /root/ibc-3.24", "--tws-path = /root/Jts"), None, id="nearly UnusualAlpha's path"
        ),
        pytest.param(log(tail=(SOCAT.replace("8888", "4004"),)), None, id="another relay"),
        pytest.param(log("hook: Listening for incoming API connections on 4002"), None, id="a line that quotes one"),
        pytest.param(log(tail=("Forking :::4000 onto 0.0.0.0:9999",)), None, id="nearly UnusualAlpha's ports"),
    ],
)
def test_the_image_of_a_bare_log(written: Log, family: str | None) -> None:
    result = scanned(written)

    assert result["family"] == family
    assert result["controller"]["name"] == "IBC"
    assert [one["state"] for one in result["instances"]] == ["submitted"]


@pytest.mark.parametrize(
    ("written", "family"),
    [
        (IbControllerLog().submitted(), "gnzsnz-ibcontroller"),
        (IbControllerLog().container().script(), "gnzsnz-ibcontroller"),
        (IbgControllerLog().submitted(), "ibg-controller"),
        (IbgControllerLog().container().script(), "ibg-controller"),
        (IbgControllerLog().launching().jvm(), "ibg-controller"),
        (Log(mode="paper").submitted(), "gnzsnz-ibc"),
        (IbgaLog().start(), "ibga"),
        (IbgaLog(coloured=True).start(), "ibga"),
        (IbgaLog().raw("• starting socat (socat TCP-LISTEN:8888,fork TCP:localhost:4001) ...").jvm(), "huieric"),
        (IbgaLog().jvm(), None),
    ],
)
def test_the_successors_that_kept_the_scripts_are_told_by_what_they_changed(written: Any, family: str | None) -> None:
    assert scanned("\n".join((*written.lines, "")))["family"] == family


def test_an_image_whose_controller_is_switched_off_runs_ibc() -> None:
    scan = Scan(50, family=BY_NAME["ibg-controller"])  # without USE_IBG_CONTROLLER=yes
    scan.read([Log(mode="paper").submitted().text.encode()])
    (result,) = scan.results("gw", None, truncated=False)
    assert (result["family"], result["controller"]["name"]) == ("ibg-controller", "IBC")
    assert result["instances"][0]["state"] == "submitted"


def test_the_image_is_told_by_the_start_of_a_long_log_too() -> None:
    long = log(*EXTRANGE)
    for _day in range(8):
        long.completes().shuts_down().resumes()
    assert scanned(long)["family"] == "extrange"


def test_a_log_of_the_scripts_alone_is_a_gateways() -> None:
    assert scanned("\n".join(EXTRANGE))["family"] == "extrange"
    assert results("\n".join(("Starting Xvfb...", "Starting VNC server", CONFLICT, CLEANUP, ""))) == []


def test_of_a_container_that_is_known_the_words_of_many_are_its_own() -> None:
    scan = Scan(50, family=BY_NAME["manhinhang"])
    scan.read([b"Starting Xvfb...\nWAITING TIME: 121\nXvfb TIMED OUT\n"])
    (result,) = scan.results("gw", None, truncated=False)
    assert result["instances"][0]["problem"] == "gateway.display_missing"


def test_each_start_of_the_container_is_a_run_of_its_own() -> None:
    twice = log(*EXTRANGE).wait(60)
    again = log(*EXTRANGE)
    result = scanned("\n".join((*twice.lines, *again.lines, "")))

    assert result["history"]["runs"] == 2
    assert [one["state"] for one in result["instances"]] == ["submitted"]


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (("GATEWAY_OR_TWS must be either 'gateway' or 'tws': got 'ibgateway'",), "config.value_invalid"),
        (("Starting Xvfb...", "Xvfb TIMED OUT", *MANHINHANG[:4], "Xvfb TIMED OUT", *MANHINHANG[4:]), None),
        (
            (*MANHINHANG[:7], "IBGW_PORT must be a positive integer, got: '4002:4002'"),
            "config.value_invalid",
        ),
        (
            (*MANHINHANG[:7], "IBC_COMMAND_SERVER_PORT must be a non-negative integer, got: 'x'"),
            "config.value_invalid",
        ),
        ((*MANHINHANG, CLEANUP), "container.stopped"),
        ((*GNZSNZ, CONFLICT), "config.credentials_conflict"),
        ((*GNZSNZ, ".> \U0001f618 Received SIGINT or SIGTERM. Shutting down IB Gateway."), "container.stopped"),
        ((*TWS, ".> \U0001f618 Received SIGINT or SIGTERM. Shutting down TWS."), "container.stopped"),
        ((*TWS, "Error: Timed out waiting for /var/run/xrdp/sockdir/sesman.socket!"), "gateway.display_missing"),
        (EXTRANGE, None),
        (MANHINHANG, None),
        (GNZSNZ, None),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_what_the_scripts_complain_of(head: tuple[str, ...], problem: str | None) -> None:
    (run,) = scanned(Log().raw(*head))["instances"]
    assert run["problem"] == problem


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_line_of_an_image_is_another_images(family: Any) -> None:
    of_one = {"extrange": EXTRANGE[:3], "manhinhang": MANHINHANG[4:], "unusualalpha": UNUSUALALPHA[1:2]}
    printed = [line for name, lines in of_one.items() if name != family.name for line in lines]
    assert [line for line in printed if match(rules(family.lines), line)] == []


# extrange prints user and password at every start, in three places.

GIVEN_AWAY = {
    "variables": ("Set variables:", f"IbLoginId={USER}", f"IbPassword={PASSWORD}"),
    "changes": ("Changes made to /root/ibc/config.ini:", f"> IbLoginId={USER}", f"> IbPassword={PASSWORD}"),
    "arguments": (f"sun.java.command = ibcalpha.ibc.IbcGateway /root/ibc/config.ini {USER} {PASSWORD}",),
}
REPEATED = (
    f"detected dialog entitled: Unknown user {USER}; event=Opened",
    f"detected dialog entitled: {PASSWORD}; event=Opened",
)


def leaked(result: dict[str, Any]) -> list[str]:
    said = json.dumps(result)
    return [word for word in (USER, PASSWORD, "Hunter2", "twice") if word in said]


@pytest.mark.parametrize("places", [["variables"], ["changes"], ["arguments"], list(GIVEN_AWAY)])
def test_what_the_start_gives_away_is_quoted_nowhere(places: list[str]) -> None:
    lines = [line for place in places for line in GIVEN_AWAY[place]]
    assert leaked(scanned(log(EXTRANGE[0], *lines).ibc(*REPEATED))) == []


def test_nor_is_it_from_a_log_that_ends_in_the_middle_of_it() -> None:
    whole = "\n".join(log(EXTRANGE[0], *(line for lines in GIVEN_AWAY.values() for line in lines)).ibc(*REPEATED).lines)
    for end in range(len(EXTRANGE[0]) + 40, len(whole), 7):
        said = json.dumps(scanned(whole[:end]))
        assert "trader-s" not in said, whole[:end][-60:]
        assert "Hunter" not in said, whole[:end][-60:]


@pytest.mark.parametrize(("said", "leaks"), [(".> Starting VNC server {}", False), ("> Starting VNC server {}", True)])
def test_the_password_of_a_screen_that_a_script_prints_is_quoted_nowhere(said: str, leaks: bool) -> None:
    written = log(*GNZSNZ, said.format("screen-7")).window("screen-7")
    assert ("screen-7" in json.dumps(scanned(written))) == leaks


SOURCE = "using default login manager: will get username and password from {}; FIX username and password (if required) from {}"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (SOURCE.format("args", "settings"), None),
        (SOURCE.format("environment", "settings"), None),
        ("Using default login manager: getting username and password from args", None),  # up to 3.13
        (SOURCE.format("settings", "args"), "config.credentials_missing"),
        ("Using default login manager: getting username and password from settings", "config.credentials_missing"),
    ],
)
def test_credentials_that_come_with_the_start_are_not_missing(said: str, problem: str | None) -> None:
    written = Log(mode="paper").raw(EXTRANGE[0]).jvm(IbLoginId="", IbPassword="").ibc(said).login_window()
    result = scanned(written)

    assert result["instances"][0]["problem"] == problem
    assert result["settings"]["IbLoginId"] == ("<empty>" if problem else "<set>")


def test_a_name_that_is_a_word_of_the_log_stays_a_word() -> None:
    (run,) = scanned(log(EXTRANGE[0], "Set variables:", "IbLoginId=", "TradingMode=paper"))["instances"]
    assert (run["endpoint"], run["state"]) == ("paper", "submitted")
    assert BY_NAME["extrange"].variables["IBC_IbPassword"].kind == "secret"


TYPED = "[TOTP] Code entered and submitted for window 4194320"


@pytest.mark.parametrize(
    ("words", "silence", "state", "problem"),
    [
        ("[TOTP] 2FA dialog detected!", 3, "twofa_pending", "twofa.pending"),
        ("[TOTP] TOTP code entered and submitted (Enter+Tab+Click)", 3, "loading", None),
        ("[TOTP] Code entered and submitted", 3, "loading", None),
        (TYPED, 3, "loading", None),
        (TYPED, 200, "loading", "twofa.login_incomplete"),
    ],
)
def test_a_code_that_a_helper_typed_is_an_answer_of_which_nobody_knows_yet(
    words: str, silence: float, state: str, problem: str | None
) -> None:
    written = Log().submitted().connecting().prompt().wait(4).raw(words)
    scan = Scan(50)
    scan.read([written.text.encode()])
    (result,) = scan.results("some.log", written.now.timestamp() + silence, truncated=False)
    (one,) = result["instances"]
    assert (one["state"], one["problem"]) == (state, problem)


def test_a_code_that_was_taken_is_a_login() -> None:
    written = Log().submitted().connecting().prompt().wait(4).raw(TYPED).prompt_closes(1, 6).completes()
    assert scanned(written)["instances"][0]["state"] == "logged_in"
