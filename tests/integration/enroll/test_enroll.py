# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The probes' own environment without a network, and what enrolling refuses; the rest is in molecule/probe."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import CHECKOUT, Play

INVENTORY = {"gateway_hosts": {"hosts": {"alpha": {"ansible_connection": "local"}}}}


def test_from_a_directory_of_wheels(ansible_playbook: Play, tmp_path: Path) -> None:
    wheels, venv, inventory = tmp_path / "wheels", tmp_path / "venv", tmp_path / "inventory.yml"
    requirements = CHECKOUT / "roles" / "probe" / "files" / "requirements.txt"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "-r", requirements, "-d", wheels]
    subprocess.run(download, check=True, timeout=180)
    inventory.write_text(json.dumps(INVENTORY), encoding="utf-8")
    given = {
        "ansible_python_interpreter": sys.executable,
        "probe_base_python": sys.executable,
        "probe_venv": str(venv),
        "probe_become": False,
        "probe_pip_extra_args": ["--no-index", f"--find-links={wheels}"],
    }

    def enroll(*arguments: str) -> int:
        """How many tasks changed something, or would."""
        ended = ansible_playbook("ibgw.ops.enroll", "-i", inventory, "-e", json.dumps(given), *arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return int(re.search(r"alpha .*changed=(\d+)", ended.stdout)[1])

    assert enroll("--check") == 2
    assert not venv.exists()
    assert enroll() == 2
    subprocess.run([venv / "bin" / "python3", "-c", "import docker"], check=True, timeout=60)

    # Another pin: only the libraries are installed again.
    subprocess.run(
        [venv / "bin" / "python3", "-m", "pip", "uninstall", "--quiet", "--yes", "docker"], check=True, timeout=60
    )
    assert enroll() == 1

    # Cut off while the environment was made: pip comes file by file, its record last.
    (site,) = venv.glob("lib/python3*/site-packages")
    (unfinished,) = site.glob("pip-*.dist-info")
    shutil.rmtree(unfinished)
    shutil.rmtree(site / "pip" / "_internal")
    assert enroll() == 1
    assert enroll() == 0


def test_empty_group_is_an_error(ansible_playbook: Play, tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text('{"gateway_hosts": {}}', encoding="utf-8")
    ended = ansible_playbook("ibgw.ops.enroll", "-i", tmp_path / "inventory.yml")
    assert ended.returncode == 2
    assert "the group gateway_hosts of the inventory is empty" in ended.stdout + ended.stderr
