# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of the container's environment."""

from __future__ import annotations

import re

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    Answer,
    Change,
    Passed,
    Proof,
    finding,
)

#: Names of variables that hold a secret by value; a `_FILE` variant holds only a path.
SECRET_NAME = re.compile(r"(PASSW(OR)?D|PASSPHRASE|TOTP|TWOFACTOR_CODE|SECRET)(?!.*_FILE$)", re.IGNORECASE)


#: Its last argument is the password, and IBC masks all but that (IBC pull request 359, extrange start.sh:64-66).
IN_ITS_LOG = (
    "This image takes no file, and prints the password in its log at every start: pass no log of it on unread (ibgw.ops.bundle masks it).",
    "Use an image that takes a file, like gnzsnz-ibc, and change the password.",
)


@finding(
    "config.secret_in_environment",
    severity="advice",
    remedy="ask_person",
    title="A secret stands in the container's environment",
    meaning="A password or key is given by value. Everybody who may use Docker on the machine reads it with docker inspect.",
    fix=(
        "Put it in a file that only the container's user can read, mount that, and name it with the _FILE variant of the variable.",
        "Remove the plain variable, and create the container anew at the next planned login.",
    ),
    audits="No secret stands in the container's environment.",
)
def secret_in_environment(case: Case) -> Answer:
    names = [name for name in case.gateway.container.environment if case.variable(name) and SECRET_NAME.search(name)]
    if not names:
        return Passed("no variable of the container holds a secret by value")
    return Proof(
        f"readable with docker inspect: {', '.join(names)}",
        tuple(case.quote("health", f"{name}=<set>") for name in names),
        IN_ITS_LOG if case.family and case.family.name == "extrange" else (),
        change=Change(
            " ".join(f"{name}_FILE=/run/secrets/{name.lower()}" for name in names),
            "gateway_secrets",
        ),
    )
