# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible's variables as plain values."""

from __future__ import annotations

import json
from typing import Any


def plain(value: Any) -> Any:
    """`value` without Ansible's lazy and tagged types."""
    return json.loads(json.dumps(value, default=str))
