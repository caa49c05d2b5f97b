// Our side of Unicorn: translation ahead. A shadow translates blocks on another thread than the one
// that runs its engine; mint_adopt takes them over.
//
// What a shadow makes can be copied to anywhere:
//   - it lies more than 2 GB away from all that it refers to, and Unicorn then uses absolute
//     addresses for that;
//   - a jump to the next block is an empty slot, to be filled where the copy lies;
//   - the address of the block's descriptor is looked up and noted (find_names).
// A translation hangs on nothing but its name and its bytes, which are compared when it is adopted.
// What could hang on more is left to the engine: see mint_shadow_cost. A copy leaves generated code
// by the epilogue of the engine that the shadow was opened for, whoever runs it: they are all
// alike.

#include <sys/mman.h>

#include "emu/engine/glue_internal.h"

enum { MOST_INSTRUCTIONS = 96, CODE_BYTES = 1 << 17, SHADOW_BUFFER = 1 << 20 };
static const uint64_t kNear = UINT64_C(1) << 32;

struct mint_shadow {
  struct mint_engine engine;
  void* host;
  uint8_t* buffer;  // for one block
  TranslationBlock block;
  const uint8_t* bytes;  // of the block
  uint64_t pc;
  unsigned available, looked_at;
  // It is none for a shadow.
  bool gave_up;
  uint32_t cycles;
  unsigned count;
  const uint16_t* before;
  uint16_t starts[TCG_MAX_INSNS];
};

// --- the shadow ----------------------------------------------------------------------------------

static bool is_far(const void* buffer, const void* from) {
  const uint64_t distance = (uintptr_t)buffer > (uintptr_t)from
                                ? (uintptr_t)buffer - (uintptr_t)from
                                : (uintptr_t)from - (uintptr_t)buffer;
  return distance > kNear && (uintptr_t)from > kNear;
}

// A buffer that is far from all that code refers to.
static uint8_t* map_far(const TCGContext* of, const struct mint_shadow* shadow) {
  for (uint64_t hint = UINT64_C(0x004000000000); hint < UINT64_C(0x700000000000);
       hint += UINT64_C(0x080000000000)) {
    void* buffer = mmap((void*)hint, CODE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (buffer == MAP_FAILED) continue;
    if (is_far(buffer, of->code_gen_buffer) && is_far(buffer, shadow) &&
        is_far(buffer, (const void*)(uintptr_t)map_far) && is_far(buffer, memcpy))
      return buffer;
    munmap(buffer, CODE_BYTES);
  }
  return NULL;
}

struct mint_shadow* mint_shadow_open(struct mint_engine* of, void* host) {
  struct mint_engine* saved = mint_current;
  struct mint_shadow* shadow = calloc(1, sizeof *shadow);
  if (shadow == NULL) return NULL;
  TCGContext* theirs = of->uc->tcg_ctx;
  shadow->host = host;
  shadow->buffer = map_far(theirs, shadow);
  if (shadow->buffer != NULL) shadow->engine.uc = mint_open_unicorn(&shadow->engine, SHADOW_BUFFER);
  mint_engine_set_current(saved);
  if (shadow->engine.uc == NULL) {
    if (shadow->buffer != NULL) munmap(shadow->buffer, CODE_BYTES);
    free(shadow);
    return NULL;
  }
  shadow->engine.shadow = shadow;
  CPUX86State* env = env_of(&shadow->engine);
  memcpy(env->features, env_of(of)->features, sizeof env->features);
  TCGContext* s = shadow->engine.uc->tcg_ctx;
  s->code_gen_epilogue = theirs->code_gen_epilogue;
  s->tb_ret_addr = theirs->tb_ret_addr;
  s->code_gen_highwater = shadow->buffer + CODE_BYTES / 2;
  return shadow;
}

void mint_shadow_close(struct mint_shadow* shadow) {
  struct mint_engine* saved = mint_current;
  mint_engine_set_current(NULL);
  uc_close(shadow->engine.uc);
  munmap(shadow->buffer, CODE_BYTES);
  free(shadow);
  mint_engine_set_current(saved);
}

uint64_t mint_shadow_read(struct mint_shadow* shadow, uint64_t linear, unsigned size) {
  const uint64_t offset = linear - shadow->pc;
  if (offset > shadow->available || shadow->available - offset < size) {
    shadow->gave_up = true;
    return 0;
  }
  shadow->looked_at = MAX(shadow->looked_at, (unsigned)offset + size);
  uint64_t value = 0;
  memcpy(&value, shadow->bytes + offset, size);
  return value;
}

uint32_t mint_shadow_cost(struct mint_shadow* shadow, const TranslationBlock* tb,
                          const uint16_t* starts, unsigned count, unsigned bits,
                          const uint8_t* code) {
  uint32_t operation;
  const unsigned last = count == 0 ? tb->size : MIN(starts[count - 1], tb->size);
  // What these become hangs on the engine's registers, or names the block in more ways.
  if (shadow->gave_up || count == 0 || count > MOST_INSTRUCTIONS ||
      mint_jumps_back(tb, code + last, tb->size - last) ||
      mint_is_string_block(tb, code, tb->size, &operation) ||
      !mint_on_shadow_translated(shadow->host, tb->size, starts, count, bits, code, &shadow->cycles,
                                 &shadow->before)) {
    shadow->gave_up = true;
    return 0;
  }
  shadow->count = count;
  memcpy(shadow->starts, starts, count * sizeof *starts);
  return shadow->cycles;
}

static unsigned count_exits(const TCGContext* s) {
  unsigned count = 0;
  const TCGOp* op;
  QTAILQ_FOREACH(op, &s->ops, link)
  count += op->opc == INDEX_op_exit_tb && op->args[0] != 0;
  return count;
}

// Where the code has a MOV r64, imm64 of the block's address; takes the address itself out. False
// when these are not exactly the block's exits, or when an LEA relative to RIP has a target outside
// of the code: a constant of the guest's that happens to be near.
static bool find_names(struct mint_shadow* shadow, struct mint_translation* out, unsigned exits) {
  uint8_t* code = shadow->buffer;
  const uintptr_t name = (uintptr_t)&shadow->block;
  for (unsigned at = 0; at + 10 <= out->code_size; at++) {
    if ((code[at] & 0xfa) != 0x48) continue;  // REX.W
    if ((code[at] & 0xfb) == 0x48 && code[at + 1] == 0x8d && (code[at + 2] & 0xc7) == 0x05) {
      const int64_t target = (int64_t)at + 7 + (int32_t)ldl_le_p(code + at + 3);
      if (target < 0 || target > out->code_size) return false;
    }
    if ((code[at] & 0xfe) != 0x48 || (code[at + 1] & 0xf8) != 0xb8) continue;
    const uint64_t value = ldq_le_p(code + at + 2);
    if (value - name > TB_EXIT_MASK) continue;
    if (out->names == MINT_AHEAD_NAMES) return false;
    out->name_at[out->names++] = (uint16_t)(at + 2);
    stq_le_p(code + at + 2, value - name);
  }
  return out->names == exits;
}

static bool translate(struct mint_shadow* shadow, const struct mint_block_name* name,
                      struct mint_translation* out) {
  CPUState* cpu = shadow->engine.uc->cpu;
  CPUX86State* env = cpu->env_ptr;
  TCGContext* s = shadow->engine.uc->tcg_ctx;
  TranslationBlock* tb = &shadow->block;
  env->hflags = name->flags;
  env->eflags = name->flags & AC_MASK;
  env->cr[0] = name->alignment ? CR0_AM_MASK : 0;
  *tb = (TranslationBlock){
      .pc = name->pc,
      .cs_base = name->cs_base,
      .flags = name->flags,
      .cflags = name->cflags,
      .tc.ptr = shadow->buffer,
      .jmp_reset_offset = {TB_JMP_RESET_OFFSET_INVALID, TB_JMP_RESET_OFFSET_INVALID}};
  s->tb_cflags = name->cflags;
  tcg_func_start(s);
  s->cpu = cpu;
  gen_intermediate_code(cpu, tb, TCG_MAX_INSNS);
  s->cpu = NULL;
  if (shadow->gave_up) return false;
  s->tb_jmp_reset_offset = tb->jmp_reset_offset;
  s->tb_jmp_insn_offset = tb->jmp_target_arg;
  s->tb_jmp_target_addr = NULL;
  const int size = tcg_gen_code(s, tb);
  if (size < 0 || shadow->count != tb->icount) return false;
  *out = (struct mint_translation){.name = *name,
                                   .cycles = shadow->cycles,
                                   .size = tb->size,
                                   .instructions = tb->icount,
                                   .looked_at = (uint16_t)shadow->looked_at,
                                   .code_size = (uint16_t)size};
  for (unsigned i = 0; i < 2; i++) {
    out->jump_reset[i] = tb->jmp_reset_offset[i];
    out->jump_offset[i] = (uint16_t)tb->jmp_target_arg[i];
  }
  return find_names(shadow, out, count_exits(s));
}

static void* append(uint8_t** to, const void* from, size_t bytes) {
  void* begin = *to;
  memcpy(begin, from, bytes);
  *to += bytes;
  return begin;
}

struct mint_translation* mint_shadow_translate(struct mint_shadow* shadow,
                                               const struct mint_block_name* name,
                                               const uint8_t* code, uint32_t size) {
  shadow->pc = name->pc;
  shadow->bytes = code;
  shadow->available = MIN(size, TARGET_PAGE_SIZE - (name->pc & ~TARGET_PAGE_MASK));
  shadow->looked_at = 0;
  shadow->gave_up = false;
  mint_engine_set_current(&shadow->engine);
  struct mint_translation made;
  if (!translate(shadow, name, &made)) return NULL;

  const TCGContext* s = shadow->engine.uc->tcg_ctx;
  const unsigned count = made.instructions;
  uint8_t codes[MOST_INSTRUCTIONS];
  for (unsigned i = 0; i < count; i++) {
    if (s->gen_insn_data[i][1] > UINT8_MAX) return NULL;
    codes[i] = (uint8_t)s->gen_insn_data[i][1];
  }
  struct mint_translation* out =
      malloc(sizeof *out + 3 * count * sizeof(uint16_t) + count + made.looked_at + made.code_size);
  if (out == NULL) return NULL;
  *out = made;
  uint8_t* to = (uint8_t*)(out + 1);
  out->starts = append(&to, shadow->starts, count * sizeof(uint16_t));
  out->ends = append(&to, s->gen_insn_end_off, count * sizeof(uint16_t));
  out->before = append(&to, shadow->before, count * sizeof(uint16_t));
  out->condition_codes = append(&to, codes, count);
  out->bytes = append(&to, code, made.looked_at);
  out->code = append(&to, shadow->buffer, made.code_size);
  return out;
}

// --- the engine ----------------------------------------------------------------------------------

// The block's name; false when it is none that a shadow may translate.
static bool name_of(CPUState* cpu, const TranslationBlock* tb, struct mint_block_name* name) {
  CPUX86State* env = cpu->env_ptr;
  *name = (struct mint_block_name){tb->pc, tb->cs_base, tb->flags, tb->cflags,
                                   (env->cr[0] & CR0_AM_MASK) != 0};
  return !(tb->cflags & (CF_COUNT_MASK | CF_LAST_IO | CF_NOCACHE)) &&
         !(tb->flags & (HF_RF_MASK | HF_TF_MASK)) && QTAILQ_EMPTY(&cpu->breakpoints) &&
         !mint_current->observes_accesses;
}

static const uint8_t* code_at(CPUState* cpu, uint64_t pc) {
  const CPUTLBEntry* entry = tlb_entry(cpu->env_ptr, cpu_mmu_index(cpu->env_ptr, true), pc);
  if (entry->addr_code != (pc & TARGET_PAGE_MASK)) return NULL;
  return (const uint8_t*)(uintptr_t)(pc + entry->addend);
}

bool mint_adopt(CPUState* cpu, TranslationBlock* tb) {
  struct mint_block_name name;
  if (!name_of(cpu, tb, &name)) return false;
  const uint8_t* code = code_at(cpu, tb->pc);
  if (code == NULL) return false;
  const struct mint_translation* made = mint_on_take(mint_current->host, &name, code);
  if (made == NULL || mint_on_probe_lookup(mint_current->host, tb->pc) != 0) return false;
  tb->size = made->size;
  tb->icount = made->instructions;
  tb->orig_tb = (TranslationBlock*)(intptr_t)mint_cost(made->cycles, made->instructions);
  mint_on_adopted(mint_current->host, tb, made);
  mint_current->adopted = made;
  return true;
}

void mint_tell_ahead(CPUState* cpu, const TranslationBlock* tb) {
  struct mint_block_name name;
  const uint8_t* bytes = code_at(cpu, tb->pc);
  if (bytes == NULL || !name_of(cpu, tb, &name)) return;
  if (tb->size > TARGET_PAGE_SIZE - (tb->pc & ~TARGET_PAGE_MASK)) return;
  mint_on_made(mint_current->host, &name, bytes, tb->size);
}

int __real_tcg_gen_code_x86_64(TCGContext* s, TranslationBlock* tb);
int __wrap_tcg_gen_code_x86_64(TCGContext* s, TranslationBlock* tb) {
  const struct mint_translation* made = mint_current->adopted;
  if (made == NULL) return __real_tcg_gen_code_x86_64(s, tb);
  mint_current->adopted = NULL;
  uint8_t* code = tb->tc.ptr;
  const int size = made->code_size;
  // As when it is full in the middle of a translation: the buffer is emptied.
  if (code + size > (uint8_t*)s->code_gen_highwater) return -1;
  memcpy(code, made->code, made->code_size);
  for (unsigned i = 0; i < made->names; i++) {
    uint8_t* at = code + made->name_at[i];
    stq_le_p(at, ldq_le_p(at) + (uintptr_t)tb);
  }
  for (unsigned i = 0; i < 2; i++) {
    s->tb_jmp_reset_offset[i] = made->jump_reset[i];
    s->tb_jmp_insn_offset[i] = made->jump_offset[i];
  }
  for (unsigned i = 0; i < made->instructions; i++) {
    s->gen_insn_end_off[i] = made->ends[i];
    s->gen_insn_data[i][0] = tb->pc + made->starts[i];
    s->gen_insn_data[i][1] = made->condition_codes[i];
  }
  s->code_ptr = code + size;
  return size;
}
