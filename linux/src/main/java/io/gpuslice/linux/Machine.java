// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

/** The architecture, where the kernel's interface depends on it. */
final class Machine {
    private Machine() {}

    /** 64-bit ARM; everything else that a CUDA driver runs on behaves like x86-64. */
    static final boolean IS_ARM = System.getProperty("os.arch", "").equals("aarch64");
}
