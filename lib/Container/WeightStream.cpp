//===- WeightStream.cpp - reads the next blocks while one is written ------===//
#include "WeightStream.h"

#include "moe/Container/CodedWeights.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

using namespace mlir;
using namespace moe;

/// Large enough that a call costs nothing beside its copy, small enough that
/// all blocks stay in a last-level cache. A multiple of every element's size.
static constexpr uint64_t blockSize = uint64_t(2) << 20;

/// Blocks that are read ahead, so that neither thread waits for a short
/// hesitation of the other.
static constexpr size_t readAhead = 3;

//===----------------------------------------------------------------------===//
// Values that are not finite
//===----------------------------------------------------------------------===//

/// Index of the first element whose exponent bits are all ones, or -1.
template <typename Bits>
static int64_t findNotFinite(ArrayRef<char> bytes, Bits exponent) {
  auto at = [&](size_t i) {
    return llvm::support::endian::read<Bits>(bytes.data() + i * sizeof(Bits),
                                             llvm::endianness::little);
  };
  const size_t count = bytes.size() / sizeof(Bits);
  // Without a branch per element, so that it is vectorised; the place matters
  // only when there is one.
  bool found = false;
  for (size_t i = 0; i < count; ++i)
    found |= (at(i) & exponent) == exponent;
  for (size_t i = 0; found && i < count; ++i)
    if ((at(i) & exponent) == exponent)
      return i;
  return -1;
}

static int64_t findNotFinite(Type element, ArrayRef<char> bytes) {
  if (element.isF32())
    return findNotFinite<uint32_t>(bytes, 0x7f800000);
  return findNotFinite<uint16_t>(bytes, element.isBF16() ? 0x7f80 : 0x7c00);
}

std::string moe::getSourceFile(WeightOp weight, uint64_t offset) {
  auto model = cast<ModelOp>(weight->getParentOp());
  for (Attribute source : weight.getSources()) {
    auto extent = dyn_cast<ExtentAttr>(source);
    if (!extent)
      break;
    if (offset < extent.getLength())
      return getExtentPath(model.getDirectory(), extent.getFile());
    offset -= extent.getLength();
  }
  return ("model @" + model.getSymName()).str();
}

llvm::Error moe::verifyFinite(WeightOp weight, uint64_t offset,
                              ArrayRef<char> bytes) {
  RankedTensorType type = weight.getTensorType();
  int64_t index = findNotFinite(type.getElementType(), bytes);
  if (index < 0)
    return llvm::Error::success();
  uint64_t elementSize = type.getElementTypeBitWidth() / 8;
  uint64_t element = offset / elementSize + index;
  return llvm::createStringError(
      getSourceFile(weight, element * elementSize) + ": element " +
      llvm::Twine(element) + " of " + llvm::Twine(type.getNumElements()) +
      " of weight @" + weight.getSymName() + " is not finite");
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Where each block comes from; its bytes are still empty.
static std::vector<WeightBlock> splitIntoBlocks(const ParameterPlan &plan) {
  std::vector<WeightBlock> blocks;
  for (auto [index, parameter] : llvm::enumerate(plan.getParameters()))
    for (WeightSlice slice : parameter.data)
      while (slice.size > 0) {
        uint64_t size = std::min(slice.size, blockSize);
        blocks.push_back({index, {slice.weight, slice.offset, size}, {}});
        slice.offset += size;
        slice.size -= size;
      }
  return blocks;
}

namespace {
/// A thread that fills blocks, up to `readAhead` before they are asked for.
class BlockReader {
public:
  BlockReader(const ParameterPlan &plan, WeightData &data,
              const CodedWeights *coded)
      : blocks(splitIntoBlocks(plan)), data(data), coded(coded),
        thread([this] { run(); }) {}

  ~BlockReader() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      isStopped = true;
    }
    changed.notify_all();
    thread.join();
  }

  size_t size() const { return blocks.size(); }

  /// Block `i`, when it is there.
  llvm::Expected<const WeightBlock *> get(size_t i) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return filled > i || failure; });
    if (filled > i)
      return &blocks[i];
    return llvm::createStringError(*failure);
  }

  /// Block `i` has been used; its memory serves another one.
  void release(size_t i) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      spare.push_back(std::move(blocks[i].bytes));
      released = i + 1;
    }
    changed.notify_all();
  }

private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex);
    while (filled < blocks.size() && !failure) {
      changed.wait(lock,
                   [&] { return isStopped || filled - released <= readAhead; });
      if (isStopped)
        return;
      WeightBlock &block = blocks[filled];
      if (!spare.empty())
        block.bytes = spare.pop_back_val();
      lock.unlock();
      llvm::Error error = fill(block);
      lock.lock();
      if (error)
        failure = llvm::toString(std::move(error));
      else
        ++filled;
      changed.notify_all();
    }
  }

  llvm::Error fill(WeightBlock &block) {
    WeightSlice source = block.source;
    block.bytes.resize(source.size);
    if (source.weight.getCode())
      return coded->read(source.weight, source.offset, block.bytes);
    if (llvm::Error error =
            data.read(source.weight, source.offset, block.bytes))
      return error;
    return verifyFinite(source.weight, source.offset, block.bytes);
  }

  std::vector<WeightBlock> blocks;
  WeightData &data;
  const CodedWeights *coded;
  std::mutex mutex; ///< of all below
  std::condition_variable changed;
  size_t filled = 0, released = 0;
  bool isStopped = false;
  std::optional<std::string> failure; ///< of block `filled`
  llvm::SmallVector<std::vector<char>, readAhead + 1> spare;
  std::thread thread; ///< last: it uses the rest
};
} // namespace

llvm::Error moe::streamWeights(
    const ParameterPlan &plan, WeightData &data, const CodedWeights *coded,
    llvm::function_ref<llvm::Error(const WeightBlock &)> consume) {
  BlockReader reader(plan, data, coded);
  for (size_t i = 0; i < reader.size(); ++i) {
    llvm::Expected<const WeightBlock *> block = reader.get(i);
    if (!block)
      return block.takeError();
    if (llvm::Error error = consume(**block))
      return error;
    reader.release(i);
  }
  return llvm::Error::success();
}
