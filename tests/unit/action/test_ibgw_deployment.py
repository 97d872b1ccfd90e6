# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory gives as templates is checked and planned as what they render to."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar, trust_as_template
from ansible_collections.ibgw.ops.plugins.action import ibgw_deployment

#: It connects to nothing; only its base class looks for a directory.
NO_CONNECTION = SimpleNamespace(_shell=SimpleNamespace(tmpdir=""))


@dataclass(frozen=True)
class Told:
    """What a vault or a lookup tells."""

    text: str


class HostVars(dict[str, dict[str, Any]]):
    """The variables of all machines, as they are given."""

    def raw_get(self, machine: str) -> dict[str, Any]:
        return self[machine]


def trusted(value: Any) -> Any:
    """As Ansible reads it from an inventory, whose texts are templates."""
    if isinstance(value, Told):
        return value.text
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


def deployment(hostvars: dict[str, dict[str, Any]] | None = None, **variables: Any) -> dict[str, Any]:
    """The result for the machine alpha; `hostvars` are those of the other machines."""
    own = {"inventory_hostname": "alpha", **trusted(variables)}
    loader = DataLoader()
    machines = HostVars({"alpha": own, **trusted(hostvars or {})})
    task_vars = {**own, "ansible_play_hosts_all": list(machines), "hostvars": machines}
    made = ibgw_deployment.ActionModule(Task(), NO_CONNECTION, PlayContext(), loader, Templar(loader, task_vars))
    result: dict[str, Any] = made.run(None, task_vars)
    return result


GIVEN: dict[str, Any] = {
    "gateways": [{"name": "{{ prefix }}-gw", "ports": {"paper": "{{ base + 2 }}"}}],
    "gateway_secrets": {"mine-gw": {"user": "{{ the_user }}", "password": "{{ the_password }}"}},
    "gateway_java_heap_mb": "{{ heap }}",
    "prefix": "mine",
    "base": 5000,
    "heap": 512,
    "the_user": "trader7",
    "the_password": "Secret-7-word",
}


def test_templates_are_rendered_before_they_are_planned() -> None:
    result = deployment(**GIVEN)
    (planned,) = result["gateways"]
    assert planned["name"] == "mine-gw"
    assert planned["container"]["published_ports"] == ["127.0.0.1:5002:4004/tcp"]
    assert planned["container"]["env"]["JAVA_HEAP_SIZE"] == "512"
    assert result["changed"] is False
    assert "Secret-7-word" not in str(result)


def test_a_template_that_can_not_be_rendered_is_said_with_its_variable_and_machine() -> None:
    with pytest.raises(AnsibleActionFail, match="gateway_secrets of the machine alpha can not be read: .*the_password"):
        deployment(**{name: value for name, value in GIVEN.items() if name != "the_password"})


def test_a_template_that_renders_to_nonsense_is_refused_like_nonsense() -> None:
    with pytest.raises(
        AnsibleActionFail, match="java_heap_mb of the machine alpha is 'much'; allowed are whole numbers"
    ):
        deployment(**{**GIVEN, "heap": "much"})


def test_a_password_that_looks_like_a_template_stays_what_it_is() -> None:
    """A vault's or lookup's text is no template, and is not made one."""
    secrets = {"mine-gw": {"user": "trader7", "password": Told("{{ no_such_variable }}")}}
    result = deployment(**{**GIVEN, "gateway_secrets": secrets})
    assert [one["name"] for one in result["gateways"]] == ["mine-gw"]


def test_one_user_on_two_machines_is_refused_by_the_first() -> None:
    beta = {
        "inventory_hostname": "beta",
        "gateways": [{"name": "other"}],
        "gateway_secrets": {"other": {"user": "Trader7", "password": "x"}},
    }
    with pytest.raises(AnsibleActionFail, match="alpha/mine-gw and the gateway beta/other log in as the same user"):
        deployment({"beta": beta}, **GIVEN)
    beta["gateways"][0]["state"] = "absent"
    assert deployment({"beta": beta}, **GIVEN)["gateways"]


def test_what_is_to_go_is_told_beside_what_comes() -> None:
    result = deployment(**{**GIVEN, "gateways": [*GIVEN["gateways"], {"name": "old-{{ prefix }}", "state": "absent"}]})
    assert [one["name"] for one in result["gateways"]] == ["mine-gw"]
    assert [one["name"] for one in result["absent"]] == ["old-mine"]


def test_the_secrets_of_what_is_to_go_are_not_needed() -> None:
    """A vault that has forgotten them must not keep the gateway."""
    gone = {"name": "gone", "state": "absent"}
    secrets = {**GIVEN["gateway_secrets"], "gone": {"user": "{{ forgotten }}"}}
    beta = {"inventory_hostname": "beta", "gateways": [gone], "gateway_secrets": {"gone": {"user": "{{ forgotten }}"}}}
    given = {**GIVEN, "gateways": [*GIVEN["gateways"], gone], "gateway_secrets": secrets}
    result = deployment({"beta": beta}, **given)
    assert ([one["name"] for one in result["gateways"]], [one["name"] for one in result["absent"]]) == (
        ["mine-gw"],
        ["gone"],
    )


def test_a_controller_that_can_make_no_containers_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ibgw_deployment, "MAKES_CONTAINERS", "no.such")
    with pytest.raises(
        AnsibleActionFail, match="the collection no.such.* is missing on the controller; install it: ansible-galaxy"
    ):
        deployment(**GIVEN)
    assert deployment(gateways=[])["gateways"] == []


def test_warnings_are_shown_as_ansibles() -> None:
    assert "warnings" not in deployment(**GIVEN)
    (warning,) = deployment(**{**GIVEN, "gateway_image": "some/image:latest"})["warnings"]
    assert warning.startswith("the gateway alpha/mine-gw: the tag latest moves with each release")
