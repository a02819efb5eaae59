# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP of the controller: lists with filters and pages, details, surveys, associations, tokens."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fake_controller import jobs, options, prompting, rights, showing, surveys, syncs
from fake_controller.refusal import Refused
from fake_controller.schema import BY_PATH
from fake_controller.showing import ROOT
from fake_controller.store import UNIFIED, UNIFIED_JOB, Item, Store

HEADERS = {"X-API-Product-Name": "AWX", "X-API-Product-Version": "24.6.1"}
LONGEST_PAGE = 200

UNKNOWN = {"detail": "The requested resource could not be found."}

Handler = Callable[[Request], Awaitable[Response]]
#: What has details and no list.
WITHOUT_LIST = frozenset({"workflow_approval_templates"})
#: Lists of objects of several types.
MIXED = {"unified_job_templates": UNIFIED, "unified_jobs": UNIFIED_JOB}


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class Api:
    """Serves a store.

    :param page_size: of lists, unless the request says otherwise; small, so that clients meet more than one page.
    """

    def __init__(self, store: Store, username: str, password: str, page_size: int = 3) -> None:
        self.store = store
        self.page_size = page_size
        self.writes: list[tuple[str, str]] = []
        #: What a client sends to sign in, and as whom; None is the system administrator.
        self._basic: dict[str, Item | None] = {basic(username, password): None}
        self._tokens: dict[str, tuple[str, Item | None]] = {}
        one = "{path}/{id:int}"
        self.app = Starlette(
            routes=[
                self._route("tokens/", self.make_token, ["POST"]),
                self._route("tokens/{id}/", self.drop_token, ["DELETE"]),
                self._route("me/", self.me, ["GET"]),
                self._route("config/", self.config, ["GET"]),
                self._route("", self.resources, ["GET"]),
                Route("/api/", self.versions, methods=["GET"]),
                self._route("roles/{id:int}/{holders}/", self.holders, ["GET", "POST"]),
                self._route("{path}/", self.collection, ["GET", "POST", "OPTIONS"]),
                self._route(f"{one}/", self.detail, ["GET", "PATCH", "DELETE", "OPTIONS"]),
                self._route(f"{one}/launch/", self.launch, ["GET", "POST", "OPTIONS"]),
                self._route(f"{one}/update/", self.update, ["POST"]),
                self._route(f"{one}/approve/", self.decide, ["POST"]),
                self._route(f"{one}/deny/", self.decide, ["POST"]),
                self._route(f"{one}/playbooks/", self.playbooks, ["GET"]),
                self._route(f"{one}/job_events/", self.events, ["GET"]),
                self._route(f"{one}/survey_spec/", self.survey, ["GET", "POST", "DELETE"]),
                self._route(f"{one}/create_approval_template/", self.approval, ["POST"]),
                self._route(f"{one}/{{association}}/", self.association, ["GET", "POST"]),
                self._route("{unknown:path}", self.unknown, ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]),
            ]
        )

    def _route(self, path: str, handler: Handler, methods: list[str]) -> Route:
        async def guarded(request: Request) -> Response:
            try:
                if handler not in (self.make_token, self.drop_token, self.resources):
                    self._authenticate(request)
                    if request.method not in ("GET", "HEAD", "OPTIONS"):
                        self.writes.append((request.method, request.url.path))
                response = await handler(request)
            except Refused as refusal:
                response = JSONResponse(refusal.body, refusal.status)
            response.headers.update(HEADERS)
            return response

        return Route(ROOT + path, guarded, methods=methods)

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        tokens = {f"Bearer {token}": user for token, user in self._tokens.values()}
        if given not in self._basic and given not in tokens:
            raise Refused(401, {"detail": "Authentication credentials were not provided."})
        request.state.user = self._basic[given] if given in self._basic else tokens[given]

    def know(self, username: str, password: str) -> Item:
        """Make a user who is not a system administrator."""
        user = self.store.create("users", {"username": username})
        self._basic[basic(username, password)] = user
        return user

    def token_of(self, user: Item | None) -> str:
        id_ = str(len(self._tokens) + 1)
        self._tokens[id_] = (f"token-{id_}", user)
        return self._tokens[id_][0]

    async def make_token(self, request: Request) -> Response:
        given = request.headers.get("authorization")
        if given not in self._basic:
            raise Refused(401, {"detail": "Invalid username/password."})
        token = self.token_of(self._basic[given])
        return JSONResponse({"id": len(self._tokens), "token": token}, 201)

    async def drop_token(self, request: Request) -> Response:
        self._tokens.pop(request.path_params["id"], None)
        return Response(status_code=204)

    async def versions(self, _request: Request) -> Response:
        return JSONResponse(
            {"description": "AWX REST API", "current_version": ROOT, "available_versions": {"v2": ROOT}}
        )

    async def resources(self, _request: Request) -> Response:
        return JSONResponse({path: f"{ROOT}{path}/" for path in [*BY_PATH, *MIXED, "me"] if path not in WITHOUT_LIST})

    async def config(self, _request: Request) -> Response:
        return JSONResponse({"version": HEADERS["X-API-Product-Version"], "license_info": {"license_type": "open"}})

    async def me(self, request: Request) -> Response:
        user = request.state.user
        shown = self.shown(user) if user else {"id": 1, "type": "user", "username": "admin", "is_superuser": True}
        return JSONResponse({"count": 1, "next": None, "previous": None, "results": [shown]})

    async def unknown(self, _request: Request) -> Response:
        """An address that leads nowhere has an answer in JSON as well, from /api/ on."""
        raise Refused(404, UNKNOWN)

    async def collection(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path in WITHOUT_LIST:
            raise Refused(404, UNKNOWN)
        if request.method == "OPTIONS":
            return options.of_list(BY_PATH.get(path))
        if request.method == "POST":
            given = await request.json()
            rights.demand_making(self.store, request.state.user, BY_PATH[self._known(path)], given)
            updates = self.store.of("project_update")
            item = self.store.create(self._known(path), given)
            return JSONResponse(self._written(item, updates), 201)
        type_ = MIXED.get(path) or BY_PATH[self._known(path)].type
        return self._page(request, self._filtered(request, self.store.of(type_)))

    async def detail(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return options.of_detail(BY_PATH[self._known(request.path_params["path"])])
        item = self._item(request)
        if request.method != "GET":
            rights.demand_changing(self.store, request.state.user, item)
        if request.method == "PATCH":
            updates = self.store.of("project_update")
            item = self.store.change(item, await request.json())
            return JSONResponse(self._written(item, updates))
        if request.method == "DELETE":
            self.store.delete(item)
            return Response(
                status_code=item.kind.deleted_status, content="" if item.kind.deleted_status == 204 else "{}"
            )
        return JSONResponse(self.shown(item))

    async def launch(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return options.of_launch(BY_PATH[self._known(request.path_params["path"])])
        item = self._item(request)
        if not item.kind.survey:
            raise Refused(404, {"detail": "Not found."})
        if request.method == "GET":
            return JSONResponse({"variables_needed_to_start": surveys.needed(item)})
        rights.demand_launching(self.store, request.state.user, item)
        given = await request.json() if await request.body() else {}
        ignored = prompting.sift(self.store, item, given).ignored
        job = await to_thread.run_sync(jobs.launch, self.store, item, given)
        return JSONResponse({job.kind.type: job.id, "ignored_fields": ignored, **self.shown(job)}, 201)

    async def update(self, request: Request) -> Response:
        item = self._item(request)
        known = {"inventory_source": syncs.update_source, "project": syncs.update_project}
        if item.kind.type not in known:
            raise Refused(404, {"detail": "Not found."})
        made = await to_thread.run_sync(known[item.kind.type], self.store, item)
        return JSONResponse({made.kind.type: made.id, **self.shown(made)}, 202)

    async def playbooks(self, request: Request) -> Response:
        item = self._item(request)
        if item.kind.type != "project":
            raise Refused(404, {"detail": "Not found."})
        return JSONResponse(sorted(self.store.playbooks.get(item.id, set())))

    async def decide(self, request: Request) -> Response:
        item = self._item(request)
        if item.kind.type != "workflow_approval":
            raise Refused(404, {"detail": "Not found."})
        rights.demand_deciding(self.store, request.state.user, item)
        verdict = "approved" if request.url.path.endswith("/approve/") else "denied"
        await to_thread.run_sync(jobs.decide, self.store, item, verdict)
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        item = self._item(request)
        lines = (item.values.get("result_stdout") or "").splitlines()
        begin = int(request.query_params.get("start_line__gte", 0))
        results = [
            {"start_line": number, "end_line": number + 1, "stdout": line}
            for number, line in enumerate(lines)
            if number >= begin
        ]
        return JSONResponse({"count": len(results), "next": None, "previous": None, "results": results})

    async def holders(self, request: Request) -> Response:
        """The teams or users that have a role on an object."""
        item, role = self.store.role_of(request.path_params["id"])
        type_ = request.path_params["holders"].removesuffix("s")
        if request.method == "POST":
            rights.demand_changing(self.store, request.state.user, item)
            given = await request.json()
            grant = (item.id, role, type_, self.store.get(type_, given["id"]).id)
            (self.store.grants.discard if given.get("disassociate") else self.store.grants.add)(grant)
            return Response(status_code=204)
        held = [grant[3] for grant in self.store.grants if grant[:3] == (item.id, role, type_)]
        return self._page(request, [self.store.items[each] for each in sorted(held) if each in self.store.items])

    async def survey(self, request: Request) -> Response:
        item = self._item(request)
        if not item.kind.survey:
            raise Refused(404, {"detail": "Not found."})
        if request.method == "GET":
            return JSONResponse(item.survey)
        rights.demand_changing(self.store, request.state.user, item)
        spec = await request.json() if request.method == "POST" else {}
        if spec:
            surveys.check_spec(spec)
        item.survey = spec
        return JSONResponse({})

    async def approval(self, request: Request) -> Response:
        item = self._item(request)
        rights.demand_changing(self.store, request.state.user, item)
        return JSONResponse(self.shown(self.store.approve(item, await request.json())), 201)

    async def association(self, request: Request) -> Response:
        item, name = self._item(request), request.path_params["association"]
        if name not in item.kind.associations:
            raise Refused(404, {"detail": "Not found."})
        if request.method == "GET":
            return self._page(request, self.store.listed(item, name))
        given = await request.json()
        rights.demand_changing(self.store, request.state.user, item)
        rights.demand_using(self.store, request.state.user, self.store.items.get(given.get("id") or 0))
        self.store.associate(item, name, given)
        return Response(status_code=204)

    # -- showing

    def shown(self, item: Item) -> dict[str, Any]:
        return showing.represent(self.store, item)

    def _written(self, item: Item, updates: list[Item]) -> dict[str, Any]:
        """What the answer to a write shows: the update that it has started is the current one, and has not ended yet.

        Here it has, and later answers call it the last one. awx.awx waits for a current one alone.
        """
        shown = self.shown(item)
        started = [each for each in self.store.of("project_update") if each not in updates]
        if item.kind.type == "project" and started:
            shown["summary_fields"].pop("last_update", None)
            shown["summary_fields"]["current_update"] = {**showing.update_of(started[-1]), "status": "pending"}
        return shown

    def _page(self, request: Request, items: list[Item]) -> Response:
        query = dict(request.query_params)
        size = min(int(query.get("page_size", self.page_size)), LONGEST_PAGE)
        given = query.get("page", "1")
        page = int(given) if given.isdigit() else 0
        items = [item for item in items if rights.sees(self.store, request.state.user, item)]
        if page < 1 or (page - 1) * size >= max(len(items), 1):
            raise Refused(404, {"detail": "Invalid page."})
        part = items[(page - 1) * size : page * size]
        more = urlencode({**query, "page": page + 1})
        following = f"{request.url.path}?{more}" if page * size < len(items) else None
        shown = [self.shown(item) for item in part]
        return JSONResponse({"count": len(items), "next": following, "previous": None, "results": shown})

    # -- looking up

    def _known(self, path: str) -> str:
        if path not in BY_PATH:
            raise Refused(404, UNKNOWN)
        return path

    def _item(self, request: Request) -> Item:
        item = self.store.get(BY_PATH[self._known(request.path_params["path"])].type, request.path_params["id"])
        if not rights.sees(self.store, request.state.user, item):
            raise Refused(403, rights.FORBIDDEN)
        return item

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
        if lookup == "unified_job_node__workflow_job":
            return str(item.values.get("workflow_job")) == value
        *way, last = lookup.split("__")
        if last == "isnull":
            held = item.lists[way[0]] if way[0] in item.lists else [each for each in [item.values[way[0]]] if each]
            return (not held) == (value.lower() in ("true", "1"))
        wanted = value.split(",") if last == "in" else [value]
        names = way if last == "in" else [*way, last]
        current: Any = item
        for name in names:
            current = self._step(current, name)
            if current is None:
                return False
        if isinstance(current, bool):
            return current == (value.lower() in ("true", "1"))
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
