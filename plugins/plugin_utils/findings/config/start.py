# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the start script or the controller refuses, so that the gateway does not come up."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Wrong
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS
from ansible_collections.ibgw.ops.plugins.module_utils.redact import EMPTY, SET, quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import LOGGED_IN, Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CREATE_ANEW,
    DID_NOT_START,
    START_BY_HAND,
    Answer,
    Change,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Mount

MODES = ("paper", "live", "both")

SET_CREDENTIALS = (
    "Set TWS_USERID and TWS_PASSWORD where the container is defined.",
    "A password in a file is named in TWS_PASSWORD_FILE instead.",
    CREATE_ANEW,
)

#: The same for the paper half of a container that runs both.
SET_PAPER_CREDENTIALS = tuple(
    step.replace("TWS_USERID", "TWS_USERID_PAPER").replace("TWS_PASSWORD", "TWS_PASSWORD_PAPER")
    for step in SET_CREDENTIALS
)

SEE_EMPTY = "See which is empty: docker logs {name} 2>&1 | grep -E 'IbLoginId=|IbPassword='  (a set one shows as ***)"


def _not_up(case: Case) -> bool:
    return case.ended or case.gateway.container.status == "restarting"


def _refused_at_start(case: Case, code: str) -> bool:
    """The log names it, or the process ended with an exit code that has no other meaning in this family."""
    problems = case.family.exit_problems if case.family and _not_up(case) else {}
    return case.says(code) or problems.get(case.gateway.container.exit_code or 0) == code


def _start_script_gave_up(case: Case, *families: str) -> bool:
    """The container of one of these families ended with 1, as their start script does when it refuses its environment."""
    of_them = case.family is not None and case.family.name in families
    return of_them and _not_up(case) and case.gateway.container.exit_code == 1


def _as_set(case: Case, name: str) -> str:
    return f"{name}={case.gateway.container.environment.get(name, '(not set)')}"


@finding(
    "config.trading_mode_invalid",
    severity="down",
    remedy="ask_person",
    title="The trading mode is not one that the image takes",
    meaning=(
        "TRADING_MODE must be paper, live or both; the image has no default and ends at once with anything else, also when it is not set"
        " at all. A restart policy then starts it over and over; no login is made."
    ),
    fix=(
        "Set TRADING_MODE to paper, live or both where the container is defined (compose file, env file).",
        CREATE_ANEW,
    ),
    explains=DID_NOT_START,
    remedy_reason="a restart keeps the wrong value",
    next_command="docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' {name} | grep TRADING_MODE",
)
def trading_mode_invalid(case: Case) -> Proof | None:
    # gnzsnz common.sh:93-125, run.sh:135: unset or other than these three ends with exit code 1
    name = (case.family.variable("trading_mode") if case.family else None) or "TRADING_MODE"
    mode = case.variable(name)
    gave_up = _start_script_gave_up(case, "gnzsnz-ibc", "gnzsnz-ibcontroller") and mode not in MODES
    if not case.says("config.trading_mode_invalid") and not gave_up:
        return None
    asked = "" if case.saved_log else f" {mode or '(not set)'}"
    return Proof(
        f"the trading mode{asked} is refused; allowed are paper, live, both",
        (case.quote("health", _as_set(case, name)), *case.log_quotes(1)),
    )


@finding(
    "config.credentials_conflict",
    severity="down",
    remedy="ask_person",
    title="A secret is given twice, by value and by file",
    meaning="The image takes a secret from a variable or from the file that the _FILE variable names. It ends at once when both are set.",
    fix=(
        "Keep the _FILE variant and remove the plain variable where the container is defined: a file does not show in docker inspect.",
        CREATE_ANEW,
    ),
    explains=DID_NOT_START,
    remedy_reason="a restart keeps both variables",
    next_command="docker logs --tail 20 {name}",
)
def credentials_conflict(case: Case) -> Proof | None:
    # gnzsnz common.sh:45-61: set and not empty, both: exit code 1
    names = case.gateway.container.environment
    twice = [name for name in names if case.variable(name) and case.variable(f"{name}_FILE")]
    gave_up = _start_script_gave_up(case, "gnzsnz-ibc", "ibg-controller") and bool(twice)
    if not case.says("config.credentials_conflict") and not gave_up:
        return None
    words = ", ".join(f"{name} and {name}_FILE" for name in twice) or "a variable and its _FILE variant"
    return Proof(f"{words} are both set", (case.quote("health", f"both set: {words}"), *case.log_quotes(1)))


@finding(
    "config.secret_unreadable",
    severity="down",
    remedy="ask_person",
    title="A secret file can not be read",
    meaning=(
        "The file that a _FILE variable names is missing in the container, is a directory (Docker makes one when the source of a mount"
        " does not exist), can not be read by the gateway's user, or ends in a carriage return that becomes part of the password."
    ),
    fix=(
        "Look at it from inside: docker inspect --format '{{json .Mounts}}' {name}, then ls -l the source on {machine}.",
        "It must be a file, readable by uid 1000, with one line and no carriage return (file says CRLF otherwise: dos2unix).",
        START_BY_HAND,
    ),
    explains=(*DID_NOT_START, "config.credentials_missing"),
    remedy_reason="a restart reads the same file",
    next_command="docker logs --tail 20 {name}",
)
def secret_unreadable(case: Case) -> Proof | None:
    if not case.says("config.secret_unreadable"):
        return None
    return Proof("a secret file can not be read in the container", case.log_quotes())


@finding(
    "config.credentials_missing",
    severity="down",
    remedy="ask_person",
    title="User name or password is empty",
    meaning=(
        "The controller was given no user name or no password. IBC opens the login window and never presses the button: nothing fails,"
        " nothing times out, no login is made; ibcontroller ends with exit code 78. In mode paper only TWS_USERID and TWS_PASSWORD"
        " count; their _PAPER variants are read in mode both only."
    ),
    fix=(SEE_EMPTY, *SET_CREDENTIALS),
    explains=("login.not_submitted", "login.not_typed", "login.in_progress", "gateway.starting", *DID_NOT_START),
    remedy_reason="a restart has the same empty value",
    next_command="docker logs --tail 100 {name}",
)
def credentials_missing(case: Case) -> Proof | None:
    # IBC DefaultSettings.java:70-82: a secret that is set shows as ***, an empty one as nothing
    settings = case.log.settings if case.log else {}
    empty = [key for key in ("IbLoginId", "IbPassword") if key in settings and not case.setting(key, key)]
    of_two = case.log is not None and len(case.log.instances) > 1  # the settings are of either
    waits = case.state == "login_window" and bool(empty) and not of_two
    if not case.says("config.credentials_missing") and not waits:
        return None
    of_ibc = case.family is None or case.family.controller == "ibc"
    steps = SET_PAPER_CREDENTIALS if of_two and case.endpoint == "paper" else SET_CREDENTIALS
    return Proof(
        f"{' and '.join(empty) or 'user name or password'} reached the controller empty",
        case.log_quotes() + tuple(case.quote("log", f"{key}={settings[key]}") for key in empty),
        (SEE_EMPTY, *steps) if of_ibc else steps,
    )


@finding(
    "config.heap_invalid",
    severity="down",
    remedy="ask_person",
    title="The heap size is not in the form that the image takes",
    meaning=(
        "JAVA_HEAP_SIZE is a bare number of megabytes. With a unit (1024m) the image builds an option that Java refuses, and the gateway"
        " ends at once; current releases throw Java's own words away."
    ),
    fix=("Set JAVA_HEAP_SIZE to a number only, for example 1024 (ibcontroller: with its unit, 1024m).", CREATE_ANEW),
    explains=DID_NOT_START,
    remedy_reason="a restart keeps the wrong value",
    next_command="docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' {name} | grep JAVA_HEAP_SIZE",
)
def heap_invalid(case: Case) -> Proof | None:
    # gnzsnz common.sh:131-141: appended to -Xmx with an m
    heap = case.variable("JAVA_HEAP_SIZE")
    read = case.family is not None and case.family.variable("java_heap_mb") == "JAVA_HEAP_SIZE"
    refused = _not_up(case) and read and bool(heap) and not re.fullmatch(r"\d+", heap)
    if not case.says("config.heap_invalid") and not refused:
        return None
    name, example = case.own_name("JAVA_HEAP_SIZE") or "JAVA_HEAP_SIZE", _heap_example(case)
    asked = name if case.saved_log else f"{name}={case.variable(name)}"
    return Proof(
        f"{asked} is not in the form that the image takes, as in {name}={example}",
        (case.quote("health", _as_set(case, name)), *case.log_quotes(1)),
        (f"Set it as in {name}={example} (1024 megabytes).", CREATE_ANEW),
    )


def _heap_example(case: Case) -> str:
    """A heap as the gateway's image takes it."""
    return case.family.written("java_heap_mb", 1024) if case.family else "1024"


@dataclass(frozen=True)
class Unfit:
    """A setting with a value that the image does not take, and who told it."""

    name: str
    value: str
    allowed: str
    wrong: Wrong
    source: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@finding(
    "config.value_invalid",
    severity="down",
    remedy="ask_person",
    title="A setting has a value that the image does not take",
    meaning=(
        "A setting has a value that the controller or the start script does not take. Some end the process (exit code 81, or 3 for the"
        " second factor action); others are ignored in silence, like a restart time that is not of the form hh:mm AM; of others something"
        " else is made than was asked for. What each image takes is in docs/variables.md."
    ),
    fix=(
        "The evidence names the setting. Correct it where the container is defined (times: 11:59 PM, with one blank and no quotes).",
        CREATE_ANEW,
    ),
    explains=DID_NOT_START,
    remedy_reason="a restart keeps the wrong value",
    next_command="docker logs --tail 100 {name}",
    audits="Every setting has a value that the image takes.",
)
def value_invalid(case: Case) -> Answer:
    refused, unfit = _refused_at_start(case, "config.value_invalid"), [*_unfit_settings(case), *_unfit_variables(case)]
    up = case.running or case.run.state in LOGGED_IN
    if unfit:
        return _unfit(case, unfit, up, refused)
    if refused:
        return Proof(
            f"a setting has a value that is {'ignored' if up else 'refused'}",
            case.log_quotes() + (case.container_quotes() if _not_up(case) else ()),
            severity="degraded" if up else None,
        )
    if case.family is None:
        return NotKnown("the image is of no family that is known here")
    if case.gateway.container.id is None and not (case.log and case.log.settings):
        return NotKnown("neither the container's environment nor the controller's settings were seen")
    return Passed(f"{case.family.name} takes every value that was set")


def _unfit(case: Case, unfit: Sequence[Unfit], up: bool, refused: bool) -> Proof:
    ends = not up and (refused or any(each.wrong.manner == "refused" for each in unfit))
    # Which mode then runs is left to chance, or to whoever logged in last.
    mode = case.family is not None and case.family.variable("trading_mode") in [each.name for each in unfit]
    more = f", and {len(unfit) - 1} more" if len(unfit) > 1 else ""
    return Proof(
        f"{unfit[0]} is not taken: {unfit[0].wrong.effect}{more}",
        (
            *(case.quote(each.source, f"{each}: {each.wrong.effect}") for each in unfit),
            *(case.log_quotes(1) if refused else ()),
            *(case.container_quotes() if _not_up(case) else ()),
        ),
        (
            *(f"Correct {each.name} where the container is defined; allowed is {each.allowed}." for each in unfit),
            CREATE_ANEW,
        ),
        severity=None if ends or mode else "degraded",
        change=Change(", ".join(f"{each.name}=<{each.allowed}>" for each in unfit)),
        in_own_names=True,
    )


def _unfit_settings(case: Case) -> Iterator[Unfit]:
    """What IBC says that it goes by; of the variables only those with the same value are to be changed."""
    for key, value in _dumped(case).items():
        known = KEYS.get(key)
        if known and known.wrong and value not in (SET, "***") and not known.form.takes(value):
            own = case.family.variables.items() if case.family else ()
            name = next((name for name, other in own if other.key == key and case.variable(name) == value), key)
            yield Unfit(name, value, known.form.allowed, known.wrong, "log")


def _unfit_variables(case: Case) -> Iterator[Unfit]:
    """What the environment sets, unless the controller itself says what it goes by."""
    family, environment, dumped = case.family, case.gateway.container.environment, _dumped(case)
    for name in case.variables_given if family else ():
        known, value = family.variables.get(name) if family else None, case.variable(name)
        if (
            known is None
            or known.wrong is None
            or known.kind != "plain"
            or known.key in dumped
            or known.form.takes(value)
        ):
            continue
        if family and family.reads(name, environment) and not _told_elsewhere(case, family, name):
            yield Unfit(name, value, known.form.allowed, known.wrong, "health")


def _dumped(case: Case) -> dict[str, str]:
    """The settings that IBC says to have, those that are not empty."""
    settings = case.log.settings if case.log and case.of_controller("ibc") else {}
    return {key: value for key, value in settings.items() if value not in ("", EMPTY)}


def _told_elsewhere(case: Case, family: Family, name: str) -> bool:
    """A finding of its own says that this variable ended the start."""
    rules = {family.variable("trading_mode"): trading_mode_invalid, family.variable("java_heap_mb"): heap_invalid}
    return name in rules and isinstance(rules[name](case), Proof)


@finding(
    "config.file_missing",
    severity="down",
    remedy="ask_person",
    title="A configuration file is missing",
    meaning=(
        "config.ini or the vmoptions file is not there. With a custom configuration (CUSTOM_CONFIG=yes) the image makes none itself and"
        " expects yours to be mounted; a volume over the program directory hides what the image brought."
    ),
    fix=(
        "See what is mounted where: docker inspect --format '{{json .Mounts}}' {name}",
        "Mount the file that is missing, or remove CUSTOM_CONFIG so that the image writes its own.",
    ),
    explains=(*DID_NOT_START, "config.credentials_missing"),
    remedy_reason="a restart does not bring the file",
    next_command="docker inspect --format '{{json .Mounts}}' {name}",
)
def file_missing(case: Case) -> Proof | None:
    if not _refused_at_start(case, "config.file_missing"):
        return None
    return Proof(
        "a configuration file is missing", case.log_quotes() + (case.container_quotes() if _not_up(case) else ())
    )


@finding(
    "config.settings_unwritable",
    severity="down",
    remedy="ask_person",
    title="The gateway can not write its settings",
    meaning=(
        "The settings directory, or jts.ini in it, can not be written: it belongs to another user than the gateway's (uid 1000), is mounted"
        " read-only, its parent does not exist, or a directory stands where a file should. The gateway ends at its start."
    ),
    fix=(
        "Find the directory: docker inspect --format '{{json .Mounts}}' {name}, and TWS_SETTINGS_PATH in the container's environment.",
        "On {machine}, give it to the gateway's user: chown -R 1000:1000 <source of the mount>; its parent must exist.",
        START_BY_HAND,
    ),
    explains=(*DID_NOT_START, "login.looping"),
    remedy_reason="a restart can not write either",
    next_command="docker inspect --format '{{json .Mounts}}' {name}",
)
def settings_unwritable(case: Case) -> Proof | None:
    mount = _settings_mount(case)
    locked = mount is not None and mount.writable_by_gateway is False
    # What was stopped or killed, or came as far as a login, did not end for it.
    otherwise = (case.run.problem or "").startswith(("login.", "twofa.", "container."))
    gave_up = _not_up(case) and case.gateway.container.exit_code not in (0, 130, 137, 143) and not otherwise
    if not _refused_at_start(case, "config.settings_unwritable") and not (locked and gave_up):
        return None
    container = case.container_quotes() if _not_up(case) else ()
    if mount is None:
        return Proof("the gateway can not write its settings", case.log_quotes() + container)
    seen = f"{mount.source} on {mount.target}" + (": not writable by the gateway" if locked else "")
    return Proof(
        f"the gateway can not write its settings in {mount.target}",
        (*case.log_quotes(1), case.quote("health", seen), *container),
        (_make_writable(mount), _start_after(case)),
    )


def _settings_mount(case: Case) -> Mount | None:
    """What is mounted where the gateway keeps its settings, unless it can be written; a remote user may not see whether."""
    settings = PurePosixPath(case.variable("TWS_SETTINGS_PATH"))
    above = [one for one in case.gateway.container.mounts if one.target and settings.is_relative_to(one.target)]
    nearest = max(above, key=lambda mount: len(mount.target or ""), default=None)
    return None if nearest is None or nearest.writable_by_gateway else nearest


def _make_writable(mount: Mount) -> str:
    if mount.read_only:
        return f"Where the container is defined, mount {mount.target} without read-only (:ro), and create it anew: {{recreate}}"
    return (
        "On {machine}, give it to the gateway's user, whose uid is 1000: sudo chown -R 1000:1000"
        f" {shlex.quote(quote(mount.source or ''))}"
    )


def _start_after(case: Case) -> str:
    """A container that Docker starts again needs nobody for it, but may ask somebody for a second factor."""
    if case.gateway.container.status == "restarting":
        return "Docker then starts it by itself within a minute, and it logs in: for a live account have the phone at hand."
    return START_BY_HAND
