/*
 * One epoll loop over bare system calls: the yardstick of every ratio in the report.
 *
 * usage: epoll_echo (ECHO | SMALL_WRITES)
 * Prints "READY <port>" and serves until its standard input ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 1024, BUFFER_BYTES = 64 * 1024, MAX_FDS = 65536, PIECES = 16, PIECE_BYTES = 32 };

/* What the kernel did not take at once; such a connection is not read until it has gone. */
struct unsent {
    char *bytes;
    size_t from, to;
};

static struct unsent unsent[MAX_FDS];
static char buffer[BUFFER_BYTES];
static char piece[PIECE_BYTES];
static int epoll;

static void check(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static void control(int operation, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    check(epoll_ctl(epoll, operation, fd, &event), "epoll_ctl");
}

static void hang_up(int fd) {
    close(fd);
    free(unsent[fd].bytes);
    memset(&unsent[fd], 0, sizeof unsent[fd]);
}

static int listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    check(listener, "socket");
    check(bind(listener, (struct sockaddr *)&address, length), "bind");
    check(listen(listener, 4096), "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
    printf("READY %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        control(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

static void keep(int fd, const char *bytes, size_t count) {
    struct unsent *rest = &unsent[fd];
    if (rest->bytes == NULL) rest->bytes = malloc(BUFFER_BYTES);
    memcpy(rest->bytes, bytes, count);
    rest->from = 0;
    rest->to = count;
    control(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void send_all(int fd, const char *bytes, size_t count) {
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        hang_up(fd);
        return;
    }
    if (sent < 0) sent = 0;
    if ((size_t)sent < count) keep(fd, bytes + sent, count - sent);
}

static void send_rest(int fd) {
    struct unsent *rest = &unsent[fd];
    ssize_t sent = send(fd, rest->bytes + rest->from, rest->to - rest->from, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        hang_up(fd);
        return;
    }
    if (sent > 0) rest->from += sent;
    if (rest->from == rest->to) control(EPOLL_CTL_MOD, fd, EPOLLIN);
}

/* Small writes are gathered by hand, as a C program would: copied together, sent once. */
static void answer(int fd, int small_writes) {
    char reply[PIECES * PIECE_BYTES];
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count == 0 || (count < 0 && errno != EAGAIN)) {
        hang_up(fd);
    } else if (count > 0 && small_writes) {
        for (int i = 0; i < PIECES; i++) memcpy(reply + i * PIECE_BYTES, piece, PIECE_BYTES);
        send_all(fd, reply, sizeof reply);
    } else if (count > 0) {
        send_all(fd, buffer, count);
    }
}

int main(int argc, char **argv) {
    struct epoll_event events[MAX_EVENTS];
    int small_writes = argc > 1 && strcmp(argv[1], "SMALL_WRITES") == 0;
    epoll = epoll_create1(0);
    check(epoll, "epoll_create1");
    int listener = listen_anywhere();
    control(EPOLL_CTL_ADD, listener, EPOLLIN);
    control(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
    for (;;) {
        int count = epoll_wait(epoll, events, MAX_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) return 0;
            if (fd == listener) accept_all(listener);
            else if (events[i].events & EPOLLOUT) send_rest(fd);
            else answer(fd, small_writes);
        }
    }
}
