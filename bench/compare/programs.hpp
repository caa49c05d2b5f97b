// The bare-metal programs that `mintsim bench` has in it: bench/mixes.hpp as multiboot images.
#pragma once

#include <string>
#include <vector>

namespace mint::bench {

std::vector<std::string> program_names();
// The image of the program `name`; empty when there is none of that name.
std::string program_image(const std::string& name);

}  // namespace mint::bench
