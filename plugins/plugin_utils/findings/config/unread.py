# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was meant for another image: variables, mounts and a controller that this one does not go by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import TEXT
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.start import (
    MODES,
    credentials_missing,
    trading_mode_invalid,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CREATE_ANEW,
    CREATE_AT_A_GOOD_TIME,
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.foreign import Foreign, foreign

#: The switches of the image of ibg-controller, the newer first; it runs IBC unless one of them is yes (docker/run.sh).
SWITCHES = ("USE_IBG_CONTROLLER", "USE_PYATSPI2_CONTROLLER")

# States in which nothing was typed yet, or nothing is any more.
_NOT_TYPED = (None, "ended", *(state for state, rank in RANK.items() if rank < RANK["submitted"]))

# So many are named in a summary and in steps; what is set in bulk says the same over and over.
_NAMED = 8


@finding(
    "config.controller_off",
    severity="degraded",
    remedy="ask_person",
    title="The image's own controller is switched off",
    meaning=(
        "The image of ibg-controller runs its controller only with USE_IBG_CONTROLLER=yes. Without it the same image runs IBC: nobody"
        " types the code of TWOFACTOR_CODE, its health service and commands do not exist, and its health check fails for ever."
    ),
    fix=("Set USE_IBG_CONTROLLER=yes where the container is defined (in YAML quoted: 'yes').", CREATE_AT_A_GOOD_TIME),
    explains=("container.unhealthy", "twofa.code_required", "twofa.timed_out"),
    remedy_reason="only a person knows which of the two controllers was meant",
    next_command="docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' {name} | grep USE_",
    audits="An image with a controller of its own runs that controller.",
)
def controller_off(case: Case) -> Answer:
    if case.family is None or case.family.name != "ibg-controller":
        return NotApplicable("its image has one controller only")
    if case.gateway.container.id is None:
        return NotKnown("the container's environment was not seen")
    if any(case.variable(switch) == "yes" for switch in SWITCHES):
        return Passed("its own controller is switched on")
    told = case.log.controller.name if case.log else None
    if told not in (None, "IBC"):
        return Passed(f"its log is one of {told}")
    shown = next((f"{switch}={case.variable(switch)}" for switch in SWITCHES if case.variable(switch)), "")
    code = case.variable("TWOFACTOR_CODE") or case.variable("TWOFACTOR_CODE_FILE")
    for_want_of_it = code and any(case.says(problem) for problem in ("twofa.code_required", "twofa.timed_out"))
    return Proof(
        "the image runs IBC in the place of its own controller"
        + (", so that nobody types the code of the second factor" if code else ""),
        (
            case.quote("health", shown or f"{SWITCHES[0]} is not set"),
            *((case.quote("log", f"the log is one of {told}"),) if told else ()),
        ),
        severity="down" if for_want_of_it else None,
        change=Change(f"{SWITCHES[0]}=yes"),
        in_own_names=True,
    )


@finding(
    "config.foreign_variable",
    severity="advice",
    remedy="ask_person",
    title="A variable is set that this image does not read",
    meaning=(
        "A variable belongs to another image or to another generation of this one, is misspelt, or is not read with what else is set. No"
        " image says so: it ignores the variable. Where it was to set the user, the password or the trading mode, the gateway does not"
        " start, or runs in another mode than was asked for: that is down, all else is advice."
    ),
    fix=(
        "The evidence names each variable, and what this image calls it. Rename it where the container is defined, or remove it.",
        CREATE_AT_A_GOOD_TIME,
    ),
    explains=("config.credentials_missing", "config.trading_mode_invalid", "twofa.code_required"),
    remedy_reason="a name changes only with a new container",
    next_command="docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' {name} | grep -oE '^[A-Za-z0-9_]+'",
    audits="Every variable that is set is one that the image reads.",
)
def foreign_variable(case: Case) -> Answer:
    family = case.family
    if case.gateway.container.id is None:
        return NotKnown("the container's environment was not seen")
    if family is None:
        return NotKnown("the image is of no family that is known here")
    if isinstance(controller_off(case), Proof):
        return NotApplicable("the image runs IBC in the place of its own controller, see config.controller_off")
    environment = case.gateway.container.environment
    seen = (foreign(name, family, environment) for name in case.variables_given)
    strangers = tuple(each for each in seen if each)
    if not strangers:
        return Passed(f"{family.name} reads every variable that was set")
    grave = _wrong_mode(case, family, strangers) or _no_login(case, family, strangers)
    summary, first = grave or (f"not read by {family.name}: {_names(strangers)}", ())
    return Proof(
        summary,
        tuple(case.quote("health", str(each)) for each in strangers[:_NAMED]),
        (
            *first,
            *(_step(each, case, family) for each in strangers[:_NAMED]),
            CREATE_ANEW if grave else CREATE_AT_A_GOOD_TIME,
        ),
        severity="down" if grave else None,
        change=Change(", ".join(_change(each, case, family) for each in strangers[:_NAMED])),
        in_own_names=True,
    )


def _names(strangers: Iterable[Foreign]) -> str:
    names = [each.name for each in strangers]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _step(stranger: Foreign, case: Case, family: Family) -> str:
    if stranger.here is None:
        return f"Remove {stranger.name}: it {stranger.why}."
    form = family.variables[stranger.here].form
    as_wanted = "" if form is TEXT else f" (allowed is {form.allowed})"
    if _is_set(stranger, case, family):
        as_wanted += f", or remove it where {stranger.here}, which is set too, has the right value"
    return f"Rename {stranger.name} to {stranger.here}{as_wanted}: it {stranger.why}."


def _is_set(stranger: Foreign, case: Case, family: Family) -> bool:
    """What stands for another image's variable here has a value of its own, which counts."""
    return stranger.of is not family and bool(case.variable(stranger.here or ""))


def _change(stranger: Foreign, case: Case, family: Family) -> str:
    if stranger.here is None or _is_set(stranger, case, family):
        return f"no {stranger.name}"
    mode = stranger.of.trading_mode({stranger.name: case.variable(stranger.name)}) if stranger.of else None
    choices = getattr(family.words.get(stranger.word or ""), "choices", None) or {}
    value = choices.get(mode, "") if stranger.word == "trading_mode" and mode else ""
    return f"{stranger.here}{f'={value}' if value else ''} in the place of {stranger.name}"


def _wrong_mode(case: Case, family: Family, strangers: Iterable[Foreign]) -> tuple[str, tuple[str, ...]] | None:
    """A mode was asked for in words that are not read here, and another one runs."""
    runs = _mode(case, family)
    if case.declared is not None and case.declared.trading_mode == runs:
        return None
    for each in strangers:
        asked = each.of.trading_mode({each.name: case.variable(each.name)}) if each.of else None
        if each.word == "trading_mode" and asked in ("paper", "live") and runs in ("paper", "live") and asked != runs:
            summary = f"asked for {asked} with {each.name}, which {family.name} does not read: it runs {runs.upper()}"
            return summary, ("Stop the programs that use this gateway, now.",)
    return None


def _mode(case: Case, family: Family) -> str | None:
    """The mode that runs: as the controller tells it, as the environment asks for it, or the image's own."""
    told = case.setting("TradingMode", "TRADING_MODE").lower()
    if told in MODES:
        return told
    return case.trading_mode_asked or family.mode_unless_set


def _no_login(case: Case, family: Family, strangers: Iterable[Foreign]) -> tuple[str, tuple[str, ...]] | None:
    """What a login needs was given in words that are not read here."""
    by_word: dict[str, list[Foreign]] = {}
    for each in strangers:
        by_word.setdefault(each.word or "", []).append(each)
    lost = [each for word in ("user", "password") if _unset(case, family, word) for each in by_word.get(word, ())]
    if lost and _without_credentials(case, family):
        names = " and ".join(each.name for each in lost)
        return (
            f"{names} {'is' if len(lost) == 1 else 'are'} not read by {family.name}, and nothing else is set for it",
            (),
        )
    if "trading_mode" in by_word and isinstance(trading_mode_invalid(case), Proof):
        return f"{by_word['trading_mode'][0].name} is not read by {family.name}, which so has no trading mode", ()
    if "totp_key" in by_word and by_word["totp_key"][0].here and case.says("twofa.code_required"):
        return f"{by_word['totp_key'][0].name} is not read by {family.name}, and a code is asked for", ()
    return None


def _unset(case: Case, family: Family, word: str) -> bool:
    """Nobody gave the image what the word stands for, in any of its own names."""
    setting = family.words[word]
    own = (*setting.variables, setting.file) if isinstance(setting, Setting) else ()
    return not any(name in case.variables_given for name in own)


def _without_credentials(case: Case, family: Family) -> bool:
    """No user reached the controller, or the image's own one, and no login shows that it has another."""
    user = family.variable("user")
    if user is None or not family.reads(user, case.gateway.container.environment):
        return False
    in_use = case.run.state not in _NOT_TYPED or case.serving
    return isinstance(credentials_missing(case), Proof) or bool(family.variables[user].default) or not in_use


@finding(
    "config.foreign_mount",
    severity="advice",
    remedy="ask_person",
    title="A mount does not fit this image",
    meaning=(
        "A file or directory is mounted where this image does not look, or looks only under a condition that is not met; or it lacks the"
        " place that its controller needs. What was meant by it has no effect: a config.ini of IBC is never read by ibcontroller, and one"
        " that is mounted without CUSTOM_CONFIG=yes is written over."
    ),
    fix=(
        "See what is mounted where: docker inspect --format '{{json .Mounts}}' {name}",
        "Mount it where this image looks, or leave it out, where the container is defined.",
        CREATE_AT_A_GOOD_TIME,
    ),
    remedy_reason="a mount changes only with a new container",
    next_command="docker inspect --format '{{json .Mounts}}' {name}",
    audits="Every mount leads to where the image looks.",
)
def foreign_mount(case: Case) -> Answer:
    family, container = case.family, case.gateway.container
    if container.id is None:
        return NotKnown("the container's mounts were not seen")
    if family is None:
        return NotKnown("the image is of no family that is known here")
    if not container.mounts and not family.build.scratch:
        return NotApplicable("nothing is mounted")
    unfit = [*_mounted_for_nothing(case, family), *_scratch_missing(case, family)]
    if not unfit:
        return Passed(f"{family.name} looks where something is mounted")
    return Proof(
        unfit[0][0],
        tuple(case.quote("health", seen) for seen, _change in unfit),
        change=Change(", ".join(change for _seen, change in unfit)),
        in_own_names=True,
    )


def _mounted_for_nothing(case: Case, family: Family) -> Iterable[tuple[str, str]]:
    """What is seen, and what to change."""
    environment = case.gateway.container.environment
    by_file = family.configured_by is not None and environment.get(family.configured_by[0]) == family.configured_by[1]
    written_over = () if by_file or not family.configured_by else family.configurations(environment)
    for mount in case.gateway.container.mounts:
        target = PurePosixPath(mount.target or "/")
        reason = next((why for place, why in family.unread.items() if target.is_relative_to(place)), None)
        if reason:
            yield f"{target} is mounted: {reason}", f"no mount on {target}"
        elif str(target) in written_over and family.configured_by:
            switch = "=".join(family.configured_by)
            yield f"{target} is mounted, and the start script writes over it without {switch}", switch


def _scratch_missing(case: Case, family: Family) -> Iterable[tuple[str, str]]:
    container = case.gateway.container
    in_memory = {*container.tmpfs, *(mount.target for mount in container.mounts if mount.type == "tmpfs")}
    for place in family.build.scratch if case.program == "gateway" else ():  # TWS is made without
        if place not in in_memory:
            yield f"{place} is no tmpfs: the controller's sockets lie there", f"tmpfs: {place}:mode=1777"
