# find_package(fpga): the targets fpga::fpga (shared), fpga::static, and fpga::headers for both.
#
# Lies in <prefix>/share/cmake/fpga; everything else is found from there, so the prefix may be moved.

get_filename_component(_fpga_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
include("${CMAKE_CURRENT_LIST_DIR}/fpga-config-version.cmake")

find_path(fpga_INCLUDE_DIR fpga.h
    PATHS "${_fpga_prefix}/include" NO_DEFAULT_PATH)
find_library(fpga_SHARED_LIBRARY
    NAMES fpga fpga.dll
    PATHS "${_fpga_prefix}" PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}" NO_DEFAULT_PATH)
find_library(fpga_STATIC_LIBRARY
    NAMES libfpga.a fpga.lib
    PATHS "${_fpga_prefix}" PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}" NO_DEFAULT_PATH)
mark_as_advanced(fpga_INCLUDE_DIR fpga_SHARED_LIBRARY fpga_STATIC_LIBRARY)

include(FindPackageHandleStandardArgs)
set(fpga_VERSION "${PACKAGE_VERSION}")
find_package_handle_standard_args(fpga
    REQUIRED_VARS fpga_SHARED_LIBRARY fpga_INCLUDE_DIR
    VERSION_VAR fpga_VERSION)

if(fpga_FOUND AND NOT TARGET fpga::headers)
    add_library(fpga::headers INTERFACE IMPORTED)
    set_target_properties(fpga::headers PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${fpga_INCLUDE_DIR}")

    add_library(fpga::fpga UNKNOWN IMPORTED)
    set_target_properties(fpga::fpga PROPERTIES
        IMPORTED_LOCATION "${fpga_SHARED_LIBRARY}"
        INTERFACE_LINK_LIBRARIES fpga::headers)

    if(fpga_STATIC_LIBRARY)
        # What the Rust standard library needs of the system.
        if(WIN32)
            set(_fpga_system kernel32 ntdll userenv ws2_32 dbghelp bcrypt advapi32 synchronization)
        elseif(APPLE)
            set(_fpga_system "-framework CoreFoundation" "-framework Security" iconv System)
        else()
            set(_fpga_system gcc_s util rt pthread m dl)
        endif()
        add_library(fpga::static UNKNOWN IMPORTED)
        set_target_properties(fpga::static PROPERTIES
            IMPORTED_LOCATION "${fpga_STATIC_LIBRARY}"
            INTERFACE_COMPILE_DEFINITIONS FPGA_STATIC
            INTERFACE_LINK_LIBRARIES "fpga::headers;${_fpga_system}")
        unset(_fpga_system)
    endif()
endif()
unset(_fpga_prefix)
