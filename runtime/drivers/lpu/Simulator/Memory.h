//===- Memory.h - the rows of all buffers of a program ----------*- C++ -*-===//
//
// A row has bytes, which superlanes of it are written, and an identity; of a
// dynamic buffer, each slice has one identity for all of its rows. SECDED
// stands beside it: bits that an upset flipped, until the row is written or
// corrected.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_MEMORY_H
#define MOERT_DRIVERS_LPU_SIMULATOR_MEMORY_H

#include "Layout.h"
#include <cstdlib>
#include <memory>
#include <random>
#include <unordered_map>

namespace moert::lpu {

inline uint32_t fold(std::initializer_list<uint32_t> numbers) {
  uint32_t h = 0;
  for (uint32_t number : numbers)
    h = moert_lpu_mix(h, number);
  return h;
}

class Memory {
public:
  Memory(const CheckedProgram &program, bool data, uint64_t seed);

  /// Constants and text are written, all else is not.
  void reset();
  /// Identities that a segment begins with; if it is the first of a run, nothing is
  /// in temporary and output buffers.
  void beginSegment(bool first);

  uint8_t *bytesOf(uint32_t row) { return bytes.get() + row * stride; }
  const uint8_t *bytesOf(uint32_t row) const {
    return bytes.get() + row * stride;
  }
  const BufferInfo &bufferOf(uint32_t row) const {
    return program.buffers[program.bufferOfRow[row]];
  }
  static uint32_t planeOf(const BufferInfo &buffer, uint32_t row) {
    return (row - buffer.firstRow) % buffer.planes;
  }
  /// Of the slice of a dynamic buffer in which a row is.
  uint32_t &groupIdentity(const BufferInfo &buffer, uint32_t row) {
    uint32_t inBuffer = row - buffer.firstRow;
    uint32_t group = inBuffer / buffer.planes % buffer.groups;
    return groups[buffer.firstGroup + group * buffer.planes +
                  inBuffer % buffer.planes];
  }

  /// What outputs and states are computed from, as Segment.outputs has it.
  uint32_t outputsIdentity() const;

  std::vector<uint64_t> written;    ///< superlanes, by row
  std::vector<uint32_t> identities; ///< by row
  const uint64_t allSuperlanes;

  /// Flips a bit, and remembers it.
  void upset(uint32_t row, uint64_t bit);
  /// Forgets upsets of a row that is written anew, `superlanes` of it.
  void overwrite(uint32_t row, uint64_t superlanes);
  /// Corrects words of one wrong bit in `superlanes`, counts them; the
  /// superlane in which there are two, or -1.
  int correct(uint32_t row, uint64_t superlanes, uint64_t &corrected);
  bool hasUpsets() const { return !upsets.empty(); }
  uint32_t rows() const { return uint32_t(written.size()); }
  std::mt19937_64 random;

private:
  struct Free {
    void operator()(uint8_t *memory) const { std::free(memory); }
  };
  const CheckedProgram &program;
  const uint64_t seed;
  const size_t stride;
  std::unique_ptr<uint8_t, Free> bytes;
  std::vector<uint32_t> groups;
  std::unordered_map<uint32_t, std::vector<uint32_t>> upsets; ///< bits, by row
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_MEMORY_H
