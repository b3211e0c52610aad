//===- Passes.td - from moe IR to a program of an LPU ---------------------===//
//
// LowerModelPass: Lowering/. AssignLayoutPass: Layout/. SchedulePass: Schedule/.
// FormQueuesPass, AssemblePass and DisassemblePass: Assembly/. A file defines its pass
// with GEN_PASS_DEF_<NAME>; LPUBackend.cpp registers each by its own register function.
//===----------------------------------------------------------------------===//
include "mlir/Pass/PassBase.td"

def LowerModelPass : Pass<"lpu-lower-model", "::mlir::ModuleOp"> {
  let summary = "replace a model by a program of buffers and clusters";
  let description = [{
    Turns `@forward` of the one `moe.model` into an `lpu.program` of one decode step of
    one token: weights become buffers with loads, products installs and multiplies,
    the state of `context` positions buffers of keys and values. There is no time and
    no place yet.

    ```mlir
    %y = moe.rms_norm %x by @w ...
    // becomes
    lpu.cluster "layers.0.norm" {
      %0 = lpu.read %x[0] : !lpu.vectors<1 x f32>
      %1 = lpu.alu mul %0, ... : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
      ...
    }
    ```
  }];
  let dependentDialects = ["::moe::lpu::LPUDialect"];
  let options = [
    Option<"machine", "machine", "std::string", "\"tsp1\"",
           "Name of a machine, or path of a machine file">,
    Option<"context", "context", "int64_t", "1024",
           "Positions of keys and values that there is room for">,
    Option<"chips", "chips", "int64_t", "1", "Chips that share each layer">,
    Option<"stages", "stages", "int64_t", "1",
           "Groups of so many chips, one behind the other">,
    Option<"mirrored", "mirrored", "bool", "false",
           "Write one chip for all of a group: a schedule without results">,
    Option<"part", "part", "std::string", "\"all\"",
           "What of the model: all, layers, or head">];
}

def AssignLayoutPass : Pass<"lpu-assign-layout", "::mlir::ModuleOp"> {
  let summary = "give each buffer slices and rows";
  let description = [{
    Each `lpu.buffer` without a place gets one in its hemisphere, so that no two
    overlap and what clusters read and write in one cycle lies in different slices or
    banks as far as possible. Fails if the memory is too small, and says by how much.

    ```mlir
    %x = lpu.buffer temporary "x" east : <4 x f32>
    // becomes
    %x = lpu.buffer temporary "x" east at <east, slices = [8, 9, 10, 11], row = 17, step = 1> : <4 x f32>
    ```
  }];
  let dependentDialects = ["::moe::lpu::LPUDialect"];
}

def SchedulePass : Pass<"lpu-schedule", "::mlir::ModuleOp"> {
  let summary = "give each operation of clusters its cycle, track and streams";
  let description = [{
    Replaces the clusters and installs of an `lpu.program` whose buffers have places by
    one `lpu.segment` of `lpu.issue`s. Its `cycles` are what the program takes on the
    machine, to the cycle.

    ```mlir
    lpu.cluster "copy" {
      %0 = lpu.read %x[0] : !lpu.vectors<1 x i8>
      lpu.write %0 to %y[0] : !lpu.stream<i8>, !lpu.vectors<1 x i8>
    }
    // becomes
    lpu.segment "step" cycles 25 {
      lpu.issue 0 mem.e8.read read row 17 -> s0.e claim 0x5f1c uses 1 of "copy"
      lpu.issue 2 mem.e12.write write s0.e row 3 claim 0x5f1c of "copy"
    }
    ```
  }];
  let dependentDialects = ["::moe::lpu::LPUDialect"];
  let options = [Option<"report", "report", "std::string", "\"\"",
    "File to write: a page that draws the schedule, or, .json, its numbers">];
  let statistics = [
    Statistic<"numCycles", "cycles", "cycles that programs take">,
    Statistic<"numInstructions", "instructions", "instructions, with repetitions">,
    Statistic<"numStreaming", "streaming", "cycles in which weights stream">,
    Statistic<"numPercent", "percent",
              "of install ports that are busy while weights stream">];
}

def FormQueuesPass : Pass<"lpu-form-queues", "::mlir::ModuleOp"> {
  let summary = "turn the schedule into the text of queues";
  let description = [{
    Replaces the `lpu.issue`s of each segment by one `lpu.queue` for each track:
    waiting becomes `nop`, in pieces of at most 65535 cycles. Issues of one
    instruction at equal distances, whose rows grow by equal steps, become one
    instruction and a `repeat`, whose claim is the fold of theirs; so do those that
    `repeat` in the schedule. Refuses two issues of a track that are due in one cycle.

    ```mlir
    lpu.issue 3 mem.e12.read read row 17 -> s4.w claim 0x1 uses 1
    lpu.issue 5 mem.e12.read read row 18 -> s4.w claim 0x2 uses 1
    // becomes
    lpu.queue mem.e12.read {
      lpu.text nop 3
      lpu.text read row 17 -> s4.w claim 0x1 uses 1
      lpu.text repeat 1 every 2 step 1 claim 0x97b6d9c1 uses 1
    }
    ```
  }];
  let dependentDialects = ["::moe::lpu::LPUDialect"];
  let statistics = [
    Statistic<"numIssues", "issues", "instructions that are issued">,
    Statistic<"numWords", "words", "words of the queues">];
}

def AssemblePass : Pass<"lpu-assemble", "::mlir::ModuleOp"> {
  let summary = "write a program of queues as the runtime reads it";
  let description = [{
    Writes the one `lpu.program` of the module, whose segments are queues, into the
    file `output`: a FlatBuffer of schema `lpu.fbs`, the machine's file in it. The same
    program gives the same bytes. The module stays what it is. `lpu-disassemble` is
    the way back.

    ```mlir
    // moe-opt step.mlir --lpu-form-queues --lpu-assemble=output=step.lpu
    lpu.program @step machine "tsp1" { ... lpu.segment "step" cycles 25 { ... } }
    ```
  }];
  let options = [Option<"output", "output", "std::string", "\"\"",
                        "File to write">];
}

def DisassemblePass : Pass<"lpu-disassemble", "::mlir::ModuleOp"> {
  let summary = "read a program that was assembled";
  let description = [{
    Adds what the file `input` holds to the module as an `lpu.program`, level queues.
    Assembled again it gives the same bytes.

    ```mlir
    // moe-opt empty.mlir --lpu-disassemble=input=step.lpu
    lpu.program @step machine "tsp1" { ... lpu.queue mem.e12.read { ... } }
    ```
  }];
  let dependentDialects = ["::moe::lpu::LPUDialect"];
  let options = [Option<"input", "input", "std::string", "\"\"",
                        "File to read">];
}
