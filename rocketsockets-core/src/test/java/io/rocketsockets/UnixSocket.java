package io.rocketsockets;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A Unix socket in the clothes of a {@link Socket}, as far as {@link Client} wears them: the JDK has it as a channel only. */
final class UnixSocket extends Socket {
    private static final AtomicLong COUNT = new AtomicLong();

    /** For whom a server has a book is told by a name of its own. */
    private final Path name = newPath();

    private final SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    private volatile int timeoutMillis;
    private @Nullable Selector readable;
    private @Nullable Selector writable;

    UnixSocket() throws IOException {}

    /** Where no file is, and short. */
    static Path newPath() {
        return Path.of(
                System.getProperty("java.io.tmpdir"),
                "rs-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet());
    }

    @Override
    public void connect(SocketAddress server, int timeout) throws IOException {
        channel.bind(UnixDomainSocketAddress.of(name));
        try {
            channel.connect(server);
        } finally {
            Files.delete(name);
        }
        channel.configureBlocking(false);
    }

    @Override
    public SocketAddress getLocalSocketAddress() {
        return UnixDomainSocketAddress.of(name);
    }

    @Override
    public void setTcpNoDelay(boolean on) {}

    /** There is no RST: closing with unread input tells the peer, and nothing else does. */
    @Override
    public void setSoLinger(boolean on, int seconds) {}

    @Override
    public void setSoTimeout(int millis) {
        timeoutMillis = millis;
    }

    @Override
    public int getSoTimeout() {
        return timeoutMillis;
    }

    @Override
    public void setReceiveBufferSize(int bytes) throws SocketException {
        try {
            channel.setOption(StandardSocketOptions.SO_RCVBUF, bytes);
        } catch (IOException failure) {
            throw (SocketException) asOfSockets(failure);
        }
    }

    @Override
    public boolean isClosed() {
        return !channel.isOpen();
    }

    @Override
    public void shutdownOutput() throws IOException {
        channel.shutdownOutput();
    }

    @Override
    public InputStream getInputStream() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] bytes, int offset, int count) throws IOException {
                ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, count);
                try {
                    int n = channel.read(buffer);
                    while (n == 0 && count > 0) {
                        awaitReadable();
                        n = channel.read(buffer);
                    }
                    return n;
                } catch (IOException failure) {
                    throw asOfSockets(failure);
                }
            }
        };
    }

    @Override
    public OutputStream getOutputStream() {
        return new OutputStream() {
            @Override
            public void write(int one) throws IOException {
                write(new byte[] {(byte) one}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int count) throws IOException {
                ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, count);
                try {
                    while (buffer.hasRemaining()) {
                        if (channel.write(buffer) == 0) {
                            awaitWritable();
                        }
                    }
                } catch (IOException failure) {
                    throw asOfSockets(failure);
                }
            }
        };
    }

    private void awaitReadable() throws IOException {
        if (readable == null) {
            readable = Selector.open();
            channel.register(readable, SelectionKey.OP_READ);
        }
        await(readable, timeoutMillis);
    }

    /** As those of TCP, for as long as it takes. */
    private void awaitWritable() throws IOException {
        if (writable == null) {
            writable = Selector.open();
            channel.register(writable, SelectionKey.OP_WRITE);
        }
        await(writable, 0);
    }

    private void await(Selector selector, int millis) throws IOException {
        try {
            if (selector.select(key -> {}, millis) == 0 && channel.isOpen()) {
                throw new SocketTimeoutException("nothing in " + millis + " ms");
            }
        } catch (ClosedSelectorException closed) {
            throw asOfSockets(new IOException("closed meanwhile", closed));
        }
    }

    private static IOException asOfSockets(IOException failure) {
        return failure instanceof SocketTimeoutException
                ? failure
                : (IOException) new SocketException(failure.toString()).initCause(failure);
    }

    @Override
    public void close() throws IOException {
        channel.close();
        for (Selector selector : new Selector[] {readable, writable}) {
            if (selector != null) {
                selector.close();
            }
        }
    }
}
