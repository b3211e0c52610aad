//===- Products.h - what a plane of the MXM computes ----------------------===//
//
// Matrices of weights in the order in which this machine multiplies fastest.
// Results do not depend on the instructions that the processor has: integers
// are exact, and halves are summed in double, lane after lane, by definition.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_PRODUCTS_H
#define MOERT_DRIVERS_LPU_SIMULATOR_PRODUCTS_H

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace moert::lpu {

/// Columns of weights that LW takes in a cycle.
inline constexpr int64_t groupColumns = 16;

/// Which instructions of the host processor to use.
enum class HostIsa { Portable, Avx2, Avx512 };
/// The best one that it has.
HostIsa bestHostIsa();

/// A vector of a cache line's alignment.
template <typename T> class AlignedArray {
public:
  explicit AlignedArray(size_t size)
      : data(static_cast<T *>(
            std::aligned_alloc(64, (size * sizeof(T) + 63) / 64 * 64))) {
    if (!data)
      std::abort();
  }
  T *get() { return data.get(); }
  const T *get() const { return data.get(); }

private:
  struct Free {
    void operator()(T *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<T, Free> data;
};

/// A range of lanes, or of fours of them, without its end.
struct Extent {
  int64_t begin = 0, end = 0;
};

/// int8 weights: `width` lanes (multiple of 4), `width` columns (of 16). Stored
/// as bytes plus 128, four lanes of a column together: [group][lanes /
/// 4][16][4].
class ByteMatrix {
public:
  explicit ByteMatrix(int64_t width);

  int64_t getWidth() const { return width; }
  /// Column 16 * group + s becomes streams[s], a byte for each lane.
  void setGroup(int64_t group, const uint8_t *const streams[groupColumns]);
  /// Its columns become 0.
  void clearGroup(int64_t group);
  int8_t at(int64_t lane, int64_t column) const;

  /// out[n] = sum of activation[lane] * weight(lane, n), modulo 2^32.
  void multiply(const int8_t *activation, int32_t *out,
                HostIsa isa = bestHostIsa()) const;

private:
  friend class HalfMatrix;
  const uint8_t *groupAt(int64_t group) const {
    return bytes.get() + group * width * groupColumns;
  }

  int64_t width;
  AlignedArray<uint8_t> bytes;
  std::vector<Extent>
      used; ///< of each group: fours of lanes that are not all 0
};

/// f16 weights from two matrices of bytes, kept as float.
class HalfMatrix {
public:
  explicit HalfMatrix(int64_t width);
  void set(const ByteMatrix &low, const ByteMatrix &high);

  /// out[n] = the sum over lanes, in ascending order and in double, of
  /// activation[lane] * weight(lane, n), begun at +0 and rounded once to a
  /// float, whose bits these are. What is not a number is 0x7fc00000.
  void multiply(const uint16_t *activation, uint32_t *out,
                HostIsa isa = bestHostIsa()) const;

private:
  int64_t width, batches;
  AlignedArray<float> floats; ///< [batch][lane][batchColumns], where used
  std::vector<Extent> used;   ///< of each batch: lanes that are not all 0
  bool finite = true;
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_PRODUCTS_H
