//===- TargetBackend.h - moe IR to code for a kind of device ----*- C++ -*-===//
#ifndef MOE_TARGET_TARGETBACKEND_H
#define MOE_TARGET_TARGETBACKEND_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace moe {

/// What the command line says about the target.
struct TargetOptions {
  std::string cpu;      ///< --cpu; empty: this host
  std::string features; ///< --features, LLVM's "+x,-y"
  /// --lpu-machine, --lpu-context, --lpu-report, --lpu-chips, as given; empty:
  /// not given.
  std::string lpuMachine, lpuContext, lpuReport, lpuChips;
  /// --gpu-arch, --gpu-ptx, --gpu-report, --ptxas, likewise.
  std::string gpuArch, gpuPtx, gpuReport, ptxas;
};

/// What a backend hands to the container.
struct CodeObject {
  std::vector<char> bytes; ///< section CODE
  std::string entry;       ///< symbol
  std::string driver;      ///< runtime driver that executes it
  std::string triple, cpu;
  std::vector<std::string> features;   ///< features the code needs
  uint64_t workspaceFixed = 0;         ///< bytes
  uint64_t workspacePerRow = 0;        ///< bytes
  int64_t context = 0; ///< positions that it can hold; 0: the model's
  std::vector<std::string> operations; ///< names for traces
  std::string summary; ///< a line for people; empty: none
};

/// A kind of device to compile for. A member is a folder in lib/Target.
class TargetBackend {
public:
  virtual ~TargetBackend() = default;
  virtual llvm::StringRef getName() const = 0;
  /// Whether its code takes experts as they come: then sched operations say when.
  virtual bool fetchesExperts() const { return false; }
  /// Whether rows of its code may leave behind some of the layers.
  virtual bool leavesEarly() const { return false; }
  /// Says before any work what cannot be met; by default, all that only LPUs and
  /// GPUs have.
  virtual llvm::Error verifyOptions(const TargetOptions &options) const {
    return refuseFlagsOfOthers(options, "");
  }
  /// Dialects that the backend's passes create.
  virtual void registerDialects(mlir::DialectRegistry &registry) const = 0;
  /// Puts the backend's own passes at moe-opt's disposal.
  virtual void registerPasses() const {}
  /// Phase `target`: from a module with one moe.model to what serialize takes.
  virtual llvm::Error buildPipeline(mlir::OpPassManager &manager,
                                    const TargetOptions &options) const = 0;
  /// Code from the lowered module.
  virtual llvm::Expected<CodeObject>
  serialize(mlir::ModuleOp module, const TargetOptions &options) const = 0;

protected:
  /// Fails if a flag is given that only another kind of device ("LPU", "GPU") has
  /// a use for.
  llvm::Error refuseFlagsOfOthers(const TargetOptions &options,
                                  llvm::StringRef device) const;
};

inline llvm::Error
TargetBackend::refuseFlagsOfOthers(const TargetOptions &options,
                                   llvm::StringRef device) const {
  const struct {
    llvm::StringRef device, flag;
    const std::string &value;
  } flags[] = {{"LPU", "--lpu-machine", options.lpuMachine},
               {"LPU", "--lpu-context", options.lpuContext},
               {"LPU", "--lpu-report", options.lpuReport},
               {"LPU", "--lpu-chips", options.lpuChips},
               {"GPU", "--gpu-arch", options.gpuArch},
               {"GPU", "--gpu-ptx", options.gpuPtx},
               {"GPU", "--gpu-report", options.gpuReport},
               {"GPU", "--ptxas", options.ptxas}};
  for (const auto &known : flags)
    if (known.device != device && !known.value.empty())
      return llvm::createStringError(
          "--target=" + getName() + ": compiles for no " + known.device +
          ", so " + known.flag + " has no use");
  return llvm::Error::success();
}

} // namespace moe

#endif // MOE_TARGET_TARGETBACKEND_H
