# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who logs in, in which mode, for how long the session is its own, and what its clients may do."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Setting
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.written import NOT_TOLD, change_of, unread
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    Answer,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)

#: What the gateway asks when a client that wants to write comes while the API is read-only (gnzsnz issues 267, 288, 447).
WRITE_ACCESS = "API client needs write access action confirmation"
LET_IT_WRITE = (
    "Answer the window once (VNC). With the settings directory on a volume (TWS_SETTINGS_PATH) it does not come again.",
    "Let clients connect only when the log has said Configuration tasks completed: before that the API is still read-only.",
    "On arm64, 10.45.1j asks at each first start: use 10.44.1g, or a newer build.",
)


@finding(
    "config.account_mode_mismatch",
    severity="down",
    remedy="ask_person",
    title="The account is of the other kind than declared",
    meaning=(
        "The gateway is declared paper and serves a live account, or the reverse. Programs that believe they trade paper may be trading"
        " real money. Keep them away until it is mended."
    ),
    fix=(
        "Stop the programs that use this gateway, now.",
        "Compare trading_mode in the inventory, TRADING_MODE of the container, and the user that logs in: which of them is wrong?",
        "Correct it where the container is defined and create the container anew.",
    ),
    remedy_reason="only a person knows which of the two was meant",
    next_command="docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' {name} | grep TRADING_MODE",
    audits="The account is of the kind that is meant, paper or live.",
)
def account_mode_mismatch(case: Case) -> Answer:
    answers = (case.api, case.relay_inside, case.inside)
    answer = next((answer for answer in answers if answer.account_mode), case.api)
    mode, served = case.endpoint, answer.account_mode
    if mode is None:
        return NotKnown("neither inventory nor container say whether it is paper or live")
    if served is None:
        return _set_to_the_other_mode(case, mode) or NotKnown("the API has told of no account that shows its kind")
    accounts = ", ".join(answer.accounts)
    evidence = (case.quote("api", f"accounts {accounts}: {served}"), *case.api_quotes())
    if mode == served:
        return Passed(f"meant to be {mode}, and the account is a {served} account", evidence)
    return Proof(f"meant to be {mode}, but the account is a {served} account", evidence)


def _set_to_the_other_mode(case: Case, mode: str) -> Proof | None:
    """Before anybody is logged in: nobody should approve a live login on a gateway that is declared paper."""
    log_says, variable = case.setting("TradingMode", ""), case.trading_mode_asked
    other = log_says or variable
    declared = case.declared is not None and case.declared.trading_mode == mode
    if not declared or not case.alive or case.mode == "both" or other not in ("paper", "live") or other == mode:
        return None
    asked_by = case.family.variable("trading_mode") if case.family else None
    source, name = ("log", "TradingMode") if log_says else ("health", asked_by or "TRADING_MODE")
    return Proof(
        f"declared {mode}, but it is set to log in as {other}",
        (case.quote(source, f"{name}={other}"),),
        (
            "Do not approve this login before it is clear which of the two was meant.",
            "Correct trading_mode in the inventory, or TRADING_MODE and the user where the container {name} is defined.",
        ),
    )


#: As the two newer controllers read a switch.
SWITCH = {**dict.fromkeys(("yes", "true", "on", "1"), True), **dict.fromkeys(("no", "false", "off", "0"), False)}

READ_ONLY = "the API is read-only, and orders are expected of this gateway"


@finding(
    "config.read_only_api",
    severity="degraded",
    remedy="ask_person",
    title="The API is read-only, though orders are expected",
    meaning=(
        "The gateway's API is set to read-only: every order is refused with error 321. The inventory says that this gateway takes orders."
        " A gateway with new settings is read-only until it is told otherwise, and in YAML a no without quotes is no text: some tools pass"
        " it on as False, or drop it."
    ),
    fix=(
        "Set READ_ONLY_API=no (in YAML quoted: 'no') where the container is defined, and create it anew. It costs a full login.",
        "If this gateway is not meant to trade, set expect_orders: false for it in the inventory.",
    ),
    remedy_reason="a setting that changes what can be traded is a person's decision",
    next_command="docker logs --tail 200 {name}",
    audits="The API takes orders where they are expected.",
)
def read_only_api(case: Case) -> Answer:
    if case.declared is None or case.declared.expect_orders is not True:
        return NotApplicable("the inventory does not say that it takes orders (expect_orders)")
    if WRITE_ACCESS in case.run.open_windows and case.serving:
        return Proof(
            "orders wait for a click: a window asks whether a client may write", case.log_quotes(), LET_IT_WRITE
        )
    change = change_of(case, "read_only_api", False)
    refused = next((note for note in case.api.notices if note.code == 321 and "Read-Only" in (note.text or "")), None)
    if refused:
        return Proof(READ_ONLY, (case.quote("api", f"{refused.code} {refused.text}"),), change=change)
    setting = case.in_effect("ReadOnlyApi", "READ_ONLY_API")
    if setting is None:
        return NotKnown(NOT_TOLD)
    evidence = (setting.shown, *unread(case, "READ_ONLY_API"))
    told = _read_only(case, setting.value.lower())
    if told is not None:
        return Proof(READ_ONLY, evidence, change=change) if told else Passed("the API takes orders", evidence)
    if case.run.read_only_api is False:
        return Passed("the API takes orders", (case.quote("log", "Read-Only API is off in the gateway's settings"),))
    if case.run.read_only_api or _begins_anew(case):
        summary = f"{READ_ONLY}: nothing sets it, and the settings of a new container are read-only"
        return Proof(summary, evidence, change=change)
    return NotKnown("nothing sets it, so that its settings directory decides; a new one is read-only")


def _read_only(case: Case, value: str) -> bool | None:
    """What the controller makes of the switch; None where it leaves the gateway's own setting."""
    if case.of_controller("ibga"):  # ibga _run_ibg.sh: everything else is a no
        return value in ("y", "yes", "true")
    if case.of_controller("ibc"):  # what it does not understand it takes for yes (IBC IbcTws.java:598-607)
        return value not in ("no", "false") if value else None
    return SWITCH.get(value)


def _begins_anew(case: Case) -> bool:
    """Whether each new container has new settings: none of their directories lies in a mount."""
    places = case.of_endpoint(case.gateway.container.settings)
    return bool(places) and not any(place.mount for place in places)


@finding(
    "config.session_action_yields",
    severity="advice",
    remedy="ask_person",
    title="The gateway gives its session away",
    meaning=(
        "IBKR allows one session per user. What happens when the user logs in twice is the setting EXISTING_SESSION_DETECTED_ACTION. Only"
        " primary keeps the session. With primaryoverride the gateway takes over at its own login, but once it runs it gives way to any"
        " later login, and ends; secondary always gives way; manual, the default, opens a window that waits for a person. With a second"
        " factor IBC ends at its own login under primaryoverride and secondary when another session is there."
    ),
    fix=(
        "Set EXISTING_SESSION_DETECTED_ACTION=primary where the container is defined. {recreate} takes it over, at a time when a full login"
        " fits.",
        "The price: whoever logs in as this user by hand is thrown out, and two gateways of one user throw each other out without end."
        " Give each gateway a user of its own.",
        "Where people are to go first with this user, leave it, and accept this row with the reason.",
    ),
    audits="The gateway keeps its session when its user logs in elsewhere.",
)
def session_action_yields(case: Case) -> Answer:
    # IBC ExistingSessionDetectedDialogHandler.java:40-145, TradingLoginHandoffDialogHandler.java
    word = case.family.words.get("existing_session") if case.family else None
    setting = case.in_effect("ExistingSessionDetectedAction", "EXISTING_SESSION_DETECTED_ACTION")
    if not (setting and setting.value) and isinstance(word, Setting) and not word.variables:
        return Passed("its image always takes the session for itself", (setting.shown,) if setting else ())
    if setting is None:
        return NotKnown(NOT_TOLD)
    unset = "primary" if case.of_controller("ibg-controller") else "manual"
    action = setting.value.lower() or unset
    evidence = (setting.shown, *unread(case, "EXISTING_SESSION_DETECTED_ACTION"))
    said = action if setting.value else f"{action}, the default"
    if action == "primary":
        return Passed(f"{said}: it keeps its session", evidence)
    return Proof(f"{said}: {_yields(action)}", evidence, change=change_of(case, "existing_session", "primary"))


def _yields(action: str) -> str:
    if action == "manual":
        return "when the user logs in elsewhere a window waits for a person, and the API is down until then"
    if action == "primaryoverride":
        return "it takes over at its own login only; once it runs, any later login of the user ends it"
    taken_as = "" if action == "secondary" else "is no choice and counts as secondary: "  # IBC, since 3.18.0
    return f"{taken_as}it gives way whenever its user is logged in elsewhere"
