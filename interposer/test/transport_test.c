/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The shim's side of the wire against a daemon that answers well, late, wrongly or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accounting.h"
#include "daemon.h"
#include "ledger.h"
#include "lock.h"
#include "pages.h"
#include "process.h"
#include "test.h"
#include "transport.h"

#define MIB (1ull << 20)

struct scene {
    struct daemon daemon;
    struct process *process;
    int memfd;
    struct gpuslice_page_header *header; /* the daemon's mapping */
    _Atomic int step;                    /* events that one side awaits from the other */
    struct scene *after_restart;         /* another page, which the restarted daemon hands out */
};

static struct scene *scene_create(uint32_t devices)
{
    struct scene *scene = calloc(1, sizeof *scene);
    daemon_prepare(&scene->daemon);
    scene->process = test_process_create(devices);
    scene->memfd = test_page_create(devices, 1);
    scene->header = test_page_map(scene->memfd);
    return scene;
}

static void scene_destroy(struct scene *scene)
{
    test_process_destroy(scene->process); /* first: a script may be waiting for the end of the connection */
    daemon_finish(&scene->daemon);
    test_page_unmap(scene->header);
    close(scene->memfd);
    free(scene);
}

static void reach(struct scene *scene, int step)
{
    atomic_store(&scene->step, step);
}

static void await(struct scene *scene, int step)
{
    uint64_t deadline = test_now_ms() + 10000;
    while (atomic_load(&scene->step) < step) {
        if (test_now_ms() > deadline) {
            CHECK(!"the other side did not come that far");
            return;
        }
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

static bool reserve(struct scene *scene, uint64_t bytes)
{
    return ledger_reserve(&scene->daemon.config, scene->process, 0, bytes);
}

static struct gpuslice_page_device *line_of(struct scene *scene)
{
    return test_page_device(scene->header, 0);
}

/* Raises the page's charge and says so, as long as the shim asks. */
static void grant_everything(struct scene *scene, int connection)
{
    struct request request;
    while (daemon_read(connection, &request) && request.frame.type == GPUSLICE_CHARGE) {
        struct gpuslice_page_device *line = test_page_device(scene->header, request.as.charge.device);
        uint64_t charge = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST) + request.as.charge.bytes;
        __atomic_store_n(&line->charge, charge, __ATOMIC_SEQ_CST);
        daemon_grant(connection, &request, charge);
    }
    close(connection);
}

static void script_obliging(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    grant_everything(scene, daemon_join(daemon, 0, scene->memfd));
}

/* ------------------------------------------------------------ answers */

static void script_first_reservation(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    struct request hello;
    int connection = daemon_accept(daemon);
    CHECK(daemon_read(connection, &hello));
    CHECK_EQUAL(hello.frame.type, GPUSLICE_HELLO);
    CHECK(strcmp(hello.as.hello.session_id, "0123456789abcdef") == 0);
    CHECK(strcmp(hello.as.hello.token, "a token") == 0);
    CHECK_EQUAL(hello.as.hello.device_count, 2);
    CHECK_EQUAL(hello.as.hello.image_id[7], 0x42);
    CHECK_EQUAL(hello.as.hello.device_uuids[0][0], 1);
    CHECK_EQUAL(hello.as.hello.device_uuids[1][15], 2);
    daemon_welcome(connection, &hello, 0, scene->memfd);
    grant_everything(scene, connection);
}

static void theFirstReservationJoinsAndAsks(void)
{
    struct scene *scene = scene_create(2);
    daemon_start(&scene->daemon, script_first_reservation, scene);
    errno = 4711;
    CHECK(reserve(scene, 3 * MIB));
    CHECK_EQUAL(errno, 4711);
    CHECK_EQUAL(line_of(scene)->used, 3 * MIB);
    CHECK_EQUAL(scene->header->segments, 1);
    CHECK_EQUAL(scene->process->limit[1], 1ull << 30);
    CHECK(ledger_reserve(&scene->daemon.config, scene->process, 1, MIB));
    CHECK_EQUAL(test_page_device(scene->header, 1)->used, MIB);
    scene_destroy(scene);
}

struct crowd {
    struct scene *scene;
    _Atomic int questions, served;
};

/* Grants far ahead of what was asked, once another thread waits behind the one that asks. */
static void script_grant_ahead(struct daemon *daemon, void *context)
{
    struct crowd *crowd = context;
    struct scene *scene = crowd->scene;
    struct request charge;
    int connection = daemon_join(daemon, 0, scene->memfd);
    while (daemon_read(connection, &charge) && CHECK_EQUAL(charge.frame.type, GPUSLICE_CHARGE)) {
        uint64_t deadline = test_now_ms() + 10000;
        while (crowd->questions == 0 && atomic_load(&scene->process->lock.word) != 2 && test_now_ms() < deadline)
            sched_yield();
        crowd->questions++;
        __atomic_store_n(&line_of(scene)->charge, 1024 * MIB, __ATOMIC_SEQ_CST);
        daemon_grant(connection, &charge, 1024 * MIB);
    }
    close(connection);
}

static void reserve_one(void *context, int index)
{
    (void)index;
    struct crowd *crowd = context;
    crowd->served += reserve(crowd->scene, MIB);
}

static void oneQuestionServesAllThreadsThatWaitForCredit(void)
{
    struct crowd crowd = {.scene = scene_create(1)};
    daemon_start(&crowd.scene->daemon, script_grant_ahead, &crowd);
    test_threads(16, reserve_one, &crowd);
    CHECK_EQUAL(crowd.served, 16);
    CHECK_EQUAL(crowd.questions, 1);
    CHECK_EQUAL(line_of(crowd.scene)->used, 16 * MIB);
    scene_destroy(crowd.scene);
}

static void script_deny(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    struct request charge;
    int connection = daemon_join(daemon, 0, scene->memfd);
    while (daemon_read(connection, &charge))
        daemon_deny(connection, &charge, GPUSLICE_ERR_QUOTA_EXCEEDED, 100 * MIB, 128 * MIB);
    close(connection);
}

static void aDenialLeavesUsedAloneAndIsCounted(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_deny, scene);
    CHECK(!reserve(scene, 64 * MIB));
    CHECK(!reserve(scene, 64 * MIB));
    CHECK_EQUAL(line_of(scene)->used, 0);
    CHECK_EQUAL(line_of(scene)->denials, 2);
    CHECK_EQUAL(scene->process->limit[0], 128 * MIB);
    scene_destroy(scene);
}

static void anImpossibleSizeIsRefusedWithoutAsking(void)
{
    struct scene *scene = scene_create(1);
    scene->daemon.config.wait_ms = 0; /* nobody listens: asking would be noticed as down */
    static const uint64_t sizes[] = {GPUSLICE_MAX_BYTES + 1, INT64_MAX, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        CHECK(!reserve(scene, sizes[i]));
    CHECK(!scene->process->connection.down);
    CHECK(!reserve(scene, GPUSLICE_MAX_BYTES));
    CHECK(scene->process->connection.down);
    scene_destroy(scene);
}

static void script_refuse_hello(struct daemon *daemon, void *context)
{
    (void)context;
    struct request hello;
    int connection = daemon_accept(daemon);
    CHECK(daemon_read(connection, &hello));
    struct gpuslice_error error = {.code = GPUSLICE_ERR_UNAUTHENTICATED, .text = "the token is wrong"};
    daemon_send(connection, GPUSLICE_ERROR, hello.frame.seq, &error, sizeof error);
    close(connection);
}

static void aRefusedHelloDeniesAtOnceWithTheReason(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_refuse_hello, scene);
    uint64_t start = test_now_ms();
    CHECK(!reserve(scene, MIB));
    CHECK(test_now_ms() - start < 1000);
    CHECK_EQUAL(scene->process->connection.error, GPUSLICE_ERR_UNAUTHENTICATED);
    CHECK(strstr(scene->process->connection.reason, "the token is wrong") != NULL);
    CHECK(scene->process->page == NULL);
    scene_destroy(scene);
}

/* The kernel remembers who called listen(2). By the system call, because glibc's changes all threads. */
static void listen_as(struct daemon *daemon, uid_t uid)
{
    daemon_listen(daemon);
    CHECK_EQUAL(syscall(SYS_setresuid, -1, uid, -1), 0);
    CHECK_EQUAL(listen(daemon->listener, 16), 0);
    CHECK_EQUAL(syscall(SYS_setresuid, -1, 0, -1), 0);
}

static void script_overhear(struct daemon *daemon, void *context)
{
    ssize_t *heard = context;
    char bytes[512];
    int connection = daemon_accept(daemon);
    *heard = read(connection, bytes, sizeof bytes);
    close(connection);
}

static void aDaemonOfAnotherUserIsToldNothingAndDeniesEverything(void)
{
    if (test_skip_unless_root("be two users"))
        return;
    struct scene *scene = scene_create(1);
    ssize_t heard = -1;
    listen_as(&scene->daemon, 65534);
    daemon_start(&scene->daemon, script_overhear, &heard);
    CHECK(!reserve(scene, MIB));
    CHECK_EQUAL(scene->process->connection.error, GPUSLICE_ERR_FORBIDDEN);
    CHECK(strstr(scene->process->connection.reason, "belongs to uid 65534") != NULL);
    CHECK(scene->process->page == NULL);
    scene_destroy(scene);
    CHECK_EQUAL(heard, 0);
}

static void script_other_seq(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    struct request charge, other;
    int connection = daemon_join(daemon, 0, scene->memfd);
    CHECK(daemon_read(connection, &charge));
    other = charge;
    other.frame.seq = charge.frame.seq - 1;
    daemon_grant(connection, &other, MIB);
    other.frame.seq = charge.frame.seq + 1;
    daemon_grant(connection, &other, MIB);
    daemon_deny(connection, &charge, GPUSLICE_ERR_QUOTA_EXCEEDED, 0, 0);
    CHECK(!daemon_read(connection, &charge));
    close(connection);
}

static void repliesWithAnotherSeqAreSkipped(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_other_seq, scene);
    CHECK(!reserve(scene, MIB));
    CHECK_EQUAL(line_of(scene)->denials, 1);
    scene_destroy(scene);
}

/* ------------------------------------------------------------ nonsense */

static void script_other_version(struct daemon *daemon, void *context)
{
    (void)context;
    struct request hello;
    int connection = daemon_accept(daemon);
    CHECK(daemon_read(connection, &hello));
    struct gpuslice_frame frame = {sizeof frame, GPUSLICE_WELCOME, 2 << 8, hello.frame.seq, 0};
    CHECK(write(connection, &frame, sizeof frame) == sizeof frame);
    CHECK(!daemon_read(connection, &hello));
    close(connection);
}

static void anotherMajorVersionIsRefused(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_other_version, scene);
    CHECK(!reserve(scene, MIB));
    CHECK_EQUAL(scene->process->connection.error, GPUSLICE_ERR_UNSUPPORTED_VERSION);
    CHECK(strstr(scene->process->connection.reason, "speaks version 2 of the protocol, this library version 1") != NULL);
    scene_destroy(scene);
}

static void send_of_next_minor(int connection, uint16_t type, uint32_t seq, const void *payload, size_t size)
{
    uint8_t bytes[1024];
    struct gpuslice_frame frame = {(uint32_t)(sizeof frame + size), type, GPUSLICE_ABI_VERSION + 1, seq, UINT32_MAX};
    memcpy(bytes, &frame, sizeof frame);
    memcpy(bytes + sizeof frame, payload, size);
    CHECK(write(connection, bytes, sizeof frame + size) == (ssize_t)(sizeof frame + size));
}

/* Whatever is reserved means something there: flags and fields that this library has never heard of. */
static void serve_as_next_minor(struct scene *scene)
{
    struct request request;
    int connection = daemon_accept(&scene->daemon);
    CHECK(daemon_read(connection, &request) && CHECK_EQUAL(request.frame.type, GPUSLICE_HELLO));
    struct gpuslice_welcome welcome = {
        .flags = ~GPUSLICE_FLAG_STRICT, .device_count = 1, .page_size = GPUSLICE_PAGE_SIZE, .limit = {1ull << 30}};
    send_of_next_minor(connection, GPUSLICE_WELCOME, request.frame.seq, &welcome, sizeof welcome);
    daemon_send_page(connection, scene->memfd);
    while (daemon_read(connection, &request) && CHECK_EQUAL(request.frame.type, GPUSLICE_CHARGE)) {
        struct gpuslice_page_device *line = line_of(scene);
        uint64_t charge = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST) + request.as.charge.bytes;
        if (charge > 4 * MIB) {
            struct gpuslice_denied denied = {UINT32_MAX, 0, request.as.charge.bytes, line->used, 4 * MIB};
            send_of_next_minor(connection, GPUSLICE_DENIED, request.frame.seq, &denied, sizeof denied);
        } else {
            __atomic_store_n(&line->charge, charge, __ATOMIC_SEQ_CST);
            struct gpuslice_granted granted = {.charge = charge, .reserved = UINT32_MAX};
            send_of_next_minor(connection, GPUSLICE_GRANTED, request.frame.seq, &granted, sizeof granted);
        }
    }
    close(connection);
}

static void script_upgrade(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    struct request request;
    int connection = daemon_join(daemon, 0, scene->memfd);
    CHECK(daemon_read(connection, &request));
    __atomic_store_n(&line_of(scene)->charge, MIB, __ATOMIC_SEQ_CST);
    daemon_grant(connection, &request, MIB);
    await(scene, 1);
    close(connection);
    serve_as_next_minor(scene);
}

static void aRunningProgramGoesOnWithADaemonOfTheNextMinorVersion(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_upgrade, scene);
    CHECK(reserve(scene, MIB));
    reach(scene, 1);
    CHECK(reserve(scene, 2 * MIB));
    CHECK_EQUAL(line_of(scene)->used, 3 * MIB);
    CHECK(!reserve(scene, 2 * MIB)); /* denied for a reason that has no name here */
    CHECK_EQUAL(line_of(scene)->denials, 1);
    CHECK(reserve(scene, MIB));
    scene_destroy(scene);
}

static void script_next_minor(struct daemon *daemon, void *context)
{
    (void)daemon;
    serve_as_next_minor(context);
}

static void aPageOfTheNextMinorVersionIsTaken(void)
{
    struct scene *scene = scene_create(1);
    scene->header->version = GPUSLICE_ABI_VERSION + 1;
    scene->header->reserved[0] = UINT64_MAX;
    daemon_start(&scene->daemon, script_next_minor, scene);
    CHECK(reserve(scene, MIB));
    CHECK_EQUAL(line_of(scene)->used, MIB);
    scene_destroy(scene);
}

static void script_nonsense(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    static const struct gpuslice_frame nonsense[] = {
        {0, GPUSLICE_GRANTED, GPUSLICE_ABI_VERSION, 2, 0},
        {15, GPUSLICE_GRANTED, GPUSLICE_ABI_VERSION, 2, 0},
        {15, 4711, GPUSLICE_ABI_VERSION, 2, 0},
        {UINT32_MAX, GPUSLICE_GRANTED, GPUSLICE_ABI_VERSION, 2, 0},
        {33, GPUSLICE_GRANTED, GPUSLICE_ABI_VERSION, 2, 0},
        {16, 4711, GPUSLICE_ABI_VERSION, 2, 0},
        {16, GPUSLICE_CHARGE, GPUSLICE_ABI_VERSION, 2, 0},
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        struct request request;
        int connection = daemon_join(daemon, 0, scene->memfd);
        CHECK(daemon_read(connection, &request));
        CHECK(write(connection, &nonsense[i], sizeof nonsense[i]) == sizeof nonsense[i]);
        CHECK(!daemon_read(connection, &request)); /* the shim hangs up */
        close(connection);
        reach(scene, (int)i + 1);
    }
}

static void senselessFramesEndTheConnectionAndDeny(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_nonsense, scene);
    for (int i = 1; i <= 7; i++) {
        CHECK(!reserve(scene, MIB));
        CHECK_EQUAL(scene->process->connection.error, GPUSLICE_ERR_BAD_REQUEST);
        scene->process->connection.probe_at = 0; /* do not wait a second for the next */
        await(scene, i);
    }
    CHECK_EQUAL(line_of(scene)->used, 0);
    scene_destroy(scene);
}

static void script_wrong_pages(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    int wrong[3];
    wrong[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
    wrong[1] = test_page_create(2, 1); /* for two devices */
    wrong[2] = test_page_create(1, 1);
    struct gpuslice_page_header *header = test_page_map(wrong[2]);
    header->magic = 0; /* not ready */
    test_page_unmap(header);
    for (int i = 0; i < 3; i++) {
        int connection = daemon_join(daemon, 0, wrong[i]);
        struct request request;
        CHECK(!daemon_read(connection, &request));
        close(connection);
        close(wrong[i]);
        reach(scene, i + 1);
    }
}

static void whatIsNoLedgerPageIsRefused(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_wrong_pages, scene);
    for (int i = 1; i <= 3; i++) {
        CHECK(!reserve(scene, MIB));
        CHECK(scene->process->page == NULL);
        scene->process->connection.probe_at = 0;
        await(scene, i);
    }
    scene_destroy(scene);
}

/* ------------------------------------------------------------ silence and absence */

static void script_silence(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    struct request first, second;
    int connection = daemon_join(daemon, 0, scene->memfd);
    CHECK(daemon_read(connection, &first));
    await(scene, 1); /* the shim has given up, and been refused again */
    daemon_grant(connection, &first, MIB); /* too late: nobody may take it for an answer to the second */
    reach(scene, 2);
    CHECK(daemon_read(connection, &second));
    CHECK(second.frame.seq != first.frame.seq);
    daemon_deny(connection, &second, GPUSLICE_ERR_QUOTA_EXCEEDED, 0, 0);
    grant_everything(scene, connection);
}

static void aSilentDaemonDeniesAfterTwoSecondsThenAtOnceUntilItSpeaks(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_silence, scene);
    uint64_t start = test_now_ms();
    CHECK(!reserve(scene, MIB));
    uint64_t took = test_now_ms() - start;
    CHECK(took >= 1900 && took < 4000);
    start = test_now_ms();
    CHECK(!reserve(scene, MIB));
    CHECK(test_now_ms() - start < 500);
    reach(scene, 1);
    await(scene, 2);
    CHECK(!reserve(scene, MIB)); /* the late grant is skipped, the denial is its own */
    CHECK_EQUAL(line_of(scene)->used, 0);
    CHECK(scene->process->connection.error == 0);
    CHECK(reserve(scene, MIB));
    CHECK_EQUAL(line_of(scene)->used, MIB);
    scene_destroy(scene);
}

static void interrupt(int signal)
{
    (void)signal;
}

static void aStormOfSignalsChangesNoAnswerAndNoWait(void)
{
    struct scene *scene = scene_create(1);
    struct sigaction action = {.sa_handler = interrupt}; /* no SA_RESTART */
    struct sigaction before;
    sigaction(SIGALRM, &action, &before);
    struct itimerval storm = {{0, 500}, {0, 500}}, calm = {{0, 0}, {0, 0}};
    scene->daemon.config.wait_ms = 300;
    setitimer(ITIMER_REAL, &storm, NULL);
    uint64_t start = test_now_ms();
    CHECK(!reserve(scene, MIB)); /* absent */
    uint64_t took = test_now_ms() - start;
    CHECK(took >= 200 && took < 2000);
    scene->process->connection.probe_at = 0;
    daemon_start(&scene->daemon, script_obliging, scene);
    for (int i = 0; i < 2000; i++) {
        if (!CHECK(reserve(scene, MIB)))
            break;
    }
    setitimer(ITIMER_REAL, &calm, NULL);
    sigaction(SIGALRM, &before, NULL);
    CHECK_EQUAL(line_of(scene)->used, 2000 * MIB);
    scene_destroy(scene);
}

static void anAbsentDaemonIsWaitedForThenDeniedAtOnceThenProbed(void)
{
    struct scene *scene = scene_create(1);
    scene->daemon.config.wait_ms = 300;
    uint64_t start = test_now_ms();
    CHECK(!reserve(scene, MIB));
    uint64_t took = test_now_ms() - start;
    CHECK(took >= 200 && took < 2000);
    CHECK(strstr(scene->process->connection.reason, scene->daemon.config.socket_path) != NULL);
    daemon_start(&scene->daemon, script_obliging, scene);
    start = test_now_ms();
    CHECK(!reserve(scene, MIB)); /* at once, though it is there by now */
    CHECK(test_now_ms() - start < 200);
    bool reserved = false;
    while (!reserved && test_now_ms() - start < 5000) {
        reserved = reserve(scene, MIB);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    CHECK(reserved);
    CHECK(test_now_ms() - start < 3000);
    scene_destroy(scene);
}

static void script_come_late(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    await(scene, 1);
    nanosleep(&(struct timespec){0, 300000000}, NULL); /* long enough for the shim to have tried more than once */
    daemon_listen(daemon);
    grant_everything(scene, daemon_join(daemon, 0, scene->memfd));
}

static void aDaemonThatComesWithinTheWaitIsFound(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_come_late, scene);
    daemon_stop_listening(&scene->daemon);
    reach(scene, 1);
    CHECK(reserve(scene, MIB));
    scene_destroy(scene);
}

/* ------------------------------------------------------------ lost connections */

static void script_mid_frame(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    struct request charge;
    int connection = daemon_join(daemon, 0, scene->memfd);
    CHECK(daemon_read(connection, &charge));
    struct gpuslice_frame half = {sizeof half + sizeof(struct gpuslice_granted), GPUSLICE_GRANTED,
                                  GPUSLICE_ABI_VERSION, charge.frame.seq, 0};
    CHECK(write(connection, &half, sizeof half) == sizeof half);
    close(connection);
    grant_everything(scene, daemon_join(daemon, 0, scene->memfd));
}

static void aConnectionClosedInMidFrameIsReopenedAndTheQuestionAskedAgain(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_mid_frame, scene);
    CHECK(reserve(scene, MIB));
    CHECK_EQUAL(line_of(scene)->used, MIB);
    CHECK_EQUAL(scene->process->page_count, 1);
    scene_destroy(scene);
}

static void aGuestThatClosedOurDescriptorsKeepsWhatItHasThereNow(void)
{
    struct scene *scene = scene_create(1);
    daemon_start(&scene->daemon, script_mid_frame, scene);
    CHECK(reserve(scene, MIB)); /* joined twice; now the guest closes both and takes the numbers */
    int ours[2] = {scene->process->connection.socket.number, scene->process->pages[0].descriptor.number};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 2; i++)
        CHECK(dup2(null, ours[i]) == ours[i]);
    pthread_join(scene->daemon.thread, NULL); /* the connection ended */
    daemon_start(&scene->daemon, script_obliging, scene);
    CHECK(reserve(scene, MIB));
    CHECK_EQUAL(line_of(scene)->used, 2 * MIB);
    for (int i = 0; i < 2; i++) {
        CHECK(fcntl(ours[i], F_GETFD) >= 0); /* still the guest's */
        CHECK(ours[i] != scene->process->connection.socket.number);
        CHECK(ours[i] != scene->process->pages[0].descriptor.number);
        close(ours[i]);
    }
    close(null);
    scene_destroy(scene);
}

static void script_other_page(struct daemon *daemon, void *context)
{
    struct scene *scene = context;
    struct request request;
    int connection = daemon_join(daemon, 0, scene->memfd);
    for (int i = 0; i < 2; i++) {
        CHECK(daemon_read(connection, &request));
        line_of(scene)->charge = 10 * MIB;
        daemon_grant(connection, &request, 10 * MIB);
        if (i == 0)
            await(scene, 1);
    }
    close(connection); /* the daemon restarts, and cannot find the page */
    connection = daemon_join(daemon, 0, scene->after_restart->memfd);
    grant_everything(scene->after_restart, connection);
}

static void aNewPageTakesOverWhatIsHeldAndLive(void)
{
    struct scene *scene = scene_create(1);
    scene->after_restart = scene_create(1);
    memset(scene->after_restart->header->page_id, 2, GPUSLICE_UUID_SIZE);
    daemon_start(&scene->daemon, script_other_page, scene);
    struct process *process = scene->process;
    CHECK(reserve(scene, 4 * MIB));
    CHECK(ledger_record(process, 0, 4 * MIB, 0x1000, GPUSLICE_KIND_LINEAR));
    CHECK(reserve(scene, 3 * MIB));
    CHECK(ledger_record(process, 0, 3 * MIB, 0x2000, GPUSLICE_KIND_PITCHED));
    struct taken in_flight;
    CHECK(ledger_take(process, 0x1000, &in_flight)); /* a free that the driver is busy with */
    reach(scene, 1);
    CHECK(reserve(scene, 8 * MIB)); /* more than the first page allows: the connection is gone, the page another */
    struct gpuslice_page_device *line = line_of(scene->after_restart);
    CHECK_EQUAL(process->page_count, 2);
    CHECK_EQUAL(line->used, 15 * MIB);
    struct page page = test_page_view(scene->after_restart->header);
    CHECK_EQUAL(accounting_allocations(&page, 0), 2);
    ledger_release(process, &in_flight);
    CHECK_EQUAL(line->used, 11 * MIB);
    struct taken taken;
    CHECK(!ledger_take(process, 0x1000, &taken));
    if (CHECK(ledger_take(process, 0x2000, &taken))) {
        CHECK_EQUAL(GPUSLICE_META_KIND(taken.meta), GPUSLICE_KIND_PITCHED);
        ledger_release(process, &taken);
    }
    CHECK_EQUAL(line->used, 8 * MIB);
    CHECK_EQUAL(accounting_frees(&page, 0), 2);
    struct scene *after_restart = scene->after_restart;
    scene_destroy(scene);
    scene_destroy(after_restart);
}

struct takeover {
    struct process *process;
    struct config config;
    _Atomic int running;
    _Atomic uint64_t rounds;
    _Atomic int handed;
    uint64_t ends[8]; /* per thread: how many it has allocated */
};

static void allocate_hold_and_free(void *context, int index)
{
    struct takeover *takeover = context;
    enum { HELD = 50, ROUNDS = 40000 };
    uint64_t i = 0;
    for (; i < ROUNDS || takeover->handed < 3; i++) {
        uint64_t base = (uint64_t)(index + 1) << 32;
        struct taken taken;
        if (!CHECK(ledger_reserve(&takeover->config, takeover->process, 0, 4096)) ||
            !CHECK(ledger_record(takeover->process, 0, 4096, base + 512 * i, GPUSLICE_KIND_LINEAR)))
            break;
        if (i < HELD)
            continue;
        if (!CHECK(ledger_take(takeover->process, base + 512 * (i - HELD), &taken)))
            break;
        ledger_release(takeover->process, &taken);
        atomic_fetch_add(&takeover->rounds, 1);
    }
    takeover->ends[index] = i;
    atomic_fetch_sub(&takeover->running, 1);
}

static void *hand_out_pages(void *context)
{
    struct takeover *takeover = context;
    for (int i = 1; i < (int)PROCESS_MAX_PAGES && takeover->running > 0; i++) {
        char reason[256];
        int page = test_page_create(1, (uint8_t)(i + 1));
        struct gpuslice_page_header *header = test_page_map(page);
        test_page_device(header, 0)->charge = 1ull << 40;
        test_page_unmap(header);
        lock_acquire(&takeover->process->lock);
        CHECK(pages_adopt(takeover->process, page, GPUSLICE_PAGE_SIZE, reason, sizeof reason));
        lock_release(&takeover->process->lock);
        takeover->handed++;
        uint64_t rounds = takeover->rounds; /* let there be traffic on each */
        while (takeover->running > 0 && takeover->rounds < rounds + 1000)
            sched_yield();
    }
    return NULL;
}

static void pagesTakeOverWhileEightThreadsAllocateAndFree(void)
{
    struct takeover takeover = {.process = test_process_create(1), .running = 8};
    struct process *process = takeover.process;
    char reason[256];
    int first = test_page_create(1, 1);
    CHECK(pages_adopt(process, first, GPUSLICE_PAGE_SIZE, reason, sizeof reason));
    __atomic_store_n(&process->pages[0].devices[0].charge, 1ull << 40, __ATOMIC_SEQ_CST);
    pthread_t daemon;
    if (!CHECK(pthread_create(&daemon, NULL, hand_out_pages, &takeover) == 0))
        return;
    test_threads(8, allocate_hold_and_free, &takeover);
    pthread_join(daemon, NULL);
    struct page *page = process->page;
    CHECK(process->page_count > 2);
    CHECK_EQUAL(page->devices[0].used, 8 * 50 * 4096);
    for (uint64_t thread = 1; thread <= 8; thread++) {
        for (uint64_t i = takeover.ends[thread - 1] - 50; i < takeover.ends[thread - 1]; i++) {
            struct taken taken;
            if (CHECK(ledger_take(process, (thread << 32) + 512 * i, &taken)))
                ledger_release(process, &taken);
        }
    }
    CHECK_EQUAL(page->devices[0].used, 0);
    test_process_destroy(process);
}

/* ------------------------------------------------------------ gated and strict */

struct gate {
    struct scene *scene;
    _Atomic uint64_t requests;
    _Atomic uint64_t freed;
};

static void script_gate(struct daemon *daemon, void *context)
{
    struct gate *gate = context;
    struct gpuslice_page_device *line = line_of(gate->scene);
    struct request request;
    int connection = daemon_join(daemon, GPUSLICE_FLAG_STRICT, gate->scene->memfd);
    __atomic_store_n(&line->charge, GPUSLICE_GATED, __ATOMIC_SEQ_CST);
    while (daemon_read(connection, &request)) {
        if (request.frame.type == GPUSLICE_FREED) {
            atomic_fetch_add(&gate->freed, request.as.freed.bytes);
            continue;
        }
        atomic_fetch_add(&gate->requests, 1);
        uint64_t charge = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST) + request.as.charge.bytes;
        __atomic_store_n(&line->charge, charge | GPUSLICE_GATED, __ATOMIC_SEQ_CST);
        daemon_grant(connection, &request, charge);
    }
    close(connection);
}

static void allocate_and_free(void *context, int index)
{
    struct gate *gate = context;
    struct scene *scene = gate->scene;
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t handle = ((uint64_t)index << 32) + 4096 * (i + 1);
        struct taken taken;
        if (!CHECK(reserve(scene, MIB)) ||
            !CHECK(ledger_record(scene->process, 0, MIB, handle, GPUSLICE_KIND_LINEAR)) ||
            !CHECK(ledger_take(scene->process, handle, &taken)))
            return;
        ledger_release(scene->process, &taken);
    }
}

static void aStrictSessionHearsOfEveryAllocationAndEveryFree(void)
{
    struct gate gate = {.scene = scene_create(1)};
    struct scene *scene = gate.scene;
    line_of(scene)->charge = GPUSLICE_GATED;
    daemon_start(&scene->daemon, script_gate, &gate);
    test_threads(8, allocate_and_free, &gate);
    CHECK_EQUAL(line_of(scene)->used, 0);
    struct page page = test_page_view(scene->header);
    CHECK_EQUAL(accounting_allocations(&page, 0), 1600);
    CHECK_EQUAL(accounting_frees(&page, 0), 1600);
    scene_destroy(scene); /* the daemon reads to the end */
    CHECK_EQUAL(gate.requests, 1600);
    CHECK_EQUAL(gate.freed, 1600 * MIB);
}

/* What a daemon of a strict session heard: a frame's type and bytes, in order. */
struct heard {
    struct scene *scene;
    uint32_t count;
    struct {
        uint16_t type;
        uint64_t bytes;
        uint64_t handle;
    } frames[16];
};

/* Hears a connection out, or so many frames of it; grants what is asked. */
static void hear(struct heard *heard, struct scene *of, int connection, uint32_t most)
{
    struct gpuslice_page_device *line = line_of(of);
    struct request request;
    for (uint32_t i = 0; i < most && daemon_read(connection, &request) && CHECK(heard->count < 16); i++) {
        bool freed = request.frame.type == GPUSLICE_FREED;
        heard->frames[heard->count].type = request.frame.type;
        heard->frames[heard->count].bytes = freed ? request.as.freed.bytes : request.as.charge.bytes;
        heard->frames[heard->count].handle = freed ? request.as.freed.handle : 0;
        heard->count++;
        if (freed)
            continue;
        uint64_t charge = __atomic_load_n(&line->used, __ATOMIC_SEQ_CST) + request.as.charge.bytes;
        __atomic_store_n(&line->charge, charge | GPUSLICE_GATED, __ATOMIC_SEQ_CST);
        daemon_grant(connection, &request, charge);
    }
}

static bool is_charge(const struct heard *heard, uint32_t index, uint64_t bytes)
{
    return CHECK(index < heard->count) && CHECK_EQUAL(heard->frames[index].type, GPUSLICE_CHARGE) &&
           CHECK_EQUAL(heard->frames[index].bytes, bytes);
}

static bool is_freed(const struct heard *heard, uint32_t index, uint64_t bytes, uint64_t handle)
{
    return CHECK(index < heard->count) && CHECK_EQUAL(heard->frames[index].type, GPUSLICE_FREED) &&
           CHECK_EQUAL(heard->frames[index].bytes, bytes) && CHECK_EQUAL(heard->frames[index].handle, handle);
}

static void script_listener(struct daemon *daemon, void *context)
{
    struct heard *heard = context;
    int connection = daemon_join(daemon, GPUSLICE_FLAG_STRICT, heard->scene->memfd);
    hear(heard, heard->scene, connection, UINT32_MAX);
    close(connection);
}

static bool hold(struct scene *scene, uint64_t bytes, uint64_t handle)
{
    return CHECK(reserve(scene, bytes)) && CHECK(ledger_record(scene->process, 0, bytes, handle, GPUSLICE_KIND_LINEAR));
}

static void inAStrictSessionADriverThatFailsIsNoFree(void)
{
    struct heard heard = {.scene = scene_create(1)};
    struct scene *scene = heard.scene;
    struct taken taken;
    daemon_start(&scene->daemon, script_listener, &heard);
    CHECK(reserve(scene, 2 * MIB)); /* granted, and then the driver has no memory: */
    ledger_cancel(scene->process, 0, 2 * MIB);
    CHECK_EQUAL(line_of(scene)->used, 0);
    CHECK(hold(scene, MIB, 0x1000)); /* there is credit, and yet it is asked for */
    CHECK(ledger_take(scene->process, 0x1000, &taken));
    ledger_put_back(scene->process, &taken); /* the driver did not free it */
    CHECK_EQUAL(line_of(scene)->used, MIB);
    CHECK(ledger_take(scene->process, 0x1000, &taken));
    ledger_release(scene->process, &taken);
    CHECK(!ledger_take(scene->process, 0x1000, &taken)); /* freed twice: the driver's to refuse */
    scene_destroy(scene);
    CHECK_EQUAL(heard.count, 3);
    is_charge(&heard, 0, 2 * MIB);
    is_charge(&heard, 1, MIB);
    is_freed(&heard, 2, MIB, 0x1000);
}

static void anAddressThatTheDriverGivesOutAgainIsFreedOnceForEach(void)
{
    struct heard heard = {.scene = scene_create(1)};
    struct scene *scene = heard.scene;
    struct taken first, second;
    daemon_start(&scene->daemon, script_listener, &heard);
    CHECK(hold(scene, MIB, 0x1000));
    CHECK(ledger_take(scene->process, 0x1000, &first));
    CHECK(hold(scene, 3 * MIB, 0x1000)); /* another thread gets it, between the driver's free and our report */
    ledger_release(scene->process, &first);
    CHECK_EQUAL(line_of(scene)->used, 3 * MIB);
    CHECK(ledger_take(scene->process, 0x1000, &second));
    ledger_release(scene->process, &second);
    CHECK_EQUAL(line_of(scene)->used, 0);
    scene_destroy(scene);
    CHECK_EQUAL(heard.count, 4);
    is_charge(&heard, 0, MIB);
    is_charge(&heard, 1, 3 * MIB);
    is_freed(&heard, 2, MIB, 0x1000);
    is_freed(&heard, 3, 3 * MIB, 0x1000);
}

static void script_restart(struct daemon *daemon, void *context)
{
    struct heard *heard = context;
    struct scene *scene = heard->scene;
    int connection = daemon_join(daemon, GPUSLICE_FLAG_STRICT, scene->memfd);
    hear(heard, scene, connection, 3);
    daemon_stop_listening(daemon);
    close(connection);
    reach(scene, 1);
    await(scene, 2); /* the guest has freed meanwhile */
    daemon_listen(daemon);
    connection = daemon_join(daemon, GPUSLICE_FLAG_STRICT, scene->memfd);
    hear(heard, scene, connection, UINT32_MAX);
    close(connection);
}

static void freesWhileTheDaemonIsAwayAreReportedOnceWhenItIsBack(void)
{
    struct heard heard = {.scene = scene_create(1)};
    struct scene *scene = heard.scene;
    struct taken taken;
    daemon_start(&scene->daemon, script_restart, &heard);
    for (uint64_t i = 1; i <= 3; i++)
        CHECK(hold(scene, i * MIB, 0x1000 * i));
    await(scene, 1);
    uint64_t start = test_now_ms();
    for (uint64_t i = 1; i <= 2; i++) {
        CHECK(ledger_take(scene->process, 0x1000 * i, &taken));
        ledger_release(scene->process, &taken);
    }
    CHECK(test_now_ms() - start < 1000); /* a free waits for nobody */
    CHECK_EQUAL(line_of(scene)->used, 3 * MIB);
    reach(scene, 2);
    CHECK(hold(scene, 4 * MIB, 0x4000));
    CHECK(ledger_take(scene->process, 0x3000, &taken));
    ledger_release(scene->process, &taken);
    scene_destroy(scene);
    CHECK_EQUAL(heard.count, 7);
    is_freed(&heard, 3, MIB, 0x1000);
    is_freed(&heard, 4, 2 * MIB, 0x2000);
    is_charge(&heard, 5, 4 * MIB);
    is_freed(&heard, 6, 3 * MIB, 0x3000);
}

static void script_absence(struct daemon *daemon, void *context)
{
    struct gate *gate = context;
    int connection = daemon_join(daemon, GPUSLICE_FLAG_STRICT, gate->scene->memfd);
    struct request request;
    CHECK(daemon_read(connection, &request));
    line_of(gate->scene)->charge = 1ull << 40;
    daemon_grant(connection, &request, 1ull << 40);
    daemon_stop_listening(daemon);
    close(connection);
    reach(gate->scene, 1);
    await(gate->scene, 2);
    daemon_listen(daemon);
    script_gate(daemon, gate);
}

static void asManyFreesAreKeptForADaemonThatIsAwayAsThereIsRoomFor(void)
{
    struct gate gate = {.scene = scene_create(1)};
    struct scene *scene = gate.scene;
    struct taken taken;
    daemon_start(&scene->daemon, script_absence, &gate);
    CHECK(reserve(scene, MIB));
    await(scene, 1);
    for (uint64_t i = 0; i < UNREPORTED_MAX + 100; i++) {
        CHECK(hold(scene, 4096, 0x1000 * (i + 1)));
        CHECK(ledger_take(scene->process, 0x1000 * (i + 1), &taken));
        ledger_release(scene->process, &taken);
    }
    line_of(scene)->charge = GPUSLICE_GATED;
    reach(scene, 2);
    CHECK(hold(scene, MIB, 0x1000));
    CHECK(ledger_take(scene->process, 0x1000, &taken));
    ledger_release(scene->process, &taken);
    scene_destroy(scene);
    CHECK_EQUAL(gate.freed, UNREPORTED_MAX * 4096ull + MIB);
}

static void script_family(struct daemon *daemon, void *context)
{
    struct heard *heard = context;
    struct request parent, child;
    int connection = daemon_accept(daemon);
    CHECK(daemon_read(connection, &parent));
    daemon_welcome(connection, &parent, GPUSLICE_FLAG_STRICT, heard->scene->memfd);
    hear(heard, heard->scene, connection, 1);
    int of_child = daemon_accept(daemon);
    CHECK(daemon_read(of_child, &child));
    CHECK(memcmp(parent.as.hello.image_id, child.as.hello.image_id, sizeof child.as.hello.image_id) != 0);
    daemon_welcome(of_child, &child, GPUSLICE_FLAG_STRICT, heard->scene->after_restart->memfd);
    hear(heard, heard->scene->after_restart, of_child, UINT32_MAX);
    close(of_child);
    hear(heard, heard->scene, connection, UINT32_MAX);
    close(connection);
}

static bool hold_in(struct process *process, const struct config *config, uint64_t bytes, uint64_t handle)
{
    process->devices.count = 1;
    memset(process->devices.uuid[0], 1, GPUSLICE_UUID_SIZE);
    return ledger_reserve(config, process, 0, bytes) && ledger_record(process, 0, bytes, handle, GPUSLICE_KIND_LINEAR);
}

static bool free_in(struct process *process, uint64_t handle)
{
    struct taken taken;
    if (!ledger_take(process, handle, &taken))
        return false;
    ledger_release(process, &taken);
    return true;
}

/* A program that forks; on memory that fork wipes, unlike a scene's process. */
static int fork_and_free(const struct config *config)
{
    struct process *process = process_get();
    if (process == NULL || !hold_in(process, config, 5 * MIB, 0x5000))
        return 1;
    pid_t child = fork();
    if (child == 0) {
        struct process *own = process_get();
        if (own == NULL || free_in(own, 0x5000)) /* its parent's: nothing of the child's to report */
            _exit(2);
        _exit(hold_in(own, config, 7 * MIB, 0x7000) && free_in(own, 0x7000) ? 0 : 3);
    }
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0)
        return 4;
    return free_in(process, 0x5000) ? 0 : 5;
}

static void aForkedChildReportsItsOwnAndNothingOfItsParents(void)
{
    if (test_skip_emulated("does not wipe memory on fork"))
        return;
    struct heard heard = {.scene = scene_create(1)};
    struct scene *scene = heard.scene;
    scene->after_restart = scene_create(1); /* the child's page */
    daemon_start(&scene->daemon, script_family, &heard);
    pid_t program = fork();
    if (program == 0)
        _exit(fork_and_free(&scene->daemon.config));
    int status = -1;
    CHECK(waitpid(program, &status, 0) == program);
    CHECK_EQUAL(status, 0);
    struct scene *of_child = scene->after_restart;
    scene_destroy(scene);
    CHECK_EQUAL(line_of(of_child)->used, 0);
    scene_destroy(of_child);
    CHECK_EQUAL(heard.count, 4);
    is_charge(&heard, 0, 5 * MIB);
    is_charge(&heard, 1, 7 * MIB);
    is_freed(&heard, 2, 7 * MIB, 0x7000);
    is_freed(&heard, 3, 5 * MIB, 0x5000);
}

void transport_tests(void)
{
    RUN(theFirstReservationJoinsAndAsks);
    RUN(oneQuestionServesAllThreadsThatWaitForCredit);
    RUN(aDenialLeavesUsedAloneAndIsCounted);
    RUN(anImpossibleSizeIsRefusedWithoutAsking);
    RUN(aRefusedHelloDeniesAtOnceWithTheReason);
    RUN(aDaemonOfAnotherUserIsToldNothingAndDeniesEverything);
    RUN(repliesWithAnotherSeqAreSkipped);
    RUN(anotherMajorVersionIsRefused);
    RUN(aRunningProgramGoesOnWithADaemonOfTheNextMinorVersion);
    RUN(aPageOfTheNextMinorVersionIsTaken);
    RUN(senselessFramesEndTheConnectionAndDeny);
    RUN(whatIsNoLedgerPageIsRefused);
    RUN(aSilentDaemonDeniesAfterTwoSecondsThenAtOnceUntilItSpeaks);
    RUN(aStormOfSignalsChangesNoAnswerAndNoWait);
    RUN(anAbsentDaemonIsWaitedForThenDeniedAtOnceThenProbed);
    RUN(aDaemonThatComesWithinTheWaitIsFound);
    RUN(aConnectionClosedInMidFrameIsReopenedAndTheQuestionAskedAgain);
    RUN(aGuestThatClosedOurDescriptorsKeepsWhatItHasThereNow);
    RUN(aNewPageTakesOverWhatIsHeldAndLive);
    RUN(pagesTakeOverWhileEightThreadsAllocateAndFree);
    RUN(aStrictSessionHearsOfEveryAllocationAndEveryFree);
    RUN(inAStrictSessionADriverThatFailsIsNoFree);
    RUN(anAddressThatTheDriverGivesOutAgainIsFreedOnceForEach);
    RUN(freesWhileTheDaemonIsAwayAreReportedOnceWhenItIsBack);
    RUN(asManyFreesAreKeptForADaemonThatIsAwayAsThereIsRoomFor);
    RUN(aForkedChildReportsItsOwnAndNothingOfItsParents);
}
