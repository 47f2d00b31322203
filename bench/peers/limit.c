/* The limit: one send() per socket and message, in a loop, and nothing else.
 *
 *   limit SOCKETS BYTES SECONDS    prints its port, waits for that many connections, sends for that long.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int count = atoi(argv[1]), one = 1;
    size_t bytes = (size_t)atoi(argv[2]);
    double seconds = atof(argv[3]);
    struct rlimit files = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int *sockets = calloc((size_t)count, sizeof *sockets);
    for (int i = 0; i < count; i++) {
        sockets[i] = accept(listener, NULL, NULL);
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    char *frame = calloc(1, bytes);
    long sent = 0;
    double began = now();
    while (now() - began < seconds)
        for (int i = 0; i < count; i++)
            if (send(sockets[i], frame, bytes, MSG_NOSIGNAL) == (ssize_t)bytes) sent++;
            else return 1;
    printf("%.1f\n", (double)sent / (now() - began));
    return 0;
}
