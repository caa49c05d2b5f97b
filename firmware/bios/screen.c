// SPDX-License-Identifier: GPL-2.0-only
// VGA text mode 3 (80 x 25) and INT 10h.
#include <stdarg.h>

#include "firmware/bios/bios.h"

enum { kColumns = 80, kRows = 25, kPageBytes = 0x1000, kPages = 8, kAttribute = 0x07 };

static volatile u16* cell(u32 page, u32 column, u32 row) {
  return (volatile u16*)(0xB8000 + (page % kPages) * kPageBytes) + row * kColumns + column;
}

static void crtc_write(u8 index, u8 value) {
  outb(0x3D4, index);
  outb(0x3D5, value);
}

static void cursor_show(void) {
  u32 page = bda.video_page;
  u16 cursor = bda.cursor[page];
  u32 at = page * kPageBytes / 2 + (cursor >> 8) * kColumns + (cursor & 0xFF);
  crtc_write(0x0E, at >> 8);
  crtc_write(0x0F, at & 0xFF);
}

static void cursor_move(u32 page, u32 column, u32 row) {
  bda.cursor[page % kPages] = row << 8 | column;
  if (page == bda.video_page) cursor_show();
}

static void cursor_shape(u16 shape) {
  bda.cursor_shape = shape;
  // The CGA shape 6-7 that programs ask for is the last two lines of a character of 16.
  bool cga = (shape & 0x1F) <= 7;
  u8 start = shape >> 8, end = shape & 0x1F;
  crtc_write(0x0A, (start & 0x20) | (cga ? (start & 0x1F) * 2 + 1 : start & 0x1F));
  crtc_write(0x0B, cga ? end * 2 : end);
}

// Registers of mode 3 with 9 x 16 characters (IBM VGA technical reference).
static void mode3_registers(void) {
  static const u8 sequencer[] = {0x03, 0x00, 0x03, 0x00, 0x02};
  static const u8 crtc[] = {0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00,
                            0x4F, 0x0D, 0x0E, 0x00, 0x00, 0x00, 0x00, 0x9C, 0x8E,
                            0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF};
  static const u8 graphics[] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF};
  static const u8 attribute[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3A,
                                 0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x0C, 0x00, 0x0F, 0x08, 0x00};
  outb(0x3C2, 0x67);
  for (u32 i = 0; i < sizeof(sequencer); ++i) {
    outb(0x3C4, i);
    outb(0x3C5, sequencer[i]);
  }
  crtc_write(0x11, 0x0E);  // registers 0 to 7 can be written
  for (u32 i = 0; i < sizeof(crtc); ++i) crtc_write(i, crtc[i]);
  for (u32 i = 0; i < sizeof(graphics); ++i) {
    outb(0x3CE, i);
    outb(0x3CF, graphics[i]);
  }
  inb(0x3DA);
  for (u32 i = 0; i < sizeof(attribute); ++i) {
    outb(0x3C0, i);
    outb(0x3C0, attribute[i]);
  }
  outb(0x3C0, 0x20);
  outb(0x3C6, 0xFF);
  outb(0x3C8, 0);
  for (u32 i = 0; i < 64; ++i) {  // the EGA's 64 colours
    outb(0x3C9, (i >> 2 & 1) * 0x2A + (i >> 5 & 1) * 0x15);
    outb(0x3C9, (i >> 1 & 1) * 0x2A + (i >> 4 & 1) * 0x15);
    outb(0x3C9, (i & 1) * 0x2A + (i >> 3 & 1) * 0x15);
  }
}

static void fill(u32 page, u32 left, u32 top, u32 right, u32 bottom, u8 attribute) {
  for (u32 row = top; row <= bottom; ++row)
    for (u32 column = left; column <= right; ++column)
      *cell(page, column, row) = attribute << 8 | ' ';
}

static void set_mode(bool keep_text) {
  mode3_registers();
  bda.video_mode = 3;
  bda.video_columns = kColumns;
  bda.video_page_bytes = kPageBytes;
  bda.video_page_start = 0;
  bda.video_page = 0;
  bda.crtc_port = 0x3D4;
  bda.crt_mode = 0x29;
  bda.palette = 0x30;
  bda.video_last_row = kRows - 1;
  bda.character_height = 16;
  bda.video_control = 0x60;
  bda.video_switches = 0x09;
  bda.video_flags = 0x11;
  bda.display_combination = 0x0B;
  for (u32 page = 0; page < kPages; ++page) bda.cursor[page] = 0;
  if (!keep_text) {
    u32 cells = kPages * kPageBytes / 4;
    void* at = (void*)cell(0, 0, 0);
    __asm__ volatile("rep stosl" : "+D"(at), "+c"(cells) : "a"(0x07200720) : "memory");
  }
  cursor_shape(0x0D0E);
  cursor_show();
}

void screen_init(void) { set_mode(false); }

static void scroll(u32 page, bool down, u32 lines, u8 attribute, u32 left, u32 top, u32 right,
                   u32 bottom) {
  if (right >= kColumns) right = kColumns - 1;
  if (bottom >= kRows) bottom = kRows - 1;
  if (left > right || top > bottom) return;
  u32 height = bottom - top + 1;
  if (!lines || lines >= height) {
    fill(page, left, top, right, bottom, attribute);
    return;
  }
  for (u32 i = 0; i < height - lines; ++i) {
    u32 to = down ? bottom - i : top + i;
    u32 from = down ? to - lines : to + lines;
    for (u32 column = left; column <= right; ++column)
      *cell(page, column, to) = *cell(page, column, from);
  }
  if (down)
    fill(page, left, top, right, top + lines - 1, attribute);
  else
    fill(page, left, bottom - lines + 1, right, bottom, attribute);
}

// Attribute: -1 leaves the one that is there.
static void teletype(u32 page, u8 character, int attribute) {
  u32 column = bda.cursor[page] & 0xFF, row = bda.cursor[page] >> 8;
  switch (character) {
    case 7:
      return;
    case 8:
      if (column) --column;
      break;
    case '\n':
      ++row;
      break;
    case '\r':
      column = 0;
      break;
    default:
      if (attribute < 0) attribute = *cell(page, column, row) >> 8;
      *cell(page, column, row) = attribute << 8 | character;
      if (++column == kColumns) {
        column = 0;
        ++row;
      }
  }
  if (row >= kRows) {
    row = kRows - 1;
    u8 blank = *cell(page, column, row) >> 8;
    scroll(page, false, 1, blank, 0, 0, kColumns - 1, kRows - 1);
  }
  cursor_move(page, column, row);
}

static void put(char c) {
  if (c == '\n') teletype(bda.video_page, '\r', kAttribute);
  teletype(bda.video_page, c, kAttribute);
}

static void put_number(u32 value, u32 base, int width) {
  char digits[12];
  int n = 0;
  do {
    digits[n++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (width-- > n) put('0');
  while (n) put(digits[--n]);
}

// %s %c %u %x with an optional width of one digit; numbers are padded with zeros.
void print(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  for (; *format; ++format) {
    if (*format != '%') {
      put(*format);
      continue;
    }
    int width = 0;
    while (*++format >= '0' && *format <= '9') width = *format - '0';
    switch (*format) {
      case 's':
        for (const char* s = va_arg(arguments, const char*); *s; ++s) put(*s);
        break;
      case 'c':
        put(va_arg(arguments, int));
        break;
      case 'u':
        put_number(va_arg(arguments, u32), 10, width);
        break;
      case 'x':
        put_number(va_arg(arguments, u32), 16, width);
        break;
    }
  }
  va_end(arguments);
}

static void write_string(struct Regs* r) {
  const u8* text = far(r->es, r->bp);
  u32 page = r->bh % kPages;
  u16 before = bda.cursor[page];
  cursor_move(page, r->dl, r->dh);
  for (u32 i = 0; i < r->cx; ++i) {
    u8 character = *text++;
    teletype(page, character, r->al & 2 ? *text++ : r->bl);
  }
  if (!(r->al & 1)) cursor_move(page, before & 0xFF, before >> 8);
}

// INT 10h
void video_service(struct Regs* r) {
  u32 page = r->bh % kPages;
  u32 column = bda.cursor[page] & 0xFF, row = bda.cursor[page] >> 8;
  switch (r->ah) {
    case 0x00:  // text modes are all mode 3; there is no graphics mode
      if ((r->al & 0x7F) <= 3 || (r->al & 0x7F) == 7) set_mode(r->al & 0x80);
      r->al = 0x30;
      return;
    case 0x01:
      cursor_shape(r->cx);
      return;
    case 0x02:
      cursor_move(page, r->dl, r->dh);
      return;
    case 0x03:
      r->cx = bda.cursor_shape;
      r->dx = bda.cursor[page];
      return;
    case 0x05:
      bda.video_page = r->al % kPages;
      bda.video_page_start = bda.video_page * kPageBytes;
      crtc_write(0x0C, bda.video_page_start >> 9);
      crtc_write(0x0D, bda.video_page_start >> 1 & 0xFF);
      cursor_show();
      return;
    case 0x06:
    case 0x07:
      scroll(bda.video_page, r->ah == 7, r->al, r->bh, r->cl, r->ch, r->dl, r->dh);
      return;
    case 0x08:
      r->ax = *cell(page, column, row);
      return;
    case 0x09:
    case 0x0A:
      for (u32 i = 0; i < r->cx && row * kColumns + column + i < kColumns * kRows; ++i) {
        volatile u16* at = cell(page, column + i, row);
        *at = (r->ah == 9 ? r->bl << 8 : *at & 0xFF00) | r->al;
      }
      return;
    case 0x0E:
      teletype(bda.video_page, r->al, -1);
      return;
    case 0x0F:
      r->al = bda.video_mode;
      r->ah = bda.video_columns;
      r->bh = bda.video_page;
      return;
    case 0x11:
      if (r->al == 0x30) {  // font: 16 lines, 25 rows; the generator has no copy in memory
        r->cx = bda.character_height;
        r->dl = bda.video_last_row;
      }
      return;
    case 0x12:
      if (r->bl == 0x10) {  // colour, 256 KB, switches
        r->bx = 0x0003;
        r->cx = bda.video_switches;
      }
      return;
    case 0x13:
      write_string(r);
      return;
    case 0x1A:
      if (r->al == 0x00) {  // VGA with colour display
        r->al = 0x1A;
        r->bx = 0x0008;
      }
      return;
  }
}
