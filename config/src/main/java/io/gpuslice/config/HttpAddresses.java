// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import io.gpuslice.config.Settings.HttpAddress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where HTTP is answered, as people write it: {@code 127.0.0.1:8747}, {@code [::1]:8747}, {@code off}. */
final class HttpAddresses {
    static final String ACCEPTED = "write ADDRESS:PORT with an IP address, 127.0.0.1:8747 or [::1]:8747, or off";

    private static final Pattern ADDRESS_AND_PORT =
            Pattern.compile("(?:\\[(?<six>[0-9A-Fa-f:.]+)]|(?<four>[0-9.]+)):(?<port>\\d{1,5})");
    private static final int HIGHEST_PORT = 65535;

    private HttpAddresses() {}

    /**
     * Reads an address; nothing is looked up, so a name is none: it could mean another address tomorrow.
     *
     * @throws InvalidValueException if it is no address, or has no port
     */
    static HttpAddress parse(String text) {
        return switch (text) {
            case "" -> new HttpAddress.Usual();
            case "off" -> new HttpAddress.Off();
            default -> new HttpAddress.Fixed(address(text));
        };
    }

    private static InetSocketAddress address(String text) {
        Matcher matcher = ADDRESS_AND_PORT.matcher(text);
        if (!matcher.matches()) {
            throw invalid(text);
        }
        int port = Integer.parseInt(matcher.group("port"));
        if (port > HIGHEST_PORT) {
            throw new InvalidValueException("port " + port + " is above " + HIGHEST_PORT + ", the highest there is");
        }
        try {
            String six = matcher.group("six");
            return new InetSocketAddress(InetAddress.ofLiteral(six != null ? six : matcher.group("four")), port);
        } catch (IllegalArgumentException e) {
            throw invalid(text);
        }
    }

    private static InvalidValueException invalid(String text) {
        return new InvalidValueException("\"" + text + "\" is no address: " + ACCEPTED);
    }
}
