# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the log probe answers for a log that a test wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log


def result(log: Log, after: float = 0.0) -> dict[str, Any]:
    """The whole answer, looked at `after` seconds of silence."""
    return result_of(log.lines, log.as_of(after))


def result_of(lines: Sequence[str], as_of: str | None = None) -> dict[str, Any]:
    """The whole answer for `lines`."""
    scan = Scan(50)
    scan.read(["".join(line + "\n" for line in lines).encode()])
    (gateway,) = scan.results("some.log", epoch(as_of), False)
    return gateway


def instance(log: Log, after: float = 0.0) -> dict[str, Any]:
    """The answer for the only instance."""
    (run,) = result(log, after)["instances"]
    return dict(run)


def verdict(log: Log, after: float = 0.0) -> tuple[str, str | None]:
    """Where the only instance stands, and what is wrong with it."""
    run = instance(log, after)
    return run["state"], run["problem"]
