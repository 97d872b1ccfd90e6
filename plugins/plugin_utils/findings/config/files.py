# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the gateway is given in files: secrets, its controller's configuration, and where it keeps its settings."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import CREATE_ANEW
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import (
    ConfigurationFile,
    Mount,
    Owner,
    SecretFile,
    SettingsDirectory,
)


@dataclass(frozen=True)
class Trouble:
    """A file or directory that the gateway can not use: where it is in the container, why, and what mends it.

    `refused` says that the start script ends over it; else a value that is none reaches the controller, or a wrong one.
    """

    path: str
    why: str
    fix: str
    refused: bool = True

    def quote(self, case: Case) -> Quote:
        """It as evidence."""
        return case.quote("health", f"{self.path} {self.why}")


def read_secrets(case: Case) -> list[SecretFile]:
    """The secret files that a variable names which this gateway goes by, as far as they were looked at."""
    container, family = case.gateway.container, case.family
    return [
        one
        for one in container.secrets
        if one.variable and one.kind and (family is None or family.reads(one.variable, container.environment))
    ]


def secret_troubles(case: Case, named_by: Collection[str | None] | None = None) -> list[Trouble]:
    """What is wrong with the secret files, all of them or those that these variables name."""
    named = [one for one in read_secrets(case) if named_by is None or one.variable in named_by]
    return [found for one in named if (found := _secret_trouble(one, case))]


def _secret_trouble(secret: SecretFile, case: Case) -> Trouble | None:
    # gnzsnz common.sh:45-61, measured: a file that can not be read ends the script, a directory gives an empty password without a word,
    # and only ends of lines are taken off.
    what, source = named_by_variable(secret), _source(secret)
    if secret.kind == "missing":
        mount = f"Mount a file with the secret at {secret.path}; its source has to exist before the container is created. {CREATE_ANEW}"
        return Trouble(what, "is not there", mount)
    if secret.kind == "directory":
        put = f"Docker made a directory where there was no file to mount: sudo rmdir {source}, and write the secret there. {CREATE_ANEW}"
        return Trouble(what, "is a directory", put, refused=False)
    if secret.kind != "file":
        return Trouble(what, "is no file", f"Put a file with the secret at {source}. {CREATE_ANEW}")
    if secret.readable_by_gateway is False:
        give = f"On {{machine}}: sudo chown {_user(case)} {source} && sudo chmod 400 {source}"
        return Trouble(what, f"can not be read by the gateway{_owned(secret.owner)}", give)
    if secret.empty:
        return Trouble(what, "is empty", f"On {{machine}}, write the secret into {source}.", refused=False)
    # ibcontroller reads its own files in Python; how it takes their ends is not known.
    if (secret.variable or "").startswith("IBC_"):
        return None
    if secret.carriage_return:
        without = f"On {{machine}}, take the carriage returns out of it: sudo sed -i 's/\\r$//' {source}"
        return Trouble(what, "has a carriage return, which becomes part of the secret", without, refused=False)
    if secret.trailing_blank:
        without = f"Unless the secret does end in a blank, on {{machine}}: sudo sed -i 's/[[:blank:]]*$//' {source}"
        return Trouble(what, "ends in a blank, which becomes part of the secret", without, refused=False)
    return None


def named_by_variable(secret: SecretFile) -> str:
    """A secret file with its variable; an equals sign between them would read as a secret, and be masked."""
    return f"{secret.path} ({secret.variable})"


def _source(secret: SecretFile) -> str:
    """The file on the machine; of one that is not mounted only the container knows."""
    return shlex.quote(quote(secret.source)) if secret.source else f"{secret.path} in the container"


def _owned(owner: Owner | None) -> str:
    return f" (uid {owner.uid}, gid {owner.gid}, mode {owner.mode})" if owner else ""


def _user(case: Case) -> str:
    """The gateway's user as `chown` takes it: the machine's ids where they are known, which a remapped container has other than its own."""
    user = case.gateway.container.user
    if user is not None and user.uid is not None:
        return f"{user.uid}:{user.gid}"
    return "{}:{}".format(*(case.family.user if case.family else (1000, 1000)))


def configuration_troubles(case: Case) -> list[Trouble]:
    """What is wrong with the configuration that the operator brings."""
    family = case.family
    if family is None or not family.brings_configuration(case.gateway.container.environment):
        return []
    return [
        found for one in case.of_endpoint(case.gateway.container.configuration) if (found := _file_trouble(one, case))
    ]


def _file_trouble(file: ConfigurationFile, case: Case) -> Trouble | None:
    path = file.path or ""
    if file.kind in ("missing", "directory"):
        why = "is not there" if file.kind == "missing" else "is a directory"
        return Trouble(path, why, f"Mount your configuration at {path}, a file that exists. {CREATE_ANEW}")
    if file.kind == "file" and file.readable_by_gateway is False:
        give = f"On {{machine}}, let the gateway's user ({_user(case)}) read what is mounted at {path}."
        return Trouble(path, "can not be read by the gateway", give)
    return None


def settings_troubles(case: Case) -> list[Trouble]:
    """What is wrong with the directories in which the gateway keeps its settings."""
    own = case.of_endpoint(case.gateway.container.settings)
    return [found for one in own if (found := _settings_trouble(one, case))]


def scratch_troubles(case: Case) -> list[Trouble]:
    """The directories that belong in memory and do not lie there: sockets of the controller's agent (ibcontroller docker-compose.yml)."""
    container, family = case.gateway.container, case.family
    if family is None or case.variable("IBC_PROGRAM") == "tws":
        return []
    in_memory = {*container.tmpfs, *(one.target for one in container.mounts if one.type == "tmpfs")}
    return [
        Trouble(
            path, "does not lie in memory", f"Where the container is defined: tmpfs: {path}:mode=1777. {CREATE_ANEW}"
        )
        for path in family.build.scratch
        if path not in in_memory
    ]


def suspected_settings(case: Case) -> list[Trouble]:
    """The directories of which nobody could see whether the gateway can write to them, where the log says that it can not."""
    own = case.of_endpoint(case.gateway.container.settings)
    unsure = [one for one in own if one.mount and one.writable_by_gateway is None]
    return [
        Trouble(one.path or "", "is not written by the gateway, as the log says", _give_away(one, case))
        for one in unsure
    ]


def _settings_trouble(settings: SettingsDirectory, case: Case) -> Trouble | None:
    path, mount = settings.path or "", _mount_of(settings, case)
    another = f"Mount a directory at {path}. {CREATE_ANEW}"
    if settings.kind not in ("directory", "missing", None):
        return Trouble(path, f"is a {settings.kind}, where a directory belongs", another)
    if mount and mount.read_only:
        writable = f"Where the container is defined, mount {mount.target} without read-only (:ro). {CREATE_ANEW}"
        return Trouble(path, "is mounted read-only", writable)
    if settings.writable_by_gateway is False and settings.kind == "missing":
        return Trouble(path, "is not there, and the gateway can not make it", another)
    if settings.writable_by_gateway is False:
        return Trouble(path, f"can not be written by the gateway{_owned(settings.owner)}", _give_away(settings, case))
    if settings.blocked_by:
        names = " and ".join(f"{path}/{name}" for name in settings.blocked_by)
        return Trouble(names, "can not be written by the gateway, or is no file", _give_away(settings, case))
    return None


def _give_away(settings: SettingsDirectory, case: Case) -> str:
    mount = _mount_of(settings, case)
    if mount is None or not mount.source:
        return f"Mount a directory that the gateway's user can write to at {settings.path}. {CREATE_ANEW}"
    source = shlex.quote(quote(mount.source))
    return f"On {{machine}}, give it to the gateway's user: sudo chown -R {_user(case)} {source}"


def _mount_of(settings: SettingsDirectory, case: Case) -> Mount | None:
    return next((one for one in case.gateway.container.mounts if one.target and one.target == settings.mount), None)
