#include "tools/grade/exercise.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.hpp"

namespace unblock::grade {
namespace {

namespace fs = std::filesystem;

// A table of one file. Every complaint names the file and the line.
class Table {
 public:
  Table(fs::path file, const toml::table& table) : file_{std::move(file)}, table_{&table} {}

  [[noreturn]] void fail(const toml::node* where, const std::string& what) const {
    const auto line = where != nullptr ? where->source().begin.line : table_->source().begin.line;
    throw UserError{fmt::format("{}:{}: {}", file_.string(), line, what)};
  }

  template <typename T>
  T get(const char* key) const {
    const toml::node* const node = table_->get(key);
    if (node == nullptr) fail(nullptr, fmt::format("'{}' is missing", key));
    return as<T>(*node, key);
  }
  template <typename T>
  T get(const char* key, T otherwise) const {
    const toml::node* const node = table_->get(key);
    return node == nullptr ? otherwise : as<T>(*node, key);
  }
  [[nodiscard]] std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> found;
    const toml::node* const node = table_->get(key);
    if (node == nullptr) return found;
    if (!node->is_array()) fail(node, fmt::format("'{}' is to be a list of texts", key));
    for (const toml::node& each : *node->as_array()) found.push_back(as<std::string>(each, key));
    return found;
  }
  [[nodiscard]] std::vector<Table> tables(const char* key) const {
    std::vector<Table> found;
    const toml::node* const node = table_->get(key);
    if (node == nullptr) return found;
    if (!node->is_array_of_tables()) fail(node, fmt::format("write [[{}]]", key));
    for (const toml::node& each : *node->as_array()) found.emplace_back(file_, *each.as_table());
    return found;
  }
  void only(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, node] : *table_) {
      if (std::find(keys.begin(), keys.end(), key.str()) == keys.end()) {
        fail(&node,
             fmt::format("'{}' is no key here; it is one of {}", key.str(), fmt::join(keys, ", ")));
      }
    }
  }

 private:
  template <typename T>
  T as(const toml::node& node, const char* key) const {
    if constexpr (std::is_same_v<T, std::size_t>) {
      const auto number = node.value_exact<std::int64_t>();
      if (!number || *number < 0) {
        fail(&node, fmt::format("'{}' is to be a number from 0 on", key));
      }
      return static_cast<std::size_t>(*number);
    } else {
      const auto value = node.value_exact<T>();
      if (!value) {
        fail(&node, fmt::format("'{}' is to be {}", key,
                                std::is_same_v<T, bool> ? "true or false" : "a text in quotes"));
      }
      return *value;
    }
  }

  fs::path file_;
  const toml::table* table_;
};

toml::table parse(const fs::path& file) {
  if (!fs::exists(file)) {
    throw UserError{
        fmt::format("{} is missing: an exercise needs it (docs/exercises.md)", file.string())};
  }
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    throw UserError{
        fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description())};
  }
}

int small_number(const Table& table, const char* key) {
  return static_cast<int>(std::min<std::size_t>(table.get<std::size_t>(key), 100'000));
}

void read_checks(const Table& table, bool hidden, std::vector<CheckSpec>& checks) {
  for (const Table& each : table.tables("check")) {
    each.only({"name", "points", "section", "cause"});
    CheckSpec check{.name = each.get<std::string>("name"),
                    .points = small_number(each, "points"),
                    .section = each.get<std::string>("section"),
                    .cause = each.get<std::string>("cause"),
                    .hidden = hidden};
    const bool twice = std::any_of(checks.begin(), checks.end(), [&](const CheckSpec& other) {
      return other.name == check.name;
    });
    if (twice) each.fail(nullptr, fmt::format("check '{}' is there twice", check.name));
    checks.push_back(std::move(check));
  }
}

kit::Limits read_limits(const toml::table& root, const fs::path& file) {
  kit::Limits limits;
  const toml::table* const given = root["limits"].as_table();
  if (given == nullptr) return limits;
  const Table table{file, *given};
  table.only({"cpu_s", "memory_mb", "processes", "descriptors"});
  limits.cpu_s = table.get("cpu_s", limits.cpu_s);
  limits.memory_mb = table.get("memory_mb", limits.memory_mb);
  limits.processes = table.get("processes", limits.processes);
  limits.descriptors = table.get("descriptors", limits.descriptors);
  return limits;
}

// "read-exactly" of "01-read-exactly".
std::string id_of(const std::string& name) { return name.substr(name.find('-') + 1); }

bool is_exercise_name(const std::string& name) {
  return name.size() > 3 && std::isdigit(static_cast<unsigned char>(name[0])) != 0 &&
         std::isdigit(static_cast<unsigned char>(name[1])) != 0 && name[2] == '-';
}

// What exercise.toml says; one that is broken comes last, and is complained about when it is read.
std::size_t minutes_of(const fs::path& folder) {
  try {
    const toml::table root = toml::parse_file((folder / "exercise.toml").string());
    return static_cast<std::size_t>(root["minutes"].value_or<std::int64_t>(100'000));
  } catch (const toml::parse_error&) {
    return 100'000;
  }
}

bool means(const std::string& word, const std::string& name) {
  const std::string last = fs::path{word}.filename().empty()
                               ? fs::path{word}.parent_path().filename().string()
                               : fs::path{word}.filename().string();
  return last == name || last == id_of(name) || last == name.substr(0, 2) ||
         (name[0] == '0' && last == name.substr(1, 1));
}

}  // namespace

fs::path source_folder() { return UNBLOCK_SOURCE_DIR; }

fs::path build_folder() { return UNBLOCK_BUILD_DIR; }

int Exercise::points() const {
  return std::accumulate(checks.begin(), checks.end(), 0,
                         [](int sum, const CheckSpec& check) { return sum + check.points; });
}

Exercise read_exercise(const fs::path& folder, const fs::path& instructor_folder) {
  const fs::path file = folder / "exercise.toml";
  const toml::table root = parse(file);
  const Table table{file, root};
  table.only({"id", "title", "lesson", "minutes", "file", "hidden_points", "threads", "io_uring",
              "denied_calls", "limits", "hints", "check"});
  Exercise exercise{.name = folder.filename(), .folder = folder};
  exercise.number = std::stoi(exercise.name);
  if (table.get<std::string>("id") != id_of(exercise.name)) {
    table.fail(root.get("id"), fmt::format("the id is to be '{}', as the folder's name says",
                                           id_of(exercise.name)));
  }
  exercise.title = table.get<std::string>("title");
  exercise.lesson = small_number(table, "lesson");
  exercise.minutes = small_number(table, "minutes");
  exercise.file = table.get<std::string>("file");
  exercise.hints = table.texts("hints");
  exercise.threads = table.get("threads", false);
  exercise.io_uring = table.get("io_uring", false);
  exercise.denied_calls = table.texts("denied_calls");
  exercise.limits = read_limits(root, file);
  if (root.contains("hidden_points")) exercise.hidden_points = small_number(table, "hidden_points");
  read_checks(table, false, exercise.checks);
  if (exercise.checks.empty()) table.fail(nullptr, "there is no [[check]]");

  const fs::path hidden = instructor_folder / "hidden.toml";
  if (instructor_folder.empty() || !fs::exists(hidden)) return exercise;
  exercise.instructor_folder = instructor_folder;
  const toml::table hidden_root = parse(hidden);
  const Table hidden_table{hidden, hidden_root};
  hidden_table.only({"check"});
  const int public_points = exercise.points();
  read_checks(hidden_table, true, exercise.checks);
  if (exercise.points() - public_points != exercise.hidden_points) {
    table.fail(root.get("hidden_points"),
               fmt::format("hidden_points is to be {}, the sum of {}",
                           exercise.points() - public_points, hidden.string()));
  }
  return exercise;
}

std::vector<std::string> exercise_names() {
  // By lesson, and within a lesson the short ones first: the order in which one takes them.
  std::vector<std::tuple<std::string, std::size_t, std::string>> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator{source_folder() / "exercises", none}) {
    const std::string name = entry.path().filename();
    if (entry.is_directory() && is_exercise_name(name)) {
      found.emplace_back(name.substr(0, 2), minutes_of(entry.path()), name);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (const auto& each : found) names.push_back(std::get<2>(each));
  return names;
}

std::vector<std::string> chosen_exercises(const std::vector<std::string>& words) {
  std::vector<std::string> names = exercise_names();
  if (names.empty()) {
    throw UserError{fmt::format("there are no exercises below {}: run this where Unblock was built",
                                (source_folder() / "exercises").string())};
  }
  if (words.empty()) return names;
  std::vector<std::string> chosen;
  for (const std::string& word : words) {
    bool found = false;
    for (const std::string& name : names) {
      if (!means(word, name)) continue;
      found = true;
      if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) chosen.push_back(name);
    }
    if (found) continue;
    std::vector<std::string> all = names;
    std::transform(names.begin(), names.end(), std::back_inserter(all), id_of);
    const std::string near = nearest(word, all);
    throw UserError{
        near.empty() ? fmt::format("there is no exercise '{}': `unblock progress` lists them", word)
                     : fmt::format("there is no exercise '{}': did you mean '{}'?", word, near)};
  }
  return chosen;
}

std::string one_exercise(const std::string& word) {
  const std::vector<std::string> chosen = chosen_exercises({word});
  if (chosen.size() > 1) {
    throw UserError{
        fmt::format("'{}' means several exercises: name one of {}", word, fmt::join(chosen, ", "))};
  }
  return chosen.front();
}

Exercise exercise_named(const std::string& name) {
  const fs::path instructor = source_folder() / "instructor" / name;
  return read_exercise(source_folder() / "exercises" / name,
                       fs::exists(instructor) ? instructor : fs::path{});
}

std::vector<std::string> headings(const fs::path& markdown) {
  std::vector<std::string> found;
  std::ifstream file{markdown};
  bool in_code = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) in_code = !in_code;
    const auto text = line.find_first_not_of('#');
    if (in_code || !line.starts_with('#') || text == std::string::npos) continue;
    found.push_back(line.substr(std::min(line.find_first_not_of(' ', text), line.size())));
  }
  return found;
}

}  // namespace unblock::grade
