//===- Lpu.h - the lpu dialect: how, on an LPU, to the cycle ----*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_IR_LPU_H
#define MOE_LIB_TARGET_LPU_IR_LPU_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "moert/abi/lpu.h"

#include "LpuDialect.h.inc"
#include "LpuEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "LpuTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "LpuAttributes.h.inc"
#define GET_OP_CLASSES
#include "LpuOps.h.inc"

namespace moe::lpu {
/// Bytes of an element of a stream; 0 if it cannot be one.
int64_t bytesOf(mlir::Type element);

/// moert_lpu_type_t of an element of a stream, and back.
uint8_t typeCodeOf(mlir::Type element);
mlir::Type typeOfCode(mlir::MLIRContext *context, uint8_t code);

/// Ports of instructions: a vector's first stream, and where it flows; an ALU.
inline uint8_t streamPort(int64_t stream, Side flow) {
  return uint8_t(stream) | (flow == Side::West ? MOERT_LPU_WESTWARD : 0);
}
inline uint8_t aluPort(int64_t alu) { return MOERT_LPU_FROM_ALU | uint8_t(alu); }

/// An instruction of this opcode that takes nothing and goes nowhere.
inline moert_lpu_instruction_t makeInstruction(moert_lpu_opcode_t opcode) {
  return {uint8_t(opcode),     0, MOERT_LPU_NOWHERE, MOERT_LPU_NOWHERE,
          MOERT_LPU_NOWHERE, MOERT_LPU_NOWHERE, 0, 0};
}
/// Field `types` of an instruction.
inline uint8_t typesField(mlir::Type source, mlir::Type result) {
  return uint8_t(typeCodeOf(source) | typeCodeOf(result) << 4);
}

/// The opcode's name in text; empty if there is none.
llvm::StringRef nameOfOpcode(uint8_t opcode);
/// A track as it is written, `mem.e12.read on 2`.
std::string nameOfTrack(TrackAttr track);
} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_IR_LPU_H
