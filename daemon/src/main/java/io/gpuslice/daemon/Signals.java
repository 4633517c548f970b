// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.lang.reflect.Proxy;

/**
 * What others tell the daemon by signal. What Java has for that is in the supported module jdk.unsupported; by
 * reflection, because javac warns of it in a way that cannot be suppressed, and warnings are errors here.
 */
final class Signals {
    private Signals() {}

    /**
     * From now on the signal does not end the process but runs this, on a thread of its own.
     *
     * @param name without SIG
     */
    static void handle(String name, Runnable action) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object runner = Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, (_, _, _) -> {
                action.run();
                return null;
            });
            Object one = signal.getConstructor(String.class).newInstance(name);
            signal.getMethod("handle", signal, handler).invoke(null, one, runner);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("this Java has no sun.misc.Signal", e);
        }
    }
}
