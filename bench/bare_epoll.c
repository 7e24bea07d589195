/* The yardstick: the bare edge-triggered epoll echo loop, in C, as one writes it who wants an echo
 * server and nothing else. It is right (short writes, back-pressure, a table that is full, resets),
 * so that it may be compared with servers that are.
 *
 * A connection that the socket lets down in a write keeps the rest, reads no more until it is gone,
 * and is registered for both directions from the start, so that no epoll_ctl follows.
 *
 * With BARE_ONE_SHOT=1 it is the same loop with one-shot registrations: level-triggered, each armed
 * again after its event, which is what that shape costs at the least. */

#define _GNU_SOURCE
#include "bare.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { BUFFER_SIZE = 16 * 1024, EVENTS = 512 };
static const uint32_t edges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

struct connection {
  char *rest; /* what the socket would not take, or NULL */
  size_t rest_size;
  size_t rest_sent;
};

static struct connection *connections; /* by descriptor */
static int epoll_fd;
static int listen_fd;
static int listener_paused; /* out of descriptors: wait until one is given back */
static char buffer[BUFFER_SIZE];

static void close_connection(int fd) {
  free(connections[fd].rest);
  memset(&connections[fd], 0, sizeof connections[fd]);
  close(fd);
  if (listener_paused) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listen_fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listen_fd, &event) == 0) listener_paused = 0;
  }
}

static void on_acceptable(void) {
  for (;;) {
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (is_out_of_resources(errno)) {
        struct epoll_event event = {.events = 0, .data.fd = listen_fd};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listen_fd, &event) == 0) listener_paused = 1;
        return;
      }
      if (errno == EAGAIN) return;
      continue; /* EINTR, ECONNABORTED, ...: concerns that client alone, see accept(2) */
    }
    struct epoll_event event = {.events = BARE_ONE_SHOT ? EPOLLIN | EPOLLONESHOT : edges,
                                .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) close(fd);
  }
}

/* Sends what is left over; 1 when nothing is any more, 0 when the socket is full, -1 when broken. */
static int send_rest(int fd) {
  struct connection *c = &connections[fd];
  while (c->rest_sent < c->rest_size) {
    ssize_t put = send(fd, c->rest + c->rest_sent, c->rest_size - c->rest_sent, MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? 0 : -1;
    }
    c->rest_sent += (size_t)put;
  }
  free(c->rest);
  memset(c, 0, sizeof *c);
  return 1;
}

/* Sends `size` bytes of the buffer and keeps what the socket does not take; as send_rest(). */
static int send_or_keep(int fd, size_t size) {
  ssize_t put;
  do {
    put = send(fd, buffer, size, MSG_NOSIGNAL);
  } while (put < 0 && errno == EINTR);
  if (put < 0 && errno != EAGAIN) return -1;
  size_t sent = put < 0 ? 0 : (size_t)put;
  if (sent == size) return 1;
  struct connection *c = &connections[fd];
  c->rest_size = size - sent;
  c->rest = malloc(c->rest_size);
  if (c->rest == NULL) return -1;
  memcpy(c->rest, buffer + sent, c->rest_size);
  return send_rest(fd); /* it may have room again: without a full socket there is no new event */
}

/* Closes what is broken (a state of -1). 0 when the connection is closed, else 1. */
static int keep(int fd, int state) {
  if (state < 0) close_connection(fd);
  return state >= 0;
}

/* As keep(). */
static int on_event(int fd, uint32_t events) {
  if (connections[fd].rest != NULL) {
    int state = send_rest(fd);
    if (state <= 0) return keep(fd, state);
  } else if ((events & ~(uint32_t)EPOLLOUT) == 0) {
    return 1; /* there is room, and nothing to send */
  }
  for (;;) {
    ssize_t got = recv(fd, buffer, BUFFER_SIZE, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return 1;
    if (got <= 0) return keep(fd, -1);
    int state = send_or_keep(fd, (size_t)got);
    if (state <= 0) return keep(fd, state);
    /* A buffer that was not filled has emptied the socket (epoll(7)); the end of the stream is an
     * event of its own, unless it came with this one. */
    if (got < BUFFER_SIZE && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return 1;
  }
}

/* What one-shot asks for after each event. */
static void arm(int fd) {
  struct epoll_event event = {
      .events = (connections[fd].rest != NULL ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT, .data.fd = fd};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0) close_connection(fd);
}

int main(int argc, char **argv) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) die("getrlimit");
  connections = calloc(limit.rlim_cur, sizeof *connections);
  if (connections == NULL) die("calloc");
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll_create1");

  listen_fd = begin(argc, argv, BARE_ONE_SHOT ? "bare-oneshot" : "bare-epoll",
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  struct epoll_event listening = {.events = EPOLLIN, .data.fd = listen_fd};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &listening) < 0) die("epoll_ctl");

  struct epoll_event events[EVENTS];
  for (;;) { /* until on_stop() */
    int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      int fd = events[i].data.fd;
      if (fd == listen_fd) {
        on_acceptable();
      } else if (on_event(fd, events[i].events) && BARE_ONE_SHOT) {
        arm(fd);
      }
    }
  }
}
