# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role `docker_engine` decides: the configuration of dockerd, what it takes for it to take effect, and whether that is safe."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import mask

FILE = "/etc/docker/daemon.json"

#: What dockerd takes over on SIGHUP in every release since 20.10 (moby daemon/reload.go, daemon/reload_unix.go).
RELOADED = frozenset(
    {
        "allow-nondistributable-artifacts",
        "authorization-plugins",
        "debug",
        "default-cgroupns-mode",
        "default-ipc-mode",
        "default-runtime",
        "default-shm-size",
        "features",
        "insecure-registries",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "registry-mirrors",
        "runtimes",
        "shutdown-timeout",
    }
)

#: What concerns only new containers or dockerd itself. With anything else changed, say the bridge's address or the storage driver,
#: live-restore may lose what runs (docs.docker.com/engine/daemon/live-restore).
_SURVIVED = RELOADED | {
    "default-ulimits",
    "dns",
    "dns-opts",
    "dns-search",
    "host-gateway-ip",
    "init",
    "log-driver",
    "log-format",
    "log-level",
    "log-opts",
    "proxies",
}

#: Log drivers that keep the log in files and rotate them by max-size and max-file.
_ROTATING = ("json-file", "local")

#: What the units of Debian, Ubuntu and Docker start; before one is installed, it is what will be.
_STOCK_UNIT = "ExecStart={ argv[]=dockerd -H fd:// --containerd=/run/containerd/containerd.sock ; }"

# Options whose name in daemon.json is another one (dockerd --help; moby cmd/dockerd/config.go).
_SHORT = {
    "D": "debug",
    "G": "group",
    "H": "hosts",
    "b": "bridge",
    "g": "graph",
    "l": "log-level",
    "p": "pidfile",
    "s": "storage-driver",
}
_PLURAL = {
    "authorization-plugin": "authorization-plugins",
    "cdi-spec-dir": "cdi-spec-dirs",
    "default-address-pool": "default-address-pools",
    "default-network-opt": "default-network-opts",
    "default-ulimit": "default-ulimits",
    "dns-opt": "dns-opts",
    "exec-opt": "exec-opts",
    "host": "hosts",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "log-opt": "log-opts",
    "node-generic-resource": "node-generic-resources",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
}


class Refused(Exception):
    """Nothing may be changed; the message is one sentence that says why, and what to do."""


@dataclass(frozen=True)
class Plan:
    """What is to happen to `FILE` and to the engine that read it."""

    text: str
    differs: bool
    live_restore: bool
    #: What takes effect only when the engine is started anew: of this change, and of earlier ones that still wait.
    waiting: tuple[str, ...]
    #: What the engine has to read again: of this change, and of one whose run was cut off before it told the engine.
    unread: tuple[str, ...]
    #: The engine's process, 0 where none runs.
    pid: int
    #: Whether the text holds what must not be shown.
    secret: bool

    @property
    def note(self) -> str:
        """What is to be remembered of the changes that wait; it is void once the engine's process is another."""
        return self._note(self.waiting)

    @property
    def begun(self) -> str:
        """The note from before the file is written until the engine was told: a run that is cut off between leaves it to the next."""
        return self._note((*self.waiting, *self.unread))

    def _note(self, keys: Sequence[str]) -> str:
        return json.dumps({"pid": self.pid, "keys": keys}) + "\n"


def plan(
    current: str | None,
    settings: Mapping[str, Any],
    extra: Mapping[str, Any],
    unit: str = "",
    environment: str = "",
    waiting: str = "",
) -> Plan:
    """The plan for a machine.

    `current` is the text of `FILE`, None where there is none. `settings` are merged into it, and `extra` over both. `unit` is what
    `systemctl show` tells of docker.service, `environment` the text of its environment file, `waiting` the note of an earlier plan.
    """
    before = _object(current)
    after = merged(before, settings, extra)
    _check_command_line(after, unit if "LoadState=loaded" in unit else _STOCK_UNIT, environment)
    pid = _pid(unit)
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    # What is in neither was refused before it was written.
    noted = {key for key in _noted(waiting, pid) if key in before or key in after}
    pending = noted.union(changed) if pid else set()
    text = json.dumps(after, indent=2, ensure_ascii=False) + "\n" if changed or current is None else current
    return Plan(
        text=text,
        differs=text != current,
        live_restore=bool(after.get("live-restore")),
        waiting=tuple(sorted(pending - RELOADED)),
        unread=tuple(sorted(pending & RELOADED)),
        pid=pid,
        secret=any(mask(line) != line for line in [*text.splitlines(), *(current or "").splitlines()]),
    )


def merged(before: Mapping[str, Any], settings: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Every key of `before`, with those of `settings` and then of `extra` merged in."""
    driver = extra.get("log-driver", before.get("log-driver", _ROTATING[0]))
    kept = dict(before)
    if driver != before.get("log-driver", _ROTATING[0]):
        kept.pop("log-opts", None)  # they are of the other driver, and a driver refuses what it does not know
    if driver not in _ROTATING:
        settings = {key: value for key, value in settings.items() if key != "log-opts"}
    return _merge(_merge(kept, settings), extra)


def restart_obstacle(waiting: Sequence[str], info: Mapping[str, Any], sockets: str) -> str:
    """Why the engine should not be started anew now; empty where nothing that runs is harmed.

    `info` is what `docker info` tells, `sockets` the established connections with their processes as `ss` lists them.
    """
    running = info.get("ContainersRunning")
    if running is None:
        return "it could not be asked what runs"
    if running == 0:
        return ""
    if not info.get("LiveRestoreEnabled"):
        return f"containers run ({running}), and without live-restore a restart stops them"
    lost = [key for key in waiting if key not in _SURVIVED]
    if lost:
        return f"containers run ({running}), and may not survive a change of {', '.join(lost)}"
    # The engine's own relay for published ports ends with it, also with live-restore, and starts again with new connections only.
    if '"docker-proxy"' in sockets:
        return "clients are connected through published ports, and a restart cuts them off"
    return ""


def _noted(waiting: str, pid: int) -> list[str]:
    noted = json.loads(waiting or "{}")
    return list(noted["keys"]) if noted.get("pid") == pid else []


def _object(text: str | None) -> dict[str, Any]:
    if text is None or not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refused(f"{FILE} is not valid JSON ({error}); mend it or move it away") from None
    if not isinstance(value, dict):
        raise Refused(f"{FILE} holds no JSON object, so dockerd can not use it; mend it or move it away")
    return value


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        known = result.get(key)
        result[key] = _merge(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result


def _check_command_line(config: Mapping[str, Any], unit: str, environment: str) -> None:
    """Refuse what dockerd would refuse to start with: the same option in the file and on its command line."""
    options = dict(_options(unit, environment))
    if "config-file" in options:
        raise Refused(
            f"docker.service starts dockerd with {options['config-file']}, so it never reads {FILE}; remove that option "
            "from the unit (systemctl edit docker)"
        )
    both = [key for key in config if key in options and key != "runtimes"]
    if both:
        given = ", ".join(f"{key} ({options[key]})" for key in both)
        raise Refused(
            f"docker.service gives on dockerd's command line what {FILE} is to hold too, and dockerd does not start with "
            f"both: {given}; keep each in one place (systemctl cat docker shows the unit)"
        )


def _options(unit: str, environment: str) -> Iterator[tuple[str, str]]:
    """Options on the unit's command line, each by its name in daemon.json, as it is written there."""
    variables = dict(_assignments(environment))
    for line in unit.splitlines():
        if line.startswith("Environment="):
            variables.update(_assignments("\n".join(shlex.split(line.partition("=")[2]))))
    for command in re.findall(r"argv\[\]=(.*?) ;", unit):
        for word in re.sub(r"\$\{?(\w+)\}?", lambda name: variables.get(name[1], ""), command).split():
            if word.startswith("--"):
                name = word[2:].partition("=")[0]
                yield _PLURAL.get(name, name), f"--{name}"
            elif word.startswith("-") and word[1:2] in _SHORT:
                yield _SHORT[word[1]], word[:2]


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, assigned, value = line.strip().partition("=")
        if assigned and not name.startswith("#"):
            yield name, value.strip("\"'")


def _pid(unit: str) -> int:
    found = re.search(r"^MainPID=(\d+)$", unit, re.MULTILINE)
    return int(found[1]) if found else 0
