"""Who may ask, and what a page may do: names of the server, other sites, a token, sizes, and the headers of every answer."""

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "flawsmith-token"
SAFE = ("GET", "HEAD", "OPTIONS")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
BODY = 64 * 2**20  # bytes of a request: a mask of the largest picture; uploads have limits of their own
UPLOADS = "/api/upload"  # how the addresses end whose bodies may be larger

# A page loads nothing from elsewhere, runs no script but the studio's own files, and stands in no other site's frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Access:
    """Who may use the server."""

    hosts: tuple[str, ...]  # names that a browser may call it by, without the port
    token: str = ""  # must be known to whoever asks; "" = none is needed
    addresses: bool = False  # numeric addresses are fine, too: only names can be made to lead here by somebody else
    upload: int = 2 * 2**30  # bytes of an upload at most
    local: bool = False  # nobody but who is on this machine reaches it

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name = host[1:].split("]")[0] if host.startswith("[") else host.rsplit(":", 1)[0]
        return name.lower() in self.hosts or (self.addresses and _is_address(name))


def access_for(host: str, token: bool | None = None, names: tuple[str, ...] = ()) -> Access:
    """Return who may use a server that listens on `host`: on loopback whoever is on this machine, else who knows the token.

    token: asks for one, or for none, in any case; names: more names that it is called by, such as that of a proxy.
    """
    local, everywhere = host in LOOPBACK, host in ("0.0.0.0", "::", "")
    wanted = not local if token is None else token
    own = [] if local else [socket.gethostname(), socket.getfqdn()] if everywhere else [host]
    hosts = tuple(name.lower() for name in (*LOOPBACK, *own, *names))
    return Access(hosts, secrets.token_urlsafe(24) if wanted else "", addresses=everywhere, local=local and not names)


class Guard:
    """Refuses what must not be asked, and adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    found.setdefault(name, value)
            await send(message)

        refused = self._refusal(scope, headers)
        if refused:
            status, why = refused
            await PlainTextResponse(why, status)(scope, receive, sending)
            return
        if self._access.token and not _knows(headers, self._access.token):
            await self._ask_token(scope, receive, sending)
            return
        limit = self._access.upload if scope["path"].endswith(UPLOADS) else BODY
        if int(headers.get("content-length") or 0) > limit:
            await PlainTextResponse(f"Too much at once: at most {limit // 2**20} MB.", 413)(scope, receive, sending)
            return
        await self._app(scope, _limited(receive, limit), sending)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return status and reason of what is refused; None for what is not."""
        host = headers.get("host", "")
        if not self._access.knows(host):  # another name that leads here: DNS rebinding
            return 421, f"This server is not called {host!r}; use the address that it printed, or name it: --allow-host NAME."
        site = headers.get("sec-fetch-site", "none")
        if scope["method"] in SAFE:
            document = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            return (403, "Other sites may not look at this one.") if site in ("cross-site", "same-site") and not document else None
        origin = headers.get("origin")
        if origin is None or urlsplit(origin).netloc != host or site not in ("none", "same-origin"):
            return 403, "Only the studio's own pages may change anything."
        if not (headers.get("content-length") or "0").isdigit():
            return 400, "Content-Length is no number."
        return None

    async def _ask_token(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the token from the address, once; refuse who does not know it."""
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        given = asked.pop("token", [""])[0]
        if not hmac.compare_digest(given.encode(), self._access.token.encode()):
            told = "Use the whole address that the server printed when it started: it ends in ?token=..."
            await PlainTextResponse(told, 401)(scope, receive, send)
            return
        query = urlencode(asked, doseq=True)
        answer = RedirectResponse(scope["path"] + (f"?{query}" if query else ""), 303)  # the token stays in no history
        answer.set_cookie(COOKIE, self._access.token, httponly=True, samesite="strict", path="/")
        await answer(scope, receive, send)


def _limited(receive: Receive, limit: int) -> Receive:
    """Return what gives a body up to `limit` bytes, and breaks one off that turns out larger than it said."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > limit else message

    return limited


def _knows(headers: Mapping[str, str], token: str) -> bool:
    morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    return morsel is not None and hmac.compare_digest(morsel.value.encode(), token.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
