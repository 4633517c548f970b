// SPDX-License-Identifier: Apache-2.0
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.lang.classfile.instruction.ReturnInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Kills the daemon between two steps of a grant or a collect: {@code -javaagent:stops.jar=COUNT,FILE}. Its process ends by
 * SIGKILL when it passes a stop point for the COUNTth time, and FILE then says which. The points are put into the daemon's
 * classes as they are loaded; the daemon itself has none.
 */
public final class StopPoints {
    /** What the steps are done by, entry and end each a point: journal, page, second read of a collect, answer. */
    private static final Map<String, String> STEPS = Map.of(
            "io/gpuslice/persistence/GuardedJournal", "asyncWriteMessages",
            "io/gpuslice/actors/page/MemfdPage", "storeCharge used",
            "io/gpuslice/actors/ingress/Frames", "send");

    private static final ClassDesc HERE = ClassDesc.of(StopPoints.class.getName());
    private static final MethodTypeDesc PASS = MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_String);
    private static final int SIGKILL = 9;

    /** Bound before it is needed: no step of another thread may come between the point and the kill. */
    private static final MethodHandle KILL = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("kill"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private static final AtomicLong left = new AtomicLong();
    private static Path file;

    private StopPoints() {}

    public static void premain(String argument, Instrumentation instrumentation) {
        String[] arguments = argument.split(",", 2);
        left.set(Long.parseLong(arguments[0]));
        file = Path.of(arguments[1]);
        instrumentation.addTransformer(new ClassFileTransformer() {
            @Override
            public byte[] transform(
                    ClassLoader loader, String name, Class<?> redefined, ProtectionDomain domain, byte[] bytes) {
                try {
                    return STEPS.containsKey(name) ? withPoints(name, bytes) : null;
                } catch (RuntimeException e) {
                    e.printStackTrace(); // the JVM would load the class as it is and say nothing
                    return null;
                }
            }
        });
    }

    private static byte[] withPoints(String name, byte[] bytes) {
        ClassFile format = ClassFile.of();
        String simple = name.substring(name.lastIndexOf('/') + 1);
        return format.transformClass(format.parse(bytes), (builder, element) -> {
            if (element instanceof MethodModel method && isStep(name, method)) {
                String step = simple + "." + method.methodName().stringValue();
                builder.transformMethod(method, MethodTransform.transformingCode(points(step)));
            } else {
                builder.with(element);
            }
        });
    }

    private static boolean isStep(String name, MethodModel method) {
        return (" " + STEPS.get(name) + " ").contains(" " + method.methodName().stringValue() + " ");
    }

    private static CodeTransform points(String step) {
        return new CodeTransform() {
            @Override
            public void atStart(CodeBuilder code) {
                code.loadConstant("before " + step).invokestatic(HERE, "pass", PASS);
            }

            @Override
            public void accept(CodeBuilder code, CodeElement element) {
                if (element instanceof ReturnInstruction) {
                    code.loadConstant("after " + step).invokestatic(HERE, "pass", PASS);
                }
                code.with(element);
            }
        };
    }

    /** Called by the daemon's classes. */
    public static void pass(String point) {
        if (left.decrementAndGet() == 0) {
            kill(point);
        }
    }

    private static void kill(String point) {
        try {
            Files.writeString(file, point);
            int _ = (int) KILL.invokeExact((int) ProcessHandle.current().pid(), SIGKILL);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
