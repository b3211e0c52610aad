//===- Runner.h - many sequences through one ragged batch -------*- C++ -*-===//
#ifndef MOERT_CLI_RUNNER_H
#define MOERT_CLI_RUNNER_H

#include "Api.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace moert::cli {

/// Runs one batch; moert_session_forward, but for tests.
using Forward = std::function<void(const moert_batch_t &)>;

/// Rows that are gathered for one forward call, and their logits.
class RowBatch {
public:
  explicit RowBatch(int64_t vocabulary) : vocabulary(vocabulary) {}

  void clear();
  void add(int32_t token, int64_t sequence, int64_t position, bool wantLogits);
  int64_t rows() const { return int64_t(tokens.size()); }
  int64_t wantedRows() const { return int64_t(wanted.size()); }
  void run(const Forward &forward) { run(forward, logits); }
  /// Leaves the logits [wanted rows][vocabulary] elsewhere.
  void run(const Forward &forward, std::vector<float> &result) const;
  /// Of the i-th wanted row, after run().
  const float *logitsOf(int64_t i) const {
    return logits.data() + i * vocabulary;
  }

private:
  int64_t vocabulary;
  std::vector<int32_t> tokens, sequences, positions, wanted;
  std::vector<float> logits;
};

/// How many rows' logits we hold at a time: as many as fit 128 MiB, at least
/// one.
int64_t mostLogitRows(int64_t vocabulary);

enum class Stop { Running, EndOfText, Length, Caller, Interrupted };

/// One sequence from its prompt to its last token.
struct Request {
  std::vector<int32_t> prompt; ///< not empty
  int64_t most = 0;            ///< tokens to generate
  Sampler sampler;
  std::vector<int32_t> tokens; ///< generated, with the end-of-text token
  Stop stop = Stop::Running;
};

/// Work and the seconds that it took.
struct Rate {
  int64_t tokens = 0;
  double seconds = 0;
  double perSecond() const { return tokens / seconds; }
};

/// Decodes requests together, `slots` at a time: when one ends, the next takes
/// its place. Every request gets the tokens that it would get alone.
class Runner {
public:
  struct Limits {
    int64_t vocabulary, slots, batchRows;
  };
  Runner(Forward forward, Limits limits, std::string origin);

  /// Whether generation ends at a token; none by default.
  std::function<bool(int32_t)> isEos;
  /// Takes a token of request i (not an end-of-text token); false ends it.
  std::function<bool(size_t i, int32_t token)> onToken;
  /// Takes the logits of the next row of request i's prompt.
  std::function<void(size_t i, const float *row)> onPromptLogits;
  /// Called when request i has ended.
  std::function<void(size_t i)> onEnd;
  /// Called after each forward call.
  std::function<void()> onStep;

  /// Stops early, with what there is, when the user interrupts.
  void run(std::vector<Request> &requests);

  /// Rows of prompts, and seconds of the calls that ran some.
  Rate prefill;
  /// Tokens of all other calls.
  Rate decode;
  int64_t requestsDone = 0;

private:
  struct Slot {
    Request *request = nullptr;
    int64_t position = 0; ///< rows that ran, or are in the batch
  };
  /// A row whose logits come back, and what for.
  struct Wanted {
    size_t slot;
    bool ofPrompt, picks;
  };
  void admit();
  void gather();
  void gatherPrompt(size_t slot);
  void step();
  void take(const Wanted &row, const float *logits);
  void end(Slot &slot, Stop stop);
  size_t indexOf(const Request &request) const { return &request - first; }

  Forward forward;
  Limits limits;
  std::string origin;
  RowBatch batch;
  std::vector<Slot> slots;
  std::vector<Wanted> wanted;
  Request *first = nullptr, *next = nullptr, *last = nullptr;
  int64_t promptRows = 0; ///< of the batch
};

} // namespace moert::cli

#endif // MOERT_CLI_RUNNER_H
