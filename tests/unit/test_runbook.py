# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of the probes: each uses what the one before proved, and none sees what another did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_TASKS = Path(__file__).resolve().parents[2] / "roles" / "diagnose" / "tasks" / "probe.yml"


def modules(tasks: list[dict[str, Any]]) -> Iterator[str]:
    """The modules of this collection, in the order in which they run."""
    for task in tasks:
        yield from modules(task.get("block", []))
        yield from (name for name in task if name.startswith("ibgw.ops.ibgw_"))


def test_sockets_are_looked_at_before_any_connection_of_ours() -> None:
    order = [name.removeprefix("ibgw.ops.ibgw_") for name in modules(yaml.safe_load(_TASKS.read_text("utf-8")))]
    assert order.index("health") < order.index("logscan") < order.index("handshake")
