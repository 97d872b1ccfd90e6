# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Times of an engine become times of a result."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, utc


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("2026-11-22T16:56:10.435838479Z", "2026-11-22T16:56:10Z"),
        ("2026-11-22T16:56:10Z", "2026-11-22T16:56:10Z"),
        ("2026-11-22T11:56:10.4-05:00", "2026-11-22T16:56:10Z"),  # podman tells local time
        ("0001-01-01T00:00:00Z", None),
        ("2026-13-45T00:00:00Z", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("0206-03-31T00:00:00Z", "0206-03-31T00:00:00Z"),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_utc_in_whole_seconds_or_null(told: object, shown: str | None) -> None:
    assert utc(told) == shown


def test_fractions_of_a_second_are_kept_for_comparing() -> None:
    assert epoch("1970-01-01T00:00:01.5Z") == 1.5
