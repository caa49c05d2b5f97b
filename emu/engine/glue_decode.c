// Our side of Unicorn: a look at an instruction before it is translated, for what the translator
// leaves out: I/O permission, LOCK where it is not allowed, ICEBP.

#include "emu/engine/glue_internal.h"

struct opcode {
  bool lock;
  bool operand_size;  // 66h
  bool repeat;        // F2h or F3h
  bool rex_w;
  uint8_t segment;  // override prefix, 0 for none
  bool escape;      // 0Fh
  uint8_t code;
  uint64_t next;  // linear address of the byte after the opcode
};

// Reads at most 15 bytes: prefixes and opcode (SDM vol. 2A, 2.1 and 2.2).
static struct opcode read_opcode(CPUX86State* env, uint64_t pc, bool code64) {
  struct opcode op = {0};
  for (unsigned i = 0; i < 15; i++) {
    const uint8_t byte = cpu_ldub_code(env, pc + i);
    op.next = pc + i + 1;
    switch (byte) {
      case 0xf0:
        op.lock = true;
        break;
      case 0x66:
        op.operand_size = true;
        break;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
        op.segment = byte;
        break;
      case 0xf2:
      case 0xf3:
        op.repeat = true;
        break;
      case 0x67:
        break;
      default:
        if (code64 && (byte & 0xf0) == 0x40) {
          op.rex_w = byte & 8;
          break;
        }
        if (byte == 0x0f && i < 14 && !op.escape) {
          op.escape = true;
          op.code = cpu_ldub_code(env, pc + i + 1);
          op.next++;
          return op;
        }
        op.code = byte;
        return op;
    }
  }
  return op;
}

// SDM vol. 2A, LOCK: which instructions may have it, with a memory operand.
static bool may_lock(const struct opcode* op, uint8_t modrm) {
  const unsigned extension = modrm >> 3 & 7;
  if (modrm >= 0xc0) return false;
  if (op->escape) {
    switch (op->code) {
      case 0xab:
      case 0xb3:
      case 0xbb:
      case 0xb0:
      case 0xb1:
      case 0xc0:
      case 0xc1:
        return true;
      case 0xba:
        return extension >= 5;
      case 0xc7:
        return extension == 1;
      default:
        return false;
    }
  }
  switch (op->code) {
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
      return extension != 7;
    case 0x86:
    case 0x87:
      return true;
    case 0xf6:
    case 0xf7:
      return extension == 2 || extension == 3;
    case 0xfe:
    case 0xff:
      return extension < 2;
    default:
      return op->code < 0x38 && (op->code & 7) < 2;  // ADD to XOR with a destination in memory
  }
}

// SDM vol. 1, 18.5.2: at CPL > IOPL and in virtual-8086 mode the TSS says which ports may be used.
static void emit_port_check(TCGContext* s, CPUX86State* env, uint32_t flags,
                            const struct opcode* op) {
  const unsigned cpl = flags >> HF_CPL_SHIFT & 3;
  const unsigned iopl = flags >> IOPL_SHIFT & 3;
  if (!(flags & HF_PE_MASK) || (cpl <= iopl && !(flags & VM_MASK))) return;
  TCGv_i32 port = tcg_temp_new_i32(s);
  if (op->code >= 0xe4 && op->code <= 0xe7) {
    tcg_gen_movi_i32(s, port, cpu_ldub_code(env, op->next));
  } else {
    tcg_gen_extrl_i64_i32(s, port, s->cpu_regs[R_EDX]);
    tcg_gen_ext16u_i32(s, port, port);
  }
  const bool wide = !op->operand_size == ((flags & (HF_CS32_MASK | HF_CS64_MASK)) != 0);
  if (!(op->code & 1))
    gen_helper_check_iob(s, s->cpu_env, port);
  else if (wide || op->rex_w)
    gen_helper_check_iol(s, s->cpu_env, port);
  else
    gen_helper_check_iow(s, s->cpu_env, port);
  tcg_temp_free_i32(s, port);
}

// MOVAPS, MOVAPD, MOVDQA and the non-temporal stores: their 16 bytes must be aligned (SDM vol. 2).
static bool moves_aligned(const struct opcode* op, uint8_t modrm) {
  if (!op->escape || op->repeat || modrm >= 0xc0) return false;
  switch (op->code) {
    case 0x28:
    case 0x29:
    case 0x2b:
      return true;
    case 0x6f:
    case 0x7f:
    case 0xe7:
      return op->operand_size;
    default:
      return false;
  }
}

// STMXCSR and FXSAVE.
static bool reads_mxcsr(const struct opcode* op, uint8_t modrm) {
  const unsigned extension = modrm >> 3 & 7;
  return op->code == 0xae && modrm < 0xc0 && (extension == 3 || extension == 0);
}

bool mint_before_instruction(DisasContextBase* db, CPUState* cpu) {
  TCGContext* s = cpu->uc->tcg_ctx;
  CPUX86State* env = cpu->env_ptr;
  const uint32_t flags = db->tb->flags;
  const struct opcode op = read_opcode(env, db->pc_next, flags & HF_CS64_MASK);
  if (op.lock && !may_lock(&op, cpu_ldub_code(env, op.next))) {
    mint_emit_call(s, 0, MINT_CALL_UNDEFINED);
    return false;
  }
  if (op.escape) {
    switch (op.code) {
      case 0x28:
      case 0x29:
      case 0x2b:
      case 0x6f:
      case 0x7f:
      case 0xae:
      case 0xe7:
        break;
      default:
        return false;
    }
    const uint8_t modrm = cpu_ldub_code(env, op.next);
    if (reads_mxcsr(&op, modrm)) mint_emit_call(s, 0, MINT_CALL_MXCSR);
    return moves_aligned(&op, modrm);
  }
  if ((op.code >= 0x6c && op.code <= 0x6f) || (op.code >= 0xe4 && op.code <= 0xe7) ||
      (op.code >= 0xec && op.code <= 0xef))
    emit_port_check(s, env, flags, &op);
  else if (op.code == 0xf1)
    mint_emit_call(s, op.next - db->pc_next, MINT_CALL_BREAK);
  return false;
}

bool mint_moves_aligned(CPUX86State* env) {
  const struct opcode op =
      read_opcode(env, env->segs[R_CS].base + env->eip, env->hflags & HF_CS64_MASK);
  return op.escape && moves_aligned(&op, cpu_ldub_code(env, op.next));
}

bool mint_uses_stack(CPUX86State* env) {
  const bool code64 = env->hflags & HF_CS64_MASK;
  const uint64_t pc = env->segs[R_CS].base + env->eip;
  const struct opcode op = read_opcode(env, pc, code64);
  if (op.escape) {
    // PUSH and POP of FS and GS.
    if (op.code == 0xa0 || op.code == 0xa1 || op.code == 0xa8 || op.code == 0xa9) return true;
  } else {
    const uint8_t c = op.code;
    if ((c >= 0x50 && c <= 0x5f) || c == 0x68 || c == 0x6a || c == 0x8f || c == 0x9c || c == 0x9d ||
        c == 0xc2 || c == 0xc3 || (c >= 0xc8 && c <= 0xcb) || c == 0xcf || c == 0xe8)
      return true;
  }
  if (op.segment == 0x36 && !code64) return true;
  if (op.segment == 0x64 || op.segment == 0x65) return false;
  // An operand with RSP or RBP as its base.
  const uint8_t modrm = cpu_ldub_code(env, op.next);
  if (modrm >= 0xc0) return false;
  const bool rex_b = code64 && (cpu_ldub_code(env, op.next - (op.escape ? 3 : 2)) & 0xf1) == 0x41;
  unsigned base = modrm & 7;
  if (base == 4) base = cpu_ldub_code(env, op.next + 1) & 7;
  if (rex_b) return false;
  return base == 4 || (base == 5 && modrm >= 0x40);
}
