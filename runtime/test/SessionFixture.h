//===- SessionFixture.h - a module file, opened, with a session -*- C++ -*-===//
#ifndef MOERT_TEST_SESSIONFIXTURE_H
#define MOERT_TEST_SESSIONFIXTURE_H

#include "TestModule.h"

#include <array>
#include <gtest/gtest.h>

namespace moert::test {

inline constexpr int64_t vocabulary = 4;
inline constexpr float bias[vocabulary] = {0.25f, 1, 2, 4};

/// What conformance code computes from the sum of keys and values, or of
/// experts.
inline std::vector<float> logitsOf(float sum) {
  std::vector<float> logits;
  for (int v = 0; v < vocabulary; ++v)
    logits.push_back(bias[v] + sum * (v + 1));
  return logits;
}

/// A module file, opened, with a session.
class Fixture {
public:
  explicit Fixture(const ModuleSpec &spec = ModuleSpec::cpu()) {
    path = folder.path("m.moe");
    Status status = writeModule(spec, path);
    EXPECT_TRUE(status.ok()) << status.message();
    moert_session_options_init(&options);
    moert_batch_init(&batch);
  }
  ~Fixture() {
    moert_session_free(session);
    moert_module_close(module);
  }

  std::string open() {
    return message(moert_module_open(path.c_str(), nullptr, &module));
  }
  std::string create() {
    if (!module && open() != "ok")
      return "cannot open";
    return message(moert_session_create(module, &options, &session));
  }
  /// Rows of the batch as {token, sequence, position}; all logits are wanted
  /// unless `wanted` says otherwise.
  std::string forward(std::vector<std::array<int32_t, 3>> rows,
                      std::vector<int32_t> wanted = {-1}) {
    tokens.clear(), sequences.clear(), positions.clear();
    for (auto [token, sequence, position] : rows) {
      tokens.push_back(token);
      sequences.push_back(sequence);
      positions.push_back(position);
    }
    bool all = wanted == std::vector<int32_t>{-1};
    size_t count = all ? rows.size() : wanted.size();
    logits.assign(count * vocabulary, -1);
    batch.rows = rows.size();
    batch.tokens = tokens.data();
    batch.sequences = sequences.data();
    batch.positions = positions.data();
    batch.wanted_rows = count;
    batch.wanted = all ? nullptr : wanted.data();
    batch.logits = logits.data();
    return message(moert_session_forward(session, &batch));
  }
  std::vector<float> row(int i) const {
    return {logits.begin() + i * vocabulary,
            logits.begin() + (i + 1) * vocabulary};
  }
  moert_session_stats_t stats() const {
    moert_session_stats_t stats;
    stats.size = sizeof(stats);
    EXPECT_EQ(message(moert_session_stats(session, &stats)), "ok");
    return stats;
  }
  std::string error(const std::string &text) const {
    return path + ": " + text;
  }

  TempFolder folder;
  std::string path;
  moert_module_t *module = nullptr;
  moert_session_t *session = nullptr;
  moert_session_options_t options;
  moert_batch_t batch;
  std::vector<int32_t> tokens, sequences, positions;
  std::vector<float> logits;
};

} // namespace moert::test

#endif // MOERT_TEST_SESSIONFIXTURE_H
