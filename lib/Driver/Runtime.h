//===- Runtime.h - the runtime's objects with owners ------------*- C++ -*-===//
#ifndef MOE_LIB_DRIVER_RUNTIME_H
#define MOE_LIB_DRIVER_RUNTIME_H

#include "moert/moert.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace moe {

/// What the runtime said as an error of ours.
inline llvm::Error takeStatus(moert_status_t status) {
  if (!status)
    return llvm::Error::success();
  std::string message = moert_status_message(status);
  moert_status_free(status);
  return llvm::createStringError(message);
}

template <auto Function> struct Releases {
  template <typename T> void operator()(T *object) const { Function(object); }
};
template <typename T, auto Function>
using RuntimeHandle = std::unique_ptr<T, Releases<Function>>;
using RuntimeTokenizer =
    RuntimeHandle<moert_tokenizer_t, moert_tokenizer_free>;
using RuntimeModule = RuntimeHandle<moert_module_t, moert_module_close>;
using RuntimeSession = RuntimeHandle<moert_session_t, moert_session_free>;
using RuntimeSampler = RuntimeHandle<moert_sampler_t, moert_sampler_free>;
using RuntimeDecoder = RuntimeHandle<moert_decoder_t, moert_decoder_free>;

} // namespace moe

#endif // MOE_LIB_DRIVER_RUNTIME_H
