// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

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
import java.util.List;

/**
 * The devices as NVIDIA's management library lists them, in PCI order. It comes with the driver; where it is not, there
 * is no device that it could list.
 *
 * <p>Loaded and initialised anew for each listing: a driver that was updated meanwhile refuses a library that was kept.
 */
final class Nvml implements Devices.Source {

    private static final String LIBRARY = "libnvidia-ml.so.1";
    private static final int SUCCESS = 0;
    private static final int TEXT_SIZE = 96;

    /** nvmlMemory_t: total, free, used. */
    private static final int MEMORY_SIZE = 24;

    @Override
    public Known list() {
        try (Arena arena = Arena.ofConfined()) {
            return new Known(new Library(arena).devices(), "");
        } catch (NvmlException e) {
            return new Known(List.of(), String.valueOf(e.getMessage()));
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
            call("nvmlInit_v2");
            try {
                MemorySegment count = arena.allocate(JAVA_INT);
                call("nvmlDeviceGetCount_v2", count);
                List<Device> devices = new ArrayList<>();
                for (int index = 0; index < count.get(JAVA_INT, 0); index++) {
                    devices.add(device(index));
                }
                return List.copyOf(devices);
            } finally {
                call("nvmlShutdown");
            }
        }

        private Device device(int index) throws NvmlException {
            MemorySegment out = arena.allocate(ADDRESS);
            call("nvmlDeviceGetHandleByIndex_v2", index, out);
            MemorySegment handle = out.get(ADDRESS, 0);
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
            int result = (int) invoke(FunctionDescriptor.of(JAVA_INT, layouts(arguments)), function, arguments);
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
