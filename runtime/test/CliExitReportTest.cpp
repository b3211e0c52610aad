//===- CliExitReportTest.cpp - what a page about exits is filled with -----===//
#include "ExitReport.h"
#include "Failure.h"
#include "Output.h"
#include "TestModule.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

using namespace moert::cli;
using moert::test::TempFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

namespace {

constexpr float none = std::numeric_limits<float>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

ReportText textOfScores(std::vector<float> scores) {
  ReportText text;
  for (float score : scores)
    text.tokens.push_back({.scores = {score, none}});
  return text;
}

ExitReport makeReport() {
  ExitReport report;
  report.model = "small";
  report.layers = 3;
  report.exits = {{1, infinite}, {2, 0.5}};
  report.certificate = R"({"delta": 0.05})";
  report.texts = {
      {"<script>", {{7, "</script>", 2, {0.25f, 0.75f}}}, "", "", {}}};
  report.settings = {{.shown = true, .right = 3, .total = 4},
                     {.threshold = infinite, .full = true, .bytesRead = 12}};
  return report;
}

/// The object that the page's script reads.
Json dataIn(const std::string &page) {
  const std::string begin = "id=\"data\">";
  size_t first = page.find(begin) + begin.size();
  return Json::parse(page.substr(first, page.find("</script>", first) - first));
}

TEST(CliExitReport, SweepsSharesOfTheScores) {
  std::vector<float> scores;
  for (int i = 0; i <= 100; ++i)
    scores.push_back(float(i) / 100);
  EXPECT_THAT(sweepThresholds({textOfScores(scores)}, 3),
              ElementsAre(0.75, 0.5, 0.25));
}

TEST(CliExitReport, SweepsScoresOfEveryExit) {
  ReportText text;
  text.tokens = {{.scores = {1, 2, 3}}, {.scores = {4, 5, none}}};
  EXPECT_THAT(sweepThresholds({text}, 3), ElementsAre(4, 3, 2));
}

TEST(CliExitReport, SweepsNoThresholdTwice) {
  EXPECT_THAT(sweepThresholds({textOfScores({4, 4, 4, 4}), textOfScores({2})}),
              ElementsAre(4.0));
  EXPECT_THAT(sweepThresholds({textOfScores({-0.51234f, none})}),
              ElementsAre(-0.512));
}

TEST(CliExitReport, SweepsNothingWithoutScores) {
  EXPECT_THAT(sweepThresholds({}), ElementsAre());
  EXPECT_THAT(sweepThresholds({ReportText{.tokens = {{}}}}), ElementsAre());
}

TEST(CliExitReport, HasTheData) {
  Json data = dataIn(exitReportPage(makeReport()));
  EXPECT_EQ(data["exits"][0]["threshold"], "inf");
  EXPECT_EQ(data["exits"][1]["threshold"], 0.5);
  EXPECT_EQ(data["certificate"]["delta"], 0.05);
  EXPECT_EQ(data["settings"][0]["threshold"], nullptr);
  EXPECT_EQ(data["settings"][0]["bytes_read"], nullptr);
  EXPECT_EQ(data["settings"][1]["bytes_read"], 12);
  Json token = data["texts"][0]["tokens"][0];
  EXPECT_EQ(token["layers"], 2);
  EXPECT_EQ(token["scores"], Json({0.25, 0.75}));
}

TEST(CliExitReport, ScoresThatWereNotAskedForAreNull) {
  ExitReport report = makeReport();
  report.texts[0].tokens[0].scores = {none, 1};
  Json data = dataIn(exitReportPage(report));
  EXPECT_EQ(data["texts"][0]["tokens"][0]["scores"][0], nullptr);
}

TEST(CliExitReport, TextIsNeverMarkup) {
  std::string page = exitReportPage(makeReport());
  EXPECT_EQ(dataIn(page)["texts"][0]["prompt"], "<script>");
  EXPECT_EQ(dataIn(page)["texts"][0]["tokens"][0]["text"], "</script>");
  EXPECT_THAT(page, HasSubstr("\\u003c/script>"));
}

TEST(CliExitReport, BytesThatAreNotUtf8AreReplaced) {
  ExitReport report = makeReport();
  report.texts[0].prompt = "\xff";
  EXPECT_EQ(dataIn(exitReportPage(report))["texts"][0]["prompt"],
            "\xef\xbf\xbd");
}

TEST(CliExitReport, MarksInTheDataStay) {
  ExitReport report = makeReport();
  report.texts[0].prompt = "{{script}} {{style}} {{data}}";
  EXPECT_EQ(dataIn(exitReportPage(report))["texts"][0]["prompt"],
            report.texts[0].prompt);
}

TEST(CliExitReport, OneThresholdDropsTheCertificate) {
  ExitReport report = makeReport();
  report.overrideThresholds(0.125);
  Json data = dataIn(exitReportPage(report));
  EXPECT_EQ(data["certificate"], nullptr);
  EXPECT_EQ(data["certificate_dropped"], true);
  EXPECT_EQ(data["exits"][0]["threshold"], 0.125);
  ExitReport plain;
  plain.overrideThresholds(1);
  EXPECT_FALSE(plain.certificateDropped);
}

TEST(CliExitReport, LoadsNothing) {
  std::string page = exitReportPage(ExitReport());
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("href=")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(CliExitReport, AppearsWhole) {
  TempFolder folder;
  writeExitReport(makeReport(), folder.path("page.html"));
  EXPECT_EQ(readFile(folder.path("page.html")), exitReportPage(makeReport()));
  std::filesystem::directory_iterator files(folder.path(""));
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(CliExitReport, SaysWhereItCannotBeWritten) {
  try {
    writeExitReport(makeReport(), "/nowhere/page.html");
    FAIL();
  } catch (const Failure &failure) {
    EXPECT_THAT(failure.what(),
                HasSubstr("/nowhere/page.html: cannot write: "));
  }
}

} // namespace
