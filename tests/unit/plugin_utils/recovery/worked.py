# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of a gateway, for the tests of what is reported of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import (
    Outcome,
    began,
    ended,
    looked,
    next_move,
    opened,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.report import Run, Worked, build
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings

from tests.unit.plugin_utils.findings.scene import NOW, at
from tests.unit.plugin_utils.recovery.situations import KILLED, OURS, OWNER, Changes, records, situation, working

DOCS = Path(__file__).parents[4] / "docs"
SCHEMA = json.loads((DOCS / "recovery.schema.json").read_text(encoding="utf-8"))
SETTINGS = Settings()


def started(then: Changes, outcome: str, **changed: Any) -> Worked:
    """A killed gateway that was started and then looked so."""
    before, after = situation(KILLED, kept=records(lock=OURS)), situation(then, kept=records(lock=OURS))
    journal = opened(before, SETTINGS)
    first = next_move(before, SETTINGS, journal)
    act = next_move(before, SETTINGS, working(before, SETTINGS), (), OWNER)
    journal = looked(ended(began(journal, act.step, NOW), after, SETTINGS, Outcome(True, "a new start time")), after)
    last = next_move(after, SETTINGS, journal, (), OWNER)
    said = {"before": before.row, "after": after.row, "planned": first, "last": last, "journal": journal}
    return Worked(**{**said, "outcome": outcome, "reason": "it is so", "ended_at": at(-30), **changed})


def reported(*worked: Worked, **run: Any) -> dict[str, Any]:
    """The report of a run that worked on these, which has its form."""
    built = build(
        worked, Run(**{"generated_at": at(), "controller": "here", "dry_run": False, "fail_on": "down", **run})
    )
    jsonschema.Draft202012Validator(SCHEMA).validate(built)
    return built
