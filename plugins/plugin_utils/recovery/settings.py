# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator lets recovery do: the variables `recover_*`, checked before anything is probed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import shown
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.plugins.plugin_utils.inventory import selection, windows
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.ladder import LADDER
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import RESET_WINDOWS, Window

#: What is allowed of each number: from, to.
NUMBERS = {
    "login_budget": (0, 8),
    "rearm_after": (60, 604800),
    "wait_for_person": (0, 86400),
    "lock_seconds": (5, 86400),
    "steps": (1, 10),
    "settle": (0, 3600),
    "agree_after": (0, 600),
}
WORDS = ("only", "max_remedy", "reset_windows", "pause_until", "hold")
SWITCHES = ("dry_run", "ignore_clients", "person_ready")


@dataclass(frozen=True)
class Settings:
    """What recovery may do; durations are seconds.

    `login_budget` is for one cause within 24 hours, and twice that for all causes together. `settle` 0 stands for what the family's
    start takes.
    """

    only: tuple[str, ...] = ()
    dry_run: bool = False
    max_remedy: str = "recreate"
    ignore_clients: bool = False
    login_budget: int = 2
    rearm_after: int = 3600
    person_ready: bool = False
    wait_for_person: int = 0
    reset_windows: tuple[Window, ...] = RESET_WINDOWS
    lock_seconds: int = 600
    steps: int = 3
    settle: int = 0
    agree_after: int = 5
    pause_until: str = ""
    hold: str = ""

    def selects(self, machine: str, name: str) -> bool:
        """Whether a gateway is to be recovered; without a selection all are."""
        return not self.only or name in self.only or f"{machine}/{name}" in self.only


def read(variables: Mapping[str, Any]) -> Settings:
    """The settings in the variables `recover_*`; raises `Misuse`."""
    if variables.get("diagnose_only"):
        raise Misuse(
            "diagnose_only is set, which would hide gateways that fail alike from recovery; recover_only says which ones it "
            "may act on"
        )
    given = {name.removeprefix("recover_"): value for name, value in variables.items() if name.startswith("recover_")}
    max_remedy = given.get("max_remedy", "recreate")
    if max_remedy not in LADDER:
        raise Misuse(f"recover_max_remedy is {shown(max_remedy)}; allowed are {', '.join(LADDER)}")
    pause_until = str(given.get("pause_until") or "")
    if pause_until not in ("", "none") and epoch(pause_until) is None:
        raise Misuse(
            f"recover_pause_until is {shown(pause_until)}; it must be a moment with its zone like 2026-03-01T12:00:00Z, or none"
        )
    hold = given.get("hold") or ""
    if not isinstance(hold, str):
        raise Misuse(f"recover_hold is {shown(hold)}; it must be the reason, in words")
    checked: dict[str, Any] = {
        **{name: _switch(name, given[name]) for name in SWITCHES if name in given},
        **{name: _number(name, given[name]) for name in NUMBERS if name in given},
    }
    return Settings(
        only=_only(given.get("only", [])),
        max_remedy=max_remedy,
        reset_windows=windows(variables),
        pause_until=pause_until,
        hold=hold,
        **checked,
    )


def _only(given: Any) -> tuple[str, ...]:
    items = tuple(selection("recover_only", given))
    if not items and given != []:  # what was to name a gateway and turned out empty must not stand for all of them
        raise Misuse("recover_only names no gateway; name one, or leave it out to have all of them recovered")
    return items


def _switch(name: str, given: Any) -> bool:
    try:
        return bool(boolean(given))
    except TypeError:
        raise Misuse(f"recover_{name} is {shown(given)}; allowed are true and false") from None


def _number(name: str, given: Any) -> int:
    least, most = NUMBERS[name]
    try:
        number = int(str(given))
    except ValueError:
        number = -1
    if isinstance(given, bool) or not least <= number <= most:
        raise Misuse(f"recover_{name} is {shown(given)}; allowed are whole numbers from {least} to {most}")
    return number
