package io.rocketsockets.tls;

import io.rocketsockets.engine.FilterLoop;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.tls.TlsIdentity.CertificateFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The TLS of one endpoint at work: puts filters over its transports, with the certificates that its files hold now.
 *
 * <p><b>Threading:</b> any.
 * <p><b>Reload:</b> files that have changed, and then stayed as they are for a second, are read again. What cannot be used is
 * said once, and what was served before is served on. Connections that live keep what they have.
 */
public final class TlsEndpoint {
    private static final Logger LOG = LoggerFactory.getLogger("io.rocketsockets.SocketServer");

    private final String name;
    private final TlsConfiguration configuration;
    private final int longestDelivery;
    private final TlsWorkers workers;
    private final Map<FilterLoop, Handshakes> handshakes = new ConcurrentHashMap<>();

    /** What is served to those who come now; one word, so that nobody sees half of a reload. */
    private volatile Served served;

    // Of look.
    private Map<String, FileState> read;
    private Map<String, FileState> seen;
    private boolean toldOfExpiry;

    /** All contexts of one reading. */
    private record Served(TlsContext standard, ServerNames<TlsContext> names, List<X509Certificate> certificates) {}

    /** What tells that a file is not what it was. */
    private record FileState(
            @Nullable Object modified, long size, @Nullable Object inode) {
        static final FileState MISSING = new FileState(null, -1, null);

        static FileState of(String path) {
            try {
                BasicFileAttributes attributes = Files.readAttributes(Path.of(path), BasicFileAttributes.class);
                return new FileState(attributes.lastModifiedTime(), attributes.size(), attributes.fileKey());
            } catch (IOException | RuntimeException missing) {
                return MISSING;
            }
        }
    }

    private TlsEndpoint(String name, TlsConfiguration configuration, int longestDelivery, TlsWorkers workers)
            throws IOException {
        this.name = name;
        this.configuration = configuration;
        this.longestDelivery = longestDelivery;
        this.workers = workers;
        this.read = states();
        this.seen = read;
        this.served = serve();
    }

    /**
     * Reads the certificates.
     *
     * @param longestDelivery the most bytes that a connection is given at once
     * @throws IOException when one of them cannot be used; the message names file, fault and remedy
     */
    public static TlsEndpoint open(String name, TlsConfiguration configuration, int longestDelivery, TlsWorkers workers)
            throws IOException {
        TlsEndpoint endpoint = new TlsEndpoint(name, configuration, longestDelivery, workers);
        endpoint.tellOfExpiry();
        return endpoint;
    }

    /** The transport, with a filter over it that speaks TLS. */
    public Transport over(Transport transport) {
        return new TlsFilter(transport, this);
    }

    /**
     * Asks for TLS on a transport that began in plaintext, see {@link TlsConfiguration#onDemand}; on its loop.
     *
     * @param plaintext bytes that are written before it begins
     */
    public static void begin(Transport transport, long plaintext) {
        ((TlsFilter) transport).beginAfter(plaintext);
    }

    TlsConfiguration configuration() {
        return configuration;
    }

    int longestDelivery() {
        return longestDelivery;
    }

    TlsWorkers workers() {
        return workers;
    }

    Handshakes handshakes(FilterLoop loop) {
        return handshakes.computeIfAbsent(loop, any -> new Handshakes(configuration.maxHandshakes(), loop, workers));
    }

    /** What is served to a peer that asks for that name, empty for none; null when it is refused. */
    @Nullable
    TlsContext contextFor(String serverName) {
        Served now = served;
        TlsContext found = serverName.isEmpty() ? null : now.names.find(serverName);
        return found != null || configuration.refusesUnknownNames() ? found : now.standard;
    }

    private Served serve() throws IOException {
        TlsContext standard = TlsContext.open(configuration.identity(), configuration);
        List<X509Certificate> certificates = new ArrayList<>(standard.certificates());
        Map<String, TlsContext> names = new LinkedHashMap<>();
        for (Map.Entry<String, TlsIdentity> named : configuration.names().entrySet()) {
            TlsContext context = TlsContext.open(named.getValue(), configuration);
            certificates.addAll(context.certificates());
            names.put(named.getKey(), context);
        }
        for (X509Certificate certificate : standard.certificates()) {
            dnsNames(certificate).forEach(dnsName -> names.putIfAbsent(dnsName, standard));
        }
        return new Served(standard, new ServerNames<>(names), certificates);
    }

    private static List<String> dnsNames(X509Certificate certificate) throws IOException {
        try {
            Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
            return alternatives == null
                    ? List.of()
                    : alternatives.stream()
                            .filter(alternative -> Integer.valueOf(2).equals(alternative.get(0))) // dNSName
                            .map(alternative -> String.valueOf(alternative.get(1)))
                            .toList();
        } catch (CertificateParsingException broken) {
            throw new IOException("a certificate has names that cannot be read: " + broken.getMessage(), broken);
        }
    }

    private Map<String, FileState> states() {
        Set<String> paths = new LinkedHashSet<>();
        addPaths(configuration.identity(), paths);
        configuration.names().values().forEach(identity -> addPaths(identity, paths));
        Map<String, FileState> states = new HashMap<>();
        paths.forEach(path -> states.put(path, FileState.of(path)));
        return states;
    }

    private static void addPaths(TlsIdentity identity, Set<String> paths) {
        for (CertificateFiles files : identity.certificates()) {
            paths.add(files.certificate());
            paths.add(files.key());
        }
        paths.add(identity.trusted());
        paths.remove("");
    }

    /** Reads files that have changed and are at rest; called every second. */
    synchronized void look() {
        try {
            Map<String, FileState> now = states();
            boolean isAtRest = now.equals(seen);
            seen = now;
            if (isAtRest && !now.equals(read)) {
                read(now);
            }
            tellOfExpiry();
        } catch (RuntimeException fault) {
            LOG.warn("cannot look after certificates: endpoint={}", name, fault);
        }
    }

    /** Reads them now, whether they have changed or not. */
    public synchronized void reload() {
        read(states());
    }

    private void read(Map<String, FileState> now) {
        read = now;
        try {
            Served next = serve();
            X509Certificate expired = expired(next);
            if (expired != null) {
                throw new IOException("the certificate of " + expired.getSubjectX500Principal() + " has expired at "
                        + expired.getNotAfter().toInstant());
            }
            served = next;
            toldOfExpiry = false;
            LOG.info("certificates reloaded: endpoint={} files={}", name, read.keySet());
        } catch (IOException unusable) {
            LOG.warn(
                    "certificates not reloaded, those of before are served on: endpoint={} {}",
                    name,
                    unusable.getMessage());
        }
    }

    private void tellOfExpiry() {
        X509Certificate expired = expired(served);
        if (expired != null && !toldOfExpiry) {
            toldOfExpiry = true;
            LOG.warn(
                    "a certificate has expired and peers will refuse it: endpoint={} subject={} expired={}; replace its file",
                    name,
                    expired.getSubjectX500Principal(),
                    expired.getNotAfter().toInstant());
        }
    }

    private static @Nullable X509Certificate expired(Served served) {
        Instant now = Instant.now();
        return served.certificates.stream()
                .filter(certificate -> certificate.getNotAfter().toInstant().isBefore(now))
                .findFirst()
                .orElse(null);
    }
}
