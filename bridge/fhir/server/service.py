"""The FHIR server as a function: a request in, an answer out, whatever happens."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from bridge.domain.errors import BridgeError
from bridge.fhir.identifiers import Json
from bridge.fhir.reading import FhirSender, expression_of, parse_body
from bridge.fhir.releases import Release
from bridge.fhir.server.bundles import (
    TELLING,
    batch_requests,
    demand_message,
    message_response,
    response_entry,
    told_in,
)
from bridge.fhir.server.capability import capability_statement
from bridge.fhir.server.exchange import Answer, Request, answer_from, content_type
from bridge.fhir.server.library import House, Library
from bridge.fhir.server.media_types import (
    FORM,
    JSON_PATCH,
    answer_release,
    body_release,
    demand_json,
    media_types,
)
from bridge.fhir.server.openapi import openapi
from bridge.fhir.server.operations import ID, Operation, operations_of
from bridge.fhir.server.patches import patch_of_binary, read_patch
from bridge.fhir.server.query import read_query
from bridge.fhir.server.reading_back import Reader
from bridge.fhir.server.refusals import FhirRefusal, outcome, refusal_of
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.searching import Searcher
from bridge.fhir.server.security import Guard
from bridge.fhir.server.writing import Writer
from bridge.fhir.subscriptions.desk import (
    OPERATIONS,
    SUBSCRIPTION,
    TOPIC,
    SubscriptionDesk,
    journaled,
)
from bridge.services.answer_request import AnswerRequest, Apply
from bridge.services.receive_message import InboundMessage
from bridge.services.transaction import Clock, Store, Transaction

_log = logging.getLogger(__name__)
_LONGEST_CONTROL_ID = 200
_PARTS_OF_HISTORY, _PARTS_OF_VERSION = 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirServerConfiguration:
    """What the server depends on. `sender_of` says how what clients write is read, by release."""

    house: House
    sender_of: Callable[[Release], FhirSender]
    release: Release = Release.R4
    mode: str = "his_only"
    guard: Guard = field(default_factory=Guard)
    software: str = "0"


class FhirServer:
    """Answers FHIR requests."""

    def __init__(
        self,
        *,
        store: Store,
        requests: AnswerRequest,
        configuration: FhirServerConfiguration,
        clock: Clock,
        subscriptions: SubscriptionDesk | None = None,
    ) -> None:
        self._store = store
        self._requests = requests
        self._configuration = configuration
        self._clock = clock
        self._subscriptions = subscriptions

    def answer(self, request: Request) -> Answer:
        """Do what is asked. Every error is an answer, too."""
        try:
            user = self._configuration.guard.user_of(request)
        except BridgeError as error:
            return refused(error, "http.authorization")
        return self._answered(replace(request, user=user))

    def answer_known(self, request: Request) -> Answer:
        """Do what is asked by somebody whom another guard has let in, named by the request."""
        return self._answered(request)

    def _answered(self, request: Request) -> Answer:
        try:
            return self._route(request)
        except BridgeError as error:
            return refused(error, _subject_of(request))
        except Exception:
            _log.exception("fhir.failed", extra={"method": request.method})
            text = "an error of the server; its log tells more"
            return refused(FhirRefusal(500, text), _subject_of(request))

    # --- routes

    def _route(self, request: Request) -> Answer:
        release = answer_release(request, self._configuration.release)
        parts = [part for part in request.path.split("/") if part]
        head = parts[0] if parts else ""
        if len(parts) <= 1 and head in _SYSTEM:
            return _only(request, _SYSTEM[head])(self, request, release)
        if head in (SUBSCRIPTION, TOPIC) and self._subscriptions is not None:
            return self._of_subscriptions(self._subscriptions, request, release)
        if head not in TYPES and head != "Bundle":
            raise FhirRefusal(404, "nothing is served here", code="not-supported")
        if head == "Bundle":
            if len(parts) > 1:
                raise FhirRefusal(404, "Bundles are processed and not kept", code="not-supported")
            return _only(request, {"POST": FhirServer.bundle})(self, request, release)
        if len(parts) > 1 and parts[1] != "_search" and not ID.fullmatch(parts[1]):
            raise FhirRefusal(404, "no such resource, and no logical id", code="not-found")
        return self._of_type(request, release, parts)

    def _of_type(self, request: Request, release: Release, parts: Sequence[str]) -> Answer:
        shape = _shape(parts)
        if shape not in _ROUTES:
            raise FhirRefusal(404, "nothing is served here", code="not-supported")
        return _only(request, _ROUTES[shape])(self, request, release)

    def _of_subscriptions(
        self, desk: SubscriptionDesk, request: Request, release: Release
    ) -> Answer:
        if request.method in ("GET", "HEAD") or request.path.endswith(OPERATIONS):
            return self._store.read(lambda tx: desk.read(tx, request, release))
        if request.method in ("POST", "PUT"):
            demand_json(request)
        return self._transact(
            replace(request, body=journaled(request.body)),
            release,
            f"{request.method} {SUBSCRIPTION}",
            lambda library, _writer: desk.write(
                library.tx, request, library.release, self._clock()
            ),
        )

    def metadata(self, _request: Request, release: Release) -> Answer:
        """CapabilityStatement."""
        configuration = self._configuration
        content = capability_statement(
            configuration.house.base,
            release,
            configuration.software,
            secured=configuration.guard.is_closed,
        )
        return Answer(status=200, content=content)

    def openapi(self, _request: Request, _release: Release) -> Answer:
        """The routes as OpenAPI."""
        configuration = self._configuration
        content = openapi(configuration.house.base, configuration.software)
        return Answer(status=200, content=content, headers={"Content-Type": "application/json"})

    # --- reads

    def read(self, request: Request, release: Release) -> Answer:
        """A resource, a version or a history."""
        return self._store.read(lambda tx: self._read(self._library(tx, release), request))

    def _read(self, library: Library, request: Request) -> Answer:
        parts = [part for part in request.path.split("/") if part]
        reader = Reader(library)
        if len(parts) == _PARTS_OF_VERSION:
            return reader.version(parts[0], parts[1], parts[3])
        if len(parts) == _PARTS_OF_HISTORY:
            return reader.history(parts[0], parts[1])
        return reader.read(parts[0], parts[1], request)

    def search(self, request: Request, release: Release) -> Answer:
        """Resources of a type, by GET."""
        return self._store.read(lambda tx: self._search(self._library(tx, release), request, ()))

    def post_search(self, request: Request, release: Release) -> Answer:
        """Resources of a type, by a form."""
        found = media_types(request.header("content-type"))
        if not found or found[0].name != FORM:
            raise FhirRefusal(415, f"a search is posted as {FORM}", expression="http.content-type")
        text = request.body.decode("utf-8", "replace")
        form = parse_qsl(text, keep_blank_values=True)
        return self._store.read(lambda tx: self._search(self._library(tx, release), request, form))

    def _search(
        self, library: Library, request: Request, more: Sequence[tuple[str, str]]
    ) -> Answer:
        type_ = TYPES[request.path.strip("/").split("/")[0]]
        strict = request.preference("handling") == "strict"
        query = read_query(type_, [*request.parameters, *more], strict=strict)
        return Answer(status=200, content=Searcher(library).bundle(query))

    # --- writes

    def write(self, request: Request, release: Release) -> Answer:
        """Create, update, patch or delete one resource."""
        operation = self._operation(request)
        preference = request.preference("return")

        def do(library: Library, writer: Writer) -> Answer:
            return writer.write([operation], preference)[0]

        return self._transact(request, release, f"{request.method} {operation.type}", do)

    def _operation(self, request: Request) -> Operation:
        parts = request.path.strip("/").split("/")
        patches = request.method == "PATCH"
        if patches:
            found = media_types(request.header("content-type"))
            if not found or found[0].name != JSON_PATCH:
                raise FhirRefusal(415, f"a patch is {JSON_PATCH}", expression="http.content-type")
        elif request.method != "DELETE":
            demand_json(request)
        writes = request.method in ("POST", "PUT")
        return Operation(
            method=request.method,
            type=parts[0],
            id=parts[1] if len(parts) > 1 else "",
            criteria=_criteria(request),
            resource=_parsed(request.body) if writes else None,
            patch=read_patch(request.body) if patches else None,
            if_match=request.header("if-match"),
            if_none_match=request.header("if-none-match"),
            if_none_exist=request.header("if-none-exist"),
            expression=parts[0],
        )

    def bundle(self, request: Request, release: Release) -> Answer:
        """A transaction, a batch, or what a sender tells."""
        demand_json(request)
        bundle = _parsed(request.body)
        if bundle.get("resourceType") != "Bundle":
            raise FhirRefusal(
                400, "what is posted to the base is a Bundle", expression="resourceType"
            )
        kind = str(bundle.get("type"))
        if kind == "batch":
            return self._batch(bundle, request)
        if kind == "transaction":
            return self._transaction(bundle, request, release)
        if kind == "message":
            return self._message(bundle, request, release)
        if kind in TELLING:
            return self._told(bundle, request, release)
        raise FhirRefusal(
            422,
            "a Bundle of this type asks for nothing that is done here",
            code="not-supported",
            expression="Bundle.type",
        )

    def _batch(self, bundle: Json, request: Request) -> Answer:
        """Each entry for itself (R4 3.1.0.11.1)."""
        base = self._configuration.house.base
        entries = [
            response_entry(self._inner(each)) for each in batch_requests(bundle, request, base)
        ]
        return Answer(status=200, content=_bundle("batch-response", entries))

    def _inner(self, request: Request) -> Answer:
        if request.path.strip("/") in ("", "Bundle") or request.path.startswith("$"):
            return refused(FhirRefusal(400, "no Bundle within a Bundle", code="not-supported"))
        if request.method == "PATCH":
            try:
                patch = patch_of_binary(_parsed(request.body))
            except BridgeError as error:
                return refused(error)
            headers = {**request.headers, "content-type": JSON_PATCH}
            request = replace(request, body=json.dumps(patch).encode(), headers=headers)
        return self._answered(request)

    def _transaction(self, bundle: Json, request: Request, release: Release) -> Answer:
        operations = operations_of(bundle, self._configuration.house.base)
        operations = [_with_patch(each) for each in operations]
        preference = request.preference("return")

        def do(library: Library, writer: Writer) -> Answer:
            writes = [each for each in operations if each.method not in ("GET", "HEAD")]
            answers = dict(
                zip((w.index for w in writes), writer.write(writes, preference), strict=True)
            )
            entries = [
                response_entry(
                    answers[each.index]
                    if each.index in answers
                    else self._read_within(library, each, request)
                )
                for each in operations
            ]
            return Answer(status=200, content=_bundle("transaction-response", entries))

        return self._transact(request, release, "POST transaction", do)

    def _read_within(self, library: Library, operation: Operation, whole: Request) -> Answer:
        """A GET of a transaction sees what its other entries wrote."""
        path, _, query = operation.query.partition("?")
        headers = {"if-none-match": operation.if_none_match} if operation.if_none_match else {}
        request = Request(method="GET", path=path, query=query, headers=headers)
        fresh = Library(library.tx, library.house, library.release)
        parts = [part for part in path.split("/") if part]
        shape = _shape(parts)
        if parts and parts[0] in TYPES and "GET" in _ROUTES.get(shape, {}):
            if len(parts) == 1:
                return self._search(fresh, request, ())
            return self._read(fresh, request)
        at = f"Bundle.entry[{operation.index}].request.url"
        raise FhirRefusal(404, "nothing is served there", code="not-supported", expression=at)

    def process_message(self, request: Request, release: Release) -> Answer:
        """$process-message (R4 2.4.1)."""
        demand_json(request)
        bundle = _parsed(request.body)
        demand_message(bundle)
        return self._message(bundle, request, release)

    def _message(self, bundle: Json, request: Request, release: Release) -> Answer:
        demand_message(bundle)
        base = self._configuration.house.base
        answer = self._told(bundle, request, release)
        error = 400
        if answer.status < error:
            content = message_response(bundle, base, None, passing=False)
            return Answer(status=200, content=content)
        passing = answer.status >= 500  # noqa: PLR2004 - HTTP's own classes
        content = message_response(bundle, base, answer.content, passing=passing)
        return Answer(status=answer.status, content=content, headers=answer.headers)

    def _told(self, bundle: Json, request: Request, release: Release) -> Answer:
        """Take what a Bundle tells: all of it, or nothing."""

        def do(library: Library, writer: Writer) -> Answer:
            told = told_in(bundle, library)
            if not told.operations:
                text = "the Bundle holds nothing that is taken here"
                raise FhirRefusal(422, text, code="not-supported", expression="Bundle.entry")
            answers = writer.write(told.operations, "", bundle, told.names)
            entries = [response_entry(each) for each in answers]
            return Answer(status=200, content=_bundle("batch-response", entries))

        return self._transact(request, release, f"POST {bundle.get('type')}", do)

    # --- transactions

    def _transact(
        self,
        request: Request,
        release: Release,
        kind: str,
        do: Callable[[Library, Writer], Answer],
    ) -> Answer:
        now = self._clock()
        written = body_release(request, self._configuration.release)
        sender = self._configuration.sender_of(written if request.body else release)
        message = InboundMessage(
            protocol="fhir",
            peer=request.client,
            source=f"FHIR|{request.user}" if request.user else "FHIR",
            type=kind,
            control_id=request.header("x-request-id")[:_LONGEST_CONTROL_ID] or str(uuid.uuid4()),
            raw=request.raw,
            received_at=now,
            mode=sender.profile.options.mode or self._configuration.mode,
            options=sender.profile.options,
        )

        def talk(tx: Transaction, apply: Apply) -> bytes:
            library = self._library(tx, sender.release)
            answer = do(library, Writer(library, sender, apply, now))
            said = {"Content-Type": content_type(sender.release)}
            return replace(answer, headers={**answer.headers, **said}).raw

        return answer_from(self._requests.answer(message, talk, lambda error: refused(error).raw))

    def _library(self, tx: Transaction, release: Release) -> Library:
        return Library(tx, self._configuration.house, release)


Handler = Callable[[FhirServer, Request, Release], Answer]

_SYSTEM: Mapping[str, Mapping[str, Handler]] = {
    "": {"POST": FhirServer.bundle},
    "metadata": {"GET": FhirServer.metadata},
    "openapi": {"GET": FhirServer.openapi},
    "$process-message": {"POST": FhirServer.process_message},
}
# The parts of a path below the base → what each method does.
_ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "type": {
        "GET": FhirServer.search,
        "POST": FhirServer.write,
        "PUT": FhirServer.write,
        "PATCH": FhirServer.write,
        "DELETE": FhirServer.write,
    },
    "type/_search": {"POST": FhirServer.post_search},
    "type/id": {
        "GET": FhirServer.read,
        "PUT": FhirServer.write,
        "PATCH": FhirServer.write,
        "DELETE": FhirServer.write,
    },
    "type/id/_history": {"GET": FhirServer.read},
    "type/id/_history/version": {"GET": FhirServer.read},
}


def _shape(parts: Sequence[str]) -> str:
    names = ("type", "id", "_history", "version")
    if len(parts) == 2 and parts[1] == "_search":  # noqa: PLR2004
        return "type/_search"
    if len(parts) > len(names) or (len(parts) > 2 and parts[2] != "_history"):  # noqa: PLR2004
        return ""
    return "/".join(names[: len(parts)])


def _only(request: Request, handlers: Mapping[str, Handler]) -> Handler:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in handlers:
        allowed = [*handlers, *(["HEAD"] if "GET" in handlers else [])]
        raise FhirRefusal(
            405, f"{method[:20]} is not done here", headers={"Allow": ", ".join(allowed)}
        )
    return handlers[method]


def _criteria(request: Request) -> str:
    """The criteria of a conditional update, patch or delete: the query, but what shapes answers."""
    parts = request.path.strip("/").split("/")
    if len(parts) > 1:
        return ""
    if request.method != "POST" and not request.query:
        text = "an update or delete is addressed to an id, or by criteria"
        raise FhirRefusal(405, text, headers={"Allow": "GET, HEAD, POST"})
    return request.query if request.method != "POST" else ""


def _parsed(body: bytes) -> Json:
    """The body as an object that can be kept. Raises FhirRefusal 400."""
    try:
        value = parse_body(body)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except BridgeError as error:
        raise FhirRefusal(400, error.message, code="structure") from None
    except UnicodeEncodeError:
        raise FhirRefusal(400, "half a surrogate pair is no character", code="value") from None
    except ValueError:
        raise FhirRefusal(400, "a number is too large", code="value") from None
    return value


def _with_patch(operation: Operation) -> Operation:
    if operation.method != "PATCH":
        return operation
    return replace(operation, patch=patch_of_binary(operation.resource), resource=None)


def _bundle(kind: str, entries: Sequence[Json]) -> Json:
    entry: dict[str, Any] = {"entry": list(entries)} if entries else {}
    return {"resourceType": "Bundle", "id": str(uuid.uuid4()), "type": kind, **entry}


def refused(error: BridgeError, subject: str = "") -> Answer:
    """Any error as an answer; `subject` is what it is about where it does not say it itself."""
    refusal = refusal_of(error, expression_of(error))
    problems = [
        each if each.expression else replace(each, expression=_PLACES.get(refusal.status, subject))
        for each in refusal.problems
    ]
    return Answer(status=refusal.status, content=outcome(problems), headers=refusal.headers)


_PLACES = {401: "http.authorization", 405: "http.method"}


def _subject_of(request: Request) -> str:
    """The type that a request is about, else the body as such."""
    head = request.path.strip("/").partition("/")[0]
    return head if head in TYPES else "Bundle" if head in ("", "Bundle") else "Resource"
