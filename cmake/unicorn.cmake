# Unicorn 2.1.4, unmodified: fetched by pip as the source distribution of the Python package and
# checked against its hash, then built as one static archive. Defines
#   mint_unicorn       the archive and its public headers
#   mint_glue_options  what glue.c needs to see the internal headers
include(ExternalProject)

set(UNICORN_VERSION 2.1.4)
set(UNICORN_SHA256 00567a70e323f749b419cd86bee4f9115beab7ebba32194581c090cbb7c59cff)

if(DEFINED ENV{MINTSIM_CACHE})
  set(unicorn_cache $ENV{MINTSIM_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(unicorn_cache $ENV{XDG_CACHE_HOME}/mintsim)
else()
  set(unicorn_cache $ENV{HOME}/.cache/mintsim)
endif()
set(unicorn_archive ${unicorn_cache}/sources/unicorn-${UNICORN_VERSION}.tar.gz)

if(NOT EXISTS ${unicorn_archive})
  message(STATUS "Fetching the source distribution of unicorn ${UNICORN_VERSION} (pip, 3 MB)")
  set(download ${CMAKE_BINARY_DIR}/unicorn-download)
  file(WRITE ${download}/requirements.txt
       "unicorn==${UNICORN_VERSION} --hash=sha256:${UNICORN_SHA256}\n")
  execute_process(
    COMMAND python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary unicorn
            --require-hashes -r requirements.txt
    WORKING_DIRECTORY ${download}
    RESULT_VARIABLE failed
    ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "pip could not fetch unicorn ${UNICORN_VERSION}:\n${output}\n"
                        "Check the network and that python3-pip is installed.")
  endif()
  file(MAKE_DIRECTORY ${unicorn_cache}/sources)
  file(RENAME ${download}/unicorn-${UNICORN_VERSION}.tar.gz ${unicorn_archive})
endif()
file(SHA256 ${unicorn_archive} unicorn_found)
if(NOT unicorn_found STREQUAL UNICORN_SHA256)
  message(FATAL_ERROR "${unicorn_archive} is damaged (sha256 ${unicorn_found}): delete it and configure again")
endif()

set(unicorn_source ${CMAKE_BINARY_DIR}/unicorn/source)
set(unicorn_build ${CMAKE_BINARY_DIR}/unicorn/build)
# Unpacked at configure time, so that include paths exist from the start.
if(NOT EXISTS ${unicorn_source}/src/CMakeLists.txt)
  file(ARCHIVE_EXTRACT INPUT ${unicorn_archive} DESTINATION ${CMAKE_BINARY_DIR}/unicorn)
  file(REMOVE_RECURSE ${unicorn_source})
  file(RENAME ${CMAKE_BINARY_DIR}/unicorn/unicorn-${UNICORN_VERSION} ${unicorn_source})
endif()

list(JOIN mint_short_copies " " unicorn_flags)
ExternalProject_Add(
  unicorn_external
  SOURCE_DIR ${unicorn_source}/src
  BINARY_DIR ${unicorn_build}
  CMAKE_ARGS -DUNICORN_ARCH=x86 -DBUILD_SHARED_LIBS=OFF -DUNICORN_BUILD_TESTS=OFF
             -DUNICORN_INSTALL=OFF -DCMAKE_BUILD_TYPE=Release
             -DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}
             -DCMAKE_C_FLAGS=${unicorn_flags}
  BUILD_BYPRODUCTS ${unicorn_build}/libunicorn.a
  INSTALL_COMMAND ""
  LOG_CONFIGURE ON
  LOG_BUILD ON
  LOG_OUTPUT_ON_FAILURE ON)

file(MAKE_DIRECTORY ${unicorn_build})
add_library(mint_unicorn STATIC IMPORTED)
set_target_properties(
  mint_unicorn PROPERTIES IMPORTED_LOCATION ${unicorn_build}/libunicorn.a
                          INTERFACE_INCLUDE_DIRECTORIES ${unicorn_source}/src/include)
add_dependencies(mint_unicorn unicorn_external)

set(mint_glue_options
    -DNEED_CPU_H -include x86_64.h -std=gnu11 -D_GNU_SOURCE -m64 -mcx16 -O2 -Wall)
if(MINTSIM_SANITIZE STREQUAL "thread")
  list(APPEND mint_glue_options -fsanitize=thread)  # Unicorn itself is built as ever
endif()
foreach(
  folder
  ${unicorn_build} ${unicorn_build}/x86_64-softmmu ${unicorn_source}/src/glib_compat
  ${unicorn_source}/src/qemu ${unicorn_source}/src/qemu/include ${unicorn_source}/src/include
  ${unicorn_source}/src/qemu/tcg ${unicorn_source}/src/qemu/tcg/i386
  ${unicorn_source}/src/qemu/target/i386)
  list(APPEND mint_glue_options -isystem ${folder})
endforeach()
