# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The strategy of the second factor: which one is asked for, for how long, and what follows when nobody answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, InEffect, Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.written import (
    NOT_TOLD,
    change_of,
    of_no_live_account,
    unread,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)

#: What asking again costs: no advice without it.
PRICE = "; a choice, for to ask again costs a push every few minutes until somebody approves"


@finding(
    "config.relogin_off",
    severity="advice",
    remedy="ask_person",
    title="A push that nobody approves leaves a dead gateway",
    meaning=(
        "When the prompt for the second factor expires, the gateway stays logged out until a person restarts it. With IBC it is"
        " RELOGIN_AFTER_TWOFA_TIMEOUT=yes that has it ask again; TWOFA_TIMEOUT_ACTION=restart alone does nothing, because without the"
        " other the exit that it would act on never comes. Both choices have a price. Off: somebody has to notice, so wire up the"
        " alerting. On: one push every few minutes, the whole night if need be; IBKR counts each that expires as a failed login, and after"
        " several stops sending them or has the user wait."
    ),
    fix=(
        "Decide. To have it ask again set RELOGIN_AFTER_TWOFA_TIMEOUT=yes where the container is defined; the price is a push every few"
        " minutes, without limit, until somebody approves, each counted as a failed login. ibgw.ops.recover on a schedule stops it after"
        " five.",
        "To leave it off have somebody alerted by a diagnosis on a schedule, and accept this row with that reason.",
    ),
    audits="A push that nobody approves is followed by another.",
)
def relogin_off(case: Case) -> Answer:
    aside = _asks_nobody(case)
    if aside:
        return aside
    if case.of_controller("ibga"):
        return Passed("it asks again by itself whenever a prompt has expired, without limit")
    again = case.in_effect("ReloginAfterSecondFactorAuthenticationTimeout", "RELOGIN_AFTER_TWOFA_TIMEOUT")
    action = case.in_effect("", "TWOFA_TIMEOUT_ACTION")
    evidence = (
        *(each.shown for each in (again, action) if each),
        *unread(case, "RELOGIN_AFTER_TWOFA_TIMEOUT"),
        *unread(case, "TWOFA_TIMEOUT_ACTION"),
    )
    if case.asks_again:
        return Passed("it asks again, with a push every few minutes until somebody approves", evidence)
    if again is None and case.asks_again is None:
        return NotKnown(NOT_TOLD)
    if _ends_over_it(case, action):
        return _left_to_docker(case, evidence)
    in_vain = action is not None and action.value == "restart" and case.of_controller("ibc")
    # IBC LoginManager.java:105-156: code 1111, on which the action acts, is raised only where it logs in again
    alone = "; TWOFA_TIMEOUT_ACTION=restart alone does nothing" if in_vain else ""
    return Proof(
        f"a push that nobody approves leaves it logged out until somebody restarts it{alone}{PRICE}",
        evidence,
        change=change_of(case, "relogin_after_second_factor_timeout", True),
    )


def _ends_over_it(case: Case, action: InEffect | None) -> bool:
    """Whether the container ends when a prompt has expired (ibcontroller: 75, ibg-controller: 3)."""
    told_to = action is not None and action.value == "exit"
    return case.of_controller("ibcontroller") or (case.of_controller("ibg-controller") and told_to)


def _left_to_docker(case: Case, evidence: tuple[Quote, ...]) -> Answer:
    policy = case.gateway.container.restart_policy
    if policy is None:
        return NotKnown("it ends when a push has expired, and Docker's restart policy was not seen")
    evidence = (*evidence, case.quote("health", f"restart policy {policy}"))
    if policy.startswith(("always", "unless-stopped", "on-failure")):
        return Passed(
            "it ends when a push has expired, and Docker starts it again, with a new push each time", evidence
        )
    return Proof(
        f"a push that nobody approves ends it, and Docker does not start it again{PRICE}",
        evidence,
        change=change_of(case, "relogin_after_second_factor_timeout", True),
    )


@finding(
    "config.second_factor_device",
    severity="advice",
    remedy="ask_person",
    title="The second factor's device is not one that the controller can use",
    meaning=(
        "A user with several second factors is shown a list, and no push is sent before one is chosen. The controller chooses what"
        " TWOFA_DEVICE names, letter by letter as the list has it. With one second factor there is no list, until somebody adds another."
        " IBC and ibcontroller wait for a push to be approved; they type no codes."
    ),
    fix=(
        "Set TWOFA_DEVICE to the entry as the list has it, for example: IB Key",
        "Or leave the gateway's user one second factor only, IB Key (Client Portal, Secure Login System).",
    ),
    audits="The second factor that is asked for is one that the controller can use.",
)
def second_factor_device(case: Case) -> Answer:
    aside = _asks_nobody(case)
    if aside:
        return aside
    device = case.in_effect("SecondFactorDevice", "TWOFA_DEVICE")
    named = device.value if device else ""
    evidence = ((device.shown,) if device else ()) + unread(case, "TWOFA_DEVICE")
    change = change_of(case, "second_factor_device", "IB Key")
    if case.says("twofa.device_not_chosen"):
        summary = f"the list of second factors was shown, and {named or 'nothing'} could be chosen"
        return Proof(
            summary.replace("nothing could", "no device could"), (*evidence, *case.log_quotes()), change=change
        )
    if re.search(r"authenticator|card|sms|code|passkey", named, re.IGNORECASE):
        return Proof(f"{named} wants a typed code or a key, which this controller never gives", evidence, change=change)
    if named:
        return Passed(f"it chooses {named}", evidence)
    asked = case.log is not None and bool(case.log.history.twofa_prompts) and bool(case.log.history.last_full_login_at)
    if asked:
        return Passed("no device is named, and the last prompt came without a list to choose from", evidence)
    return NotKnown("no device is named, which does for a user with one second factor; how many it has can not be seen")


@dataclass(frozen=True)
class _Time:
    """A time that the controller gives the second factor: as IBC's file and as gnzsnz has it, the least that does, and what less loses."""

    key: str
    variable: str
    least: int
    lost: str
    #: Whether it runs only where the controller logs in again by itself (IBC LoginManager.java:105-156).
    if_again: bool = False


_GIVES_UP = "IBKR still takes an approval when the controller has given up"
_TIMES = {
    "ibc": (
        _Time("SecondFactorAuthenticationTimeout", "", 180, "IBKR still takes an approval that counts as expired"),
        _Time(
            "SecondFactorAuthenticationExitInterval",
            "TWOFA_EXIT_INTERVAL",
            60,
            "a slow login after the approval is ended",
            if_again=True,
        ),
    ),
    "ibcontroller": (
        _Time("", "IBC_MFA_TIMEOUT", 180, _GIVES_UP),
        _Time("", "TWOFA_EXIT_INTERVAL", 60, "pushes follow each other sooner than IBKR forgets them", if_again=True),
    ),
    "ibg-controller": (_Time("", "TWOFA_EXIT_INTERVAL", 120, _GIVES_UP),),
}


@finding(
    "config.second_factor_times",
    severity="advice",
    remedy="ask_person",
    title="The controller does not wait as long as the second factor takes",
    meaning=(
        "A push can be approved for about three minutes, and a slow machine takes up to a minute more to complete the login. A controller"
        " that waits for less ends a login that somebody has approved, and each new one is a new push. With IBC the time after the approval"
        " is TWOFA_EXIT_INTERVAL (60 unless set), and counts only where it logs in again by itself; with ibg-controller the same name is"
        " the time for the approval itself."
    ),
    fix=("Raise it where the container is defined, or leave it out: the default does.",),
    audits="The controller waits as long as an approval and the login after it take.",
)
def second_factor_times(case: Case) -> Answer:
    aside = _asks_nobody(case)
    if aside:
        return aside
    if case.of_controller("ibga"):
        return NotApplicable("its image has no such setting")
    told = list(_seconds(case))
    short = [(each, setting) for each, setting in told if float(setting.value or each.least) < each.least]
    if not told:
        return NotKnown(NOT_TOLD)
    if not short:
        return Passed("nothing is below what an approval takes", tuple(setting.shown for _each, setting in told))
    each, setting = short[0]
    name = setting.shown.quote.partition("=")[0]
    return Proof(
        f"{name} is {setting.value} s: {each.lost}",
        tuple(setting.shown for _each, setting in short),
        change=_raised(case, [each for each, _setting in short]),
    )


def _seconds(case: Case) -> Iterator[tuple[_Time, InEffect]]:
    """What is known of the times that count here."""
    for controller, times in _TIMES.items():
        for each in times if case.of_controller(controller) else ():
            setting = case.in_effect(each.key, _variable(case, each))
            counts = case.asks_again or not each.if_again
            if counts and setting and re.fullmatch(r"\d{0,6}(\.\d+)?", setting.value):
                yield each, setting


def _variable(case: Case, each: _Time) -> str:
    """Its variable; some images have one for each key of IBC's file."""
    prefix = case.family.build.prefix if case.family else None
    return f"{prefix}{each.key}" if prefix and each.key else each.variable


def _raised(case: Case, times: Sequence[_Time]) -> Change:
    words = ", ".join(f"{each.key}: '{each.least}'" for each in times if each.key)
    return Change(
        ", ".join(_as_written(case, each) for each in times), f"controller_settings: {{{words}}}" if words else None
    )


def _as_written(case: Case, each: _Time) -> str:
    variable = case.own_name(_variable(case, each)) or ""
    if not variable or not (case.family or GNZSNZ_IBC).reads(variable, case.gateway.container.environment):
        return f"{each.key}={each.least} in its controller's configuration file"
    return f"{variable}={each.least}"


def _asks_nobody(case: Case) -> NotApplicable | NotKnown | None:
    """Why the second factor of this gateway is no matter of a person's; None where one is asked."""
    if case.endpoint != "live":
        return of_no_live_account(case, "a paper login has no second factor")
    return NotApplicable("the controller types the codes itself") if _types_codes(case) else None


def _types_codes(case: Case) -> bool:
    """The controller has the key of the codes, and is not told to have a push approved instead."""
    words = case.family.words if case.family else {}
    key, factor = words.get("totp_key"), words.get("second_factor")
    named = filter(None, (*key.variables, key.file)) if isinstance(key, Setting) else ()
    if not any(case.setting("", name) for name in named):
        return False
    if not isinstance(factor, Setting) or not factor.variables or not factor.choices:
        return True
    return case.setting("", factor.variables[0]) != factor.choices["push"]
