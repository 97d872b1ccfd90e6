# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits, policies and checks by what each image and release makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.container import HELLO
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    Answer,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
)

from tests.unit.plugin_utils.findings.rows import Changes
from tests.unit.plugin_utils.findings.scene import answer


def of(family: str | None, **container: Any) -> Changes:
    return {"gateway": {"family": {"name": family}}, "log": {"family": family}, "container": container}


def change(found: Answer) -> str:
    assert isinstance(found, Proof)
    assert found.change is not None
    return found.change.defined


UNLIMITED, HUGE = {"soft": -1, "hard": -1}, {"soft": 1024, "hard": 1_073_741_816}


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("10.19.2p", Proof),
        ("10.30.1v", Proof),
        ("10.34.1b", Proof),
        ("1019", Proof),
        ("10.34.1c", Passed),
        ("10.37.1q", Passed),
        ("1045", Passed),
        ("10.45", Passed),
        ("10.34", NotKnown),
        ("stable", NotKnown),
        (None, NotKnown),
    ],
)
@pytest.mark.parametrize("limit", [UNLIMITED, HUGE])
def test_an_unlimited_number_of_files_is_held_against_java_8(
    limit: Changes, release: str | None, expected: type
) -> None:
    changes = {"gateway": {"family": {"generation": release}}, "container": {"nofile": limit}}
    assert isinstance(answer("config.nofile_unlimited", **changes), expected)


def test_the_log_tells_the_release_where_the_image_does_not() -> None:
    old = answer("config.nofile_unlimited", container={"nofile": HUGE}, log={"gateway_version": "10.30.1v"})
    assert change(old) == "ulimits: {nofile: 10000}"


@pytest.mark.parametrize(
    ("limit", "unlimited", "low"),
    [
        ({"soft": 1024, "hard": 1_048_576}, Passed, Passed),
        ({"soft": 1024, "hard": 1_048_577}, Proof, Passed),
        ({"soft": 512, "hard": 4096}, Passed, Passed),  # Java raises its own
        ({"soft": 1024, "hard": 1024}, Passed, Proof),
        (UNLIMITED, Proof, Passed),
        (None, NotKnown, NotKnown),
    ],
)
def test_the_hard_limit_decides(limit: Changes | None, unlimited: type, low: type) -> None:
    changes = {"gateway": {"family": {"generation": "10.30.1v"}}, "container": {"nofile": limit}}
    assert isinstance(answer("config.nofile_unlimited", **changes), unlimited)
    assert isinstance(answer("config.nofile_low", **changes), low)


def heap(mib: int, *processes: int, both: bool = False, **container: Any) -> Answer:
    """What is said of a limit with gateways whose heaps are that large."""
    return answer(
        "config.heap_over_limit",
        gateway={"processes": [{"role": "gateway", "max_heap": each << 20} for each in processes]},
        container={"memory": {"limit": mib << 20}, **container},
        declared={"trading_mode": "both" if both else "paper"},
    )


@pytest.mark.parametrize(
    ("limit", "processes", "both", "expected"),
    [
        (1151, [768], False, Proof),
        (1152, [768], False, Passed),  # 768 and what runs beside it
        (1919, [768, 768], True, Proof),
        (1920, [768, 768], True, Passed),
        (1919, [768], True, Proof),  # the other is not up yet
        (1151, [], False, Proof),  # nothing runs: the installer's own
        (1152, [], False, Passed),
        (1919, [], True, Proof),
    ],
)
def test_the_limit_leaves_room_for_every_heap_and_what_runs_beside(
    limit: int, processes: list[int], both: bool, expected: type
) -> None:
    assert isinstance(heap(limit, *processes, both=both), expected)


@pytest.mark.parametrize(
    ("family", "variable", "value", "limit", "wanted"),
    [
        ("gnzsnz-ibc", "JAVA_HEAP_SIZE", "2048", 2048, "mem_limit: 4096m"),
        ("gnzsnz-ibcontroller", "IBC_JAVA_HEAP_SIZE", "2g", 2048, "mem_limit: 4096m"),
        ("manhinhang", "JAVA_HEAP_SIZE", "1024", 1024, "mem_limit: 2048m"),
        ("ibga", "JAVA_HEAP_SIZE", "4096", 1024, "mem_limit: 1536m"),  # which it does not read
    ],
)
def test_of_what_does_not_run_the_heap_is_as_set(
    family: str, variable: str, value: str, limit: int, wanted: str
) -> None:
    changes: Changes = of(family, memory={"limit": limit << 20}, environment={variable: value})
    changes["gateway"]["processes"] = []
    assert change(answer("config.heap_over_limit", **changes)) == wanted


def test_a_process_that_is_not_the_gateways_has_no_say_in_its_heap() -> None:
    assert isinstance(heap(1152, 768, environment={"JAVA_HEAP_SIZE": "8192"}), Passed)


def test_no_limit_and_no_known_heap_are_told_apart() -> None:
    assert isinstance(answer("config.heap_over_limit", container={"memory": {"limit": None}}), NotApplicable)
    unknown: Changes = of(None)
    unknown["gateway"]["processes"] = []
    assert isinstance(answer("config.heap_over_limit", **unknown), NotKnown)


@pytest.mark.parametrize("name", BY_NAME)
def test_the_policy_that_we_give_passes(name: str) -> None:
    found = answer("config.restart_policy", **of(name, restart_policy=BY_NAME[name].build.restart_policy))
    assert isinstance(found, Passed)


@pytest.mark.parametrize(
    ("family", "policy", "severity", "wanted"),
    [
        ("gnzsnz-ibc", "no", None, 'restart: "unless-stopped"'),
        ("gnzsnz-ibc", "always", "audit", 'restart: "unless-stopped"'),
        ("gnzsnz-ibc", "on-failure", None, 'restart: "unless-stopped"'),
        ("ibg-controller", "on-failure:3", None, 'restart: "unless-stopped"'),
        ("gnzsnz-ibcontroller", "always", None, 'restart: "no"'),
        ("gnzsnz-ibcontroller", "unless-stopped", None, 'restart: "no"'),
        ("gnzsnz-ibcontroller", "on-failure:3", None, 'restart: "no"'),
        (None, "no", None, 'restart: "unless-stopped"'),
    ],
)
def test_a_policy_fits_its_image(family: str | None, policy: str, severity: str | None, wanted: str) -> None:
    found = answer("config.restart_policy", **of(family, restart_policy=policy))
    assert change(found) == wanted
    assert isinstance(found, Proof)
    assert found.severity == severity


def test_a_policy_that_is_off_for_a_hold_is_meant() -> None:
    held = {"container": {"restart_policy": "no"}, "gateway": {"hold": {"code": "login.account_locked"}}}
    assert isinstance(answer("config.restart_policy", **held), NotApplicable)


@pytest.mark.parametrize(
    ("family", "kind", "terms", "expected"),
    [
        ("gnzsnz-ibc", "systemd", "Restart=always", Passed),
        ("gnzsnz-ibc", "quadlet", None, Passed),
        ("gnzsnz-ibcontroller", "systemd", None, Passed),
        ("gnzsnz-ibcontroller", "systemd", "Restart=always", NotKnown),  # which may spare some exit codes
        ("gnzsnz-ibc", "compose", None, Proof),  # that is nobody at a boot
    ],
)
def test_a_unit_can_stand_for_a_policy(family: str, kind: str, terms: str | None, expected: type) -> None:
    unit = {"kind": kind, "name": "gw", "does": ["start", "stop"], "where": "/etc/systemd/system/gw", "terms": terms}
    changes: Changes = of(family, restart_policy="no")
    changes["gateway"]["supervisors"] = [unit]
    assert isinstance(answer("config.restart_policy", **changes), expected)


def test_a_policy_of_no_known_image_may_fit_it() -> None:
    assert isinstance(answer("config.restart_policy", **of(None, restart_policy="always")), NotKnown)
    assert isinstance(answer("config.restart_policy", **of(None, restart_policy=None)), NotKnown)


@pytest.mark.parametrize(
    ("family", "grace", "expected"),
    [
        ("gnzsnz-ibc", 59, Proof),
        ("gnzsnz-ibc", 60, Passed),
        ("ibg-controller", 10, Proof),
        ("extrange", 10, Proof),
        ("ibga", 10, NotApplicable),
        ("manhinhang", 10, NotApplicable),
        ("unusualalpha", 10, NotApplicable),
        ("ibga", 90, Passed),
        (None, 10, Proof),
        ("gnzsnz-ibc", None, NotKnown),
    ],
)
def test_the_grace_counts_where_a_stop_is_heard(family: str | None, grace: int | None, expected: type) -> None:
    assert isinstance(answer("config.stop_timeout_short", **of(family, stop_timeout=grace)), expected)


@pytest.mark.parametrize(
    ("image", "named_by", "expected"),
    [
        ("ghcr.io/gnzsnz/ib-gateway@sha256:0123", "digest", Passed),
        ("0123456789ab", "id", Passed),
        ("ghcr.io/gnzsnz/ib-gateway:10.45.1j", "tag", Passed),
        ("ghcr.io/code-hustler-ft3d/ibg-controller:v0.12.1", "tag", Passed),
        ("manhinhang/ib-gateway-docker:stable-20260517", "tag", Passed),
        ("ghcr.io/gnzsnz/ib-gateway:10.45", "tag", Proof),
        ("ghcr.io/gnzsnz/ib-gateway:stable", "tag", Proof),
        ("heshiming/ibga:latest", "latest", Proof),
        ("heshiming/ibga", "latest", Proof),
        ("registry:5000/ibga", "latest", Proof),
        ("", None, NotKnown),
    ],
)
def test_an_image_is_named_by_one_build(image: str, named_by: str | None, expected: type) -> None:
    assert isinstance(answer("config.image_unpinned", container={"image": image, "image_named_by": named_by}), expected)


def test_it_is_pinned_by_the_digest_that_runs() -> None:
    moving = {"image": "registry:5000/ib-gateway:stable", "image_digest": "sha256:0123"}
    assert change(answer("config.image_unpinned", container=moving)) == "image: registry:5000/ib-gateway@sha256:0123"


def check(test: str, family: str = "gnzsnz-ibc", start_period: float = 120.0, from_image: bool = False) -> Changes:
    return of(family, healthcheck={"test": test, "start_period": start_period, "from_image": from_image})


OF_IBG_CONTROLLER = "CMD /home/ibgateway/scripts/healthcheck.sh"
OF_MANHINHANG = "CMD-SHELL /healthcheck/bin/healthcheck"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (check("CMD /bin/bash -c " + HELLO.format(ports="4002")), Passed),
        (check("CMD bash -c </dev/tcp/127.0.0.1/4002"), Passed),  # the gateway's own, open with the login
        (check("CMD bash -c </dev/tcp/127.0.0.1/4004"), Proof),  # the relay's, open before it
        (check("CMD-SHELL nc -z localhost 4000", "ibga"), Proof),
        (check("CMD-SHELL nc -z localhost 9000", "ibga"), Passed),
        (check("CMD-SHELL pgrep java || exit 1"), Proof),
        (check("CMD python3 -c from ib_async import IB"), Passed),
        (check("CMD /opt/my-own-check"), NotKnown),
        (check(OF_IBG_CONTROLLER, "ibg-controller", 180.0, from_image=True), Passed),
        (check(OF_IBG_CONTROLLER, "ibg-controller", 30.0, from_image=True), Proof),
        (check(OF_MANHINHANG, "manhinhang"), Passed),
        (check("CMD bash -c </dev/tcp/127.0.0.1/4002", start_period=59.0), Proof),
        (check("CMD bash -c </dev/tcp/127.0.0.1/4002", start_period=60.0), Passed),
        (of("gnzsnz-ibc", healthcheck=None), Proof),
    ],
)
def test_a_check_tells_a_login_and_leaves_time(changes: Changes, expected: type) -> None:
    if changes["gateway"]["family"]["name"] == "ibg-controller":
        changes = {**changes, "log": {"controller": {"name": "ibg-controller"}}}
    assert isinstance(answer("config.healthcheck_missing", **changes), expected)


def test_the_check_of_ibg_controller_has_nobody_to_ask_where_ibc_runs() -> None:
    switched_off = check(OF_IBG_CONTROLLER, "ibg-controller", 180.0, from_image=True)
    assert isinstance(answer("config.healthcheck_missing", **switched_off), NotKnown)


@pytest.mark.parametrize("family", ["gnzsnz-ibc", "ibga", "extrange", "manhinhang", "unusualalpha"])
def test_the_check_that_is_proposed_would_pass(family: str) -> None:
    proposed = change(answer("config.healthcheck_missing", **of(family, healthcheck=None)))
    test, _comma, rest = proposed.removeprefix("healthcheck: {test: [").partition("], ")
    assert "interval: 60s" in rest
    assert isinstance(answer("config.healthcheck_missing", **check(test.replace(", ", " "), family)), Passed)


def test_the_check_that_is_proposed_for_tws_asks_where_tws_listens() -> None:
    tws = of("extrange", healthcheck=None, environment={"GATEWAY_OR_TWS": "tws"})
    assert "127.0.0.1/7497" in change(answer("config.healthcheck_missing", **tws))


@pytest.mark.parametrize(
    ("family", "environment", "path", "expected"),
    [
        (
            "gnzsnz-ibc",
            {"TWS_PATH": "/home/ibgateway/Jts"},
            "/home/ibgateway/Jts",
            "TWS_SETTINGS_PATH=/home/ibgateway/tws_settings, volumes: ./settings:/home/ibgateway/tws_settings",
        ),
        ("gnzsnz-ibc", {"TWS_SETTINGS_PATH": "/srv/own"}, "/srv/own", "volumes: ./settings:/srv/own"),
        (
            "gnzsnz-ibcontroller",
            {},
            "/home/ibgateway/Jts",
            "IBC_TWS_SETTINGS_PATH=/home/ibgateway/tws_settings, volumes: ./settings:/home/ibgateway/tws_settings",
        ),
        (
            "extrange",
            {},
            "/root/Jts",
            "TWS_SETTINGS_PATH=/root/tws_settings, volumes: ./settings:/root/tws_settings",
        ),
        ("manhinhang", {"TWS_PATH": "/root/Jts"}, "/root/Jts", "volumes: jts:/root/Jts"),
        ("ibga", {}, "/home/ibg_settings", "volumes: ./settings:/home/ibg_settings"),
        (None, {}, "/data", "volumes: ./settings:/data"),
    ],
)
def test_what_keeps_the_settings_does_not_hide_the_program(
    family: str | None, environment: dict[str, str], path: str, expected: str
) -> None:
    lost = of(family, environment=environment, settings=[{"path": path, "mount": None, "kind": "directory"}])
    found = answer("config.settings_not_persistent", **lost)
    assert change(found) == expected
    assert isinstance(found, Proof)
    assert any("named volume" in step for step in found.fix) == (family == "manhinhang")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("AWX notification of the nightly diagnosis", Passed),
        ("none", Proof),
        ("None", Proof),
        ("", NotKnown),
        (None, NotKnown),
    ],
)
def test_who_is_told_is_the_inventorys_word(told: str | None, expected: type) -> None:
    assert isinstance(answer("config.alerting_missing", variables={"audit_alerting": told}), expected)
