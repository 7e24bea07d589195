/* The yardstick for our load: what a client can drive that checks nothing, measures nothing and
 * survives nothing. Level-triggered epoll, one recv and one send for each request.
 *
 *   bare_client PORT CONNECTIONS SIZE SECONDS        prints the requests per second */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 64 * 1024, EVENTS = 256 };

static char message[LARGEST];
static char buffer[LARGEST];

static void die(const char *call) {
  perror(call);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: bare_client PORT CONNECTIONS SIZE SECONDS\n");
    return 2;
  }
  const struct sockaddr_in server = {.sin_family = AF_INET,
                                     .sin_port = htons((unsigned short)atoi(argv[1])),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int connections = atoi(argv[2]);
  const size_t size = (size_t)atoi(argv[3]);
  const double seconds = atof(argv[4]);
  if (size < 1 || size > LARGEST) {
    fprintf(stderr, "bare_client: SIZE is from 1 to %d\n", LARGEST);
    return 2;
  }

  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll_create1");
  const int on = 1;
  for (int i = 0; i < connections; ++i) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) die("setsockopt");
    if (connect(fd, (const struct sockaddr *)&server, sizeof server) < 0) die("connect");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size) die("send");
  }

  const double begin = now();
  double elapsed = 0;
  long requests = 0;
  struct epoll_event events[EVENTS];
  while ((elapsed = now() - begin) < seconds) {
    int ready = epoll_wait(epoll_fd, events, EVENTS, 1000);
    if (ready < 0) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      if (recv(events[i].data.fd, buffer, size, MSG_WAITALL) != (ssize_t)size) die("recv");
      if (send(events[i].data.fd, message, size, MSG_NOSIGNAL) != (ssize_t)size) die("send");
    }
    requests += ready;
  }
  printf("%.0f\n", (double)requests / elapsed);
  return 0;
}
