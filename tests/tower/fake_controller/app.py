# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP of the controller: lists with filters and pages, details, surveys, associations, tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fake_controller import credential_types, surveys
from fake_controller.refusal import Refused
from fake_controller.schema import BY_PATH
from fake_controller.store import UNIFIED, Item, Store

ROOT = "/api/v2/"
HEADERS = {"X-API-Product-Name": "AWX", "X-API-Product-Version": "24.6.1"}
LONGEST_PAGE = 200

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """Serves a store.

    :param page_size: of lists, unless the request says otherwise; small, so that clients meet more than one page.
    """

    def __init__(self, store: Store, username: str, password: str, page_size: int = 3) -> None:
        self.store = store
        self.page_size = page_size
        self.writes: list[tuple[str, str]] = []
        self._basic = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._tokens: dict[str, str] = {}
        one = "{path}/{id:int}"
        self.app = Starlette(
            routes=[
                self._route("tokens/", self.make_token, ["POST"]),
                self._route("tokens/{id}/", self.drop_token, ["DELETE"]),
                self._route("{path}/", self.collection, ["GET", "POST"]),
                self._route(f"{one}/", self.detail, ["GET", "PATCH", "DELETE"]),
                self._route(f"{one}/survey_spec/", self.survey, ["GET", "POST", "DELETE"]),
                self._route(f"{one}/create_approval_template/", self.approval, ["POST"]),
                self._route(f"{one}/{{association}}/", self.association, ["GET", "POST"]),
            ]
        )

    def _route(self, path: str, handler: Handler, methods: list[str]) -> Route:
        async def guarded(request: Request) -> Response:
            try:
                if handler not in (self.make_token, self.drop_token):
                    self._authenticate(request)
                    if request.method != "GET":
                        self.writes.append((request.method, request.url.path))
                response = await handler(request)
            except Refused as refusal:
                response = JSONResponse(refusal.body, refusal.status)
            response.headers.update(HEADERS)
            return response

        return Route(ROOT + path, guarded, methods=methods)

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if given != self._basic and given.removeprefix("Bearer ") not in self._tokens.values():
            raise Refused(401, {"detail": "Authentication credentials were not provided."})

    async def make_token(self, request: Request) -> Response:
        if request.headers.get("authorization") != self._basic:
            raise Refused(401, {"detail": "Invalid username/password."})
        id_ = str(len(self._tokens) + 1)
        self._tokens[id_] = f"token-{id_}"
        return JSONResponse({"id": id_, "token": self._tokens[id_]}, 201)

    async def drop_token(self, request: Request) -> Response:
        self._tokens.pop(request.path_params["id"], None)
        return Response(status_code=204)

    async def collection(self, request: Request) -> Response:
        path = request.path_params["path"]
        if request.method == "POST":
            item = self.store.create(self._known(path), await request.json())
            return JSONResponse(self.shown(item), 201)
        type_ = UNIFIED if path == "unified_job_templates" else BY_PATH[self._known(path)].type
        return self._page(request, self._filtered(request, self.store.of(type_)))

    async def detail(self, request: Request) -> Response:
        item = self._item(request)
        if request.method == "PATCH":
            item = self.store.change(item, await request.json())
        if request.method == "DELETE":
            self.store.delete(item)
            return Response(
                status_code=item.kind.deleted_status, content="" if item.kind.deleted_status == 204 else "{}"
            )
        return JSONResponse(self.shown(item))

    async def survey(self, request: Request) -> Response:
        item = self._item(request)
        if not item.kind.survey:
            raise Refused(404, {"detail": "Not found."})
        if request.method == "GET":
            return JSONResponse(item.survey)
        spec = await request.json() if request.method == "POST" else {}
        if spec:
            surveys.check_spec(spec)
        item.survey = spec
        return JSONResponse({})

    async def approval(self, request: Request) -> Response:
        item = self._item(request)
        return JSONResponse(self.shown(self.store.approve(item, await request.json())), 201)

    async def association(self, request: Request) -> Response:
        item, name = self._item(request), request.path_params["association"]
        if name not in item.kind.associations:
            raise Refused(404, {"detail": "Not found."})
        if request.method == "GET":
            return self._page(request, self.store.listed(item, name))
        self.store.associate(item, name, await request.json())
        return Response(status_code=204)

    # -- showing

    def shown(self, item: Item) -> dict[str, Any]:
        """An object as the API shows it: secrets hidden, related addresses given."""
        url = self._url(item)
        related = {name: f"{url}{name}/" for name in item.kind.associations}
        if item.kind.survey:
            related["survey_spec"] = f"{url}survey_spec/"
        for name, spec in item.kind.fields.items():
            other = self.store.referred(item, name) if spec.to else None
            if other is not None:
                related[name] = self._url(other)
        values = json.loads(json.dumps(item.values))
        if item.kind.type == "credential":
            secret = credential_types.secret_fields(self.store.items[item.values["credential_type"]].values["inputs"])
            values["inputs"] = {
                name: credential_types.ENCRYPTED if name in secret and value else value
                for name, value in item.values["inputs"].items()
            }
        if item.kind.type == "notification_template" and values["notification_configuration"].get("password"):
            values["notification_configuration"]["password"] = credential_types.ENCRYPTED
        summary: dict[str, Any] = {}
        updates = [each for each in self.store.of("project_update") if each.values["project"] == item.id]
        if updates:
            summary["current_update"] = {"id": updates[-1].id, "status": updates[-1].values["status"]}
        return {
            "id": item.id,
            "type": item.kind.type,
            "url": url,
            "related": related,
            "summary_fields": summary,
            **values,
        }

    def _url(self, item: Item) -> str:
        return f"{ROOT}{item.kind.path}/{item.id}/"

    def _page(self, request: Request, items: list[Item]) -> Response:
        query = dict(request.query_params)
        size = min(int(query.get("page_size", self.page_size)), LONGEST_PAGE)
        page = int(query.get("page", 1))
        part = items[(page - 1) * size : page * size]
        more = urlencode({**query, "page": page + 1})
        following = f"{request.url.path}?{more}" if page * size < len(items) else None
        shown = [self.shown(item) for item in part]
        return JSONResponse({"count": len(items), "next": following, "previous": None, "results": shown})

    # -- looking up

    def _known(self, path: str) -> str:
        if path not in BY_PATH:
            raise Refused(404, {"detail": "The requested resource could not be found."})
        return path

    def _item(self, request: Request) -> Item:
        return self.store.get(BY_PATH[self._known(request.path_params["path"])].type, request.path_params["id"])

    def _filtered(self, request: Request, items: list[Item]) -> list[Item]:
        either, every = [], []
        for name, value in request.query_params.multi_items():
            if name in ("page", "page_size", "order_by"):
                continue
            (either if name.startswith("or__") else every).append((name.removeprefix("or__"), value))
        return [
            item
            for item in items
            if all(self._fits(item, name, value) for name, value in every)
            and (not either or any(self._fits(item, name, value) for name, value in either))
        ]

    def _fits(self, item: Item, lookup: str, value: str) -> bool:
        *way, last = lookup.split("__")
        wanted = value.split(",") if last == "in" else [value]
        names = way if last == "in" else [*way, last]
        current: Any = item
        for name in names:
            current = self._step(current, name)
            if current is None:
                return False
        return (str(current.id) if isinstance(current, Item) else str(current)) in wanted

    def _step(self, item: Item, name: str) -> Any:
        if name == "id":
            return item.id
        if name == "type":
            return item.kind.type
        spec = item.kind.fields.get(name)
        if spec is None:
            if item.kind.unified:  # the list of all templates filters by what only some have
                return None
            raise Refused(400, {"detail": f"{item.kind.type} has no field named '{name}'"})
        return self.store.referred(item, name) if spec.to else item.values[name]
