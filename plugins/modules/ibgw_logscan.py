#!/usr/bin/python
# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ibgw_logscan."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_logscan
short_description: Tell from a gateway's log where its login stands
version_added: 0.1.0
description:
  - Reads the logs of gateway containers, or one saved log, and tells for each gateway where its login stands, what failed, and
    what costs a login has had.
  - The newest run decides. A refused login is judged by the attempt that it answers, silence against O(as_of).
  - Reads only; a container's log is read back from its end and only as far as it takes to understand the newest run and the one before, and to
    find the login that the session began with, or what the logins of a day have cost.
extends_documentation_fragment:
  - ibgw.ops.probe
  - ibgw.ops.probe.looks
  - ibgw.ops.probe.engine
options:
  names:
    description:
      - Names of containers. The default is every container that is recognised as a gateway.
      - Mutually exclusive with O(path).
    type: list
    elements: str
    default: []
    aliases: [name]
  path:
    description:
      - A saved log, on the machine where the module runs. It may be packed with gzip, and may carry what C(docker logs -t), compose,
        journald, json-file, Kubernetes or a log shipper put before the lines, or each line in an entry in JSON.
      - It may also be a C(launcher.log), the gateway's own, from its settings directory.
      - Mutually exclusive with O(names).
    type: path
  family:
    description:
      - Image family of the log, by name; V(auto) recognises it from the container or the log itself.
    type: str
    default: auto
  as_of:
    description:
      - The moment that silence is judged from, ISO 8601 with a zone.
      - The default is now for a container, and the last time stamp for a saved log.
    type: str
  max_bytes:
    description:
      - How far to read back at most, in bytes of log. V(0) reads everything, in one streaming pass.
      - A file packed with gzip is always read from its start.
    type: int
    default: 4194304
  max_events:
    description: How many decisive events to return at most, the newest.
    type: int
    default: 50
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Where do the logins of this machine's gateways stand?
  ibgw.ops.ibgw_logscan:

- name: What happened to this one today?
  ibgw.ops.ibgw_logscan:
    name: ib-gateway
    max_bytes: 0

- name: Judge a log that somebody sent
  ibgw.ops.ibgw_logscan:
    path: some.log
  delegate_to: localhost
"""

RETURN = r"""
logscan:
  description: What the logs tell.
  returned: success
  type: dict
  contains:
    available:
      description: Whether the logs could be asked for at all.
      type: bool
      sample: true
    problem:
      description: Finding code that says why not, or null.
      type: str
      sample: null
    reason:
      description: What was tried and what came back, or null.
      type: str
      sample: null
    fix:
      description: What mends it, or null.
      type: str
      sample: null
    gateways:
      description:
        - One entry per container, or per gateway in the saved log (compose writes several services into one).
        - Within 8 KiB each; what was cut is counted in C(cut).
      type: list
      elements: dict
      contains:
        name:
          description: The container's name; for a saved log the file's name, or the service's where it holds several.
          type: str
          sample: ib-gateway
        available:
          description: Whether this log could be read and is a known controller's. When not, the keys below are null or empty.
          type: bool
          sample: true
        problem:
          description: Finding code that says why not, or null.
          type: str
          sample: null
        reason:
          description: What was tried and what came back, or null.
          type: str
          sample: null
        fix:
          description: What mends it, or null.
          type: str
          sample: null
        family:
          description:
            - Image family, or null where the log does not show it. A container's is known by what it is; of a saved log by lines that only the
              image's own scripts print, which tell nothing where somebody copied them.
          type: str
          sample: gnzsnz-ibc
        controller:
          description: Name and version of the login controller; the version is null where the log does not show it.
          type: dict
          sample: {name: IBC, version: 3.24.1}
        gateway_version:
          description: Version of the gateway program that the image starts, or null.
          type: str
          sample: 10.45.1j
        time_zone:
          description: Zone of the controller's own time stamps, or null where the log does not show it.
          type: str
          sample: Etc/UTC
        settings:
          description:
            - Effective settings of the newest run, from the controller's own dump; empty where the dump was not read.
            - Secrets, user names, and settings that the controller's releases do not know read C(<set>) or C(<empty>).
          type: dict
          sample: {TradingMode: live, IbPassword: <set>}
        window:
          description: What was read.
          type: dict
          contains:
            first_at:
              description: Time of the first line that has one; null where the log has no times whose zone is known.
              type: str
              sample: "2026-01-31T12:00:00Z"
            last_at:
              description: Time of the last line that has one; null as C(first_at).
              type: str
              sample: "2026-01-31T12:00:20Z"
            bytes_read:
              description: Bytes of log that were read.
              type: int
              sample: 21000
            lines:
              description: Lines that were read; C(line) elsewhere counts from the first of them.
              type: int
              sample: 250
            truncated:
              description: Whether the log goes further back than what was read.
              type: bool
              sample: false
            damaged:
              description: Whether the saved log is packed and damaged, or cut off, so that its end was not read.
              type: bool
              sample: false
            run_start_seen:
              description: Whether the start of a run was read.
              type: bool
              sample: true
            silent_seconds:
              description: Seconds from the last line to the moment of judging; null where the log has no times.
              type: float
              sample: 12.5
        instances:
          description:
            - The newest run of each instance; two for a container that runs live and paper.
            - Empty when the log is, or when no line that was read tells of a run.
          type: list
          elements: dict
          contains:
            endpoint:
              description: V(paper) or V(live), null where the log does not say.
              type: str
              sample: live
            ambiguous:
              description:
                - Whether lines that make a difference may be of the other instance. Two gateways in one container write into one log,
                  and most lines do not say which of them wrote them; C(state) and C(problem) are then the likeliest.
                - Never true where only one gateway writes into the log.
              type: bool
              sample: false
            state:
              description: >-
                Where it stands: C(script_starting), C(jvm_starting), C(gateway_starting), C(login_window), C(submitted), C(connecting),
                C(authenticating), C(twofa_pending), C(twofa_retrying), C(device_choice), C(existing_session), C(loading), C(logged_in),
                C(logged_in_blocked), C(connection_lost), C(relogin), C(auto_restarting), C(cold_restarting), C(throttled),
                C(shutting_down), C(ended), C(unknown).
              type: str
              sample: twofa_pending
            since:
              description: When it came to stand there, or null.
              type: str
              sample: "2026-01-31T12:00:15Z"
            run_started_at:
              description: When the run began, or null where its start was not read or has no time.
              type: str
              sample: "2026-01-31T12:00:00Z"
            run_kind:
              description: C(full_login) or C(saved_session), null before the session starts.
              type: str
              sample: full_login
            attempt_kind:
              description: What the newest login attempt rested on, C(typed), C(saved_session) or C(relogin); null before there was one.
              type: str
              sample: typed
            deadline:
              description: When an open second factor prompt expires, about, or a wait that IBKR imposed ends; else null.
              type: str
              sample: "2026-01-31T12:03:10Z"
            asks_again:
              description: Whether the controller sends another prompt by itself when one expires; null where its settings were not read.
              type: bool
              sample: false
            read_only_api:
              description:
                - Whether the API is read-only, as the controller says that it set or found it after the login of this run.
                - Null where it says nothing of it, as IBC does where its setting C(ReadOnlyApi) is empty.
              type: bool
              sample: false
            second_factor:
              description: The newest prompt for a second factor of this run; null before there was one.
              type: dict
              contains:
                asked_at:
                  description: When it was shown, or null.
                  type: str
                  sample: "2026-01-31T12:00:15Z"
                window:
                  description: Title of the dialog that asks, or null where only its announcement was read.
                  type: str
                  sample: Second Factor Authentication
                open:
                  description: Whether it is still unanswered.
                  type: bool
                  sample: true
                expires_at:
                  description: When it expires, about; IBKR's own clock can not be seen. Null when it is not open, or has no time.
                  type: str
                  sample: "2026-01-31T12:03:10Z"
                asked:
                  description: Prompts in this run.
                  type: int
                  sample: 1
                closed_at_once:
                  description: >-
                    Prompts, in this run and the failed ones that it continues, that closed within two seconds: the sign that no push is sent.
                  type: int
                  sample: 0
            open_windows:
              description: Titles of the dialogs that are open.
              type: list
              elements: str
              sample: [Second Factor Authentication]
            last_exit:
              description: Exit code and meaning of this run, or of the failed one that it continues; null where there was none.
              type: dict
              sample: {code: 1112, meaning: no login window that IBC knows was shown in time}
            problem:
              description: The finding code that this log alone supports, or null.
              type: str
              sample: twofa.pending
            evidence:
              description: "The lines that prove C(problem): when (null without a time), the number of the line, and the line, masked."
              type: list
              elements: dict
              sample: [{at: "2026-01-31T12:00:15Z", line: 229, quote: "2026-01-31 12:00:15:459 IBC: Second Factor Authentication initiated"}]
            launcher:
              description:
                - >-
                  What the gateway's own C(launcher.log) in its settings directory tells of this run, as evidence beside the log: it has IBKR's
                  answers to a login, and falls silent when that is complete.
                - Null where the login is complete, of a saved log, and where there is no such file that the engine can get at.
              type: dict
              contains:
                path:
                  description: Where the file is in the container.
                  type: str
                  sample: /home/ibgateway/Jts/launcher.log
                last_at:
                  description: Time of its last line.
                  type: str
                problem:
                  description: The finding code that it supports, or null.
                  type: str
                  sample: login.auth_silent
                evidence:
                  description: The lines that prove C(problem), as above; C(line) counts from the first that was read.
                  type: list
                  elements: dict
            previous:
              description: The failed run that this one continues, until it has come further; else null.
              type: dict
              contains:
                ended_at:
                  description: When its last line was written, or null.
                  type: str
                exit:
                  description: As C(last_exit).
                  type: dict
                problem:
                  description: The finding code of what it failed on.
                  type: str
                got_as_far_as:
                  description: The furthest C(state) that it reached, or null.
                  type: str
        history:
          description: Counts over what was read.
          type: dict
          contains:
            runs:
              description: Starts of the gateway's program, and of the scripts before it where that is all there was.
              type: int
              sample: 1
            login_attempts:
              description: Logins that were submitted.
              type: int
              sample: 1
            login_attempts_last_hour:
              description: Those in the hour before the moment of judging.
              type: int
              sample: 1
            login_attempts_last_day:
              description: Those in the 24 hours before it.
              type: int
              sample: 1
            twofa_prompts:
              description: Prompts for a second factor.
              type: int
              sample: 1
            twofa_prompts_last_hour:
              description: Those in the hour before the moment of judging.
              type: int
              sample: 1
            twofa_prompts_last_day:
              description: Those in the 24 hours before it.
              type: int
              sample: 1
            unanswered_prompts:
              description: Those since the newest login that was completed.
              type: int
              sample: 1
            logins_completed:
              description: Logins that ended in a session.
              type: int
              sample: 0
            logins_completed_last_hour:
              description: Those in the hour before the moment of judging.
              type: int
              sample: 0
            logins_completed_last_day:
              description: Those in the 24 hours before it.
              type: int
              sample: 0
            last_login_at:
              description: When the newest of them was completed, or null.
              type: str
              sample: null
            last_full_login_at:
              description: When the newest of them with typed credentials was completed, or null.
              type: str
              sample: null
            controller_restarts_last_hour:
              description: Those of them within the last hour.
              type: int
            controller_restarts:
              description: Restarts of the gateway by its own controller; the engine does not count them.
              type: int
              sample: 0
            by_exit_code:
              description: How often the gateway's program ended with which exit code of the controller; the eight most frequent.
              type: dict
              sample: {"1112": 2}
        relay:
          description: The relay's own trouble.
          type: dict
          contains:
            refused:
              description: Connections that it could not pass on to the gateway.
              type: int
              sample: 0
            bind_errors:
              description: How often its port was taken.
              type: int
              sample: 0
            last_at:
              description: When one of these happened last, or null.
              type: str
              sample: null
        events:
          description:
            - "The decisive events, oldest first: when (null without a time), the number of the line, what happened, the endpoint (or null),
              and the line, masked."
          type: list
          elements: dict
          sample: [{at: "2026-01-31T12:00:12Z", line: 209, event: login_attempt, endpoint: live, quote: "IBC: Login attempt: 1"}]
        cut:
          description:
            - How many events, the oldest first, and then settings were left out, to stay within O(max_events) and 8 KiB.
            - C(text), where there, is the number of characters that were cut from long texts, each of which ends in an ellipsis.
          type: dict
          sample: {events: 0, settings: 0}
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.logscan import NOTHING, probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import run_probe

ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": [], "aliases": ["name"]},
    "path": {"type": "path"},
    "family": {"type": "str", "default": "auto"},
    "as_of": {"type": "str"},
    "max_bytes": {"type": "int", "default": 4194304},
    "max_events": {"type": "int", "default": 50},
    "docker_host": {"type": "str"},
    "timeout": {"type": "float", "default": 10},
}


def libraries(arguments: Mapping[str, Any]) -> Sequence[str]:
    """The engine is asked through its SDK; a saved log needs nothing."""
    return () if arguments["path"] is not None else ("docker",)


def main() -> None:
    """Run the probe as a module."""
    run_probe("logscan", ARGUMENTS, probe, NOTHING, needs=libraries)


if __name__ == "__main__":
    main()
