"""odd.py: prints a model whose matrices fit no block: 3 to 130 rows and columns, a
matrix of zeros, rows of zeros, and one weight that is a million times the others."""

SHAPES = {"a": (3, 33), "b": (130, 3), "c": (5, 130), "zero": (7, 5), "rows": (33, 7)}


def values(name, rows, columns):
    result = []
    for r in range(rows):
        for c in range(columns):
            value = ((r * 31 + c * 17) % 23 - 11) / 16
            if name == "zero" or (name == "rows" and r % 2):
                value = 0.0
            if name == "b" and r == c == 1:
                value = 6e5
            result.append(value)
    return result


print('moe.model @odd family "null" context 16 vocabulary 33 from "." {')
print('  moe.weight @embed : tensor<33x33xf32> from [#moe.random<1, 0.5 : f32>]')
for name, (rows, columns) in SHAPES.items():
    listed = ", ".join(map(repr, values(name, rows, columns)))
    print(f"  moe.weight @{name} : tensor<{rows}x{columns}xf32> from [#moe.values<[{listed}]>]")
print("  func.func @forward(%tokens: tensor<?xi32>, %s: tensor<?xi32>, %p: tensor<?xi32>, %wanted: tensor<?xi32>, "
      "%kv: !moe.kv<1 x 1 x 4 x f32>) -> (tensor<?x33xf32>, !moe.kv<1 x 1 x 4 x f32>) {")
print("    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x33xf32>")
width, last = 33, "x"
for name, (rows, columns) in SHAPES.items():
    assert columns == width
    print(f"    %{name} = moe.linear %{last} by @{name} : tensor<?x{columns}xf32> -> tensor<?x{rows}xf32>")
    width, last = rows, name
print(f"    %o = moe.pick %{last} rows %wanted : tensor<?x33xf32>, tensor<?xi32> -> tensor<?x33xf32>")
print("    return %o, %kv : tensor<?x33xf32>, !moe.kv<1 x 1 x 4 x f32>\n  }\n}")
