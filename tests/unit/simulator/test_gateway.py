"""The parts of the simulated gateway that need no container."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path

import pytest

from simulator.image.gateway import wire
from simulator.image.gateway.commandline import CommandLine, Refused
from simulator.image.gateway.releases import NEWEST
from simulator.image.gateway.schedule import next_moment, time_of_day
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
