#!/usr/bin/python
# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ibgw_collect."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_collect
short_description: Write what a person wants to see of gateways into one file, redacted
version_added: 0.1.0
description:
  - Reads the log of each gateway's container, what the engine says of it, its events and its controller's settings, takes secrets, user
    names and account ids out, and writes the rest to C(collected.tar.gz) in O(directory), to be fetched and removed by the caller.
  - The result holds no more than what was written, and what was taken out by which rule.
  - What is a secret is known from variables, labels and command lines, from the files that hold secrets in the container, and from the
    log itself. These values are taken out wherever they stand.
extends_documentation_fragment:
  - ibgw.ops.probe
  - ibgw.ops.probe.looks
  - ibgw.ops.probe.engine
options:
  names:
    description: Names of containers. The default is every container that is recognised as a gateway.
    type: list
    elements: str
    default: []
    aliases: [name]
  directory:
    description:
      - A directory on the machine that only its owner may use (mode 0700). The file in it belongs to its owner.
    type: path
    required: true
  log_bytes:
    description: How much of each log to keep at most, in bytes from its end; up to 64 MiB.
    type: int
    default: 4194304
  timeout:
    description: Seconds that the engine may take for each gateway.
    default: 60
attributes:
  idempotent:
    support: none
    description: Fails where the file is there already.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Make a private directory
  ansible.builtin.tempfile:
    state: directory
  register: place

- name: Write what there is about every gateway into it
  ibgw.ops.ibgw_collect:
    directory: "{{ place.path }}"
  register: written

- name: Fetch it
  ansible.builtin.fetch:
    src: "{{ written.collected.archive }}"
    dest: "{{ inventory_hostname }}.tar.gz"
    flat: true
"""

RETURN = r"""
collected:
  description: What was written.
  returned: success
  type: dict
  contains:
    available:
      description: Whether the file could be written.
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
    archive:
      description: The file on the machine, or null. It holds one directory per gateway, named by its number.
      type: str
      sample: /tmp/ansible.x1y2z3/collected.tar.gz
    size:
      description: Its size in bytes.
      type: int
      sample: 48211
    versions:
      description: What this module ran with; null where nothing could be written.
      type: dict
      contains:
        python: {description: Version of its interpreter., type: str, sample: 3.11.2}
        docker_sdk: {description: Version of the Docker SDK., type: str, sample: 7.1.0}
        kernel: {description: Release of the machine's kernel., type: str, sample: 6.1.0-28-amd64}
    gateways:
      description: One entry per container.
      type: list
      elements: dict
      contains:
        name:
          description: The container's name.
          type: str
          sample: ib-gateway
        files:
          description: What was written about it.
          type: list
          elements: dict
          contains:
            kind: {description: "C(log), C(inspect), C(events) or C(configuration).", type: str, sample: log}
            path: {description: Its path in the file., type: str, sample: 0/log}
            size: {description: Its size in bytes., type: int, sample: 183551}
            sha256:
              description: Its checksum.
              type: str
              sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            masked: {description: How much was taken out of it by which rule., type: dict, sample: {account_id: 4, named_value: 2}}
            whole: {description: False for a log that began earlier., type: bool, sample: true}
        missing:
          description: What could not be had, and why.
          type: list
          elements: dict
          sample: [{what: log, reason: the log of ib-gateway can not be read, its logging driver none keeps nothing on this machine}]
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.collect import NOTHING, probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import run_probe

ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": [], "aliases": ["name"]},
    "directory": {"type": "path", "required": True},
    "log_bytes": {"type": "int", "default": 4194304},
    "docker_host": {"type": "str"},
    "timeout": {"type": "float", "default": 60},
}


def main() -> None:
    """Run it as a module."""
    run_probe("collected", ARGUMENTS, probe, NOTHING, needs=lambda _arguments: ("docker",))


if __name__ == "__main__":
    main()
