//===- LaunchEarly.cpp - experts compute as they come ---------------------===//
#include "moe/Dialect/Sched/Transforms/Passes.h"

namespace moe::sched {
#define GEN_PASS_DEF_LAUNCHEARLYPASS
#include "moe/Dialect/Sched/Transforms/Passes.h.inc"
} // namespace moe::sched

using namespace mlir;
using namespace moe;
using namespace moe::sched;

namespace {
struct LaunchEarly : moe::sched::impl::LaunchEarlyPassBase<LaunchEarly> {
  void runOnOperation() override {
    SmallVector<AwaitOp> awaits;
    getOperation().walk([&](AwaitOp op) { awaits.push_back(op); });
    for (AwaitOp await : awaits)
      launch(await);
  }

private:
  void launch(AwaitOp await);
};
} // namespace

/// The only operation between the two that uses the experts of the fetch.
static ExpertsOp getOnlyUse(AwaitOp await, ReleaseOp release) {
  auto fetch = await.getToken().getDefiningOp<PrefetchOp>();
  ExpertsOp result;
  for (Operation *user : fetch.getExperts().getUsers()) {
    auto experts = dyn_cast<ExpertsOp>(user);
    if (!experts || experts->getBlock() != await->getBlock() ||
        experts.getExperts() != fetch.getExperts() ||
        experts->isBeforeInBlock(await) || release->isBeforeInBlock(experts))
      continue;
    if (result)
      return nullptr;
    result = experts;
  }
  return result;
}

void LaunchEarly::launch(AwaitOp await) {
  ReleaseOp release;
  for (Operation *user : await.getToken().getUsers())
    if (auto op = dyn_cast<ReleaseOp>(user))
      release = op;
  ExpertsOp experts = getOnlyUse(await, release);
  if (!experts)
    return;
  OpBuilder builder(experts);
  auto launch = LaunchOp::create(builder, experts.getLoc(),
                                 experts->getResultTypes(), await.getToken());
  experts->replaceAllUsesWith(launch.getResults());
  Block &body = launch.getBody().emplaceBlock();
  experts->moveBefore(&body, body.end());
  builder.setInsertionPointToEnd(&body);
  YieldOp::create(builder, experts.getLoc(), experts->getResults());
  release.erase();
  await.erase();
  ++launched;
}
