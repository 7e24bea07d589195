# How a test and a lesson are declared.

# `cmake --build build --target programs`: what a person runs, without the tests.
add_custom_target(programs)

# What is not measured is built to be ready soon: GoogleTest's and CLI11's templates take the compiler a
# third of the time without its optimizer.
set(UNBLOCK_QUICK -O0 -g1)

# unblock_test(NAME LABEL label SOURCES ... LIBRARIES ... [DEFINITIONS ...])
#   A GoogleTest program; ctest knows each of its tests, under the label.
function(unblock_test name)
  cmake_parse_arguments(arg "" "LABEL" "SOURCES;LIBRARIES;DEFINITIONS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_compile_definitions(${name} PRIVATE ${arg_DEFINITIONS})
  target_compile_options(${name} PRIVATE ${UNBLOCK_QUICK})
  target_link_libraries(${name} PRIVATE unblock_options ${arg_LIBRARIES} GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES
                       TEST_PREFIX "${arg_LABEL}." PROPERTIES LABELS ${arg_LABEL} TIMEOUT 120)
endfunction()

# unblock_readme_test(LABEL label PROGRAM target)
#   The test LABEL.readme: what this folder's README.md shows is what the code says and the programs print.
#   Not under a sanitizer, where a program takes another time and other memory.
function(unblock_readme_test)
  cmake_parse_arguments(arg "" "LABEL;PROGRAM" "" ${ARGN})
  set(readme ${CMAKE_CURRENT_SOURCE_DIR}/README.md)
  if(UNBLOCK_SANITIZE OR NOT EXISTS ${readme})
    return()
  endif()
  add_test(NAME ${arg_LABEL}.readme
           COMMAND readme_check ${readme} --programs $<TARGET_FILE_DIR:${arg_PROGRAM}>)
  add_dependencies(${arg_LABEL}_test readme_check)
  set_tests_properties(${arg_LABEL}.readme PROPERTIES LABELS ${arg_LABEL} TIMEOUT 300)
endfunction()

# unblock_lesson(NAME SOURCES ... [USES lesson ...] [LIBRARIES ...])
#   The lesson in this folder: the library lesson_NAME (its models and experiments), the program
#   build/bin/NAME (main.cpp), and the tests NAME_test (lesson_test.cpp) and NAME.readme. USES names the
#   earlier lessons that it builds on, LIBRARIES what it needs of others.
function(unblock_lesson name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
  if(UNBLOCK_STANDALONE)
    return()
  endif()
  set(used ${arg_USES})
  list(TRANSFORM used PREPEND lesson_)

  add_library(lesson_${name} STATIC ${arg_SOURCES})
  target_link_libraries(lesson_${name} PUBLIC core ${used} ${arg_LIBRARIES})
  # Its models are siblings, and call the same things by the same names.
  set_target_properties(lesson_${name} PROPERTIES UNITY_BUILD OFF)

  # The target has a name of its own, since the program's (`select`) may be a word of the build system.
  add_executable(${name}_program main.cpp)
  set_target_properties(${name}_program PROPERTIES OUTPUT_NAME ${name})
  target_link_libraries(${name}_program PRIVATE lesson_${name})
  add_dependencies(programs ${name}_program)
  set_property(GLOBAL APPEND PROPERTY UNBLOCK_LESSONS ${name})
  # Not among the commands of the machine, where `select` and `poll` mean other things: `unblock` finds them.
  install(TARGETS ${name}_program RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/unblock)

  if(UNBLOCK_TESTS)
    unblock_test(${name}_test LABEL ${name} SOURCES lesson_test.cpp
                 LIBRARIES lesson_${name} testkit
                 DEFINITIONS UNBLOCK_PROGRAM="$<TARGET_FILE:${name}_program>")
    add_dependencies(${name}_test ${name}_program)
    unblock_readme_test(LABEL ${name} PROGRAM ${name}_program)
  endif()
endfunction()
