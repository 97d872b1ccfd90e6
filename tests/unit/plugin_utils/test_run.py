# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What reports say of their run, whatever they are of."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run, look_again
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

NOW = "2026-03-01T12:00:00Z"
OVER = Suppression("relay.down", None, "being mended", "2026-02-28T23:59:59Z")
HOLDS = Suppression("relay.down", "alpha", "being mended", None)
RUN = Run(1, NOW, "here", "down", suppressions=(OVER, HOLDS))


def test_only_what_is_not_over_is_in_force() -> None:
    assert RUN.in_force == [HOLDS]


def test_what_is_over_had_no_effect() -> None:
    told = [RUN.told(each, ["alpha/gw"]) for each in RUN.suppressions]
    assert [(each["expired"], each["gateways"]) for each in told] == [(True, []), (False, ["alpha/gw"])]


@pytest.mark.parametrize(
    ("gateway", "code", "command"),
    [
        ("gw", "relay.down", "ansible-playbook ibgw.ops.diagnose -e diagnose_only=alpha/gw"),
        ("gw", None, "ansible-playbook ibgw.ops.diagnose -e diagnose_only=alpha/gw"),
        ("gw", "host.unreachable", "ansible-playbook ibgw.ops.diagnose -l alpha"),
        ("gw", "engine.down", "ansible-playbook ibgw.ops.diagnose -l alpha"),
        ("alpha", None, "ansible-playbook ibgw.ops.diagnose -l alpha"),
    ],
)
def test_what_concerns_the_machine_is_looked_at_again_on_the_machine(
    gateway: str, code: str | None, command: str
) -> None:
    assert look_again("alpha", gateway, code) == command


@pytest.mark.parametrize("documentation", [None, "https://docs.example"])
def test_a_page_is_on_the_web_where_the_collection_says_so(documentation: str | None) -> None:
    page = Run(1, NOW, "here", "down", documentation=documentation).page("relay.down")
    assert page["docs"] == "docs/findings/relay.down.md"
    assert page["docs_url"] == (documentation and f"{documentation}/findings/relay.down.md")
