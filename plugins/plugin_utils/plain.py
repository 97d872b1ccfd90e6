# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible's variables as plain values."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse

#: Every result of a task has one of these.
SAYS_HOW_IT_ENDED = frozenset(("changed", "failed", "unreachable"))
#: What the task that probes a machine registers.
PROBED = "diagnose_probed"


def plain(value: Any) -> Any:
    """`value` without Ansible's lazy and tagged types."""
    return json.loads(json.dumps(value, default=str))


def variables_of(hostvars: Mapping[str, Any], machine: str) -> Mapping[str, Any]:
    """A machine's variables, rendered when they are read. Results of tasks are not: no template in them counts, and on a hundred machines
    it takes longer than all that is judged. Those of tasks that timed out come without how they were stopped: rendering that is
    deprecated (ansible-core 2.21). Each step of a task that took several has a name of its own."""
    given: Mapping[str, Any] = getattr(hostvars, "raw_get", hostvars.__getitem__)(machine)
    results = {
        name: {key: one for key, one in value.items() if key != "timedout"}
        for name, value in given.items()
        if isinstance(value, Mapping) and not SAYS_HOW_IT_ENDED.isdisjoint(value)
    }
    return with_steps(ChainMap(results, hostvars[machine]))


def with_steps(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables with what each step of `ibgw_probe` was answered; where it failed as a whole, the first one did."""
    probed: Mapping[str, Any] = variables.get(PROBED) or {}
    steps = probed if "health" in probed else {"health": probed} if probed else {}
    answers = {f"diagnose_{step}": answer for step, answer in steps.items() if isinstance(answer, Mapping)}
    return ChainMap(answers, variables)  # type: ignore[arg-type]  # it writes to its first map only, and its stubs want all writable


def rendered(
    variables: Mapping[str, Any], names: Iterable[str], whose: str, render: Callable[[Any], Any] = lambda value: value
) -> dict[str, Any]:
    """Those of the variables that are set; hostvars come rendered, a task's own do not. Raises `Misuse` that says `whose` one is."""
    values = {}
    for name in names:
        try:
            if name in variables:
                values[name] = plain(render(variables[name]))
        except AnsibleError as error:
            raise Misuse(f"{name} of {whose} can not be read: {error}") from None
    return values
