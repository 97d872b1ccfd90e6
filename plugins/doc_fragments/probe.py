# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the documentation of the modules has in common that run on a machine."""

from __future__ import annotations


class ModuleDocFragment:
    """The option of all of them; `LOOKS` is for a probe, `ACTS` for one that acts, `ENGINE` for one that asks the engine."""

    DOCUMENTATION = r"""
options:
  probe_python:
    description:
      - Interpreter to start the module again with when its own lacks a library.
      - The C(enroll.yml) playbook installs it.
    type: path
    default: /opt/ibgw/probe/bin/python3
"""

    LOOKS = r"""
attributes:
  check_mode:
    support: full
    description: Only looks, so check mode makes no difference.
  diff_mode:
    support: none
    description: Only looks, so there is nothing to show.
  idempotent:
    support: full
    description: Only looks, never C(changed).
notes:
  - What can not be looked at is a result with C(available=false), a finding code in C(problem), a C(reason) and a C(fix);
    the module fails only for arguments that make no sense.
  - User names and account ids are masked before they leave the target; passwords, keys and codes are never kept.
"""

    ACTS = r"""
attributes:
  check_mode:
    support: full
    description: Tells what would be changed, and changes nothing.
  diff_mode:
    support: none
    description: The result tells what was changed.
  idempotent:
    support: partial
    description: What is so already is not done again; what is counted or asked for anew every time says so.
notes:
  - What can not be done is a result with C(done=false) and a sentence in C(said), or, where nothing could be looked at,
    with C(available=false), a finding code in C(problem), a C(reason) and a C(fix).
  - The module fails only for arguments that make no sense.
"""

    ENGINE = r"""
options:
  docker_host:
    description:
      - Address of the Docker engine, for example V(unix:///var/run/docker.sock) or V(tcp://127.0.0.1:2375).
      - The default is C(DOCKER_HOST) of the environment, then the local socket, Docker's before Podman's.
      - An engine that wants TLS takes C(DOCKER_TLS_VERIFY) and C(DOCKER_CERT_PATH) in the environment of the task; V(ssh://user@host)
        takes the Python library C(paramiko) beside the program C(ssh).
    type: str
  timeout:
    description: Seconds that the whole machine may take.
    type: float
    default: 10
attributes:
  action_group:
    support: full
    description:
      - Give what all of them take once, with C(group/ibgw.ops.probes) in C(module_defaults) - C(docker_host), C(probe_python) and
        C(timeout).
      - C(timeout) is what a whole machine may take in M(ibgw.ops.ibgw_health) and M(ibgw.ops.ibgw_logscan), what one endpoint may
        take in M(ibgw.ops.ibgw_handshake), and what the engine may take for one gateway in M(ibgw.ops.ibgw_collect) and
        M(ibgw.ops.ibgw_container).
    membership:
      - ibgw.ops.probes
"""
