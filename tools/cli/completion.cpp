#include "tools/cli/completion.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace unblock::cli {
namespace {

// A bash takes '=' for the end of a word, and for one of its own: "--pin", "=", "same".
std::vector<std::string> joined_at_equals(const std::vector<std::string>& words) {
  std::vector<std::string> joined;
  bool to_be_continued = false;
  for (const std::string& word : words) {
    if (!joined.empty() && (word == "=" || to_be_continued)) {
      joined.back() += word;
    } else {
      joined.push_back(word);
    }
    to_be_continued = word == "=";
  }
  return joined;
}

bool is_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

// What the words before the cursor come to.
struct Typed {
  const Command* command = nullptr;
  const Parameter* waiting = nullptr;  // an option whose value is the next word
  std::set<const Parameter*> options;
  std::vector<std::string> values;
  std::size_t positional = 0;
  bool options_ended = false;  // by "--"
};

const Parameter* find_option(const Command& command, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const auto found = std::find_if(command.options.begin(), command.options.end(),
                                  [&](const Parameter& option) { return option.has_name(name); });
  return found == command.options.end() ? nullptr : &*found;
}

void take_option(Typed& typed, const std::string& word) {
  const Parameter* const option = find_option(*typed.command, word);
  if (option == nullptr) return;
  typed.options.insert(option);
  if (!option->value.empty() && word.find('=') == std::string::npos) typed.waiting = option;
}

void take(Typed& typed, const std::string& word) {
  const auto& commands = typed.command->commands;
  const auto command = std::find_if(commands.begin(), commands.end(),
                                    [&](const Command& sub) { return sub.name == word; });
  if (typed.waiting != nullptr) {
    typed.values.push_back(word);
    typed.waiting = nullptr;
  } else if (word == "--") {
    typed.options_ended = true;
  } else if (is_option(word) && !typed.options_ended) {
    take_option(typed, word);
  } else if (command != commands.end()) {
    typed = {.command = &*command};
  } else {
    typed.values.push_back(word);
    ++typed.positional;
  }
}

Completion values_of(const Parameter& parameter, const std::string& begun, const Typed& typed,
                     const Values& values) {
  const std::string& value = parameter.value;
  if (value == "FILE") return {.candidates = {}, .paths = Completion::Paths::files};
  if (value == "FOLDER") return {.candidates = {}, .paths = Completion::Paths::folders};
  if (value.find('=') != std::string::npos) {  // NAME=COMMAND
    const bool is_named = begun.find('=') != std::string::npos;
    return {.candidates = {},
            .paths = is_named ? Completion::Paths::files : Completion::Paths::none};
  }
  Completion completion;
  if (value.find('|') != std::string::npos) {
    std::istringstream choices{value};
    for (std::string choice; std::getline(choices, choice, '|');) {
      completion.candidates.push_back({.text = choice});
    }
  } else {
    completion.candidates = values(value, begun);
  }
  std::erase_if(completion.candidates, [&](const Candidate& candidate) {
    return std::find(typed.values.begin(), typed.values.end(), candidate.text) !=
           typed.values.end();
  });
  return completion;
}

// Whether the option has no place any more beside those that are there.
bool is_ruled_out(const Parameter& option, const Typed& typed) {
  return std::any_of(typed.options.begin(), typed.options.end(), [&](const Parameter* other) {
    return (other == &option && !option.is_repeated) ||
           std::any_of(option.excludes.begin(), option.excludes.end(),
                       [&](const std::string& name) { return other->has_name(name); });
  });
}

Completion options_of(const Typed& typed) {
  Completion completion;
  for (const Parameter& option : typed.command->options) {
    if (is_ruled_out(option, typed)) continue;
    completion.candidates.push_back(
        {.text = option.names.back(), .description = option.description});
  }
  return completion;
}

// In both, PROGRAM stands for the program's name.
constexpr const char* bash_script =
    R"(# bash completion for PROGRAM. In a shell: source <(PROGRAM completion bash)

_PROGRAM() {
  local program=${COMP_WORDS[0]/#\~/$HOME} begun=${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  [[ $begun != = ]] || begun=
  while IFS= read -r line; do
    case $line in
      :files | :folders)
        compopt -o filenames 2>/dev/null
        if [[ $line == :files ]]; then line=-f; else line=-d; fi
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$line" -- "$begun")
        ;;
      "$begun"*) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <("$program" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}

complete -F _PROGRAM PROGRAM
)";

constexpr const char* zsh_script = R"(#compdef PROGRAM
# zsh completion for PROGRAM. In a shell, after compinit: source <(PROGRAM completion zsh)

_PROGRAM() {
  local program=${words[1]/#\~/$HOME} line
  local -a candidates
  compset -P 1 '*='
  for line in "${(@f)$("$program" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      ('') ;;
      (:files) _files ;;
      (:folders) _files -/ ;;
      (*)
        line=${line//:/\\:}
        candidates+=("${line/$'\t'/:}")
        ;;
    esac
  done
  if (( $#candidates )); then _describe PROGRAM candidates; fi
}

if [[ $funcstack[1] == _PROGRAM ]]; then
  _PROGRAM "$@"
else
  compdef _PROGRAM PROGRAM
fi
)";

}  // namespace

Completion complete(const Command& program, std::vector<std::string> words, const Values& values) {
  words = joined_at_equals(words);
  const std::string begun = words.empty() ? "" : words.back();
  if (!words.empty()) words.pop_back();
  Typed typed{.command = &program};
  for (const std::string& word : words) take(typed, word);

  if (typed.waiting != nullptr) return values_of(*typed.waiting, begun, typed, values);
  if (begun.starts_with('-') && !typed.options_ended) {
    const auto equals = begun.find('=');
    if (equals == std::string::npos) return options_of(typed);
    const Parameter* const option = find_option(*typed.command, begun);
    if (option == nullptr) return {};
    return values_of(*option, begun.substr(equals + 1), typed, values);
  }
  if (!typed.command->commands.empty()) {
    Completion completion;
    for (const Command& command : typed.command->commands) {
      completion.candidates.push_back({.text = command.name, .description = command.description});
    }
    return completion;
  }
  const auto& positional = typed.command->positional;
  if (typed.positional < positional.size()) {
    return values_of(positional[typed.positional], begun, typed, values);
  }
  if (!positional.empty() && positional.back().is_repeated) {
    return values_of(positional.back(), begun, typed, values);
  }
  return begun.empty() && !typed.options_ended ? options_of(typed) : Completion{};
}

std::string to_lines(const Completion& completion) {
  std::string lines;
  for (const Candidate& candidate : completion.candidates) {
    lines += candidate.text;
    if (!candidate.description.empty()) lines += "\t" + candidate.description;
    lines += "\n";
  }
  if (completion.paths == Completion::Paths::files) lines += ":files\n";
  if (completion.paths == Completion::Paths::folders) lines += ":folders\n";
  return lines;
}

std::string completion_script(const std::string& shell, const std::string& program) {
  const std::string placeholder = "PROGRAM";
  std::string script = shell == "bash" ? bash_script : zsh_script;
  for (std::size_t at = 0; (at = script.find(placeholder, at)) != std::string::npos;) {
    script.replace(at, placeholder.size(), program);
    at += program.size();
  }
  return script;
}

}  // namespace unblock::cli
