//===- InstructionText.h - instructions and tracks as text ------*- C++ -*-===//
#ifndef MOE_LIB_TARGET_LPU_IR_INSTRUCTIONTEXT_H
#define MOE_LIB_TARGET_LPU_IR_INSTRUCTIONTEXT_H

#include "IR/Lpu.h"

namespace moe::lpu {

/// What is wrong with the bits, whatever they are used for; else empty.
std::string checkEncoding(const moert_lpu_instruction_t &instruction);

/// Takes instructions that checkEncoding takes.
void printInstruction(mlir::AsmPrinter &printer,
                      const moert_lpu_instruction_t &instruction);
mlir::ParseResult parseInstruction(mlir::AsmParser &parser,
                                   moert_lpu_instruction_t &instruction);

mlir::ParseResult parseTrack(mlir::AsmParser &parser, TrackAttr &track);

/// All of an instruction but its immediate, as it lies in memory.
inline uint64_t lowWord(const moert_lpu_instruction_t &instruction) {
  return instruction.opcode | uint64_t(instruction.types) << 8 |
         uint64_t(instruction.src0) << 16 | uint64_t(instruction.src1) << 24 |
         uint64_t(instruction.map) << 32 | uint64_t(instruction.dst) << 40 |
         uint64_t(instruction.row) << 48;
}
inline moert_lpu_instruction_t instructionOf(uint64_t low, uint64_t high) {
  return {uint8_t(low),        uint8_t(low >> 8),
          uint8_t(low >> 16),  uint8_t(low >> 24),
          uint8_t(low >> 32),  uint8_t(low >> 40),
          uint16_t(low >> 48), high};
}

} // namespace moe::lpu

#endif // MOE_LIB_TARGET_LPU_IR_INSTRUCTIONTEXT_H
