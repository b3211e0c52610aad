//===- ScheduleMetadata.cpp - how experts are fetched, for the runtime ----===//
#include "Metadata.h"

#include "moe/Dialect/Sched/IR/Sched.h"
#include <map>

using namespace mlir;
using namespace moe;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
namespace fb = moert::fb;

namespace {
/// The wanted fetches of @forward, by decoder layer.
using Fetches = std::map<int64_t, sched::PrefetchOp>;

/// What the guesses of all layers have in common.
struct Guesses {
  std::string predictor;
  int64_t ahead = 0, count = 0; ///< the most
  std::vector<int32_t> layers;
};
} // namespace

/// The last layer with experts whose choice is known where `op` stands, and
/// that is its index among them; -1: none.
static int64_t getSource(const Fetches &fetches, Operation *op) {
  int64_t source = -1, index = 0;
  for (auto [layer, fetch] : fetches) {
    Operation *choice = fetch.getExperts().getDefiningOp();
    if (choice && choice->getBlock() == op->getBlock() &&
        choice->isBeforeInBlock(op))
      source = index;
    ++index;
  }
  return source;
}

static Guesses findGuesses(const Fetches &fetches) {
  Guesses guesses;
  int64_t index = 0;
  for (auto [layer, fetch] : fetches) {
    int64_t to = index++;
    sched::PrefetchOp guess = sched::getFetchOf(fetch.getGuess());
    if (!guess)
      continue;
    guesses.layers.push_back(int32_t(layer));
    guesses.ahead = std::max(guesses.ahead, to - getSource(fetches, guess));
    guesses.count =
        std::max(guesses.count, guess.getExperts().getType().getDimSize(1));
    if (auto predict = guess.getExperts().getDefiningOp<sched::PredictOp>())
      guesses.predictor = predict.getPredictor().str();
  }
  return guesses;
}

Offset<fb::Schedule> moe::buildSchedule(FlatBufferBuilder &builder,
                                        ModelOp model) {
  auto caches = model.getOps<sched::CacheOp>();
  if (caches.empty())
    return {};
  sched::CacheOp cache = *caches.begin();
  Fetches fetches;
  model.walk([&](sched::PrefetchOp op) {
    if (!op.isGuess())
      fetches.try_emplace(op.getLayer(), op);
  });
  std::vector<int32_t> layers;
  for (auto [layer, fetch] : fetches)
    layers.push_back(int32_t(layer));
  Guesses guesses = findGuesses(fetches);

  auto policy = builder.CreateString(cache.getPolicy().str());
  auto layersOffset = builder.CreateVector(layers);
  Offset<flatbuffers::Vector<int64_t>> partition;
  if (auto shares = cache.getPartition())
    partition = builder.CreateVector(shares->data(), shares->size());
  Offset<flatbuffers::String> predictor;
  Offset<flatbuffers::Vector<int32_t>> guessed;
  if (!guesses.layers.empty()) {
    predictor = builder.CreateString(guesses.predictor);
    guessed = builder.CreateVector(guesses.layers);
  }
  return fb::CreateSchedule(
      builder, policy, cache.getEntries().value_or(0), layersOffset, partition,
      predictor, int32_t(guesses.ahead), int32_t(guesses.count), guessed);
}
