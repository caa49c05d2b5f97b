; SPDX-License-Identifier: GPL-2.0-only
;
; Boot sector: loads the boot loader, LBA 1 to 62, to 0000:8000 with one extended read and jumps
; there with the drive in DL. Bytes 446 to 509 are left to the partition table.

LOADER          equ 8000h
LOADER_SECTORS  equ 62

org 7C00h
bits 16
        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 7C00h
        sti
        cld
        jmp     0:start                 ; some firmware starts at 07C0:0000
start:
        mov     [drive], dl
        mov     ah, 41h
        mov     bx, 55AAh
        int     13h
        mov     si, no_extensions
        jc      fail
        cmp     bx, 0AA55h
        jne     fail
        mov     ah, 42h
        mov     dl, [drive]
        mov     si, packet
        int     13h
        mov     si, read_error
        jc      fail
        mov     si, no_loader
        cmp     dword [LOADER + 4], 'MINT'
        jne     fail
        cmp     dword [LOADER + 8], 'LOAD'
        jne     fail
        mov     dl, [drive]
        jmp     0:LOADER

fail:   lodsb
        test    al, al
        jz      halt
        mov     ah, 0Eh
        mov     bx, 0007h
        int     10h
        jmp     fail
halt:   hlt
        jmp     halt

align 4
packet: db      16, 0
        dw      LOADER_SECTORS
        dw      LOADER, 0
        dq      1
drive:  db      0

no_extensions   db "The firmware has no extended disk services", 13, 10, 0
read_error      db "The boot loader can't be read", 13, 10, 0
no_loader       db "No boot loader at LBA 1", 13, 10, 0

%if $ - $$ > 446
%error "the boot sector's code runs into the partition table"
%endif
        times   510 - ($ - $$) db 0
        dw      0AA55h
