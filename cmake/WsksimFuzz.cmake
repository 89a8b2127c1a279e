# SPDX-License-Identifier: MIT
#
# The fuzz entry libraries (sources in fuzz/): wsksim_fuzz for libFuzzer, wsksim_afl for AFL++,
# whose bridge between the module's counters and AFL's map lies in fuzz/afl.c; the rest is shared.
# The runtimes are plain archives of the distribution and are linked by any compiler.
#
# wsksim_afl_mutator is the mutator for afl-fuzz itself (AFL_CUSTOM_MUTATOR_LIBRARY). A program that
# is not ours loads it, so it has no sanitizers, shows nothing but AFL's entry points, and keeps of
# sim only the few functions it uses.

file(GLOB wsksim_fuzz_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/fuzz/*.c")
set(wsksim_afl_sources ${wsksim_fuzz_sources})
list(FILTER wsksim_fuzz_sources EXCLUDE REGEX "/afl[^/]*\\.c$")
list(FILTER wsksim_afl_sources EXCLUDE REGEX "/(libfuzzer|afl_mutator)[^/]*\\.c$")

function(wsksim_add_fuzz_entry name)
    add_library(${name} STATIC ${ARGN})
    set_target_properties(${name} PROPERTIES ARCHIVE_OUTPUT_DIRECTORY "${WSKSIM_LIBRARY_DIR}"
        C_EXTENSIONS ON POSITION_INDEPENDENT_CODE ON)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include/wdk")
    target_compile_options(${name} PRIVATE -fshort-wchar)
    target_link_libraries(${name} PRIVATE wsksim_flags PUBLIC wsksim_replay)
    install(TARGETS ${name} ARCHIVE DESTINATION lib/wsksim)
endfunction()

if(wsksim_fuzz_sources AND WSKSIM_LIBFUZZER)
    wsksim_add_fuzz_entry(wsksim_fuzz ${wsksim_fuzz_sources})
    add_library(wsksim_libfuzzer INTERFACE)
    target_link_libraries(wsksim_libfuzzer INTERFACE "${WSKSIM_LIBFUZZER}" stdc++ pthread m)
endif()
if(wsksim_afl_sources AND WSKSIM_AFL_OBJECTS)
    wsksim_add_fuzz_entry(wsksim_afl ${wsksim_afl_sources})
    add_library(wsksim_libafl INTERFACE)
    target_link_libraries(wsksim_libafl INTERFACE "${WSKSIM_AFL_DRIVER}" "${WSKSIM_AFL_RUNTIME}"
        stdc++ pthread dl m)

    add_library(wsksim_afl_mutator MODULE fuzz/afl_mutator.c fuzz/mutator.c
        sim/base.c sim/choice.c sim/sched.c)
    set_target_properties(wsksim_afl_mutator PROPERTIES C_EXTENSIONS ON
        LIBRARY_OUTPUT_DIRECTORY "${WSKSIM_LIBRARY_DIR}")
    target_include_directories(wsksim_afl_mutator PRIVATE "${PROJECT_SOURCE_DIR}")
    target_compile_options(wsksim_afl_mutator PRIVATE -std=gnu17 -O2 -Wall -Wextra -Wconversion
        -Wswitch-enum -fno-strict-aliasing -ffunction-sections -fdata-sections
        $<$<BOOL:${WSKSIM_WERROR}>:-Werror>)
    target_link_options(wsksim_afl_mutator PRIVATE -Wl,--gc-sections -Wl,-z,defs
        "-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/afl_mutator.ver")
    set_target_properties(wsksim_afl_mutator PROPERTIES
        LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/afl_mutator.ver")
    install(TARGETS wsksim_afl_mutator LIBRARY DESTINATION lib/wsksim)
endif()
