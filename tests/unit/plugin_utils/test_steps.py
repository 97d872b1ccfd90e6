# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands are told from the words around them, so that what is copied is what is to be typed."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import findings, named
from ansible_collections.ibgw.ops.plugins.plugin_utils.steps import pieces

STEPS = [
    ("Do not change the password.", []),
    ("Start it: docker start gw", ["docker start gw"]),
    ("Read it: docker logs --tail 9 gw. The port opens after the login.", ["docker logs --tail 9 gw"]),
    ("Give it time: docker stop -t 90 gw, or stop_grace_period: 90s in compose.", ["docker stop -t 90 gw"]),
    ("Set it: docker update --restart=no gw (no for ibcontroller).", ["docker update --restart=no gw"]),
    ("Until then stop it with docker stop -t 90 gw.", ["docker stop -t 90 gw"]),
    ("Stop it: docker update --restart=no gw && docker stop gw", ["docker update --restart=no gw && docker stop gw"]),
    ("See what keeps the time: timedatectl status; chronyc tracking", ["timedatectl status; chronyc tracking"]),
    ("Find who holds it: ss -ltnp on alpha, and docker top gw", ["ss -ltnp", "docker top gw"]),
    ("A second one: docker exec gw pkill -x socat ends both; it starts again.", ["docker exec gw pkill -x socat"]),
    ("Did one open? docker logs gw 2>&1 | grep 'event=Opened'", ["docker logs gw 2>&1 | grep 'event=Opened'"]),
    ("Look: docker ps --format '{{.Names}} {{.Ports}}'", ["docker ps --format '{{.Names}} {{.Ports}}'"]),
    ("Free space (old images: docker image prune; logs: set max-size).", ["docker image prune"]),
    (
        "Try: ansible 'a b' -i 'my fleet' -m ansible.builtin.ping",
        ["ansible 'a b' -i 'my fleet' -m ansible.builtin.ping"],
    ),
    ("Wait: docker does it by itself.", []),
    ("A file does not show in docker inspect.", []),
    ("Put the user into the group that owns the socket (docker).", []),
]


@pytest.mark.parametrize(("step", "commands"), STEPS, ids=[step for step, _commands in STEPS])
def test_commands_of_a_step(step: str, commands: list[str]) -> None:
    assert [piece.text for piece in pieces(step) if piece.is_command] == commands


def test_no_step_of_a_finding_is_changed_and_none_is_missed() -> None:
    steps = {named(step, "gw", "alpha") for finding in findings().values() for step in finding.fix}
    for step in steps:
        assert "".join(piece.text for piece in pieces(step)) == step
        words = "".join("…" if piece.is_command else piece.text for piece in pieces(step))
        assert not re.search(r"[:?] (ansible|ansible-playbook|docker|journalctl|ss|sudo|systemctl) ", words), words
