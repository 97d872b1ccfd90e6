# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labelled logs of real controllers, where they are at hand: `IBGW_CORPUS` names their directory."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

CORPUS = Path(os.environ.get("IBGW_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")

#: Why there are none; empty where there are.
MISSING = (
    ""
    if (CORPUS / "index.json").is_file()
    else f"no labelled logs: {CORPUS} has no index.json, and IBGW_CORPUS names no other place"
)


@cache
def cases() -> list[dict[str, Any]]:
    """The labels of every log."""
    labelled: list[dict[str, Any]] = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))["cases"]
    return labelled
