#!/usr/bin/python3
"""Hit rate against the size of the cache, for every policy, beside Belady's bound.

  plot_cache.py SIMULATION.json [--trace N] [--predictor NAME] [--title TEXT] --svg FILE

Reads what `moe-cache-sim --json` printed. Numbers are simulated, and the picture
says so. Dashed lines are caches that are partitioned by layer; the vertical line
is one token's cycle, below which LRU keeps nothing that the next token could use.
"""
import argparse
import json
import os
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900, 560, 70, 46, 160, 56
COLORS = {"arc": "#06c", "lfu": "#093", "lru": "#c60", "priority": "#909"}
OTHER, BOUND = "#777", "#c00"


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("simulation")
    parser.add_argument("--trace", type=int, default=0, help="which of the traces, from 0")
    parser.add_argument("--predictor", default="none")
    parser.add_argument("--title")
    parser.add_argument("--svg", required=True)
    return parser.parse_args()


def read(options):
    """The trace, and its lines: {(policy, partitioned): [(share of all experts, hit rate)]}."""
    try:
        with open(options.simulation, encoding="utf-8") as file:
            simulation = json.load(file)
        if simulation["simulated"] is not True:
            sys.exit("%s: is not a simulation" % options.simulation)
        traces = simulation["traces"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit("%s: is not what moe-cache-sim --json prints: %s" % (options.simulation, error))
    if not 0 <= options.trace < len(traces):
        sys.exit("%s: trace %d wanted, there are %d" % (options.simulation, options.trace, len(traces)))
    trace = traces[options.trace]
    lines = {}
    every = trace["layers"] * trace["experts"]
    for run in trace["runs"]:
        share = run["entries"] / every
        lines.setdefault(("Belady", False), {})[share] = run["belady_hit_rate"]
        if run["predictor"] == options.predictor and run["policy"] != "belady":
            lines.setdefault((run["policy"], run["partition"] is not None), {})[share] = run["hit_rate"]
    if len(lines) < 2:
        sys.exit("%s: no run with predictor '%s'" % (options.simulation, options.predictor))
    return trace, {name: sorted(points.items()) for name, points in sorted(lines.items())}


def x_of(share):
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def y_of(rate):
    return TOP + (1 - rate) * (HEIGHT - TOP - BOTTOM)


def line(x1, y1, x2, y2, style):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>' % (x1, y1, x2, y2, style)


def text(x, y, words, style=""):
    return '<text x="%.1f" y="%.1f" %s>%s</text>' % (x, y, style, escape(str(words)))


def axes(trace, options):
    for percent in range(0, 101, 10):
        x, y = x_of(percent / 100), y_of(percent / 100)
        yield line(x, TOP, x, HEIGHT - BOTTOM, 'stroke="#ddd"')
        yield line(LEFT, y, WIDTH - RIGHT, y, 'stroke="#ddd"')
        yield text(x, HEIGHT - BOTTOM + 18, "%d%%" % percent, 'text-anchor="middle"')
        yield text(LEFT - 8, y + 4, "%d%%" % percent, 'text-anchor="end"')
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14,
               "entries of the cache, of %d experts" % (trace["layers"] * trace["experts"]), 'text-anchor="middle"')
    y = (TOP + HEIGHT - BOTTOM) / 2
    yield text(18, y, "simulated hits", 'text-anchor="middle" transform="rotate(-90 18 %.1f)"' % y)
    title = options.title or "%s, %d tokens at a time, guesses: %s" % (
        trace["model"] or "a model", round((trace["rows"] - trace["first_judged_row"]) / trace["forwards"]),
        options.predictor)
    yield text(LEFT, 24, "Simulated: " + title, 'font-size="15"')
    cycle = trace["token_cycle_entries"] / (trace["layers"] * trace["experts"])
    yield line(x_of(cycle), TOP, x_of(cycle), HEIGHT - BOTTOM, 'stroke="#000" stroke-dasharray="2 3"')
    yield text(x_of(cycle) + 4, TOP + 12, "one token: %d" % trace["token_cycle_entries"])


def draw_line(name, is_partitioned, points):
    style = 'stroke="%s" fill="none" stroke-width="2"%s' % (
        color_of(name), ' stroke-dasharray="6 4"' if is_partitioned else "")
    yield '<polyline points="%s" %s/>' % (" ".join("%.1f,%.1f" % (x_of(x), y_of(y)) for x, y in points), style)
    for x, y in points:
        yield '<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x_of(x), y_of(y), color_of(name))


def color_of(name):
    return BOUND if name == "Belady" else COLORS.get(name, OTHER)


def legend(names):
    for i, (name, is_partitioned) in enumerate(names):
        x, y = WIDTH - RIGHT + 12, TOP + 20 + 20 * i
        dashes = ' stroke-dasharray="6 4"' if is_partitioned else ""
        yield line(x, y - 4, x + 24, y - 4, 'stroke="%s" stroke-width="2"%s' % (color_of(name), dashes))
        yield text(x + 30, y, name + (", by layer" if is_partitioned else ""))


def draw(trace, lines, options):
    yield ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
           % (WIDTH, HEIGHT))
    yield '<rect width="100%" height="100%" fill="#fff"/>'
    yield from axes(trace, options)
    for (name, is_partitioned), points in lines.items():
        yield from draw_line(name, is_partitioned, points)
    yield from legend(lines)
    yield "</svg>"


def main():
    options = parse_arguments()
    trace, lines = read(options)
    os.makedirs(os.path.dirname(os.path.abspath(options.svg)), exist_ok=True)
    with open(options.svg, "w", encoding="utf-8") as file:
        file.write("\n".join(draw(trace, lines, options)) + "\n")


if __name__ == "__main__":
    main()
