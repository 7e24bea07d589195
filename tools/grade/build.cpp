#include "tools/grade/build.hpp"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "exercises/kit/sandboxed.hpp"
#include "tools/grade/compiler_messages.hpp"
#include "tools/grade/object_file.hpp"
#include "tools/grade/read_file.hpp"
#include "tools/grade/submission.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A compiler of templates may need much; a bomb stops here.
constexpr kit::Limits compiler_limits{.cpu_s = 20,
                                      .memory_mb = 1536,
                                      .processes = 64,
                                      .descriptors = 256,
                                      .file_mb = 64,
                                      .box_mb = 128};
constexpr std::chrono::seconds compiler_deadline{120};

// What the compiler made of a submission: no link that leads elsewhere, and no larger than its
// limit.
std::string read_product(const fs::path& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat what {};
  if (!fd || ::fstat(fd.get(), &what) != 0 || !S_ISREG(what.st_mode)) return {};
  std::string bytes(static_cast<std::size_t>(what.st_size), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t count = ::read(fd.get(), bytes.data() + got, bytes.size() - got);
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

// What keeps a submission from using io_uring; it has no rights there, whoever we are.
std::string why_no_io_uring() {
  int disabled = 0;  // where the kernel is older than this setting
  std::ifstream{"/proc/sys/kernel/io_uring_disabled"} >> disabled;
  io_uring_params parameters{};
  const UniqueFd ring{static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters))};
  if (ring && disabled == 0) return {};
  if (!ring && errno == ENOSYS) return "this kernel has no io_uring";
  return "this system does not allow io_uring (sysctl kernel.io_uring_disabled, or a container's "
         "seccomp profile)";
}

json build_settings(const Exercise& exercise) {
  if (const std::string why = left_out(exercise.name); !why.empty()) {
    throw UserError{fmt::format("{} is left out: {}", exercise.name, why)};
  }
  const fs::path file = build_folder() / "exercises" / exercise.name / "build.json";
  if (!fs::exists(file)) {
    throw UserError{fmt::format("{} is not built: run `make exercises`", exercise.name)};
  }
  return json::parse(read_file(file));
}

std::vector<std::string> texts(const json& settings, const char* key) {
  return settings.at(key).get<std::vector<std::string>>();
}

// What is to be compiled, alone with what it may include.
void stage(const Exercise& exercise, const json& settings, const std::string& text,
           const fs::path& folder) {
  const fs::path in = folder / "in";
  fs::create_directories(in);
  for (const auto& entry : fs::directory_iterator{exercise.folder}) {
    if (entry.path().extension() == ".hpp") fs::copy(entry.path(), in);
  }
  for (const std::string& header : texts(settings, "given_headers")) {
    fs::create_directories((in / header).parent_path());
    fs::copy(source_folder() / header, in / header);
  }
  std::ofstream{in / exercise.file, std::ios::binary} << text;
}

kit::SandboxOptions compiler_in_sandbox(const fs::path& in, const fs::path& out) {
  return {.sandbox = sandbox_program(),
          .environment = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8"},
          .readable = {in},
          .writable = {out},
          .covered = {source_folder(), build_folder()},
          .limits = compiler_limits,
          .network = false};
}

// Runs a compiler or linker. False where it failed; `subject` tells why.
bool run_compiler(const kit::SandboxOptions& options, const Exercise& exercise,
                  const std::string& what, BuiltSubject& subject) {
  kit::Sandboxed compiler{options};
  subject.not_enforced.insert(subject.not_enforced.end(), compiler.notes().begin(),
                              compiler.notes().end());
  const auto ending = compiler.wait(compiler_deadline);
  if (!ending || ending->reason == kit::Ending::Reason::cpu) {
    subject.problem = fmt::format("{} takes the compiler too long", exercise.file);
  } else if (ending->reason == kit::Ending::Reason::memory) {
    subject.problem = fmt::format("{} takes the compiler more than {} MB of memory", exercise.file,
                                  compiler_limits.memory_mb);
  } else if (ending->reason != kit::Ending::Reason::exited || ending->number != 0) {
    subject.problem = fmt::format("{} does not {}", exercise.file, what);
    subject.messages = reduce_messages(compiler.errors(std::size_t{256} << 10U), exercise.file,
                                       options.readable.front().string());
  }
  for (std::string& line : subject.messages) line = printable(line);
  return subject.problem.empty();
}

// The files that the compiler read, as it wrote them down (-MD).
std::vector<fs::path> dependencies(const fs::path& file) {
  std::istringstream in{read_product(file)};
  std::vector<fs::path> found;
  std::string word;
  in >> word;  // the object
  while (in >> word) {
    if (word != "\\") found.push_back(fs::path{word}.lexically_normal());
  }
  return found;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// A header of the system, or one of those that are given.
std::string refused_header(const fs::path& list, const fs::path& in) {
  for (const fs::path& path : dependencies(list)) {
    constexpr std::array system{"/usr", "/lib", "/opt", "/nix", "/gnu"};
    if (!is_below(path, in) && std::none_of(system.begin(), system.end(), [&](const char* folder) {
          return is_below(path, folder);
        })) {
      return printable(path.string());
    }
  }
  return {};
}

bool is_acceptable(const Exercise& exercise, const fs::path& object, const fs::path& in,
                   BuiltSubject& subject) {
  if (const std::string header = refused_header(object.string() + ".d", in); !header.empty()) {
    subject.problem = fmt::format("{} includes {}, which is neither given nor the system's",
                                  exercise.file, header);
    return false;
  }
  const std::string bytes = read_product(object);
  std::vector<std::string> refused;
  try {
    refused = refused_symbols(defined_symbols(std::as_bytes(std::span{bytes})));
  } catch (const std::runtime_error& error) {
    subject.problem = fmt::format("{} compiles to something odd: {}", exercise.file, error.what());
    return false;
  }
  if (refused.empty()) return true;
  if (refused.size() > 4) refused.resize(4);
  subject.problem = printable(fmt::format("{} defines {}, which is not yours to define",
                                          exercise.file, fmt::join(refused, ", ")));
  return false;
}

// Where one build of a submission happens.
struct Place {
  fs::path in;
  fs::path out;
  std::string sanitizer;  // "address" or "thread"

  [[nodiscard]] fs::path object() const { return out / (sanitizer + ".o"); }
  [[nodiscard]] fs::path linked() const { return out / (sanitizer + ".program"); }
};

std::vector<std::string> compiler_flags(const json& settings, const Place& place) {
  std::vector<std::string> flags{settings.at("compiler")};
  for (const std::string& key : {std::string{"flags"}, place.sanitizer + "_flags"}) {
    const auto more = texts(settings, key.c_str());
    flags.insert(flags.end(), more.begin(), more.end());
  }
  return flags;
}

bool compile(const Exercise& exercise, const json& settings, const Place& place,
             BuiltSubject& subject) {
  kit::SandboxOptions options = compiler_in_sandbox(place.in, place.out);
  options.command = compiler_flags(settings, place);
  const std::string in = place.in.string();
  for (const std::string& argument :
       {std::string{"-pipe"}, "-I" + in, "-ffile-prefix-map=" + in + "/=", std::string{"-MD"},
        std::string{"-MF"}, place.object().string() + ".d", std::string{"-c"},
        in + "/" + exercise.file, std::string{"-o"}, place.object().string()}) {
    options.command.push_back(argument);
  }
  return run_compiler(options, exercise, "compile", subject);
}

bool link(const Exercise& exercise, const json& settings, const Place& place,
          BuiltSubject& subject) {
  kit::SandboxOptions options = compiler_in_sandbox(place.in, place.out);
  options.command = compiler_flags(settings, place);
  for (const std::string& given : texts(settings, (place.sanitizer + "_objects").c_str())) {
    options.readable.emplace_back(given);
    options.command.push_back(given);
  }
  options.command.push_back(place.object());
  for (const std::string& library : texts(settings, "libraries")) {
    options.command.push_back(library);
  }
  options.command.insert(options.command.end(), {"-o", place.linked()});
  return run_compiler(options, exercise, "link", subject);
}

// Makes what was linked ours, so that whoever compiled it cannot change it any more. It is not
// copied: a child that another thread forks meanwhile would hold the copy open for writing, and
// execve(2) would say ETXTBSY. False where it is no file of its own.
bool take_over(const fs::path& linked, const fs::path& program) {
  const UniqueFd fd{::open(linked.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat what {};
  return fd && ::fstat(fd.get(), &what) == 0 && S_ISREG(what.st_mode) && what.st_nlink == 1 &&
         ::fchown(fd.get(), ::geteuid(), ::getegid()) == 0 && ::fchmod(fd.get(), 0755) == 0 &&
         ::rename(linked.c_str(), program.c_str()) == 0;
}

// The program, or nothing where `subject` has a problem now.
fs::path build_one(const Exercise& exercise, const json& settings, const fs::path& folder,
                   const std::string& sanitizer, BuiltSubject& subject) {
  const Place place{
      .in = folder / "in", .out = folder / (sanitizer + "-out"), .sanitizer = sanitizer};
  fs::create_directories(place.out);
  if (!compile(exercise, settings, place, subject) ||
      !is_acceptable(exercise, place.object(), place.in, subject) ||
      !link(exercise, settings, place, subject)) {
    return {};
  }
  fs::path program = folder / (sanitizer + "-subject");
  if (take_over(place.linked(), program)) return program;
  subject.problem = fmt::format("{} links to something odd", exercise.file);
  return {};
}

}  // namespace

fs::path sandbox_program() { return build_folder() / "exercises" / "sandbox"; }

fs::path checks_of(const Exercise& exercise) {
  fs::path program{build_settings(exercise).at("checks").get<std::string>()};
  if (!fs::exists(program) || !fs::exists(sandbox_program())) {
    throw UserError{
        fmt::format("the checks of {} are not built: run `make exercises`", exercise.name)};
  }
  std::vector<fs::path> sources{exercise.folder / "checks.cpp", exercise.folder / "subject.cpp"};
  if (!exercise.instructor_folder.empty()) {
    sources.push_back(exercise.instructor_folder / "hidden_checks.cpp");
  }
  for (const fs::path& source : sources) {
    if (fs::exists(source) && fs::last_write_time(source) > fs::last_write_time(program)) {
      throw UserError{fmt::format("{} is newer than what was built of it: run `make exercises`",
                                  source.string())};
    }
  }
  return program;
}

std::string left_out(const std::string& exercise) {
  const fs::path built = build_folder() / "exercises" / exercise / "build.json";
  if (fs::exists(built)) {
    const json settings = json::parse(read_file(built));
    if (settings.contains("left_out")) return settings.at("left_out");
  }
  const bool known = fs::exists(source_folder() / "exercises" / exercise / "exercise.toml");
  return known && exercise_named(exercise).io_uring ? why_no_io_uring() : "";
}

BuiltSubject build_subject(const Exercise& exercise, const std::string& text,
                           const fs::path& folder) {
  const json settings = build_settings(exercise);
  stage(exercise, settings, text, folder);
  const auto build = [&](const char* sanitizer, fs::path BuiltSubject::*program) {
    BuiltSubject built;
    built.*program = build_one(exercise, settings, folder, sanitizer, built);
    return built;
  };
  if (!exercise.threads) return build("address", &BuiltSubject::address);
  // Both at once: somebody waits for them.
  auto other = std::async(std::launch::async, build, "thread", &BuiltSubject::thread);
  BuiltSubject subject = build("address", &BuiltSubject::address);
  const BuiltSubject with_threads = other.get();
  subject.thread = with_threads.thread;
  subject.not_enforced.insert(subject.not_enforced.end(), with_threads.not_enforced.begin(),
                              with_threads.not_enforced.end());
  if (subject.problem.empty()) {
    subject.problem = with_threads.problem;
    subject.messages = with_threads.messages;
  }
  return subject;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "unblock-grade-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw_errno("mkdtemp");
  path_ = name;
  // What runs in the sandbox is another user where we are root, and passes through here.
  check("chmod", ::chmod(name.c_str(), 0711));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace unblock::grade
