//===- WeightStream.cpp - reads the next block while one is written -------===//
#include "WeightStream.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"
#include <future>
#include <optional>

using namespace mlir;
using namespace moe;

/// Large enough that a call costs nothing beside its copy, small enough that
/// both threads' blocks stay in a last-level cache. A multiple of every
/// element's size.
static constexpr uint64_t blockSize = uint64_t(4) << 20;

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

/// The file that holds a byte of a weight; without one, the model.
static std::string getFile(WeightOp weight, uint64_t offset) {
  auto model = cast<ModelOp>(weight->getParentOp());
  for (Attribute source : weight.getSources()) {
    auto extent = dyn_cast<ExtentAttr>(source);
    if (!extent)
      break;
    if (offset < extent.getLength()) {
      llvm::SmallString<128> path(model.getDirectory());
      llvm::sys::path::append(path, extent.getFile());
      return std::string(path);
    }
    offset -= extent.getLength();
  }
  return ("model @" + model.getSymName()).str();
}

static llvm::Error verifyFinite(const WeightBlock &block) {
  WeightOp weight = block.source.weight;
  RankedTensorType type = weight.getTensorType();
  int64_t index = findNotFinite(type.getElementType(), block.bytes);
  if (index < 0)
    return llvm::Error::success();
  uint64_t elementSize = type.getElementTypeBitWidth() / 8;
  uint64_t element = block.source.offset / elementSize + index;
  return llvm::createStringError(
      getFile(weight, element * elementSize) + ": element " +
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

/// Fills a block; the text of an error, since errors may not be dropped and a
/// result may never be asked for.
static std::optional<std::string> readBlock(WeightData &data,
                                            WeightBlock &block) {
  block.bytes.resize(block.source.size);
  llvm::Error error =
      data.read(block.source.weight, block.source.offset, block.bytes);
  if (!error)
    error = verifyFinite(block);
  if (error)
    return llvm::toString(std::move(error));
  return std::nullopt;
}

llvm::Error moe::streamWeights(
    const ParameterPlan &plan, WeightData &data,
    llvm::function_ref<llvm::Error(const WeightBlock &)> consume) {
  std::vector<WeightBlock> blocks = splitIntoBlocks(plan);
  std::vector<char> spare; ///< memory of the block before, for the one after
  std::future<std::optional<std::string>> next; ///< joined when destroyed
  auto start = [&](size_t i) {
    if (i == blocks.size())
      return;
    blocks[i].bytes = std::move(spare);
    next = std::async(std::launch::async, readBlock, std::ref(data),
                      std::ref(blocks[i]));
  };
  start(0);
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (std::optional<std::string> failure = next.get())
      return llvm::createStringError(*failure);
    start(i + 1);
    if (llvm::Error error = consume(blocks[i]))
      return error;
    spare = std::move(blocks[i].bytes);
  }
  return llvm::Error::success();
}
