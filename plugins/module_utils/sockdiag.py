# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many connections may wait on a listening socket before the kernel turns them away; `/proc/net/tcp` does not tell.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

from ansible_collections.ibgw.ops.plugins.module_utils.procfs import ip_text

#: Family, type and protocol of the socket to ask with: NETLINK_SOCK_DIAG, linux/netlink.h.
KIND = (socket.AF_NETLINK, socket.SOCK_RAW, 4)

# struct nlmsghdr: length, type, flags, sequence number, port
_HEADER = struct.Struct("=IHHII")
_DONE, _ERROR, _BY_FAMILY = 3, 2, 20  # NLMSG_DONE, NLMSG_ERROR, SOCK_DIAG_BY_FAMILY
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP

# struct inet_diag_req_v2: family, protocol, extensions, states, and an id that a dump does not look at
_REQUEST = struct.Struct("=BBBxI48x")
_LISTENING = 1 << 10  # TCP_LISTEN, net/tcp_states.h

# struct inet_diag_msg as far as its queues. Of a listening socket they hold how many wait and how many may, net/ipv4/tcp_diag.c
_ANSWER = struct.Struct("=B3x2s2x16s16s12x4xII")

_SECONDS = 1.0


def accept_limits(asking: socket.socket) -> dict[tuple[str, int], int]:
    """By address and port, how many connections may wait on each socket that listens in the network of `asking`, one of `KIND`."""
    asking.settimeout(_SECONDS)
    limits: dict[tuple[str, int], int] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _LISTENING)
        asking.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST_DUMP, family, 0) + request)
        for answer in _answers(asking):
            told, port, listening, _peer, _waiting, limit = _ANSWER.unpack_from(answer)
            raw = listening[:4] if told == socket.AF_INET else listening
            limits[ip_text(raw), int.from_bytes(port, "big")] = limit
    return limits


def _answers(asking: socket.socket) -> Iterator[bytes]:
    """What the kernel says of each socket, until it says that there are no more."""
    while True:
        datagram = asking.recv(65536)
        while datagram:
            length, kind, _flags, _sequence, _port = _HEADER.unpack_from(datagram)
            body = datagram[_HEADER.size : length]
            if kind == _DONE:
                return
            if kind == _ERROR:
                number = -struct.unpack_from("=i", body)[0]
                raise OSError(number, os.strerror(number))
            yield body
            datagram = datagram[length + -length % 4 :]
