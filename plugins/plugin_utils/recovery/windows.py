# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IBKR's reset hours as an operator gives them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import shown
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import DAYS, NO_ZONE, Window

KEYS = ("days", "from", "to", "zone")
FORM = "{days: [sun, mon], from: '00:15', to: '01:45', zone: America/New_York}"


def read(where: str, given: Any) -> Window:
    """One window as an operator gives it; raises `Misuse`."""
    if not isinstance(given, Mapping) or set(given) != set(KEYS):
        raise Misuse(f"{where} is {shown(given)}; it must be like {FORM}")
    days = [str(day).lower()[:3] for day in given["days"]] if isinstance(given["days"], list) else []
    if not days or not set(days) <= set(DAYS):
        raise Misuse(f"{where} has the days {shown(given['days'])}; it must be a list of {', '.join(DAYS)}")
    try:
        ZoneInfo(str(given["zone"]))
    except NO_ZONE:
        raise Misuse(
            f"{where} has the zone {shown(given['zone'])}, which this controller does not know; it must be a name like "
            "America/New_York, and the controller needs time zone data (package tzdata)"
        ) from None
    return Window(tuple(days), _time(where, given["from"]), _time(where, given["to"]), str(given["zone"]))


def _time(where: str, given: Any) -> time:
    # YAML reads 23:00 without quotes as a number of base 60.
    text = f"{given // 60:02}:{given % 60:02}" if isinstance(given, int) and 0 <= given < 1440 else str(given)
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise Misuse(f"{where} has the time {shown(given)}; it must be like '00:15'") from None
