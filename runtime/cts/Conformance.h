//===- Conformance.h - what every driver must do ----------------*- C++ -*-===//
//
// A property is a function that tries one promise of moert/abi/driver.h on one
// driver. Properties that execute something use the driver's conformance code,
// which has these entries (a driver without code is "unsupported" there):
//
//   moert_forward_v1      one layer, one head, head size 1, vocabulary 4,
//                         parameter 0 = f32 bias[4]; stores key = token and
//                         value = 0.5 at each row's position; logits[v] =
//                         bias[v] + (v + 1) * sum of (key + value) over the
//                         positions up to the row's; operations 0 and 1;
//                         writes 64 bytes of workspace, 64 more for each row
//   conformance_fail      returns 8
//   conformance_unknown   returns 1234
//   conformance_parallel  parallel_for over `rows`; for each index i adds 1 to
//                         logits[4i] and notes worker, begin and end behind it
//   conformance_nested    the same with a loop of 3 inside: adds 1 to
//                         logits[4i] per inner index, notes the inner and the
//                         outer worker behind it
//   conformance_experts   parameters 1 to 8 = 4 experts of layers 0 and 1, f32
//                         [3 * 16 * 64] each, of which a row with token t at
//                         position p takes a = (t + layer) mod 4 and
//                         b = (a + 1 + p mod 3) mod 4; logits[v] = bias[v] +
//                         (v + 1) * sum of (2 * first + last float) over both
//                         layers; tells `offload` what it routes, guesses of
//                         layer 1 what is true, asks and takes; 56 bytes of
//                         workspace for each row
//   conformance_leaving   the same with an exit between the layers, whose score
//                         is token / 4; a row that is gone has the sum over
//                         the first layer; drops guesses if no row runs on; 132
//                         bytes of workspace for each row
//   conformance_exits     four layers, state as above with as many; feature
//                         x = token + 1; a layer l stores key = x, then x =
//                         (3 x + l + sum of keys up to the row's position) mod
//                         61; in front of layers 1 to 3 stands an exit with
//                         score x / 64, watched too; rows that are gone store
//                         key = x in the layers behind; logits[v] = bias[v] +
//                         (v + 1) x; 32 bytes of workspace for each row; with
//                         token 3 in the last row it fails behind the second
//                         layer with 8, where it can look; without `exits` it
//                         returns 1
//   conformance_parks     the same, but rows that are gone are parked
//
//===----------------------------------------------------------------------===//
#ifndef MOERT_CTS_CONFORMANCE_H
#define MOERT_CTS_CONFORMANCE_H

#include "moert/abi/driver.h"
#include <string>
#include <vector>

namespace moert::cts {

struct Outcome {
  enum Kind { Pass, Fail, Unsupported } kind = Pass;
  std::string why; ///< empty for Pass
};

/// A driver and what it runs.
struct Subject {
  const moert_driver_t *driver;
  std::vector<char> code; ///< empty: it has none
};

struct Property {
  const char *name;
  Outcome (*check)(const Subject &subject);
};

/// All properties, in the order of the life of a device.
const std::vector<Property> &properties();

} // namespace moert::cts

#endif // MOERT_CTS_CONFORMANCE_H
