//===- Routing.cpp - what routers chose, noted row by row -----------------===//
#include "session/Routing.h"

#include "container/Metadata.h"
#include <algorithm>
#include <cstring>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moert;

uint64_t moert::routingFingerprint(const fb::Model &model) {
  std::string facts =
      text(model.name()) + std::string(";") + text(model.family());
  for (int64_t number :
       {model.vocabulary(), model.hidden(), int64_t(model.layers()),
        int64_t(model.experts()), int64_t(model.experts_per_token())})
    facts += ";" + std::to_string(number);
  return XXH3_64bits(facts.data(), facts.size());
}

/// Copies a name that may be too long; the last byte stays zero.
template <size_t size>
static void copyName(const flatbuffers::String *from, char (&to)[size]) {
  std::string name = text(from);
  std::memcpy(to, name.data(), std::min(name.size(), size - 1));
}

static uint64_t layerBytes(const moert_routing_header_t &header) {
  return sizeof(float) *
         (uint64_t(header.experts) + 2 * header.chosen + 2 * header.guesses);
}

RoutingRecorder::RoutingRecorder(const fb::Module &module) : table(module) {
  const fb::Schedule &schedule = *module.schedule();
  std::memcpy(header.magic, MOERT_ROUTING_MAGIC, sizeof(header.magic));
  header.version = MOERT_ROUTING_VERSION;
  header.layers = uint32_t(table.layers.size());
  header.experts = uint32_t(table.experts);
  header.chosen = uint32_t(table.chosen);
  if (*text(schedule.predictor()))
    header.guesses = uint32_t(schedule.guesses());
  header.record_bytes =
      sizeof(moert_routing_row_t) + header.layers * layerBytes(header);
  header.model = routingFingerprint(*module.model());
  copyName(module.model()->name(), header.model_name);
  if (header.guesses)
    copyName(schedule.predictor(), header.predictor);

  empty.resize(header.record_bytes);
  const int32_t nobody = -1;
  for (int layer : table.layers) {
    char *ids = empty.data() + offsetOf(layer) + sizeof(float) * header.experts;
    char *guessed = ids + 2 * sizeof(float) * header.chosen;
    for (uint32_t i = 0; i < header.chosen; ++i)
      std::memcpy(ids + i * sizeof(nobody), &nobody, sizeof(nobody));
    for (uint32_t i = 0; i < header.guesses; ++i)
      std::memcpy(guessed + i * sizeof(nobody), &nobody, sizeof(nobody));
  }
}

Status RoutingRecorder::create(const fb::Module &module,
                               const std::string &origin,
                               const std::string &path,
                               std::unique_ptr<RoutingRecorder> *out) {
  if (!module.schedule())
    return makeStatus(MOERT_INVALID_ARGUMENT, origin,
                      ": has no routers to record");
  std::unique_ptr<RoutingRecorder> recorder(new RoutingRecorder(module));
  recorder->origin = origin;
  MOERT_RETURN_IF_ERROR(PartFile::create(path, &recorder->file));
  MOERT_RETURN_IF_ERROR(
      recorder->file->append(&recorder->header, sizeof(recorder->header)));
  std::vector<int32_t> layers(recorder->table.layers.begin(),
                              recorder->table.layers.end());
  MOERT_RETURN_IF_ERROR(
      recorder->file->append(layers.data(), layers.size() * sizeof(int32_t)));
  *out = std::move(recorder);
  return Status();
}

void RoutingRecorder::beginForward(const moert_abi_forward_t &args) {
  rows = args.rows;
  records.resize(size_t(rows) * empty.size());
  for (int64_t row = 0; row < rows; ++row) {
    char *record = records.data() + size_t(row) * empty.size();
    std::memcpy(record, empty.data(), empty.size());
    moert_routing_row_t facts = {args.tokens[row], args.sequences[row],
                                 args.positions[row], forwards};
    std::memcpy(record, &facts, sizeof(facts));
  }
}

size_t RoutingRecorder::offsetOf(int64_t layer) const {
  auto found =
      std::lower_bound(table.layers.begin(), table.layers.end(), layer);
  if (found == table.layers.end() || *found != layer)
    return 0;
  return sizeof(moert_routing_row_t) +
         size_t(found - table.layers.begin()) * layerBytes(header);
}

void RoutingRecorder::choose(int64_t layer, int64_t shown, int64_t experts,
                             const float *logits, int64_t chosen,
                             const int32_t *ids, const float *weights) {
  const size_t offset = offsetOf(layer);
  if (offset == 0 || shown != rows || experts != header.experts ||
      chosen != header.chosen) {
    wrong = "layer " + std::to_string(layer) + " shows " +
            std::to_string(shown) + " rows that choose " +
            std::to_string(chosen) + " of " + std::to_string(experts) +
            " experts, the trace has " + std::to_string(rows) + ", " +
            std::to_string(header.chosen) + " and " +
            std::to_string(header.experts);
    return;
  }
  const size_t number = sizeof(float);
  for (int64_t row = 0; row < rows; ++row) {
    char *to = records.data() + size_t(row) * empty.size() + offset;
    std::memcpy(to, logits + row * experts, experts * number);
    to += experts * number;
    std::memcpy(to, ids + row * chosen, chosen * number);
    to += chosen * number;
    std::memcpy(to, weights + row * chosen, chosen * number);
  }
}

void RoutingRecorder::guess(int64_t layer, int64_t shown, int64_t columns,
                            const int32_t *ids, const float *confidence) {
  const size_t offset = offsetOf(layer);
  if (offset == 0 || shown != rows)
    return; // it is no promise that is broken, but a hint that is none
  const size_t number = sizeof(float);
  const auto known = size_t(std::min(columns, int64_t(header.guesses)));
  const size_t front =
      offset + number * (header.experts + 2 * size_t(header.chosen));
  for (int64_t row = 0; row < rows; ++row) {
    char *to = records.data() + size_t(row) * empty.size() + front;
    std::memcpy(to, ids + row * columns, known * number);
    std::memcpy(to + header.guesses * number, confidence + row * columns,
                known * number);
  }
}

Status RoutingRecorder::endForward(bool failed) {
  if (failed || !file)
    return Status();
  if (!wrong.empty())
    return makeStatus(MOERT_INTERNAL, origin, ": ", wrong);
  MOERT_RETURN_IF_ERROR(file->append(records.data(), records.size()));
  header.records += uint64_t(rows);
  ++forwards;
  return Status();
}

Status RoutingRecorder::finish() {
  std::unique_ptr<PartFile> finished = std::move(file);
  MOERT_RETURN_IF_ERROR(finished->overwrite(0, &header, sizeof(header)));
  return finished->finish();
}
