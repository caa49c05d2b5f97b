// Our side of Unicorn: cycle accounting, by a budget in the CPU state that each block decrements at
// its head, and what else is added to translated blocks.

#include "emu/engine/glue_internal.h"

void helper_check_exit_request_x86_64(void* argument, uint32_t kind);

// Stands in for Unicorn's own check at the head of a block (whose calls are taken out of the
// translated operations), because only registered helpers can be called from generated code.
void __wrap_helper_check_exit_request_x86_64(void* argument, uint32_t kind) {
  switch (kind & 0xff) {
    case MINT_CALL_LOAD:
      mint_on_load(mint_current->host, (uint64_t)(uintptr_t)argument);
      break;
    case MINT_CALL_STORE:
      mint_on_store(mint_current->host, (uint64_t)(uintptr_t)argument);
      break;
    case MINT_CALL_BLOCK:
      mint_on_block(mint_current->host, (uint64_t)(uintptr_t)argument, kind >> 8);
      break;
    case MINT_CALL_PROBE:
      mint_on_probe(mint_current->host, (uint32_t)(uintptr_t)argument);
      break;
    case MINT_CALL_UNDEFINED:
      raise_exception_err_ra(env_of(mint_current), EXCP06_ILLOP, 0, GETPC());
    case MINT_CALL_MXCSR:
      mint_update_mxcsr(env_of(mint_current));
      break;
    case MINT_CALL_CONTROL:
      mint_check_mode(env_of(mint_current), (uint64_t)(uintptr_t)argument);
      break;
    case MINT_CALL_TRANSFER:
      mint_check_mode_here(env_of(mint_current));
      break;
    case MINT_CALL_WAIT:
      env_of(mint_current)->eip = (uintptr_t)argument;
      mint_on_wait(mint_current->host, (uintptr_t)argument);
      break;
    case MINT_CALL_STRING:
      mint_do_string(argument, kind >> 8);
      break;
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

bool mint_is_call_of(const TCGOp* op, const void* function) {
  if (op->opc != INDEX_op_call) return false;
  return op->args[TCGOP_CALLO(op) + TCGOP_CALLI(op)] == (TCGArg)(uintptr_t)function;
}

static const int64_t kOneCycle = INT64_C(1) << MINT_BUDGET_SHIFT;

struct head {
  TCGOp *cost, *least;  // set the constants
};

// Emits, in front of a block:
//     budget -= cost
//     if (budget < one cycle - cost) goto edge, where the run loop is left for mint_leave_at_edge
// The constants are known when the block has been translated.
static struct head gen_head(TCGContext* s, TCGLabel* edge) {
  struct head head;
  TCGv_i64 budget = tcg_temp_new_i64(s);
  tcg_gen_ld_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  TCGv_i64 cost = tcg_const_i64(s, 0x7777777777);
  head.cost = tcg_last_op(s);
  tcg_gen_sub_i64(s, budget, budget, cost);
  tcg_temp_free_i64(s, cost);
  tcg_gen_st_i64(s, budget, s->cpu_env, BUDGET_OFFSET);
  TCGv_i64 least = tcg_const_i64(s, 0x7777777777);
  head.least = tcg_last_op(s);
  tcg_gen_brcond_i64(s, TCG_COND_LT, budget, least, edge);
  tcg_temp_free_i64(s, least);
  tcg_temp_free_i64(s, budget);
  return head;
}

static void set_cost(TranslationBlock* tb, const struct head* head, uint32_t cycles,
                     unsigned count) {
  const int64_t cost = mint_cost(cycles, count);
  tb->orig_tb = (TranslationBlock*)(intptr_t)cost;
  head->cost->args[1] = (TCGArg)cost;
  head->least->args[1] = (TCGArg)(kOneCycle - cost);
}

void mint_leave_at_edge(CPUState* cpu, TranslationBlock* block) {
  CPUX86State* env = cpu->env_ptr;
  env->eip = block->pc - block->cs_base;
  int64_t* budget = mint_current->budget;
  if (*budget + mint_cost_of(block) >= kOneCycle) return;
  *budget += mint_cost_of(block);
  mint_on_block_edge(mint_current->host, block->pc);
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

// Emits, behind operation `before`, the count of instructions without a known cost. Only the few
// blocks that have such instructions pay for it.
static void count_unknown(TCGContext* s, TCGOp* before, uint32_t unknown) {
  TCGOp* last = tcg_last_op(s);
  TCGv_ptr counter = tcg_const_ptr(s, &mint_current->unknown_instructions);
  TCGv_i64 value = tcg_temp_new_i64(s);
  tcg_gen_ld_i64(s, value, counter, 0);
  tcg_gen_addi_i64(s, value, value, unknown);
  tcg_gen_st_i64(s, value, counter, 0);
  tcg_temp_free_i64(s, value);
  tcg_temp_free_ptr(s, counter);
  move_operations(s, last, before);
}

// Unicorn ends long blocks where its buffers are full, which hangs on the host. Where blocks end is
// seen in the guest's time (a block costs whole cycles): end them earlier.
enum { LONGEST_BLOCK = 96 };

// The translator's own steps, with ours in front of each instruction.
static __thread const TranslatorOps* translator;
// SDM vol. 3A, 6.15, #AC. A change of CR0.AM drops all blocks.
static bool checks_alignment(const DisasContextBase* db, const CPUState* cpu) {
  const uint32_t flags = db->tb->flags;
  const CPUX86State* env = cpu->env_ptr;
  return (flags & AC_MASK) && (flags >> HF_CPL_SHIFT & 3) == 3 && (env->cr[0] & CR0_AM_MASK);
}

static void translate_instruction(DisasContextBase* db, CPUState* cpu) {
  // The instruction that EFLAGS.RF is for is alone in its block.
  if (db->tb->flags & HF_RF_MASK) gen_helper_reset_rf(cpu->uc->tcg_ctx, cpu->uc->tcg_ctx->cpu_env);
  const bool sixteen = mint_before_instruction(db, cpu);
  TCGOp* last = tcg_last_op(cpu->uc->tcg_ctx);
  translator->translate_insn(db, cpu);
  if (sixteen || checks_alignment(db, cpu)) mint_align_accesses(cpu->uc->tcg_ctx, last, sixteen);
}

// Goes through the operations behind `before`: takes out Unicorn's check at the head of the block,
// notes where instructions start, adds what tells of modes. Returns how many instructions there
// are.
static unsigned scan_operations(TCGContext* s, TCGOp* before, TranslationBlock* tb,
                                uint16_t starts[TCG_MAX_INSNS]) {
  unsigned count = 0;
  TCGOp *op, *next, *pause = NULL, *modes = NULL;
  for (op = QTAILQ_NEXT(before, link); op != NULL; op = next) {
    next = QTAILQ_NEXT(op, link);
    if (op->opc == INDEX_op_insn_start && count < TCG_MAX_INSNS)
      starts[count++] = (uint16_t)(op->args[0] - tb->pc);
    else if (count == 0 && mint_is_call_of(op, helper_check_exit_request_x86_64))
      tcg_op_remove(s, op);
    else if (mint_is_call_of(op, helper_pause))
      pause = op;
    else if (mint_mode_call_behind(op) != 0)
      modes = op;  // the last instruction of its block
  }
  if (modes != NULL) {
    TCGOp* last = tcg_last_op(s);
    mint_emit_call(s, tb->pc + tb->size, mint_mode_call_behind(modes));
    move_operations(s, last, modes);
  }
  if (pause != NULL) {
    // helper_pause leaves the run loop in Unicorn, so the translator ends the block without a way
    // on. The next block can be chained where the translator would: in the same page, not while
    // single-stepping or in an interrupt shadow. Kernels spin here.
    TCGOp* last = tcg_last_op(s);
    const target_ulong next_pc = tb->pc + tb->size;
    if (((next_pc ^ tb->pc) & TARGET_PAGE_MASK) == 0 && !(tb->cflags & CF_LAST_IO) &&
        !(tb->flags & (HF_TF_MASK | HF_INHIBIT_IRQ_MASK))) {
      tcg_gen_goto_tb(s, 0);
      tcg_gen_exit_tb(s, tb, 0);
    } else {
      tcg_gen_lookup_and_goto_ptr(s);
    }
    move_operations(s, last, pause);
  }
  return count;
}

// A block in the shadow of STI, MOV SS or POP SS ends with it: the run loop has to see what is
// pending (SDM vol. 3A, 6.8.1). Unicorn goes straight on to the next block where that instruction
// jumps, as in STI; RET.
static void end_in_run_loop(TCGContext* s, TCGOp* before) {
  TCGOp *op, *next;
  for (op = QTAILQ_NEXT(before, link); op != NULL; op = next) {
    next = QTAILQ_NEXT(op, link);
    if (op->opc == INDEX_op_goto_tb) {
      tcg_op_remove(s, op);
    } else if (op->opc == INDEX_op_goto_ptr || op->opc == INDEX_op_exit_tb) {
      op->opc = INDEX_op_exit_tb;
      op->args[0] = 0;
    }
  }
}

bool mint_jumps_back(const TranslationBlock* tb, const uint8_t* last, unsigned length) {
  int32_t offset;
  if (length == 2 && ((last[0] >= 0x70 && last[0] <= 0x7f) || last[0] == 0xeb))
    offset = (int8_t)last[1];
  else if ((length == 5 && last[0] == 0xe9) ||
           (length == 6 && last[0] == 0x0f && last[1] >= 0x80 && last[1] <= 0x8f))
    offset = (int32_t)ldl_le_p(last + length - 4);
  else
    return false;
  return offset < 0 && offset >= -128 && (tb->flags & (HF_CS32_MASK | HF_CS64_MASK)) &&
         !(tb->cflags & (CF_LAST_IO | CF_NOCACHE));
}

// To optimise a block's operations takes a tenth of its translation, most blocks run a few times
// only, and even loops gain no more than a few percent from it.
void __wrap_tcg_optimize_x86_64(TCGContext* s) {}

void __real_translator_loop_x86_64(const TranslatorOps*, DisasContextBase*, CPUState*,
                                   TranslationBlock*, int);
void __wrap_translator_loop_x86_64(const TranslatorOps* ops, DisasContextBase* db, CPUState* cpu,
                                   TranslationBlock* tb, int max_insns) {
  struct mint_shadow* shadow = mint_current->shadow;
  if (mint_current->adopts && mint_adopt(cpu, tb)) return;
  TCGContext* s = cpu->uc->tcg_ctx;
  // A shadow's translations are not for blocks with probes.
  const uint32_t probe = shadow != NULL ? 0 : mint_on_probe_lookup(mint_current->host, tb->pc);
  TCGLabel* edge = gen_new_label(s);
  const struct head head = gen_head(s, edge);
  if (probe != 0) mint_emit_call(s, probe, MINT_CALL_PROBE);
  TCGOp* before = tcg_last_op(s);

  TranslatorOps with_ours = *ops;
  with_ours.translate_insn = translate_instruction;
  translator = ops;
  mint_current->translation = db;
  if (tb->cflags & CF_LAST_IO) cpu->singlestep_enabled = 1;  // see glue_debug.c
  max_insns = MIN(max_insns, tb->flags & HF_RF_MASK ? 1 : LONGEST_BLOCK);
  __real_translator_loop_x86_64(&with_ours, db, cpu, tb, max_insns);
  cpu->singlestep_enabled = 0;

  if (tb->flags & HF_INHIBIT_IRQ_MASK) end_in_run_loop(s, before);

  static __thread uint16_t starts[TCG_MAX_INSNS];
  const unsigned count = scan_operations(s, before, tb, starts);
  static __thread uint8_t code[TCG_MAX_INSNS * 16];
  const unsigned size = MIN(tb->size, sizeof code);
  for (unsigned i = 0; i < size; i++) code[i] = cpu_ldub_code(cpu->env_ptr, tb->pc + i);
  const unsigned bits = tb->flags & HF_CS64_MASK ? 64 : tb->flags & HF_CS32_MASK ? 32 : 16;
  const struct mint_block_cost cost =
      shadow != NULL
          ? (struct mint_block_cost){mint_shadow_cost(shadow, tb, starts, count, bits, code), 0}
          : mint_on_translated(mint_current->host, tb, tb->pc, size, starts, count, bits, code);
  set_cost(tb, &head, cost.cycles, count);
  mint_observe_block(s, before, tb->pc, size);
  const unsigned last = count == 0 ? size : MIN(starts[count - 1], size);
  TCGOp* end = tcg_last_op(s);
  uint32_t operation;
  // A model that is told of every block and access has to see those, too, that could be skipped.
  const bool may_skip = !mint_current->observes_accesses && shadow == NULL;
  if (cost.unknown != 0) {
    count_unknown(s, before, cost.unknown);
  } else if (may_skip && mint_jumps_back(tb, code + last, size - last)) {
    if (mint_on_jump_back(mint_current->host))
      mint_emit_call(s, tb->pc - tb->cs_base, MINT_CALL_WAIT);
  } else if (may_skip && mint_is_string_block(tb, code, size, &operation)) {
    mint_emit_call(s, (uintptr_t)tb, MINT_CALL_STRING | operation << 8);
  } else if (mint_current->adopts) {
    mint_tell_ahead(cpu, tb);
  }
  move_operations(s, end, before);
  gen_set_label(s, edge);
  tcg_gen_exit_tb(s, tb, TB_EXIT_REQUESTED);
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
