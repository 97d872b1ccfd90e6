"""What `awx/configure.yml` makes of an AWX, and whether that fits what the roles take and what AWX does with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, report
from ansible_collections.ibgw.ops.plugins.plugin_utils.inventory import selection
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import SESSIONS_END
from dateutil.rrule import rrulestr
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.integration.awx.controller import Controller, Object
from tests.integration.playbooks import CHECKOUT

PROJECT = CHECKOUT / "awx"
WORKFLOW = "Gateways: diagnose, approve, recover"
#: What AWX takes for a playbook of a project (its utils/ansible.py): one of these at the beginning of a line.
PLAYBOOK = re.compile(r"^\s*?-?\s*?(?:hosts|(?:ansible\.builtin\.)?(?:include|import_playbook)):", re.MULTILINE)
NEW_YORK = ZoneInfo("America/New_York")
#: What this operator has otherwise than `awx/settings.yml`.
OTHERWISE = ("-e", "awx_slices=4")


def configure(awx: Controller, directory: Path, *arguments: str, status: int = 0) -> str:
    """Run the playbook as its operator does, against that AWX; what it printed."""
    ended = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), PROJECT / "configure.yml", *arguments],
        cwd=directory,
        env={
            **os.environ,
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
            "ANSIBLE_NOCOLOR": "1",
            "CONTROLLER_HOST": awx.address,
            "CONTROLLER_OAUTH_TOKEN": "not-a-token",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == status, ended.stdout
    return ended.stdout


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Controller, str]]:
    """An AWX that was new, configured, and what was printed."""
    with Controller() as awx:
        yield awx, configure(awx, tmp_path_factory.mktemp("configure"), *OTHERWISE)


@pytest.fixture(scope="module")
def awx(configured: tuple[Controller, str]) -> Controller:
    return configured[0]


def test_a_new_awx_gets_all_without_a_word_of_warning(configured: tuple[Controller, str]) -> None:
    awx, printed = configured
    assert "WARNING" not in printed
    made = {
        kind: sorted(awx.named(kind)) for kind in ("projects", "inventories", "execution_environments", "schedules")
    }
    assert (made["projects"], made["inventories"], made["execution_environments"]) == (["Gateways"],) * 3
    assert len(made["schedules"]) == 4
    (source,) = awx.named("inventory_sources").values()
    assert (PROJECT / source["source_path"]).is_file()


def test_a_check_of_a_new_awx_ends_with_one_sentence(tmp_path: Path) -> None:
    with Controller() as new:
        said = configure(new, tmp_path, "--check", status=2)
        assert new.writes == []
    assert "was not configured to the end yet, and can not be checked" in said
    assert said.count("TASK") == 1


@pytest.mark.long
def test_what_is_as_it_should_be_is_left_alone(awx: Controller, tmp_path: Path) -> None:
    before = len(awx.writes)
    for arguments in ((), ("--check",)):
        assert "changed=0 " in configure(awx, tmp_path, *OTHERWISE, *arguments)
    configure(awx, tmp_path, *OTHERWISE, "--check", "-e", "awx_forks=10")
    assert awx.writes[before:] == []


def test_every_job_runs_a_playbook_that_awx_finds_in_the_project(awx: Controller) -> None:
    found = {path.name for path in PROJECT.glob("*.yml") if PLAYBOOK.search(path.read_text(encoding="utf-8"))}
    named = {job["playbook"] for job in awx.named("job_templates").values()}
    assert named == found - {"configure.yml"}


def test_no_job_meets_another_of_its_kind(awx: Controller) -> None:
    jobs = [*awx.named("job_templates").values(), *awx.named("workflow_job_templates").values()]
    assert {job["allow_simultaneous"] for job in jobs} == {False}


def test_only_a_diagnosis_is_cut_into_slices(awx: Controller) -> None:
    slices = {name: job.get("job_slice_count", 1) for name, job in awx.named("job_templates").items()}
    assert {name for name, count in slices.items() if count != 1} == {"Gateways: diagnose"}
    assert slices["Gateways: diagnose"] == 4


# --- what is asked of a person, and what the roles take ---------------------------------------------------------------------------


def taken() -> dict[str, Object]:
    """Every variable that a role takes, with its description."""
    specs = (
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in CHECKOUT.glob("roles/*/meta/argument_specs.yml")
    )
    return {name: option for spec in specs for name, option in spec["argument_specs"]["main"]["options"].items()}


def test_a_survey_asks_for_what_the_playbooks_role_takes(awx: Controller) -> None:
    known = taken()
    for name, job in awx.named("job_templates").items():
        for question in awx.survey(name):
            variable = question["variable"]
            assert variable.startswith(f"{Path(job['playbook']).stem}_"), name
            asked, option = question["type"], known[variable]
            assert asked in {"bool": ["multiplechoice"], "list": ["text"], "int": ["integer"]}.get(
                option["type"], ["multiplechoice"]
            ), variable
            if asked == "multiplechoice":
                answers = ["false", "true"] if option["type"] == "bool" else option["choices"]
                assert question["choices"] == answers, variable
                assert question["default"] == str(option["default"]).lower(), variable
            # AWX refuses a survey where one of these is missing.
            assert {"question_name", "question_description", "required", "type", "variable"} <= question.keys(), (
                variable
            )


def test_nothing_has_to_be_answered_where_nobody_is_asked(awx: Controller) -> None:
    kinds = ("schedules", "workflow_job_template_nodes")
    alone = {each["unified_job_template"] for kind in kinds for each in awx.named(kind).values()}
    for name, job in awx.named("job_templates").items():
        if job["id"] in alone:
            assert [each["variable"] for each in awx.survey(name) if each["required"]] == [], name


def test_no_answer_stands_for_all_gateways_or_has_to_be_given(awx: Controller) -> None:
    questions = [each for name in awx.named("job_templates") for each in awx.survey(name) if "default" not in each]
    assert {each["variable"] for each in questions if not each["required"]} == {"diagnose_only", "audit_only"}
    for variable in ("diagnose_only", "audit_only"):  # how no answer arrives, depending on AWX
        assert selection(variable, "") == selection(variable, None) == []


def test_a_job_gives_its_role_nothing_that_this_does_not_take(awx: Controller) -> None:
    given = [name for job in awx.named("job_templates").values() for name in json.loads(job.get("extra_vars", "{}"))]
    assert set(given) - taken().keys() == set()


# --- when -------------------------------------------------------------------------------------------------------------------------


def due(awx: Controller, job: str, after: datetime, times: int) -> list[datetime]:
    """When a job template is due next, as AWX computes it."""
    number = awx.named("job_templates")[job]["id"]
    (schedule,) = (each for each in awx.named("schedules").values() if each["unified_job_template"] == number)
    rule = schedule["rrule"]
    # What AWX asks of a rule (its api/serializers.py and api/validators).
    assert rule.count("DTSTART") == rule.count("RRULE") == 1
    assert "INTERVAL=" in rule
    occurrences = list(islice(rrulestr(rule, forceset=True).xafter(after), times))
    assert all(each.tzinfo is not None for each in occurrences)
    return occurrences


#: Some weeks around each change of the clocks in New York, in 2027.
AROUND_THE_CHANGE = [datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 10, 25, tzinfo=UTC)]


@pytest.mark.parametrize("after", AROUND_THE_CHANGE)
def test_a_diagnosis_is_due_every_five_minutes_and_over_by_then(awx: Controller, after: datetime) -> None:
    times = due(awx, "Gateways: diagnose", after, 4032)  # two weeks
    steps = {later - earlier for earlier, later in zip(times, times[1:], strict=False)}
    assert steps == {timedelta(minutes=5)}
    assert 0 < awx.named("job_templates")["Gateways: diagnose"]["timeout"] < 300


@pytest.mark.parametrize("after", AROUND_THE_CHANGE)
def test_an_audit_is_due_each_day_at_the_same_hour(awx: Controller, after: datetime) -> None:
    times = [each.astimezone(NEW_YORK) for each in due(awx, "Gateways: audit", after, 28)]
    assert {each.time() for each in times} == {time(10)}
    assert len({each.date() for each in times}) == 28


@pytest.mark.parametrize("after", AROUND_THE_CHANGE)
def test_somebody_is_reminded_of_each_weekly_login_while_awake_and_in_time(awx: Controller, after: datetime) -> None:
    job = awx.named("job_templates")["Gateways: remind of the weekly login"]
    ahead = timedelta(seconds=json.loads(job["extra_vars"])["diagnose_remind_before"])
    times = due(awx, job["name"], after, 6)
    for reminded in times:
        there = reminded.astimezone(NEW_YORK)
        assert time(8) <= there.time() <= time(20)
        login = datetime.combine(there.date() + timedelta(days=1), SESSIONS_END, NEW_YORK).astimezone(UTC)
        assert login.astimezone(NEW_YORK).strftime("%A") == "Sunday"
        assert timedelta(hours=2) < login - reminded < ahead
    assert {later - earlier for earlier, later in zip(times, times[1:], strict=False)} <= {
        timedelta(days=7, hours=change) for change in (-1, 0, 1)
    }


def test_the_dead_mans_switch_does_not_wait_for_a_diagnosis(awx: Controller) -> None:
    times = due(awx, "Gateways: report", AROUND_THE_CHANGE[0], 3)
    assert {later - earlier for earlier, later in zip(times, times[1:], strict=False)} == {timedelta(minutes=30)}


# --- the workflow -----------------------------------------------------------------------------------------------------------------


def test_nothing_is_done_before_a_person_has_agreed(awx: Controller) -> None:
    edges = {
        (name, relation.removesuffix("_nodes"), follower)
        for name in awx.named("workflow_job_template_nodes")
        for relation in ("success_nodes", "failure_nodes", "always_nodes")
        for follower in awx.names("workflow_job_template_nodes", name, relation)
    }
    assert edges == {
        ("diagnose", "failure", "approve"),
        ("approve", "success", "recover"),
        ("recover", "always", "prove"),
        ("prove", "always", "report"),
    }


def test_its_jobs_are_what_they_are_called(awx: Controller) -> None:
    names = {job["id"]: name for name, job in awx.named("job_templates").items()}
    nodes = awx.named("workflow_job_template_nodes")
    assert {each: names.get(node["unified_job_template"]) for each, node in nodes.items()} == {
        "diagnose": "Gateways: diagnose",
        "approve": None,
        "recover": "Gateways: recover all",
        "prove": "Gateways: diagnose",
        "report": "Gateways: report",
    }
    (approval,) = awx.named("workflow_approval_templates").values()
    assert approval["timeout"] > 0
    assert nodes["approve"]["unified_job_template"] == approval["id"]


def test_whoever_is_asked_is_told(awx: Controller) -> None:
    told = awx.names("workflow_job_templates", WORKFLOW, "notification_templates_approvals")
    assert told == ["Gateways: something is wrong"]


def test_what_a_diagnosis_publishes_is_no_variable_of_the_jobs_after_it() -> None:
    published = {"ibgw"}
    assert published & taken().keys() == set()
    sources = [path for folder in ("roles", "playbooks") for path in (CHECKOUT / folder).rglob("*.yml")]
    assert [path for path in sources if re.search(r"(?<![\w.])ibgw(?![\w.])\s*[|.\[}]", path.read_text())] == []


# --- secrets ----------------------------------------------------------------------------------------------------------------------


def test_credentials_are_made_empty_and_filled_in_by_a_person(awx: Controller) -> None:
    credentials = awx.named("credentials")
    assert credentials.keys() == {"Gateways: secrets", "Gateways: SSH"}
    assert [each for each in credentials.values() if each.get("inputs")] == []


@pytest.mark.parametrize(
    ("job", "secrets"),
    [("diagnose", False), ("audit", False), ("report", False), ("recover", True), ("deploy", True), ("rebuild", True)],
)
def test_only_what_makes_containers_gets_the_secrets(awx: Controller, job: str, secrets: bool) -> None:
    given = awx.names("job_templates", f"Gateways: {job}", "credentials")
    assert set(given) == {"Gateways: SSH"} | ({"Gateways: secrets"} if secrets else set())


def secrets_of(directory: Path, variables: dict[str, str]) -> dict[str, Any]:
    """What each machine of the project's inventory has as secrets, in a job with these extra variables."""
    given = directory / "extravars.yml"  # as AWX writes them: not to be taken for templates
    given.write_text("".join(f"{name}: !unsafe {json.dumps(text)}\n" for name, text in variables.items()) or "{}")
    command: list[str | Path] = [Path(sys.executable).with_name("ansible"), "gateway_hosts", "-e", f"@{given}"]
    command += ["-i", PROJECT / "inventory" / "hosts.yml", "-m", "ansible.builtin.debug", "-a", "var=gateway_secrets"]
    callback = {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
    printed = subprocess.run(
        command, env={**os.environ, **callback}, cwd=directory, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    (play,) = json.loads(printed)["plays"]
    return {name: result["gateway_secrets"] for name, result in play["tasks"][0]["hosts"].items()}


@pytest.mark.parametrize(
    "filled_in", [{"alpha": {"ib-gateway": {"user": "someone", "password": "{{ no }} template: # \"'"}}}, {}]
)
def test_the_secrets_that_somebody_fills_in_reach_the_role_of_their_machine(
    awx: Controller, tmp_path: Path, filled_in: dict[str, Any]
) -> None:
    kind = awx.named("credential_types")["IB Gateway secrets"]
    (asked,) = kind["inputs"]["fields"]
    assert asked["secret"] is True
    text = yaml.safe_dump(filled_in) if filled_in else ""
    # As AWX makes them (its models/credential): with a sandboxed Jinja.
    render = ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string
    given = {
        name: render(template).render({asked["id"]: text}) for name, template in kind["injectors"]["extra_vars"].items()
    }
    assert secrets_of(tmp_path, given) == {"alpha": {}, "beta": {}} | filled_in


def test_a_job_without_that_credential_has_no_secrets(tmp_path: Path) -> None:
    assert secrets_of(tmp_path, {}) == {"alpha": {}, "beta": {}}


# --- what people are told ---------------------------------------------------------------------------------------------------------


def told(awx: Controller, template: str, artifacts: dict[str, Any] | None) -> tuple[str, str]:
    """Subject and body of what AWX sends about a job that failed; it takes only a message without anything undefined."""
    messages = awx.named("notification_templates")[template]["messages"]["error"]
    job = {"name": "Gateways: diagnose", "id": 42, "status": "failed"}
    context = {"job": job if artifacts is None else {**job, "artifacts": artifacts}, "url": "https://awx/jobs/42"}
    render = ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string
    return render(messages["message"]).render(**context), render(messages["body"]).render(**context)


def example(name: str) -> Any:
    return json.loads((CHECKOUT / "docs" / f"{name}.example.json").read_text(encoding="utf-8"))


def test_a_message_names_each_gateway_that_is_wrong_and_no_other(awx: Controller) -> None:
    diagnosed = example("report")
    subject, body = told(awx, "Gateways: something is wrong", {"ibgw": report.artifact(diagnosed)})
    assert "\n" not in subject
    for row in diagnosed["gateways"]:
        named = f"{row['id']} is {row['status']}: {row['code']}" in body
        assert named == (row["status"] not in ("healthy", "starting")), row["id"]
    assert WORKFLOW in body


def test_whoever_is_asked_to_approve_finds_the_way(awx: Controller) -> None:
    asked = awx.named("notification_templates")["Gateways: something is wrong"]["messages"]["workflow_approval"][
        "running"
    ]
    render = ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string
    for text in asked.values():
        assert "https://awx/workflow/7" in render(text).render(
            approval_node_name="Recover?", workflow_url="https://awx/workflow/7"
        )


def test_a_message_names_what_an_audit_finds(awx: Controller) -> None:
    audited = example("audit")
    _subject, body = told(awx, "Gateways: an audit fails", {"ibgw": audit.artifact(audited)})
    for gateway in audited["gateways"]:
        assert (f"{gateway['id']}: " in body) == gateway["failing"]
        for row in gateway["rows"]:
            assert (row["code"] in body) == (row["result"] == "fail" and not row["accepted"]), row["code"]


def test_a_message_says_where_to_look_when_a_job_failed_before_it_found_anything(awx: Controller) -> None:
    for template in awx.named("notification_templates"):
        for artifacts in (None, {}):
            subject, body = told(awx, template, artifacts)
            assert "https://awx/jobs/42" in subject
            assert "https://awx/jobs/42" in body


def test_each_scheduled_job_tells_somebody_when_it_fails(awx: Controller) -> None:
    names = {job["id"]: name for name, job in awx.named("job_templates").items()}
    for schedule in awx.named("schedules").values():
        job = names[schedule["unified_job_template"]]
        assert awx.names("job_templates", job, "notification_templates_error"), job
