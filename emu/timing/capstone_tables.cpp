#include "emu/timing/capstone_tables.hpp"

#include <capstone/capstone.h>

#include <cstdint>
#include <mutex>

namespace mint {

void prepare_capstone() {
  static std::once_flag once;
  std::call_once(once, [] {
    csh handle = 0;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) return;
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    constexpr std::uint8_t kIncEax[] = {0xff, 0xc0};
    cs_insn* list = nullptr;
    const std::size_t count = cs_disasm(handle, kIncEax, sizeof kIncEax, 0, 1, &list);
    if (count != 0) cs_free(list, count);
    cs_close(&handle);
  });
}

}  // namespace mint
