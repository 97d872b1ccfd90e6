# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The containers to look at: asked for by name, or found because they are recognised as gateways.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import engine
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Traits, traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import Recognition, may_be_gateway, recognise

if TYPE_CHECKING:
    import docker


@dataclass(frozen=True)
class Target(engine.Container):
    """A container to look at; `declared` is one that was asked for by name."""

    declared: bool = True
    recognition: Recognition | None = None

    @property
    def family(self) -> Family | None:
        """Its image family, if that is known."""
        return self.recognition.family if self.recognition else None


def gateway_containers(client: docker.DockerClient, names: Sequence[str] = (), find: bool = True) -> list[Target]:
    """The containers called `names`, in that order, then with `find` every other one that is recognised as a gateway."""
    listed = engine.all_containers(client)
    try:
        others = _plausible(client, {name: one for name, one in listed.items() if name not in names}) if find else []
    except Exception as error:
        raise engine.unavailable(error, engine.address_of(client)) from error
    declared = dict.fromkeys(names)
    targets = engine.each(
        partial(_target, client, listed), [(name, name in declared) for name in (*declared, *sorted(others))]
    )
    return [target for target in targets if target.declared or target.recognition or target.unavailable]


def _target(client: docker.DockerClient, listed: Mapping[str, Mapping[str, Any]], wanted: tuple[str, bool]) -> Target:
    name, declared = wanted
    seen = engine.inspect(client, listed, name)
    recognition = recognise(traits(seen.inspected.get("Config") or {})) if seen.inspected else None
    return Target(**vars(seen), declared=declared, recognition=recognition)


def _plausible(client: docker.DockerClient, listed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which containers may be gateways, without asking any of them: a stranger that hangs must not cost time."""
    ids = sorted({one["ImageID"] for one in listed.values()})
    images = dict(zip(ids, engine.each(partial(_image_traits, client), ids)))
    return [name for name, one in listed.items() if _may_be_gateway(images[one["ImageID"]], one)]


def _image_traits(client: docker.DockerClient, image: str) -> Traits | None:
    from docker.errors import NotFound

    try:
        return traits(client.images.get(image).attrs.get("Config") or {})
    except NotFound:  # removed while a container of it still stands
        return None


def _may_be_gateway(image: Traits | None, listed: Mapping[str, Any]) -> bool:
    if image is None:
        return True
    command = f"{image.command} {listed.get('Command') or ''}"
    labels = listed.get("Labels") or image.labels
    return may_be_gateway(replace(image, command=command, labels=labels))
