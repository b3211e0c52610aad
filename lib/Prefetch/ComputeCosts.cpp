//===- ComputeCosts.cpp - operations bound by memory or arithmetic --------===//
#include "ComputeCosts.h"

#include "moert/abi/container.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace moe;

double ComputeCosts::getSeconds() const {
  return std::accumulate(layerSeconds.begin(), layerSeconds.end(), tailSeconds);
}

namespace {
/// Bytes and multiply-adds of what one token touches.
struct Work {
  double bytes = 0, macs = 0;
};
} // namespace

/// Of a weight, which may be a vector or a bank of experts.
static Work getWork(WeightOp weight, double share) {
  RankedTensorType type = weight.getTensorType();
  double macs = type.getRank() > 1 ? double(type.getNumElements()) : 0;
  return {weight.getStoredSize() * share, macs * share};
}

static Work getWork(Operation *op, ModelOp model) {
  Work work;
  double share = 1;
  if (auto experts = dyn_cast<ExpertsOp>(op))
    share =
        double(cast<ShapedType>(experts.getExperts().getType()).getDimSize(1));
  for (NamedAttribute attribute : op->getAttrs()) {
    auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue());
    if (!symbol)
      continue;
    auto weight =
        dyn_cast_or_null<WeightOp>(SymbolTable::lookupSymbolIn(model, symbol));
    if (!weight)
      continue;
    // Of a bank and of an embedding table, a few slices are read.
    bool isSliced = isa<ExpertsOp, EmbedOp>(op);
    double slices = isSliced ? weight.getTensorType().getDimSize(0) : 1;
    Work part = getWork(weight, share / slices);
    work.bytes += part.bytes;
    work.macs += isa<EmbedOp>(op) ? 0 : part.macs;
  }
  return work;
}

ComputeCosts moe::getComputeCosts(const ParameterPlan &plan, ModelOp model,
                                  const DeviceProfile &profile) {
  ComputeCosts costs;
  for (const Parameter &parameter : plan.getParameters()) {
    if (parameter.kind != Parameter::Kind::Expert)
      continue;
    if (costs.layers.empty() || costs.layers.back() != parameter.layer)
      costs.layers.push_back(int(parameter.layer));
    costs.experts = std::max(costs.experts, parameter.expert + 1);
    ++costs.totalExperts;
    // The runtime reads whole pages.
    costs.entryBytes = std::max<uint64_t>(
        costs.entryBytes, llvm::alignTo(parameter.size, MOERT_CONTAINER_PAGE));
  }
  model.walk([&](Operation *op) {
    Work work = getWork(op, model);
    costs.tailSeconds += std::max(work.bytes / profile.memoryBandwidth,
                                  2 * work.macs / profile.operationsPerSecond);
    auto experts = dyn_cast<ExpertsOp>(op);
    if (!experts)
      return;
    costs.chosen = std::max(
        costs.chosen,
        cast<ShapedType>(experts.getExperts().getType()).getDimSize(1));
    costs.layerSeconds.push_back(costs.tailSeconds);
    costs.tailSeconds = 0;
  });
  return costs;
}
