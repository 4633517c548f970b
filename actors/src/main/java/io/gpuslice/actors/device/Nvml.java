// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gpuslice.actors.DeviceUsers;
import io.gpuslice.actors.device.Devices.Device;
import io.gpuslice.actors.device.Devices.Known;
import io.gpuslice.domain.DeviceId;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The devices as NVIDIA's management library lists them, in PCI order. It comes with the driver; where it is not, there
 * is no device that it could list.
 *
 * <p>Loaded and initialised anew for each listing: a driver that was updated meanwhile refuses a library that was kept.
 */
final class Nvml implements Devices.Source, DeviceUsers {

    private static final Logger log = LoggerFactory.getLogger(Nvml.class);

    private static final String LIBRARY = "libnvidia-ml.so.1";
    private static final int SUCCESS = 0;
    private static final int NOT_SUPPORTED = 3;
    private static final int INSUFFICIENT_SIZE = 7;
    private static final int TEXT_SIZE = 96;

    /** nvmlMemory_t: total, free, used. */
    private static final int MEMORY_SIZE = 24;

    /** Lists processes; both fill nvmlProcessInfo_v2_t. The one before them has another layout, and is gone. */
    private static final List<String> PROCESS_LISTS =
            List.of("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2");

    /** nvmlProcessInfo_v2_t: pid, 4 bytes of nothing, used memory, two ids of MIG. */
    private static final int PROCESS_SIZE = 24;

    /** To begin with; asked again with as much as it takes. */
    private static final int PROCESSES = 64;

    private static final int MOST_PROCESSES = 65_536;

    @Override
    public Known list() {
        try (Arena arena = Arena.ofConfined()) {
            return new Known(new Library(arena).devices(), "");
        } catch (NvmlException e) {
            return new Known(List.of(), String.valueOf(e.getMessage()));
        }
    }

    @Override
    public Set<Integer> pids() {
        try (Arena arena = Arena.ofConfined()) {
            return new Library(arena).pids();
        } catch (NvmlException e) {
            log.debug("who uses the devices cannot be told: {}", e.getMessage());
            return Set.of();
        }
    }

    private static final class NvmlException extends Exception {
        private static final long serialVersionUID = 1L;

        NvmlException(String message) {
            super(message);
        }
    }

    /** The library, for as long as an arena lives. */
    private static final class Library {
        private final Arena arena;
        private final SymbolLookup symbols;

        @SuppressWarnings("restricted") // the driver's own library, by the name that the driver gives it
        Library(Arena arena) throws NvmlException {
            this.arena = arena;
            try {
                this.symbols = SymbolLookup.libraryLookup(LIBRARY, arena);
            } catch (IllegalArgumentException e) {
                throw new NvmlException(
                        LIBRARY + " cannot be loaded: no NVIDIA driver is installed, or not for this user;"
                                + " name the devices in the settings (devices) to go without it");
            }
        }

        List<Device> devices() throws NvmlException {
            List<Device> devices = new ArrayList<>();
            eachDevice((index, handle) -> devices.add(device(index, handle)));
            return List.copyOf(devices);
        }

        Set<Integer> pids() throws NvmlException {
            Optional<String> list = PROCESS_LISTS.stream()
                    .filter(name -> symbols.find(name).isPresent())
                    .findFirst();
            Set<Integer> pids = new HashSet<>();
            if (list.isPresent()) {
                eachDevice((_, handle) -> pids.addAll(pids(list.get(), handle)));
            }
            return pids;
        }

        private interface Visitor {
            void visit(int index, MemorySegment handle) throws NvmlException;
        }

        private void eachDevice(Visitor visitor) throws NvmlException {
            call("nvmlInit_v2");
            try {
                MemorySegment count = arena.allocate(JAVA_INT);
                call("nvmlDeviceGetCount_v2", count);
                for (int index = 0; index < count.get(JAVA_INT, 0); index++) {
                    MemorySegment out = arena.allocate(ADDRESS);
                    call("nvmlDeviceGetHandleByIndex_v2", index, out);
                    visitor.visit(index, out.get(ADDRESS, 0));
                }
            } finally {
                call("nvmlShutdown");
            }
        }

        /** Asked anew as long as there are more than there is room for. */
        private List<Integer> pids(String function, MemorySegment handle) throws NvmlException {
            MemorySegment count = arena.allocate(JAVA_INT);
            int room = PROCESSES;
            int result;
            MemorySegment list;
            do {
                list = arena.allocate((long) PROCESS_SIZE * room, JAVA_LONG.byteAlignment());
                count.set(JAVA_INT, 0, room);
                result = result(function, handle, count, list);
                room = 2 * Math.max(room, count.get(JAVA_INT, 0));
            } while (result == INSUFFICIENT_SIZE && room <= MOST_PROCESSES);
            if (result == NOT_SUPPORTED) {
                return List.of();
            }
            check(function, result);
            List<Integer> pids = new ArrayList<>();
            for (int i = 0; i < count.get(JAVA_INT, 0); i++) {
                pids.add(list.get(JAVA_INT, (long) PROCESS_SIZE * i));
            }
            return pids;
        }

        private Device device(int index, MemorySegment handle) throws NvmlException {
            MemorySegment memory = arena.allocate(MEMORY_SIZE, JAVA_LONG.byteAlignment());
            call("nvmlDeviceGetMemoryInfo", handle, memory);
            String uuid = text("nvmlDeviceGetUUID", handle);
            try {
                return new Device(
                        DeviceId.valueOf(uuid), index, text("nvmlDeviceGetName", handle), memory.get(JAVA_LONG, 0));
            } catch (IllegalArgumentException e) {
                throw new NvmlException("device " + index + " calls itself " + uuid + ", which is no UUID");
            }
        }

        private String text(String function, MemorySegment handle) throws NvmlException {
            MemorySegment text = arena.allocate(TEXT_SIZE);
            call(function, handle, text, TEXT_SIZE);
            return text.getString(0);
        }

        private void call(String function, Object... arguments) throws NvmlException {
            check(function, result(function, arguments));
        }

        private int result(String function, Object... arguments) throws NvmlException {
            return (int) invoke(FunctionDescriptor.of(JAVA_INT, layouts(arguments)), function, arguments);
        }

        private void check(String function, int result) throws NvmlException {
            if (result != SUCCESS) {
                MemorySegment text =
                        (MemorySegment) invoke(FunctionDescriptor.of(ADDRESS, JAVA_INT), "nvmlErrorString", result);
                throw new NvmlException(function + ": " + text(text) + " (" + result + ")");
            }
        }

        @SuppressWarnings("restricted") // a C string of the library, which ends it
        private static String text(MemorySegment pointer) {
            return pointer.reinterpret(TEXT_SIZE).getString(0);
        }

        private static ValueLayout[] layouts(Object... arguments) {
            ValueLayout[] layouts = new ValueLayout[arguments.length];
            for (int i = 0; i < arguments.length; i++) {
                layouts[i] = arguments[i] instanceof Integer ? JAVA_INT : ADDRESS;
            }
            return layouts;
        }

        /** Once in a while, so that no handle is kept. */
        @SuppressWarnings("restricted") // with the signatures of nvml.h
        private Object invoke(FunctionDescriptor signature, String function, Object... arguments) throws NvmlException {
            MemorySegment address = symbols.find(function)
                    .orElseThrow(() -> new NvmlException(LIBRARY + " has no " + function + ": it is too old"));
            try {
                return Linker.nativeLinker().downcallHandle(address, signature).invokeWithArguments(arguments);
            } catch (Throwable e) {
                throw new IllegalStateException(function + " cannot be called", e);
            }
        }
    }
}
