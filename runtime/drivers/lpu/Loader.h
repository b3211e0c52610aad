//===- Loader.h - makes SRAM's contents of a module's parameters ----------===//
#ifndef MOERT_DRIVERS_LPU_LOADER_H
#define MOERT_DRIVERS_LPU_LOADER_H

#include "LoaderMatrix.h"
#include "Simulator/Simulator.h"
#include <map>
#include <memory>
#include <tuple>

namespace moert::lpu {

/// The Parameter buffers of a program, and how they are filled.
class Loader {
public:
  /// Compares what the program loads with the module's parameters. The failure
  /// has no file in front. `program` and `module` must outlive the loader.
  static Status create(const Program &program, int64_t width,
                       const fb::Module &module, std::vector<Code> codes,
                       std::unique_ptr<Loader> *out);

  /// Fills all Parameter buffers. `parameters` are addresses in the module's
  /// order; rope tables have `positions` rows, and are 0 behind them.
  Status fill(const void *const *parameters, int64_t positions,
              Simulator &simulator);

private:
  /// Numbers of one field of a matrix, [rows][columns].
  struct Table {
    int64_t rows = 0, columns = 0;
    std::vector<float> values;
  };
  struct Source {
    const Load *load;
    ParameterMatrix matrix;
  };
  using Key = std::tuple<uint32_t, unsigned, Field>;

  Loader(const Program &program, int64_t width)
      : program(program), width(width) {}
  Status addBuffer(uint32_t index, const fb::Module &module);
  Status checkLoad(const Buffer &buffer, const Source &source) const;
  Status fillBuffer(uint32_t index, const void *const *parameters,
                    int64_t positions, Simulator &simulator);
  const Table &tableOf(const Source &source, const void *const *parameters,
                       int64_t positions);
  Status place(const Buffer &buffer, const Source &source, const Table &table,
               std::span<std::byte> image) const;
  Status pack(const Buffer &buffer, const Source &source, const void *parameter,
              std::span<std::byte> image) const;

  const Program &program;
  int64_t width; ///< lanes of the machine
  std::vector<Code> codes;
  std::map<uint32_t, std::vector<Source>> sources; ///< of each buffer
  std::map<Key, Table> tables;                     ///< that were read lately
  size_t tableNumbers = 0;                         ///< in these
};

} // namespace moert::lpu

#endif // MOERT_DRIVERS_LPU_LOADER_H
