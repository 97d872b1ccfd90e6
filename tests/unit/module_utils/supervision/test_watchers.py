# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which containers restart or replace others, which of those they leave alone, and what they wrote of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.supervision import watchers
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.watchers import Watcher

from tests.unit.module_utils.supervision.managed import gateway


class Engine:
    """An engine that has one container beside the gateway."""

    def __init__(self, listed: dict[str, Any], environment: dict[str, str], log: str = "") -> None:
        self.api = self
        self._listed = [{"Id": "e" * 64, "Labels": {}, "Command": "", "Image": "", **listed}]
        self._environment, self._log = environment, log

    def containers(self) -> list[dict[str, Any]]:
        return self._listed

    def inspect_container(self, _id: str) -> dict[str, Any]:
        config = {
            "Env": [f"{name}={value}" for name, value in self._environment.items()],
            "Cmd": self._listed[0]["Command"].split(),
        }
        return {"Name": "/beside", "Config": config}

    def logs(self, _id: str, **_options: Any) -> bytes:
        return self._log.encode()


def beside(listed: dict[str, Any], log: str = "", **environment: str) -> list[Watcher]:
    return watchers.watchers(Engine(listed, environment, log), 0)  # type: ignore[arg-type]  # as much of one as is asked


@pytest.mark.parametrize(
    ("listed", "kind"),
    [
        ({"Image": "willfarrell/autoheal:latest"}, "autoheal"),
        ({"Image": "registry:5000/own/docker-autoheal@sha256:ab"}, "autoheal"),
        ({"Image": "sha256:ab", "Command": "/docker-entrypoint autoheal"}, "autoheal"),
        ({"Image": "qmcgaw/deunhealth"}, "autoheal"),
        ({"Image": "containrrr/watchtower"}, "watchtower"),
        ({"Image": "sha256:ab", "Command": "/watchtower --cleanup"}, "watchtower"),
        ({"Image": "sha256:ab", "Labels": {"com.centurylinklabs.watchtower": "true"}}, "watchtower"),
        ({"Image": "gateway", "Labels": {"com.centurylinklabs.watchtower.enable": "true", "autoheal": "true"}}, None),
        ({"Image": "postgres", "Command": "docker-entrypoint.sh postgres"}, None),
        ({"Image": "autoheal/postgres"}, None),
    ],
)
def test_a_watcher_is_known_by_what_it_is_not_by_its_name(listed: dict[str, Any], kind: str | None) -> None:
    assert [one.kind for one in beside(listed)] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("environment", "labels", "restarts"),
    [
        ({"AUTOHEAL_CONTAINER_LABEL": "all"}, {}, True),
        ({}, {"autoheal": "true"}, True),
        ({}, {"autoheal": "false"}, False),
        ({}, {}, False),
        ({"AUTOHEAL_CONTAINER_LABEL": "heal"}, {"heal": "true"}, True),
        ({"AUTOHEAL_CONTAINER_LABEL": "heal"}, {"autoheal": "true"}, False),
    ],
)
def test_autoheal_restarts_what_has_its_label(
    environment: dict[str, str], labels: dict[str, str], restarts: bool
) -> None:
    (watcher,) = beside({"Image": "willfarrell/autoheal"}, **environment)
    over = watcher.over(gateway(labels, checks_health=True))
    assert over.does == ({"restart"} if restarts else set())
    assert watcher.over(gateway(labels)).does == set(), "nothing tells it that the gateway is unhealthy"


LABEL = "com.centurylinklabs.watchtower"


@pytest.mark.parametrize(
    ("command", "environment", "labels", "replaces"),
    [
        ("", {}, {}, True),
        ("", {}, {f"{LABEL}.enable": "false"}, False),
        ("", {}, {f"{LABEL}.monitor-only": "true"}, False),
        ("", {"WATCHTOWER_LABEL_ENABLE": "true"}, {}, False),
        ("", {"WATCHTOWER_LABEL_ENABLE": "true"}, {f"{LABEL}.enable": "true"}, True),
        ("/watchtower --label-enable", {}, {}, False),
        ("/watchtower --monitor-only", {}, {}, False),
        ("", {"WATCHTOWER_MONITOR_ONLY": "1"}, {}, False),
        ("", {"WATCHTOWER_SCOPE": "prod"}, {}, False),
        ("", {"WATCHTOWER_SCOPE": "prod"}, {f"{LABEL}.scope": "prod"}, True),
        ("/watchtower --scope prod", {}, {}, False),
        ("", {"WATCHTOWER_SCOPE": "none"}, {}, True),
    ],
)
def test_watchtower_replaces_what_it_was_not_told_to_leave(
    command: str, environment: dict[str, str], labels: dict[str, str], replaces: bool
) -> None:
    (watcher,) = beside({"Image": "containrrr/watchtower", "Command": command}, **environment)
    assert bool(watcher.over(gateway(labels)).does) == replaces
    assert watcher.over(gateway(labels)).terms


SHORT = ("c0ffee" * 2)[:12]


@pytest.mark.parametrize(
    ("image", "line", "does"),
    [
        (
            "willfarrell/autoheal",
            f"22-11-2026 09:00:00 Container /ib-gateway ({SHORT}) found to be unhealthy - Restarting container now with 10s timeout",
            {"restart"},
        ),
        ("willfarrell/autoheal", f"x Container /ib-gateway ({SHORT}) found to be restarting - don't restart", None),
        (
            "willfarrell/autoheal",
            "x Container /other (0123456789ab) found to be unhealthy - Restarting container now",
            None,
        ),
        (
            "containrrr/watchtower",
            f'level=info msg="Stopping /ib-gateway ({SHORT}) with SIGTERM"',
            {"create", "start", "kill"},
        ),
        ("containrrr/watchtower", 'level=info msg="Creating /ib-gateway"', {"create", "start", "kill"}),
        ("containrrr/watchtower", 'level=info msg="Creating /ib-gateway-paper"', None),
    ],
)
def test_what_a_watcher_wrote_of_the_container_is_its_deed(image: str, line: str, does: set[str] | None) -> None:
    (watcher,) = beside({"Image": image}, f"2026-11-22T09:00:00.5Z {line}\nnot a line of the engine's\n")
    deeds = list(watcher.deeds(gateway()))
    assert [one.does for one in deeds] == ([does] if does else [])
    assert all("(container beside)" in one.who for one in deeds)
