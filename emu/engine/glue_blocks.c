// Our side of Unicorn: cycle accounting, by a budget in the CPU state that each block decrements at
// its head, and what else is added to translated blocks.

#include "emu/engine/glue_internal.h"

void helper_check_exit_request_x86_64(void* argument, uint32_t kind);

static void block_edge(const TranslationBlock* block) {
  const bool leave = mint_on_block_edge(mint_current->host, block->pc);
  // While this core was suspended, another one may have dropped the block that is about to run.
  mint_current->leave_block = leave || (block->cflags & CF_INVALID) != 0;
}

// Stands in for Unicorn's own check at the head of a block (whose calls are taken out of the
// translated operations), because only registered helpers can be called from generated code.
void __wrap_helper_check_exit_request_x86_64(void* argument, uint32_t kind) {
  switch (kind) {
    case MINT_CALL_EDGE:
      block_edge(argument);
      break;
    case MINT_CALL_PROBE:
      mint_on_probe(mint_current->host, (uint32_t)(uintptr_t)argument);
      break;
    case MINT_CALL_UNDEFINED:
      raise_exception_err_ra(env_of(mint_current), EXCP06_ILLOP, 0, GETPC());
    case MINT_CALL_BREAK:
      mint_raise_icebp(env_of(mint_current), (unsigned)(uintptr_t)argument, GETPC());
  }
}

void mint_emit_call(TCGContext* s, uintptr_t argument, uint32_t kind) {
  TCGv_ptr pointer = tcg_const_ptr(s, (void*)argument);
  TCGv_i32 number = tcg_const_i32(s, kind);
  gen_helper_check_exit_request(s, pointer, number);
  tcg_temp_free_i32(s, number);
  tcg_temp_free_ptr(s, pointer);
}

static bool is_call_of(const TCGOp* op, const void* function) {
  if (op->opc != INDEX_op_call) return false;
  return op->args[TCGOP_CALLO(op) + TCGOP_CALLI(op)] == (TCGArg)(uintptr_t)function;
}

// Emits, in front of a block:
//     head:  if (budget < one cycle) goto edge
//            budget -= cost << shift | instructions        (the constant is patched in afterwards)
// Returns the operation that holds the constant.
static TCGOp* gen_head(TCGContext* s, TCGLabel* head, TCGLabel* edge) {
  // The optimiser looks at the operation before a label: give it one, which it then drops.
  tcg_temp_free_i32(s, tcg_const_i32(s, 0));
  gen_set_label(s, head);
  TCGv_i64 budget = tcg_temp_new_i64(s);
  TCGv_i64 cycle = tcg_const_i64(s, INT64_C(1) << MINT_BUDGET_SHIFT);
  tcg_gen_ld_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  tcg_gen_brcond_i64(s, TCG_COND_LT, budget, cycle, edge);
  tcg_temp_free_i64(s, cycle);
  tcg_temp_free_i64(s, budget);
  // Temporaries do not live across the branch.
  budget = tcg_temp_new_i64(s);
  tcg_gen_ld_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  TCGv_i64 cost = tcg_const_i64(s, 0x7777777777);
  TCGOp* constant = tcg_last_op(s);
  tcg_gen_sub_i64(s, budget, budget, cost);
  tcg_gen_st_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  tcg_temp_free_i64(s, cost);
  tcg_temp_free_i64(s, budget);
  return constant;
}

// Emits, behind a block:
//     edge:  mint_on_block_edge(); if (!leave_block) goto head; exit to the run loop
static void gen_edge(TCGContext* s, TranslationBlock* tb, TCGLabel* head, TCGLabel* edge) {
  gen_set_label(s, edge);
  mint_emit_call(s, (uintptr_t)tb, MINT_CALL_EDGE);
  TCGv_ptr engine = tcg_const_ptr(s, mint_current);
  TCGv_i32 leave = tcg_temp_new_i32(s);
  tcg_gen_ld8u_i32(s, leave, engine, offsetof(struct mint_engine, leave_block));
  tcg_temp_free_ptr(s, engine);
  TCGv_i32 zero = tcg_const_i32(s, 0);
  tcg_gen_brcond_i32(s, TCG_COND_EQ, leave, zero, head);
  tcg_temp_free_i32(s, zero);
  tcg_temp_free_i32(s, leave);
  tcg_gen_exit_tb(s, tb, TB_EXIT_REQUESTED);
}

// Moves the operations after `last` to just behind `position`.
static void move_operations(TCGContext* s, TCGOp* last, TCGOp* position) {
  TCGOp* op;
  while ((op = QTAILQ_NEXT(last, link)) != NULL) {
    QTAILQ_REMOVE(&s->ops, op, link);
    QTAILQ_INSERT_AFTER(&s->ops, position, op, link);
    position = op;
  }
}

// The translator's own steps, with ours in front of each instruction.
static __thread const TranslatorOps* translator;
static void translate_instruction(DisasContextBase* db, CPUState* cpu) {
  // The instruction that EFLAGS.RF is for is alone in its block.
  if (db->tb->flags & HF_RF_MASK) gen_helper_reset_rf(cpu->uc->tcg_ctx, cpu->uc->tcg_ctx->cpu_env);
  mint_before_instruction(db, cpu);
  translator->translate_insn(db, cpu);
}

// Goes through the operations behind `before`: takes out Unicorn's check at the head of the block,
// notes where instructions start. Returns how many there are.
static unsigned scan_operations(TCGContext* s, TCGOp* before, const TranslationBlock* tb,
                                uint16_t starts[TCG_MAX_INSNS]) {
  unsigned count = 0;
  TCGOp *op, *next, *pause = NULL;
  for (op = QTAILQ_NEXT(before, link); op != NULL; op = next) {
    next = QTAILQ_NEXT(op, link);
    if (op->opc == INDEX_op_insn_start && count < TCG_MAX_INSNS)
      starts[count++] = (uint16_t)(op->args[0] - tb->pc);
    else if (count == 0 && is_call_of(op, helper_check_exit_request_x86_64))
      tcg_op_remove(s, op);
    else if (is_call_of(op, helper_pause))
      pause = op;
  }
  if (pause != NULL) {
    // helper_pause leaves the run loop in Unicorn, so the translator ends the block without a way
    // on.
    TCGOp* last = tcg_last_op(s);
    tcg_gen_lookup_and_goto_ptr(s);
    move_operations(s, last, pause);
  }
  return count;
}

void __real_translator_loop_x86_64(const TranslatorOps*, DisasContextBase*, CPUState*,
                                   TranslationBlock*, int);
void __wrap_translator_loop_x86_64(const TranslatorOps* ops, DisasContextBase* db, CPUState* cpu,
                                   TranslationBlock* tb, int max_insns) {
  TCGContext* s = cpu->uc->tcg_ctx;
  const uint32_t probe = mint_on_probe_lookup(mint_current->host, tb->pc);
  TCGLabel* head = gen_new_label(s);
  TCGLabel* edge = gen_new_label(s);
  TCGOp* constant = gen_head(s, head, edge);
  if (probe != 0) mint_emit_call(s, probe, MINT_CALL_PROBE);
  TCGOp* before = tcg_last_op(s);

  TranslatorOps with_ours = *ops;
  with_ours.translate_insn = translate_instruction;
  translator = ops;
  mint_current->translation = db;
  if (tb->cflags & CF_LAST_IO) cpu->singlestep_enabled = 1;  // see glue_debug.c
  if (tb->flags & HF_RF_MASK) max_insns = 1;
  __real_translator_loop_x86_64(&with_ours, db, cpu, tb, max_insns);
  cpu->singlestep_enabled = 0;

  static __thread uint16_t starts[TCG_MAX_INSNS];
  const unsigned count = scan_operations(s, before, tb, starts);
  static __thread uint8_t code[TCG_MAX_INSNS * 16];
  const unsigned size = MIN(tb->size, sizeof code);
  for (unsigned i = 0; i < size; i++) code[i] = cpu_ldub_code(cpu->env_ptr, tb->pc + i);
  const unsigned bits = tb->flags & HF_CS64_MASK ? 64 : tb->flags & HF_CS32_MASK ? 32 : 16;
  const uint32_t cost =
      mint_on_translated(mint_current->host, tb, tb->pc, size, starts, count, bits, code);
  constant->args[1] = (TCGArg)cost << MINT_BUDGET_SHIFT | count;
  gen_edge(s, tb, head, edge);
  mint_current->translation = NULL;
  // What was not fetched from RAM may read differently the next time.
  if (tb->cflags & CF_NOCACHE) tb->cflags |= CF_INVALID;
}

unsigned mint_engine_generation(const struct mint_engine* engine) {
  return engine->uc->tcg_ctx->tb_ctx.tb_flush_count;
}

bool mint_engine_locate(const struct mint_engine* engine, uintptr_t host_pc, const void** block,
                        unsigned* index) {
  if (host_pc == 0) return false;
  TCGContext* s = engine->uc->tcg_ctx;
  if (host_pc - (uintptr_t)s->code_gen_buffer >= s->code_gen_buffer_size) return false;
  TranslationBlock* tb = tcg_tb_lookup(s, host_pc);
  if (tb == NULL) return false;
  // The table that encode_search() in translate-all.c puts behind a block's code: for each
  // instruction TARGET_INSN_START_WORDS guest words and the length of its code, as LEB128 deltas.
  const uint8_t* p = (const uint8_t*)tb->tc.ptr + tb->tc.size;
  uintptr_t end = (uintptr_t)tb->tc.ptr;
  for (unsigned i = 0; i < tb->icount; i++) {
    for (unsigned word = 0; word <= TARGET_INSN_START_WORDS; word++) {
      int64_t value = 0;
      unsigned shift = 0;
      uint8_t byte;
      do {
        byte = *p++;
        value |= (int64_t)(byte & 0x7f) << shift;
        shift += 7;
      } while (byte & 0x80);
      if (shift < 64 && (byte & 0x40)) value |= -(INT64_C(1) << shift);
      if (word == TARGET_INSN_START_WORDS) end += value;
    }
    if (end > host_pc - GETPC_ADJ) {
      *block = tb;
      *index = i;
      return true;
    }
  }
  return false;
}

bool __real_cpu_restore_state_x86_64(CPUState*, uintptr_t, bool);
bool __wrap_cpu_restore_state_x86_64(CPUState* cpu, uintptr_t host_pc, bool will_exit) {
  const void* block;
  unsigned index;
  if (mint_engine_locate(mint_current, host_pc, &block, &index))
    mint_on_fault(mint_current->host, block, index);
  return __real_cpu_restore_state_x86_64(cpu, host_pc, will_exit);
}
