# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the three probes share: how a module runs one, and how a probe says that it could not look.

A probe is a function ``probe(**arguments) -> dict``. It returns its result, raises `Misuse` for arguments that make no
sense, or `Unavailable` when it could not look. Nothing else leaves a module: an unexpected exception becomes a result too,
because a broken probe must never read as a broken gateway.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

#: Where the `probe` role puts the probes' own interpreter; an argument of every module can name another.
PROBE_PYTHON = "/opt/ibgw/probe/bin/python3"


#: Most bytes of JSON that one gateway may take in a result; AWX stores every one.
RESULT_BYTES = 8 * 1024


class Misuse(ValueError):
    """An argument that makes no sense; the message is one sentence: what was given, what is allowed."""


class Unavailable(Exception):
    """Something could not be looked at.

    `problem` is a finding code, `reason` one sentence (what was tried, what came back), `fix` what mends it.
    """

    def __init__(self, problem: str, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.problem = problem
        self.reason = quote(reason)
        self.fix = fix

    def as_result(self) -> dict[str, Any]:
        """The four keys that say so in a result."""
        return {"available": False, "problem": self.problem, "reason": self.reason, "fix": self.fix}


#: The same four keys when all went well.
AVAILABLE: Mapping[str, Any] = {"available": True, "problem": None, "reason": None, "fix": None}


def missing_library(name: str) -> Unavailable:
    """The result of a probe whose interpreter lacks a library."""
    return Unavailable(
        "probe.incomplete",
        f"the Python library {name!r} is missing for {sys.executable} (Python {sys.version.split()[0]})",
        "ansible-playbook ibgw.ops.enroll -l <machine>  (installs the probes' own Python environment)",
    )


def run_probe(
    key: str,
    argument_spec: Mapping[str, Mapping[str, Any]],
    probe: Callable[..., dict[str, Any]],
    empty: Mapping[str, Any],
    needs: Callable[[Mapping[str, Any]], Sequence[str]],
) -> None:
    """Run `probe` as an Ansible module and exit with its result under `key`.

    `empty` holds the result's own keys for the outcome in which nothing could be looked at. `needs` tells which libraries
    the given arguments ask for; when one is missing the module starts again under the probes' own interpreter. Where there
    is none, `probe` runs here and raises `missing_library` when it comes to need it.
    """
    from ansible.module_utils.basic import AnsibleModule

    spec = {**argument_spec, "probe_python": {"type": "path", "default": PROBE_PYTHON}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    arguments = {name: value for name, value in module.params.items() if name in argument_spec}
    try:
        for library in needs(arguments):
            if importlib.util.find_spec(library) is None:
                _respawn(module.params["probe_python"], library)
        result = probe(**arguments)
    except Misuse as misuse:
        module.fail_json(msg=str(misuse))
    except Unavailable as unavailable:
        result = {**unavailable.as_result(), **empty}
    except Exception as error:  # a defect of the probe must read as "unknown", not as a traceback
        reason = f"the probe failed on {type(error).__name__}: {error}"
        fix = "report this with the module's arguments and the container's image"
        result = {**Unavailable("probe.incomplete", reason, fix).as_result(), **empty}
    module.exit_json(changed=False, **{key: result})


def _respawn(interpreter: str, library: str) -> None:
    """Start this module again under `interpreter` if that has `library`; once."""
    from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

    if not has_respawned() and probe_interpreters_for_module([interpreter], library):
        respawn_module(interpreter)
