"""Describe the API in OpenAPI 3.1, from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stylecam.control.actions import Action
from stylecam.control.http.auth import OWN_STYLES_PATH, PREPARATION_PATH
from stylecam.control.own_styles import MAX_MINUTES
from stylecam.control.parameters import FLAG, LONGEST, NUMBER, TEXT, Parameter
from stylecam.models.own_style import MAX_TEXT_LENGTH

_OBJECT = {"type": "object"}
_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}


def _described(kind: dict[str, Any], words: str) -> dict[str, Any]:
    return {**kind, "description": words}


_STATS = {
    "type": "object",
    "description": "All figures of the moment; these say where the picture comes from, where it goes and who takes it.",
    "properties": {
        "source": {
            "type": "object",
            "description": "what is read",
            "properties": {"name": _TEXT, "kind": _described(_TEXT, "camera, demo, picture or video")},
        },
        "size": {"type": "array", "items": {"type": "integer"}, "description": "width and height that are published"},
        "fps": {"type": "number", "description": "pictures a second that are published"},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": _TEXT,
                    "kind": _described(_TEXT, "virtual, pipewire, web, window, file, stream, null or other"),
                    "label": _described(_TEXT_OR_NULL, "the name under which other programs list it as a camera"),
                    "trouble": _described(_TEXT_OR_NULL, "why it takes no pictures now"),
                    "dropped": {"type": "integer"},
                },
            },
        },
        "missing_camera": {
            "type": ["object", "null"],
            "description": "why there is no virtual camera, although no other output was asked for",
            "properties": {
                "reason": _TEXT,
                "fix": _described(_TEXT, "what to do, in a few words"),
                "command": _described(_TEXT_OR_NULL, "the command that does it"),
            },
        },
        "viewers": {
            "type": "array",
            "items": _TEXT,
            "description": "who takes the pictures now, as far as that is known: programs, pages, receivers of streams",
        },
    },
}
_CAMERAS = {
    "type": "object",
    "required": ["cameras"],
    "properties": {
        "cameras": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["which", "name", "kind", "current", "problem"],
                "properties": {
                    "which": _described(_TEXT, "the argument of the action camera"),
                    "name": _TEXT,
                    "kind": _described(_TEXT, "camera, demo, picture or video"),
                    "current": {"type": "boolean"},
                    "problem": _described(_TEXT_OR_NULL, "why it cannot be used now"),
                },
            },
        }
    },
}
_OUTPUTS = {
    "type": "object",
    "properties": {
        "sizes": {"type": "array", "items": _TEXT, "description": "usual arguments of the action size"},
        "rates": {"type": "array", "items": {"type": "number"}, "description": "usual arguments of the action fps"},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["which", "name", "kind", "on", "changeable", "problem"],
                "properties": {
                    "which": _described(_TEXT, "the argument of the action output"),
                    "name": _TEXT,
                    "kind": _described(_TEXT, "virtual, pipewire, web, window, file, stream, null or other"),
                    "on": {"type": "boolean"},
                    "changeable": _described({"type": "boolean"}, "whether it can be added and removed now"),
                    "problem": _described(_TEXT_OR_NULL, "why it takes no pictures, or cannot be added, and the fix"),
                },
            },
        },
    },
}
_SDP = "application/sdp"


def describe(actions: Iterable[Action], version: str) -> dict[str, Any]:
    """Return the description as a JSON object."""
    paths: dict[str, Any] = {
        "/api/state": {
            "get": _operation(
                "The current state",
                {"200": _json(_ref("State")), **_errors(422)},
                [_query("stats", {"type": "boolean"}, "also the statistics")],
            )
        },
        "/api/stats": {"get": _operation("The current statistics", {"200": _json(_ref("Stats"))})},
        "/api/styles": {"get": _operation("The available styles", {"200": _json(_OBJECT)})},
        "/api/cameras": {
            "get": _operation("The cameras that the action `camera` may choose", {"200": _json(_ref("Cameras"))})
        },
        "/api/camera.jpg": {
            "post": _operation(
                "The unpainted camera picture, for a comparison; only on this computer, and only while a painting is "
                "published and no room hidden",
                {"200": _jpeg(), "204": {"description": "no picture now"}, **_errors(413, 429)},
            )
        },
        "/api/outputs": {
            "get": _operation(
                "The sizes, rates and outputs that the actions `size`, `fps` and `output` may choose",
                {"200": _json(_ref("Outputs"))},
            )
        },
        "/api/styles/{name}/thumbnail.jpg": {
            "get": _operation(
                "The camera picture in this style, small",
                {
                    "200": _jpeg(),
                    "204": {"description": "no picture now"},
                    "304": {"description": "unchanged"},
                    **_errors(404, 409),
                },
                [_in_path("name")],
            )
        },
        **_own_styles(),
        "/api/actions": {"get": _operation("The available actions", {"200": _json(_OBJECT)})},
        "/api/code": {
            "post": {
                **_operation(
                    "Exchange the code of the address that stylecam opens in the browser for the token, once; "
                    "this request alone needs no token",
                    {"200": _json(_OBJECT), **_errors(413)},
                ),
                "security": [],
                "requestBody": {"required": True, "content": {"text/plain": {"schema": _TEXT}}},
            }
        },
        "/api/phone": {
            "post": _operation(
                "A link for a phone, which works once, and its QR code as SVG; null where only this computer may "
                "open the page",
                {"200": _json(_OBJECT), **_errors(413)},
            )
        },
        "/api/openapi.json": {"get": _operation("This description", {"200": _json(_OBJECT)})},
        "/whep": {
            "post": {
                **_operation(
                    "Begin to receive the picture as WebRTC video (WHEP); the answer names the address that ends it",
                    {
                        "201": {"description": "the answer", "content": {_SDP: {"schema": _TEXT}}},
                        **_errors(400, 413, 415, 422, 501, 503),
                    },
                ),
                "requestBody": {"required": True, "content": {_SDP: {"schema": _TEXT}}},
            }
        },
        "/whep/{id}": {
            "delete": _operation(
                "End a WebRTC connection", {"200": {"description": "ended"}, **_errors(404)}, [_in_path("id")]
            )
        },
        "/snapshot.jpg": {"get": _operation("The picture published now", {"200": _jpeg(), **_errors(503)})},
    }
    for action in actions:
        paths[f"/api/actions/{action.name}"] = {"post": _post(action)}
        paths[f"/api/do/{action.name}"] = {"get": _get(action)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stylecam",
            "version": version,
            "description": "Controls a running stylecam. There are also a WebSocket at /api/live and the live "
            "picture at /stream.mjpg. The token goes into the address or a header; the WebSocket also takes it as the "
            "protocol `token.TOKEN` beside `stylecam`, as browsers cannot add a header there. There are no cookies.",
        },
        "security": [{"address": []}, {"header": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "address": {"type": "apiKey", "in": "query", "name": "token"},
                "header": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {
                "State": {"type": "object", "required": ["version", "style", "weights", "strength"]},
                "Stats": _STATS,
                "Cameras": _CAMERAS,
                "Outputs": _OUTPUTS,
                "Done": {
                    "type": "object",
                    "required": ["state"],
                    "properties": {"state": _ref("State"), "result": _OBJECT},
                },
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string", "description": "one line"}},
                },
            },
        },
    }


def _own_styles() -> dict[str, Any]:
    """Describe the paths of own styles."""
    name, one = [_in_path("name")], f"{OWN_STYLES_PATH}/{{name}}"
    texts = {key: {"type": "string", "maxLength": MAX_TEXT_LENGTH} for key in ("title", "artist", "licence")}
    queries = [_query(key, schema, f"the picture's {key}") for key, schema in texts.items()]
    queries.append(_query("name", _TEXT, "how commands call the style; without, it is made from the title"))
    crop = _query("crop", _TEXT, "the part that is learned: left,top,width,height as shares of the picture")
    queries.append(crop)
    style, done = _json(_object_with(style=_OBJECT)), _json(_OBJECT)
    binary = {"type": "string", "format": "binary"}
    file = {"description": "a .style file", "content": {"application/octet-stream": {"schema": binary}}}
    minutes = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_MINUTES}
    return {
        OWN_STYLES_PATH: {
            "post": {
                **_operation(
                    "Learn a style from the picture in the body, or keep the `.style` file in it; `notes` says what "
                    "there is to know about the picture",
                    {"201": style, **_errors(408, 409, 413, 422, 503, 507)},
                    queries,
                ),
                "requestBody": {"required": True, "content": {"*/*": {"schema": binary}}},
            }
        },
        PREPARATION_PATH: {
            "post": {
                **_operation(
                    "Study the picture in the body, which may soon be learned, so that this then takes no time; "
                    "without one only load what learns",
                    {"200": done, **_errors(408, 413, 422)},
                    [crop],
                ),
                "requestBody": {"content": {"*/*": {"schema": binary}}},
            }
        },
        one: {
            "patch": {
                **_operation("Change the texts of an own style", {"200": style, **_errors(404, 413, 422, 507)}, name),
                "requestBody": {"required": True, "content": {"application/json": {"schema": _object_with(**texts)}}},
            },
            "delete": _operation("Delete an own style", {"200": done, **_errors(404, 507)}, name),
        },
        f"{one}/file": {
            "get": _operation("The own style as one file, to be kept or shared", {"200": file, **_errors(404)}, name)
        },
        f"{one}/picture.jpg": {
            "get": _operation("The picture that it was learned from", {"200": _jpeg(), **_errors(404, 422)}, name)
        },
        f"{one}/improvement": {
            "post": {
                **_operation(
                    "Train an own style further; the state says in `improving` how far it is",
                    {"202": done, **_errors(404, 409, 413, 422, 501)},
                    name,
                ),
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _object_with(minutes=minutes)}},
                },
            },
            "delete": _operation("Stop training it; what was learned stays", {"200": done, **_errors(404)}, name),
        },
    }


def _object_with(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _post(action: Action) -> dict[str, Any]:
    body = {
        "type": "object",
        "properties": {p.name: _schema(p) for p in action.parameters},
        "required": [p.name for p in action.parameters if p.required],
        "additionalProperties": False,
    }
    required = bool(body["required"])
    answers = {"200": _json(_ref("Done")), **_errors(400, 409, 413, 415, 422)}
    operation = _operation(action.help, answers)
    return {**operation, "requestBody": {"required": required, "content": {"application/json": {"schema": body}}}}


def _get(action: Action) -> dict[str, Any]:
    parameters = [_query(p.name, _schema(p, words=True), p.help, p.required) for p in action.parameters]
    return _operation(
        f"{action.help}, by its address alone", {"200": _json(_ref("Done")), **_errors(409, 422)}, parameters
    )


def _schema(parameter: Parameter, words: bool = False) -> dict[str, Any]:
    """Return the JSON schema of `parameter`; in a query string (`words`) weights are text."""
    common: dict[str, Any] = {"description": f"{parameter.help}: {parameter.allowed}"}
    if parameter.kind == FLAG:
        return {"type": "boolean", **common}
    if parameter.kind == NUMBER:
        number = {"type": "number", "minimum": parameter.low, "maximum": parameter.high}
        return (
            {"anyOf": [{"enum": list(parameter.choices)}, number], **common} if parameter.choices else number | common
        )
    if parameter.kind == TEXT and parameter.choices:
        return {"enum": list(parameter.choices), **common}
    if parameter.kind == TEXT or words:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST, **common}
    shares = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number", "minimum": 0}}
    return {"anyOf": [shares, {"type": "string", "minLength": 1, "maxLength": LONGEST}], **common}


def _operation(help_: str, answers: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    responses = {**answers, **_errors(401, 403)}
    return {"summary": help_, "parameters": parameters or [], "responses": responses}


def _query(name: str, schema: dict[str, Any], help_: str, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "description": help_, "schema": schema}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _errors(*statuses: int) -> dict[str, Any]:
    words = {
        400: "not JSON, or no text", 401: "no token, or a wrong one", 403: "the host or the origin is another one",
        404: "there is none of this name", 409: "cannot be done now", 413: "too large", 415: "another content type",
        422: "wrong arguments", 429: "too soon after the one before",
        408: "it took too long to arrive", 501: "a package is not installed",
        503: "no picture yet, or too many viewers or requests", 507: "it cannot be written",
    }  # fmt: skip
    return {str(status): {**_json(_ref("Error")), "description": words[status]} for status in statuses}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "done", "content": {"application/json": {"schema": schema}}}


def _jpeg() -> dict[str, Any]:
    return {"description": "a picture", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
