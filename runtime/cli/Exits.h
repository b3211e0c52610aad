//===- Exits.h - where tokens left: figures and recordings ------*- C++ -*-===//
#ifndef MOERT_CLI_EXITS_H
#define MOERT_CLI_EXITS_H

#include "Output.h"
#include "Runner.h"

#include <cstdint>
#include <string>
#include <vector>

namespace moert::cli {

/// How deep generated tokens ran.
class ExitFigures {
public:
  explicit ExitFigures(int32_t layers) : counts(size_t(layers)) {}

  /// Fails for layers that the model does not have: negative ones of a row that
  /// waits are those of no token.
  void add(int32_t layers);
  void add(const Request &request);
  int64_t tokens() const;
  /// Layers whose features a token's logits were made of, the mean.
  double averageLayers() const;
  /// The same, and bytes read because of exits in layers' worth of weights.
  double averageLayersWithHeads(uint64_t exitBytes,
                                const moert_module_info_t &info) const;
  /// Tokens whose logits were made of 1, 2, ... layers' features.
  const std::vector<int64_t> &histogram() const { return counts; }
  /// "average_layers" and its like; null where there are no tokens.
  void addTo(Json &result, uint64_t exitBytes,
             const moert_module_info_t &info) const;

private:
  std::vector<int64_t> counts;
};

/// Layers after which tokens leave, as another run recorded it or by hand.
class ExitReplay {
public:
  /// Of the text of a file, which is one of these:
  ///   a JSON array of numbers, or of such arrays, one for each request;
  ///   lines of --record-exits, or of numbers.
  ExitReplay(const std::string &text, const std::string &file, int32_t layers);

  /// For token j of request i; from the start again where there are too few.
  int32_t leaveAfter(size_t i, size_t j) const;
  /// For token j of one long text.
  int32_t leaveAfter(size_t j) const { return all[j % all.size()]; }

private:
  void addArray(const Json &array, const std::string &what);
  void addLines(const std::string &text);
  void add(size_t sequence, const Json &value, const std::string &what);

  std::string file;
  int32_t layers;
  std::vector<std::vector<int32_t>> sequences;
  std::vector<int32_t> all;
};

/// A line for each token, for people, ExitReplay, and who calibrates:
///   {"request":0,"token":5,"layers":2,"scores":[0.31,0.97,null]}
/// with a score for each exit, null where the token did not ask. Of a draft
/// that was checked, "drafted_after" says after how many layers it left, and
/// "draft_stayed" whether the full model agreed.
std::string exitLines(const std::vector<Request> &requests);

} // namespace moert::cli

#endif // MOERT_CLI_EXITS_H
