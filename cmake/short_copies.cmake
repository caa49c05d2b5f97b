# How GCC copies and clears a few words in a row. Its choice for any x86 is REP MOVS and REP STOS, which
# take some 30 cycles to begin with; the translator does it for every operation. Sets
#   mint_short_copies  options for C and C++; empty for other compilers
set(mint_short_copies)
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  foreach(what memcpy memset)
    list(APPEND mint_short_copies
         -m${what}-strategy=unrolled_loop:256:noalign,libcall:-1:noalign)
  endforeach()
endif()
