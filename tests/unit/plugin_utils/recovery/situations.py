# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Situations for the tests of what is done about them: a gateway that is as the evidence says, and what its machine keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import Journal, looked, opened
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Records, Situation
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import verdicts_of_machine

from tests.unit.plugin_utils.findings.rows import EXITED, NO_BACKEND
from tests.unit.plugin_utils.findings.scene import (
    API,
    AVAILABLE,
    GATEWAY,
    GATEWAY_INSIDE,
    NAME,
    NOW,
    at,
    machine,
    merged,
)
from tests.unit.plugin_utils.verdicts import report_of

Changes = Mapping[str, Any]

OWNER = "controller 0815"
OURS = {"owner": OWNER, "since": at(5), "until": at(-300)}

KILLED: Changes = {"container": {**EXITED, "exit_code": 137}, "api": NO_BACKEND}
RELAY_DOWN: Changes = {
    "gateway": {"sockets": {"listening": [{"port": 4002, "address": "127.0.0.1"}]}},
    "api": {**NO_BACKEND, "outcome": "refused", "reached": "resolve", "problem": "api.not_listening"},
    "inside": {},
}
HUNG: Changes = {
    "gateway": {"sockets": {"close_wait": {"4002": 60}}},
    "api": {"outcome": "not_asked", "reached": "none", "accounts": [], "account_mode": None},
}
HUNG_SOFTLY: Changes = {**HUNG, "log": {"settings": {"CommandServerPort": "7462", "AutoRestartTime": "11:59 PM"}}}
#: Clients on the gateway's own port.
USED: Changes = {"sockets": {"established": [{"port": 4002, "peer": "127.0.0.1"}]}}


def records(**record: Any) -> Records:
    """What the machine keeps about the gateway; nothing unless told."""
    return read(Records, {**AVAILABLE, "now": at(), "gateways": [{"name": NAME, "corrupt": {}, **record}]})


def situation(changes: Changes, *, kept: Records | None = None, now: datetime = NOW, **more: Any) -> Situation:
    """The gateway with that evidence, judged."""
    seen = machine(**changes)
    return Situation(
        row=report_of(*verdicts_of_machine(seen))["gateways"][0],
        now=now,
        cases=seen.gateways[0].cases,
        health=merged(merged(GATEWAY, changes.get("gateway", {})), {"container": changes.get("container", {})}),
        answers=(
            merged(API, changes.get("api", {})),
            *([merged(GATEWAY_INSIDE, changes["inside"])] if "inside" in changes else []),
        ),
        records=kept or records(),
        **more,
    )


def working(one: Situation, settings: Settings, *, agreed: bool = True) -> Journal:
    """The journal of a run that works on it; with `agreed` the diagnosis of a minute ago said the same."""
    journal = opened(one, settings)
    if agreed:
        earlier = journal.diagnoses[0].__class__(at(60), one.row["status"], one.row["code"], one.row["remedy"])
        journal = Journal(at(60), journal.settle_until, (earlier,), ())
        journal = looked(journal, one)
    return journal
