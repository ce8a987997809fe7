"""Our own errors in the shape that a provider's client expects."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from headroom.proxy.endpoints import Provider

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
}
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "insufficient_quota",
    502: "server_error",
    504: "server_error",
}
_GOOGLE_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_body(provider: Provider | None, status: int, message: str) -> dict[str, Any]:
    """What a provider would say; None is ourselves."""
    message = f"headroom: {message}"
    if provider is Provider.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}
    if provider is Provider.GEMINI:
        return {"error": {"code": status, "message": message, "status": _GOOGLE_STATUSES.get(status, "INTERNAL")}}
    kind = _OPENAI_TYPES.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": f"headroom_{status}"}}


def error_reply(provider: Provider | None, status: int, message: str) -> web.Response:
    """An error reply in a provider's shape."""
    body = json.dumps(error_body(provider, status, message)).encode()
    return web.Response(status=status, body=body, content_type="application/json")
