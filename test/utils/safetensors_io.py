"""Reads and writes safetensors files with numpy alone.

A file is a 64-bit header length, a JSON header, then the bytes of all tensors,
one after the other. bfloat16, which numpy lacks, is handled as its upper half
of a float32.
"""
import json
import os
import struct

import numpy as np

DTYPES = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
SIZES = {"F32": 4, "F16": 2, "BF16": 2}


def encode(values, dtype):
    """float array -> bytes in the element type, rounded to nearest even."""
    if dtype == "F32":
        return np.ascontiguousarray(values, "<f4").tobytes()
    if dtype == "F16":
        return np.ascontiguousarray(values, "<f2").tobytes()
    return bf16_bits(values).tobytes()


def bf16_bits(values):
    bits = np.ascontiguousarray(values, "<f4").view("<u4")
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype("<u2")


def decode(data, dtype, shape):
    """bytes -> float64 array."""
    if dtype == "F32":
        values = np.frombuffer(data, "<f4")
    elif dtype == "F16":
        values = np.frombuffer(data, "<f2")
    elif dtype == "BF16":
        values = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    else:
        raise SystemExit("unknown dtype " + dtype)
    return values.astype(np.float64).reshape(shape)


def header_bytes(entries, metadata={"format": "pt"}):
    """The front of a file with [(name, dtype, shape)], in this order."""
    header, offset = {"__metadata__": dict(metadata)}, 0
    for name, dtype, shape in entries:
        size = int(np.prod(shape, dtype=np.int64)) * SIZES[dtype]
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_file(path, tensors, dtype):
    """tensors: [(name, float array)]."""
    with open(path, "wb") as file:
        file.write(header_bytes([(n, dtype, v.shape) for n, v in tensors]))
        for _, values in tensors:
            file.write(encode(values, dtype))


def write_checkpoint(directory, tensors, dtype, shards):
    """One file, or `shards` of them with an index."""
    if shards == 1:
        write_file(os.path.join(directory, "model.safetensors"), tensors, dtype)
        return
    weight_map, total = {}, 0
    for i in range(shards):
        part = tensors[i::shards]
        file = "model-%05d-of-%05d.safetensors" % (i + 1, shards)
        write_file(os.path.join(directory, file), part, dtype)
        for name, values in part:
            weight_map[name] = file
            total += values.size * SIZES[dtype]
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    with open(os.path.join(directory, "model.safetensors.index.json"), "w") as out:
        json.dump(index, out, indent=1)


def read_checkpoint(directory):
    """name -> float64 array, from all .safetensors files of a folder."""
    tensors = {}
    for file in sorted(os.listdir(directory)):
        if not file.endswith(".safetensors"):
            continue
        with open(os.path.join(directory, file), "rb") as source:
            length, = struct.unpack("<Q", source.read(8))
            header = json.loads(source.read(length))
            data = source.read()
        for name, info in header.items():
            if name != "__metadata__":
                begin, end = info["data_offsets"]
                tensors[name] = decode(data[begin:end], info["dtype"], info["shape"])
    return tensors
