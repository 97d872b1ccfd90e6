# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings with a value that their image does not take, by the schema of its family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Wrong
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import CLOCK_24H, Form
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS
from ansible_collections.ibgw.ops.plugins.module_utils.redact import EMPTY, SET
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case


@dataclass(frozen=True)
class Unfit:
    """A setting with a value that the image does not take, and who told it."""

    name: str
    value: str
    allowed: str
    wrong: Wrong
    source: str
    #: The value in the image's form, where it is an inventory's.
    meant: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def unfit_values(case: Case) -> list[Unfit]:
    """What IBC says that it goes by; then what the environment sets beside that."""
    settings = case.log.settings if case.log and case.of_controller("ibc") else {}
    dumped = {key: value for key, value in settings.items() if value not in ("", EMPTY)}
    return [*_of_settings(case, dumped), *_of_variables(case, dumped)]


def _of_settings(case: Case, dumped: dict[str, str]) -> Iterator[Unfit]:
    for key, value in dumped.items():
        known = KEYS.get(key)
        if known and known.wrong and value not in (SET, "***") and not known.form.takes(value):
            own = case.family.variables.items() if case.family else ()
            # The variable that set it; else it stands in a file of the operator's own.
            name = next((name for name, other in own if other.key == key and case.variable(name) == value), key)
            yield Unfit(name, value, known.form.allowed, known.wrong, "log", _meant(known.form, value))


def _of_variables(case: Case, dumped: dict[str, str]) -> Iterator[Unfit]:
    family = case.family
    if family is None:
        return
    for name in case.variables_given:
        known, value = family.variables.get(name), case.variable(name)
        # Of a secret the value is not told; of what IBC dumps its own word counts.
        if known is None or known.wrong is None or known.kind != "plain" or known.key in dumped:
            continue
        if family.reads(name, case.gateway.container.environment) and not known.form.takes(value):
            yield Unfit(name, value, known.form.allowed, known.wrong, "health", _meant(known.form, value))


def _meant(form: Form, value: str) -> str:
    """A time of day is told from its hour in any form."""
    try:
        return form.write(value) if CLOCK_24H.takes(value) else ""
    except ValueError:
        return ""
