//===- VerifyInstruction.h - instructions against a machine -----*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_IR_VERIFYINSTRUCTION_H
#define MOE_LIB_TARGET_LPU_IR_VERIFYINSTRUCTION_H

#include "IR/Lpu.h"
#include "lpu/Machine.h"

namespace moe::lpu {

/// Refuses, as an error of `op`, a track that the machine has not.
mlir::LogicalResult verifyTrack(mlir::Operation *op, TrackAttr track,
                                int64_t chips,
                                const moert::lpu::Machine &machine);

/// Refuses what the track does not issue, or what names streams, ALUs or rows that the
/// machine has not. In `times` repetitions `step` is added to its row.
mlir::LogicalResult
verifyInstruction(mlir::Operation *op, TrackAttr track,
                  const moert_lpu_instruction_t &instruction, int64_t times,
                  int64_t step, const moert::lpu::Machine &machine);

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_IR_VERIFYINSTRUCTION_H
