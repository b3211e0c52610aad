//===- ControlGroup.cpp - what a control group grants ---------------------===//
#include "base/ControlGroup.h"

#include <algorithm>
#include <fstream>

using namespace moert;

/// The number in a file that holds only that; version 2 says "max".
static uint64_t readOnly(const std::string &path) {
  uint64_t value;
  return std::ifstream(path) >> value ? value : unknownMemory;
}

uint64_t moert::readNumber(const std::string &path, const std::string &key) {
  std::ifstream file(path);
  std::string word;
  uint64_t value;
  while (file >> word >> value) {
    if (word == key)
      return value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return unknownMemory;
}

namespace {

/// The files of one version.
struct Version {
  const char *limit, *used, *active, *inactive;
};

} // namespace

static constexpr Version versionOne = {
    "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_active_file",
    "total_inactive_file"};
static constexpr Version versionTwo = {"/memory.max", "/memory.current",
                                       "active_file", "inactive_file"};

static void addGroup(const Version &version, const std::string &folder,
                     GroupMemory *memory) {
  uint64_t limit = readOnly(folder + version.limit);
  uint64_t used = readOnly(folder + version.used);
  if (limit == unknownMemory || used == unknownMemory)
    return;
  std::string statistics = folder + "/memory.stat";
  for (const char *key : {version.active, version.inactive}) {
    uint64_t cached = readNumber(statistics, key);
    used -= cached == unknownMemory ? 0 : std::min(used, cached);
  }
  memory->limit = std::min(memory->limit, limit);
  memory->available =
      std::min(memory->available, limit - std::min(limit, used));
}

/// The group and all above it, up to the mount: a group may have no limit of
/// its own, and a container sees its group as the mount while the list still
/// has the path outside.
static void addGroups(const Version &version, const std::string &mount,
                      std::string path, GroupMemory *memory) {
  for (;;) {
    addGroup(version, mount + path, memory);
    if (path.empty())
      return;
    path.resize(std::min(path.rfind('/'), path.size() - 1));
  }
}

static bool lists(const std::string &controllers, const std::string &name) {
  return ("," + controllers + ",").find("," + name + ",") != std::string::npos;
}

GroupMemory moert::readGroupMemory(const std::string &groups,
                                   const std::string &root) {
  GroupMemory memory;
  std::ifstream file(groups);
  // "0::/path" of version 2, "4:memory:/path" of version 1.
  for (std::string line; std::getline(file, line);) {
    size_t colon = line.find(':'), second = line.find(':', colon + 1);
    if (colon == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = line.substr(colon + 1, second - colon - 1);
    std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      addGroups(versionTwo, root, path, &memory);
      addGroups(versionTwo, root + "/unified", path, &memory);
    } else if (lists(controllers, "memory")) {
      addGroups(versionOne, root + "/memory", path, &memory);
    }
  }
  return memory;
}
