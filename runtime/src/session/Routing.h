//===- Routing.h - routing traces, written and read -------------*- C++ -*-===//
#ifndef MOERT_SESSION_ROUTING_H
#define MOERT_SESSION_ROUTING_H

#include "base/File.h"
#include "cache/CachePolicy.h"
#include "moert/abi/module.h"
#include "moert/abi/routing.h"
#include "session/Experts.h"
#include <memory>
#include <vector>

namespace moert {

/// What moert_routing_header_t::model says of a model.
uint64_t routingFingerprint(const fb::Model &model);

/// Writes what routers choose beside a path, one forward at a time.
class RoutingRecorder {
public:
  static Status create(const fb::Module &module, const std::string &origin,
                       const std::string &path,
                       std::unique_ptr<RoutingRecorder> *out);

  /// Whether the module guesses, so that guesses are noted, too.
  bool wantsGuesses() const { return header.guesses != 0; }

  void beginForward(const moert_abi_forward_t &args);
  /// As moert_abi_offload_t::record and prefetch.
  void choose(int64_t layer, int64_t rows, int64_t experts, const float *logits,
              int64_t chosen, const int32_t *ids, const float *weights);
  void guess(int64_t layer, int64_t rows, int64_t columns, const int32_t *ids,
             const float *confidence);
  /// Writes the rows of the forward, unless it failed.
  Status endForward(bool failed);
  /// The file appears under its name; nothing is noted any more.
  Status finish();

private:
  explicit RoutingRecorder(const fb::Module &module);
  /// Where a record's part of a layer begins; 0 for a layer without experts.
  size_t offsetOf(int64_t layer) const;

  ExpertTable table;
  moert_routing_header_t header = {};
  std::string origin;
  std::unique_ptr<PartFile> file;
  std::vector<char> empty;   ///< a record in which nothing is chosen
  std::vector<char> records; ///< of the forward that runs
  int64_t rows = 0;          ///< of it
  int32_t forwards = 0;
  std::string wrong; ///< what the code showed that no trace can hold
};

/// What a trace says will be used: each expert once a layer and forward,
/// ascending in the layer, as a store uses them. Refuses what is no whole
/// trace, or one of another model.
Status readFuture(const std::string &path, const fb::Module &module,
                  const std::string &origin, std::vector<ExpertKey> *out);

} // namespace moert

#endif // MOERT_SESSION_ROUTING_H
