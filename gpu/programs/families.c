/* SPDX-License-Identifier: Apache-2.0 */
/* Every family of device memory that the driver API has. */
#include "driver.h"
#include "scenario.h"

int main(int argc, char **argv)
{
    const struct family families[] = {linear_family,   managed_family, pitched_family, async_family, pool_family,
                                      physical_family, array_family,   graph_family,   ipc_family};
    const struct api api = {driver_open, driver_total, families, sizeof families / sizeof *families};
    return scenario_main(argc, argv, &api);
}
