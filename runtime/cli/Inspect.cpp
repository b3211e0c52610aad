//===- Inspect.cpp - what is in a module, what is in this machine ---------===//
#include "Api.h"
#include "Modes.h"
#include "Output.h"

#include <cstdio>
#include <nlohmann/json.hpp>

using namespace moert::cli;

static Json parseOwn(const char *text, const std::string &origin) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    fail(origin, "the runtime's description is not valid JSON");
  return json;
}

//===-- Modules -----------------------------------------------------------===//

template <typename... Values>
static std::string format(const char *pattern, Values... values) {
  char line[512];
  std::snprintf(line, sizeof(line), pattern, values...);
  return line;
}

/// A string of a description, or "" where there is none.
static std::string stringIn(const Json &json, const char *path) {
  Json::json_pointer pointer(path);
  if (!json.contains(pointer) || !json[pointer].is_string())
    return "";
  return json[pointer].get<std::string>();
}

static std::string describeWeights(const Json &json) {
  int64_t tensors = 0, experts = 0;
  for (const Json &parameter : json["parameters"]) {
    std::string kind = parameter.value("kind", "");
    tensors += kind == "tensor";
    experts += kind == "expert";
  }
  return format("weights   %lld tensors, %lld experts, ",
                static_cast<long long>(tensors),
                static_cast<long long>(experts));
}

/// A line for each way in which weights are stored, where there is more than
/// one.
static std::string describeStorage(const Module &module, const Json &json) {
  if (module.info.coded_weights == 0)
    return "";
  std::string text;
  for (const Json &storage : json["storage"]) {
    std::string scheme = storage.value("scheme", "");
    if (scheme == "none")
      scheme = storage.value("element", "");
    text += format("  %-8s as %-10s %14llu weights, %6.3f bits each\n",
                   (storage.value("kind", "") + "s").c_str(), scheme.c_str(),
                   storage.value("weights", 0ull),
                   storage.value("bits_per_weight", 0.0));
  }
  return text +
         format("  what is quantised %16llu weights, %6.3f bits each\n",
                static_cast<unsigned long long>(module.info.coded_weights),
                module.info.coded_bits_per_weight);
}

static std::string describeFeatures(const Json &json) {
  std::string text;
  for (const Json &feature : json["target"]["features"])
    text += " " + feature.get<std::string>();
  return text.empty() ? "" : ", needs" + text;
}

/// What comes and goes under a budget, for a module that can be run with one.
static std::string describeSchedule(const Json &json) {
  const Json &schedule = json["schedule"];
  if (!schedule.is_object())
    return "";
  auto megabytes = [&](const char *key) {
    return double(schedule.value(key, 0ull)) / 1e6;
  };
  std::string text =
      format("on disk   %.3f MB of experts, %.3f MB each; a token takes %.3f "
             "MB of %zu layers\n",
             megabytes("all_expert_bytes"), megabytes("expert_bytes"),
             megabytes("token_expert_bytes"), schedule["layers"].size());
  std::string shares;
  for (const Json &entries : schedule["partition"])
    shares += (shares.empty() ? "" : " ") + entries.dump();
  text += "schedule  cache policy " + schedule.value("cache_policy", "") +
          (shares.empty() ? ", all layers share" : ", shares " + shares);
  if (std::string predictor = schedule.value("predictor", "");
      !predictor.empty())
    text +=
        format(", %s guesses %d per row of %zu layers, %d ahead",
               predictor.c_str(), schedule.value("guesses", 0),
               schedule["guessed_layers"].size(), schedule.value("ahead", 0));
  else
    text += ", nobody guesses";
  return text + "\n";
}

/// Where tokens may leave early, and what is known of that.
static std::string describeExits(const Module &module, const Json &json) {
  const moert_module_info_t &info = module.info;
  if (info.exits == 0)
    return "";
  std::string text = format(
      "exits     %s, %s head, %s; a check reads %.3f MB, a layer %.3f "
      "MB\n",
      info.exit_policy, info.exit_head, info.exit_state,
      double(info.exit_head_bytes) / 1e6, double(info.exit_layer_bytes) / 1e6);
  if (info.exit_leave_bytes)
    text += format("  a token that leaves reads %.3f MB more",
                   double(info.exit_leave_bytes) / 1e6);
  if (info.exit_leave_bytes && info.exit_unsure_bytes)
    text += format(", %.3f MB on top if its best word is not certain",
                   double(info.exit_unsure_bytes) / 1e6);
  if (info.exit_leave_bytes)
    text += "\n";
  for (int32_t i = 0; i < info.exits; ++i) {
    moert_exit_info_t exit = {};
    exit.size = sizeof(exit);
    check(moert_module_exit(module.get(), i, &exit), module.path);
    text += format("  after %-4d threshold %g", exit.layers, exit.threshold);
    if (exit.taken >= 0)
      text += format(", taken by %.1f %%", 100 * exit.taken);
    text += "\n";
  }
  const Json certificate =
      json.value(Json::json_pointer("/exits/certificate"), Json());
  if (!certificate.is_object())
    return text + "  no certificate\n";
  return text +
         format("  certificate: P(%s > %g) <= %g, of %lld prompts (data hash "
                "%s), risk %.4f there, p-value %.3g\n",
                certificate.value("risk", "").c_str(),
                certificate.value("delta", 0.0),
                certificate.value("epsilon", 0.0),
                certificate.value("prompts", 0ll),
                certificate.value("data_hash", "").c_str(),
                certificate.value("empirical_risk", 0.0),
                certificate.value("p_value", 0.0));
}

static std::string summary(const Module &module, const Json &json) {
  const moert_module_info_t &info = module.info;
  std::string text = module.path + ": " + stringIn(json, "/producer") +
                     ", format " + stringIn(json, "/header/version") + "\n";
  text += format("model     %s (%s): %d layers, hidden %lld, vocabulary %lld, "
                 "context %lld\n",
                 info.name, info.family, info.layers,
                 static_cast<long long>(info.hidden),
                 static_cast<long long>(info.vocabulary),
                 static_cast<long long>(info.context));
  if (info.experts > 0)
    text += format("experts   %d per layer, %d per token\n", info.experts,
                   info.experts_per_token);
  text += format("target    %s, run by %s", info.backend, info.driver);
  for (const char *path : {"/target/triple", "/target/cpu"})
    if (std::string part = stringIn(json, path); !part.empty())
      text += ", " + part;
  text += describeFeatures(json) + "\n";
  text += describeWeights(json) +
          format("%.2f bits per weight\n", info.bits_per_weight) +
          describeStorage(module, json);
  text += format("per token %.3f MB of weights read, %.3f M multiply-adds "
                 "without the head\n",
                 double(info.active_bytes_per_token) / 1e6,
                 double(info.macs_per_token) / 1e6);
  text += describeSchedule(json) + describeExits(module, json) + "sections\n";
  for (const Json &section : json["sections"])
    text += format("  %-12s %14llu bytes at %llu\n",
                   section.value("name", "?").c_str(),
                   section.value("size", 0ull), section.value("offset", 0ull));
  return text;
}

int moert::cli::inspect(const Options &options) {
  Module module(options.module, Module::For::Inspection);
  char *made = nullptr;
  check(moert_module_describe(module.get(), &made), module.path);
  Text description(made);
  if (options.json)
    writeOut(description.get() + std::string("\n"));
  else
    writeOut(summary(module, parseOwn(description.get(), module.path)));
  return 0;
}

//===-- Devices -----------------------------------------------------------===//

int moert::cli::listDevices(const Options &options) {
  char *made = nullptr;
  check(moert_list_devices(&made), "devices");
  Text description(made);
  Json devices = parseOwn(description.get(), "devices");
  if (!options.module.empty()) {
    Module module(options.module, Module::For::Inspection);
    for (Json &device : devices)
      device["runs_module"] =
          device.value("available", false) &&
          device.value("driver", "") == std::string(module.info.driver);
  }
  if (options.json) {
    writeJson({{"devices", devices}});
    return 0;
  }
  std::string text;
  for (const Json &device : devices) {
    text +=
        format("%-15s %-12s ", device.value("device", "").c_str(),
               device.value("available", false) ? "available" : "unavailable");
    text += device.value("detail", "");
    if (device.value("runs_module", false))
      text += ", runs " + options.module;
    text += "\n";
  }
  writeOut(text);
  return 0;
}
