//===- LpuOps.td - the operations of the lpu dialect ----------------------===//
//
// Each operand and attribute carries a sentence. A constraint has one name,
// <op>_c<N>, in docs/Spec.md, here, in the verifier and in the test.
//===----------------------------------------------------------------------===//
#ifndef MOE_TARGET_LPU_IR_LPUOPS_TD
#define MOE_TARGET_LPU_IR_LPUOPS_TD

include "lib/Target/LPU/IR/LpuDialect.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class LPU_Op<string mnemonic, list<Trait> traits = []>
    : Op<LPU_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

def LPU_ProgramOp : LPU_Op<"program", [Symbol, IsolatedFromAbove, NoTerminator,
    SingleBlock, NoRegionArguments]> {
  let summary = "what one chip, or some, execute for one token";
  let description = [{
    `machine` names a machine that comes with the project, or the path of a machine
    file.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    Arg<StrAttr, "name of the machine, or path of its file">:$machine,
    Arg<DefaultValuedAttr<I64Attr, "1">, "chips">:$chips,
    Arg<OptionalAttr<I64Attr>, "positions of the state">:$positions,
    Arg<OptionalAttr<I64Attr>, "words of the vocabulary">:$vocabulary,
    Arg<OptionalAttr<TypedArrayAttrBase<LPU_LinkAttr, "links">>, "wires between the chips">:$links);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `machine` $machine (`chips` $chips^)? (`positions` $positions^)?
    (`vocabulary` $vocabulary^)? (`links` $links^)? attr-dict-with-keyword $body
  }];
}

def LPU_BufferOp : LPU_Op<"buffer", [
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "vectors in memory";
  let description = [{
    `constant` buffers say what is in them: `values` of rank 1 give each vector one
    number for all of its lanes, of rank 2 one for each lane. `parameter` buffers are
    loaded from the module's weights when it is loaded; where no load reaches is 0.
  }];
  let arguments = (ins LPU_BufferKindAttr:$kind, StrAttr:$name,
    Arg<LPU_SideAttr, "hemisphere">:$side,
    Arg<DefaultValuedAttr<I64Attr, "0">, "chip">:$chip,
    Arg<OptionalAttr<ElementsAttr>, "constant: one number a vector, or a lane">:$values,
    Arg<OptionalAttr<TypedArrayAttrBase<LPU_LoadAttr, "loads">>, "parameter: what is loaded">:$loads,
    Arg<OptionalAttr<LPU_PlaceAttr>, "where it lies">:$place);
  let results = (outs LPU_VectorsType:$result);
  let assemblyFormat = [{
    $kind $name $side (`on` $chip^)? (`values` $values^)? (`loads` $loads^)?
    (`at` $place^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def LPU_InterfaceOp : LPU_Op<"interface", [AttrSizedOperandSegments]> {
  let summary = "what the host writes before a run, and reads after it";
  let description = [{
    `high`, `low`, `values`: keys and values of each layer, a vector a position; lane
    l of it is element (heads[l], dims[l]) of the position's, or nothing where -1.
  }];
  let arguments = (ins Arg<LPU_VectorsType, "i32, in each lane">:$token,
    Arg<LPU_VectorsType, "i32, in each lane">:$position,
    Arg<LPU_VectorsType, "f32: of the vocabulary, lane by lane">:$logits,
    Arg<Optional<LPU_VectorsType>, "i32: the likeliest token, in each lane">:$next,
    Arg<Variadic<LPU_VectorsType>, "f16: keys of each layer">:$high,
    Arg<Variadic<LPU_VectorsType>, "f16: what is left of the keys">:$low,
    Arg<Variadic<LPU_VectorsType>, "f16: the keys again, in the other hemisphere">:$copies,
    Arg<Variadic<LPU_VectorsType>, "f32: values of each layer">:$values,
    Arg<OptionalAttr<LPU_IndicesAttr>, "head of each lane of the state">:$heads,
    Arg<OptionalAttr<LPU_IndicesAttr>, "element of the head">:$dims);
  let assemblyFormat = [{
    `token` $token `position` $position `logits` $logits (`next` $next^)?
    (`keys` $high^ `and` $low `again` $copies `values` $values)? (`heads` $heads^ `dims` $dims)? attr-dict `:`
    type($token) `,` type($position) `,` type($logits) (`,` type($next)^)?
    (`,` `(` type($high)^ `)` `,` `(` type($low) `)` `,` `(` type($copies) `)` `,` `(` type($values) `)`)?
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Clusters: what happens between two accesses of memory
//===----------------------------------------------------------------------===//

def LPU_ClusterOp : LPU_Op<"cluster", [NoTerminator, SingleBlock,
    NoRegionArguments, HasParent<"::moe::lpu::ProgramOp">]> {
  let summary = "a tree of operations on streams";
  let description = [{
    Reads are its leaves; each stream but the last has one use, the last is written,
    to any number of places. So its times relative to each other are fixed but for
    those of the reads, which suit who takes them.

    With `repeat n every d` it runs n times, d cycles apart; `[i step s]` is vector
    i + s * k in repetition k (s may be negative). Repetitions do not wait for each
    other: what one reads of what another wrote must have been written d * distance
    cycles before, which the scheduler checks. All of it happens behind what earlier
    operations of the program wrote and read in the same vectors.
  }];
  let arguments = (ins
    Arg<OptionalAttr<StrAttr>, "what it does, for people and pictures">:$name,
    Arg<DefaultValuedAttr<I64Attr, "1">, "repetitions">:$times,
    Arg<DefaultValuedAttr<I64Attr, "1">, "cycles between two">:$every);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    ($name^)? (`repeat` $times^ `every` $every)? attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

class LPU_StreamOp<string mnemonic, list<Trait> traits = []>
    : LPU_Op<mnemonic, !listconcat(traits, [HasParent<"::moe::lpu::ClusterOp">])>;

def LPU_ReadOp : LPU_StreamOp<"read", [
    InferTypeOpAdaptor]> {
  let summary = "a vector from memory";
  let arguments = (ins LPU_VectorsType:$buffer, I64Attr:$index,
    DefaultValuedAttr<I64Attr, "0">:$step);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat =
    "$buffer `[` $index (`step` $step^)? `]` attr-dict `:` type($buffer)";
}

def LPU_GatherOp : LPU_StreamOp<"gather", [
    InferTypeOpAdaptor]> {
  let summary = "a vector from rows that a map says";
  let description = [{
    The map is added to the row of vector `index`: bytes 0 and 1 of each superlane are
    a number of rows, little endian. The map must come from memory of the buffer's
    hemisphere: its leaf is a read.
  }];
  let arguments = (ins LPU_VectorsType:$buffer, I64Attr:$index,
    DefaultValuedAttr<I64Attr, "0">:$step, LPU_StreamType:$map);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = [{
    $buffer `[` $index (`step` $step^)? `]` `by` $map attr-dict `:` type($buffer)
    `,` type($map)
  }];
}

def LPU_WriteOp : LPU_StreamOp<"write"> {
  let summary = "a vector into memory";
  let description = [{
    With `byte` only that byte plane, to a buffer of i8. With `copies n` the same to
    n vectors from `index` on, which lie in different slices.
  }];
  let arguments = (ins LPU_StreamType:$value,
    Arg<OptionalAttr<I64Attr>, "byte plane">:$byte, LPU_VectorsType:$buffer,
    I64Attr:$index, DefaultValuedAttr<I64Attr, "0">:$step,
    Arg<DefaultValuedAttr<I64Attr, "1">, "vectors that take it">:$copies);
  let assemblyFormat = [{
    $value (`byte` $byte^)? `to` $buffer `[` $index (`step` $step^)? `]`
    (`copies` $copies^)? attr-dict `:` type($value) `,` type($buffer)
  }];
}

def LPU_ScatterOp : LPU_StreamOp<"scatter"> {
  let summary = "a vector into rows that a map says";
  let arguments = (ins LPU_StreamType:$value, LPU_VectorsType:$buffer, I64Attr:$index,
    DefaultValuedAttr<I64Attr, "0">:$step, LPU_StreamType:$map);
  let assemblyFormat = [{
    $value `to` $buffer `[` $index (`step` $step^)? `]` `by` $map attr-dict `:`
    type($value) `,` type($buffer) `,` type($map)
  }];
}

def LPU_AluOp : LPU_StreamOp<"alu", [Pure]> {
  let summary = "an operation of one ALU in each lane";
  let description = [{
    As the opcode of the same name in `moert/abi/lpu.h`.

    Constraints:
    * (alu_c1) neg, pass, cvt, relu, exp2, rsqrt and tanh take one operand, the others
      two of one type; and, or, xor, mask and maskn: two of as many bytes, the result is
      of the first's type.
    * (alu_c2) min, max, exp2, rsqrt, tanh are of f32 (min, max: or i32); gt, ge and eq
      give i32 or vector<4xi8>; only cvt changes a type besides.
  }];
  let arguments = (ins LPU_AluKindAttr:$kind, LPU_StreamType:$lhs,
    Optional<LPU_StreamType>:$rhs, UnitAttr:$saturate);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = [{
    $kind (`saturate` $saturate^)? $lhs (`,` $rhs^)? attr-dict `:` type($lhs)
    (`,` type($rhs)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def LPU_PermuteOp : LPU_StreamOp<"permute", [Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "lanes in another order: lane l of the result is lane map[l]";
  let description = [{
    The map is a bijection of the lanes, i16, read from memory of the same hemisphere.
  }];
  let arguments = (ins LPU_StreamType:$value, LPU_StreamType:$map);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = "$value `by` $map attr-dict `:` type($value) `,` type($map)";
}

def LPU_ShiftOp : LPU_StreamOp<"shift", [Pure, SameOperandsAndResultType]> {
  let summary = "whole superlanes further north; zeros come in";
  let arguments = (ins LPU_StreamType:$value, I64Attr:$superlanes);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = "$value `by` $superlanes attr-dict `:` type($value)";
}

def LPU_DistributeOp : LPU_StreamOp<"distribute", [Pure, SameOperandsAndResultType]> {
  let summary = "in each superlane, lane l takes lane lanes[l]";
  let arguments = (ins LPU_StreamType:$value, DenseI64ArrayAttr:$lanes);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = "$value `by` $lanes attr-dict `:` type($value)";
}

def LPU_MultiplyOp : LPU_StreamOp<"multiply", [Pure]> {
  let summary = "activations times installed weights";
  let description = [{
    `result[n] = sum_k value[k] * weights[k, n]`: i8 gives i32, exact; f16 gives f32,
    rounded once.
  }];
  let arguments = (ins LPU_StreamType:$value, LPU_WeightsType:$weights);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = [{
    $value `by` $weights attr-dict `:` type($value) `,` type($weights) `->` type($result)
  }];
  let hasVerifier = 1;
}

def LPU_InstallOp : LPU_Op<"install", [HasParent<"::moe::lpu::ProgramOp">,
    AttrSizedOperandSegments]> {
  let summary = "weights from memory into the array of a plane";
  let description = [{
    Vector `index + n` of the buffer is column n of the weights, for 320 columns (the
    machine's width): lane k of it is weight [k, n]. f16 takes two buffers, of the low
    and of the high bytes. With a map, rows are gathered: it is a buffer of one i8
    vector in the same hemisphere, added to the row of each. With `expand`, the buffer
    holds packed codes (see LWX), 7 vectors for 16 columns.

    It may begin as soon as a plane of the buffer's hemisphere has a free weight
    buffer; the array takes it behind the last multiply with what it replaces.
  }];
  let arguments = (ins LPU_VectorsType:$buffer, Optional<LPU_VectorsType>:$high,
    I64Attr:$index, Optional<LPU_VectorsType>:$map, UnitAttr:$expand,
    Arg<OptionalAttr<StrAttr>, "what it is, for people and pictures">:$name);
  let results = (outs LPU_WeightsType:$result);
  let assemblyFormat = [{
    ($name^)? $buffer (`and` $high^)? `[` $index `]` (`by` $map^)? (`expand` $expand^)?
    attr-dict `:` type($buffer) (`and` type($high)^)? (`by` type($map)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// The schedule, and the queues that are made of it
//===----------------------------------------------------------------------===//

def LPU_SegmentOp : LPU_Op<"segment", [NoTerminator, SingleBlock, NoRegionArguments,
    HasParent<"::moe::lpu::ProgramOp">]> {
  let summary = "what runs without the host between";
  let description = [{
    A whole step, or the part of it up to an exit. It holds `lpu.issue`s in any order
    (level scheduled), or one `lpu.queue` for each track (level queues). `cycles` is
    1 + the last cycle in which a result arrives somewhere or a row is written +
    superlanes.

    Example:
    ```mlir
    lpu.segment "step" cycles 1250 {
      lpu.issue 1188 mem.e12.read read row 17 -> s4.w repeat 20 every 1 step 1
        claim 0x1234abcd, 0x99aa0011 uses 1 of "layers.0.q"
      lpu.issue 1195 vxm.5 add f32 alu3, s4.w -> s8.e claim 0x5f uses 1
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, Arg<I64Attr, "that it takes">:$cycles);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name `cycles` $cycles attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

/// An instruction is in two numbers, as in the program's file: `low` has opcode,
/// types, ports and row, `high` the immediate.
class LPU_WordOp<string mnemonic, list<Trait> traits> : LPU_Op<mnemonic, traits> {
  let hasCustomAssemblyFormat = 1;
  let skipDefaultBuilders = 1;
  let hasVerifier = 1;
}

def LPU_IssueOp : LPU_WordOp<"issue", [HasParent<"::moe::lpu::SegmentOp">]> {
  let summary = "an instruction with its cycle and track";
  let description = [{
    Dispatched in cycle `cycle`; `times` - 1 more times after it, `every` cycles
    apart, `step` added to its row each time. `claim` is that of the first time,
    `repeatsClaim` that of the REPEAT that the others become: the fold of their
    claims (`moert/abi/lpu.h`). `uses` says how many instructions take each result.

    In text: the opcode; `saturate` or `add` for its flag; types (`f32`, or `f32 to i32`
    where the result's is another one); ports `s4.e` (the vector whose first stream
    is 4, flowing east), `alu3`, `latch`; `by` a map; `->` where the result goes; `row`;
    `imm`.

    Example:
    ```mlir
    lpu.issue 1188 mem.e12.read read row 17 -> s4.w repeat 20 every 1 step 1
      claim 0x1234abcd, 0x99aa0011 uses 1 of "layers.0.q"
    ```
  }];
  let arguments = (ins I64Prop:$cycle, LPU_TrackAttr:$track, I64Prop:$low,
    I64Prop:$high, I64Prop:$times, I64Prop:$every, I64Prop:$step, I64Prop:$claim,
    I64Prop:$repeatsClaim, I64Prop:$uses,
    Arg<OptionalAttr<StrAttr>, "what it belongs to, for people and pictures">:$name);
  let builders = [OpBuilder<(ins "int64_t":$cycle, "TrackAttr":$track,
    "const moert_lpu_instruction_t &":$instruction, "uint32_t":$claim,
    CArg<"uint16_t", "0">:$uses, CArg<"int64_t", "1">:$times,
    CArg<"int64_t", "1">:$every, CArg<"int64_t", "0">:$step,
    CArg<"uint32_t", "0">:$repeatsClaim, CArg<"::mlir::StringAttr", "{}">:$name)>];
  let extraClassDeclaration = [{
    moert_lpu_instruction_t getInstruction();
    /// Cycle of the last time.
    int64_t getLastCycle() { return getCycle() + (getTimes() - 1) * getEvery(); }
  }];
}

def LPU_QueueOp : LPU_Op<"queue", [NoTerminator, SingleBlock, NoRegionArguments,
    HasParent<"::moe::lpu::SegmentOp">]> {
  let summary = "the text of one track";
  let description = [{
    The words in the order in which they are issued, from cycle 0 on, each in the
    cycle after the one before, but for: `nop n`, which takes n cycles; `repeat n
    every d step s`, which issues the instruction before it n times more, d, 2d, ... nd
    cycles behind it, and so ends in the cycle n * d behind it (with s added to its row each time);
    `sync`, which takes until the barrier. `resident` words are in the queue
    at the start, the others come by `ifetch`; without it, all.

    Example:
    ```mlir
    lpu.queue mem.e12.read {
      lpu.text nop 1188
      lpu.text read row 17 -> s4.w claim 0x1234abcd uses 1
      lpu.text repeat 19 every 1 step 1 claim 0x99aa0011 uses 1
    }
    ```
  }];
  let arguments = (ins LPU_TrackAttr:$track,
    Arg<DefaultValuedAttr<I64Attr, "0">, "words that are there at the start; 0: all">:$resident);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "custom<Track>($track) (`resident` $resident^)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def LPU_TextOp : LPU_WordOp<"text", [HasParent<"::moe::lpu::QueueOp">]> {
  let summary = "one word of a queue";
  let description = [{
    As `lpu.issue` without cycle and track. The claim of a `repeat` is that of what it
    repeats, its uses are those of each of the repeated results.

    Example: see `lpu.queue`.
    ```mlir
    lpu.text repeat 19 every 1 step 1 claim 0x99aa0011 uses 1
    ```
  }];
  let arguments = (ins I64Prop:$low, I64Prop:$high, I64Prop:$claim, I64Prop:$uses);
  let builders = [OpBuilder<(ins "const moert_lpu_instruction_t &":$instruction,
    CArg<"uint32_t", "0">:$claim, CArg<"uint16_t", "0">:$uses)>];
  let extraClassDeclaration = [{
    moert_lpu_instruction_t getInstruction();
  }];
}

#endif // MOE_TARGET_LPU_IR_LPUOPS_TD
