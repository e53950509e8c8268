"""A hub on this machine: the part of the hub's protocol that getting a model needs, with faults to order."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """One repository that is served, what shall go wrong, and what was asked."""

    folder: Path
    hub_id: str = "some-one/a-model"
    commit: str = COMMIT
    ranges: bool = True  # honour Range
    status: int = 200  # of the listing
    error: str = ""  # X-Error-Code of the listing
    cut_after: dict[str, int] = field(default_factory=dict)  # file name -> bytes, once
    falsify: set[str] = field(default_factory=set)  # file names whose bytes are changed on the way
    asked: list[tuple[str, str]] = field(default_factory=list)  # (path, Range)

    def listing(self) -> dict[str, Any]:
        return {
            "_id": "0",
            "id": self.hub_id,
            "sha": self.commit,
            "siblings": [self._sibling(path) for path in sorted(self.folder.rglob("*")) if path.is_file()],
        }

    def _sibling(self, path: Path) -> dict[str, Any]:
        data = path.read_bytes()
        row = {"rfilename": path.relative_to(self.folder).as_posix(), "size": len(data)}
        if is_large(path):
            lfs = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            return {**row, "blobId": "0" * 40, "lfs": lfs}
        return {**row, "blobId": hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()}

    def fetched(self) -> list[str]:
        """The names of the files whose bytes were asked for."""
        return [path.partition(f"/resolve/{self.commit}/")[2] for path, _ in self.asked if "/resolve/" in path]


def is_large(path: Path) -> bool:
    return path.suffix in (".safetensors", ".bin", ".ckpt")


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """Serve the hub and give its address."""
    server = _Server(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are part of the tests."""


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append((path, self.headers.get("Range", "")))
            if path.startswith(f"/api/models/{hub.hub_id}/revision/"):
                return self.answer_listing(path.rpartition("/")[2])
            name = path.partition(f"/{hub.hub_id}/resolve/{hub.commit}/")[2] or path.partition("/cdn/")[2]
            file = hub.folder / name
            if not name or not file.is_file():
                return self.fail(404, "RepoNotFound")
            if is_large(file) and "/resolve/" in path:
                return self.redirect(f"/cdn/{name}")
            self.send_file(file)

        def answer_listing(self, revision: str) -> None:
            if hub.status != 200:
                return self.fail(hub.status, hub.error)
            if revision not in ("main", "v1", hub.commit):
                return self.fail(404, "RevisionNotFound")
            self.reply(200, json.dumps(hub.listing()).encode(), {"Content-Type": "application/json"})

        def send_file(self, file: Path) -> None:
            data = file.read_bytes()
            if file.name in hub.falsify:
                data = data[:-1] + bytes([data[-1] ^ 1])
            asked = self.headers.get("Range", "")
            if asked and hub.ranges:
                start = int(asked.removeprefix("bytes=").partition("-")[0])
                span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
                return self.reply(206, data[start:], span, hub.cut_after.pop(file.name, None))
            self.reply(200, data, {}, hub.cut_after.pop(file.name, None))

        def redirect(self, to: str) -> None:
            self.reply(302, b"", {"Location": to, "X-Repo-Commit": hub.commit})

        def fail(self, status: int, code: str) -> None:
            self.reply(status, b"{}", {"X-Error-Code": code} if code else {})

        def reply(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True

    return Handler
