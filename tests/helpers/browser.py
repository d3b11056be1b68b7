"""Chromium without a window, spoken to in its DevTools protocol through a pair of pipes."""

import json
import os
import select
import shutil
import subprocess
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome")
FOUND = next(filter(None, map(shutil.which, NAMES)), None)
# Started by bash, which can give the pipes the numbers that Chromium reads (3) and writes (4).
START = 'exec "$0" "$@" 3<&{} 4>&{}'
OPTIONS = (
    *("--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"),
    *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
KEYS = {  # each with its number and the text that it writes
    "Tab": (9, "\t"),
    "Enter": (13, "\r"),
    " ": (32, " "),
    "Home": (36, ""),
    "ArrowDown": (40, ""),
    "Delete": (46, ""),
}
LIMIT_S = 60  # for an answer: a machine may be busy


class Page:
    """One tab. `events` keeps every event since it was opened."""

    def __init__(self, commands, answers):
        self._commands, self._answers, self._rest = commands, answers, b""
        self._number, self._session = 0, {}
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """The result of one command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url):
        """Load a document to its end."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not self.of("Page.loadEventFired"):
            self.events.append(self._read())

    def of(self, method):
        """The parameters of every event of this name."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def run(self, expression):
        """What a JavaScript expression gives, or the promise that it gives."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key):
        """One key, on whatever has the focus."""
        code, text = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more
            )

    def _read(self):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], LIMIT_S)
            piece = os.read(self._answers, 1 << 20) if ready else b""
            assert piece, "Chromium does not answer"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


def complaints(page):
    """What a browser's console would show."""
    events = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    return [event for name in events for event in page.of(name)]


@contextmanager
def opened(profile):
    """A page of a Chromium of its own, which keeps its files in the folder `profile`."""
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # it refuses root
    command = ("bash", "-c", START.format(theirs_in, theirs_out), FOUND, *OPTIONS, *sandbox)
    process = subprocess.Popen(
        [*command, f"--user-data-dir={profile}"],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(ours_out, ours_in)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        process.terminate()
        process.wait(LIMIT_S)
