//===- Runner.h - many sequences through one ragged batch -------*- C++ -*-===//
#ifndef MOERT_CLI_RUNNER_H
#define MOERT_CLI_RUNNER_H

#include "Api.h"
#include "DraftSwitch.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace moert::cli {

/// Runs one batch; moert_session_forward, but for tests.
using Forward = std::function<void(const moert_batch_t &)>;

/// Rows that are gathered for one forward call, and their logits.
class RowBatch {
public:
  /// What a row does at exits; above 0: it leaves after so many layers.
  enum Leaving : int32_t { Never = -1, ByScore = 0 };

  /// Of a model with so many exits.
  explicit RowBatch(int64_t vocabulary, int32_t exits = 0)
      : vocabulary(vocabulary), exits(exits) {}

  /// Logits of all tokens are wanted, not only of the likeliest.
  bool wholeDistributions = true;

  void clear();
  void add(int32_t token, int64_t sequence, int64_t position, bool wantLogits,
           int32_t leaving = ByScore);
  int64_t rows() const { return int64_t(tokens.size()); }
  int64_t wantedRows() const { return int64_t(wanted.size()); }
  void run(const Forward &forward);
  /// Leaves the logits [wanted rows][vocabulary] elsewhere, and runs all rows
  /// through all layers.
  void runWhole(const Forward &forward, std::vector<float> &result) const;

  // Of the i-th wanted row, after run():
  const float *logitsOf(int64_t i) const {
    return logits.data() + i * vocabulary;
  }
  /// As moert_batch_t::layers_run; 0 for a model without exits.
  int32_t layersOf(int64_t i) const { return exits ? layersRun[size_t(i)] : 0; }
  /// At each exit; NaN: it did not ask there.
  std::span<const float> scoresOf(int64_t i) const {
    return std::span(scores).subspan(size_t(i * exits), size_t(exits));
  }
  /// Of weights that it read because of exits.
  uint64_t exitBytesOf(int64_t i) const {
    return exits ? exitBytes[size_t(i)] : 0;
  }

private:
  moert_batch_t describe(std::vector<float> &result) const;

  int64_t vocabulary;
  int32_t exits;
  std::vector<int32_t> tokens, sequences, positions, wanted, leaveAfter;
  std::vector<float> logits, scores;
  std::vector<int32_t> layersRun;
  std::vector<uint64_t> exitBytes;
};

/// How many rows' logits we hold at a time: as many as fit 128 MiB, at least
/// one.
int64_t mostLogitRows(int64_t vocabulary);

enum class Stop { Running, EndOfText, Length, Caller, Interrupted };

/// Where a token comes from.
struct TokenSource {
  int32_t layers = 0; ///< whose features its logits were made of
  /// At each exit, of the draft if there was one; NaN: it did not ask there.
  std::vector<float> scores;
  int32_t draftedAfter = 0; ///< layers of a draft that was checked; 0: none
  bool draftStayed = false; ///< it is that draft
};

/// One sequence from its prompt to its last token.
struct Request {
  std::vector<int32_t> prompt; ///< not empty
  int64_t most = 0;            ///< tokens to generate
  int64_t logitsFrom = 0;      ///< first prompt row for onPromptLogits
  Sampler sampler;
  std::vector<int32_t> tokens;      ///< generated, with the end-of-text token
  std::vector<TokenSource> sources; ///< of each of these
  Stop stop = Stop::Running;
};

/// Work and the seconds that it took.
struct Rate {
  int64_t tokens = 0;
  double seconds = 0;
  double perSecond() const { return tokens / seconds; }
};

/// What a runner makes of the exits of its model; by default it has none.
struct ExitUse {
  int32_t layers = 0; ///< of the model
  int32_t exits = 0;
  bool wholeDistributions = true;
  /// Whether tokens that leave are drafts, which the full model checks, and how
  /// many of a sequence may wait for that.
  bool checks = false;
  int32_t drafts = 0;
  bool measuresDrafts = false; ///< stops drafting where it loses
  /// What other runners have measured; none: nothing.
  std::shared_ptr<DraftSwitch> drafting;
  /// Layers after which token j of request i leaves; none: by its score.
  std::function<int32_t(size_t i, size_t j)> leaveAfter;
};

/// Decodes requests together, `slots` at a time: when one ends, the next takes
/// its place. Every request gets the tokens that it would get alone.
///
/// Where drafts are checked, a token that leaves early is kept back. The rows
/// that made such tokens wait in the model, and come again with each batch.
/// When the newest row runs through all layers, by itself or because no more
/// drafts may wait, they run along; then the full model's logits pick each
/// token anew, with the same random number. At the first other token the rest
/// is dropped. So every request gets the tokens of the full model.
class Runner {
public:
  struct Limits {
    int64_t vocabulary, slots, batchRows;
  };
  Runner(Forward forward, Limits limits, std::string origin,
         ExitUse exits = {});

  /// Whether generation ends at a token; none by default.
  std::function<bool(int32_t)> isEos;
  /// Takes a token of request i (not an end-of-text token); false ends it.
  std::function<bool(size_t i, int32_t token)> onToken;
  /// Takes the logits of the next row of request i's prompt, from its
  /// logitsFrom on. All but the last are then those of the full model.
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
  /// Of weights that were read because of exits.
  uint64_t exitBytes = 0;
  /// Tokens that left early; those that the full model picked, too; how often a
  /// sequence's drafts were checked.
  int64_t draftsMade = 0, draftsAccepted = 0, draftChecks = 0;
  bool draftsStopped() const { return drafting->isStopped(); }
  bool checksDrafts() const { return exits.checks; }
  /// Token `index` of a request, if its logits are these.
  int32_t pick(const Request &request, size_t index, const float *logits) const;

private:
  struct Draft {
    int32_t token;
    TokenSource source;
  };
  struct Slot {
    Request *request = nullptr;
    int64_t position = 0; ///< rows of the prompt that ran, or are in the batch
    std::vector<Draft> drafts;
    // In the last step:
    int32_t checked = 0;   ///< drafts
    bool wentBack = false; ///< behind a draft that was another token
  };
  /// A row whose logits come back, and what for.
  struct Wanted {
    size_t slot;
    bool ofPrompt, picks;
    int32_t draft; ///< that it made, and that waits; -1: none
  };
  void admit();
  void gather();
  void gatherNewest(size_t slot);
  void gatherPrompt(size_t slot);
  int32_t leavingOf(const Slot &slot) const;
  void step();
  int64_t decodingSlots() const;
  bool draftsWait() const;
  void take(const Wanted &row, int64_t entry);
  void takeNewest(Slot &slot, int64_t entry);
  void checkDraft(Slot &slot, const Wanted &row, int64_t entry);
  void commit(Slot &slot, int32_t token, TokenSource source);
  void end(Slot &slot, Stop stop);
  size_t indexOf(const Request &request) const { return &request - first; }

  Forward forward;
  Limits limits;
  std::string origin;
  ExitUse exits;
  std::shared_ptr<DraftSwitch> drafting;
  RowBatch batch;
  std::vector<Slot> slots;
  std::vector<Wanted> wanted;
  Request *first = nullptr, *next = nullptr, *last = nullptr;
  int64_t promptRows = 0; ///< of the batch
  int64_t committed = 0;  ///< tokens of all requests
};

} // namespace moert::cli

#endif // MOERT_CLI_RUNNER_H
