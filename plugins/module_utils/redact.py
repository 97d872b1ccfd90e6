# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that leaves a target passes here: valid text, no terminal control, no secret, no account id.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Longest quote kept of any foreign text, in characters.
QUOTE_LIMIT = 300

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

# name=value and "name: value" where the name says that the value is a secret or a user name.
_ASSIGNED = re.compile(
    r"(?i)([\"']?[\w.-]*(?:passw(?:or)?d|passphrase|secret|totp|twofactor_?code|token|api_?key|private_?key|loginid|userid"
    r"|user_?name|ib_account)\w*[\"']?\s*(?:=|:)\s*)(\"[^\"]*\"|'[^']*'|[^\s\"',;}]+)"
)

# Options that are followed by a secret as a word of its own.
_OPTION = re.compile(r"(?i)((?:^|\s)--?(?:pw|passwd|password|user|fix-pw|fix-user|token)(?:=|\s+))(\S+)")


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
        text = text.replace(value, "***")
    text = _ASSIGNED.sub(r"\1***", text)
    text = _OPTION.sub(r"\1***", text)
    return mask_account(text)


def quote(text: str | bytes, known: Iterable[str] = (), limit: int = QUOTE_LIMIT) -> str:
    """`text` fit to be shown: one printable line, masked, cut at `limit` characters with an ellipsis."""
    line = mask(printable(text), known)
    return line if len(line) <= limit else line[: limit - 1] + "…"
