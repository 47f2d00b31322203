"""The built files of the pages, read and compressed ahead, so that serving one is a look-up.

``make run`` and the build of the wheel put them into ``static/``. A package without them serves no page.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.web.http import CACHED

STATIC = Path(__file__).parent / "static"
CLIENT, ACCOUNT, CONSOLE, CALLS, EVENTS = "index.html", "account.html", "console.html", "calls.html", "events.html"
"""The pages: the web client, the deletion of an account, the console, and the documentation of calls and events."""
PAGES = {CLIENT, ACCOUNT, CONSOLE, CALLS, EVENTS}
TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
}
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""By preference, and the suffix that the build gives to a file's compressed form."""


def _policy(*, images: str = "'self' blob:", markup: str = "'none'") -> bytes:
    """A Content-Security-Policy (CSP 3): nothing from elsewhere, no markup made of strings but by Trusted Types."""
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"img-src {images}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        f"trusted-types {markup}",
    )
    return "; ".join(rules).encode()


POLICY = _policy()
POLICIES = {CALLS: _policy(images="'self' data: blob:", markup="default dompurify 'allow-duplicates'")}
"""Of pages that need more: the viewer of calls has icons in its style, and makes markup that DOMPurify cleans."""
SAFE = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
)


@frozen
class WebFile:
    """A page or a part of one, in each of its encodings; "" is the plain one."""

    type: bytes
    bodies: dict[str, bytes]
    tag: str
    policy: bytes
    is_named_by_content: bool
    """Whether another content has another name, so that browsers may keep it."""

    def write(self, request: Any) -> bytes:
        """Set the status and fields of the answer; returns its body, in an encoding that the client takes."""
        accepted = accepted_encodings(request.getHeader(b"accept-encoding") or b"")
        encoding = next((name for name, _ in ENCODINGS if name in accepted and name in self.bodies), "")
        for name, value in (*SAFE, (b"Content-Security-Policy", self.policy), (b"Content-Type", self.type)):
            request.setHeader(name, value)
        request.setHeader(b"Server", b"JustChat")
        kept = b"public, max-age=31536000, immutable" if self.is_named_by_content else b"no-cache"
        request.setHeader(b"Cache-Control", kept)
        request.setHeader(b"Vary", b"Accept-Encoding" if self.is_named_by_content else b"Accept, Accept-Encoding")
        if encoding:
            request.setHeader(b"Content-Encoding", encoding.encode())
        if request.setETag(f'"{self.tag}{encoding}"'.encode()) is CACHED:
            return b""
        body = self.bodies[encoding]
        request.setHeader(b"Content-Length", b"%d" % len(body))
        return b"" if request.method == b"HEAD" else body


def accepted_encodings(field: bytes) -> set[str]:
    """The encodings that an Accept-Encoding field names and does not refuse (RFC 9110, section 12.5.3)."""
    accepted = set()
    for part in field.decode("latin-1").split(",")[:32]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if not any(parameter.replace(" ", "").rstrip("0.") == "q=" for parameter in parameters):
            accepted.add(name)
    return accepted


def wants_page(accept: bytes | None) -> bool:
    """Whether a request for ``/`` is answered by the page: unless it asks for JSON and does not for HTML."""
    return accept is None or b"text/html" in accept or b"application/json" not in accept


def is_built(folder: Path = STATIC) -> bool:
    """Whether there are pages to serve."""
    return (folder / CLIENT).is_file()


def load_files(folder: Path = STATIC) -> dict[str, WebFile]:
    """The files by their names; empty where they were not built, or are being built anew."""
    try:
        files = {path.name: _load(path) for path in sorted(folder.iterdir()) if path.suffix in TYPES}
    except FileNotFoundError:
        return {}
    return files if files.keys() >= PAGES else {}


def _load(path: Path) -> WebFile:
    bodies = {"": path.read_bytes()}
    for name, suffix in ENCODINGS:
        compressed = path.with_name(path.name + suffix)
        if compressed.is_file():
            bodies[name] = compressed.read_bytes()
    tag = sha256(bodies[""]).hexdigest()[:16]
    return WebFile(TYPES[path.suffix], bodies, tag, POLICIES.get(path.name, POLICY), path.suffix != ".html")
