# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is kept on the machine: it survives, one of two wins, and what can not be understood is never replaced."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import record
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse, Unavailable

NAME = "ib-gateway"
PARTS = ("lock", "logins", "hold", "pause", "policy", "healthy")
HOUR = 3600.0


class Clock:
    """The machine's clock, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    """That clock, and a machine without records."""
    clock = Clock()
    monkeypatch.setattr(record, "time", clock)
    monkeypatch.setattr(record, "RECORDS", tmp_path / "ibgw")
    return clock


def change(check_mode: bool = False, **asked: Any) -> dict[str, Any]:
    return record.probe([NAME], check_mode, **{"rearm_after": 3600, **asked})


def kept() -> dict[str, Any]:
    (found,) = record.probe([NAME], False)["gateways"]
    return dict(found)


def lock(owner: str, seconds: int = 900) -> dict[str, Any]:
    return change(lock={"owner": owner, "seconds": seconds})


def test_nothing_is_recorded_of_a_gateway_that_nobody_touched(clock: Clock) -> None:
    assert record.probe(None, False)["gateways"] == []
    assert kept() == {"name": NAME, **dict.fromkeys(PARTS), "corrupt": {}}
    assert not record.RECORDS.exists()


@pytest.mark.parametrize(
    ("controller_now", "ahead"), [("2027-01-15T07:58:00Z", 120.0), ("2027-01-15T08:00:30Z", -30.0), (None, None)]
)
def test_the_clocks_of_machine_and_controller_are_compared_when_the_record_is_read(
    clock: Clock, controller_now: str | None, ahead: float | None
) -> None:
    assert record.probe([NAME], False, controller_now=controller_now)["ahead"] == ahead


def test_of_the_evidence_the_newest_is_kept(clock: Clock) -> None:
    lock("first")
    evidence = record.RECORDS / NAME / "evidence"
    evidence.mkdir()
    for day in range(1, 62):
        (evidence / f"2026-{1 + day // 31:02}-{1 + day % 31:02}T000000Z.json").write_text("{}")
    change(unlock="first")
    left = sorted(path.name for path in evidence.iterdir())
    assert (len(left), left[-1]) == (50, "2026-02-31T000000Z.json")


def test_a_lock_is_taken_renewed_refused_and_given_back(clock: Clock) -> None:
    assert lock("first")["done"]
    clock.now += 600
    assert lock("first")["gateways"][0]["lock"] == {
        "owner": "first",
        "since": "2027-01-15T08:00:00Z",
        "until": "2027-01-15T08:25:00Z",
    }
    refused = lock("second")
    assert (refused["done"], refused["changed"]) == (False, False)
    assert refused["said"] == (
        "first works on it since 2027-01-15T08:00:00Z, until 2027-01-15T08:25:00Z at most;"
        f" if that run was killed, its lock can go: rm {record.RECORDS / NAME / 'lock.json'}"
    )
    assert not change(unlock="second")["done"]
    assert change(unlock="first")["changed"]
    assert lock("second")["done"]


def test_a_lock_that_ran_out_is_taken_over_and_said(clock: Clock) -> None:
    lock("killed", seconds=60)
    clock.now += 59
    assert not lock("second")["done"]
    clock.now += 1
    taken = lock("second")
    assert taken["done"]
    assert "taken over from killed" in taken["said"]
    assert not change(unlock="killed")["done"]


def test_of_many_that_want_a_lock_at_once_one_wins(clock: Clock) -> None:
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda number: lock(f"run {number}")["done"], range(16)))
    assert sorted(outcomes) == [False] * 15 + [True]


def test_no_login_is_lost_when_many_are_counted_at_once(clock: Clock) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: change(login={"remedy": "restart", "cause": f"c{number}"}), range(20)))
    assert len(kept()["logins"]) == 20


def test_a_login_is_remembered_for_a_week(clock: Clock) -> None:
    change(login={"remedy": "start", "cause": "container.killed"})
    clock.now += 7 * 86400 - 1
    change(login={"remedy": "restart", "cause": "gateway.crashed"})
    assert [one["cause"] for one in kept()["logins"]] == ["container.killed", "gateway.crashed"]
    clock.now += 1
    change(login={"remedy": "restart", "cause": "gateway.hung"})
    assert [one["cause"] for one in kept()["logins"]] == ["gateway.crashed", "gateway.hung"]


def test_a_hold_stays_as_it_was_first_told_until_it_is_released(clock: Clock) -> None:
    first = {"code": "login.account_locked", "reason": "IBKR locked it", "by": "recover", "restart_policy": "always"}
    assert change(hold=first)["changed"]
    again = change(hold={**first, "restart_policy": "no"})
    assert (again["done"], again["changed"]) == (True, False)
    assert kept()["hold"] == {**first, "at": "2027-01-15T08:00:00Z"}
    assert change(release=True)["changed"]
    assert kept()["hold"] is None
    assert not change(release=True)["changed"]


def test_a_hold_that_a_person_wrote_with_an_editor_is_one(clock: Clock) -> None:
    write("hold", "{}")
    assert kept()["hold"] == dict.fromkeys(("code", "reason", "by", "at", "restart_policy"))


def test_a_pause_ends_when_it_is_told_to(clock: Clock) -> None:
    until = "2027-01-15T10:00:00+01:00"
    assert change(pause={"until": until, "by": "anna"})["changed"]
    assert not change(pause={"until": until, "by": "anna"})["changed"]
    assert kept()["pause"] == {"until": "2027-01-15T09:00:00Z", "by": "anna"}
    assert change(pause={"until": "", "by": None})["changed"]
    assert kept()["pause"] is None


def test_the_restart_policy_from_before_a_run_that_was_cut_off_counts(clock: Clock) -> None:
    change(policy="always")
    assert not change(policy="no")["changed"]
    assert kept()["policy"]["restart_policy"] == "always"
    change(policy="")
    assert kept()["policy"] is None


def test_a_healthy_period_forgives_what_was_before_it_once_it_lasted(clock: Clock) -> None:
    change(healthy=[NAME])
    began = kept()["healthy"]["since"]
    clock.now += HOUR - 1
    change(healthy=[NAME])
    assert kept()["healthy"]["rearmed"] is None
    clock.now += 1
    change(healthy=[NAME])
    assert kept()["healthy"]["rearmed"] == began

    change(healthy=[])
    clock.now += 60
    change(healthy=[NAME])  # for a moment, which is a new period and forgives nothing
    seen = kept()["healthy"]
    assert (seen["rearmed"], seen["since"], seen["now"]) == (began, seen["last"], True)


def test_the_health_of_many_is_kept_at_once_and_nothing_where_there_is_nothing_to_keep(clock: Clock) -> None:
    record.probe(["down-now"], False, rearm_after=3600, healthy=["down-now"])
    told = record.probe(["up", "down", "down-now"], False, rearm_after=3600, healthy=["up"])
    assert (told["done"], told["changed"]) == (True, True)
    assert [one["healthy"] and one["healthy"]["now"] for one in told["gateways"]] == [True, None, False]
    assert sorted(path.name for path in record.RECORDS.iterdir()) == ["down-now", "up"]


def test_one_whose_health_can_not_be_kept_does_not_hide_the_others(clock: Clock) -> None:
    write("healthy", "[")
    told = record.probe([NAME, "up"], False, rearm_after=3600, healthy=[NAME, "up"])
    assert (told["done"], told["gateways"][1]["healthy"]["now"]) == (False, True)
    assert "remove it by hand" in told["said"]
    (record.RECORDS / "a-file").write_text("")
    with pytest.raises(Unavailable) as refused:
        record.probe(["a-file", "next"], False, rearm_after=3600, healthy=["a-file", "next"])
    assert "a-file" in refused.value.reason
    assert record.read("next")["healthy"]["now"]


@pytest.mark.parametrize(
    "asked", [{"unlock": "me"}, {"release": True}, {"policy": ""}, {"pause": {"until": "", "by": None}}]
)
def test_what_is_not_there_is_ended_without_a_trace(clock: Clock, asked: dict[str, Any]) -> None:
    told = change(**asked)
    assert (told["done"], told["changed"]) == (True, False)
    assert not record.RECORDS.exists()


def write(part: str, text: str) -> Path:
    (record.RECORDS / NAME).mkdir(parents=True, exist_ok=True)
    path = record.RECORDS / NAME / f"{part}.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("text", ["", "[", "3", '{"owner": 3}', "[" * 100_000, '"' + "x" * 100_000 + '"', "\x00"])
def test_what_can_not_be_understood_is_told_and_never_replaced(clock: Clock, part: str, text: str) -> None:
    path = write(part, text)
    found = kept()
    if part == "hold" and text.startswith("{"):
        assert found["hold"] is not None  # whatever it tells, it is one
        return
    assert (found[part], list(found["corrupt"])) == (None, [part])
    assert str(path) in found["corrupt"][part]
    asked: dict[str, Any] = {
        "lock": {"owner": "me", "seconds": 60},
        "logins": {"remedy": "restart", "cause": "gateway.hung"},
        "hold": {"reason": "because", "by": "me"},
        "pause": {"until": "", "by": "me"},
        "policy": "always",
        "healthy": [NAME],
    }
    refused = change(**{"login" if part == "logins" else part: asked[part]})
    assert (refused["done"], refused["changed"]) == (False, False)
    assert "remove it by hand" in refused["said"]
    assert path.read_text(encoding="utf-8") == text


def test_a_person_clears_a_hold_of_which_nothing_is_understood(clock: Clock) -> None:
    path = write("hold", "[")
    assert change(release=True)["changed"]
    assert not path.exists()


def test_check_mode_tells_what_would_be_and_writes_nothing(clock: Clock) -> None:
    told = change(check_mode=True, lock={"owner": "me", "seconds": 60})
    assert (told["done"], told["changed"]) == (True, True)
    assert not record.RECORDS.exists()


def test_what_is_written_can_be_read_by_everybody_and_leaves_nothing_beside_it(clock: Clock) -> None:
    change(hold={"reason": "because", "by": "me"})
    directory = record.RECORDS / NAME
    assert [one.name for one in directory.iterdir()] == ["hold.json"]
    assert (directory.stat().st_mode & 0o777, (directory / "hold.json").stat().st_mode & 0o777) == (0o755, 0o644)


def test_no_secret_and_no_control_character_gets_into_a_record(clock: Clock) -> None:
    change(hold={"reason": "\x1b[2Jpassword=hunter2 of U1234567", "by": "me"})
    text = json.dumps(kept())
    assert "hunter2" not in text
    assert "U1234567" not in text
    assert "u001b" not in text


def test_records_that_can_not_be_written_are_said(clock: Clock) -> None:
    record.RECORDS.write_text("")  # not even a directory
    with pytest.raises(Unavailable) as refused:
        lock("me")
    assert str(record.RECORDS) in refused.value.reason
    assert refused.value.problem == "probe.incomplete"


@pytest.mark.parametrize(
    ("names", "asked", "said"),
    [
        (["../etc"], {}, "no container's name"),
        ([NAME, "other"], {"release": True}, "one gateway at a time; names has 2"),
        (None, {"release": True}, "one gateway at a time; names has 0"),
        (None, {"healthy": []}, "names has none"),
        ([NAME], {"healthy": ["other"]}, "'other' is not among them"),
        ([NAME], {"release": True, "healthy": [NAME]}, "healthy and release were asked for at once"),
        ([NAME], {"lock": {"owner": "", "seconds": 60}}, "owner is empty"),
        ([NAME], {"lock": {"owner": "me", "seconds": 0}}, "0 seconds"),
        ([NAME], {"lock": {"owner": "me", "seconds": 86401}}, "1 to 86400"),
        ([NAME], {"pause": {"until": "tomorrow", "by": ""}}, "'tomorrow'"),
        ([NAME], {"pause": {"until": "2027-01-15T07:59:00Z", "by": ""}}, "a time to come"),
    ],
)
def test_what_makes_no_sense_is_refused(clock: Clock, names: Any, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse) as refused:
        record.probe(names, False, rearm_after=3600, **asked)
    assert said in str(refused.value)
    assert not record.RECORDS.exists()
