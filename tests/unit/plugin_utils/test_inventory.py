# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What operators give is checked before anything is probed, in one sentence; what is left is a plan."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import inventory
from ansible_collections.ibgw.ops.plugins.plugin_utils.inventory import Ask

FINE: list[dict[str, Any]] = [
    {},
    {"gateways": None},
    {"gateways": []},
    {"gateways": [{"name": "ib-gateway"}]},
    {"gateways": [{"name": "a.b_c-1", "trading_mode": "both", "family": "auto", "ports": {"paper": 1, "live": 65535}}]},
    {"gateways": [{"name": "gw", "expect_orders": False}], "diagnose_undeclared": False},
    {"gateways": [{"name": "gw", "state": "absent"}, {"name": "wg", "state": "present"}]},
    {"gateways": [{"name": "gw", "ports": {"paper": 4002}}, {"name": "wg", "ports": {"paper": 4003}}]},
    {
        "gateways": [
            {"name": "gw", "ports": {"paper": 4002}},
            {"name": "wg", "ports": {"paper": 4002}, "state": "absent"},
        ]
    },
    {
        "gateways": [
            {"name": "gw", "ports": {"paper": 4002}, "bind_address": "10.0.0.5"},
            {"name": "wg", "ports": {"paper": 4002}, "bind_address": "10.0.0.6"},
        ]
    },
    {"diagnose_depth": "account", "diagnose_timeout": "30", "diagnose_api_timeout": 2.5},
    {"diagnose_undeclared": "no"},
    {"diagnose_api_slow_after": "0.5", "gateways": [{"name": "gw", "api_slow_after": 4.9}]},
    {"diagnose_api_slow_after": 0, "gateways": [{"name": "gw", "api_slow_after": 20}], "diagnose_api_timeout": 30},
    {"recover_reset_windows": []},
    {"audit_alerting": "a mail of the nightly diagnosis"},
    {"audit_alerting": ""},
    {"diagnose_docker_host": "unix:///var/run/docker.sock"},
    {"diagnose_docker_host": "tcp://127.0.0.1:2375"},
    {"diagnose_docker_host": "tcp://[::1]:2375"},
    {"diagnose_docker_host": "ssh://ops@engine"},
    {"diagnose_docker_host": ""},
]

BAD: list[tuple[dict[str, Any], str]] = [
    ({"gateways": "ib-gateway"}, "it must be a list"),
    ({"gateways": {"name": "ib-gateway"}}, "it must be a list"),
    ({"gateways": ["ib-gateway"]}, "it must be a mapping"),
    ({"gateways": [{"trading_mode": "paper"}]}, "gateway 1 of the machine alpha has no name"),
    ({"gateways": [{"name": ""}]}, "has no name"),
    ({"gateways": [{"name": 7}]}, "is named 7"),
    ({"gateways": [{"name": "x"}]}, "at least two"),
    ({"gateways": [{"name": "a b"}]}, "is named 'a b'"),
    ({"gateways": [{"name": "alpha/gw"}]}, "is named 'alpha/gw'"),
    ({"gateways": [None]}, "gateway 1 of the machine alpha is None; it must be a mapping"),
    ({"gateways": [{"name": False}]}, "has no name"),
    (
        {"gateways": [{"name": "gw", "ports": {"paper": 4002}}, {"name": "wg", "ports": {"live": 4002}}]},
        "the port 4002 is given for paper of the gateway alpha/gw and for live of the gateway alpha/wg",
    ),
    (
        {"gateways": [{"name": "gw", "ports": {"paper": 4002, "live": 4002}}]},
        "for paper of the gateway alpha/gw and for live of the gateway alpha/gw",
    ),
    ({"diagnose_depth": "deep"}, "diagnose_depth of the machine alpha is 'deep'; allowed are tcp, api, account"),
    ({"diagnose_timeout": 0}, "diagnose_timeout of the machine alpha is 0; allowed are 1 to 300 seconds"),
    ({"gateways": [{"name": "gw"}, {"name": "gw"}]}, "declares the gateway gw twice"),
    ({"gateways": [{"name": "gw"}, {"name": "gw", "state": "absent"}]}, "declares the gateway gw twice"),
    (
        {"gateways": [{"name": "gw", "state": "gone"}]},
        "state of the gateway alpha/gw is 'gone'; allowed are present, absent",
    ),
    ({"gateways": [{"name": "gw", "trading_mode": "Paper"}]}, "allowed are paper, live, both"),
    ({"gateways": [{"name": "gw", "trading_mode": None}]}, "allowed are paper, live, both"),
    ({"gateways": [{"name": "gw", "ports": 4002}]}, "it must be a mapping like {paper: 4002}"),
    ({"gateways": [{"name": "gw", "ports": {"paper": 0}}]}, "a port is a number from 1 to 65535"),
    ({"gateways": [{"name": "gw", "ports": {"paper": 65536}}]}, "a port is a number from 1 to 65535"),
    ({"gateways": [{"name": "gw", "ports": {"paper": "4002"}}]}, "a port is a number from 1 to 65535"),
    ({"gateways": [{"name": "gw", "ports": {"paper": True}}]}, "a port is a number from 1 to 65535"),
    ({"gateways": [{"name": "gw", "ports": {"demo": 4002}}]}, "allowed are paper, live, vnc"),
    ({"gateways": [{"name": "gw", "expect_orders": "no"}]}, "allowed are true and false"),
    ({"audit_alerting": False}, "it must be a text that names what tells a person, or 'none'"),
    ({"audit_alerting": ["mail"]}, "it must be a text that names what tells a person, or 'none'"),
    (
        {"diagnose_api_slow_after": "soon"},
        "allowed are seconds below diagnose_api_timeout, which is 5, and 0 for no limit",
    ),
    ({"diagnose_api_slow_after": 5}, "diagnose_api_slow_after of the machine alpha is 5; allowed are seconds below"),
    ({"diagnose_api_slow_after": 3, "diagnose_api_timeout": "2.5"}, "below diagnose_api_timeout, which is 2.5"),
    ({"gateways": [{"name": "gw", "api_slow_after": -1}]}, "api_slow_after of the gateway alpha/gw is -1"),
    ({"gateways": [{"name": "gw", "api_slow_after": True}]}, "api_slow_after of the gateway alpha/gw is True"),
    ({"recover_reset_windows": ["night"]}, "entry 1 of recover_reset_windows of the machine alpha is 'night'"),
    ({"diagnose_undeclared": "perhaps"}, "allowed are true and false"),
    ({"diagnose_docker_host": "/var/run/docker.sock"}, "unix:///path/to/socket"),
    ({"diagnose_docker_host": "unix://var/run/docker.sock"}, "unix:///path/to/socket"),
    ({"diagnose_docker_host": "tcp://"}, "tcp://host:port"),
    ({"diagnose_docker_host": "tcp://engine:99999"}, "tcp://host:port"),
    ({"diagnose_docker_host": "tcp://engine:docker"}, "tcp://host:port"),
    ({"diagnose_docker_host": "ftp://engine"}, "tcp://host:port"),
    ({"diagnose_docker_host": ["tcp://engine"]}, "tcp://host:port"),
]


@pytest.mark.parametrize("variables", FINE)
def test_a_machine_is_well_described(variables: dict[str, Any]) -> None:
    assert inventory.check_machine("alpha", variables) == []


@pytest.mark.parametrize(("variables", "said"), BAD)
def test_a_machine_is_badly_described(variables: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse) as caught:
        inventory.check_machine("alpha", variables)
    assert said in str(caught.value)
    assert "alpha" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_that_diagnosis_does_not_know_is_a_warning() -> None:
    (warning,) = inventory.check_machine("alpha", {"gateways": [{"name": "gw", "tradingmode": "paper"}]})
    assert "alpha/gw" in warning
    assert "tradingmode" in warning
    assert "trading_mode" in warning


@pytest.mark.parametrize(
    "machine", ["alpha", "my host", "höst", "🦊", "$(reboot)", "a/b", "a,b", "-x", "<b>", "x" * 300, "gw"]
)
def test_a_machine_may_be_called_almost_anything(machine: str) -> None:
    inventory.check_names([machine, "beta"])


@pytest.mark.parametrize(
    "machine", ["a\nb", "a\x1b[2Jb", "a\x9bb", "a\u202eb", "a\u200bb", " a", "a ", "a  b", "\t", "", "x\x00" * 500]
)
def test_a_machine_that_can_not_be_shown_as_it_is_called_is_refused(machine: str) -> None:
    with pytest.raises(
        Misuse, match=r"the inventory has a machine named '.*'?; a name has no control characters"
    ) as caught:
        inventory.check_names(["beta", machine])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_machine_that_could_be_taken_for_a_gateway_is_refused() -> None:
    inventory.check_names(["a/b", "ab", "a/b.c"])
    with pytest.raises(Misuse, match="the machine a/b is named as a gateway of the machine a would be"):
        inventory.check_names(["a/b", "a"])


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], ""),
        (["alpha", "beta"], "alpha, beta"),
        ([f"gw{at:03}" for at in range(1000)], r"gw499, .* and 995 more"),
    ],
)
def test_of_many_names_a_sentence_has_those_that_come_nearest(names: list[str], sentence: str) -> None:
    assert re.fullmatch(sentence, inventory.few(names, "gw499x"))


def test_hostile_text_in_the_inventory_stays_on_one_printable_line() -> None:
    with pytest.raises(Misuse) as caught:
        inventory.check_machine("alpha", {"gateways": [{"name": "x\x1b[2J\ny" + "z" * 500}]})
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"diagnose_fail_on": "never", "diagnose_depth": "account", "diagnose_timeout": "30"},
        {"diagnose_log_path": "x.log", "diagnose_log_as_of": "2026-03-01T12:00:00Z"},
        {"diagnose_remind_before": "86400"},
        {
            "diagnose_store_dir": "/var/lib/a b{{ x }}",
            "diagnose_forget": "alpha,beta/gw",
            "diagnose_stale_after": "900",
        },
        {"diagnose_store_dir": "", "diagnose_store_host": "localhost", "diagnose_forget": []},
    ],
)
def test_settings_make_sense(settings: dict[str, Any]) -> None:
    inventory.check_settings(settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"diagnose_fail_on": "unknown"}, "allowed are never, down, waiting, degraded"),
        ({"diagnose_fail_on": None}, "allowed are never, down, waiting, degraded"),
        ({"diagnose_depth": "full"}, "allowed are tcp, api, account"),
        ({"diagnose_timeout": 0}, "1 to 300 seconds"),
        ({"diagnose_timeout": "soon"}, "1 to 300 seconds"),
        ({"diagnose_timeout": float("nan")}, "1 to 300 seconds"),
        ({"diagnose_log_as_of": "2026-03-01T12:00:00Z"}, "without diagnose_log_path"),
        ({"diagnose_log_path": "x.log", "diagnose_bundle": "x.tar.gz"}, "what is judged is one of them"),
        ({"diagnose_log_path": "x.log", "diagnose_log_as_of": "yesterday"}, "ISO 8601"),
        ({"diagnose_log_path": "x.log", "diagnose_log_as_of": "2026-03-01T12:00:00"}, "with its zone"),
        ({"diagnose_api_timeout": -1}, "diagnose_api_timeout is -1; allowed are 1 to 300 seconds"),
        ({"diagnose_ascii": "maybe"}, "diagnose_ascii"),
        ({"diagnose_remind_before": 604_801}, "allowed are 0 to 604800 seconds, which is a week"),
        ({"diagnose_remind_before": -1}, "diagnose_remind_before is -1"),
        ({"diagnose_remind_before": "1 day"}, "diagnose_remind_before is '1 day'"),
        (
            {"diagnose_store_dir": "reports"},
            "diagnose_store_dir is 'reports'; it must be the absolute path of a directory",
        ),
        ({"diagnose_store_dir": ["/reports"]}, "must be the absolute path"),
        ({"diagnose_store_dir": "/reports", "diagnose_store_host": ""}, "diagnose_store_host is ''"),
        ({"diagnose_stale_after": 59}, "diagnose_stale_after is 59; allowed are 60 to 2592000 seconds"),
        ({"diagnose_stale_after": "soon"}, "diagnose_stale_after is 'soon'"),
        ({"audit_stale_after": 0}, "audit_stale_after is 0; allowed are 60 to 31622400 seconds"),
        (
            {"diagnose_store_dir": "/reports", "diagnose_forget": {"alpha": 1}},
            "must be machines, and gateways as machine/name",
        ),
        ({"diagnose_forget": ["alpha"]}, "diagnose_forget is given without diagnose_store_dir"),
    ],
)
def test_settings_make_no_sense(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse, match=said):
        inventory.check_settings(settings)


@pytest.mark.parametrize(
    ("only", "items"),
    [
        (None, []),
        ("", []),
        ([], []),
        ("gw", ["gw"]),
        ("gw, alpha/other ,", ["gw", "alpha/other"]),
        (["gw", "alpha/other"], ["gw", "alpha/other"]),
        (["rack 1/alpha/gw", "a,b/gw"], ["rack 1/alpha/gw", "a,b/gw"]),
    ],
)
def test_a_selection_is_a_list_or_one_text(only: Any, items: list[str]) -> None:
    assert inventory.selection("diagnose_only", only) == items


@pytest.mark.parametrize("only", ["/gw", "alpha/", "x y", {"alpha": "gw"}, 7, ["ok", "-x"]])
def test_a_selection_that_names_no_gateway(only: Any) -> None:
    with pytest.raises(Misuse, match=r"machine/name"):
        inventory.selection("diagnose_only", only)


MACHINES = {"alpha": ["gw", "other"], "beta": [], "gamma": ["gw"]}
FINDING = {"alpha": True, "beta": True, "gamma": False}


@pytest.mark.parametrize(
    ("only", "plan"),
    [
        ([], {"alpha": Ask(("gw", "other"), True), "beta": Ask((), True), "gamma": Ask(("gw",), False)}),
        # declared: asked for where it is declared, and nowhere else
        (["gw"], {"alpha": Ask(("gw",), False), "gamma": Ask(("gw",), False)}),
        (["gamma/gw"], {"gamma": Ask(("gw",), False)}),
        (["gw", "other"], {"alpha": Ask(("gw", "other"), False), "gamma": Ask(("gw",), False)}),
        # declared by nobody: searched for
        (["beta/new"], {"beta": Ask(("new",), True)}),
        (["new"], {"alpha": Ask(("new",), True), "beta": Ask(("new",), True), "gamma": Ask(("new",), True)}),
    ],
)
def test_plan(only: list[str], plan: dict[str, Ask]) -> None:
    assert inventory.plan(MACHINES, FINDING, only) == plan


def test_plan_knows_only_the_machines_of_the_run() -> None:
    with pytest.raises(Misuse, match="delta/gw, but the machines of this run are alpha, beta, gamma"):
        inventory.plan(MACHINES, FINDING, ["delta/gw"])
    with pytest.raises(Misuse) as caught:
        inventory.check_found(MACHINES, ["x" * 5000], {}, "bundle_only")
    assert str(caught.value).startswith("bundle_only has xxx")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("only", "seen"),
    [
        (["gw"], {"alpha": [], "gamma": []}),  # declared: its absence is a finding
        (["new"], {"alpha": ["gw"], "beta": ["new"], "gamma": []}),
        (["beta/new"], {"beta": ["new"]}),
        (["new"], {"alpha": None, "beta": ["new"], "gamma": None}),
    ],
)
def test_a_selected_gateway_is_declared_or_found(only: list[str], seen: dict[str, list[str] | None]) -> None:
    inventory.check_found(MACHINES, only, seen)


@pytest.mark.parametrize(
    ("only", "seen", "said"),
    [
        (["new"], {"alpha": ["gw"], "beta": ["found"], "gamma": []}, "alpha/gw, alpha/other, beta/found, gamma/gw"),
        (["beta/new"], {"beta": []}, "no such gateway is declared or found"),
        (["new"], {"alpha": [], "beta": None, "gamma": []}, "beta could not be looked at"),
    ],
)
def test_a_selected_gateway_is_nowhere(only: list[str], seen: dict[str, list[str] | None], said: str) -> None:
    with pytest.raises(Misuse, match=said):
        inventory.check_found(MACHINES, only, seen)


def test_a_gateway_that_is_to_be_absent_is_not_demanded() -> None:
    variables = {"gateways": [{"name": "gone", "state": "absent"}, {"name": "here"}], "diagnose_undeclared": False}
    assert inventory.declared(variables) == ["here"]
    assert not inventory.finds(variables)
    assert not inventory.finds({**variables, "gateways": [{"name": "gone", "state": "absent"}]})
    assert inventory.finds({**variables, "gateways": []})
