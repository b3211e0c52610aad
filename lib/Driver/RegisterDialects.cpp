//===- RegisterDialects.cpp - one place for all tools ---------------------===//
#include "moe/Driver/RegisterDialects.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "moe/Analysis/Passes.h"
#include "moe/Dialect/MoE/IR/Moe.h"
#include "moe/Dialect/MoE/Transforms/Passes.h"
#include "moe/Dialect/Sched/IR/Sched.h"
#include "moe/Dialect/Sched/Transforms/Passes.h"
#include "moe/Driver/Registry.h"
#include "moe/Exit/Transforms/Passes.h"
#include "moe/Pipelines/Pipelines.h"
#include "moe/Quant/Transforms/Passes.h"
#include "moe/Reference/Passes.h"
#include "moe/Target/TargetBackend.h"

using namespace moe;

void moe::registerDialects(mlir::DialectRegistry &registry) {
  registry
      .insert<MoeDialect, sched::SchedDialect, mlir::arith::ArithDialect,
              mlir::func::FuncDialect>();
  for (const auto &[name, create] : getRegistry().backends)
    create()->registerDialects(registry);
}

void moe::registerPasses() {
  mlir::registerTransformsPasses();
  registerMoeTransformsPasses();
  registerMoeAnalysisPasses();
  registerMoeReferencePasses();
  registerMoeQuantPasses(getRegistry());
  sched::registerSchedPasses(getRegistry());
  registerMoeExitPasses(getRegistry());
  registerPhasePipelines(getRegistry());
  for (const auto &[name, create] : getRegistry().backends)
    create()->registerPasses();
}
