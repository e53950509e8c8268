"""A headless Chromium that opens one page after the other, spoken to through its pipe (Chrome DevTools Protocol)."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync",
    "--no-default-browser-check", "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE = 60

# Chromium reads from 3 and writes to 4.
START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def found() -> str | None:
    """Return where a Chromium is, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Browser:
    """Sends commands and keeps what the page said without being asked."""

    reading: int
    writing: int
    events: list[dict[str, Any]] = field(default_factory=list)
    session: str = ""
    _count: int = 0
    _rest: bytes = b""

    def ask(self, method: str, **values: Any) -> Any:
        """Send a command and return its answer."""
        self._count += 1
        more = {"sessionId": self.session} if self.session else {}
        message = {"id": self._count, "method": method, "params": values} | more
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._count:
                assert "error" not in told, (method, told["error"])
                return told["result"]

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            assert select.select([self.reading], [], [], max(0.0, end - time.monotonic()))[0], "Chromium says nothing"
            data = os.read(self.reading, 1 << 20)
            assert data, "Chromium ended"
            self._rest += data
        raw, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(raw)
        if "method" in told:
            self.events.append(told)
        return told

    def open(self, page: Path) -> None:
        """Open a file and wait until it is loaded; what it does wrong is among the events from now on."""
        self.session = ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while not self.said("Page.loadEventFired"):
            self._next()

    def run(self, script: str) -> Any:
        """Run a script in the page, past its policy, and return what it evaluates to."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key, as a person would."""
        text = {"Enter": "\r"}.get(key, "")
        code = {"Enter": 13, "Tab": 9}[key]
        for kind in ("keyDown", "keyUp"):
            own = {"text": text} if text and kind == "keyDown" else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **own)

    def said(self, method: str) -> list[dict[str, Any]]:
        """Return the events of one kind."""
        return [event["params"] for event in self.events if event["method"] == method]

    def faults(self) -> list[Any]:
        """Return what the page did wrong: exceptions, words on the console, refusals, and requests beyond itself."""
        self.run("new Promise(done => setTimeout(done, 50))")
        urls = [event["request"]["url"] for event in self.said("Network.requestWillBeSent")]
        return [
            *self.said("Runtime.exceptionThrown"),
            *self.said("Runtime.consoleAPICalled"),
            *self.said("Log.entryAdded"),
            *[url for url in urls[1:] if not url.startswith("data:")],
        ]


@contextmanager
def started(program: str, profile: Path) -> Iterator[Browser]:
    """Start a Chromium with a profile of its own, and end it."""
    theirs, writing = (_high(end) for end in os.pipe())
    reading, ours = (_high(end) for end in os.pipe())
    command = [sys.executable, "-c", START, str(theirs), str(ours), program, *FLAGS, f"--user-data-dir={profile}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, pass_fds=(theirs, ours), **quiet)
    os.close(theirs)
    os.close(ours)
    try:
        yield Browser(reading, writing)
    finally:
        os.close(writing)  # it ends when its pipe does
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(reading)


def _high(end: int) -> int:
    """Return a number for a file beyond those that are taken below."""
    moved = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(end)
    return moved
