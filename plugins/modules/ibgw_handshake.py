#!/usr/bin/python
# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ibgw_handshake."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_handshake
short_description: Connect to the TWS API, name the phase that was reached and what stopped it
version_added: 0.1.0
author:
  - ibgw.ops contributors (@ibgw)
description:
  - Connects to API endpoints of IB Gateway or TWS as a client does, and tells phase by phase how far that goes and what
    the peer did, where client libraries show one time-out for nearly everything.
  - Endpoints are probed in parallel. A healthy endpoint is answered in some 25 milliseconds.
  - The probe is a polite client. It takes an id of its own (from 900000 to 999999), asks for no market data, sends no order,
    leaves no subscription, closes in order, and makes at most O(attempts) connections; after silence O(after_silence) at most.
  - Where the hello went wrong, the next connection first listens for O(mute_wait) without a word. A relay that has no gateway
    behind it closes then; a gateway waits for the hello.
  - With O(inside) it connects from inside a container, where a gateway's own port can be reached past its relay. Nothing is executed
    there. It takes root with C(CAP_SYS_ADMIN) and C(CAP_SYS_PTRACE) on the engine's own machine, and the Python library C(docker).
options:
  host:
    description:
      - Host name or address, IPv4 or IPv6. V(127.0.0.1) where nothing else is said.
      - With O(inside) an address, as the container sees it.
      - Not together with O(endpoints).
    type: str
  port:
    description:
      - Port or list of ports from 1 to 65535; one of O(port) and O(endpoints) is needed.
    type: list
    elements: int
  endpoints:
    description:
      - Endpoints to probe, instead of O(host) and O(port). An empty list is answered with an empty list.
    type: list
    elements: dict
    suboptions:
      gateway:
        description: Name of the gateway that the endpoint belongs to; comes back in the result.
        type: str
      endpoint:
        description: Which of the gateway's endpoints it is, V(paper) or V(live); comes back in the result.
        type: str
      host:
        description: Host name or address. V(127.0.0.1) where nothing else is said.
        type: str
      port:
        description: Port from 1 to 65535.
        type: int
        required: true
      inside:
        description: As O(inside), for this endpoint.
        type: str
      client_id:
        description: As O(client_id), for this endpoint.
        type: int
      expect_mode:
        description: As O(expect_mode), V(paper) or V(live), for this endpoint; null where either will do.
        type: str
      after_silence:
        description: As O(after_silence), for this endpoint.
        type: int
      count_orders:
        description: As O(count_orders), for this endpoint.
        type: bool
      skip:
        description:
          - Why this endpoint must not be asked, for example because its gateway is proven to hang. It is not connected
            to, and its outcome is V(not_asked).
        type: str
  inside:
    description:
      - Name of the container from whose network namespace to connect, to a port as it is inside.
      - Its process is trusted only when its control group proves that it is the container's. Where the container can not be entered
        (it does not run, the right is missing, the engine is not on this machine, or takes too long), the outcome is
        V(error) with the problem V(probe.incomplete), and the detail says what is missing.
    type: str
  docker_host:
    description:
      - Address of the Docker engine that has the container of O(inside), for example V(unix:///var/run/docker.sock).
      - The default is C(DOCKER_HOST) of the environment, then the local socket. Not asked for anything without O(inside).
    type: str
  client_id:
    description:
      - Client id to connect with, from 1 to 2147483647. V(0) is refused because it changes who owns manual orders.
      - The default is a random id from 900000 to 999999 for each connection. An id that is taken is then tried again
        with another one; an id that was given is not.
    type: int
  depth:
    description:
      - How far to go.
      - V(tcp) connects and closes.
      - V(api) goes on until the gateway has sent the order id and the account list, and listens a moment for notices about
        its links to IBKR.
      - V(account) also asks for net liquidation and positions, and counts them; that tells a gateway that is logged out
        but still answers. Needs the Python library C(ib_async) on the target.
    type: str
    choices: [tcp, api, account]
    default: api
  timeout:
    description:
      - Seconds that the whole probe of one endpoint may take, all attempts together; above 0 up to 300.
      - With the defaults a first connection gets four fifths of it to be answered; the rest is for another one after silence.
      - With O(inside) that includes finding the container and entering it, which may take half of it.
      - With O(depth=account) it includes the import of C(ib_async), some 0.4 seconds, which may take half of what is left.
    type: float
    default: 5
  attempts:
    description:
      - Connections to make at most, from 1 to 10. A connection that failed is repeated where that can change the
        outcome. With V(1) a relay without a gateway can not be told from a gateway that closes on the hello.
    type: int
    default: 2
  after_silence:
    description:
      - Of O(attempts), how many connections may follow one that was accepted and stayed silent, from 0 to 9.
      - Each that a hanging gateway accepts stays behind on it.
    type: int
    default: 1
  retry_delay:
    description:
      - Seconds to wait before a connection is repeated, from 0 to 60; none after silence, or when the client id was taken.
      - After a failed hello O(mute_wait) takes its place.
    type: float
    default: 0.25
  mute_wait:
    description:
      - Seconds that a connection must last without a word, when an earlier one failed on the hello; from 0 (no test) to 60.
      - It must last twice as long as the earlier one where that took longer to be closed, and no longer than half of what is
        left of O(timeout).
    type: float
    default: 0.35
  expect_mode:
    description: Which kind of account must answer. Another kind is the problem V(config.account_mode_mismatch).
    type: str
    choices: [paper, live]
  count_orders:
    description:
      - Whether open orders are counted too, with O(depth=account). Only for an API that is known not to be
        read-only; elsewhere the question itself can open a dialog on the gateway.
    type: bool
    default: false
extends_documentation_fragment:
  - ibgw.ops.probe
  - ibgw.ops.probe.looks
  - ibgw.ops.probe.engine
seealso:
  - module: ibgw.ops.ibgw_health
  - module: ibgw.ops.ibgw_logscan
"""

EXAMPLES = r"""
- name: Ask both published ports of a machine
  ibgw.ops.ibgw_handshake:
    port: [4001, 4002]
  register: api

- name: Tell what stopped them
  ansible.builtin.debug:
    msg: "{{ item.port }}: {{ item.outcome }}, reached {{ item.reached }}; {{ item.detail }}"
  loop: "{{ api.handshake.endpoints }}"

- name: See whether a gateway is logged in, and as paper
  ibgw.ops.ibgw_handshake:
    host: gateway.example.com
    port: 4002
    depth: account
    expect_mode: paper
    timeout: 10

- name: Ask the endpoints of two gateways, and leave alone one that is known to hang
  ibgw.ops.ibgw_handshake:
    endpoints:
      - {gateway: ib-gateway, endpoint: live, port: 4001, expect_mode: live}
      - {gateway: ib-gateway-paper, endpoint: paper, port: 4002, skip: its accept queue is full}

- name: Ask the gateways of a machine from every host on which a client runs
  ibgw.ops.ibgw_handshake:
    host: "{{ ansible_host }}"
    port: [4001, 4002]
  delegate_to: "{{ item }}"
  loop: "{{ groups['strategy_hosts'] }}"

- name: Tell whether it is the relay (4004) or the gateway behind it (4002)
  ibgw.ops.ibgw_handshake:
    inside: ib-gateway-paper
    port: [4004, 4002]
  become: true
"""

RETURN = r"""
handshake:
  description: What the probe found.
  returned: always
  type: dict
  contains:
    available:
      description: Whether the probe could look. V(false) only when it failed altogether.
      type: bool
      returned: always
    problem:
      description: Finding code of what kept the probe from looking; null when RV(handshake.available=true).
      type: str
      returned: always
    reason:
      description: One sentence about it; null when RV(handshake.available=true).
      type: str
      returned: always
    fix:
      description: What mends it; null when RV(handshake.available=true).
      type: str
      returned: always
    endpoints:
      description: One result for each endpoint, in the order given.
      type: list
      elements: dict
      returned: always
      contains:
        gateway:
          description: Name of the gateway as given, else null.
          type: str
        endpoint:
          description: Name of the endpoint as given, else null.
          type: str
        host:
          description: Host that was asked for.
          type: str
          sample: 127.0.0.1
        port:
          description: Port that was asked for.
          type: int
          sample: 4002
        inside:
          description: Container from whose network it was asked, as given; null when it was asked from the machine's own.
          type: str
        address:
          description: Address that was connected to; null when the name could not be resolved or nothing was tried.
          type: str
          sample: 127.0.0.1
        reached:
          description:
            - Last phase passed.
            - V(none), V(resolve) (name known), V(tcp) (connected), V(open) (lasted without a word, or spoke),
              V(hello) (version agreed), V(start) (session request answered), V(ready) (order id and accounts came),
              V(account) (account values came).
          type: str
          sample: ready
        outcome:
          description:
            - How it ended.
            - V(connected) with O(depth=tcp), V(ready), V(ready_ibkr_away) (ready, but the gateway has lost IBKR), V(account_ok),
              V(account_silent) (ready, but account values never came).
            - V(name_unknown), V(refused), V(connect_timeout), V(closed_at_open) (a relay without a gateway),
              V(not_tws) (another service), V(closed_at_hello), V(silent_at_hello), V(version_refused), V(client_id_taken),
              V(disclaimer_pending), V(port_changed), V(closed_at_start), V(silent_at_start), V(start_incomplete) (only one of order
              id and accounts came), V(protocol_error) (a version, then nonsense).
            - V(not_asked) for an endpoint with O(endpoints[].skip), V(error) when connecting failed otherwise or could not
              be tried, as from inside a container that can not be entered.
          type: str
          sample: ready
        problem:
          description: Finding code that this endpoint alone supports; null when it supports none.
          type: str
          sample: relay.no_backend
        detail:
          description: One sentence about what ended the probe of this endpoint; null when it went all the way.
          type: str
          sample: the peer closed the connection after the hello
        phases:
          description: The phases that the last connection tried, in order. The phase V(open) only where the mute test was made.
          type: list
          elements: dict
          contains:
            phase:
              description: Name of the phase, as in RV(handshake.endpoints[].reached).
              type: str
            ok:
              description: Whether it was passed.
              type: bool
            ms:
              description: Milliseconds that it took.
              type: float
            detail:
              description: One sentence; null where there is nothing to say.
              type: str
        attempts:
          description: How many times it was tried; V(0) when it was not.
          type: int
          sample: 1
        first_failure:
          description: How the first connection ended when there was another one; else null.
          type: dict
          contains:
            outcome:
              description: As RV(handshake.endpoints[].outcome).
              type: str
            detail:
              description: As RV(handshake.endpoints[].detail).
              type: str
        client_id:
          description: Client id of the last connection; null when none was tried.
          type: int
        server_version:
          description: API version that was agreed; null before the phase V(hello).
          type: int
          sample: 178
        server_time:
          description: The gateway's clock as it wrote it, with its own name of the time zone; null before the phase V(hello).
          type: str
          sample: 20261122 06:41:12 EST
        accounts:
          description: Account ids, masked; the first 20.
          type: list
          elements: str
          sample: [DU12***67]
        account_count:
          description: How many accounts the gateway named; null when it sent no list.
          type: int
        account_mode:
          description: V(paper) or V(live), from the kind of the account ids; null when unknown or mixed.
          type: str
          sample: paper
        next_valid_id:
          description: Next order id; null when none came.
          type: int
        notices:
          description: Notes and errors that the gateway sent, the last 12, oldest first.
          type: list
          elements: dict
          contains:
            code:
              description: IBKR's message code.
              type: int
            text:
              description: IBKR's text, masked.
              type: str
            at:
              description: When the gateway says it was, or when it arrived where the gateway does not say; UTC.
              type: str
        notice_count:
          description: How many notices came.
          type: int
        cut:
          description:
            - Number of entries left out so that the endpoints of a gateway together stay within 8 KiB, by the list that they were cut from.
            - C(text) is the number of characters that were cut from long texts, each of which ends in an ellipsis.
          type: dict
          sample: {}
        first_bytes:
          description: The first bytes that the peer sent, at most 64, escaped and masked; null when it sent none.
          type: str
          sample: SSH-2.0-OpenSSH_9.6\r\n
        closed_by:
          description: Who ended the last connection, V(peer), V(reset) (by the peer, abruptly) or V(us); null where there was none.
          type: str
        total_ms:
          description: Milliseconds that the endpoint took, all attempts together.
          type: float
        account:
          description: What O(depth=account) found.
          type: dict
          contains:
            net_liquidation_seen:
              description: Whether a net liquidation value came; null when it was not asked for or the gateway refused to tell.
              type: bool
            open_orders:
              description: Number of open orders; null when not asked for (see O(count_orders)) or not answered in time.
              type: int
            positions:
              description: Number of positions; null when not asked for or not answered in time.
              type: int
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.api.wire import DEPTHS
from ansible_collections.ibgw.ops.plugins.module_utils.handshake import MODES, NOTHING, probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import run_probe

_SHARED: dict[str, dict[str, Any]] = {
    "inside": {"type": "str"},
    "client_id": {"type": "int"},
    "expect_mode": {"type": "str", "choices": list(MODES)},
}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "host": {"type": "str"},
    "port": {"type": "list", "elements": "int"},
    "endpoints": {
        "type": "list",
        "elements": "dict",
        "options": {
            "gateway": {"type": "str"},
            "endpoint": {"type": "str"},
            "host": {"type": "str"},
            "port": {"type": "int", "required": True},
            "count_orders": {"type": "bool"},
            "skip": {"type": "str"},
            "after_silence": {"type": "int"},
            **_SHARED,
            # Ansible takes no null where there are choices; what is said is checked with the rest.
            "expect_mode": {"type": "str"},
        },
    },
    "depth": {"type": "str", "choices": list(DEPTHS), "default": "api"},
    "timeout": {"type": "float", "default": 5},
    "attempts": {"type": "int", "default": 2},
    "after_silence": {"type": "int", "default": 1},
    "retry_delay": {"type": "float", "default": 0.25},
    "mute_wait": {"type": "float", "default": 0.35},
    "count_orders": {"type": "bool", "default": False},
    "docker_host": {"type": "str"},
    **_SHARED,
}


def needs(arguments: Mapping[str, Any]) -> list[str]:
    """The libraries that these arguments ask for."""
    inside = arguments["inside"] or any(endpoint["inside"] for endpoint in arguments["endpoints"] or ())
    return ["docker"] * bool(inside) + ["ib_async"] * (arguments["depth"] == "account")


def main() -> None:
    """Run the probe as a module."""
    run_probe("handshake", ARGUMENTS, probe, NOTHING, needs)


if __name__ == "__main__":
    main()
