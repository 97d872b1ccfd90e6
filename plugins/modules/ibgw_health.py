#!/usr/bin/python
# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ibgw_health."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_health
short_description: Look at gateway containers from outside
version_added: 0.1.0
author:
  - ibgw.ops contributors (@ibgw)
description:
  - Reads what the Docker engine and C(/proc) of the machine tell of the IB Gateway containers on it, all in one call.
  - Nothing is executed inside a container, and nothing is changed.
  - Processes and sockets are read only when the control group of a process proves that it is the container's.
    With an engine on another machine they are null, and C(not_seen) says so.
  - A user of the engine's group sees all of that but what takes root - mounts in directories of others, C(accept_limit), settings and
    secrets, the kernel's log - or, where C(/proc) is mounted with C(hidepid), no processes. C(not_seen) says what is missing and what shows it.
  - Docker without root, and Podman behind its Docker-compatible socket, are looked at alike. On cgroup v1 neither gives the containers of a
    user control groups, so that nothing is proven of their processes.
  - Podman tells of no stop. What ended a container that it ran is then not known.
extends_documentation_fragment:
  - ibgw.ops.probe
  - ibgw.ops.probe.looks
  - ibgw.ops.probe.engine
options:
  names:
    description:
      - Names of containers to look at, whatever they are.
      - The default is every container that is recognised as a gateway, running or not.
    type: list
    elements: str
    aliases: [name]
  find:
    description:
      - With O(names), also look at every other container that is recognised as a gateway.
      - Without O(names) that is done anyway.
    type: bool
    default: false
  events_since:
    description:
      - How far back to ask the engine for starts, stops and kills.
      - A number and one of V(s), V(m), V(h), V(d). Docker keeps only the newest few hundred events.
    type: str
    default: 24h
  user_salt:
    description:
      - A secret text of 16 characters or more, made for one run and forgotten after it, with which the users that gateways log in as are hashed.
      - Given the same on all machines, two gateways with the same user show the same hash, and nobody who does not have it learns whose it is.
      - Without it no user is hashed.
    type: str
"""

EXAMPLES = r"""
- name: Look at every gateway of the machine
  ibgw.ops.ibgw_health:

- name: Look at two gateways and at any other that is found
  ibgw.ops.ibgw_health:
    names: [ib-gateway, ib-gateway-paper]
    find: true
  register: seen

- name: Stop here when a gateway was killed for want of memory
  ansible.builtin.assert:
    that: not (item.container.oom_killed | default(false))
  loop: "{{ seen.health.gateways | selectattr('exists') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Tell all probes once how to reach a rootless engine
  module_defaults:
    group/ibgw.ops.probes:
      docker_host: unix:///run/user/1000/docker.sock
      probe_python: /home/trader/probe/bin/python3
      timeout: 20
  block:
    - name: Look at the containers
      ibgw.ops.ibgw_health:

    - name: Read their logs
      ibgw.ops.ibgw_logscan:

    - name: Ask the API of one of them
      ibgw.ops.ibgw_handshake:
        port: 4002
"""

RETURN = r"""
health:
  description:
    - What was seen. Every key is there in every outcome; null means not known, never a guess.
    - Times are ISO 8601 in UTC, durations seconds, sizes bytes.
  returned: success
  type: dict
  contains:
    available:
      description: Whether the engine could be asked.
      type: bool
    problem:
      description: Finding code when it could not, such as V(engine.down), V(engine.denied), V(engine.hung), V(probe.incomplete).
      type: str
    reason:
      description: What was tried and what came back, when it could not be asked.
      type: str
    fix:
      description: What mends it, when it could not be asked.
      type: str
    engine:
      description: The engine.
      type: dict
      contains:
        version:
          description: Its version.
          type: str
        api_version:
          description: The newest version of the API that it speaks.
          type: str
        root_dir:
          description: Where it keeps images, containers and volumes.
          type: str
        live_restore:
          description: Whether containers survive a restart of the engine.
          type: bool
        rootless:
          description: Whether it runs without root.
          type: bool
        kind:
          description: V(docker), or V(podman) behind its Docker-compatible socket.
          type: str
        started_at:
          description: When it came up; null where it is on another machine, and where it writes no pid to C(/run/docker.pid).
          type: str
    host:
      description: The machine; null when the engine is on another one.
      type: dict
      contains:
        now:
          description: Its time when it was looked at.
          type: str
        clock_synchronized:
          description: Whether the kernel holds its clock for synchronised.
          type: bool
        clock_offset:
          description: Seconds by which the kernel still has to move its clock; null when nothing keeps it synchronised.
          type: float
        boot_time:
          description: When it started.
          type: str
        kernel:
          description: Release of its kernel.
          type: str
        architecture:
          description: Its architecture as C(uname) calls it, such as V(x86_64) or V(aarch64).
          type: str
        cpus:
          description: Number of its processors.
          type: int
        memory:
          description: C(total) and C(available) memory in bytes; what caches would give back is available.
          type: dict
        load:
          description: Load averages over 1, 5 and 15 minutes.
          type: list
          elements: float
        disks:
          description:
            - Room on the file systems of the engine's root and of what gateways have mounted to write to, each once.
            - C(path), C(free) and C(total) in bytes, C(free_inodes), which is null where the file system does not count them.
          type: list
          elements: dict
    not_seen:
      description: What could not be looked at on the machine, and why; one sentence each.
      type: list
      elements: str
    cut:
      description: Number of entries left out of what is told of the machine, as C(cut) of a gateway.
      type: dict
    gateways:
      description: The containers asked for, in the order of O(names), then those that were found, by name. At most 8 KiB of JSON each.
      type: list
      elements: dict
      contains:
        name:
          description: The container's name.
          type: str
        declared:
          description: Whether O(names) asked for it.
          type: bool
        available:
          description: Whether this container could be inspected. RV(health.gateways[].problem) and the two after it say why not.
          type: bool
        problem:
          description: Finding code when it could not, mostly V(engine.hung).
          type: str
        reason:
          description: What came back instead.
          type: str
        fix:
          description: What mends it.
          type: str
        exists:
          description: Whether there is a container of this name. When not, the keys below are null but for the records.
          type: bool
        similar_names:
          description: When there is none, up to three names of containers that come nearest.
          type: list
          elements: str
        renamed_to:
          description: When there is none, the name of the container that had this one until it was renamed; null where no event tells of that.
          type: str
        container:
          description: State and configuration.
          type: dict
          contains:
            id:
              description: Its full id.
              type: str
            image:
              description: The name by which the image was started.
              type: str
            image_id:
              description: The id of the image.
              type: str
            image_digest:
              description: Digest under which the image was pulled; null for one that was built here or is gone.
              type: str
            image_named_by:
              description:
                - How RV(health.gateways[].container.image) names it. V(digest) and V(id) stay what they are; a V(tag) can be moved to another
                  image; V(latest) is that tag, or none.
              type: str
            image_created:
              description: When the image was built; null when it is gone.
              type: str
            image_architecture:
              description: For which architecture it was built, as Go calls it, such as V(amd64) or V(arm64); null when it is gone.
              type: str
            labels:
              description:
                - Labels by name. Values of C(org.opencontainers.image.) and C(com.docker.compose.) are told, of any other only
                  V(<set>) or V(<empty>).
              type: dict
            created:
              description: When it was created.
              type: str
            status:
              description: V(created), V(running), V(paused), V(restarting), V(removing), V(exited) or V(dead).
              type: str
            started_at:
              description: When it was last started; null when never.
              type: str
            finished_at:
              description: When it last ended; null when never.
              type: str
            exit_code:
              description: Exit code of the last run; null while it runs and when it never ran.
              type: int
            exit_meaning:
              description: What that code means for this family, in a short sentence.
              type: str
            error:
              description: The engine's own error, such as why it could not start it.
              type: str
            oom_killed:
              description: Whether the container's memory limit made the kernel kill a process of it.
              type: bool
            host_oom_killed:
              description:
                - Whether the kernel killed a process of this run because the whole machine was out of memory.
                - Null when the kernel's log may not be read (it takes root) or does not reach back to the start.
              type: bool
            restart_count:
              description: How often the engine restarted it by its policy. Restarts by the controller inside do not count.
              type: int
            restart_policy:
              description: V(no), V(always), V(unless-stopped), V(on-failure) or V(on-failure:N).
              type: str
            stop_timeout:
              description: Seconds that a stop waits before it kills; 10 where the container sets none.
              type: int
            health:
              description: C(status), C(failing_streak) and C(last_output) of its health check; null without one.
              type: dict
            healthcheck:
              description:
                - The health check in effect; null without one, or where the image's is switched off.
                - C(test) is its command, C(interval), C(timeout) and C(start_period) are seconds, C(retries) failures in a row.
                - C(from_image) is whether the command is the image's own; null when the image is gone.
              type: dict
            log:
              description:
                - Where its log goes, C(driver), and how long it may grow, C(max_size) bytes in each of C(max_file) files.
                - Where they are null nobody has set them. C(json-file) then has one file that grows without bound, C(local) keeps 5 of 20 MB.
              type: dict
            pid:
              description: Its first process, as the engine's machine counts; null when it does not run.
              type: int
            memory:
              description:
                - C(limit) in bytes, null without one, and C(usage), null when it does not run or can not be seen.
                - C(oom_kills) counts the processes in it that the kernel has killed for want of memory since it was started; null as C(usage),
                  and before Linux 4.13.
              type: dict
            kernel_kills:
              description:
                - "The newest three of its processes that the kernel killed for want of memory, in earlier runs too: C(at), C(process), and
                  C(short_of), what was used up: the limit of the V(container), that of a group V(around) it, or the V(machine)."
                - Null when the kernel's log may not be read.
              type: list
              elements: dict
            nofile:
              description:
                - How many files it may open, C(soft) and C(hard), V(-1) for unlimited.
                - In effect while it runs; else as configured, null when that is left to the engine.
              type: dict
            network_mode:
              description: Its network, such as V(bridge), V(host), or V(container:ID) for that of another container, as in a pod.
              type: str
            mounts:
              description:
                - C(source), C(target), C(type) and C(read_only) of each mount, those of settings and secrets first.
                - C(source_exists), and what the source is, C(kind), V(file), V(directory), V(socket), V(other) or V(missing).
                - C(owner) with C(uid) and C(gid), as the machine counts, and C(mode), such as V(0750).
                - C(writable_by_gateway), by owner, mode and capabilities for the user that the gateway runs as, by its configuration while it does
                  not run; an access list that may decide otherwise makes it null.
                - C(disk) is the C(path) of the file system in RV(health.host.disks) on which it lies; null for what is not written to.
                - All but the first four are null when they can not be looked at.
              type: list
              elements: dict
            tmpfs:
              description: Directories in memory, each with its options.
              type: dict
            settings:
              description:
                - The directories in which the gateway keeps its settings, one for each trading mode that it runs; null when the family is not known.
                - C(path) in the container and C(mount), the target of the mount in which that lies, null where it is in none and lost with the container.
                - C(kind) and C(owner) as of C(mounts). C(writable_by_gateway), for one that is missing whether it could be made.
                - C(blocked_by) names files in it that the gateway has to write and can not, or in whose place something else stands.
                - C(time_zone) is the one that its C(jts.ini) keeps.
              type: list
              elements: dict
            configuration:
              description:
                - The files with the whole configuration of its controller, one for each trading mode that it runs, where the family has one; null when
                  the family is not known.
                - C(path), C(mount), C(kind) and C(owner) as of C(settings), and C(readable_by_gateway), of a file.
              type: list
              elements: dict
            secrets:
              description:
                - Files with secrets. C(variable) names the file, null for one that is mounted below C(/run/secrets) and that none names;
                  C(path) in the container, and C(source), what is mounted there, or above it.
                - C(kind) and C(owner) as of C(mounts). C(readable_by_gateway), of a file, and C(world_readable).
                - Of what is in it only whether it is C(empty), has a C(carriage_return), or ends in a C(trailing_blank); ends of lines at its end
                  do not count.
                - Null is what can not be looked at. While the container runs it takes root to see them as the gateway does; else, and without root,
                  only mounted ones are seen.
              type: list
              elements: dict
            user:
              description:
                - C(uid) and C(gid) of the user as whom the gateway reads and writes files, as the machine counts, by its configuration while it does not
                  run. Null where that is not known.
              type: dict
            users:
              description:
                - Hashes of the user names that it logs in with, of C(live) and C(paper), by O(user_salt), in lower case.
                - Of a mode that it does not run, without O(user_salt), and where the name can not be read, null. The same for both where the
                  mode is not known.
              type: dict
            environment:
              description:
                - Variables by name. The value is told where the family knows the variable as harmless, or else every family that knows
                  it; of secrets, user names and unknown variables only V(<set>) or V(<empty>).
                - Those that the family knows come first, then those that mean something to another family.
              type: dict
            environment_given:
              description: Names of those variables that are not the image's own, or have another value there; null when the image is gone.
              type: list
              elements: str
            sample_secrets:
              description: Names of those variables whose secret is one that stands in the documentation of the image, for everybody to read.
              type: list
              elements: str
        family:
          description:
            - Which image family it is; null when nothing of that is known.
            - Where the image is of no family, but a process is IBC's or it is something else that is known, O(names) brings it here with
              C(name), C(generation) and C(confidence) null, and C(because) says what it is.
          type: dict
          contains:
            name:
              description: Name of the family, such as V(gnzsnz-ibc); null when it is of none.
              type: str
            controller:
              description: The program that logs in, such as V(ibc); null when there is none.
              type: str
            generation:
              description: Version of the Gateway by the image's own word; null when it says none.
              type: str
            confidence:
              description: V(high) when several marks agree, V(low) when there is one.
              type: str
            because:
              description: The marks; an image's name is none.
              type: list
              elements: str
        ports:
          description:
            - Published TCP ports, those of the other container where it uses that one's network.
            - C(container_port), C(host_ip), C(host_port) (null when one is drawn at the next start, and in the machine's own network, which
              knows no mapping).
            - C(role) of what listens inside by the family's table, V(relay), V(gateway), V(vnc) or V(other), and the
              C(endpoint) that it serves, V(paper), V(live) or null.
          type: list
          elements: dict
        processes:
          description:
            - "Its processes: C(pid) as the machine counts, C(role), C(started_at), C(rss), and C(max_heap) of a Java machine."
            - C(gc_share) is the part of its processor time that a Java machine has spent on collecting garbage, from 0 to 1; null of
              other processes, and of Java 8.
            - Roles are V(gateway), V(controller), V(relay), V(display), V(vnc) and V(other).
            - Empty when it does not run, null when they can not be seen.
          type: list
          elements: dict
        sockets:
          description:
            - TCP sockets inside, as they were before any probe of ours connected; null when they can not be seen.
            - In a network that is shared, with the machine or with another container, only those on the family's ports.
            - C(listening) with C(port), C(address), C(accept_queue) (connections that nobody accepted yet), C(accept_limit)
              (how many may wait; null where the container's network can not be entered, which takes root).
            - C(established) connections to ports that are served, with C(port) and C(peer).
            - C(close_wait) counts by port the connections that the peer closed and the gateway did not. Where connections pile up, here or
              in an C(accept_queue), it is looked twice, half a second apart, and the smaller number is told.
            - C(taken) lists those ports of its family at which, in a network that is shared, somebody else's process listens; they are not
              among the others. Empty where who holds a socket can not be seen, which takes root.
          type: dict
        supervisors:
          description:
            - What is on the machine beside its restart policy that starts, stops, restarts or replaces it. Null when not all of that
              could be looked at.
            - "C(kind): V(compose) by its labels, V(systemd) units, V(quadlet) files of Podman and lines of V(cron) by their commands,
              V(autoheal) and V(watchtower) and what was made of them by their image, command or label."
            - "C(name); C(does), what of V(create), V(start), V(stop), V(restart), V(kill) it does, empty for one that leaves it alone; C(where)
              it is defined (file or image); C(terms), such as V(Restart=always), or null."
          type: list
          elements: dict
        events:
          description:
            - "Starts, stops and kills that the engine remembers, newest last: C(at), C(action), C(exit_code), C(signal)."
            - "C(by) says what kind of cause it has: C(command) asked the engine, C(policy) of the container started it again, C(engine) started it as
              it came up, the C(container) ended by itself, C(kernel) killed it for want of memory; null where that is not known, as with a
              signal that did not come through the engine."
            - "C(who) names it: a run of this collection by what it recorded, the compose project that created it, a unit by the moment at which
              systemd started it, a container such as autoheal by what it wrote, the restart policy; null where nothing proves one. Of a
              command whose giver is not known the last event has as C(candidates) what is on the machine and could have given it; a person
              could have, always."
            - The list is null when the engine does not tell.
          type: list
          elements: dict
        hold:
          description: The hold that is recorded on the machine for this gateway, or null.
          type: dict
        lock:
          description:
            - The lock that is recorded on the machine, or null. Its C(owner) is the run that works on the gateway C(since) then and C(until) then at
              most, or that was cut off and left it behind.
          type: dict
        deployment:
          description: What was recorded on the machine when it was deployed, or null.
          type: dict
        rebuild:
          description: What was recorded on the machine when a rebuild of it began that has not ended, or null.
          type: dict
        not_seen:
          description: What could not be looked at of this gateway, and why.
          type: list
          elements: str
        cut:
          description:
            - Number of entries left out to stay within 8 KiB, by the list that they were cut from, those first that tell least.
            - C(text) is the number of characters that were cut from long texts, each of which ends in an ellipsis.
          type: dict
  sample:
    available: true
    problem: null
    reason: null
    fix: null
    engine:
      version: 27.3.1
      api_version: "1.47"
      root_dir: /var/lib/docker
      live_restore: false
      rootless: false
      kind: docker
      started_at: "2026-01-12T03:10:58Z"
    host:
      now: "2026-01-31T12:00:00Z"
      clock_synchronized: true
      clock_offset: 0.000012
      boot_time: "2026-01-12T03:10:44Z"
      kernel: 6.1.0-28-amd64
      architecture: x86_64
      cpus: 4
      memory: {total: 8323026944, available: 5117120512}
      load: [0.31, 0.2, 0.18]
      disks:
        - {path: /var/lib/docker, free: 51002142720, total: 83925098496, free_inodes: 4998012}
    not_seen: []
    cut: {}
    gateways:
      - name: gone
        declared: true
        available: true
        problem: null
        reason: null
        fix: null
        exists: false
        similar_names: [ib-gateway]
        renamed_to: null
        container: null
        family: null
        ports: null
        processes: null
        sockets: null
        supervisors: null
        events: null
        hold: null
        lock: null
        deployment: null
        rebuild: null
        not_seen: []
        cut: {}
"""

from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.health import NOTHING, probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import run_probe

ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "aliases": ["name"]},
    "find": {"type": "bool", "default": False},
    "docker_host": {"type": "str"},
    "timeout": {"type": "float", "default": 10},
    "events_since": {"type": "str", "default": "24h"},
    "user_salt": {"type": "str", "no_log": True},
}


def main() -> None:
    """Run the probe as a module."""
    run_probe("health", ARGUMENTS, probe, NOTHING, needs=lambda _arguments: ["docker"])


if __name__ == "__main__":
    main()
