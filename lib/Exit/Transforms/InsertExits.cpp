//===- InsertExits.cpp - the pass that lets rows leave --------------------===//
#include "ExitInserter.h"

#include "moe/Driver/Registry.h"
#include "moe/Support/UnknownName.h"

namespace moe {
#define GEN_PASS_DEF_INSERTEXITSPASS
#include "moe/Exit/Transforms/Passes.h.inc"
} // namespace moe

using namespace mlir;
using namespace moe;

namespace {
struct InsertExits : moe::impl::InsertExitsPassBase<InsertExits> {
  InsertExits(const Registry &registry, const InsertExitsPassOptions &options)
      : InsertExitsPassBase(options), registry(&registry) {}
  InsertExits(std::shared_ptr<const ExitPolicy> fitted,
              const InsertExitsPassOptions &options)
      : InsertExitsPassBase(options), fitted(std::move(fitted)) {}

  void runOnOperation() override;

private:
  llvm::Error insert();
  llvm::Expected<std::shared_ptr<const ExitPolicy>> findPolicy() const;
  InsertExitsPassOptions getOptions() const;

  const Registry *registry = nullptr;
  std::shared_ptr<const ExitPolicy> fitted;
};
} // namespace

llvm::Expected<std::shared_ptr<const ExitPolicy>>
InsertExits::findPolicy() const {
  if (fitted)
    return fitted;
  auto found = registry->exitPolicies.find(policy);
  if (found == registry->exitPolicies.end())
    return unknownMember("exit policy", policy, registry->exitPolicies);
  return found->second();
}

InsertExitsPassOptions InsertExits::getOptions() const {
  InsertExitsPassOptions options;
  options.policy = policy;
  options.layers.assign(layers.begin(), layers.end());
  options.thresholds.assign(thresholds.begin(), thresholds.end());
  options.taken.assign(taken.begin(), taken.end());
  options.state = state;
  options.head = head;
  options.shortlist.assign(shortlist.begin(), shortlist.end());
  return options;
}

static int64_t countExits(ModelOp model) {
  int64_t count = 0;
  model.walk([&](ExitOp) { ++count; });
  return count;
}

llvm::Error InsertExits::insert() {
  ModelOp model = getOperation();
  if (int64_t count = countExits(model))
    return llvm::createStringError("exits requested, the model has " +
                                   llvm::Twine(count) + " already");
  auto who = findPolicy();
  if (!who)
    return who.takeError();
  llvm::Expected<DecoderStack> stack = DecoderStack::find(model);
  if (!stack)
    return stack.takeError();
  llvm::Expected<ExitPlan> plan =
      ExitPlan::make(getOptions(), **who, stack->layers.size());
  if (!plan)
    return plan.takeError();
  std::optional<LightHead> light;
  if (!plan->buildHead) {
    SmallVector<int64_t> words(shortlist.begin(), shortlist.end());
    auto added = LightHead::add(*stack, model, words);
    if (!added)
      return added.takeError();
    light = std::move(*added);
  }
  ExitInserter(model, std::move(*stack), *plan, **who, std::move(light)).run();
  inserted += plan->exits.size();
  return llvm::Error::success();
}

void InsertExits::runOnOperation() {
  llvm::Error error = insert();
  if (!error)
    return;
  getOperation().emitError(llvm::toString(std::move(error)));
  signalPassFailure();
}

std::unique_ptr<Pass>
moe::createInsertExitsPass(const Registry &registry,
                           const InsertExitsPassOptions &options) {
  return std::make_unique<InsertExits>(registry, options);
}

std::unique_ptr<Pass>
moe::createInsertExitsPass(std::shared_ptr<const ExitPolicy> policy,
                           const InsertExitsPassOptions &options) {
  return std::make_unique<InsertExits>(std::move(policy), options);
}
