// Forms that say more than instruction and operands: values, lengths, repetitions.
#pragma once

#include <optional>
#include <string>

#include "bench/accuracy/form.hpp"

namespace mint::accuracy {

// Nothing when it is no such form.
std::optional<Test> build_special(const std::string& form);

}  // namespace mint::accuracy
