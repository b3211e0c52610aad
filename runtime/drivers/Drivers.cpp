//===- Drivers.cpp - the table of the drivers of this build ---------------===//
#include "moert/abi/driver.h"

extern "C" {
#define MOERT_DRIVER(name) const moert_driver_t *moert_driver_##name(void);
#include "Drivers.def"
#undef MOERT_DRIVER
}

const moert_driver_t *const *moert_drivers(void) {
  static const moert_driver_t *const table[] = {
#define MOERT_DRIVER(name) moert_driver_##name(),
#include "Drivers.def"
#undef MOERT_DRIVER
      nullptr};
  return table;
}
