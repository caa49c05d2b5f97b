; SPDX-License-Identifier: GPL-2.0-only
; The services test's disk: boot sector, program, sectors that carry their own number. The build
; makes it 16 MB long.
org 0
        incbin  "boot_sector.bin"
        incbin  "services_test.bin"
        times   64 * 512 - ($ - $$) db 0
%assign lba 64
%rep 256
        times   128 dd lba
%assign lba lba + 1
%endrep
