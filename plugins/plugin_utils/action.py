# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection's actions share: they run on the controller, connect to nothing, and say in one sentence what makes no sense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import rendered


class ControllerAction(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """An action; a subclass has its arguments and `outcome`."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    #: As of a module's argument_spec.
    ARGUMENTS: ClassVar[dict[str, dict[str, Any]]] = {}

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The outcome as Ansible wants it; `Misuse` fails the task with its sentence."""
        result = super().run(tmp, task_vars)
        _checked, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        try:
            return {**result, "changed": False, **self.outcome(task_vars or {}, arguments)}
        except Misuse as misuse:
            raise AnsibleActionFail(printable(str(misuse))) from None

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the action returns beside `changed`, by the task's variables and its checked arguments."""
        raise NotImplementedError

    def settings(self, variables: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Those of the variables that are set, in plain types."""
        return rendered(variables, names, "the settings", self._templar.template)
