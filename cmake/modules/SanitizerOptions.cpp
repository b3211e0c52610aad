//===- SanitizerOptions.cpp - what sanitized tools must not complain about ===//
//
// LLVM's allocators poison memory in code that is compiled with the address
// sanitizer (ours, through its headers) and never unpoison it in code that is
// not (libLLVM.so, libMLIR.so).
//===----------------------------------------------------------------------===//

extern "C" __attribute__((visibility("default"))) const char *
__asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0";
}
