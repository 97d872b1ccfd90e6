# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The screen by what each image makes of a password that is given, missing, or known to everybody."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    AUDIT_ONLY,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    findings,
)

from tests.unit.plugin_utils.findings.rows import Changes
from tests.unit.plugin_utils.findings.scene import answer


def screen(family: str | None, container_port: int | None = None, **container: Any) -> Changes:
    """A gateway of that family whose screen is published, or not, with that environment."""
    shown = {"container_port": container_port, "host_ip": "127.0.0.1", "host_port": 5999, "role": "vnc"}
    api = {"container_port": 4004, "host_ip": "127.0.0.1", "host_port": 4002, "role": "relay", "endpoint": "paper"}
    ports = [api, shown] if container_port else [api]
    return {"gateway": {"family": {"name": family}, "ports": ports}, "log": {"family": family}, "container": container}


def given(**variables: str) -> Changes:
    return {"environment": variables}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (screen("gnzsnz-ibc", 5900, **given(VNC_SERVER_PASSWORD="<set>")), Passed),
        (screen("gnzsnz-ibc", 5900, **given(VNC_SERVER_PASSWORD_FILE="/run/secrets/screen")), Passed),
        (screen("gnzsnz-ibc", 5900), NotApplicable),  # without one there is no screen
        (
            screen("gnzsnz-ibc", 5900, **given(VNC_SERVER_PASSWORD="<set>"), sample_secrets=["VNC_SERVER_PASSWORD"]),
            Proof,
        ),
        (
            screen("gnzsnz-ibc", **given(VNC_SERVER_PASSWORD="<set>"), sample_secrets=["VNC_SERVER_PASSWORD"]),
            NotApplicable,
        ),
        (screen("gnzsnz-ibc", 3389), Proof),  # abc
        (screen("gnzsnz-ibc", 3389, **given(PASSWD="<set>")), Passed),
        (screen("gnzsnz-ibc", 3389, **given(PASSWD="<set>"), sample_secrets=["PASSWD"]), Proof),
        (screen("gnzsnz-ibc", 3389, **given(VNC_SERVER_PASSWORD="<set>")), Proof),  # which TWS does not read
        (screen("gnzsnz-ibcontroller", 3389), NotKnown),
        (screen("gnzsnz-ibcontroller", 3389, **given(RDP_PASSWORD="<set>")), Passed),
        (screen("ibga", 5800), Proof),
        (screen("ibga", 5800, **given(IBGA_VNC_PASSWORD="<set>")), Passed),
        (screen("ibga", 5800, mounts=[{"target": "/run/ibgw"}]), NotKnown),
        (screen("ibga"), NotApplicable),
        (screen("ibga", network_mode="host"), Proof),
        (screen("extrange", 6080), Proof),
        (screen("extrange", 6080, **given(GATEWAY_OR_TWS="tws")), Proof),
        (screen("huieric", 6080, **given(IBGA_VNC_PASSWORD="<set>")), Proof),
        (screen("unusualalpha", 5900), NotApplicable),
        (screen("manhinhang"), NotApplicable),
        (screen(None, 5900), NotKnown),
    ],
)
def test_a_screen_that_is_published_asks_for_a_secret(changes: Changes, expected: type) -> None:
    assert isinstance(answer("config.vnc_unprotected", **changes), expected)


@pytest.mark.parametrize(
    ("changes", "change", "says"),
    [
        (screen("gnzsnz-ibc", 3389), "PASSWD_FILE=/run/secrets/passwd", "PASSWD is not set"),
        (screen("ibga", 5800), "IBGA_VNC_PASSWORD: a password of its own", "IBGA_VNC_PASSWORD is not set"),
        (screen("extrange", 6080), 'ports: ["127.0.0.1:4002:4004"]', "never asks"),
    ],
)
def test_it_is_mended_as_the_image_can(changes: Changes, change: str, says: str) -> None:
    proof = answer("config.vnc_unprotected", **changes)
    assert isinstance(proof, Proof)
    assert says in proof.summary
    assert proof.change is not None
    assert (proof.change.defined, proof.change.inventory) == (change, "vnc: false")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (screen("gnzsnz-ibc"), Passed),
        (screen("gnzsnz-ibc", **given(VNC_SERVER_PASSWORD_FILE="/run/secrets/screen")), Proof),
        (screen("gnzsnz-ibc", 5900, **given(VNC_SERVER_PASSWORD="<set>")), Proof),
        (screen("gnzsnz-ibc", 3389, **given(PASSWD="<set>")), Proof),
        (screen("ibga"), Passed),  # it is always there
        (screen("ibga", **given(IBGA_VNC_PASSWORD="<set>")), Passed),
        (screen("ibga", 5800, **given(IBGA_VNC_PASSWORD="<set>")), Proof),
        (screen("manhinhang"), NotApplicable),
        (screen(None), NotKnown),
    ],
)
def test_a_screen_is_off_when_nobody_needs_it(changes: Changes, expected: type) -> None:
    assert isinstance(answer("config.vnc_enabled", **changes), expected)
    assert findings()["config.vnc_enabled"].severity == AUDIT_ONLY


def test_turning_it_off_keeps_the_ports_of_the_api() -> None:
    proof = answer("config.vnc_enabled", **screen("gnzsnz-ibc", 5900, **given(VNC_SERVER_PASSWORD="<set>")))
    assert isinstance(proof, Proof)
    assert proof.change is not None
    assert proof.change.defined == 'VNC_SERVER_PASSWORD: "", ports: ["127.0.0.1:4002:4004"]'
