//===- Profile.cpp - this machine as a few numbers ------------------------===//
#include "Api.h"
#include "Bench.h"
#include "Modes.h"
#include "Output.h"

#include <ctime>
#include <nlohmann/json.hpp>

using namespace moert::cli;

/// "2026-01-31"
static std::string today() {
  std::time_t now = std::time(nullptr);
  std::tm parts = {};
  char text[16] = "";
  ::gmtime_r(&now, &parts);
  std::strftime(text, sizeof(text), "%Y-%m-%d", &parts);
  return text;
}

/// What the module's driver says of the device.
static std::string describeDevice(const Module &module) {
  char *made = nullptr;
  check(moert_list_devices(&made), "devices");
  Text description(made);
  Json devices = Json::parse(description.get(), nullptr, false);
  for (const Json &device : devices)
    if (device.value("driver", "") == std::string(module.info.driver))
      return device.value("detail", "");
  return module.info.driver;
}

int moert::cli::measureProfile(const Options &options) {
  OutputFile file(options.profile);
  Module module(options.module, Module::For::RunningUnverified);
  double memoryBandwidth = 0, operations = 0, bandwidth = 0, latency = 0;
  uint64_t available = 0, granted = 0;
  Progress progress("profile", 3);
  check(moert_measure_file_reads(options.module.c_str(), &bandwidth, &latency),
        module.path);
  progress.update(1);
  check(moert_measure_read_bandwidth(options.threads, probeBytes(),
                                     &memoryBandwidth),
        "read bandwidth");
  progress.update(2);
  check(moert_measure_int8_peak(options.threads, &operations), "int8 peak");
  check(moert_measure_memory(&available, &granted), "memory");
  progress.clear();
  if (interrupted())
    return interruptedExitCode();

  const Json profile = {{"name", "measured"},
                        {"description", describeDevice(module) +
                                            ", experts read from the disk "
                                            "of " +
                                            module.path},
                        {"source", "measured " + today()},
                        {"memory_bandwidth_bytes_per_second", memoryBandwidth},
                        {"memory_bytes", granted},
                        {"operations_per_second", operations},
                        {"link", "disk"},
                        {"link_bandwidth_bytes_per_second", bandwidth},
                        {"link_latency_seconds", latency}};
  std::string text =
      profile.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  file.append(text.data(), text.size());
  file.finish();
  return 0;
}
