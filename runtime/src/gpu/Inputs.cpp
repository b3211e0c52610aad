//===- Inputs.cpp - a batch on the device ---------------------------------===//
#include "gpu/Inputs.h"

#include <algorithm>
#include <bit>
#include <cstring>

using namespace moert;
using namespace moert::gpu;

/// Room for more than is asked for: addresses stay while batches grow a little.
static uint64_t roomFor(uint64_t bytes) {
  return std::bit_ceil(std::max<uint64_t>(bytes, 4096));
}

Status Inputs::bring(Run &run, uint64_t logitBytes, moert_abi_forward_t *out) {
  const moert_abi_forward_t &args = run.args;
  int64_t states = 0; // that the batch uses
  for (int64_t row = 0; args.kv && row < args.rows; ++row)
    states = std::max(states, int64_t(args.sequences[row]) + 1);
  struct Array {
    const void *from;
    uint64_t bytes;
  };
  const uint64_t rowBytes = uint64_t(args.rows) * sizeof(int32_t);
  // States last: how many there are changes no other address.
  const Array all[] = {
      {args.tokens, rowBytes},
      {args.sequences, rowBytes},
      {args.positions, rowBytes},
      {args.wanted, uint64_t(args.wanted_rows) * sizeof(int32_t)},
      {args.kv, uint64_t(states) * sizeof(void *)}};
  uint64_t offsets[std::size(all)], bytes = 0;
  for (size_t i = 0; i < std::size(all); ++i) {
    offsets[i] = bytes;
    bytes += aligned(all[i].bytes);
  }
  MOERT_RETURN_IF_ERROR(arrays.reserve(roomFor(bytes)));
  MOERT_RETURN_IF_ERROR(logits.reserve(roomFor(logitBytes)));
  auto *staged = static_cast<std::byte *>(run.room(bytes));
  if (!staged)
    return run.takeFailure();
  for (size_t i = 0; i < std::size(all); ++i)
    if (all[i].from)
      std::memcpy(staged + offsets[i], all[i].from, all[i].bytes);
  const CudaApi &api = run.device.api;
  if (bytes)
    MOERT_RETURN_IF_ERROR(
        statusOf(api,
                 api.cuMemcpyHtoDAsync_v2(arrays.address(), staged, bytes,
                                          run.device.compute),
                 "copy the batch to the device"));
  *out = args;
  auto *begin = pointerTo<char>(arrays.address());
  out->tokens = reinterpret_cast<int32_t *>(begin + offsets[0]);
  out->sequences = reinterpret_cast<int32_t *>(begin + offsets[1]);
  out->positions = reinterpret_cast<int32_t *>(begin + offsets[2]);
  out->wanted = reinterpret_cast<int32_t *>(begin + offsets[3]);
  out->kv = reinterpret_cast<void **>(begin + offsets[4]);
  out->logits = pointerTo<float>(logits.address());
  return Status();
}

Status Inputs::takeLogits(Run &run, uint64_t logitBytes) {
  // Copies to memory that is not pinned are slow, but a lot of pinned memory is
  // none left to others.
  constexpr uint64_t mostPinned = uint64_t(16) << 20;
  const Device &device = run.device;
  void *to = run.args.logits;
  if (logitBytes <= mostPinned)
    MOERT_RETURN_IF_ERROR(run.pinned.take(logitBytes, &to));
  if (logitBytes)
    MOERT_RETURN_IF_ERROR(
        statusOf(device.api,
                 device.api.cuMemcpyDtoHAsync_v2(to, logits.address(),
                                                 logitBytes, device.compute),
                 "copy logits from the device"));
  MOERT_RETURN_IF_ERROR(device.synchronize());
  if (to != run.args.logits && logitBytes)
    std::memcpy(run.args.logits, to, logitBytes);
  return Status();
}
