/*
 * SPDX-License-Identifier: MIT
 *
 * The seal of bytecode. Lua does not verify bytecode: a flipped bit in it can crash the process. A
 * checksum would keep accidents out, but every stranger can compute one. A keyed one says that the
 * bytes were written by a process that has the key, and costs no more.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lclone.h"

static uint8_t key[CRUN__CLONE_KEY];
static pthread_once_t key_made = PTHREAD_ONCE_INIT;
static bool key_given;

static void make_key(void)
{
    if (key_given)
        return;
    size_t have = 0;
    while (have < sizeof key) {
        ssize_t n = getrandom(key + have, sizeof key - have, 0);
        if (n < 0) {
            /* Only kernels older than 3.17 have none; a key that can be guessed is worse. */
            perror("crun: getrandom");
            abort();
        }
        have += (size_t)n;
    }
}

const uint8_t *crun__clone_key(void)
{
    (void)pthread_once(&key_made, make_key);
    return key;
}

void crun__clone_set_key(const uint8_t given[CRUN__CLONE_KEY])
{
    key_given = true;
    (void)pthread_once(&key_made, make_key);
    memcpy(key, given, sizeof key);
}

/* --- SipHash-2-4, after Aumasson and Bernstein --------------------------------------------- */

struct sip {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(struct sip *v)
{
    v->a += v->b;
    v->c += v->d;
    v->b = rotate(v->b, 13) ^ v->a;
    v->d = rotate(v->d, 16) ^ v->c;
    v->a = rotate(v->a, 32);
    v->c += v->b;
    v->a += v->d;
    v->b = rotate(v->b, 17) ^ v->c;
    v->d = rotate(v->d, 21) ^ v->a;
    v->c = rotate(v->c, 32);
}

static inline void sip_word(struct sip *v, uint64_t word)
{
    v->d ^= word;
    sip_round(v);
    sip_round(v);
    v->a ^= word;
}

/* Little endian, whatever the machine. */
static inline uint64_t sip_load(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t crun__siphash(const uint8_t k[CRUN__CLONE_KEY], const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t k0 = sip_load(k, 8), k1 = sip_load(k + 8, 8);
    struct sip v = {
        k0 ^ UINT64_C(0x736f6d6570736575),
        k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261),
        k1 ^ UINT64_C(0x7465646279746573),
    };
    for (size_t left = size; left >= 8; left -= 8, at += 8)
        sip_word(&v, sip_load(at, 8));
    sip_word(&v, sip_load(at, size % 8) | (uint64_t)size << 56);
    v.c ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

bool crun__clone_sealed(const void *bytes, size_t size, uint64_t seal)
{
    return crun__siphash(crun__clone_key(), bytes, size) == seal;
}
