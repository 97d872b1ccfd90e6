# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One container as the engine tells it, in the words of the result: state, configuration, ports.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Port, traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import KINDS
from ansible_collections.ibgw.ops.plugins.module_utils.redact import EMPTY, SET, quote
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import utc

# Longest value of a variable or label, and longest text of an error or a health check, in characters.
_VALUE, _TEXT = 120, 200

# Labels that tell who runs the container and what the image is; the values of others may hold anything.
_TELLING_LABELS = ("com.docker.compose.", "org.opencontainers.image.")

# Variables that no family knows, by a name that says that they are secret.
_SECRET_NAME = re.compile(r"(?i)pass|secret|token|key|code|user|login")

# Key and default of what a health check may leave out (docker run --help, HEALTHCHECK), seconds.
_HEALTHCHECK = {"interval": ("Interval", 30.0), "timeout": ("Timeout", 30.0), "start_period": ("StartPeriod", 0.0)}

# Docker reads the size of a log as decimal (moby daemon/logger/jsonfilelog, units.FromHumanSize).
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)b?", re.IGNORECASE)
_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

# Docker's default grace; the engine names none when the container sets none.
_DEFAULT_STOP_TIMEOUT = 10

_DEFAULT_EXIT_MEANINGS = {
    125: "the engine itself could not run the container",
    126: "the container's command can not be executed",
    127: "the container's command was not found",
    134: "aborted (SIGABRT): the Java machine gave up",
    137: "killed (SIGKILL): by the out-of-memory killer, by hand, or because it did not stop within its grace",
    139: "crashed (SIGSEGV)",
    143: "stopped in an orderly way from outside (SIGTERM)",
}


def facts(inspected: Mapping[str, Any], family: Family | None, image: Mapping[str, Any] | None) -> dict[str, Any]:
    """The container's state and configuration; what only its machine knows is null. `image` is None where the engine has it no more."""
    state, config, host = inspected["State"], inspected["Config"], inspected["HostConfig"]
    known = secrets(inspected, family)
    ended = state["Status"] in ("exited", "dead", "restarting")
    exit_code = state.get("ExitCode") if ended else None
    return {
        "id": inspected["Id"],
        "image": quote(config.get("Image") or "", limit=_TEXT),
        "image_id": inspected["Image"],
        "image_digest": _digest(image or {}),
        "image_named_by": named_by(config.get("Image") or ""),
        "image_created": utc((image or {}).get("Created")),
        "image_architecture": quote((image or {}).get("Architecture") or "") or None,
        "labels": labels(config.get("Labels") or {}, known),
        "created": utc(inspected.get("Created")),
        "status": state["Status"],
        "started_at": utc(state.get("StartedAt")),
        "finished_at": utc(state.get("FinishedAt")),
        "exit_code": exit_code,
        "exit_meaning": None if exit_code is None else exit_meaning(exit_code, family),
        "error": quote(state.get("Error") or "", known, _TEXT) or None,
        "oom_killed": state.get("OOMKilled"),
        "host_oom_killed": None,
        "restart_count": inspected.get("RestartCount"),
        "restart_policy": restart_policy(host.get("RestartPolicy") or {}),
        "stop_timeout": config.get("StopTimeout") or _DEFAULT_STOP_TIMEOUT,
        "health": _health(state.get("Health") or {}, known),
        "healthcheck": _healthcheck(config.get("Healthcheck") or {}, image, known),
        "log": _log(host.get("LogConfig") or {}),
        "pid": state.get("Pid") or None,
        "memory": {"limit": host.get("Memory") or None, "usage": None, "oom_kills": None},
        "kernel_kills": None,
        "nofile": _nofile(host.get("Ulimits") or ()),
        "network_mode": quote(host.get("NetworkMode") or "") or None,
        "mounts": [mount(one) for one in inspected.get("Mounts") or ()],
        "tmpfs": {quote(path): quote(options) for path, options in sorted((host.get("Tmpfs") or {}).items())},
        "settings": None,
        "configuration": None,
        "secrets": None,
        "user": None,
        "users": {"live": None, "paper": None},
        "environment": environment(inspected, family),
        "environment_given": _given(inspected, family, image),
        "sample_secrets": _samples(inspected, family),
    }


def secrets(inspected: Mapping[str, Any], family: Family | None) -> frozenset[str]:
    """Values of variables that must not stand in anything else that the container says."""
    return frozenset(
        value for name, value in traits(inspected["Config"]).environment.items() if _kind(name, family) != "plain"
    )


def _kind(name: str, family: Family | None) -> str:
    """A variable's kind to its own family, else to any, else by its name."""
    known = family.variables.get(name) if family else None
    return known.kind if known else KINDS.get(name, "secret" if _SECRET_NAME.search(name) else "plain")


def exit_meaning(code: int, family: Family | None) -> str:
    """What an exit code says, in one short sentence: the family's word first, then what any container means by it."""
    meanings = {**_DEFAULT_EXIT_MEANINGS, **(family.exit_codes if family else {})}
    if code in meanings:
        return meanings[code]
    if code - 128 in signal.Signals.__members__.values():
        return f"ended by {signal.Signals(code - 128).name}"
    return "ended by itself" if code == 0 else "failed, with a code that is not known here"


def ports(inspected: Mapping[str, Any], family: Family | None, running: bool = False) -> list[dict[str, Any]]:
    """The published TCP ports: where they lead from the machine, and what listens there by the family's table.

    While it is `running` only those that are in effect: what was to be published, and is not, may be somebody else's by now.
    """
    in_effect = (inspected.get("NetworkSettings") or {}).get("Ports") or {}
    mapped = inspected["HostConfig"].get("NetworkMode") != "host"  # there Docker discards what was to be published
    bound = {port: at for port, at in in_effect.items() if at}
    if not bound and not (running and mapped):
        bound = inspected["HostConfig"].get("PortBindings") or {}
    roles = family.ports if family else {}
    published = [
        (int(port.partition("/")[0]), one) for port, at in bound.items() if port.endswith("/tcp") for one in at or ()
    ]
    return [
        {
            "container_port": port,
            "host_ip": one.get("HostIp") or "0.0.0.0",
            "host_port": int(one["HostPort"]) if mapped and one.get("HostPort") else None,
            "role": roles.get(port, Port("other")).role,
            "endpoint": roles.get(port, Port("other")).endpoint,
        }
        for port, one in sorted(
            published, key=lambda entry: (entry[0] not in roles, entry[0], entry[1].get("HostIp") or "")
        )
    ]


def environment(inspected: Mapping[str, Any], family: Family | None) -> dict[str, str]:
    """The variables, those that the family knows first, then those of other families."""
    given = traits(inspected["Config"]).environment
    ordered = [(name, given[name]) for name in _by_relevance(given, family)]
    # A mode or a path stays as it is even when somebody's password is the same word: rules read it.
    return _told(ordered, lambda name: name in KINDS and _kind(name, family) == "plain")


def _given(inspected: Mapping[str, Any], family: Family | None, image: Mapping[str, Any] | None) -> list[str] | None:
    """Names of the variables that are not the image's own; one that was given the same value again can not be told from those."""
    if image is None:
        return None
    baked = traits(image.get("Config") or {}).environment.items()
    given = dict(traits(inspected["Config"]).environment.items() - baked)
    return [quote(name, limit=_VALUE) for name in _by_relevance(given, family)]


def _samples(inspected: Mapping[str, Any], family: Family | None) -> list[str]:
    """Names of the secrets whose value everybody can read in the documentation of the image."""
    given = traits(inspected["Config"]).environment
    return [name for name, value in (family.samples if family else {}).items() if given.get(name) == value]


def _by_relevance(names: Iterable[str], family: Family | None) -> list[str]:
    """The names of variables: first those that the family knows, then those that mean something to another, then the rest."""
    known = family.variables if family else {}
    return sorted(names, key=lambda name: (name not in known, name not in KINDS, name))


def labels(given: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """The labels, those first whose value is told."""
    ordered = sorted(given.items(), key=lambda pair: (not pair[0].startswith(_TELLING_LABELS), pair[0]))
    return _told(ordered, lambda name: name.startswith(_TELLING_LABELS), known)


def _told(
    pairs: Iterable[tuple[str, str]], telling: Callable[[str], bool], known: Iterable[str] = ()
) -> dict[str, str]:
    """Values by name where the name is known to be harmless; of all others only whether there is one."""
    return {
        quote(name, limit=_VALUE): (quote(value, known, _VALUE) if telling(name) else SET) if value else EMPTY
        for name, value in pairs
    }


def restart_policy(policy: Mapping[str, Any]) -> str:
    """A restart policy as docker's own command line writes it."""
    name, retries = policy.get("Name") or "no", policy.get("MaximumRetryCount")
    return f"{name}:{retries}" if retries else name


def _health(health: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    last = (health.get("Log") or [{}])[-1]
    return {
        "status": health.get("Status") or None,  # Podman tells of none in an empty word
        "failing_streak": health.get("FailingStreak"),
        "last_output": quote(last.get("Output") or "", known, _TEXT) or None,
    }


def _healthcheck(
    check: Mapping[str, Any], image: Mapping[str, Any] | None, known: Iterable[str]
) -> dict[str, Any] | None:
    """The health check in effect; None without one, as also `NONE` says that switches off the image's."""
    test = check.get("Test") or []
    if not test or test[0] == "NONE":
        return None
    of_image = ((image or {}).get("Config") or {}).get("Healthcheck") or {}
    seconds = {name: (check.get(key) or 0) / 1e9 or default for name, (key, default) in _HEALTHCHECK.items()}
    return {
        "test": quote(" ".join(test), known, _TEXT),
        **seconds,
        "retries": check.get("Retries") or 3,
        "from_image": None if image is None else test == of_image.get("Test"),
    }


def _log(config: Mapping[str, Any]) -> dict[str, Any]:
    """Where the container's log goes, and how long it may grow; None where that is without bound, or by the driver's own limit."""
    options = config.get("Config") or {}
    size, files = _SIZE.fullmatch(options.get("max-size") or ""), options.get("max-file") or ""
    return {
        "driver": quote(config.get("Type") or "") or None,
        "max_size": int(float(size[1]) * _SIZES[size[2].lower()]) if size else None,
        "max_file": int(files) if files.isdecimal() else None,
    }


def named_by(image: str) -> str:
    """How an image is named: by a `digest` or an `id`, which stay what they are, by a `tag`, or as `latest`, said or not."""
    if "@" in image:
        return "digest"
    if re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}", image):
        return "id"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "latest" if tag in ("", "latest") else "tag"


def _digest(image: Mapping[str, Any]) -> str | None:
    """The digest under which an image was pulled, if it was."""
    return next((name.partition("@")[2] for name in image.get("RepoDigests") or ()), None)


def _nofile(ulimits: Iterable[Mapping[str, Any]]) -> dict[str, int] | None:
    found = next((one for one in ulimits if one.get("Name") in ("nofile", "RLIMIT_NOFILE")), None)
    return None if found is None else {"soft": found["Soft"], "hard": found["Hard"]}


def mount(one: Mapping[str, Any]) -> dict[str, Any]:
    """A mount; what only its machine knows is null."""
    return {
        "source": quote(one.get("Source") or "") or None,
        "target": quote(one.get("Destination") or ""),
        "type": one.get("Type"),
        "read_only": not one.get("RW", True),
        **dict.fromkeys(("source_exists", "kind", "owner", "writable_by_gateway", "disk")),
    }
