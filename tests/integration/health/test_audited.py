# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers that are set up to fail one day, on a real engine, and what the audit says of them; most are never started."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

import docker
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.health import probe
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, evidence, report
from docker.models.containers import Container
from docker.types import Ulimit

from simulator.waiting import until

Rows = dict[str, dict[str, Any]]

#: A Java machine by its command line, behind a relay that everybody in the container's network reaches.
_RUN = """
socat TCP-LISTEN:4004,fork TCP:127.0.0.1:4002 &
python3 -c 'import time; time.sleep(100000)' -Xmx4096m ibcalpha.ibc.IbcGateway &
wait
"""

#: How each is set up beside a mode, and whether it is started.
SET_UP: dict[str, tuple[dict[str, Any], bool]] = {
    "past-the-relay": ({"ports": {"4002/tcp": ("127.0.0.1", 45002)}}, False),
    "other-mode": ({"ports": {"4003/tcp": ("127.0.0.1", 45001)}}, False),
    "everywhere": ({"ports": {"4004/tcp": [("0.0.0.0", 45003), ("::", 45003)]}}, False),
    "loopback-6": ({"ports": {"4004/tcp": ("::1", 45004)}}, False),
    "sample-screen": (
        {"ports": {"5900/tcp": ("127.0.0.1", 45900)}, "environment": {"VNC_SERVER_PASSWORD": "myVncPassword"}},
        False,
    ),
    "own-screen": (
        {"ports": {"5900/tcp": ("127.0.0.1", 45901)}, "environment": {"VNC_SERVER_PASSWORD": "gX2uWq9s"}},
        False,
    ),
    "java-8": (
        {
            "ulimits": [Ulimit(name="nofile", soft=-1, hard=-1)],
            "environment": {"IB_GATEWAY_VERSION": "10.30.1v", "TWS_MAJOR_VRSN": "10.30.1v"},
        },
        False,
    ),
    "java-17": ({"ulimits": [Ulimit(name="nofile", soft=-1, hard=-1)]}, False),
    "heap-as-set": ({"mem_limit": "512m", "environment": {"JAVA_HEAP_SIZE": "4096"}}, False),
    "runs-tight": ({"mem_limit": "96m", "ulimits": [Ulimit(name="nofile", soft=256, hard=512)]}, True),
    "in-the-machines-network": ({"network_mode": "host"}, False),
    "other-words": (
        {"environment": {"IBC_USERID": "fred", "TWOFACTOR_CODE": "JBSWY3DPEHPK3PXP", "AUTO_RESTART_TIME": "23:59"}},
        False,
    ),
    "other-generation": (
        {
            "environment": {
                "IBC_APP_DIR": "/x",
                "IBC_PROGRAM": "gateway",
                "IBC_TRADING_MODE": "live",
                "TWS_USERID": "fred",
            }
        },
        False,
    ),
    "controller-off": ({"environment": {"CONTROLLER_HEALTH_SERVER_PORT": "8080"}}, False),
    "well-kept": (
        {
            "restart_policy": {"Name": "unless-stopped"},
            "ulimits": [Ulimit(name="nofile", soft=10_000, hard=10_000)],
            "mem_limit": "2g",
            "ports": {"4004/tcp": ("127.0.0.1", 45005)},
            "healthcheck": {"test": ["CMD", "bash", "-c", "</dev/tcp/127.0.0.1/4002"], "start_period": 60 * 10**9},
        },
        False,
    ),
}

#: What fails there, and what does not.
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "past-the-relay": ({"port_bypasses_relay"}, {"port_exposed", "mode_port_mismatch"}),
    "other-mode": ({"mode_port_mismatch"}, {"port_bypasses_relay", "port_exposed"}),
    "everywhere": ({"port_exposed"}, {"port_bypasses_relay"}),
    "loopback-6": (set(), {"port_exposed", "mode_port_mismatch"}),
    "sample-screen": ({"vnc_unprotected", "vnc_enabled"}, {"port_exposed"}),
    "own-screen": ({"vnc_enabled"}, {"vnc_unprotected"}),
    "java-8": ({"nofile_unlimited"}, {"nofile_low"}),
    "java-17": (set(), {"nofile_unlimited", "nofile_low"}),
    "heap-as-set": ({"heap_over_limit", "restart_policy", "stop_timeout_short", "healthcheck_missing"}, set()),
    "runs-tight": ({"heap_over_limit", "nofile_low"}, {"nofile_unlimited", "port_exposed", "vnc_enabled"}),
    "in-the-machines-network": ({"port_exposed"}, {"port_not_published"}),
    "other-words": (
        {"foreign_variable", "value_invalid", "secret_in_environment"},
        {"controller_off", "foreign_mount"},
    ),
    "other-generation": ({"foreign_variable", "foreign_mount"}, {"value_invalid", "controller_off"}),
    "controller-off": ({"controller_off"}, {"foreign_variable", "value_invalid"}),
    "well-kept": (
        {"stop_timeout_short"},  # which the SDK can not set
        {"foreign_variable", "foreign_mount", "value_invalid", "controller_off"}
        | {"restart_policy", "nofile_low", "heap_over_limit", "port_exposed", "healthcheck_missing", "vnc_enabled"},
    ),
}


@pytest.fixture(scope="module")
def audited(engine: docker.DockerClient, address: str, image: str) -> dict[str, Rows]:
    """The rows of each container by its condition and the rule's name, of one look at all of them."""
    prefix = f"audited-{uuid.uuid4().hex[:8]}"
    made: list[Container] = []
    try:
        for name, (options, starts) in SET_UP.items():
            environment = {"TRADING_MODE": "paper", **options.pop("environment", {})}
            container = engine.containers.create(
                image, ["bash", "-c", _RUN], name=f"{prefix}-{name}", environment=environment, **options
            )
            made.append(container)
            if starts:
                container.start()
        names = [f"{prefix}-{name}" for name in SET_UP]

        def seen() -> dict[str, Any] | None:
            found = probe(names, False, address, 20.0, "1h")
            running = next(each for each in found["gateways"] if each["name"].endswith("runs-tight"))
            heaps = [process["max_heap"] for process in running["processes"] if process["role"] == "gateway"]
            return found if any(heaps) and {4004} <= {one["port"] for one in running["sockets"]["listening"]} else None

        looked_at = until(seen, "the one that runs to show its heap and its relay", 30.0)
    finally:
        for container in made:
            container.remove(force=True, v=True)
    now = datetime.now(timezone.utc)
    declared = {"gateways": [{"name": name, "trading_mode": "paper"} for name in names]}
    machine = evidence.machine("here", declared, {"health": {"health": looked_at}}, None, now)
    run = report.Run(1, now.isoformat(), "controller", "never")
    return {
        one["name"].removeprefix(f"{prefix}-"): {row["code"].partition(".")[2]: row for row in one["rows"]}
        for one in audit.audited(machine, run)
    }


@pytest.mark.parametrize("condition", EXPECTED)
def test_what_will_hurt_one_day_is_found_and_nothing_else(audited: dict[str, Rows], condition: str) -> None:
    rows, (fails, keeps) = audited[condition], EXPECTED[condition]
    assert {name for name in fails | keeps if rows[name]["result"] == "fail"} == fails, rows
    assert all(rows[name]["change"] for name in fails)


def test_the_setting_to_change_is_that_of_the_container(audited: dict[str, Rows]) -> None:
    def setting(condition: str, rule: str) -> str:
        return str(audited[condition][rule]["change"]["setting"])

    assert setting("past-the-relay", "port_bypasses_relay") == 'ports: ["127.0.0.1:45002:4004"]'
    assert setting("everywhere", "port_exposed") == 'ports: ["127.0.0.1:45003:4004"]'
    assert setting("heap-as-set", "heap_over_limit") == "mem_limit: 8192m"


def test_of_what_runs_the_limits_in_effect_count(audited: dict[str, Rows]) -> None:
    rows = audited["runs-tight"]
    assert rows["heap_over_limit"]["summary"] == "heap up to 4096 MiB, memory limit 96 MiB"
    assert rows["nofile_low"]["summary"] == "open files: 512 at most"


def test_a_secret_that_everybody_knows_leaves_no_machine(audited: dict[str, Rows]) -> None:
    assert "myVncPassword" not in str(audited["sample-screen"])
