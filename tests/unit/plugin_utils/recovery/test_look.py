# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tasks registered becomes the situations of the gateways that were asked for, each with its own evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.look import situations
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

from tests.unit.plugin_utils.findings.scene import API, AVAILABLE, GATEWAY, HOST, NOW

RECORDS = {"available": True, "gateways": [{"name": "one", "hold": "of one"}, {"name": "two", "hold": "of two"}]}


def answer(gateway: str, ms: float) -> dict[str, Any]:
    return {**API, "gateway": gateway, "total_ms": ms}


#: Two gateways that are declared and one that is found, as the tasks of a run registered them.
SEEN: dict[str, Any] = {
    "gateways": [{"name": "one"}, {"name": "two"}],
    "gateway_secrets": {"one": {}},
    "diagnose_health": {
        "health": {
            **AVAILABLE,
            "host": HOST,
            "gateways": [{**GATEWAY, "name": name} for name in ("one", "two", "found")],
        }
    },
    "diagnose_handshake": {"handshake": {**AVAILABLE, "endpoints": [answer("one", 1), answer("two", 2)]}},
    "diagnose_inside": {"handshake": {**AVAILABLE, "endpoints": [answer("one", 3)]}},
}


def named(variables: Mapping[str, Any], **asked: Any) -> dict[str, Any]:
    return {each.name: each for each in situations("alpha", variables, RECORDS, NOW, **asked)}


def test_each_gateway_has_its_own_evidence() -> None:
    seen = named({**SEEN, "diagnose_docker_host": "tcp://10.0.0.1:2375"})
    assert list(seen) == ["one", "two", "found"]
    for name, answers in (("one", [1, 3]), ("two", [2]), ("found", [])):
        one = seen[name]
        assert (one.row["name"], one.row["host"], one.health["name"]) == (name, "alpha", name)
        assert {case.name for case in one.cases} == {name}
        assert [each["total_ms"] for each in one.answers] == answers
        assert (one.now, one.orders, one.engine_given) == (NOW, None, "tcp://10.0.0.1:2375")
    assert [seen[name].record.hold for name in seen] == ["of one", "of two", None]


def test_where_no_task_brought_anything_the_declared_gateways_are_not_judged() -> None:
    seen = named({"gateways": SEEN["gateways"]})
    assert {name: (one.row["status"], one.health, one.answers) for name, one in seen.items()} == {
        "one": ("unknown", {}, ()),
        "two": ("unknown", {}, ()),
    }
    assert {one.engine_given for one in seen.values()} == {""}


@pytest.mark.parametrize(
    ("only", "names"),
    [(["two"], ["two"]), (["found"], ["found"]), (["gone"], ["gone"]), (["one", "gone"], ["one", "gone"])],
)
def test_what_is_asked_for_has_a_situation_whatever_was_seen(only: list[str], names: list[str]) -> None:
    assert list(named(SEEN, only=only)) == names


def test_what_is_declared_of_a_gateway_holds_where_it_is_asked_for_by_name() -> None:
    live = {**SEEN, "gateways": [{"name": "one", "trading_mode": "live"}]}
    for asked in ({}, {"only": ["one"]}):
        assert named(live, **asked)["one"].row["declared"]
        assert {case.declared.trading_mode for case in named(live, **asked)["one"].cases if case.declared} == {"live"}


def test_what_is_gone_has_no_health() -> None:
    (one,) = named(SEEN, only=["gone"]).values()
    assert (one.health, one.answers) == ({}, ())
    assert one.row["status"] != "healthy"


KILLED = {**GATEWAY["container"], "status": "exited", "exit_code": 137}


def test_what_is_suppressed_is_said_in_the_row() -> None:
    found = [{**GATEWAY, "name": name, "container": KILLED} for name in ("one", "two")]
    variables = {
        "gateways": SEEN["gateways"],
        "diagnose_health": {"health": {**AVAILABLE, "host": HOST, "gateways": found}},
    }
    seen = named(variables, suppressions=[Suppression("container.killed", "one", "planned", None)])
    assert {name: (one.code, bool(one.row["suppressed"])) for name, one in seen.items()} == {
        "one": ("container.killed", True),
        "two": ("container.killed", False),
    }


class Vaulted(Mapping[str, Any]):
    """Variables of which one can not be decrypted."""

    def __init__(self, variables: Mapping[str, Any], secret: str) -> None:
        self.variables, self.secret = variables, secret

    def __getitem__(self, key: str) -> Any:
        if key == self.secret:
            raise AnsibleError("Attempting to decrypt but no vault secrets found")
        return self.variables[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)


@pytest.mark.parametrize(
    ("variables", "name", "lacks"),
    [
        (SEEN, "one", ""),
        (SEEN, "two", "the inventory has no gateway_secrets for it"),
        ({**SEEN, "gateway_secrets": None}, "one", "the inventory has no gateway_secrets for it"),
        (SEEN, "found", "the inventory does not declare it"),
        (Vaulted(SEEN, "gateway_secrets"), "one", "its secrets in the inventory can not be read"),
        (Vaulted(SEEN, "gateway_secrets"), "found", "the inventory does not declare it"),
    ],
    ids=["all there", "no secrets", "no secrets at all", "not declared", "vault without password", "found, vault"],
)
def test_what_lacks_to_make_it_anew(variables: Mapping[str, Any], name: str, lacks: str) -> None:
    assert named(variables)[name].undeployable == lacks
