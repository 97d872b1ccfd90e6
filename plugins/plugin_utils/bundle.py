# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The evidence bundle: what a diagnosis was made from, what it came to, and what a person wants to see beside it, in one file.

Its form is `docs/bundle.schema.json`. A bundle comes from somebody else: nothing in it is believed before it was checked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import RULES, mask, printable, quote
from ansible_collections.ibgw.ops.plugins.plugin_utils import archive, suppression
from ansible_collections.ibgw.ops.plugins.plugin_utils.archive import File, Refused
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import PROBES, moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import registered
from ansible_collections.ibgw.ops.plugins.plugin_utils.evidence import OF_MACHINE
from ansible_collections.ibgw.ops.plugins.plugin_utils.inventory import GATEWAY_KEYS
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain

SCHEMA = "ibgw.ops/bundle/1"

#: Where the files of each kind are, by machine and gateway.
PLACES = {
    "log": "logs/{machine}/{gateway}.log",
    "inspect": "inspect/{machine}/{gateway}.json",
    "events": "events/{machine}/{gateway}.json",
    "configuration": "configuration/{machine}/{gateway}/{name}",
}

#: Gateways that are judged of one bundle, and bytes of evidence or manifest: what a thousand gateways take at most.
GATEWAYS = 10_000
EVIDENCE_BYTES = 32 << 20

# Longest text in evidence: more than any probe tells, and as much of a failed task's words as is worth reading.
_TEXT = 4096

# A name becomes part of a path: what may stand there, and how long it may be.
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST_NAME = 48

# What stands in the names of gateways, masked ones among them: nothing that means something to a shell. Those of machines are
# quoted where they are part of a command.
_NAME = re.compile(r"\w[\w.:@*+=,%-]{0,254}")
_LONGEST_MACHINE = 1024


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis is made from; `machines` holds of each one the variables that are judged."""

    generated_at: str
    inventories: list[str]
    plan: dict[str, Any]
    machines: dict[str, dict[str, Any]]

    @property
    def at(self) -> datetime:
        """The moment that it is judged as of."""
        at = moment(self.generated_at)
        if at is None:
            raise Refused("tells no time that it is of")
        return at


@dataclass(frozen=True)
class Collected:
    """What came from one machine beside the probes' results: the fetched archive, and what its module and tasks said of it."""

    archive: Path | None
    result: Mapping[str, Any]
    problem: str | None


def evidence(
    hostvars: Mapping[str, Mapping[str, Any]],
    plan: Mapping[str, Any],
    now: datetime,
    inventories: Sequence[str],
    known: Iterable[str],
    masked: Counter[str],
) -> Evidence:
    """The evidence of this run, redacted; `masked` counts by rule what was taken out beyond what the probes did."""
    machines = {machine: _variables(hostvars[machine]) for machine in plan["machines"]}
    whole = {"inventories": list(inventories), "plan": plan, "machines": machines}
    return Evidence(generated_at=stamp(now), **_redacted(plain(whole), frozenset(known), masked))


def _variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    gateways = plain(variables.get("gateways") or [])
    results = {f"diagnose_{probe}": registered(variables, probe) for probe in PROBES}
    return {
        "gateways": [{key: entry[key] for key in GATEWAY_KEYS if key in entry} for entry in gateways],
        **{name: plain(variables[name]) for name in OF_MACHINE if name in variables},
        **{name: result for name, result in results.items() if result},
    }


def _redacted(value: Any, known: frozenset[str], masked: Counter[str]) -> Any:
    if isinstance(value, dict):
        return {_redacted(key, known, masked): _redacted(one, known, masked) for key, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one, known, masked) for one in value]
    return mask(printable(value[:_TEXT]), known, masked) if isinstance(value, str) else value


def versions(variables: Mapping[str, Any], module: Mapping[str, Any] | None) -> dict[str, Any]:
    """What runs on one machine, by its evidence; `module` is what the module that collects ran with."""
    health = (variables.get("diagnose_health") or {}).get("health") or {}
    logs = ((variables.get("diagnose_logscan") or {}).get("logscan") or {}).get("gateways") or []
    log_of = {log["name"]: log for log in logs}
    engine = health.get("engine") or {}
    return {
        "engine": {key: engine.get(key) for key in ("kind", "version", "api_version")},
        "module": dict(module) if module else None,
        "gateways": {
            each["name"]: {
                **{key: (each.get("container") or {}).get(key) for key in ("image", "image_id", "image_digest")},
                "family": (each.get("family") or {}).get("name"),
                **{key: log_of.get(each["name"], {}).get(key) for key in ("controller", "gateway_version")},
            }
            for each in health.get("gateways") or []
            if each["exists"]
        },
    }


# Writing


def write(
    path: Path,
    seen: Evidence,
    masked: Mapping[str, int],
    report: Mapping[str, Any],
    versions: Mapping[str, Any],
    collected: Mapping[str, Collected],
) -> dict[str, Any]:
    """Write the bundle; returns its manifest."""
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "generated_at": seen.generated_at,
        "controller": report["controller"],
        "collection_version": report["collection_version"],
        "machines": list(seen.machines),
        "masked": {},
        "rules": dict(RULES),
        "files": [],
        "missing": [],
    }
    root = path.name.partition(".")[0]
    archive.write(
        path,
        (
            File(f"{root}/{each.path}", each.content)
            for each in _contents(manifest, seen, masked, report, versions, collected)
        ),
        seen.at,
    )
    return manifest


def _contents(
    manifest: dict[str, Any],
    seen: Evidence,
    masked: Mapping[str, int],
    report: Mapping[str, Any],
    versions: Mapping[str, Any],
    collected: Mapping[str, Collected],
) -> Iterator[File]:
    """The files of a bundle; the manifest comes last, when all the others are known."""
    left = archive.TOTAL_BYTES - EVIDENCE_BYTES
    for name, kind, value in (("report", "report", report), ("versions", "versions", versions)):
        yield _listed(manifest, File(f"{name}.json", _json(value)), kind)
    yield _listed(manifest, File("evidence.json", _json(asdict(seen))), "evidence", masked=masked)
    for machine, brought in collected.items():
        for file, entry in _of_machine(machine, brought, manifest["missing"]):
            left -= len(file.content)
            if left < 0:
                manifest["missing"].append(_missing(machine, entry["gateway"], entry["kind"], "the bundle is full"))
                continue
            yield _listed(manifest, file, **entry)
    total: Counter[str] = Counter()
    for entry in manifest["files"]:
        total.update(entry["masked"])
    manifest["masked"] = {rule: total[rule] for rule in RULES if total[rule]}
    yield File("manifest.json", _json(manifest))


def _listed(
    manifest: dict[str, Any],
    file: File,
    kind: str,
    machine: str | None = None,
    gateway: str | None = None,
    masked: Mapping[str, int] | None = None,
    whole: bool = True,
) -> File:
    """`file`, with its entry in the manifest."""
    manifest["files"].append(
        {
            "path": file.path,
            "kind": kind,
            "machine": machine,
            "gateway": gateway,
            "size": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "masked": {rule: count for rule, count in (masked or {}).items() if rule in RULES and count},
            "whole": whole,
        }
    )
    return file


def _of_machine(
    machine: str, brought: Collected, missing: list[dict[str, Any]]
) -> Iterator[tuple[File, dict[str, Any]]]:
    """The files that came from one machine, with what the manifest says of each; what did not come is `missing`."""
    gateways = brought.result.get("gateways") or []
    listed = {file["path"]: (each["name"], file) for each in gateways for file in each["files"]}
    for each in gateways:
        missing += [_missing(machine, each["name"], one["what"], one["reason"]) for one in each["missing"]]
    problem = brought.problem
    try:
        for file in archive.read(brought.archive) if brought.archive else ():
            gateway, said = listed.get(file.path, (None, None))
            if said is None or hashlib.sha256(file.content).hexdigest() != said["sha256"]:
                raise Refused(f"holds {quote(file.path)}, which is not what was written there")
            del listed[file.path]
            entry = {key: said[key] for key in ("kind", "masked", "whole")}
            entry |= {"machine": mask(machine), "gateway": mask(gateway)}
            yield File(_place(machine, gateway, said), file.content), entry
    except Refused as refused:
        problem = f"what was fetched {refused}"
    for gateway, said in listed.values():
        missing.append(_missing(machine, gateway, said["kind"], problem or "it was not in what was fetched"))
    if problem and not listed:
        missing.append(_missing(machine, None, "all", problem))


def _missing(machine: str, gateway: str | None, what: str, reason: str) -> dict[str, Any]:
    return {
        "machine": mask(machine),
        "gateway": None if gateway is None else mask(gateway),
        "what": what,
        "reason": quote(reason),
    }


def _place(machine: str, gateway: str, said: Mapping[str, Any]) -> str:
    name = said["path"].rpartition("/")[2]
    return PLACES[said["kind"]].format(machine=_fit(machine), gateway=_fit(gateway), name=_fit(name))


def _fit(name: str) -> str:
    """A name as part of a path; one that had to be changed stays different from all others."""
    fit = _UNFIT.sub("_", mask(name)).lstrip(".-")[:_LONGEST_NAME]
    return fit if fit == name else f"{fit or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


# Reading


def load(path: Path) -> Evidence:
    """The evidence in a bundle; raises `Misuse` with one sentence where it is not one."""
    try:
        manifest, content = _read(path)
        if manifest.get("schema") != SCHEMA:
            raise Refused(
                f"is of the form {quote(repr(manifest.get('schema')), limit=60)}; this version reads {SCHEMA}"
            )
        files = manifest.get("files")
        listed = files if isinstance(files, list) else []
        sums = [each.get("sha256") for each in listed if isinstance(each, dict) and each.get("path") == "evidence.json"]
        if sums != [hashlib.sha256(content).hexdigest()]:
            raise Refused("has evidence that is not what its manifest lists: it is damaged")
        return _evidence(_parsed(content, "evidence.json"))
    except Refused as refused:
        raise Misuse(
            f"diagnose_bundle is {quote(path.name)}, which {refused}; give a bundle as ibgw.ops.bundle wrote it"
        ) from None


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Manifest and evidence; all other files are looked at and let go."""
    kept: dict[str, bytes] = {}
    roots = set()
    for file in archive.read(path):
        root, _slash, name = file.path.partition("/")
        roots.add(root)
        if name in ("manifest.json", "evidence.json"):
            if len(file.content) > EVIDENCE_BYTES:
                raise Refused(f"holds {name} of more than {EVIDENCE_BYTES >> 20} MiB")
            kept[name] = file.content
    missing = [name for name in ("manifest.json", "evidence.json") if name not in kept]
    if missing or len(roots) != 1:
        raise Refused(f"has no {missing[0]}" if missing else "has more than one directory at its top")
    return _parsed(kept["manifest.json"], "manifest.json"), kept["evidence.json"]


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(f"holds {name} that is not JSON") from None
    if not isinstance(value, dict):
        raise Refused(f"holds {name} that is not a mapping")
    return value


def _evidence(told: Mapping[str, Any]) -> Evidence:
    """`told` as evidence: of the right form, and with no text that could do anything to a terminal."""
    try:
        clean = _redacted(dict(told), frozenset(), Counter())
    except RecursionError:
        raise Refused("has evidence that is nested without end") from None
    plan, machines = clean.get("plan"), clean.get("machines")
    _expect(isinstance(clean.get("generated_at"), str) and moment(clean["generated_at"]), "tells no time that it is of")
    _expect(_all(clean.get("inventories"), str), "has no list of inventories")
    _expect(isinstance(plan, dict) and isinstance(machines, dict), "has no plan, or no machines")
    _check_plan(plan, machines)
    for machine, variables in machines.items():
        _check_machine(machine, variables)
    _expect(sum(_rows(each) for each in machines.values()) <= GATEWAYS, f"has more than {GATEWAYS} gateways")
    return Evidence(
        clean["generated_at"],
        clean["inventories"],
        {
            "at": str(plan.get("at")),
            "log": None,
            "bundle": None,
            **{key: plan[key] for key in ("machines", "only", "suppress")},
        },
        machines,
    )


def _check_plan(plan: Mapping[str, Any], machines: Mapping[str, Any]) -> None:
    asked: Any = plan.get("machines")
    _expect(isinstance(asked, dict) and asked.keys() <= machines.keys(), "has a plan for machines that are not in it")
    for ask in asked.values():
        _expect(isinstance(ask, dict) and _all(ask.get("names"), str), "has a plan without names to ask for")
        _check_names(ask["names"])
    _expect(_all(plan.get("only"), str), "has a plan without a selection")
    _expect(_all(plan.get("suppress"), dict), "has a plan without suppressions")
    for each in plan["suppress"]:
        known = each.keys() == set(suppression.Suppression.__dataclass_fields__)
        _expect(
            known
            and all(
                isinstance(value, str) or (value is None and key in ("host", "until")) for key, value in each.items()
            ),
            "has a suppression that is none",
        )


def _check_machine(machine: str, variables: Any) -> None:
    _expect(0 < len(machine) <= _LONGEST_MACHINE, f"names a machine {quote(repr(machine), limit=60)}")
    _expect(isinstance(variables, dict), f"has nothing to read of {machine}")
    _check_named(machine, variables.get("gateways"))
    for probe, key in PROBES.items():
        registered_result = variables.get(f"diagnose_{probe}", {})
        _expect(isinstance(registered_result, dict), f"has no {probe} of {machine} that could be read")
        found = registered_result.get(key, {})
        _expect(isinstance(found, dict), f"has no {probe} of {machine} that could be read")
        if probe == "health" and found:
            _check_named(machine, found.get("gateways"))
            _expect(all("exists" in each for each in found["gateways"]), f"has a gateway of {machine} half seen")


def _check_named(machine: str, gateways: Any) -> None:
    _expect(
        _all(gateways, dict) and all(isinstance(each.get("name"), str) for each in gateways),
        f"has no gateways of {machine}",
    )
    _check_names([each["name"] for each in gateways])


def _check_names(names: Iterable[str]) -> None:
    """Names become part of commands that a verdict offers."""
    odd = next((name for name in names if not _NAME.fullmatch(name)), None)
    _expect(odd is None, f"names a gateway {quote(repr(odd), limit=60)}")


def _rows(variables: Mapping[str, Any]) -> int:
    found = variables.get("diagnose_health", {}).get("health") or {}
    return len(variables["gateways"]) + len(found.get("gateways", ()))


def _all(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _expect(holds: Any, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)
