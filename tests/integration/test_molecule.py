# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every scenario under molecule/: check, converge, a second run that changes nothing, and a look from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import simulator.engine
from simulator import servers
from tests.integration.playbooks import CHECKOUT

BIN = Path(sys.executable).parent


# Those on servers with systemd take minutes each: `make test` leaves them to `make test-molecule`.
SCENARIOS = [
    pytest.param(path.parent.name, marks=[pytest.mark.servers] if path.with_name("prepare.yml").exists() else [])
    for path in sorted(CHECKOUT.glob("molecule/*/molecule.yml"))
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, tmp_path: Path) -> None:
    own = {"MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path), "PATH": f"{BIN}:{os.environ['PATH']}", "NO_COLOR": "1"}
    command = [BIN / "molecule", "test", "-s", scenario]
    try:
        ended = subprocess.run(
            command, cwd=CHECKOUT, env={**os.environ, **own}, capture_output=True, text=True, timeout=2400, check=False
        )
    finally:
        if docker := simulator.engine.running():
            servers.remove(docker, tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
