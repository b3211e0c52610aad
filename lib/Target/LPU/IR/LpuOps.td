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
    file; what begins with a brace is the text of one.

    Constraints:
    * (program_c1) the machine is one that comes with the project, or a valid machine
      file.
    * (program_c2) there is at least one chip; buffers, tracks and links are of chips
      below that number; a wire ends at links that the machine has, and a link at one
      wire.
    * (program_c3) no two vectors of buffers that have places share a row of a slice.
    * (program_c4) there is at most one interface.
    * (program_c5) a program with segments has no clusters, installs, transfers or boundaries,
      and each of its buffers has a place.

    Example:
    ```mlir
    lpu.program @step machine "tsp1" positions 512 vocabulary 300 {
      %x = lpu.buffer temporary "x" east : <1 x f32>
      %y = lpu.buffer temporary "y" east : <1 x f32>
      lpu.cluster "negate" {
        %0 = lpu.read %x[0] : <1 x f32>
        %1 = lpu.alu neg %0 : <f32> -> <f32>
        lpu.write %1 to %y[0] : <f32>, <1 x f32>
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    Arg<StrAttr, "name of the machine, or path of its file">:$machine,
    Arg<DefaultValuedAttr<I64Attr, "1">, "chips">:$chips,
    Arg<OptionalAttr<I64Attr>, "positions of the state">:$positions,
    Arg<OptionalAttr<I64Attr>, "words of the vocabulary">:$vocabulary,
    Arg<OptionalAttr<TypedArrayAttrBase<LPU_LinkAttr, "links">>, "wires between the chips">:$links);
  let regions = (region SizedRegion<1>:$body);
  let hasRegionVerifier = 1;
  let assemblyFormat = [{
    $sym_name `machine` $machine (`chips` $chips^)? (`positions` $positions^)?
    (`vocabulary` $vocabulary^)? (`links` $links^)? attr-dict-with-keyword $body
  }];
}

def LPU_BufferOp : LPU_Op<"buffer", [HasParent<"::moe::lpu::ProgramOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "vectors in memory";
  let description = [{
    `constant` buffers say what is in them: `values` of rank 1 give each vector one
    number for all of its lanes, of rank 2 one for each lane. `parameter` buffers are
    loaded from the module's weights when it is loaded; where no load reaches is 0.
    `text` buffers hold instructions.

    Constraints:
    * (buffer_c1) constants and text have values; parameters, and no others, may have
      loads; nothing else has values.
    * (buffer_c2) values are a number for each vector, or for each vector and each lane
      of the machine, of the buffer's type; i32 for vector<4xi8>.
    * (buffer_c3) the vectors of a load lie in the buffer; it has a column, and a factor
      if it has factors, for each lane of the machine; its parameter and matrix are numbers
      of 32 and 8 bits.
    * (buffer_c4) the place is in the buffer's hemisphere, in n slices, or a multiple of
      n, for vectors of n bytes, which the machine has, each named once; its vectors lie
      in rows that the machine has.
    * (buffer_c5) values are loaded as f32 or f16, scales and zeros as f32, nibbles as
      vector<4xi8>, all else as i8.

    Example:
    ```mlir
    %x = lpu.buffer temporary "x" east at <east, slices = [8, 9, 10, 11], row = 17, step = 1> : <4 x f32>
    %c = lpu.buffer constant "c" west values dense<1.5> : tensor<1xf32> : <1 x f32>
    ```
  }];
  let arguments = (ins LPU_BufferKindAttr:$kind, StrAttr:$name,
    Arg<LPU_SideAttr, "hemisphere">:$side,
    Arg<DefaultValuedAttr<I64Attr, "0">, "chip">:$chip,
    Arg<OptionalAttr<ElementsAttr>, "constant: one number a vector, or a lane">:$values,
    Arg<OptionalAttr<TypedArrayAttrBase<LPU_LoadAttr, "loads">>, "parameter: what is loaded">:$loads,
    Arg<OptionalAttr<LPU_PlaceAttr>, "where it lies">:$place);
  let results = (outs LPU_VectorsType:$result);
  let assemblyFormat = [{
    custom<Word>($kind) $name custom<Word>($side) (`on` $chip^)? (`values` $values^)? (`loads` $loads^)?
    (`at` $place^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def LPU_InterfaceOp : LPU_Op<"interface", [AttrSizedOperandSegments,
    HasParent<"::moe::lpu::ProgramOp">]> {
  let summary = "what the host writes before a run, and reads after it";
  let description = [{
    `high`, `low`, `values`: keys and values of each layer, a vector a position; lane
    l of it is element (heads[l], dims[l]) of the position's, or nothing where -1.

    Constraints:
    * (interface_c1) token and position are input buffers of one vector of i32, next is
      an output buffer of one vector of i32, logits is an output buffer of f32 with a
      lane for each word of the vocabulary.
    * (interface_c2) there are as many low keys and values as high keys, and as many
      copies or none; they are state buffers, keys of f16, values of f32, with a vector
      for each position at least.
    * (interface_c3) heads and dims have a number for each lane of the machine, or for each
      part of a layer's state, one after the other, whose keys follow one another, too; or
      neither is there.

    Example:
    ```mlir
    lpu.interface token %token position %position logits %logits
      : <1 x i32>, <1 x i32>, <2 x f32>
    ```
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
    (`keys` $high^ `and` $low `values` $values)? (`again` $copies^)?
    (`heads` $heads^ `dims` $dims)? attr-dict `:`
    type($token) `,` type($position) `,` type($logits) (`,` type($next)^)?
    (`keys` type($high)^ `and` type($low) `values` type($values))?
    (`again` type($copies)^)?
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

    Constraints:
    * (cluster_c1) exactly one stream, the root, is written, at least once, and has no
      other use; each other stream has exactly one use.
    * (cluster_c2) there is at least one repetition, and one cycle between two.
    * (cluster_c3) the vectors that an access names lie in its buffer, in every
      repetition.
    * (cluster_c4) all buffers are of one chip.
    * (cluster_c5) it holds operations on streams, and nothing else.

    Example:
    ```mlir
    lpu.cluster "sum" repeat 16 every 2 {
      %0 = lpu.read %x[0 step 1] : <16 x f32>
      %1 = lpu.read %y[15 step -1] : <16 x f32>
      %2 = lpu.alu add %0, %1 : <f32>, <f32> -> <f32>
      lpu.write %2 to %z[0 step 1] : <f32>, <16 x f32>
    }
    ```
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
  let description = [{
    In repetition k vector `index + k * step`.

    Example:
    ```mlir
    %0 = lpu.read %x[0 step 1] : <16 x f32>
    ```
  }];
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
    a number of rows, little endian.

    Constraints:
    * (gather_c1) the map is read, as i8, from memory of the buffer's hemisphere.

    Example:
    ```mlir
    %map = lpu.read %rows[0] : <1 x i8>
    %0 = lpu.gather %table[0] by %map : <300 x f32>, <i8>
    ```
  }];
  let hasVerifier = 1;
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

    Constraints:
    * (write_c1) the buffer is of the stream's type, or i8 if a byte is named, which the
      stream has.
    * (write_c2) the buffer is neither a constant nor a parameter nor text.
    * (write_c3) there is at least one copy.

    Example:
    ```mlir
    lpu.write %0 to %x[0 step 1] : <f32>, <16 x f32>
    lpu.write %1 byte 1 to %y[0] copies 16 : <f16>, <320 x i8>
    ```
  }];
  let hasVerifier = 1;
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
  let description = [{
    The map is added to the row of vector `index`, as in `lpu.gather`.

    Constraints:
    * (scatter_c1) the map is read, as i8, from memory of the buffer's hemisphere.
    * (scatter_c2) the buffer is of the stream's type, and neither a constant nor a
      parameter nor text.

    Example:
    ```mlir
    %map = lpu.read %rows[0] : <1 x i8>
    lpu.scatter %0 to %keys[0] by %map : <f16>, <512 x f16>, <i8>
    ```
  }];
  let hasVerifier = 1;
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
      two of one type; and, or, xor, shl, shr, mask and maskn two of as many bytes.
    * (alu_c2) exp2, rsqrt and tanh are of f32; gt, ge and eq of vector<4xi8> give
      vector<4xi8>, of others i32; cvt is of anything but vector<4xi8>; nothing else
      changes the type of its first operand.
    * (alu_c3) add, sub and mul of integers may saturate, nothing else.

    Example:
    ```mlir
    %2 = lpu.alu add saturate %0, %1 : <i32>, <i32> -> <i32>
    ```
  }];
  let arguments = (ins LPU_AluKindAttr:$kind, LPU_StreamType:$lhs,
    Optional<LPU_StreamType>:$rhs, UnitAttr:$saturate);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = [{
    custom<Word>($kind) (`saturate` $saturate^)? $lhs (`,` $rhs^)? attr-dict `:`
    custom<Streams>(type($lhs), type($rhs)) `->` type($result)
  }];
  let hasVerifier = 1;
}

def LPU_PermuteOp : LPU_StreamOp<"permute", [Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "lanes in another order: lane l of the result is lane map[l]";
  let description = [{
    The map is a bijection of the lanes.

    Constraints:
    * (permute_c1) the map is read, as i16, from memory.

    Example:
    ```mlir
    %map = lpu.read %order[0] : <1 x i16>
    %1 = lpu.permute %0 by %map : <f32>, <i16>
    ```
  }];
  let hasVerifier = 1;
  let arguments = (ins LPU_StreamType:$value, LPU_StreamType:$map);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = "$value `by` $map attr-dict `:` type($value) `,` type($map)";
}

def LPU_ShiftOp : LPU_StreamOp<"shift", [Pure, SameOperandsAndResultType]> {
  let summary = "whole superlanes further north; zeros come in";
  let description = [{
    Superlane s of the result is superlane s - `superlanes`.

    Constraints:
    * (shift_c1) it is by less superlanes, up or down, than the machine has.

    Example:
    ```mlir
    %1 = lpu.shift %0 by -3 : <f32>
    ```
  }];
  let arguments = (ins LPU_StreamType:$value, I64Attr:$superlanes);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = "$value `by` $superlanes attr-dict `:` type($value)";
}

def LPU_DistributeOp : LPU_StreamOp<"distribute", [Pure, SameOperandsAndResultType]> {
  let summary = "in each superlane, lane l takes lane lanes[l]";
  let description = [{
    Constraints:
    * (distribute_c1) there is a number for each lane of a superlane, of such a lane.

    Example:
    ```mlir
    %1 = lpu.distribute %0 by [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3] : <f32>
    ```
  }];
  let arguments = (ins LPU_StreamType:$value, DenseI64ArrayAttr:$lanes);
  let results = (outs LPU_StreamType:$result);
  let assemblyFormat = "$value `by` $lanes attr-dict `:` type($value)";
}

def LPU_MultiplyOp : LPU_StreamOp<"multiply", [Pure]> {
  let summary = "activations times installed weights";
  let description = [{
    `result[n] = sum_k value[k] * weights[k, n]`: i8 gives i32, exact; f16 gives f32,
    rounded once.

    Constraints:
    * (multiply_c1) value and weights have one type, i8 and the result i32, or f16 and
      f32.

    Example:
    ```mlir
    %1 = lpu.multiply %0 by %w : <i8>, <i8> -> <i32>
    ```
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

    Constraints:
    * (install_c1) the buffer is i8; weights of f16, and no others, have a second one,
      of the same hemisphere, chip, type and count.
    * (install_c2) the vectors that it takes lie in the buffer.
    * (install_c3) the map is a buffer of one vector of i8 in the buffer's hemisphere.
    * (install_c4) only i8 is expanded, on a machine with an expander.

    Example:
    ```mlir
    %w = lpu.install "layers.0.q" %q[320] : <640 x i8> -> <i8>
    %f = lpu.install %low and %high[0]
      : <320 x i8> and !lpu.vectors<320 x i8> -> <f16>
    ```
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
    superlanes. `outputs` is the claim of what output and state buffers hold at its end.
    With a `score` it ends at an exit, see `lpu.boundary`.

    Constraints:
    * (segment_c1) it holds issues or queues, not both, and nothing else.
    * (segment_c2) no track has two queues.
    * (segment_c3) it takes no negative number of cycles, and issues nothing behind its
      end; the claim of its outputs has 32 bits.
    * (segment_c4) the score is an output buffer of one vector of f32.

    Example:
    ```mlir
    lpu.segment "step" cycles 1250 {
      lpu.issue 1188 mem.e12.read read row 17 -> s4.w repeat 20 every 1 step 1
        claim 0x1234abcd, 0x99aa0011 uses 1 of "layers.0.q"
      lpu.issue 1195 vxm.5 add f32 alu3, s4.w -> s8.e claim 0x5f uses 1
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, Arg<I64Attr, "that it takes">:$cycles,
    Arg<DefaultValuedAttr<I64Attr, "0">, "identity of what it leaves; 0: not said">:$outputs,
    Arg<Optional<LPU_VectorsType>, "as of the boundary that it ended at">:$score);
  let regions = (region SizedRegion<1>:$body);
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "uint64_t":$cycles,
    CArg<"uint64_t", "0">:$outputs), [{
      build($_builder, $_state, name, cycles, outputs, ::mlir::Value());
    }]>];
  let assemblyFormat = [{
    $name `cycles` $cycles (`outputs` $outputs^)? (`score` $score^ `:` type($score))?
    attr-dict-with-keyword $body
  }];
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
    is 4, flowing east), `alu3`, `latch`; `by` a map; `row`; `->` where the result goes;
    `imm`.

    Constraints:
    * (issue_c1) opcode, types and ports are ones that there are.
    * (issue_c2) the machine has the track, and the instruction is one that it issues;
      nop and repeat are of queues.
    * (issue_c3) the first stream of a vector of n bytes is a multiple of n, and the
      machine has it.
    * (issue_c4) rows of all repetitions are in the slice.
    * (issue_c5) times, every and step fit the fields of repeat, claims have 32 bits,
      uses 16; the cycle is not negative.

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

    Constraints:
    * (queue_c1) repeat is behind an instruction of the unit, not of the ICU.
    * (queue_c2) at most as many words are resident as there are.

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

    Constraints:
    * (text_c1) the instruction is one that an issue of the track may be, but for nop
      and repeat.
    * (text_c2) nop and repeat have no number that is 0 or takes more than 16 bits.

    Example:
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

//===----------------------------------------------------------------------===//
// Many chips
//===----------------------------------------------------------------------===//

def LPU_TransferOp : LPU_Op<"transfer", [HasParent<"::moe::lpu::ProgramOp">]> {
  let summary = "a vector from the memory of one chip into that of another";
  let description = [{
    Vector `from` of the source goes over link `link` of the source's chip into vector
    `into` of the target, which lies on the chip at the link's other end. Its byte
    planes follow one another on the link, `c2c.vector_cycles` apart at least, and
    arrive `c2c.hop_cycles` later. Links below half of the machine's are in the west,
    the others in the east; buffers must be in the hemisphere of their end of the wire.

    A wire from a link to itself is a mirror: it stands for a chip that does the same
    in the same cycles, so that one chip of a group can be scheduled for all. Such a
    program has a time, and no results.

    Constraints:
    * (transfer_c1) source and target hold vectors of one type; the target is neither a
      constant nor a parameter nor text.
    * (transfer_c2) the vectors lie in their buffers.
    * (transfer_c3) a wire goes from that link of the source's chip to the target's.

    Example:
    ```mlir
    lpu.transfer "all-reduce" %x[0] to %y[3] over 8 : <1 x f32>, <4 x f32>
    ```
  }];
  let arguments = (ins Arg<OptionalAttr<StrAttr>, "what it is, for people and pictures">:$name,
    LPU_VectorsType:$source, I64Attr:$from, LPU_VectorsType:$target, I64Attr:$into,
    Arg<I64Attr, "of the source's chip">:$link);
  let assemblyFormat = [{
    ($name^)? $source `[` $from `]` `to` $target `[` $into `]` `over` $link attr-dict
    `:` type($source) `,` type($target)
  }];
  let extraClassDeclaration = [{
    /// The wire it goes over, seen from the source; null if there is none.
    ::moe::lpu::LinkAttr getWire();
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Programs in pieces
//===----------------------------------------------------------------------===//

def LPU_BoundaryOp : LPU_Op<"boundary", [HasParent<"::moe::lpu::ProgramOp">]> {
  let summary = "the end of a segment, where the host decides how to go on";
  let description = [{
    What lies between two boundaries becomes a segment with cycles of its own; what is
    behind the last one, the segment "step". All that was written before is there.

    With a `score`, the segment is an exit's: it is run for tokens that may leave. The one
    before it has the layers so far; behind it come first that for tokens that left, here
    or at an exit before, then that for those that go on. A token that leaves runs all
    segments of tokens that left from there on, and no other.

    Constraints:
    * (boundary_c1) the score is an output buffer of one vector of f32.

    Example:
    ```mlir
    lpu.boundary "ask 0" score %score : !lpu.vectors<1 x f32>
    ```
  }];
  let arguments = (ins StrAttr:$name,
    Arg<Optional<LPU_VectorsType>, "how sure the token is, in each lane">:$score);
  let assemblyFormat = "$name (`score` $score^ `:` type($score))? attr-dict";
  let hasVerifier = 1;
}

#endif // MOE_TARGET_LPU_IR_LPUOPS_TD
