//===- CliExitsTest.cpp - figures, recordings and replays of exits --------===//
#include "Exits.h"
#include "Failure.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace moert::cli;
using testing::ElementsAre;

namespace {

//===-- Figures -----------------------------------------------------------===//

moert_module_info_t infoOf(int32_t exits) {
  moert_module_info_t info = {};
  info.layers = 4;
  info.exits = exits;
  info.exit_layer_bytes = 1000;
  return info;
}

TEST(CliExitFigures, AveragesAndCounts) {
  ExitFigures figures(4);
  Request request;
  for (int32_t layers : {1, 2, 2, 4, 4})
    request.sources.push_back({.layers = layers, .scores = {}});
  figures.add(request);
  figures.add(2);
  EXPECT_EQ(figures.tokens(), 6);
  EXPECT_DOUBLE_EQ(figures.averageLayers(), 15 / 6.0);
  // 6 tokens read 4500 bytes more, and 1000 in a layer.
  EXPECT_DOUBLE_EQ(figures.averageLayersWithHeads(4500, infoOf(2)),
                   15 / 6.0 + 0.75);
  EXPECT_THAT(figures.histogram(), ElementsAre(1, 3, 0, 2));
  Json json = Json::object();
  figures.addTo(json, 4500, infoOf(2));
  EXPECT_EQ(json.dump(), "{\"average_layers\":2.5,"
                         "\"average_layers_with_heads\":3.25,"
                         "\"exit_histogram\":[1,3,0,2]}");
}

TEST(CliExitFigures, RefusesLayersThatThereAreNot) {
  ExitFigures figures(4);
  for (int32_t layers : {-1, 0, 5})
    try {
      figures.add(layers);
      FAIL() << layers;
    } catch (const Failure &failure) {
      EXPECT_EQ(failure.what(), "exits: a token ran through " +
                                    std::to_string(layers) +
                                    " layers, the model has 4");
    }
  EXPECT_EQ(figures.tokens(), 0);
}

TEST(CliExitFigures, SaysNothingOfNothing) {
  Json json = Json::object();
  ExitFigures(4).addTo(json, 0, infoOf(2));
  EXPECT_EQ(json.dump(),
            "{\"average_layers\":null,\"average_layers_with_heads\":null,"
            "\"exit_histogram\":[0,0,0,0]}");
  ExitFigures one(4);
  one.add(4);
  json = Json::object();
  one.addTo(json, 0, infoOf(0)); // a module without exits
  EXPECT_EQ(json.dump(), "{\"average_layers\":4.0}");
}

//===-- Replay ------------------------------------------------------------===//

std::vector<int32_t> tokensOf(const ExitReplay &replay, size_t i,
                              size_t count) {
  std::vector<int32_t> result;
  for (size_t j = 0; j < count; ++j)
    result.push_back(replay.leaveAfter(i, j));
  return result;
}

TEST(CliExitReplay, ReadsAnArray) {
  ExitReplay replay(" [2, 6,\n1]\n", "r.json", 6);
  EXPECT_THAT(tokensOf(replay, 0, 5), ElementsAre(2, 6, 1, 2, 6));
  EXPECT_THAT(tokensOf(replay, 7, 2), ElementsAre(2, 6));
  EXPECT_EQ(replay.leaveAfter(4), 6);
}

TEST(CliExitReplay, ReadsAnArrayForEachRequest) {
  ExitReplay replay("[[1], [2, 3]]", "r.json", 6);
  EXPECT_THAT(tokensOf(replay, 0, 2), ElementsAre(1, 1));
  EXPECT_THAT(tokensOf(replay, 1, 3), ElementsAre(2, 3, 2));
  EXPECT_THAT(tokensOf(replay, 2, 2), ElementsAre(1, 1));
  EXPECT_EQ(replay.leaveAfter(2), 3); // one long text
}

TEST(CliExitReplay, ReadsLines) {
  ExitReplay numbers("3\n\n1\r\n 6 \n", "r.txt", 6);
  EXPECT_THAT(tokensOf(numbers, 0, 4), ElementsAre(3, 1, 6, 3));
  ExitReplay recorded("{\"request\":7,\"layers\":2,\"scores\":[]}\n"
                      "{\"request\":9,\"layers\":5}\n"
                      "{\"request\":7,\"layers\":1}\n",
                      "r.jsonl", 6);
  EXPECT_THAT(tokensOf(recorded, 0, 2), ElementsAre(2, 1));
  EXPECT_THAT(tokensOf(recorded, 1, 2), ElementsAre(5, 5));
  ExitReplay one("4", "r.txt", 6);
  EXPECT_THAT(tokensOf(one, 0, 2), ElementsAre(4, 4));
}

std::string replayFailure(const std::string &text) {
  try {
    ExitReplay(text, "r.jsonl", 6);
  } catch (const Failure &failure) {
    return failure.what();
  }
  return "accepted";
}

TEST(CliExitReplay, RefusesWhatItCannotReplay) {
  EXPECT_EQ(replayFailure(""), "r.jsonl: has 0 tokens, at least 1 is needed");
  EXPECT_EQ(replayFailure("[]"), "r.jsonl: has 0 tokens, at least 1 is needed");
  EXPECT_EQ(replayFailure("[[1], []]"),
            "r.jsonl: has a request of 0 tokens, at least 1 is needed");
  EXPECT_EQ(replayFailure("[1, 7]"),
            "r.jsonl: token 1 is 7 layers, the model has 6");
  EXPECT_EQ(replayFailure("[[1], [0]]"),
            "r.jsonl: request 1 token 0 is 0 layers, the model has 6");
  EXPECT_EQ(replayFailure("[[1], 2]"),
            "r.jsonl: request 1 is a number, an array is needed");
  EXPECT_EQ(replayFailure("[1.5]"),
            "r.jsonl: token 0 is a number, a number of layers is needed");
  EXPECT_EQ(replayFailure("3\nx\n"), "r.jsonl: line 2 is not valid JSON");
  EXPECT_EQ(replayFailure("3\n-1\n"),
            "r.jsonl: line 2 is -1 layers, the model has 6");
  EXPECT_EQ(replayFailure("{\"layers\":\"2\"}"),
            "r.jsonl: line 1 is a string, a number of layers is needed");
  EXPECT_EQ(replayFailure("\n{\"request\":0}"),
            "r.jsonl: line 2 has no key 'layers'");
}

//===-- Recording ---------------------------------------------------------===//

TEST(CliExitLines, AreReadBack) {
  std::vector<Request> requests(2);
  requests[0].tokens = {8, 9};
  requests[0].sources = {{.layers = 2, .scores = {0.5f, NAN}},
                         {.layers = 6, .scores = {0.25f, 0.5f}}};
  requests[1].tokens = {7};
  requests[1].sources = {{.layers = 6,
                          .scores = {1, NAN},
                          .draftedAfter = 1,
                          .draftStayed = true}};
  const std::string lines = exitLines(requests);
  EXPECT_EQ(lines,
            "{\"request\":0,\"token\":8,\"layers\":2,\"scores\":[0.5,null]}\n"
            "{\"request\":0,\"token\":9,\"layers\":6,\"scores\":[0.25,0.5]}\n"
            "{\"request\":1,\"token\":7,\"layers\":6,\"scores\":[1.0,null],"
            "\"drafted_after\":1,\"draft_stayed\":true}\n");
  ExitReplay replay(lines, "r.jsonl", 6);
  EXPECT_THAT(tokensOf(replay, 0, 2), ElementsAre(2, 6));
  EXPECT_THAT(tokensOf(replay, 1, 1), ElementsAre(1)); // as the draft
}

} // namespace
