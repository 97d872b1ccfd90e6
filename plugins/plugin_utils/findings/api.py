# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The API as a client meets it: how far a handshake came, and what stopped it."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import LOGGED_IN, SERVED, Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import soft_restart_possible
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import MUTE_API, Proof, finding
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.relay import API_IS_OFF, tws_without_api

#: The phases until a client is served; what a connection does beside them is our own asking.
CONNECTING = ("resolve", "tcp", "hello", "start", "ready")

LOGIN_FIRST = "Find out where the login is: docker logs --tail 300 {name}. The port opens after the login, not before."


def _met(case: Case, code: str, summary: str) -> Proof | None:
    """The API probe itself supports `code`."""
    return Proof(summary, case.api_quotes()) if case.api_problem == code else None


def _when_repeated(case: Case, code: str, proof: Proof | None) -> Proof | None:
    """A soft restart frees an API that failed twice in a row, where one is possible."""
    if proof is None or _times(case, code) < 2 or not soft_restart_possible(case):
        return proof
    return Proof(
        proof.summary,
        proof.evidence,
        ("Have ibgw.ops.recover restart it softly, which keeps the session.",),
        remedy="soft_restart",
        remedy_reason="it failed twice; a soft restart keeps the session",
    )


def _times(case: Case, code: str) -> int:
    """How often the API was asked and supported `code`, from wherever."""
    answers = {id(answer): answer for answer in (case.api, case.relay_inside, case.inside)}.values()
    return sum(answer.attempts or 0 for answer in answers if answer.problem == code)


@finding(
    "api.not_tws",
    severity="down",
    remedy="ask_person",
    title="Another service answers on the API's port",
    meaning="Something answers, and it does not speak the TWS API: a web server, SSH, VNC, the Client Portal gateway. Its first bytes are quoted.",
    fix=(
        "See who listens there: ss -ltnp on {machine}, and docker ps --format '{{.Names}} {{.Ports}}'",
        "Correct the port mapping, or the port in the inventory.",
    ),
    remedy_reason="the port belongs to something else",
    next_command="docker port {name}",
)
def not_tws(case: Case) -> Proof | None:
    proof = _met(case, "api.not_tws", "another service answers on the API's port")
    if proof is None or not case.api.first_bytes:
        return proof
    return Proof(proof.summary, (*proof.evidence, case.quote("api", f"first bytes: {case.api.first_bytes}")))


@finding(
    "api.not_listening",
    severity="down",
    remedy="none",
    title="Nothing listens on the API's port",
    meaning=(
        "The connection was refused: no process has that port open. Behind a relay that means that the relay is gone; on the gateway's"
        " own port, that it is not logged in, that its API is off, or that it uses another port."
    ),
    fix=(LOGIN_FIRST, "Compare the published port with where the gateway listens: docker port {name}"),
    explains=("container.unhealthy",),
    remedy_reason="the cause is deeper; restarting without knowing it costs a login",
    next_command="docker logs --tail 300 {name}",
    symptom=True,
)
def not_listening(case: Case) -> Proof | None:
    if case.api.outcome is None and case.shows("api.not_listening"):
        serves_again = case.run.state not in LOGGED_IN
        closed = "the API's port closed, and the controller starts the gateway anew"
        return Proof(closed if serves_again else "logged in, but nothing listens on the API's port", case.log_quotes())
    moved = case.api.outcome == "port_changed"
    proof = _met(
        case, "api.not_listening", "the API has moved to another port" if moved else "nothing listens on the API's port"
    )
    return replace(proof, fix=(API_IS_OFF,), remedy="ask_person") if proof and tws_without_api(case) else proof


@finding(
    "api.unreachable",
    severity="down",
    remedy="ask_person",
    title="The API can not be reached through its published port",
    meaning=(
        "The connection gets no answer: a firewall drops it, the address is wrong, or the name does not resolve. A gateway whose accept"
        " queue is full looks the same; when that is seen, gateway.hung leads. Where the relay serves whoever asks it inside the container,"
        " gateway and relay are well, and whatever else the published port does, the fault lies between it and the container."
    ),
    fix=(
        "Try it on the machine itself: ansible {machine} -m ibgw.ops.ibgw_handshake -a port=<published port>",
        "Look at firewalls (nft list ruleset) and at the address that the port is published on: docker port {name}",
    ),
    explains=("api.not_tws", "api.not_listening", *(code for code in MUTE_API if code.startswith("api."))),
    remedy_reason="what is in between is for a person to change",
    next_command="docker port {name}",
)
def unreachable(case: Case) -> Proof | None:
    if case.relay_inside.outcome not in SERVED:
        return _met(case, "api.unreachable", "the API's port does not answer")
    if case.served or case.api.outcome in (None, "not_asked") or case.api.problem == "probe.incomplete":
        return None
    once = case.api.silences == 1
    again = ("Diagnose again: it was silent once, and once can be chance.",) if once else ()
    return Proof(
        f"the relay serves inside the container, and the published port does not: {case.api.outcome.replace('_', ' ')}",
        case.api_quotes(),
        (
            *again,
            "See where the port is published: docker port {name}, and who listens there: ss -ltnp on {machine}",
            "Look at what stands in between: docker-proxy, firewalls (nft list ruleset), other addresses of {machine}.",
            "Leave the gateway alone: it serves.",
        ),
        severity="degraded" if once else None,
    )


@finding(
    "api.silent",
    severity="down",
    remedy="ask_person",
    title="The API accepts and stays silent",
    meaning=(
        "A connection is accepted and the greeting is never answered. A window that asks whether to accept the client, or an API thread"
        " that hangs, look the same from outside. Each further try leaves one more connection behind."
    ),
    fix=(
        "Look for an open window: docker logs {name} 2>&1 | grep 'event=Opened' | tail",
        "Stop clients that keep reconnecting, and diagnose again.",
        "If it stays, restart once when clients may be cut: docker restart -t 90 {name} (a full login).",
    ),
    remedy_reason="a window that waits for a click looks the same",
    next_command="docker logs --tail 300 {name}",
    symptom=True,
)
def silent(case: Case) -> Proof | None:
    return _when_repeated(case, "api.silent", _met(case, "api.silent", "the API accepts connections and never answers"))


@finding(
    "api.closes_on_hello",
    severity="down",
    remedy="ask_person",
    title="The API closes the connection at the greeting",
    meaning=(
        "The gateway is there, and refuses this client without a word: its address is not trusted, or the question whether to accept it was"
        " answered with no. Through the image's relay every client comes from 127.0.0.1 and is trusted."
    ),
    fix=(
        "Connect through the relay's port (4003 live, 4004 paper), not past it.",
        "If clients must connect directly, add their addresses to the trusted ones (TrustedTwsApiClientIPs, custom configuration).",
    ),
    remedy_reason="whom the gateway trusts is a person's decision",
    next_command="docker port {name}",
    symptom=True,
)
def closes_on_hello(case: Case) -> Proof | None:
    return _met(case, "api.closes_on_hello", "the API closes the connection at the greeting")


@finding(
    "api.version_refused",
    severity="degraded",
    remedy="ask_person",
    title="Gateway and clients speak different versions of the API",
    meaning="The server version is outside what current clients can talk. The gateway works; those clients do not.",
    fix=("Update the image if the server is the old one, or the client library if that is.",),
    remedy_reason="which side to update is a person's decision",
)
def version_refused(case: Case) -> Proof | None:
    version = f"server version {case.api.server_version}" if case.api.server_version else "the server version"
    return _met(case, "api.version_refused", f"{version} is outside what clients can talk")


@finding(
    "api.client_id_taken",
    severity="degraded",
    remedy="ask_person",
    title="The client id is in use",
    meaning="Another client is connected under the id that was asked for (error 326). A client that was cut hard keeps its id for a while.",
    fix=("See who is connected: ss -tnp on {machine}. Use another client id, or end that client.",),
    remedy_reason="whose id it is, a person has to say",
)
def client_id_taken(case: Case) -> Proof | None:
    return _met(case, "api.client_id_taken", "the client id is in use (326)")


@finding(
    "api.disclaimer_pending",
    severity="waiting",
    remedy="ask_person",
    title="The paper trading disclaimer has not been accepted",
    meaning="The gateway refuses API clients until somebody accepts that this is a paper account (error 10141).",
    fix=(
        "Accept it in the window (VNC), or log in to the Client Portal as the paper user and accept it there.",
        "With IBC set AcceptNonBrokerageAccountWarning=yes (the image does), and restart at the next planned login.",
    ),
    explains=("login.dialog_blocking", *MUTE_API),
    remedy_reason="a person has to accept it",
)
def disclaimer_pending(case: Case) -> Proof | None:
    return _met(case, "api.disclaimer_pending", "the paper trading disclaimer must be accepted first")


@finding(
    "api.start_refused",
    severity="down",
    remedy="ask_person",
    title="The API closes the connection when the session starts",
    meaning=(
        "Versions were exchanged, then the gateway closed without a code. It has not accepted the connection, is shutting down, or is not"
        " ready yet. The message about a client id in use that client libraries print here is a guess."
    ),
    fix=(
        "Read what the gateway said at that moment: docker logs --tail 300 {name}",
        "Diagnose again in a minute; if it stays, look at the window (VNC) for a question.",
    ),
    remedy_reason="why it refuses is not known",
    next_command="docker logs --tail 300 {name}",
    symptom=True,
)
def start_refused(case: Case) -> Proof | None:
    return _met(case, "api.start_refused", "the API closes the connection after startApi, without a code")


@finding(
    "api.start_incomplete",
    severity="down",
    remedy="ask_person",
    title="The API starts a session and does not complete it",
    meaning=(
        "Of account list and next order id only one arrives, or neither. Clients hang in connect until their time-out. Some releases"
        " are known for it; a restart of the gateway ends it."
    ),
    fix=(
        "Diagnose again: a gateway that has just logged in may need a minute.",
        "If it stays, restart once when clients may be cut: docker restart -t 90 {name} (a full login).",
    ),
    remedy_reason="a restart costs a login; a second look is free",
    symptom=True,
)
def start_incomplete(case: Case) -> Proof | None:
    code = "api.start_incomplete"
    return _when_repeated(case, code, _met(case, code, "the API session starts and does not complete"))


@finding(
    "api.slow",
    severity="degraded",
    remedy="none",
    title="The API is slower than it may be",
    meaning=(
        "The API serves, and took longer to do so than the operator allows: api_slow_after of the gateway, or diagnose_api_slow_after, in"
        " seconds. Without either nothing is called slow, for what is too slow depends on the clients; ib_async gives up after 4 seconds."
        " What counts is one connection, from looking up the name to the order id, with the phases that it went through; in the last one"
        " the probe listens for news about IBKR's link, up to a quarter of a second. It is judged by one look: a machine that was busy just"
        " then shows the same."
    ),
    fix=(
        "Diagnose again: one look that was slow can be chance.",
        "If resolve or tcp is slow, look at names and network; if hello, start or ready is, at the load of {machine} and at the gateway's"
        " memory: docker stats --no-stream {name}",
        "Stop clients that keep reconnecting: each connection is served in turn.",
    ),
    remedy_reason="it serves; a restart costs a login and cuts its clients off",
)
def slow(case: Case) -> Proof | None:
    phases = [phase for phase in case.api.phases if phase.phase in CONNECTING and phase.ms is not None]
    took = sum(phase.ms or 0 for phase in phases) / 1000
    if not case.served or not case.api_slow_after or took <= case.api_slow_after:
        return None
    parts = ", ".join(f"{phase.phase} {phase.ms:.0f} ms" for phase in phases)
    return Proof(
        f"the API took {took:.2f} s to be ready, and may take {case.api_slow_after:g} s", (case.quote("api", parts),)
    )


@finding(
    "api.first_attempt_failed",
    severity="note",
    remedy="none",
    title="The first connection failed, a second one worked",
    meaning="One attempt failed and a fresh connection succeeded. Right after a login that is usual. Clients should try again, too.",
    fix=(
        "Nothing to do; if it happens every time, let clients retry with a pause, and where settings are applied after the login connect only"
        " when the log has said Configuration tasks completed.",
    ),
)
def first_attempt_failed(case: Case) -> Proof | None:
    if not case.served or (case.api.attempts or 0) < 2:
        return None
    return Proof(f"served at attempt {case.api.attempts}", case.api_quotes())
