# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway has on its machine: directories, private files, and files that are made once and then its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import PRIVATE, Family, Lacking, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import SETTINGS
from ansible_collections.ibgw.ops.plugins.module_utils.record import RECORDS
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.container import endpoints
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.secrets import needed, secret_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.translation import able
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import Described

#: Private files of the gateways: only root gets through, also where somebody on the machine has a gateway's user id.
PRIVATE_DIR = "/etc/ibgw/gateways"

#: The command server's port of each instance where there are two: its usual one and the next (IBC config.ini:825).
COMMAND_PORTS = {"live": 7462, "paper": 7463}


def settings_dir(gateway: Described) -> str:
    """The directory on the machine that keeps what has to last."""
    return str(gateway.words["settings_dir"]) or f"{RECORDS}/{gateway.name}/settings"


def _suffixes(gateway: Described) -> dict[str, str]:
    """What each instance's files have at their end, by endpoint (gnzsnz run.sh:144-181)."""
    both = gateway.words["trading_mode"] == "both"
    return {endpoint: f"_{endpoint}" if both else "" for endpoint in endpoints(gateway)}


def lasting(gateway: Described, family: Family) -> list[dict[str, Any]]:
    """The mounts that last: of the settings directory itself where there is one, else of one in it for each."""
    targets = dict.fromkeys(
        target.format(instance=suffix)
        for target in family.build.persistent[gateway.words["program"]]
        for suffix in _suffixes(gateway).values()
    )
    directory = settings_dir(gateway)
    return [
        {"type": "bind", "target": target, "source": directory if len(targets) == 1 else f"{directory}/{_base(target)}"}
        for target in targets
    ]


def private(gateway: Described) -> dict[str, Any]:
    """The mount of the private files: the directory, for a single file that is mounted stays the old one when it is replaced."""
    return {"type": "bind", "target": PRIVATE, "source": f"{PRIVATE_DIR}/{gateway.name}", "read_only": True}


def scratch(gateway: Described, family: Family) -> list[dict[str, Any]]:
    """The directories in memory."""
    targets = family.build.scratch if gateway.words["program"] == "gateway" else ()
    return [{"type": "tmpfs", "target": target, "tmpfs_mode": "1777"} for target in targets]


def screen(gateway: Described, family: Family) -> str | None:
    """The word of the family for the password of the gateway's screen, where the screen needs one."""
    word = "rdp_password" if gateway.words["program"] == "tws" else "vnc_password"
    lacking = family.words[word]
    if isinstance(lacking, Lacking):
        if gateway.words["vnc"]:
            raise gateway.refuse("vnc", f"{family.name} has no safe one: {lacking.reason}; {able(word)} can")
        return None
    # The TWS image has a screen in any case, with a password that everybody knows (gnzsnz start_session.sh:13-17).
    return word if gateway.words["vnc"] or word == "rdp_password" else None


def files(gateway: Described, family: Family, configuration: Mapping[str, str]) -> list[dict[str, Any]]:
    """The private files: a file per secret where the image reads one, one for the other variables, a configuration per instance."""
    wanted = {name: name for name in needed(gateway)}
    screened = screen(gateway, family)
    if screened:
        wanted[screened] = "vnc_password"
    settings = {
        word: setting for word in wanted if isinstance(setting := family.words[word], Setting) and not family.key(word)
    }
    named = [
        _file(family, f"{PRIVATE_DIR}/{gateway.name}/{wanted[word]}", "secret", {"secret": wanted[word]}, setting.file)
        for word, setting in settings.items()
        if setting.file
    ]
    loose = {setting.variables[0]: wanted[word] for word, setting in settings.items() if not setting.file}
    sourced = [_file(family, f"{PRIVATE_DIR}/{gateway.name}/environment", "environment", loose)] if loose else []
    return [*named, *sourced, *(_configurations(gateway, family, configuration) if family.configured else ())]


def _configurations(gateway: Described, family: Family, configuration: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for endpoint, suffix in _suffixes(gateway).items():
        credentials = {
            "IbLoginId": secret_of(gateway, endpoint, "user"),
            "IbPassword": secret_of(gateway, endpoint, "password"),
        }
        settings = {
            **SETTINGS,
            **configuration,
            "TradingMode": endpoint,
            # The command server can stop the gateway and asks for no password.
            "BindAddress": "127.0.0.1",
            "CommandServerPort": str(COMMAND_PORTS[endpoint] if suffix else COMMAND_PORTS["live"]),
        }
        path = f"{PRIVATE_DIR}/{gateway.name}/config.ini{suffix}"
        yield {
            **_file(family, path, "config.ini", credentials),
            "settings": {key: value for key, value in settings.items() if key not in credentials},
            # Read anew by each Java machine, so also by one that resumes its session.
            "needs": "soft_restart",
        }


def _file(
    family: Family, path: str, form: str, secrets: Mapping[str, str], variable: str | None = None
) -> dict[str, Any]:
    """A private file: `secrets` are names, put in on the machine; `variable` tells the container where it is."""
    return {
        "path": path,
        "form": form,
        "secrets": dict(secrets),
        "settings": {},
        "variable": variable,
        "owner": family.user[0],
        "group": family.user[1],
        "mode": "0400",
        "needs": "restart",
    }


def credentials(found: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Each credential in a controller's configuration, which counts later than the settings beside it."""
    return [
        {"path": one["path"], "key": key, "secret": secret}
        for one in found
        if one["form"] == "config.ini"
        for key, secret in one["secrets"].items()
    ]


def generated(gateway: Described, secret: str) -> str:
    """The file of a secret that is made on the machine; only root reads it."""
    return f"{PRIVATE_DIR}/{gateway.name}.{secret}"


def record(gateway: Described) -> str:
    """The file that tells of its deployment."""
    return f"{RECORDS}/{gateway.name}/deployment.json"


def removed(gateway: Described) -> list[str]:
    """What holds its secrets, or tells of its deployment, and goes with it."""
    return [
        f"{PRIVATE_DIR}/{gateway.name}",
        generated(gateway, "vnc_password"),
        record(gateway),
    ]


def variables(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The variables that tell the container where its files are."""
    return {one["variable"]: f"{PRIVATE}/{_base(one['path'])}" for one in found if one["variable"]}


def seeds(gateway: Described, family: Family, mounts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The jts.ini of each instance, to which gateway and IBC go on writing: made where it is missing."""
    if not family.configured:
        return []
    path = family.build.environment[gateway.words["program"]]["TWS_SETTINGS_PATH"]
    return [
        {
            "path": f"{_on_machine(f'{path}{suffix}', mounts)}/jts.ini",
            "time_zone": gateway.words["time_zone"],
            "owner": family.user[0],
            "group": family.user[1],
            "mode": "0600",
        }
        for suffix in _suffixes(gateway).values()
    ]


def _on_machine(path: str, mounts: Sequence[Mapping[str, Any]]) -> str:
    """Where a path of the container is on the machine."""
    mount = next(one for one in mounts if path == one["target"] or path.startswith(f"{one['target']}/"))
    return f"{mount['source']}{path[len(mount['target']) :]}"


def directories(
    gateway: Described, family: Family, mounts: Sequence[Mapping[str, Any]], seeded: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The directories to make, parents first."""
    root, own = {"owner": 0, "group": 0}, {"owner": family.user[0], "group": family.user[1]}
    kept = dict.fromkeys(
        [settings_dir(gateway), *(one["source"] for one in mounts), *(_parent(one["path"]) for one in seeded)]
    )
    return [
        {"path": f"{RECORDS}/{gateway.name}", **root, "mode": "0755"},
        {"path": PRIVATE_DIR, **root, "mode": "0700"},
        {"path": f"{PRIVATE_DIR}/{gateway.name}", **own, "mode": "0500"},
        *({"path": path, **own, "mode": "0700"} for path in kept),
    ]


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
