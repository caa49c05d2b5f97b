# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium that opens pages, clicks and types in them, and tells what they show.

It is talked to over two pipes by its DevTools protocol: JSON messages, each ended by a zero byte.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class PageError(Exception):
    """What a script in the page threw, or no answer in time."""


class Browser:
    def __init__(self, profile: Path, *options: str):
        to_browser, self.out = os.pipe()
        self.input, from_browser = os.pipe()
        command = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
            "--no-first-run", "--window-size=1400,1000", f"--user-data-dir={profile}", *options,
            "about:blank",
        ]  # fmt: skip
        # Chromium reads from descriptor 3 and writes to 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "-", *command],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.profile = profile
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.events: list[dict] = []
        self.number = 0
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        os.close(self.out)
        os.close(self.input)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # Its other processes end a moment later, and write there until they do.
        until = time.monotonic() + 10
        while self.profile.exists() and time.monotonic() < until:
            shutil.rmtree(self.profile, ignore_errors=True)
            time.sleep(0.05)

    def _message(self, until: float) -> dict:
        while b"\0" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.input], [], [], left)[0]:
                raise PageError("no answer in time")
            piece = os.read(self.input, 1 << 16)
            if not piece:
                raise PageError("the browser has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, timeout: float = 60, **parameters: object) -> dict:
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data) :]
        until = time.monotonic() + timeout
        while True:
            answer = self._message(until)
            if answer.get("id") != self.number:
                self.events.append(answer)
            elif "error" in answer:
                raise PageError(f"{method}: {answer['error']['message']}")
            else:
                return answer["result"]

    def open(self, address: str, timeout: float = 60) -> float:
        """Seconds until it is loaded and has been painted."""
        self.events.clear()
        begun = time.monotonic()
        self.call("Page.navigate", url=address)
        until = begun + timeout
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._message(until))
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return time.monotonic() - begun

    def problems(self) -> list[str]:
        """What its scripts threw or wrote to the console as errors."""
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"]["text"])
            elif event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] == "error":
                found.append(str(parameters["args"]))
        return found

    def run(self, script: str) -> object:
        """The value of an expression in the page; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise PageError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def place(self, selector: str) -> tuple[float, float]:
        """The middle of an element, scrolled into the window."""
        return tuple(self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2]; }})"
            f"(document.querySelector({json.dumps(selector)}))"
        ))  # fmt: skip

    def click_at(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click(self, selector: str) -> None:
        self.click_at(*self.place(selector))

    def wheel(self, x: float, y: float, delta: float) -> None:
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=delta)

    def key(self, key: str, code: int, text: str = "") -> None:
        down = {"key": key, "windowsVirtualKeyCode": code}
        if text:
            down["text"] = text
        self.call("Input.dispatchKeyEvent", type="keyDown", **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)
