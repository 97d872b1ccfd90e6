# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a report says of the run itself, be it a diagnosis or an audit, and how both name gateways, commands and suppressions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import DIAGNOSE, named
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

#: Gateways named in the sentence that fails a run.
NAMED = 5

#: Most bytes of JSON for one gateway in the artifact: AWX keeps it with every job, and that of a hundred stays under 64 KiB.
ARTIFACT_BYTES = 640

# A command of Ansible up to where its inventories stand.
_ANSIBLE = re.compile(r"\bansible(-playbook ibgw\.ops\.\w+| \S+(?= -))")


@dataclass(frozen=True)
class SavedLog:
    """The saved log that was judged: when its last line was written, where that is known, the number of its lines, and whether it is
    packed and ends in a damage.
    """

    name: str
    last_at: str | None
    lines: int
    damaged: bool = False


@dataclass(frozen=True)
class Run:
    """What a report says of the run itself.

    `machines` counts those that were asked, `error` says what went wrong with the run; `inventories` are those that it was given,
    so that the commands to type next find the same machines; `suppressions` are all, also those that are over; `documentation` is
    where the collection's docs are on the web; `log` is the saved log that was judged instead of machines; `remind_before` is how many
    seconds before a forced login its gateway is listed; `runs` are those whose rows a merged report has, None for a run's own.
    """

    machines: int
    generated_at: str
    controller: str
    fail_on: str
    version: str | None = None
    documentation: str | None = None
    error: str | None = None
    inventories: Sequence[str] = ()
    suppressions: Sequence[Suppression] = ()
    log: SavedLog | None = None
    remind_before: float = 0
    runs: Sequence[Mapping[str, Any]] | None = None

    @property
    def in_force(self) -> list[Suppression]:
        """The suppressions that are not over."""
        return [each for each in self.suppressions if not each.expired(self.generated_at)]

    def heads(self, schema: str) -> dict[str, Any]:
        """The first fields of its report."""
        return {
            "schema": schema,
            "generated_at": self.generated_at,
            "controller": self.controller,
            "collection_version": self.version,
            "error": self.error,
            "fail_on": self.fail_on,
        }

    def page(self, code: str | None) -> dict[str, str | None]:
        """Where the page of a finding is: in the collection, and on the web."""
        page = f"findings/{code}.md" if code else None
        return {
            "docs": f"docs/{page}" if page else None,
            "docs_url": f"{self.documentation}/{page}" if self.documentation and page else None,
        }

    def typed(self, text: str) -> str:
        """`text` with its commands as one types them, so that Ansible finds the same machines."""
        given = "".join(f" -i {shlex.quote(inventory)}" for inventory in self.inventories)
        return _ANSIBLE.sub(lambda command: command[0] + given, text)

    def told(self, suppression: Suppression, gateways: Iterable[str]) -> dict[str, Any]:
        """A suppression, and the gateways on which it had effect; one that is over had none."""
        expired = suppression.expired(self.generated_at)
        return {**suppression.as_dict(), "expired": expired, "gateways": [] if expired else list(gateways)}


def named_in_fleet(machine: str, gateway: str) -> str:
    """How a row is named in the fleet: a machine without gateways by its own name."""
    return machine if gateway == machine else f"{machine}/{gateway}"


def look_again(machine: str, gateway: str, code: str | None) -> str:
    """The command that diagnoses a gateway with that leading finding: its machine, where what is wrong is the machine's."""
    if gateway == machine or (code or "").startswith(("host.", "engine.")):
        return named("ansible-playbook ibgw.ops.diagnose -l {machine}", gateway, machine)
    return named(DIAGNOSE, gateway, machine)


def excuse(suppression: Suppression | None) -> dict[str, Any] | None:
    """Why something is not to be cared about, where, and until when."""
    if suppression is None:
        return None
    return {"host": suppression.host, "reason": suppression.reason, "until": suppression.until}


def excuses(said: Iterable[tuple[str, str, Mapping[str, Any] | None]]) -> list[dict[str, Any]]:
    """The suppressions that rows have, whoever's runs they are of, and on which gateways: `said` is of each gateway a code and its excuse."""
    used: dict[tuple[Any, ...], dict[str, None]] = {}
    for gateway, code, given in said:
        if given:
            used.setdefault((code, given.get("host"), given["reason"], given["until"]), {})[gateway] = None
    return [
        {**Suppression(*suppression).as_dict(), "expired": False, "gateways": list(gateways)}
        for suppression, gateways in used.items()
    ]


def reaching(setting: str, report: Mapping[str, Any], failing: Sequence[str], apart: str = "") -> str:
    """Why a run fails or not, in one sentence: what reaches the level of the setting, and what is set apart from it."""
    level = f"{setting}={report['fail_on']}{apart}"
    if not failing:
        return f"no gateway reaches {level}"
    return f"{len(failing)} of {len(report['gateways'])} gateways reach {level}: {few(failing)}"


def few(named: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    rest = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{', '.join(named[:NAMED])}{rest}"
