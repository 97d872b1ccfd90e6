# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that leaves a target passes here: valid text, no terminal control, no secret, no account id.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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
    r"(?:sword|passwd|passphrase|secret|totp|twofactor_?code|token|api_?key|private_?key|login_?id|user_?id|user_?name"
    r"|ib_account)"
)
_NAMES_SECRET = re.compile(_SECRET_NAME, re.IGNORECASE)

# A whole word, looked at once: a pattern that can begin anywhere in it takes hours for a long one.
_NAMED = rf"(?<![\w.-])(?=[\w.-]*{_SECRET_NAME})[\w.-]+"

# A line of its own, whose value can hold blanks and commas; then name=value and "name: value" within a text, whose closing
# quote may have been cut off.
_ASSIGNED_LINE = re.compile(rf"(?i)^(\s*{_NAMED}\s*=\s*)(?=\S).+$")
_ASSIGNED = re.compile(
    rf"(?i)([\"']?{_NAMED}[\"']?\s*[=:]\s*)"
    r"(\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s\"',;}]+)"
)

# Options that are followed by a secret as a word of its own.
_OPTION = re.compile(r"(?i)((?:^|\s)--?(?:pw|passwd|password|user|fix-pw|fix-user|token)(?:=|\s+))(\S+)")

# What IBC shows of its own command line: the credentials can be among the arguments (IBC IbcTws.java:458,
# DefaultLoginManager.java:188-193).
_ARGUMENTS = re.compile(r"(?i)(sun\.java\.command\s*=\s*\S+\s|\barg\[\d+\]\s*=).*")
# The gateway names a user's settings directory by the user name in letters a to p.
_USER_DIRECTORY = re.compile(r"((?:-Drestart=|/))[a-p]{12,}(?![A-Za-z0-9])")
_URL_USER = re.compile(r"(://)[^/\s:@]*:[^/\s@]*@")
_TOTP_KEY = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Z2-7]{16,}(?![A-Za-z0-9+/_-])")


def is_secret(name: str) -> bool:
    """Whether a setting or variable called `name` holds a secret or a user name."""
    return _NAMES_SECRET.search(name) is not None


def printable(text: str | bytes) -> str:
    """`text` as one line of valid UTF-8 without terminal control; runs of blanks become one."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    return _BLANK.sub(" ", _CONTROL.sub("", text)).strip()


def mask_account(account: str) -> str:
    """An account id with its kind and ends: ``DU1234589`` becomes ``DU12***89``."""
    return _ACCOUNT.sub(lambda found: f"{found[1]}{found[2][:2]}***{found[2][-2:]}", account)


def mask(text: str, known: Iterable[str] = ()) -> str:
    """`text` without account ids and secrets; `known` are values (user names, passwords) to take out wherever they stand."""
    for value in sorted((value for value in known if len(value) > 2), key=len, reverse=True):
        text = _without_cut(text.replace(value, "***"), value)
    text = _ARGUMENTS.sub(r"\1***", text)
    text = _ASSIGNED.sub(r"\1***", _ASSIGNED_LINE.sub(r"\1***", text))
    text = _OPTION.sub(r"\1***", text)
    text = _URL_USER.sub(r"\1***@", text)
    text = _USER_DIRECTORY.sub(r"\1***", text)
    text = _TOTP_KEY.sub("***", text)
    return mask_account(text)


def _without_cut(text: str, value: str) -> str:
    """`text` without the beginning of `value` at its end: the text may have been cut there."""
    for length in range(min(len(value) - 1, len(text)), 3, -1):
        if text.endswith(value[:length]):
            return text[:-length] + "***"
    return text


def quote(text: str | bytes, known: Iterable[str] = (), limit: int = QUOTE_LIMIT) -> str:
    """`text` fit to be shown: one printable line, masked, cut at `limit` characters with an ellipsis."""
    line = mask(printable(text[:_LOOKED_AT]), known)
    return line if len(line) <= limit else line[: limit - 1] + "…"
