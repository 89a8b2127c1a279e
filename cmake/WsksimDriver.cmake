# SPDX-License-Identifier: MIT
#
#   wsksim_add_driver(NAME [PLAIN] [NO_ACCESS] [NO_UNDEFINED] [NO_TWIN] [NO_FUZZERS]
#                     SOURCES a.c b.c ...)
#
# Makes three targets:
#   NAME          the driver module NAME.so, an ordinary target: target_compile_definitions,
#                 target_include_directories and target_compile_options (after -O1 -g) work on it
#   NAME_fuzzer   the libFuzzer executable, where libFuzzer's runtime was found
#   NAME_afl      the AFL++ executable, where AFL++ was found
# The module is compiled and linked by wsksim-cc, which CMake runs as its compiler launcher; so the
# driver gets clang and the flags of a driver whatever compiler the project itself uses.

function(wsksim_add_driver name)
    cmake_parse_arguments(PARSE_ARGV 1 arg
        "PLAIN;NO_ACCESS;NO_UNDEFINED;NO_TWIN;CHECKED;NO_FUZZERS" "" "SOURCES")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "wsksim_add_driver(${name}): unknown: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_SOURCES)
        message(FATAL_ERROR "wsksim_add_driver(${name}): no SOURCES")
    endif()
    if(arg_PLAIN AND arg_CHECKED)
        message(FATAL_ERROR "wsksim_add_driver(${name}): PLAIN and CHECKED exclude each other")
    endif()
    get_property(compiler GLOBAL PROPERTY WSKSIM_CC)
    get_property(archive GLOBAL PROPERTY WSKSIM_MODULE_ARCHIVE)
    set(launcher "${compiler}")
    foreach(option PLAIN NO_ACCESS NO_UNDEFINED NO_TWIN)
        if(arg_${option})
            string(TOLOWER "${option}" word)
            string(REPLACE "_" "-" word "${word}")
            list(APPEND launcher "--${word}")
        endif()
    endforeach()
    list(APPEND launcher --launch)

    add_library(${name} SHARED ${arg_SOURCES})
    set_target_properties(${name} PROPERTIES
        PREFIX "" SUFFIX ".so"
        C_COMPILER_LAUNCHER "${launcher}" CXX_COMPILER_LAUNCHER "${launcher}"
        C_LINKER_LAUNCHER "${launcher}" CXX_LINKER_LAUNCHER "${launcher}"
        C_VISIBILITY_PRESET default CXX_VISIBILITY_PRESET default
        INTERPROCEDURAL_OPTIMIZATION OFF
        UNITY_BUILD OFF
        LINK_DEPENDS "${archive};${compiler}")
    # After the flags of the build type and before the user's own options: the last level counts.
    target_compile_options(${name} PRIVATE -O1 -g)
    add_dependencies(${name} wsksim_module)

    if(WSKSIM_NO_FUZZERS OR arg_NO_FUZZERS)
        return()
    endif()
    if(TARGET wsksim_fuzz)
        wsksim_add_fuzzer(${name} ${name}_fuzzer wsksim_fuzz wsksim_libfuzzer)
    endif()
    if(TARGET wsksim_afl)
        wsksim_add_fuzzer(${name} ${name}_afl wsksim_afl wsksim_libafl)
    endif()
endfunction()

# An executable from the engine, a fuzz entry library, a fuzzer's runtime (which has main) and a
# module.
function(wsksim_add_fuzzer driver name entry runtime)
    get_property(stub GLOBAL PROPERTY WSKSIM_EMPTY_SOURCE)
    add_executable(${name} "${stub}")
    set_target_properties(${name} PROPERTIES BUILD_RPATH "$ORIGIN;$<TARGET_FILE_DIR:${driver}>"
        INSTALL_RPATH "$ORIGIN" LINKER_LANGUAGE C)
    target_link_options(${name} PRIVATE -rdynamic)
    target_link_libraries(${name} PRIVATE
        -Wl,--whole-archive ${entry} wsksim_model wsksim_sim -Wl,--no-whole-archive
        wsksim_replay ${driver} ${runtime} wsksim_flags)
endfunction()
