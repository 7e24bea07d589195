# Builds for 64-bit Arm on another machine, and runs what it built under qemu:
#   cmake -S . -B build-aarch64 --toolchain cmake/aarch64-linux-gnu.cmake

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# Programs are this machine's; headers, libraries and packages are the other's only.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

find_program(UNBLOCK_QEMU qemu-aarch64)
if(UNBLOCK_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${UNBLOCK_QEMU} -L /usr/aarch64-linux-gnu)
endif()
