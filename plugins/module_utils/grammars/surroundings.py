# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands around the messages of every controller: lines of Java, of the display, of the relay, and of the gateway itself.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

#: Lines that other programs print too: alone they do not make a log one of a gateway.
ANYBODYS = (
    # What start scripts of many images print, for one writes it like the other (gnzsnz common.sh:49, manhinhang start.sh).
    (r"error: both \w+ and \w+ are set \(but are exclusive\)", "credentials_conflict"),
    (r"Xvfb TIMED OUT", "display_missing"),
    (r"Container stopped, performing cleanup\.\.\.", "stopped_from_outside"),
    (r"mkdir: cannot create directory .*", "settings_unwritable"),
    (r"_XSERVTransMakeAllCOTSServerListeners: failed to create listener for unix", "display_unwritable"),
    (r"(?:Error: )?Could not find or load main class .*", "install_broken"),
    (r"No suitable Java Virtual Machine could be found on your system\.", "install_broken"),  # install4j's launcher
    (r"(?:Error: )?Invalid maximum heap size: .*", "heap_invalid"),
    (r"Too small maximum heap", "heap_invalid"),
    (r"library initialization failed - unable to allocate file descriptor table - out of memory", "nofile_unlimited"),
    (r"# A fatal error has been detected by the Java Runtime Environment:", "jvm_crashed"),
    (r"# There is insufficient memory for the Java Runtime Environment to continue\.", "jvm_crashed"),
    (r"(?:Exception in thread \".*\" )?java\.lang\.OutOfMemoryError(?:: .*)?", "heap_exhausted"),
    (r"Exception: java\.lang\.OutOfMemoryError thrown from the UncaughtExceptionHandler in .*", "heap_exhausted"),
    (
        r"(?:Exception in thread \".*\" )?(?:java\.awt\.\w+: )?Can't connect to X11 window server using '.*' as the value of .*",
        "display_missing",
    ),
    (r"No X11 DISPLAY variable was set, .*", "display_missing"),
    (r"(?:\(EE\) |Fatal server error: )*Server is already active for display \d+", "display_missing"),  # a stale lock
    (  # a stale socket, or the display of another container (IBC issue 160)
        r"(?:\(EE\) |Fatal server error: )*Cannot establish any listening sockets - Make sure an X server isn't already running.*",
        "display_missing",
    ),
    (r"\*+ x11vnc was unable to open the X DISPLAY: .*", "screen_missing"),  # gnzsnz issue 349
    (r"Error: Could not create the Java Virtual Machine\.", "install_broken"),
    (r"Could not reserve enough space for (?:\w+ )*object heap", "heap_invalid"),
)

#: Lines that only a gateway's container prints.
GATEWAYS = (
    (
        r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d socat\[\d+\] E connect\(.*:(?P<v>\d+), 16\): Connection refused",
        "relay_refused",
    ),
    (  # on the container's own loopback: nobody takes what waits there, and the queue is full (UnusualAlpha issue 52)
        r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d socat\[\d+\] E connect\(.*:(?P<v>\d+), 16\): Connection timed out",
        "relay_timed_out",
    ),
    (
        r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d socat\[\d+\] E bind\(.*:(?P<v>\d+)\}, 16\): Address already in use",
        "relay_port_taken",
    ),
    (r"addLogConsole Client .*", "api_client"),
    (r"[\d :,-]*JTS-DeadlockMonitor.*", "deadlocked"),
    (r"Failed to create browser", "browser_missing"),  # a passkey is asked for in one (IBC issue 363)
)
