/* The plan: who listens and what is sent, one per line of standard input:
 *
 *   group                      what follows belongs together: a room, or a user
 *   listen FIELD COUNT KEY     so many WebSockets of one session; their messages are numbered by "seq" or "n"
 *   post PATH BODY             one of the requests; 20 zeros in it are where the clock goes, "t" before them
 *   server HTTP_PORT WS_PORT   to this server goes what follows, instead of the one that was named first
 *   connect                    the end
 */
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A full listen queue drops connections, and the kernel tries again after a second. */
enum { AT_ONCE = 32, MOST_GROUPS = 4096, MOST_LISTENERS = 65536, MOST_POSTS = 65536, PATIENCE_S = 60 };
#define CLOCK "00000000000000000000"

struct group *groups[MOST_GROUPS];
static struct connection *all_listeners[MOST_LISTENERS];
static struct request *all_posts[MOST_POSTS];
struct connection **listeners = all_listeners;
struct request **posts = all_posts;
size_t n_groups, n_listeners, n_posts;

static struct group *group(void) {
    if (!n_groups) die("the plan begins with no group");
    return groups[n_groups - 1];
}

static void add_request(int port, const char *path, const char *body) {
    struct request *request = calloc(1, sizeof *request);
    size_t size = strlen(path) + strlen(body) + 256;
    if (n_posts == MOST_POSTS) die("more than %d requests", MOST_POSTS);
    request->group = group();
    request->port = port;
    request->bytes = malloc(size);
    request->length = (size_t)snprintf(request->bytes, size,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", path,
        strlen(body), body);
    char *clock = strstr(request->bytes, "t" CLOCK);
    if (clock) request->stamp = (size_t)(clock + 1 - request->bytes);
    posts[n_posts++] = request;
}

static void add_listeners(int port, const char *field, long count, const char *key) {
    char *mark = malloc(strlen(field) + 4), *own = strdup(key);
    sprintf(mark, "\"%s\":", field);
    for (long i = 0; i < count; i++) {
        uint64_t patience = now_ns() + PATIENCE_S * 1000000000ull;
        if (n_listeners == MOST_LISTENERS) die("more than %d sockets", MOST_LISTENERS);
        struct connection *c = listeners[n_listeners++] = open_connection(SOCKET, port);
        c->key = own;
        c->field = mark;
        c->group = group();
        c->group->listeners++;
        ask_for_upgrade(c);
        while ((long)n_listeners - bound >= AT_ONCE) {
            if (now_ns() > patience) die("of %zu sockets %ld were bound in time", n_listeners, bound);
            turn(10);
        }
    }
}

void read_plan(int http_port, int ws_port) {
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *rest = line, *what = strsep(&rest, " "), *first = strsep(&rest, " ");
        if (!strcmp(what, "connect")) break;
        if (!strcmp(what, "group")) {
            if (n_groups == MOST_GROUPS) die("more than %d groups", MOST_GROUPS);
            struct group *new = groups[n_groups++] = calloc(1, sizeof *new);
            new->base = -1;
        } else if (!strcmp(what, "server") && rest) {
            http_port = atoi(first);
            ws_port = atoi(rest);
        } else if (!strcmp(what, "post") && rest) {
            add_request(http_port, first, rest);
        } else if (!strcmp(what, "listen") && rest) {
            char *count = strsep(&rest, " ");
            if (!rest) die("whose sockets?");
            add_listeners(ws_port, first, atol(count), rest);
        } else {
            die("not understood: %s", what);
        }
    }
    for (uint64_t patience = now_ns() + PATIENCE_S * 1000000000ull; bound < (long)n_listeners;) {
        if (now_ns() > patience) die("of %zu sockets %ld were bound in time", n_listeners, bound);
        turn(10);
    }
    free(line);
}
