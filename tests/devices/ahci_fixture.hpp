// A board with an AHCI controller and a disk as a test fixture.
#pragma once

#include <gtest/gtest.h>

#include "tests/devices/ahci_board.hpp"

namespace mint {

class AhciFixture : public testing::Test, protected AhciBoard {
 protected:
  explicit AhciFixture(bool ncq = true) : AhciBoard(ncq) {}

  void bring_up() { ASSERT_TRUE(AhciBoard::bring_up()); }
  void recover() { ASSERT_TRUE(AhciBoard::recover()); }
};

}  // namespace mint
