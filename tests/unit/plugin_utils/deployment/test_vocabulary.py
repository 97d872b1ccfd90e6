# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role documents is what the vocabulary takes, and what is written into files arrives as it was given."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.filter.java_property import java_property
from ansible_collections.ibgw.ops.plugins.plugin_utils import inventory
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import WORDS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugin_utils.deployment.machine import KEY, NAME, PASSWORD, USER, plan

ROLE = Path(__file__).resolve().parents[4] / "roles" / "gateway"
OPTIONS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"][
    "options"
]

#: Options of the role that are no word of a gateway.
OF_THE_MACHINE = {
    "gateway_secrets",
    "gateway_replace",
    "gateway_ignore_clients",
    "gateway_delete_settings",
    "gateway_become",
    "gateway_python",
}


def test_the_role_documents_every_word_and_no_other() -> None:
    assert set(OPTIONS) - OF_THE_MACHINE == {f"gateway_{word}" for word in WORDS}


@pytest.mark.parametrize("word", WORDS)
def test_a_words_option_has_its_default_and_choices(word: str) -> None:
    option = OPTIONS[f"gateway_{word}"]
    assert option["default"] == WORDS[word].default
    assert option.get("choices", []) == list(WORDS[word].choices)
    assert option["description"].endswith(".")
    assert WORDS[word].read(option["default"]) == WORDS[word].default


def test_a_machines_default_holds_until_a_gateway_says_otherwise() -> None:
    defaults = {"gateway_daily_restart": "21:00", "gateway_java_heap_mb": "1024"}
    of_machine = plan(defaults=defaults)
    own = plan(defaults=defaults, daily_restart="20:00")
    times = [one["files"][0]["settings"]["AutoRestartTime"] for one in (of_machine, own)]
    assert times == ["09:00 PM", "08:00 PM"]
    assert of_machine["container"]["env"]["JAVA_HEAP_SIZE"] == "1024"


def test_a_family_that_diagnosis_is_to_find_out_is_the_machines() -> None:
    assert plan({"password": "x"}, defaults={"gateway_family": "ibga"}, family="auto")["family"] == "ibga"
    assert plan(family="auto")["family"] == "gnzsnz-ibc"


def test_diagnosis_takes_the_words_of_deployment_for_granted() -> None:
    entry = {"name": NAME, **{word: known.default for word, known in WORDS.items()}}
    assert inventory.check_machine("alpha", {"gateways": [entry]}) == []
    assert inventory.check_machine("alpha", {"gateways": [{"name": NAME, "heap": 1}]}) != []


# What arrives


def rendered(file: dict[str, Any], private: dict[str, str]) -> str:
    """The file as Ansible's template module writes it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"ibgw.ops.java_property": java_property, "quote": shlex.quote}
    return environment.get_template(f"{file['form']}.j2").render(file=file, gateway_secret_values=private)


def properties(text: str) -> dict[str, str]:
    """As java.util.Properties loads it: Latin-1, escapes, blanks before a value cut off."""
    read = {}
    for line in text.encode("ascii").decode("latin-1").splitlines():
        if not line.startswith("#"):
            key, _equals, value = line.partition("=")
            units = re.sub(
                r"\\(?:u([0-9a-f]{4})|(.))",
                lambda found: chr(int(found[1], 16)) if found[1] else found[2],
                value.lstrip(" \t\f") if not value.startswith("\\") else value,
            )
            read[key] = units.encode("utf-16", "surrogatepass").decode("utf-16")
    return read


SECRET_TEXT = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1)


@given(SECRET_TEXT)
def test_java_reads_what_was_written(value: str) -> None:
    assert properties(f"IbPassword={java_property(value)}\n") == {"IbPassword": value}


def test_the_configuration_holds_every_setting_and_the_credentials() -> None:
    planned = plan(second_factor_device="IB Key", controller_settings={"ClosedownAt": "Friday 22:00"})
    (file,) = planned["files"]
    read = properties(rendered(file, {"user": USER, "password": PASSWORD}))
    assert (read["IbLoginId"], read["IbPassword"]) == (USER, PASSWORD)
    assert {key: read[key] for key in file["settings"]} == file["settings"]
    assert read["SecondFactorDevice"] == "IB Key"
    assert read["ClosedownAt"] == "Friday 22:00"


@settings(max_examples=20, deadline=None)  # a shell each
@given(SECRET_TEXT)
def test_the_shell_reads_what_was_written(value: str) -> None:
    file = {"form": "environment", "secrets": {"IB_PASSWORD": "password"}}
    script = f"set -a\n{rendered(file, {'password': value})}\nset +a\nexec printenv IB_PASSWORD"
    told = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert told.stdout.decode() == f"{value}\n"


def test_a_secret_of_its_own_has_no_line_end() -> None:
    planned = plan({"totp_key": KEY}, family="ibg-controller", second_factor="totp")
    file = next(one for one in planned["files"] if one["path"].endswith("/totp_key"))
    assert rendered(file, {"totp_key": KEY}) == KEY
