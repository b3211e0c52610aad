# moe_add_fuzzer(<name> sources... LINK_LIBS libs...): a libFuzzer binary and a
# test of it of some seconds that starts from corpus/<name> beside the CMakeLists.txt.
# Libraries under test are compiled with ${MOE_FUZZ_FLAGS} -fsanitize=fuzzer-no-link.
set(MOE_FUZZ_FLAGS -fsanitize=address,undefined -fno-sanitize=vptr,function
  -fno-sanitize-recover=undefined -g1)
function(moe_add_fuzzer name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS;INCLUDES" ${ARGN})
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    return()
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE ${MOE_FUZZ_FLAGS} -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE ${MOE_FUZZ_FLAGS} -fsanitize=fuzzer)
  target_include_directories(${name} PRIVATE ${ARG_INCLUDES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  # From one seed and the kept corpus, so that a failure can be had again; a long
  # hunt is the binary run by hand, without -seed and -runs.
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${name}-found)
  add_test(NAME ${name} COMMAND sh -c "rm -rf '${found}' && mkdir '${found}' && \
'$<TARGET_FILE:${name}>' -seed=1 -runs=50000 -max_total_time=20 -rss_limit_mb=2048 -timeout=5 \
'${found}' '${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}'")
endfunction()
