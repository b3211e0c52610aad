//===- MoeDialect.td - the moe dialect, its types and attributes ----------===//
#ifndef MOE_DIALECT_MOE_IR_MOEDIALECT_TD
#define MOE_DIALECT_MOE_IR_MOEDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Moe_Dialect : Dialect {
  let name = "moe";
  let cppNamespace = "::moe";
  let summary = "what a Mixture-of-Experts language model computes";
  let description = [{
    The dialect states *what* is computed: weights, norms, projections, rotary
    positions, attention over an explicit key/value state, routing and experts.
    It never says on which device, when, or in which buffer.

    Activations are two-dimensional tensors `tensor<?xDxf32>`: one row per
    token of a ragged batch, D features. Each row carries the sequence that it
    belongs to and its position there, so one function serves prefill, decode
    and any mixture of both.

    Weights are symbols. Their values stay in files; the text holds where.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Moe_KvType : TypeDef<Moe_Dialect, "Kv"> {
  let mnemonic = "kv";
  let summary = "the keys and values of all layers and sequences";
  let description = [{
    The state of attention: for each sequence, layer and position a key and a
    value of `heads` x `head_dim` elements. It is a value: `moe.kv_append`
    takes one and gives the next, so that who reads what is visible in the IR.

    Constraints:
    * (kv_c1) layers, heads and head_dim lie between 1 and 2147483647.
    * (kv_c2) the element type is f32, f16 or bf16.

    Example: `!moe.kv<6 x 2 x 32 x f32>` has 6 layers, 2 key/value heads of 32.
  }];
  let parameters = (ins TypeParameter<"int64_t", "layers">:$layers,
    TypeParameter<"int64_t", "key/value heads">:$heads,
    TypeParameter<"int64_t", "elements of a head">:$headDim,
    TypeParameter<"::mlir::Type", "type of an element">:$elementType);
  let assemblyFormat = [{
    `<` $layers `x` $heads `x` $headDim `x` $elementType `>`
  }];
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class Moe_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::moe";
  let genSpecializedAttr = 0;
}
class Moe_EnumAttr<EnumAttrInfo info, string mnemonic, string text>
    : EnumAttr<Moe_Dialect, info, mnemonic> {
  let description = text;
  let assemblyFormat = "$value";
}

def Moe_NormKind : Moe_Enum<"NormKind", "how a row is normalised", [
  I32EnumAttrCase<"Rms", 0, "rms">, I32EnumAttrCase<"Layer", 1, "layer">]>;
def Moe_NormKindAttr : Moe_EnumAttr<Moe_NormKind, "norm_kind", [{
  `rms` divides by the root of the mean square; `layer` subtracts the mean and
  divides by the standard deviation.
}]>;

def Moe_Activation : Moe_Enum<"Activation", "non-linearity of a gated unit", [
  I32EnumAttrCase<"Silu", 0, "silu">,
  I32EnumAttrCase<"GeluTanh", 1, "gelu_tanh">,
  I32EnumAttrCase<"Relu", 2, "relu">,
  I32EnumAttrCase<"Identity", 3, "identity">]>;
def Moe_ActivationAttr : Moe_EnumAttr<Moe_Activation, "activation", [{
  * `silu`: `x / (1 + exp(-x))`
  * `gelu_tanh`: `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`
  * `relu`: `max(x, 0)`
  * `identity`: `x`
}]>;

def Moe_RouteScore : Moe_Enum<"RouteScore", "what selects and weighs experts", [
  I32EnumAttrCase<"Softmax", 0, "softmax">,
  I32EnumAttrCase<"Sigmoid", 1, "sigmoid">,
  I32EnumAttrCase<"SoftmaxSelected", 2, "softmax_selected">]>;
def Moe_RouteScoreAttr : Moe_EnumAttr<Moe_RouteScore, "route_score", [{
  * `softmax`: scores are the softmax over all experts' logits
  * `sigmoid`: scores are `1 / (1 + exp(-logit))`, each on its own
  * `softmax_selected`: logits select; weights are the softmax over the k chosen
}]>;

def Moe_RopeLayout : Moe_Enum<"RopeLayout", "which features turn together", [
  I32EnumAttrCase<"Half", 0, "half">,
  I32EnumAttrCase<"Interleaved", 1, "interleaved">]>;
def Moe_RopeLayoutAttr : Moe_EnumAttr<Moe_RopeLayout, "rope_layout", [{
  Pair i of F is (i, i + F) in `half` and (2i, 2i + 1) in `interleaved`.
}]>;

//===----------------------------------------------------------------------===//
// Attributes: where the values of a weight come from
//===----------------------------------------------------------------------===//

class Moe_Attr<string name, string attrMnemonic> : AttrDef<Moe_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Moe_ExtentAttr : Moe_Attr<"Extent", "extent"> {
  let summary = "a run of bytes in a file of the checkpoint";
  let description = [{
    `#moe.extent<"model.safetensors", 4096, 65536>`: file (relative to the
    model's directory), first byte, number of bytes. The bytes hold the
    weight's elements in row-major order, little endian.

    Constraints:
    * (extent_c1) the file has a name.
    * (extent_c2) the length is at least 1, and the end below 2^63.
  }];
  let parameters = (ins
    StringRefParameter<"file, relative to the model's directory">:$file,
    AttrParameter<"uint64_t", "first byte">:$offset,
    AttrParameter<"uint64_t", "number of bytes">:$length);
  let assemblyFormat = "`<` $file `,` $offset `,` $length `>`";
  let genVerifyDecl = 1;
}

def Moe_SplatAttr : Moe_Attr<"Splat", "splat"> {
  let summary = "every element has one value";
  let description = [{
    `#moe.splat<1.0 : f32>`: the value, rounded to the weight's element type.
  }];
  let parameters = (ins AttrParameter<"::mlir::FloatAttr", "the value">:$value);
  let assemblyFormat = "`<` $value `>`";
}

def Moe_RandomAttr : Moe_Attr<"Random", "random"> {
  let summary = "normally distributed elements from a seed";
  let description = [{
    `#moe.random<1, 0.5 : f32>`: element i is `scale * normal(seed, i)`, the
    same on every machine (see `moe/Model/WeightData.h`), rounded to the
    weight's element type. Lets tests and benchmarks have models without a
    checkpoint.

    Constraints:
    * (random_c1) the scale is finite.
  }];
  let parameters = (ins AttrParameter<"uint64_t", "seed">:$seed,
    AttrParameter<"::mlir::FloatAttr", "standard deviation">:$scale);
  let assemblyFormat = "`<` $seed `,` $scale `>`";
  let genVerifyDecl = 1;
}

def Moe_ValuesAttr : Moe_Attr<"Values", "values"> {
  let summary = "all elements, written out";
  let description = [{
    `#moe.values<[1.0, -0.5]>`: the elements in row-major order, each rounded to
    the weight's element type. For tests and very small tables; what a model
    learned belongs in a file.
  }];
  let parameters = (ins
    AttrParameter<"::mlir::DenseF64ArrayAttr", "the elements">:$elements);
  let assemblyFormat = "`<` $elements `>`";
}

#endif // MOE_DIALECT_MOE_IR_MOEDIALECT_TD
