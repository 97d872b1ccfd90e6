# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files and directories of the controller are checked before anything is probed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.action.ibgw_preflight import preflight
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse

ALPHA: dict[str, Any] = {"alpha": {"gateways": [{"name": "gw"}]}}
INVENTORY = {"hostvars": ALPHA, "groups": {"all": ["alpha"]}, "ansible_play_hosts_all": ["alpha"]}


def checked(**settings: Any) -> dict[str, Any]:
    """The plan for one machine with one gateway."""
    return preflight(settings, INVENTORY, None, None)


@pytest.mark.parametrize("name", ["diagnose_report_dir", "recover_report_dir", "bundle_dir", "audit_report_dir"])
@pytest.mark.parametrize(
    "given", [["reports"], {"path": "reports"}, 7, True, "~nobody-of-that-name/x", "a\0b", "x" * 256]
)
def test_what_can_be_no_directory_is_refused(name: str, given: Any) -> None:
    with pytest.raises(Misuse, match=f"^{name} is "):
        checked(**{name: given})


@pytest.mark.parametrize("given", [None, "", "reports", "/proc/no/such", __file__])
def test_a_directory_that_may_not_be_writable_is_for_the_writer_to_tell(given: Any) -> None:
    assert list(checked(diagnose_report_dir=given)["machines"]) == ["alpha"]


@pytest.mark.parametrize("setting", ["diagnose_log_path", "diagnose_bundle"])
@pytest.mark.parametrize("given", ["~nobody-of-that-name/x", "x" * 256, "gateway\udcff.log", "a\0b", "/no/such", "/"])
def test_a_file_that_can_not_be_there_is_refused(setting: str, given: str) -> None:
    with pytest.raises(Misuse, match=f"^{setting} is ") as caught:
        checked(**{setting: given})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("setting", ["diagnose_log_path", "diagnose_bundle"])
def test_a_file_that_this_user_can_not_get_at_is_not_said_to_be_missing(setting: str, tmp_path: Path) -> None:
    loop = tmp_path / "loop"  # root, too, is kept from this one
    loop.symlink_to(loop)
    with pytest.raises(Misuse, match=r"can not be looked at \(.+\) on the controller"):
        checked(**{setting: str(loop)})


def test_a_saved_log_may_be_called_anything_that_a_file_can(tmp_path: Path) -> None:
    log = tmp_path / "a b{{ x }}\x1b[31mä.log"
    log.write_text("")
    assert checked(diagnose_log_path=str(log))["log"] == str(log)


def with_metrics(given: Any) -> dict[str, Any]:
    """The plan of a run that writes metrics."""
    return preflight({"diagnose_metrics_file": given}, INVENTORY, None, None, writes_metrics=True)


@pytest.mark.parametrize("given", [None, "", "ibgw.prom", "/no/such/ibgw.prom", "~/a b{{ x }}ä.prom"])
def test_a_file_of_metrics_that_may_not_be_writable_is_for_the_writer_to_tell(given: Any) -> None:
    assert list(with_metrics(given)["machines"]) == ["alpha"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ibgw.txt", "it must be a file that ends in .prom"),
        ("metrics/", "it must be a file that ends in .prom"),
        (["ibgw.prom"], "it must be a file that ends in .prom"),
        (True, "it must be a file that ends in .prom"),
        ("~nobody-of-that-name/x.prom", "which is no path on the controller"),
        ("x" * 256 + ".prom", "which is no path on the controller"),
    ],
)
def test_what_node_exporter_would_not_read_is_refused(given: Any, said: str) -> None:
    with pytest.raises(Misuse, match=f"^diagnose_metrics_file is .*{said}"):
        with_metrics(given)


def test_a_run_that_can_not_make_metrics_says_so_first_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)  # as where it is not installed
    with pytest.raises(
        Misuse, match=f"has no prometheus_client .*: {sys.executable} -m pip install prometheus_client$"
    ):
        with_metrics("ibgw.prom")
    assert with_metrics("")["machines"], "nobody else needs it"
    without = preflight({"diagnose_metrics_file": "ibgw.prom"}, INVENTORY, None, None, "recover_only")
    assert without["machines"], "a recovery writes none"


@pytest.mark.parametrize("setting", ["diagnose_only", "bundle_only", "audit_only"])
@pytest.mark.parametrize("given", [7, "a/b/c", "nobody/gw"])
def test_a_selection_is_called_by_the_name_that_was_given(setting: str, given: Any) -> None:
    with pytest.raises(Misuse, match=f"^{setting} "):
        preflight({setting: given}, INVENTORY, None, None, only=setting)


def test_a_selection_that_is_not_asked_for_selects_nothing() -> None:
    assert preflight({"diagnose_only": "nobody/gw"}, INVENTORY, None, None, only="bundle_only")["only"] == []


@pytest.mark.parametrize("setting", ["diagnose_log_path", "diagnose_bundle"])
def test_what_was_saved_is_refused_where_only_machines_are_asked(setting: str) -> None:
    with pytest.raises(
        Misuse, match=f"^{setting} is 'some.log', but only machines are asked here; what was saved is for "
    ):
        preflight({setting: "some.log"}, INVENTORY, None, None, "audit_only", machines_only=True)
    assert preflight({setting: ""}, INVENTORY, None, None, "audit_only", machines_only=True)["machines"]


ACCEPTED = {"code": "config.heap_over_limit", "reason": "it is moved soon", "until": "2999-12-31"}


def test_what_is_accepted_is_part_of_the_plan_and_what_is_over_a_warning() -> None:
    over = {**ACCEPTED, "code": "config.heap_over_limit@alpha", "until": "2026-01-31"}
    plan = checked(audit_accept=[ACCEPTED, over])
    assert [(each["host"], each["until"]) for each in plan["accept"]] == [
        (None, "2999-12-31T23:59:59Z"),
        ("alpha", "2026-01-31T23:59:59Z"),
    ]
    (warning,) = plan["warnings"]
    assert warning.startswith("audit_accept has config.heap_over_limit@alpha until 2026-01-31T23:59:59Z, which is over")


def test_a_machine_of_another_slice_may_be_named() -> None:
    away = [{**ACCEPTED, "code": "config.heap_over_limit@beta"}]
    plan = checked(audit_accept=away, diagnose_suppress=away)
    assert [warning.split(",")[0] for warning in plan["warnings"]] == [
        f"{setting} has config.heap_over_limit@beta" for setting in ("diagnose_suppress", "audit_accept")
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"audit_fail_on": "waiting"}, "audit_fail_on is 'waiting'; allowed are never, down, degraded, advice, any"),
    ],
)
def test_a_setting_of_the_audit_that_makes_no_sense(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse, match=said):
        checked(**settings)


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("settings", "entries"),
    [
        ({"diagnose_only": LONG + "/gw"}, [{"name": "gw"}]),
        ({"diagnose_log_path": "/no/" * 1250}, [{"name": "gw"}]),
        ({}, [{"name": LONG, "state": LONG}]),
        ({}, [{"name": LONG}, {"name": LONG}]),
        ({}, [{"name": LONG, "ports": {"paper": 0}}]),
    ],
)
def test_a_name_without_end_is_not_repeated_to_its_end(settings: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    with pytest.raises(Misuse) as caught:
        preflight(settings, {**INVENTORY, "hostvars": {"alpha": {"gateways": entries}}}, None, None)
    assert len(str(caught.value)) < 600


def fleet(**machines: dict[str, Any]) -> dict[str, Any]:
    """The task's variables for these machines."""
    return {"hostvars": machines, "groups": {"all": [*machines]}, "ansible_play_hosts_all": [*machines]}


def test_of_several_mistakes_the_first_is_told_and_where_the_others_are() -> None:
    wrong = {f"m{at}": {"gateways": [{"name": "gw", "ports": {"paper": 0}}]} for at in range(9)}
    with pytest.raises(Misuse) as caught:
        preflight({}, fleet(alpha={}, **wrong), None, None)
    assert str(caught.value) == (
        "port paper of the gateway m0/gw is 0; a port is a number from 1 to 65535; what is said of m1, m2, m3, m4, m5 and 3 more makes no"
        " sense either"
    )


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("diagnose_fail_on", ("down", "never")),
        ("diagnose_report_dir", ("reports", "other")),
        ("diagnose_only", ("gw", None)),
        ("audit_accept", ([ACCEPTED], [])),
    ],
)
def test_what_holds_for_the_whole_run_is_the_same_for_all_machines(setting: str, values: tuple[Any, Any]) -> None:
    one, other = ({setting: value, "gateways": [{"name": "gw"}]} for value in values)
    with pytest.raises(Misuse, match=f"^{setting} is not the same for the machines alpha and gamma"):
        preflight({}, fleet(alpha=one, beta=one, gamma=other), None, None)
    assert preflight({}, fleet(alpha=one, beta=one), None, None)["machines"]


def test_each_machine_may_be_asked_in_its_own_way() -> None:
    plan = preflight({}, fleet(alpha={"diagnose_timeout": 5}, beta={"diagnose_timeout": 50}), None, None)
    assert list(plan["machines"]) == ["alpha", "beta"]


STORE = {"diagnose_store_dir": "/var/lib/ibgw-reports"}


@pytest.mark.parametrize("host", ["localhost", "alpha", "not-in-this-slice.example"])
def test_a_store_is_on_the_controller_or_on_a_host_of_the_inventory_or_at_an_address(host: str) -> None:
    assert list(checked(**STORE, diagnose_store_host=host)["machines"]) == ["alpha"]


def test_a_store_has_a_way_to_it() -> None:
    inventory = {**INVENTORY, "hostvars": {**ALPHA, "keep": {"ansible_connection": "pigeon"}}}
    with pytest.raises(Misuse, match="^ansible_connection of the host keep is 'pigeon', which Ansible does not have"):
        preflight({**STORE, "diagnose_store_host": "keep"}, inventory, None, None)


def test_what_the_store_has_is_shown_without_a_machine() -> None:
    plan = preflight(STORE, {"hostvars": {}, "groups": {}, "ansible_play_hosts_all": []}, None, None, store_only=True)
    assert (plan["machines"], plan["store_only"]) == ({}, True)
    with pytest.raises(Misuse, match="^diagnose_store_dir is not given"):
        preflight({}, INVENTORY, None, None, store_only=True)
