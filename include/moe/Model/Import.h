//===- Import.h - a Hugging Face checkpoint as moe IR -----------*- C++ -*-===//
#ifndef MOE_MODEL_IMPORT_H
#define MOE_MODEL_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace moe {

struct Registry;

struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< holds one moe.model
  std::string tokenizerJson; ///< text of tokenizer.json; empty: none there
  int32_t bosToken = -1;
  bool addBos = false; ///< the tokenizer's configuration says so
  std::vector<int32_t> eosTokens;
};

/// Reads config.json, the safetensors headers, tokenizer.json and the small
/// files beside them. Weight values are not read. Errors start with the file.
llvm::Expected<ImportedModel> importCheckpoint(llvm::StringRef directory,
                                               const Registry &registry,
                                               mlir::MLIRContext &context);

} // namespace moe

#endif // MOE_MODEL_IMPORT_H
