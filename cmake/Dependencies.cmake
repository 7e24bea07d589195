# Each dependency: the installed package first, a pinned fetch second, a plain message when neither can be had.

include(FetchContent)
set(FETCHCONTENT_QUIET ON)
# What is fetched is for our build only: nothing of it is installed with us.
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # its options heed these variables
set(CLI11_INSTALL OFF)
set(FMT_INSTALL OFF)
set(INSTALL_GTEST OFF)
set(BUILD_GMOCK OFF)
set(JSON_BuildTests OFF)
set(JSON_Install OFF)

# unblock_dependency(NAME PACKAGE pkg [VERSION v] TARGET target GIT url TAG tag HINT text)
#   Afterwards `target` exists. VERSION is the oldest that will do.
function(unblock_dependency name)
  cmake_parse_arguments(arg "" "PACKAGE;VERSION;TARGET;GIT;TAG;HINT" "" ${ARGN})
  find_package(${arg_PACKAGE} ${arg_VERSION} QUIET)
  if(TARGET ${arg_TARGET})
    return()
  endif()
  string(TOLOWER ${name} lower)
  string(TOUPPER ${name} upper)
  # Sources that were fetched before, or that FETCHCONTENT_SOURCE_DIR_<NAME> names, need no network.
  if(NOT FETCHCONTENT_SOURCE_DIR_${upper} AND NOT FETCHCONTENT_FULLY_DISCONNECTED
     AND NOT EXISTS ${FETCHCONTENT_BASE_DIR}/${lower}-src/CMakeLists.txt)
    execute_process(COMMAND git ls-remote --exit-code ${arg_GIT} refs/tags/${arg_TAG}
                    TIMEOUT 15 RESULT_VARIABLE unreachable OUTPUT_QUIET ERROR_QUIET)
    if(unreachable)
      # Lines that are indented are not wrapped.
      message(FATAL_ERROR "  ${name} is not installed, and ${arg_GIT} cannot be reached to fetch it.\n"
                          "  Install it (${arg_HINT}) or run `make setup`, and configure again.\n")
    endif()
    message(NOTICE "${name} is not installed: fetching ${arg_TAG} from ${arg_GIT}")
  endif()
  FetchContent_Declare(${name} GIT_REPOSITORY ${arg_GIT} GIT_TAG ${arg_TAG} GIT_SHALLOW ON SYSTEM)
  FetchContent_MakeAvailable(${name})
endfunction()

unblock_dependency(CLI11 PACKAGE CLI11 VERSION 2.1 TARGET CLI11::CLI11
  GIT https://github.com/CLIUtils/CLI11 TAG v2.4.2
  HINT "Debian: libcli11-dev, Fedora: cli11-devel, Arch: cli11")

unblock_dependency(fmt PACKAGE fmt VERSION 9 TARGET fmt::fmt
  GIT https://github.com/fmtlib/fmt TAG 10.2.1
  HINT "Debian: libfmt-dev, Fedora: fmt-devel, Arch: fmt")

unblock_dependency(json PACKAGE nlohmann_json VERSION 3.9 TARGET nlohmann_json::nlohmann_json
  GIT https://github.com/nlohmann/json TAG v3.11.3
  HINT "Debian: nlohmann-json3-dev, Fedora: json-devel, Arch: nlohmann-json")

unblock_dependency(tomlplusplus PACKAGE tomlplusplus VERSION 3 TARGET tomlplusplus::tomlplusplus
  GIT https://github.com/marzer/tomlplusplus TAG v3.4.0
  HINT "Debian: libtomlplusplus-dev, Fedora: tomlplusplus-devel, Arch: tomlplusplus")

if(UNBLOCK_TESTS)
  # A sanitizer sees only what was compiled with it: there, prefer GoogleTest's sources to its packaged library.
  if(UNBLOCK_SANITIZE AND EXISTS /usr/src/googletest/CMakeLists.txt)
    add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
    if(NOT TARGET GTest::gtest)
      add_library(GTest::gtest ALIAS gtest)
      add_library(GTest::gtest_main ALIAS gtest_main)
    endif()
  else()
    unblock_dependency(googletest PACKAGE GTest TARGET GTest::gtest
      GIT https://github.com/google/googletest TAG v1.14.0
      HINT "Debian: libgtest-dev, Fedora: gtest-devel, Arch: gtest")
  endif()
  include(GoogleTest)
endif()
