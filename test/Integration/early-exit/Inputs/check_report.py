"""Looks at pages of moe-run --exit-report in a real browser.

  check_report.py MODULE TASKS FOLDER

One page of the first tasks and one of a text whose prompt looks like markup,
under a limit of memory for experts: all tokens are there in the colours of their
layers, bars and curves have the numbers that --json has, no message is on the
console, and nothing is asked of the network. A page that was broken on purpose
shows that the last two would be noticed.
"""
import collections
import json
import os
import re
import subprocess
import sys

from browser import Browser, rgb

MARKUP = 'Story: <script>document.title = "taken"</script> & <b>"Anna"</b> was in'


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def run(module, page, *arguments):
    command = ["moe-run", module, "--json", "-t", "1", "--exit-report=" + page, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    check(done.returncode == 0, "exit code", done.returncode, "of", *command)
    return json.loads(done.stdout)


def first_tasks(tasks, folder, number):
    file = os.path.join(folder, "tasks.jsonl")
    with open(tasks, encoding="utf-8") as lines, open(file, "w", encoding="utf-8") as out:
        # Every so many, for some of each kind.
        out.writelines(line for i, line in enumerate(lines) if i % 8 == 0 and i < 8 * number)
    return file


def cells(row):
    return [" ".join(cell.text.split()) for cell in row.children]


def rows_of(root, table):
    return [cells(row) for row in next(root.by_id(table).all("tbody")).all("tr")]


def look(browser, page):
    """The page's elements, after what holds for every page was checked."""
    with open(page, encoding="utf-8") as file:
        source = file.read()
    check(not re.search(r"""(src|href)\s*=|@import|url\(""", source), "the page names other files")
    root, messages, addresses = browser.show(page)
    check(not messages, "on the console:", *messages)
    check(not addresses, "asked of the network:", *addresses)
    check(len(list(root.all("script"))) == 2, "scripts:", len(list(root.all("script"))))
    check(len(list(root.all("h1"))) == 1 and root.by_id("model").text, "no heading")
    for image in root.all("svg"):
        check(image.attributes.get("role") == "img" and image.attributes.get("aria-label"),
              "a chart has no description")
    for layers, button in legend_of(root).items():
        check("layer-%d" % layers in button.classes, "the legend at", layers, button.classes)
    return root


def legend_of(root):
    return {int(re.match(r"\d+", b.text)[0]): b for b in root.by_id("legend").all("button")}


def tokens_of(root):
    """Layers of each token that is shown."""
    layers = []
    for token in root.by_id("texts").all("span", "token"):
        layers.append(int(token.attributes["data-layers"]))
        check("layer-%d" % layers[-1] in token.classes, token.classes)
    return layers


def bars_of(root):
    bars = {int(bar.attributes["data-layers"]): int(bar.attributes["data-tokens"])
            for bar in root.by_id("histogram").all("rect", "bar")}
    table = {int(layers): int(tokens) for layers, tokens, _ in rows_of(root, "histogram-table")}
    check(bars == table, "bars", bars, "but a table of", table)
    return bars


def check_depth(bars, average, what):
    mean = sum(layers * tokens for layers, tokens in bars.items()) / sum(bars.values())
    check(abs(mean - average) < 1e-6, what, "bars have", mean, "layers on average, not", average)


def check_curves(root, result):
    """A point of each kind for each setting; returns the rows of settings by threshold."""
    rows = rows_of(root, "settings")
    check(len(rows) >= 4, "only", len(rows), "settings")
    for figure, series in (("curve-layers", ("layers", "heads")), ("curve-time", ("time",))):
        for name in series:
            points = [e for e in root.by_id(figure).all() if {"point", name} <= set(e.classes)]
            check(len(points) == len(rows), len(points), "points of", name, "for", len(rows), "settings")
            named = sorted(p.attributes["data-setting"] for p in points)
            check(named == sorted(row[0] for row in rows), named)
            check(any("best" in p.classes for p in points), "no point of", name, "is best")
        # Each has a place of its own, inside.
        check(all(float(p.attributes.get("cx", p.attributes.get("x"))) >= 0 for p in points), points)
    by_name = {row[1]: row for row in rows}
    full = by_name["all layers"]
    check(full[4] == full[5] == "6.00", "the full model:", full)
    shown = next(row for name, row in by_name.items() if name.startswith("the module"))
    check(shown[4] == "%.2f" % result["average_layers"], shown, result["average_layers"])
    check(shown[5] == "%.2f" % result["average_layers_with_heads"], shown)
    check(len({row[4] for row in rows}) >= 3, "the sweep leads nowhere:", rows)
    return shown, full


def check_pixels(browser, page, root):
    """Colours of the layers that tokens have are there, on paper that is light or dark."""
    style = "".join(e.text for e in root.all("style"))
    colours = {int(layers): rgb(colour)
               for layers, colour in re.findall(r"\.layer-(\d+) \{ background: (rgb\([^)]*\))", style)}
    check(len(set(colours.values())) == len(legend_of(root)), "colours", colours)
    for dark in (False, True):
        pixels = browser.pixels(page, 640, 760, dark)
        check(pixels.shape == (760, 640, 3), pixels.shape)
        found = collections.Counter(map(tuple, pixels.reshape(-1, 3).tolist()))
        paper = found.most_common(1)[0][0]
        check(sum(paper) < 150 if dark else sum(paper) > 700, "paper is", paper, "dark:", dark)
        check(all(found[colour] > 30 for colour in colours.values()), "legend", colours)


def check_tasks(browser, module, tasks, folder):
    page = os.path.join(folder, "tasks.html")
    result = run(module, page, "--eval", first_tasks(tasks, folder, 24))
    root = look(browser, page)
    bars = bars_of(root)
    check(list(bars) == list(legend_of(root)), "bars", bars)
    check_depth(bars, result["average_layers"], "tasks:")
    layers = tokens_of(root)
    check(0 < len(layers) <= sum(bars.values()), len(layers), "tokens of", bars)
    shown, full = check_curves(root, result)
    check(shown[2] == "%d of %d" % (result["correct"], result["total"]), shown, result)
    check(shown[3] == "%.1f %%" % (100 * result["accuracy"]), shown, result["accuracy"])
    check_pixels(browser, page, root)
    print("tasks:", shown, "full model:", full, "bars:", bars)


def check_text(browser, module, folder):
    page = os.path.join(folder, "text.html")
    result = run(module, page, "-p", MARKUP, "-n", "40", "--ignore-eos", "--memory-budget", "25%")
    root = look(browser, page)
    layers, bars = tokens_of(root), bars_of(root)
    check(len(layers) == len(result["tokens"]) == 40, len(layers), "tokens")
    check(collections.Counter(layers) == {k: v for k, v in bars.items() if v}, "bars", bars)
    check_depth(bars, result["average_layers"], "text:")
    body = next(root.by_id("texts").all("pre"))
    check(body.text == MARKUP + result["text"], repr(body.text), "is not", repr(result["text"]))
    check(not list(body.all("b")), "the prompt became markup")
    title = next(root.all("title")).text
    check("taken" not in title and "tiny-moe" in title, "title", title)
    shown, full = check_curves(root, result)
    check(full[3] == "100.0 %", "the full model agrees with itself:", full)
    measured = rows_of(root, "bytes")
    check([row[0].split(",")[1] for row in measured] == [" computed", " measured"], measured)
    print("text:", shown, "bytes:", measured)
    return page


def check_that_it_would_fail(browser, page):
    with open(page, encoding="utf-8") as file:
        source = file.read()
    broken = os.path.join(os.path.dirname(page), "broken.html")
    with open(broken, "w", encoding="utf-8") as file:
        file.write(re.sub(r"<meta http-equiv[^>]*>", "", source).replace(
            "</body>", '<script>missing()</script><img src="http://example.com/a.png"></body>'))
    _, messages, addresses = browser.show(broken)
    check(any("missing" in message for message in messages), "errors are not noticed")
    check("http://example.com/a.png" in addresses, "requests are not noticed")


def main():
    module, tasks, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    browser = Browser(folder)
    check_tasks(browser, module, tasks, folder)
    check_that_it_would_fail(browser, check_text(browser, module, folder))


if __name__ == "__main__":
    main()
