# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When IBKR resets its servers, as it is known and as an operator gives it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import (
    NEW_YORK,
    RESET_WINDOWS,
    Unusable,
    Window,
    reset_ends,
    reset_windows,
)


def given(*entries: dict[str, Any]) -> tuple[Window, ...]:
    return reset_windows({"recover_reset_windows": list(entries)})


def test_an_operator_may_say_that_there_are_none() -> None:
    assert reset_windows({}) == RESET_WINDOWS
    assert reset_windows({"recover_reset_windows": []}) == ()


def test_of_windows_that_overlap_the_last_end_counts() -> None:
    early, late = ({"days": ["sun"], "from": "01:00", "to": to, "zone": "UTC"} for to in ("02:00", "03:00"))
    now = datetime(2026, 3, 1, 1, 30, tzinfo=timezone.utc)
    assert reset_ends(given(late, early), now) == datetime(2026, 3, 1, 3, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-02-28T03:59:59+00:00", False),
        ("2026-02-28T04:00:00+00:00", True),
        ("2026-02-28T07:59:59+00:00", True),
        ("2026-02-28T08:00:00+00:00", False),
        ("2026-03-01T05:00:00+00:00", False),
    ],
)
def test_a_window_that_passes_midnight(moment: str, inside: bool) -> None:
    weekend = given({"days": ["fri"], "from": 1380, "to": "03:00", "zone": NEW_YORK})
    assert (reset_ends(weekend, datetime.fromisoformat(moment).astimezone(timezone.utc)) is not None) is inside


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"days": ["someday"]}, "the days"),
        ({"days": []}, "the days"),
        ({"from": "25:00"}, "the time"),
        ({"zone": "Mars/Olympus"}, "the zone"),
        ({"zone": "../../etc/passwd"}, "the zone"),
        ({"until": "noon"}, "must be like"),
    ],
)
def test_a_window_that_makes_no_sense(changed: dict[str, Any], words: str) -> None:
    window = {"days": ["sun"], "from": "00:15", "to": "01:45", "zone": NEW_YORK}
    with pytest.raises(Unusable, match=f"entry 1 of recover_reset_windows.*{words}"):
        given({**window, **changed})
