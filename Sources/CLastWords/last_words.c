#include "CLastWords.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char last_words_name[64];
static atomic_int last_words_descriptor = 2;

static size_t append(char *line, size_t length, const char *text) {
    size_t count = strlen(text);
    memcpy(line + length, text, count);
    return length + count;
}

/* A daemon's standard error may be its log. */
static int is_standard_error(int descriptor) {
    struct stat ours, other;
    if (descriptor == 2) return 1;
    if (fstat(2, &ours) != 0 || fstat(descriptor, &other) != 0) return 0;
    return ours.st_dev == other.st_dev && ours.st_ino == other.st_ino;
}

/* Only what signal-safety(7) allows. */
static void say_last_words(int number) {
    char line[256], digits[4];
    size_t length = append(line, 0, last_words_name), count = 0;
    length = append(line, length, ": killed by signal ");
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0 && count < sizeof digits);
    while (count > 0) line[length++] = digits[--count];
    length = append(line, length, ", which is a defect if nobody sent it; nothing marked is lost: start it again\n");
    int descriptor = atomic_load(&last_words_descriptor);
    ssize_t written = write(descriptor, line, length);
    if (!is_standard_error(descriptor)) written = write(2, line, length);
    (void)written;
}

static void die_loudly(int number) {
    say_last_words(number);
    /* SA_RESETHAND has put the default back: it comes as soon as this returns. */
    raise(number);
}

void last_words_to(int descriptor) { atomic_store(&last_words_descriptor, descriptor); }

void last_words_on(const char *name, int descriptor) {
    strncpy(last_words_name, name, sizeof last_words_name - 1);
    last_words_to(descriptor);
    static const int deadly[] = {
        SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT, SIGSYS, SIGQUIT, SIGALRM, SIGUSR2, SIGXCPU,
    };
    for (size_t position = 0; position < sizeof deadly / sizeof *deadly; position++) {
        struct sigaction now, mine = {.sa_handler = die_loudly, .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};
        /* Whoever handles it already, as the runtime's own crash reporter, says more. */
        if (sigaction(deadly[position], NULL, &now) != 0 || now.sa_handler != SIG_DFL) continue;
        sigemptyset(&mine.sa_mask);
        sigaction(deadly[position], &mine, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}
