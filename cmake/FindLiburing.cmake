# find_package(Liburing): the target Liburing::Liburing, where the library is there and new enough. It must know rings
# of provided buffers and multishot accept, and export io_uring_register: 2.3 does.

find_path(LIBURING_INCLUDE_DIR liburing.h)
find_library(LIBURING_LIBRARY uring)
mark_as_advanced(LIBURING_INCLUDE_DIR LIBURING_LIBRARY)

if(LIBURING_INCLUDE_DIR)
  file(STRINGS ${LIBURING_INCLUDE_DIR}/liburing.h Liburing_RECENT REGEX "int io_uring_register\\(")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Liburing REQUIRED_VARS LIBURING_LIBRARY LIBURING_INCLUDE_DIR Liburing_RECENT)

if(Liburing_FOUND AND NOT TARGET Liburing::Liburing)
  add_library(Liburing::Liburing UNKNOWN IMPORTED)
  set_target_properties(Liburing::Liburing PROPERTIES
    IMPORTED_LOCATION ${LIBURING_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${LIBURING_INCLUDE_DIR})
endif()
