"""What differs from one IBC release to the next, and from one Gateway build to another: one table of each.

The start script reads the same table, as shell variables: `python3 -m gateway.releases 3.20.0` prints them.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Release:
    """What a log reader or operator can see of a release. The defaults are 3.16's; a text that is empty is not printed."""

    number: str
    gateway: str  # the Gateway build that an image had beside it

    # A message in the log
    capitals: bool = True  # the first letter of every message
    errors_on: Literal["stdout", "stderr"] = "stderr"
    stack_traces: bool = True
    exit_text: str = "Exiting with exit code={code}"

    # The start
    masks_empty_credentials: bool = True
    credentials_text: str = "getting username and password from args but not found. Will get from settings"
    session_told_late: bool = True  # only after "Starting Gateway"
    writes_trusted_ips: bool = False
    login_titles: tuple[str, ...] = ("IB Gateway", "Interactive Brokers Gateway")  # windows that it knows

    # The login
    mode_told_twice: bool = False
    configured_text: str = ""
    after_login_failed: Literal["login window", "cold restart"] = "login window"
    after_login_error: Literal["nothing", "text", "cold restart"] = "nothing"
    breaks_after_restart: bool = True  # as soon as a saved session is there again (IBC#228)

    # The end
    stop_reply: str = "Shutting down"
    restart_reply: str = "Restarting at {time}"
    pauses: bool = False
    cold_restart_plan: str = ""

    # The start script
    greeting: str = ""
    checks_settings_path: bool = False
    names_session: bool = False
    opens_modules: bool = False  # for Java 17
    names_java: bool = False
    shows_java_errors: bool = True
    searching_text: str = ""
    found_text: str = ""
    not_found_text: str = ""
    finds_cold_restart: bool = False


def _history() -> Iterator[Release]:
    """Each release by what it does otherwise than the one before (facts: IBC's tags and issues, by source line)."""
    # UnusualAlpha's latest image had 10.22 beside it, whose login window it does not know (UnusualAlpha#88).
    yield (release := Release("3.16.0", gateway="10.19.1j"))
    yield (
        release := replace(
            release,
            number="3.18.0",
            gateway="10.25.1o",
            capitals=False,  # 3.17.0, commit 909c868
            credentials_text="will get username and password from settings;"
            " FIX username and password (if required) from settings",
            session_told_late=False,
            login_titles=(*release.login_titles, "IBKR Gateway"),  # 3.17.0, IBC#217
            configured_text="Configuration tasks completed",  # 3.17.0, DefaultConfigDialogManager.java:195
            found_text="autorestart file found at %s",  # 3.17.0, ibcstart.sh:377
            not_found_text="autorestart file not found",
        )
    )
    yield (
        release := replace(
            release,
            number="3.19.0",
            gateway="10.29.1e",
            writes_trusted_ips=True,  # TrustedTwsApiClientIPs; 3.19.0 or 3.20.0
            mode_told_twice=True,  # before the click, whether a second factor is to come; 3.19.0 or 3.20.0
            after_login_error="text",  # LoginErrorDialogHandler.java:39
            breaks_after_restart=False,
            stop_reply="Shutting down: STOP command",  # StopTask.java:77
            cold_restart_plan="Gateway",  # the rest of the text is lost, IbcTws.java:500 at 3.20.0
            names_session=True,
            # A flag asks the start script for a cold restart, which looks for it in a wrong place (IBC#273, #299).
        )
    )
    yield (
        release := replace(
            release,
            number="3.20.0",
            gateway="10.30.1t",
            after_login_failed="cold restart",  # LoginFailedDialogHandler.java:42
            after_login_error="cold restart",
        )
    )
    yield (
        release := replace(
            release,
            number="3.21.2",
            gateway="10.34.1c",
            cold_restart_plan="Gateway will be cold restarted at {moment}",  # 3.21.0
            greeting="Parsing arguments",  # 3.21.0, ibcstart.sh:133
            checks_settings_path=True,  # 3.21.0, ibcstart.sh:271
            opens_modules=True,
            finds_cold_restart=True,  # 3.21.0, commit e11aa0a
        )
    )
    yield (
        release := replace(
            release,
            number="3.22.0",
            gateway="10.36.1c",
            shows_java_errors=False,  # ibcstart.sh:526-532, commit cb866a1
        )
    )
    yield (
        release := replace(
            release,
            number="3.23.0",
            gateway="10.37.1n",
            stack_traces=False,  # Utils.java:118-127
            searching_text="Finding autorestart file",  # ibcstart.sh:366
            found_text="autorestart file found at %s: authentication will not be required",
            not_found_text="autorestart file not found: full authentication will be required",
        )
    )
    yield replace(
        release,
        number="3.24.1",
        gateway="10.45.1j",
        errors_on="stdout",  # 3.24.0, commit 3e0c3c3
        exit_text="Exiting after error with exit code={code}",  # 3.24.0, Utils.java:94
        masks_empty_credentials=False,
        restart_reply="{verb} at {time}",  # 3.24.0, RestartTask.java:124
        pauses=True,  # 3.24.0
        names_java=True,  # 3.24.0, ibcstart.sh:473
    )


RELEASES = {release.number: release for release in _history()}
NEWEST = list(RELEASES.values())[-1]


def login_title(gateway: str) -> str:
    """How that build of the Gateway calls its login window."""
    if gateway == "10.37.1q":
        return "IBKR-Gateway"  # IBC#366: no release knows it
    minor = int(gateway.split(".")[1])
    return "IBKR Gateway" if minor >= 22 else "IB Gateway"  # IBC#209, IBC#217


def shell_variables(release: Release) -> list[str]:
    """The texts and flags of a release; a flag that is not set is empty, as in a shell."""
    values = {name: value for name, value in asdict(release).items() if isinstance(value, (str, bool))}
    return [
        f"{name}={shlex.quote(value if isinstance(value, str) else 'yes' * value)}" for name, value in values.items()
    ]


if __name__ == "__main__":
    print(*shell_variables(RELEASES[sys.argv[1]]), sep="\n")
