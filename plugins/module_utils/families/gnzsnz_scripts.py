# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the start scripts of gnzsnz/ib-gateway-docker read and print, which later images of other controllers kept.

Sources are cited as ``G:`` (gnzsnz/ib-gateway-docker @b2c0259).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import FILE, PLAIN, SECRET, USER, Variable, Wrong
from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import (
    PORT,
    SECONDS,
    TIME_ZONE,
    TZ,
    choice,
    number,
)

_SCRIPTS = Variable(since="10.40.1d and 10.37.1m")

#: The variables around the gateway: clock, screen, tunnel, scripts, places.
SURROUNDINGS = {
    "TZ": Variable(TZ, wrong=Wrong("ignored", "the container's clock stays on UTC")),
    # G:common.sh:29-35, into a jts.ini that does not exist yet
    "TIME_ZONE": Variable(
        TIME_ZONE, wrong=Wrong("misread", "it is written into jts.ini as the gateway's zone all the same")
    ),
    "VNC_SERVER_PASSWORD": SECRET,
    "VNC_SERVER_PASSWORD_FILE": FILE,
    # G:common.sh:151-248
    "SSH_TUNNEL": Variable(
        choice("yes", "both", "no", any_case=False), wrong=Wrong("ignored", "there is a relay and no tunnel")
    ),
    "SSH_OPTIONS": USER,
    "SSH_USER_TUNNEL": USER,
    "SSH_PASSPHRASE": SECRET,
    "SSH_PASSPHRASE_FILE": FILE,
    "SSH_ALIVE_INTERVAL": Variable(SECONDS, default="20"),
    "SSH_ALIVE_COUNT": Variable(number(0, 1_000_000), default="3"),
    "SSH_REMOTE_PORT": Variable(PORT),
    "SSH_RESTART": Variable(SECONDS, default="5"),
    "SSH_VNC_PORT": Variable(PORT),
    "SSH_RDP_PORT": Variable(PORT),
    "START_SCRIPTS": _SCRIPTS,
    "X_SCRIPTS": _SCRIPTS,
    "IBC_SCRIPTS": _SCRIPTS,
    "PUID": Variable(number(0, 4_294_967_295)),  # the TWS image's, G:tws-scripts/start_session.sh
    "PGID": Variable(number(0, 4_294_967_295)),
    "HOME": PLAIN,
    "PATH": PLAIN,
    "DISPLAY": PLAIN,
    "SCRIPT_PATH": PLAIN,
    "TWS_INI": PLAIN,
    "TWS_INI_TMPL": PLAIN,
}

#: Whole lines, and the events that they are.
LINES = (
    (r"\.> Starting (?:IBC|ibcontroller)/(?:IB gateway|TWS)", "container_started"),  # G:run.sh:7-9
    (r"\.> Starting (?:IBC|ibcontroller) in (?P<mode>live|paper) mode, with params:", "script_started"),  # G:run.sh:72
    (r"\.>\s+Version: (?P<v>\S+)", "gateway_version"),
    (r"\.> Invalid (?:IBC_)?TRADING_MODE:.*", "mode_invalid"),  # G:common.sh:106
    (
        r"\.> (?:\S+ )?Received SIGINT or SIGTERM\. Shutting down (?:IB Gateway|TWS)\.",
        "stopped_from_outside",
    ),  # G:run.sh:17
    (r"\.> Stopping (?:x11vnc|Xvfb|ssh|socat|IBC|ibcontroller)\.", "stopped_from_outside"),  # G:run.sh:21-41
    (r"Error: Timed out waiting for (?:Xvfb socket|\S*/sesman\.socket)!", "display_missing"),  # G:common.sh:281
    # The scripts write config.ini and jts.ini; the one other file that they open is a secret (G:common.sh:4-61).
    (
        r"\S+/common\.sh: line \d+: (?:\S*(?:config|jts)\.ini\S*|echo: write error): No space left on device",
        "disk_full",
    ),
    (r"\S+/common\.sh: line \d+: \S*(?:config|jts)\.ini\S*: [A-Z][a-z -]+", "settings_unwritable"),
    (
        r"\S+/common\.sh: line \d+: /\S+: (?:No such file or directory|Permission denied|Is a directory)",
        "secret_unreadable",
    ),
    (r"\.> Starting VNC server (?P<secret>\S.*)", ""),  # with its password, up to 2024 (gnzsnz issue 112)
    (r"\.> Launching (?:IBC|ibcontroller)/TWS service", ""),  # G:start_session.sh:5
    # What IBC's script says it was told (G:run.sh:72-91, G:run_tws.sh).
    (r"--ibc-path = /home/ibgateway/ibc", ""),
    (r"--tws-path = /opt/ibkr", ""),
    (r"\.> ssh-agent is NOT running\. Not starting a tunnel", "tunnel_missing"),  # G:common.sh:219-223
    (r"Forking :::\d+ onto \S+ > .*", "relay_started"),  # G:run_socat.sh:9
)
