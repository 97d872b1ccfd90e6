# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In what a container that somebody else made is another than the one that is planned; no secret is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import EMPTY, SET

#: Networks without a name of one's own.
_DEFAULT_NETWORKS = ("default", "bridge")

NOTHING = "nothing"


def differences(found: Mapping[str, Any], planned: Mapping[str, Any], baked: Iterable[str]) -> list[str]:
    """One line for each thing that differs.

    `found` is of a health result, `planned` the container of a plan, `baked` are the variables of the found container's image.
    """
    there = found["container"]
    pairs = [
        ("image", there["image"], planned["image"]),
        *_variables(there["environment"], planned["env"], dict(one.partition("=")[::2] for one in baked)),
        *_mounts(there["mounts"], planned["mounts"]),
        ("ports", _listed(_published(found["ports"])), _listed(planned["published_ports"])),
        ("restart policy", there["restart_policy"], planned["restart_policy"]),
        ("memory limit", _megabytes(there["memory"]["limit"]), planned["memory"]),
        ("open files", _open_files(there["nofile"]), planned["ulimits"][0].removeprefix("nofile:")),
        ("network", _network(there["network_mode"]), _listed(one["name"] for one in planned["networks"])),
    ]
    return [f"{what}: {old} there, {new} planned" for what, old, new in pairs if old != new]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or NOTHING


def _variables(
    there: Mapping[str, str], planned: Mapping[str, str], baked: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Names; values only where they are told of both."""
    given = {name for name, value in there.items() if name not in baked or value not in (SET, EMPTY, baked[name])}
    yield "variables", _listed(given - set(planned)), _listed(set(planned) - set(there))
    for name in sorted(set(there) & set(planned)):
        told = "" if there[name] == EMPTY else there[name]
        if told != SET:
            yield name, told or NOTHING, planned[name] or NOTHING


def _mounts(there: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    old, new = ({one["target"]: one.get("source") or one["type"] for one in mounts} for mounts in (there, planned))
    for target in sorted({*old, *new}):
        yield f"mount {target}", old.get(target, NOTHING), new.get(target, NOTHING)


def _published(ports: Sequence[Mapping[str, Any]]) -> set[str]:
    return {
        f"{one['host_ip'] or '0.0.0.0'}:{one['host_port']}:{one['container_port']}/tcp"
        for one in ports
        if one["host_port"]
    }


def _megabytes(limit: int | None) -> str:
    return f"{limit >> 20}M" if limit else NOTHING


def _open_files(limits: Mapping[str, int] | None) -> str:
    return f"{limits['soft']}:{limits['hard']}" if limits else NOTHING


def _network(mode: str | None) -> str:
    return mode if mode and mode not in _DEFAULT_NETWORKS else NOTHING
