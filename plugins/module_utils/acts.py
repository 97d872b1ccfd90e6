# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be done to a gateway's container: start, stop in an orderly way, and mend inside without touching the session.

Each act looks first, does nothing where what is asked for is so already, and proves what it did: a new start time, a new process, a
port that listens. Nothing here kills first, and nothing removes a container.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import container, engine, netns, procfs
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Port, Relay
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target, gateway_containers
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import utc

if TYPE_CHECKING:
    import docker

#: The result's own keys when nothing was done.
NOTHING: Mapping[str, Any] = {"done": None, "said": None, "before": None, "after": None, "starters": []}

#: Docker's restart policies.
POLICY = re.compile(r"no|always|unless-stopped|on-failure(?::[1-9]\d{0,3})?")

#: Where units are that could start a container again.
UNITS = tuple(
    map(Path, ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"))
)

# Seconds: between two looks; for a Java machine to close its session and end, each time that it is asked to; for a container to end
# after it; for the command server to answer.
_LOOK_AGAIN, _CLOSES, _ENDS, _ANSWERS = 0.2, 30.0, 3.0, 10.0

# The engine's grace where nothing is left that has to be closed, and something could start Java again: a start script hears no stop
# before it is through (gnzsnz run.sh:192).
_NOTHING_LEFT = 1

# No unit is longer.
_UNIT_BYTES = 64 * 1024

# In the log of the container where its user may write there, which is not so where the first process is root's (gnzsnz Dockerfile.tws).
_IN_ITS_LOG = "[ -w /proc/1/fd/1 ] && exec >/proc/1/fd/1 2>&1; "

# In mode both each half has a directory of its own beside it (gnzsnz run.sh:148-181).
_STALE = (
    "for file in {directory}/*/autorestart {directory}_*/*/autorestart; do"
    ' rm "$file" 2>/dev/null && echo "$file"; done; true'
)


@dataclass
class Outcome:
    """What became of an act: whether what was asked for is so now, whether anything was changed, what a person should know."""

    done: bool
    changed: bool
    said: str | None = None
    starters: tuple[str, ...] = ()


@dataclass
class Gateway:
    """A container to act on, as the engine told it last."""

    client: docker.DockerClient
    inspected: Mapping[str, Any]
    family: Family | None

    @property
    def id(self) -> str:
        """Its full id."""
        return str(self.inspected["Id"])

    @property
    def status(self) -> str:
        """Its status in the engine's words."""
        return str(self.inspected["State"]["Status"])

    def look(self) -> None:
        """Ask the engine again."""
        self.inspected = self.client.api.inspect_container(self.id)

    def processes(self, *roles: str) -> list[procfs.Process]:
        """Its processes of these roles, as far as they are proven to be its; none where that can not be seen."""
        pids = procfs.container_pids([self.id])[self.id]
        if self.family is None or self.inspected["State"].get("Pid") not in pids:
            return []
        found = procfs.processes(pids)
        return [one for one in found if self.family.process_role(one.command_line) in roles]

    def ports(self, state: str) -> set[int]:
        """Ports of its network whose sockets are in that state, as `listening`."""
        pid = self.inspected["State"].get("Pid")
        if not pid or not procfs.in_container(pid, self.id):
            return set()
        return {one.port for one in procfs.sockets(pid) if one.state == state}

    def signal(self, processes: Iterable[procfs.Process], number: signal.Signals) -> None:
        """Send a signal to processes that are still its."""
        for process in processes:
            with suppress(ProcessLookupError):
                if procfs.in_container(process.pid, self.id):
                    os.kill(process.pid, number)

    def execute(self, script: str, detach: bool = False) -> str:
        """What a shell script writes that runs inside, as the gateway's user."""
        user = self.inspected["Config"].get("User") or ("{}:{}".format(*self.family.user) if self.family else "")
        created = self.client.api.exec_create(self.id, ["sh", "-c", script], user=user)
        written: Any = self.client.api.exec_start(created["Id"], detach=detach)
        return "" if detach else str(written, "utf-8", errors="replace")


Act = Callable[[Gateway, Any, bool], Outcome]


def probe(
    name: str, id: str | None, docker_host: str | None, timeout: float, check_mode: bool, **acts: Any
) -> dict[str, Any]:
    """Do the one thing that was asked for to the container `name`, if it has the id that was seen before."""
    asked = {kind: value for kind, value in acts.items() if value is not None and value is not False}
    if len(asked) != 1:
        raise Misuse(f"{len(asked)} acts were asked for; allowed is one of {', '.join(sorted(ACTS))}")
    ((kind, value),) = asked.items()
    act, patience = ACTS[kind]
    engine.check_names([name, value] if kind == "rename" else [name])
    if kind == "restart_policy" and not POLICY.fullmatch(value):
        raise Misuse(f"{quote(value)!r} is no restart policy; allowed are no, always, unless-stopped and on-failure:N")
    (target,) = gateway_containers(engine.connect(docker_host, timeout), [name], find=False)
    refused = _refused(target, id)
    if refused or target.inspected is None:
        return {**AVAILABLE, **NOTHING, "done": False, "said": refused, "changed": False}
    # It answered in its time; an act takes its own.
    client = engine.connect(docker_host, min(timeout + 2 * patience(value), engine.LONGEST))
    gateway = Gateway(client, target.inspected, target.family)
    before = _state(gateway)
    outcome = _do(gateway, act, value, check_mode)
    with suppress(Exception):  # what was done counts, not that the engine can not be asked any more
        gateway.look()
    return {
        **AVAILABLE,
        "done": outcome.done,
        "said": quote(outcome.said) if outcome.said else None,
        "before": before,
        "after": _state(gateway),
        "starters": [quote(one) for one in outcome.starters],
        "changed": outcome.changed,
    }


def _refused(target: Target, seen: str | None) -> str | None:
    """Why nothing is done to this container at all."""
    if target.unavailable:
        raise target.unavailable
    if target.inspected is None:
        return target.missing
    if seen and target.inspected["Id"] != seen:
        return f"{target.name} is another container by now ({target.inspected['Id'][:12]}, not {seen[:12]}): diagnose again"
    return None


def _do(gateway: Gateway, act: Act, value: Any, check_mode: bool) -> Outcome:
    """The outcome of an act; what the engine or the kernel refuses is one, too."""
    try:
        return act(gateway, value, check_mode)
    except Unavailable as unavailable:
        return Outcome(False, False, f"{unavailable.reason}; {unavailable.fix}")
    except Exception as error:  # the SDK lets many kinds through
        return Outcome(False, True, f"{type(error).__name__}: {getattr(error, 'explanation', None) or error}")


def _state(gateway: Gateway) -> dict[str, Any]:
    """What acts change, as the container probe tells it."""
    state = gateway.inspected["State"]
    ended = state["Status"] in ("exited", "dead", "restarting")
    return {
        "id": gateway.id,
        "status": state["Status"],
        "started_at": utc(state.get("StartedAt")),
        "finished_at": utc(state.get("FinishedAt")),
        "exit_code": state.get("ExitCode") if ended else None,
        "restart_policy": container.restart_policy(gateway.inspected["HostConfig"].get("RestartPolicy") or {}),
    }


def _until(holds: Callable[[], Any], seconds: float) -> bool:
    """Whether something comes to hold within so many seconds; it is asked once at least."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= ends:
            return False
        time.sleep(_LOOK_AGAIN)
    return True


# Start and restart policy


def _start(gateway: Gateway, _asked: bool, check_mode: bool) -> Outcome:
    if gateway.status in ("running", "restarting"):
        return Outcome(True, False, f"it is {gateway.status} already")
    if gateway.status == "paused":
        return Outcome(False, False, "it is paused, not stopped: docker unpause continues it")
    if check_mode:
        return Outcome(True, True)
    before = gateway.inspected["State"].get("StartedAt")
    gateway.client.api.start(gateway.id)
    gateway.look()
    started = gateway.inspected["State"].get("StartedAt") != before
    return Outcome(started, True, None if started else "the engine took the order, and its start time is the old one")


def _set_policy(gateway: Gateway, policy: str, check_mode: bool) -> Outcome:
    name, _colon, times = policy.partition(":")
    wanted: Any = {"Name": name, "MaximumRetryCount": int(times or 0)}
    if container.restart_policy(wanted) == _state(gateway)["restart_policy"]:
        return Outcome(True, False)
    if not check_mode:
        gateway.client.api.update_container(gateway.id, restart_policy=wanted)
    return Outcome(True, True)


def _rename(gateway: Gateway, name: str, check_mode: bool) -> Outcome:
    if gateway.status in ("running", "restarting"):
        return Outcome(False, False, f"it is {gateway.status}: another of its name could log in beside it")
    if not check_mode:
        gateway.client.api.rename(gateway.id, name)
    return Outcome(True, True)


# Stop


def _stop(gateway: Gateway, asked: Mapping[str, Any], check_mode: bool) -> Outcome:
    """The restart policy off, the family's orderly stop, then the engine's, with its grace."""
    starters = tuple(_starters(gateway.inspected))
    if gateway.status == "paused":
        return Outcome(False, False, "it is paused, and would be killed: docker unpause continues it", starters)
    stopped = gateway.status in ("created", "exited", "dead")
    changed = _set_policy(gateway, "no", check_mode).changed or not stopped
    if check_mode:
        return Outcome(True, changed, None, starters)
    said = None if stopped else _end(gateway, asked["grace"], asked.get("command_port"))
    if _until(lambda: _runs(gateway), asked.get("stays") or 0):
        return Outcome(False, changed, "something started it again", starters)
    return Outcome(True, changed, said, starters)


def _end(gateway: Gateway, grace: int, command_port: int | None) -> str:
    """Stop a container that runs; how that went."""
    java = gateway.processes("gateway")
    how = (
        _end_java(gateway, gateway.family, java, command_port)
        if java and gateway.family and gateway.family.ends_java_first
        else None
    )
    left = grace if how is None or gateway.processes("gateway") else min(grace, _NOTHING_LEFT)
    if how is None or not _until(lambda: not _runs(gateway), _ENDS):
        gateway.client.api.stop(gateway.id, timeout=left)
    gateway.look()
    if gateway.inspected["State"].get("ExitCode") == 128 + signal.SIGKILL and left == grace:
        return f"it did not end within {grace} seconds and was killed: IBKR may hold its session for a while"
    if how is None and java == [] and gateway.family and gateway.family.ends_java_first:
        return "no Java machine of it could be seen; the engine stopped it"
    return how or "the engine stopped it, which is this image's orderly way"


def _end_java(gateway: Gateway, family: Family, java: Sequence[procfs.Process], command_port: int | None) -> str:
    """Let the Java machines close their sessions while their display still stands; how that went."""
    if family.restarts_java:
        gateway.signal(gateway.processes(family.restarts_java), signal.SIGSTOP)

    def ended() -> bool:
        return not {one.pid for one in java} & {one.pid for one in gateway.processes("gateway")}

    # The port leads to one of them only.
    if command_port and len(java) == 1:
        with suppress(Unavailable, OSError):
            if _command(gateway, command_port, "STOP").startswith("OK") and _until(ended, _CLOSES):
                return "it closed on STOP of its command server"
    gateway.signal(java, signal.SIGTERM)
    if _until(ended, _CLOSES):
        return "its Java machine ended on SIGTERM"
    return f"its Java machine did not end on SIGTERM within {_CLOSES:.0f} seconds; the engine stopped it"


def _runs(gateway: Gateway) -> bool:
    gateway.look()
    return gateway.status in ("running", "restarting")


def _starters(inspected: Mapping[str, Any]) -> Iterator[str]:
    """What may start the container again beside the engine's restart policy, one sentence each."""
    labels = inspected["Config"].get("Labels") or {}
    project = labels.get("com.docker.compose.project")
    words = [inspected["Name"].lstrip("/")]
    if project:
        service = labels.get("com.docker.compose.service")
        yield f"docker compose up of the project {project}, in which it is the service {service}"
        words.append(labels.get("com.docker.compose.project.working_dir") or words[0])
    naming = re.compile("|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])" for word in words))
    for unit in sorted({path.name: path for directory in UNITS for path in directory.glob("*.service")}.values()):
        with suppress(OSError), unit.open("rb") as file:
            if naming.search(file.read(_UNIT_BYTES).decode("utf-8", errors="replace")):
                yield f"the systemd unit {unit.name}, which names it ({unit})"


# Inside, without touching the session


def _soft_restart(gateway: Gateway, asked: Mapping[str, Any], check_mode: bool) -> Outcome:
    """IBC's RESTART: at the next full minute, once for each Java machine (IBC userguide.md:892-914)."""
    java = {one.pid for one in gateway.processes("gateway")}
    if not java:
        return Outcome(False, False, "no Java machine of it can be seen")
    if check_mode:
        return Outcome(True, True)
    answer = _command(gateway, asked["command_port"], "RESTART")
    if not answer.startswith("OK"):
        return Outcome(False, False, f"its command server answered {quote(answer)!r}")
    if not _until(lambda: {one.pid for one in gateway.processes("gateway")} - java, asked["wait"]):
        return Outcome(False, True, f"RESTART was taken, and no new Java machine came within {asked['wait']} seconds")
    return Outcome(True, True, "a new Java machine runs")


def _command(gateway: Gateway, port: int, text: str) -> str:
    """The answer of the controller's command server; nothing is executed in the container."""
    kind = (socket.AF_INET, socket.SOCK_STREAM, 0)
    (asking,) = netns.sockets(gateway.id, gateway.inspected["State"].get("Pid") or 0, [kind])
    with asking:
        asking.settimeout(_ANSWERS)
        asking.connect(("127.0.0.1", port))
        asking.sendall(f"{text}\n".encode())
        said = b""
        # A prompt and information can come before the answer (IBC CommandChannel.java).
        while not (answer := re.search(rb"(?:OK|ERROR)\b[^\n]*\n", said)) and len(said) < _UNIT_BYTES:
            more = asking.recv(1024)
            if not more:
                break
            said += more
    return (answer[0] if answer else said).decode("utf-8", errors="replace").strip()


def _restart_relay(gateway: Gateway, asked: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Bring back each relay that does not listen though its gateway does."""
    if gateway.family is None or gateway.family.relay is None:
        return Outcome(False, False, "how its relay is started is not known of its image")
    dead = list(_dead_relays(gateway, gateway.family.ports))
    if not dead or check_mode:
        return Outcome(True, bool(dead), None if dead else "no relay is missing whose gateway listens")
    used = gateway.ports("established") & {relay for relay, _behind in dead}
    if used and not asked["cut"]:
        return Outcome(False, False, f"clients are still connected through what is left of the relay on {min(used)}")
    mended = {relay: _mend_relay(gateway, gateway.family.relay, relay, behind, asked["wait"]) for relay, behind in dead}
    silent = [str(relay) for relay, listens in mended.items() if not listens]
    if silent:
        return Outcome(False, True, f"nothing listens on {' and '.join(silent)} after {asked['wait']} seconds")
    return Outcome(True, True, f"the relay listens on {' and '.join(map(str, mended))} again")


def _dead_relays(gateway: Gateway, ports: Mapping[int, Port]) -> Iterator[tuple[int, int]]:
    """The port of each relay that is missing, and that of the gateway behind it."""
    listening = gateway.ports("listening")
    behind = {number: port for number, port in ports.items() if port.role == "gateway" and number in listening}
    for relay, port in ports.items():
        if port.role == "relay" and relay not in listening:
            for number, one in behind.items():
                if port.endpoint in (None, one.endpoint) and port.program in (None, one.program):
                    yield relay, number


def _mend_relay(gateway: Gateway, start: Relay, relay: int, behind: int, seconds: int) -> bool:
    """Whether the relay listens again, brought back by its loop, or started where there is none."""
    # What is left of it keeps the port from the next one, for it listens without SO_REUSEADDR (gnzsnz run_socat.sh:11).
    holding = re.compile(rf"\bTCP-LISTEN:{relay}\b")
    gateway.signal((one for one in gateway.processes("relay") if holding.search(one.command_line)), signal.SIGTERM)
    endpoint = gateway.family.ports[behind].endpoint if gateway.family else None
    started = False

    def listens() -> bool:
        nonlocal started
        if relay in gateway.ports("listening"):
            return True
        if not started and not _loops(gateway, start, relay):
            command = start.command.format(gateway=behind, relay=relay, endpoint=endpoint)
            gateway.execute(_IN_ITS_LOG + command, detach=True)
            started = True
        return False

    return _until(listens, seconds)


def _loops(gateway: Gateway, start: Relay, relay: int) -> bool:
    """Whether a loop runs that brings the relay of this port back by itself."""
    if start.loop is None:
        return False
    loops = [one.pid for one in gateway.processes("relay") if start.loop.search(one.command_line)]
    return any(str(relay) in procfs.environment(pid).values() for pid in loops)


def _forget_session(gateway: Gateway, _asked: bool, check_mode: bool) -> Outcome:
    """Remove what makes the controller believe that a session is resumed, so that it types nothing (IBC issue 235)."""
    if gateway.family is None or gateway.family.settings is None:
        return Outcome(False, False, "where it keeps its saved session is not known of its image")
    if gateway.status != "running":
        return Outcome(False, False, f"it is {gateway.status}; its files can be reached while it runs")
    if check_mode:
        return Outcome(True, True)
    removed = gateway.execute(_STALE.format(directory=gateway.family.settings)).split()
    return Outcome(True, bool(removed), f"removed {', '.join(removed)}" if removed else "there is no saved session")


#: Every act, and how many seconds it may take beyond those of the engine's answers.
ACTS: Mapping[str, tuple[Act, Callable[[Any], float]]] = {
    "start": (_start, lambda _asked: 0),
    "stop": (_stop, lambda asked: asked["grace"] + 2 * _CLOSES + _ENDS + (asked.get("stays") or 0)),
    "restart_policy": (_set_policy, lambda _asked: 0),
    "rename": (_rename, lambda _asked: 0),
    "soft_restart": (_soft_restart, lambda asked: asked["wait"]),
    "restart_relay": (_restart_relay, lambda asked: asked["wait"]),
    "forget_session": (_forget_session, lambda _asked: 0),
}
