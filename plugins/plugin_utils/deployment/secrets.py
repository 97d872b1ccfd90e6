# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The secrets of a gateway: are they there and of a form that arrives whole? No message shows a value."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Lacking
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.translation import able
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import Described

#: What `gateway_secrets` may hold of a gateway.
SECRETS = ("user", "password", "paper_user", "paper_password", "totp_key", "vnc_password")

#: VNC looks at no more than eight characters of a password (RFC 6143 7.2.2).
VNC_LENGTH, RDP_LENGTH = 8, 20


def needed(gateway: Described) -> list[str]:
    """The secrets without which a gateway can not log in."""
    words = ["user", "password"]
    if gateway.words["trading_mode"] == "both":
        words += ["paper_user", "paper_password"]
    if gateway.words["second_factor"] == "totp":
        words.append("totp_key")
    return words


def secret_of(gateway: Described, endpoint: str, secret: str) -> str:
    """The name of the secret that one instance uses: in mode both, paper has its own."""
    return f"paper_{secret}" if gateway.words["trading_mode"] == "both" and endpoint == "paper" else secret


def screen_length(word: str) -> int:
    """How long a password that is made for a screen is."""
    return VNC_LENGTH if word == "vnc_password" else RDP_LENGTH


def check(gateway: Described, given: Any) -> None:
    """Refuse secrets that are missing, that nobody would use, or that would not arrive as they are."""
    if not isinstance(given, Mapping):
        raise Misuse(f"gateway_secrets has no {gateway.name}; it must be a mapping like {{user: …, password: …}}")
    for name in given:
        if name not in SECRETS:
            near = get_close_matches(str(name), SECRETS, 1)
            hint = f"the nearest is {near[0]}" if near else f"allowed are {', '.join(SECRETS)}"
            raise Misuse(f"gateway_secrets of {gateway} has {quote(str(name), limit=40)!r}; {hint}")
    _check_use(gateway, given)
    for name in needed(gateway):
        if given.get(name) in (None, ""):
            raise Misuse(f"{name} of {gateway} is empty; give it in gateway_secrets under {gateway.name}")
    for name in SECRETS:
        if given.get(name) is not None:
            _check_form(gateway, name, given[name])


def _check_use(gateway: Described, given: Mapping[str, Any]) -> None:
    mode = gateway.words["trading_mode"]
    for name in ("paper_user", "paper_password"):
        if given.get(name) and mode != "both":
            raise Misuse(
                f"{name} of {gateway} is given, but its trading_mode is {mode}; it counts with both only,"
                " in mode paper the paper user is user and password"
            )
    if given.get("totp_key"):
        lacking = BY_NAME[gateway.words["family"]].words["totp_key"]
        if isinstance(lacking, Lacking):
            raise Misuse(
                f"totp_key of {gateway} is given, but with {gateway.words['family']} nobody would use it:"
                f" {lacking.reason}; {able('totp_key')} can"
            )
        if gateway.words["second_factor"] != "totp":
            told = gateway.words["second_factor"]
            raise Misuse(f"totp_key of {gateway} is given, but its second_factor is {told}; set it to totp")


def _check_form(gateway: Described, name: str, value: Any) -> None:
    wrong = _wrong(name, value, gateway)
    if wrong:
        raise Misuse(f"{name} of {gateway} {wrong}")


def _wrong(name: str, value: Any, gateway: Described) -> str | None:
    if not isinstance(value, str):
        return "is a number or a list to YAML; write it in quotes"
    if not value:
        return "is empty"
    if "\r" in value or "\n" in value:
        return "has a line end in it, which would become part of it; take it out (a file from Windows has CR LF)"
    if not value.isprintable():
        return "has a character in it that can not be printed; take it out"
    if value != value.strip():
        return "begins or ends with a blank, which the controllers cut off; take it out, or change it at IBKR"
    if name == "totp_key":
        return _wrong_key(value)
    if name == "vnc_password" and gateway.words["program"] == "gateway" and len(value) > VNC_LENGTH:
        return f"is longer than {VNC_LENGTH} characters, of which VNC ignores the rest; shorten it"
    family = BY_NAME[gateway.words["family"]]
    try:
        family.written(name, value)
    except ValueError as reason:
        return f"can not be given to {family.name}: {reason}; change it at IBKR, or use another family"
    return None


def _wrong_key(key: str) -> str | None:
    digits = key.rstrip("=")
    try:
        decoded = base64.b32decode(digits + "=" * (-len(digits) % 8))
    except ValueError:
        return (
            "is no base32 (the letters A to Z and the digits 2 to 7, without blanks), so that no code can be computed"
        )
    return "is too short for a TOTP key; it has 16 characters or more" if len(decoded) < 10 else None
