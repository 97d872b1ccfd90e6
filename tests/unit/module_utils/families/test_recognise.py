# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A family is recognised by what a container is, whatever its image is called."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FAMILIES, recognise

RUN = "/home/ibgateway/scripts/run.sh"
GATEWAY = [
    "TWS_MAJOR_VRSN=10.45.1j",
    "IB_GATEWAY_VERSION=10.45.1j",
    "IBC_PATH=/home/ibgateway/ibc",
    "IBC_INI=/home/ibgateway/ibc/config.ini",
    "SCRIPT_PATH=/home/ibgateway/scripts",
]
DESCRIBED = "org.opencontainers.image.description"


def config(env: list[str], cmd: list[str] | None = None, **rest: Any) -> dict[str, Any]:
    return {"Env": env, "Cmd": cmd, "Entrypoint": None, "Labels": None, **rest}


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(
            config(GATEWAY, [RUN], Labels={DESCRIBED: "Docker image with IB Gateway and IBC "}), id="as published"
        ),
        pytest.param(config(GATEWAY, ["/start.sh"]), id="derived, own command, label lost"),
        pytest.param(config(GATEWAY, None, Entrypoint=["/usr/bin/tini", "--", RUN]), id="wrapped in an init"),
        pytest.param(
            config(
                ["TWS_MAJOR_VRSN=10.45.1j", "GATEWAY_OR_TWS=tws", "IBC_PATH=/opt/ibc"],
                None,
                Labels={DESCRIBED: "Docker image with TWS & IBC"},
            ),
            id="TWS image",
        ),
    ],
)
def test_gnzsnz_with_ibc_is_recognised(seen: dict[str, Any]) -> None:
    recognised = recognise(traits(seen))

    assert recognised is not None
    assert recognised.family.name == "gnzsnz-ibc"
    assert recognised.confidence == "high"
    assert recognised.because


def test_one_mark_alone_is_said_to_be_little() -> None:
    recognised = recognise(traits(config([], ["bash", "-c", f"exec {RUN}"])))

    assert recognised is not None
    assert recognised.confidence == "low"
    assert recognised.because == (f"its command runs {RUN}",)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(
            config([*GATEWAY, "IBC_APP_DIR=/x", "IBC_PROGRAM=gateway"], [RUN]), id="successor with ibcontroller"
        ),
        pytest.param(config(GATEWAY, [RUN], Labels={DESCRIBED: "IB Gateway controller, no IBC"}), id="ibg-controller"),
        pytest.param(config([*GATEWAY, "CONTROLLER_HEALTH_SERVER_PORT=8080"], [RUN]), id="ibg-controller by variable"),
        pytest.param(
            config(
                ["TWS_MAJOR_VRSN=1019", "IBC_PATH=/root/ibc", "IBC_INI=/root/ibc/config.ini"], ["/root/scripts/run.sh"]
            ),
            id="UnusualAlpha: same names, other paths",
        ),
        pytest.param(
            config(["IBC_INI=/root/ibc/config.ini", "IB_GATEWAY_VERSION=10.37"], ["/root/start.sh"]), id="manhinhang"
        ),
        pytest.param(config(["IBC_VERSION=3.22.0", "INSTALL_FILENAME=x"], ["/start.sh"]), id="extrange"),
        pytest.param(config(["PATH=/bin"], ["nginx"], Image="ghcr.io/gnzsnz/ib-gateway:stable"), id="image name alone"),
        pytest.param({}, id="says nothing"),
    ],
)
def test_neighbours_are_not_taken_for_it(seen: dict[str, Any]) -> None:
    assert recognise(traits(seen)) is None


@pytest.mark.parametrize(
    ("command_line", "role"),
    [
        ("/usr/local/i4j_jres/x/bin/java -cp /a.jar -Xmx768m ibcalpha.ibc.IbcGateway /ibc/config.ini", "gateway"),
        ("java -Xmx4g ibcalpha.ibc.IbcTws /opt/ibc/config.ini", "gateway"),
        ("java -jar other.jar", "other"),
        ("/bin/bash /home/ibgateway/scripts/run.sh", "controller"),
        ("/bin/bash /home/ibgateway/ibc/scripts/ibcstart.sh 10.45.1j -g --mode=paper", "controller"),
        ("/bin/bash /home/ibgateway/scripts/run_socat.sh", "relay"),
        ("socat TCP-LISTEN:4004,fork TCP:127.0.0.1:4002", "relay"),
        ("tail -f /var/log/socat.log", "other"),
        ("/usr/bin/Xvfb :1 -ac -screen 0 1024x768x16", "display"),
        ("x11vnc -ncache_cr -display :1 -passwd x", "vnc"),
        ("sleep 5", "other"),
    ],
)
def test_processes_have_roles(command_line: str, role: str) -> None:
    assert FAMILIES[0].process_role(command_line) == role


def test_a_derived_gateway_still_tells_its_version() -> None:
    seen = traits(config(["IB_GATEWAY_VERSION=10.45.1j", "TWS_MAJOR_VRSN=10.45.1j"]))
    assert FAMILIES[0].generation(seen.environment) == "10.45.1j"
    assert FAMILIES[0].generation({}) is None
