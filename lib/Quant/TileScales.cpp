//===- TileScales.cpp - scales and zeros of 16 rows, as they are stored ---===//
#include "Half.h"
#include "moe/Quant/QuantScheme.h"
#include <cassert>

using namespace moe;

TileScales::TileScales(CodeAttr code, int64_t columns)
    : code(code), columns(columns), groups(code.getGroups(columns)),
      scaleRows(code.getScaleRows(columns)),
      scales(groups * (CodeAttr::tileRows / scaleRows)),
      zeros(code.getZeros() ? groups * CodeAttr::tileRows : 0) {}

float TileScales::getScale(int64_t row, int64_t group) const {
  return halfToFloat(
      scales[group * (CodeAttr::tileRows / scaleRows) + row / scaleRows]);
}

void TileScales::setScale(int64_t row, int64_t group, float scale) {
  if (!(scale <= largestHalf) && !(overflow > scale))
    overflow = scale;
  scales[group * (CodeAttr::tileRows / scaleRows) + row / scaleRows] =
      floatToHalfUp(scale);
}

int64_t TileScales::getZero(int64_t row, int64_t group) const {
  return zeros.empty() ? 0 : zeros[group * CodeAttr::tileRows + row];
}

void TileScales::setZero(int64_t row, int64_t group, int64_t zero) {
  assert(zero >= 0 && zero <= 255 && "a zero has 8 bits");
  zeros[group * CodeAttr::tileRows + row] = uint8_t(zero);
}
