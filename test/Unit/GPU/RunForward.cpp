//===- RunForward.cpp - compiled code in the emulator, launch by launch ---===//
#include "RunForward.h"

#include "Emulator/Emulator.h"
#include "moert/abi/gpu.h"
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <unistd.h>

using moert::emulator::Emulator;

namespace {

/// A shared object that is loaded.
class Code {
public:
  explicit Code(const std::vector<char> &bytes) {
    char path[] = "/tmp/moe-mutant-XXXXXX";
    int file = mkstemp(path);
    if (file < 0 ||
        write(file, bytes.data(), bytes.size()) != ssize_t(bytes.size()))
      abort();
    close(file);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unlink(path);
    if (!handle)
      abort();
    image = static_cast<const moert_gpu_image_t *>(
        dlsym(handle, MOERT_GPU_IMAGE_SYMBOL));
    forward = reinterpret_cast<moert_abi_forward_fn_t>(
        dlsym(handle, MOERT_ABI_FORWARD_SYMBOL));
  }
  ~Code() { dlclose(handle); }

  const moert_gpu_image_t *image;
  moert_abi_forward_fn_t forward;

private:
  void *handle;
};

/// Memory of the device, with nothing around it.
class Memory {
public:
  /// Any kind of number that these bytes make is small and finite.
  Memory(Emulator &emulator, uint64_t bytes, char value = 0x3c)
      : emulator(emulator), bytes(bytes),
        data(std::aligned_alloc(64, (bytes + 127) / 64 * 64)) {
    std::memset(data, value, bytes);
    emulator.getMemory().add(data, bytes, true);
  }
  ~Memory() {
    emulator.getMemory().remove(data);
    std::free(data);
  }
  template <typename T> T *as() { return static_cast<T *>(data); }
  template <typename T> void fill(T first, T step) {
    for (uint64_t i = 0; i < bytes / sizeof(T); ++i)
      as<T>()[i] = first + T(i) * step;
  }

  Emulator &emulator;
  uint64_t bytes;
  void *data;
};

class Forward {
public:
  Forward(const CompiledModel &model, const CompiledModel &other,
          const Batch &batch)
      : model(model), batch(batch), code(model.bytes), defective(other.bytes) {
    for (uint64_t size : model.parameterBytes)
      addresses.push_back(reserve(size).data);
  }

  void run() {
    int64_t rows = batch.rows;
    Memory &tokens = reserve(rows * 4), &sequences = reserve(rows * 4),
           &positions = reserve(rows * 4), &wanted = reserve(4);
    tokens.fill<int32_t>(0, 1);
    sequences.fill<int32_t>(0, 0);
    positions.fill<int32_t>(batch.position, 1);
    wanted.fill<int32_t>(rows - 1, 0);
    Memory &table = reserve(addresses.size() * sizeof(void *));
    std::memcpy(table.data, addresses.data(), table.bytes);
    Memory &state = reserve(model.stateBytes),
           &states = reserve(sizeof(void *));
    states.as<void *>()[0] = state.data;

    moert_abi_gpu_t gpu = {
        sizeof(gpu),      MOERT_GPU_VERSION,        this,
        launch,           table.as<const void *>(), batch.isExact,
        /*processors=*/4, batch.position + rows};
    moert_abi_env_t env = {};
    env.size = sizeof(env);
    env.abi_version = MOERT_ABI_VERSION;
    env.workers = 1;
    env.gpu = &gpu;
    moert_abi_forward_t forward = {};
    forward.size = sizeof(forward);
    forward.rows = rows;
    forward.wanted_rows = 1;
    forward.tokens = tokens.as<int32_t>();
    forward.sequences = sequences.as<int32_t>();
    forward.positions = positions.as<int32_t>();
    forward.wanted = wanted.as<int32_t>();
    forward.parameters = addresses.data();
    forward.kv = states.as<void *>();
    forward.kv_capacity = model.capacity;
    forward.workspace =
        reserve(model.workspaceFixed + rows * model.workspacePerRow).data;
    forward.logits = reserve(model.vocabulary * 4).as<float>();
    if (int32_t status = code.forward(&env, &forward))
      failure = "forward returns " + std::to_string(status);
  }

  std::map<std::string, std::string> found;
  std::string failure;

private:
  Memory &reserve(uint64_t bytes) {
    memory.push_back(std::make_unique<Memory>(emulator, bytes));
    return *memory.back();
  }

  static void launch(const moert_abi_gpu_t *gpu, int64_t kernel,
                     int64_t blocksX, int64_t blocksY,
                     void *const *parameters) {
    static_cast<Forward *>(gpu->host)->launch(kernel, blocksX, blocksY,
                                              parameters);
  }

  void launch(int64_t kernel, int64_t blocksX, int64_t blocksY,
              void *const *parameters) {
    std::vector<std::vector<char>> before;
    for (auto &part : memory)
      before.emplace_back(part->as<char>(), part->as<char>() + part->bytes);
    const moert_gpu_kernel_t &broken = defective.image->kernels[kernel];
    moert::Status status = emulator.run(broken, blocksX, blocksY, parameters);
    std::string &text = found[broken.name];
    if (!status.ok() && text.empty())
      text = status.message();
    for (size_t i = 0; i < memory.size(); ++i)
      std::memcpy(memory[i]->data, before[i].data(), before[i].size());
    status =
        emulator.run(code.image->kernels[kernel], blocksX, blocksY, parameters);
    if (!status.ok() && failure.empty())
      failure = status.message();
  }

  const CompiledModel &model;
  Batch batch;
  Code code, defective;
  Emulator emulator{1, /*checksRaces=*/true};
  std::vector<std::unique_ptr<Memory>> memory;
  std::vector<const void *> addresses;
};

} // namespace

std::map<std::string, std::string> runForward(const CompiledModel &healthy,
                                              const CompiledModel &defective,
                                              const Batch &batch,
                                              std::string &failure) {
  Forward forward(healthy, defective, batch);
  forward.run();
  failure = forward.failure;
  return forward.found;
}
