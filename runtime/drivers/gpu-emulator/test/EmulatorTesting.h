//===- EmulatorTesting.h - kernels of tests ---------------------*- C++ -*-===//
#ifndef MOERT_DRIVERS_EMULATOR_TEST_EMULATORTESTING_H
#define MOERT_DRIVERS_EMULATOR_TEST_EMULATORTESTING_H

#include "Emulator/Emulator.h"
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <regex>

namespace moert::emulator {

using E = const moert_emulator_t *;

inline constexpr uint32_t all = ~uint32_t(0);

inline uint32_t threadOf(E e) { return e->special(e, MOERT_EMULATOR_THREAD); }
inline uint32_t blockOf(E e) { return e->special(e, MOERT_EMULATOR_BLOCK_X); }

/// A parameter that is a pointer, or a number.
template <typename T> T parameter(void *const *parameters, size_t i) {
  T value;
  std::memcpy(&value, parameters[i], sizeof(T));
  return value;
}

template <typename T> T load(E e, const T *address, int32_t site = 0) {
  e->access(e, address, sizeof(T), MOERT_EMULATOR_READ, site);
  return *address;
}
template <typename T> void store(E e, T *address, T value, int32_t site = 0) {
  e->access(e, address, sizeof(T), MOERT_EMULATOR_WRITE, site);
  *address = value;
}
inline uint32_t shuffleXor(E e, uint32_t value, uint32_t lanes,
                           int32_t site = 0) {
  return e->shuffle(e, MOERT_EMULATOR_SHUFFLE_XOR, all, value, lanes, 31, site);
}

/// Device memory that lives as long as the test.
template <typename T> class Buffer {
public:
  Buffer(Emulator &emulator, size_t count, T value = T())
      : emulator(emulator), values(count, value) {
    emulator.getMemory().add(values.data(), count * sizeof(T), true);
  }
  ~Buffer() { emulator.getMemory().remove(values.data()); }
  T &operator[](size_t i) { return values[i]; }
  T *data() { return values.data(); }
  size_t size() const { return values.size(); }

private:
  Emulator &emulator;
  std::vector<T> values;
};

class EmulatorTest : public testing::Test {
protected:
  /// Runs a kernel whose parameters are these values.
  template <typename... Parameters>
  Status run(moert_emulated_kernel_t code, uint32_t threads, uint32_t shared,
             int64_t blocks, Parameters... values) {
    return runOn(emulator, code, threads, shared, blocks, values...);
  }
  template <typename... Parameters>
  static Status runOn(Emulator &on, moert_emulated_kernel_t code,
                      uint32_t threads, uint32_t shared, int64_t blocks,
                      Parameters... values) {
    void *parameters[] = {&values..., nullptr};
    moert_gpu_kernel_t kernel = {};
    kernel.name = "sample";
    kernel.threads = threads;
    kernel.shared_bytes = shared;
    kernel.emulated = code;
    return on.run(kernel, blocks, 1, parameters);
  }

  Emulator emulator;
};

/// The whole text, against a regular expression.
inline void expectMatch(const std::string &text, const std::string &pattern) {
  EXPECT_TRUE(std::regex_match(text, std::regex(pattern)))
      << text << "\nexpected: " << pattern;
}

#define EXPECT_OK(expression)                                                  \
  do {                                                                         \
    ::moert::Status statusOfTest = (expression);                               \
    EXPECT_TRUE(statusOfTest.ok()) << statusOfTest.message();                  \
  } while (false)

} // namespace moert::emulator

#endif // MOERT_DRIVERS_EMULATOR_TEST_EMULATORTESTING_H
