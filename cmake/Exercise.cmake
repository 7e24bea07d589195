# How an exercise is declared. docs/exercises.md says how one is made.

# What a submission is compiled with, and all that is linked to it. The sanitizers find what a check
# cannot see from outside. Nothing is optimised: a student waits for it. The second build is for exercises
# with threads.
set(UNBLOCK_SUBJECT_FLAGS -std=c++20 -O0 -g1 -fno-omit-frame-pointer -pthread -Wall -Wextra)
# vptr looks through a pipe whether an address may be read: where a check leaves no descriptor free, it
# would find fault with what is right.
set(UNBLOCK_SUBJECT_FLAGS_address -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
set(UNBLOCK_SUBJECT_FLAGS_thread -fsanitize=thread)

# What a student's file may include of ours.
set(UNBLOCK_GIVEN_HEADERS core/errors.hpp core/output_buffer.hpp core/unique_fd.hpp core/wake_event.hpp)

# unblock_subject_object(RESULT source NAME name SANITIZER address|thread)
#   Compiles one file as a submission is compiled, whatever this build folder's own flags are.
function(unblock_subject_object result source)
  cmake_parse_arguments(arg "" "NAME;SANITIZER" "" ${ARGN})
  get_filename_component(base ${source} NAME_WE)
  set(object ${PROJECT_BINARY_DIR}/exercises/${arg_NAME}/${base}.${arg_SANITIZER}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CMAKE_CXX_COMPILER} ${UNBLOCK_SUBJECT_FLAGS}
            ${UNBLOCK_SUBJECT_FLAGS_${arg_SANITIZER}} -I${PROJECT_SOURCE_DIR}
            -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source} DEPFILE ${object}.d VERBATIM
    COMMENT "Building subject object ${arg_NAME}/${base}.${arg_SANITIZER}.o")
  set(${result} ${object} PARENT_SCOPE)
endfunction()

# unblock_exercise(NN-name [SOURCES given.cpp ...] [HEADERS lessons/13-fibers/context.hpp ...] [LIBRARIES uring ...])
#   The exercise in this folder's NN-name: its subject, built but for the student's file, and its
#   checks (with the instructor's, where there are any), build/exercises/NN-name/checks; the target
#   exercise_NN-name builds both, exercise_NN those of all exercises with this number. SOURCES are
#   linked to the subject besides subject.cpp, LIBRARIES are libraries of the system. HEADERS may be
#   included by the student's file, besides those that any may include. The test exercises.NN-name
#   grades the grader.
function(unblock_exercise name)
  cmake_parse_arguments(arg "" "" "SOURCES;HEADERS;LIBRARIES" ${ARGN})
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  set(hidden ${PROJECT_SOURCE_DIR}/instructor/${name}/hidden_checks.cpp)
  set(build ${PROJECT_BINARY_DIR}/exercises/${name})
  set(target exercise_${name})
  string(REGEX REPLACE "^([0-9]+)-.*" "exercise_\\1" all_of_number ${name})

  set(sanitizers address)
  file(STRINGS ${folder}/exercise.toml threads REGEX "^threads *= *true")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/exercise.toml)
  if(threads)
    list(APPEND sanitizers thread)
  endif()
  set(objects "")
  set(of_thread "")
  foreach(sanitizer ${sanitizers})
    set(of_${sanitizer} "")
    foreach(source subject.cpp ${arg_SOURCES})
      unblock_subject_object(object ${folder}/${source} NAME ${name} SANITIZER ${sanitizer})
      list(APPEND of_${sanitizer} ${object})
    endforeach()
    list(APPEND objects ${of_${sanitizer}})
    list(APPEND of_${sanitizer} ${UNBLOCK_KIT_OBJECTS_${sanitizer}})
  endforeach()
  add_custom_target(${target}_subject DEPENDS ${objects})
  add_dependencies(${target}_subject kit_subject)

  set(checks ${folder}/checks.cpp)
  if(EXISTS ${hidden})
    list(APPEND checks ${hidden})
  endif()
  add_executable(${target} ${checks})
  # Linked anew where only subject.cpp has changed: by its time the grader knows that all is built.
  set_target_properties(${target} PROPERTIES OUTPUT_NAME checks RUNTIME_OUTPUT_DIRECTORY ${build}
                                             LINK_DEPENDS "${objects}")
  target_compile_options(${target} PRIVATE ${UNBLOCK_QUICK})
  target_link_libraries(${target} PRIVATE checks_main)
  add_dependencies(${target} ${target}_subject sandbox)
  if(NOT TARGET ${all_of_number})
    add_custom_target(${all_of_number})
  endif()
  add_dependencies(${all_of_number} ${target})
  add_dependencies(exercises ${target})

  # Built by nobody: it tells editors how the student's file is compiled (compile_commands.json).
  string(REGEX REPLACE "^[0-9]+-" "" starter ${name})
  string(REPLACE "-" "_" starter ${starter})
  add_library(${target}_starter OBJECT EXCLUDE_FROM_ALL ${folder}/${starter}.cpp)
  target_link_libraries(${target}_starter PRIVATE unblock_options)
  set_target_properties(${target}_starter PROPERTIES UNITY_BUILD OFF)  # else they would not find the file

  # Submissions have sanitizers of their own, whatever this build has: once is enough.
  if(EXISTS ${hidden} AND NOT UNBLOCK_SANITIZE)
    add_test(NAME exercises.${name} COMMAND unblock graders ${name})
    set_tests_properties(exercises.${name} PROPERTIES
      LABELS exercises TIMEOUT 900 SKIP_REGULAR_EXPRESSION "  left out: ")
  endif()

  set(headers ${UNBLOCK_GIVEN_HEADERS} ${arg_HEADERS})
  set(libraries ${arg_LIBRARIES})
  list(TRANSFORM libraries PREPEND -l)
  # What `unblock grade` needs to build a submission: CMake is not asked then.
  set(json "{\n  \"compiler\": \"${CMAKE_CXX_COMPILER}\",\n  \"checks\": \"${build}/checks\"")
  foreach(list "flags;${UNBLOCK_SUBJECT_FLAGS}"
               "address_flags;${UNBLOCK_SUBJECT_FLAGS_address}" "address_objects;${of_address}"
               "thread_flags;${UNBLOCK_SUBJECT_FLAGS_thread}" "thread_objects;${of_thread}"
               "libraries;${libraries}" "given_headers;${headers}")
    list(POP_FRONT list key)
    list(TRANSFORM list REPLACE "(.+)" "\"\\1\"")
    list(JOIN list ", " values)
    string(APPEND json ",\n  \"${key}\": [${values}]")
  endforeach()
  file(GENERATE OUTPUT ${build}/build.json CONTENT "${json}\n}\n")
endfunction()

# unblock_exercise_left_out(NN-name REASON text)
#   Instead of unblock_exercise(), where something is missing here: `unblock grade` says so, and goes on.
function(unblock_exercise_left_out name)
  cmake_parse_arguments(arg "" "REASON" "" ${ARGN})
  message(STATUS "exercise ${name} is left out: ${arg_REASON}")
  add_custom_target(exercise_${name})
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/exercises/${name}/build.json
       CONTENT "{\n  \"left_out\": \"${arg_REASON}\"\n}\n")
endfunction()
