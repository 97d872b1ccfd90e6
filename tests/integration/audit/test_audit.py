# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An audit of real gateways: one that the collection has deployed, one that somebody has made, one that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from ansible_collections.ibgw.ops.plugins.plugin_utils.audit import COUNTED
from docker.models.containers import Container

from tests.integration.deployed import Deploy
from tests.integration.gateways import Start
from tests.integration.playbooks import CHECKOUT, HERE, Play, Run, write_inventory
from tests.integration.proxy import EngineProxy

SCHEMA = json.loads((CHECKOUT / "docs" / "audit.schema.json").read_text(encoding="utf-8"))
SECRET = "config.secret_in_environment"
IN_A_FILE = "VNC_SERVER_PASSWORD_FILE=/run/secrets/vnc_server_password in the place of VNC_SERVER_PASSWORD"


def state(container: Container) -> Any:
    """What a change of the container, or one in it, would show in; of what it writes by itself, only where."""
    container.reload()
    seen = {key: container.attrs[key] for key in ("Id", "State", "RestartCount", "HostConfig", "Config")}
    return seen, {change["Path"] for change in container.diff()}


def rows_of(run: Run, gateway: str) -> dict[str, dict[str, Any]]:
    return {row["code"]: row for row in run.gateways[gateway]["rows"]}


def test_what_would_hurt_is_told_and_may_be_accepted(
    ansible_playbook: Play, deploy: Deploy, start: Start, proxy: EngineProxy, tmp_path: Path
) -> None:
    well = deploy()
    made = start(environment={"VNC_SERVER_PASSWORD": "screen-only"}).logged_in().container
    named = [{"name": made.name, "trading_mode": "paper"}]
    machines = {
        "here": {**HERE, "gateways": [{"name": well.name, "trading_mode": "paper"}, *named, {"name": "ibgw-gone"}]},
        "remote": {**HERE, "gateways": named, "diagnose_docker_host": proxy.address},
    }
    before = state(made)
    arguments = ("-i", write_inventory(tmp_path, machines))
    run = ansible_playbook("audit", *arguments, COLUMNS="120")

    # The report
    assert run.status == 2, run.output
    assert run.report is not None
    jsonschema.Draft202012Validator(SCHEMA).validate(run.report)
    assert {row["id"] for row in run.report["gateways"]} == {
        f"here/{well.name}", f"here/{made.name}", "here/ibgw-gone", f"remote/{made.name}",
    }  # fmt: skip
    rows = {row["id"]: {each["code"]: each for each in row["rows"]} for row in run.report["gateways"]}
    # What this collection deploys keeps what it demands; the machine is the tests'.
    failing = [code for code, row in rows[f"here/{well.name}"].items() if row["result"] == "fail"]
    assert [code for code in failing if not code.startswith("host.")] == []
    assert rows[f"here/{well.name}"][SECRET]["result"] == "pass"
    failed = rows[f"here/{made.name}"][SECRET]
    assert (failed["result"], failed["change"]) == (
        "fail",
        {"where": "container", "setting": IN_A_FILE},
    )
    assert "screen-only" not in run.output + json.dumps(run.report)

    # The terminal
    assert f"here/{made.name}, remote/{made.name} fail {SECRET} (advice)" in run.output
    assert f"  Set   {IN_A_FILE}" in run.output
    assert "here/ibgw-gone could not be audited" in run.output
    assert "4 gateways on 2 machines by " in run.output
    assert "gateways reach audit_fail_on=advice: " in run.output

    # Nothing was changed.
    assert proxy.asked
    assert [asked for asked in proxy.asked if not asked.startswith("GET ")] == []
    assert state(made) == before

    # What is accepted stays visible, and fails no run.
    codes = {code for each in rows.values() for code, row in each.items() if row["result"] == "fail"}
    accepted = [{"code": code, "reason": "known since the move", "until": "2999-12-31"} for code in sorted(codes)]
    given = json.dumps({"audit_accept": accepted, "audit_only": [well.name, made.name]})
    again = ansible_playbook("audit", *arguments, "-e", given, "-l", "here", "--check", COLUMNS="160")
    assert again.status == 0, again.output
    assert again.gateways.keys() == {well.name, made.name}
    row = rows_of(again, made.name)[SECRET]
    assert (row["result"], row["accepted"]["reason"]) == ("fail", "known since the move")
    assert again.report is not None
    assert again.report["fleet"]["by_result"].keys() == set(COUNTED)
    assert f"- {SECRET} is accepted until 2999-12-31 23:59:59 UTC: known since the move" in again.output
    assert "no gateway reaches audit_fail_on=advice." in " ".join(again.output.split())
