# Warnings, sanitizers and speed, for our targets and (sanitizers) for what we build of others.

find_package(Threads REQUIRED)

add_library(unblock_options INTERFACE)
target_compile_options(unblock_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                                 -Wnon-virtual-dtor -Woverloaded-virtual
                                                 # GCC's -Wconversion leaves signs alone: so does Clang's, then
                                                 -Wno-sign-conversion
                                                 # a designated initializer leaves members out on purpose
                                                 -Wno-missing-field-initializers)
if(UNBLOCK_WERROR)
  target_compile_options(unblock_options INTERFACE -Werror)
endif()
target_include_directories(unblock_options INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(unblock_options INTERFACE Threads::Threads)

if(UNBLOCK_SANITIZE)
  add_compile_options(-fsanitize=${UNBLOCK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${UNBLOCK_SANITIZE})
  if(UNBLOCK_SANITIZE MATCHES "undefined")
    # This check opens a pipe to see whether it may look at an object. Where a test leaves the process no
    # descriptor, it takes every object for a wrong one.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()

# Compiling again what was compiled before (another branch, a build folder anew) then takes no time.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
