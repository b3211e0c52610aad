//===- LpuDialect.td - the lpu dialect, its types and attributes ----------===//
#ifndef MOE_TARGET_LPU_IR_LPUDIALECT_TD
#define MOE_TARGET_LPU_IR_LPUDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def LPU_Dialect : Dialect {
  let name = "lpu";
  let cppNamespace = "::moe::lpu";
  let summary = "how a Groq-style tensor streaming processor computes, to the cycle";
  let description = [{
    A machine without caches, arbiters or queues that wait: memory slices, a vector
    unit (VXM), matrix planes (MXM) and switches (SXM) in a row, and streams that
    carry a byte a lane past them, one column a cycle. `docs/LPU.md` describes it,
    `moert/abi/lpu.h` says when each instruction acts.

    A program is refined in the same `lpu.program`, level by level:
    * **clusters**: `lpu.buffer`s are vectors in memory, `lpu.cluster`s trees of
      operations on streams between reads and writes, `lpu.install`s weights on
      their way into a plane. Program order says who depends on whom; there is no
      time.
    * **layout** (`lpu-assign-layout`): each buffer has a `#lpu.place`.
    * **scheduled** (`lpu-schedule`): clusters have become `lpu.issue`s, each with
      its cycle, track, streams and ALU.
    * **queues** (`lpu-form-queues`): an `lpu.queue` for each track, gaps as `nop`,
      regular sequences as `repeat`: the text that is assembled.

    ```mlir
    lpu.program @step machine "tsp1" {
      %x = lpu.buffer temporary "x" east : !lpu.vectors<1 x f32>
      %w = lpu.buffer parameter "norm" east : !lpu.vectors<1 x f32>
      %y = lpu.buffer temporary "y" east : !lpu.vectors<1 x f32>
      lpu.cluster {
        %0 = lpu.read %x[0] : !lpu.vectors<1 x f32>
        %1 = lpu.read %w[0] : !lpu.vectors<1 x f32>
        %2 = lpu.alu mul %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> f32
        lpu.write %2 to %y[0] : !lpu.stream<f32>, !lpu.vectors<1 x f32>
      }
    }
    ```
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class LPU_Type<string name, string typeMnemonic> : TypeDef<LPU_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def LPU_StreamType : LPU_Type<"Stream", "stream"> {
  let summary = "a vector on its way";
  let description = [{
    One vector of the machine's lanes for each repetition of its cluster, as one
    stream for each byte of its element: i8, i16, i32, f16, f32 or vector<4xi8>
    (four bytes of which each is a number).

    Constraints:
    * (stream_c1) the element is one of these.

    Example: `!lpu.stream<f32>`.
  }];
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
  let genVerifyDecl = 1;
}

def LPU_VectorsType : LPU_Type<"Vectors", "vectors"> {
  let summary = "vectors in memory";
  let description = [{
    `count` vectors of the machine's lanes, elements as of a stream.

    Constraints:
    * (vectors_c1) there is at least one; the element is one of a stream's.

    Example: `!lpu.vectors<320 x i8>`.
  }];
  let parameters = (ins "int64_t":$count, "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $count `x` $elementType `>`";
  let genVerifyDecl = 1;
}

def LPU_WeightsType : LPU_Type<"Weights", "weights"> {
  let summary = "weights in the array of a plane";
  let description = [{
    What one `lpu.install` put there; f16 takes both planes of a hemisphere.

    Constraints:
    * (weights_c1) the element is i8 or f16.

    Example: `!lpu.weights<i8>`.
  }];
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class LPU_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::moe::lpu";
  let genSpecializedAttr = 0;
}
class LPU_EnumAttr<EnumAttrInfo info, string mnemonic>
    : EnumAttr<LPU_Dialect, info, mnemonic> {
  let assemblyFormat = "$value";
}

def LPU_Side : LPU_Enum<"Side", "half of the chip", [
    I32EnumAttrCase<"West", 0, "west">, I32EnumAttrCase<"East", 1, "east">]>;
def LPU_SideAttr : LPU_EnumAttr<LPU_Side, "side">;

/// As BufferKind of the program's schema.
def LPU_BufferKind : LPU_Enum<"BufferKind", "what is in a buffer, and when", [
    I32EnumAttrCase<"Constant", 0, "constant">,
    I32EnumAttrCase<"Parameter", 1, "parameter">,
    I32EnumAttrCase<"State", 2, "state">,
    I32EnumAttrCase<"Input", 3, "input">,
    I32EnumAttrCase<"Output", 4, "output">,
    I32EnumAttrCase<"Temporary", 5, "temporary">,
    I32EnumAttrCase<"Text", 6, "text">]>;
def LPU_BufferKindAttr : LPU_EnumAttr<LPU_BufferKind, "buffer_kind">;

/// As Field of the program's schema.
def LPU_Field : LPU_Enum<"Field", "what of a matrix is loaded", [
    I32EnumAttrCase<"Values", 0, "values">,
    I32EnumAttrCase<"Levels", 1, "levels">,
    I32EnumAttrCase<"Scales", 2, "scales">,
    I32EnumAttrCase<"Zeros", 3, "zeros">,
    I32EnumAttrCase<"HalfLow", 4, "half_low">,
    I32EnumAttrCase<"HalfHigh", 5, "half_high">,
    I32EnumAttrCase<"Packed", 6, "packed">,
    I32EnumAttrCase<"Nibbles", 7, "nibbles">,
    I32EnumAttrCase<"History", 8, "history">]>;
def LPU_FieldAttr : LPU_EnumAttr<LPU_Field, "field">;

/// Numbered as the opcodes of moert/abi/lpu.h.
def LPU_AluKind : LPU_Enum<"AluKind", "operation of an ALU", [
    I32EnumAttrCase<"Pass", 16, "pass">, I32EnumAttrCase<"Neg", 17, "neg">,
    I32EnumAttrCase<"Add", 18, "add">, I32EnumAttrCase<"Sub", 19, "sub">,
    I32EnumAttrCase<"Mul", 20, "mul">, I32EnumAttrCase<"Min", 21, "min">,
    I32EnumAttrCase<"Max", 22, "max">, I32EnumAttrCase<"And", 23, "and">,
    I32EnumAttrCase<"Or", 24, "or">, I32EnumAttrCase<"Xor", 25, "xor">,
    I32EnumAttrCase<"Shl", 26, "shl">, I32EnumAttrCase<"Shr", 27, "shr">,
    I32EnumAttrCase<"Gt", 28, "gt">, I32EnumAttrCase<"Ge", 29, "ge">,
    I32EnumAttrCase<"Eq", 30, "eq">, I32EnumAttrCase<"Mask", 31, "mask">,
    I32EnumAttrCase<"MaskNot", 32, "maskn">, I32EnumAttrCase<"Convert", 33, "cvt">,
    I32EnumAttrCase<"Relu", 34, "relu">, I32EnumAttrCase<"Exp2", 35, "exp2">,
    I32EnumAttrCase<"Rsqrt", 36, "rsqrt">, I32EnumAttrCase<"Tanh", 37, "tanh">]>;
def LPU_AluKindAttr : LPU_EnumAttr<LPU_AluKind, "alu_kind">;

/// Numbered as moert_lpu_track_kind_t.
def LPU_TrackKind : LPU_Enum<"TrackKind", "who issues", [
    I32EnumAttrCase<"Read", 0, "read">, I32EnumAttrCase<"Write", 1, "write">,
    I32EnumAttrCase<"Vxm", 2, "vxm">, I32EnumAttrCase<"Load", 3, "load">,
    I32EnumAttrCase<"Feed", 4, "feed">, I32EnumAttrCase<"Drain", 5, "drain">,
    I32EnumAttrCase<"Shift", 6, "shift">, I32EnumAttrCase<"Permute", 7, "permute">,
    I32EnumAttrCase<"Distribute", 8, "distribute">,
    I32EnumAttrCase<"Transpose", 9, "transpose">,
    I32EnumAttrCase<"Select", 10, "select">, I32EnumAttrCase<"C2c", 11, "c2c">,
    I32EnumAttrCase<"Icu", 12, "icu">]>;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class LPU_Attr<string name, string attrMnemonic> : AttrDef<LPU_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def LPU_PlaceAttr : LPU_Attr<"Place", "place"> {
  let summary = "where the vectors of a buffer lie";
  let description = [{
    `slices` of one hemisphere, n of them for vectors of n bytes, byte plane by byte
    plane; more are groups that take vectors in turn: vector i lies in group
    i mod groups, in row `row + i / groups * step`.

    Example: `#lpu.place<east, slices = [8, 9, 10, 11], row = 17, step = 1>`.
  }];
  let parameters = (ins EnumParameter<LPU_Side>:$side,
    ArrayRefParameter<"int64_t">:$slices, "int64_t":$row, "int64_t":$step);
  let assemblyFormat = "`<` $side `,` `slices` `=` `[` $slices `]` `,` `row` `=` $row `,` `step` `=` $step `>`";
}

def LPU_IndicesAttr : LPU_Attr<"Indices", "indices"> {
  let summary = "a list of numbers, mostly in runs";
  let description = [{
    Written as runs: `a to b` ascends by one, `a times n` is the same number n
    times.

    Example: `#lpu.indices<0 to 255, -1 times 64>`.
  }];
  let parameters = (ins ArrayRefParameter<"int32_t">:$values);
  let hasCustomAssemblyFormat = 1;
}

def LPU_LoadAttr : LPU_Attr<"Load", "load"> {
  let summary = "vectors that are made of a parameter";
  let description = [{
    Lane l of vector `first + i` is element (rows[i], columns[l]) of the matrix, or
    with `transposed` (columns[l], rows[i]), and 0 where either is -1; times
    factors[l], if there are any. `parameter` and `matrix` number the weight's bytes
    as the module does; `name` is for people.

    Example:
    `#lpu.load<"layers.0.q" 5 matrix 0 levels first 0 rows <0 to 255> columns <0 to 255, -1 times 64>>`.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$parameter,
    "int64_t":$matrix, EnumParameter<LPU_Field>:$field, "int64_t":$first,
    "bool":$transposed, "IndicesAttr":$rows, "IndicesAttr":$columns,
    OptionalParameter<"::mlir::DenseF32ArrayAttr">:$factors);
  let hasCustomAssemblyFormat = 1;
}

def LPU_LinkAttr : LPU_Attr<"Link", "link"> {
  let summary = "a wire between two chips";
  let description = [{
    Link `linkA` of chip `chipA` ends at link `linkB` of chip `chipB`.

    Example: `#lpu.link<0 link 3 to 1 link 0>`.
  }];
  let parameters = (ins "int64_t":$chipA, "int64_t":$linkA, "int64_t":$chipB,
    "int64_t":$linkB);
  let hasCustomAssemblyFormat = 1;
}

def LPU_TrackAttr : LPU_Attr<"Track", "track"> {
  let summary = "who issues";
  let description = [{
    One sequence of instructions, as `moert_lpu_track_kind_t` numbers them; `side` is
    west, and `index` 0, where a kind has none. In text: `mem.e12.read`,
    `mem.w3.write` (slices), `vxm.5` (an ALU), `mxm.e0.load`, `mxm.e0.feed`,
    `mxm.e0.drain` (planes), `sxm.w0.shift`, and likewise permute, distribute,
    transpose and select (units), `c2c.e3` (links), `icu`; of another chip than 0 with
    its number behind: `icu on 2`.

    Example: `#lpu.track<mem.e12.read on 2>`.
  }];
  let parameters = (ins "int64_t":$chip, EnumParameter<LPU_TrackKind>:$kind,
    EnumParameter<LPU_Side>:$side, "int64_t":$index);
  let hasCustomAssemblyFormat = 1;
}

#endif // MOE_TARGET_LPU_IR_LPUDIALECT_TD
