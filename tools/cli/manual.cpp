#include "tools/cli/manual.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "tools/compare/text.hpp"

namespace unblock::cli {
namespace {

// Text for roff: a backslash and a hyphen that are to be seen as typed, and what stands between
// backquotes in bold.
std::string escaped(std::string_view text) {
  std::string out;
  bool is_code = false;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      is_code = !is_code;
      out += is_code ? "\\fB" : "\\fR";
    } else {
      out += c;
    }
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }

// "\fB\-\-pin\fR \fIsame|split|none\fR"
std::string synopsis(const Parameter& parameter) {
  std::string text;
  for (const std::string& name : parameter.names) {
    text += (text.empty() ? "" : ", ") + bold(name);
  }
  if (parameter.value.empty()) return text;
  if (!text.empty()) text += " ";
  text += "\\fI" + escaped(parameter.value) + "\\fR";
  return parameter.names.empty() && parameter.is_repeated ? text + "..." : text;
}

// Text in lines that an editor shows whole. Where one begins with a dot, that is no macro.
std::string with_short_lines(const std::string& page) {
  constexpr std::size_t width = 76;
  std::istringstream lines{page};
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('.')) {
      text += line + "\n";
      continue;
    }
    for (const std::string& part : wrapped(line, width, 0)) {
      text += (part.starts_with('.') ? "\\&" : "") + part + "\n";
    }
  }
  return text;
}

std::string item(const std::string& term, const std::string& text) {
  return ".TP\n" + term + "\n" + text + "\n";
}

std::string items(const Glossary& glossary) {
  std::string text;
  for (const auto& [name, what] : glossary) text += item(bold(name), escaped(what));
  return text;
}

// All but --help, which every command has.
std::string parameters(const Command& command) {
  std::string text;
  for (const auto* const list : {&command.positional, &command.options}) {
    for (const Parameter& parameter : *list) {
      if (parameter.has_name("--help")) continue;
      text += item(synopsis(parameter), escaped(parameter.explanation()));
    }
  }
  return text;
}

std::string synopses(const Command& program) {
  std::string text;
  for (const Command& command : program.commands) {
    if (!text.empty()) text += ".br\n";
    text += bold(program.name + " " + command.name) + " [\\fIOPTION\\fR...]";
    for (const Parameter& parameter : command.positional) {
      text += parameter.is_required ? " " + synopsis(parameter) : " [" + synopsis(parameter) + "]";
    }
    text += "\n";
  }
  return text;
}

std::string commands(const Command& program) {
  std::string text;
  for (const Command& command : program.commands) {
    text += fmt::format(".SS {}\n{}.\n{}", escaped(program.name + " " + command.name),
                        escaped(command.description), parameters(command));
  }
  return text;
}

constexpr const char* description = R"(.SH DESCRIPTION
Unblock is a lecture companion about how programs wait for input and output: numbered lessons, each a small echo server that waits in its own way, from a blocking \fBread\fR(2) to fibers; the same load on all of them, side by side; and exercises with a grader.
.PP
.B unblock
is what runs across the lessons. Each lesson is a program of its own, too, which says what it is when it is called without arguments.
)";

constexpr const char* measuring = R"(.SH MEASURING
.SS Closed and open loop
Each client of \fBunblock compare\fR waits for its answer before it sends its next request: a \fIclosed loop\fR. It measures how much a server can do, and a server that is slow is asked less. With \fB\-\-rate\fR the loop is \fIopen\fR: requests are sent when they are due, whatever the server does, as by people who do not know of one another.
.SS Coordinated omission
A client that waits for a server that stalls sends nothing meanwhile: the requests that would have met the stall are never sent, nor are their latencies recorded. A stall of one second among a thousand requests a second then counts as one slow answer, where a thousand would have been slow, and the percentiles look fine: the client has \fIcoordinated\fR with the server to \fIomit\fR the worst. In an open loop a latency is therefore measured from the time at which the request was due, not from the time at which it could be sent. A closed loop has no such time; read its percentiles as those of a client who never asks twice at once.
.SS What else is done so that numbers can be compared
The servers take turns, round by round, so that what changes from minute to minute meets all alike. Ratios are those of the same rounds, and the median of them is shown, with how far it may be off. One server is measured against itself, and what differs by less than that is told as no difference. Every byte that comes back is checked. System calls are counted in a round of their own, since counting takes time.
)";

constexpr const char* rest = R"(.SH EXIT STATUS
.TP
.B 0
All went well. For \fBunblock grade\fR: and every point was earned.
.TP
.B 1
Something went wrong, and one line on standard error says what and what to do. For \fBunblock compare\fR: nothing could be measured. For \fBunblock grade\fR: points are missing.
.TP
.B 2
The command line is wrong.
.TP
.B 130
\fBunblock compare\fR was interrupted (Ctrl\-C); what was measured until then is shown.
.SH ENVIRONMENT
.TP
.B NO_COLOR
Where it is set, nothing is coloured. Without it, colours go to terminals only.
.TP
.B COLUMNS
How many columns a line may have where standard output is no terminal; 80 by default.
.SH FILES
.TP
.I ../libexec/unblock/
The lessons\(aq programs, as seen from the folder of \fBunblock\fR; in a build tree they lie beside it.
.TP
.I exercises/
The exercises, in the source tree that \fBunblock\fR was built from. Only there can they be graded.
)";

constexpr const char* examples = R"(.SH EXAMPLES
.TP
.B unblock compare
Every model under the same load, in half a minute.
.TP
.B unblock compare select epoll\-lt \-\-load many\-idle
Two of them, with thousands of silent connections.
.TP
.B unblock compare \-\-with mine=\(aq./server \-\-port 0\(aq \-\-rate 20000
A server of your own beside ours, in an open loop.
.TP
.B unblock compare \-\-html compare.html
Every model, written as one page with plots, for a browser.
.TP
.B unblock compare \-\-scale \-\-json scale.json
From 1 to 10,000 connections, for a program to read.
.TP
.B unblock watch read\-exactly
An exercise, graded whenever its file is saved.
.TP
.B source <(unblock completion bash)
Completion, in this shell.
.SH SEE ALSO
.BR epoll (7),
.BR poll (2),
.BR select (2),
.BR io_uring (7),
.BR socket (7),
.BR tcp (7)
)";

}  // namespace

std::string manual(const Command& program, const Glossary& models, const Glossary& loads) {
  std::string name = program.name;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  std::string idea = program.description;
  idea.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(idea.front())));
  std::string text = fmt::format(".TH {} 1 {} \"Unblock {}\" \"User Commands\"\n", name,
                                 UNBLOCK_DATE, UNBLOCK_VERSION);
  text += fmt::format(".SH NAME\n{} \\- {}\n", program.name, escaped(idea));
  text += ".SH SYNOPSIS\n" + synopses(program);
  text += description;
  text += ".SH OPTIONS\nWithout a command, it tells what can be run. Every command takes\n";
  for (const Parameter& option : program.options) {
    text += item(synopsis(option), escaped(option.explanation()));
  }
  text += ".SH COMMANDS\n" + commands(program);
  text += ".SH MODELS\n" + items(models);
  text += ".SH LOADS\n" + items(loads);
  return with_short_lines(text + measuring + rest + examples);
}

}  // namespace unblock::cli
