//===- FillMain.h - the command line of moe-fill ----------------*- C++ -*-===//
#ifndef MOERT_FILL_FILLMAIN_H
#define MOERT_FILL_FILLMAIN_H

namespace moert {
int fillMain(int argc, char **argv);
} // namespace moert

#endif // MOERT_FILL_FILLMAIN_H
