// Translates blocks that cores will come to, on a thread of its own: those of a list, in its order.
// What a core executes, and when, hangs on none of this, only how long the host takes: a
// translation is used where it is what the core would make itself.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "emu/engine/block_list.hpp"
#include "emu/engine/translation_store.hpp"
#include "emu/timing/timing_model.hpp"

namespace mint {

class TranslateAhead {
 public:
  // For `engine` and its like; what is made goes to `store`, until the list or this object ends.
  // Null where the host has no way to do it.
  static std::unique_ptr<TranslateAhead> start(mint_engine& engine, const TimingModel& timing,
                                               const BlockList& list, TranslationStore& store);
  ~TranslateAhead();
  // Waits for the end of the list.
  void finish();
  // How far it has come in the list; no further.
  std::size_t stop();
  TranslateAhead(const TranslateAhead&) = delete;
  TranslateAhead& operator=(const TranslateAhead&) = delete;

  // For the shadow, on its thread. Null when not all of the cost is known.
  const BlockCost* find_cost(const CodeBlock& code);

 private:
  TranslateAhead(const TimingModel& timing, const BlockList& list, TranslationStore& store)
      : timing_(timing), list_(list), store_(store) {}
  void run();

  const TimingModel& timing_;
  const BlockList& list_;
  TranslationStore& store_;
  mint_shadow* shadow_ = nullptr;
  BlockCost cost_;
  std::atomic<bool> ending_ = false;
  std::size_t done_ = 0;  // of the list; the thread's until it has ended
  std::thread thread_;
};

}  // namespace mint
