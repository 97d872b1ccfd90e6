# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A configuration that keeps a gateway from starting is mended by commands that fit the container at hand."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, findings

from tests.unit.plugin_utils.findings.rows import EXITED
from tests.unit.plugin_utils.findings.scene import NO_BACKEND, case

SETTINGS = "/home/ibgateway/tws_settings"


def mounted(writable: bool | None, **mount: Any) -> dict[str, Any]:
    """A settings directory on that mount."""
    settings = {"path": SETTINGS, "mount": SETTINGS, "kind": "directory", "writable_by_gateway": writable}
    return {"mounts": [{"target": SETTINGS, "type": "bind", **mount}], "settings": [{**settings, "blocked_by": []}]}


def unwritable(mount: dict[str, Any], **container: Any) -> tuple[str, ...]:
    """The steps that mend a settings directory on that mount."""
    proof = findings()["config.settings_unwritable"].prove(
        case(container={**EXITED, "exit_code": 1, **mounted(False, **mount), **container})
    )
    assert isinstance(proof, Proof)
    return proof.fix


def test_heap_and_limit_are_told_as_they_are_set() -> None:
    proof = findings()["config.heap_over_limit"].prove(
        case(
            container={"memory": {"limit": 512 << 20}},
            gateway={"processes": [{"role": "gateway", "max_heap": 768 << 20}]},
        )
    )
    assert isinstance(proof, Proof)
    assert proof.summary == "heap up to 768 MiB, memory limit 512 MiB"


@pytest.mark.parametrize(
    ("endpoints", "variables"),
    [(("paper",), ("TWS_USERID", "TWS_PASSWORD")), (("paper", "live"), ("TWS_USERID_PAPER", "TWS_PASSWORD_PAPER"))],
)
def test_the_paper_half_of_both_has_credentials_of_its_own(
    endpoints: tuple[str, ...], variables: tuple[str, str]
) -> None:
    waits = {"state": "login_window", "problem": "config.credentials_missing", "evidence": []}
    runs = [{**waits, "endpoint": endpoint} for endpoint in endpoints]
    shown = case(runs=runs, log={"settings": {"IbPassword": ""}}, api=NO_BACKEND)
    proof = findings()["config.credentials_missing"].prove(shown)
    assert isinstance(proof, Proof)
    assert "Set {} and {} where the container is defined.".format(*variables) in proof.fix
    assert any("IbPassword=" in step for step in proof.fix)


def test_an_empty_password_of_one_half_is_not_held_against_the_other() -> None:
    starting = {"state": "login_window", "problem": None, "evidence": []}
    runs = [{**starting, "endpoint": "live"}, {**starting, "endpoint": "paper"}]
    shown = case(runs=runs, log={"settings": {"IbPassword": ""}}, api=NO_BACKEND)
    assert not isinstance(findings()["config.credentials_missing"].prove(shown), Proof)


def test_a_directory_of_another_user_is_given_to_the_gateways() -> None:
    give, start = unwritable({"source": "/srv/ib/settings"})
    assert "chown -R 1000:1000 /srv/ib/settings" in give
    assert "docker start {name}" in start


def test_a_directory_that_could_not_be_looked_at_is_named_by_the_log_alone() -> None:
    refusal = {"at": None, "quote": "/home/ibgateway/tws_settings/jts.ini: Permission denied"}
    proof = findings()["config.settings_unwritable"].prove(
        case(
            container={**EXITED, "exit_code": 1, **mounted(None, source="/srv/ib")},
            run={"state": "ended", "problem": "config.settings_unwritable", "evidence": [refusal]},
        )
    )
    assert isinstance(proof, Proof)
    assert "Permission denied" in proof.evidence[0].quote
    assert "chown -R 1000:1000 /srv/ib" in proof.fix[0]


def test_a_directory_that_can_be_written_is_not_given_away() -> None:
    """Then it is something else in it: a directory where a file should be, say."""
    changes = {**EXITED, "exit_code": 84, **mounted(True, source="/srv/ib")}
    proof = findings()["config.settings_unwritable"].prove(case(container=changes))
    assert isinstance(proof, Proof)
    assert proof.fix == ()


def test_a_source_with_blanks_is_quoted() -> None:
    assert "chown -R 1000:1000 '/srv/my settings'" in unwritable({"source": "/srv/my settings"})[0]


def test_a_mount_that_is_read_only_is_no_matter_of_owners() -> None:
    steps = unwritable({"source": "/srv/ib/settings", "read_only": True})
    assert not any("chown" in step for step in steps)
    assert "read-only" in steps[0]


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure:5"])
def test_what_docker_starts_by_itself_needs_nobody(policy: str) -> None:
    start = unwritable({"source": "/srv/ib/settings"}, status="restarting", restart_policy=policy)[-1]
    assert "docker start" not in start
    assert "by itself" in start


@pytest.mark.parametrize(
    ("code", "problem"),
    [(137, None), (143, "container.stopped"), (0, "login.taken_over"), (86, "login.existing_session")],
)
def test_a_gateway_that_ended_otherwise_did_not_end_for_its_directory(code: int, problem: str | None) -> None:
    changes = {**EXITED, "exit_code": code, **mounted(False, source="/srv/ib")}
    seen = case(container=changes, run={"state": "ended", "problem": problem})
    proof = findings()["config.settings_unwritable"].prove(seen)
    assert isinstance(proof, Proof)
    assert proof.severity == "advice"  # it will, at its next start
