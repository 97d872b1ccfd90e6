# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bundle is judged as its diagnosis was, tells no secret, and one that somebody forged does no harm."""

from __future__ import annotations

import copy
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import archive, bundle
from ansible_collections.ibgw.ops.plugins.plugin_utils.archive import File
from ansible_collections.ibgw.ops.plugins.plugin_utils.bundle import Collected
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import report_on, run_of

from tests.unit.plugin_utils.findings.scene import (
    API,
    AVAILABLE,
    GATEWAY,
    HOST,
    LOG,
    NAME,
    NO_BACKEND,
    NOW,
    RUN,
    merged,
)

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "bundle.schema.json").read_text(encoding="utf-8"))
COLLECTION = {"version": "0.1.0", "documentation": "https://example.test/docs"}
USER, PASSWORD, ACCOUNT = "alice1977", "hunter2secret", "U1234567"

PLAN = {
    "log": None,
    "machines": {
        "alpha": {"names": [NAME], "find": True},
        "beta": {"names": ["other"], "find": False},
        "gamma": {"names": [], "find": True},
    },
    "only": [],
    "suppress": [{"code": "host.clock_wrong", "host": None, "reason": "known", "until": None}],
}

#: A gateway behind whose relay nobody listens; a machine that did not answer, in Ansible's words; one whose probe broke.
MACHINES: dict[str, dict[str, Any]] = {
    "alpha": {
        "gateways": [{"name": NAME, "trading_mode": "paper", "expect_orders": False, "java_heap_mb": 900}],
        "diagnose_health": {"changed": False, "health": {**AVAILABLE, "host": HOST, "gateways": [GATEWAY]}},
        "diagnose_logscan": {"logscan": {**AVAILABLE, "gateways": [{**LOG, "instances": [RUN]}]}},
        "diagnose_handshake": {"handshake": {**AVAILABLE, "endpoints": [merged(API, NO_BACKEND)]}},
        "ansible_password": PASSWORD,
    },
    "beta": {
        "gateways": [{"name": "other"}],
        "diagnose_health": {
            "unreachable": True,
            "msg": f"Failed to connect as {USER}:\n ssh://{USER}:{PASSWORD}@10.0.0.6, account {ACCOUNT} \x1b[2J",
        },
    },
    "gamma": {
        "diagnose_health": {"failed": True, "msg": "MODULE FAILURE", "module_stderr": f"password={PASSWORD}", "rc": 1}
    },
}


def evidence(masked: Counter[str] | None = None) -> bundle.Evidence:
    return bundle.evidence(MACHINES, PLAN, NOW, ["my fleet.yml"], {USER}, Counter() if masked is None else masked)


def judged(seen: bundle.Evidence) -> dict[str, Any]:
    run = run_of(seen.plan, seen.plan["suppress"], seen.at, "down", seen.inventories, COLLECTION)
    return report_on({"hostvars": seen.machines}, seen.plan, seen.at, run)


def fetched(path: Path, *files: tuple[str, str, bytes]) -> Collected:
    """What came from a machine: (kind, path, content) of one gateway's files."""
    archive.write(path, [File(name, content) for _kind, name, content in files], NOW)
    listed = [
        {
            "kind": kind,
            "path": name,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "masked": {"account_id": 2},
            "whole": kind != "log",
        }
        for kind, name, content in files
    ]
    missing = [{"what": "configuration", "reason": "it has none"}]
    return Collected(path, {"gateways": [{"name": NAME, "files": listed, "missing": missing}]}, None)


LOG_FILE, INSPECT_FILE = ("log", "0/log", b"IBC: Login has completed\n"), ("inspect", "0/inspect.json", b"{}\n")


def written(tmp_path: Path, collected: dict[str, Collected]) -> tuple[Path, dict[str, Any]]:
    path, masked = tmp_path / "ibgw-bundle-1.tar.gz", Counter[str]()
    seen = evidence(masked)
    return path, bundle.write(path, seen, masked, judged(seen), {"controller": {}, "machines": {}}, collected)


def contents(path: Path) -> dict[str, bytes]:
    return {file.path.partition("/")[2]: file.content for file in archive.read(path)}


# What is written


def test_a_bundle_is_judged_as_its_diagnosis_was(tmp_path: Path) -> None:
    path, _manifest = written(tmp_path, {})
    again = judged(bundle.load(path))
    assert again == json.loads(contents(path)["report.json"])
    assert {row["id"]: row["code"] for row in again["gateways"]} == {
        "alpha/ib-gateway": "relay.no_backend",
        "beta/other": "host.unreachable",
        "gamma": "probe.incomplete",
    }


def test_it_is_judged_as_the_hosts_are() -> None:
    run = run_of(PLAN, PLAN["suppress"], NOW, "down", ["my fleet.yml"], COLLECTION)
    plain = report_on({"hostvars": MACHINES}, PLAN, NOW, run)
    of_bundle = judged(evidence())
    assert of_bundle["gateways"][-1] == plain["gateways"][-1]
    assert [row["code"] for row in of_bundle["gateways"]] == [row["code"] for row in plain["gateways"]]
    assert of_bundle["fleet"] == plain["fleet"]


def test_no_secret_is_in_it_and_what_was_taken_out_is_counted(tmp_path: Path) -> None:
    path, manifest = written(tmp_path, {})
    for name, content in contents(path).items():
        text = content.decode()
        assert [secret for secret in (USER, PASSWORD, ACCOUNT, "\\u001b") if secret in text] == [], name
    assert manifest["masked"] == {"known_value": 2, "named_value": 1, "url_credentials": 1, "account_id": 1}


def test_the_manifest_lists_every_file_and_keeps_to_its_schema(tmp_path: Path) -> None:
    path, manifest = written(tmp_path, {"alpha": fetched(tmp_path / "alpha", LOG_FILE, INSPECT_FILE)})
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(manifest)
    held = contents(path)
    assert json.loads(held.pop("manifest.json")) == manifest
    assert {each["path"]: each["sha256"] for each in manifest["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in held.items()
    }
    assert held["logs/alpha/ib-gateway.log"] == LOG_FILE[2]
    assert held["inspect/alpha/ib-gateway.json"] == INSPECT_FILE[2]
    assert [each["whole"] for each in manifest["files"] if each["kind"] == "log"] == [False]
    assert manifest["masked"]["account_id"] == 5
    assert manifest["missing"] == [
        {"machine": "alpha", "gateway": NAME, "what": "configuration", "reason": "it has none"}
    ]


def test_schema_misses_every_key_that_is_not_there(tmp_path: Path) -> None:
    _path, manifest = written(tmp_path, {"alpha": fetched(tmp_path / "alpha", LOG_FILE)})
    for part in (manifest, manifest["files"][0], manifest["missing"][0]):
        for key in list(part):
            value = part.pop(key)
            assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(manifest), key
            part[key] = value


def test_a_machine_that_gave_nothing_is_missing(tmp_path: Path) -> None:
    _path, manifest = written(tmp_path, {"beta": Collected(None, {}, "the machine did not answer")})
    assert manifest["missing"] == [
        {"machine": "beta", "gateway": None, "what": "all", "reason": "the machine did not answer"}
    ]


def test_what_is_not_what_was_written_on_the_machine_is_left_out(tmp_path: Path) -> None:
    brought = fetched(tmp_path / "alpha", LOG_FILE, INSPECT_FILE)
    archive.write(tmp_path / "alpha", [File("0/log", b"something else")], NOW)
    path, manifest = written(tmp_path, {"alpha": brought})
    assert not [name for name in contents(path) if name.startswith(("logs", "inspect"))]
    assert {(each["what"], "not what was written" in each["reason"]) for each in manifest["missing"]} == {
        ("configuration", False),
        ("log", True),
        ("inspect", True),
    }


def test_names_that_are_no_path_stay_apart_and_tell_no_account(tmp_path: Path) -> None:
    names = ["../../x", "a/b", "a_b", ".ssh", "U1234567", "n" * 300]
    places = [bundle._place(name, name, {"kind": "log", "path": "0/log"}) for name in names]
    assert len(set(places)) == len(names)
    assert [place for place in places if not archive._NAME.fullmatch(place) or "1234567" in place] == []
    archive.write(tmp_path / "some", [File(place, b"") for place in places], NOW)


# What is read


def forged(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A bundle whose evidence somebody changed, and its checksum with it."""
    seen = copy.deepcopy(asdict(evidence()))
    change(seen)
    return packed(tmp_path, json.dumps(seen).encode())


def packed(tmp_path: Path, content: bytes, manifest: Any = None, *more: File) -> Path:
    path = tmp_path / "forged.tar.gz"
    listed = [{"path": "evidence.json", "sha256": hashlib.sha256(content).hexdigest()}]
    said = {"schema": bundle.SCHEMA, "files": listed} if manifest is None else manifest
    files = [File("b/evidence.json", content), File("b/manifest.json", json.dumps(said).encode()), *more]
    archive.write(path, files, NOW)
    return path


def test_the_forger_of_these_tests_changes_no_more_than_is_said(tmp_path: Path) -> None:
    assert judged(bundle.load(forged(tmp_path, lambda _seen: None))) == judged(evidence())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda seen: seen.update(generated_at="soon"), "tells no time"),
        (lambda seen: seen.update(generated_at=None), "tells no time"),
        (lambda seen: seen.pop("inventories"), "no list of inventories"),
        (lambda seen: seen.pop("machines"), "no plan, or no machines"),
        (lambda seen: seen.update(plan=7), "no plan, or no machines"),
        (lambda seen: seen["plan"].update(machines={"delta": {"names": []}}), "machines that are not in it"),
        (lambda seen: seen["plan"]["machines"].update(alpha=None), "without names"),
        (lambda seen: seen["plan"]["machines"].update(alpha={"names": [["x"]]}), "without names"),
        (lambda seen: seen["plan"].pop("only"), "without a selection"),
        (lambda seen: seen["plan"].update(suppress=["x"]), "without suppressions"),
        (lambda seen: seen["plan"].update(suppress=[{"code": "relay.down"}]), "a suppression that is none"),
        (lambda seen: seen["machines"].update(alpha=[]), "nothing to read of alpha"),
        (lambda seen: seen["machines"]["alpha"].pop("gateways"), "no gateways of alpha"),
        (lambda seen: seen["machines"]["alpha"].update(gateways=[{}]), "no gateways of alpha"),
        (
            lambda seen: seen["machines"]["alpha"].update(gateways=[{"name": "x; rm -rf ~"}]),
            "names a gateway 'x; rm -rf ~'",
        ),
        (lambda seen: seen["machines"].update({"": {"gateways": []}}), "names a machine ''"),
        (lambda seen: seen["machines"].update({"x" * 2000: {"gateways": []}}), "names a machine 'xxx"),
        (lambda seen: seen["machines"]["alpha"].update(diagnose_health=[]), "no health of alpha"),
        (lambda seen: seen["machines"]["alpha"].update(diagnose_inside={"handshake": 1}), "no inside of alpha"),
        (lambda seen: seen["machines"]["alpha"]["diagnose_health"]["health"].pop("gateways"), "no gateways of alpha"),
        (
            lambda seen: seen["machines"]["alpha"]["diagnose_health"]["health"]["gateways"][0].pop("exists"),
            "half seen",
        ),
        (
            lambda seen: seen["machines"]["alpha"].update(gateways=[{"name": "gw"}] * (bundle.GATEWAYS + 1)),
            "more than 10000 gateways",
        ),
    ],
)
def test_evidence_that_makes_no_sense_is_refused_in_one_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    with pytest.raises(Misuse) as refused:
        bundle.load(forged(tmp_path, change))
    assert said in str(refused.value)
    assert str(refused.value).startswith("diagnose_bundle is forged.tar.gz, which ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "manifest", "said"),
    [
        (b"{}", {"schema": "ibgw.ops/bundle/99"}, "is of the form 'ibgw.ops/bundle/99'; this version reads"),
        (b"{}", {"schema": "\x1b[2J"}, "is of the form"),
        (b"{}", {}, "is of the form None"),
        (b"{}", [], "manifest.json that is not a mapping"),
        (b"{}", {"schema": bundle.SCHEMA, "files": "none"}, "it is damaged"),
        (b"{}", {"schema": bundle.SCHEMA, "files": [{"path": "evidence.json", "sha256": "0"}]}, "it is damaged"),
        (b"[]", None, "evidence.json that is not a mapping"),
        (b"\xff\xfe", None, "evidence.json that is not JSON"),
        (b"[" * 100_000, None, "evidence.json that is not JSON"),
        (b'{"machines": ' + b"9" * 5000 + b"}", None, "evidence.json that is not JSON"),
    ],
)
def test_a_manifest_or_evidence_that_can_not_be_read_is_refused(
    tmp_path: Path, content: bytes, manifest: Any, said: str
) -> None:
    with pytest.raises(Misuse) as refused:
        bundle.load(packed(tmp_path, content, manifest))
    assert said in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([File("b/other", b"")], "has no manifest.json"),
        ([File("b/manifest.json", b"{}")], "has no evidence.json"),
        ([File("a/manifest.json", b"{}"), File("b/evidence.json", b"{}")], "more than one directory at its top"),
    ],
)
def test_an_archive_that_is_no_bundle_is_refused(tmp_path: Path, files: list[File], said: str) -> None:
    archive.write(tmp_path / "some.tar.gz", files, NOW)
    with pytest.raises(Misuse, match=said):
        bundle.load(tmp_path / "some.tar.gz")


def test_evidence_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "EVIDENCE_BYTES", 100)
    with pytest.raises(Misuse, match=r"evidence.json of more than"):
        bundle.load(forged(tmp_path, lambda _seen: None))


def test_nothing_in_evidence_drives_a_terminal_or_goes_on_for_ever(tmp_path: Path) -> None:
    def change(seen: dict[str, Any]) -> None:
        container = seen["machines"]["alpha"]["diagnose_health"]["health"]["gateways"][0]["container"]
        container["image"] = "\x1b]0;owned\x07image\u202e" + "x" * 10**6
        container["\x1b[2J"] = float("nan")

    rows = judged(bundle.load(forged(tmp_path, change)))["gateways"]
    told = json.dumps(rows, ensure_ascii=False)
    assert [char for char in told if not char.isprintable()] == []
    assert len(told) < 50_000


@pytest.mark.parametrize("machine", ["my host", "$(id)", "a,b", "-dash", "<b>", "🦊"])
def test_a_machine_of_any_name_is_judged_and_is_one_word_of_each_command(tmp_path: Path, machine: str) -> None:
    def change(seen: dict[str, Any]) -> None:
        seen["machines"] = {machine: {"gateways": [{"name": "gw"}]}}
        seen["plan"]["machines"] = {machine: {"names": ["gw"], "find": True}}

    (row,) = judged(bundle.load(forged(tmp_path, change)))["gateways"]
    assert row["id"] == f"{machine}/gw"
    *command, last = shlex.split(row["next_command"])
    assert command[:2] == ["ansible-playbook", "ibgw.ops.diagnose"]
    assert json.loads(last) == {"diagnose_only": [f"{machine}/gw"]}


def test_odd_types_in_what_probes_told_cost_a_verdict_at_most(tmp_path: Path) -> None:
    def change(seen: dict[str, Any]) -> None:
        seen["machines"]["alpha"]["diagnose_logscan"] = {"logscan": {"gateways": 7}}
        seen["machines"]["alpha"]["diagnose_handshake"] = {"handshake": {"endpoints": {"x": []}}}
        seen["machines"]["alpha"]["diagnose_health"]["health"]["gateways"][0]["container"] = "none"

    report = judged(bundle.load(forged(tmp_path, change)))
    assert report["error"] is None
    assert {row["id"] for row in report["gateways"]} == {"alpha/ib-gateway", "beta/other", "gamma"}
