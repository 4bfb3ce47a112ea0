"""``/openapi.json``: the description (OpenAPI 3.1) of exactly the routes there are."""

from __future__ import annotations

import re
from http import HTTPStatus

from appliance import __version__
from appliance.gateway.operations import API, OPERATIONS, Operation, Parameter
from appliance.gateway.respond import Json
from appliance.gateway.schemas import ref, schemas

_VARIABLE = re.compile(r"<([a-z_]+)>")


def description() -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(template(operation.path), {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fieldbox",
            "version": __version__,
            "summary": "Messages, conversations and the state of one node.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "paths": paths,
        "components": {"schemas": schemas(), "securitySchemes": _security_schemes()},
    }


def template(path: str) -> str:
    """A path in OpenAPI's writing: ``/messages/{record}``."""
    return _VARIABLE.sub(r"{\1}", path)


def _security_schemes() -> Json:
    return {
        "token": {"type": "http", "scheme": "bearer", "description": "A token with scopes, made for other software."},
        "session": {
            "type": "apiKey",
            "in": "header",
            "name": "Cookie",
            "description": "A browser that is logged in; calls that change something carry X-CSRFToken.",
        },
    }


def _operation(operation: Operation) -> Json:
    shape: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(operation.status): _success(operation), **_other_answers(operation)},
    }
    if operation.parameters:
        shape["parameters"] = [_parameter(each) for each in operation.parameters]
    if operation.body:
        shape["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(operation.body)}}}
    if operation.scope is not None:
        shape["security"] = [{"token": [operation.scope]}, {"session": []}]
    else:
        shape["security"] = []
    return shape


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.about,
        "schema": parameter.schema,
    }


def _success(operation: Operation) -> Json:
    schema: Json = ref(operation.answer) if operation.answer else {"type": "string"}
    shape: Json = {"description": operation.summary, "content": {operation.media: {"schema": schema}}}
    if operation.status == HTTPStatus.CREATED:
        shape["headers"] = {
            "Location": {"description": f"Where it is from now on, under {API}.", "schema": {"type": "string"}},
        }
    if any(each.name == "If-None-Match" for each in operation.parameters):
        shape["headers"] = {"ETag": {"description": "Of this content.", "schema": {"type": "string"}}}
    return shape


def _other_answers(operation: Operation) -> Json:
    statuses = set(operation.problems)
    if operation.scope is not None:
        statuses |= {401, 403, 500}
    answers: Json = {str(status): _problem(status) for status in sorted(statuses)}
    if any(each.name == "If-None-Match" for each in operation.parameters):
        answers["304"] = {"description": "The content is what the client holds."}
    return answers


def _problem(status: int) -> Json:
    content: Json = {"application/problem+json": {"schema": ref("Problem")}}
    return {"description": HTTPStatus(status).phrase, "content": content}
