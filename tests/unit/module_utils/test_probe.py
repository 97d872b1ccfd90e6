# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a result is cut where it is too long, and that what says why there is none fits."""

from __future__ import annotations

import os
import pwd

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.probe import RESULT_BYTES, Unavailable, fit, size, user


def test_what_fits_is_left_alone() -> None:
    result = {"events": [1, 2, 3], "name": "x" * 200}
    assert fit(result, [("events",)]) == {"events": [1, 2, 3], "name": "x" * 200, "cut": {}}


def test_what_is_missed_least_goes_first_and_of_events_the_oldest() -> None:
    result = {"events": list(range(2000)), "settings": {f"name{at}": "value" for at in range(200)}}
    seen = fit(result, [("events",)], [("settings",)])
    assert len(seen["settings"]) == 200
    assert seen["events"][-1] == 1999
    assert seen["cut"] == {"events": 2000 - len(seen["events"])}


def test_of_what_is_given_together_the_longest_goes_first() -> None:
    seen = fit({"short": list(range(10)), "long": list(range(9000))}, [("short",), ("long",)])
    assert seen["cut"].keys() == {"long"}


def test_texts_are_shortened_where_nothing_else_is_left() -> None:
    seen = fit({"id": "a" * 64, "error": {"text": "x" * 9000}, "events": []}, [("events",)], limit=1000)
    assert size(seen) <= 1000
    assert seen["id"] == "a" * 64
    assert seen["error"]["text"].endswith("x…")
    assert len(seen["error"]["text"]) + seen["cut"]["text"] == 9000


def test_what_can_not_be_cut_any_further_is_left() -> None:
    assert fit({"numbers": list(range(100))}, limit=10)["numbers"] == list(range(100))
    assert fit({"events": list(range(100))}, [("events",)], limit=10)["events"] == []


def test_a_reason_fits() -> None:
    said = Unavailable("probe.incomplete", "\N{GRINNING FACE}" * 9000, "mend it").as_result()
    assert size(said) <= RESULT_BYTES


def test_who_looks_is_told_by_the_user_id_and_not_by_the_environment_of_who_was_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert user() == pwd.getpwuid(os.geteuid()).pw_name


def test_a_user_id_without_a_name_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_123)
    assert user() == "uid 4000000123"
