#include "tools/grade/object_file.hpp"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace unblock::grade {
namespace {

using File = std::span<const std::byte>;

// Whatever offset the file names, nothing outside it is read.
template <typename T>
T read_at(File file, std::size_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) {
    throw std::runtime_error{"the object file is cut off"};
  }
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

std::string text_at(File file, const Elf64_Shdr& strings, std::size_t index) {
  if (strings.sh_offset > file.size() || strings.sh_size > file.size() - strings.sh_offset ||
      index >= strings.sh_size) {
    throw std::runtime_error{"the object file names a text outside of it"};
  }
  const auto part = file.subspan(strings.sh_offset + index, strings.sh_size - index);
  const auto end = std::find(part.begin(), part.end(), std::byte{0});
  return {reinterpret_cast<const char*>(part.data()), static_cast<std::size_t>(end - part.begin())};
}

std::string readable(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text{
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free};
  return status == 0 ? text.get() : symbol;
}

bool is_refused(const std::string& symbol) {
  // The ones that allocate nothing are inline in the library, and in the object where no optimizer
  // has put them into their callers.
  for (const std::string_view placement : {"_ZnwmPv", "_ZnamPv", "_ZdlPvS_", "_ZdaPvS_"}) {
    if (symbol == placement) return false;
  }
  // operator new, new[], delete, delete[].
  for (const std::string_view prefix : {"_Znw", "_Zna", "_ZdlPv", "_ZdaPv"}) {
    if (symbol.starts_with(prefix)) return true;
  }
  if (symbol.starts_with("_Z")) return false;
  // What compilers add by themselves.
  for (const std::string_view prefix : {"DW.ref.", "__odr_asan", "__clang_call_terminate"}) {
    if (symbol.starts_with(prefix)) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> defined_symbols(File file) {
  const auto header = read_at<Elf64_Ehdr>(file, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_type != ET_REL) {
    throw std::runtime_error{"this is no object file"};
  }
  std::vector<std::string> names;
  const auto section = [&](std::size_t index) {
    return read_at<Elf64_Shdr>(file, header.e_shoff + index * sizeof(Elf64_Shdr));
  };
  // Where there are very many sections, the first one tells how many.
  const std::size_t count = header.e_shnum != 0 ? header.e_shnum : section(0).sh_size;
  for (std::size_t i = 0; i < count; ++i) {
    const Elf64_Shdr table = section(i);
    if (table.sh_type != SHT_SYMTAB) continue;
    const Elf64_Shdr strings = section(table.sh_link);
    for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
      const auto symbol = read_at<Elf64_Sym>(file, table.sh_offset + at);
      const bool is_local = ELF64_ST_BIND(symbol.st_info) == STB_LOCAL;
      if (is_local || symbol.st_shndx == SHN_UNDEF) continue;
      names.push_back(text_at(file, strings, symbol.st_name));
    }
  }
  return names;
}

std::vector<std::string> refused_symbols(const std::vector<std::string>& symbols) {
  std::vector<std::string> refused;
  for (const std::string& symbol : symbols) {
    if (is_refused(symbol)) refused.push_back(readable(symbol));
  }
  return refused;
}

}  // namespace unblock::grade
