"""The REST API of an AWX, as far as `awx.awx` asks it: objects that are looked up by their fields, made, changed and put in relation.

No AWX runs without Kubernetes, so this stands in for one. It remembers what it is told, and judges none of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Object = dict[str, Any]

API = "/api/v2/"
#: What can be scheduled or be a node of a workflow, and as which `type` it is looked up.
UNIFIED = {
    "job_templates": "job_template",
    "workflow_job_templates": "workflow_job_template",
    "projects": "project",
    "inventory_sources": "inventory_source",
    "workflow_approval_templates": "workflow_approval_template",
}
#: What every AWX has from its installation.
INSTALLED = {
    "organizations": ["Default"],
    "credential_types": ["Machine", "Source Control", "Container Registry"],
    "instance_groups": ["controlplane", "default"],
}
#: What an object has although nobody said it.
DEFAULTS: dict[str, Object] = {"projects": {"scm_revision": ""}, "inventories": {"kind": "", "host_filter": None}}


class Controller(ThreadingHTTPServer):
    """An AWX on a free port of loopback; `writes` is what it was told, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.objects: dict[str, dict[int, Object]] = {}
        self.related: dict[str, list[int]] = {}
        self.surveys: dict[int, Any] = {}
        self.writes: list[tuple[str, str, Any]] = []
        self._last = 0
        for kind, names in INSTALLED.items():
            for name in names:
                self.make(kind, {"name": name})

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, kind: str) -> dict[str, Object]:
        """All objects of a kind by their name, those of a workflow's nodes by their identifier."""
        return {each.get("identifier") or each["name"]: each for each in self.objects.get(kind, {}).values()}

    def names(self, kind: str, name: str, relation: str) -> list[str]:
        """The names of what an object is in relation with."""
        ids = self.related.get(f"{self.named(kind)[name]['url']}{relation}/", [])
        every = {number: each for objects in self.objects.values() for number, each in objects.items()}
        return [every[number].get("identifier") or every[number]["name"] for number in ids]

    def survey(self, name: str) -> list[Object]:
        """The questions of a job template."""
        spec = self.surveys.get(self.named("job_templates")[name]["id"], {"spec": []})
        return list(spec["spec"])

    def make(self, kind: str, fields: Mapping[str, Any]) -> Object:
        self._last += 1
        url = f"{API}{kind}/{self._last}/"
        made = {
            **DEFAULTS.get(kind, {}),
            **fields,
            "id": self._last,
            "type": UNIFIED.get(kind, kind.removesuffix("s")),
            "url": url,
            "summary_fields": {},
            "related": {"survey_spec": f"{url}survey_spec/"},
        }
        self.objects.setdefault(kind, {})[self._last] = made
        return made

    def find(self, kind: str, wanted: Mapping[str, str]) -> Iterator[Object]:
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        for each in kinds:
            for found in self.objects.get(each, {}).values():
                if all(str(found.get(field)) == value for field, value in wanted.items()):
                    yield found


class _Request(BaseHTTPRequestHandler):
    """One request to a `Controller`."""

    server: Controller

    def do_GET(self) -> None:
        kind, number, relation = self._place()
        if relation == "survey_spec":
            self._answer(200, self.server.surveys.get(number, {}))
        elif relation:
            self._list([{"id": each} for each in self.server.related.get(self.path, [])])
        elif number:
            self._answer(200, self.server.objects[kind][number])
        else:
            self._list(self.server.find(kind, dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))))

    def do_POST(self) -> None:
        body = self._body()
        kind, number, relation = self._place()
        if not relation:
            self._answer(201, self.server.make(kind, body))
        elif relation == "survey_spec":
            self.server.surveys[number] = body
            self._answer(200, {})
        elif relation == "create_approval_template":
            made = self.server.make("workflow_approval_templates", body)
            node = self.server.objects[kind][number]
            node["unified_job_template"], node["related"]["unified_job_template"] = made["id"], made["url"]
            self._answer(201, made)
        else:
            related = self.server.related.setdefault(self.path, [])
            related.remove(body["id"]) if body.get("disassociate") else related.append(body["id"])
            self._answer(204, None)

    def do_PATCH(self) -> None:
        body = self._body()
        kind, number, _none = self._place()
        self.server.objects[kind][number].update(body)
        self._answer(200, self.server.objects[kind][number])

    def _place(self) -> tuple[str, int, str]:
        """Which kind of object, which one of it, and what of that; 0 and empty where the request stops before."""
        kind, number, relation, *_rest = [*urlsplit(self.path).path.removeprefix(API).split("/"), "", ""]
        return kind, int(number or 0), relation

    def _body(self) -> Any:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.writes.append((self.command, self.path, body))
        return body

    def _list(self, found: Any) -> None:
        results = list(found)
        self._answer(200, {"count": len(results), "next": None, "results": results})

    def _answer(self, status: int, content: Any) -> None:
        payload = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""
