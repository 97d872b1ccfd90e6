"""Rules of the house that a reader would check with grep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.doc_fragments.probe import ModuleDocFragment
from ansible_collections.ibgw.ops.plugins.module_utils.probe import PROBE_PYTHON
from ansible_collections.ibgw.ops.plugins.plugin_utils import summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import REMEDIES, STATUSES, URGENCY

from simulator import containers, fleet

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCT = [
    path for folder in ("plugins", "roles", "playbooks") for path in (CHECKOUT / folder).rglob("*") if path.is_file()
]


#: What only the simulator and the demo say.
SIMULATED = ["simulat", containers.LABEL, containers.IMAGE, fleet.NAME, *(g.name for g in fleet.FLEET if "-" in g.name)]


def test_the_product_knows_nothing_of_the_simulator() -> None:
    texts = {
        path: path.read_text() for path in PRODUCT if path.suffix in (".py", ".yml", ".yaml", ".json", ".j2", ".txt")
    }
    assert texts
    simulated = re.compile("|".join(rf"\b{re.escape(word)}" for word in SIMULATED), re.IGNORECASE)
    assert {str(path): found for path, text in texts.items() if (found := simulated.findall(text))} == {}


#: What changes something in an engine, as the SDK calls it.
CHANGES = re.compile(
    r"\.(?:api|containers|images|networks|volumes)\.((?:commit|connect|create|disconnect|exec|import|kill|load|pause|prune|pull|push|put"
    r"|remove|rename|resize|restart|start|stop|tag|unpause|update)\w*)\("
)


def test_one_module_changes_what_an_engine_has_and_it_neither_kills_nor_removes() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in PRODUCT if path.suffix == ".py"}
    changes = {name: set(found) for name, text in sources.items() if (found := CHANGES.findall(text))}
    assert changes == {"acts.py": {"start", "stop", "rename", "update_container", "exec_create", "exec_start"}}


#: A linter or a type checker told to say nothing about a line, and what stands behind that.
SILENCED = re.compile(r"# ?(?:noqa|type: ignore)(?:: ?[\w-]+)?(?:\[[\w,-]*\])?(.*)")


def test_a_check_is_silenced_only_with_a_reason_beside_it() -> None:
    folders = ("benchmarks", "molecule", "playbooks", "plugins", "roles", "scripts", "simulator", "tests")
    files = [path for folder in folders for path in (CHECKOUT / folder).rglob("*") if path.suffix in (".py", ".yml")]
    bare = []
    for path in set(files) - {Path(__file__).resolve()}:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, (above, line) in enumerate(zip(["", *lines], lines, strict=False), 1):
            found = SILENCED.search(line)
            if found and not found[1].strip(" #()") and not above.lstrip().startswith("# "):
                bare.append(f"{path.relative_to(CHECKOUT)}:{number}")
    assert bare == []


ROLES = sorted(path.name for path in (CHECKOUT / "roles").iterdir())


def of_role(role: str, file: str) -> Any:
    return yaml.safe_load((CHECKOUT / "roles" / role / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_defaults_and_argument_specs_agree(role: str) -> None:
    defaults = of_role(role, "defaults/main.yml")
    for entry in of_role(role, "meta/argument_specs.yml")["argument_specs"].values():
        assert {name: option["default"] for name, option in entry["options"].items()} == defaults


@pytest.mark.parametrize("role", ROLES)
def test_no_result_of_a_task_takes_the_place_of_a_roles_variable(role: str) -> None:
    tasks = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "roles" / role / "tasks").rglob("*.yml"))
    registered = set(re.findall(r"^\s+register: (\w+)$", tasks, re.MULTILINE))
    given = [path.relative_to(CHECKOUT / "roles" / role) for path in (CHECKOUT / "roles" / role).glob("[dv]*/main.yml")]
    taken = {name for path in given for name in of_role(role, str(path))}
    assert registered & taken == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_readme_names_its_variables(role: str) -> None:
    readme = (CHECKOUT / "roles" / role / "README.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `({role}_\w+)`", readme, re.MULTILINE)
    assert sorted(rows) == sorted(of_role(role, "defaults/main.yml"))


def test_the_probes_own_interpreter_is_the_same_everywhere() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["probe_python"]["default"]
    enrolled = of_role("probe", "defaults/main.yml")["probe_venv"] + "/bin/python3"
    diagnosed = of_role("diagnose", "defaults/main.yml")["diagnose_probe_python"]
    assert {documented, enrolled, diagnosed} == {PROBE_PYTHON}


def test_the_action_group_holds_what_asks_the_engine() -> None:
    groups = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    modules = (CHECKOUT / "plugins" / "modules").glob("*.py")
    assert set(groups["probes"]) == {
        path.stem for path in modules if '"docker_host": {' in path.read_text(encoding="utf-8")
    }


def test_every_status_and_remedy_can_be_shown() -> None:
    assert set(URGENCY) == set(summary.COLOURS) == set(STATUSES)
    assert set(summary.SAFE) == set(REMEDIES)
