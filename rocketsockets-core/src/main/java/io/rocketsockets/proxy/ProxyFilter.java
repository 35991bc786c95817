package io.rocketsockets.proxy;

import io.rocketsockets.engine.Filter;
import io.rocketsockets.engine.Transport;
import io.rocketsockets.engine.TransportException;
import io.rocketsockets.engine.TransportException.Kind;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Takes the PROXY header off a stream, and answers for the client's addresses from then on.
 *
 * <p><b>Memory:</b> while the header is not complete, the bytes that came, at most {@link ProxyHeaderParser#LONGEST_V2} and
 * never ahead of them; once it is, what came behind it in one read, until that is asked for.
 */
final class ProxyFilter extends Filter {
    private static final byte[] NOTHING = {};

    private final ProxyProtocol rules;
    private final boolean isTrusted;

    /** Volatile, since any thread may ask for what it says. */
    private volatile @Nullable ProxyHeader header;

    // Loop thread only.
    private boolean ready;
    private boolean reading;

    /** Came and was not passed on: a part of the header, then what stood behind it. */
    private byte[] held = NOTHING;

    ProxyFilter(Transport below, ProxyProtocol rules, boolean isTrusted) {
        super(below);
        this.rules = rules;
        this.isTrusted = isTrusted;
    }

    @Override
    public void onReady() {
        if (isTrusted) {
            above.onStage(Stage.PROXY_HEADER, rules.headerTimeout().toNanos());
            below.startReading();
        } else if (rules.mode() == ProxyProtocol.Mode.OPTIONAL) {
            ready = true;
            above.onReady();
        } else {
            fail(Kind.PROXY_UNTRUSTED, "the peer is not among the trusted=" + rules.trusted());
        }
    }

    @Override
    public void onRead(ByteBuffer bytes) {
        if (ready) {
            above.onRead(bytes);
            return;
        }
        int before = held.length;
        held = Arrays.copyOf(held, before + bytes.remaining());
        bytes.get(held, before, bytes.remaining());
        ByteBuffer stream = ByteBuffer.wrap(held);
        try {
            if (rules.mode() == ProxyProtocol.Mode.REQUIRED || ProxyHeaderParser.mayBegin(stream)) {
                header = new ProxyHeaderParser(below.remoteAddress(), below.localAddress()).parse(stream);
                if (header == null) {
                    return;
                }
            }
        } catch (ProxyHeaderException invalid) {
            fail(Kind.PROXY_INVALID, invalid.getMessage());
            return;
        }
        held = Arrays.copyOfRange(held, stream.position(), held.length);
        ready = true;
        below.stopReading();
        above.onReady();
    }

    @Override
    public void startReading() {
        reading = true;
        if (held.length > 0) {
            soon(this::deliverHeld);
        } else {
            below.startReading();
        }
    }

    private void deliverHeld() {
        if (reading && !closed) {
            below.startReading();
            ByteBuffer rest = ByteBuffer.wrap(held);
            held = NOTHING;
            if (rest.hasRemaining()) {
                above.onRead(rest);
            }
        }
    }

    @Override
    public void stopReading() {
        reading = false;
        below.stopReading();
    }

    @Override
    public void onEnd() {
        if (!ready && held.length > 0) {
            fail(Kind.PROXY_INVALID, "the stream ended within the header");
        } else {
            above.onEnd();
        }
    }

    private void fail(Kind kind, @Nullable String why) {
        above.onFailed(new TransportException(kind, new IOException(why)));
    }

    @Override
    public SocketAddress remoteAddress() {
        ProxyHeader told = header;
        return told == null ? below.remoteAddress() : told.source();
    }

    @Override
    public SocketAddress localAddress() {
        ProxyHeader told = header;
        return told == null ? below.localAddress() : told.destination();
    }

    @Override
    public <T> @Nullable T detail(Class<T> type) {
        return type == ProxyHeader.class ? type.cast(header) : below.detail(type);
    }
}
