; SPDX-License-Identifier: GPL-2.0-only
;
; The boot loader's entry at 0000:8000, its calls of firmware services, and the jump to Linux. All
; segments are 0; C code is gcc -m16.

bits 16
section .start exec
        jmp     start                   ; near: 3 bytes
        db      0
        db      "MINTLOAD"              ; the boot sector looks for it
section .text exec

extern  loader_main, __bss_start, __bss_end

start:
        cli
        xor     eax, eax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, 7C00h
        sti
        cld
        mov     edi, __bss_start
        mov     ecx, __bss_end
        sub     ecx, edi
        rep stosb
        movzx   edx, dl
        push    edx
        call    dword loader_main

; void halt(void)
global halt
halt:   sti
        hlt
        jmp     halt

; void call_service(u32 vector, struct ServiceRegs* regs)
; The service runs with ES, DS and the general registers from *regs, which it leaves there.
global call_service
call_service:
        pushad
        mov     bx, [esp + 36]
        shl     bx, 2
        mov     eax, [bx]
        mov     [far_vector], eax
        mov     bx, [esp + 40]
        push    bx
        mov     eax, [bx]
        mov     ecx, [bx + 8]
        mov     edx, [bx + 12]
        mov     esi, [bx + 16]
        mov     edi, [bx + 20]
        mov     ebp, [bx + 24]
        mov     es, [bx + 30]
        mov     ds, [bx + 28]
        mov     ebx, [cs:bx + 4]
        pushf                           ; what INT does, with a vector known at run time only
        cli
        call    far [cs:far_vector]
        pushf
        push    ebx
        push    ds
        xor     bx, bx
        mov     ds, bx
        mov     bx, sp
        mov     bx, [bx + 8]            ; regs, below DS, EBX and the flags
        mov     [bx], eax
        pop     word [bx + 28]
        pop     dword [bx + 4]
        pop     word [bx + 32]
        mov     [bx + 8], ecx
        mov     [bx + 12], edx
        mov     [bx + 16], esi
        mov     [bx + 20], edi
        mov     [bx + 24], ebp
        mov     [bx + 30], es
        add     sp, 2
        xor     ax, ax
        mov     es, ax
        cld
        sti
        popad
        o32 ret

; void start_linux(u32 setup_segment, u32 stack): boot protocol, "Running the kernel"
global start_linux
start_linux:
        mov     bx, [esp + 4]
        mov     dx, [esp + 8]
        cli
        mov     ds, bx
        mov     es, bx
        mov     fs, bx
        mov     gs, bx
        mov     ss, bx
        movzx   esp, dx
        add     bx, 20h
        push    bx
        push    word 0
        retf

section .bss
far_vector:
        resd    1
