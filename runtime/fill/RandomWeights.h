//===- RandomWeights.h - bytes of parameters, from a seed -------*- C++ -*-===//
#ifndef MOERT_FILL_RANDOMWEIGHTS_H
#define MOERT_FILL_RANDOMWEIGHTS_H

#include "container/Metadata.h"
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace moert {

class RandomWeights {
public:
  RandomWeights(uint64_t seed, std::span<const Code> codes);

  /// The bytes of parameter number `index`, which has been checked.
  void make(const fb::Parameter &parameter, uint64_t index,
            std::span<std::byte> out) const;

private:
  void makeElements(fb::ElementType type, bool ones, uint64_t stream,
                    std::span<std::byte> out) const;
  void makeCodes(const fb::Matrix &matrix, uint64_t stream,
                 std::span<std::byte> out) const;

  uint64_t seed;
  std::span<const Code> codes;
  std::vector<float> normal; ///< N(0, 0.02) at 65536 equally likely places
};

} // namespace moert

#endif // MOERT_FILL_RANDOMWEIGHTS_H
