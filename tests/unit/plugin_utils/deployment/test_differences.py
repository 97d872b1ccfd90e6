# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A container that somebody else made is compared in what matters, and none of its secrets is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.filter.gateway_differences import FilterModule
from ansible_collections.ibgw.ops.plugins.module_utils.redact import SET

from tests.unit.plugin_utils.deployment.machine import NAME, plan

differences = FilterModule().filters()["gateway_differences"]
IMAGE = [{"Config": {"Env": ["PATH=/bin", "IBC_PATH=/home/ibgateway/ibc"]}}]
PRIVATE = {"target": "/run/ibgw", "source": f"/etc/ibgw/gateways/{NAME}", "type": "bind"}
SETTINGS = "/home/ibgateway/tws_settings"


def planned(**entry: Any) -> dict[str, Any]:
    made: dict[str, Any] = plan(**entry)["container"]
    return made


def same(**container: Any) -> dict[str, Any]:
    """What health tells of a container that is as it is planned, but for `container`."""
    made = planned()
    environment = {**made["env"], "PATH": SET, "IBC_PATH": "/home/ibgateway/ibc"}
    told = {
        "image": made["image"],
        "environment": environment,
        "mounts": [PRIVATE, {"target": SETTINGS, "source": f"/var/lib/ibgw/{NAME}/settings", "type": "bind"}],
        "restart_policy": "unless-stopped",
        "memory": {"limit": 1536 << 20},
        "nofile": {"soft": 10000, "hard": 10000},
        "network_mode": "default",
    }
    ports = container.pop("ports", [{"host_ip": "127.0.0.1", "host_port": 4002, "container_port": 4004}])
    environment.update(container.pop("more", {}))
    for name in container.pop("less", ()):
        del environment[name]
    return {"container": {**told, **container}, "ports": ports}


def test_what_is_as_planned_differs_in_nothing() -> None:
    assert differences(same(), planned(), IMAGE) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"image": "x/y:1"}, "image: x/y:1 there, ghcr.io/gnzsnz/ib-gateway:10.45.1j planned"),
        ({"more": {"TRADING_MODE": "live"}}, "TRADING_MODE: live there, paper planned"),
        ({"more": {"TZ": "<empty>"}}, "TZ: nothing there, America/New_York planned"),
        ({"more": {"TWS_PASSWORD": SET}}, "variables: TWS_PASSWORD there, nothing planned"),
        ({"less": ["TZ"]}, "variables: nothing there, TZ planned"),
        ({"more": {"IBC_PATH": "/mine"}}, "variables: IBC_PATH there, nothing planned"),  # not the image's own value
        (
            {"mounts": [PRIVATE, {"target": SETTINGS, "source": "/srv/tws", "type": "bind"}]},
            f"mount {SETTINGS}: /srv/tws there, /var/lib/ibgw/{NAME}/settings planned",
        ),
        ({"mounts": [PRIVATE]}, f"mount {SETTINGS}: nothing there, /var/lib/ibgw/{NAME}/settings planned"),
        (
            {"ports": [{"host_ip": "0.0.0.0", "host_port": 4002, "container_port": 4004}]},
            "ports: 0.0.0.0:4002:4004/tcp there, 127.0.0.1:4002:4004/tcp planned",
        ),
        (
            {"ports": [{"host_ip": None, "host_port": None, "container_port": 4004}]},
            "ports: nothing there, 127.0.0.1:4002:4004/tcp planned",
        ),
        ({"restart_policy": "always"}, "restart policy: always there, unless-stopped planned"),
        ({"memory": {"limit": None}}, "memory limit: nothing there, 1536M planned"),
        ({"nofile": None}, "open files: nothing there, 10000:10000 planned"),
        ({"network_mode": "trading"}, "network: trading there, nothing planned"),
    ],
)
def test_each_difference_is_one_line(found: dict[str, Any], line: str) -> None:
    assert differences(same(**found), planned(), IMAGE) == [line]


def test_an_image_that_is_gone_has_no_variables_of_its_own() -> None:
    assert differences(same(), planned(), []) == ["variables: IBC_PATH, PATH there, nothing planned"]
