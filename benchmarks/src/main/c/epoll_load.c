/*
 * The load generator again, in C: independent of the one in Java, and cheaper, so that it can keep a faster server busy.
 *
 * usage: epoll_load PORT echo CONNECTIONS DEPTH REQUEST_BYTES REPLY_BYTES
 *        epoll_load PORT skewed CONNECTIONS DEPTH REQUEST_BYTES REPLY_BYTES
 *        epoll_load PORT (churn | mixed) AT_ONCE 1 REQUEST_BYTES REPLY_BYTES
 * skewed is echo on every second of twice as many connections, so that a server which deals them out in turn to two loops
 * has all the work on one. A connection of churn lives for one message; of mixed, nine in ten live for 1 to 10 and one for
 * 1 to 2,000.
 * Prints "READY 0" when every connection has had one answer. Then, for each number of milliseconds on a line of its
 * standard input, keeps the load up for so long and prints how many answers (or whole cycles) came.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EVENTS = 1024, BUFFER_BYTES = 256 * 1024, MAX_FDS = 65536, HOSTS = 250, STALL_MILLIS = 5000 };

struct client {
    size_t partial; /* bytes of an answer that is not whole yet */
    size_t unsent;
    int blocked;
    int left; /* messages until it closes, of churn and mixed */
};

static struct client clients[MAX_FDS];
static char received[BUFFER_BYTES];
static char *requests;
static size_t request_bytes, reply_bytes;
static int epoll, port, churn, mixed, turn;
static long answers;

static void check(long result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static long now_millis(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void control(int operation, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    check(epoll_ctl(epoll, operation, fd, &event), "epoll_ctl");
}

static void flush(int fd) {
    struct client *client = &clients[fd];
    ssize_t sent = send(fd, requests, client->unsent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) check(sent, "send");
    if (sent > 0) client->unsent -= sent;
    if (client->blocked != (client->unsent > 0)) {
        client->blocked = client->unsent > 0;
        control(EPOLL_CTL_MOD, fd, client->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void send_requests(int fd, int count) {
    clients[fd].unsent += count * request_bytes;
    flush(fd);
}

/* Loopback addresses in turn: each pair of addresses has its own ports. */
static int open_client(int flags) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    check(fd, "socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn++ % HOSTS);
    check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    int result = connect(fd, (struct sockaddr *)&address, sizeof address);
    if (result < 0 && errno != EINPROGRESS) check(result, "connect");
    memset(&clients[fd], 0, sizeof clients[fd]);
    return fd;
}

/* Proves that the server answers rightly before anything is measured. */
static int open_verified(void) {
    int fd = open_client(0);
    check(send(fd, requests, request_bytes, MSG_NOSIGNAL), "send");
    if (recv(fd, received, reply_bytes, MSG_WAITALL) != (ssize_t)reply_bytes) fail("no whole answer");
    if (request_bytes == reply_bytes && memcmp(requests, received, reply_bytes) != 0) fail("not an echo");
    check(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
    return fd;
}

/* On loopback a connection is there at once, or the first send says EAGAIN and waits for it. */
static void start_cycle(void) {
    int fd = open_client(SOCK_NONBLOCK);
    control(EPOLL_CTL_ADD, fd, EPOLLIN);
    clients[fd].left = mixed ? 1 + rand() % (rand() % 10 == 0 ? 2000 : 10) : 1;
    send_requests(fd, 1);
}

static void receive(int fd) {
    ssize_t count = recv(fd, received, sizeof received, 0);
    if (count <= 0) fail("server closed a connection");
    size_t bytes = clients[fd].partial + count;
    int whole = bytes / reply_bytes;
    clients[fd].partial = bytes % reply_bytes;
    answers += whole;
    if (whole > 0 && churn && --clients[fd].left == 0) {
        close(fd);
        start_cycle();
    } else if (whole > 0) {
        send_requests(fd, whole);
    }
}

static long run(long millis) {
    struct epoll_event events[MAX_EVENTS];
    long end = now_millis() + millis;
    answers = 0;
    do {
        int count = epoll_wait(epoll, events, MAX_EVENTS, STALL_MILLIS);
        if (count == 0) fail("no answer for 5 s");
        for (int i = 0; i < count; i++) {
            if (events[i].events & EPOLLOUT) flush(events[i].data.fd);
            if (events[i].events & EPOLLIN) receive(events[i].data.fd);
        }
    } while (now_millis() < end);
    return answers;
}

int main(int argc, char **argv) {
    char line[32];
    if (argc != 7) fail("usage: epoll_load PORT (echo | skewed | churn | mixed) CONNECTIONS DEPTH REQUEST_BYTES REPLY_BYTES");
    port = atoi(argv[1]);
    mixed = strcmp(argv[2], "mixed") == 0;
    churn = mixed || strcmp(argv[2], "churn") == 0;
    int skewed = strcmp(argv[2], "skewed") == 0;
    int connections = atoi(argv[3]), depth = atoi(argv[4]);
    request_bytes = atol(argv[5]);
    reply_bytes = atol(argv[6]);
    requests = malloc(depth * request_bytes);
    for (size_t i = 0; i < depth * request_bytes; i++) requests[i] = i % request_bytes * 31;
    epoll = epoll_create1(0);
    check(epoll, "epoll_create1");

    int first = open_verified();
    if (churn) {
        close(first);
        for (int i = 0; i < connections; i++) start_cycle();
    } else {
        int *opened = malloc(connections * sizeof *opened);
        opened[0] = first;
        for (int i = 1; i < connections; i++) {
            if (skewed) open_verified(); /* and never used again */
            opened[i] = open_verified();
        }
        for (int i = 0; i < connections; i++) {
            control(EPOLL_CTL_ADD, opened[i], EPOLLIN);
            send_requests(opened[i], depth);
        }
    }
    printf("READY 0\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        printf("%ld\n", run(atol(line)));
        fflush(stdout);
    }
    return 0;
}
