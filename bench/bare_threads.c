/* A yardstick: the bare blocking echo server with a thread for each connection, in C, as one writes
 * it who wants that and nothing else. */

#define _GNU_SOURCE
#include "bare.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

enum { BUFFER_SIZE = 16 * 1024 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_ended = PTHREAD_COND_INITIALIZER;
static unsigned long ended; /* guarded by the mutex */

/* 0 when the connection is broken, else 1. */
static int send_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return 0;
    bytes += sent;
    size -= (size_t)sent;
  }
  return 1;
}

static void *serve(void *argument) {
  int fd = (int)(intptr_t)argument;
  char buffer[BUFFER_SIZE];
  for (;;) {
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || !send_all(fd, buffer, (size_t)got)) break;
  }
  close(fd);
  pthread_mutex_lock(&mutex);
  ++ended;
  pthread_cond_signal(&one_ended);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

/* Something is used up: waits until a connection has ended since `ended_before` was returned, or for
 * a tenth of a second, since others may give back something, too. */
static unsigned long wait_for_room(unsigned long ended_before) {
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_nsec += 100 * 1000 * 1000;
  deadline.tv_sec += deadline.tv_nsec / 1000000000;
  deadline.tv_nsec %= 1000000000;
  pthread_mutex_lock(&mutex);
  while (ended == ended_before &&
         pthread_cond_timedwait(&one_ended, &mutex, &deadline) != ETIMEDOUT) {
  }
  unsigned long now = ended;
  pthread_mutex_unlock(&mutex);
  return now;
}

int main(int argc, char **argv) {
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  int listen_fd = begin(argc, argv, "bare-threads", SOCK_STREAM | SOCK_CLOEXEC);
  unsigned long seen = 0;
  for (;;) { /* until on_stop() */
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
      if (is_out_of_resources(errno)) seen = wait_for_room(seen);
      continue; /* EINTR, ECONNABORTED, ...: concerns that client alone, see accept(2) */
    }
    pthread_t thread;
    while (pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd) != 0) {
      seen = wait_for_room(seen);
    }
  }
}
