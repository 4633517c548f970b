// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.lang.reflect.Proxy;

/**
 * SIGHUP. What Java has for signals is in the supported module jdk.unsupported; by reflection, because javac warns of it
 * in a way that cannot be suppressed, and warnings are errors here.
 */
final class Hangup {
    private Hangup() {}

    /** From now on it does not end the process but runs this, on a thread of its own. */
    static void handle(Runnable action) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object runner = Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, (_, _, _) -> {
                action.run();
                return null;
            });
            Object hangup = signal.getConstructor(String.class).newInstance("HUP");
            signal.getMethod("handle", signal, handler).invoke(null, hangup, runner);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("this Java has no sun.misc.Signal", e);
        }
    }
}
