# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of the container's environment."""

from __future__ import annotations

import re

from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import KINDS
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    Answer,
    Change,
    Passed,
    Proof,
    finding,
)

# Names that say so, of variables that no family knows; a `_FILE` variant holds only a path.
_SECRET_NAME = re.compile(r"(PASSW(OR)?D|PASSPHRASE|TOTP|TWOFACTOR_CODE|SECRET)(?!.*_FILE$)", re.IGNORECASE)

#: Its last argument is the password, and IBC masks all but that (IBC pull request 359, extrange start.sh:64-66).
IN_ITS_LOG = (
    "This image takes no file, and prints the password in its log at every start: pass no log of it on unread (ibgw.ops.bundle masks it).",
    "Use an image that takes a file, like gnzsnz-ibc, and change the password.",
)

TO_A_FILE = (
    "Put it in a file that only the container's user can read, mount that, and name it with the _FILE variant of the variable.",
    "Remove the plain variable, and create the container anew at the next planned login.",
)

NO_FILE = (
    "This image takes no file for it: whoever may use Docker on {machine} reads it. Let only those use Docker who may know it.",
    "Or have ibgw.ops.deploy make the container: it hands the secrets over in a file that only root and the gateway's user read.",
)

OF_AN_UNKNOWN_IMAGE = (
    "Where the image takes it in a file, give it so, readable by the container's user only; its documentation says by which variable.",
    "Until then let only those use Docker on {machine} who may know it.",
)


@finding(
    "config.secret_in_environment",
    severity="advice",
    remedy="ask_person",
    title="A secret stands in the container's environment",
    meaning="A password or key is given by value. Everybody who may use Docker on the machine reads it with docker inspect.",
    fix=TO_A_FILE,
    audits="No secret stands in the container's environment.",
)
def secret_in_environment(case: Case) -> Answer:
    names = [name for name in case.variables_given if _holds_secret(name)]
    if not names:
        return Passed("no variable of the container holds a secret by value")
    known = case.family.variables if case.family else None
    of_file = [name for name in names if known is not None and f"{name}_FILE" in known]
    unread = [name for name in names if known is not None and name not in known]
    changes = [in_a_file(name) for name in of_file] + [f"no {name}" for name in unread]
    without = OF_AN_UNKNOWN_IMAGE
    if case.family:
        without = IN_ITS_LOG if case.family.name == "extrange" else NO_FILE
    return Proof(
        f"readable with docker inspect: {', '.join(names)}",
        tuple(case.quote("health", f"{name}=<set>") for name in names),
        (
            *(f"Remove {name}, which this image does not read." for name in unread),
            *(TO_A_FILE if of_file else ()),
            *(without if len(of_file) + len(unread) < len(names) else ()),
        ),
        change=Change(", ".join(changes), "gateway_secrets") if changes else None,
        in_own_names=True,
    )


def in_a_file(name: str) -> str:
    """A secret given by file, as a definition has it: most images refuse one that is given both ways."""
    return f"{name}_FILE=/run/secrets/{name.lower()} in the place of {name}"


def _holds_secret(name: str) -> bool:
    return KINDS.get(name) == "secret" or (name not in KINDS and bool(_SECRET_NAME.search(name)))
