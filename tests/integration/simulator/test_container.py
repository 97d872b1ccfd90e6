"""The container from outside: processes, ports, start errors, signals."""

from __future__ import annotations

import pytest
from docker import DockerClient

from simulator.containers import IMAGE, CanNotSimulate, Simulation
from tests.integration.gateways import Running, Start
from tests.integration.simulator.conftest import KnownLogs

_STOPPED = [
    ".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.",
    ".> Stopping Xvfb.",
    ".> Stopping socat.",
    ".> Stopping IBC.",
]


@pytest.fixture(scope="module")
def paper(start: Start) -> Running:
    """One that is logged in, for all tests that leave it so."""
    return start().logged_in()


def test_processes_look_like_the_real_ones(paper: Running) -> None:
    shown = [process[-1] for process in paper.container.top(ps_args="-ww -eo pid,args")["Processes"]]
    expected = [
        "/bin/bash /home/ibgateway/scripts/run.sh",
        "/usr/bin/Xvfb :1 -ac -screen 0 1024x768x16",
        "/bin/bash /home/ibgateway/scripts/run_socat.sh",
        "socat TCP-LISTEN:4004,fork TCP:127.0.0.1:4002",
        "/bin/bash /home/ibgateway/ibc/scripts/ibcstart.sh 10.45.1j -g",
        "/home/ibgateway/Jts/ibgateway/10.45.1j/jre/bin/java --add-opens",
    ]
    assert [line for line in shown if not line.startswith(tuple(expected))] == []
    assert len(shown) == len(expected)
    java = shown[-1]
    assert "-Xmx768m" in java
    assert "-Dibcsessionid=" in java
    assert java.strip().endswith("ibcalpha.ibc.IbcGateway /home/ibgateway/ibc/config.ini")


def test_password_is_in_no_environment_and_no_command_line(paper: Running) -> None:
    paper.container.reload()
    processes = paper.container.exec_run(["sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline"]).output
    assert b"TWS_PASSWORD_FILE" in processes
    assert b"simulated-password" not in processes
    assert "simulated-password" not in paper.log() + str(paper.container.attrs)


def test_killed_relay_comes_back_by_its_loop(paper: Running) -> None:
    paper.container.exec_run(["pkill", "-x", "socat"])
    paper.wait_for_line("Forking :::4002 onto 0.0.0.0:4004", times=2)


def test_stop_is_heard_and_ends_with_143(start: Start) -> None:
    paper = start().logged_in()
    paper.container.stop(timeout=30)
    assert paper.wait_for_end() in (143, 1)  # 1 where IBC's script is still waiting for Java when the signal comes
    said = [line for line in paper.log().splitlines() if line.startswith(".> Stop") or "SIGTERM" in line]
    assert said == _STOPPED  # whether IBC's script still gets to say its status is a race with the end of the container


def test_stop_is_not_heard_before_the_start_is_through(start: Start) -> None:
    both = start("both", paper_user="nobody", paper_password="none", ports={})
    both.wait_for_line("Starting IBC in live mode")
    both.container.stop(timeout=1)
    assert both.wait_for_end() == 137
    assert "SIGTERM" not in both.log()


def test_java_ends_with_its_display(start: Start) -> None:
    paper = start().logged_in()
    paper.container.exec_run(["pkill", "Xvfb"])
    assert paper.wait_for_end() == 1
    assert "IBC returned exit status 1" in paper.log()


def test_both_modes_in_one_container(start: Start, simulation: Simulation) -> None:
    broker = simulation.broker()
    paper_user = f"{simulation.name}-paper-half"
    broker.add_user(paper_user, "paper-password", "DU7654321")
    both = start(
        "both",
        user={"second_factor": "push"},
        paper_user=paper_user,
        paper_password="paper-password",
    )
    broker.wait_for("push_sent", both.user)
    broker.wait_for("login_completed", paper_user, timeout=60)
    assert broker.count("login_completed", both.user) == 0
    broker.approve(both.user)
    broker.wait_for("login_completed", both.user)
    log = both.log()
    assert log.index("Starting IBC in live mode") < log.index("Starting IBC in paper mode")
    assert both.port(4003)
    assert both.port(4004)


@pytest.mark.parametrize(
    ("finding", "environment", "line"),
    [
        ("config.trading_mode_invalid", {"TRADING_MODE": "demo"}, ".> Invalid TRADING_MODE: demo"),
        ("config.value_invalid", {"TWOFA_TIMEOUT_ACTION": "quit"}, "Error: 2FA timeout action set to quit but must be"),
        ("config.heap_invalid", {"JAVA_HEAP_SIZE": "2g"}, "IBC returned exit status 1"),
        ("config.settings_unwritable", {"TWS_SETTINGS_PATH": "/data/tws/settings"}, "mkdir: cannot create directory"),
        (
            "gateway.install_broken",
            {"TWS_MAJOR_VRSN": "10.37.1l"},
            "Error: Offline TWS/Gateway version 10.37.1l is not",
        ),
    ],
)
def test_start_error_reads_and_ends_as_in_life(
    start: Start, known_logs: KnownLogs, finding: str, environment: dict[str, str], line: str
) -> None:
    paper = start(environment=environment)
    code = paper.wait_for_end()
    assert code == {"config.value_invalid": 3, "gateway.install_broken": 4}.get(finding, 1)
    assert line in paper.log()
    assert any(line in log for log in known_logs(finding, **environment))


def test_both_password_and_its_file_are_refused(start: Start) -> None:
    paper = start(environment={"TWS_PASSWORD": "simulated-password"})
    assert paper.wait_for_end() == 1
    assert "error: both TWS_PASSWORD and TWS_PASSWORD_FILE are set (but are exclusive)" in paper.log()


def test_password_file_that_is_not_there(start: Start) -> None:
    paper = start(environment={"TWS_PASSWORD_FILE": "/run/secrets/elsewhere"})
    assert paper.wait_for_end() == 1
    assert "/run/secrets/elsewhere: No such file or directory" in paper.log()


def test_password_file_that_is_a_directory_is_an_empty_password(start: Start) -> None:
    paper = start(environment={"TWS_PASSWORD_FILE": "/run/secrets"})
    paper.wait_for_line("Setting password")
    assert "IbPassword=\n" in paper.log()


def test_name_of_somebody_else_is_refused(simulation: Simulation, engine: DockerClient) -> None:
    foreign = engine.containers.create(IMAGE, name=f"{simulation.name}-foreign")
    try:
        with pytest.raises(CanNotSimulate, match="is not this simulation's"):
            simulation.create_gateway(str(foreign.name), "user", "password")
    finally:
        foreign.remove()
