//===- ExitReport.cpp - fills a page about exits with its data ------------===//
#include "ExitReport.h"
#include "Api.h"
#include "Output.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

using namespace moert::cli;

namespace {
#include "ExitReportPage.inc" // page, style, script: the files of ExitReport
} // namespace

//===-- The module --------------------------------------------------------===//

/// What a token reads of the experts of each layer, which may differ.
static std::vector<uint64_t> expertBytesOf(const Module &module) {
  std::vector<double> bytes(size_t(module.info.layers));
  std::vector<int64_t> experts(bytes.size());
  for (int64_t i = 0; i < moert_module_parameters(module.get()); ++i) {
    moert_parameter_info_t info = {};
    info.size = sizeof(info);
    check(moert_module_parameter(module.get(), i, &info), module.path);
    if (info.expert < 0 || size_t(info.layer) >= bytes.size())
      continue;
    bytes[size_t(info.layer)] += double(info.bytes);
    ++experts[size_t(info.layer)];
  }
  std::vector<uint64_t> result;
  for (size_t i = 0; i < bytes.size(); ++i)
    result.push_back(experts[i] == 0
                         ? 0
                         : uint64_t(bytes[i] / double(experts[i]) *
                                    module.info.experts_per_token));
  return result;
}

static std::string certificateOf(const Module &module) {
  char *described = nullptr;
  check(moert_module_describe(module.get(), &described), module.path);
  Text owner(described);
  Json description =
      Json::parse(described, nullptr, /*allow_exceptions=*/false);
  const Json::json_pointer where("/exits/certificate");
  if (description.is_discarded() || !description.contains(where) ||
      !description[where].is_object())
    return {};
  return description[where].dump();
}

ExitReport ExitReport::of(const Module &module) {
  const moert_module_info_t &info = module.info;
  ExitReport report;
  report.module = module.path;
  report.model = info.name;
  report.policy = info.exit_policy;
  report.head = info.exit_head;
  report.state = info.exit_state;
  report.layers = info.layers;
  report.layerBytes = info.exit_layer_bytes;
  report.headBytes = info.exit_head_bytes;
  report.leaveBytes = info.exit_leave_bytes;
  report.unsureBytes = info.exit_unsure_bytes;
  report.expertBytes = expertBytesOf(module);
  for (int32_t i = 0; i < info.exits; ++i) {
    moert_exit_info_t exit = {};
    exit.size = sizeof(exit);
    check(moert_module_exit(module.get(), i, &exit), module.path);
    report.exits.push_back({exit.layers, exit.threshold});
  }
  if (info.exits_calibrated)
    report.certificate = certificateOf(module);
  return report;
}

void ExitReport::overrideThresholds(double threshold) {
  for (ReportExit &exit : exits)
    exit.threshold = threshold;
  certificateDropped = !certificate.empty();
  certificate.clear();
}

//===-- The sweep ---------------------------------------------------------===//

/// Three digits are enough to tell settings apart, and easy to type.
static double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return std::strtod(text, nullptr);
}

std::vector<double>
moert::cli::sweepThresholds(const std::vector<ReportText> &texts, size_t most) {
  std::vector<double> scores;
  for (const ReportText &text : texts)
    for (const ReportToken &token : text.tokens)
      for (float score : token.scores)
        if (std::isfinite(score))
          scores.push_back(double(score));
  std::sort(scores.begin(), scores.end(), std::greater<>());
  std::vector<double> result;
  for (size_t i = 1; i <= most && !scores.empty(); ++i) {
    double one = rounded(scores[(scores.size() - 1) * i / (most + 1)]);
    if (result.empty() || one < result.back())
      result.push_back(one);
  }
  return result;
}

//===-- The page ----------------------------------------------------------===//

/// JSON has no infinity, and a NaN says that there is nothing.
static Json numberOf(double value) {
  if (std::isnan(value))
    return Json();
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  return value;
}

template <typename T> static Json orNull(const std::optional<T> &value) {
  return value ? Json(*value) : Json();
}

static Json tokenOf(const ReportToken &token) {
  Json scores = Json::array();
  for (float score : token.scores)
    scores.push_back(numberOf(double(score)));
  static const char *const checks[] = {"", "accepted", "replaced"};
  return {{"id", token.id},
          {"text", token.text},
          {"layers", token.layers},
          {"scores", scores},
          {"check", checks[token.check]}};
}

static Json textOf(const ReportText &text) {
  Json tokens = Json::array();
  for (const ReportToken &token : text.tokens)
    tokens.push_back(tokenOf(token));
  return {{"prompt", text.prompt},
          {"task", text.task},
          {"answer", text.answer},
          {"correct", orNull(text.correct)},
          {"tokens", tokens}};
}

static Json settingOf(const ReportSetting &setting) {
  return {
      {"threshold", setting.threshold ? numberOf(*setting.threshold) : Json()},
      {"shown", setting.shown},
      {"full", setting.full},
      {"right", setting.right},
      {"total", setting.total},
      {"layers", setting.layers},
      {"layers_with_heads", setting.layersWithHeads},
      {"tokens", setting.tokens},
      {"seconds", setting.decodeSeconds},
      {"rows", setting.decodeRows},
      {"bytes_read", orNull(setting.bytesRead)}};
}

static Json dataOf(const ExitReport &report) {
  Json result = {{"module", report.module},
                 {"model", report.model},
                 {"policy", report.policy},
                 {"head", report.head},
                 {"state", report.state},
                 {"layers", report.layers},
                 {"threads", report.threads},
                 {"memory_budget", orNull(report.memoryBudget)},
                 {"layer_bytes", report.layerBytes},
                 {"head_bytes", report.headBytes},
                 {"leave_bytes", report.leaveBytes},
                 {"unsure_bytes", report.unsureBytes},
                 {"expert_bytes", report.expertBytes},
                 {"answers", report.answers},
                 {"certificate", report.certificate.empty()
                                     ? Json()
                                     : Json::parse(report.certificate, nullptr,
                                                   /*allow_exceptions=*/false)},
                 {"certificate_dropped", report.certificateDropped},
                 {"drafts", Json()},
                 {"exits", Json::array()},
                 {"settings", Json::array()},
                 {"texts", Json::array()}};
  if (report.drafts)
    result["drafts"] = {{"proposed", report.drafts->proposed},
                        {"accepted", report.drafts->accepted},
                        {"checks", report.drafts->checks}};
  for (const ReportExit &exit : report.exits)
    result["exits"].push_back(
        {{"layers", exit.layers}, {"threshold", numberOf(exit.threshold)}});
  for (const ReportSetting &setting : report.settings)
    result["settings"].push_back(settingOf(setting));
  for (const ReportText &text : report.texts)
    result["texts"].push_back(textOf(text));
  return result;
}

/// Nothing in JSON inside of a script element can end it without a '<'.
static std::string escaped(const std::string &json) {
  std::string result;
  for (char c : json)
    if (c == '<')
      result += "\\u003c";
    else
      result += c;
  return result;
}

std::string moert::cli::exitReportPage(const ExitReport &report) {
  const std::string data = escaped(
      dataOf(report).dump(-1, ' ', false, Json::error_handler_t::replace));
  std::string_view rest = page;
  std::string result;
  // In the order in which the page has them.
  const std::pair<std::string_view, std::string_view> parts[] = {
      {"{{style}}", style}, {"{{data}}", data}, {"{{script}}", script}};
  for (auto [mark, part] : parts) {
    size_t at = rest.find(mark);
    result.append(rest.substr(0, at)).append(part);
    rest.remove_prefix(at + mark.size());
  }
  return result.append(rest);
}

void moert::cli::writeExitReport(const ExitReport &report,
                                 const std::string &path) {
  OutputFile file(path);
  const std::string text = exitReportPage(report);
  file.append(text.data(), text.size());
  file.finish();
}
