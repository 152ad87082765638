#ifndef CLASTWORDS_H
#define CLASTWORDS_H

/// A process that a signal kills says so first: one line on `descriptor`, and on standard error where that is another.
/// The signal then does what it would have done. Those that only a closed pipe or a size limit sends (SIGPIPE,
/// SIGXFSZ) are ignored: the write fails instead. To be called before other threads start; `name` begins the line.
void last_words_on(const char *name, int descriptor);

/// From now on they go there: the log was reopened.
void last_words_to(int descriptor);

#endif
