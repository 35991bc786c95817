package io.rocketsockets.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.ListenOptions.KeepAlive;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;

/**
 * A listening socket; of TCP, set to what its connections are to have: Linux hands {@code TCP_NODELAY}, keep-alive and {@code
 * TCP_USER_TIMEOUT} on to what is accepted ({@code tcp_create_openreq_child}), so that no connection costs a call for it.
 */
public final class ListeningSocket {
    // bits/socket_type.h
    public static final int SOCK_STREAM = 1;
    public static final int SOCK_NONBLOCK = 0x800;
    public static final int SOCK_CLOEXEC = 0x80000;

    // fcntl.h; its only flag that can be set later and matters to a socket is O_NONBLOCK, which is SOCK_NONBLOCK
    private static final int F_SETFL = 4;

    // asm-generic/socket.h
    private static final int SOL_SOCKET = 1;
    private static final int SO_REUSEADDR = 2;
    private static final int SO_KEEPALIVE = 9;

    // netinet/in.h and linux/tcp.h
    private static final int IPPROTO_TCP = 6;
    private static final int TCP_NODELAY = 1;
    private static final int TCP_KEEPIDLE = 4;
    private static final int TCP_KEEPINTVL = 5;
    private static final int TCP_KEEPCNT = 6;
    private static final int TCP_USER_TIMEOUT = 18;
    private static final int IPPROTO_IPV6 = 41;
    private static final int IPV6_V6ONLY = 26;

    private final Libc libc;
    private final MemorySegment value;
    private final int fd;

    private ListeningSocket(Libc libc, MemorySegment value, int fd) {
        this.libc = libc;
        this.value = value;
        this.fd = fd;
    }

    /**
     * Binds and listens.
     *
     * @return a descriptor that does not block
     * @throws IOException when the address cannot be bound; nothing is left open
     */
    public static int open(Libc libc, SocketAddress address, ListenOptions options) throws IOException {
        return address instanceof UnixDomainSocketAddress unix
                ? openUnix(libc, unix, options)
                : openInet(libc, (InetSocketAddress) address, options);
    }

    private static int openUnix(Libc libc, UnixDomainSocketAddress address, ListenOptions options) throws IOException {
        int fd = libc.socket(SocketAddresses.AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        check(fd);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(SocketAddresses.BYTES);
            check(libc.bind(fd, name, SocketAddresses.write(address, name)));
            // Nobody can connect before it listens.
            Files.setPosixFilePermissions(address.getPath(), options.socketMode());
            check(libc.listen(fd, options.backlog()));
            return fd;
        } catch (Throwable failure) {
            libc.close(fd);
            throw failure;
        }
    }

    private static int openInet(Libc libc, InetSocketAddress address, ListenOptions options) throws IOException {
        if (isIpv6Wildcard(address) && Boolean.getBoolean("java.net.preferIPv4Stack")) {
            return openInet(libc, ipv4Wildcard(address.getPort()), options);
        }
        int fd = libc.socket(SocketAddresses.familyOf(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd == -Errno.EAFNOSUPPORT && isIpv6Wildcard(address)) {
            // Where there is no IPv6, its wildcard means that of IPv4.
            return openInet(libc, ipv4Wildcard(address.getPort()), options);
        }
        if (fd < 0) {
            throw Errno.exception(fd);
        }
        try (Arena arena = Arena.ofConfined()) {
            new ListeningSocket(libc, arena.allocate(JAVA_INT), fd).listen(address, options, arena);
            return fd;
        } catch (Throwable failure) {
            libc.close(fd);
            throw failure;
        }
    }

    private static InetSocketAddress ipv4Wildcard(int port) throws UnknownHostException {
        return new InetSocketAddress(InetAddress.getByAddress(new byte[4]), port);
    }

    private static boolean isIpv6Wildcard(InetSocketAddress address) {
        return address.getAddress() instanceof Inet6Address
                && address.getAddress().isAnyLocalAddress();
    }

    /**
     * Makes one that somebody else has opened ready to be accepted from.
     *
     * @throws IOException when it cannot listen
     */
    public static void adopt(Libc libc, int fd, ListenOptions options) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            ListeningSocket socket = new ListeningSocket(libc, arena.allocate(JAVA_INT), fd);
            check(libc.fcntl(fd, F_SETFL, SOCK_NONBLOCK));
            if (!socket.isUnix(arena)) {
                socket.inherit(options);
            }
            check(libc.listen(fd, options.backlog()));
        }
    }

    private boolean isUnix(Arena arena) throws IOException {
        MemorySegment name = arena.allocate(SocketAddresses.BYTES);
        value.set(JAVA_INT, 0, SocketAddresses.BYTES);
        check(libc.getsockname(fd, name, value));
        return SocketAddresses.isUnix(name);
    }

    private void listen(InetSocketAddress address, ListenOptions options, Arena arena) throws IOException {
        set(SOL_SOCKET, SO_REUSEADDR, 1);
        if (isIpv6Wildcard(address)) {
            set(IPPROTO_IPV6, IPV6_V6ONLY, 0); // whatever net.ipv6.bindv6only says: it gets IPv4 too
        }
        inherit(options);
        MemorySegment name = arena.allocate(SocketAddresses.BYTES);
        check(libc.bind(fd, name, SocketAddresses.write(address, name)));
        check(libc.listen(fd, options.backlog()));
    }

    /** What connections get from their listening socket. */
    private void inherit(ListenOptions options) throws IOException {
        set(IPPROTO_TCP, TCP_NODELAY, 1);
        KeepAlive keepAlive = options.keepAlive();
        if (keepAlive != null) {
            set(SOL_SOCKET, SO_KEEPALIVE, 1);
            set(IPPROTO_TCP, TCP_KEEPIDLE, (int) keepAlive.idle().toSeconds());
            set(IPPROTO_TCP, TCP_KEEPINTVL, (int) keepAlive.interval().toSeconds());
            set(IPPROTO_TCP, TCP_KEEPCNT, keepAlive.probes());
        }
        if (!options.userTimeout().isZero()) {
            set(IPPROTO_TCP, TCP_USER_TIMEOUT, (int) options.userTimeout().toMillis());
        }
    }

    private void set(int level, int option, int to) throws IOException {
        value.set(JAVA_INT, 0, to);
        check(libc.setsockopt(fd, level, option, value, (int) JAVA_INT.byteSize()));
    }

    private static void check(int result) throws IOException {
        if (result < 0) {
            throw Errno.exception(result);
        }
    }
}
