//===- Captures.cpp - recording work instead of doing it ------------------===//
#include "Machine.h"

#include <algorithm>

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

CuResult Machine::beginCapture(CuStreamStorage &stream, CuCaptureMode mode) {
  if (&stream == &defaultStream)
    return CuStreamCaptureUnsupported;
  if (stream.capture)
    return CuInvalidValue;
  auto capture = std::make_unique<Capture>();
  capture->origin = &stream;
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  stream.capture = capture.get();
  stream.tail.clear();
  captures.push_back(std::move(capture));
  return CuSuccess;
}

CuResult Machine::invalidate(Capture *capture) {
  capture->isValid = false;
  return CuStreamCaptureUnsupported;
}

CuResult Machine::forbidCaptures() {
  CuResult result = CuSuccess;
  for (const std::unique_ptr<Capture> &capture : captures)
    if (capture->mode == CuCaptureGlobal ||
        (capture->mode == CuCaptureThreadLocal &&
         capture->thread == std::this_thread::get_id()))
      result = invalidate(capture.get());
  return result;
}

/// Whether everything in the graph is among these nodes or before one of them.
static bool allLeadTo(const Graph &graph, const std::vector<uint32_t> &ends) {
  std::vector<bool> leads(graph.nodes.size());
  for (uint32_t end : ends)
    leads[end] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;)
    if (leads[i])
      for (uint32_t before : graph.nodes[i].before)
        leads[before] = true;
  return std::all_of(leads.begin(), leads.end(),
                     [](bool lead) { return lead; });
}

CuResult Machine::endCapture(CuStreamStorage &stream, CuGraph *out) {
  constexpr CuResult unmatched = CuResult(903), unjoined = CuResult(904);
  Capture *capture = stream.capture;
  if (!capture)
    return CuInvalidValue;
  if (capture->origin != &stream)
    return unmatched;
  CuResult result = CuSuccess;
  if (!capture->isValid) {
    result = CuStreamCaptureInvalidated;
  } else if (!allLeadTo(capture->graph, stream.tail)) {
    result = unjoined;
  } else {
    CuGraphStorage *graph = graphs.make();
    static_cast<Graph &>(*graph) = std::move(capture->graph);
    *out = graph;
  }
  forget(capture);
  return result;
}

void Machine::forget(Capture *capture) {
  streams.each([&](CuStreamStorage &stream) {
    if (stream.capture == capture) {
      stream.capture = nullptr;
      stream.tail.clear();
    }
  });
  events.each([&](CuEventStorage &event) {
    if (event.capture == capture) {
      event.capture = nullptr;
      event.tail.clear();
    }
  });
  captures.erase(
      std::find_if(captures.begin(), captures.end(),
                   [&](const auto &one) { return one.get() == capture; }));
}
