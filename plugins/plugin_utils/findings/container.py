# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The container: is it there, does it run, and if not, who or what ended it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import ASKING, LOGGED_IN, Case, Quote, moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CLOSED_PORT,
    MUTE_API,
    PROCESS_ENDED,
    REBUILD,
    RELEASE,
    RELEASE_IT,
    START_BY_HAND,
    START_IT,
    STOP_IT,
    Answer,
    Change,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Event

#: Exit codes after which a new start is worth its login: closed by itself, unhandled exception, JVM abort, segfault
#: (IBC ErrorCodes.java:23; ibcstart.sh:541).
WORTH_A_START = (0, 76, 134, 139)

#: With ibcontroller, too: the gateway crashed, or its controller lost it (ibcontroller cli.py).
LOST_IT = 69

#: Java's heap in MiB unless the image is told otherwise (gnzsnz common.sh:131-141).
DEFAULT_HEAP = 768

#: Exit codes of what was told to end, by a signal from outside: Docker reports a stop only where it sent that signal itself.
ASKED_TO_END = (130, 143)

WHO_STOPPED_IT = "Find out who stopped it and why: docker events --since 24h --until 0s --filter container={name}"
START_LATER = START_BY_HAND.replace("Then", "When it may run again,")
WHO_KILLED_IT = "See who did it: docker events --since 24h --until 0s --filter container={name}"
TIME_TO_STOP = "Give it time to stop next time: docker stop -t 90 {name}, or stop_grace_period: 90s in compose."
FREE_THE_SESSION = "If the login hangs, log in with IBKR Mobile as that user to free the session, and wait."

STOP_THE_LOOP = "Stop the loop first: docker update --restart=no {name} && docker stop -t 90 {name}"
READ_WHY = "Read why it ends: docker logs --tail 200 {name}"
POLICY = "unless-stopped"
START_AGAIN = f"Mend that, then: docker update --restart={POLICY} {{name}} && docker start {{name}}"

#: How a controller's own logout before its end went.
LOGOUTS = ("logged_out", "logout_failed")

#: So many starts within so long are a loop.
LOOP_STARTS = 3
LOOP_SPAN = timedelta(minutes=15)


def _out_of_memory(case: Case) -> bool:
    container, end = case.gateway.container, _end_event(case)
    if container.exit_code != 137:
        return False
    # Docker sets its flag for any process of the container: one killed earlier does not make a stop a shortage of memory.
    if end is not None and end.by == "command":
        return False
    short = container.oom_killed is True or container.host_oom_killed is True
    return short or (end is not None and end.by == "kernel")


def _out_of_memory_inside(case: Case) -> bool:
    """The kernel killed the gateway's Java machine for memory, and the container lives on."""
    code = case.run.last_exit.code if case.run.last_exit else None
    return case.running and code == 137 and bool(case.gateway.container.memory.oom_kills)


def _began_after_out_of_memory(case: Case) -> bool:
    """Docker's restart policy began this start because the kernel had killed the last one for memory."""
    short = died_of_it = begun_by_it = False
    for event in case.gateway.events:
        if event.action == "oom":
            short = True
        elif event.action == "die":
            short, died_of_it = False, short and event.exit_code == 137
        elif event.action == "stop":
            died_of_it = False
        elif event.action == "start":
            died_of_it, begun_by_it = False, died_of_it
    # A start by hand sets the count to zero (moby daemon/container ResetRestartManager).
    return begun_by_it and bool(case.gateway.container.restart_count)


def _stop_event(case: Case) -> Event | None:
    """The stop that somebody asked Docker for after the last start; Docker reports none for a process that ends by itself."""
    stop = None
    for event in case.gateway.events:
        if event.action in ("start", "restart"):
            stop = None
        elif event.action == "stop":
            stop = event
    return stop


def _end_event(case: Case) -> Event | None:
    """How the last run ended, where Docker still tells and no other has begun since."""
    ends = [event for event in case.gateway.events if event.action in ("die", "start")]
    return ends[-1] if ends and ends[-1].action == "die" else None


def _last(case: Case, action: str) -> Event | None:
    return next((event for event in reversed(case.gateway.events) if event.action == action), None)


def _by(event: Event | None) -> str:
    """Who did it, as the end of a clause; empty where that is not known."""
    return f" by {event.who}" if event is not None and event.by == "command" and event.who else ""


def _steps(event: Event | None, find_out: str, *others: str) -> tuple[str, ...]:
    """What is to be done about an end: who it was has to be found out only where that is not known."""
    known = f"It was {event.who}: see there why it did." if event is not None and _by(event) else find_out
    return (known, *others)


def _told(case: Case, event: Event) -> Quote:
    """An event and who did it: a doer only where something proves one."""
    words = f"docker event: {event.action}"
    if event.who:
        words += f", by {event.who}"
    elif event.by == "command":
        could = f"; it can have been {', or '.join(event.candidates)}, or a person" if event.candidates else ""
        words += f", by a command; who gave it is not known{could}"
    elif event.exit_code in (*ASKED_TO_END, 137):
        podman = case.health.engine.kind == "podman"  # its stop leaves no event of its own
        unknown = ", by a signal that did not come through Docker; who sent it is not known"
        words += "; Podman does not tell who ended it" if podman else unknown
    return case.quote("health", words, event.at)


#: So long before a machine or an engine came up it may have gone down.
GOING_DOWN = timedelta(minutes=15)


def _went_down(case: Case) -> tuple[Quote, ...]:
    """What came up soon after the container had ended, and may have stopped it as it went down; an engine forgets its events then."""
    ended = moment(case.gateway.container.finished_at)
    risen = (("the machine", case.health.host.boot_time), ("Docker", case.health.engine.started_at))
    for what, told in risen:
        at = moment(told)
        if at and ended and timedelta() <= at - ended <= GOING_DOWN:
            words = f"{what} came up {int((at - ended).total_seconds())} s after the end: going down, it can have stopped the gateway"
            return (case.quote("health", words, told),)
    return ()


def _each_turn_is_a_login(case: Case) -> bool:
    if case.log is None:
        return False
    before = case.run.previous
    reached = (case.run.state, before.got_as_far_as if before else None)
    typed = any(RANK.get(state or "", -1) >= RANK["submitted"] for state in reached)
    typed = typed or (case.run.problem or "").startswith(("login.", "twofa."))
    return typed or (case.log.history.login_attempts_last_hour or 0) >= LOOP_STARTS


@finding(
    "container.missing",
    severity="down",
    remedy="ask_person",
    title="There is no container of that name",
    meaning=(
        "The inventory names a gateway for which the machine has no container, running or stopped. Either it was removed, or the name"
        " differs: the names that come near are listed."
    ),
    fix=(
        "See what is there: docker ps --all",
        "If the name is misspelt, correct it in the inventory under gateways.",
        "If the container was removed, create it again the way it was made (docker compose up -d, ibgw.ops.deploy, or your own playbook).",
    ),
    remedy_reason="no record on the machine says how this container was made",
    next_command="docker ps --all",
)
def missing(case: Case) -> Proof | None:
    if case.gateway.exists is not False:
        return None
    near, renamed = ", ".join(case.gateway.similar_names), case.gateway.renamed_to
    if renamed and case.gateway.rebuild is None:  # which sets the old one aside under another name
        words = f"no container is named {case.name}: it was renamed to {renamed}"
        back = f"docker rename {renamed} {case.name}"
        steps = (
            f"Give it its name back, which changes nothing else: {back}",
            "Or name it so in the inventory, under gateways.",
        )
        return Proof(words, (case.quote("health", words), *case.lock_quotes()), steps)
    recorded = case.gateway.deployment is not None
    return Proof(
        f"no container is named {case.name}" + (f"; near: {near}" if near else ""),
        (
            case.quote("health", f"no container {case.name}; names that come near: {near or 'none'}"),
            *case.lock_quotes(),
        ),
        ("With the phone at hand for a live account, have ibgw.ops.recover create it again.",) if recorded else (),
        remedy="recreate" if recorded else None,
        remedy_reason="its deployment is recorded on the machine" if recorded else None,
    )


@finding(
    "container.held",
    severity="down",
    remedy="none",
    title="The gateway is held: stopped to protect its account",
    meaning=(
        "An earlier run stopped this gateway because going on would have harmed the account, and left a hold on the machine. Nothing"
        " starts it until a person has mended the cause and cleared the hold. On a gateway that runs nevertheless it is a note."
    ),
    fix=(
        "Read the hold in the evidence: it names the cause. Mend that first (credentials, a locked account).",
        RELEASE_IT,
    ),
    explains=(
        "container.missing",
        "container.stopped",
        *PROCESS_ENDED,
        *CLOSED_PORT,
        "login.credentials_rejected",
        "login.looping",
    ),
    remedy_reason="only a person clears a hold",
    next_command=f"{RELEASE} --check",
)
def held(case: Case) -> Proof | None:
    if not case.gateway.hold:
        return None
    quotes = (case.quote("health", f"hold: {case.gateway.hold}"),)
    if not case.running:
        return Proof("a hold is recorded: stopped to protect the account", quotes)
    # Started by hand, or by a release that was cut off before its end.
    return Proof(
        "a hold is still recorded, so ibgw.ops.recover does nothing for it",
        quotes,
        (f"When what it was held for is mended, clear the hold: {RELEASE}",),
        severity="note",
    )


@finding(
    "container.rebuild_unfinished",
    severity="down",
    remedy="ask_person",
    title="A rebuild of the gateway has not ended",
    meaning=(
        "ibgw.ops.rebuild stopped the gateway's container to make it anew, and has not come to its end: it still works, or was cut off."
        " The old container and a backup of its settings are kept until then. While the new one runs, this is a note."
    ),
    fix=(
        "If the rebuild still runs, let it end.",
        "Else take it up again; with rebuild_roll_back=true it goes back to the old container: "
        + REBUILD
        + " -e rebuild_confirm=true",
    ),
    explains=("container.missing", "container.stopped", *PROCESS_ENDED, *CLOSED_PORT),
    remedy_reason="whoever began it has to say whether it goes on or back",
    next_command=REBUILD,
)
def rebuild_unfinished(case: Case) -> Proof | None:
    begun, container = case.gateway.rebuild, case.gateway.container
    if begun is None:
        return None
    since = moment(begun.began_at)
    summary = f"a rebuild that was begun {f'at {since:%Y-%m-%d %H:%M} UTC ' if since else ''}has not ended"
    recorded = case.quote("health", f"a rebuild is recorded on {case.machine}; old container {begun.old.id}")
    quotes = (recorded, *case.lock_quotes())
    at_work = case.gateway.exists is False or (container.id == begun.old.id and not case.running)
    if not at_work:
        return Proof(summary, quotes, severity="note", remedy="none")
    return Proof(f"{summary}, and the gateway is stopped for it", quotes)


@finding(
    "container.never_started",
    severity="down",
    remedy="ask_person",
    title="The container was created and never ran",
    meaning=(
        "Docker created the container and did not start it, or could not: a port that is taken, a mount that does not exist, a"
        " program that is not there. The engine's own words are quoted where it left any."
    ),
    fix=(
        "Start it and read what Docker says: docker start {name}",
        "A taken port: find who holds it (ss -ltnp). A missing mount: create it with the right owner, then start again.",
    ),
    explains=CLOSED_PORT,
    remedy_reason="why it was never started is not known",
    next_command="docker inspect --format '{{.State.Error}}' {name}",
)
def never_started(case: Case) -> Proof | None:
    container = case.gateway.container
    if container.status != "created":
        return None
    return Proof(
        f"created, never run{': ' + case.quote('health', container.error).quote if container.error else ''}",
        case.container_quotes(container.error or ""),
    )


@finding(
    "container.stopped",
    severity="down",
    remedy="ask_person",
    title="The gateway was stopped from outside",
    meaning=(
        "Somebody or something asked the container to stop, and it did so in order. That can be a person, a compose command, an update"
        " of the engine or a reboot. Whoever stopped it had a reason, so nothing starts it again without a person. Starting costs a"
        " full login, for a live account with a second factor."
    ),
    fix=(
        WHO_STOPPED_IT,
        START_LATER,
    ),
    explains=("relay.down", "gateway.not_running", *CLOSED_PORT),
    remedy_reason="whoever stopped it had a reason",
    next_command="docker events --since 24h --until 0s --filter container={name}",
)
def stopped(case: Case) -> Proof | None:
    container, stop = case.gateway.container, _stop_event(case)
    killed = container.exit_code == 137
    told = case.says("container.stopped")
    stopping = told and case.running and case.run.state in ("shutting_down", "ended")
    asked = container.exit_code in ASKED_TO_END or told or stop is not None
    if killed or not asked or not (case.ended or case.saved_log or stopping):
        return None
    code = f", exit code {container.exit_code}" if case.ended else ""
    meaning = f": {container.exit_meaning}" if case.ended and container.exit_meaning else ""
    quotes = case.container_quotes() if container.status else ()
    event = stop or (_end_event(case) if case.ended else None)
    quotes += (_told(case, event),) if event else _went_down(case)
    return Proof(
        f"{'being ' if stopping else ''}stopped from outside{_by(event)}{code}{meaning}",
        quotes + (case.log_quotes(1) if told else ()),
        _steps(event, WHO_STOPPED_IT, START_LATER, *((FREE_THE_SESSION,) if _logout_failed(case) else ())),
        since=case.run.since if stopping else container.finished_at,
    )


def _logout_failed(case: Case) -> bool:
    """The controller could not log out before its end, so that IBKR may hold the session for hours."""
    logouts = [event.event for event in (case.log.events if case.log else ()) if event.event in LOGOUTS]
    return logouts[-1:] == ["logout_failed"]


@finding(
    "container.paused",
    severity="down",
    remedy="ask_person",
    title="The container is paused",
    meaning="Its processes are frozen (docker pause). Ports still accept, nothing answers, and IBKR drops the session after a while.",
    fix=("Find out who paused it and why, then: docker unpause {name}",),
    explains=("api.unreachable", "gateway.hung", *CLOSED_PORT, *MUTE_API),
    remedy_reason="whoever paused it had a reason",
    next_command="docker unpause {name}",
)
def paused(case: Case) -> Proof | None:
    if case.gateway.container.status != "paused":
        return None
    return Proof("the container is paused", case.container_quotes())


@finding(
    "container.out_of_memory",
    severity="down",
    remedy="ask_person",
    title="The kernel killed the gateway for memory",
    meaning=(
        "The gateway was killed because its container's memory limit, or the machine's memory, was used up. It comes back into the same"
        " wall until limit and heap fit each other: the limit has to be well above the Java heap (JAVA_HEAP_SIZE, 768 MB unless set),"
        " about twice. A kill can leave the session held at IBKR for a while."
    ),
    fix=(
        "Compare the limit in the evidence with the heap. Raise the container's memory limit to about twice the heap, or lower the heap.",
        "If the machine itself is short: free -m; docker stats --no-stream",
        START_BY_HAND,
    ),
    explains=(
        "container.killed",
        "container.failed",
        "container.crash_loop",
        "gateway.not_running",
        "gateway.starting",
        "login.in_progress",
        *CLOSED_PORT,
    ),
    remedy_reason="it would run into the same wall again",
    next_command="docker stats --no-stream",
)
def out_of_memory(case: Case) -> Proof | None:
    container = case.gateway.container
    # Until it has got so far that somebody is asked to approve, or further, it runs into the same wall.
    on_its_way = case.running and not case.serving and case.state not in (*LOGGED_IN, *ASKING)
    again = on_its_way and (_began_after_out_of_memory(case) or _out_of_memory_inside(case))
    if not again and not (_out_of_memory(case) and (case.ended or container.status == "restarting")):
        return None
    allowed = (container.memory.limit or 0) >> 20
    limit = f"memory limit {allowed} MiB" if allowed else "no memory limit"
    variable = case.family.variable("java_heap_mb") if case.family else None
    told = case.variable(variable or "").lower().removesuffix("m")  # ibcontroller wants the unit
    heap = int(told) if told.isdecimal() else DEFAULT_HEAP
    size = f"Java heap {heap} MiB" + ("" if told.isdecimal() else ", the default")
    kill = container.kernel_kills[-1] if container.kernel_kills else None
    by_limit = kill.short_of == "container" if kill else container.oom_killed or again
    who = "the container's limit" if by_limit else "the machine's memory"
    ample = max(2 * heap, allowed * 3 // 2)
    update = f"docker update --memory={ample}m --memory-swap={ample}m {{name}}"
    mend = (
        f"Raise its limit, to twice the heap at least, and do the same where the container is defined: {update}"
        if by_limit
        else "See what uses the machine's memory, and give the gateway room: free -m; docker stats --no-stream"
    )
    return Proof(
        f"killed by the kernel for memory: {who} was used up",
        case.container_quotes(f"{limit}; {size}" if variable else limit) + _kernel_quotes(case),
        (mend, START_BY_HAND),
        since=container.finished_at,
        next_command=update if by_limit else None,
    )


def _kernel_quotes(case: Case) -> tuple[Quote, ...]:
    """The kernel's own word of its newest kill."""
    of = {
        "container": "the container's own limit",
        "around": "the limit of a group around it",
        "machine": "the machine",
    }
    return tuple(
        case.quote("health", f"kernel: killed {kill.process}, out of memory of {of.get(kill.short_of or '')}", kill.at)
        for kill in case.gateway.container.kernel_kills[-1:]
    )


@finding(
    "container.killed",
    severity="down",
    remedy="start",
    title="The gateway was killed",
    meaning=(
        "The container ended with 137, a SIGKILL, and no shortage of memory explains it: docker kill, or a docker stop whose grace ran"
        " out (10 s unless set, too short for a gateway). An unclean end can leave the session held at IBKR: the next login may then"
        " wait, or find an existing session."
    ),
    fix=(
        WHO_KILLED_IT,
        TIME_TO_STOP,
        START_IT,
        FREE_THE_SESSION,
    ),
    explains=("gateway.not_running", *CLOSED_PORT),
    remedy_reason="nothing in the container is broken; IBKR may hold the old session for a while",
    next_command=WHO_KILLED_IT.partition(": ")[2],
)
def killed(case: Case) -> Proof | None:
    container, stop = case.gateway.container, _stop_event(case)
    if not case.ended or container.exit_code != 137 or _out_of_memory(case):
        return None
    told = case.says("container.stopped")
    asked = stop is not None or told
    silent = case.says("login.auth_silent")
    reason = "somebody stopped it; the kill came when the grace ran out" if asked else None
    reason = "IBKR had not answered its login: a held session would silence the next one, too" if silent else reason
    end = stop or _end_event(case)
    by = (_told(case, end),) if end else _went_down(case)
    return Proof(
        f"killed{_by(end)} (exit code 137), not for memory; IBKR may still hold the session",
        case.container_quotes("the grace of a stop ran out" if stop else "")
        + by
        + (case.log_quotes(1) if told else ()),
        _steps(end, WHO_KILLED_IT, TIME_TO_STOP, START_BY_HAND if reason else START_IT, FREE_THE_SESSION),
        remedy="ask_person" if reason else None,
        remedy_reason=reason,
        since=container.finished_at,
    )


@finding(
    "container.failed",
    severity="down",
    remedy="ask_person",
    title="The gateway's process ended with an error",
    meaning=(
        "The container ended by itself. Its exit code says what ended it, as far as the family gives codes a meaning; the codes of IBC"
        " arrive modulo 256. When the log tells the cause, that leads."
    ),
    fix=(
        "Read the end of its log: docker logs --tail 100 {name}",
        "Mend what it names; a start without that costs a login and ends the same way.",
    ),
    explains=("gateway.not_running", *CLOSED_PORT),
    next_command="docker logs --tail 100 {name}",
)
def failed(case: Case) -> Proof | None:
    container = case.gateway.container
    if not case.ended or container.exit_code in (None, 137) or stopped(case):
        return None
    # Who closed it in order, only the log can tell: another login of the same user ends it with 0, too.
    untold = container.exit_code == 0 and (case.log is None or case.log.failed)
    lost_it = container.exit_code == LOST_IT and case.of_controller("ibcontroller")
    worth = lost_it or (container.exit_code in WORTH_A_START and not untold)
    said, meaning = "ended by itself", container.exit_meaning
    return Proof(
        f"{said} with exit code {container.exit_code}" + (f": {meaning}" if meaning and meaning != said else ""),
        case.container_quotes(container.error or ""),
        ("Read the end of its log: docker logs --tail 100 {name}", START_IT) if worth else (),
        remedy="start" if worth else None,
        remedy_reason="this exit code does not stand for a lasting cause"
        if worth
        else "a start without mending the cause ends the same way",
        since=container.finished_at,
    )


@finding(
    "container.crash_loop",
    severity="down",
    remedy="ask_person",
    title="The container starts again and again",
    meaning=(
        "Something starts a process that soon ends, over and over: Docker's restart policy, a unit of the machine's, or the controller"
        " inside the container, where Docker's restart count stays 0. What counts is the times of the starts. Where each turn is a login, this"
        " spends the attempts that lock an account, and each turn of a live account sends a push. What ends the process leads when the log tells it."
    ),
    fix=(
        STOP_THE_LOOP,
        READ_WHY,
        START_AGAIN,
    ),
    explains=("gateway.not_running", "gateway.starting", "login.in_progress", *CLOSED_PORT),
    remedy_reason="another start changes nothing",
    next_command="docker logs --tail 100 {name}",
)
def crash_loop(case: Case) -> Proof | None:
    container = case.gateway.container
    if _turns_inside(case):
        return _loop_inside(case)
    if container.status != "restarting" and (case.serving or not case.running or _recent_starts(case) < LOOP_STARTS):
        return None
    costly, start = _each_turn_is_a_login(case), _last(case, "start")
    others = ", ".join(start.candidates) if start and start.by == "command" else ""
    first = (
        (f"Docker's policy is not what starts it: stop what does ({others}) before anything else.",) if others else ()
    )
    turns = f"{_recent_starts(case)} starts within {LOOP_SPAN.seconds // 60} minutes"
    if container.status == "restarting":
        turns = f"restart count {container.restart_count}, last exit code {container.exit_code}"
    return Proof(
        f"restarting in a loop: {turns}",
        case.container_quotes(f"restart policy {container.restart_policy}, {_recent_starts(case)} starts lately")
        + ((_told(case, start),) if start else ()),
        first + _end_the_loop(case, costly),
        remedy="stop_to_protect_account" if costly else None,
        remedy_reason="each turn is a login attempt" if costly else None,
    )


def _turns_inside(case: Case) -> int:
    """How often within the hour the controller has started the gateway again, where that is a loop whose cause no log line tells."""
    if case.log is None or not case.running or case.serving or case.state in (*LOGGED_IN, *ASKING) or case.run.problem:
        return 0
    turns = case.log.history.controller_restarts_last_hour or 0
    started = [moment(process.started_at) for process in case.gateway.processes if process.role == "gateway"]
    young = all(at is None or case.now - at < LOOP_SPAN for at in started)
    return turns if young and turns >= LOOP_STARTS * (2 if case.mode == "both" else 1) else 0


def _end_the_loop(case: Case, costly: bool) -> tuple[str, ...]:
    if costly:
        return (STOP_IT, "Read why it ends, and mend that: docker logs --tail 200 {name}", RELEASE_IT)
    return (STOP_THE_LOOP, READ_WHY, START_AGAIN.replace(POLICY, case.gateway.container.restart_policy or POLICY))


def _loop_inside(case: Case) -> Proof:
    costly = _each_turn_is_a_login(case)
    words = f"the controller has started the gateway again {_turns_inside(case)} times within the last hour"
    return Proof(
        f"restarting in a loop inside the container: {words}",
        (
            *case.container_quotes(f"{words}; Docker's restart count stays {case.gateway.container.restart_count}"),
            *case.log_quotes(),
        ),
        _end_the_loop(case, costly),
        remedy="stop_to_protect_account" if costly else None,
        remedy_reason="each turn is a login attempt" if costly else None,
    )


def _recent_starts(case: Case) -> int:
    """Starts within the span of a loop, without those that follow an end that somebody asked for."""
    # A start by hand sets the count to zero (moby daemon/container ResetRestartManager); within a minute events can not tell it.
    by_hand = case.gateway.container.restart_count == 0
    recent, asked_before, in_order = 0, False, False
    for event in case.gateway.events:
        at = moment(event.at)
        if event.action == "start":
            # STOP of a controller ends with 0, and asks Docker for nothing.
            meant = asked_before or (in_order and (by_hand or event.by == "command"))
            recent += not meant and at is not None and case.now - at < LOOP_SPAN
            asked_before = in_order = False
        elif event.action == "die":
            asked_before, in_order = asked_before or event.exit_code in ASKED_TO_END, event.exit_code == 0
        elif event.action == "stop":
            asked_before = True
    return recent


@finding(
    "container.unhealthy",
    severity="degraded",
    remedy="none",
    title="The image's own health check fails",
    meaning=(
        "The HEALTHCHECK of the container fails. It is somebody else's test and often tests only a port; it never outweighs what the"
        " probes saw. It matters where something restarts unhealthy containers: that would cost a login."
    ),
    fix=(
        "See what it runs and says: docker inspect --format '{{json .State.Health}}' {name}",
        "Make sure that nothing restarts the container because of it (autoheal, an orchestrator).",
    ),
    remedy_reason="a failing check is no reason to spend a login",
    next_command="docker inspect --format '{{json .State.Health}}' {name}",
    symptom=True,
)
def unhealthy(case: Case) -> Proof | None:
    health = case.gateway.container.health
    if health.status != "unhealthy":
        return None
    words = f"health check failed {health.failing_streak} times in a row: {health.last_output or 'no output'}"
    return Proof("the image's own health check fails", (case.quote("health", words),))


@dataclass(frozen=True)
class Tool:
    """What nobody starts by hand: which of its doings costs a session, the clause that says so, and what makes it leave the gateway alone."""

    does: frozenset[str]
    clause: str
    alone: str


#: By the kind of a supervisor.
TOOLS = {
    "autoheal": Tool(
        frozenset({"restart"}),
        "autoheal (container {}) restarts it when its health check fails",
        "no label of autoheal on the gateway, and its AUTOHEAL_CONTAINER_LABEL not all",
    ),
    "watchtower": Tool(
        frozenset({"create"}),
        "watchtower (container {}) replaces it when its tag has a newer image",
        "labels: com.centurylinklabs.watchtower.enable=false",
    ),
    "cron": Tool(
        frozenset({"start", "stop", "restart"}),
        "cron starts, stops or restarts it {}",
        "no line of cron for the gateway",
    ),
}


@finding(
    "container.restarted_by_tool",
    severity="advice",
    remedy="ask_person",
    title="Something beside it restarts or replaces the gateway",
    meaning=(
        "A container such as autoheal restarts the gateway when its health check fails, one such as watchtower replaces it when its image has a"
        " newer build, or a line of cron restarts it. None of them knows of logins: each restart is a full login, for a live account a push;"
        " while IBKR refuses or throttles, the restarts repeat what locks the account; a replacement can swap the login controller under the"
        " same tag. A controller that stops trying in order to protect its account (ibg-controller's state HALTED) reports itself unhealthy,"
        " and is restarted for that. A restart of the gateway that keeps its session is the one that it does itself at AUTO_RESTART_TIME."
    ),
    fix=(
        "Let it leave the gateway alone: for autoheal take away its label (and do not let it watch all), for watchtower set the label"
        " com.centurylinklabs.watchtower.enable=false, from cron take the line out.",
        "Let a scheduled ibgw.ops.recover do it: it looks at the login before it restarts anything.",
    ),
    remedy_reason="what it is there for, its operator knows",
    next_command="docker events --since 24h --until 0s --filter container={name}",
    audits="Nothing beside it restarts or replaces the gateway.",
)
def restarted_by_tool(case: Case) -> Answer:
    if case.gateway.supervisors is None:
        return NotKnown("what stands beside it on its engine and its machine was not looked at")
    tools = [(one, TOOLS[one.kind]) for one in case.gateway.supervisors if one.kind in TOOLS]
    doing = [(one, tool) for one, tool in tools if tool.does & set(one.does)]
    quotes = tuple(
        case.quote("health", f"{one.kind} {one.name} ({one.where}): {one.terms or ', '.join(one.does)}")
        for one, _tool in tools
    )
    if not doing:
        return Passed("what stands beside it leaves it alone" if tools else "there is nothing of the kind", quotes)
    # Those that write of their doing are named by it (module_utils/supervision/watchers.py).
    kinds = tuple(f"{one.kind} (" for one, _tool in doing)
    starts = [event for event in case.gateway.events if event.action == "start" and (event.who or "").startswith(kinds)]
    often = f"; it did so lately: {len(starts)}" if starts else ""
    return Proof(
        "; ".join(tool.clause.format(one.name) for one, tool in doing) + often,
        quotes + tuple(_told(case, event) for event in starts[-1:]),
        change=Change("; ".join(tool.alone for _one, tool in doing)),
    )


@finding(
    "container.named_twice",
    severity="advice",
    remedy="ask_person",
    title="The inventory has one container under several names",
    meaning=(
        "Two hosts of the inventory lead to the same Docker engine, so that a gateway is counted, judged and asked once for each of them. What"
        " is done about it is done once: the machine keeps the lock, and each look is a new one."
    ),
    fix=(
        "Have each engine once in the inventory, with all of its gateways; further names of a machine belong into its variables.",
    ),
    remedy_reason="which of the names is meant, its operator knows",
)
def named_twice(case: Case) -> Answer:
    if not case.same_container:
        return None
    words = f"{' and '.join(sorted((f'{case.machine}/{case.name}', *case.same_container)))} are one container"
    return Proof(words, (case.quote("health", f"container {(case.gateway.container.id or '')[:12]}"),))
