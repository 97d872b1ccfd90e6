# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection's actions share: they run on the controller, and say in one sentence what makes no sense.

They connect to nothing, but for those that keep their report in a store, too.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable, quote
from ansible_collections.ibgw.ops.plugins.plugin_utils import inventory
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.probe import task_trouble
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain, rendered

#: Seconds that the host of the report store may take for an answer, whatever keeps it; it waits for its lock itself, and shorter.
STORE_SECONDS = 180

display = Display()


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


class StoringAction(ControllerAction):
    """An action that keeps its report in a store, too: its task is delegated to the store's host."""

    #: Which of the store's states is its own.
    STORED: ClassVar[str]

    def merged(
        self,
        variables: Mapping[str, Any],
        arguments: Mapping[str, Any],
        put: Mapping[str, Any] | None,
        merge: Callable[[Mapping[str, Any]], tuple[dict[str, Any], Mapping[str, str]]],
    ) -> dict[str, Any]:
        """The report that `merge` makes of all that the store has, once that was put in; the files that it gives are published there.

        Raises `Misuse` where the store can not be used. That the files can not be published is a warning.
        """
        directory, forget = arguments["store_dir"], [name.strip() for name in arguments["forget"]]
        kept = self._asked(variables, directory, put=put, forget=forget)
        for warning in kept["warnings"]:
            display.warning(warning)
        for unknown in sorted({*forget} - {*kept["forgotten"]}):
            display.warning(f"diagnose_forget has {quote(unknown)}, which the report store does not know")
        try:
            whole, files = merge(kept["machines"])
        except Misuse:
            raise
        except Exception as error:  # rows that another version put in: that must not cost the run its own
            said = f"{type(error).__name__}: {quote(str(error))}"
            raise Misuse(f"the reports in the store could not be merged ({said})") from error
        if kept["revision"]:  # else nothing was ever put in, and there is not even a directory
            try:
                self._asked(variables, directory, publish={"revision": kept["revision"], "files": files})
            except Misuse as misuse:
                display.warning(str(misuse))
        return whole

    def known(self, variables: Mapping[str, Any], directory: str) -> Mapping[str, Any]:
        """What the store has of each machine; nothing is written."""
        machines: dict[str, Any] = self._asked(variables, directory)["machines"]
        return machines

    def _asked(self, variables: Mapping[str, Any], directory: str, **asked: Any) -> dict[str, Any]:
        host = self._task.delegate_to or "localhost"
        asked = {"directory": directory, "name": self.STORED, **asked}
        try:
            with limited(STORE_SECONDS), self._untold():
                result = self._execute_module("ibgw.ops.ibgw_store", asked, task_vars=variables)
        except (Exception, TooLong) as error:  # whatever keeps it must not cost the report
            result = {"msg": str(error)}
        store: dict[str, Any] | None = plain(result.get("store"))
        if store is None:
            told = [*filter(None, map(result.get, ("module_stderr", "module_stdout", "msg")))] or ["no answer"]
            said, (_what, cure) = told[0], task_trouble(" ".join(told))
            raise Misuse(f"the report store could not be used on {host}: {quote(said)}; {cure.format(machine=host)}")
        if not store["available"]:
            raise Misuse(f"{store['reason']} (on {host}); {store['fix']}")
        return store

    @contextmanager
    def _untold(self) -> Iterator[None]:
        """What goes to and fro is a report: too much for the log of the store's host, and for -vvv.

        Without -vvv the connection prints nothing, and is left to say why it failed.
        """
        told, connection = self._task.no_log, self._connection._play_context
        before = connection.no_log
        self._task.no_log, connection.no_log = True, before or display.verbosity >= 3
        try:
            yield
        finally:
            self._task.no_log, connection.no_log = told, before


def missing(variables: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, list[str]]:
    """The machines of the inventory that a store does not know, with the gateways that each declares, where that makes sense."""
    unknown: dict[str, list[str]] = {}
    for machine in variables["groups"].get("gateway_hosts", []):
        if machine not in known:
            try:
                unknown[machine] = inventory.declared(rendered(variables["hostvars"][machine], ("gateways",), machine))
            except (Misuse, TypeError, KeyError, AttributeError):
                unknown[machine] = []
    return unknown


class TooLong(BaseException):
    """It took too long; no `Exception`, for nobody on the way may catch it."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """What is done in it ends after so many seconds; the keyword `timeout` of a task would take all of its result with it."""

    def over(_signal: int, _frame: object) -> None:
        raise TooLong(f"Timed out after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
