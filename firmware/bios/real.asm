; SPDX-License-Identifier: GPL-2.0-only
;
; The firmware's real-mode half, segment F000h: application processors' entry, power-on entry,
; interrupt entries, and the way into protected mode and back.
;
; The services are 32-bit C (main.c and others). A service entry saves the registers on the caller's
; stack, goes to protected mode, calls dispatch() with the linear address of what it saved, comes
; back and returns with what dispatch() left there. Limits of the segments are 64 KB again before
; real mode, so nothing of protected mode leaks to the caller. Interrupts stay off in protected
; mode; code there that has to wait comes back to real mode on the caller's stack and halts
; (real_halt), so that hooked timer interrupts work as they should.
;
; The linker gives this section addresses from 0, so that labels are offsets in segment F000h.

%include "layout.inc"

section .text16 exec
bits 16

; Start-up IPI, vector F0h: CS:IP = F000:0000.
ap_entry:
        cli
        cld
        mov     edi, ap_start
        jmp     enter_protected

align 16
global gdt
gdt:    dq      0
        dq      00CF9B000000FFFFh
        dq      00CF93000000FFFFh
        dq      00009B0F0000FFFFh
        dq      000093000000FFFFh
gdt_end:
gdt_pointer:
        dw      gdt_end - gdt - 1
        dd      0F0000h + (gdt - $$)

; EDI: linear address of the code to go on with; EBX, CX, EDX are kept.
enter_protected:
        o32 lgdt [cs:gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword CODE32:to_flat

; From leave_protected: 16-bit protected mode. DI: offset of the code to go on with, CX:EDX: stack.
leave16:
        mov     ax, DATA16
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     eax, cr0
        and     al, 0FEh
        mov     cr0, eax
        jmp     REAL_SEGMENT:.real
.real:  mov     ss, cx
        mov     esp, edx
        jmp     di

; Power-on and reset.
power_on:
        cli
        cld
        mov     al, 01h
        out     80h, al
        mov     ecx, 1Bh                ; IA32_APIC_BASE: only the bootstrap processor goes on
        rdmsr
        test    ah, 1
        jz      park
        mov     al, 8Fh                 ; CMOS shutdown status, NMI off
        out     70h, al
        in      al, 71h
        mov     ah, al
        mov     al, 8Fh
        out     70h, al
        xor     al, al
        out     71h, al
        cmp     ah, 05h                 ; with end of interrupt
        je      .resume_eoi
        cmp     ah, 0Ah                 ; without
        je      .resume
        mov     cx, 0
        mov     edx, REAL_STACK
        mov     edi, power_on_flat
        jmp     enter_protected
.resume_eoi:
        mov     al, 20h
        out     20h, al
.resume:
        xor     ax, ax
        mov     ds, ax
        jmp     far [467h]

park:   cli
        hlt
        jmp     park

; POST is over: start the operating system as INT 19h does.
post_done:
        int     19h
        jmp     park

; Interrupts that are handled in C.
%macro service 1
global entry_%1
entry_%1:
        push    word 0x%1
        jmp     to_service
%endmacro
        service 09
        service 10
        service 11
        service 12
        service 13
        service 14
        service 15
        service 16
        service 17
        service 18
        service 1a
        service 70

; INT 19h forgets its caller: a new stack, and a frame that returns to 0000:7C00 with interrupts on.
global entry_19
entry_19:
        cli
        xor     eax, eax
        mov     ss, ax
        mov     esp, REAL_STACK
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        push    word 0202h
        push    ax
        push    word 7C00h
        push    word 19h

to_service:
        pushad
        push    ds
        push    es
        push    fs
        push    gs
        cli
        cld
        xor     ebx, ebx
        mov     bx, ss
        mov     cx, bx
        shl     ebx, 4
        movzx   eax, sp
        add     ebx, eax
        sub     sp, 6
        mov     bp, sp
        o32 sgdt [bp]
        mov     edx, esp
        mov     edi, service_flat
        jmp     enter_protected

service_done:
        mov     bp, sp
        o32 lgdt [bp]
        add     sp, 6
        pop     gs
        pop     fs
        pop     es
        pop     ds
        popad
        add     sp, 2
global entry_iret
entry_iret:
        iret

; real_halt(): one halt in real mode, on the stack of the service's caller.
halt16: sti
        hlt
        cli
        mov     cx, ss
        mov     edx, esp
        mov     edi, halt_return
        jmp     enter_protected

; IRQ 0: the tick of 18.2 Hz.
global entry_irq0
entry_irq0:
        push    ds
        push    eax
        push    dx
        xor     ax, ax
        mov     ds, ax
        mov     eax, [46Ch]
        inc     eax
        cmp     eax, 1800B0h            ; ticks of a day
        jb      .same_day
        xor     eax, eax
        inc     byte [470h]
.same_day:
        mov     [46Ch], eax
        int     1Ch
        cli
        mov     al, 20h
        out     20h, al
        pop     dx
        pop     eax
        pop     ds
        iret

; The local APIC's timer. It is acknowledged in protected mode (time.c), where the APIC can be seen.
global entry_lapic_timer
entry_lapic_timer:
        push    ds
        push    ax
        mov     ax, EBDA >> 4
        mov     ds, ax
        mov     byte [EBDA_TIMER - EBDA], 1
        pop     ax
        pop     ds
        iret

; Interrupts nobody expects: the one in service is ended and its line masked, as an AT BIOS does.
global entry_irq_master
entry_irq_master:
        push    ax
        push    bx
        mov     al, 0Bh                 ; read the in-service register
        out     20h, al
        in      al, 20h
        mov     bl, al
        test    al, al
        jz      .done                   ; spurious
        in      al, 21h
        or      al, bl
        and     al, 0FBh                ; never the cascade
        out     21h, al
        mov     al, 20h
        out     20h, al
.done:  pop     bx
        pop     ax
        iret

global entry_irq_slave
entry_irq_slave:
        push    ax
        push    bx
        mov     al, 0Bh
        out     0A0h, al
        in      al, 0A0h
        mov     bl, al
        test    al, al
        jz      .master                 ; spurious: only the cascade was acknowledged
        in      al, 0A1h
        or      al, bl
        out     0A1h, al
        mov     al, 20h
        out     0A0h, al
.master:
        mov     al, 20h
        out     20h, al
        pop     bx
        pop     ax
        iret

; The code segment's protected-mode half.
section .text32 exec
bits 32

to_flat:
        mov     ax, DATA32
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     fs, ax
        mov     gs, ax
        jmp     edi

; CX:EDX: stack, EDI: offset of real-mode code.
leave_protected:
        jmp     CODE16:leave16

; Caches on, memory below 640 KB cleared (the parity of a real one is not valid before), POST.
extern  post
power_on_flat:
        mov     eax, cr0
        and     eax, 9FFFFFFFh
        mov     cr0, eax
        xor     eax, eax
        xor     edi, edi
        mov     ebx, ecx
        mov     ecx, 0A0000h / 4
        rep stosd
        mov     ecx, ebx
        mov     esp, POST_STACK
        mov     [EBDA_PM_ESP], esp
        mov     [EBDA_REAL_SS], ecx
        mov     [EBDA_REAL_ESP], edx
        call    post
        mov     ecx, [EBDA_REAL_SS]
        mov     edx, [EBDA_REAL_ESP]
        mov     edi, post_done
        jmp     leave_protected

; The firmware's stack and data need A20; the caller finds it as it was.
extern  dispatch
service_flat:
        in      al, 92h
        test    al, 2
        jnz     .a20
        mov     ah, al
        or      al, 2
        and     al, 0FEh
        out     92h, al
        mov     al, ah
.a20:   mov     esp, [EBDA_PM_ESP]
        push    dword [EBDA_PORT_92]
        mov     [EBDA_PORT_92], al
        push    dword [EBDA_REAL_SS]    ; of a service that this one interrupted
        push    dword [EBDA_REAL_ESP]
        movzx   ecx, cx
        mov     [EBDA_REAL_SS], ecx
        mov     [EBDA_REAL_ESP], edx
        push    ebx
        call    dispatch
        add     esp, 4
        mov     ecx, [EBDA_REAL_SS]
        mov     edx, [EBDA_REAL_ESP]
        pop     dword [EBDA_REAL_ESP]
        pop     dword [EBDA_REAL_SS]
        mov     al, [EBDA_PORT_92]
        pop     dword [EBDA_PORT_92]
        mov     edi, service_done
        test    al, 2
        jnz     leave_protected
        and     al, 0FCh
        out     92h, al
        jmp     leave_protected

global real_halt
real_halt:
        pushad
        push    dword [EBDA_PM_ESP]
        mov     [EBDA_PM_ESP], esp
        mov     ecx, [EBDA_REAL_SS]
        mov     edx, [EBDA_REAL_ESP]
        mov     edi, halt16
        jmp     leave_protected
halt_return:
        mov     esp, [EBDA_PM_ESP]
        pop     dword [EBDA_PM_ESP]
        popad
        ret

; An application processor: its local APIC as the bootstrap processor's, but without the 8259's
; interrupts; MTRRs equal on all; counted; then it waits for an INIT.
extern  mtrr_init
ap_start:
        mov     dword [LAPIC_SVR], 1FFh
        mov     dword [LAPIC_TPR], 0
        mov     dword [LAPIC_LVT_TIMER], 10000h
        mov     dword [LAPIC_LVT_LINT0], 10000h
        mov     dword [LAPIC_LVT_LINT1], 400h
        mov     dword [LAPIC_LVT_ERROR], 10000h
        mov     eax, cr0
        and     eax, 9FFFFFFFh
        mov     cr0, eax
        mov     esi, .counted
        jmp     mtrr_init
.counted:
        lock inc dword [EBDA_AP_COUNT]
        xor     ecx, ecx
        xor     edx, edx
        mov     edi, park
        jmp     leave_protected

; The last bytes of the ROM.
section .reset exec
bits 16
        jmp     REAL_SEGMENT:power_on
        db      "07/01/10", 0, 0FCh, 0
