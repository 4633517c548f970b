/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes and their deaths on one card of 64 MiB. */
#include "child.h"

#include <pthread.h>
#include <string.h>

static void churn(unsigned random, int rounds)
{
    CUdeviceptr p[32] = {0};
    for (int i = 0; rounds == 0 || i < rounds; i++) {
        CUdeviceptr *one = &p[rand_r(&random) % 32];
        if (*one != 0) {
            CHECK_EQ(cuMemFree(*one), CUDA_SUCCESS);
            *one = 0;
        } else if (cuMemAlloc(one, (size_t)rand_r(&random) % (4 * MIB) + 1) != CUDA_SUCCESS) {
            *one = 0;
        }
    }
    for (int i = 0; i < 32; i++)
        CHECK_EQ(cuMemFree(p[i]), CUDA_SUCCESS);
}

static void hammering_child(void)
{
    open_gpu();
    churn((unsigned)getpid(), 200000);
    report(0);
    await_parent();
    report(fill());
    await_parent();
}

static void fourProcessesFillTheCardExactly(void)
{
    const struct fakecuda_card *card = map_card();
    for (int round = 0; round < 3; round++) {
        struct child children[4];
        int sum = 0;
        for (int i = 0; i < 4; i++)
            children[i] = start(hammering_child);
        for (int i = 0; i < 4; i++)
            hear(&children[i]);
        for (int i = 0; i < 4; i++)
            tell(&children[i]);
        for (int i = 0; i < 4; i++)
            sum += (int)hear(&children[i]);
        CHECK_EQ(sum, 64);
        CHECK_EQ(used(0), 64 * MIB);
        CHECK_EQ(card->devices[0].used, 64 * MIB);
        CHECK_EQ(card->devices[0].peak, 64 * MIB);
        for (int i = 0; i < 4; i++)
            end(&children[i], 0);
        CHECK_EQ(used(0), 0);
    }
}

static void *churn_for_ever(void *context)
{
    cuCtxSetCurrent(context);
    churn((unsigned)(size_t)&context, 0);
    return NULL;
}

static void churning_child(void)
{
    pthread_t thread;
    CUcontext context;
    open_gpu();
    cuCtxGetCurrent(&context);
    pthread_create(&thread, NULL, churn_for_ever, context);
    report(0);
    churn_for_ever(context);
}

static void filling_child(void)
{
    open_gpu();
    report(fill());
    await_parent();
}

static void aKillAtAnyInstantReturnsEverything(void)
{
    const struct fakecuda_card *card = map_card();
    int inside = 0;
    unsigned random = 1;
    for (int trial = 0; trial < 300; trial++) {
        struct child victim = start(churning_child);
        hear(&victim);
        usleep((useconds_t)rand_r(&random) % 1000); /* the moment is what is random here */
        end(&victim, SIGKILL);
        inside += card->devices[0].lock != 0;
        CHECK_EQ(used(0), 0);
        struct child heir = start(filling_child);
        CHECK_EQ(hear(&heir), 64);
        end(&heir, 0);
    }
    printf("   %d of 300 died inside the critical section\n", inside);
    CHECK(inside > 0);
}

static void theSurvivorsBooksStayRightWhileOthersAreKilled(void)
{
    const struct fakecuda_card *card = map_card();
    struct child survivor = start(hammering_child);
    unsigned random = 2;
    for (int trial = 0; trial < 100; trial++) {
        struct child victim = start(churning_child);
        hear(&victim);
        usleep((useconds_t)rand_r(&random) % 1000);
        end(&victim, SIGKILL);
        CHECK(card->devices[0].used <= 64 * MIB);
    }
    hear(&survivor);
    CHECK_EQ(used(0), 0);
    tell(&survivor);
    CHECK_EQ(hear(&survivor), 64);
    CHECK_EQ(card->devices[0].used, 64 * MIB);
    end(&survivor, SIGKILL);
}

static void exec_child(void)
{
    CUdeviceptr p;
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, 40 * MIB), CUDA_SUCCESS);
    report(0);
    await_parent();
    dup2(child_in, STDIN_FILENO);
    dup2(child_out, STDOUT_FILENO);
    execlp("cat", "cat", (char *)NULL);
}

static void anExecReturnsWhatTheImageHeld(void)
{
    char c;
    struct child child = start(exec_child);
    hear(&child);
    CHECK_EQ(used(0), 40 * MIB);
    tell(&child);
    tell(&child);
    CHECK_EQ(read(child.from, &c, 1), 1); /* cat has answered: the new image runs */
    CHECK_EQ(used(0), 0);
    end(&child, 0);
}

static void forking_child(void)
{
    CUdeviceptr p;
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, MIB), CUDA_SUCCESS);
    pid_t pid = fork();
    if (pid == 0) {
        report(cuInit(0));
        report(cuMemAlloc(&p, MIB));
        report(cuMemFree(p));
        await_parent();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    report(0);
}

static void aChildForkedAfterUseIsNotInitialisedAndItsParentGoesOn(void)
{
    struct child child = start(forking_child);
    CHECK_EQ(hear(&child), CUDA_ERROR_NOT_INITIALIZED);
    CHECK_EQ(hear(&child), CUDA_ERROR_NOT_INITIALIZED);
    CHECK_EQ(hear(&child), CUDA_ERROR_NOT_INITIALIZED);
    tell(&child);
    CHECK_EQ(hear(&child), 0);
    CHECK_EQ(end(&child, 0), 0);
}

static void child_with_a_child(void)
{
    CUdeviceptr p;
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, 8 * MIB), CUDA_SUCCESS);
    if (fork() == 0) {
        alarm(PATIENCE);
        report(getpid());
    }
    for (;;)
        pause();
}

static void aForkedChildKeepsADeadParentsMemory(void)
{
    struct child parent = start(child_with_a_child);
    pid_t keeper = (pid_t)hear(&parent);
    end(&parent, SIGKILL);
    CHECK_EQ(used(0), 8 * MIB);
    struct child other = start(filling_child);
    CHECK_EQ(hear(&other), 56);
    end(&other, 0);
    kill(keeper, SIGKILL);
    while (used(0) != 0) /* it is nobody's child here: not to be waited for */
        usleep(1000);
}

static void unlessItClosesWhatItInherits(void)
{
    setenv("FAKECUDA_CLOSE_ON_FORK", "1", 1);
    struct child parent = start(child_with_a_child);
    pid_t keeper = (pid_t)hear(&parent);
    unsetenv("FAKECUDA_CLOSE_ON_FORK");
    end(&parent, SIGKILL);
    CHECK_EQ(used(0), 0);
    kill(keeper, SIGKILL);
}

static void a_child_of_40(void)
{
    CUdeviceptr p;
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, 40 * MIB), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static void a_child_of_20(void)
{
    CUdeviceptr p;
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, 20 * MIB), CUDA_SUCCESS);
    report(0);
    await_parent();
}

static uint64_t group_peak(const char *name)
{
    const struct fakecuda_card *card = map_card();
    for (uint32_t g = 0; g < FAKECUDA_GROUPS; g++)
        if (strcmp(card->groups[g].name, name) == 0)
            return card->groups[g].memory[0].peak;
    return 0;
}

static void aGroupsPeakCountsTheLivingTogetherAndTheDeadNoMore(void)
{
    setenv("FAKECUDA_GROUP", "family", 1);
    struct child first = start(a_child_of_40);
    hear(&first);
    CHECK_EQ(group_peak("family"), 40 * MIB);
    end(&first, SIGKILL);
    struct child second = start(a_child_of_20), third = start(a_child_of_20);
    hear(&second);
    hear(&third);
    CHECK_EQ(group_peak("family"), 40 * MIB);
    end(&second, SIGKILL);
    struct child fourth = start(a_child_of_40);
    hear(&fourth);
    CHECK_EQ(group_peak("family"), 60 * MIB);
    end(&third, 0);
    end(&fourth, 0);
    unsetenv("FAKECUDA_GROUP");
}

static void otherwise_configured_child(void)
{
    setenv("FAKECUDA_MEMORY", "128M", 1);
    if (freopen("/dev/null", "w", stderr) == NULL) /* it says why, as it should */
        _exit(1);
    report(cuInit(0));
}

static void aCardInUseIsNotReconfigured(void)
{
    struct child holder = start(a_child_of_20);
    hear(&holder);
    struct child other = start(otherwise_configured_child);
    CHECK_EQ(hear(&other), CUDA_ERROR_SYSTEM_NOT_READY);
    end(&other, 0);
    end(&holder, 0);
}

static void failing_child(void)
{
    CUdeviceptr p;
    setenv("FAKECUDA_FAIL_FREE", "2", 1);
    open_gpu();
    CHECK_EQ(cuMemAlloc(&p, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc(&p, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(p), CUDA_ERROR_UNKNOWN);
    report((long long)used(0));
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    report((long long)used(0));
}

static void aFreeThatWasToldToFailKeepsItsBlock(void)
{
    struct child child = start(failing_child);
    CHECK_EQ(hear(&child), MIB);
    CHECK_EQ(hear(&child), 0);
    CHECK_EQ(end(&child, 0), 0);
}

int main(void)
{
    alarm(PATIENCE);
    setenv("FAKECUDA_MEMORY", "64M", 1);
    CHECK_EQ(nvmlInit_v2(), NVML_SUCCESS);
    RUN(fourProcessesFillTheCardExactly);
    RUN(aKillAtAnyInstantReturnsEverything);
    RUN(theSurvivorsBooksStayRightWhileOthersAreKilled);
    RUN(anExecReturnsWhatTheImageHeld);
    RUN(aChildForkedAfterUseIsNotInitialisedAndItsParentGoesOn);
    RUN(aForkedChildKeepsADeadParentsMemory);
    RUN(unlessItClosesWhatItInherits);
    RUN(aGroupsPeakCountsTheLivingTogetherAndTheDeadNoMore);
    RUN(aCardInUseIsNotReconfigured);
    RUN(aFreeThatWasToldToFailKeepsItsBlock);
    return 0;
}
