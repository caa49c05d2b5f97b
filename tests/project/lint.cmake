# Label lint, where the programs are installed: the format of all C++ always, clang-tidy as `long`.
find_program(CLANG_FORMAT clang-format)
find_program(CLANG_TIDY clang-tidy)
file(GLOB_RECURSE lint_sources
     ${CMAKE_SOURCE_DIR}/cli/*.[ch]pp ${CMAKE_SOURCE_DIR}/devices/*.[ch]pp
     ${CMAKE_SOURCE_DIR}/emu/*.[ch]pp ${CMAKE_SOURCE_DIR}/tests/*.[ch]pp)
if(CLANG_FORMAT)
  add_test(NAME lint.format COMMAND ${CLANG_FORMAT} --dry-run --Werror ${lint_sources})
  set_tests_properties(lint.format PROPERTIES LABELS lint)
endif()
if(CLANG_TIDY)
  find_program(RUN_CLANG_TIDY run-clang-tidy)
  if(RUN_CLANG_TIDY)
    add_test(NAME lint.tidy
      COMMAND ${RUN_CLANG_TIDY} -quiet -p ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/\(cli|devices|emu\)/.*\\.cpp$)
    set_tests_properties(lint.tidy PROPERTIES LABELS "lint;long" TIMEOUT 3600)
  endif()
endif()
