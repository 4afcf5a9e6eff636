"""Headless Chromium by the DevTools protocol: real clicks and keys, and everything that went wrong in the page."""
import base64
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

import websocket


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page. `faults`: console errors, exceptions, refused loads; `requests`: URLs asked for, data: ones apart."""

    def __init__(self, width=1280, height=900):
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.child = subprocess.Popen(
            [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-extensions",
             "--disable-background-networking", "--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={self.home.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket, self.count, self.faults, self.requests = None, 0, [], []
        try:
            said = pathlib.Path(self.home.name) / "DevToolsActivePort"
            self.wait(lambda: said.exists() and said.read_text().count("\n") >= 1, 60, "the browser's port")
            port = said.read_text().splitlines()[0]
            targets = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30))
            address = next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
            self.socket = websocket.create_connection(address, timeout=60)
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
            self.size(width, height)
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.socket:
            self.socket.close()
        self.child.terminate()
        self.child.wait(30)
        self.home.cleanup()

    __enter__ = lambda self: self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def wait(done, seconds, what):
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not come within {seconds} s")
            time.sleep(0.02)

    def call(self, method, **parameters):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.count:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.note(message.get("method"), message.get("params", {}))

    def note(self, method, p):
        if method == "Runtime.exceptionThrown":
            d = p["exceptionDetails"]
            self.faults.append(d.get("exception", {}).get("description") or d["text"])
        elif method == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning", "assert"):
            self.faults.append(" ".join(str(a.get("value", a.get("description"))) for a in p["args"]))
        elif method == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
            self.faults.append(p["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not p["request"]["url"].startswith("data:"):
            self.requests.append(p["request"]["url"])

    def open(self, file):
        """Seconds from the call until the page has loaded and its scripts have run."""
        start = time.monotonic()
        self.call("Page.navigate", url=pathlib.Path(file).resolve().as_uri())
        self.wait(lambda: self.value("location.protocol === 'file:' && document.readyState === 'complete'"), 60, "the page")
        return time.monotonic() - start

    def value(self, expression):
        r = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise RuntimeError(f"{expression}: {r['exceptionDetails']}")
        return r["result"].get("value")

    def size(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def dark(self, on):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def place(self, selector):
        """The middle of the first element that fits, in the window."""
        at = self.value(f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;
          e.scrollIntoView({{block: 'center', inline: 'center'}}); const b = e.getBoundingClientRect();
          return [b.left + b.width / 2, b.top + b.height / 2, b.left, b.top, b.width, b.height]; }})()""")
        if at is None:
            raise RuntimeError(f"no element: {selector}")
        return at

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector):
        x, y, *_ = self.place(selector)
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def hover(self, selector, across=0.5, down=0.5):
        self.place(selector)
        time.sleep(0.1)  # until the scrolling has been told
        _, _, left, top, width, height = self.place(selector)
        self.mouse("mouseMoved", left + across * width, top + down * height)

    def key(self, name):
        code = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Escape": 27, "Tab": 9, "Home": 36, " ": 32}[name]
        more = {"Enter": {"text": "\r"}, " ": {"text": " "}}.get(name, {})
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, code="Space" if name == " " else name, windowsVirtualKeyCode=code, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, code=name, windowsVirtualKeyCode=code)

    def write(self, selector, text):
        self.click(selector)
        self.call("Input.insertText", text=text)

    def choose(self, selector, index):
        """Another entry of a list, by the keyboard."""
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.key("Home")
        for _ in range(index):
            self.key("ArrowDown")

    def picture(self, file, whole=False):
        clip = {}
        if whole:
            w, h = self.value("[innerWidth, document.documentElement.scrollHeight]")
            clip = {"captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": w, "height": h, "scale": 1}}
        pathlib.Path(file).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **clip)["data"]))
