# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine: can it be reached, and does it leave a gateway room to live?"""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    PROCESS_ENDED,
    Answer,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Disk

#: What Ansible, sudo or a shell says when Ansible got in and was not let do its work: the words, what that means, what mends it
#: (ansible-core 2.19, sudo 1.9).
_PASSWORD = "run with --ask-become-pass, or set ansible_become_password"
_SUDO = "check ansible_become, ansible_become_method and ansible_become_user of {machine}"
_LOGIN = "set ansible_user of {machine} to a user with an ordinary shell, such as /bin/bash"
_PYTHON = "install Python 3.9 or newer on {machine}, or set ansible_python_interpreter to where it is"
DENIALS = (
    ("Missing sudo password", "sudo asks for a password", _PASSWORD),
    ("a password is required", "sudo asks for a password", _PASSWORD),  # sudo itself, on the controller
    ("Incorrect sudo password", "sudo refuses the password", "correct ansible_become_password of {machine}"),
    ("Incorrect su password", "su refuses the password", "correct ansible_become_password of {machine}"),
    (
        "not in the sudoers file",
        "the remote user may not use sudo",
        "allow the user in sudoers, or set ansible_become: false",
    ),
    (
        "must have a tty",
        "sudo wants a terminal (requiretty)",
        "set ansible_pipelining: false for {machine}, or take requiretty out of its sudoers",
    ),
    ("is not allowed to execute", "sudo does not let the remote user run this", "allow the user in sudoers"),
    ("sudo: not found", "there is no sudo", "install sudo on {machine}, or set ansible_become_method"),
    ("waiting for become", "becoming another user fails", _SUDO),
    ("waiting for privilege escalation", "becoming another user fails", _SUDO),
    ("become method", "becoming another user fails", _SUDO),
    ("account is currently not available", "the remote user may not log in (nologin)", _LOGIN),
    ("restricted: cannot specify", "the remote user's shell is a restricted one", _LOGIN),
    ("module interpreter", "there is no Python where Ansible looks for it", _PYTHON),
    ("python: not found", "there is no Python", _PYTHON),
    ("python3: not found", "there is no Python", _PYTHON),
    ("python3: No such file", "there is no Python", _PYTHON),
    (
        "Failed to create temporary directory",
        "the remote user has no place to write",
        "give the remote user of {machine} a writable home, or set ansible_remote_tmp",
    ),
)

# What OpenSSH says of a machine that it does not get into: its words, what that means, what mends it where that is more than looking.
_UNREACHED = (
    ("Permission denied", "refuses Ansible's key or password", ""),
    (
        "HOST IDENTIFICATION HAS CHANGED",
        "shows another host key than before",
        "Find out why (was it set up anew?); then forget the old key (ssh-keygen -R) and accept the new one with ssh by hand.",
    ),
    (
        "Host key verification failed",
        "has a host key that this controller does not know",
        "Log in once with ssh by hand, as the controller's user, and compare the key before you accept it.",
    ),
    ("Could not resolve hostname", "has a name that the controller can not resolve", ""),
    (
        "No user exists for uid",
        "was not asked: ssh does not start for a user without a name",
        "Give the controller's user an entry in its /etc/passwd.",
    ),
    ("", "does not answer", ""),
)

#: Less than this, and a gateway can not keep its settings and logs.
DISK_SHORT = 500_000_000

NOT_LOOKED_AT = "the machine under the engine could not be looked at"

#: How far a clock may be off beyond what the measurement itself can err by, in seconds.
CLOCK_TOLERANCE = 10


def denial(message: str) -> tuple[str, str] | None:
    """What the remote side refused, and what mends it, where a task's `message` tells that."""
    for words, refused, cure in DENIALS:
        if words.lower() in message.lower():
            return refused, cure
    return None


@finding(
    "host.unreachable",
    severity="unknown",
    remedy="none",
    title="The machine does not answer",
    meaning=(
        "Ansible could not connect to the machine. Whether its gateways work is not known: the way to it may be broken from here only."
        " Nothing is done about gateways that nobody could look at."
    ),
    fix=(
        "Try the connection by itself: ansible {machine} -m ansible.builtin.ping",
        "Check address, port and user in the inventory (ansible_host, ansible_port, ansible_user), then the network and the machine itself.",
    ),
    remedy_reason="nobody could look; the gateway may be well",
    next_command="ansible {machine} -m ansible.builtin.ping",
)
def unreachable(case: Case) -> Proof | None:
    task = case.tasks.get("health")
    if task is None or not task.unreachable or denial(task.message):
        return None
    what, cure = next((what, cure) for words, what, cure in _UNREACHED if words in task.message)
    summary = f"the machine {case.machine} {what}"
    return Proof(summary, (case.quote("ansible", task.message),), (cure,) if cure else ())


@finding(
    "host.access_denied",
    severity="unknown",
    remedy="none",
    title="The machine answers, but the probe was not let in",
    meaning=(
        "Ansible connected, and then could not run a probe: there is no Python, no sudo, or the become password is wrong. The gateways"
        " may be well; nobody could look."
    ),
    fix=("Mend what the evidence names, then: ansible {machine} -m ansible.builtin.ping --become",),
    remedy_reason="nobody could look; the gateway may be well",
    next_command="ansible {machine} -m ansible.builtin.ping --become",
)
def access_denied(case: Case) -> Proof | None:
    task = case.tasks.get("health")
    refusal = denial(task.message) if task and (task.failed or task.unreachable) else None
    if task is None or refusal is None:
        return None
    what, cure = refusal
    return Proof(f"on {case.machine}, {what}", (case.quote("ansible", task.message),), (cure,))


@finding(
    "host.disk_full",
    severity="degraded",
    remedy="ask_person",
    title="A disk that the gateway needs is full",
    meaning=(
        "Less than 500 MB, or no file entry, is left where Docker or a settings directory of the gateway lives. A gateway that can not"
        " write its settings fails at its next start, and a session saved for the daily restart is lost."
    ),
    fix=(
        "See what fills it: df -h; docker system df",
        "Free space (old images: docker image prune; logs: set max-size on the json-file log driver).",
        "Do not restart the gateway before there is room: it could not write its settings.",
    ),
    explains=(*PROCESS_ENDED, "config.settings_unwritable"),
    remedy_reason="only a person knows what may be deleted",
    next_command="df -h",
    audits="There is room where the engine and the gateway's settings live.",
)
def disk_full(case: Case) -> Answer:
    needed = _needed_disks(case)
    full = [disk for disk in needed if (disk.free or 0) < DISK_SHORT or (disk.free_inodes == 0 and disk.total)]
    failed_on_it = case.says("host.disk_full") or (bool(full) and case.says("config.settings_unwritable"))
    quotes = tuple(case.quote("health", _room(disk)) for disk in full or needed)
    if not full and not failed_on_it:
        return Passed("; ".join(map(_room, needed)), quotes) if needed else NotKnown(NOT_LOOKED_AT)
    return Proof(
        f"{full[0].path} on {case.machine} is full" if full else "the gateway failed on a full disk",
        (quotes if full else ()) + (case.log_quotes(1) if failed_on_it else ()),
        severity="down" if failed_on_it else None,
    )


def _needed_disks(case: Case) -> list[Disk]:
    """Where the engine lives, and where this gateway's settings are mounted; what others mount is no matter of it."""
    container, engine = case.gateway.container, case.health.engine
    settings = {one.mount for one in container.settings}
    own = {one.disk for one in container.mounts if one.target in settings}
    seen = [disk for disk in case.health.host.disks if disk.free is not None]
    return [disk for disk in seen if engine.root_dir is None or disk.path in {engine.root_dir, *own}]


def _room(disk: Disk) -> str:
    entries = "" if disk.free_inodes is None else f", {disk.free_inodes} file entries free"
    return f"{disk.path}: {(disk.free or 0) // 1_000_000} MB free{entries}"


@finding(
    "host.memory_short",
    severity="degraded",
    remedy="ask_person",
    title="The machine may run out of memory",
    meaning=(
        "The gateway may still claim more memory than the machine has left. When it does, the kernel kills a process, often this one,"
        " and a killed gateway costs a full login and can leave its session held at IBKR."
    ),
    fix=(
        "See who uses it: docker stats --no-stream; free -m",
        "Stop what is not needed, add memory, or lower the heap (JAVA_HEAP_SIZE) of gateways that do not need theirs.",
    ),
    next_command="docker stats --no-stream",
    audits="The machine has the memory that the gateway may still claim.",
)
def memory_short(case: Case) -> Answer:
    available, claim = case.health.host.memory.available, _claim(case)
    if available is None:
        return NotKnown(NOT_LOOKED_AT)
    if claim is None:
        return NotKnown("how much the gateway may still claim is not known while it does not run")
    sizes = f"{available >> 20} MiB are available, the gateway may claim {claim >> 20} MiB more"
    evidence = (case.quote("health", sizes),)
    if claim <= available:
        return Passed(sizes, evidence)
    return Proof(f"memory is short on {case.machine}: {sizes}", evidence)


def _claim(case: Case) -> int | None:
    """What the gateway may still take: no more than its container's limit, and no more than its heaps, lets it."""
    memory = case.gateway.container.memory
    by_limit = memory.limit - memory.usage if case.running and memory.limit and memory.usage is not None else None
    heaps = [
        max(process.max_heap - process.rss, 0)
        for process in case.gateway.processes
        if process.role == "gateway" and process.max_heap and process.rss is not None
    ]
    return min((one for one in (by_limit, sum(heaps) if heaps else None) if one is not None), default=None)


@finding(
    "host.clock_wrong",
    severity="degraded",
    remedy="ask_person",
    title="The machine's clock is wrong",
    meaning=(
        "The clock is off, or nothing keeps it right. Logs get wrong times, one-time codes are refused, and a daily restart falls into"
        " the wrong hour. A clock that is only not synchronised, with no measured error, is an advice."
    ),
    fix=(
        "See what keeps the time: timedatectl status; chronyc tracking",
        "Start a time service (systemd-timesyncd or chrony) and wait until it says synchronised.",
    ),
    remedy_reason="a jump of the clock under a running gateway is a person's decision",
    next_command="timedatectl status",
    audits="The machine's clock is right.",
)
def clock_wrong(case: Case) -> Answer:
    host = case.health.host
    if host.now is None:
        return NotKnown(NOT_LOOKED_AT)
    if abs(case.clock_offset) > CLOCK_TOLERANCE:
        words = f"the clock of {case.machine} is off by {case.clock_offset:+.0f} s"
        return Proof(words, (case.quote("health", words, host.now),))
    if host.clock_synchronized is False:
        words = f"nothing keeps the clock of {case.machine} right"
        return Proof(words, (case.quote("health", "clock not synchronised", host.now),), severity="advice")
    if host.clock_synchronized is None:
        return NotKnown("whether anything keeps the machine's clock right could not be asked")
    return Passed(
        "the clock is synchronised, and agrees with the controller's",
        (case.quote("health", "clock synchronised", host.now),),
    )
