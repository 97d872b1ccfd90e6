# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is described, what the container gets has the forms of its own family's schema."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import DEPLOYED, WORDS
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.unit.plugin_utils.deployment.machine import PAPER_USER, plan

CLOCK = some.builds("{:02}:{:02}".format, some.integers(0, 23), some.integers(0, 59)) | some.just("")
VALUES: dict[str, some.SearchStrategy[Any]] = {
    **{word: some.sampled_from(known.choices) for word, known in WORDS.items() if known.choices and word != "family"},
    **dict.fromkeys(("daily_restart", "daily_logoff", "weekly_cold_restart"), CLOCK),
    **dict.fromkeys(("relogin_after_second_factor_timeout", "read_only_api", "expose"), some.booleans()),
    "time_zone": some.sampled_from(("Etc/UTC", "Asia/Tokyo", "America/New_York")),
    "master_client_id": some.integers(0, 999_999_999),
    "java_heap_mb": some.integers(256, 65_536),
    "second_factor_device": some.sampled_from(("", "IB Key", "IB Key 2")),
}


@pytest.mark.parametrize("family", DEPLOYED)
@given(entry=some.fixed_dictionaries({}, optional=VALUES))
@settings(max_examples=60, deadline=None)
def test_what_is_deployed_has_the_forms_of_its_family(family: str, entry: dict[str, Any]) -> None:
    secrets = {"password": "x", **(PAPER_USER if entry.get("trading_mode") == "both" else {})}
    try:
        planned = plan(secrets, family=family, **entry)
    except Misuse:
        return  # it can not be deployed
    known = BY_NAME[family].variables
    told = planned["container"]["env"]
    assert [name for name in told if name not in known] == []
    assert [f"{name}={value}" for name, value in told.items() if not known[name].form.takes(value)] == []
    files = [file["settings"] for file in planned["files"] if file["form"] == "config.ini"]
    assert [key for file in files for key, value in file.items() if value and not KEYS[key].form.takes(value)] == []
