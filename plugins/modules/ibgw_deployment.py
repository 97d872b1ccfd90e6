# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_deployment`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_deployment
short_description: Check everything that is to be deployed on a machine, and plan it
version_added: 0.1.0
description:
  - Reads C(gateways), C(gateway_secrets) and the C(gateway_*) variables of the machine, and returns for each gateway what is to be made
    for it. Fails with one sentence when anything makes no sense.
  - A plan names secrets and holds none.
  - Runs on the controller and connects to nothing.
options: {}
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Only looks, so check mode makes no difference.
  diff_mode:
    support: none
    description: Only looks, so there is nothing to show.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Check and plan everything before the first change
  ibgw.ops.ibgw_deployment:
  register: plan
"""

RETURN = r"""
absent:
  description: What is to go of each gateway that the machine declares absent.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the gateway and its container.
      type: str
    paths:
      description: Its private files and its record on the machine.
      type: list
      elements: str
    settings_dir:
      description: The directory with what has to last, which stays unless told.
      type: str
gateways:
  description: The plan of each gateway that is to be on the machine.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the gateway and its container.
      type: str
    family:
      description: Its image family.
      type: str
    container:
      description: What M(community.docker.docker_container) is given; null where it is given nothing.
      type: dict
    directories:
      description: Directories of the machine, parents first, each with C(path), C(owner), C(group) and C(mode).
      type: list
      elements: dict
    private:
      description: The directory of its private files.
      type: str
    files:
      description:
        - Private files of the container's user.
        - "C(form) is V(config.ini) (IBC's configuration), V(environment) (variables that the container's start reads), or V(secret) (one secret)."
        - C(secrets) maps what stands in the file to the name of a secret; C(settings) are the other lines. C(needs) is the
          restart after which a change counts, V(soft_restart) (which keeps the session) or V(restart) (which costs a login).
      type: list
      elements: dict
    seeds:
      description: Files C(jts.ini) that are made where they are missing, each with its C(time_zone).
      type: list
      elements: dict
    credentials:
      description: Credentials in IBC's configuration, each with the C(path) of its file, its C(key) there, and the name of the C(secret).
      type: list
      elements: dict
    generate:
      description: Secrets that are made on the machine because none is given, each with its C(path) and C(length).
      type: list
      elements: dict
    ports:
      description: Ports of the machine that it takes, each with its C(name), C(address) and C(port).
      type: list
      elements: dict
    screen:
      description:
        - Where its screen is to be seen; C(address), C(port), the C(viewer) to look at it with, and the file of its C(password) where it was
          made. Null where it is not.
      type: dict
    soft_restart:
      description: Whether a restart on demand that keeps the session is possible.
      type: bool
    login:
      description: What a start of its container costs, as part of a sentence.
      type: str
    record_path:
      description: The file of the machine in which it keeps the C(record).
      type: str
    record:
      description: What the machine keeps of the deployment.
      type: dict
    warnings:
      description: What its operator should know, one sentence each.
      type: list
      elements: str
"""
