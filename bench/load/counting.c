/* Checks, counts and times events and answers.
 *
 * Each socket must receive every acknowledged message once, as it was sent, in the order of its numbers, and nothing else.
 * Where servers give no common order, what a socket has received is counted instead, and each message's receivers.
 */
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LATENCIES = 8 << 20, MOST_MESSAGES = 1 << 24, MOST_EVENTS = 1 << 20 };

int measuring, unordered;
long requests, acknowledged, deliveries, delivered, refused;
uint64_t received_bytes;
static char refusal[512];
struct latencies {
    uint32_t *us;
    size_t n;
};
static struct latencies of_deliveries, of_answers;
static size_t n_events;
static float *slowest; /* of each event: its slowest delivery over its median one */
static double fanned_out, fan_out_ns;

static void note_latency(struct latencies *of, uint64_t from, uint64_t now) {
    if (!of->us) of->us = malloc(MOST_LATENCIES * sizeof *of->us);
    if (measuring && of->n < MOST_LATENCIES) of->us[of->n++] = (uint32_t)((now - from) / 1000);
}

/* A number has one text, in answers and events: else an order that nobody sent would pass. */
static struct message *message(struct group *group, long number, uint64_t stamp) {
    if (number <= group->base || number - group->base > MOST_MESSAGES)
        die("number %ld in a group that was at %ld", number, group->base);
    size_t place = (size_t)(number - group->base - 1), old = group->size;
    if (place >= old) {
        while (place >= group->size) group->size = group->size ? group->size * 2 : 256;
        group->messages = realloc(group->messages, group->size * sizeof *group->messages);
        memset(group->messages + old, 0, (group->size - old) * sizeof *group->messages);
    }
    struct message *m = &group->messages[place];
    if (m->stamp && m->stamp != stamp) die("number %ld is two different messages", number);
    m->stamp = stamp;
    return m;
}

/* Nothing is sent until all are bound, so the next event must be the first message. */
void bound_at(struct connection *c, const char *text, size_t length) {
    const char *number = find(text, length, c->field);
    if (!number) die("bound to nothing: %.*s", (int)length, text);
    c->received = unordered ? 0 : strtol(number + strlen(c->field), NULL, 10);
    if (c->group->base >= 0 && c->received != c->group->base)
        die("bound at %ld, others at %ld", c->received, c->group->base);
    c->group->base = c->group->last_acknowledged = c->received;
}

/* The event has reached every socket: record its speed, from the first to the last, and its evenness. */
static void complete(struct group *group, struct message *m) {
    if (!slowest) slowest = malloc(MOST_EVENTS * sizeof *slowest);
    if (n_events == MOST_EVENTS || group->listeners < 2 || m->last == m->first) return;
    slowest[n_events++] = (float)((double)(m->last - m->stamp) / (double)(m->half - m->stamp));
    fanned_out += group->listeners - 1;
    fan_out_ns += (double)(m->last - m->first);
}

void received(struct connection *c, const char *text, size_t length) {
    uint64_t now = now_ns();
    const char *at = find(text, length, c->field), *stamp = find(text, length, "\"text\":\"t");
    if (!at || !stamp) die("not a message: %.*s", (int)length, text);
    long number = strtol(at + strlen(c->field), NULL, 10);
    if (unordered) c->received++;
    else if (number != c->received + 1) die("received %ld after %ld", number, c->received);
    else c->received = number;
    struct message *m = message(c->group, number, strtoull(stamp + 9, NULL, 10));
    delivered++;
    deliveries += measuring;
    note_latency(&of_deliveries, m->stamp, now);
    m->received++;
    if (m->received > c->group->listeners) die("number %ld was received more than once by a socket", number);
    if (m->received == 1) m->first = now;
    if (m->received == (c->group->listeners + 1) / 2) m->half = now;
    m->last = now;
    if (m->received == c->group->listeners && measuring) complete(c->group, m);
}

void answered(struct connection *c, const char *body, size_t length) {
    char text[32];
    struct group *group = c->group;
    acknowledged++;
    requests += measuring;
    snprintf(text, sizeof text, "t%020llu", (unsigned long long)c->sent_at);
    if (c->request->stamp && !find(body, length, text)) die("another's answer: %.*s", (int)length, body);
    note_latency(&of_answers, c->sent_at, now_ns());
    if (!group->listeners) return;
    group->acknowledged++;
    const char *seq = find(body, length, "\"seq\":");
    if (!seq) return; /* direct messages are numbered for their receiver alone */
    long number = strtol(seq + 6, NULL, 10);
    struct message *m = message(group, number, c->sent_at);
    if (m->acknowledged++) die("number %ld was acknowledged twice", number);
    if (number > group->last_acknowledged) group->last_acknowledged = number;
}

void note_refusal(const char *text, size_t length) {
    if (!refused++) snprintf(refusal, sizeof refusal, "%.*s", (int)length, text);
}

const char *first_refusal(void) {
    return refusal;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void sort(struct latencies *of) {
    if (of->n) qsort(of->us, of->n, sizeof *of->us, compare);
}

static double percentile(const struct latencies *of, double part) {
    return of->n ? of->us[(size_t)((double)(of->n - 1) * part)] / 1000.0 : 0;
}

void print_result(double seconds, double cpu_seconds, double behind_seconds) {
    /* With listeners the latency is the delivery's; that of the answers has its own names. */
    struct latencies *of = of_deliveries.n ? &of_deliveries : &of_answers;
    sort(&of_deliveries);
    sort(&of_answers);
    if (n_events) qsort(slowest, n_events, sizeof *slowest, compare_floats);
    printf("{\"requests\": %.2f, \"answered\": %ld, \"deliveries\": %.2f, \"delivered\": %ld, \"frame_bytes\": %.1f, ",
        (double)requests / seconds, acknowledged, (double)deliveries / seconds, delivered,
        deliveries ? (double)received_bytes / (double)deliveries : 0);
    printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"fan_out\": %.1f, \"slowest_over_median\": %.3f, ", percentile(of, 0.5),
        percentile(of, 0.99), fan_out_ns > 0 ? fanned_out / fan_out_ns * 1e9 : 0,
        n_events ? (double)slowest[n_events / 2] : 0);
    printf("\"answer_p50_ms\": %.3f, \"answer_p99_ms\": %.3f, ", percentile(&of_answers, 0.5), percentile(&of_answers, 0.99));
    printf("\"seconds\": %.3f, \"behind_s\": %.3f, \"load_cores\": %.2f}\n", seconds, behind_seconds,
        cpu_seconds / seconds);
}
