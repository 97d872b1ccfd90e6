# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IBKR's own words: what the gateway shows in its dialogs, whichever controller writes it down.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re

#: Titles of dialogs that no controller answers (IBC issues 10, 279, 343), and that keep API clients out while they are open.
BLOCKING = frozenset({"Login Messages", "API client needs write access action confirmation", "Use SSL encryption"})

#: Titles of dialogs that a controller answers at once, unless its settings forbid it.
ANSWERED = frozenset({"Warning", "Password Notice", "IBKR Gateway", "IB Gateway"})

# The first that matches says it; wordings from facts of IBAutomater (WindowEventListener.java), IBC issues 236 and 344.
_REFUSALS = tuple(
    (re.compile(pattern, re.IGNORECASE), problem)
    for pattern, problem in (
        (r"too many failed login attempts\. please wait", "login.throttled"),
        (r"\b(account|user(name)?|login)\b.*\b(locked|restricted|suspended|disabled)\b", "login.account_locked"),
        (r"\block(ed)? out\b", "login.account_locked"),
        (r"soft token|security tokens? .*expired", "login.saved_session_refused"),
        (
            r"no longer supported|minimum supported version|please upgrade|passkey is not supported",
            "gateway.build_retired",
        ),
        (r"api support is not available|do not have access to this platform", "login.api_not_permitted"),
        (r"unrecognized username or password|invalid user ?name or password", "login.credentials_rejected"),
        (r"not (currently )?available|server disconnected|connection to server failed", "login.server_unreachable"),
        (r"server error|try again later|connection (error|timed out)", "login.server_unreachable"),
    )
)


def refusal(text: str) -> str | None:
    """The finding that a refusing dialog's text proves, if it is a known one."""
    return next((problem for pattern, problem in _REFUSALS if pattern.search(text)), None)
