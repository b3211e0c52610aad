"""Damages a checkpoint in one way.

  damage.py DIR truncate FILE BYTES     keep so many bytes; negative: drop them
  damage.py DIR rename-tensor OLD NEW   in the header of model.safetensors
  damage.py DIR offsets TENSOR BEGIN END
  damage.py DIR huge-header             longer than what is read; a sparse file
  damage.py DIR key FILE KEY JSON       set a key of a JSON file
  damage.py DIR twice FILE KEY          write a key of config.json twice
"""
import json
import os
import struct
import sys


def edit_header(path, edit):
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack("<Q", data[:8])
    header = edit(data[8 : 8 + size].decode()).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data[8 + size :])


def set_offsets(text, tensor, begin, end):
    header = json.loads(text)
    header[tensor]["data_offsets"] = [int(begin), int(end)]
    return json.dumps(header)


def main():
    directory, what, *arguments = sys.argv[1:]
    tensors = os.path.join(directory, "model.safetensors")
    if what == "truncate":
        path = os.path.join(directory, arguments[0])
        keep = int(arguments[1])
        os.truncate(path, keep if keep >= 0 else os.path.getsize(path) + keep)
    elif what == "rename-tensor":
        old, new = ['"%s"' % name for name in arguments]
        edit_header(tensors, lambda text: text.replace(old, new))
    elif what == "offsets":
        edit_header(tensors, lambda text: set_offsets(text, *arguments))
    elif what == "huge-header":
        with open(tensors, "wb") as file:
            file.write(struct.pack("<Q", 100000001))
            file.truncate(200000000)
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
