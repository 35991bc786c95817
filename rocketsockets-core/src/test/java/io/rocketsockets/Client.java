package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/** The peer of a server under test: a plain blocking socket, or one of the JDK's for TLS, whose every wait has a deadline. */
final class Client implements AutoCloseable {
    static final int PATIENCE_MILLIS = 20_000;

    final Socket socket;

    /** Beneath TLS; otherwise the same. */
    private final Socket wire;

    private final SocketAddress address;

    /** By {@link System#nanoTime()}, before it connected: another may have had its address until then. */
    final long began;

    private final AtomicInteger sending = new AtomicInteger();

    Client(SocketAddress server) throws IOException {
        this(server, null);
    }

    /** From one of this machine's addresses. */
    Client(SocketAddress server, @Nullable String from) throws IOException {
        began = System.nanoTime();
        socket = server instanceof UnixDomainSocketAddress ? new UnixSocket() : new Socket();
        wire = socket;
        try {
            socket.setSoTimeout(PATIENCE_MILLIS);
            socket.setTcpNoDelay(true);
            if (from != null) {
                socket.bind(new InetSocketAddress(from, 0));
            }
            SocketAddress bound = socket.getLocalSocketAddress();
            connect(server);
            address = socket.isClosed() ? bound : socket.getLocalSocketAddress();
        } catch (IOException failure) {
            try (socket) {
                throw failure;
            }
        }
    }

    /** The server may reset it before this side has heard that it is connected: what it does next tells that too. */
    private void connect(SocketAddress server) throws IOException {
        try {
            socket.connect(server, PATIENCE_MILLIS);
        } catch (ConnectException refused) {
            throw refused;
        } catch (SocketException reset) {
            socket.close();
        }
    }

    private Client(SSLSocket socket, Socket wire, SocketAddress address, long began) {
        this.began = began;
        this.socket = socket;
        this.wire = wire;
        this.address = address;
    }

    /** The same connection, from now on over TLS by the JDK's socket; its handshake is done. */
    Client secure(SSLContext context, UnaryOperator<SSLParameters> options) throws IOException {
        try {
            SSLSocket secure = (SSLSocket) context.getSocketFactory().createSocket(wire, "", wire.getPort(), true);
            secure.setSSLParameters(options.apply(secure.getSSLParameters()));
            secure.startHandshake();
            return new Client(secure, wire, address, began);
        } catch (IOException failure) {
            try (wire) {
                throw failure;
            }
        }
    }

    /** Of a connection over TLS. */
    SSLSession session() {
        return ((SSLSocket) socket).getSession();
    }

    /** Answers after the close too. */
    SocketAddress address() {
        return address;
    }

    Client send(String text) throws IOException {
        return send(text.getBytes(US_ASCII));
    }

    Client send(byte[] bytes) throws IOException {
        sending.incrementAndGet();
        try {
            socket.getOutputStream().write(bytes);
        } catch (SSLException failure) {
            throw causeOf(failure);
        } finally {
            sending.decrementAndGet();
        }
        return this;
    }

    String receive(int count) throws IOException {
        return new String(receiveBytes(count), US_ASCII);
    }

    byte[] receiveBytes(int count) throws IOException {
        byte[] bytes = reading(in -> in.readNBytes(count));
        if (bytes.length < count) {
            throw new EOFException("FIN after " + bytes.length + " of " + count + " bytes");
        }
        return bytes;
    }

    /** Everything up to the server's FIN. */
    String receiveAll() throws IOException {
        return new String(receiveAllBytes(), US_ASCII);
    }

    byte[] receiveAllBytes() throws IOException {
        return reading(InputStream::readAllBytes);
    }

    /** As {@link #receiveAllBytes} where they are too many to keep. */
    long discardAll() throws IOException {
        return reading(in -> in.transferTo(OutputStream.nullOutputStream()));
    }

    /** Sends, and receives as many bytes. */
    String exchange(String text) throws IOException {
        return send(text).receive(text.length());
    }

    /** The next byte, or -1 at the server's FIN. */
    int read() throws IOException {
        return reading(InputStream::read);
    }

    private interface Reading<T> {
        T from(InputStream in) throws IOException;
    }

    private <T> T reading(Reading<T> how) throws IOException {
        try {
            return how.from(socket.getInputStream());
        } catch (SSLException failure) {
            throw causeOf(failure);
        } catch (SocketTimeoutException silence) {
            if (socket.getSoTimeout() == PATIENCE_MILLIS) {
                silence.addSuppressed(new IOException(kernelsView()));
            }
            throw silence;
        }
    }

    /** Both ends of the connection, as the kernel has them: who waits in vain wants to know whose fault it is. */
    private String kernelsView() {
        int port = wire.getLocalPort();
        try {
            Process ss =
                    new ProcessBuilder("ss", "-tnmoi", "( sport = :" + port + " or dport = :" + port + " )").start();
            return new String(ss.getInputStream().readAllBytes(), US_ASCII);
        } catch (IOException missing) {
            return "port " + port + "; more is told where there is the program ss: " + missing.getMessage();
        }
    }

    /** What happens beneath TLS is to be told as without it. */
    private static IOException causeOf(SSLException failure) {
        return failure.getCause() instanceof SocketException beneath ? beneath : failure;
    }

    /** For so long the server sends nothing and does not end the connection. */
    void hearsNothingFor(Duration time) throws IOException {
        socket.setSoTimeout((int) time.toMillis());
        try {
            int next = read();
            throw new AssertionError("heard " + (next < 0 ? "FIN" : "byte " + next));
        } catch (SocketTimeoutException silence) {
            socket.setSoTimeout(PATIENCE_MILLIS);
        }
    }

    Client endOutput() throws IOException {
        socket.shutdownOutput();
        return this;
    }

    /** Reads what there is: whether it ends with RST (true) or FIN. */
    boolean isReset() throws IOException {
        try {
            receiveAllBytes();
            return false;
        } catch (SocketException reset) {
            return true;
        }
    }

    /** Closes with RST. */
    void reset() throws IOException {
        wire.setSoLinger(true, 0);
        wire.close();
    }

    @Override
    public void close() throws IOException {
        try (wire) {
            if (socket != wire && !wire.isClosed()) {
                endTls();
            }
        }
    }

    /**
     * Says that it ends, but does not wait for the server to say the same, as the JDK's socket would. A ticket for the next
     * session, which nobody has read, must not make it a reset.
     */
    private void endTls() throws IOException {
        try {
            if (sending.get() == 0 && !socket.isOutputShutdown()) {
                socket.shutdownOutput();
            }
            wire.getInputStream().skipNBytes(wire.getInputStream().available());
        } catch (SocketException | SSLException ended) {
            assertThat(ended).hasMessageNotContaining("timed out");
        }
    }
}
