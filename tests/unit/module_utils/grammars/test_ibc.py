# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IBC's words: what is a message, what is not, and what its exit codes mean."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.grammars import exit_codes
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibc import exit_code, exit_meaning
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.log.reader import Reader
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch

STAMP = "2026-03-04 12:00:00:123 IBC: "


def events(*texts: str) -> list[Event]:
    reader = Reader()
    read = [event for number, text in enumerate(texts, 1) for event in reader.read(Line(number, text))]
    return [*read, *reader.finish()]


def kind(text: str) -> str | None:
    return next((event.kind for event in events(text)), None)


@pytest.mark.parametrize("code", sorted(exit_codes.IBC))
def test_a_code_means_the_same_as_what_the_container_shows_of_it(code: int) -> None:
    assert exit_meaning(code) == exit_meaning(code % 256) == exit_codes.IBC[code][1]
    assert exit_code(code % 256) == code


def test_codes_of_the_jvm_keep_their_meaning() -> None:
    assert exit_code(143) == 143
    assert exit_meaning(143) is exit_meaning(42) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STAMP + "Login has completed", "login_completed"),
        (STAMP + "Login completed", "login_completed"),  # 3.8.1 and 3.8.2
        (STAMP + "Login has completed: exiting via [File, Close] menu", "stopping"),
        (STAMP + "Login has not completed: exiting immediately", "stopping"),
        (STAMP + "Login has already completed - no need for IBC to exit", None),
        (STAMP + "If login has not completed, IBC will exit in 60 seconds", "exit_timer"),
        (STAMP + "Version: 3.16.1", "controller_version"),  # capitals up to 3.16.2
        (STAMP + "version: 3.24.1", "controller_version"),
        (STAMP + "Exiting with exit code=1112", "exit_announced"),  # up to 3.23.0
        (STAMP + "Exiting after error with exit code=1112", "exit_announced"),
        (STAMP + "Login dialog has been invslidated - initiate cold restart", "login_window_lost"),  # 3.19.0, 3.20.0
        (STAMP + "End this session and let the other session proceed", "session_yielded"),  # up to 3.8.6
        (STAMP + "detected frame entitled: Login; event=Opened", "gateway_shown"),  # TWS
        (STAMP + "detected dialog entitled: Login; event=Opened", "server_unavailable"),
        (STAMP + "detected frame entitled: News: Login failed; event=Opened", "window"),
        (STAMP + "detected dialog entitled: Second Factor Authentication; event=Lost focus", None),
        ("autorestart file not found", None),
        ("autorestart file found at /home/x/Jts/abc/autorestart", "autorestart_found"),
        ("IBC returned exit status 88", "jvm_ended"),
        ("it said IBC returned exit status 88", None),
        ("Gateway finished", "script_ended"),
        ("IBC: Login has completed", None),
        ("x 2026-03-04 12:00:00:123 IBC: Login has completed", None),
        ("Can't connect to X11 window server using ':1' as the value of the DISPLAY variable.", "display_missing"),
        ("_XSERVTransMakeAllCOTSServerListeners: failed to create listener for unix", "display_unwritable"),
        ('Exception in thread "JTS-1" java.lang.OutOfMemoryError: Java heap space', "heap_exhausted"),
        (
            'Exception: java.lang.OutOfMemoryError thrown from the UncaughtExceptionHandler in thread "JTS-1"',
            "heap_exhausted",  # not even the words of the line above found room
        ),
        ("Exception: java.lang.StackOverflowError thrown from the UncaughtExceptionHandler in thread", None),
        ("check: Can't connect to X11 window server using ':1' as the value of it", None),
    ],
)
def test_a_message_counts_where_it_stands_on_its_own(text: str, expected: str | None) -> None:
    assert kind(text) == expected


def test_effective_settings_come_from_the_dump() -> None:
    read = events(
        "IBC Settings:",
        "    TradingMode=paper",
        "    AutoRestartTime=11:45 PM",
        "    IbPassword=",
        "End IBC Settings",
    )
    assert read[-1].settings == {"TradingMode": "paper", "AutoRestartTime": "11:45 PM", "IbPassword": ""}
    assert read[-1].terms.mode == "paper"
    assert read[-1].terms.restarts_daily
    assert read[-1].terms.credentials_missing


def test_own_stamps_become_utc_where_the_zone_is_known() -> None:
    before, after = events(
        STAMP + "Login has completed", "user.timezone = America/New_York", STAMP + "Login has completed"
    )
    assert before.at is None
    assert after.at == epoch("2026-03-04T17:00:00Z")
