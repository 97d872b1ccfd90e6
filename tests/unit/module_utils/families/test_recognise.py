# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A family is recognised by what a container is, whatever its image is called."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Lacking, Setting, traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import (
    BY_NAME,
    FAMILIES,
    may_be_gateway,
    no_gateway,
    process_role,
    recognise,
)

GNZSNZ_IBC = BY_NAME["gnzsnz-ibc"]

RUN = "/home/ibgateway/scripts/run.sh"
GATEWAY = [
    "TWS_MAJOR_VRSN=10.45.1j",
    "IB_GATEWAY_VERSION=10.45.1j",
    "IBC_PATH=/home/ibgateway/ibc",
    "IBC_INI=/home/ibgateway/ibc/config.ini",
    "SCRIPT_PATH=/home/ibgateway/scripts",
]
TWS = ["TWS_MAJOR_VRSN=10.45.1j", "GATEWAY_OR_TWS=tws", "IBC_PATH=/opt/ibc"]
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
                TWS,
                None,
                Labels={DESCRIBED: "Docker image with TWS & IBC"},
            ),
            id="TWS image",
        ),
        pytest.param(
            config([*TWS, "SCRIPT_PATH=/defaults"], None, Entrypoint=["/init"]), id="TWS image, tagged anew, label lost"
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


SUCCESSOR = ["IBC_APP_DIR=/home/ibgateway/ibcontroller", "IBC_PROGRAM=gateway", "PATH=/opt/python/current/bin:/usr/bin"]
CHECK = {"Test": ["CMD", "/home/ibgateway/scripts/healthcheck.sh"]}
IBGA = ["/bin/sh", "-c", "/opt/ibga/manager.sh"]
IBGA_IMAGE: dict[str, Any] = {"Entrypoint": IBGA, "User": "ibg", "ExposedPorts": {"4000/tcp": {}, "5800/tcp": {}}}
DERIVED = {"Entrypoint": IBGA, "ExposedPorts": {"8888/tcp": {}, "6080/tcp": {}}}
MANHINHANG = [
    "TWS_INSTALL_LOG=/root/Jts/tws_install.log",
    "IBC_INI=/root/ibc/config.ini",
    "IBC_PATH=/opt/ibc",
    "TWS_PATH=/root/Jts",
    "IBGW_PORT=4002",
]
UNUSUALALPHA = [
    "TWS_MAJOR_VRSN=10.19.1m",
    "TWS_PATH=/root/Jts",
    "IBC_PATH=/root/ibc",
    "IBC_INI=/root/ibc/config.ini",
    "TWOFA_TIMEOUT_ACTION=exit",
]


@pytest.mark.parametrize(
    ("seen", "family", "confidence"),
    [
        pytest.param(
            config(SUCCESSOR, [RUN], Labels={DESCRIBED: "Docker image with IB Gateway and ibcontroller "}),
            "gnzsnz-ibcontroller",
            "high",
            id="successor with ibcontroller",
        ),
        pytest.param(
            config([*GATEWAY, *SUCCESSOR[:2]], [RUN]), "gnzsnz-ibcontroller", "low", id="successor with old variables"
        ),
        pytest.param(
            config(GATEWAY, [RUN], Labels={DESCRIBED: "IB Gateway controller, no IBC"}, Healthcheck=CHECK),
            "ibg-controller",
            "high",
            id="ibg-controller",
        ),
        pytest.param(
            config([*GATEWAY, "CONTROLLER_HEALTH_SERVER_PORT=8080"], [RUN]), "ibg-controller", "low", id="by variable"
        ),
        pytest.param(config(GATEWAY, [RUN], Healthcheck=CHECK), "ibg-controller", "low", id="by health check"),
        pytest.param(config([], None, **IBGA_IMAGE), "ibga", "high", id="ibga image"),
        pytest.param(config([], None, Entrypoint=IBGA), "ibga", "low", id="ibga image, ports taken away"),
        pytest.param(
            config([], None, **{**IBGA_IMAGE, "Entrypoint": ["/own.sh"]}), "ibga", "high", id="ibga, own command"
        ),
        pytest.param(
            config(
                ["IB_LOGINTAB=IB API", "IB_LOGINTYPE=Paper Trading"], None, **{**DERIVED, "Entrypoint": ["/own.sh"]}
            ),
            "huieric",
            "high",
            id="ibga's derivative, own command",
        ),
        pytest.param(
            config(SUCCESSOR, ["/own.sh"]), "gnzsnz-ibcontroller", "high", id="successor, own command, label lost"
        ),
        pytest.param(
            config([*GATEWAY, "USE_IBG_CONTROLLER=yes"], ["/own.sh"], Healthcheck=CHECK),
            "ibg-controller",
            "low",
            id="ibg-controller, own command, label lost",
        ),
        pytest.param(
            config([*GATEWAY, "TWOFACTOR_CODE=x"], [RUN], Labels={DESCRIBED: "Docker image with IB Gateway and IBC "}),
            "gnzsnz-ibc",
            "high",
            id="a fork that types codes, whose labels name what it was forked from",
        ),
        pytest.param(
            config(["IBC_VERSION=3.22.0", "INSTALL_FILENAME=x"], ["/own.sh"]),
            "extrange",
            "high",
            id="extrange, own command",
        ),
        pytest.param(config([], None, **DERIVED), "huieric", "high", id="ibga's derivative"),
        pytest.param(
            config([], None, Entrypoint=IBGA, Healthcheck={"Test": ["CMD", "python3", "/opt/healthcheck.py"]}),
            "huieric",
            "high",
            id="ibga's derivative, by its health check",
        ),
        pytest.param(
            config(["AUTH_METHOD=totp"], None, Entrypoint=IBGA), "huieric", "high", id="ibga's derivative, by variable"
        ),
        pytest.param(
            config([], None, Entrypoint=IBGA, Healthcheck={"Test": ["CMD", "/own/check"]}),
            "ibga",
            "low",
            id="ibga with a health check of somebody's own",
        ),
        pytest.param(
            config(MANHINHANG, None, Entrypoint=["sh", "/root/start.sh"]), "manhinhang", "high", id="manhinhang"
        ),
        pytest.param(config(MANHINHANG, ["/my.sh"]), "manhinhang", "high", id="manhinhang, own command"),
        pytest.param(config(MANHINHANG[-1:], ["/my.sh"]), "manhinhang", "low", id="one variable of manhinhang"),
        pytest.param(config(UNUSUALALPHA, ["/root/scripts/run.sh"]), "unusualalpha", "high", id="UnusualAlpha"),
        pytest.param(
            config(UNUSUALALPHA[1:], ["/root/run.sh"]), "unusualalpha", "low", id="a copy with a command of its own"
        ),
        pytest.param(
            config([*GATEWAY, "TWS_USERID=x", "IBGATEWAY_PORT=4001"], ["/root/start.sh"]),
            "gnzsnz-ibc",
            "high",
            id="gnzsnz with the start script of another",
        ),
        pytest.param(
            config(["IB_LOGINTYPE=Paper Trading", "IB_LOGINTAB=IB API"], None, Entrypoint=IBGA),
            "ibga",
            "high",
            id="ibga container",
        ),
        pytest.param(
            config([], None, Entrypoint=["/bin/sh", "-c", ". /run/ibgw/environment; exec /opt/ibga/manager.sh"]),
            "ibga",
            "low",
            id="ibga as deployed",
        ),
        pytest.param(
            config(["IBC_VERSION=3.22.0", "INSTALL_FILENAME=x"], ["/start.sh"]), "extrange", "high", id="extrange"
        ),
        pytest.param(config(["IBC_VERSION=3.22.0"], ["/start.sh"]), "extrange", "high", id="extrange rebuilt"),
        pytest.param(
            config(GATEWAY, [RUN], Healthcheck={"Test": ["CMD", "/own/healthcheck.sh"]}),
            "gnzsnz-ibc",
            "high",
            id="gnzsnz with a health check of somebody's own",
        ),
        pytest.param(
            config([*GATEWAY, "PATH=/opt/python/current/bin"], [RUN]), "gnzsnz-ibc", "high", id="gnzsnz with a Python"
        ),
        pytest.param(
            config([*GATEWAY, "TWOFACTOR_CODE=x", "USE_IBG_CONTROLLER=yes"], [RUN]),
            "gnzsnz-ibc",
            "high",
            id="gnzsnz with variables that it ignores",
        ),
    ],
)
def test_each_family_is_told_from_its_neighbours(seen: dict[str, Any], family: str, confidence: str) -> None:
    recognised = recognise(traits(seen))

    assert recognised is not None
    assert (recognised.family.name, recognised.confidence) == (family, confidence)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(
            config(["TWS_MAJOR_VRSN=1019", "IBC_PATH=/opt/ibc", "IBC_INI=/etc/ibc/config.ini"], ["/run.sh"]),
            id="gnzsnz's names, other paths",
        ),
        pytest.param(
            config(
                ["IBC_INI=/root/ibc/config.ini", "IBC_PATH=/opt/ibc", "IB_GATEWAY_VERSION=10.37"], ["/root/start.sh"]
            ),
            id="paths that many images have",
        ),
        pytest.param(config(["TWS_INSTALL_LOG=/tmp/tws.log"], ["/run.sh"]), id="one name of manhinhang, other path"),
        pytest.param(config(["TWS_PATH=/root/Jts"], ["/root/run.sh"]), id="one path of UnusualAlpha"),
        pytest.param(config([], ["/root/start.sh"], User="ibgw"), id="a user's name alone"),
        pytest.param(config(["AUTH_METHOD=totp"], ["/start"], ExposedPorts=DERIVED["ExposedPorts"]), id="ports alone"),
        pytest.param(config(["IBC_VERSION=3.19.0"], ["/root/start.sh"]), id="somebody's own image with IBC"),
        pytest.param(config(["INSTALL_FILENAME=x"], ["/start.sh"]), id="any image with a start script"),
        pytest.param(config(["PATH=/opt/python/current/bin"], ["python"]), id="any Python"),
        pytest.param(config([], ["/bin/healthcheck.sh"], Healthcheck={"Test": ["NONE"]}), id="no health check"),
        pytest.param(config(["IBEAM_GATEWAY_DIR=/srv/clientportal.gw"], ["python"]), id="a gateway of another API"),
        pytest.param(config(["PATH=/bin"], ["nginx"], Image="ghcr.io/gnzsnz/ib-gateway:stable"), id="image name alone"),
        pytest.param(config([], ["/own.sh"], User="ibg"), id="another user's name alone"),
        pytest.param(config([], ["/own.sh"], ExposedPorts=IBGA_IMAGE["ExposedPorts"]), id="ports of ibga alone"),
        pytest.param(config(["IB_LOGINTYPE=x"], ["/own.sh"]), id="one variable of ibga"),
        pytest.param({}, id="says nothing"),
    ],
)
def test_strangers_are_not_taken_for_a_family(seen: dict[str, Any]) -> None:
    assert recognise(traits(seen)) is None


@pytest.mark.parametrize(
    ("variables", "controller"),
    [
        (["USE_IBG_CONTROLLER=yes"], "ibg-controller"),
        (["USE_PYATSPI2_CONTROLLER=yes"], "ibg-controller"),
        (["USE_IBG_CONTROLLER=no"], "ibc"),
        ([], "ibc"),
    ],
)
def test_an_image_with_two_controllers_runs_the_one_that_is_switched_on(variables: list[str], controller: str) -> None:
    seen = traits(config([*GATEWAY, *variables], [RUN], Healthcheck=CHECK))
    recognised = recognise(seen)
    assert recognised is not None
    assert recognised.family.controller_in(seen.environment) == controller
    assert GNZSNZ_IBC.controller_in(seen.environment) == "ibc"


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (config(["IBEAM_GATEWAY_DIR=/srv/clientportal.gw"], ["python"]), "ibeam"),
        (config([], ["python", "/srv/ibeam/ibeam_starter.py"]), "ibeam"),
        (config(["ib-user-name=x"], ["dotnet"]), "Lean"),
        (config([], ["dotnet", "QuantConnect.Lean.Launcher.dll"]), "Lean"),
        (config(["IBEAM_ACCOUNT=x"], ["python"]), None),
        (config(GATEWAY, [RUN]), None),
        ({}, None),
    ],
)
def test_what_is_taken_for_a_gateway_is_called_what_it_is(seen: dict[str, Any], said: str | None) -> None:
    found = no_gateway(traits(seen))

    assert found is None if said is None else found is not None and said in found


def test_in_an_image_that_nobody_knows_only_ibc_is_known() -> None:
    assert process_role(None, "java -cp a.jar ibcalpha.ibc.IbcGateway /x/config.ini") == "gateway"
    assert process_role(None, "/bin/bash /x/ibcstart.sh 10.45 -g") == "controller"
    assert process_role(None, "/bin/bash /x/run.sh") == "other"
    assert process_role(GNZSNZ_IBC, "/bin/bash /x/run.sh") == "controller"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_answers_every_word(family: Any) -> None:
    assert list(family.words) == list(GNZSNZ_IBC.words)
    for word, setting in family.words.items():
        if isinstance(setting, Lacking):
            continue
        assert isinstance(setting, Setting)
        assert [name for name in setting.variables if name not in family.variables] == [], word
        assert setting.file is None or family.variables[setting.file].kind == "plain"
    assert set(family.build.images) == set(family.build.persistent) == set(family.build.environment)
    for environment in family.build.environment.values():
        assert [name for name in environment if name not in family.variables] == []


@pytest.mark.parametrize(
    ("family", "environment", "mode"),
    [
        ("gnzsnz-ibc", {"TRADING_MODE": "both"}, "both"),
        ("gnzsnz-ibc", {"TRADING_MODE": "Paper"}, None),
        ("gnzsnz-ibc", {"TRADING_MODE": "paper", "DUAL_MODE": "yes"}, "both"),
        ("gnzsnz-ibc", {"TRADING_MODE": "paper", "DUAL_MODE": "no"}, "paper"),
        ("gnzsnz-ibcontroller", {"IBC_TRADING_MODE": "live"}, "live"),
        ("gnzsnz-ibcontroller", {"TRADING_MODE": "live"}, None),  # ignored there
        ("ibga", {"IB_LOGINTYPE": "Paper Trading"}, "paper"),
        ("ibga", {"IB_LOGINTYPE": "paper"}, None),  # ignored there
        ("extrange", {"IBC_TradingMode": "live"}, "live"),
        ("extrange", {"IBC_TRADING_MODE": "live"}, None),
        ("manhinhang", {"TRADING_MODE": "paper"}, "paper"),
        ("manhinhang", {"TRADING_MODE": "both"}, None),
        ("unusualalpha", {"TRADING_MODE": "live"}, "live"),
        ("gnzsnz-ibcontroller", {"IBC_TRADING_MODE": "live", "DUAL_MODE": "yes"}, "both"),
        ("ibg-controller", {}, None),
    ],
)
def test_the_mode_that_a_container_asks_for_is_read_in_its_familys_words(
    family: str, environment: dict[str, str], mode: str | None
) -> None:
    assert BY_NAME[family].trading_mode(environment) == mode


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
    assert GNZSNZ_IBC.process_role(command_line) == role


def test_a_derived_gateway_still_tells_its_version() -> None:
    seen = traits(config(["IB_GATEWAY_VERSION=10.45.1j", "TWS_MAJOR_VRSN=10.45.1j"]))
    assert GNZSNZ_IBC.generation(seen.environment) == "10.45.1j"
    assert GNZSNZ_IBC.generation({}) is None


@pytest.mark.parametrize(
    ("command", "expected"), [("/start.sh", True), ("/restart.sh", False), ("/srv/start.sh", False)]
)
def test_a_command_that_many_images_have_is_looked_at_and_proves_nothing(command: str, expected: bool) -> None:
    """What makes it a gateway can be in the container's own variables alone."""
    seen = traits(config([], [command]))
    assert (may_be_gateway(seen), recognise(seen)) == (expected, None)
