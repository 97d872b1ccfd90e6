# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pages of docs say what the registry and the report's schema say, and the example of a report shows all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from scripts import docs

SCHEMA = json.loads(docs.SCHEMA.read_text(encoding="utf-8"))
EXAMPLE = json.loads(docs.EXAMPLE.read_text(encoding="utf-8"))
OBJECTS = {"the report": SCHEMA} | {name: part for name, part in SCHEMA["$defs"].items() if "properties" in part}


def test_pages_are_up_to_date() -> None:
    written = {
        page.relative_to(docs.DOCS).as_posix(): page.read_text(encoding="utf-8") for page in docs.DOCS.rglob("*.md")
    }
    assert written == docs.pages(), "run make docs"


@pytest.mark.parametrize("name", OBJECTS)
def test_every_field_is_always_there_and_described(name: str) -> None:
    fields = OBJECTS[name]["properties"]
    assert OBJECTS[name]["required"] == list(fields)
    assert [field for field, said in fields.items() if not said.get("description")] == []
    assert [
        field for field, said in fields.items() if nullable(said) and "null" not in said["description"].lower()
    ] == []


def nullable(field: dict[str, Any]) -> bool:
    return (
        {"type": "null"} in field.get("oneOf", ()) or None in field.get("enum", ()) or "null" in field.get("type", ())
    )


def test_example_keeps_to_the_schema() -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(SCHEMA, format_checker=checker).validate(EXAMPLE)


def test_example_has_every_field_of_the_schema_and_no_other() -> None:
    shown = list(instances(EXAMPLE, SCHEMA))
    assert {name for name, _ in shown} == set(OBJECTS), "what the example does not show"
    for name, instance in shown:
        assert instance.keys() == OBJECTS[name]["properties"].keys(), name


def instances(value: Any, schema: dict[str, Any], name: str = "the report") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in `value` that the schema describes, with the name of its description."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = SCHEMA["$defs"][name]
    if "oneOf" in schema:
        if value is not None:
            yield from instances(value, schema["oneOf"][0])
    elif isinstance(value, list):
        for each in value:
            yield from instances(each, schema["items"])
    elif isinstance(value, dict):
        if "properties" in schema:
            yield name, value
        for key, each in value.items():
            yield from instances(
                each, schema["properties"][key] if "properties" in schema else schema["additionalProperties"]
            )


def test_example_tells_nothing_of_the_machine_that_it_was_made_on() -> None:
    assert EXAMPLE["controller"] == "controller"
    assert str(docs.DOCS.parent) not in docs.EXAMPLE.read_text(encoding="utf-8")
