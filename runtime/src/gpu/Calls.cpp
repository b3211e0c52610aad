//===- Calls.cpp - what the CUDA driver API answers -----------------------===//
#include "gpu/Calls.h"

using namespace moert;
using namespace moert::gpu;

static moert_status_code_t codeOf(CuResult result) {
  switch (result) {
  case CuOutOfMemory:
    return MOERT_RESOURCE_EXHAUSTED;
  case CuNoDevice:
    return MOERT_UNAVAILABLE;
  default:
    return MOERT_INTERNAL;
  }
}

/// Results that kernels cause, wherever they are told.
static bool isOfKernel(CuResult result) {
  return result >= CuIllegalAddress && result <= CuLaunchFailed &&
         result != CuHostMemoryAlreadyRegistered;
}

Status gpu::statusOf(const CudaApi &api, CuResult result, const char *what) {
  if (result == CuSuccess)
    return Status();
  if (isOfKernel(result) && api.moert_emulator_failure)
    if (const char *failure = api.moert_emulator_failure())
      return Status(MOERT_INTERNAL, failure);
  const char *name = nullptr, *text = nullptr;
  if (api.cuGetErrorName(result, &name) != CuSuccess || !name)
    name = "unknown to the driver";
  if (api.cuGetErrorString(result, &text) != CuSuccess || !text)
    text = "error";
  if (isOfKernel(result))
    return makeStatus(MOERT_INTERNAL, "a kernel failed: ", text, " (", name,
                      ")");
  return makeStatus(codeOf(result), "cannot ", what, ": ", text, " (", name,
                    ")");
}

std::string gpu::versionText(int number) {
  return std::to_string(number / 10) + "." + std::to_string(number % 10);
}
