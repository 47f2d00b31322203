/* The load generator.
 *
 *   load run HTTP_PORT WS_PORT raw|io|io-unordered SECONDS WARM_UP CONNECTIONS RATE   < the plan (plan.c)
 *       opens the sockets, says "connected" and waits for a line; then sends the plan's requests in turn over so many
 *       connections: each as soon as the last was answered (RATE 0), or once that has reached everybody, too (RATE -1),
 *       or RATE a second of them all, late ones counted from when they were due. Says "measuring" and "measured" where
 *       its counting begins and ends. io-unordered is Socket.IO of servers that give messages no common order: each
 *       socket must receive every message once, in any order.
 *   load drain PORT SECONDS SOCKETS
 *       only reads, for bench/peers/limit.c, until that closes.
 *
 * The result is one JSON object on standard output. Anything unexpected ends it with exit code 1; answers other than
 * 200 are counted first, so that one can see whether it was one or all.
 */
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct connection **senders;
static size_t n_senders, next_sender;
static double rate;
static uint64_t due;
static int stopping;

static double own_cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whether every acknowledged message has reached all listeners. */
static int all_received(void) {
    long expected = 0;
    for (size_t i = 0; i < n_groups; i++) expected += groups[i]->acknowledged * groups[i]->listeners;
    return delivered >= expected;
}

/* Due requests are sent by free connections, in turn. */
static void send_due(void) {
    if (stopping) return;
    for (uint64_t now = now_ns(); rate > 0 && due <= now;) {
        size_t i = 0;
        while (i < n_senders && senders[(next_sender + i) % n_senders]->sent_at) i++;
        if (i == n_senders) return;
        next_sender = (next_sender + i) % n_senders;
        post(senders[next_sender], due);
        next_sender = (next_sender + 1) % n_senders;
        due += (uint64_t)(1e9 / rate);
        if (due > now) wake_at(due);
    }
    if (rate > 0 || (rate < 0 && !all_received())) return;
    for (size_t i = 0; i < n_senders; i++)
        if (!senders[i]->sent_at) post(senders[i], now_ns());
}

static void run(double seconds) {
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    while (now_ns() < end) {
        send_due();
        turn(10);
    }
}

static int is_behind(const struct connection *c) {
    return (!unordered && c->received < c->group->last_acknowledged) || c->received - c->group->base < c->group->acknowledged;
}

/* Every acknowledged message must reach every socket, however long its queue is; and nothing else may come. */
static void settle(void) {
    for (uint64_t patience = now_ns() + 60000000000u;;) {
        size_t open = 0;
        for (size_t i = 0; i < n_senders; i++) open += senders[i]->sent_at != 0;
        for (size_t i = 0; i < n_listeners; i++) open += is_behind(listeners[i]) != 0;
        if (!open) break;
        if (now_ns() > patience) die("%zu answers or sockets are still behind after 60 s", open);
        turn(10);
    }
    if (refused) die("%ld answers were not 200, %ld were; the first: %s", refused, acknowledged, first_refusal());
    if (!n_listeners) return;
    run(0.3); /* a duplicate may come late */
    for (size_t i = 0; i < n_listeners; i++)
        if (listeners[i]->received - listeners[i]->group->base != listeners[i]->group->acknowledged)
            die("a socket received %ld messages, acknowledged were %ld", listeners[i]->received - listeners[i]->group->base,
                listeners[i]->group->acknowledged);
}

static int drain(int port, double seconds, long count) {
    for (long i = 0; i < count; i++) open_connection(DRAIN, port);
    draining = count;
    for (uint64_t patience = now_ns() + (uint64_t)((seconds + 30) * 1e9); draining;) {
        if (now_ns() > patience) die("%ld sockets were not closed", draining);
        turn(10);
    }
    printf("{\"load_cores\": %.2f}\n", own_cpu() / seconds);
    return 0;
}

int main(int argc, char **argv) {
    open_net();
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 5 && !strcmp(argv[1], "drain")) return drain(atoi(argv[2]), atof(argv[3]), atol(argv[4]));
    if (argc != 9 || strcmp(argv[1], "run")) die("see the head of main.c");
    unordered = !strcmp(argv[4], "io-unordered");
    socket_io = unordered || !strcmp(argv[4], "io");
    double seconds = atof(argv[5]), warm_up = atof(argv[6]);
    read_plan(atoi(argv[2]), atoi(argv[3]));
    puts("connected");
    if (getchar() == EOF) die("no line to start");

    n_senders = n_posts ? (size_t)atol(argv[7]) : 0;
    senders = calloc(n_senders + 1, sizeof *senders);
    rate = atof(argv[8]);
    for (size_t i = 0; i < n_senders; i++) {
        senders[i] = open_connection(SENDER, posts[i % n_posts]->port);
        /* Each has its own copy of the request: the clock is written into it. */
        senders[i]->request = malloc(sizeof *senders[i]->request);
        *senders[i]->request = *posts[i % n_posts];
        senders[i]->request->bytes = memcpy(
            malloc(senders[i]->request->length), posts[i % n_posts]->bytes, senders[i]->request->length);
        senders[i]->group = senders[i]->request->group;
    }
    due = now_ns();
    run(warm_up);
    measuring = 1;
    puts("measuring");
    uint64_t began = now_ns();
    double cpu = own_cpu();
    run(seconds);
    uint64_t ended = now_ns();
    cpu = own_cpu() - cpu;
    measuring = 0;
    stopping = 1;
    puts("measured");
    settle();
    print_result((double)(ended - began) / 1e9, cpu, rate > 0 && due < ended ? (double)(ended - due) / 1e9 : 0);
    return 0;
}
