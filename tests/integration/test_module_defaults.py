# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all probes take is given once, with the action group."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.integration.playbooks import Play

DEFAULTS = {"docker_host": "unix:///nonexistent/docker.sock", "probe_python": "/nonexistent/python3", "timeout": 7.5}

PLAY = {
    "hosts": "localhost",
    "gather_facts": False,
    "module_defaults": {"group/ibgw.ops.probes": DEFAULTS},
    "tasks": [
        {"ibgw.ops.ibgw_health": {}},
        {"ibgw.ops.ibgw_logscan": {}},
        {"ibgw.ops.ibgw_handshake": {"port": 1, "depth": "tcp", "attempts": 1}},
    ],
}


def test_defaults_of_the_group_reach_every_probe(ansible_playbook: Play, tmp_path: Path) -> None:
    playbook = tmp_path / "probes.yml"
    playbook.write_text(json.dumps([PLAY]), encoding="utf-8")
    ended = ansible_playbook(playbook, "-vvv")
    assert ended.status == 0, ended.output
    for option, value in DEFAULTS.items():
        assert re.findall(rf'"{option}": (.+?),?$', ended.output, re.MULTILINE) == [json.dumps(value)] * 3
