//===- Hazards.h - what a program must not do, one line each ----*- C++ -*-===//
//
// A hazard ends a run; its message begins with the id. H37 and H38 only warn. A
// unit's queue is a track; two tracks may name one unit, as long as they never
// issue in the same cycle.
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_SIMULATOR_HAZARDS_H
#define MOERT_DRIVERS_LPU_SIMULATOR_HAZARDS_H

// HAZARD(number, what it is)
#define MOERT_LPU_HAZARDS(HAZARD)                                              \
  HAZARD(1, "two results come to one stream at the same place and cycle")      \
  HAZARD(2, "an instruction takes a stream on which nothing is")               \
  HAZARD(3, "what an instruction takes is not what its claim says")            \
  HAZARD(4, "a vector's streams begin at the wrong number, or do not carry "   \
            "its byte planes in order")                                        \
  HAZARD(5, "a result is overwritten before all its uses")                     \
  HAZARD(6, "a slice reads and writes in one bank and cycle")                  \
  HAZARD(7, "a slice has two reads, or two writes, in one cycle")              \
  HAZARD(8, "a read of a row, or of a superlane of it, that nobody wrote")     \
  HAZARD(9, "a read of another version of a row than its claim says")          \
  HAZARD(10, "an address beyond its buffer")                                   \
  HAZARD(11, "no map when a gather, scatter or permute takes it")              \
  HAZARD(12, "a write to text, a constant or a parameter")                     \
  HAZARD(13, "an activation enters an array before weights are installed")     \
  HAZARD(14, "an install while activations of the tile before are on their "   \
             "way")                                                            \
  HAZARD(15, "a load into a buffer whose weights are not installed yet, or "   \
             "an install of a buffer that is not loaded")                      \
  HAZARD(16, "an activation at a plane that another one is at, or whose pair " \
             "has weights of another type")                                    \
  HAZARD(17, "a drain of another type or length than what is fed, or an "      \
             "accumulator that there is not")                                  \
  HAZARD(18, "a plane's result meets another one on its stream")               \
  HAZARD(19, "an addition to an accumulator in which nothing is")              \
  HAZARD(20, "an ALU is issued twice in one cycle")                            \
  HAZARD(21, "an ALU is too small for an operation")                           \
  HAZARD(22, "an ALU does not reach a stream")                                 \
  HAZARD(23, "an ALU takes a group of streams from both sides")                \
  HAZARD(24, "an ALU takes another's result in another cycle than it comes, "  \
             "or a latch in which nothing is")                                 \
  HAZARD(25, "the result of an ALU goes to more places than there are wires")  \
  HAZARD(26, "a unit of the SXM is issued twice, or while it is busy")         \
  HAZARD(27, "a map that names a lane twice")                                  \
  HAZARD(28, "a lane beyond its superlane")                                    \
  HAZARD(29, "a queue issues twice in one cycle, or before the instruction "   \
             "of n cycles before has ended")                                   \
  HAZARD(30, "a queue has no instruction: its text came too late, or is "      \
             "another one")                                                    \
  HAZARD(31, "a NOP or REPEAT beyond its fields")                              \
  HAZARD(32, "a SYNC without NOTIFY, or a NOTIFY for which nobody waits")      \
  HAZARD(33, "a link carries two vectors at once")                             \
  HAZARD(34, "a vector comes and is not taken, or is taken and does not come") \
  HAZARD(35, "an arrival beyond the window of a deskew")                       \
  HAZARD(36, "a link that goes nowhere")                                       \
  HAZARD(37, "an int32 overflows (warning)")                                   \
  HAZARD(38, "a result is not a number (warning)")

#endif // MOERT_DRIVERS_LPU_SIMULATOR_HAZARDS_H
