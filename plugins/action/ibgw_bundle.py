# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last step of a bundle: judge what the hosts registered, and pack it with what was fetched from them."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible import __version__ as core_version
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import spellings
from ansible_collections.ibgw.ops.plugins.plugin_utils import bundle
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import ControllerAction
from ansible_collections.ibgw.ops.plugins.plugin_utils.bundle import Collected
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import about_the_collection, inventories
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import report_on, run_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain, variables_of

#: The tasks that bring what is collected, in their order.
TASKS = ("bundle_place", "bundle_collected", "bundle_fetched")

display = Display()


class ActionModule(ControllerAction):
    """The action behind `ibgw_bundle`; its options are documented in the module of the same name."""

    BYPASS_HOST_LOOP = True
    ARGUMENTS = {
        "plan": {"type": "dict", "required": True},
        "directory": {"type": "str", "default": "bundles"},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Write the bundle; fails where it can not be written."""
        now = datetime.now(timezone.utc).replace(microsecond=0)
        plan = {key: plain(arguments["plan"])[key] for key in ("log", "machines", "only", "suppress")}
        hostvars = {machine: variables_of(variables["hostvars"], machine) for machine in plan["machines"]}
        known = spellings(value for machine in plan["machines"] for value in _secrets(hostvars[machine]))
        masked: Counter[str] = Counter()
        seen = bundle.evidence(hostvars, plan, now, inventories(), known, masked)
        collection = about_the_collection()
        # Of what is in the bundle, not of what it was made from: whoever judges it again comes to the same.
        run = run_of(seen.plan, seen.plan["suppress"], now, "down", seen.inventories, collection)
        report = report_on({"hostvars": seen.machines}, seen.plan, now, run)
        collected = {machine: _collected(hostvars[machine]) for machine in plan["machines"]}
        path = Path(arguments["directory"]).expanduser().absolute() / f"ibgw-bundle-{now:%Y%m%dT%H%M%SZ}.tar.gz"
        try:
            manifest = bundle.write(path, seen, masked, report, _versions(collection, seen, collected), collected)
        except OSError as error:
            raise Misuse(
                f"{path} could not be written: {error.strerror or error}; bundle_dir names another directory"
            ) from None
        for line in said(path, manifest):
            display.display(line)
        return {
            "changed": True,
            "path": str(path),
            "missing": manifest["missing"],
            "masked": manifest["masked"],
        }


def _secrets(variables: Mapping[str, Any]) -> Iterator[str]:
    """What the inventory has as secrets of a machine's gateways; nothing where it can not be read, a vault's that is shut, say."""
    try:
        given = plain(variables.get("gateway_secrets") or {})
    except AnsibleError:
        return
    pending = [given]
    while pending:
        value = pending.pop()
        if isinstance(value, (dict, list)):
            pending += value.values() if isinstance(value, dict) else value
        elif value is not None and not isinstance(value, bool):
            yield str(value)


def _collected(variables: Mapping[str, Any]) -> Collected:
    """What came from a machine, or why it did not."""
    results = {task: plain(variables.get(task) or {}) for task in TASKS}
    result = results["bundle_collected"].get("collected") or {}
    looked = plain(variables.get("diagnose_health") or {})
    failed = next((each for each in (looked, *results.values()) if each.get("failed") or each.get("unreachable")), None)
    problem = failed.get("msg") or "the machine did not answer" if failed else result.get("reason")
    if problem is None and not result:
        problem = (looked.get("health") or {}).get("reason") or "no container of a gateway was found"
    fetched = results["bundle_fetched"].get("dest") if not failed else None
    return Collected(Path(fetched) if fetched else None, result, problem)


def _versions(
    collection: Mapping[str, Any], seen: bundle.Evidence, collected: Mapping[str, Collected]
) -> dict[str, Any]:
    return {
        "controller": {
            "collection": collection.get("version"),
            "ansible_core": core_version,
            "python": platform.python_version(),
        },
        "machines": {
            machine: bundle.versions(variables, brought.result.get("versions"))
            for (machine, variables), brought in zip(seen.machines.items(), collected.values(), strict=True)
        },
    }


def said(path: Path, manifest: Mapping[str, Any]) -> list[str]:
    """What a person is told at the end."""
    counts = ", ".join(f"{rule} {count}" for rule, count in manifest["masked"].items())
    machines = "1 machine" if len(manifest["machines"]) == 1 else f"{len(manifest['machines'])} machines"
    return [
        "",
        f"{path}",
        f"  {len(manifest['files'])} files about {machines}; masked: {counts or 'nothing'}",
        *(f"  missing: {_missing(each)}" for each in manifest["missing"]),
        f"Judge it anywhere: ansible-playbook ibgw.ops.diagnose -e diagnose_bundle={path.name}",
    ]


def _missing(each: Mapping[str, Any]) -> str:
    of = "/".join(filter(None, (each["machine"], each["gateway"])))
    return f"{each['what']} of {of}: {each['reason']}"
