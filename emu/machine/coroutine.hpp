// A stack of its own for each core, so that a device access can be suspended in the middle of an
// instruction while other cores catch up. A thin layer over Boost.Context's jump (no system calls,
// about 10 ns), with the notes that AddressSanitizer and ThreadSanitizer need.
//
//   Coroutine c(256 * 1024, [&] { ...; c.suspend(); ... });
//   c.resume();   // runs the function until it suspends or returns
//
// No C++ exception may leave the function.
#pragma once

#include <cstddef>
#include <functional>

namespace mint {

class Coroutine {
 public:
  Coroutine(std::size_t stack_bytes, std::function<void()> body);
  ~Coroutine();
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;

  // From outside: switches to the coroutine.
  void resume();
  // From inside: switches back to where resume() was called.
  void suspend();
  bool finished() const { return finished_; }

 private:
  struct Entry;

  std::function<void()> body_;
  void* stack_ = nullptr;  // lowest address, a guard page
  std::size_t stack_bytes_;
  void* inside_ = nullptr;   // where the coroutine is suspended
  void* outside_ = nullptr;  // where resume() was called
  bool finished_ = false;
  // For the sanitizers.
  const void* caller_stack_ = nullptr;
  std::size_t caller_stack_bytes_ = 0;
  void* fiber_ = nullptr;
  void* caller_fiber_ = nullptr;
};

}  // namespace mint
