# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine's room, memory and clock are held against a gateway only as far as it needs them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    NotKnown,
    Passed,
    Proof,
)

from tests.unit.plugin_utils.findings.rows import STOPPED
from tests.unit.plugin_utils.findings.scene import answer

SETTINGS = "/home/ibgateway/tws_settings"


def disk(path: str, free: int = 10**10, inodes: int | None = 10**6) -> dict[str, Any]:
    return {"path": path, "free": free, "total": 10**11, "free_inodes": inodes}


@pytest.mark.parametrize(
    ("full", "mounted", "proven"),
    [
        (disk("/var/lib/docker", free=10**6), SETTINGS, True),
        (disk("/srv/settings", free=10**6), SETTINGS, True),
        (disk("/srv/settings", inodes=0), SETTINGS, True),
        (disk("/srv/settings", inodes=None), SETTINGS, False),  # it counts none, such as btrfs
        (disk("/srv/settings", free=10**6), "/data", False),  # no settings lie there
        (disk("/srv/other", free=10**6), SETTINGS, False),  # another gateway's
    ],
)
def test_a_full_disk_is_held_against_who_needs_it(full: dict[str, Any], mounted: str, proven: bool) -> None:
    mounts = [{"target": mounted, "disk": "/srv/settings"}]
    found = answer(
        "host.disk_full",
        host={"disks": [disk("/var/lib/docker"), full]},
        health={"engine": {"root_dir": "/var/lib/docker"}},
        container={"mounts": mounts, "settings": [{"path": SETTINGS, "mount": SETTINGS}]},
    )
    assert isinstance(found, Proof if proven else Passed)
    if isinstance(found, Proof):
        assert full["path"] in found.summary


def test_of_a_machine_that_could_not_be_looked_at_nothing_is_known() -> None:
    for code in ("host.disk_full", "host.memory_short", "host.clock_wrong"):
        nothing = {"now": None, "disks": [], "memory": {"available": None}}
        assert isinstance(answer(code, host=nothing), NotKnown), code


GIB = 1 << 30


@pytest.mark.parametrize(
    ("limit", "processes", "available", "proven"),
    [
        (8 * GIB, [(GIB, GIB // 2)], GIB, False),  # its heap stays below its limit
        (8 * GIB, [(2 * GIB, GIB // 2)], GIB, True),
        (GIB, [(4 * GIB, GIB // 2)], GIB, False),  # its limit stays below its heap
        (None, [(2 * GIB, GIB), (2 * GIB, GIB)], 3 * GIB // 2, True),  # one for each mode
        (None, [(GIB, 2 * GIB), (2 * GIB, GIB)], 3 * GIB // 2, False),
    ],
)
def test_a_gateway_claims_what_both_its_limit_and_its_heaps_allow(
    limit: int | None, processes: list[tuple[int, int]], available: int, proven: bool
) -> None:
    found = answer(
        "host.memory_short",
        host={"memory": {"available": available}},
        container={"memory": {"limit": limit, "usage": GIB // 2}},
        gateway={"processes": [{"role": "gateway", "max_heap": heap, "rss": rss} for heap, rss in processes]},
    )
    assert isinstance(found, Proof if proven else Passed)


def test_a_gateway_that_does_not_run_claims_nothing_yet() -> None:
    stopped = {"container": {**STOPPED, "memory": {"usage": None}}, "gateway": {"processes": []}}
    assert isinstance(answer("host.memory_short", **stopped), NotKnown)


@pytest.mark.parametrize(("synchronised", "kind"), [(True, Passed), (False, Proof), (None, NotKnown)])
def test_a_clock_that_nothing_keeps_is_an_advice(synchronised: bool | None, kind: type) -> None:
    found = answer("host.clock_wrong", host={"clock_synchronized": synchronised})
    assert isinstance(found, kind)
    assert not isinstance(found, Proof) or found.severity == "advice"
