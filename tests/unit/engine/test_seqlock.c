/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/seqlock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define VALUES 100u
#define ROUNDS 20000u

struct value {
    uint64_t numbers[VALUES];
    uint8_t tail; /* not a whole word */
};

static _Atomic uint64_t words[(sizeof(struct value) + 7) / 8];
static struct tw_seqlock lock;

static int setup(void **state)
{
    (void)state;
    tw_seqlock_init(&lock, words, sizeof(struct value));
    return 0;
}

static void publish(uint64_t number)
{
    struct value value;
    memset(&value, 0, sizeof(value));
    for (size_t i = 0; i < VALUES; i++)
        value.numbers[i] = number + i;
    value.tail = (uint8_t)number;
    tw_seqlock_publish(&lock, &value, sizeof(value));
}

static void test_nothing_was_published(void **state)
{
    (void)state;
    struct value value;
    assert_false(tw_seqlock_read(&lock, &value, sizeof(value)));
}

static void test_the_newest_is_read_whole(void **state)
{
    (void)state;
    struct value value;
    publish(1);
    publish(77);
    assert_true(tw_seqlock_read(&lock, &value, sizeof(value)));
    for (size_t i = 0; i < VALUES; i++)
        assert_int_equal(value.numbers[i], 77 + i);
    assert_int_equal(value.tail, 77);
}

static void test_a_reader_does_not_wait_for_a_writer_that_stands_still(void **state)
{
    (void)state;
    struct value value;
    publish(1);
    atomic_fetch_add(&lock.version, 1);
    assert_false(tw_seqlock_read(&lock, &value, sizeof(value)));
}

static void *write_all(void *argument)
{
    (void)argument;
    for (uint64_t i = 1; i <= ROUNDS; i++)
        publish(i);
    return NULL;
}

/* Whatever is read was published as a whole, and never gets older. */
static void test_reader_beside_a_writer(void **state)
{
    (void)state;
    pthread_t writer;
    publish(0);
    assert_int_equal(pthread_create(&writer, NULL, write_all, NULL), 0);
    uint64_t last = 0;
    while (last < ROUNDS) {
        struct value value;
        if (!tw_seqlock_read(&lock, &value, sizeof(value)))
            continue;
        assert_true(value.numbers[0] >= last);
        last = value.numbers[0];
        for (size_t i = 0; i < VALUES; i++)
            assert_int_equal(value.numbers[i], last + i);
        assert_int_equal(value.tail, (uint8_t)last);
    }
    pthread_join(writer, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_was_published, setup),
        cmocka_unit_test_setup(test_the_newest_is_read_whole, setup),
        cmocka_unit_test_setup(test_a_reader_does_not_wait_for_a_writer_that_stands_still, setup),
        cmocka_unit_test_setup(test_reader_beside_a_writer, setup),
    };
    return cmocka_run_group_tests_name("seqlock", tests, NULL, NULL);
}
