//===- Exits.cpp - where tokens left: figures and recordings --------------===//
#include "Exits.h"
#include "Failure.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

using namespace moert::cli;

//===-- Figures -----------------------------------------------------------===//

void ExitFigures::add(int32_t layers) {
  if (layers < 1 || size_t(layers) > counts.size())
    fail("exits", "a token ran through ", layers, " layers, the model has ",
         counts.size());
  ++counts[size_t(layers) - 1];
}

void ExitFigures::add(const Request &request) {
  for (const TokenSource &source : request.sources)
    add(source.layers);
}

int64_t ExitFigures::tokens() const {
  return std::accumulate(counts.begin(), counts.end(), int64_t(0));
}

double ExitFigures::averageLayers() const {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i)
    sum += double(i + 1) * double(counts[i]);
  return sum / double(tokens());
}

double
ExitFigures::averageLayersWithHeads(uint64_t exitBytes,
                                    const moert_module_info_t &info) const {
  double heads = 0; // in layers
  if (info.exit_layer_bytes > 0)
    heads = double(exitBytes) / double(tokens()) /
            double(info.exit_layer_bytes);
  return averageLayers() + heads;
}

void ExitFigures::addTo(Json &result, uint64_t exitBytes,
                        const moert_module_info_t &info) const {
  const bool any = tokens() > 0;
  result["average_layers"] = any ? Json(averageLayers()) : Json();
  if (info.exits == 0)
    return;
  result["average_layers_with_heads"] =
      any ? Json(averageLayersWithHeads(exitBytes, info)) : Json();
  result["exit_histogram"] = counts;
}

//===-- Replay ------------------------------------------------------------===//

ExitReplay::ExitReplay(const std::string &text, const std::string &file,
                       int32_t layers)
    : file(file), layers(layers) {
  Json whole = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (whole.is_array())
    addArray(whole, "");
  else
    addLines(text);
  for (const std::vector<int32_t> &sequence : sequences) {
    if (sequence.empty())
      fail(file, "has a request of 0 tokens, at least 1 is needed");
    all.insert(all.end(), sequence.begin(), sequence.end());
  }
  if (all.empty())
    fail(file, "has 0 tokens, at least 1 is needed");
}

void ExitReplay::add(size_t sequence, const Json &value,
                     const std::string &what) {
  if (!value.is_number_integer())
    fail(file, what, " is a ", value.type_name(),
         ", a number of layers is needed");
  const bool fits = value.is_number_unsigned() && value.get<uint64_t>() >= 1 &&
                    value.get<uint64_t>() <= uint64_t(layers);
  if (!fits)
    fail(file, what, " is ", value.dump(), " layers, the model has ", layers);
  if (sequences.size() <= sequence)
    sequences.resize(sequence + 1);
  sequences[sequence].push_back(int32_t(value.get<uint64_t>()));
}

void ExitReplay::addArray(const Json &array, const std::string &what) {
  const bool isNested = !array.empty() && array.front().is_array();
  if (!isNested) {
    const size_t sequence = sequences.size();
    for (size_t i = 0; i < array.size(); ++i)
      add(sequence, array[i], what + "token " + std::to_string(i));
    return;
  }
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string which = "request " + std::to_string(i);
    if (!array[i].is_array())
      fail(file, which, " is a ", array[i].type_name(), ", an array is needed");
    sequences.emplace_back();
    for (size_t j = 0; j < array[i].size(); ++j)
      add(i, array[i][j], which + " token " + std::to_string(j));
  }
}

/// Requests are numbered in the order in which they come first.
void ExitReplay::addLines(const std::string &text) {
  std::map<std::string, size_t> requests;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    const std::string what = "line " + std::to_string(number);
    Json value = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (value.is_discarded())
      fail(file, what, " is not valid JSON");
    std::string request;
    if (value.is_object()) {
      if (!value.contains("layers"))
        fail(file, what, " has no key 'layers'");
      if (value.contains("request"))
        request = value["request"].dump();
      // Where a draft left that was checked.
      const char *key =
          value.contains("drafted_after") ? "drafted_after" : "layers";
      value = Json(value[key]);
    }
    add(requests.emplace(request, requests.size()).first->second, value, what);
  }
}

int32_t ExitReplay::leaveAfter(size_t i, size_t j) const {
  const std::vector<int32_t> &sequence = sequences[i % sequences.size()];
  return sequence[j % sequence.size()];
}

//===-- Recording ---------------------------------------------------------===//

std::string moert::cli::exitLines(const std::vector<Request> &requests) {
  std::string text;
  for (size_t i = 0; i < requests.size(); ++i)
    for (size_t j = 0; j < requests[i].tokens.size(); ++j) {
      const TokenSource &source = requests[i].sources[j];
      Json line = {{"request", i},
                   {"token", requests[i].tokens[j]},
                   {"layers", source.layers},
                   {"scores", Json::array()}};
      for (float score : source.scores) // JSON has no NaN: null
        line["scores"].push_back(std::isnan(score) ? Json() : Json(score));
      if (source.draftedAfter) {
        line["drafted_after"] = source.draftedAfter;
        line["draft_stayed"] = source.draftStayed;
      }
      text += line.dump() + "\n";
    }
  return text;
}
