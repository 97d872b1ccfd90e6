# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the start script or the controller refuses, so that the gateway does not come up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Lacking, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FILE_VARIABLES
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import LOGGED_IN, Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.files import (
    Trouble,
    configuration_troubles,
    named_by_variable,
    read_secrets,
    scratch_troubles,
    secret_troubles,
    settings_troubles,
    suspected_settings,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.values import Unfit, unfit_values
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CREATE_ANEW,
    DID_NOT_START,
    START_BY_HAND,
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)

MODES = ("paper", "live", "both")

# ibcontroller ends so over any configuration that it can not use (ibcontroller cli.py).
_BAD_CONFIGURATION = 78

# Families whose start script ends over a secret that is given by value and by file (gnzsnz common.sh:45-61).
_EXCLUSIVE = ("gnzsnz-ibc", "ibg-controller")

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

SET_BY_HAND = "Set it once in the window (VNC: Configure, Settings), with the settings directory on a volume."
FITTING_IMAGE = "Use an image whose controller and gateway belong together: a newer release of the same image."

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
    audits="No secret is given twice.",
)
def credentials_conflict(case: Case) -> Answer:
    # gnzsnz common.sh:45-61: set and not empty, both: exit code 1
    twice = _given_twice(case)
    words = ", ".join(f"{name} and {name}_FILE" for name in twice) or "a variable and its _FILE variant"
    gave_up = _start_script_gave_up(case, *_EXCLUSIVE) and bool(twice)
    if case.says("config.credentials_conflict") or gave_up:
        return Proof(f"{words} are both set", (case.quote("health", f"both set: {words}"), *case.log_quotes(1)))
    if case.family is None or case.family.name not in _EXCLUSIVE:
        return NotApplicable("this image does not refuse a secret that is given twice")
    if not twice:
        return Passed("no secret is given both by value and by file")
    if case.running:
        return NotKnown(f"{words} are both set, and it runs: a script of its own may take one away")
    return Proof(f"{words} are both set", (case.quote("health", f"both set: {words}"),), severity="advice")


def _given_twice(case: Case) -> list[str]:
    """The variables that are set beside their file; in mode both the paper half gets its own over what the live half was given."""
    family, environment = case.family, case.gateway.container.environment
    if family is None:
        return [name for name in environment if case.variable(name) and case.variable(f"{name}_FILE")]
    read = {name for name in environment if case.variable(name) and family.reads(name, environment)}
    both = [name for name in sorted(read) if f"{name}_FILE" in read]
    # gnzsnz run.sh:166-172 over common.sh:49: what only the other form of the paper password takes away stays set
    live, paper = "TWS_PASSWORD", "TWS_PASSWORD_PAPER"
    crossed = {live, f"{paper}_FILE"} <= read or {f"{live}_FILE", paper} <= read
    return both or ([live] if crossed and case.mode == "both" else [])


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
    audits="The gateway can read its secret files, and what is in them.",
)
def secret_unreadable(case: Case) -> Answer:
    troubles = secret_troubles(case)
    over_refused = any(one.refused for one in troubles) and _start_script_gave_up(case, *_EXCLUSIVE)
    over_nothing = any(not one.refused for one in troubles) and case.shows("config.credentials_missing")
    if case.says("config.secret_unreadable") or over_refused or over_nothing:
        return _proof(case, troubles, "a secret file can not be read in the container")
    if troubles:
        return _at_next_start(case, troubles)
    seen = read_secrets(case)
    if not seen:
        return _nothing_seen(case, "no secret is given in a file")
    return Passed(f"the gateway can read {' and '.join(map(named_by_variable, seen))}")


def _proof(case: Case, troubles: Sequence[Trouble], otherwise: str) -> Proof:
    """The gateway failed on it: what is wrong with its files, or only what the log says."""
    container = case.container_quotes() if _not_up(case) else ()
    if not troubles:
        return Proof(otherwise, case.log_quotes() + container)
    return Proof(
        _said(troubles),
        (*case.log_quotes(1), *(one.quote(case) for one in troubles), *container),
        (*(one.fix for one in troubles), _start_after(case)),
    )


def _at_next_start(case: Case, troubles: Sequence[Trouble]) -> Proof:
    """It has not failed on it, and will."""
    return Proof(
        f"{_said(troubles)}: it matters at the next start",
        tuple(one.quote(case) for one in troubles),
        tuple(one.fix for one in troubles),
        severity="advice",
        remedy_reason="nothing is wrong before the next start",
    )


def _said(troubles: Sequence[Trouble]) -> str:
    return " and ".join(f"{one.path} {one.why}" for one in troubles)


def _nothing_seen(case: Case, otherwise: str) -> NotKnown | NotApplicable:
    """Why a rule on files has nothing to say of them."""
    if case.family is None:
        return NotKnown("what files this image reads is not known")
    asked = any(name in FILE_VARIABLES and case.variable(name) for name in case.gateway.container.environment)
    return NotKnown("the container's files could not be looked at") if asked else NotApplicable(otherwise)


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
    audits="User name and password reach the controller.",
)
def credentials_missing(case: Case) -> Answer:
    # IBC DefaultSettings.java:70-82: a secret that is set shows as ***, an empty one as nothing
    settings = case.log.settings if case.log else {}
    told = [key for key in ("IbLoginId", "IbPassword") if key in settings]
    empty = [key for key in told if not case.setting(key, key)]
    of_two = case.log is not None and len(case.log.instances) > 1  # the settings are of either
    waits = case.state == "login_window" and bool(empty) and not of_two
    of_ibc = case.family is None or case.family.controller == "ibc"
    steps = SET_PAPER_CREDENTIALS if of_two and case.endpoint == "paper" else SET_CREDENTIALS
    if case.says("config.credentials_missing") or waits:
        return Proof(
            f"{' and '.join(empty) or 'user name or password'} reached the controller empty",
            case.log_quotes() + tuple(case.quote("log", f"{key}={settings[key]}") for key in empty),
            (SEE_EMPTY, *steps) if of_ibc else steps,
        )
    if case.serving or case.run.state in LOGGED_IN:
        return Passed("it is logged in", case.log_quotes(1))
    if len(told) == 2 and not empty and not of_two:
        return Passed(f"{' and '.join(told)} reached the controller")
    return _credentials_by_environment(case, steps)


def _credentials_by_environment(case: Case, steps: tuple[str, ...]) -> Answer:
    """What the environment alone decides: a script or a file of the operator's own may give more."""
    family, environment = case.family, case.gateway.container.environment
    elsewhere = NotKnown("the credentials come from elsewhere than the container's variables")
    if family is None or family.brings_configuration(environment):
        return elsewhere
    words = (
        ("paper_user", "paper_password") if case.mode == "both" and case.endpoint == "paper" else ("user", "password")
    )
    lacking = [name for word in words if (name := _not_given(case, family.words[word]))]
    if not lacking:
        return Passed("user name and password are given")
    own_start = any(mark.startswith("its command runs") for mark in case.gateway.family.because)
    if not own_start or case.gateway.deployment:
        return elsewhere
    said = f"{' and '.join(lacking)} not set, nor in a file"
    if case.running and case.state != "login_window":
        return NotKnown(said)
    evidence = (case.quote("health", said), *case.log_quotes(1))
    return Proof(said, evidence, steps, severity=None if case.running else "advice")


def _not_given(case: Case, setting: Setting | Lacking) -> str | None:
    """The variable that a word would be in, where neither it nor its file is set."""
    if not isinstance(setting, Setting) or not setting.variables:
        return None
    given = any(case.variable(name) for name in (*setting.variables, setting.file or ""))
    return None if given else setting.variables[0]


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
    refused = _refused_at_start(case, "config.value_invalid")
    unfit = [each for each in unfit_values(case) if not _told_elsewhere(case, each.name)]
    up = case.running or case.run.state in LOGGED_IN
    if unfit:
        return _unfit(case, unfit, up, refused)
    if refused:
        return Proof(
            f"a setting has a value that is {'ignored' if up else 'refused'}",
            case.log_quotes() + (case.container_quotes() if _not_up(case) else ()),
            severity="degraded" if up else None,
        )
    return _without_effect(case) or _fit(case)


def _unfit(case: Case, unfit: Sequence[Unfit], up: bool, refused: bool) -> Proof:
    ends = not up and (refused or any(each.wrong.manner == "refused" for each in unfit))
    # Which mode then runs is left to chance, or to whoever logged in last.
    mode = case.family is not None and case.family.variable("trading_mode") in [each.name for each in unfit]
    as_meant = case.declared is not None and case.served and case.declared.trading_mode == case.api.account_mode
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
        severity=None if ends or (mode and not as_meant) else "degraded",
        change=Change(", ".join(f"{each.name}={each.meant or f'<{each.allowed}>'}" for each in unfit)),
        in_own_names=True,
    )


def _told_elsewhere(case: Case, name: str) -> bool:
    """A finding of its own says that this variable ended the start."""
    words = {"trading_mode": trading_mode_invalid, "java_heap_mb": heap_invalid}
    rules = {case.family.variable(word): rule for word, rule in words.items()} if case.family else {}
    return name in rules and isinstance(rules[name](case), Proof)


def _fit(case: Case) -> Answer:
    if case.family is None:
        return NotKnown("the image is of no family that is known here")
    if case.gateway.container.id is None and not (case.log and case.log.settings):
        return NotKnown("neither the container's environment nor the controller's settings were seen")
    return Passed(f"{case.family.name} takes every value that was set")


def _without_effect(case: Case) -> Proof | None:
    unapplied = case.told("setting_not_applied", case.run.run_started_at)
    if unapplied is None:
        return _no_cold_restart(case)
    return Proof(
        "a setting was not applied: the controller did not find where to set it",
        (unapplied,),
        (SET_BY_HAND, FITTING_IMAGE),
        severity="advice",
        remedy_reason="the gateway works, with the setting that it has",
    )


def _no_cold_restart(case: Case) -> Proof | None:
    """The script of IBC 3.20 does not start the gateway again after a cold restart on Sunday (IBC issues 273, 299)."""
    release = (case.log.controller.version if case.log else None) or ""
    at = case.setting("ColdRestartTime", "TWS_COLD_RESTART")
    if not (case.alive and case.of_controller("ibc") and release.startswith("3.20.") and at):
        return None
    return Proof(
        f"with IBC {release} the cold restart on Sunday at {at} is none: it ends, and does not start again",
        (case.quote("log", f"IBC {release}, ColdRestartTime={at}"),),
        (
            "Use an image with IBC 3.21 or newer.",
            "For a restart every day use AUTO_RESTART_TIME: a cold restart comes on Sundays only.",
        ),
        severity="advice",
        remedy_reason="nothing is wrong before Sunday",
    )


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
        "Mount what is missing where the container is defined.",
        "Or remove CUSTOM_CONFIG, so that the image writes its own.",
    ),
    explains=(*DID_NOT_START, "config.credentials_missing"),
    remedy_reason="a restart does not bring the file",
    next_command="docker inspect --format '{{json .Mounts}}' {name}",
    audits="A configuration of one's own is where the controller looks for it.",
)
def file_missing(case: Case) -> Answer:
    troubles = configuration_troubles(case)
    container = case.gateway.container
    if _refused_at_start(case, "config.file_missing"):
        return _proof(case, troubles, "a configuration file is missing")
    if troubles:
        return _at_next_start(case, troubles)
    if case.family is None:
        return NotKnown("whether the operator brings the configuration is not known of this image")
    if not case.family.brings_configuration(container.environment):
        return NotApplicable("the image writes the controller's configuration itself")
    seen = [one.path or "" for one in case.of_endpoint(container.configuration) if one.kind]
    return (
        Passed(f"{' and '.join(seen)} is there") if seen else NotKnown("the container's files could not be looked at")
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
        "On {machine}, give it to the gateway's user (1000:1000 in gnzsnz, 2000:2000 in ibga): sudo chown -R <user> <source of the mount>;"
        " its parent must exist.",
        START_BY_HAND,
    ),
    explains=(*DID_NOT_START, "login.looping"),
    remedy_reason="a restart can not write either",
    next_command="docker inspect --format '{{json .Mounts}}' {name}",
    audits="The gateway can write its settings.",
)
def settings_unwritable(case: Case) -> Answer:
    troubles = settings_troubles(case)
    if _not_up(case) and case.gateway.container.exit_code == _BAD_CONFIGURATION and case.run.problem is None:
        troubles += scratch_troubles(case)
    # What was stopped or killed, or came as far as a login, did not end for it.
    otherwise = (case.run.problem or "").startswith(("login.", "twofa.", "container."))
    gave_up = _not_up(case) and case.gateway.container.exit_code not in (0, 130, 137, 143) and not otherwise
    if _refused_at_start(case, "config.settings_unwritable") or (troubles and gave_up):
        return _proof(case, troubles or suspected_settings(case), "the gateway can not write its settings")
    if troubles:
        return _at_next_start(case, troubles)
    seen = [one for one in case.of_endpoint(case.gateway.container.settings) if one.writable_by_gateway]
    if not seen:
        return NotKnown("whether the gateway's user can write to its settings directory could not be seen")
    return Passed(f"the gateway's user can write to {' and '.join(one.path or '' for one in seen)}")


def _start_after(case: Case) -> str:
    """A container that Docker starts again needs nobody for it, but may ask somebody for a second factor."""
    if case.gateway.container.status == "restarting":
        return "Docker then starts it by itself within a minute, and it logs in: for a live account have the phone at hand."
    return START_BY_HAND
