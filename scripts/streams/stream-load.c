/* Many streams at once, and how long each event was on its way.
 *
 * Usage: stream-load PORT PATH STREAMS ROUNDS EVENTS GAP_US TOKENS. Each stream has a connection of its own, over which it
 * asks for PATH?events=EVENTS&gap_us=GAP_US again and again. The streams begin spread over the time that one takes, as
 * real ones are out of step; the first and the last request of each are not counted, so that all of them are under way
 * while the ROUNDS between are. TOKENS: a file, one token a line. Prints `ready` after a warm-up of two events a stream,
 * waits for a line, then prints one line of JSON: events counted and all events; those lost or out of order; streams that
 * failed; the rate, summed over the streams, each its events over its own time; and in microseconds, as median, 99th
 * percentile and most, the time to first byte and the latency of an event: from the `sent_ns` in it to the read that
 * brought it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 65536, LINE_BYTES = 8192, BATCH = 256, QUIET_MS = 20000 };
static const char BODY[] =
    "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Count to sixty-three, slowly.\"}],"
    "\"stream\":true,\"stream_options\":{\"include_usage\":true}}";

typedef enum { STATUS, FIELD, SIZE, DATA, AFTER_DATA, TRAILER, ENDED, BROKEN } Part;

typedef struct {
    char bytes[LINE_BYTES];
    size_t count;
} Line;

typedef struct {
    int fd, asked, wanted, next_number, done;
    Part part;
    size_t chunk;
    int64_t asked_ns, began_ns, ended_ns;
    char token[1024];
    Line frame, event; /* Apart: an event may reach over several chunks. */
} Stream;

typedef struct {
    uint32_t *values;
    size_t count, room;
} Samples;

static Samples latencies, first_bytes;
static long events, all_events, lost, failed;
static int rounds, open_streams;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void add(Samples *s, int64_t ns) {
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 65536;
        s->values = realloc(s->values, s->room * sizeof *s->values);
        if (!s->values) exit(1);
    }
    s->values[s->count++] = ns < 0 ? 0 : ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_samples(const char *name, Samples *s) {
    qsort(s->values, s->count, sizeof *s->values, ascending);
    double quantiles[] = {0.5, 0.99, 1};
    printf(",\"%s\":[", name);
    for (int i = 0; i < 3; i++)
        printf("%s%.1f", i ? "," : "", s->count ? s->values[(size_t)(quantiles[i] * (s->count - 1))] / 1000.0 : 0.0);
    printf("]");
}

static void close_stream(Stream *s, int is_failure) {
    failed += is_failure;
    close(s->fd);
    s->fd = -1;
    open_streams--;
}

/* Of a stream's requests the first is number 1: the warm-up is 0. */
static int is_counted(const Stream *s) { return s->asked > 1 && s->asked <= rounds + 1; }

static void ask(Stream *s, const char *path, int wanted, int gap_us) {
    char request[4096];
    int n = snprintf(request, sizeof request,
        "POST %s?events=%d&gap_us=%d HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: %zu\r\n\r\n%s",
        path, wanted, gap_us, s->token, sizeof BODY - 1, BODY);
    s->wanted = wanted;
    s->part = STATUS;
    s->next_number = s->done = 0;
    s->frame.count = s->event.count = 0;
    s->asked_ns = now_ns();
    if (send(s->fd, request, n, MSG_NOSIGNAL) != n) close_stream(s, 1);
}

static void event(Stream *s, const char *line, int64_t now) {
    if (strncmp(line, "data: ", 6)) return;
    if (!strcmp(line + 6, "[DONE]")) {
        s->done = 1;
        return;
    }
    const char *number = strstr(line, "\"seq\":"), *sent = strstr(line, "\"sent_ns\":");
    int k = number ? atoi(number + 6) : -1;
    if (k != s->next_number || !sent) {
        fprintf(stderr, "event %d was awaited, this came: %.300s\n", s->next_number, line);
        lost++;
    }
    s->next_number = k + 1;
    all_events += s->asked > 0;
    if (!is_counted(s) || !sent) return;
    if (!k) add(&first_bytes, now - s->asked_ns);
    add(&latencies, now - atoll(sent + 10));
    events++;
}

/* Adds what there is of a line and says how much that was; the line is whole when `whole` is set. */
static size_t gather(Line *line, const char *bytes, size_t count, int *whole) {
    const char *end = memchr(bytes, '\n', count);
    size_t n = end ? (size_t)(end - bytes) : count;
    *whole = end != NULL;
    if (line->count + n >= LINE_BYTES) {
        fprintf(stderr, "a line is too long\n");
        exit(1);
    }
    memcpy(line->bytes + line->count, bytes, n);
    line->count += n;
    if (end && line->count && line->bytes[line->count - 1] == '\r') line->count--;
    line->bytes[line->count] = 0;
    return n + *whole;
}

static Part after_frame_line(Stream *s, const char *line) {
    int empty = !*line;
    switch (s->part) {
    case STATUS:
        if (!strncmp(line, "HTTP/1.1 200", 12)) return FIELD;
        fprintf(stderr, "refused: %s\n", line);
        return BROKEN;
    case FIELD: return empty ? SIZE : FIELD;
    case SIZE: return (s->chunk = strtoul(line, NULL, 16)) ? DATA : TRAILER;
    case AFTER_DATA: return SIZE;
    default: return empty ? ENDED : TRAILER;
    }
}

static void feed(Stream *s, const char *bytes, size_t count, int64_t now) {
    while (count && s->part != ENDED && s->part != BROKEN) {
        int whole;
        size_t n;
        if (s->part == DATA) {
            n = gather(&s->event, bytes, count < s->chunk ? count : s->chunk, &whole);
            if (whole) {
                event(s, s->event.bytes, now);
                s->event.count = 0;
            }
            if (!(s->chunk -= n)) s->part = AFTER_DATA;
        } else {
            n = gather(&s->frame, bytes, count, &whole);
            if (whole) {
                s->frame.count = 0;
                s->part = after_frame_line(s, s->frame.bytes);
            }
        }
        bytes += n;
        count -= n;
    }
}

/* Reads once; whether the stream's answer is at its end and as it was to be. Closes the stream when it is broken. */
static int ended(Stream *s) {
    static char buffer[READ_BYTES];
    ssize_t n = recv(s->fd, buffer, sizeof buffer, 0);
    if (n > 0) feed(s, buffer, n, now_ns());
    if (n <= 0 || s->part == BROKEN) return close_stream(s, 1), 0;
    if (s->part != ENDED) return 0;
    if (s->done && s->next_number == s->wanted) return 1;
    fprintf(stderr, "a stream ended after %d events of %d\n", s->next_number, s->wanted);
    if (s->next_number < s->wanted) lost += s->wanted - s->next_number;
    return close_stream(s, 1), 0;
}

static void ask_again(Stream *s, const char *path, int wanted, int gap_us) {
    int was_counted = is_counted(s);
    if (was_counted) s->ended_ns = now_ns();
    if (s->asked == rounds + 2) return close_stream(s, 0);
    s->asked++;
    if (!was_counted && is_counted(s)) s->began_ns = now_ns();
    ask(s, path, wanted, gap_us);
}

static void prepare(Stream *s, int count, int port, const char *path, const char *tokens) {
    FILE *file = fopen(tokens, "r");
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    for (int i = 0; i < count; i++) {
        if (!file || fscanf(file, "%1023s", s[i].token) != 1) exit(2);
        s[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(s[i].fd, (struct sockaddr *)&there, sizeof there)) exit(2);
        setsockopt(s[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        open_streams++;
        ask(&s[i], path, 2, 0);
    }
    for (int i = 0; i < count; i++)
        while (s[i].fd >= 0 && !ended(&s[i])) {}
}

typedef struct {
    const char *path;
    int events, gap_us, count, next, timer;
    int64_t zero_ns;
} Run;

/* Starts the streams whose time has come, and sets the timer for the one after them. */
static void start_due(Run *r, Stream *s) {
    int64_t spread_ns = 1000LL * r->gap_us * (r->events - 1);
    for (; r->next < r->count; r->next++) {
        int64_t due = r->zero_ns + spread_ns * r->next / r->count;
        struct itimerspec at = {.it_value = {due / 1000000000, due % 1000000000}};
        if (due > now_ns()) {
            timerfd_settime(r->timer, TFD_TIMER_ABSTIME, &at, NULL);
            return;
        }
        if (s[r->next].fd >= 0) ask_again(&s[r->next], r->path, r->events, r->gap_us);
    }
}

static void run(Run *r, Stream *s) {
    int poll = epoll_create1(0);
    struct epoll_event ask_for = {.events = EPOLLIN}, ready[BATCH];
    r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    r->zero_ns = now_ns();
    epoll_ctl(poll, EPOLL_CTL_ADD, r->timer, &ask_for);
    for (int i = 0; i < r->count; i++) {
        ask_for.data.ptr = &s[i];
        if (s[i].fd >= 0) epoll_ctl(poll, EPOLL_CTL_ADD, s[i].fd, &ask_for);
    }
    start_due(r, s);
    while (open_streams) {
        int n = epoll_wait(poll, ready, BATCH, QUIET_MS);
        if (n == 0) {
            fprintf(stderr, "%d streams are silent\n", open_streams);
            failed += open_streams;
            return;
        }
        for (int i = 0; i < n; i++) {
            Stream *one = ready[i].data.ptr;
            uint64_t fired;
            if (!one) {
                if (read(r->timer, &fired, sizeof fired) > 0) start_due(r, s);
            } else if (ended(one)) {
                ask_again(one, r->path, r->events, r->gap_us);
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    Run r = {.path = argv[2], .count = atoi(argv[3]), .events = atoi(argv[5]), .gap_us = atoi(argv[6])};
    Stream *streams = calloc(r.count, sizeof *streams);
    if (!streams) return 1;
    prepare(streams, r.count, atoi(argv[1]), r.path, argv[7]);
    rounds = atoi(argv[4]);
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF) return 2;
    run(&r, streams);
    double rate = 0;
    for (int i = 0; i < r.count; i++)
        if (streams[i].ended_ns > streams[i].began_ns)
            rate += rounds * (double)r.events * 1e9 / (streams[i].ended_ns - streams[i].began_ns);
    printf("{\"events\":%ld,\"all_events\":%ld,\"lost\":%ld,\"failed\":%ld,\"rate\":%.3f", events, all_events, lost,
        failed, rate);
    print_samples("first_byte", &first_bytes);
    print_samples("latency", &latencies);
    printf("}\n");
    return 0;
}
