//===- RegisterDialects.h - dialects and passes of all tools ----*- C++ -*-===//
#ifndef MOE_DRIVER_REGISTERDIALECTS_H
#define MOE_DRIVER_REGISTERDIALECTS_H

namespace mlir {
class DialectRegistry;
}

namespace moe {

/// moe, the upstream dialects that we use, and those of every backend.
void registerDialects(mlir::DialectRegistry &registry);
/// Our passes and the upstream ones that help to read and test IR.
void registerPasses();

} // namespace moe

#endif // MOE_DRIVER_REGISTERDIALECTS_H
