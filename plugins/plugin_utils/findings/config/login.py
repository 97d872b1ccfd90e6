# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who logs in, in which mode, when again, and what its clients may do."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
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
)
def account_mode_mismatch(case: Case) -> Proof | None:
    answers = (case.api, case.relay_inside, case.inside)
    answer = next((answer for answer in answers if answer.account_mode), case.api)
    mode, served = case.endpoint, answer.account_mode
    if mode is None:
        return None
    if served is None:
        return _set_to_the_other_mode(case, mode)
    if mode == served:
        return None
    accounts = ", ".join(answer.accounts)
    return Proof(
        f"meant to be {mode}, but the account is a {served} account",
        (case.quote("api", f"accounts {accounts}: {served}"), *case.api_quotes()),
    )


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


@finding(
    "config.read_only_api",
    severity="degraded",
    remedy="ask_person",
    title="The API is read-only, though orders are expected",
    meaning="The gateway's API is set to read-only: every order is refused with error 321. The inventory says that this gateway takes orders.",
    fix=(
        "Set READ_ONLY_API=no (in YAML quoted: 'no') where the container is defined, and create it anew. It costs a full login.",
        "If this gateway is not meant to trade, set expect_orders: false for it in the inventory.",
    ),
    remedy_reason="a setting that changes what can be traded is a person's decision",
    next_command="docker logs --tail 200 {name}",
)
def read_only_api(case: Case) -> Proof | None:
    if case.declared is None or case.declared.expect_orders is not True:
        return None
    setting = case.setting("ReadOnlyApi", "READ_ONLY_API")
    if WRITE_ACCESS in case.run.open_windows and case.serving:
        return Proof(
            "orders wait for a click: a window asks whether a client may write", case.log_quotes(), LET_IT_WRITE
        )
    refused = next((note for note in case.api.notices if note.code == 321 and "Read-Only" in (note.text or "")), None)
    if setting.lower() not in ("yes", "true") and refused is None:
        return None
    name = case.own_name("READ_ONLY_API") if case.family and case.family.dumped_as else "ReadOnlyApi"
    words = case.quote("api", f"{refused.code} {refused.text}") if refused else case.quote("log", f"{name}={setting}")
    return Proof("the API is read-only, and orders are expected of this gateway", (words,))
