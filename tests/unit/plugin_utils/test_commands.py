# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command that is offered means the one machine, whatever that is called: asked of a shell and of Ansible itself."""

from __future__ import annotations

import shlex
from typing import Any
from unittest.mock import patch

import pytest
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.utils.vars import load_extra_vars
from ansible_collections.ibgw.ops.plugins.plugin_utils.commands import pattern, quoted, selecting
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import DIAGNOSE, named

PLAIN = ["alpha", "höst", "10.0.0.5", "gw@site", "web-01.example.org"]
ODD = [
    *("my host", "it's", 'say "hi"', "$(reboot)", "a;b", "back\\slash", "<script>", "🦊", "-dash", "#hash", "a/b"),
    *("a,b", "a:b", "web[1]", "web[1:3]", "~tilde", "!not", "&and", "*", "a.*", "alph?", "{{ 1 }}", "x" * 200),
    *("{% if 1 %}", "a{# 🦊 #}b", '{{ "it\'s" }}'),
]


@pytest.fixture(scope="module")
def inventory() -> InventoryManager:
    manager = InventoryManager(loader=DataLoader(), sources=[])
    for name in (*PLAIN, *ODD):
        manager.add_host(name)
    return manager


@pytest.mark.parametrize("machine", PLAIN)
def test_a_plain_name_stays_as_it_is(machine: str) -> None:
    assert pattern(machine) == quoted(machine) == machine
    assert selecting("diagnose_only", machine, "gw") == f"-e diagnose_only={machine}/gw"


@pytest.mark.parametrize("machine", [*PLAIN, *ODD])
def test_a_pattern_selects_that_machine_and_no_other(inventory: InventoryManager, machine: str) -> None:
    (word,) = shlex.split(pattern(machine))
    assert [host.name for host in inventory.get_hosts(word)] == [machine]
    assert not word.startswith("-")


@pytest.mark.parametrize("machine", ODD)
def test_a_gateway_of_an_odd_machine_is_given_as_a_list(machine: str) -> None:
    option, word = shlex.split(selecting("diagnose_only", machine, "gw"))
    assert option == "-e"
    if machine != "x" * 200:
        assert word.isascii()
        assert given(word) == {"diagnose_only": [f"{machine}/gw"]}


def given(extra: str) -> Any:
    """What `-e` of that makes of its variables, once Ansible has rendered them."""
    loader = DataLoader()
    with (
        patch.object(context, "CLIARGS", {"extra_vars": (trust_as_template(extra),)}),
        patch.dict(vars(load_extra_vars), clear=True),
    ):
        return Templar(loader).template(load_extra_vars(loader))


def test_a_name_that_looks_like_a_template_would_be_rendered_as_json() -> None:
    assert given('{"diagnose_only": ["{{ 1 }}/gw"]}') == {"diagnose_only": ["1/gw"]}


@pytest.mark.parametrize("machine", ODD)
def test_whatever_a_step_says_of_an_odd_machine_is_one_word_of_a_shell(machine: str) -> None:
    text = named("ss -ltnp on {machine}", "gw", machine)
    assert shlex.split(text)[3:] == [machine]


def test_each_command_names_its_machine_as_it_has_to() -> None:
    given = f"{DIAGNOSE} -l {{machine}}; ansible {{machine}} -m ping"
    assert named(given, "gw", "a b") == (
        """ansible-playbook ibgw.ops.diagnose -e '{"diagnose_only": ["a b/gw"]}' -l '~a\\x20b\\Z'; ansible '~a\\x20b\\Z' -m ping"""
    )
