# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The generated pages say what the code says, the example of a report shows all of it, and what is said by hand is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.plugin_utils.audit import checklist
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.plan import plan_machine

from scripts import docs, role_readme


@dataclass(frozen=True)
class Form:
    """A report's schema and its example; `unshown` are the parts of the one that the other does not have."""

    schema: dict[str, Any]
    example: dict[str, Any]
    unshown: frozenset[str] = frozenset()

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        parts = {name: part for name, part in self.schema["$defs"].items() if "properties" in part}
        return {"the report": self.schema} | parts


def form(schema: Path, example: Path, *unshown: str) -> Form:
    texts = [path.read_text(encoding="utf-8") for path in (schema, example)]
    return Form(*map(json.loads, texts), frozenset(unshown))


FORMS = {
    # What the example, which is of a fleet, does not show.
    "report": form(docs.SCHEMA, docs.EXAMPLE, "saved_log", "login_due", "run"),
    "audit": form(docs.AUDIT_SCHEMA, docs.AUDIT_EXAMPLE, "run"),
}


def test_pages_are_up_to_date() -> None:
    pages = [*docs.DOCS.rglob("*.md"), *docs.ROLES.glob("*/README.md")]
    texts = {page.relative_to(docs.CHECKOUT).as_posix(): page.read_text(encoding="utf-8") for page in pages}
    generated = {name: text for name, text in texts.items() if text.startswith("<!-- Generated")}
    assert generated == docs.pages(), "run make docs"


# Roles


def role(directory: Path, specs: str, own_text: str = "") -> Path:
    (directory / "meta").mkdir(parents=True)
    (directory / "meta/argument_specs.yml").write_text(specs, encoding="utf-8")
    if own_text:
        (directory / "meta/readme.md").write_text(own_text, encoding="utf-8")
    return directory


SPECS = """
argument_specs:
  main:
    description: [Heals what P(ibgw.ops.diagnose#role) found., It is careful.]
    examples: |
      heal_only: alpha
    options:
      heal_only: {type: list, elements: str, default: [], description: "Whom, as V(a) | V(b)."}
      heal_how:
        type: dict
        default: {}
        description: [First., Second.]
        options:
          pace: {type: str, choices: [slow, fast], required: true, description: How fast.}
  release:
    short_description: Let go
    description: Only that.
    options: {}
"""


def test_a_roles_page_has_all_that_its_specs_say(tmp_path: Path) -> None:
    page = role_readme.readme(role(tmp_path / "heal", SPECS, "## What it changes\n\nNothing.\n"))
    assert "# ibgw.ops.heal\n\nHeals what [diagnose](../diagnose/README.md) found.\n\nIt is careful.\n" in page
    assert "```yaml\nheal_only: alpha\n```" in page
    assert r"| `heal_only` | list | `[]` | Whom, as `a` \| `b`. |" in page
    assert "| `heal_how` | mapping | `{}` | First. Second. |" in page
    assert "Each entry of `heal_how`:" in page
    assert "| `pace` | `slow`, `fast` | must be given | How fast. |" in page
    headings = re.findall(r"^## (.*)", page, re.MULTILINE)
    assert headings == ["Variables", "What it changes", "Let go"]


def test_a_role_needs_no_words_of_its_own(tmp_path: Path) -> None:
    assert role_readme.readme(role(tmp_path / "heal", SPECS)).endswith("Only that.\n\nNone.\n")


ROLES = sorted(path.name for path in docs.ROLES.iterdir())


def examples(name: str) -> Any:
    specs = yaml.safe_load((docs.ROLES / name / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    return yaml.safe_load(specs["argument_specs"]["main"]["examples"])


@pytest.mark.parametrize("name", ROLES)
def test_a_role_has_an_example_that_ansible_reads(name: str) -> None:
    assert isinstance(examples(name), dict)


def test_the_example_of_deploying_can_be_deployed() -> None:
    ((machine, variables),) = examples("gateway")["gateway_hosts"]["hosts"].items()
    assert [planned["name"] for planned in plan_machine(machine, variables)] == ["ib-gateway", "ib-gateway-paper"]


# What is written by hand

GUIDE = [docs.CHECKOUT / "README.md", *docs.DOCS.glob("*.md")]
VARIABLES = {
    name
    for role in ROLES
    for name in yaml.safe_load((docs.ROLES / role / "defaults/main.yml").read_text(encoding="utf-8"))
}


def by_name(page: Path) -> str:
    return page.relative_to(docs.CHECKOUT).as_posix()


@pytest.mark.parametrize("page", [*GUIDE, *docs.ROLES.glob("*/README.md")], ids=by_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text)
    targets = [((page.parent / path if path else page).resolve(), anchor) for path, anchor in links]
    assert [str(target) for target, _ in targets if not target.exists()] == []
    assert [(str(target), anchor) for target, anchor in targets if anchor and anchor not in anchors(target)] == []


def anchors(page: Path) -> set[str]:
    """The names that a reader's browser has for the headings of a page."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_paths_that_the_architecture_names_exist() -> None:
    text = (docs.DOCS / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:plugins|roles|tests|simulator|molecule)/[^` ]*)`", text)
    assert len(paths) > 20
    assert [path for path in paths if not (docs.CHECKOUT / path).exists()] == []


@pytest.mark.parametrize("page", GUIDE, ids=by_name)
def test_the_variables_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(rf"\b(?:{'|'.join(ROLES)})_\w+\b", page.read_text(encoding="utf-8")))
    assert named - VARIABLES - {"gateway_hosts", "gateway_version", "probe_python"} == set()


@pytest.mark.parametrize("page", GUIDE, ids=by_name)
def test_the_gateways_that_are_shown_can_be_deployed(page: Path) -> None:
    shown = re.findall(r"- (\{name: [a-z].*?\})(?: +#.*)?$", page.read_text(encoding="utf-8"), re.MULTILINE)
    for gateway in map(yaml.safe_load, shown):
        secrets = {"user": gateway["name"], "password": "a password"}
        if gateway.get("trading_mode") == "both":
            secrets |= {"paper_user": "another", "paper_password": "another"}
        if gateway.get("second_factor") == "totp":
            secrets["totp_key"] = "JBSWY3DPEHPK3PXP"
        assert plan_machine("alpha", {"gateways": [gateway], "gateway_secrets": {gateway["name"]: secrets}})


# The audit


def test_what_common_advice_is_set_against_is_a_rule() -> None:
    assert set(docs.COMMON_ADVICE) <= {rule.code for rule in checklist()}


def test_the_page_of_the_audit_has_every_rule() -> None:
    page = docs.pages()["docs/audit.md"]
    assert [
        rule.code for rule in checklist() if f"| [{rule.code}](findings/{rule.code}.md) | {rule.audits} |" not in page
    ] == []


# The reports


@pytest.mark.parametrize(("of", "name"), [(of, name) for of, form in FORMS.items() for name in form.objects])
def test_every_field_is_always_there_and_described(of: str, name: str) -> None:
    part = FORMS[of].objects[name]
    fields = part["properties"]
    assert part["required"] == list(fields)
    assert [field for field, said in fields.items() if not said.get("description")] == []
    assert [
        field for field, said in fields.items() if nullable(said) and "null" not in said["description"].lower()
    ] == []


def nullable(field: dict[str, Any]) -> bool:
    return (
        {"type": "null"} in field.get("oneOf", ()) or None in field.get("enum", ()) or "null" in field.get("type", ())
    )


@pytest.mark.parametrize("of", FORMS)
def test_example_keeps_to_the_schema(of: str) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(FORMS[of].schema, format_checker=checker).validate(FORMS[of].example)


@pytest.mark.parametrize("of", FORMS)
def test_example_has_every_field_of_the_schema_and_no_other(of: str) -> None:
    form = FORMS[of]
    shown = list(instances(form.example, form.schema, form.schema["$defs"]))
    assert {name for name, _ in shown} == set(form.objects) - form.unshown
    for name, instance in shown:
        assert instance.keys() == form.objects[name]["properties"].keys(), name


def instances(
    value: Any, schema: dict[str, Any], parts: dict[str, Any], name: str = "the report"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in `value` that the schema describes, with the name of its description."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = parts[name]
    if "oneOf" in schema:
        if value is not None:
            yield from instances(value, schema["oneOf"][0], parts)
    elif isinstance(value, list):
        for each in value:
            yield from instances(each, schema["items"], parts)
    elif isinstance(value, dict):
        if "properties" in schema:
            yield name, value
        for key, each in value.items():
            inner = schema["properties"][key] if "properties" in schema else schema["additionalProperties"]
            yield from instances(each, inner, parts)


@pytest.mark.parametrize("of", FORMS)
def test_example_tells_nothing_of_the_machine_that_it_was_made_on(of: str) -> None:
    assert FORMS[of].example["controller"] == "controller"
    assert str(docs.DOCS.parent) not in json.dumps(FORMS[of].example)
