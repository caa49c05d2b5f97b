// Capstone on several threads. A handle belongs to one thread at a time; beyond that, the library
// has tables of its own that are made when the first instruction is disassembled with its details,
// without regard to other threads.
#pragma once

namespace mint {

// Has those tables made, once. To be called before a thread disassembles with details.
void prepare_capstone();

}  // namespace mint
