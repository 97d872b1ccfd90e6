# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway's container as what manages it calls it."""

from __future__ import annotations

from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.supervision.supervisor import Managed

COMPOSE = {
    "com.docker.compose.project": "trading",
    "com.docker.compose.service": "gateway",
    "com.docker.compose.project.working_dir": "/srv/trading",
    "com.docker.compose.project.config_files": "/srv/trading/compose.yml,/srv/trading/override.yml",
}


def gateway(labels: dict[str, str] | None = None, **more: Any) -> Managed:
    return Managed("ib-gateway", "c0ffee" * 11, COMPOSE if labels is None else labels, **more)
