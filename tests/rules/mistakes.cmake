# SPDX-License-Identifier: MIT
#
# Each class of mistakes of the contract (BUG-01, BUG-LIFE-01, KBUG-01) as a driver of its own: for
# every case that names one, a module mistake_NAME, which `wsksim check` must find without options.
# The twins without the mistake are run by `wsksim rules -twins` (tests rules_twins_*).

set(mistakes "")
file(READ "${PROJECT_SOURCE_DIR}/model/rules/rules.def" rule_rows)
foreach(source IN LISTS rule_cases)
    file(READ "${source}" text)
    string(REGEX MATCHALL "MISTAKE\\([a-z0-9_]+,[ \n]*\"[^\"]*BUG-[^\"]*\"[^)]*\\)" found
        "${text}")
    foreach(case IN LISTS found)
        string(REGEX REPLACE "^MISTAKE\\(([a-z0-9_]+),.*" "\\1" name "${case}")
        string(REGEX REPLACE "^[^\"]*\"([^ \"]+) .*$" "\\1" rule "${case}")
        set(outcome finding) # a rule graded as advice, or the mild half of one, is counted only
        if(case MATCHES "is_lint = (1|TRUE)" OR rule_rows MATCHES "\"${rule}\", [A-Z]+, WARNING,")
            set(outcome lint)
        endif()
        wsksim_add_driver(mistake_${name} NO_FUZZERS
            SOURCES rules/choose.c $<TARGET_OBJECTS:rule_case_objects>)
        target_compile_definitions(mistake_${name} PRIVATE CASE_NAME="${name}" CASE_MISTAKEN=TRUE)
        string(APPEND mistakes "${rule} ${outcome} $<TARGET_FILE:mistake_${name}>\n")
    endforeach()
endforeach()
file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/mistakes.txt" CONTENT "${mistakes}")
add_test(NAME rules_mistakes COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/rules/mistakes.sh"
    $<TARGET_FILE:wsksim> "${CMAKE_CURRENT_BINARY_DIR}/mistakes.txt")
set_tests_properties(rules_mistakes PROPERTIES TIMEOUT 600)
