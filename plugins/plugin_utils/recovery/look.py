# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tasks of a run registered on a machine becomes the situations of its gateways."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.ibgw.ops.plugins.plugin_utils import report, verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import inventories
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import registered, seen_on
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Records, Situation
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression


def situations(
    machine: str,
    variables: Mapping[str, Any],
    records: object,
    now: datetime,
    only: list[str] | None = None,
    suppressions: Sequence[Suppression] = (),
) -> list[Situation]:
    """The gateways of a machine as its `diagnose_*` tasks saw them; `records` is a result of `ibgw_record`.

    One that is asked for in `only` has a situation whatever was seen: it may be gone by now, or its machine may.
    """
    declared = plain(variables.get("gateways") or [])
    named = [{"name": name} for name in only or () if name not in [entry["name"] for entry in declared]]
    # A ChainMap writes to its first map only, and its stubs want all of them writable.
    seen = seen_on(machine, ChainMap({"gateways": [*declared, *named]}, variables), only, now)  # type: ignore[arg-type]
    run = Run(machines=1, generated_at=stamp(now), controller="", fail_on="never", inventories=inventories())
    rows = {row["name"]: row for row in report.build(verdict.verdicts_of_machine(seen, suppressions), run)["gateways"]}
    found = (registered(variables, "health").get("health") or {}).get("gateways") or ()
    answers = [
        answer
        for probe in ("handshake", "inside")
        for answer in (registered(variables, probe).get("handshake") or {}).get("endpoints") or ()
    ]
    return [
        Situation(
            row=rows[gateway.name],
            now=now,
            cases=gateway.cases,
            health=next((each for each in found if each["name"] == gateway.name), {}),
            answers=tuple(answer for answer in answers if answer["gateway"] == gateway.name),
            records=read(Records, records),
            engine_given=str(variables.get("diagnose_docker_host") or ""),
            undeployable=_undeployable(gateway.name, declared, variables),
        )
        for gateway in seen.gateways
    ]


def _undeployable(name: str, declared: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> str:
    """What the inventory lacks to make a container anew; empty where it has everything."""
    if name not in [entry["name"] for entry in declared]:
        return "the inventory does not declare it"
    try:
        secrets = variables.get("gateway_secrets") or {}
    except AnsibleError:
        return "its secrets in the inventory can not be read"
    return "" if name in secrets else "the inventory has no gateway_secrets for it"
