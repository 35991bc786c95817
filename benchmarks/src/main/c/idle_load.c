/*
 * Holds any number of idle connections with few descriptors: each is opened as usual, echoes one message, and is then
 * handed to the table of an io_uring, which RLIMIT_NOFILE bounds ring by ring.
 *
 * usage: idle_load PORT MESSAGE_BYTES
 * Prints "READY 0". Then, for each number on a line of its standard input, opens so many more and prints how many there
 * are. All end with the process.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each pair of addresses has 28,232 ports. */
enum { HOSTS = 250, MAX_BYTES = 64 * 1024 };

static char request[MAX_BYTES], answer[MAX_BYTES];
static size_t bytes;
static int port, ring;
static long opened, places, used;

static void check(long result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static void next_ring(void) {
    struct io_uring_params parameters = {0};
    ring = syscall(SYS_io_uring_setup, 1, &parameters);
    check(ring, "io_uring_setup");
    struct io_uring_rsrc_register table = {.nr = places, .flags = IORING_RSRC_REGISTER_SPARSE};
    check(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES2, &table, sizeof table), "IORING_REGISTER_FILES2");
    used = 0;
}

/* The table holds the socket; the descriptor is free for the next. */
static void keep(int fd) {
    if (used == places) next_ring();
    struct io_uring_files_update place = {.offset = used++, .fds = (uint64_t)(uintptr_t)&fd};
    check(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES_UPDATE, &place, 1), "IORING_REGISTER_FILES_UPDATE");
    close(fd);
}

static void open_one(void) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 256 + opened % HOSTS);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    check(fd, "socket");
    check(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), "IP_BIND_ADDRESS_NO_PORT");
    check(bind(fd, (struct sockaddr *)&from, sizeof from), "bind");
    check(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    check(send(fd, request, bytes, MSG_NOSIGNAL), "send");
    if (recv(fd, answer, bytes, MSG_WAITALL) != (ssize_t)bytes || memcmp(request, answer, bytes) != 0) {
        fprintf(stderr, "connection %ld got no echo\n", opened);
        exit(1);
    }
    keep(fd);
    opened++;
}

int main(int argc, char **argv) {
    char line[32];
    if (argc != 3 || atol(argv[2]) > MAX_BYTES) {
        fprintf(stderr, "usage: idle_load PORT MESSAGE_BYTES\n");
        return 1;
    }
    port = atoi(argv[1]);
    bytes = atol(argv[2]);
    for (size_t i = 0; i < bytes; i++) request[i] = i * 31;
    struct rlimit files;
    check(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
    places = files.rlim_cur < 32768 ? files.rlim_cur : 32768;
    next_ring();
    printf("READY 0\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        for (long more = atol(line); more > 0; more--) open_one();
        printf("%ld\n", opened);
        fflush(stdout);
    }
    return 0;
}
