# SPDX-License-Identifier: MIT
#
# Finds the tools and libraries of the distribution that wsksim is built with. Each one that is
# missing is named with the package that brings it; scripts/setup installs them all.

function(wsksim_require result what package)
    if(NOT ${result})
        message(FATAL_ERROR "${what} is missing: install ${package}, or run scripts/setup")
    endif()
endfunction()

# Driver modules are always compiled by clang, whatever builds the engine.
find_program(WSKSIM_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
wsksim_require(WSKSIM_CLANG "clang" "clang")
execute_process(COMMAND ${WSKSIM_CLANG} -print-resource-dir
    OUTPUT_VARIABLE WSKSIM_CLANG_HEADERS OUTPUT_STRIP_TRAILING_WHITESPACE)
string(APPEND WSKSIM_CLANG_HEADERS "/include")

# How clang is told to put zeroes into uninitialised locals; older ones want to be asked twice.
set(WSKSIM_ZEROED_LOCALS "-ftrivial-auto-var-init=zero")
execute_process(COMMAND ${WSKSIM_CLANG} ${WSKSIM_ZEROED_LOCALS} -fsyntax-only -x c /dev/null
    RESULT_VARIABLE wsksim_zeroed ERROR_QUIET)
if(NOT wsksim_zeroed EQUAL 0)
    string(APPEND WSKSIM_ZEROED_LOCALS
        " -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang")
endif()

find_library(WSKSIM_BOOST_CONTEXT NAMES boost_context)
wsksim_require(WSKSIM_BOOST_CONTEXT "Boost.Context" "libboost-context-dev")
find_path(WSKSIM_CAPSTONE_HEADERS NAMES capstone/capstone.h)
find_library(WSKSIM_CAPSTONE NAMES capstone)
wsksim_require(WSKSIM_CAPSTONE_HEADERS "capstone/capstone.h" "libcapstone-dev")
wsksim_require(WSKSIM_CAPSTONE "Capstone" "libcapstone-dev")
find_path(WSKSIM_SQLITE_HEADERS NAMES sqlite3.h)
find_library(WSKSIM_SQLITE NAMES sqlite3)
wsksim_require(WSKSIM_SQLITE_HEADERS "sqlite3.h" "libsqlite3-dev")
wsksim_require(WSKSIM_SQLITE "SQLite" "libsqlite3-dev")
find_path(WSKSIM_DW_HEADERS NAMES elfutils/libdwfl.h)
find_library(WSKSIM_DW NAMES dw)
find_library(WSKSIM_ELF NAMES elf)
wsksim_require(WSKSIM_DW_HEADERS "elfutils/libdwfl.h" "libdw-dev")
wsksim_require(WSKSIM_DW "libdw" "libdw-dev")
wsksim_require(WSKSIM_ELF "libelf" "libelf-dev")

# Optional: fuzzers and tests are left out without them, with a line that says so.
execute_process(COMMAND ${WSKSIM_CLANG} -print-file-name=libclang_rt.fuzzer-x86_64.a
    OUTPUT_VARIABLE wsksim_libfuzzer OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT EXISTS "${wsksim_libfuzzer}")
    execute_process(COMMAND ${WSKSIM_CLANG} -print-runtime-dir
        OUTPUT_VARIABLE wsksim_runtime_dir OUTPUT_STRIP_TRAILING_WHITESPACE)
    execute_process(COMMAND ${WSKSIM_CLANG} -print-resource-dir
        OUTPUT_VARIABLE wsksim_resource_dir OUTPUT_STRIP_TRAILING_WHITESPACE)
    unset(wsksim_libfuzzer)
    foreach(candidate
            "${wsksim_runtime_dir}/libclang_rt.fuzzer-x86_64.a"
            "${wsksim_runtime_dir}/libclang_rt.fuzzer.a"
            "${wsksim_resource_dir}/lib/linux/libclang_rt.fuzzer-x86_64.a")
        if(NOT wsksim_libfuzzer AND EXISTS "${candidate}")
            set(wsksim_libfuzzer "${candidate}")
        endif()
    endforeach()
endif()
set(WSKSIM_LIBFUZZER "${wsksim_libfuzzer}")
if(NOT WSKSIM_LIBFUZZER)
    message(STATUS "no libFuzzer (package libclang-rt-VERSION-dev): no *_fuzzer executables")
endif()

find_file(WSKSIM_AFL_DRIVER NAMES libAFLDriver.a PATHS /usr/lib/afl /usr/local/lib/afl)
find_file(WSKSIM_AFL_RUNTIME NAMES afl-compiler-rt.o afl-compiler-rt-64.o
    PATHS /usr/lib/afl /usr/local/lib/afl)
if(WSKSIM_AFL_DRIVER AND WSKSIM_AFL_RUNTIME)
    set(WSKSIM_AFL_OBJECTS "${WSKSIM_AFL_DRIVER} ${WSKSIM_AFL_RUNTIME}")
else()
    set(WSKSIM_AFL_OBJECTS "")
    message(STATUS "no AFL++ runtime (package afl++): no *_afl executables")
endif()

find_library(WSKSIM_CMOCKA NAMES cmocka)
if(NOT WSKSIM_CMOCKA)
    message(STATUS "no cmocka (package libcmocka-dev): no tests")
endif()
