//===- State.h - keys and values, in SRAM and between forwards ------------===//
#ifndef MOERT_DRIVERS_LPU_STATE_H
#define MOERT_DRIVERS_LPU_STATE_H

#include "Simulator/Simulator.h"
#include "module_generated.h"
#include <memory>

namespace moert::lpu {

/// The State buffers of a program. A session's memory of a sequence is the truth:
/// u32 [layer][key, value][kv head][capacity][head size], a key as the two halves
/// that SRAM holds (the high one in the low bits), a value as f32. We remember what
/// lies in SRAM in the same order and move only what differs, so it does not matter
/// which sequence ran last, whether it went back, or what copied its memory.
class State {
public:
  /// The failure has no file in front. `program` must outlive the state.
  static Status create(const Program &program, int64_t width, const fb::Kv &kv,
                       std::unique_ptr<State> *out);

  /// Zeros in all rows.
  Status clear(Simulator &simulator);
  /// Makes positions before `position` those of `memory`, and the others zero.
  Status bring(const uint32_t *memory, int64_t capacity, int64_t position,
               Simulator &simulator);
  /// Takes what a step wrote at `position` into `memory`. Lanes of one element were
  /// computed apart, and may differ in the last bit: they all get what the first of
  /// them has, as if the position had come back from memory. So no result depends
  /// on that.
  Status keep(uint32_t *memory, int64_t capacity, int64_t position,
              Simulator &simulator);

private:
  enum Part { Key, Value };
  State(const Program &program, int64_t width)
      : program(program), width(width) {}
  Status checkBuffers(const fb::Kv &kv) const;
  Status checkLanes(const fb::Kv &kv);
  /// First cell of a position, of so many positions.
  static uint64_t cell(const State &state, int64_t layer, Part part,
                       int64_t head, int64_t position, int64_t positions);
  void findChanged(const uint32_t *memory, int64_t capacity, int64_t position,
                   std::vector<char> &changed);
  Status writePosition(int64_t layer, int64_t position, Simulator &simulator);
  Status writePart(int64_t layer, int64_t part, int64_t position,
                   Simulator &simulator);
  bool takePart(int64_t layer, int64_t part, Part what, int64_t position,
                const std::vector<uint32_t> &lanes);
  Status takePosition(int64_t layer, int64_t position, Simulator &simulator);

  const Program &program;
  int64_t width, heads = 0, headSize = 0;
  int64_t parts = 1;     ///< of a layer, on chips of their own
  int64_t positions = 0; ///< of the buffers
  int64_t written = 0;   ///< positions from here on are zero
  struct Lane {
    int64_t part, lane, head, element;
    bool isFirst; ///< of those with the same element
  };
  std::vector<Lane> lanes;        ///< that hold something
  std::vector<uint32_t> resident; ///< as in memory, with `positions` as capacity
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_STATE_H
