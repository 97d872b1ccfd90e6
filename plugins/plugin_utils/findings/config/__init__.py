# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration: the settings in effect first (the controller's own dump), the container's environment second.

What keeps the gateway from starting stands before what only will hurt one day.
"""

from __future__ import annotations

# The order is that of the findings.
# isort: off
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config import (  # noqa: F401
    start,
    unread,
    login,
    ports,
    screen,
    second_factor,
    schedule,
    users,
    limits,
    variables,
)
