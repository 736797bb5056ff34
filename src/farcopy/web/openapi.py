"""The OpenAPI document, at /api/openapi.json and in docs/reference/openapi.json.

`python -m farcopy.web.openapi > docs/reference/openapi.json` writes the copy
anew; a test fails when it lags behind.
"""

import json
import os
import sys
from typing import Any

from django.http import HttpRequest, JsonResponse

_ALLOW = {
    "description": "The methods this path takes.",
    "schema": {"type": "string"},
    "example": "POST, OPTIONS",
}
_RETRY_AFTER = {
    "description": "Seconds to wait.", "schema": {"type": "integer"}, "example": 60,
}


def document() -> dict[str, Any]:
    """The whole document, as plain JSON values."""
    from farcopy.web.api import api
    from farcopy.web.openapi_parts import ERROR_WORDS
    from farcopy.web.routes import ROUTES

    made: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api")))
    made["security"] = [{"session": []}]
    made["components"]["securitySchemes"] = {
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "DICOM_VIEWER_SESSION",
            "description": "Set by /api/auth/login.php. The name can be changed with "
            "FARCOPY_SESSION_COOKIE.",
        },
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token, as tokens/add.php makes it. If there is one, it alone "
            "decides.",
        },
    }
    error_shape = _shape_of_errors(made)
    for path, operations in made["paths"].items():
        route = ROUTES.get(path)
        for operation in operations.values():
            if route is not None and route.scope:
                operation["security"] = [{"session": []}, {"token": []}]
                operation["description"] += f" Tokens need the scope {route.scope}."
            answers = operation["responses"]
            answers["405"] = {
                "description": "Another method than this is not allowed",
                "headers": {"Allow": _ALLOW},
                "content": error_shape,
            }
            for status, answer in answers.items():
                if int(status) in ERROR_WORDS:
                    answer["description"] = ERROR_WORDS[int(status)]
                if status == "429":
                    answer["headers"] = {"Retry-After": _RETRY_AFTER}
            operation["responses"] = dict(sorted(answers.items()))
    return made


def _shape_of_errors(made: dict[str, Any]) -> dict[str, Any]:
    any_operation = next(iter(next(iter(made["paths"].values())).values()))
    shape: dict[str, Any] = any_operation["responses"]["500"]["content"]
    return shape


def show(request: HttpRequest) -> JsonResponse:
    """GET /api/openapi.json"""
    return JsonResponse(document())


def main() -> None:
    """Print the document. Touches no home and no database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "farcopy.settings.web")
    # Any key will do, and one given keeps the settings from making a key file.
    os.environ.setdefault("FARCOPY_KEY", "5a" * 32)
    import django

    django.setup()
    sys.stdout.write(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
