# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each form takes what its image takes, and nothing beside it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families import forms
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import Form, choice, number


@pytest.mark.parametrize(
    ("form", "taken", "refused"),
    [
        (forms.SWITCH, ["yes", "NO", "True", "false"], ["1", "on", "y", "yes ", "'no'"]),
        (forms.YES_OR_NO, ["yes", "No"], ["true", "False", "1"]),
        (forms.SPOKEN, ["yes", "TRUE", "on", "0", "off"], ["21:00", "y", "ja"]),
        (forms.TRUE_FALSE, ["true", "no", "1"], ["2", "maybe"]),
        (forms.EXACT_YES, ["yes", "no", "NO", "false", "0"], ["Yes", "YES", "true", "True", "1"]),
        (choice("exit", "restart"), ["exit", "Restart"], ["none", "exit "]),
        (choice("Paper Trading", "Live Trading", any_case=False), ["Live Trading"], ["live trading", "paper", "Live"]),
        (number(0, 60), ["0", "60"], ["61", "-1", "1.5", "10s", ""]),
        (forms.PORT, ["1", "65535"], ["0", "65536", "http"]),
        (forms.PATH, ["/home/x y"], ["home/x", "~/x"]),
        (
            forms.CLOCK_12H,
            ["11:59 PM", "12:00 AM", "05:30 AM"],
            ["23:59", "5:30 AM", "11:59PM", "11:59 pm", '"11:45 PM"', "13:00 PM"],
        ),
        (forms.CLOCK_AFTERNOON, ["11:59 PM", "11:59", "1:05 pm"], ["11:59 AM", "00:30 AM", "soon"]),
        (forms.CLOCK_24H, ["21:00", "9:05", "00:00"], ["24:00", "21:60", "09:00 PM", "yes"]),
        (forms.CLOSING, ["22:00", "Friday 22:00", "fri 22:00"], ["22", "Someday 22:00", "Friday 10:00 PM"]),
        (forms.TIME_ZONE, ["America/New_York", "Etc/UTC", "UTC"], ["New York", "America/NewYork", "Berlin", "UTC+2"]),
        (forms.ZONE_IN_WORDS, ["America/New_York", "America/New York"], ["New York", "Berlin"]),
        (forms.TZ, ["America/New_York", ":Europe/Zurich", "UTC0", "EST5EDT", "<+03>-3"], ["New York", "Nowhere/City"]),
        (forms.HEAP_MB, ["768", "4096"], ["1024m", "4g", "0", "-Xmx1g"]),
        (forms.HEAP_WITH_UNIT, ["1024m", "4G"], ["1024", "1024 m", "4gb", "0m"]),
        (forms.BASE32, ["JBSWY3DPEHPK3PXP", "jbsw y3dp ===="[:9]], ["123456", "key-1"]),
        (forms.UNEXPANDED, ["p$w"], ["p w", "p*", "p?", "p[x]"]),
        (forms.NO_BACKSLASH, ["p w"], ["p\\w"]),
        (forms.BUTTONS, ["Yes,Continue", "I Accept"], ["yes", "no", "true"]),
    ],
    ids=lambda part: part.allowed if isinstance(part, Form) else "",
)
def test_a_form_takes_what_has_it(form: Form, taken: list[str], refused: list[str]) -> None:
    assert [value for value in taken if not form.takes(value)] == []
    assert [value for value in refused if form.takes(value)] == []


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        (forms.SWITCH, False, "no"),
        (forms.TRUE_FALSE, True, "true"),
        (forms.CLOCK_12H, "00:05", "12:05 AM"),
        (forms.CLOCK_12H, "12:30", "12:30 PM"),
        (forms.CLOCK_12H, "23:45", "11:45 PM"),
        (forms.HEAP_MB, 1024, "1024"),
        (forms.HEAP_WITH_UNIT, 1024, "1024m"),
    ],
)
def test_a_form_writes_what_it_takes(form: Form, value: Any, written: str) -> None:
    assert form.write(value) == written
    assert form.takes(written)


def test_what_a_form_can_not_have_is_refused_with_what_it_allows() -> None:
    with pytest.raises(ValueError, match="allowed is a time from noon on, like 11:59 PM"):
        forms.CLOCK_AFTERNOON.write("05:30")


def test_without_a_time_zone_database_every_name_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "time_zones", lambda: frozenset())
    assert forms.TIME_ZONE.takes("Nowhere/City")
    assert not forms.TIME_ZONE.takes("New York")
