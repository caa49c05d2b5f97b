// SPDX-License-Identifier: GPL-2.0-only
// Loads a bzImage and its initrd by the Linux boot protocol
// (Documentation/x86/boot.rst; protocol 2.02 or newer) and starts the kernel's real-mode code.
#include "firmware/boot/loader.h"

// The setup header, as it lies in the kernel's first sectors.
struct SetupHeader {
  u8 setup_sects;
  u16 root_flags;
  u32 syssize;
  u16 ram_size, vid_mode, root_dev, boot_flag;
  u16 jump;
  char header[4];
  u16 version;
  u32 realmode_swtch;
  u16 start_sys_seg, kernel_version;
  u8 type_of_loader, loadflags;
  u16 setup_move_size;
  u32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
  u16 heap_end_ptr;
  u8 ext_loader_ver, ext_loader_type;
  u32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
  u8 relocatable_kernel, min_alignment;
  u16 xloadflags;
  u32 cmdline_size, hardware_subarch;
  u64 hardware_subarch_data;
  u32 payload_offset, payload_length;
  u64 setup_data, pref_address;
  u32 init_size;
} __attribute__((packed));
enum { kHeaderOffset = 0x1F1, kLoadedHigh = 0x01, kCanUseHeap = 0x80 };
_Static_assert(offsetof(struct SetupHeader, cmd_line_ptr) == 0x228 - kHeaderOffset, "boot.rst");
_Static_assert(offsetof(struct SetupHeader, init_size) == 0x260 - kHeaderOffset, "boot.rst");

static u8 g_sectors[2 * kSectorBytes];

static u32 sectors_of(u32 bytes) { return (bytes + kSectorBytes - 1) / kSectorBytes; }

static void check(const struct SetupHeader* h, const struct BootHeader* boot) {
  if (h->boot_flag != 0xAA55 || h->header[0] != 'H' || h->header[1] != 'd' || h->header[2] != 'r' ||
      h->header[3] != 'S')
    fail("no Linux kernel at LBA %u", boot->kernel_lba);
  if (h->version < 0x0202)
    fail("the kernel's boot protocol %u.%u is older than 2.2", h->version >> 8, h->version & 0xFF);
  if (!(h->loadflags & kLoadedHigh)) fail("the kernel is a zImage, not a bzImage");
}

// The end of the memory that the kernel needs before it has read its memory map.
static u32 kernel_end(const struct SetupHeader* h, u32 load, u32 bytes) {
  u32 end = load + bytes;
  if (h->version < 0x020A) return end + end / 2;  // its size when unpacked is not known
  u32 start = load;
  u32 preferred = h->pref_address;
  if (!h->relocatable_kernel || start < preferred) start = preferred;
  return start + h->init_size > end ? start + h->init_size : end;
}

// The text after `name` (with its "=") at the begin of a word of the command line; NULL: not there.
static const char* option(const char* command_line, const char* name) {
  for (const char* word = command_line; *word;) {
    const char *at = word, *want = name;
    while (*want && *at == *want) ++at, ++want;
    if (!*want) return at;
    while (*word && *word != ' ') ++word;
    while (*word == ' ') ++word;
  }
  return NULL;
}

// A number as C and the kernel write it, with K, M or G; no more than 32 bits.
static u32 number(const char* text) {
  u64 value = 0;
  bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';
  if (hex) text += 2;
  for (;; ++text) {
    char c = *text | 0x20;
    u32 digit = *text >= '0' && *text <= '9'  ? *text - '0'
                : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                                              : 99;
    if (digit == 99) break;
    value = value * (hex ? 16 : 10) + digit;
    if (value >> 32) return 0xFFFFFFFF;
  }
  char unit = *text | 0x20;
  value <<= unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
  return value >> 32 ? 0xFFFFFFFF : value;
}

// vga=: boot.rst, "Special command line options".
static u16 video_mode(const char* value) {
  switch (value[0]) {
    case 'n':
      return 0xFFFF;
    case 'e':
      return 0xFFFE;
    case 'a':
      return 0xFFFD;
    default:
      return number(value);
  }
}

void boot_linux(const struct BootHeader* boot, const char* command_line) {
  disk_read(boot->kernel_lba, 2, (u32)g_sectors);
  struct SetupHeader* h = (struct SetupHeader*)(g_sectors + kHeaderOffset);
  check(h, boot);

  u32 setup_sectors = (h->setup_sects ? h->setup_sects : 4) + 1;
  u32 setup_bytes = setup_sectors * kSectorBytes;
  if (setup_bytes > 0x8000 || setup_bytes >= boot->kernel_bytes)
    fail("the kernel's setup code of %u bytes does not fit", setup_bytes);
  u32 limit = h->version >= 0x0206 ? h->cmdline_size : 255;
  if (boot->command_line_bytes > limit)
    fail("the command line of %u bytes is longer than the kernel's %u", boot->command_line_bytes,
         limit);

  u32 load = h->code32_start;
  u32 bytes = boot->kernel_bytes - setup_bytes;
  u32 end = kernel_end(h, load, bytes);
  u32 ram_end = usable_until(load);
  if (!ram_end || end < load || end > ram_end)
    fail("the kernel needs memory from %x to %x, there is RAM to %x", load, end, ram_end);

  u32 initrd = 0;
  if (boot->initrd_bytes) {
    u32 last = h->version >= 0x0203 ? h->initrd_addr_max : 0x37FFFFFF;
    const char* mem = option(command_line, "mem=");  // where memory ends for the kernel
    if (mem && number(mem) && number(mem) - 1 < last) last = number(mem) - 1;
    initrd = highest_place(sectors_of(boot->initrd_bytes) * kSectorBytes, end,
                           last < 0xFFFFF000 ? last + 1 : 0xFFFFF000);
    if (!initrd) fail("no room for the initrd of %u bytes above %x", boot->initrd_bytes, end);
  }

  print("Kernel at %x, %u KB ", load, boot->kernel_bytes >> 10);
  disk_read(boot->kernel_lba, setup_sectors, kSetup);
  disk_read((u64)boot->kernel_lba + setup_sectors, sectors_of(bytes), load);
  if (initrd) {
    print("\nInitrd at %x, %u KB ", initrd, boot->initrd_bytes >> 10);
    disk_read(boot->initrd_lba, sectors_of(boot->initrd_bytes), initrd);
  }
  print("\nCommand line: %s\nStarting Linux\n", command_line);

  const char* vga = option(command_line, "vga=");
  if (vga) h->vid_mode = video_mode(vga);
  h->type_of_loader = 0xFF;
  h->loadflags |= kCanUseHeap;
  h->heap_end_ptr = kSetupHeapEnd - 0x200;
  h->cmd_line_ptr = kSetup + kSetupHeapEnd;
  h->ramdisk_image = initrd;
  h->ramdisk_size = boot->initrd_bytes;
  copy_far(kSetup, g_sectors, sizeof(g_sectors));
  copy_far(h->cmd_line_ptr, command_line, boot->command_line_bytes + 1);
  start_linux(kSetup >> 4, kSetupHeapEnd);
}
