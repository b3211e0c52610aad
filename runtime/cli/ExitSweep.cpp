//===- ExitSweep.cpp - the same prompts at several thresholds -------------===//
#include "ExitSweep.h"
#include "Interrupt.h"

#include <limits>
#include <tuple>

using namespace moert::cli;

std::vector<ReportToken>
moert::cli::reportTokens(const Request &request,
                         const std::vector<std::string> &pieces) {
  std::vector<ReportToken> result(request.tokens.size());
  for (size_t j = 0; j < result.size(); ++j) {
    const TokenSource &source = request.sources[j];
    ReportToken &token = result[j];
    token.id = request.tokens[j];
    if (j < pieces.size()) // an end-of-text token adds nothing
      token.text = pieces[j];
    token.layers = source.draftedAfter ? source.draftedAfter : source.layers;
    token.scores = source.scores;
    if (source.draftedAfter)
      token.check =
          source.draftStayed ? ReportToken::Accepted : ReportToken::Replaced;
  }
  return result;
}

ExitSweep::ExitSweep(Setup &setup, std::vector<ReportText> texts,
                     const std::vector<Request> &requests, TaskScore score,
                     const Runner &runner)
    : setup(setup), report(ExitReport::of(setup.module)) {
  const Options &options = setup.options;
  if (options.exitThreshold)
    report.overrideThresholds(*options.exitThreshold);
  report.texts = std::move(texts);
  report.answers = score.total > 0;
  report.threads = setup.session().threads();
  moert_session_stats_t stats = setup.session().stats();
  if (stats.expert_capacity > 0)
    report.memoryBudget = int64_t(stats.expert_bytes);
  if (setup.checksDrafts())
    report.drafts = {runner.draftsMade, runner.draftsAccepted,
                     runner.draftChecks};
  ReportSetting setting = measure(requests, score, runner);
  setting.shown = true;
  setting.full = options.noExit;
  setting.threshold = options.exitThreshold;
  if (setting.full)
    setting.threshold = std::numeric_limits<double>::infinity();
  add(setting, requests);
}

ReportSetting ExitSweep::measure(const std::vector<Request> &requests,
                                 TaskScore score, const Runner &runner) const {
  ReportSetting setting;
  ExitFigures figures(setup.module.info.layers);
  for (const Request &request : requests)
    figures.add(request);
  setting.right = score.right;
  setting.total = score.total;
  setting.tokens = figures.tokens();
  if (setting.tokens > 0) {
    setting.layers = figures.averageLayers();
    setting.layersWithHeads =
        figures.averageLayersWithHeads(runner.exitChecks, setup.module.info);
  }
  setting.decodeSeconds = runner.decode.seconds;
  setting.decodeRows = runner.decode.tokens;
  moert_session_stats_t stats = setup.session().stats();
  if (stats.expert_capacity > 0)
    setting.bytesRead = stats.bytes_read;
  return setting;
}

void ExitSweep::add(ReportSetting setting,
                    const std::vector<Request> &requests) {
  report.settings.push_back(setting);
  std::vector<std::vector<int32_t>> &all = tokens.emplace_back();
  for (const Request &request : requests)
    all.push_back(request.tokens);
}

/// Tokens of all requests, and those at which both say the same.
static std::pair<int64_t, int64_t>
compare(const std::vector<std::vector<int32_t>> &full,
        const std::vector<std::vector<int32_t>> &other) {
  int64_t same = 0, all = 0;
  for (size_t i = 0; i < full.size(); ++i) {
    all += int64_t(full[i].size());
    for (size_t j = 0; j < full[i].size() && j < other[i].size(); ++j)
      same += full[i][j] == other[i][j];
  }
  return {same, all};
}

void ExitSweep::run(const RunPrompts &again) {
  std::vector<ExitChoice> others;
  if (!setup.options.noExit)
    others.push_back({true, std::nullopt});
  for (double threshold : sweepThresholds(report.texts))
    others.push_back({false, threshold});
  Progress progress("exit report", int64_t(others.size()));
  size_t full = 0;
  for (const ExitChoice &choice : others) {
    setup.restart(choice);
    Runner runner = setup.makeRunner();
    runner.onStep = [&, done = report.settings.size()] {
      progress.update(int64_t(done) - 1);
    };
    std::vector<Request> requests;
    const TaskScore score = again(runner, requests);
    if (interrupted())
      return;
    ReportSetting setting = measure(requests, score, runner);
    setting.full = choice.off;
    setting.threshold =
        choice.off ? std::numeric_limits<double>::infinity() : choice.threshold;
    if (choice.off)
      full = report.settings.size();
    add(setting, requests);
  }
  progress.clear();
  if (!report.answers)
    for (size_t i = 0; i < tokens.size(); ++i)
      std::tie(report.settings[i].right, report.settings[i].total) =
          compare(tokens[full], tokens[i]);
  writeExitReport(report, setup.options.exitReport);
}
