# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that leaves a target passes here: valid text, no terminal control, no secret, no account id.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Union
from urllib.parse import quote_plus

#: What stands for a value that is not told, and for an empty one.
SET, EMPTY = "<set>", "<empty>"

#: Longest quote kept of any foreign text, in characters.
QUOTE_LIMIT = 300

# What is looked at of a text that is to be quoted: what is taken out shortens it, but not without end.
_LOOKED_AT = 4096

# Terminal control: whole escape sequences first, then what is left of control characters (C0, DEL, C1), line and
# paragraph separators, and the marks that reorder text on screen.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[P^_X][^\x1b]*(?:\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_BLANK = re.compile(r"[ \t\n]+")

# IBKR account ids: live U1234567, paper DU1234567, advisor F/DF, introducing broker I/DI, and the letters that may stand
# before the number. The kind and the ends stay: DU12***89.
_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])(D?[UFI]|DU[A-Z]?|U[A-Z])(\d{5,9})(?![0-9])")

# Names of values that are secrets or user names; also with their beginning cut off.
_SECRET_NAME = (
    r"(?:sword|passwd|pwd|passphrase|secret|totp|twofactor_?code|token|api_?key|private_?key|login_?id|user_?id|user_?name"
    r"|ib_account)"
)
_NAMES_SECRET = re.compile(_SECRET_NAME, re.IGNORECASE)

# A whole word, looked at once: a pattern that can begin anywhere in it takes hours for a long one.
_NAMED = rf"(?<![\w.-])(?=[\w.-]*{_SECRET_NAME})[\w.-]+"

# A line of its own, whose value can hold blanks and commas; then name=value and "name: value" within a text, whose closing
# quote may have been cut off.
_ASSIGNED_LINE = re.compile(rf"(?i)^(\s*{_NAMED}\s*=\s*)(\S.*)$")
_ASSIGNED = re.compile(
    rf"(?i)([\"']?{_NAMED}[\"'\])]?\s*[=:]\s*)"
    r"(\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s\"',;}]+)"
)

# A code of the second factor, as a script prints the one that it types.
_CODE = re.compile(r"(?i)(\b(?:totp|2fa|security|authenticator|verification)[ _-]code\S*\s*[=:]\s*)\d{6,8}\b")

# Options that are followed by a secret as a word of its own.
_OPTION = re.compile(r"(?i)((?:^|\s)--?(?:pw|passwd|password|user|fix-pw|fix-user|token)(?:=|\s+))(\S+)")

# What IBC shows of its own command line: the credentials can be among the arguments (IBC IbcTws.java:458,
# DefaultLoginManager.java:188-193).
_ARGUMENTS = re.compile(r"(?i)(sun\.java\.command\s*=\s*\S+\s|\barg\[\d+\]\s*=).*")
# The gateway names a user's settings directory by the user name in letters a to p.
_USER_DIRECTORY = re.compile(r"((?:-Drestart=|\bhash=|[uU]serDir(?:name)?=|/))[a-p]{12,}(?![A-Za-z0-9])")
_URL_USER = re.compile(r"(://)[^/\s:@]*:[^/\s@]*@")
_TOTP_KEY = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Z2-7]{16,}(?![A-Za-z0-9+/_-])")

#: Words of any setting: without them a log has no sense, and they give nothing away.
PLAIN_WORDS = ("", "***", "auto", "both", "false", "live", "no", "none", "paper", "true", "yes")

#: What a rule puts in the place of what it finds.
_Instead = Union[str, Callable[["re.Match[str]"], str]]

_RULES: tuple[tuple[str, re.Pattern[str], _Instead], ...] = (
    ("command_line", _ARGUMENTS, r"\1***"),
    ("named_value", _ASSIGNED_LINE, r"\1***"),
    ("named_value", _ASSIGNED, r"\1***"),
    ("named_value", _CODE, r"\1***"),
    ("option", _OPTION, r"\1***"),
    ("url_credentials", _URL_USER, r"\1***@"),
    ("user_directory", _USER_DIRECTORY, r"\1***"),
    ("totp_key", _TOTP_KEY, "***"),
    ("account_id", _ACCOUNT, lambda found: f"{found[1]}{found[2][:2]}***{found[2][-2:]}"),
)

#: What each rule takes out, for people.
RULES: Mapping[str, str] = {
    "known_value": "a value that is known to be a secret or a user's name, wherever it stands",
    "not_told": "the whole value of a variable or label that is not known to be harmless",
    "command_line": "the arguments of a Java program, as its controller prints them",
    "named_value": "the value beside a name that says that it is a secret or a user's name",
    "option": "the word after an option of a command line that takes a secret",
    "url_credentials": "user and password in a URL",
    "user_directory": "the name of a user's settings directory, in which the gateway writes the user's name in other letters",
    "totp_key": "a word that could be the key of a second factor",
    "account_id": "the middle of an account id; its kind and its ends stay",
}


def is_secret(name: str) -> bool:
    """Whether a setting or variable called `name` holds a secret or a user name."""
    return _NAMES_SECRET.search(name) is not None


def printable(text: str | bytes) -> str:
    """`text` as one line of valid UTF-8 without terminal control; runs of blanks become one."""
    return _BLANK.sub(" ", without_control(text)).strip()


def without_control(text: str | bytes) -> str:
    """`text` as valid UTF-8 without terminal control; blanks and ends of lines stay as they are."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    return _CONTROL.sub("", text.encode("utf-8", errors="replace").decode("utf-8"))


def mask_account(account: str) -> str:
    """An account id with its kind and ends: ``DU1234589`` becomes ``DU12***89``."""
    _rule, pattern, instead = _RULES[-1]
    return pattern.sub(instead, account)


def mask(text: str, known: Iterable[str] = (), masked: Counter[str] | None = None) -> str:
    """`text` without account ids and secrets; `known` are values (user names, passwords) to take out wherever they stand.

    `masked` counts by the names of `RULES` what was taken out.
    """
    for value in sorted((value for value in known if len(value) > 2), key=len, reverse=True):
        cut = _without_cut(text.replace(value, "***"), value)
        if masked is not None and cut != text:
            masked["known_value"] += max(text.count(value), 1)
        text = cut
    for rule, pattern, instead in _RULES:
        found = [one for one in pattern.finditer(text) if _instead_of(one, instead) != one[0]]
        if found:
            text = pattern.sub(instead, text)
            if masked is not None:
                masked[rule] += len(found)
    return text


def _instead_of(found: re.Match[str], instead: _Instead) -> str:
    """What comes in the place of `found`: the same again where it was masked before."""
    return found.expand(instead) if isinstance(instead, str) else instead(found)


def secrets_in(text: str) -> set[str]:
    """The values in one line that are secret by the name or the option before them, as they may stand elsewhere without it."""
    patterns = (_ASSIGNED_LINE,) if _ASSIGNED_LINE.match(text) else (_ASSIGNED, _OPTION)
    found = {one[2].strip() for pattern in patterns for one in pattern.finditer(text)}
    return {value.strip("\"'") for value in found} - {"", "***"}


def spellings(values: Iterable[str]) -> frozenset[str]:
    """The values, also as JSON and URLs have them."""
    return frozenset(
        spelt
        for value in values
        if value not in PLAIN_WORDS
        for spelt in (value, json.dumps(value)[1:-1], quote_plus(value))
    )


def _without_cut(text: str, value: str) -> str:
    """`text` without the beginning of `value` at its end, and the end of it at its start: the text may have been cut there."""
    end = text.rstrip("\ufffd")  # half a letter
    if value[:4] in end[-len(value) :]:
        length = next((length for length in _cuts(value, end) if end.endswith(value[:length])), 0)
        text = end[:-length] + "***" if length else text
    if value[-4:] in text[: len(value)]:
        length = next((length for length in _cuts(value, text) if text.startswith(value[-length:])), 0)
        text = "***" + text[length:] if length else text
    return text


def _cuts(value: str, text: str) -> Iterable[int]:
    """How many letters of `value` a cut of `text` may have left, the most first; fewer than four tell nothing."""
    return range(min(len(value) - 1, len(text)), 3, -1)


def quote(text: str | bytes, known: Iterable[str] = (), limit: int = QUOTE_LIMIT) -> str:
    """`text` fit to be shown: one printable line, masked, cut at `limit` characters with an ellipsis."""
    line = mask(printable(text[:_LOOKED_AT]), known)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def shown(value: object) -> str:
    """A value that makes no sense, as the sentence that refuses it shows it."""
    return quote(repr(value), limit=80)
