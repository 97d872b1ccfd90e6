# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What enrolling leaves on a machine: the pinned libraries, in an environment that the system's own Python knows nothing of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

VENV = os.environ["PROBE_VENV"]
PINS = (Path(__file__).parents[2] / "roles" / "probe" / "files" / "requirements.txt").read_text(encoding="utf-8")


@pytest.fixture
def machine() -> Host:
    return testinfra.get_host("local://")


@pytest.mark.parametrize("library", ["docker", "ib_async"])
def test_the_pinned_library_is_there(machine: Host, library: str) -> None:
    installed = machine.pip.get_packages(pip_path=f"{VENV}/bin/pip")[library]
    assert f"{library}=={installed['version']}" in PINS


def test_the_probes_own_interpreter_starts_a_probe(machine: Host) -> None:
    assert machine.run(f"{VENV}/bin/python3 -c 'import docker, ib_async'").rc == 0


def test_the_environment_is_its_own(machine: Host) -> None:
    assert machine.file(f"{VENV}/pyvenv.cfg").contains("include-system-site-packages = false")
