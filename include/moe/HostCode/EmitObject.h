//===- EmitObject.h - from the llvm dialect to a shared object --*- C++ -*-===//
#ifndef MOE_HOSTCODE_EMITOBJECT_H
#define MOE_HOSTCODE_EMITOBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace moe::host {

/// A processor as code is generated for it.
struct Processor {
  std::string triple;
  std::string name; ///< tunes; the features decide what is used
  std::vector<std::string> features; ///< sorted, LLVM's names
};

/// Resolves --cpu and --features; an empty name is this host. Only features
/// that generated code can make use of are kept, so that a module asks for
/// nothing that it does not need. Fails for names that LLVM does not know and
/// for processors without AVX2, FMA and F16C.
llvm::Expected<Processor> resolveProcessor(llvm::StringRef name,
                                           llvm::StringRef features);

/// Relocatable object code of a module in the llvm dialect.
llvm::Expected<std::vector<char>> emitObject(mlir::ModuleOp module,
                                             const Processor &processor);

/// Links one object into a shared object that needs nothing from outside.
llvm::Expected<std::vector<char>> linkShared(llvm::ArrayRef<char> object);

} // namespace moe::host

#endif // MOE_HOSTCODE_EMITOBJECT_H
