"""A page as a real browser shows it: its elements, its messages, its pixels."""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import zlib

import numpy as np

NAMES = ("chromium-headless-shell", "chromium")
VOID = {"meta", "br", "input", "link", "img", "hr"}


class Element:
    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.children = []

    @property
    def text(self):
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    @property
    def classes(self):
        return (self.attributes.get("class") or "").split()

    def all(self, name=None, of_class=None):
        """Those below, in order."""
        for child in self.children:
            if isinstance(child, Element):
                if name in (None, child.name) and (of_class is None or of_class in child.classes):
                    yield child
                yield from child.all(name, of_class)

    def by_id(self, wanted):
        return next(e for e in self.all() if e.attributes.get("id") == wanted)


class Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {}, None)

    def handle_starttag(self, name, attributes):
        element = Element(name, attributes, self.here)
        self.here.children.append(element)
        if name not in VOID:
            self.here = element

    def handle_startendtag(self, name, attributes):
        self.here.children.append(Element(name, attributes, self.here))

    def handle_endtag(self, name):
        at = self.here
        while at.parent and at.name != name:
            at = at.parent
        if at.parent:
            self.here = at.parent

    def handle_data(self, data):
        self.here.children.append(data)


def parse(text):
    parser = Parser()
    parser.feed(text)
    parser.close()
    return parser.root


class Browser:
    def __init__(self, folder):
        found = [path for path in map(shutil.which, NAMES) if path]
        if not found:
            sys.exit("none of %s is installed" % ", ".join(NAMES))
        self.program, self.folder = found[0], folder

    def run(self, page, *arguments):
        """What it prints and what it logs; it cannot reach any host."""
        command = [
            self.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
            "--user-data-dir=" + os.path.join(self.folder, "profile"), *arguments,
            "file://" + os.path.abspath(page)]
        done = subprocess.run(command, capture_output=True, timeout=120)
        log = done.stderr.decode(errors="replace")
        if done.returncode != 0:
            sys.exit("exit code %d of %s: %s" % (done.returncode, " ".join(command), log[-2000:]))
        return done.stdout.decode(errors="replace"), log

    def show(self, page):
        """The root of its elements after scripts have run, the messages of its console, and the
        addresses that it asked the network for."""
        netlog = os.path.join(self.folder, "net.json")
        dom, log = self.run(page, "--dump-dom", "--virtual-time-budget=4000", "--log-net-log=" + netlog)
        messages = [line for line in log.splitlines() if ":CONSOLE" in line]
        with open(netlog, encoding="utf-8") as file:
            events = json.load(file)["events"]
        addresses = {event.get("params", {}).get("url") for event in events} - {None}
        return parse(dom), messages, addresses

    def pixels(self, page, width, height, dark=False):
        """uint8 [height, width, 3]."""
        file = os.path.join(self.folder, "shot.png")
        arguments = ["--window-size=%d,%d" % (width, height), "--screenshot=" + file]
        if dark:
            arguments.append("--blink-settings=preferredColorScheme=0")
        self.run(page, *arguments)
        return read_png(file)


def read_png(file):
    with open(file, "rb") as opened:
        data = opened.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "not a PNG"
    at, packed = 8, b""
    while at < len(data):
        size, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height = (int.from_bytes(body[i:i + 4], "big") for i in (0, 4))
            assert body[8] == 8 and body[9] in (2, 6) and body[12] == 0, "kind of PNG"
            channels = 3 if body[9] == 2 else 4
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1)
    return unfilter(lines, channels).reshape(height, width, channels)[:, :, :3]


def unfilter(lines, step):
    result = np.zeros((len(lines), lines.shape[1] - 1), np.uint8)
    above = np.zeros(lines.shape[1] - 1, np.int64)
    for row, line in enumerate(lines):
        kind, raw = line[0], line[1:].astype(np.int64)
        if kind == 0:
            now = raw
        elif kind == 1:
            now = raw.reshape(-1, step).cumsum(0).reshape(-1) & 255
        elif kind == 2:
            now = (raw + above) & 255
        else:
            now = slow_unfilter(kind, raw, above, step)
        result[row], above = now, now
    return result


def slow_unfilter(kind, raw, above, step):
    now, above = raw.tolist(), above.tolist()
    for i in range(len(now)):
        a = now[i - step] if i >= step else 0
        b = above[i]
        if kind == 3:
            guess = (a + b) // 2
        else:
            c = above[i - step] if i >= step else 0
            guess = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        now[i] = (now[i] + guess) & 255
    return np.array(now, np.int64)


def rgb(colour):
    """Of 'rgb(1 2 3)'."""
    return tuple(map(int, re.findall(r"\d+", colour)))
