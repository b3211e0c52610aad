//===- Devices.cpp - the devices of this machine as JSON ------------------===//
#include "base/Options.h"
#include "moert/abi/driver.h"
#include "moert/moert.h"
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

using namespace moert;
using Json = nlohmann::ordered_json;

static Json describeDriver(const moert_driver_t &driver) {
  char detail[256] = "";
  Status status(driver.probe(detail, sizeof(detail)));
  return {{"driver", driver.name},
          {"device", std::string(driver.name) + ":0"},
          {"available", status.ok()},
          {"detail", status.ok() ? detail : status.message()}};
}

moert_status_t moert_list_devices(char **outJson) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_list_devices", {{"out_json", outJson}}));
    Json devices = Json::array();
    for (auto *driver = moert_drivers(); *driver; ++driver)
      devices.push_back(describeDriver(**driver));
    std::string text =
        devices.dump(2, ' ', false, Json::error_handler_t::replace);
    *outJson = ::strdup(text.c_str());
    return *outJson ? Status()
                    : Status(MOERT_RESOURCE_EXHAUSTED, "out of memory");
  });
}
