// What the timing model says of basic blocks: for each line of standard input, 64-bit instructions
// in hexadecimal with spaces between them, a line with the block's bounds in cycles
// (docs/timing.md). bench/llvm_mca is what asks.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "emu/timing/block_model.hpp"

int main() {
  const mint::BlockModel model;
  fmt::print("total fetch decode issue ports loads stores units jump dependencies serial\n");
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<std::uint8_t> code;
    std::vector<std::uint16_t> starts;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      starts.push_back(static_cast<std::uint16_t>(code.size()));
      for (std::size_t i = 0; i + 1 < word.size(); i += 2)
        code.push_back(static_cast<std::uint8_t>(std::stoul(word.substr(i, 2), nullptr, 16)));
    }
    const mint::BlockModel::Bounds b = model.bounds({code, starts, 64});
    const auto cycles = [](int hundredths) { return hundredths / 100.0; };
    fmt::print("{} {} {} {} {} {} {} {} {} {} {}\n", cycles(b.total()), cycles(b.fetch),
               cycles(b.decode), cycles(b.issue), cycles(b.ports), cycles(b.loads),
               cycles(b.stores), cycles(b.units), cycles(b.jump), cycles(b.dependencies),
               cycles(b.serial));
  }
}
