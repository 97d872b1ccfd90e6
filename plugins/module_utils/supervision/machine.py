# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that is found on one machine of who starts and stops its containers.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import record
from ansible_collections.ibgw.ops.plugins.module_utils.container import restart_policy
from ansible_collections.ibgw.ops.plugins.module_utils.events import Known
from ansible_collections.ibgw.ops.plugins.module_utils.host import KernelLog
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.supervisor import (
    CREATE,
    Managed,
    Supervisor,
    deeds,
    named,
    of_compose,
)
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.watchers import WATCHTOWER, Watcher


@dataclass(frozen=True)
class Supervision:
    """When the engine came up, the units and lines of cron by container, and the watchers; None where that could not be looked at."""

    engine_started: float | None
    units: Mapping[str, Sequence[Supervisor]] | None
    watchers: Sequence[Watcher] | None

    def over(self, container: Managed) -> list[Supervisor] | None:
        """What starts and stops a container beside its restart policy; None where not all of that could be looked at."""
        if self.units is None or self.watchers is None:
            return None
        watching = [one.over(container) for one in self.watchers if one.name != container.name]
        return [*of_compose(container), *self.units.get(container.id, ()), *watching]

    def known(self, inspected: Mapping[str, Any], recorded: Mapping[str, Any], kernel_log: KernelLog | None) -> Known:
        """What tells who did what the engine's events show; `recorded` is what our own runs left about the gateway."""
        container = managed(inspected)
        supervisors, compose = self.over(container) or (), of_compose(container)
        # What replaces a container by a newer one gives that the same labels.
        replaced = any(one.kind == WATCHTOWER and CREATE in one.does for one in supervisors)
        return Known(
            restart_policy=restart_policy(inspected["HostConfig"].get("RestartPolicy") or {}),
            restart_count=inspected.get("RestartCount"),
            engine_started=self.engine_started,
            killed_by_kernel=[kill.at for kill in (kernel_log.of(container.id, 0) if kernel_log else ())],
            creator=str(compose[0]) if compose and not replaced else None,
            deeds=[
                *record.deeds(recorded),
                *(deed for one in self.watchers or () for deed in one.deeds(container)),
                *deeds(supervisors),
            ],
            candidates=lambda action: named(supervisors, action),
        )


def managed(inspected: Mapping[str, Any]) -> Managed:
    """A container that the engine has told of, as what manages it calls it."""
    config = inspected.get("Config") or {}
    check = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    name = (inspected.get("Name") or "").lstrip("/")
    return Managed(name, inspected["Id"], config.get("Labels") or {}, check[0] != "NONE")
