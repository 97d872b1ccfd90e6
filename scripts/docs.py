# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the pages that are generated from what they describe: `make docs`; `make docs-example` also takes new examples of reports."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FAMILIES
from ansible_collections.ibgw.ops.plugins.module_utils.redact import RULES
from ansible_collections.ibgw.ops.plugins.plugin_utils.audit import FAILING, checklist
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import WORDS
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    ACTS,
    AUDIT_ONLY,
    LAYERS,
    RECOVER,
    STATUSES,
    Finding,
    findings,
    named,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.foreign import word_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.metrics import METRICS

from scripts import role_readme

CHECKOUT = Path(__file__).resolve().parents[1]
DOCS = CHECKOUT / "docs"
ROLES = CHECKOUT / "roles"
SCHEMA = DOCS / "report.schema.json"
EXAMPLE = DOCS / "report.example.json"
BUNDLE_SCHEMA = DOCS / "bundle.schema.json"
RECOVERY_SCHEMA = DOCS / "recovery.schema.json"
RECOVERY_EXAMPLE = DOCS / "recovery.example.json"
REBUILD_SCHEMA = DOCS / "rebuild.schema.json"
REBUILD_EXAMPLE = DOCS / "rebuild.example.json"
AUDIT_SCHEMA = DOCS / "audit.schema.json"
AUDIT_EXAMPLE = DOCS / "audit.example.json"
ALERTS = CHECKOUT / "monitoring" / "alerts.yml"

GENERATED = "<!-- Generated from plugins/plugin_utils/findings by `make docs`: change it there. -->"
GENERATED_FROM_SCHEMA = (
    "<!-- Generated from report.schema.json and report.example.json by `make docs`: change it there. -->"
)
GENERATED_FROM_FAMILIES = "<!-- Generated from plugins/module_utils/families by `make docs`: change it there. -->"
GENERATED_FROM_BUNDLE_SCHEMA = "<!-- Generated from bundle.schema.json by `make docs`: change it there. -->"

#: What is in a bundle, beside its manifest.
BUNDLE_FILES = """\
| file | what it is |
|---|---|
| `manifest.json` | what is in it, what was taken out by which rule, and what could not be had and why |
| `report.json` | [the report](report.md) on what is in it |
| `evidence.json` | what it is judged from: inventory, plan and settings as far as verdicts depend on them, and what the probes returned |
| `versions.json` | collection, Ansible and Python; of each machine its engine, of each gateway image, controller and program |
| `logs/<machine>/<gateway>.log` | the container's log with the engine's time stamps, from its end back to `bundle_log_bytes` |
| `inspect/<machine>/<gateway>.json` | what the engine says of the container; of variables and labels not known to be harmless only whether they are set |
| `events/<machine>/<gateway>.json` | who started, stopped and killed it, as long as the engine remembers |
| `configuration/<machine>/<gateway>/` | the controller's settings, where it has a file with them |

A name that can not be part of a path, and one that tells an account, is changed in the path; the manifest has it as it is, masked."""

GENERATED_AUDIT = "<!-- Generated from plugins/plugin_utils/findings, audit.schema.json and audit.example.json by `make docs`: change it there. -->"

#: What is often advised, by the rule that follows the facts instead; the sources are in the comments of the rules' files.
COMMON_ADVICE = {
    "config.relogin_off": (
        "`TWOFA_TIMEOUT_ACTION=restart` asks again after a missed push.",
        "Nothing asks again without `RELOGIN_AFTER_TWOFA_TIMEOUT=yes`; with it a push comes every few minutes without end, which may throttle"
        " the user over a night.",
    ),
    "config.auto_restart_unset": (
        "One approval lasts seven days.",
        "It lasts until the next Sunday, 01:00 New York time, and only with a daily restart: without one the gateway logs off every day.",
    ),
    "config.timezone_mismatch": (
        "A restart at 02:00 AM comes after IBKR's maintenance.",
        "The time is in the container's own zone, which is UTC unless set: 02:00 is 21:00 or 22:00 in New York, before it.",
    ),
    "config.session_action_yields": (
        "`primaryoverride` takes the session from everybody else.",
        "Only while it logs in. Once it runs it gives way to the next login of its user, and ends; `primary` keeps the session.",
    ),
    "config.nofile_unlimited": (
        "A failure that names file descriptors wants a higher limit.",
        "Java 8 makes a table as large as the limit, and dies of one without end: it has to be lower.",
    ),
    "config.restart_policy": (
        "`restart: always` heals a gateway.",
        "Each start is a login: where the controller ends over a refused one (ibcontroller), it is repeated until the account is locked, and"
        " what a person had stopped comes back at the next boot.",
    ),
    "config.healthcheck_missing": (
        "An open port proves that the API works.",
        "The relay opens its port without a login behind it: it proves nothing but the relay.",
    ),
    "config.read_only_api": (
        "Enable ActiveX and Socket Clients in the account's management.",
        "That is a setting of TWS; a gateway has none. A gateway refuses orders while its API is read-only, as a fresh one is.",
    ),
    "config.second_factor_device": (
        "A TOTP key in the environment lets any image log in by itself.",
        "IBC and ibcontroller wait for a push and type no codes; ibga and ibg-controller do.",
    ),
    "clients.retry_unknown": (
        "A client that lost its gateway is restarted with it.",
        "The gateway goes away for a minute each day: a client has to wait and connect again by itself. No probe sees whether it does, so"
        " that this is `not known` until somebody has tried it and accepts it.",
    ),
}

GENERATED_FROM_METRICS = (
    "<!-- Generated from plugins/plugin_utils/metrics.py and monitoring/alerts.yml by `make docs`: change it there. -->"
)

#: How metrics come to those who look at them.
METRICS_SET_UP = """\
1. On the controller, next to ansible-core: `pip install prometheus_client`. Where `diagnose_metrics_file` is set and it is missing, a run says so
   before it probes anything, with the command for that very Python.
2. Give the file to every scheduled run, in the directory that node_exporter reads (`--collector.textfile.directory`; with Debian's package
   `/var/lib/prometheus/node-exporter`), on the controller, or with a report store on its host:

       diagnose_metrics_file: /var/lib/prometheus/node-exporter/ibgw.prom

3. Prometheus (2.42 or newer) takes [alerts.yml](../monitoring/alerts.yml) in `rule_files`, and Grafana (10.1 or newer)
   [dashboard.json](../monitoring/dashboard.json) by import or provisioning; it needs no rules. Both are in the installed collection, too.
4. Alertmanager: `group_by: [machine, gateway]`; route by `severity`, and by `trading_mode` where paper need not wake anybody. Whoever changes a
   threshold tries it with `promtool test rules alerts.test.yml`."""

METRICS_WHOLE = """\
The file always has the whole fleet, for what is missing in it is gone for Prometheus. So a run that looks at a part only (`-l`, `diagnose_only`, a
saved log, a bundle) leaves the file as it is, and says so; slices of a fleet need a report store, with which every run writes what all of them have
seen. It is replaced as a whole: whoever reads it sees the old one or the new one, and of two runs at once the last one stays. Where it can not
be written, a warning says so, and the run goes on."""

METRICS_TIME = """\
A file is read for minutes after it was written, and Prometheus keeps its values until the next one. A number of seconds left would stand still all
the while, and be wrong when somebody has to hurry. So moments are written, as Prometheus advises, and `time()` makes seconds of them when somebody
asks. The rules record those that people ask for most:"""

#: The finding whose row stands for all in the page on the report.
SHOWN = "twofa.pending"


def pages() -> dict[str, str]:
    """Every generated page by its path in the checkout."""
    return {
        "docs/report.md": _report(_read(SCHEMA), _read(EXAMPLE)),
        "docs/recovery.md": _of_acting("recovery", "recover", _read(RECOVERY_SCHEMA), _read(RECOVERY_EXAMPLE)),
        "docs/rebuild.md": _of_acting("rebuild", "rebuild", _read(REBUILD_SCHEMA), _read(REBUILD_EXAMPLE)),
        "docs/bundle.md": _bundle(_read(BUNDLE_SCHEMA)),
        "docs/metrics.md": _metrics(yaml.safe_load(ALERTS.read_text(encoding="utf-8"))),
        "docs/audit.md": _audit(_read(AUDIT_SCHEMA), _read(AUDIT_EXAMPLE)),
        "docs/findings/README.md": _index(),
        "docs/variables.md": _variables(),
        **{f"docs/findings/{code}.md": _page(finding) for code, finding in findings().items()},
        **{f"roles/{role.name}/README.md": role_readme.readme(role) for role in sorted(ROLES.iterdir())},
    }


def _report(schema: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The page on the report: one row of the example, then a section for the whole and for each part of the schema."""
    row = next(row for row in example["gateways"] if row["code"] == SHOWN)
    parts = [
        GENERATED_FROM_SCHEMA,
        "# report.json",
        schema["description"],
        "A whole one is [report.example.json](report.example.json), a diagnosis of some gateways of the demo fleet (`make demo`); validators and"
        " generators find the schema in [report.schema.json](report.schema.json). `report.html` beside it says the"
        " same to a reader. One row of the example's `gateways`:",
        f"```json\n{json.dumps(row, indent=2, ensure_ascii=False)}\n```",
        *_sections(schema),
    ]
    return "\n\n".join(parts) + "\n"


def _bundle(schema: Mapping[str, Any]) -> str:
    """The page on the evidence bundle: its files, then each field of its manifest and the rules of redaction."""
    rules = "\n".join(f"| `{rule}` | {taken} |" for rule, taken in RULES.items())
    parts = [
        GENERATED_FROM_BUNDLE_SCHEMA,
        "# The evidence bundle",
        "What `ibgw.ops.bundle` writes: one `ibgw-bundle-<time>.tar.gz` that a person can read and that `ibgw.ops.diagnose` can judge again"
        " (`-e diagnose_bundle=...`), with the same verdicts. Everything is redacted before it leaves its machine.",
        f"## Files\n\n{BUNDLE_FILES}",
        f"## manifest.json\n\n{schema['description']} Validators find the schema in [bundle.schema.json](bundle.schema.json).",
        _fields(schema),
        *(f"## {name}\n\n{_part(part)}" for name, part in schema["$defs"].items()),
        f"## Rules\n\n| rule | takes out |\n|---|---|\n{rules}",
    ]
    return "\n\n".join(parts) + "\n"


def _variables() -> str:
    """The page on the environment of every image: one table for each family, by the schema that everything goes by."""
    parts = [
        GENERATED_FROM_FAMILIES,
        "# Variables",
        "What each image reads of its container's environment. Everything goes by these tables: what is told of a container and what is only"
        " said to be set, what `deploy` refuses, and the findings [config.value_invalid](findings/config.value_invalid.md) and"
        " [config.foreign_variable](findings/config.foreign_variable.md). A variable that is not in the table of an image is ignored by it,"
        " and the image does not say so.",
        "- **takes**: the form of a value; `secret` and `user` are never told, wherever they stand.\n"
        "- **default**: what the image itself goes by; the samples of many projects set more.\n"
        "- **otherwise**: what becomes of another value, where that is known: `refused` ends something, `ignored` is as if it were not set,"
        " `misread` is taken for something else.\n"
        "- **word**: the [word of the inventory](../roles/gateway/README.md) that sets it; `gateway_secrets` for secrets.",
        *(f"## {family.name}\n\n{_family(family)}" for family in FAMILIES),
    ]
    return "\n\n".join(parts) + "\n"


def _family(family: Family) -> str:
    rows = "\n".join(_variable(name, family) for name in family.variables)
    return f"| variable | takes | default | otherwise | word |\n|---|---|---|---|---|\n{rows}"


def _variable(name: str, family: Family) -> str:
    known, word = family.variables[name], word_of(family, name)
    limits = (
        known.kind if known.kind != "plain" else "",
        "with both trading modes only" if known.only_both else "",
        f"not with {'='.join(family.configured_by)}" if known.key and family.configured_by else "",
        f"since {known.since}" if known.since else "",
    )
    takes = "; ".join((known.form.allowed, *filter(None, limits))).replace("|", "\\|")
    otherwise = f"{known.wrong.manner}: {known.wrong.effect}" if known.wrong else ""
    told = f"`{word}`" if word in WORDS else "`gateway_secrets`" if word else ""
    return f"| `{name}` | {takes} | {f'`{known.default}`' if known.default else ''} | {otherwise} | {told} |"


def _metrics(rules: Mapping[str, Any]) -> str:
    """The page on metrics: how to set them up, every name with its labels, what the rules make of them, and the alerts."""
    names = "\n".join(f"| `{each.name}` | {_listed(each.labels)} | {each.help} |" for each in METRICS)
    (group,) = rules["groups"]
    seconds = "\n".join(
        f"| `{rule['record']}` | `{rule['expr']}` |"
        for rule in group["rules"]
        if "record" in rule and "time()" in rule["expr"]
    )
    alerts = "\n".join(_alert(rule) for rule in group["rules"] if "alert" in rule)
    parts = [
        GENERATED_FROM_METRICS,
        "# Metrics",
        "What `ibgw.ops.diagnose` writes for Prometheus to `diagnose_metrics_file`, in its text format: the verdicts of [the report](report.md) as"
        " numbers. Alerts and a dashboard go with it.",
        f"## Set up\n\n{METRICS_SET_UP}",
        f"## The whole fleet, or nothing\n\n{METRICS_WHOLE}",
        f"## Names\n\n| metric | labels | meaning |\n|---|---|---|\n{names}",
        "All are gauges; what is not known has no series. `machine` is the inventory host, `gateway` the container, or the machine's name again for a"
        " machine that could not be judged and declares none. No label has a value without bounds: no times, no sentences, no accounts.",
        f"## Seconds\n\n{METRICS_TIME}",
        f"| recorded | is |\n|---|---|\n{seconds}",
        "## Alerts",
        "They are made for a diagnosis every five minutes. What is suppressed raises none. Three or more gateways with the same finding raise one"
        " alert, but for logins and second factors, of which each is a matter of its own account; and who has one of these has no other for not"
        " serving. Each names the page of its finding (`runbook_url`).",
        f"| alert | severity | after | says |\n|---|---|---|---|\n{alerts}",
        "Where the schedule itself has died, `IBGatewayDiagnosisStopped` fires; where node_exporter or the file has, `IBGatewayMetricsGone`; where a"
        " slice has and others have not, `IBGatewayDiagnosisStale`. That Prometheus itself runs is for somebody else to watch.",
    ]
    return "\n\n".join(parts) + "\n"


def _alert(rule: Mapping[str, Any]) -> str:
    severity = " or ".join(re.findall(r"critical|warning|info", rule["labels"]["severity"]))
    asked = re.sub(r"{{ with .*?}}|{{ *end *}}", "", rule["annotations"]["summary"])
    said = re.sub(r"{{ \$(?:labels\.)?(\w+)(?: \| \w+)? }}", r"*\1*", asked)
    said = re.sub(r"{{ \. .*?}}", "*value*", said)
    return f"| `{rule['alert']}` | {severity} | {rule.get('for', 'at once')} | {said} |"


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _of_acting(page: str, report: str, schema: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The page on the report of what acts: an example, then the sections of its schema."""
    parts = [
        GENERATED_FROM_SCHEMA.replace("report.", f"{page}."),
        f"# {report}.json",
        schema["description"],
        f"Validators and generators find the schema in [{page}.schema.json]({page}.schema.json). An example is"
        f" [{page}.example.json]({page}.example.json); its one row:",
        f"```json\n{json.dumps(example['gateways'][0], indent=2, ensure_ascii=False)}\n```",
        *_sections(schema),
    ]
    return "\n\n".join(parts) + "\n"


def _audit(schema: Mapping[str, Any], example: Mapping[str, Any]) -> str:
    """The page on the audit: its rules, where they go against common advice, what fails a run, then the sections of its schema."""
    rules = "\n".join(
        f"| {_links([rule.code], 'findings/')} | {rule.audits} | {rule.severity} |" for rule in checklist()
    )
    advice = "\n".join(
        f"| {said} | {so} | {_links([code], 'findings/')} |" for code, (said, so) in COMMON_ADVICE.items()
    )
    levels = "\n".join(
        f"| `{level}` | {', '.join(severities) or 'nothing, also where nothing could be looked at'} |"
        for level, severities in FAILING.items()
    )
    shown = next(row for gateway in example["gateways"] for row in gateway["rows"] if row["result"] == "fail")
    parts = [
        GENERATED_AUDIT,
        "# The audit",
        "What `ibgw.ops.audit` demands of every gateway: what makes it fail one day, also where it works now. It looks as a diagnosis does and"
        " changes nothing. How to run it, and every variable: [roles/audit](../roles/audit/README.md).",
        "Each rule answers of each gateway `pass`, `fail`, `not applicable` (it makes no sense there) or `not known` (what it has to see was"
        " not seen), with evidence. One that fails names the setting to change: the inventory's word for a gateway that this collection has"
        " deployed, else what to write where the container is defined, in the names of its image.",
        "## The checklist",
        "The severity is what a failed rule is worth, unless the evidence makes it another: `advice` and `audit` change no gateway's status,"
        " and of `audit` only the audit tells.",
        f"| rule | demands | severity |\n|---|---|---|\n{rules}",
        "## Where common advice is wrong",
        f"The rules follow what images and IBKR do, not what is often said of them.\n\n| often read | what is so | rule |\n|---|---|---|\n{advice}",
        "## What fails a run",
        "A run ends with status 2 when a row fails at such a severity and nobody has accepted it, or when a gateway could not be looked at;"
        " else with 0. What makes no sense (a level or a rule that there is not, an acceptance without end) also ends with 2: one sentence"
        " before anything is probed, and no report. What is not known fails no run.",
        f"| `audit_fail_on` | severities that fail it |\n|---|---|\n{levels}",
        "## What is accepted",
        "`audit_accept` lists what operators know and live with, each with `reason` and `until`. It stays in terminal and report, marked, and"
        " fails no run until its time is over. `diagnose_suppress` has no effect on an audit.",
        "## audit.json",
        f"{schema['description']} Validators and generators find the schema in [audit.schema.json](audit.schema.json). An example is"
        " [audit.example.json](audit.example.json); one row of it:",
        f"```json\n{json.dumps(shown, indent=2, ensure_ascii=False)}\n```",
        *_sections(schema),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(schema: Mapping[str, Any]) -> Iterable[str]:
    """A section for the whole and for each part of a schema."""
    yield f"## The report\n\n{_fields(schema)}"
    yield from (f"## {name}\n\n{_part(part)}" for name, part in schema["$defs"].items())


def _part(part: Mapping[str, Any]) -> str:
    """A definition of the schema: an object's fields, else what its words may be."""
    values = _fields(part) if "properties" in part else f"{_type(part)[0].upper()}{_type(part)[1:]}."
    return f"{part['description']}\n\n{values}"


def _fields(part: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"| `{name}` | {_type(field)} | {field['description']} |" for name, field in part["properties"].items()
    )
    return f"| field | type | meaning |\n|---|---|---|\n{rows}"


def _type(field: Mapping[str, Any]) -> str:
    """The type of a field, in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "oneOf" in field:
        return " or ".join(_type(each) for each in field["oneOf"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{'null' if word is None else word}`" for word in field["enum"])
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return " or ".join(_kind(kind, field) for kind in kinds)


def _kind(kind: str, field: Mapping[str, Any]) -> str:
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object":
        return f"{_type(field['additionalProperties'])} by {field['propertyNames']['description']}"
    return "time" if kind == "string" and field.get("format") == "date-time" else kind


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _page(finding: Finding) -> str:
    steps = "\n".join(f"{number}. {_named(step)}" for number, step in enumerate(finding.fix, 1))
    explained_by = _explained_by(finding)
    command = RECOVER if finding.remedy in ACTS else finding.next_command
    parts = [
        GENERATED,
        f"# {finding.code}",
        f"**{finding.title}.**",
        finding.meaning,
        f"- {_status(finding)}\n- {_remedy(finding)}"
        + (f"\n- The audit demands: {finding.audits}" if finding.audits else ""),
        f"## What to do\n\n{steps}",
        f"Next command:\n\n```\n{_named(command)}\n```" if command else "",
        f"## Explains\n\nSeen together with these, it is their cause: {_links(finding.explains)}."
        if finding.explains
        else "",
        f"## Explained by\n\n{explained_by}" if explained_by else "",
        "All findings: [README](README.md).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _status(finding: Finding) -> str:
    if finding.severity == AUDIT_ONLY:
        return "Status: only the audit tells of it."
    if finding.severity not in STATUSES:
        return f"Status: `{finding.severity}`, it changes no status."
    return f"Status when it leads: `{finding.severity}`, unless the evidence makes it another."


def _remedy(finding: Finding) -> str:
    return f"Remedy: `{finding.remedy}`" + (f", because {finding.remedy_reason}." if finding.remedy_reason else ".")


def _explained_by(finding: Finding) -> str:
    if finding.symptom:
        return (
            "It is how deeper trouble looks from outside: whatever else is found before the API's port leads instead."
        )
    codes = [code for code, other in findings().items() if finding.code in other.explains]
    return f"It is a consequence of: {_links(codes)}." if codes else ""


def _index() -> str:
    parts = [
        GENERATED,
        "# Findings",
        "Every condition that a verdict can name, in the order in which one layer depends on the other. The first broken layer leads;"
        " what it explains is listed as its consequence. NAME stands for the container, MACHINE for its machine.",
    ]
    for layer in LAYERS:
        rows = "\n".join(
            f"| [{code}]({code}.md) | {finding.severity} | {finding.title} |"
            for code, finding in findings().items()
            if finding.layer == layer
        )
        parts.append(f"## {layer}\n\n| finding | status | condition |\n|---|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"


def _links(codes: Iterable[str], folder: str = "") -> str:
    return ", ".join(f"[{code}]({folder}{code}.md)" for code in codes)


def _named(text: str) -> str:
    return named(text, "NAME", "MACHINE")


def write() -> None:
    """Write every page, and remove those of findings that are no more."""
    wanted = pages()
    for page in DOCS.glob("findings/*.md"):
        if page.relative_to(CHECKOUT).as_posix() not in wanted:
            page.unlink()
    for name, text in wanted.items():
        (CHECKOUT / name).write_text(text, encoding="utf-8")


def take_example(report: Path) -> None:
    """Make a report the example of its kind, without the name of the machine that it was made on."""
    example = {**_read(report), "controller": "controller"}
    path = {"audit.json": AUDIT_EXAMPLE}.get(report.name, EXAMPLE)
    path.write_text(json.dumps(example, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        take_example(Path(given))
    write()
