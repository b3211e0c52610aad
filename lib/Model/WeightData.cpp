//===- WeightData.cpp - the bytes of weights, from files or computed ------===//
#include "moe/Model/WeightData.h"

#include "ElementRounding.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using namespace moe;

/// Elements handled at a time when values are computed or widened.
static constexpr size_t blockElements = 4096;

template <typename... Parts> static Error failure(const Parts &...parts) {
  std::string text;
  raw_string_ostream stream(text);
  (stream << ... << parts);
  return createStringError(inconvertibleErrorCode(), text);
}

std::string moe::getExtentPath(StringRef directory, StringRef file) {
  SmallString<128> path(directory);
  sys::path::append(path, file);
  return std::string(path);
}

WeightData::WeightData(StringRef directory) : directory(directory) {}

WeightData::~WeightData() {
  for (auto &entry : files)
    ::close(entry.second);
}

/// IR may come from somebody else, so what it names stays below the model's
/// directory. Links are followed: they were put there by the owner of the
/// directory (the cache of Hugging Face's hub links to ../../blobs/).
static bool staysInside(StringRef file) {
  return !file.empty() && !sys::path::is_absolute(file) &&
         !file.contains('\0') &&
         llvm::none_of(make_range(sys::path::begin(file), sys::path::end(file)),
                       [](StringRef part) { return part == ".."; });
}

Expected<int> WeightData::open(StringRef file) {
  if (!staysInside(file))
    return failure(directory, ": file name '", file,
                   "' leads out of the model's directory");
  std::lock_guard<std::mutex> lock(filesMutex);
  auto known = files.find(file);
  if (known != files.end())
    return known->second;
  std::string path = getExtentPath(directory, file);
  // Not blocking: opening a pipe would wait for a writer.
  int descriptor = sys::RetryAfterSignal(-1, [&] {
    return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  });
  if (descriptor < 0)
    return failure(path, ": cannot be opened: ", sys::StrError(errno));
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return failure(path, ": is not a regular file");
  }
  files[file] = descriptor;
  return descriptor;
}

Error WeightData::readFile(WeightOp weight, StringRef file, uint64_t offset,
                           MutableArrayRef<char> out) {
  Expected<int> descriptor = open(file);
  if (!descriptor)
    return descriptor.takeError();
  uint64_t done = 0;
  while (done < out.size()) {
    ssize_t got = -1;
    if (offset <= uint64_t(std::numeric_limits<off_t>::max()) - done)
      got = sys::RetryAfterSignal(-1, ::pread, *descriptor, out.data() + done,
                                  out.size() - done, off_t(offset + done));
    else
      got = 0; // No file reaches that far.
    if (got < 0)
      return failure(getExtentPath(directory, file),
                     ": cannot be read at byte ", offset + done, ": ",
                     sys::StrError(errno));
    if (got == 0) {
      struct stat status = {};
      ::fstat(*descriptor, &status);
      return failure(getExtentPath(directory, file), ": has ",
                     uint64_t(status.st_size), " bytes, weight @",
                     weight.getSymName(), " needs ", out.size(), " from byte ",
                     offset);
    }
    done += uint64_t(got);
  }
  return Error::success();
}

/// The part of [offset, offset + out.size()) that each extent holds.
Error WeightData::readExtents(WeightOp weight, uint64_t offset,
                              MutableArrayRef<char> out) {
  for (auto extent : weight.getSources().getAsRange<ExtentAttr>()) {
    if (out.empty())
      break;
    if (offset >= extent.getLength()) {
      offset -= extent.getLength();
      continue;
    }
    size_t size =
        size_t(std::min<uint64_t>(out.size(), extent.getLength() - offset));
    uint64_t begin = SaturatingAdd(extent.getOffset(), offset);
    if (Error error =
            readFile(weight, extent.getFile(), begin, out.take_front(size)))
      return error;
    out = out.drop_front(size);
    offset = 0;
  }
  if (!out.empty())
    return failure("weight @", weight.getSymName(), ": its extents are ",
                   out.size(), " bytes shorter than its type, which has ",
                   weight.getByteSize());
  return Error::success();
}

/// Elements `first`, `first` + 1, ... before rounding.
static void computeElements(mlir::Attribute source, uint64_t first,
                            MutableArrayRef<double> out) {
  if (auto splat = dyn_cast<SplatAttr>(source)) {
    std::fill(out.begin(), out.end(), splat.getValue().getValueAsDouble());
  } else if (auto random = dyn_cast<RandomAttr>(source)) {
    double scale = random.getScale().getValueAsDouble();
    randomNormals(random.getSeed(), first, out);
    for (double &value : out)
      value *= scale;
  } else {
    ArrayRef<double> values = cast<ValuesAttr>(source).getElements();
    llvm::copy(values.slice(first, out.size()), out.begin());
  }
}

Error WeightData::read(WeightOp weight, uint64_t offset,
                       MutableArrayRef<char> out) {
  uint64_t size = weight.getByteSize();
  if (offset > size || out.size() > size - offset)
    return failure("weight @", weight.getSymName(), ": ", out.size(),
                   " bytes from byte ", offset, " requested, it has ", size);
  mlir::Attribute source = weight.getSources()[0];
  if (isa<ExtentAttr>(source))
    return readExtents(weight, offset, out);

  mlir::Type type = weight.getTensorType().getElementType();
  unsigned width = type.getIntOrFloatBitWidth() / 8;
  if (offset % width || out.size() % width)
    return failure("weight @", weight.getSymName(), ": ", out.size(),
                   " bytes from byte ", offset,
                   " requested, elements are computed whole and have ", width);
  double block[blockElements];
  for (uint64_t done = 0; done < out.size();) {
    size_t count = std::min(blockElements, (out.size() - done) / width);
    computeElements(source, (offset + done) / width, {block, count});
    roundElements({block, count}, type, out.data() + done);
    done += count * width;
  }
  return Error::success();
}

Error WeightData::readElements(WeightOp weight, uint64_t first,
                               MutableArrayRef<float> out) {
  mlir::Type type = weight.getTensorType().getElementType();
  unsigned width = type.getIntOrFloatBitWidth() / 8;
  std::vector<char> bytes(std::min(blockElements, out.size()) * width);
  std::vector<double> wide(bytes.size() / width);
  for (size_t done = 0; done < out.size(); done += wide.size()) {
    size_t count = std::min(wide.size(), out.size() - done);
    if (Error error = read(weight, (first + done) * width,
                           MutableArrayRef(bytes).take_front(count * width)))
      return error;
    widenElements(bytes.data(), type, count, wide.data());
    llvm::copy(ArrayRef(wide).take_front(count), out.data() + done);
  }
  return Error::success();
}

Expected<std::vector<double>> WeightData::readAll(WeightOp weight) {
  mlir::Type type = weight.getTensorType().getElementType();
  unsigned width = type.getIntOrFloatBitWidth() / 8;
  std::vector<double> values(weight.getTensorType().getNumElements());
  std::vector<char> block(blockElements * width);
  for (size_t first = 0; first < values.size();) {
    size_t count = std::min(blockElements, values.size() - first);
    if (Error error = read(weight, uint64_t(first) * width,
                           MutableArrayRef(block).take_front(count * width)))
      return std::move(error);
    widenElements(block.data(), type, count, values.data() + first);
    first += count;
  }
  return values;
}
