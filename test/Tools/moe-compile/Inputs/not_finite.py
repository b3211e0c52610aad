"""not_finite.py DIRECTORY: for f32, f16 and bf16 a model (TYPE.mlir) whose table
of 1024 x 4096 ones (TYPE.bin) has one element with an exponent of all ones."""

import os
import sys

import numpy

directory = sys.argv[1]
cases = {
    "f32": (numpy.uint32, 0x3F800000, 0x7F800000),  # infinity
    "f16": (numpy.uint16, 0x3C00, 0xFC01),  # a NaN
    "bf16": (numpy.uint16, 0x3F80, 0x7FC0),  # a NaN
}
for name, (integer, one, bad) in cases.items():
    values = numpy.full(1024 * 4096, one, integer)
    values[3000000] = bad
    values.tofile(os.path.join(directory, name + ".bin"))
    with open(os.path.join(directory, name + ".mlir"), "w") as file:
        file.write(f"""
moe.model @ones family "null" context 16 vocabulary 1024 from "{directory}" {{
  moe.weight @embed : tensor<1024x4096x{name}> from [#moe.extent<"{name}.bin", 0, {values.nbytes}>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 64 x f32>) -> (tensor<?x1024xf32>, !moe.kv<1 x 1 x 64 x f32>) {{
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4096xf32>
    %p = moe.pick %x rows %wanted : tensor<?x4096xf32>, tensor<?xi32> -> tensor<?x4096xf32>
    %o = moe.linear %p by @embed : tensor<?x4096xf32> -> tensor<?x1024xf32>
    return %o, %kv : tensor<?x1024xf32>, !moe.kv<1 x 1 x 64 x f32>
  }}
}}
""")
