// SPDX-License-Identifier: Apache-2.0

/** What a Java program costs that does nothing: the floor under `gpuslice run -- true`. */
final class Empty {
    private Empty() {}

    public static void main(String[] args) {}
}
