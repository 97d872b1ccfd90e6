# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator gives is checked before anything is probed, and said in one sentence where it makes no sense."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings, read

from tests.unit.test_house import CHECKOUT


def test_the_roles_defaults_are_those_of_the_settings() -> None:
    defaults = yaml.safe_load((CHECKOUT / "roles/recover/defaults/main.yml").read_text(encoding="utf-8"))
    assert read(defaults) == read({}) == Settings()


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"recover_only": "alpha/one, two"}, "only", ("alpha/one", "two")),
        ({"recover_dry_run": "yes"}, "dry_run", True),
        ({"recover_login_budget": "0"}, "login_budget", 0),
        ({"recover_pause_until": "none"}, "pause_until", "none"),
        ({"recover_max_remedy": "wait"}, "max_remedy", "wait"),
    ],
)
def test_what_the_command_line_gives_as_text_is_understood(given: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(read(given), field) == value


@pytest.mark.parametrize(
    "given",
    [
        {"recover_only": {"a": 1}},
        {"recover_only": ["a b"]},
        {"recover_only": ""},
        {"recover_only": " , "},
        {"recover_only": [""]},
        {"recover_only": None},
        {"recover_dry_run": "perhaps"},
        {"recover_login_budget": -1},
        {"recover_login_budget": True},
        {"recover_steps": 0},
        {"recover_max_remedy": ["start"]},
        {"recover_reset_windows": {"days": []}},
        {"recover_reset_windows": [None]},
        {"recover_reset_windows": "sunday"},
        {"recover_pause_until": "tomorrow"},
        {"recover_hold": ["works on it"]},
        {"recover_hold": True},
        {"diagnose_only": ["a"]},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Misuse, match=next(iter(given))):
        read(given)


@pytest.mark.parametrize(
    ("only", "selected"), [((), True), (("one",), True), (("alpha/one",), True), (("beta/one",), False)]
)
def test_a_selection_is_of_names_or_of_machines_with_names(only: tuple[str, ...], selected: bool) -> None:
    assert Settings(only=only).selects("alpha", "one") is selected
