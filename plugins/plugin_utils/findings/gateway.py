# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway process: does it come up, stay up, and answer?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import LOGGED_IN, PROGRESS, Case, Quote, moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CLOSED_PORT,
    CREATE_ANEW,
    LOOK_AGAIN,
    MUTE_API,
    PROCESS_ENDED,
    RESTART_IT,
    START_IT,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import GatewayHealth, Listener

#: States before a login window is there.
COMING_UP = ("script_starting", "jvm_starting", "gateway_starting", "cold_restarting")

#: States that soon change by themselves: a login, or an end, under way.
CHANGING = (*PROGRESS, "relogin", "auto_restarting", "cold_restarting", "shutting_down")

#: Seconds from the start to an open API port where the family is not known.
USUAL_START = 120

#: From this part of the largest heap on it can be full: what a Java machine holds beside its heap is counted, too.
HEAP_AT_ITS_END = 0.9

#: From this part of the processor time on. Measured with Java 17, of what allocates 100 MB a second and does nothing else: up to 0.47 with
#: two thirds of the heap in use, 0.52 to 0.73 with nine tenths; what also works spends less.
THRASHING = 0.5

#: So many connections that the gateway does not accept, or not close, show that its API thread hangs (gnzsnz/ib-gateway-docker#336).
PILE = 10

STOP_CLIENTS = "Stop the clients that keep reconnecting: each leaves one more connection behind."
POLITE_CLIENTS = (
    "Let each client use one fixed client id and disconnect in order; a health check that opens a session every minute is enough to"
    " fill the queue."
)

#: gnzsnz issues 414, 423, 425, 427: broken releases were pushed again under the same tag.
ANOTHER_BUILD = (
    "Else pull the image again, or use the build before, pinned by digest: tags were rebuilt after broken releases."
)
#: gnzsnz issue 378, commits 6509881, fd9e0c3.
NATIVE_ON_ARM = (
    "On an arm64 machine, use a build with the native installer (10.48.1b, stable 10.45.1h, or newer), or one of 10.37."
)
#: gnzsnz issue 241.
FITTING_JAVA = (
    "IBC 3.21.0 does not start gateways that run on Java 8: use an image with IBC 3.21.1 or newer, or with 3.20.0."
)
#: gnzsnz issue 349, commit 008265b.
SCREEN_WAITS = (
    "Use a newer image (10.43.1a, stable 10.37.1p, or newer), whose VNC server waits for the display, and create the container anew at"
    " the next planned login."
)

#: gnzsnz issue 110; tws-docker-compose.yml.
SET_USER = "Set PUID and PGID to the user who owns the settings (1000), and mount a volume on /config, where the container is defined."
#: What a gateway process that did not come up shows.
NOT_UP = ("gateway.not_running", "gateway.starting", "login.in_progress", *PROCESS_ENDED, *CLOSED_PORT)


#: IBC issue 269.
SATURDAYS = "On Saturdays IBKR keeps no session up: if it was one, start it when the maintenance is over."
#: Of a process that got a SIGKILL, which writes nothing down.
KILLED = "the gateway's process was killed (137, SIGKILL), mostly because memory ran out"
KILLED_BY_SOMEBODY = "the gateway's process was killed (137, SIGKILL), not for want of memory; who did it is not known"
LOOK_FOR_MEMORY = (
    "See on {machine} whether memory ran out (dmesg | grep -i oom): then raise the limit before it starts again."
)


def within_start(case: Case, since: str | None) -> bool:
    """`since` is no longer ago than the family's normal start takes."""
    begun = moment(since)
    allowed = case.family.start_seconds if case.family else USUAL_START
    return begun is not None and case.now - begun < timedelta(seconds=allowed)


def soft_restart_possible(case: Case) -> bool:
    """The command server is on and a daily restart is configured (IBC userguide.md:892-914)."""
    command_port = case.setting("CommandServerPort", "")
    return command_port not in ("", "0") and bool(case.setting("AutoRestartTime", "AUTO_RESTART_TIME"))


def _by_log(case: Case, code: str, summary: str) -> Proof | None:
    """The log alone proves `code`."""
    if not case.says(code):
        return None
    ended = case.container_quotes() if case.ended else ()
    return Proof(summary, case.log_quotes() + ended, since=case.run.since)


@finding(
    "gateway.install_broken",
    severity="down",
    remedy="ask_person",
    title="The installation of the gateway is broken",
    meaning=(
        "The program, its Java, or its version directory is missing in the container. Some image builds came without Java; a volume"
        " mounted over the program directory (/home/ibgateway/Jts) hides what a newer image brought. ibga brings no program: it downloads"
        " and installs one at its first start, tries ten times, and ends."
    ),
    fix=(
        "See whether a volume hides it: docker inspect --format '{{json .Mounts}}' {name}. Keep settings in TWS_SETTINGS_PATH instead.",
        ANOTHER_BUILD,
        CREATE_ANEW,
    ),
    explains=NOT_UP,
    remedy_reason="a restart does not bring what is missing",
    next_command="docker logs --tail 300 {name}",
)
def install_broken(case: Case) -> Proof | None:
    proof = _by_log(case, "gateway.install_broken", "the program, its Java or its version directory is missing")
    if proof is None or not case.of_controller("ibga"):
        return proof and _of_a_known_build(case, proof)
    return replace(
        proof,
        summary="the program could not be downloaded or installed",
        fix=(
            "Does the container reach it? docker exec {name} curl -sI https://download2.interactivebrokers.com",  # ibga _env.sh
            "Is there room for it, and may it be written? See the volume of /home/ibg.",
            "Then start it again: docker start {name}",
        ),
        remedy_reason="what hinders the installation has to be mended first",
    )


def _of_a_known_build(case: Case, proof: Proof) -> Proof:
    """`proof` with what is known of builds that fail like this."""
    if case.run.last_exit and case.run.last_exit.code == 1107:
        return replace(
            proof, summary="the gateway's program could not be started", fix=(NATIVE_ON_ARM, ANOTHER_BUILD, CREATE_ANEW)
        )
    if any("--add-opens" in quoted.quote for quoted in proof.evidence):
        return replace(
            proof, summary="Java 8 is started with options of Java 17", fix=(FITTING_JAVA, ANOTHER_BUILD, CREATE_ANEW)
        )
    return proof


@finding(
    "gateway.display_missing",
    severity="down",
    remedy="restart",
    title="The gateway has no display",
    meaning=(
        "The gateway draws windows, and the X server inside the container is absent or refuses. A stale lock after an unclean stop is"
        " the usual cause; a new start clears it. Where the directory for its socket can not be written, only a person can mend it."
    ),
    fix=(
        RESTART_IT,
        "If it comes back: do not persist /tmp, where lock (/tmp/.X1-lock) and socket (/tmp/.X11-unix/X1) stay behind, and make"
        " /tmp/.X11-unix writable; with host networking give each container its own display.",
    ),
    explains=(*NOT_UP, "gateway.crashed"),
    remedy_reason="a new start makes a new display",
    next_command="docker logs --tail 300 {name}",
)
def display_missing(case: Case) -> Proof | None:
    proof = _by_log(case, "gateway.display_missing", "the gateway has no display to draw on") or _screen_missing(case)
    unwritable = [each for each in (case.log.events if case.log else ()) if each.event == "display_unwritable"]
    if proof is None or not unwritable:
        return proof
    return replace(
        proof,
        summary="the display's socket directory can not be written",
        evidence=(case.quote("log", unwritable[-1].quote or "", unwritable[-1].at), *proof.evidence),
        fix=(
            "Make /tmp/.X11-unix writable for the gateway's user in the container: no read-only mount on it, no volume on /tmp.",
            CREATE_ANEW,
        ),
        remedy="ask_person",
        remedy_reason="a restart can not write there either",
    )


def _screen_missing(case: Case) -> Proof | None:
    """Only the VNC server found no display: the gateway, which started later, may draw on it."""
    missing = case.told("screen_missing", case.gateway.container.started_at)
    if missing is None:
        return None
    return Proof(
        "the screen (VNC) can not be used: its server found no display when it started",
        (missing,),
        (SCREEN_WAITS,),
        severity="advice",
        remedy="ask_person",
        remedy_reason="the gateway itself needs no VNC",
    )


@finding(
    "gateway.build_retired",
    severity="down",
    remedy="ask_person",
    title="IBKR refuses this build of the gateway",
    meaning="IBKR retires old builds. The login is refused until a newer one is installed; credentials are fine.",
    fix=(
        "Use a current image, pinned by digest, with the same settings volume, and create the container anew.",
        "Do not log in again with the old one: each try counts as a login attempt.",
        "Then update on a schedule, before IBKR makes you: it retires builds regularly.",
    ),
    explains=(*NOT_UP, "login.credentials_rejected", "login.looping"),
    remedy_reason="the same build is refused again",
    next_command="docker logs --tail 300 {name}",
)
def build_retired(case: Case) -> Proof | None:
    proof = _by_log(case, "gateway.build_retired", "IBKR refuses this build of the gateway")
    if proof is None or case.family is None or case.family.name != "ibga":
        return proof
    return replace(  # ibga docs/getting-started/upgrading.md
        proof,
        fix=(
            "Stop it: docker stop -t 90 {name}",
            "Empty the volume of /home/ibg, not that of the settings: at its next start it installs the current program.",
            "Then, with the phone at hand for a live account, start it: docker start {name}",
        ),
    )


@finding(
    "gateway.heap_exhausted",
    severity="degraded",
    remedy="ask_person",
    title="The gateway's Java heap is used up",
    meaning=(
        "Java reported OutOfMemoryError, or spends most of its processor time on looking for room in a heap that is as large as it may"
        " be. The process may go on for a while, slow or half dead, until its API stops answering. From IBC 3.22.0 on Java's words never"
        " reach the log, so their absence proves nothing."
    ),
    fix=(
        "Raise JAVA_HEAP_SIZE (a bare number of megabytes: 1024 to 4096) and the container's memory limit to about twice that.",
        "Create the container anew at a time when clients may be cut: it costs a full login.",
    ),
    explains=(
        "gateway.hung",
        "gateway.crashed",
        "clients.half_closed",
        "api.unreachable",
        "api.slow",
        *PROCESS_ENDED,
        *CLOSED_PORT,
        *MUTE_API,
    ),
    remedy_reason="with the same heap it fills up again",
    next_command="docker stats --no-stream {name}",
)
def heap_exhausted(case: Case) -> Proof | None:
    told = case.says("gateway.heap_exhausted")
    seen = case.log_quotes(1) if told else _thrashing(case)
    if not told and not seen:
        return None
    asked = case.api.outcome not in (None, "not_asked", "connected", "error")
    piled = bool(piled_up(case.gateway, case.own_ports("gateway")))
    silent = (asked or piled) and not case.serving and (told or case.state in LOGGED_IN)
    since = case.run.evidence[-1].at if told and case.run.evidence else case.run.since
    return Proof(
        "OutOfMemoryError: the Java heap is used up"
        if told
        else "the Java heap is at its end: Java looks for room in it",
        (*seen, *_heap_size(case), *(case.container_quotes() if case.ended else ())),
        severity="down" if silent or not case.alive else None,
        since=since if told else None,
    )


def _thrashing(case: Case) -> tuple[Quote, ...]:
    """The heap is as large as it may be, and Java does little else than look for room: what that is seen by, beside a log without it."""
    return tuple(
        case.quote(
            "health",
            f"{process.gc_share:.0%} of the gateway's processor time went into collecting garbage, with {process.rss >> 20} MiB in use"
            f" of a heap of {process.max_heap >> 20} MiB and what is beside it",
        )
        for process in case.gateway.processes
        if process.role == "gateway"
        and process.max_heap
        and process.rss
        and process.rss >= process.max_heap * HEAP_AT_ITS_END
        and (process.gc_share or 0.0) >= THRASHING
    )


def _heap_size(case: Case) -> tuple[Quote, ...]:
    """How large the heap may grow; nothing where the container was not looked at, or its image takes no such setting."""
    name = case.family.variable("java_heap_mb") if case.family else None
    if name is None or not case.gateway.container.status:
        return ()
    return (case.quote("health", f"{name} {case.variable(name) or '768, the default'}"),)


@finding(
    "gateway.login_window_unknown",
    severity="down",
    remedy="ask_person",
    title="The controller does not recognise the login window",
    meaning=(
        "The gateway opened its login window, and the controller took no notice until its time ran out (IBC: exit code 1112, seen as"
        " 88). IBC then starts the gateway again, without limit and without delay, inside the container: the restart count stays 0. No"
        " login is made. Controller and gateway do not fit each other, or the machine is far too slow."
    ),
    fix=(
        "Did a window open? docker logs --tail 300 {name} 2>&1 | grep 'event=Opened'",
        "If so, use an image whose controller and gateway belong together (a newer release of the same image), and look at the window"
        " (VNC; LogStructureWhen=open has IBC write down what it shows): another language or a message in front also hides it.",
        "If none did, Java or the display is too slow: give the container more CPU.",
        "Until then stop the loop: docker stop -t 90 {name}",
    ),
    explains=(*NOT_UP, "login.looping", "gateway.crashed"),
    remedy_reason="the same pair fails the same way again",
    next_command="docker logs --tail 300 {name}",
)
def login_window_unknown(case: Case) -> Proof | None:
    ended = case.log.history.by_exit_code if case.log else {}
    seen = ended.get("88", 0) + ended.get("1112", 0)
    times = f", {case.counted(seen)} times so far" if seen > 1 else ""
    summary = f"the controller did not recognise the login window in time{times}"
    # It is started again without limit (IBC SessionManager.java:63, ibcstart.sh:543).
    exits = case.run.last_exit.code if case.run.last_exit else None
    looping = case.alive and exits in (88, 1112) and case.run.state in COMING_UP and not case.serving
    proof = _by_log(case, "gateway.login_window_unknown", summary)
    return proof or (Proof(summary, case.log_quotes()) if looping else None)


@finding(
    "gateway.crashed",
    severity="down",
    remedy="restart",
    title="The gateway crashed",
    meaning=(
        "The gateway or its controller ended on an error of its own: an unhandled exception (IBC exit code 1100, seen as 76), or Java"
        " gave up. Nothing in the configuration explains it; one new start is worth its login."
    ),
    fix=(
        RESTART_IT,
        "If it crashes again at the same place, use a newer release of the image.",
    ),
    explains=NOT_UP,
    remedy_reason="one new start is worth its login",
    next_command="docker logs --tail 300 {name}",
)
def crashed(case: Case) -> Proof | None:
    if case.ended and case.gateway.container.exit_code == 137:  # the container tells by whom
        return None
    ended = case.run.last_exit
    told = f": {ended.meaning} (exit code {ended.code})" if ended and ended.code and ended.meaning else ""
    proof = _by_log(case, "gateway.crashed", f"the gateway crashed{told}")
    if proof and ended and ended.code == 137:
        # The kernel counts its own kills in the container that lives on.
        if case.gateway.container.memory.oom_kills == 0:
            return replace(proof, summary=KILLED_BY_SOMEBODY)
        return replace(proof, summary=KILLED, fix=(LOOK_FOR_MEMORY, RESTART_IT))
    if proof is None or not case.of_controller("ibg-controller"):
        return proof
    # Its gateway's own words never reach the container's log (ibg-controller gateway_controller.py, launch_gateway).
    return replace(
        proof, next_command=f"docker exec {{name}} tail -n 50 /tmp/jvm_console_{case.endpoint or 'live'}.log"
    )


def piled_up(gateway: GatewayHealth, ports: Collection[int]) -> list[str]:
    """What piles up on the gateway's own ports, in words; health looked twice, so it lasts."""
    waiting = gateway.sockets.close_wait
    return [
        *(
            f"{each.accept_queue} connections to port {each.port} that nobody accepts"
            for each in gateway.sockets.listening
            if each.port in ports and (each.accept_queue or 0) >= _full(each)
        ),
        *(
            f"{waiting[str(port)]} connections to port {port} wait to be closed by the gateway (CLOSE_WAIT)"
            for port in sorted(ports)
            if waiting.get(str(port), 0) >= PILE
        ),
    ]


def _full(listener: Listener) -> int:
    """How many connections that nobody accepts are too many."""
    return PILE if listener.accept_limit is None else max(listener.accept_limit, 1)


def silences_inside(case: Case) -> int:
    """How often the gateway stayed silent when it was asked inside its container: past its relay, and through it."""
    return case.inside.silences + case.relay_inside.silences if case.inside.silences else 0


@finding(
    "gateway.hung",
    severity="down",
    remedy="restart",
    title="The gateway hangs",
    meaning=(
        "The gateway's own port accepts connections and nobody takes them: its queue is full, connections that clients have closed pile"
        " up, or it stayed silent twice when asked from inside; or it began to close minutes ago and does not end. The process lives,"
        " so no restart policy acts. Each further client makes it worse."
    ),
    fix=(
        STOP_CLIENTS,
        RESTART_IT,
        "With the command server on and a daily restart configured, that is a soft one, which keeps the session.",
        POLITE_CLIENTS,
    ),
    explains=("api.unreachable", "clients.half_closed", "relay.no_backend", "api.not_listening", *MUTE_API),
    remedy_reason="only a new process frees its API",
    next_command="docker exec {name} cat /proc/net/tcp",
)
def hung(case: Case) -> Proof | None:
    if case.state in ("shutting_down", "auto_restarting") and case.shows("gateway.hung"):
        return _by_log(case, "gateway.hung", "it began to close and does not end")
    if case.api.outcome is None and case.shows("gateway.hung"):
        logged_in = "" if case.state == "unknown" else "logged in, but "
        return Proof(f"{logged_in}connections to its API time out", case.log_quotes())
    if not case.running or case.serving:
        return None
    seen = piled_up(case.gateway, case.own_ports("gateway"))
    unanswered = case.api.outcome in ("not_asked", "silent_at_hello", "connect_timeout", "silent_at_start")
    silences = silences_inside(case)
    # Until a login is done, or while a window waits for somebody, a gateway is silent without hanging.
    awaited = (case.run.problem or "").startswith(("login.", "twofa."))
    under_way = case.state in CHANGING and within_start(case, case.run.since)
    if under_way or not (seen and unanswered) and (awaited or silences < 2):
        return None
    soft = soft_restart_possible(case)
    summary = seen[0] if seen else f"silent {silences} times when asked from inside the container"
    proof = Proof(
        f"accepts connections and serves none: {summary}",
        tuple(case.quote("health", words) for words in seen) + case.api_quotes(),
        (
            STOP_CLIENTS,
            "Have ibgw.ops.recover restart it softly, which keeps the session." if soft else RESTART_IT,
            POLITE_CLIENTS,
        ),
        remedy="soft_restart" if soft else None,
        remedy_reason="a soft restart keeps the session" if soft else None,
    )
    if case.state != "connection_lost":
        return proof
    return replace(
        proof,
        fix=(
            STOP_CLIENTS,
            "Wait until IBKR can be reached again, then diagnose again: its link is lost, and a login needs it.",
        ),
        remedy="ask_person",
        remedy_reason="the link to IBKR is lost, so a new login would not get through",
    )


@finding(
    "gateway.stopped_by_schedule",
    severity="down",
    remedy="start",
    title="The gateway ended by itself, in order",
    meaning=(
        "It closed in order (exit code 0), mostly because a time was due: the daily log-off, or a configured close; IBKR, or a person at its"
        " screen, can have ended it, too. Without a daily restart (AUTO_RESTART_TIME) a gateway ends every day. Starting it is a full"
        " login, for a live account with a second factor."
    ),
    fix=(
        START_IT,
        "To keep it up, set AUTO_RESTART_TIME (11:59 PM) instead of AUTO_LOGOFF_TIME; it then needs one full login a week.",
    ),
    explains=("container.failed", *CLOSED_PORT),
    remedy_reason="it ended in order and can log in again",
    next_command="docker logs --tail 300 {name}",
)
def stopped_by_schedule(case: Case) -> Proof | None:
    due = bool(case.setting("AutoLogoffTime", "AUTO_LOGOFF_TIME") or case.setting("ClosedownAt", ""))
    in_order = case.ended and case.gateway.container.exit_code == 0 and due and case.run.problem is None
    if not in_order and not case.says("gateway.stopped_by_schedule"):
        return None
    proof = Proof(
        f"ended by itself, in order{'; a time for that is set' if due else ''}",
        (case.container_quotes() if case.ended else ()) + case.log_quotes(),
        since=(case.gateway.container.finished_at if case.ended else None) or case.run.since,
    )
    if _without_link(case):
        proof = replace(proof, summary="ended by itself while it had no link to IBKR", fix=(SATURDAYS, START_IT))
    if not case.running:
        return proof
    return replace(  # of two gateways in one container (gnzsnz run.sh:193-194)
        proof,
        fix=(RESTART_IT,),
        remedy="restart",
    )


def _without_link(case: Case) -> bool:
    """Whether the last that it showed before it closed was that it looked for IBKR's server."""
    steps = ("connecting", "splash_closed", "login_completed", "configured", "shutdown_shown")
    told = [event.event for event in (case.log.events if case.log else ()) if event.event in steps]
    return told[-2:] == ["connecting", "shutdown_shown"]


@finding(
    "gateway.not_running",
    severity="down",
    remedy="restart",
    title="The container runs, but no gateway in it",
    meaning=(
        "Neither the gateway's process nor its controller runs in the container, and no restart is under way. Something else keeps the"
        " container up (the relay, the display), so no restart policy acts."
    ),
    fix=(
        "Read why it ended: docker logs --tail 300 {name}",
        RESTART_IT,
    ),
    explains=CLOSED_PORT,
    remedy_reason="nothing in the container will start it",
    next_command="docker logs --tail 300 {name}",
)
def not_running(case: Case) -> Proof | None:
    roles = {process.role for process in case.gateway.processes}
    settled = not within_start(case, case.gateway.container.started_at)
    under_way = case.state in ("auto_restarting", "cold_restarting", "shutting_down")
    if not case.running or not roles or not settled or under_way or case.serving:
        return None
    if case.mode == "both" and _one_of_two_ended(case):
        seen = "two gateways in one container, one gateway process"
        return Proof(
            f"the {case.endpoint} gateway has ended, and the container runs on with the other",
            (case.quote("health", seen), *case.api_quotes()),
        )
    if "gateway" not in roles and case.state == "script_starting" and (unset := _user_unset(case)):
        return Proof(
            "the scripts run, and do not start TWS: its user is not set",
            (case.quote("health", f"not set: {', '.join(unset)}"), *case.log_quotes(1)),
            (SET_USER, CREATE_ANEW),
            remedy="ask_person",
            remedy_reason="a restart does not set them",
        )
    if roles & {"gateway", "controller"} or case.gateway.family.name is None:  # whose processes nobody could name
        return None
    seen = f"processes: {', '.join(sorted(filter(None, roles)))}; no gateway, no controller"
    return Proof("the container runs without a gateway process", (case.quote("health", seen), *case.log_quotes(1)))


def _user_unset(case: Case) -> list[str]:
    """Without these the TWS image does not start its program (gnzsnz issue 110)."""
    of_tws = case.family is not None and "tws" in case.family.build.desktop and case.runs_tws
    return [name for name in ("PUID", "PGID") if of_tws and not case.variable(name)]


def _one_of_two_ended(case: Case) -> bool:
    """The container ends with both of them only (gnzsnz run.sh:193-194). Which one has ended, the log does not say."""
    processes = [process.role for process in case.gateway.processes].count("gateway")
    return processes == 1 and any(run.state == "ended" for run in (case.log.instances if case.log else ()))


@finding(
    "gateway.restarting_by_schedule",
    severity="starting",
    remedy="wait",
    title="The daily restart is under way",
    meaning=(
        "The gateway restarts itself at its daily time and resumes its saved session, without a second factor. It takes one to two"
        " minutes. Interfering costs the session."
    ),
    fix=(LOOK_AGAIN,),
    explains=("gateway.starting", "login.in_progress", *CLOSED_PORT, *MUTE_API),
    remedy_reason="it comes back by itself; interfering would cost the session",
)
def restarting_by_schedule(case: Case) -> Proof | None:
    resuming = case.run.run_kind == "saved_session" and case.run.state in PROGRESS
    in_time = within_start(case, case.run.since or case.run.run_started_at)
    if not case.alive or case.serving or case.run.problem not in (None, "gateway.restarting_by_schedule"):
        return None
    if not case.says("gateway.restarting_by_schedule") and not (
        in_time and (resuming or case.run.state == "auto_restarting")
    ):
        return None
    return Proof("the daily restart is under way", case.log_quotes(1), since=case.run.since)


@finding(
    "gateway.starting",
    severity="starting",
    remedy="wait",
    title="The gateway is starting",
    meaning=(
        "It was started moments ago, within what its family normally needs, and nothing has failed yet. Its API port opens only after the"
        " login; a relay in front accepts connections before that."
    ),
    fix=(LOOK_AGAIN,),
    explains=("login.in_progress", *CLOSED_PORT, *MUTE_API),
    remedy_reason="it is on its way",
)
def starting(case: Case) -> Proof | None:
    if not case.alive or case.serving or case.run.problem not in (None, "gateway.starting"):
        return None
    container = case.gateway.container
    relaunched = case.run.state == "cold_restarting"
    begun = (None if relaunched else case.run.run_started_at) or case.run.since or container.started_at
    unread = case.run.state in (None, "unknown") and container.started_at is not None
    waits_until = moment(case.run.deadline)
    waits = waits_until is not None and waits_until > case.now
    if case.run.state not in COMING_UP and not unread or not (waits or within_start(case, begun)):
        return None
    words = f"container started at {container.started_at}" if container.started_at else f"run started at {begun}"
    unseen = "its log could not be read" if case.log is None or case.log.failed else "no log line yet"
    until = f", waits by its own word until {waits_until:%H:%M:%S} UTC" if waits else ""
    return Proof(
        f"starting: {(case.run.state or unseen).replace('_', ' ')}{until}",
        (case.quote("health" if container.started_at else "log", words), *case.log_quotes(1)),
        since=begun,
    )
