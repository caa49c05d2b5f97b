#include "emu/machine/pit_watch.hpp"

namespace mint {

void PitWatch::spoil_others(const Write& write) {
  for (auto& [os, use] : uses_)
    if (os != write.os && use.begun && !use.spoiled_by) use.spoiled_by = write;
}

std::optional<PitWatch::Spoiled> PitWatch::relied_on(Use& use) {
  if (!use.begun || !use.spoiled_by || use.told) return std::nullopt;
  use.told = true;
  return Spoiled{*use.begun, *use.spoiled_by};
}

std::optional<PitWatch::Spoiled> PitWatch::accessed(std::size_t os, Cycles at, const Access& access,
                                                    const std::function<std::string()>& where) {
  Use& use = uses_[os];
  const auto write = [&] { return Write{os, at, access.address, access.value, where()}; };
  switch (access.address) {
    case 0x43: {
      const bool sets_up =
          access.write && (access.value >> 6 & 3) == 2 && (access.value & 0x30) != 0;
      if (!sets_up) break;
      const Write begun = write();
      spoil_others(begun);
      use = Use{};
      use.begun = begun;
      break;
    }
    case 0x42: {
      if (!access.write) return relied_on(use);
      spoil_others(write());
      // A value for a counter that another has set up since.
      return relied_on(use);
    }
    case 0x61: {
      if (!access.write) {
        if (!use.spoiled_by) break;
        if (use.asked) return relied_on(use);
        use.asked = true;
        break;
      }
      use.asked = false;
      const bool gate = (access.value & 1) != 0;
      if (gate != gate_) spoil_others(write());
      gate_ = gate;
      break;
    }
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace mint
