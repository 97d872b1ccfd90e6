# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run that was cut off has left in the record is brought to its end by the next one."""

from __future__ import annotations

import os

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import record
from docker.models.containers import Container

from tests.integration.gateways import Start
from tests.integration.recover.test_recover import Recover, attempts, recover

__all__ = ["recover"]

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="takes root to keep records and see the processes of containers"
)


def policy(container: Container) -> str:
    container.reload()
    return str(container.attrs["HostConfig"]["RestartPolicy"]["Name"])


def test_the_restart_policy_comes_back_where_it_was_left_off(recover: Recover, start: Start) -> None:
    """Cut off after the start: it runs, and would not after a boot."""
    paper = start(restart_policy={"Name": "no"}).logged_in()
    record.probe([paper.user], False, policy="unless-stopped")
    spent = attempts(paper)
    recover(paper, arguments=("--check",))
    assert policy(paper.container) == "no"
    assert recover(paper).status == 0
    assert policy(paper.container) == "unless-stopped"
    assert (record.read(paper.user)["policy"], record.read(paper.user)["lock"]) == (None, None)
    assert attempts(paper) == spent


def test_what_was_stopped_to_be_started_again_is_started(recover: Recover, start: Start) -> None:
    """Cut off between stop and start: without the record, somebody stopped it and meant it."""
    meant, cut_off = (start(restart_policy={"Name": "no"}).logged_in() for _ in range(2))
    record.probe([cut_off.user], False, policy="always")
    for paper in (meant, cut_off):
        paper.container.stop()
    ended = recover(meant, cut_off, recover_settle=60)
    assert ended.told(meant)[:2] == ("waiting_for_person", [])
    assert ended.told(cut_off)[:2] == ("healthy", ["start"])
    assert policy(cut_off.container) == "always"
