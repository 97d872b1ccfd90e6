# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controllers end with: exit codes that a log tells, and with which a container ends.

Sources are cited as ``B:`` (IbcAlpha/IBC @2fee90c, 3.24.1) and ``K:`` (gnzsnz/ibcontroller, command line newest).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping

#: What IBC ends the JVM with (B:ErrorCodes.java:23-35, B:LoginManager.java:180): name and meaning.
IBC: Mapping[int, tuple[str, str]] = {
    1100: ("UNHANDLED_EXCEPTION", "an exception in IBC or the gateway, or the X server is gone"),
    1101: ("CANT_FIND_CONTROL", "a control of the login window or of the second factor's device list is missing"),
    1102: ("INCORRECT_NUMBER_OF_ARGS", "IBC was started with wrong arguments"),
    1103: ("INI_FILE_DOES_NOT_EXIST", "config.ini is missing"),
    1104: ("INVALID_TRADING_MODE", "the trading mode is neither live nor paper"),
    1105: ("INVALID_SETTING_VALUE", "a setting of config.ini has a value that IBC refuses"),
    1106: ("CANT_CREATE_TWS_SETTINGS_DIR", "the settings directory can not be created"),
    1107: ("CANT_FIND_ENTRYPOINT", "the gateway's main class could not be started"),
    1108: ("INVALID_JTSINI_PATH", "jts.ini is a directory"),
    1109: ("IO_EXCEPTION_ON_JTSINI", "jts.ini could not be read or written"),
    1110: ("INVALID_STATE", "another session took the login, and the action setting does not fit"),
    1111: ("SECOND_FACTOR_AUTH_LOGIN_TIMED_OUT", "the login did not complete after the second factor"),
    1112: ("LOGIN_DIALOG_DISPLAY_TIMED_OUT", "no login window that IBC knows was shown in time"),
    99999: ("SCHEDULING_FAILURE", "IBC could not schedule a task"),
}

#: The finding that an exit code of IBC, or of Java below it, proves when nothing before it did.
IBC_PROBLEMS: Mapping[int, str] = {
    1: "gateway.crashed",
    130: "container.stopped",
    134: "gateway.crashed",
    137: "gateway.crashed",
    139: "gateway.crashed",
    143: "container.stopped",
    1100: "gateway.crashed",
    1101: "gateway.login_window_unknown",
    1102: "config.value_invalid",
    1103: "config.file_missing",
    1104: "config.trading_mode_invalid",
    1105: "config.value_invalid",
    1106: "config.settings_unwritable",
    1107: "gateway.install_broken",
    1108: "config.settings_unwritable",
    1109: "config.settings_unwritable",
    1110: "login.existing_session",
    1111: "twofa.login_incomplete",
    1112: "gateway.login_window_unknown",
    99999: "gateway.crashed",
}

#: What ibcontroller ends with (K:cli.py), which the start script passes on.
IBCONTROLLER: Mapping[int, str] = {
    0: "asked to stop, or the gateway closed by itself",
    1: "the start script gave up (trading mode, secret, X server), or a fault of the controller's own",
    2: "the controller was called wrongly",
    69: "the gateway crashed, was killed, or lost its controller",
    75: "the second factor was not completed in time",
    77: "the login was refused or throttled: another attempt can lock the account",
    78: "the configuration was refused, the gateway's program was not found, or its agent did not answer in time",
    137: "killed (SIGKILL): its grace ran out, for it can take 25 s to close; or by hand, or for want of memory",
}
