//===- ExitSweep.cpp - the same prompts at several thresholds -------------===//
#include "ExitSweep.h"
#include "Interrupt.h"

#include <limits>

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
    : setup(setup), requests(requests), report(ExitReport::of(setup.module)) {
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
        figures.averageLayersWithHeads(runner.exitBytes, setup.module.info);
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

TaskScore
moert::cli::agreement(Runner &full, const std::vector<Request> &requests,
                      const std::vector<std::vector<int32_t>> &tokens) {
  std::vector<Request> texts(requests.size());
  std::vector<size_t> seen(requests.size());
  TaskScore score;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<int32_t> &text = texts[i].prompt;
    text = requests[i].prompt;
    texts[i].logitsFrom = int64_t(text.size()) - 1;
    text.insert(text.end(), tokens[i].begin(), tokens[i].end());
    score.total += int64_t(tokens[i].size());
    if (!tokens[i].empty()) // nothing was picked behind the last one
      text.pop_back();
  }
  full.onPromptLogits = [&](size_t i, const float *row) {
    const size_t j = seen[i]++;
    if (j < tokens[i].size())
      score.right += full.pick(requests[i], j, row) == tokens[i][j];
  };
  full.run(texts);
  return score;
}

/// Judges texts that have no answers.
void ExitSweep::compareWithFull() {
  setup.restart({true, std::nullopt});
  for (size_t i = 0; i < tokens.size(); ++i) {
    Runner full = setup.makeRunner();
    const TaskScore score = agreement(full, requests, tokens[i]);
    report.settings[i].right = score.right;
    report.settings[i].total = score.total;
  }
}

void ExitSweep::run(const RunPrompts &again) {
  std::vector<ExitChoice> others;
  if (!setup.options.noExit)
    others.push_back({true, std::nullopt});
  for (double threshold : sweepThresholds(report.texts))
    others.push_back({false, threshold});
  Progress progress("exit report", int64_t(others.size()));
  for (const ExitChoice &choice : others) {
    setup.restart(choice);
    Runner runner = setup.makeRunner();
    runner.onStep = [&, done = report.settings.size()] {
      progress.update(int64_t(done) - 1);
    };
    std::vector<Request> copies;
    const TaskScore score = again(runner, copies);
    if (interrupted())
      return;
    ReportSetting setting = measure(copies, score, runner);
    setting.full = choice.off;
    setting.threshold =
        choice.off ? std::numeric_limits<double>::infinity() : choice.threshold;
    add(setting, copies);
  }
  if (!report.answers)
    compareWithFull();
  if (interrupted())
    return;
  progress.clear();
  writeExitReport(report, setup.options.exitReport);
}
