# MOE_SANITIZE: address and undefined-behaviour sanitizers for all of our code.
# LLVM itself is not instrumented, so vptr checks and container overflow checks
# (which need both sides) stay off.
option(MOE_SANITIZE "Build with address and undefined-behaviour sanitizers" OFF)
if(MOE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr,function
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()
