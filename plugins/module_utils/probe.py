# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the probes share: how a module runs one, and how a probe says that it could not look.

A probe is a function ``probe(**arguments) -> dict``. It returns its result, raises `Misuse` for arguments that make no
sense, or `Unavailable` when it could not look. Nothing else leaves a module: an unexpected exception becomes a result too,
because a broken probe must never read as a broken gateway.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

#: Where the `probe` role puts the probes' own interpreter; an argument of every module can name another.
PROBE_PYTHON = "/opt/ibgw/probe/bin/python3"

#: What gives a probe the rights that it lacks.
AS_ROOT = "let the probe run as root (become)"

#: Most bytes of JSON that one gateway may take in a result; AWX stores every one.
RESULT_BYTES = 8 * 1024

# Of these what is oldest goes first, of all others what stands last.
_NEWEST_LAST = ("events", "notices")

# Texts that are no longer stay whole: ids, digests, times.
_SHORT_TEXT = 80


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


def user() -> str:
    """Who looks, whatever the environment says: not every way to become somebody else sets it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def fit(result: dict[str, Any], *parts: Sequence[tuple[str, ...]], limit: int = RESULT_BYTES) -> dict[str, Any]:
    """`result` cut to `limit` bytes of JSON, with a key `cut` that counts what is missing where.

    `parts` are paths to lists and mappings that can grow without bound, those that are missed least first. Of those given together
    the longest is cut, or the longest text where that takes more.
    """
    cut = result["cut"] = dict(result.get("cut", {}))
    for together in parts or ((),):
        while (excess := size(result) - limit) > 0:
            path = max(together, key=lambda path: size(_at(result, path)), default=())
            entries = _at(result, path) if path else None
            holder, key, text = max(_texts(result), key=lambda found: size(found[2]), default=(result, "", ""))
            if size(text) > max(_SHORT_TEXT, size(entries)):
                holder[key] = text[: len(text) // 2].rstrip("…") + "…"
                name, missing = "text", len(text) - len(holder[key])
            elif entries:
                share = min(excess / size(entries), 0.5)  # in steps, for another may be the longest then
                name, missing = ".".join(path), max(1, int(len(entries) * share))
                _drop(entries, missing, oldest=path[-1] in _NEWEST_LAST)
            else:
                break
            cut[name] = cut.get(name, 0) + missing
    return result


def size(value: Any) -> int:
    """Bytes of JSON, in the widest form that it may take on its way: everything but ASCII escaped."""
    return len(json.dumps(value))


def _at(result: Any, path: Iterable[str]) -> Any:
    for key in path:
        result = (result or {}).get(key)
    return result


def _drop(entries: Any, count: int, oldest: bool) -> None:
    """Take `count` entries out of a list or a mapping."""
    if isinstance(entries, dict):
        for name in list(entries)[-count:]:
            del entries[name]
    elif oldest:
        del entries[:count]
    else:
        del entries[-count:]


def _texts(value: Any) -> Iterator[tuple[Any, Any, str]]:
    """Every text in `value`, with what holds it and under which key."""
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in held:
        if isinstance(one, str):
            yield value, key, one
        else:
            yield from _texts(one)


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
    acts: bool = False,
) -> None:
    """Run `probe` as an Ansible module and exit with its result under `key`.

    `empty` holds the result's own keys for the outcome in which nothing could be looked at. `needs` tells which libraries
    the given arguments ask for; when one is missing the module starts again under the probes' own interpreter. Where there
    is none, `probe` runs here and raises `missing_library` when it comes to need it. One that `acts` is told whether it is
    in check mode, and tells in its result whether it changed anything.
    """
    from ansible.module_utils.basic import AnsibleModule

    spec = {**argument_spec, "probe_python": {"type": "path", "default": PROBE_PYTHON}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    arguments = {name: value for name, value in module.params.items() if name in argument_spec}
    if acts:
        arguments["check_mode"] = module.check_mode
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
    module.exit_json(changed=result.pop("changed", False), **{key: result})


def _respawn(interpreter: str, library: str) -> None:
    """Start this module again under `interpreter` if that has `library`; once."""
    from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module

    if not has_respawned() and probe_interpreters_for_module([interpreter], library):
        respawn_module(interpreter)
