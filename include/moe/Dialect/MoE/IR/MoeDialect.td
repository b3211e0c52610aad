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

def Moe_QuantizedType : TypeDef<Moe_Dialect, "Quantized"> {
  let mnemonic = "quantized";
  let summary = "an element of a row of 8-bit levels with one scale";
  let description = [{
    The element type of quantised rows: a level in [-127, 127], times a scale of
    f32 that the whole row shares. With `rotated B` the levels are those of the
    row after `moe.quantize` rotated every block of B features.

    Constraints:
    * (quantized_c1) the block, if any, is a power of two between 2 and 65536.

    Example: `tensor<?x256x!moe.quantized<i8 rotated 256>>`.
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "0",
    "features of a rotated block; 0: not rotated">:$rotation);
  let assemblyFormat = "`<` `i8` (`rotated` $rotation^)? `>`";
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

def Moe_Confidence : Moe_Enum<"Confidence", "how sure a distribution is", [
  I32EnumAttrCase<"Top1", 0, "top1">, I32EnumAttrCase<"Margin", 1, "margin">,
  I32EnumAttrCase<"Entropy", 2, "entropy">]>;
def Moe_ConfidenceAttr : Moe_EnumAttr<Moe_Confidence, "confidence", [{
  `top1` is the largest probability, `margin` its distance to the next, `entropy`
  one less the entropy's share of the largest possible.
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

//===----------------------------------------------------------------------===//
// Attributes: how a weight is stored
//===----------------------------------------------------------------------===//

def Moe_CodeLayout : I32EnumAttr<"CodeLayout", "where the bits of a code lie", [
  I32EnumAttrCase<"Planes", 0, "planes">,
  I32EnumAttrCase<"Pairs", 1, "pairs">]> {
  let cppNamespace = "::moe";
  let genSpecializedAttr = 0;
}

def Moe_CodeAttr : Moe_Attr<"Code", "code"> {
  let summary = "how the bits of a stored matrix become numbers";
  let description = [{
    A complete description of a matrix of N rows (outputs) and K columns (inputs)
    that is stored as codes: from it and the bytes every target has the weights,
    whatever scheme chose them. A weight is `scale * (level - offset - zero)`, with
    a level in [0, 255], a scale of type f16 and, with `zeros`, a zero of type u8.

    * `planes`: a weight has a field of `bits` bits. Its level is `levels[field]`,
      or the field itself if no levels are listed.
    * `pairs`: the weights of columns 2p and 2p + 1 share a code of 7 bits. Their
      levels are `levels[code]` both or, if 256 are listed, `levels[code]` and
      `levels[128 + code]`.
    * `pairs` with `window = [a, b]` are a trellis. The codes of the even pairs of
      a row are one stream, those of the odd pairs another. The last 16 bits of
      the stream, up to and with the pair's own code (its latest bits highest;
      zeros before the first code), are a state s; with
      h = (s + a * (s mod 256) + b * (s / 256)) mod 65536 the levels are
      `levels[h mod 128]` and `levels[h / 256 mod 128]`.

    A scale, and a zero, belongs to `columns` columns of a row. With `columns = 0`
    a scale belongs to whole rows: to 1, 2, 4, 8 or 16 neighbours, the fewest that
    have at least `weights` weights together, or 16.

    Rows are stored in *tiles* of 16 and columns in *steps* of 64, both filled up;
    docs/Quantization.md draws the bytes. `rotated` tells the compiler that
    columns should be rotated; `moe.weight` says whether they are.

    Constraints:
    * (code_c1) the name is a word of letters, digits and dashes.
    * (code_c2) planes have 1 to 8 bits, pairs 7.
    * (code_c3) there are as many levels as codes, 2^bits; planes may have none,
      pairs without a window twice as many. Each lies between 0 and 255.
    * (code_c4) the offset lies between 0 and 255.
    * (code_c5) columns is 0, 32 or a multiple of 64; only with columns are there
      zeros.
    * (code_c6) weights is at least 1.
    * (code_c7) only pairs have a window: two numbers a and b between -128 and 127
      such that a * (s mod 256) + b * (s / 256) fits 16 bits, signed, for every s.

    Example:
    `#moe.code<"q4", planes, bits = 4, columns = 128, zeros = true>`
  }];
  let parameters = (ins
    StringRefParameter<"scheme">:$name,
    EnumParameter<Moe_CodeLayout>:$layout,
    "int64_t":$bits,
    DefaultValuedParameter<"int64_t", "0", "columns of a scale; 0: all">:$columns,
    DefaultValuedParameter<"int64_t", "1", "fewest weights of a scale">:$weights,
    DefaultValuedParameter<"int64_t", "0", "level of weight 0">:$offset,
    DefaultValuedParameter<"bool", "false", "scales have a zero">:$zeros,
    DefaultValuedParameter<"bool", "false", "columns are rotated">:$rotated,
    OptionalArrayRefParameter<"int64_t", "a and b of a trellis">:$window,
    OptionalArrayRefParameter<"int64_t", "level of each code">:$levels);
  let assemblyFormat = [{
    `<` $name `,` $layout `,` struct($bits, $columns, $weights, $offset, $zeros,
      $rotated, custom<Numbers>($window), custom<Numbers>($levels)) `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    static constexpr int64_t tileRows = 16, stepColumns = 64;

    bool isTrellis() const { return !getWindow().empty(); }
    /// Columns of whole steps.
    static int64_t getPaddedColumns(int64_t columns) {
      return (columns + stepColumns - 1) / stepColumns * stepColumns;
    }
    static int64_t getTiles(int64_t rows) {
      return (rows + tileRows - 1) / tileRows;
    }
    /// Bytes of the codes of one step of one tile.
    int64_t getStepBytes() const;
    /// Bits of a weight's code alone: 3.5 for pairs.
    double getCodeBits() const;
    /// Scales along a row filled up to whole steps; 1 if a scale has whole rows.
    int64_t getGroups(int64_t columns) const;
    /// Rows that share a scale.
    int64_t getScaleRows(int64_t columns) const;
    /// Features of a rotated block of rows of that many columns: the largest
    /// power of two, up to 1024, that divides them; 0 unless rotated.
    int64_t getRotation(int64_t columns) const;

    /// A stored matrix is codes, scales, zeros, each filled up to 64 bytes:
    /// codes u8 [tile][step][getStepBytes()],
    /// scales f16 [tile][group][16 / getScaleRows()],
    /// zeros u8 [tile][group][16].
    uint64_t getCodeBytes(int64_t rows, int64_t columns) const;
    uint64_t getScaleBytes(int64_t rows, int64_t columns) const;
    uint64_t getZeroBytes(int64_t rows, int64_t columns) const;
    uint64_t getMatrixBytes(int64_t rows, int64_t columns) const;
  }];
}

#endif // MOE_DIALECT_MOE_IR_MOEDIALECT_TD
