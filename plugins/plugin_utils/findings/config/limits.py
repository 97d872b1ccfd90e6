# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the container is given: memory, files, time to stop, what brings it back, what lasts."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    DID_NOT_START,
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)


@finding(
    "config.nofile_unlimited",
    severity="advice",
    remedy="ask_person",
    title="The limit of open files is so high that Java 8 fails on it",
    meaning=(
        "Java 8 makes a table as large as the limit of open files. Where the engine sets none, that is about a thousand million entries, and"
        " Java ends with an out-of-memory message although memory is free. Java 17 builds do not mind."
    ),
    fix=(
        "Set ulimits: nofile: 65536 for the container (not higher), and create it anew.",
        "Or use an image with Java 17 (gateway 10.34.1c and newer).",
    ),
    explains=DID_NOT_START,
    remedy_reason="a restart keeps the limit",
    next_command="docker inspect --format '{{json .HostConfig.Ulimits}}' {name}",
)
def nofile_unlimited(case: Case) -> Proof | None:
    if not case.says("config.nofile_unlimited"):
        return None
    return Proof("Java died of an unlimited number of open files", case.log_quotes(), severity="down")


@finding(
    "config.heap_over_limit",
    severity="advice",
    remedy="ask_person",
    title="The heap is larger than the container's memory limit allows",
    meaning=(
        "Java may grow its heap to the size it was given, and needs some hundred megabytes besides. With a memory limit below that the"
        " kernel kills it one day, which costs a login and can leave the session held at IBKR."
    ),
    fix=("Set the memory limit to about twice the heap, or lower JAVA_HEAP_SIZE; create the container anew.",),
    audits="The memory limit leaves room for the Java heap.",
)
def heap_over_limit(case: Case) -> Answer:
    limit = case.gateway.container.memory.limit
    heap = max((process.max_heap or 0 for process in case.gateway.processes), default=0)
    if not limit:
        return NotApplicable("the container has no memory limit")
    if not heap:
        return NotKnown("no Java machine was seen that tells its largest heap")
    words = f"heap up to {heap >> 20} MiB, memory limit {limit >> 20} MiB"
    evidence = (case.quote("health", words),)
    if heap <= limit:
        return Passed(words, evidence)
    wanted = 2 * heap >> 20
    return Proof(words, evidence, change=Change(f"mem_limit: {wanted}m", f"memory_mb: {wanted}"))
