# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the container is given: memory, files, time to stop, what brings it back, what lasts, and who hears of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import (
    BESIDE_HEAPS,
    STOP_TIMEOUT,
    Setting,
    ample_memory,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.ports import ports_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    AUDIT_ONLY,
    CREATE_AT_A_GOOD_TIME,
    DID_NOT_START,
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import HealthCheckDefined, Supervisor

AT_THE_NEXT_LOGIN = "Create the container anew at the next planned login."

#: Java 8 keeps some 50 bytes for each file that it may open (JDK 8 linux_close.c): up to here that is little.
MOST_FILES = 1_048_576

#: The gateway opens several hundred files before it serves anybody.
LEAST_FILES = 4_096

#: The limit that the role sets where nobody says another (extrange README.md:142-144).
USUAL_FILES = 10_000

#: From this release on the gateway comes with Java 17 (gnzsnz issue 81).
JAVA_17 = (10, 34, 1, "c")

#: The heap in megabytes where nobody sets one (gnzsnz common.sh:131-141: the installer's own).
USUAL_HEAP = 768

#: A stop with a clean logout takes up to 45 s (ibg-controller README.md).
LEAST_STOP, LEAST_START = 60, 60

#: What starts a container at a boot in place of a policy of its own.
UNITS = ("systemd", "quadlet")

# A release that stays what it is: with its build, like 10.45.1j, or its day, like stable-20260517.
_EXACT_TAG = re.compile(r"v?\d+\.\d+\.\d+\w*(-\w+)?|\w+-\d{8}|r?\d{8}")

# A named volume gets what the image has there when it is made, and then keeps it (manhinhang docker-compose.yaml, CLAUDE.md).
_AMONG_ITS_PROGRAM = (
    "Mount a named volume where the gateway keeps its settings, not a directory of {machine}: this image has its program there, too, and a"
    " directory would hide it.",
    "The volume keeps the program as well: with each new release of the image remove it (docker volume rm), and with it the settings.",
    CREATE_AT_A_GOOD_TIME,
)

# A health check that asks whether a port is open, or whether a process runs, and no more.
_PORT_CHECK = re.compile(r"\b(nc|ncat|netcat|socat|telnet|ss|netstat|lsof)\b|/dev/tcp/")
_PROCESS_CHECK = re.compile(r"\b(pgrep|pidof|ps)\b")

# What makes it ask the API: the hello of its protocol, or a client (manhinhang IBGatewayClient.kt, huieric healthcheck.py).
_API_CHECK = re.compile(r"API\\0|/healthcheck/bin/healthcheck\b|/opt/healthcheck\.py\b|\b(ib_async|ib_insync|ibapi)\b")


def _java(case: Case) -> int | None:
    """Which Java the gateway comes with, by its release."""
    told = case.gateway.family.generation or (case.log.gateway_version if case.log else None) or ""
    exact = re.match(r"(\d+)\.(\d+)\.(\d+)([a-z]?)", told)
    short = re.fullmatch(r"(\d{1,2})\.?(\d{2})", told)
    if exact:
        release: tuple[int, int, int, str] = (int(exact[1]), int(exact[2]), int(exact[3]), exact[4])
    elif short and (int(short[1]), int(short[2])) != JAVA_17[:2]:
        release = (int(short[1]), int(short[2]), 0, "")
    else:
        return None
    return 17 if release >= JAVA_17 else 8


def _files(limit: int | None) -> str:
    return "unlimited" if limit == -1 else f"{limit:,}"


@finding(
    "config.nofile_unlimited",
    severity="advice",
    remedy="ask_person",
    title="The limit of open files is so high that Java 8 fails on it",
    meaning=(
        "Java 8 makes a table as large as the limit of open files. Where the engine sets none, that is about a thousand million entries, and"
        " Java ends with an out-of-memory message although memory is free. Java 17 builds do not mind. The remedy is a lower limit, not a higher"
        " one."
    ),
    fix=(
        "Lower it: set ulimits: nofile: 65536 for the container (not higher), or default-ulimits for the whole engine (daemon.json), and"
        " create the container anew.",
        "Or use an image with Java 17 (gateway 10.34.1c and newer).",
    ),
    explains=DID_NOT_START,
    remedy_reason="a restart keeps the limit",
    next_command="docker inspect --format '{{json .HostConfig.Ulimits}}' {name}",
    audits="The limit of open files is not so high that Java 8 fails on it.",
)
def nofile_unlimited(case: Case) -> Answer:
    change = Change(f"ulimits: {{nofile: {USUAL_FILES}}}", f"open_files: {USUAL_FILES}")
    if case.says("config.nofile_unlimited"):
        died = "Java died of an unlimited number of open files"
        return Proof(died, case.log_quotes(), severity="down", change=change)
    # Java 8 goes by the hard limit (JDK 8 linux_close.c, rlim_max).
    limit = case.gateway.container.nofile
    if limit is None or limit.hard is None:
        return NotKnown(
            "the container sets no limit of open files, and the engine's own is not known while it does not run"
        )
    words = f"open files: {_files(limit.hard)} at most"
    evidence = (case.quote("health", words),)
    if 0 <= limit.hard <= MOST_FILES:
        return Passed(words, evidence)
    java = _java(case)
    if java is None:
        return NotKnown(f"{words}, and whether the gateway runs with Java 8 is not known")
    if java > 8:
        return Passed(f"{words}, which the gateway's Java {java} does not mind", evidence)
    return Proof(
        f"{words}, and the gateway comes with Java 8, which makes a table of that size", evidence, change=change
    )


@finding(
    "config.nofile_low",
    severity="advice",
    remedy="ask_person",
    title="The limit of open files is low",
    meaning=(
        "The gateway holds hundreds of files and a socket for each connection of each client. At its limit it can take no new client, nor"
        " reconnect to IBKR, and says so in no log that one reads."
    ),
    fix=(f"Set ulimits: nofile: {USUAL_FILES} for the container.", AT_THE_NEXT_LOGIN),
    next_command="docker inspect --format '{{json .HostConfig.Ulimits}}' {name}",
    audits=f"The gateway may open {LEAST_FILES:,} files or more.",
)
def nofile_low(case: Case) -> Answer:
    # Java raises its own limit to the hard one (JDK os_linux.cpp, MaxFDLimit).
    limit = case.gateway.container.nofile
    if limit is None or limit.hard is None:
        return NotKnown(
            "the container sets no limit of open files, and the engine's own is not known while it does not run"
        )
    words = f"open files: {_files(limit.hard)} at most"
    evidence = (case.quote("health", words),)
    if limit.hard < 0 or limit.hard >= LEAST_FILES:
        return Passed(words, evidence)
    return Proof(words, evidence, change=Change(f"ulimits: {{nofile: {USUAL_FILES}}}", f"open_files: {USUAL_FILES}"))


@finding(
    "config.heap_over_limit",
    severity="advice",
    remedy="ask_person",
    title="The memory limit does not leave room for the Java heap",
    meaning=(
        "Java may grow its heap to the size it was given, and it, the X server and the controller need some hundred megabytes besides. With a"
        " memory limit below that the kernel kills it one day, which costs a login and can leave the session held at IBKR. Where both trading"
        " modes run, each has a heap of its own."
    ),
    fix=("Set the memory limit to about twice the heap, or lower JAVA_HEAP_SIZE; create the container anew.",),
    audits="The memory limit leaves room for the Java heap.",
)
def heap_over_limit(case: Case) -> Answer:
    limit = case.gateway.container.memory.limit
    if not limit:
        return NotApplicable("the container has no memory limit")
    heap = _heaps(case)
    if not heap:
        return NotKnown("how large the heap may grow was not seen")
    words = f"heap up to {heap} MiB, memory limit {limit >> 20} MiB"
    evidence = (case.quote("health", words),)
    if heap + BESIDE_HEAPS <= limit >> 20:
        return Passed(words, evidence)
    wanted = ample_memory(heap)
    return Proof(words, evidence, change=Change(f"mem_limit: {wanted}m", f"memory_mb: {wanted}"))


def _heaps(case: Case) -> int:
    """The largest heaps of all its gateways together in MiB: those of the processes, else as set; 0 where that is not known."""
    instances = 2 if case.mode == "both" else 1
    seen = [(process.max_heap or 0) >> 20 for process in case.gateway.processes if process.role == "gateway"]
    if any(seen):  # both have the same, and what starts Java has it in its arguments, too
        return max(seen) * instances
    if case.family is None:
        return 0
    setting = case.family.words.get("java_heap_mb")
    told = case.variable(setting.variables[0]) if isinstance(setting, Setting) else ""
    found = re.fullmatch(r"(\d+)([mMgG]?)", told or str(USUAL_HEAP))
    return int(found[1]) * (1024 if found[2].lower() == "g" else 1) * instances if found else 0


@finding(
    "config.restart_policy",
    severity="advice",
    remedy="ask_person",
    title="The restart policy does not fit the image",
    meaning=(
        "Without a restart policy a gateway stays down after a boot of its machine. With one, what ended is started again whatever ended it:"
        " with images whose controller ends over a refused login (ibcontroller, exit code 77) each start repeats it, until the account is locked."
        " on-failure leaves down what ended with 0, which is also how a logoff ends; always starts at the next boot what a person had stopped."
    ),
    fix=(
        "Set the policy that fits, which needs no new container and no login: docker update --restart=unless-stopped {name} (no for ibcontroller).",
        "Set the same where the container is defined.",
    ),
    next_command="docker inspect --format '{{json .HostConfig.RestartPolicy}}' {name}",
    audits="The restart policy brings it back after a boot, and repeats no login that was refused.",
)
def restart_policy(case: Case) -> Answer:
    policy, family = case.gateway.container.restart_policy, case.family
    if policy is None:
        return NotKnown("the restart policy was not seen")
    evidence = (case.quote("health", f"restart policy: {policy}"),)
    if policy == "no" and case.gateway.hold:
        return NotApplicable("it is held, and its policy is off until a person releases it")
    wanted = family.build.restart_policy if family else "unless-stopped"
    unit = next((each for each in case.gateway.supervisors or () if each.kind in UNITS and "start" in each.does), None)
    if policy == "no" and unit:
        return _started_by_a_unit(case, unit, wanted)
    if policy == wanted:
        return Passed(policy if policy != "no" else "no policy, which would repeat a refused login", evidence)
    if family is None and policy != "no":
        return NotKnown(f"{policy}, but whether its image ends over a refused login is not known")
    if wanted == "no":
        repeats = f"with {policy} the engine repeats a login that was refused: this image ends over one (exit code 77)"
        return _misfit(case, repeats, wanted)
    if policy == "no":
        return _misfit(case, "no restart policy: it stays down after a boot of the machine", wanted)
    if policy == "always":
        stopped = "with always the next boot starts, and logs in, what a person had stopped"
        return _misfit(case, stopped, wanted, AUDIT_ONLY)
    ended = family.exit_codes.get(0) if family else None
    return _misfit(case, f"with {policy} it stays down after exit code 0 ({ended or 'ended by itself'})", wanted)


def _started_by_a_unit(case: Case, unit: Supervisor, wanted: str) -> Answer:
    """What stands for a policy of the container: a unit that starts it at a boot, and perhaps whenever it has ended."""
    words = f"{unit.kind} {unit.name} starts it" + (f" ({unit.terms})" if unit.terms else "")
    if wanted == "no" and unit.terms:
        return NotKnown(
            f"{words}; whether it spares what ended over a refused login (RestartPreventExitStatus=77) was not seen"
        )
    return Passed(words, (case.quote("health", f"restart policy: no; {words}, {unit.where}"),))


def _misfit(case: Case, summary: str, wanted: str, severity: str | None = None) -> Proof:
    return Proof(
        summary,
        (case.quote("health", f"restart policy: {case.gateway.container.restart_policy}"),),
        (f"Set it to {wanted}, at once and where the container is defined: docker update --restart={wanted} {{name}}",),
        severity=severity,
        change=Change(f'restart: "{wanted}"'),
    )


@finding(
    "config.stop_timeout_short",
    severity="advice",
    remedy="ask_person",
    title="A stop does not give it time to log out",
    meaning=(
        "Docker kills what has not stopped within its grace, 10 seconds where nobody sets one. A gateway that logs out in order takes up to 45;"
        " one that is killed can leave its session held at IBKR, and the next login waits for that. Images that hear no stop at all (ibga,"
        " manhinhang, UnusualAlpha) are killed after any grace: there let ibgw.ops.recover stop them, which ends Java first."
    ),
    fix=(
        "Set stop_grace_period: 90s where the container is defined; until then stop it with docker stop -t 90 {name}.",
        AT_THE_NEXT_LOGIN,
    ),
    audits=f"A stop gives it {LEAST_STOP} seconds or more to log out.",
)
def stop_timeout_short(case: Case) -> Answer:
    grace = case.gateway.container.stop_timeout
    if grace is None:
        return NotKnown("how long a stop waits was not seen")
    words = f"a stop waits {grace} s before it kills"
    evidence = (case.quote("health", words),)
    if grace >= LEAST_STOP:
        return Passed(words, evidence)
    if case.family is not None and not case.family.hears_stop:
        return NotApplicable(
            "its image hears no stop, so that it is killed after any grace; ibgw.ops.recover ends Java first"
        )
    return Proof(words, evidence, change=Change(f"stop_grace_period: {STOP_TIMEOUT}s"))


@finding(
    "config.image_unpinned",
    severity=AUDIT_ONLY,
    remedy="none",
    title="The image is named by a tag that moves",
    meaning=(
        "With a tag like stable, latest or 10.45 the next pull brings another gateway, and can bring another controller: gnzsnz replaced IBC by"
        " ibcontroller under the same names and tags, with other variables. Even tags of one build have been built again after broken"
        " releases (10.48.1c, 10.45.1i); only a digest never changes."
    ),
    fix=(
        "Name the image by its digest, or by a tag with its build, where the container is defined.",
        AT_THE_NEXT_LOGIN,
    ),
    next_command="docker inspect --format '{{.Config.Image}} {{.Image}}' {name}",
    audits="The image is named by its digest, or by one build.",
)
def image_unpinned(case: Case) -> Answer:
    container = case.gateway.container
    image, digest = container.image, container.image_digest
    if not image or container.image_named_by is None:
        return NotKnown("by what name the image was started was not seen")
    evidence = (case.quote("health", f"image {image}"),)
    if container.image_named_by in ("digest", "id"):
        return Passed(f"named by its {container.image_named_by}", evidence)
    name, _slash, last = image.rpartition("/")
    last, _colon, tag = last.partition(":")
    if _EXACT_TAG.fullmatch(tag):
        return Passed(f"named by one build, {tag}", evidence)
    repository = f"{name}/{last}" if name else last
    pinned = f"image: {repository}@{digest}" if digest else f"image: {repository}:<release with its build>"
    return Proof(
        f"{f'the tag {tag}' if tag else 'the image has no tag, and so latest, which'} moves with each release",
        evidence,
        change=Change(pinned, pinned if digest else None),
    )


@finding(
    "config.healthcheck_missing",
    severity=AUDIT_ONLY,
    remedy="none",
    title="No health check tells whether it is logged in",
    meaning=(
        "Docker shows a container as healthy, or as running, whose gateway nobody is logged in to. An open port proves nothing where the relay"
        " opens it before the login, which most images do; a process proves that Java runs. Only an answer of the API, or the image's own"
        " check where it knows the login (ibg-controller), does. The gateway's own port inside opens with the login. What reads the check has"
        " to leave time to start, and must not restart what waits for a person."
    ),
    fix=(
        "Give the container a check that asks the API for its hello at the gateway's own port, as the role gateway does, with a start period of"
        " 60 s or more.",
        AT_THE_NEXT_LOGIN,
    ),
    next_command="docker inspect --format '{{json .Config.Healthcheck}}' {name}",
    audits=f"A health check tells a login, and leaves {LEAST_START} seconds or more to start.",
)
def healthcheck_missing(case: Case) -> Answer:
    check = case.gateway.container.healthcheck
    if check is None or not check.test:
        return Proof(
            "it has no health check", (case.quote("health", "health check: none"),), change=_health_change(case)
        )
    evidence = (case.quote("health", f"health check: {check.test}, start period {check.start_period or 0:.0f} s"),)
    lacking = _proves_too_little(case, check)
    if lacking is not None:
        return Proof(lacking, evidence, change=_health_change(case))
    if (check.start_period or 0) < LEAST_START:
        short = f"its health check leaves {check.start_period or 0:.0f} s to start"
        return Proof(short, evidence, change=Change(f"healthcheck: {{start_period: {_start_period(case)}s}}"))
    family = case.family
    own = family is not None and family.build.tells_login and case.of_controller(family.controller)
    if not (own and check.from_image is not False or _API_CHECK.search(check.test) or _PORT_CHECK.search(check.test)):
        return NotKnown("whether its health check tells a login from an open port can not be seen from its command")
    return Passed("its health check tells a login", evidence)


def _proves_too_little(case: Case, check: HealthCheckDefined) -> str | None:
    """What less than a login a health check proves; None where it may prove one."""
    test = check.test or ""
    if _API_CHECK.search(test):
        return None
    if _PORT_CHECK.search(test):
        asked = {int(number) for number in re.findall(r"\b\d{4}\b", test)}
        # The gateway opens its own port with the login.
        return (
            None
            if asked & set(case.own_ports("gateway")) & set(ports_of(case))
            else "its health check proves an open port, which the relay's is without a login"
        )
    return (
        "its health check proves that a process runs, not that it is logged in" if _PROCESS_CHECK.search(test) else None
    )


def _start_period(case: Case) -> int:
    return max(LEAST_START, case.family.start_seconds if case.family else 0)


def _health_change(case: Case) -> Change:
    """The shortest check that tells a login: the gateway opens its own port with it."""
    programs = {number: port.program for number, port in case.family.ports.items()} if case.family else {}
    own = (number for number in case.own_ports("gateway") if programs[number] in (case.program, None))
    port = next(own, None)
    test = f'test: [CMD, bash, -c, "</dev/tcp/127.0.0.1/{port}"], interval: 60s, ' if port else ""
    return Change(f"healthcheck: {{{test}start_period: {_start_period(case)}s}}")


@finding(
    "config.alerting_missing",
    severity=AUDIT_ONLY,
    remedy="none",
    title="Nobody is told when it is down",
    meaning=(
        "A gateway that waits for an approval, or is held, waits for a person: somebody has to be told. A tool that restarts what is unhealthy is"
        " no alert, and each of its restarts is a login. Nothing on a machine shows who is told, so the inventory says it: audit_alerting names"
        " what does, such as the notification of a scheduled diagnosis; none says that nothing does."
    ),
    fix=(
        "Run ibgw.ops.diagnose on a schedule and have its failure tell a person (an AWX notification, a timer with a mail); its exit status"
        " and report say what is wrong.",
        "Then name that in audit_alerting in the inventory.",
    ),
    audits="A person is told when it is down.",
)
def alerting_missing(case: Case) -> Answer:
    if not case.alerting:
        return NotKnown("no machine shows who is told; name what tells a person in audit_alerting")
    evidence = (case.quote("inventory", f"audit_alerting: {case.alerting}"),)
    if case.alerting.lower() in ("none", "no", "nothing", "false"):
        told = "audit_alerting: <what tells a person>"
        return Proof("the inventory says that nobody is told", evidence, change=Change(told, told))
    return Passed(f"by the inventory a person is told: {case.alerting}", evidence)


@finding(
    "config.settings_not_persistent",
    severity="advice",
    remedy="ask_person",
    title="The gateway's settings are lost with the container",
    meaning=(
        "The directory in which the gateway keeps its settings lies in no volume: a new container starts without them. The API is"
        " read-only again, dialogs that were answered once come again, and the session saved for the daily restart is gone. Where both"
        " modes run, each has a directory of its own, with _live and _paper at its end, beside a mount of the name without."
    ),
    fix=(
        "Mount a directory of {machine} where the gateway keeps its settings; for gnzsnz name it in TWS_SETTINGS_PATH, and never mount over"
        " the program directory (/home/ibgateway/Jts): that hides the next release. Make it for the gateway's user first (1000:1000 with"
        " gnzsnz), or what Docker makes of it belongs to root.",
        CREATE_AT_A_GOOD_TIME,
    ),
    audits="The gateway's settings outlast the container.",
)
def settings_not_persistent(case: Case) -> Answer:
    settings = case.of_endpoint(case.gateway.container.settings)
    if not settings:
        return NotKnown("where the gateway of this image keeps its settings is not known")
    mounts = {one.target: one for one in case.gateway.container.mounts}
    lasting = {
        one.path: mounts[one.mount].source
        for one in settings
        if one.mount in mounts and mounts[one.mount].type != "tmpfs"
    }
    lost = [one.path or "" for one in settings if one.path not in lasting]
    if not lost:
        where = " and ".join(f"{path} lies in {source or 'a volume'}" for path, source in lasting.items())
        return Passed(where, (case.quote("health", where),))
    words = f"{' and '.join(lost)}: in no volume"
    return Proof(
        f"the settings in {' and '.join(lost)} are lost with the container",
        (case.quote("health", words),),
        _AMONG_ITS_PROGRAM if _among_program(case) else (),
        change=Change(_lasting(case, lost)),
        in_own_names=True,
    )


def _among_program(case: Case) -> bool:
    """Whether its image keeps the settings among the files of the program, and nowhere else."""
    return case.family is not None and case.family.settings_named_by[:1] == ("TWS_PATH",)


def _lasting(case: Case, lost: Sequence[str]) -> str:
    """What keeps the settings, and hides nothing: a directory mounted over the program would (IBC ibcstart.sh:263-278, exit code 4)."""
    if _among_program(case):
        return f"volumes: jts:{lost[0]}"
    family = case.family
    own = family.build.environment.get(case.program, {}) if family else {}
    at_program = ("", case.variable("TWS_PATH"))
    unset = [name for name in own if family and name in family.settings_named_by and case.variable(name) in at_program]
    places = [f"{own[unset[0]]}{_end(path)}" for path in lost] if unset else lost
    moved = f"{unset[0]}={own[unset[0]]}, " if unset else ""
    return f"{moved}volumes: {' '.join(f'./settings{_end(path)}:{path}' for path in places)}"


def _end(path: str) -> str:
    """What tells the directories of two modes apart."""
    return next((end for end in ("_live", "_paper") if path.endswith(end)), "")
