// Our side of Unicorn: REP MOVS and REP STOS in RAM. Unicorn runs a block for each element; here
// most elements of a page are moved at once, and the budget pays for the blocks that did not run.

#include "emu/engine/glue_internal.h"

enum { MIN_ELEMENTS = 4 };

// F3 [66] [REX] A4, A5, AA or AB: no override of segment or address size.
bool mint_is_string_block(const TranslationBlock* tb, const uint8_t* code, unsigned size,
                          uint32_t* operation) {
  const bool code64 = tb->flags & HF_CS64_MASK;
  if (!code64 && !(tb->flags & HF_CS32_MASK)) return false;
  if ((tb->flags & (HF_TF_MASK | HF_RF_MASK | HF_INHIBIT_IRQ_MASK | AC_MASK | VM_MASK)) ||
      (tb->cflags & (CF_LAST_IO | CF_NOCACHE)))
    return false;
  bool repeat = false, word = false, quad = false;
  unsigned i = 0;
  for (; i < size && (code[i] == 0xf3 || code[i] == 0x66); i++) {
    repeat |= code[i] == 0xf3;
    word |= code[i] == 0x66;
  }
  if (code64 && i < size && (code[i] & 0xf0) == 0x40) quad = code[i++] & 8;
  if (!repeat || i + 1 != size) return false;
  const bool move = (code[i] & 0xfe) == 0xa4;
  if (!move && (code[i] & 0xfe) != 0xaa) return false;
  const unsigned bytes = !(code[i] & 1) ? 1 : quad ? 8 : word ? 2 : 4;
  *operation = bytes | (move ? MINT_STRING_MOVE : 0);
  return true;
}

static target_ulong linear_of(const CPUX86State* env, int segment, target_ulong offset) {
  return env->hflags & HF_CS64_MASK ? offset : (uint32_t)(env->segs[segment].base + offset);
}

// How many elements from `linear` on are in its page.
static target_ulong elements_in_page(target_ulong linear, unsigned bytes) {
  return (TARGET_PAGE_SIZE - (linear & ~TARGET_PAGE_MASK)) / bytes;
}

static void fill(uint8_t* to, uint64_t value, unsigned bytes, target_ulong count) {
  switch (bytes) {
    case 1:
      memset(to, (uint8_t)value, count);
      break;
    case 2:
      for (target_ulong i = 0; i < count; i++) stw_le_p(to + 2 * i, (uint16_t)value);
      break;
    case 4:
      for (target_ulong i = 0; i < count; i++) stl_le_p(to + 4 * i, (uint32_t)value);
      break;
    default:
      for (target_ulong i = 0; i < count; i++) stq_le_p(to + 8 * i, value);
      break;
  }
}

void mint_do_string(const TranslationBlock* tb, uint32_t operation) {
  const struct mint_engine* engine = mint_current;
  CPUX86State* env = env_of(engine);
  const bool code64 = env->hflags & HF_CS64_MASK;
  const target_ulong mask = code64 ? ~(target_ulong)0 : 0xffffffff;
  const unsigned bytes = operation & 15;
  // The last element is left to the block, which also ends the instruction.
  target_ulong count = env->regs[R_ECX] & mask;
  if (env->df != 1 || count <= MIN_ELEMENTS) return;
  count--;
  // Each of the blocks would have run: the budget before it was a cycle or more.
  const int64_t cost = mint_cost_of(tb);
  const int64_t spare = *engine->budget - (INT64_C(1) << MINT_BUDGET_SHIFT);
  if (spare < cost) return;
  count = MIN(count, (target_ulong)(spare / cost));

  const target_ulong to = linear_of(env, R_ES, env->regs[R_EDI] & mask);
  count = MIN(count, elements_in_page(to, bytes));
  uint8_t* target = (uint8_t*)mint_engine_peek(engine, to, MINT_PEEK_WRITE);
  if (target == NULL) return;
  if (operation & MINT_STRING_MOVE) {
    const target_ulong from = linear_of(env, R_DS, env->regs[R_ESI] & mask);
    count = MIN(count, elements_in_page(from, bytes));
    const uint8_t* source = mint_engine_peek(engine, from, MINT_PEEK_READ);
    // An element that is read after it was written: a pattern spreads.
    if (source == NULL || (uintptr_t)(target - source) < count * bytes) return;
    memmove(target, source, count * bytes);
    env->regs[R_ESI] = (env->regs[R_ESI] + count * bytes) & mask;
  } else {
    fill(target, env->regs[R_EAX], bytes, count);
  }
  env->regs[R_EDI] = (env->regs[R_EDI] + count * bytes) & mask;
  env->regs[R_ECX] = (env->regs[R_ECX] - count) & mask;
  *engine->budget -= (int64_t)count * cost;
}
