// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A limit as typed: {@code 8GB} (on each device), {@code 50%} (of each device), {@code 0=8GB,GPU-ab12=4GB} (device by
 * device), or a default with exceptions, {@code 8GB,1=4GB}.
 *
 * @param everywhere the amount on every device that no selector names; empty: nothing may be held there
 * @param perDevice amounts by selector, in the order typed
 */
public record LimitSpec(Optional<Amount> everywhere, Map<Selector, Amount> perDevice) {
    /** The forms that {@link #parse} accepts, for messages. */
    public static final String ACCEPTED =
            "write --limit 8GB (on each GPU), --limit 50% (of each GPU) or --limit 0=8GB,1=4GB (GPU by GPU)";

    /** What fits the wire's field, its NUL included. */
    static final int LONGEST = 511;

    private static final Pattern PERCENT = Pattern.compile("(\\d{1,3})(?:\\.(\\d{1,2}))?%");

    public LimitSpec {
        // Not Map.copyOf, which forgets the order that messages should keep.
        perDevice = Collections.unmodifiableMap(new LinkedHashMap<>(perDevice));
    }

    /** How much: bytes, or a share of a device. */
    public sealed interface Amount {}

    /**
     * A fixed amount.
     *
     * @param bytes 1 … 2^63−1
     */
    public record Bytes(long bytes) implements Amount {}

    /**
     * A share of the device's memory.
     *
     * @param hundredths of a percent, 1 … 10000
     */
    public record Share(int hundredths) implements Amount {
        long of(long capacity) {
            // Split, so that no capacity up to 2^63−1 overflows.
            return (capacity / 10_000) * hundredths + (capacity % 10_000) * hundredths / 10_000;
        }

        @Override
        public String toString() {
            return hundredths % 100 == 0
                    ? hundredths / 100 + "%"
                    : String.format(Locale.ROOT, "%d.%02d%%", hundredths / 100, hundredths % 100);
        }
    }

    /** Which device, as typed. */
    public sealed interface Selector {
        /**
         * Reads what stands before {@code =}, or in a list of devices.
         *
         * @throws InvalidValueException unless it is an index or (the start of) a device UUID
         */
        static Selector parse(String text) {
            if (text.matches("\\d{1,3}")) {
                return new Index(Integer.parseInt(text));
            }
            if (text.matches("(?i)(GPU|MIG)-[0-9a-f-]*")) {
                return new UuidPrefix(text.substring(0, 4).toUpperCase(Locale.ROOT)
                        + text.substring(4).toLowerCase(Locale.ROOT));
            }
            throw new InvalidValueException(
                    "device \"" + text + "\" is neither an index (0, as nvidia-smi counts) nor a UUID "
                            + "or the start of one (GPU-ab12)");
        }

        /**
         * The one device it means.
         *
         * @throws InvalidValueException if there is none, or more than one
         */
        default Device in(List<Device> devices) {
            List<Device> matching = devices.stream().filter(this::matches).toList();
            if (matching.size() == 1) {
                return matching.getFirst();
            }
            throw new InvalidValueException(
                    matching.isEmpty()
                            ? "device \"" + this + "\" is not here; this machine has " + describe(devices)
                            : "device \"" + this + "\" is not unique: it may be " + describe(matching)
                                    + "; write more of the UUID");
        }

        /** Whether this selector can mean that device. */
        boolean matches(Device device);

        private static String describe(List<Device> devices) {
            return devices.isEmpty()
                    ? "no known device"
                    : String.join(", ", devices.stream().map(Device::toString).toList());
        }
    }

    /**
     * By position.
     *
     * @param index in nvidia-smi's (PCI) order
     */
    public record Index(int index) implements Selector {
        @Override
        public boolean matches(Device device) {
            return device.index() == index;
        }

        @Override
        public String toString() {
            return Integer.toString(index);
        }
    }

    /**
     * By name.
     *
     * @param prefix of the canonical text {@code GPU-8-4-4-4-12}
     */
    public record UuidPrefix(String prefix) implements Selector {
        @Override
        public boolean matches(Device device) {
            return device.uuid().startsWith(prefix);
        }

        @Override
        public String toString() {
            return prefix;
        }
    }

    /**
     * What resolving needs to know of a device.
     *
     * @param index in nvidia-smi's (PCI) order
     * @param uuid canonical text, {@code GPU-8-4-4-4-12} in lower case
     * @param capacity bytes of memory, if known
     */
    public record Device(int index, String uuid, OptionalLong capacity) {
        @Override
        public String toString() {
            return index + " (" + uuid + ")";
        }
    }

    /**
     * The same in bytes.
     *
     * @param defaultBytes on every device without an own entry; 0: nothing may be held there
     * @param perDevice bytes by device UUID
     * @param warnings sentences for people, e.g. that a limit is above the device's memory
     */
    public record Resolved(long defaultBytes, Map<String, Long> perDevice, List<String> warnings) {}

    /**
     * Reads a limit.
     *
     * @throws InvalidValueException with the accepted forms
     */
    public static LimitSpec parse(String text) {
        if (text.length() > LONGEST) {
            throw new InvalidValueException("limit of " + text.length() + " characters is longer than the " + LONGEST
                    + " that fit: " + ACCEPTED);
        }
        Optional<Amount> everywhere = Optional.empty();
        Map<Selector, Amount> perDevice = new LinkedHashMap<>();
        for (String part : text.split(",", -1)) {
            if (part.isEmpty() && text.contains(",")) {
                throw new InvalidValueException(
                        "limit \"" + text + "\" has nothing before or after a comma: " + ACCEPTED);
            }
            int equals = part.indexOf('=');
            if (equals >= 0) {
                Selector selector = Selector.parse(part.substring(0, equals));
                if (perDevice.put(selector, amount(part.substring(equals + 1))) != null) {
                    throw new InvalidValueException("limit \"" + text + "\" names device " + selector + " twice");
                }
            } else if (everywhere.isEmpty()) {
                everywhere = Optional.of(amount(part));
            } else {
                throw new InvalidValueException("limit \"" + text + "\" has two amounts without a device: " + ACCEPTED);
            }
        }
        return new LimitSpec(everywhere, perDevice);
    }

    /**
     * Turns shares and selectors into bytes and UUIDs.
     *
     * @param devices of this machine; may be empty where nobody could tell
     * @throws InvalidValueException if a selector means no device, or several, or two mean the same, or if a share is
     *     asked of a device whose memory nobody knows
     */
    public Resolved resolve(List<Device> devices) {
        Map<String, Long> bytes = new LinkedHashMap<>();
        Map<String, List<Device>> warnings = new LinkedHashMap<>();
        perDevice.forEach((selector, amount) -> {
            Device device = selector.in(devices);
            if (bytes.put(device.uuid(), bytesOn(device, amount, warnings)) != null) {
                throw new InvalidValueException("the limit names device " + device + " twice");
            }
        });
        long defaultBytes = 0;
        if (everywhere.isPresent()) {
            Amount amount = everywhere.get();
            if (amount instanceof Share && devices.isEmpty()) {
                throw unknownCapacity(amount, "of the devices");
            }
            defaultBytes = amount instanceof Bytes(long fixed) ? fixed : 0;
            for (Device device : devices) {
                if (!bytes.containsKey(device.uuid())) {
                    long here = bytesOn(device, amount, warnings);
                    if (amount instanceof Share) {
                        bytes.put(device.uuid(), here);
                    }
                }
            }
        }
        return new Resolved(defaultBytes, Map.copyOf(bytes), sentences(warnings));
    }

    /** One for all devices that it is about: a machine may have sixteen of a kind. */
    private static List<String> sentences(Map<String, List<Device>> warnings) {
        return warnings.entrySet().stream()
                .map(warning -> warning.getKey()
                        + (warning.getValue().size() == 1
                                ? " of device " + warning.getValue().getFirst()
                                : " of devices "
                                        + warning.getValue().stream()
                                                .map(device -> Integer.toString(device.index()))
                                                .collect(Collectors.joining(", "))))
                .toList();
    }

    private static long bytesOn(Device device, Amount amount, Map<String, List<Device>> warnings) {
        return switch (amount) {
            case Bytes(long bytes) -> {
                if (device.capacity().isPresent() && bytes > device.capacity().getAsLong()) {
                    String warning = "the limit of " + Sizes.format(bytes) + " is above the "
                            + Sizes.format(device.capacity().getAsLong());
                    warnings.computeIfAbsent(warning, _ -> new ArrayList<>()).add(device);
                }
                yield bytes;
            }
            case Share share ->
                share.of(device.capacity().orElseThrow(() -> unknownCapacity(share, "of device " + device)));
        };
    }

    private static InvalidValueException unknownCapacity(Amount share, String whose) {
        return new InvalidValueException(
                "a limit of " + share + " needs the memory " + whose
                        + ", which is not known here: write bytes (--limit 8GB), or set `devices` (GPUSLICE_DEVICES=UUID=SIZE,…) for the daemon");
    }

    private static Amount amount(String text) {
        Matcher matcher = PERCENT.matcher(text);
        if (matcher.matches()) {
            String decimals = matcher.group(2) == null ? "" : matcher.group(2);
            int hundredths = Integer.parseInt(matcher.group(1) + (decimals + "00").substring(0, 2));
            if (hundredths == 0 || hundredths > 10_000) {
                throw new InvalidValueException("limit \"" + text + "\" is not above 0% and up to 100%: " + ACCEPTED);
            }
            return new Share(hundredths);
        }
        try {
            return new Bytes(Sizes.parse(text));
        } catch (InvalidValueException e) {
            throw new InvalidValueException(e.getMessage() + ", or a share of the GPU such as 50%");
        }
    }
}
