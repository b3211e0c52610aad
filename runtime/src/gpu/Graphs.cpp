//===- Graphs.cpp - forwards that are launched as a whole -----------------===//
#include "gpu/Graphs.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace moert;
using namespace moert::gpu;

Graphs::Graphs(const Device &device) : device(device) {
  const char *setting = std::getenv("MOERT_GPU_GRAPHS");
  isOn = !setting || std::strcmp(setting, "0") != 0;
}

Graphs::~Graphs() {
  for (Entry &entry : entries)
    if (entry.graph)
      device.api.cuGraphExecDestroy(entry.graph);
}

/// Makes the entry's graph. Where the driver cannot, nothing is lost: launches
/// that were captured did not run. `failure` is that of the launches.
void Graphs::capture(Entry &entry, const std::function<Status()> &launches,
                     Status *failure) {
  const CudaApi &api = device.api;
  entry.isPlain = true;
  if (api.cuStreamBeginCapture_v2(device.compute, CuCaptureThreadLocal) !=
      CuSuccess)
    return;
  *failure = launches();
  CuGraph graph = nullptr;
  if (api.cuStreamEndCapture(device.compute, &graph) != CuSuccess || !graph)
    return;
  if (failure->ok() &&
      api.cuGraphInstantiateWithFlags(&entry.graph, graph, 0) == CuSuccess)
    entry.isPlain = false;
  else
    entry.graph = nullptr;
  api.cuGraphDestroy(graph);
}

Status Graphs::run(const GraphKey &key,
                   const std::function<Status()> &launches) {
  auto found =
      std::find_if(entries.begin(), entries.end(),
                   [&](const Entry &entry) { return entry.key == key; });
  if (found == entries.end()) {
    // Many come only once: prompts.
    entries.push_front({key});
    if (entries.size() > mostEntries) {
      if (entries.back().graph)
        device.api.cuGraphExecDestroy(entries.back().graph);
      entries.pop_back();
    }
    return launches();
  }
  entries.splice(entries.begin(), entries, found);
  Entry &entry = entries.front();
  Status failure;
  if (!entry.graph && !entry.isPlain)
    capture(entry, launches, &failure);
  if (failure)
    return failure;
  if (entry.isPlain)
    return launches();
  return statusOf(device.api,
                  device.api.cuGraphLaunch(entry.graph, device.compute),
                  "launch a graph");
}
