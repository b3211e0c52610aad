"""folds.py: prints models, one for each reason not to fold a rotation, parted as
-split-input-file wants; with the argument `one`, the model that none applies to."""

import sys

MODEL = """
#code = #moe.code<"q8", planes, bits = 8, offset = 128>
// {name}
moe.model @m family "null" context 4 vocabulary 4 from "." {{
  moe.weight @norm : tensor<128xf32> from [#moe.splat<0.0 : f32>]
  moe.weight @v : tensor<{kvd}x128xf32> {v_stored} from [#moe.random<3, 0.1 : f32>]
  moe.weight @o : tensor<128x128xf32> stored as #code columns rotated 128 from [#moe.random<4, 0.1 : f32>]
  func.func @f(%x: tensor<?x128xf32>, %k: tensor<?x{kvd}xf32>, %s: tensor<?xi32>, %p: tensor<?xi32>, %kv: {kv}) -> (tensor<?x128xf32>, {kv}) {{
    %xl = moe.quantize %x : tensor<?x128xf32> -> tensor<?x128x!moe.quantized<i8 rotated 128>>
    %v = moe.linear {v_input} by @v {bias} : {v_type} -> tensor<?x{kvd}xf32>
    {between}
    %kv1 = moe.kv_append %k, %{values} into %kv layer 0 at %s, %p : tensor<?x{kvd}xf32>, tensor<?xi32>, {kv}
    {state}
    %a = moe.attention %x over %{kv_read} layer 0 at %s, %p heads {heads} scale 0.125 : tensor<?x128xf32>, tensor<?xi32>, {kv}
    {behind}
    %al = moe.quantize %{quantized} : tensor<?x128xf32> -> tensor<?x128x!moe.quantized<i8{a_rotation}>>
    %o = moe.linear %al by @{output} : tensor<?x128x!moe.quantized<i8{a_rotation}>> -> tensor<?x128xf32>
    {last}
    return %{result}, %kv1 : tensor<?x128xf32>, {kv}
  }}
  {more}
}}
"""
KV = "!moe.kv<1 x 2 x 64 x f32>"
STORED = "stored as #code columns rotated 128"
LEVELS = "tensor<?x128x!moe.quantized<i8 rotated 128>>"
DEFAULTS = dict(
    kvd=128, kv=KV, heads=2, v_stored=STORED, v_input="%xl", v_type=LEVELS, bias="", between="",
    values="v", state="", kv_read="kv1", behind="", quantized="a", a_rotation=" rotated 128",
    output="o", last="", result="o", more="")
PLAIN = "tensor<?x128xf32>"
CLAMP = "moe.clamp %{} to 8.0 : tensor<?x128xf32>"
ADD = "moe.add %{}, %{} : tensor<?x128xf32>"
APPEND = "moe.kv_append %k, %x into %kv1 layer 0 at %s, %p : tensor<?x128xf32>, tensor<?xi32>, " + KV
ATTENTION = "moe.attention %x over %kv1 layer 0 at %s, %p heads 2 scale 0.125 : tensor<?x128xf32>, tensor<?xi32>, " + KV
CASES = {
    "heads of 32": dict(kv="!moe.kv<1 x 4 x 32 x f32>", heads=4),
    "values as they are": dict(v_stored="", v_input="%x", v_type=PLAIN),
    "biased values": dict(bias="bias @norm"),
    "limited values": dict(between="%c = " + CLAMP.format("v"), values="c"),
    "values read elsewhere": dict(last="%r = " + ADD.format("v", "o"), result="r"),
    "values of no projection": dict(values="x", last="%r = " + ADD.format("v", "o"), result="r"),
    "rows rotated already": dict(v_stored=STORED + " rows rotated 128"),
    "a weight of two projections": dict(output="v"),
    "attention read elsewhere": dict(last="%r = " + ADD.format("a", "o"), result="r"),
    "attention limited": dict(behind="%c = " + CLAMP.format("a"), quantized="c"),
    "levels read elsewhere": dict(
        last="%w = moe.linear %al by @o : " + LEVELS + " -> tensor<?x128xf32>\n%r = " + ADD.format("w", "o"),
        result="r"),
    "a state from outside": dict(kv_read="kv"),
    "a layer written twice": dict(state="%kv2 = " + APPEND, kv_read="kv2"),
    "a layer read twice": dict(state="%b = " + ATTENTION, last="%r = " + ADD.format("b", "o"), result="r"),
    "a layer read by another function": dict(
        more="func.func @g(%x: tensor<?x128xf32>, %s: tensor<?xi32>, %p: tensor<?xi32>, %kv1: " + KV
        + ") -> tensor<?x128xf32> {\n %a = " + ATTENTION + "\n return %a : tensor<?x128xf32>\n }"),
}
if sys.argv[1:] == ["one"]:
    CASES = {"nothing": {}}
print("// -----\n".join(MODEL.format(**{**DEFAULTS, **change, "name": name})
                       for name, change in CASES.items()))
