#pragma once

#include <string>

namespace unblock::sandbox {

/// What the sandbox says to whoever started it, over a SOCK_SEQPACKET socket: one packet each, its
/// first character tells the kind.
enum class Status : char {
  note = 'N',  ///< followed by what this machine does not let it enforce, as a part of a sentence
  program = 'P',  ///< sent by the program-to-be: the kernel adds its process id (SCM_CREDENTIALS);
                  ///< it then waits for one byte before it goes on
  failed = 'F',   ///< followed by why the program could not be started
  ended = 'E',    ///< followed by an End
};

/// How the program ended.
struct End {
  enum class Reason : int { by_itself, memory, cpu, processes };
  int wait_status = 0;  ///< as wait(2) gives it
  Reason reason = Reason::by_itself;
};

/// Where the sandbox expects that socket. 0, 1, 2 and the program's channel, 3, are the program's.
constexpr int status_fd = 4;
constexpr int channel_fd = 3;

void send_status(Status status, const std::string& text);

}  // namespace unblock::sandbox
