# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules' RETURN says is what comes back, and what rules read is in it."""

from __future__ import annotations

import io
import tarfile
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.module_utils import (
    collect,
    container,
    handshake,
    health,
    host,
    logscan,
    machine,
    record,
    store,
)
from ansible_collections.ibgw.ops.plugins.module_utils import (
    gateway as gateways,
)
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target
from ansible_collections.ibgw.ops.plugins.modules import (
    ibgw_collect,
    ibgw_handshake,
    ibgw_health,
    ibgw_logscan,
    ibgw_record,
    ibgw_store,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Handshake, Health, LogScan, is_record

from tests.unit.module_utils.ibc_log import Log
from tests.unit.module_utils.peer import free_port


def documented(module: ModuleType) -> dict[str, Any]:
    """The keys of a module's one result."""
    (result,) = yaml.safe_load(module.RETURN).values()
    return dict(result["contains"])


def differing(keys: Mapping[str, Any], result: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Keys that are documented and not there, or there and not documented."""
    yield from (f"{where}.{key}" for key in keys.keys() ^ result.keys())
    for key in keys.keys() & result.keys():
        inner = result[key] if isinstance(result[key], list) else [result[key]]
        for each in inner if "contains" in keys[key] else ():
            yield from differing(keys[key]["contains"], each, f"{where}.{key}") if each is not None else ()


def unheard_of(keys: Mapping[str, Any], record: type, where: str = "") -> Iterator[str]:
    """Fields of a record that are not documented."""
    for name, hint in typing.get_type_hints(record).items():
        if name not in keys:
            yield f"{where}.{name}"
            continue
        inner = [part for part in (hint, *typing.get_args(hint)) if is_record(part)]
        if inner and "contains" in keys[name]:
            yield from unheard_of(keys[name]["contains"], inner[0], f"{where}.{name}")


@pytest.mark.parametrize(
    ("module", "record"), [(ibgw_health, Health), (ibgw_logscan, LogScan), (ibgw_handshake, Handshake)]
)
def test_what_rules_read_is_documented(module: ModuleType, record: type) -> None:
    assert list(unheard_of(documented(module), record)) == []


def test_logscan_returns_what_it_documents(tmp_path: Path) -> None:
    failed, again = Log().submitted().ends(88), Log().submitted().prompt()
    path = tmp_path / "some.log"
    path.write_text(failed.text + again.text, encoding="utf-8")
    for log in (path, tmp_path / "missing.log"):
        result = logscan.probe(None, str(log), "auto", None, 0, 50, None, 10.0)
        assert list(differing(documented(ibgw_logscan), result)) == []


def test_handshake_returns_what_it_documents() -> None:
    result = handshake.probe(port=free_port())
    assert list(differing(documented(ibgw_handshake), result)) == []


def test_health_returns_what_it_documents() -> None:
    nowhere = machine.Machine({}, here=False, remap=0, images={}, kernel_log=None, events=None)
    gateway = gateways.gateway(Target("gone", exists=False), nowhere)
    gateway["container"] = container.facts(
        {"Id": "1", "Image": "2", "State": {"Status": "created"}, "Config": {}, "HostConfig": {}}, None, None
    )
    result = {**AVAILABLE, **health.NOTHING, "host": host.machine({}), "gateways": [gateway]}
    assert list(differing(documented(ibgw_health), result)) == []


def test_collect_returns_what_it_documents() -> None:
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as packed:
        gateway = collect._gateway(Target("gone", exists=False), "0", packed, None, 1.0, 1)
        gateway["files"] = [collect._added(packed, "0/log", "log", collect.Part("log", b""))]
    result = {**AVAILABLE, **collect.NOTHING, "versions": collect._versions(), "gateways": [gateway]}
    assert list(differing(documented(ibgw_collect), result)) == []


def test_record_returns_what_it_documents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(record, "RECORDS", tmp_path)
    asked: dict[str, Any] = {
        "lock": {"owner": "me", "seconds": 60},
        "login": {"remedy": "start", "cause": "container.killed"},
        "hold": {"reason": "because", "by": "me"},
        "pause": {"until": "2999-01-01T00:00:00Z", "by": "me"},
        "policy": "always",
        "healthy": ["gw"],
    }
    for kind, value in asked.items():
        result = record.probe(["gw"], False, rearm_after=3600, **{kind: value})
    del result["changed"]  # the module tells it beside its result
    assert list(differing(documented(ibgw_record), result)) == []


def test_the_store_returns_what_it_documents(tmp_path: Path) -> None:
    row = {"host": "alpha", "name": "gw"}
    put = {"at": "2026-03-01T12:00:00Z", "controller": "ops", "machines": {"alpha": None}, "rows": [row]}
    keys = documented(ibgw_store)
    result = store.probe(str(tmp_path), "report", False, put=put)
    published = store.probe(str(tmp_path), "report", False, publish={"revision": 1, "files": {}})
    for each in (result, published, {**AVAILABLE, **store.NOTHING, "changed": False}):
        assert each.keys() - {"changed"} == keys.keys()
    assert list(differing(keys["machines"]["contains"], result["machines"]["alpha"])) == []
