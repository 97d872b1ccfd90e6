# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The launcher.log that a container's gateway writes beside its log: what IBKR answered to the login that hangs or failed.

It is taken out through the engine, and nothing is run in the container. What it tells is evidence beside the container's own log
and never a verdict against it.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils import engine
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.launcher import Launcher
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch

if TYPE_CHECKING:
    import docker

#: The longest that is taken out of a container, in bytes: it is begun anew every day (aiordanescu/ib-gateway-mcp, its file names).
_LONGEST = 8 << 20

#: What is read of it, from its end.
_TAIL = 1 << 20


def launcher_log(
    client: docker.DockerClient, container: str, directory: str, since: float | None, known: frozenset[str]
) -> dict[str, Any] | None:
    """What the launcher.log in a settings `directory` tells of the run that began at `since`; None where it tells nothing of it."""
    path = posixpath.join(directory, "launcher.log")
    try:
        content = engine.file_in(client, container, path, _LONGEST + 1)
    except Exception:  # what can not be had of it costs nothing else
        return None
    if content is None or len(content) > _LONGEST:
        return None
    scan = Scan(0, known)
    scan.read([content[-_TAIL:]])
    told = next(iter(scan.results("launcher.log", None, truncated=False)), None)
    if told is None or told["controller"]["name"] != Launcher.name:  # another file of that name
        return None
    last = epoch(told["window"]["last_at"])
    if last is None or since is None or last < since:
        return None
    run: dict[str, Any] = next(iter(told["instances"]), {"problem": None, "evidence": []})
    return {"path": path, "last_at": told["window"]["last_at"], "problem": run["problem"], "evidence": run["evidence"]}
