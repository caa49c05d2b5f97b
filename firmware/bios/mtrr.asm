; SPDX-License-Identifier: GPL-2.0-only
;
; Memory types, the same on every core (SDM volume 3, 12.11): write-back, but uncached for the video
; memory and for the PCI window and what lies above it up to 4 GB; the ROM is write-protected.
; Runs without a stack, as application processors have none: ESI is where to go on.

%include "layout.inc"

DEFAULT_TYPE    equ 2FFh
UC              equ 0
WP              equ 5
WB              equ 6

section .text32 exec
bits 32

global mtrr_init
mtrr_init:
        mov     eax, [EBDA_MTRR_MASK]
        or      eax, [EBDA_MTRR_MASK + 4]
        jz      .done
        mov     ecx, DEFAULT_TYPE
        xor     eax, eax
        xor     edx, edx
        wrmsr                           ; off while they change
        mov     edi, .fixed
        mov     ebx, .fixed_end
.next:  movzx   ecx, word [edi]
        movzx   eax, byte [edi + 2]
        imul    eax, eax, 01010101h
        mov     edx, eax
        wrmsr
        add     edi, 3
        cmp     edi, ebx
        jb      .next
        mov     ecx, 200h               ; PHYSBASE0
        mov     eax, 0C0000000h | UC
        xor     edx, edx
        wrmsr
        inc     ecx                     ; PHYSMASK0
        mov     eax, [EBDA_MTRR_MASK]
        mov     edx, [EBDA_MTRR_MASK + 4]
        wrmsr
        mov     ecx, DEFAULT_TYPE
        mov     eax, 0C00h | WB         ; fixed and variable ranges on
        xor     edx, edx
        wrmsr
.done:  jmp     esi

%macro  fixed 2
        dw      %1
        db      %2
%endmacro
.fixed: fixed   250h, WB                ; 0 - 7FFFFh
        fixed   258h, WB                ; 80000h - 9FFFFh
        fixed   259h, UC                ; A0000h - BFFFFh
        fixed   268h, WP                ; C0000h - FFFFFh, 32 KB each
        fixed   269h, WP
        fixed   26Ah, WP
        fixed   26Bh, WP
        fixed   26Ch, WP
        fixed   26Dh, WP
        fixed   26Eh, WP
        fixed   26Fh, WP
.fixed_end:

; void mtrr_bootstrap(void)
global mtrr_bootstrap
mtrr_bootstrap:
        push    ebx
        push    esi
        push    edi
        mov     esi, .back
        jmp     mtrr_init
.back:  pop     edi
        pop     esi
        pop     ebx
        ret
