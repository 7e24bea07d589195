# Each dependency: the installed package first, a pinned fetch second, a plain message when neither can be had.

include(FetchContent)
set(FETCHCONTENT_QUIET ON)

# unblock_dependency(NAME PACKAGE pkg [VERSION v] TARGET target GIT url TAG tag HINT text)
function(unblock_dependency name)
  cmake_parse_arguments(arg "" "PACKAGE;TARGET;GIT;TAG;HINT" "" ${ARGN})
  find_package(${arg_PACKAGE} QUIET)
  if(TARGET ${arg_TARGET})
    return()
  endif()
  execute_process(COMMAND git ls-remote --exit-code ${arg_GIT} ${arg_TAG}
                  TIMEOUT 15 RESULT_VARIABLE unreachable OUTPUT_QUIET ERROR_QUIET)
  if(unreachable)
    message(FATAL_ERROR "${name} is not installed, and ${arg_GIT} cannot be reached to fetch it.\n"
                        "Install it (${arg_HINT}), or run `make setup`, and configure again.")
  endif()
  message(STATUS "${name} is not installed: fetching ${arg_TAG}")
  FetchContent_Declare(${name} GIT_REPOSITORY ${arg_GIT} GIT_TAG ${arg_TAG} GIT_SHALLOW ON)
  FetchContent_MakeAvailable(${name})
endfunction()

unblock_dependency(CLI11 PACKAGE CLI11 TARGET CLI11::CLI11
  GIT https://github.com/CLIUtils/CLI11 TAG v2.4.2
  HINT "Debian: libcli11-dev, Fedora: cli11-devel, Arch: cli11")

unblock_dependency(fmt PACKAGE fmt TARGET fmt::fmt
  GIT https://github.com/fmtlib/fmt TAG 10.2.1
  HINT "Debian: libfmt-dev, Fedora: fmt-devel, Arch: fmt")

if(UNBLOCK_TESTS)
  # A sanitizer sees only what was compiled with it: there, prefer GoogleTest's sources to its packaged library.
  if(UNBLOCK_SANITIZE AND EXISTS /usr/src/googletest/CMakeLists.txt)
    set(INSTALL_GTEST OFF)
    add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
    if(NOT TARGET GTest::gtest)
      add_library(GTest::gtest ALIAS gtest)
    endif()
  else()
    unblock_dependency(googletest PACKAGE GTest TARGET GTest::gtest
      GIT https://github.com/google/googletest TAG v1.14.0
      HINT "Debian: libgtest-dev, Fedora: gtest-devel, Arch: gtest")
  endif()
  include(GoogleTest)
endif()
