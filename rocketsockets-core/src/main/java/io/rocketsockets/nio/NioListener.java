package io.rocketsockets.nio;

import io.rocketsockets.engine.AcceptHandler;
import io.rocketsockets.engine.InheritedSocket;
import io.rocketsockets.engine.ListenOptions;
import io.rocketsockets.engine.Listener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.UnsupportedAddressTypeException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A listening socket; accepts in batches. */
final class NioListener implements Listener, NioEngine.Ready {
    /** Connections accepted in one turn, so that a burst of them leaves time for the sockets that live. */
    private static final int ACCEPTS_PER_TURN = 64;

    /** Failures of single connections in one turn after which the fault is taken to be the system's. */
    private static final int FAILURES_PER_TURN = 8;

    /** What the kernel says (EMFILE, ENFILE, ENOBUFS, ENOMEM) when it cannot accept for a while. */
    private static final List<String> EXHAUSTED =
            List.of("Too many open files", "No buffer space", "Cannot allocate memory", "Out of memory");

    private final NioEngine engine;
    private final ServerSocketChannel channel;
    private final SelectionKey key;
    private final SocketAddress localAddress;
    private final AcceptedOptions options;
    private final AcceptHandler handler;
    private final boolean inherited;

    private NioListener(
            NioEngine engine,
            ServerSocketChannel channel,
            Selector selector,
            ListenOptions options,
            AcceptHandler handler,
            boolean inherited)
            throws IOException {
        this.engine = engine;
        this.channel = channel;
        this.inherited = inherited;
        this.localAddress = channel.getLocalAddress();
        this.handler = handler;
        channel.configureBlocking(false);
        this.key = channel.register(selector, 0, this);
        this.options = isUnix(localAddress) ? AcceptedOptions.NONE : new AcceptedOptions(options);
    }

    static NioListener open(
            NioEngine engine, Selector selector, SocketAddress address, ListenOptions options, AcceptHandler handler)
            throws IOException {
        if (address instanceof InheritedSocket inherited) {
            return new NioListener(engine, channelOf(inherited), selector, options, handler, true);
        }
        ServerSocketChannel channel = openFor(address);
        try {
            bind(channel, address, options.backlog());
            if (address instanceof UnixDomainSocketAddress unix) {
                restrict(channel, unix.getPath(), options);
            }
            return new NioListener(engine, channel, selector, options, handler, false);
        } catch (Throwable failure) {
            try (channel) {
                throw failure;
            }
        }
    }

    private static ServerSocketChannel channelOf(InheritedSocket inherited) throws IOException {
        if (inherited.descriptor() != 0) {
            throw new UnsupportedOperationException(
                    "engine=nio adopts descriptor 0 only; hand over a single socket, as that, use"
                            + " the engine epoll or io_uring, or remove adopt(..)");
        }
        if (System.inheritedChannel() instanceof ServerSocketChannel channel) {
            return channel;
        }
        throw new IOException("it is not a listening socket");
    }

    /** Where there is no IPv6, its wildcard means that of IPv4. */
    private static void bind(ServerSocketChannel channel, SocketAddress address, int backlog) throws IOException {
        try {
            channel.bind(address, backlog);
        } catch (UnsupportedAddressTypeException noIpv6) {
            if (!(address instanceof InetSocketAddress inet && inet.getAddress().isAnyLocalAddress())) {
                throw new SocketException("IPv6 is not available on this machine");
            }
            channel.bind(new InetSocketAddress(inet.getPort()), backlog);
        }
    }

    /**
     * The JDK creates the file and listens in one step, with what the process' umask leaves. So those who have connected by
     * the time that the permissions are set are turned away: they may not have been allowed to.
     */
    private static void restrict(ServerSocketChannel channel, Path file, ListenOptions options) throws IOException {
        Files.setPosixFilePermissions(file, options.socketMode());
        channel.configureBlocking(false);
        for (int early = 0; early <= options.backlog(); early++) { // more cannot have waited: listen(2)
            try (SocketChannel connected = channel.accept()) {
                if (connected == null) {
                    return;
                }
            }
        }
    }

    private static boolean isUnix(SocketAddress address) {
        return address instanceof UnixDomainSocketAddress;
    }

    /** An IPv4 address gets an IPv4 socket, or else 0.0.0.0 would listen on IPv6 too; the IPv6 wildcard gets both. */
    private static ServerSocketChannel openFor(SocketAddress address) throws IOException {
        if (isUnix(address)) {
            return ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        }
        boolean ipv4 = address instanceof InetSocketAddress inet && inet.getAddress() instanceof Inet4Address;
        return ipv4 ? ServerSocketChannel.open(StandardProtocolFamily.INET) : ServerSocketChannel.open();
    }

    /** The JDK closes it together with stdout and stderr, so it is left open until the process ends. */
    boolean isInherited() {
        return inherited;
    }

    @Override
    public SocketAddress localAddress() {
        return localAddress;
    }

    @Override
    public void pause() {
        if (key.isValid()) {
            key.interestOps(0);
        }
    }

    private boolean isAccepting() {
        return key.isValid() && key.interestOps() != 0;
    }

    @Override
    public void resume() {
        if (key.isValid()) {
            engine.reopenReserve();
            key.interestOps(SelectionKey.OP_ACCEPT);
        }
    }

    @Override
    public void onReady(int operations) {
        int failures = 0;
        for (int i = 0; i < ACCEPTS_PER_TURN && isAccepting(); i++) {
            try {
                SocketChannel accepted = channel.accept();
                if (accepted == null) {
                    return;
                }
                handler.onAccepted(configure(accepted));
            } catch (ClosedChannelException closed) {
                return;
            } catch (IOException failure) {
                if (isExhausted(failure) || ++failures == FAILURES_PER_TURN) {
                    handler.onAcceptFailed(failure);
                    return;
                }
            }
        }
    }

    @Override
    public int refuseWaiting() {
        int refused = 0;
        try {
            engine.releaseReserve();
            while (refused < ACCEPTS_PER_TURN && refuseOne()) {
                refused++;
            }
            engine.openReserve();
        } catch (IOException stillExhausted) {
            return refused; // the caller knows that the system has nothing left, and tries again later
        }
        return refused;
    }

    private boolean refuseOne() throws IOException {
        try (SocketChannel waiting = channel.accept()) {
            if (waiting == null) {
                return false;
            }
            waiting.setOption(StandardSocketOptions.SO_LINGER, 0);
            return true;
        }
    }

    private NioTransport configure(SocketChannel accepted) throws IOException {
        try {
            accepted.configureBlocking(false);
            options.apply(accepted);
            return new NioTransport(accepted);
        } catch (IOException | RuntimeException failure) {
            try (accepted) {
                throw failure;
            }
        }
    }

    private static boolean isExhausted(IOException failure) {
        String message = String.valueOf(failure.getMessage());
        return EXHAUSTED.stream().anyMatch(message::contains);
    }

    @Override
    public void close() {
        try {
            if (inherited) {
                key.cancel();
            } else {
                channel.close();
            }
            // The descriptor of a registered channel is closed by the selector that it is registered with.
            key.selector().selectNow(event -> {});
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot close listener: address=" + localAddress, failure);
        }
    }
}
