#include "bench/accuracy/bare_metal.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

#include "emu/machine/machine.hpp"
#include "emu/scenario/temporary_folder.hpp"

namespace mint::accuracy {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kProgram = 0x100000;
constexpr unsigned kShortRun = 10;

// Into long mode with the page tables that the host has made, SSE on and every exception going on
// with the next loop; then one call for each loop and each of its two lengths.
constexpr char kHead[] = R"(.intel_syntax noprefix
.code32
.text
entry:
  jmp start
  .balign 8
results_at: .quad results
buffer_at: .quad buffer
paging_at: .quad page_root
.global zero
start:
  cli
  mov esp, offset stack_top
  mov eax, cr4
  or eax, 0x620
  mov cr4, eax
  mov eax, offset page_root
  mov cr3, eax
  mov ecx, 0xc0000080
  rdmsr
  or eax, 0x100
  wrmsr
  mov eax, 0x80000033
  mov cr0, eax
  lgdt [gdt_pointer]
  ljmp 8, offset long_mode
.code64
long_mode:
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  mov edi, offset idt
  mov ecx, 256
1: mov eax, offset handler
  mov [rdi], ax
  mov word ptr [rdi + 2], 8
  mov word ptr [rdi + 4], 0x8e00
  shr eax, 16
  mov [rdi + 6], ax
  add rdi, 16
  dec ecx
  jnz 1b
  lidt [idt_pointer]
  jmp first
handler:
  cld
  mov rax, [next]
  jmp rax
.balign 8
gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer: .word 23
  .quad gdt
idt_pointer: .word 4095
  .quad idt
count: .quad 0
short_run: .quad 0
next: .quad 0
.balign 16
ones: .double 1.0, 1.0
first:
)";

constexpr char kTail[] = R"(
done:
  mov dx, 0xf4
  xor eax, eax
  out dx, eax
1: hlt
  jmp 1b
.bss
.balign 4096
page_root: .skip 4096 * 259
idt: .skip 4096
  .skip 65536
stack_middle: .skip 65536
stack_top: .skip 64
)";

std::string text_of(const Loop& loop, std::size_t number) {
  // A routine that runs the loop [count] times; the caller takes the difference, after a first
  // run that only fills caches.
  const char* prepare = loop.prepare ? "mov edx, 0xe9\n  mov al, 1\n  out dx, al" : "";
  return fmt::format(R"(
  {6}
  mov rax, offset loop_end_{0}
  mov [next], rax
  mov qword ptr [count], {1}
  call loop_{0}
  call loop_{0}
  mov [short_run], rax
  mov qword ptr [count], {2}
  call loop_{0}
  sub rax, [short_run]
  mov [results + {3}], rax
  jmp loop_end_{0}
  .balign 16
loop_{0}:
  pop qword ptr [return]
  rdtsc
  shl rdx, 32
  or rax, rdx
  mov [begin], rax
  mov r14, offset buffer
  mov r15, [count]
{4}
  .balign 16
1:
  mov rsp, offset stack_middle
{5}
  dec r15
  jnz 1b
  rdtsc
  shl rdx, 32
  or rax, rdx
  sub rax, [begin]
  mov rsp, offset stack_top
  cld
  jmp [return]
loop_end_{0}:
  mov rsp, offset stack_top
)",
                     number, kShortRun, kShortRun + loop.rounds, number * 8, loop.setup, loop.body,
                     prepare);
}

std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The loops that the assembler refuses, by its messages.
std::map<std::size_t, std::string> refused(const std::string& messages,
                                           const std::vector<std::size_t>& first_lines) {
  std::map<std::size_t, std::string> out;
  std::size_t at = 0;
  while (at < messages.size()) {
    std::size_t end = messages.find('\n', at);
    if (end == std::string::npos) end = messages.size();
    const std::string line = messages.substr(at, end - at);
    at = end + 1;
    const std::size_t error = line.find(": Error: ");
    const std::size_t colon = line.find(".s:");
    if (error == std::string::npos || colon == std::string::npos) continue;
    const std::size_t number = std::stoul(line.substr(colon + 3));
    std::size_t loop = 0;
    while (loop + 1 < first_lines.size() && first_lines[loop + 1] <= number) ++loop;
    out.emplace(loop, "the assembler: " + line.substr(error + 9));
  }
  return out;
}

std::string program_text(const std::vector<Loop>& loops, const std::vector<LoopResult>& results,
                         std::uint64_t buffer_bytes, std::vector<std::size_t>& first_lines) {
  std::string text = kHead;
  first_lines.clear();
  std::size_t lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    first_lines.push_back(lines);
    if (!results[i].problem.empty()) continue;
    const std::string loop = text_of(loops[i], i);
    lines += static_cast<std::size_t>(std::count(loop.begin(), loop.end(), '\n'));
    text += loop;
  }
  text += kTail;
  text += fmt::format(
      ".balign 4096\nresults: .skip {}\nbegin: .skip 8\nreturn: .skip 8\n.balign 4096\nbuffer: "
      ".skip {}\n",
      loops.size() * 8, buffer_bytes);
  return text;
}

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error("'" + command + "' failed; it needs GNU binutils");
}

std::vector<std::uint8_t> assemble(const std::vector<Loop>& loops, std::vector<LoopResult>& results,
                                   std::uint64_t buffer_bytes) {
  const TemporaryFolder folder("mintsim-accuracy");
  const std::string base = (folder.path() / "loops").string();
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::vector<std::size_t> first_lines;
    std::ofstream(base + ".s") << program_text(loops, results, buffer_bytes, first_lines);
    const int failed =
        std::system(fmt::format("as --64 -o {0}.o {0}.s 2> {0}.messages", base).c_str());
    if (failed == 0) {
      shell(fmt::format(
          "ld -m elf_x86_64 -static -Ttext={1:#x} --defsym zero=0 -e entry -z max-page-size=4096 "
          "--omagic -o {0}.elf {0}.o 2> {0}.messages",
          base, kProgram));
      shell(fmt::format("objcopy -O binary {0}.elf {0}.bin", base));
      const std::string bytes = read_text(base + ".bin");
      return {bytes.begin(), bytes.end()};
    }
    const std::string messages = read_text(base + ".messages");
    const auto bad = refused(messages, first_lines);
    if (bad.empty()) throw std::runtime_error("the assembler failed: " + messages.substr(0, 500));
    for (const auto& [loop, why] : bad) results[loop].problem = why;
  }
  throw std::runtime_error("the assembler refuses the program again and again");
}

// The memory is mapped to itself by 4 KB pages: in order, as an operating system that colours its
// pages hands them out.
constexpr std::uint64_t kMemory = 512ULL << 20;

void make_page_tables(PhysicalMemory& memory, std::uint64_t root) {
  constexpr std::uint64_t kPage = 4096;
  constexpr std::uint64_t kPresent = 3;
  const auto put = [&](std::uint64_t address, std::uint64_t value) {
    std::memcpy(memory.at({address}, 8).data(), &value, 8);
  };
  put(root, (root + kPage) | kPresent);
  put(root + kPage, (root + 2 * kPage) | kPresent);
  for (std::uint64_t page = 0; page < kMemory / kPage; ++page) {
    const std::uint64_t table = root + (3 + page / 512) * kPage;
    if (page % 512 == 0) put(root + 2 * kPage + page / 512 * 8, table | kPresent);
    put(table + page % 512 * 8, page * kPage | kPresent);
  }
}

class Watcher final : public MachineObserver {
 public:
  Machine* machine = nullptr;
  std::string problem = "the program did not end";
  std::function<void()> prepare_next;

  void accessed(Core&, Cycles, const Access&) override {}
  void interrupted(Core&, Vector, bool) override {}
  void started(Core&, Vector) override {}
  void shut_down(Core&, const std::string& why) override {
    problem = why;
    machine->stop();
  }
  std::uint32_t probe_at(Core&, std::uint64_t) override { return 0; }
  void probe(Core&, std::uint32_t) override {}
  void translated(Core&, std::uint64_t) override {}
  void serial_output(unsigned uart, std::uint8_t) override {
    if (uart == kDebugConsole) prepare_next();
  }
  void post_code(std::uint8_t) override {}
  void debug_exit(std::uint32_t) override {
    problem.clear();
    machine->stop();
  }
  void platform_reset(const std::string& why) override {
    problem = why;
    machine->stop();
  }
  void redirection_written(unsigned, RedirectionEntry, RedirectionEntry) override {}
  void message_delivered(const ApicBus::Delivery&) override {}
  void pci_configured(const PciHost::ConfigAccess&) override {}
};

// As the multiboot specification has it: flat 32-bit segments, paging off.
mint_registers protected_mode() {
  mint_registers r{};
  r.rip = kProgram;
  r.rflags = 2;
  r.cr0 = 0x11;
  for (unsigned i = 0; i < 6; ++i)
    r.segment[i] = {i == 1 ? std::uint16_t{0x08} : std::uint16_t{0x10}, 0, 0xffffffff,
                    i == 1 ? 0x00c09b00u : 0x00c09300u};
  return r;
}

}  // namespace

std::vector<LoopResult> run_loops(const std::vector<Loop>& loops, TimingLevel timing,
                                  std::uint64_t buffer_bytes) {
  std::vector<LoopResult> results(loops.size());
  if (loops.empty()) return results;
  const std::vector<std::uint8_t> program = assemble(loops, results, buffer_bytes);

  MachineSetup setup;
  setup.profile.cores = 1;
  setup.profile.memory = kMemory;
  setup.profile.timing = timing;
  setup.debug_parts = true;
  Watcher watcher;
  Machine machine(std::move(setup), watcher);
  watcher.machine = &machine;
  machine.power_on();
  const std::span<std::uint8_t> memory = machine.memory().at({kProgram}, program.size());
  if (memory.empty()) throw std::runtime_error("the program is larger than the machine's memory");
  std::memcpy(memory.data(), program.data(), program.size());
  const auto word_at = [&](std::uint64_t address) {
    std::uint64_t word = 0;
    std::memcpy(&word, machine.memory().at({address}, 8).data(), 8);
    return word;
  };
  const std::uint64_t table = word_at(kProgram + 8);
  const std::uint64_t buffer = word_at(kProgram + 16);
  make_page_tables(machine.memory(), word_at(kProgram + 24));
  std::size_t next = 0;
  watcher.prepare_next = [&] {
    while (!loops[next].prepare || !results[next].problem.empty()) ++next;
    loops[next++].prepare(machine.memory().at({buffer}, buffer_bytes), buffer);
  };
  machine.cores()[0]->start_at(protected_mode());
  machine.run();
  if (!watcher.problem.empty()) throw std::runtime_error("the run failed: " + watcher.problem);

  for (std::size_t i = 0; i < loops.size(); ++i) {
    const auto cycles = static_cast<std::int64_t>(word_at(table + i * 8));
    if (cycles > 0)
      results[i].cycles = static_cast<double>(cycles) / loops[i].rounds;
    else if (results[i].problem.empty())
      results[i].problem = "it raises an exception";
  }
  return results;
}

}  // namespace mint::accuracy
