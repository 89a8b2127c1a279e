# SPDX-License-Identifier: MIT
#
# libwsksim_module.a, the support archive that is linked into every driver module, and wsksim-cc.
# The archive is always compiled by clang and never instrumented, so it is built by commands of its
# own.

set(WSKSIM_MODULE_ARCHIVE "${WSKSIM_LIBRARY_DIR}/libwsksim_module.a")
set(WSKSIM_CC "${PROJECT_BINARY_DIR}/bin/wsksim-cc")

file(GLOB wsksim_module_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/sim/support/*.c")
set(wsksim_module_objects)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/support" "${WSKSIM_LIBRARY_DIR}")
foreach(source IN LISTS wsksim_module_sources)
    get_filename_component(name "${source}" NAME_WE)
    set(object "${PROJECT_BINARY_DIR}/support/${name}.o")
    add_custom_command(OUTPUT "${object}"
        COMMAND ${WSKSIM_CLANG} -std=gnu17 -O2 -fPIC -fshort-wchar -fno-builtin -fvisibility=hidden
            -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-stack-protector
            -fcf-protection=none -Wall -Wextra -Wconversion -Wswitch-enum -Werror
            "-I${PROJECT_SOURCE_DIR}" -MD -MF "${object}.d" -c "${source}" -o "${object}"
        DEPENDS "${source}" DEPFILE "${object}.d" VERBATIM
        COMMENT "Building support/${name}.o of the driver modules")
    list(APPEND wsksim_module_objects "${object}")
endforeach()
add_custom_command(OUTPUT "${WSKSIM_MODULE_ARCHIVE}"
    COMMAND ${CMAKE_COMMAND} -E rm -f "${WSKSIM_MODULE_ARCHIVE}"
    COMMAND ${CMAKE_AR} rcs "${WSKSIM_MODULE_ARCHIVE}" ${wsksim_module_objects}
    DEPENDS ${wsksim_module_objects} VERBATIM
    COMMENT "Linking libwsksim_module.a")
add_custom_target(wsksim_module ALL DEPENDS "${WSKSIM_MODULE_ARCHIVE}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/module.ver" "${WSKSIM_LIBRARY_DIR}/module.ver" COPYONLY)

# wsksim-cc, once for the build tree and once for the installed one.
string(JOIN " " WSKSIM_CC_ENGINE_LINK ${WSKSIM_ENGINE_LINK_OPTIONS})
string(JOIN " " WSKSIM_CC_ENGINE_LIBRARIES ${WSKSIM_ENGINE_LIBRARIES} -lstdc++ -lpthread -ldl -lm)
set(WSKSIM_CC_HEADERS "${PROJECT_SOURCE_DIR}/include/wdk")
set(WSKSIM_CC_LIBRARIES "${WSKSIM_LIBRARY_DIR}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/wsksim-cc.in" "${WSKSIM_CC}" @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
        WORLD_READ WORLD_EXECUTE)
set(WSKSIM_CC_HEADERS "$root/lib/wsksim/include/wdk")
set(WSKSIM_CC_LIBRARIES "$root/lib/wsksim")
configure_file("${PROJECT_SOURCE_DIR}/cmake/wsksim-cc.in"
    "${PROJECT_BINARY_DIR}/install/wsksim-cc" @ONLY)

install(PROGRAMS "${PROJECT_BINARY_DIR}/install/wsksim-cc" DESTINATION bin)
install(FILES "${WSKSIM_MODULE_ARCHIVE}" "${PROJECT_SOURCE_DIR}/cmake/module.ver"
    DESTINATION lib/wsksim)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/wdk" "${PROJECT_SOURCE_DIR}/include/wsksim"
    DESTINATION lib/wsksim/include)
