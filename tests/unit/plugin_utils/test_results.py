# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What does not fit a record reads as not seen; times and durations are told as a person reads them."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import countdown
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Container, Health, Instance, Sockets, read


@pytest.mark.parametrize("odd", [None, [], "text", 7, True, {"unheard": "of"}])
def test_anything_reads_as_an_empty_record(odd):
    assert read(Health, odd) == read(Health, {})


def test_what_fits_is_kept_and_what_does_not_is_left_out():
    container = read(Container, {"status": "exited", "exit_code": "143", "oom_killed": 1, "memory": {"limit": True}})
    assert (container.status, container.exit_code, container.oom_killed, container.memory.limit) == (
        "exited",
        None,
        None,
        None,
    )
    assert container.environment == {}


def test_lists_and_mappings_keep_what_fits():
    assert read(Instance, {"open_windows": ["Login Messages", None, 7]}).open_windows == ("Login Messages",)
    sockets = read(Sockets, {"close_wait": {4002: 12, "4001": "many"}, "listening": [{"port": 4002}, "odd"]})
    assert sockets.close_wait == {"4002": 12}
    assert [listener.port for listener in sockets.listening] == [4002]


def test_a_record_that_is_null_is_none_where_it_may_be():
    assert read(Instance, {"previous": None}).previous is None
    assert read(Instance, {"previous": {"problem": "x"}}).previous is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00.571000000Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00Z"),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_moments(text, told):
    parsed = moment(text)
    assert (stamp(parsed) if parsed else None) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0:00 min"), (115, "1:55 min"), (3600, "1 h 0 min"), (90_061, "1 d 1 h 1 min")],
)
def test_countdowns(seconds, told):
    assert countdown(seconds) == told
