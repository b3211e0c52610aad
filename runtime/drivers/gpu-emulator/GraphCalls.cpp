//===- GraphCalls.cpp - recorded work -------------------------------------===//
#include "ApiCalls.h"

using namespace moert;
using namespace moert::gpu;
using namespace moert::emulator;

static CuResult beginCapture(CuStream stream, CuCaptureMode mode) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    return machine.beginCapture(in, mode);
  });
}

static CuResult endCapture(CuStream stream, CuGraph *graph) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    *graph = nullptr;
    return machine.endCapture(in, graph);
  });
}

static CuResult instantiate(CuGraphExec *exec, CuGraph graph,
                            unsigned long long) {
  return withMachine([&](Machine &machine) {
    if (!machine.graphs.has(graph))
      return CuInvalidHandle;
    *exec = machine.executables.make();
    static_cast<Graph &>(**exec) = *graph;
    return CuSuccess;
  });
}

static CuResult launch(CuGraphExec exec, CuStream stream) {
  return withStream(stream, [&](Machine &machine, CuStreamStorage &in) {
    if (!machine.executables.has(exec))
      return CuInvalidHandle;
    return machine.launchGraph(*exec, in);
  });
}

static CuResult destroyExecutable(CuGraphExec exec) {
  return withMachine([&](Machine &machine) {
    if (!machine.executables.has(exec))
      return CuInvalidHandle;
    machine.executables.remove(exec);
    return CuSuccess;
  });
}

static CuResult destroyGraph(CuGraph graph) {
  return withMachine([&](Machine &machine) {
    if (!machine.graphs.has(graph))
      return CuInvalidHandle;
    machine.graphs.remove(graph);
    return CuSuccess;
  });
}

void emulator::addGraphCalls(CudaApi &api) {
  api.cuStreamBeginCapture_v2 = beginCapture;
  api.cuStreamEndCapture = endCapture;
  api.cuGraphInstantiateWithFlags = instantiate;
  api.cuGraphLaunch = launch;
  api.cuGraphExecDestroy = destroyExecutable;
  api.cuGraphDestroy = destroyGraph;
}
