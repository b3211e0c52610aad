"""Prints the schedule of a module's metadata (runtime/schema/module.fbs) as JSON.

  schedule.py MODULE INSPECTED.json    what moe-run --inspect --json said of it
"""
import json
import struct
import sys


def number(data, form, at):
    return struct.unpack_from("<" + form, data, at)[0]


class Table:
    """A table of a FlatBuffer: its fields by number."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.fields = at - number(data, "i", at)

    def place(self, field):
        """Where the field lies; 0 if it is absent."""
        entry = 4 + 2 * field
        if entry >= number(self.data, "H", self.fields):
            return 0
        offset = number(self.data, "H", self.fields + entry)
        return offset and self.at + offset

    def behind(self, field):
        at = self.place(field)
        return at and at + number(self.data, "I", at)

    def scalar(self, field, form):
        at = self.place(field)
        return number(self.data, form, at) if at else 0

    def table(self, field):
        at = self.behind(field)
        return Table(self.data, at) if at else None

    def text(self, field):
        at = self.behind(field)
        return self.data[at + 4 : at + 4 + number(self.data, "I", at)].decode() if at else None

    def vector(self, field, form):
        at = self.behind(field)
        if not at:
            return None
        count = number(self.data, "I", at)
        return list(struct.unpack_from("<%d%s" % (count, form), self.data, at + 4))


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        sections = json.load(file)["sections"]
    section = next(s for s in sections if s["name"] == "METADATA")
    with open(sys.argv[1], "rb") as file:
        file.seek(section["offset"])
        data = file.read(section["size"])
    schedule = Table(data, number(data, "I", 0)).table(15)
    print(json.dumps(schedule and {
        "policy": schedule.text(0),
        "entries": schedule.scalar(1, "q"),
        "layers": schedule.vector(2, "i"),
        "partition": schedule.vector(3, "q"),
        "predictor": schedule.text(4),
        "ahead": schedule.scalar(5, "i"),
        "guesses": schedule.scalar(6, "i"),
        "guessed_layers": schedule.vector(7, "i"),
    }))


main()
