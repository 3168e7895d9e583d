"""The language of an answer: that of the address's `language`, or that of the header `Accept-Language`."""

from __future__ import annotations

from aiohttp import web

from stylecam.utils.languages import Language, accepted, choose


def language_of(request: web.Request) -> Language:
    """Return the language that `request` asks for; English for a program that asks for none.

    A page cannot set the headers of a WebSocket, so it may name the language in the address.
    """
    named = request.query.get("language")
    return choose(accepted(request.headers.get("Accept-Language", "")) if named is None else [named])
