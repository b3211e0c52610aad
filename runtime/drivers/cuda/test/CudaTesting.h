//===- CudaTesting.h - a cuda driver over a fake libcuda --------*- C++ -*-===//
#ifndef MOERT_DRIVERS_CUDA_TEST_CUDATESTING_H
#define MOERT_DRIVERS_CUDA_TEST_CUDATESTING_H

#include "SessionFixture.h"

#include <cstdlib>
#include <map>

namespace moert::test {

/// Variables of the environment, for a scope.
class Environment {
public:
  explicit Environment(const std::map<std::string, std::string> &variables) {
    for (const auto &[name, value] : variables) {
      ::setenv(name.c_str(), value.c_str(), 1);
      names.push_back(name);
    }
  }
  ~Environment() {
    for (const std::string &name : names)
      ::unsetenv(name.c_str());
  }

private:
  std::vector<std::string> names;
};

/// The driver's library for a scope, and how it misbehaves.
inline Environment fake(const char *library,
                        std::map<std::string, std::string> variables = {}) {
  variables["MOERT_LIBCUDA"] = library;
  return Environment(variables);
}

} // namespace moert::test

#endif // MOERT_DRIVERS_CUDA_TEST_CUDATESTING_H
