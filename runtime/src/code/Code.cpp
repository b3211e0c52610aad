//===- Code.cpp - the limits and the geometry of codes --------------------===//
#include "code/Code.h"

#include <algorithm>
#include <cctype>

using namespace moert;

//===----------------------------------------------------------------------===//
// What a description demands
//===----------------------------------------------------------------------===//

namespace {

class CodeChecker {
public:
  CodeChecker(const Code &code, const std::string &origin)
      : code(code), origin(origin) {}

  Status run() const {
    MOERT_RETURN_IF_ERROR(checkName());
    MOERT_RETURN_IF_ERROR(checkBits());
    MOERT_RETURN_IF_ERROR(checkLevels());
    if (code.offset < 0 || code.offset > 255) // code_c4
      return fail("the offset is ", code.offset, ", must be between 0 and 255");
    MOERT_RETURN_IF_ERROR(checkColumns());
    if (code.weights < 1) // code_c6
      return fail("a scale has ", code.weights, " weights, must be at least 1");
    return checkWindow();
  }

private:
  template <typename... Parts> Status fail(const Parts &...parts) const {
    return makeStatus(MOERT_DATA_LOSS, origin, ": ", parts...);
  }
  bool isPairs() const { return code.layout == CodeLayout::Pairs; }

  // code_c1
  Status checkName() const {
    bool isWord =
        !code.name.empty() &&
        std::all_of(code.name.begin(), code.name.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) || c == '-';
        });
    if (isWord)
      return Status();
    return fail("the name is '", code.name,
                "', must be letters, digits and dashes");
  }

  // code_c2
  Status checkBits() const {
    if (isPairs() && code.bits != 7)
      return fail("pairs have ", code.bits, " bits, must have 7");
    if (code.bits < 1 || code.bits > 8)
      return fail("planes have ", code.bits, " bits, must have 1 to 8");
    return Status();
  }

  // code_c3
  Status checkLevels() const {
    size_t count = code.levels.size(), codes = size_t(1) << code.bits;
    bool fits = count == codes || (!isPairs() && count == 0) ||
                (isPairs() && code.window.empty() && count == 2 * codes);
    if (!fits)
      return fail(count, " levels for ", codes, " codes");
    for (int64_t level : code.levels)
      if (level < 0 || level > 255)
        return fail("a level is ", level, ", must be between 0 and 255");
    return Status();
  }

  // code_c5
  Status checkColumns() const {
    constexpr int64_t step = Code::stepColumns;
    bool fits = code.columns >= 0 && code.columns % 32 == 0 &&
                (code.columns <= step || code.columns % step == 0);
    if (!fits)
      return fail("a scale has ", code.columns,
                  " columns, must be 0, 32 or a multiple of ", step);
    if (code.zeros && code.columns == 0)
      return fail("zeros belong to 0 columns, must be at least 32");
    return Status();
  }

  // code_c7
  Status checkWindow() const {
    if (code.window.empty())
      return Status();
    if (!isPairs())
      return fail("planes have a window, which only pairs may have");
    if (code.window.size() != 2)
      return fail("a window has ", code.window.size(), " numbers, must have 2");
    int64_t least = 0, most = 0;
    for (int64_t factor : code.window) {
      if (factor < -128 || factor > 127)
        return fail("a factor of a window is ", factor,
                    ", must be between -128 and 127");
      (factor < 0 ? least : most) += 255 * factor;
    }
    if (least < INT16_MIN || most > INT16_MAX)
      return fail("a window mixes states to ", least, " .. ", most,
                  ", must be between ", INT16_MIN, " and ", INT16_MAX);
    return Status();
  }

  const Code &code;
  const std::string &origin;
};

} // namespace

Status moert::checkCode(const Code &code, const std::string &origin) {
  return CodeChecker(code, origin).run();
}

//===----------------------------------------------------------------------===//
// Geometry
//===----------------------------------------------------------------------===//

static uint64_t divideCeil(uint64_t value, uint64_t by) {
  return (value + by - 1) / by;
}

/// Every part of a stored matrix starts on a cache line.
static uint64_t fillUp(uint64_t bytes) { return divideCeil(bytes, 64) * 64; }

uint64_t Code::stepBytes() const {
  uint64_t halfBits = layout == CodeLayout::Pairs ? 7 : 2 * uint64_t(bits);
  return tileRows * stepColumns * halfBits / 16;
}

uint64_t Code::groups(uint64_t all) const {
  uint64_t filled = divideCeil(all, stepColumns) * stepColumns;
  return columns ? divideCeil(filled, uint64_t(columns)) : 1;
}

uint64_t Code::scaleRows(uint64_t all) const {
  uint64_t rows = 1;
  if (!columns)
    while (rows < tileRows && rows * all < uint64_t(weights))
      rows *= 2;
  return rows;
}

uint64_t Code::codeBytes(uint64_t rows, uint64_t all) const {
  return divideCeil(rows, tileRows) * divideCeil(all, stepColumns) *
         stepBytes();
}

uint64_t Code::scaleBytes(uint64_t rows, uint64_t all) const {
  return fillUp(divideCeil(rows, tileRows) * groups(all) *
                (tileRows / scaleRows(all)) * sizeof(uint16_t));
}

uint64_t Code::zeroBytes(uint64_t rows, uint64_t all) const {
  return zeros ? fillUp(divideCeil(rows, tileRows) * groups(all) * tileRows)
               : 0;
}
