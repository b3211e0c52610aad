//===- Session.cpp - the state of running one module ----------------------===//
#include "session/Session.h"

#include "base/Memory.h"
#include "base/Threads.h"
#include "session/ExitRecorder.h"
#include "session/Offload.h"
#include "session/RopeTable.h"
#include "session/Weights.h"
#include <algorithm>
#include <chrono>
#include <limits>

using namespace moert;

Status DeviceMemory::allocate(const moert_driver_t &driver,
                              moert_device_t *device, uint64_t bytes,
                              DeviceMemory *out) {
  DeviceMemory result;
  MOERT_RETURN_IF_ERROR(Status(driver.allocate(device, bytes, &result.memory)));
  result.driver = &driver;
  result.device = device;
  result.size = bytes;
  *out = std::move(result);
  return Status();
}

Status DeviceMemory::allocateForHost(const moert_driver_t &driver,
                                     moert_device_t *device, uint64_t bytes,
                                     DeviceMemory *out) {
  if (!driver.copy)
    return allocate(driver, device, bytes, out);
  DeviceMemory result;
  MOERT_RETURN_IF_ERROR(allocateHostMemory(bytes, &result.memory));
  result.size = bytes;
  *out = std::move(result);
  return Status();
}

DeviceMemory::~DeviceMemory() {
  if (memory && driver)
    driver->release(device, memory, size);
  else
    releaseHostMemory(memory, size);
}

//===----------------------------------------------------------------------===//
// Starting
//===----------------------------------------------------------------------===//

/// Multiplies sizes; false when the product is beyond all memory.
static bool product(std::initializer_list<uint64_t> factors, uint64_t *out) {
  uint64_t result = 1;
  for (uint64_t factor : factors)
    if (__builtin_mul_overflow(result, factor, &result) || result > uint64_t(1)
                                                                        << 62)
      return false;
  *out = result;
  return true;
}

/// Compiled code numbers the experts of all rows with 32 bits.
static int64_t mostBatchRows(int64_t expertsPerToken, bool parks) {
  const int64_t most = std::numeric_limits<int32_t>::max() /
                       std::max(expertsPerToken, int64_t(1));
  return std::min(int64_t(1) << 20, parks ? most - Parked::most : most);
}

Status moert_session_t::resolveOptions() {
  const std::string &origin = module.origin();
  const fb::Model &model = *module.metadata().model();
  const int64_t most = module.context();
  if (options.context < 0 || options.context > most)
    return makeStatus(MOERT_OUT_OF_RANGE, origin, ": context of ",
                      options.context, " requested, the ",
                      most < model.context() ? "code" : "model", " has ", most);
  if (options.context == 0)
    options.context = most;
  constexpr int64_t mostSequences = std::numeric_limits<int32_t>::max();
  if (options.sequences < 1 || options.sequences > mostSequences)
    return makeStatus(MOERT_OUT_OF_RANGE, origin, ": ", options.sequences,
                      " sequences requested, must be between 1 and ",
                      mostSequences);
  int64_t mostRows = mostBatchRows(model.experts_per_token(), exitPlan.parks);
  if (options.batch_rows < 1 || options.batch_rows > mostRows)
    return makeStatus(MOERT_OUT_OF_RANGE, origin, ": batches of ",
                      options.batch_rows,
                      " rows requested, must be between 1 and ", mostRows);
  // No batch has more rows than there are positions.
  options.batch_rows =
      std::min(options.batch_rows, options.context * options.sequences);
  int threads;
  MOERT_RETURN_IF_ERROR(chooseThreads(options.threads, &threads));
  options.threads = threads;
  return Status();
}

Status moert_session_t::openDevice() {
  std::string name = options.driver
                         ? options.driver
                         : text(module.metadata().target()->driver());
  options.driver = nullptr; // the caller's text need not live
  MOERT_RETURN_IF_ERROR(findDriver(name, module.origin(), &driver));
  MOERT_RETURN_IF_ERROR(checkRunnable(module, *driver));
  if (options.device_memory != MOERT_BUDGET_AUTO && !driver->copy)
    return makeStatus(MOERT_INVALID_ARGUMENT, module.origin(),
                      ": device memory of ", options.device_memory,
                      " bytes for experts, driver ", driver->name,
                      " has no memory of its own");
  const std::string policy = cachePolicy.substr(0, cachePolicy.find(':'));
  moert_device_options_t deviceOptions = {};
  deviceOptions.size = sizeof(deviceOptions);
  deviceOptions.threads = options.threads;
  deviceOptions.exact = options.exact;
  deviceOptions.prefetch = options.prefetch;
  deviceOptions.expert_bytes = options.device_memory;
  if (!policy.empty())
    deviceOptions.cache_policy = policy.c_str();
  Status opened(driver->open(&deviceOptions, &device));
  if (opened)
    return makeStatus(opened.code(), module.origin(), ": driver ", driver->name,
                      ": ", opened.message());
  if (driver->enough_rows)
    options.batch_rows = std::min(options.batch_rows, driver->enough_rows);
  moert_code_t code = module.code();
  return Status(driver->load(device, &code, &executable));
}

Status moert_session_t::allocateStates() {
  const fb::Kv &shape = *module.metadata().kv();
  uint64_t sequences = options.sequences, stride = 0, total = 0;
  capacity = (options.context + MOERT_ABI_KV_BLOCK - 1) / MOERT_ABI_KV_BLOCK *
             MOERT_ABI_KV_BLOCK;
  bool fits =
      product({uint64_t(shape.layers()), 2, uint64_t(shape.heads()),
               uint64_t(capacity), uint64_t(shape.head_dim()), sizeof(float)},
              &stride);
  // Each state starts aligned.
  stride = (stride + MOERT_ABI_ALIGNMENT - 1) / MOERT_ABI_ALIGNMENT *
           MOERT_ABI_ALIGNMENT;
  fits = fits && product({stride, sequences}, &total);
  if (!fits)
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, module.origin(),
                      ": key/value states of ", sequences, " sequences and ",
                      options.context, " positions do not fit 64 bits");
  Status status = DeviceMemory::allocate(*driver, device, total, &states);
  if (status)
    return makeStatus(status.code(), module.origin(), ": key/value states of ",
                      sequences, " sequences and ", options.context,
                      " positions: ", status.message());
  for (uint64_t i = 0; i < sequences; ++i)
    kv.push_back(states.data() + i * stride);
  computed.assign(sequences, 0);
  stats.kv_bytes = total;
  return Status();
}

Status moert_session_t::allocateWorkspace() {
  const fb::Module &metadata = module.metadata();
  uint64_t rows = options.batch_rows, bytes = 0;
  if (parked) // those that wait may run along
    rows = std::min(options.batch_rows + Parked::most,
                    options.context * options.sequences);
  if (!product({metadata.workspace_per_row(), rows}, &bytes) ||
      __builtin_add_overflow(bytes, metadata.workspace_fixed(), &bytes))
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, module.origin(),
                      ": the workspace of ", rows, " rows of ",
                      metadata.workspace_per_row(),
                      " bytes does not fit 64 bits");
  Status status = DeviceMemory::allocate(*driver, device, bytes, &workspace);
  if (status)
    return makeStatus(status.code(), module.origin(), ": workspace of ", rows,
                      " rows: ", status.message());
  stats.workspace_bytes = bytes;
  return Status();
}

Status moert_session_t::makeRopeTable(const fb::RopeTable &rope,
                                      const void **out) {
  auto &frequencies = *rope.frequencies();
  uint64_t bytes;
  if (!product({uint64_t(capacity), 2, frequencies.size(), sizeof(float)},
               &bytes))
    return makeStatus(MOERT_RESOURCE_EXHAUSTED, module.origin(),
                      ": rope table does not fit 64 bits");
  DeviceMemory table;
  MOERT_RETURN_IF_ERROR(
      DeviceMemory::allocateForHost(*driver, device, bytes, &table));
  std::vector<double> values(frequencies.begin(), frequencies.end());
  fillRopeTable(values, rope.gain(), capacity,
                reinterpret_cast<float *>(table.data()));
  *out = table.data();
  ropeTables.push_back(std::move(table));
  return Status();
}

/// All weights are in memory, or mapped.
Status moert_session_t::placeInMemory() {
  MOERT_RETURN_IF_ERROR(module.verifyExperts());
  std::span<const std::byte> mapped =
      module.container->section(MOERT_SECTION_WEIGHTS);
  if (!driver->copy) // else the device has a copy
    MOERT_RETURN_IF_ERROR(
        copyWeights(module, *driver, device, options.threads, &weights));
  const void *data = weights.data() ? weights.data()
                                    : static_cast<const void *>(mapped.data());
  size_t index = 0;
  for (const fb::Parameter *parameter : *module.metadata().parameters())
    if (const void *&cell = parameters[index++];
        parameter->kind() != fb::ParameterKind::RopeTable)
      cell = static_cast<const char *>(data) + parameter->offset();
  stats.weight_bytes = mapped.size();
  return Status();
}

/// What experts may take of what this process can still use: the states and the
/// workspace are promised already, but not yet written; a 16th is left to
/// others.
uint64_t moert_session_t::availableForExperts(uint64_t promised) const {
  uint64_t available = availableHostMemory();
  available -= available / 16;
  if (!driver->copy)
    promised += stats.kv_bytes + stats.workspace_bytes;
  return available - std::min(available, promised);
}

Status moert_session_t::placeOffloaded(int64_t capacity) {
  MOERT_RETURN_IF_ERROR(
      copyDenseWeights(module, *driver, device, &weights, &parameters));
  ExpertTable table(module.metadata());
  // By now more than those weights may be taken, and the pool must fit.
  if (options.memory_budget == MOERT_BUDGET_AUTO)
    capacity = std::clamp(
        int64_t(availableForExperts(0) / table.entryBytes),
        table.chosen, capacity);
  MOERT_RETURN_IF_ERROR(
      Offload::create(module, table, capacity, options, &parameters, &offload));
  stats.weight_bytes = weights.bytes() + uint64_t(capacity) * table.entryBytes;
  return Status();
}

Status moert_session_t::placeParameters() {
  parameters.assign(module.metadata().parameters()->size(), nullptr);
  size_t index = 0;
  for (const fb::Parameter *parameter : *module.metadata().parameters()) {
    const void *&cell = parameters[index++];
    if (parameter->kind() == fb::ParameterKind::RopeTable)
      MOERT_RETURN_IF_ERROR(makeRopeTable(*parameter->rope(), &cell));
  }
  // Who holds the bytes of a module in memory has no file to fetch from.
  int64_t wanted = -1;
  if (module.container->mappedFile() || options.memory_budget > 0)
    MOERT_RETURN_IF_ERROR(chooseCapacity(
        ExpertTable(module.metadata()), options.memory_budget,
        availableForExperts(denseBytes(module.metadata())),
        module.origin(), &wanted));
  return wanted < 0 ? placeInMemory() : placeOffloaded(wanted);
}

/// Options about experts are checked whether or not any will be fetched.
Status moert_session_t::resolveExperts() {
  const std::string &origin = module.origin();
  if (options.prefetch < MOERT_PREFETCH_AUTO ||
      options.prefetch > MOERT_PREFETCH_OFF)
    return makeStatus(MOERT_INVALID_ARGUMENT, origin, ": prefetch is ",
                      options.prefetch, ", must be between ",
                      int(MOERT_PREFETCH_AUTO), " and ",
                      int(MOERT_PREFETCH_OFF));
  if (!(options.read_timeout > 0))
    return makeStatus(MOERT_INVALID_ARGUMENT, origin, ": read timeout of ",
                      options.read_timeout, " seconds, must be above 0");
  if (!options.cache_policy)
    return Status();
  cachePolicy = options.cache_policy; // the caller's text need not live
  options.cache_policy = cachePolicy.c_str();
  return checkPolicyName(cachePolicy, origin);
}

Status moert_session_t::start(const moert_session_options_t &requested) {
  options = requested;
  stats.size = sizeof(stats);
  MOERT_RETURN_IF_ERROR(resolveOptions());
  MOERT_RETURN_IF_ERROR(resolveExperts());
  MOERT_RETURN_IF_ERROR(resolveExits());
  if (options.device_memory < MOERT_BUDGET_ALL)
    return makeStatus(MOERT_INVALID_ARGUMENT, module.origin(),
                      ": device memory of ", options.device_memory,
                      " bytes for experts, must be at least ",
                      MOERT_BUDGET_ALL);
  MOERT_RETURN_IF_ERROR(openDevice());
  MOERT_RETURN_IF_ERROR(allocateStates());
  MOERT_RETURN_IF_ERROR(allocateWorkspace());
  return placeParameters();
}

moert_session_t::moert_session_t(const moert_module_t &module)
    : module(module), exitPlan(module.metadata()) {}

moert_session_t::~moert_session_t() {
  offload.reset();
  weights = DeviceMemory();
  states = DeviceMemory();
  workspace = DeviceMemory();
  ropeTables.clear();
  if (executable)
    driver->unload(device, executable);
  if (device)
    driver->close(device);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static void traceOperation(void *host, int64_t op) {
  static_cast<Trace *>(host)->operation(op);
}

/// Runs the code, with all who fetch and watch around it.
Status moert_session_t::runForward(const moert_abi_forward_t &described) {
  moert_abi_forward_t args = described;
  ExpertStore *store = offload ? &offload->store() : nullptr;
  if (trace)
    trace->beginForward(args.rows);
  if (recorder)
    recorder->beginForward(args);
  if (store)
    store->beginForward(args.rows);
  OffloadTable table(store, recorder.get(), trace.get(),
                     options.prefetch != MOERT_PREFETCH_OFF);
  args.offload = table.get();
  Status status(driver->forward(device, executable, &args,
                                trace ? traceOperation : nullptr, trace.get()));
  // What the code says of a forward whose experts did not come is not the
  // cause.
  Status fetched = store ? store->endForward() : Status();
  if (fetched)
    status = std::move(fetched);
  if (recorder) {
    Status recorded = recorder->endForward(!status.ok());
    if (recorded)
      status = std::move(recorded);
  }
  if (trace)
    trace->endForward();
  return status;
}

/// Runs the piece, whose entries begin at `firstEntry` of the batch.
Status moert_session_t::runPiece(const moert_batch_t &batch,
                                 int64_t firstEntry) {
  moert_abi_forward_t args = {};
  args.size = sizeof(args);
  args.rows = piece.rows();
  args.wanted_rows = piece.entries();
  args.tokens = piece.tokens.data();
  args.sequences = piece.sequences.data();
  args.positions = piece.positions.data();
  args.wanted = piece.wantedRows.data();
  args.parameters = parameters.data();
  args.kv = kv.data();
  args.kv_capacity = capacity;
  args.workspace = workspace.data();
  args.logits =
      batch.logits + firstEntry * module.metadata().model()->vocabulary();
  if (exitRows) {
    beginExits(batch, firstEntry);
    args.exits = exitRows->abi();
  }

  auto started = std::chrono::steady_clock::now();
  MOERT_RETURN_IF_ERROR(runForward(args));
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - started;
  if (exitRows)
    MOERT_RETURN_IF_ERROR(exitRows->end(module.origin()));
  if (parked)
    keepWaiting();

  stats.rows += piece.rows() - piece.added();
  stats.forward_calls += 1;
  stats.forward_seconds += seconds.count();
  countExits(batch, firstEntry);
  return exitRecorder ? exitRecorder->note(piece, *exitRows) : Status();
}

Status moert_session_t::forward(const moert_batch_t &batch) {
  BatchLimits limits = {module.metadata().model()->vocabulary(),
                        options.context, options.sequences, exitPlan.allLayers};
  Status status = checkBatch(batch, limits, computed);
  if (status)
    return makeStatus(status.code(), module.origin(), ": ", status.message());
  int64_t firstEntry = 0;
  for (int64_t begin = 0; begin < batch.rows; begin += options.batch_rows) {
    int64_t end = std::min(begin + options.batch_rows, batch.rows);
    if (parked)
      MOERT_RETURN_IF_ERROR(finishWaiting());
    piece.take(batch, begin, end, firstEntry);
    if (parked)
      piece.addWaiting(parked.get(), &computed);
    else
      piece.overwrite(&computed);
    MOERT_RETURN_IF_ERROR(runPiece(batch, firstEntry));
    for (int64_t row = begin; row < end; ++row)
      computed[batch.sequences[row]] = batch.positions[row] + 1;
    firstEntry += piece.entries();
  }
  return Status();
}

//===----------------------------------------------------------------------===//
// Watching
//===----------------------------------------------------------------------===//

Status moert_session_t::getStats(moert_session_stats_t *out) const {
  *out = stats;
  out->expert_reader = "";
  if (offload)
    offload->addTo(out);
  if (!driver->use)
    return Status();
  moert_device_use_t use = {};
  use.size = sizeof(use);
  MOERT_RETURN_IF_ERROR(Status(driver->use(device, executable, &use)));
  out->device_clock_hz = use.clock_hz;
  out->device_rows = use.rows;
  out->device_cycles = use.cycles;
  out->predicted_cycles = use.predicted_cycles;
  units.clear();
  for (uint64_t i = 0; i < use.unit_count; ++i)
    units.push_back({use.units[i].name, use.units[i].busy_cycles,
                     use.units[i].available_cycles});
  out->device_units = units.data();
  out->device_unit_count = int64_t(units.size());
  out->device_weight_bytes = use.memory_bytes;
  out->device_expert_capacity = use.expert_capacity;
  out->device_expert_hits = use.expert_hits;
  out->device_expert_misses = use.expert_misses;
  out->device_prefetch_useful = use.prefetch_useful;
  out->device_prefetch_wasted = use.prefetch_wasted;
  out->device_expert_bytes = use.expert_bytes;
  return Status();
}

void moert_session_t::startTrace() {
  auto started = std::make_unique<Trace>();
  if (offload)
    offload->watch(started.get());
  trace = std::move(started);
}

Status moert_session_t::writeTrace(const std::string &path) {
  if (!trace)
    return makeStatus(MOERT_INVALID_ARGUMENT, path, ": no trace was started");
  TraceNames names;
  names.process = module.origin();
  if (auto *operations = module.metadata().operations())
    for (const flatbuffers::String *name : *operations)
      names.operations.push_back(name->str());
  ExpertTable table(module.metadata());
  names.layers = table.layers;
  names.experts = std::max(table.experts, int64_t(1));
  return trace->write(path, names);
}

Status moert_session_t::startRouting(const std::string &path) {
  if (exitRows && options.exits == MOERT_EXITS_ON)
    return makeStatus(MOERT_INVALID_ARGUMENT, module.origin(),
                      ": a routing trace needs all layers of every token, and "
                      "tokens may leave early: turn exits off");
  return RoutingRecorder::create(module.metadata(), module.origin(), path,
                                 &recorder);
}

Status moert_session_t::writeRouting() {
  if (!recorder)
    return makeStatus(MOERT_INVALID_ARGUMENT, module.origin(),
                      ": no recording of routing was started");
  std::unique_ptr<RoutingRecorder> finished = std::move(recorder);
  return finished->finish();
}
