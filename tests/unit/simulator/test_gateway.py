"""The parts of the simulated gateway that need no container."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path

import pytest

from simulator.image.gateway import console, wire
from simulator.image.gateway.commandline import CommandLine, Refused
from simulator.image.gateway.releases import NEWEST, RELEASES, login_title, shell_variables
from simulator.image.gateway.schedule import next_minute, next_moment, next_sunday, time_of_24_hours, time_of_day
from simulator.image.gateway.second_factor import SecondFactorClock
from simulator.image.gateway.settings import Settings
from simulator.image.gateway.windows import Screen, Window


def test_command_line_of_a_java_machine() -> None:
    java = CommandLine.parse(
        ["java", "--add-opens=x", "-cp", "a.jar:b.jar", "-Xmx768m", "-Drestart=abc", "Main", "ini"]
    )
    assert (java.main_class, java.arguments) == ("Main", ["ini"])
    assert (java.class_path, java.heap, java.properties) == ("a.jar:b.jar", "768m", {"restart": "abc"})


@pytest.mark.parametrize("heap", ["2gm", "1024mm", ""])
def test_heap_that_java_refuses(heap: str) -> None:
    with pytest.raises(Refused):
        CommandLine.parse(["java", f"-Xmx{heap}", "Main"])


def test_settings_read_as_java_properties_and_shown_without_credentials(tmp_path: Path) -> None:
    ini = tmp_path / "config.ini"
    ini.write_text("# comment\nIbPassword=a\\\\b#c = d \nIbLoginId=\nReadOnlyApi=yes\n", encoding="utf-8")
    settings = Settings.read(ini)
    assert settings.text("IbPassword") == "a\\b#c = d "
    assert settings.flag("ReadOnlyApi")
    assert settings.dump(NEWEST) == [
        "IBC Settings:",
        "    IbLoginId=",
        "    IbPassword=***",
        "    ReadOnlyApi=yes",
        "End IBC Settings",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("11:59 PM", time(23, 59)),
        ("12:00 AM", time(0, 0)),
        ("02:05 AM", time(2, 5)),
        ("2:05 AM", None),
        ("23:59", None),
        ("00:30 PM", None),
        ("02:05  AM", None),
        ('"02:05 AM"', None),
    ],
)
def test_time_of_day_in_exactly_one_form(text: str, expected: time | None) -> None:
    assert time_of_day(text) == expected


def test_next_moment_is_today_or_tomorrow() -> None:
    now = datetime(2026, 11, 22, 23, 58, 30)
    assert next_moment(time(23, 59), now) == datetime(2026, 11, 22, 23, 59)
    assert next_moment(time(23, 58), now) == datetime(2026, 11, 23, 23, 58)


@pytest.mark.parametrize(
    ("text", "expected"), [("07:05", time(7, 5)), ("23:59", time(23, 59)), ("7:05", None), ("24:00", None), ("", None)]
)
def test_time_of_24_hours_in_exactly_one_form(text: str, expected: time | None) -> None:
    assert time_of_24_hours(text) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 20, 9, 0), datetime(2026, 11, 22, 7, 5)),
        (datetime(2026, 11, 22, 7, 4), datetime(2026, 11, 22, 7, 5)),
        (datetime(2026, 11, 22, 7, 5), datetime(2026, 11, 29, 7, 5)),
    ],
    ids=["from a Friday", "later on that Sunday", "a week later"],
)
def test_cold_restart_is_on_the_next_sunday(now: datetime, expected: datetime) -> None:
    assert next_sunday(time(7, 5), now) == expected


def test_soft_restart_is_at_the_next_minute_that_is_not_about_to_begin() -> None:
    assert next_minute(datetime(2026, 11, 22, 23, 58, 57)) == datetime(2026, 11, 22, 23, 59)
    assert next_minute(datetime(2026, 11, 22, 23, 58, 58)) == datetime(2026, 11, 23, 0, 0)


@pytest.mark.parametrize(
    ("release", "out", "err"),
    [
        ("3.16.0", "", "IBC: An exception has occurred:\nLost\n\tat somewhere\n"),
        ("3.22.0", "", "IBC: An exception has occurred:\nLost\n\tat somewhere\n"),
        ("3.23.0", "", "IBC: An exception has occurred:\nnull\n"),
        ("3.24.1", "IBC: An exception has occurred:\nnull\n", ""),
    ],
)
def test_exception_in_the_form_and_on_the_stream_of_the_release(
    capfd: pytest.CaptureFixture[str], release: str, out: str, err: str
) -> None:
    console.speak_as(RELEASES[release])
    try:
        console.exception("Lost", "somewhere")
    finally:
        console.speak_as(NEWEST)
    written = capfd.readouterr()
    assert (out in written.out, err in written.err) == (True, True)
    assert "" in (written.out, written.err)


@pytest.mark.parametrize(
    ("release", "gateway", "known"),
    [
        ("3.16.0", "10.19.1j", True),
        ("3.16.0", "10.22.1m", False),
        ("3.18.0", "10.22.1m", True),
        ("3.23.0", "10.37.1n", True),
        ("3.24.1", "10.37.1q", False),
    ],
)
def test_which_login_windows_a_release_knows(release: str, gateway: str, known: bool) -> None:
    assert (login_title(gateway) in RELEASES[release].login_titles) is known


def test_every_release_knows_the_gateway_that_came_with_it() -> None:
    assert [one.number for one in RELEASES.values() if login_title(one.gateway) not in one.login_titles] == []


def test_start_script_gets_what_is_not_so_as_an_empty_text() -> None:
    variables = dict(line.split("=", 1) for line in shell_variables(RELEASES["3.20.0"]))
    assert (variables["names_session"], variables["finds_cold_restart"], variables["greeting"]) == ("yes", "''", "''")
    assert variables["found_text"] == "'autorestart file found at %s'"


@pytest.mark.parametrize(
    ("seconds", "timed_out"), [(179.9, False), (180.0, True)], ids=["counts as approved", "counts as timed out"]
)
def test_second_factor_is_judged_by_time_alone(
    monkeypatch: pytest.MonkeyPatch, seconds: float, timed_out: bool
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = SecondFactorClock(Settings({}))
    clock.start()
    now[0] += 1.0
    clock.start()  # a second click does not turn the clock back
    now[0] += seconds - 1.0
    assert clock.stop() == int(seconds)
    assert clock.timed_out is timed_out


def test_window_events_in_the_order_of_a_desktop() -> None:
    seen: list[tuple[str, str]] = []
    screen = Screen(lambda window, event: seen.append((window.title, event)))
    first, second = Window("frame", "first"), Window("dialog", "second")
    screen.open(first)
    screen.open(second)
    first.title = "renamed"
    screen.close(second)
    screen.close(second)
    assert seen == [
        ("first", "Opened"),
        ("first", "Activated"),
        ("first", "Focused"),
        ("second", "Opened"),
        ("first", "Lost focus"),
        ("first", "Deactivated"),
        ("second", "Activated"),
        ("second", "Focused"),
        ("second", "Lost focus"),
        ("second", "Deactivated"),
        ("second", "Closed"),
    ]


@pytest.mark.parametrize(
    ("offer", "agreed"), [("v157..178", 178), ("v100..157", 157), ("v100..225 +PACEAPI", 178), ("v165", 165)]
)
def test_agreed_version_is_the_lower_of_both_highest(offer: str, agreed: int) -> None:
    assert wire.agreed_version(offer) == agreed


def test_other_protocols_are_not_spoken() -> None:
    with pytest.raises(wire.NotSpoken):
        wire.agreed_version("GET / HTTP/1.1")


def test_frame_on_the_wire() -> None:
    assert wire.frame(9, 1, 1) == bytes.fromhex("00000006 3900 3100 3100")
