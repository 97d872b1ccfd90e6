# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""huieric/ibga-docker: built upon ibga, with the ports of extrange's image, a health check and passkeys.

Sources are cited as ``H:`` (huieric/ibga-docker, base @073c076, scripts @1bcb313).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Lacking, Port, Relay, Traits, Variable
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import choice
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibga import FAMILY as IBGA
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibga import MANAGER, own_variables

_HEALTH_CHECK = "/opt/healthcheck.py"


def _marks(traits: Traits) -> tuple[str, ...]:
    of_ibga = [*([f"its command runs {MANAGER}"] if MANAGER in traits.command else []), *own_variables(traits)]
    found = []
    if {8888, 6080} <= traits.exposed:  # H:base/Dockerfile
        found.append("it exposes the ports 8888 and 6080")
    if _HEALTH_CHECK in traits.healthcheck:
        found.append(f"its health check runs {_HEALTH_CHECK}")
    if "AUTH_METHOD" in traits.environment:
        found.append("environment has AUTH_METHOD")
    return (*of_ibga, *found) if of_ibga and found else ()


FAMILY = replace(
    IBGA,
    name="huieric",
    marks=_marks,
    lines=(
        (r"• starting socat \(.*TCP-LISTEN:8888,.*", "relay_started"),
        (r"  - security-key PIN dialog found; entering configured PIN \.\.\.", "sign_of_life"),  # H:_run_ibg.sh
    ),
    ports={4001: Port("gateway"), 8888: Port("relay"), 6080: Port("vnc"), 5900: Port("vnc")},  # H:base/scripts/_env.sh
    processes=(
        *IBGA.processes,
        (re.compile(r"^(\S*/)?(Xvnc|openbox)\b"), "display"),  # H:base/scripts/manager.sh
        (re.compile(r"\bnovnc_proxy\b"), "vnc"),
    ),
    variables={**IBGA.variables, "AUTH_METHOD": Variable(choice("passkey", "totp", any_case=False))},
    words={**IBGA.words, "vnc_password": Lacking("its screen takes no password")},  # H:base/scripts/manager.sh
    build=replace(
        IBGA.build,
        images={"gateway": "ghcr.io/huieric/ibkr:stable"},
        refused="its screen has no password, and its health check takes the client id 0 once a minute",
    ),
    relay=Relay("exec socat TCP-LISTEN:{relay},fork,reuseaddr TCP:localhost:{gateway},forever,shut-down"),
)
