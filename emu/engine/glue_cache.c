// Our side of Unicorn: at the level `cache` the timing model is told of every block, load and
// store.

#include "emu/engine/glue_internal.h"

static bool is_load(const TCGOp* op) {
  return op->opc == INDEX_op_qemu_ld_i32 || op->opc == INDEX_op_qemu_ld_i64;
}
static bool is_store(const TCGOp* op) {
  return op->opc == INDEX_op_qemu_st_i32 || op->opc == INDEX_op_qemu_st_i64;
}

// Takes the operations behind `last` to in front of `op`.
static void move_before(TCGContext* s, TCGOp* last, TCGOp* op) {
  TCGOp* moved;
  while ((moved = QTAILQ_NEXT(last, link)) != NULL) {
    QTAILQ_REMOVE(&s->ops, moved, link);
    QTAILQ_INSERT_BEFORE(op, moved, link);
  }
}

void mint_observe_block(TCGContext* s, TCGOp* before, uint64_t pc, uint32_t size) {
  if (!mint_current->observes_accesses) return;
  TCGOp *op, *next;
  for (op = QTAILQ_NEXT(before, link); op != NULL; op = next) {
    next = QTAILQ_NEXT(op, link);
    if (!is_load(op) && !is_store(op)) continue;
    TCGOp* last = tcg_last_op(s);
    TCGv_i32 kind = tcg_const_i32(s, is_load(op) ? MINT_CALL_LOAD : MINT_CALL_STORE);
    gen_helper_check_exit_request(s, temp_tcgv_ptr(s, arg_temp(op->args[1])), kind);
    tcg_temp_free_i32(s, kind);
    move_before(s, last, op);
  }
  TCGOp* first = QTAILQ_NEXT(before, link);
  TCGOp* last = tcg_last_op(s);
  mint_emit_call(s, pc, MINT_CALL_BLOCK | size << 8);
  move_before(s, last, first);
}
