// Why each model comes out as it does beside the others. Each sentence follows from what the model
// does, which its lesson shows; the numbers beside it are for the run to give.

#include <map>

#include "tools/compare/models.hpp"

namespace unblock {
namespace {

using Reasons = std::map<std::string, std::string>;

void add_waiting_for_one(Reasons& reasons) {
  reasons["thread-per-connection"] =
      "Each client has a thread that sleeps in read and has to be woken for each request, where a "
      "loop in one thread serves at one wake-up whatever is ready. Each connection also takes a "
      "stack and a thread of the kernel's, so threads and memory grow with the clients, busy or "
      "not.";
  reasons["one-thread"] =
      "It serves one client until that one leaves, and a request costs it a read and a write. All "
      "other clients wait meanwhile: where there are several, they count as unanswered.";
  reasons["polling"] =
      "It never sleeps: it asks each socket in turn, and a read that finds nothing (EAGAIN) takes "
      "CPU time, too. So it uses up a whole CPU under any load, and takes that time from the "
      "client where the two share one.";
  reasons["polling-nap"] =
      "It asks each socket in turn, and sleeps for a millisecond after a round that found nothing, "
      "so that it leaves the CPU to others. A request that comes during the nap waits for its end: "
      "that is seen in the latency.";
}

void add_waiting_for_many(Reasons& reasons) {
  reasons["select"] =
      "One thread sleeps until something is ready and serves all of it, so the more clients are "
      "busy, the more requests share one call. But the sets are filled anew for each call and the "
      "kernel walks over every descriptor in them, so silent clients make each call dearer, and "
      "none can be numbered FD_SETSIZE (1,024) or above.";
  reasons["poll"] =
      "As with select, one call returns everything that is ready; the list is kept from call to "
      "call, and may be of any length. But the kernel and then the program walk over the whole "
      "list at each call: little beside the work where most clients are busy, and nearly all of "
      "the work where most are silent.";
  reasons["epoll-lt"] =
      "The kernel keeps the list and returns only what is ready, so that a wait costs what is "
      "ready and not what is watched: silent clients cost next to nothing. A request takes a read "
      "and a send, and all that are ready together share one wait.";
  reasons["epoll-et"] =
      "A socket is reported when something happens to it, not for as long as it is ready, so the "
      "server remembers what it has not used up. A read that does not fill its buffer counts as "
      "drained, which saves the call that would only say EAGAIN: short messages take as many calls "
      "as with epoll-lt.";
  reasons["epoll-oneshot"] =
      "A socket that was reported falls silent until it is armed again with epoll_ctl: one system "
      "call more than epoll-lt makes for each request. What that buys is that several threads may "
      "wait on one epoll instance, and this server has one thread unless --threads says otherwise.";
}

void add_completions_and_fibers(Reasons& reasons) {
  reasons["proactor-select"] =
      "A thread with a select loop carries out each read and send, and hands the results through a "
      "queue to the thread that runs the handlers. So requests pay for wake-ups between the two "
      "threads on top of what select itself costs.";
  reasons["proactor-aio"] =
      "glibc carries each read out in a thread of its own, which sleeps in it and then sends a "
      "signal to tell. So a request takes several system calls and switches between threads, and "
      "each client that is waited for holds a thread, of which the lesson allows 512.";
  reasons["proactor-uring"] =
      "The kernel carries the operations out and puts their results into memory that it shares "
      "with the server; one call submits what a batch of handlers has started and waits for the "
      "next batch. So many busy clients share few system calls, while what the kernel does for TCP "
      "stays the same.";
  reasons["fibers"] =
      "Each client has a fiber, and one whose read finds nothing is parked: its thread goes on "
      "with another fiber, without a system call, and one that has run out of fibers waits with "
      "epoll, as lesson 05 does. Beside that a request pays for two switches of stacks and the "
      "scheduler's locks, and each connection for a stack.";
  reasons["fibers-ucontext"] =
      "It is the server of fibers, except that it goes from one fiber to another with "
      "swapcontext(3). That also sets the signal mask, which is a system call each time, where the "
      "lesson's own switch makes none.";
}

}  // namespace

const std::string& why(const KnownModel& model) {
  static const Reasons reasons = [] {
    Reasons all;
    add_waiting_for_one(all);
    add_waiting_for_many(all);
    add_completions_and_fibers(all);
    return all;
  }();
  static const std::string none;
  const auto found = reasons.find(model.name);
  return found == reasons.end() ? none : found->second;
}

}  // namespace unblock
