//===- Layout.h - a checked program, and where its rows are -----*- C++ -*-===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_LAYOUT_H
#define MOERT_DRIVERS_LPU_SIMULATOR_LAYOUT_H

#include "base/Status.h"
#include "lpu/Machine.h"
#include "lpu_generated.h"
#include "moert/abi/lpu.h"
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace moert::lpu {

inline constexpr uint32_t noRow = UINT32_MAX;

/// A buffer with what follows from its place. Its rows have numbers of their
/// own, plane after plane, vector after vector: `firstRow + vector * planes +
/// plane`.
struct BufferInfo {
  const Buffer *table = nullptr;
  std::string name;
  BufferKind kind = BufferKind::Temporary;
  uint64_t count = 0;
  uint32_t planes = 0, groups = 0;
  uint32_t firstRow = 0;   ///< number of its first row among all
  uint32_t firstGroup = 0; ///< of its slices among those of all buffers
  bool dynamic = false;    ///< a GATHER or SCATTER touches it
};

/// A slice of memory: which row of which buffer is where.
struct SliceInfo {
  std::vector<uint32_t> rows; ///< by row of the slice; empty: no buffer
  uint32_t at(uint32_t row) const {
    return row < rows.size() ? rows[row] : noRow;
  }
};

struct TrackInfo {
  moert_lpu_track_kind_t kind;
  int chip, hemisphere, index;
  uint32_t resident; ///< words in the queue at the start
  std::vector<moert_lpu_instruction_t> words;
  std::vector<uint32_t> claims;
  std::vector<uint16_t> uses;
  std::string name;
};

struct SegmentInfo {
  std::string name;
  uint32_t outputs = 0; ///< identity that it ends with; 0: not said
  std::vector<TrackInfo> tracks;
};

/// All of a program that does not change when it runs. Points into `bytes`.
struct CheckedProgram {
  std::vector<std::byte> bytes;
  const Program *table = nullptr;
  Machine machine;
  int chips = 1;
  std::vector<BufferInfo> buffers;
  std::vector<SliceInfo> slices; ///< at sliceIndex
  std::vector<SegmentInfo> segments;
  std::vector<uint32_t> bufferOfRow;
  uint32_t groups = 0; ///< slices of groups of all buffers

  size_t sliceIndex(int chip, int hemisphere, int slice) const {
    return size_t(chip * 2 + hemisphere) * size_t(machine.mem.slices) +
           size_t(slice);
  }
};

/// What can be wrong without running it. Takes hostile bytes.
Status checkProgram(std::span<const std::byte> bytes, CheckedProgram &out);

/// Of checkProgram: the words of one track.
Status checkTrack(const Machine &machine, const TrackInfo &track);

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_SIMULATOR_LAYOUT_H
