package io.rocketsockets.daemon;

import io.rocketsockets.engine.ListenOptions.KeepAlive;
import io.rocketsockets.proxy.ProxyProtocol;
import io.rocketsockets.tls.ClientCertificates;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How values of one kind are written in configuration files, environment variables and on the command line.
 *
 * @param rule what a text that cannot be read breaks, and the remedy
 * @param reader throws {@link IllegalArgumentException} for such a text
 * @param writer gives a text that the reader understands
 */
record TextForm<T>(String rule, Function<String, T> reader, Function<T, String> writer) {
    static final TextForm<String> TEXT = new TextForm<>("", text -> text, text -> text);

    static final TextForm<Integer> NUMBER =
            new TextForm<>("is not a whole number; pass one such as 4", Integer::valueOf, String::valueOf);

    static final TextForm<Long> BYTES = new TextForm<>(
            "is not a number of bytes; pass one such as 65536, 64K or 1M", TextForm::readBytes, TextForm::writeBytes);

    static final TextForm<Duration> TIME = new TextForm<>(
            "is not a time; pass one such as 500ms, 30s, 2m, 1h, or 0 for none",
            TextForm::readTime,
            TextForm::writeTime);

    static final TextForm<Boolean> SWITCH = oneOf(Map.of("true", true, "false", false));

    /** For what a program can switch on, and nobody off again. */
    static final TextForm<Boolean> ON = new TextForm<>(
            "cannot be switched off again; pass true, or remove it",
            oneOf(Map.of("true", true)).reader,
            String::valueOf);

    static final TextForm<List<Long>> WATER_MARKS =
            listOf("is not two numbers of bytes; pass the low and the high mark, such as 32K,64K", BYTES, 2);

    static final TextForm<KeepAlive> KEEP_ALIVE = new TextForm<>(
            "is not idle time, interval and probes; pass them such as 60s,10s,6",
            TextForm::readKeepAlive,
            keepAlive ->
                    TIME.write(keepAlive.idle()) + "," + TIME.write(keepAlive.interval()) + "," + keepAlive.probes());

    static final TextForm<Path> FILE = new TextForm<>("is not a path; pass that of a file", Path::of, String::valueOf);

    static final TextForm<InetSocketAddress> ADDRESS = new TextForm<>(
            "is not host:port; pass one such as 127.0.0.1:8999",
            TextForm::readAddress,
            address -> address.getHostString() + ":" + address.getPort());

    static final TextForm<ProxyProtocol> PROXY_PROTOCOL = new TextForm<>(
            "is not a mode with the time for a header and the proxies; pass off, or one such as required 5s 10.0.0.0/8 ::1",
            TextForm::readProxyProtocol,
            TextForm::writeProxyProtocol);

    static final TextForm<List<String>> NAMES = new TextForm<>(
            "",
            text -> Stream.of(text.split("[\\s,]+"))
                    .filter(name -> !name.isEmpty())
                    .toList(),
            names -> String.join(",", names));

    static final TextForm<List<CertificateFiles>> CERTIFICATES = new TextForm<>(
            "is not the path of a certificate, or those of chain and key with a blank between them; pass them such as"
                    + " server.p12, or chain.pem key.pem, and several with commas between them",
            TextForm::readCertificates,
            certificates -> certificates.stream()
                    .map(each -> (each.certificate() + " " + each.key()).strip())
                    .collect(Collectors.joining(",")));

    static final TextForm<AskedFor> CLIENT_CERTIFICATES = new TextForm<>(
            "is not a mode with a file of authorities; pass none, or one such as need /etc/ssl/clients.pem",
            TextForm::readAskedFor,
            asked -> (asked.mode().name().toLowerCase(Locale.ROOT) + " " + asked.trusted()).strip());

    /** Certificates of clients: whether they are asked for, and the file of the authorities that sign them. */
    record AskedFor(ClientCertificates mode, String trusted) {}

    private static final Pattern NUMBER_AND_UNIT = Pattern.compile("(\\d+)\\s*([a-zA-Z]*)");

    T read(String text) {
        try {
            return reader.apply(text.strip());
        } catch (IllegalArgumentException | ArithmeticException | DateTimeParseException unreadable) {
            throw new IllegalArgumentException(rule, unreadable);
        }
    }

    String write(T value) {
        return writer.apply(value);
    }

    /** Values that have names. */
    static <T> TextForm<T> oneOf(Map<String, T> values) {
        String names = values.keySet().stream().sorted().collect(Collectors.joining(", "));
        return new TextForm<>(
                "is not one of " + names + "; pass one of them",
                name -> values.entrySet().stream()
                        .filter(each -> each.getKey().equalsIgnoreCase(name))
                        .findFirst()
                        .orElseThrow(() -> new IllegalArgumentException(name))
                        .getValue(),
                value -> values.entrySet().stream()
                        .filter(each -> each.getValue().equals(value))
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElse("the program's own"));
    }

    private static <T> TextForm<List<T>> listOf(String rule, TextForm<T> form, int length) {
        return new TextForm<>(
                rule,
                text -> parts(text, length).stream().map(form.reader).toList(),
                values -> values.stream().map(form.writer).collect(Collectors.joining(",")));
    }

    private static List<String> parts(String text, int length) {
        List<String> parts = Arrays.stream(text.split(",")).map(String::strip).toList();
        if (parts.size() != length) {
            throw new IllegalArgumentException(parts.size() + " parts");
        }
        return parts;
    }

    private static KeepAlive readKeepAlive(String text) {
        List<String> parts = parts(text, 3);
        return new KeepAlive(readTime(parts.get(0)), readTime(parts.get(1)), Integer.parseInt(parts.get(2)));
    }

    private static List<CertificateFiles> readCertificates(String text) {
        List<CertificateFiles> certificates = new ArrayList<>();
        for (String each : text.split(",")) {
            String[] paths = each.strip().split("\\s+");
            if (paths.length > 2 || paths[0].isEmpty()) {
                throw new IllegalArgumentException(each);
            }
            certificates.add(new CertificateFiles(paths[0], paths.length == 2 ? paths[1] : "", ""));
        }
        return certificates;
    }

    private static AskedFor readAskedFor(String text) {
        String[] words = text.split("\\s+", 2);
        return new AskedFor(
                ClientCertificates.valueOf(words[0].toUpperCase(Locale.ROOT)), words.length == 2 ? words[1] : "");
    }

    private static ProxyProtocol readProxyProtocol(String text) {
        List<String> words = List.of(text.split("[\\s,]+"));
        ProxyProtocol.Mode mode = ProxyProtocol.Mode.valueOf(words.get(0).toUpperCase(Locale.ROOT));
        boolean hasTime = words.size() > 1 && words.get(1).matches("\\d+[a-z]+");
        ProxyProtocol rules = new ProxyProtocol(
                mode, words.subList(hasTime ? 2 : 1, words.size()), ProxyProtocol.OFF.headerTimeout());
        return hasTime ? rules.headerTimeout(readTime(words.get(1))) : rules;
    }

    private static String writeProxyProtocol(ProxyProtocol rules) {
        String mode = rules.mode().name().toLowerCase(Locale.ROOT);
        return rules.mode() == ProxyProtocol.Mode.OFF
                ? mode
                : mode + " " + writeTime(rules.headerTimeout()) + " " + String.join(" ", rules.trusted());
    }

    private static InetSocketAddress readAddress(String text) {
        int colon = text.lastIndexOf(':');
        if (colon < 1) {
            throw new IllegalArgumentException(text);
        }
        String host = text.substring(0, colon).replaceAll("^\\[(.*)]$", "$1");
        return InetSocketAddress.createUnresolved(host, Integer.parseInt(text.substring(colon + 1)));
    }

    private static Matcher numberAndUnit(String text) {
        Matcher parts = NUMBER_AND_UNIT.matcher(text);
        if (!parts.matches()) {
            throw new IllegalArgumentException(text);
        }
        return parts;
    }

    private static long readBytes(String text) {
        Matcher parts = numberAndUnit(text);
        long unit = 1L
                << switch (parts.group(2).toUpperCase(Locale.ROOT)) {
                    case "", "B" -> 0;
                    case "K", "KB", "KIB" -> 10;
                    case "M", "MB", "MIB" -> 20;
                    case "G", "GB", "GIB" -> 30;
                    default -> throw new IllegalArgumentException(text);
                };
        return Math.multiplyExact(Long.parseLong(parts.group(1)), unit);
    }

    private static String writeBytes(long bytes) {
        if (bytes != 0 && bytes % (1 << 20) == 0) {
            return (bytes >> 20) + "M";
        }
        return bytes != 0 && bytes % (1 << 10) == 0 ? (bytes >> 10) + "K" : String.valueOf(bytes);
    }

    private static Duration readTime(String text) {
        if (text.equals("0")) {
            return Duration.ZERO;
        }
        if (text.toUpperCase(Locale.ROOT).startsWith("P")) {
            return Duration.parse(text);
        }
        Matcher parts = numberAndUnit(text);
        long number = Long.parseLong(parts.group(1));
        return switch (parts.group(2).toLowerCase(Locale.ROOT)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m", "min" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            case "d" -> Duration.ofDays(number);
            default -> throw new IllegalArgumentException(text);
        };
    }

    private static String writeTime(Duration time) {
        if (time.isZero()) {
            return "0";
        }
        if (time.getNano() % 1_000_000 != 0 || time.isNegative()) {
            return time.toString();
        }
        if (time.getNano() != 0) {
            return time.toMillis() + "ms";
        }
        long seconds = time.getSeconds();
        if (seconds % 3600 == 0) {
            return seconds / 3600 + "h";
        }
        return seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
    }
}
