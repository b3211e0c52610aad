"""Damages a checkpoint in one way.

  damage.py DIR truncate FILE BYTES     keep so many bytes; negative: drop them
  damage.py DIR rename-tensor OLD NEW   in the header of model.safetensors
  damage.py DIR key FILE KEY JSON       set a key of a JSON file
  damage.py DIR twice FILE KEY          write a key of config.json twice
"""
import json
import os
import struct
import sys


def rename(path, old, new):
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = data[8 : 8 + size].replace(b'"%s"' % old.encode(), b'"%s"' % new.encode())
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data[8 + size :])


def main():
    directory, what, *arguments = sys.argv[1:]
    if what == "truncate":
        path = os.path.join(directory, arguments[0])
        keep = int(arguments[1])
        os.truncate(path, keep if keep >= 0 else os.path.getsize(path) + keep)
    elif what == "rename-tensor":
        rename(os.path.join(directory, "model.safetensors"), *arguments)
    elif what == "key":
        path = os.path.join(directory, arguments[0])
        with open(path) as file:
            content = json.load(file)
        content[arguments[1]] = json.loads(arguments[2])
        with open(path, "w") as file:
            json.dump(content, file)
    elif what == "twice":
        path = os.path.join(directory, arguments[0])
        with open(path) as file:
            text = file.read().rstrip().rstrip("}")
        with open(path, "w") as file:
            file.write('%s, "%s": 1}' % (text, arguments[1]))
    else:
        sys.exit(__doc__)


main()
