"""Pieces of the OpenAPI document that endpoints hang on themselves: errors and bodies."""

from typing import Any, Final

from pydantic import BaseModel

from farcopy.core.config import FIELDS, READ_ONLY, Field
from farcopy.web.schemas import SETTING_EXAMPLES, ErrorAnswer

ERROR_WORDS: Final = {
    400: "Invalid input, or something has to be configured first; `code` tells",
    401: "Not logged in, session expired, wrong credentials, or a token that is none",
    403: "Not an admin, a generated password not yet changed, the password is needed again, or a "
         "request from another site; `code` tells",
    404: "There is no such run, account, session or token",
    409: "The state of things forbids it, as a sync that is already running; `code` tells",
    412: "The settings are not those of If-Match any more; nothing was changed",
    413: "The body is larger than 64 KiB",
    415: "The body is not application/json in UTF-8, or it is compressed",
    429: "Too many attempts; wait the seconds in Retry-After",
    500: "Server error",
    503: "The service is not running, the database is not writable, or the key does not fit",
}


def error_answers(*statuses: int) -> dict[int, type[BaseModel]]:
    """For an endpoint's `response=`; 500 can always happen."""
    return dict.fromkeys((*statuses, 500), ErrorAnswer)


def body_of(model: type[BaseModel], *, is_required: bool = True) -> dict[str, Any]:
    """A request body, checked by the view: ninja only documents it."""
    return _body(model.model_json_schema(), is_required=is_required)


def settings_body() -> dict[str, Any]:
    """configure-sync's body, from the one table of settings."""
    properties = {field.name: _property(field) for field in FIELDS}
    for name in sorted(READ_ONLY):
        properties[name] = {
            "description": "Returned by get-config; ignored when posted back.",
            "readOnly": True,
        }
    return _body({
        "title": "Settings",
        "description": "All fields are optional; those not named stay as they are.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    })


def _body(schema: dict[str, Any], *, is_required: bool = True) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": is_required, "content": content}}


def _property(field: Field) -> dict[str, Any]:
    is_nullable = field.type == "string" and field.is_nullable
    shown: dict[str, Any] = {
        "type": [field.type, "null"] if is_nullable else field.type,
        "description": field.description,
        "examples": [SETTING_EXAMPLES[field.name]],
    }
    if field.type == "list":
        shown |= {
            "type": "array", "maxItems": field.maximum,
            "items": {"type": "string", "minLength": 1, "maxLength": field.max_length},
        }
    elif field.type == "integer":
        shown |= {"minimum": field.minimum, "maximum": field.maximum}
    elif field.choices:
        shown["enum"] = list(field.choices)
    elif field.type == "string":
        shown["maxLength"] = field.max_length
    return shown
