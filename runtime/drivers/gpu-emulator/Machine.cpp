//===- Machine.cpp - the GPU that does not exist --------------------------===//
#include "Machine.h"

#include <cstdlib>
#include <cstring>

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

static bool isSet(const char *variable) {
  const char *value = std::getenv(variable);
  return value && *value && std::strcmp(value, "0") != 0;
}

static std::optional<uint64_t> chosenSeed() {
  const char *value = std::getenv("MOERT_GPU_ORDER");
  if (!value || !*value)
    return std::nullopt;
  return std::strtoull(value, nullptr, 10);
}

uint64_t moert::emulator::getTotalBytes() {
  const char *value = std::getenv("MOERT_GPU_EMULATOR_MEMORY");
  uint64_t bytes = value ? std::strtoull(value, nullptr, 10) : 0;
  return bytes ? bytes : uint64_t(4) << 30;
}

emulator::Device &emulator::Device::get() {
  static Device device;
  return device;
}

Machine::Machine(int32_t threads)
    : emulator(threads, isSet("MOERT_GPU_RACES")), schedule(chosenSeed()) {}

Machine::~Machine() {
  schedule.finishAll();
  while (!device.empty())
    release(reinterpret_cast<void *>(device.begin()->first));
  while (!pinned.empty())
    releasePinned(reinterpret_cast<void *>(pinned.begin()->first));
}

WorkRef Machine::mark(CuStreamStorage &stream) {
  if (&stream != &defaultStream)
    return stream.last;
  // The default stream is behind all streams that did not opt out.
  std::vector<WorkRef> before = {stream.last};
  streams.each([&](CuStreamStorage &other) {
    if (other.isBlocking)
      before.push_back(other.last);
  });
  return stream.last = schedule.add(nullptr, std::move(before));
}

CuResult Machine::enqueue(CuStreamStorage &stream, Action action,
                          WorkRef other) {
  if (Capture *capture = stream.capture) {
    if (!capture->isValid)
      return CuStreamCaptureInvalidated;
    stream.tail = {capture->graph.add(std::move(action), stream.tail)};
    return CuSuccess;
  }
  std::vector<WorkRef> before = {std::move(other)};
  if (&stream == &defaultStream) {
    // It cannot be behind work that is not done but recorded.
    constexpr CuResult implicit = CuResult(906);
    bool isRecorded = false;
    streams.each([&](CuStreamStorage &one) {
      if (one.isBlocking && one.capture) {
        invalidate(one.capture);
        isRecorded = true;
      }
    });
    if (isRecorded)
      return implicit;
    before.push_back(mark(stream));
  } else {
    before.push_back(stream.last);
    if (stream.isBlocking)
      before.push_back(defaultStream.last);
  }
  stream.last = schedule.add(std::move(action), std::move(before));
  return CuSuccess;
}

CuResult Machine::launchGraph(const Graph &graph, CuStreamStorage &stream) {
  if (stream.capture) {
    // Its nodes become part of what is being recorded.
    std::vector<uint32_t> numbers;
    for (const Graph::Node &node : graph.nodes) {
      std::vector<uint32_t> before = stream.tail;
      for (uint32_t one : node.before)
        before.push_back(numbers[one]);
      numbers.push_back(stream.capture->graph.add(node.action, before));
    }
    stream.tail.insert(stream.tail.end(), numbers.begin(), numbers.end());
    return CuSuccess;
  }
  WorkRef begin = mark(stream);
  std::vector<WorkRef> done;
  for (const Graph::Node &node : graph.nodes) {
    std::vector<WorkRef> before = {begin};
    if (stream.isBlocking)
      before.push_back(defaultStream.last);
    for (uint32_t one : node.before)
      before.push_back(done[one]);
    done.push_back(schedule.add(node.action, std::move(before)));
  }
  done.push_back(begin);
  stream.last = schedule.add(nullptr, std::move(done));
  return CuSuccess;
}
