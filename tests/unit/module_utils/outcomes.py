# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the handshake probe must say of each mode of the peer, wherever it is asked: direct, or through relays of any kind."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table; a `problem` of "-" is none."""

    mode: str
    outcome: str
    problem: str
    reached: str
    connections: int


# mode of the peer        outcome               problem                   reached  connections
_TABLE = """
healthy                   ready                 -                         ready    1
order_id_first            ready                 -                         ready    1
one_segment               ready                 -                         ready    1
drip                      ready                 -                         ready    1
slow_version              ready                 -                         ready    1
slow_order_id             ready                 -                         ready    1
strange_zone              ready                 -                         ready    1
notice_before_version     ready                 -                         ready    1
raw_id                    ready                 -                         ready    1
error_time                ready                 ibkr.data_farm_down       ready    1
protobuf                  ready_ibkr_away       ibkr.disconnected         ready    1
old_server                ready                 api.version_refused       ready    1
lost                      ready_ibkr_away       ibkr.disconnected         ready    1
late_notice               ready_ibkr_away       ibkr.disconnected         ready    1
broken                    ready_ibkr_away       ibkr.disconnected         ready    1
restored                  ready                 -                         ready    1
farm_down                 ready                 ibkr.data_farm_down       ready    1
sec_def_down              ready                 ibkr.data_farm_down       ready    1
inactive                  ready                 -                         ready    1
ready_flood               ready                 -                         ready    1
ready_long_frame          ready                 -                         ready    1
ready_garbage             ready                 -                         ready    1

accept_fin                closed_at_open        relay.no_backend          tcp      2
late_fin                  closed_at_open        relay.no_backend          tcp      2
hello_fin                 closed_at_hello       api.closes_on_hello       open     2
hello_rst                 closed_at_hello       api.closes_on_hello       open     2
late_hello_fin            closed_at_hello       api.closes_on_hello       open     2
half_version_fin          closed_at_hello       api.closes_on_hello       open     2
silent                    silent_at_hello       api.silent                open     2
hello_silent              silent_at_hello       api.silent                open     2
half_version              silent_at_hello       api.silent                open     2
one_field_version         silent_at_hello       api.silent                open     2
empty_frame               silent_at_hello       api.silent                open     2
liar                      silent_at_hello       api.silent                open     2
endless_drip              silent_at_hello       api.silent                open     2

text_version              not_tws               api.not_tws               open     1
garbage                   not_tws               api.not_tws               open     1
garbage_frame             not_tws               api.not_tws               open     1
oversize                  not_tws               api.not_tws               open     1
oversize_max              not_tws               api.not_tws               open     1
flood                     not_tws               api.not_tws               open     1
zeros                     not_tws               api.not_tws               open     1
long_frame                not_tws               api.not_tws               open     1
ssh                       not_tws               api.not_tws               open     1
http                      not_tws               api.not_tws               open     1
http_open                 not_tws               api.not_tws               open     1
tls                       not_tws               api.not_tws               open     1
vnc                       not_tws               api.not_tws               open     1

redirect                  version_refused       api.version_refused       hello    1
ancient_version           version_refused       api.version_refused       hello    1
future_version            version_refused       api.version_refused       hello    1
client_outdated           version_refused       api.version_refused       hello    1

version_fin               closed_at_start       api.start_refused         hello    2
start_fin                 closed_at_start       api.start_refused         hello    2
start_rst                 closed_at_start       api.start_refused         hello    2
error_502                 closed_at_start       api.start_refused         hello    2
error_503                 closed_at_start       api.start_refused         hello    2
error_504                 closed_at_start       api.start_refused         hello    2
error_507                 closed_at_start       api.start_refused         hello    2
error_1100                closed_at_start       api.start_refused         hello    2
accounts_fin              closed_at_start       api.start_refused         start    2
ready_fin                 closed_at_start       api.start_refused         start    2
id_taken                  client_id_taken       api.start_refused         hello    2
id_taken_open             client_id_taken       api.start_refused         hello    2
disclaimer                disclaimer_pending    api.disclaimer_pending    hello    1
disclaimer_2139           disclaimer_pending    api.disclaimer_pending    hello    1
port_changed              port_changed          api.not_listening         hello    1

version_silent            silent_at_start       api.start_incomplete      hello    2
error_504_open            silent_at_start       api.start_incomplete      hello    2
no_order_id               start_incomplete      api.start_incomplete      start    2
no_accounts               start_incomplete      api.start_incomplete      start    2
empty_accounts            start_incomplete      api.start_incomplete      start    2
bad_order_id              protocol_error        api.start_incomplete      hello    2
short_order_id            protocol_error        api.start_incomplete      hello    2
garbage_after_version     protocol_error        api.start_incomplete      hello    2
"""

OUTCOMES = [
    Row(mode, outcome, problem, reached, int(connections))
    for mode, outcome, problem, reached, connections in (line.split() for line in _TABLE.splitlines() if line)
]
