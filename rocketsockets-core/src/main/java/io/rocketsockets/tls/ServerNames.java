package io.rocketsockets.tls;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Looks up what is served under the name that a peer asks for; immutable. */
final class ServerNames<T> {
    /** RFC 1035 with the underscore; not an address, which RFC 6066 forbids: its last label has a letter. */
    private static final Pattern HOST_NAME = Pattern.compile(
            "(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\\.)*(?=[a-z0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?");

    private final Map<String, T> exact = new HashMap<>();
    private final Map<String, T> wildcards = new HashMap<>();

    /** Names as configured or certified; {@code *.a.example} stands for one label. The first of a name wins. */
    ServerNames(Map<String, T> names) {
        names.forEach((name, served) -> {
            boolean isWildcard = name.startsWith("*.");
            String normal = normal(isWildcard ? name.substring(2) : name);
            if (!normal.isEmpty()) {
                (isWildcard ? wildcards : exact).putIfAbsent(normal, served);
            }
        });
    }

    /** The name in lower case; empty when it is no host name. */
    static String normal(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return HOST_NAME.matcher(lower).matches() ? lower : "";
    }

    /** What is served under a {@linkplain #normal normal} name, null for nothing. */
    @Nullable
    T find(String name) {
        T found = exact.get(name);
        if (found == null) {
            int dot = name.indexOf('.');
            found = dot < 0 ? null : wildcards.get(name.substring(dot + 1));
        }
        return found;
    }
}
