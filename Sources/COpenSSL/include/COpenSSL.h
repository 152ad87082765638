// OpenSSL 3 as Swift sees it: what the library has as macros is a function here, and the socket of a session never
// raises SIGPIPE. No decisions.
#ifndef COPENSSL_H
#define COPENSSL_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

// SSL_set_fd, but what is sent goes by send(2) with MSG_NOSIGNAL. Answers 1, or 0 with the reason in the error queue.
int copenssl_set_socket(SSL *session, int descriptor);

// TLS 1.2 and later, no renegotiation; a write that could not go whole may be tried again from another address.
void copenssl_set_modes(SSL_CTX *context);

static inline int copenssl_set_curves(SSL_CTX *context, const char *names) {
    return (int)SSL_CTX_set1_groups_list(context, names);
}

// Bytes behind the last read that were decrypted already: poll(2) does not tell of them.
static inline int copenssl_has_pending(const SSL *session) { return SSL_has_pending(session); }

// The CRLs of the store are looked at, of every certificate in the chain.
static inline void copenssl_check_crls(X509_STORE *store) {
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

#endif
