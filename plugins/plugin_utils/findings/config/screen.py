# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway's screen: who reaches it does there what its user can."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import PRIVATE, Setting
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.ports import (
    AT_THE_NEXT_LOGIN,
    SCREEN,
    SEE_PORTS,
    instead,
    out_of_the_machines_network,
    port_quotes,
    ports_of,
    shown,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.variables import in_a_file
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    AUDIT_ONLY,
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Port

NO_IMAGE = "what image it is, and so what screen it has, is not known"
NO_SCREEN = "its image has no screen"


def _screens(case: Case) -> list[int]:
    """The ports in the container that show the screen of the program that runs."""
    return [number for number, port in ports_of(case).items() if port.role == SCREEN]


def _published(case: Case) -> list[Port]:
    return [port for port in case.gateway.ports if port.role == SCREEN]


def _without_password(case: Case) -> str | None:
    """What its screen is where it is given no password, as `Family.bare_screen` has it."""
    return case.family.bare_screen.get(case.program) if case.family else None


def _passwords(case: Case) -> list[str]:
    """The variables that give the screen its password, the one that names a file last; none where it never asks for one."""
    desktop = any(ports_of(case)[number].program == "tws" for number in _screens(case))
    setting = case.family.words.get("rdp_password" if desktop else "vnc_password") if case.family else None
    return [name for name in (*setting.variables, setting.file) if name] if isinstance(setting, Setting) else []


def _not_published(case: Case) -> str:
    """The ports that stay published when the screen is not."""
    if case.gateway.container.network_mode == "host":
        return out_of_the_machines_network(case)
    return instead(case, _published(case), ())


@finding(
    "config.vnc_unprotected",
    severity="advice",
    remedy="ask_person",
    title="The screen asks for no password that is a secret",
    meaning=(
        "Who reaches the screen of the gateway can do there what its user can: trade, and change settings. It is published, and asks for no"
        " password, or for one that stands in the documentation of its image. The noVNC of extrange never asks for one; ibga asks when"
        " IBGA_VNC_PASSWORD is set; the TWS image of gnzsnz takes abc until PASSWD is set. What is not published is still open to the other"
        " containers of its network."
    ),
    fix=("Publish the screen no more, or give it a password of its own.", AT_THE_NEXT_LOGIN),
    next_command=SEE_PORTS,
    audits="A screen that is published asks for a password that is a secret.",
)
def vnc_unprotected(case: Case) -> Answer:
    if case.family is None:
        return NotKnown(NO_IMAGE)
    screens, published, variables = _screens(case), _published(case), _passwords(case)
    if not screens:
        return NotApplicable(NO_SCREEN)
    if not published and case.gateway.container.network_mode != "host":
        return NotApplicable("its screen is not published; only containers of its network reach it")
    where = ", ".join(map(shown, published)) or f"port {screens[0]} of the machine"
    sample = next((name for name in variables if name in case.gateway.container.sample_secrets), None)
    given = next((name for name in variables if case.variable(name)), None)
    bare = _without_password(case)
    if sample:
        why = f"{sample} has the value that stands in the documentation"
    elif given:
        return Passed(f"{where}, with {given} set", port_quotes(case, published))
    elif bare == "off":
        return NotApplicable(f"without {variables[0]} its image shows no screen")
    elif variables and any(mount.target == PRIVATE for mount in case.gateway.container.mounts):
        return NotKnown("its password would be in the private file of its deployment")
    elif bare is None:
        return NotKnown("which password its screen has where none is given is not known")
    else:
        why = f"{variables[0]} is not set" if variables else "its image never asks for a password"
    secret = variables[-1] if variables else ""
    in_file = secret.endswith("_FILE")
    steps = [f"If nobody needs the screen, publish it no more: take {where} out of the definition."]
    if secret:
        steps.append(
            f"Else set {secret}{', a file that only the container can read' if in_file else ''}, to a password of your own."
        )
    written = f"{secret}: a password of its own"
    if in_file:
        written = in_a_file(given) if given else f"{secret}=/run/secrets/{variables[0].lower()}"
    return Proof(
        f"who reaches the screen at {where} needs no secret: {why}",
        (*port_quotes(case, published), case.quote("health", why)),
        (*steps, AT_THE_NEXT_LOGIN),
        change=Change(written if secret else _not_published(case), "vnc: false"),
    )


@finding(
    "config.vnc_enabled",
    severity=AUDIT_ONLY,
    remedy="none",
    title="The screen is on",
    meaning=(
        "The gateway shows its screen. That is needed to look at a window that nobody else handles, and seldom otherwise; all the other time it"
        " is one more way in. Where it is to stay on, accept this row (audit_accept)."
    ),
    fix=("Turn the screen off where the container is defined, or publish it no more.", AT_THE_NEXT_LOGIN),
    audits="The screen is off; where the image always has one, it is not published.",
)
def vnc_enabled(case: Case) -> Answer:
    if case.family is None:
        return NotKnown(NO_IMAGE)
    if not _screens(case):
        return NotApplicable(NO_SCREEN)
    published, can_be_off = _published(case), _without_password(case) == "off"
    given = [name for name in _passwords(case) if case.variable(name)] if can_be_off else []
    runs = can_be_off and any(process.role == SCREEN for process in case.gateway.processes)
    if not (published or given or runs):
        return Passed("the screen is off" if can_be_off else "its image always has a screen, which is not published")
    where = f"published at {', '.join(map(shown, published))}" if published else "on, though not published"
    off = [*(f'{name}: ""' for name in given), *([_not_published(case)] if published else [])]
    return Proof(
        f"the screen is {where}",
        (*port_quotes(case, published), *(case.quote("health", f"{name}=<set>") for name in given)),
        change=Change(", ".join(off), "vnc: false") if off else None,
    )
