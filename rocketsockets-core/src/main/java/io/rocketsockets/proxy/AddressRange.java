package io.rocketsockets.proxy;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.regex.Pattern;

/** The addresses of a network, as in {@code 10.0.0.0/8} or {@code fd00::/8}; without a length, one address. */
record AddressRange(byte[] network, int bits) {
    /** No host name, for which the resolver would be asked. */
    private static final Pattern LITERAL = Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*");

    /** @throws IllegalArgumentException when it is none; the message is the rule that it breaks */
    static AddressRange of(String text) {
        int slash = text.indexOf('/');
        String address = slash < 0 ? text : text.substring(0, slash);
        if (!LITERAL.matcher(address).matches()) {
            throw new IllegalArgumentException("is no IP address");
        }
        try {
            byte[] network = InetAddress.getByName(address).getAddress();
            int bits = slash < 0 ? 8 * network.length : Integer.parseInt(text.substring(slash + 1));
            if (bits < 0 || bits > 8 * network.length) {
                throw new IllegalArgumentException("has a length outside 0 to " + 8 * network.length);
            }
            return new AddressRange(network, bits);
        } catch (UnknownHostException noAddress) {
            throw new IllegalArgumentException("is no IP address", noAddress);
        } catch (NumberFormatException noNumber) {
            throw new IllegalArgumentException("has a length that is no number", noNumber);
        }
    }

    boolean contains(InetAddress address) {
        byte[] other = address.getAddress();
        if (other.length != network.length) {
            return false;
        }
        int whole = bits / 8;
        for (int i = 0; i < whole; i++) {
            if (other[i] != network[i]) {
                return false;
            }
        }
        int rest = bits % 8;
        return rest == 0 || (other[whole] ^ network[whole]) >> (8 - rest) == 0;
    }
}
