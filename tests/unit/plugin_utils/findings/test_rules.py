# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every rule fires on its proof and is silent on its nearest neighbour; every registration can be relied upon."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    ACTS,
    AUDIT_ONLY,
    LAYERS,
    REMEDIES,
    SEVERITIES,
    Proof,
    findings,
)

from tests.unit.plugin_utils.findings.rows import FROM_INSIDE, NEVER_PROVEN, ROWS
from tests.unit.plugin_utils.findings.scene import NAME, case


@pytest.mark.parametrize("code", ROWS)
def test_fires_on_its_proof(code):
    proof = findings()[code].prove(case(**ROWS[code][0]))
    assert isinstance(proof, Proof)
    assert proof.summary
    assert proof.severity is None or proof.severity in (*SEVERITIES, AUDIT_ONLY)
    assert proof.remedy is None or proof.remedy in REMEDIES


@pytest.mark.parametrize("code", ROWS)
def test_is_silent_on_its_nearest_neighbour(code):
    assert not isinstance(findings()[code].prove(case(**ROWS[code][1])), Proof)


@pytest.mark.parametrize(("code", "proof", "neighbour"), FROM_INSIDE.values(), ids=FROM_INSIDE)
def test_what_is_asked_inside_proves_it(code, proof, neighbour):
    rule = findings()[code]
    proven = rule.prove(case(**proof))
    assert isinstance(proven, Proof)
    assert any(each.source == "api" and f"inside {NAME}" in each.quote for each in proven.evidence)
    assert not isinstance(rule.prove(case(**neighbour)), Proof)


@pytest.mark.parametrize("code", ROWS)
def test_what_recover_does_is_not_told_to_be_done_by_hand(code):
    finding = findings()[code]
    proof = finding.prove(case(**ROWS[code][0]))
    by_hand = r"docker (start|restart|stop|run|rm|update)|compose up|run_socat"
    assert not re.search(by_hand.replace("|update", ""), proof.next_command or finding.next_command or "")
    for remedy, fix in (
        (finding.remedy, finding.fix),
        (proof.remedy or finding.remedy, proof.fix or finding.fix),
    ):
        if remedy in ACTS and code != "container.killed":  # which says how to stop it next time
            assert not re.search(by_hand, " ".join(fix))


@pytest.mark.parametrize("code", ROWS)
def test_no_command_prints_the_whole_environment(code):
    finding = findings()[code]
    proof = finding.prove(case(**ROWS[code][0]))
    for command in (proof.next_command or "", finding.next_command or ""):
        assert "docker inspect" not in command or "--format" in command
        assert ".Config.Env" not in command or "| grep" in command


def test_every_finding_has_its_rows():
    assert {*ROWS, *NEVER_PROVEN} == set(findings())


@pytest.mark.parametrize("finding", findings().values(), ids=findings())
def test_registration_is_complete(finding):
    assert finding.layer in LAYERS
    assert finding.severity in (*SEVERITIES, AUDIT_ONLY)
    assert finding.remedy in REMEDIES
    assert finding.title
    assert finding.meaning
    assert finding.fix
    assert all(step.strip() for step in finding.fix)
    for code in finding.explains:
        assert code in findings(), f"{finding.code} explains {code}, which does not exist"
        assert finding.code not in findings()[code].explains, f"{finding.code} and {code} explain each other"


def test_a_well_gateway_shows_nothing():
    well = case()
    assert [code for code, finding in findings().items() if isinstance(finding.prove(well), Proof)] == []
