//===- Executable.cpp - a module's code with its kernels ------------------===//
#include "gpu/Executable.h"

#include "gpu/ExitBridge.h"
#include <bit>
#include <chrono>
#include <cstring>

using namespace moert;
using namespace moert::gpu;

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

static Status of(const std::string &origin, const Status &status) {
  return makeStatus(status.code(), origin, ": ", status.message());
}

Status Executable::takeMetadata(const moert_code_t &described) {
  if (!described.metadata)
    return Status(MOERT_INVALID_ARGUMENT,
                  "is code without metadata, which says what to copy to the "
                  "device");
  metadata.resize((described.metadata_size + 7) / 8);
  std::memcpy(metadata.data(), described.metadata, described.metadata_size);
  module = fb::GetModule(metadata.data());
  parameters = std::make_unique<Parameters>(device, *module);
  guessing = std::make_unique<PrefetchSwitch>(device.options.prefetch);
  return Status();
}

Status Executable::create(const Device &device, const moert_code_t &described,
                          std::unique_ptr<Executable> *out) {
  std::unique_ptr<Executable> executable(new Executable(device));
  executable->origin = described.origin;
  MOERT_RETURN_IF_ERROR(CodeImage::load(described, &executable->code));
  auto *image = static_cast<const moert_gpu_image_t *>(
      executable->code->find(MOERT_GPU_IMAGE_SYMBOL));
  Status status = KernelImage::load(device, image, &executable->kernels);
  if (!status)
    status = executable->takeMetadata(described);
  if (status)
    return of(executable->origin, status);
  *out = std::move(executable);
  return Status();
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

struct Executable::Forward {
  Run &run;
  const KernelImage &kernels;
  OffloadBridge &offload;
  void (*trace)(void *host, int64_t op);
  void *host;
  moert_abi_forward_t args = {};
  moert_abi_gpu_t gpu = {};
  moert_abi_env_t env = {};
};

static void runLoop(const moert_abi_env_t *, moert_abi_body_t body,
                    void *closure, int64_t count) {
  if (count > 0)
    body(closure, 0, count, 0);
}

/// 1 + the greatest position, made a power of two: what is launched for it
/// stays the same while a text grows.
static int64_t longestOf(const moert_abi_forward_t &args) {
  int64_t longest = 256;
  for (int64_t row = 0; row < args.rows; ++row)
    longest = std::max(longest, int64_t(args.positions[row]) + 1);
  return int64_t(std::bit_ceil(uint64_t(longest)));
}

GraphKey Executable::keyOf(const Forward &forward) const {
  const moert_abi_forward_t &args = forward.args;
  return {args.rows,
          args.wanted_rows,
          args.kv_capacity,
          forward.gpu.longest,
          parameters->version(),
          {args.tokens, args.sequences, args.positions, args.wanted, args.kv,
           args.workspace, args.logits}};
}

Status Executable::launchAll(Forward &forward) {
  const int32_t result = code->forward()(&forward.env, &forward.args);
  MOERT_RETURN_IF_ERROR(forward.run.takeFailure());
  if (result == MOERT_OK)
    return Status();
  const bool isKnown = result > MOERT_OK && result <= MOERT_INTERNAL;
  return makeStatus(isKnown ? static_cast<moert_status_code_t>(result)
                            : MOERT_INTERNAL,
                    "forward returned ", result);
}

Status Executable::runCode(Forward &forward) {
  const bool asksNobody =
      !forward.trace && !forward.args.offload && !forward.args.exits;
  if (!graphs.areOn() || !asksNobody)
    return launchAll(forward);
  return graphs.run(keyOf(forward), [&] { return launchAll(forward); });
}

static void setEnvironment(moert_abi_env_t &env, const moert_abi_gpu_t *gpu) {
  env.size = sizeof(env);
  env.abi_version = MOERT_ABI_VERSION;
  env.parallel_for = runLoop;
  env.workers = 1;
  env.gpu = gpu;
}

Status Executable::runForward(const moert_abi_forward_t &args,
                              void (*trace)(void *host, int64_t op),
                              void *host) {
  pinned.clear();
  Run run(device, pinned, args);
  const uint64_t logitBytes = uint64_t(args.wanted_rows) *
                              uint64_t(module->model()->vocabulary()) *
                              sizeof(float);
  moert_abi_forward_t deviceArgs;
  MOERT_RETURN_IF_ERROR(inputs.bring(run, logitBytes, &deviceArgs));
  MOERT_RETURN_IF_ERROR(parameters->bring(args));

  const bool isTiered = parameters->tier() != nullptr;
  const bool guesses = isTiered && guessing->begin(args.rows);
  const auto begin = std::chrono::steady_clock::now();
  ExitBridge exits(run, args.exits);
  OffloadBridge offload(run, *parameters, args.offload, guesses);
  Forward forward = {run, *kernels, offload, trace, host};
  forward.args = deviceArgs;
  forward.args.parameters = parameters->cells();
  forward.args.offload = offload.abi();
  forward.args.exits = exits.abi();
  forward.gpu.size = sizeof(forward.gpu);
  forward.gpu.version = MOERT_GPU_VERSION;
  forward.gpu.host = &forward;
  forward.gpu.launch = [](const moert_abi_gpu_t *gpu, int64_t kernel,
                          int64_t blocksX, int64_t blocksY,
                          void *const *values) {
    Forward &forward = *static_cast<Forward *>(gpu->host);
    if (forward.run.hasFailed())
      return;
    forward.run.note(forward.kernels.launch(kernel, blocksX, blocksY, values));
    forward.offload.pump();
  };
  forward.gpu.parameters =
      pointerTo<const void *const>(parameters->tableAddress());
  forward.gpu.exact = device.options.exact;
  forward.gpu.processors = device.facts.processors;
  forward.gpu.longest = longestOf(args);
  setEnvironment(forward.env, &forward.gpu);
  forward.env.host = &forward;
  if (trace)
    forward.env.trace = [](const moert_abi_env_t *env, int64_t op) {
      // An operation has ended when the device has done it.
      Forward &forward = *static_cast<Forward *>(env->host);
      forward.run.wait();
      forward.trace(forward.host, op);
    };
  Status status = runCode(forward);
  if (!status)
    status = inputs.takeLogits(run, logitBytes);
  if (isTiered) {
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    guessing->end(seconds.count(), offload.demandingLayers());
  }
  return status;
}

Status Executable::forward(const moert_abi_forward_t &args,
                           void (*trace)(void *host, int64_t op), void *host) {
  Status status = runForward(args, trace, host);
  if (!status)
    return status;
  // Nothing of this forward is under way when the next one begins.
  for (CuStream stream : {device.compute, device.copies})
    device.api.cuStreamSynchronize(stream);
  parameters->distrust();
  return of(origin, status);
}

void Executable::describeUse(moert_device_use_t *out) const {
  moert_device_use_t use = {};
  use.memory_bytes = parameters->bytes();
  if (const ExpertTier *tier = parameters->tier()) {
    const ExpertTierStats &stats = tier->stats();
    use.expert_capacity = tier->capacity();
    use.expert_hits = stats.hits;
    use.expert_misses = stats.misses;
    use.prefetch_useful = stats.useful;
    use.prefetch_wasted = stats.wasted;
    use.expert_bytes = stats.bytesCopied;
  }
  use.size = out->size;
  std::memcpy(static_cast<void *>(out), &use,
              std::min<size_t>(out->size, sizeof(use)));
}
