# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What IBKR's dialogs say, and which of it is a refusal."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibkr import refusal


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Too many failed login attempts. Please wait 4 minutes & 47 seconds before ...", "login.throttled"),
        ("Your account has been locked.", "login.account_locked"),
        ("Login failed - Soft token=0 received instead of expected permanent for host (SSL)", "login.saved_session_refused"),
        (
            "The security tokens associated with your login credentials have expired (routinely) in accordance with our protocols.",
            "login.saved_session_refused",
        ),
        (
            "Connection to server failed: Required PassKey is not supported, please upgrade to latest version GATEWAY",
            "gateway.build_retired",
        ),
        ("This version is no longer supported", "gateway.build_retired"),
        ("The minimum supported version is 1045", "gateway.build_retired"),
        ("API support is not available for accounts that support free trading.", "login.api_not_permitted"),
        (
            "You do not have access to this platform yet, please first log into our website",
            "login.api_not_permitted",
        ),
        ("Connection to server failed: Server disconnected, please try again", "login.server_unreachable"),
        ("Login failed - Server disconnected, please try again", "login.server_unreachable"),
        ("The system is not currently available.", "login.server_unreachable"),
        # Notices, and questions
        ("This version will be desupported on 2027-01-01", None),
        ("Settings will not be downloaded from the server because the feature has been temporarily disabled", None),
        ("This is not a brokerage account.", None),
        ("Accept incoming connection attempt from 172.18.0.3?", None),
        ("Are you sure you want to exit?", None),
    ],
)  # fmt: skip
def test_a_refusal_is_told_from_a_notice(text: str, problem: str | None) -> None:
    assert refusal(text) == problem
    assert refusal(text.upper()) == problem
