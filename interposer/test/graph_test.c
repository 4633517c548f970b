/* SPDX-License-Identifier: Apache-2.0 */
#include "graphs.h"
#include "process.h"
#include "session.h"

static gs_object graph_of(uint64_t bytes)
{
    gs_object graph = driver_graph(NULL, 0, NULL), node;
    struct gs_alloc_node params = {.bytes = bytes};
    CHECK_EQUAL(cuGraphAddMemAllocNode(&node, graph, NULL, 0, &params), GS_SUCCESS);
    return graph;
}

static gs_object instantiate(gs_object graph)
{
    gs_object executable = NULL;
    CHECK_EQUAL(cuGraphInstantiateWithFlags(&executable, graph, 0), GS_SUCCESS);
    return executable;
}

static void aGraphIsChargedWhenItIsLaunched(void)
{
    uint64_t bytes;
    gs_object executable = instantiate(graph_of(3 * MIB));
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB); /* in the device's chunks */
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_GRAPH, &bytes), 1);
    CHECK_EQUAL(bytes, 4 * MIB);
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_SUCCESS); /* again, in the same memory */
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_BOOKS();
}

static void aGraphThatNeedsTooMuchIsNotLaunched(void)
{
    gs_object executable = instantiate(graph_of(65 * MIB));
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(driver_calls(DRIVER_cuGraphLaunch), 0);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(session_line(0)->denials, 1);
}

static void aLaunchThatFailsCostsNothing(void)
{
    gs_object executable = instantiate(graph_of(4 * MIB));
    driver_fail(DRIVER_cuGraphLaunch, 700, 0);
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), 700);
    CHECK_EQUAL(session_used(0), 0);
}

/* It has its memory: not to be denied because the bound for a first launch does not fit. */
static void aGraphIsLaunchedAgainWhereItsMemoryFillsTheLimit(void)
{
    gs_object executable = instantiate(graph_of(60 * MIB));
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 60 * MIB);
    CHECK_EQUAL(session_line(0)->denials, 0);
}

static void theNodesOfAChildCountWithTheirParents(void)
{
    gs_object child = graph_of(20 * MIB);
    static const uint64_t own[] = {10 * MIB, 10 * MIB};
    gs_object executable = instantiate(driver_graph(own, 2, child));
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 40 * MIB);
    CHECK_EQUAL(session_counts().held, 0); /* all of it was foreseen */
}

static void everyWayToAddAnAllocationNodeIsSeen(void)
{
    struct process *process = process_get();
    struct gs_node_params kernel = {.type = 0}, allocation = {.type = GS_NODE_MEM_ALLOC};
    gs_object node;
    CHECK_EQUAL(cuGraphAddNode(&node, NULL, NULL, 0, &kernel), GS_SUCCESS);
    CHECK_EQUAL(cuGraphAddNode_v2(&node, NULL, NULL, NULL, 0, &kernel), GS_SUCCESS);
    CHECK_EQUAL(cuGraphAddNode_v2(&node, NULL, NULL, NULL, 0, NULL), GS_SUCCESS);
    CHECK_EQUAL(process->graphs.allocate, 0);
    CHECK_EQUAL(cuGraphAddNode(&node, NULL, NULL, 0, &allocation), GS_SUCCESS);
    CHECK_EQUAL(process->graphs.allocate, 1);
    process->graphs.allocate = 0;
    CHECK_EQUAL(cuGraphAddNode_v2(&node, NULL, NULL, NULL, 0, &allocation), GS_SUCCESS);
    CHECK_EQUAL(process->graphs.allocate, 1);
}

static void everyWayToInstantiateAndLaunchIsCharged(void)
{
    gs_object graph = graph_of(4 * MIB), executable = NULL;
    struct gs_instantiate_params params = {.flags = 0};
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(i == 0   ? cuGraphInstantiate(&executable, graph, NULL, NULL, 0)
                    : i == 1 ? cuGraphInstantiate_v2(&executable, graph, NULL, NULL, 0)
                    : i == 2 ? cuGraphInstantiateWithParams(&executable, graph, &params)
                             : cuGraphInstantiateWithParams_ptsz(&executable, graph, &params),
                    GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 0);
        CHECK_EQUAL(i == 0   ? cuGraphLaunch(executable, NULL)
                    : i == 1 ? cuGraphLaunch_ptsz(executable, NULL)
                    : i == 2 ? cuGraphUpload(executable, NULL)
                             : cuGraphUpload_ptsz(executable, NULL),
                    GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 4 * MIB);
        CHECK_EQUAL(cuGraphExecDestroy(executable), GS_SUCCESS);
        CHECK_EQUAL(cuDeviceGraphMemTrim(0), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 0);
    }
    params.flags = GS_INSTANTIATE_UPLOAD;
    CHECK_EQUAL(cuGraphInstantiateWithParams(&executable, graph, &params), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 4 * MIB);
    CHECK_EQUAL(params.flags, GS_INSTANTIATE_UPLOAD);
    CHECK_EQUAL(session_counts().held, 0);
}

static void aTrimGivesBackWhatGraphsNoLongerNeed(void)
{
    gs_object executable = instantiate(graph_of(10 * MIB));
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_SUCCESS);
    CHECK_EQUAL(cuDeviceGraphMemTrim(0), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_SUCCESS); /* takes it again, and is asked for again */
    CHECK_EQUAL(session_used(0), 10 * MIB);
    CHECK_EQUAL(session_counts().held, 0);
    CHECK_EQUAL(cuGraphExecDestroy(executable), GS_SUCCESS);
    CHECK_EQUAL(process_get()->graphs.executables.count, 0);
    CHECK_BOOKS();
}

static void aDenialTrimsTheMemoryOfGraphsAndTriesAgain(void)
{
    gs_deviceptr address;
    CHECK_EQUAL(cuGraphLaunch(instantiate(graph_of(60 * MIB)), NULL), GS_SUCCESS);
    CHECK_EQUAL(cuMemAlloc_v2(&address, 50 * MIB), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 50 * MIB);
    CHECK_EQUAL(session_line(0)->denials, 0);
    CHECK_BOOKS();
}

static void graphsWithoutAllocationsAreNotLookedAt(void)
{
    gs_object graph = driver_graph(NULL, 0, NULL), executable = NULL;
    CHECK_EQUAL(cuGraphInstantiateWithFlags(&executable, graph, 0), GS_SUCCESS);
    CHECK_EQUAL(cuGraphLaunch(executable, NULL), GS_SUCCESS);
    CHECK_EQUAL(process_get()->graphs.executables.count, 0);
    CHECK_EQUAL(process_get()->graphs.allocate, 0);
    CHECK_EQUAL(session_counts().asked, 0);
}

static void launch_all(void *context, int index)
{
    gs_object *executables = context;
    for (int i = 0; i < 500; i++) {
        gs_result result = cuGraphLaunch(executables[(index + i) % 4], NULL);
        CHECK(result == GS_SUCCESS || result == GS_OUT_OF_MEMORY);
        if (i % 50 == 0)
            cuDeviceGraphMemTrim(0);
    }
}

static void eightThreadsLaunchWithTheBooksRight(void)
{
    gs_object executables[4];
    for (uint64_t i = 0; i < 4; i++)
        executables[i] = instantiate(graph_of((i + 1) * 6 * MIB));
    test_threads(8, launch_all, executables);
    graphs_settle_every(config_get(), process_get());
    CHECK_BOOKS();
    CHECK(session_line(0)->peak <= 64 * MIB);
}

void graph_tests(void)
{
    RUN_IN_SESSION(aGraphIsChargedWhenItIsLaunched, 64 * MIB);
    RUN_IN_SESSION(aGraphThatNeedsTooMuchIsNotLaunched, 64 * MIB);
    RUN_IN_SESSION(aLaunchThatFailsCostsNothing, 64 * MIB);
    RUN_IN_SESSION(aGraphIsLaunchedAgainWhereItsMemoryFillsTheLimit, 64 * MIB);
    RUN_IN_SESSION(theNodesOfAChildCountWithTheirParents, 64 * MIB);
    RUN_IN_SESSION(everyWayToAddAnAllocationNodeIsSeen, 64 * MIB);
    RUN_IN_SESSION(everyWayToInstantiateAndLaunchIsCharged, 64 * MIB);
    RUN_IN_SESSION(aTrimGivesBackWhatGraphsNoLongerNeed, 64 * MIB);
    RUN_IN_SESSION(aDenialTrimsTheMemoryOfGraphsAndTriesAgain, 64 * MIB);
    RUN_IN_SESSION(graphsWithoutAllocationsAreNotLookedAt, 64 * MIB);
    RUN_IN_SESSION(eightThreadsLaunchWithTheBooksRight, 64 * MIB);
}
