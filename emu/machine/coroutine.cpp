#include "emu/machine/coroutine.hpp"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace mint {
namespace {

namespace context = boost::context::detail;
constexpr std::size_t kGuard = 4096;

#if defined(__SANITIZE_ADDRESS__)
void before_switch(void** save, const void* stack, std::size_t bytes) {
  __sanitizer_start_switch_fiber(save, stack, bytes);
}
void after_switch(void* saved, const void** stack, std::size_t* bytes) {
  __sanitizer_finish_switch_fiber(saved, stack, bytes);
}
// What its frames have marked stays so for whatever is mapped there next.
void unmark(void* stack, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(stack, bytes); }
#else
void before_switch(void**, const void*, std::size_t) {}
void after_switch(void*, const void**, std::size_t*) {}
void unmark(void*, std::size_t) {}
#endif

#if defined(__SANITIZE_THREAD__)
void* new_fiber() { return __tsan_create_fiber(0); }
void end_fiber(void* fiber) { __tsan_destroy_fiber(fiber); }
void* this_fiber() { return __tsan_get_current_fiber(); }
// Part of its caller: ThreadSanitizer keeps a stack of calls for each fiber, and a call of this
// would begin on one and end on another.
[[gnu::always_inline]] inline void switch_fiber(void* to) { __tsan_switch_to_fiber(to, 0); }
#else
void* new_fiber() { return nullptr; }
void end_fiber(void*) {}
void* this_fiber() { return nullptr; }
void switch_fiber(void*) {}
#endif

}  // namespace

struct Coroutine::Entry {
  static void run(context::transfer_t from) {
    auto* self = static_cast<Coroutine*>(from.data);
    after_switch(nullptr, &self->caller_stack_, &self->caller_stack_bytes_);
    self->outside_ = from.fctx;
    self->body_();
    self->finished_ = true;
    before_switch(nullptr, self->caller_stack_, self->caller_stack_bytes_);
    switch_fiber(self->caller_fiber_);
    context::jump_fcontext(self->outside_, nullptr);
  }
};

Coroutine::Coroutine(std::size_t stack_bytes, std::function<void()> body)
    : body_(std::move(body)), stack_bytes_(stack_bytes + kGuard) {
  stack_ = mmap(nullptr, stack_bytes_, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(stack_, kGuard, PROT_NONE);
  inside_ =
      context::make_fcontext(static_cast<char*>(stack_) + stack_bytes_, stack_bytes, Entry::run);
  fiber_ = new_fiber();
}

Coroutine::~Coroutine() {
  end_fiber(fiber_);
  unmark(stack_, stack_bytes_);
  munmap(stack_, stack_bytes_);
}

void Coroutine::resume() {
  void* saved = nullptr;
  before_switch(&saved, static_cast<char*>(stack_) + kGuard, stack_bytes_ - kGuard);
  caller_fiber_ = this_fiber();
  switch_fiber(fiber_);
  const context::transfer_t back = context::jump_fcontext(inside_, this);
  after_switch(saved, nullptr, nullptr);
  inside_ = back.fctx;
}

void Coroutine::suspend() {
  void* saved = nullptr;
  before_switch(&saved, caller_stack_, caller_stack_bytes_);
  switch_fiber(caller_fiber_);
  const context::transfer_t back = context::jump_fcontext(outside_, nullptr);
  after_switch(saved, &caller_stack_, &caller_stack_bytes_);
  outside_ = back.fctx;
}

}  // namespace mint
