# cmake --install build/release --prefix PREFIX
#   PREFIX/bin/mintsim
#   PREFIX/share/mintsim/      what the program looks for there: scenarios/, guest/ and purgatory/
#                              (sources of the guest images), firmware/
#   PREFIX/share/doc/mintsim/  documentation and licence
# The guest images themselves are built on first use, into the user's cache.
include(GNUInstallDirs)
set(data ${CMAKE_INSTALL_DATADIR}/mintsim)

install(TARGETS mintsim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY scenarios guest purgatory DESTINATION ${data} USE_SOURCE_PERMISSIONS
        PATTERN __pycache__ EXCLUDE PATTERN .gitignore EXCLUDE)
install(FILES ${CMAKE_BINARY_DIR}/firmware/bios.bin ${CMAKE_BINARY_DIR}/firmware/boot_sector.bin
              ${CMAKE_BINARY_DIR}/firmware/boot_loader.bin DESTINATION ${data}/firmware)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
