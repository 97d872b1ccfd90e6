# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the rules of the audit advise against, said before a container is made."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import DEPLOYED
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import findings

from tests.unit.plugin_utils.deployment.machine import plan


def advised(**entry: Any) -> set[str]:
    """The rules whose advice the plan of that gateway has among its warnings."""
    warnings = " ".join(plan({"password": "secret"}, **entry)["warnings"])
    return set(re.findall(r"\((config\.\w+)\)", warnings))


@pytest.mark.parametrize("family", DEPLOYED)
def test_what_nobody_asked_for_is_advised_against_by_no_rule_of_the_login(family: str) -> None:
    """But for what is a choice with a price: whether a live gateway asks again when nobody approves."""
    assert advised(family=family) <= {"config.image_unpinned"}
    again = set() if family == "ibga" else {"config.relogin_off"}
    assert advised(family=family, trading_mode="live") - {"config.image_unpinned"} == again


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"daily_restart": "12:00"}, "config.timezone_mismatch"),
        ({"time_zone": "Asia/Tokyo"}, "config.timezone_mismatch"),
        ({"existing_session": "primaryoverride"}, "config.session_action_yields"),
        ({"daily_restart": "", "daily_logoff": "22:30"}, "config.auto_restart_unset"),
        ({"second_factor_device": "SMS"}, "config.second_factor_device"),
        (
            {"controller_settings": {"SecondFactorAuthenticationTimeout": "60"}},
            "config.second_factor_times",
        ),
    ],
)
def test_what_will_hurt_one_day_is_said_when_it_is_asked_for(words: dict[str, Any], code: str) -> None:
    assert code in advised(trading_mode="live", **words)
    assert code not in advised(trading_mode="live")


def test_to_ask_again_is_a_choice_that_silences_the_advice() -> None:
    asks_again = {"trading_mode": "live", "relogin_after_second_factor_timeout": True}
    assert "config.relogin_off" not in advised(**asks_again)


def test_a_rule_that_breaks_keeps_no_gateway_from_being_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_case: object) -> None:
        raise ZeroDivisionError

    code = "config.image_unpinned"
    monkeypatch.setitem(findings(), code, replace(findings()[code], prove=broken))
    assert "config.vnc_enabled" in advised(image="some/image:latest", vnc=True)
